"""How far a long computation is: lines for a terminal or a log file, out of the way of results."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

Item = TypeVar("Item")

# A terminal's line is brought up to date so often; a file gets a new line every `every` seconds.
_REFRESH = 0.2  # seconds


class Reporter:
    """Tells a person what is being done and what is worth knowing about the results.

    Args:
        stream: where lines go; None is stderr.
        every: seconds between two lines about the same work in a file. Work that takes less time
            than this is not reported.
        silent: say nothing.
    """

    def __init__(self, stream: TextIO | None = None, every: float = 5.0, silent: bool = False):
        self._stream, self.every, self.silent = stream, every, silent

    def say(self, text: str) -> None:
        """Say what is done now, or what was found."""
        self.write(text, keep=True)

    def note(self, text: str) -> None:
        """Say what a person should know about the results."""
        self.say(f"note: {text}")

    def steps(self, what: str, total: float, done: float = 0) -> "Steps":
        """Work whose progress is reported as its steps are counted.

        Args:
            what: named at the beginning of each line.
            total: the amount of work, in any unit.
            done: how much of it was done earlier.
        """
        return Steps(self, what, total, done)

    def over(self, what: str, items: Iterable[Item], total: int | None = None) -> Iterator[Item]:
        """These items, with their progress reported; `total` where they have no length."""
        steps = self.steps(what, len(items) if total is None else total)
        for item in items:
            yield item
            steps.advance()

    @property
    def on_terminal(self) -> bool:
        """Whether one line can be kept up to date."""
        return self._out.isatty()

    def write(self, text: str, keep: bool) -> None:
        """Write a line; on a terminal the next one replaces it unless it is to be kept."""
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
    """Work of a known amount, from `Reporter.steps`."""

    def __init__(self, reporter: Reporter, what: str, total: float, done: float):
        self.reporter, self.what, self.total = reporter, what, total
        self.done = self.before = done
        self.started = self.shown = time.monotonic()

    def advance(self, amount: float = 1) -> None:
        """Count this much work as done; reports it if the last line is old enough."""
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


#: To stderr, as jobs report.
TO_STDERR = Reporter()
#: Says nothing, as the library does unless asked.
SILENT = Reporter(silent=True)
