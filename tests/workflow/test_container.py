"""The image of envs/Dockerfile, built from Debian's and Python's packages, and what runs in it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from idsharp.version import __version__
from tests.conftest import ROOT, write_image_folder
from tests.workflow.tiny import copy_project, jobs_of, run, snakemake, write_images, write_study

SCRIPT = ROOT / "tests" / "workflow" / "container.sh"
pytestmark = [pytest.mark.nightly, pytest.mark.slow]


@pytest.fixture(scope="module")
def inside(tmp_path_factory):
    """A function that runs a command in the container, in a folder that it shares."""
    folder = tmp_path_factory.mktemp("container")
    built = subprocess.run(
        [SCRIPT, "build", folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if built.returncode == 77:
        pytest.skip(built.stdout.strip().splitlines()[-1])
    assert built.returncode == 0, built.stdout[-5000:]
    yield lambda shared, *command: run([SCRIPT, "run", folder, shared, *command], ROOT)
    run([SCRIPT, "remove", folder], ROOT)


def test_the_command_measures_as_outside(inside, tmp_path):
    write_image_folder(tmp_path / "images", 45, seed=0)
    assert inside(tmp_path, "idsharp", "--version").stdout.split()[-1] == __version__
    measure = ["measure", "images", "-k", "5", "--quiet", "--json"]
    inside(tmp_path, "idsharp", *measure, "inside.json")
    # That of the tests' environment, which need not be on the path.
    run([Path(sys.executable).with_name("idsharp"), *measure, "outside.json"], tmp_path)
    values = [json.loads((tmp_path / f"{side}.json").read_text()) for side in ("inside", "outside")]
    # All libraries have the same versions, since both come from the lock file.
    differ = {name for name in values[1] if values[0][name] != values[1][name]}
    assert differ <= {"git_commit", "git_dirty", "python_version"}


def test_the_workflow_is_planned_as_outside(inside, tmp_path):
    copy_project(tmp_path)
    write_images(tmp_path)
    arguments = ("-n", *write_study(tmp_path))
    planned = jobs_of(inside(tmp_path, "snakemake", *arguments))
    assert planned == jobs_of(snakemake(tmp_path, *arguments, project=tmp_path))
    # Snakemake lists the files of a workflow with it where jobs see no shared file system.
    inside(tmp_path, "git", "--version")
