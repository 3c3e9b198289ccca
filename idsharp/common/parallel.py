"""The same work on many files, in several processes."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TypeVar

from idsharp.common.progress import Progress

Item = TypeVar("Item")
Result = TypeVar("Result")

_to_stderr = partial(print, file=sys.stderr, flush=True)


def usable_cores() -> int:
    """Cores that this process may use, as schedulers restrict them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_in_processes(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    what: str,
    *,
    together: int = 1,
    few: int = 2,
    report: Callable[[str], None] | None = _to_stderr,
) -> Iterator[Result]:
    """`work` of every item, in order, by as many processes as there are usable cores.

    Args:
        work: a function of a module, so that other processes know it.
        what: named in lines of progress.
        together: items handed over at a time; many where one takes milliseconds.
        few: with fewer items no process is started.
        report: receives the progress.
    """
    progress = Progress(report, what, len(items))
    processes = min(usable_cores(), -(-len(items) // together))
    if processes < 2 or len(items) < few:
        results = map(work, items)
        yield from _counted(results, progress)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from _counted(pool.map(work, items, chunksize=together), progress)


def _counted(results: Iterator[Result], progress: Progress) -> Iterator[Result]:
    for result in results:
        progress.advance(1)
        yield result
