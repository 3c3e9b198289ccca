"""What reruns what: no needless training, no stale result, and the table of docs/reruns.md."""

import pytest

from tests.workflow.reruns import CASES, MORE, PAGE, page, restored
from tests.workflow.tiny import Study, write_images, write_study


@pytest.fixture(scope="module")
def larger(study, tmp_path_factory):
    """A study of two networks and two seeds, on the same copy of the project."""
    folder = tmp_path_factory.mktemp("larger")
    write_images(folder)
    done = Study(folder, study.project, write_study(folder, **MORE))
    done.snakemake()
    return done


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_change_reruns_what_depends_on_it(request, case):
    study = request.getfixturevalue("larger" if case.before else "study")
    with restored(study):
        case.change(study)
        found = study.jobs()
    assert found == {rule: count for rule, count in case.jobs.items() if count}


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.workflow.reruns"
