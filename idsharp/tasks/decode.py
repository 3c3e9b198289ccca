"""Decoding many images of a dataset at once, in several processes."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np

from idsharp.common.progress import SILENT, Reporter
from idsharp.datasets import Dataset
from idsharp.datasets.errors import UnreadableImageError
from idsharp.tasks.images import standardize

# Images to a piece of work: few enough to spread, enough that handing them over costs nothing.
_TOGETHER = 16
# Fewer images than this are not worth starting processes for.
_FEW = 64


class Reader:
    """Reads images of one dataset at one size, as 8-bit arrays; closes its processes at the end.

    Args:
        size, channels: of the images that `standardize` makes.
        processes: how many read at a time; 1 reads in this process, as do datasets whose images
            are in memory already.
    """

    def __init__(self, dataset: Dataset, size: int, channels: int, processes: int = 1):
        self.dataset, self.size, self.channels = dataset, size, channels
        self.processes = 1 if dataset.in_memory else processes
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *error) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def read(
        self, where: Sequence[str], what: str, report: Reporter = SILENT
    ) -> list[np.ndarray | UnreadableImageError]:
        """C×size×size uint8 for each image, in order; the error of one that cannot be decoded.

        Args:
            what: named in lines of progress.
        """
        progress = report.steps(what, len(where))
        results: list = [None] * len(where)
        pieces = list(_pieces([self.dataset.group(name) for name in where]))
        for piece, images in zip(pieces, self._all(where, pieces), strict=True):
            for position, image in zip(piece, images, strict=True):
                results[position] = image
            progress.advance(len(piece))
        return results

    def _all(self, where: Sequence[str], pieces: list[list[int]]) -> Iterator[list]:
        names = ([where[position] for position in piece] for piece in pieces)
        if self.processes == 1 or len(where) < _FEW:
            yield from (_read(self.dataset, part, self.size, self.channels) for part in names)
            return
        if self._pool is None:
            options = self.dataset, self.size, self.channels
            self._pool = ProcessPoolExecutor(self.processes, initializer=_keep, initargs=options)
        try:
            yield from self._pool.map(_read_kept, names)
        except BrokenProcessPool as error:
            raise OSError(
                f"one of {self.processes} processes that decode images of {self.dataset.name} was "
                "killed (out of memory?); lower reading_processes"
            ) from error


def _pieces(groups: list[str]) -> Iterator[list[int]]:
    """Positions in pieces of about _TOGETHER; a group is never divided."""
    by_group: dict[str, list[int]] = {}
    for position, group in enumerate(groups):
        by_group.setdefault(group, []).append(position)
    piece: list[int] = []
    for positions in by_group.values():
        piece += positions
        if len(piece) >= _TOGETHER:
            yield piece
            piece = []
    if piece:
        yield piece


def _read(dataset: Dataset, names: list[str], size: int, channels: int) -> list:
    """Images in the order of their names, read group by group."""
    results = []
    for name in names:
        try:
            results.append(standardize(dataset.read(name), size, channels))
        except ValueError as error:
            # UnreadableImageError is one; others say what is wrong with the pixels.
            results.append(UnreadableImageError(str(error)))
    return results


# What a worker process reads from, set once when it starts.
_kept: tuple | None = None


def _keep(*options) -> None:
    global _kept
    _kept = options


def _read_kept(names: list[str]) -> list:
    dataset, size, channels = _kept
    return _read(dataset, names, size, channels)
