"""Lines about the progress of a computation, in a file and on a terminal."""

import io

import pytest

from idsharp.common import progress
from idsharp.common.progress import SILENT, TO_STDERR, Reporter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test winds."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_short_work_is_not_reported(clock):
    stream = io.StringIO()
    steps = Reporter(stream, every=5).steps("work", 2)
    steps.advance()
    clock[0] += 4.9
    steps.advance()
    assert stream.getvalue() == ""


def test_a_file_gets_a_line_every_few_seconds_and_the_end(clock):
    stream = io.StringIO()
    steps = Reporter(stream, every=5).steps("work", 20)
    for _ in range(20):
        clock[0] += 2
        steps.advance()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "work: 15% done, about 34 s left"
    assert lines[-1] == "work: done in 40 s"
    assert len(lines) == 7


def test_a_terminal_has_one_line_that_notes_do_not_spoil(clock):
    stream = Terminal()
    report = Reporter(stream, every=1)
    for item in report.over("work", iter("abc"), total=3):
        clock[0] += 2
        if item == "b":
            report.note("b is odd")
    shown = [line.rpartition("\r\x1b[K")[2] for line in stream.getvalue().split("\n")]
    assert shown == ["note: b is odd", "work: done in 6 s", ""]
    assert "\r\x1b[Kwork: 33% done, about 4 s left\r" in stream.getvalue()


def test_what_was_done_earlier_does_not_flatter_the_time_left(clock):
    stream = io.StringIO()
    steps = Reporter(stream, every=1).steps("work", 100, done=90)
    clock[0] += 60
    steps.advance(2)
    assert stream.getvalue() == "work: 92% done, about 4 min left\n"


def test_silence_and_stderr(capsys):
    assert list(SILENT.over("work", [1, 2])) == [1, 2]
    SILENT.note("nobody hears this")
    assert capsys.readouterr() == ("", "")
    TO_STDERR.note("heard")
    assert capsys.readouterr() == ("", "note: heard\n")


@pytest.mark.parametrize(("seconds", "words"), [(7.4, "7 s"), (300, "5 min"), (9000, "2.5 h")])
def test_times_are_in_words(seconds, words):
    assert progress._in_words(seconds) == words
