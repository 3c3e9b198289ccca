"""The measurement of what a small training costs under Slurm."""

import csv
import os
import runpy
import sys
import time

import pytest

from tests.conftest import ROOT

FOLDER = ROOT / "benchmarks"


@pytest.fixture
def job_cost(monkeypatch):
    """The names of benchmarks/job_cost.py, which imports its neighbor machine.py."""
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    return runpy.run_path(str(FOLDER / "job_cost.py"))


def number(text):
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def test_the_page_says_what_was_measured(job_cost):
    with open(FOLDER / "job_cost.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    measured = {name for name in rows[0] if name.endswith(("_s", "_share")) or name == "trainings"}
    measured.add("load_before")
    rows = [{k: number(v) if k in measured else v for k, v in row.items()} for row in rows]
    assert (FOLDER / "job_cost.md").read_text(encoding="utf-8") == job_cost["page"](rows)


def test_the_lifetime_of_a_log_is_from_its_first_to_its_last_line(job_cost, tmp_path):
    before = time.time()
    log = tmp_path / "log"
    log.touch()
    os.utime(log, (before + 9, before + 9))
    try:
        made, written = job_cost["lifetime"](log)
    except SystemExit as error:
        pytest.skip(str(error))
    assert made == pytest.approx(before, abs=1)
    assert written == pytest.approx(before + 9, abs=0.001)
