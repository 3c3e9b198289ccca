"""Work in several processes: order, errors, progress."""

import io
import os
import time

import pytest

from idsharp.common import parallel
from idsharp.common.parallel import map_in_processes
from idsharp.common.progress import Reporter


def square(number: int) -> int:
    # The first takes longest, so that results do not come in order by chance.
    time.sleep(0.05 if number == 0 else 0)
    if number == 99:
        raise ValueError("99 cannot be squared")
    return number * number


def process(number: int) -> int:
    time.sleep(0.01)
    return os.getpid()


def test_results_are_in_order_whoever_works(monkeypatch):
    expected = [number * number for number in range(20)]
    for cores in (1, 2):
        monkeypatch.setattr(parallel, "usable_cores", lambda cores=cores: cores)
        for together in (1, 6):
            found = map_in_processes(square, range(20), "squares", together=together)
            assert list(found) == expected


def test_processes_are_started_only_where_they_pay(monkeypatch):
    monkeypatch.setattr(parallel, "usable_cores", lambda: 2)
    here = {os.getpid()}
    assert set(map_in_processes(process, range(9), "x", few=10)) == here
    assert set(map_in_processes(process, range(9), "x", together=9)) == here
    assert not set(map_in_processes(process, range(9), "x", few=9)) & here


@pytest.mark.parametrize("few", [2, 10])
def test_errors_come_through(monkeypatch, few):
    monkeypatch.setattr(parallel, "usable_cores", lambda: 2)
    with pytest.raises(ValueError, match="99 cannot be squared"):
        list(map_in_processes(square, [1, 99, 2], "squares", few=few))


def test_progress():
    stream = io.StringIO()
    report = Reporter(stream, every=0)
    list(map_in_processes(square, range(4), "squares", few=9, report=report))
    assert stream.getvalue().endswith("squares: done in 0 s\n")
    assert parallel.usable_cores() >= 1
