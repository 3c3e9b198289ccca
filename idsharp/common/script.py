"""What the command-line scripts share."""

import gc
import os
import sys
from collections.abc import Callable


def run(main: Callable[[], None], timed: bool = True) -> None:
    """Run a script; wrong input (ValueError, OSError) ends in one line instead of a traceback.

    Our own errors are all ValueErrors with a message for the user; anything else is a defect and
    keeps its traceback.

    Args:
        timed: the last line says how much processor time went into Python and its imports, and
            how much into the work itself.
    """
    start_up = _processor_seconds()
    # What is imported stays to the end; not to search it for garbage saves a job of torch 0.4 s.
    gc.freeze()
    try:
        main()
        if timed:
            work = _processor_seconds() - start_up
            print(f"processor time: {start_up:.2f} s to start, {work:.2f} s to work")
    except (ValueError, OSError) as error:
        if type(error) is ValueError:
            raise
        sys.exit(f"error: {error}")


def _processor_seconds() -> float:
    """Of this process and of those that it started and that ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
