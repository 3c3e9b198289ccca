"""Work in several processes or threads: order, errors, progress, and no more than is wanted."""

import io
import os
import signal
import threading
import time

import pytest

from idsharp.common import parallel
from idsharp.common.parallel import map_in_processes, map_in_threads
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


def killed(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_killed_process_is_said(monkeypatch):
    monkeypatch.setattr(parallel, "usable_cores", lambda: 2)
    with pytest.raises(OSError, match=r"squares: one of 2 processes was killed"):
        list(map_in_processes(killed, range(9), "squares"))


def test_no_more_processes_than_asked_for(monkeypatch):
    monkeypatch.setattr(parallel, "usable_cores", lambda: 4)
    assert set(map_in_processes(process, range(9), "x", processes=1)) == {os.getpid()}
    assert len(set(map_in_processes(process, range(40), "x", processes=2))) <= 2


def test_threads_keep_the_order():
    assert list(map_in_threads(square, range(20), "squares", threads=3)) == [
        number * number for number in range(20)
    ]


def test_what_failed_stops_the_rest():
    begun, stop = [], threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 2:
            raise ValueError("2 cannot be done")
        # Ends early because another item failed.
        if number > 2:
            assert stop.wait(timeout=10)

    with pytest.raises(ValueError, match="2 cannot be done"):
        list(map_in_threads(work, range(1000), "work", threads=2, stop=stop))
    assert len(begun) < 10


def test_a_caller_who_has_enough_stops_the_rest():
    begun, stop = [], threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        return number

    results = map_in_threads(work, range(1000), "work", threads=2, stop=stop)
    assert next(results) == 0
    results.close()
    assert stop.is_set()
    assert len(begun) < 20


def test_results_do_not_pile_up_before_a_slow_caller(monkeypatch):
    begun = []
    results = map_in_threads(begun.append, range(1000), "work", threads=2)
    next(results)
    time.sleep(0.05)
    assert len(begun) <= 2 * parallel._AHEAD + 2
    results.close()
