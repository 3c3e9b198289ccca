"""Progress of long computations on stderr, for a terminal or a log file."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TextIO, TypeVar, cast

Item = TypeVar("Item")

_REFRESH = 0.2  # seconds between two updates of the line on a terminal


class Reporter:
    """Tells the user what is being done, and anything noteworthy about the results.

    Args:
        stream: where lines are written; None: stderr.
        every: seconds between two lines about the same work in a log file. Work that takes less
            time than this is not reported.
        silent: write nothing.
    """

    def __init__(self, stream: TextIO | None = None, every: float = 5.0, silent: bool = False):
        self._stream, self.every, self.silent = stream, every, silent

    def say(self, text: str) -> None:
        """Write a line about what is being done, or what was found."""
        self.write(text, keep=True)

    def note(self, text: str) -> None:
        """Write a line about something the user should know about the results."""
        self.say(f"note: {text}")

    def steps(self, what: str, total: float, done: float = 0) -> "Steps":
        """Begin work whose steps are counted; `Steps.advance` reports its progress.

        Args:
            what: the name of the work, which begins each line.
            total: the amount of work, in any unit.
            done: the amount that was done earlier.
        """
        return Steps(self, what, total, done)

    def over(self, what: str, items: Iterable[Item], total: int | None = None) -> Iterator[Item]:
        """Yield the items and report progress; `total` is needed if they have no length."""
        steps = self.steps(what, len(cast(Sized, items)) if total is None else total)
        for item in items:
            yield item
            steps.advance()

    @property
    def on_terminal(self) -> bool:
        """Whether the output is a terminal, where a line can be rewritten."""
        return self._out.isatty()

    def write(self, text: str, keep: bool) -> None:
        """Write a line; on a terminal the next line replaces it unless `keep` is true."""
        if self.silent:
            return
        if self.on_terminal:
            self._out.write(f"\r\x1b[K{text}" + ("\n" if keep else ""))
        else:
            self._out.write(text + "\n")
        self._out.flush()

    @property
    def _out(self) -> TextIO:
        return self._stream or sys.stderr


class Steps:
    """Work of a known amount; made by `Reporter.steps`."""

    def __init__(self, reporter: Reporter, what: str, total: float, done: float):
        self.reporter, self.what, self.total = reporter, what, total
        self.done = self.before = done
        self.started = self.shown = time.monotonic()

    def advance(self, amount: float = 1) -> None:
        """Count this much work as done, and report it if the last line is old enough."""
        self.done += amount
        if self.reporter.silent or self.done <= self.before:
            return
        now, every = time.monotonic(), self.reporter.every
        elapsed, finished = now - self.started, self.done >= self.total
        pause = min(_REFRESH, every) if self.reporter.on_terminal else every
        if elapsed < every or (now - self.shown < pause and not finished):
            return
        self.shown = now
        if finished:
            self.reporter.write(f"{self.what}: done in {_in_words(elapsed)}", keep=True)
        else:
            left = elapsed * (self.total - self.done) / (self.done - self.before)
            share = f"{self.done / self.total:.0%} done, about {_in_words(left)} left"
            self.reporter.write(f"{self.what}: {share}", keep=False)


def _in_words(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


#: Writes to stderr, as the jobs of the pipeline do.
TO_STDERR = Reporter()
#: Writes nothing, the default of the library.
SILENT = Reporter(silent=True)
