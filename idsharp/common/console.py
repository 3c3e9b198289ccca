"""Progress and remarks on stderr, out of the way of results."""

import sys
import time
from typing import TextIO

# Shorter work than this is not reported.
_PATIENCE = 2.0  # seconds


class Console:
    """Says what is being done when it takes longer than a few seconds.

    On a terminal one line is kept up to date; in a file a line is added every ten seconds.
    """

    def __init__(self, stream: TextIO | None = None, quiet: bool = False):
        self.stream = stream or sys.stderr
        self.quiet = quiet
        self.interactive = self.stream.isatty()
        self.what = ""
        self.started = self.shown = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        """Report that `done` of `total` steps of something are done."""
        now = time.monotonic()
        if what != self.what:
            self.what, self.started, self.shown = what, now, now
        elapsed, pause = now - self.started, 0.2 if self.interactive else 10.0
        finished = done == total
        if self.quiet or elapsed < _PATIENCE or (now - self.shown < pause and not finished):
            return
        self.shown = now
        left = f", {elapsed * (total - done) / done:.0f} s left" if done and not finished else ""
        self._line(f"{what}: {done} of {total}{left}", keep=finished)

    def begin(self, what: str) -> None:
        """Say what is done now, where no steps can be counted."""
        if not self.quiet:
            self._line(f"{what} …", keep=True)

    def note(self, text: str) -> None:
        """Say something that a person should know about the results."""
        if not self.quiet:
            self._line(f"note: {text}", keep=True)

    def _line(self, text: str, keep: bool) -> None:
        if self.interactive:
            self.stream.write(f"\r\x1b[K{text}" + ("\n" if keep else ""))
        else:
            self.stream.write(text + "\n")
        self.stream.flush()
