"""What goes wrong is told with its file and remedy, and loses nothing: docs/faults.md."""

import dataclasses
import shutil

import pytest

from tests.workflow.bench import Bench, said_as, write_bench
from tests.workflow.faults import FAULTS, FAULTS_OF_STUDIES, PAGE, page


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    write_bench(folder)
    return folder


@pytest.fixture
def bench(made, tmp_path):
    return Bench(shutil.copytree(made, tmp_path / "bench"))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_a_fault_is_told_and_loses_nothing(bench, fault):
    said = fault.happens(bench)
    assert said_as(fault.told.replace("FILE", f"{bench.folder}/…"), said), said


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS_OF_STUDIES, ids=lambda fault: fault.what)
def test_a_fault_of_a_study_is_told_and_loses_nothing(study, tmp_path, fault):
    folder = shutil.copytree(study.folder, tmp_path / "tiny")
    said = fault.happens(dataclasses.replace(study, folder=folder))
    assert said_as(fault.told, said), said


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.workflow.faults"
