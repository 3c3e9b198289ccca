"""The measurement of what Snakemake's job-rate timer costs."""

import runpy
import sys

import pytest

from tests.conftest import ROOT

FOLDER = ROOT / "benchmarks"


@pytest.fixture
def job_rate(monkeypatch):
    """The names of benchmarks/job_rate.py, which imports its neighbor machine.py."""
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    return runpy.run_path(str(FOLDER / "job_rate.py"))


def test_the_page_says_what_was_measured_and_how(job_rate):
    said = job_rate["line"](job_rate["read_rows"]())
    assert (FOLDER / "pipeline.md").read_text(encoding="utf-8").endswith(f"\n\n{said}\n")
    assert said.count("`--jobs ") == 2


@pytest.mark.slow
@pytest.mark.parametrize(("wait", "timer"), [(0, "on"), (1, "off")])
def test_jobs_that_wait_are_there_on_request(job_rate, wait, timer):
    row = job_rate["measure"](jobs=3, wait=wait, cores=12, timer=timer)
    assert (row["jobs"], row["wait_s"], row["timer"]) == (3, wait, timer)
    assert row["wall_s"] > wait
