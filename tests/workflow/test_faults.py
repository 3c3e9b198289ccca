"""What goes wrong is told with its file and remedy, and loses nothing: docs/faults.md."""

import shutil

import pytest

from tests.workflow.bench import Bench, said_as, write_bench
from tests.workflow.faults import FAULTS, FAULTS_OF_STUDIES, PAGE, page
from tests.workflow.pipeline import write_pipeline


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    write_bench(folder)
    return folder


@pytest.fixture
def bench(made, tmp_path):
    return Bench(shutil.copytree(made, tmp_path / "bench"))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_a_fault_is_told_and_leaves_nothing_half_written(bench, fault):
    said = fault.happens(bench)
    assert said_as(fault.told.replace("FILE", f"{bench.folder}/…"), said), said
    assert not list(bench.folder.rglob(".*"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return write_pipeline(tmp_path_factory.mktemp("study"), tmp_path_factory.mktemp("project"))


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [fault for fault in FAULTS + FAULTS_OF_STUDIES if fault.remedy],
    ids=lambda fault: fault.what,
)
def test_what_does_not_depend_on_a_fault_goes_on_and_the_remedy_mends_it(finished, tmp_path, fault):
    study = finished.in_folder(tmp_path / "study")
    said = fault.happens(study)
    assert said_as(fault.told.replace("FILE", "results/tiny/…"), said), said
    found = study.results()
    assert study.sound.keys() - found == study.lacking(fault.then.stops), said
    assert (study.code != 0) == bool(fault.then.stops)
    assert not [name for name in found if "/." in name], "half-written"
    fault.remedy(study)
    said = study.run()
    assert study.code == 0, said
    assert study.tables_made() == finished.tables_made()


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.workflow.faults"
