"""Lines about how far a long computation has come."""

import time
from collections.abc import Callable

#: Seconds between two lines; what ends sooner than this says nothing.
SECONDS_BETWEEN_LINES = 3.0


class Progress:
    """Reports the share done and the time left, every few seconds.

    Args:
        report: takes one line of text, such as `print`; None is silent.
        what: named at the beginning of each line.
        total: the amount of work, in any unit.
    """

    def __init__(self, report: Callable[[str], None] | None, what: str, total: float):
        self.report, self.what, self.total = report, what, total
        self.done = 0.0
        self.started = self.last = time.monotonic()

    def advance(self, amount: float) -> None:
        """Count this much work as done; reports if the last line is old enough."""
        self.done += amount
        now = time.monotonic()
        if self.report is None or not self.done or now - self.last < SECONDS_BETWEEN_LINES:
            return
        self.last = now
        left = (now - self.started) * (self.total / self.done - 1)
        self.report(f"{self.what}: {self.done / self.total:.0%} done, about {left:.0f} s left")
