"""The tiny study, run once for all tests of the workflow."""

import pytest

from tests.workflow.tiny import Study, copy_project, write_images, write_study


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """The tiny study on a copy of the project; tests leave both as they found them."""
    project = tmp_path_factory.mktemp("project")
    copy_project(project)
    folder = tmp_path_factory.mktemp("tiny")
    write_images(folder)
    done = Study(folder, project, write_study(folder))
    done.snakemake()
    return done
