"""The same work on many files, in several processes."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from idsharp.common.progress import TO_STDERR, Reporter

Item = TypeVar("Item")
Result = TypeVar("Result")


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
    report: Reporter = TO_STDERR,
) -> Iterator[Result]:
    """`work` of every item, in order, by as many processes as there are usable cores.

    Args:
        work: a function of a module, so that other processes know it.
        what: named in lines of progress.
        together: items handed over at a time; many where one takes milliseconds.
        few: with fewer items no process is started.
        report: told the progress.
    """
    processes = min(usable_cores(), -(-len(items) // together))
    if processes < 2 or len(items) < few:
        yield from report.over(what, map(work, items), len(items))
        return
    with ProcessPoolExecutor(processes) as pool:
        results = pool.map(work, items, chunksize=together)
        yield from report.over(what, results, len(items))
