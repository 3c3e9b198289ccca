"""Apply one function to many items in several processes or threads, with results in order."""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from typing import Any, TypeVar

from idsharp.common.progress import TO_STDERR, Reporter

Item = TypeVar("Item")
Result = TypeVar("Result")

# Pieces of work submitted ahead of the one awaited, per worker. With more, results would pile up in
# memory if they are consumed more slowly than they are produced.
_AHEAD = 4
# Threads are used for many small reads, of which a network disk serves several at a time.
_THREADS = 16


def usable_cores() -> int:
    """Number of cores that this process may use; schedulers often allow only some of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_in_processes(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    what: str,
    *,
    processes: int | None = None,
    together: int = 1,
    few: int = 2,
    report: Reporter = TO_STDERR,
) -> Iterator[Result]:
    """Yield `work(item)` for every item, in order, computed by several processes.

    Args:
        work: a function defined in a module, or a `partial` of one; sent to each process once.
        what: the name of the work in progress lines.
        processes: at most this many, and never more than the usable cores; None: all of those.
        together: items submitted at a time; choose many if each takes only milliseconds.
        few: with fewer items than this, everything runs in this process.
        report: told the progress.

    Raises:
        OSError: a process was killed, most likely because memory ran out.
    """
    cores, pieces = usable_cores(), -(-len(items) // together)
    processes = min(processes or cores, cores, pieces)
    if processes < 2 or len(items) < few:
        yield from report.over(what, map(work, items), len(items))
        return
    parts = [items[start : start + together] for start in range(0, len(items), together)]
    with (
        ProcessPoolExecutor(processes, initializer=_keep, initargs=(work,)) as pool,
        closing(_in_order(pool, _do_kept, parts, _AHEAD * processes)) as results,
    ):
        try:
            yield from report.over(what, (one for part in results for one in part), len(items))
        except BrokenProcessPool as error:
            raise OSError(
                f"{what}: one of {processes} processes was killed (out of memory?)"
            ) from error


def map_in_threads(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    what: str,
    *,
    threads: int = _THREADS,
    stop: threading.Event | None = None,
    report: Reporter = TO_STDERR,
) -> Iterator[Result]:
    """Yield `work(item)` for every item, in order, computed by several threads, to read files.

    Args:
        what: the name of the work in progress lines.
        stop: set as soon as one item fails or the caller stops iterating, so that running work can
            end early. Work that has not begun is cancelled in any case.
        report: told the progress.
    """
    with (
        ThreadPoolExecutor(threads) as pool,
        closing(_in_order(pool, work, items, _AHEAD * threads, stop)) as results,
    ):
        yield from report.over(what, results, len(items))


def _in_order(
    pool: Executor,
    work: Callable[[Item], Result],
    items: Sequence[Item],
    ahead: int,
    stop: threading.Event | None = None,
) -> Generator[Result, None, None]:
    pending: deque[Future] = deque()
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BaseException:
        # An error, or a caller that has stopped iterating: wait only for work that has begun.
        if stop is not None:
            stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
        raise


# The work of a worker process, set once when it starts.
_kept: Callable[[Any], Any]


def _keep(work: Callable) -> None:
    global _kept
    _kept = work


def _do_kept(items: Sequence) -> list:
    return [_kept(item) for item in items]
