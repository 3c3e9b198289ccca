"""Damaged files of every format: success, or our own error with the file's name, and no more."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from idsharp.datasets.errors import FormatError
from tests.datasets.formats import mutation
from tests.datasets.formats.mutation import fault_of, mutated
from tests.datasets.formats.specimens import Specimen, specimens

for package in ("imagecodecs", "nibabel", "openpyxl", "pydicom", "tifffile"):
    pytest.importorskip(package)

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's /proc")


def parse_damaged(*options):
    """How many files were parsed; fails with what went wrong."""
    command = [sys.executable, "-m", "tests.datasets.formats.mutation", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"the process ended at {done.stderr[-2000:]}"
    *faults, (n,) = map(json.loads, done.stdout.splitlines())
    assert not faults, "\n".join(map(str, faults))
    return n


@pytest.mark.slow
def test_damaged_files_end_in_errors_that_name_them():
    assert parse_damaged("--times", "20") > 1500


@pytest.mark.nightly
def test_damaged_files_for_ten_minutes():
    assert parse_damaged("--seconds", "600", "--seed", "100000") > 20_000


@pytest.mark.filterwarnings("ignore::idsharp.datasets.errors.ImageRemark")
def test_undamaged_files_are_read(tmp_path):
    names = []
    for specimen in specimens():
        if specimen.name == "list.csv":
            continue  # it names files that are not there
        (tmp_path / specimen.name).write_bytes(specimen.wrap(specimen.content))
        specimen.read(tmp_path / specimen.name)
        names.append(specimen.name)
    assert len(names) == len(set(names)) > 70


def raising(error):
    def read(file):
        raise error(f"{file}: wrong") if error is not MemoryError else error

    return read  # fmt: skip


def hiding(file):
    try:
        raise MemoryError
    except MemoryError as error:
        raise FormatError(f"{file}: too large") from error


def nameless(file):
    raise FormatError("it is damaged")


@pytest.mark.parametrize(
    ("read", "fault"),
    [(raising(FormatError), None), (lambda file: 1, None), (raising(IndexError), "ends in Index"),
     (raising(MemoryError), "too much memory"), (hiding, "too much memory"),
     (nameless, "does not name the file"), (lambda file: print("0 is out"), "prints '0 is out")],
)  # fmt: skip
def test_faults_are_told_from_errors(tmp_path, read, fault):
    found = fault_of(Specimen("x.bin", b"", read), tmp_path / "x.bin")
    assert found == fault or fault in found


def test_only_the_time_of_the_processor_counts(tmp_path, monkeypatch):
    def endless(file):
        while True:
            pass

    monkeypatch.setattr(mutation, "TIME", 0.1)
    before = signal.signal(signal.SIGPROF, mutation._stop)
    try:
        read = lambda file: time.sleep(0.3)  # noqa: E731
        assert fault_of(Specimen("x.bin", b"", read), tmp_path / "x.bin") is None
        assert "or time" in fault_of(Specimen("x.bin", b"", endless), tmp_path / "x.bin")
    finally:
        signal.signal(signal.SIGPROF, before)


def test_the_same_seed_damages_in_the_same_way():
    content = bytes(range(256)) * 4
    first, again, other = (mutated(content, np.random.default_rng(s)) for s in (1, 1, 2))
    assert first == again != other
    assert content not in (first, other)
