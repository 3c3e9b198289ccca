"""Points that need not fit in memory: written row by row, read in blocks of columns."""

from collections.abc import Iterator
from io import BufferedRandom

import numpy as np

from idsharp.common.duplicates import Duplicates, digest_of, group_by_digest
from idsharp.properties.neighbors.out_of_core import columns_at_once


class PointFile:
    """n points of `width` float32 values in a file, stored as consecutive blocks of columns.

    Points are appended in order, a few at a time, and read back one block of columns of all points
    at a time. Both are long sequential accesses, and both take the memory of one block.

    Attributes:
        finite: whether all values so far are finite.
    """

    def __init__(self, file: BufferedRandom, n: int, width: int):
        self.file, self.n, self.width = file, n, width
        self.finite = True
        self._digests: list[bytes] = []

    def append(self, points: np.ndarray) -> None:
        """Append m points (m×width values)."""
        # Turns −0 into 0: they are the same point and must have the same bytes.
        points = np.asarray(points, dtype=np.float32) + np.float32(0)
        self.finite &= bool(np.isfinite(points).all())
        done = len(self._digests)
        for columns in self._blocks():
            block = np.ascontiguousarray(points[:, columns])
            self.file.seek(4 * (columns.start * self.n + done * block.shape[1]))
            self.file.write(block.data)
        self._digests += map(digest_of, points)

    def parts(self, rows: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """All points, or those at `rows`, as arrays of consecutive columns.

        Raises:
            OSError: the file holds fewer than n points.
        """
        everything = rows is None or len(rows) == self.n
        # No name is bound to a block here, so that it is freed as soon as its reader is done.
        yield from (
            self._read(columns) if everything else self._read(columns)[rows]
            for columns in self._blocks()
        )

    def duplicates(self) -> Duplicates:
        """Groups of identical points."""
        return group_by_digest(self._digests)

    def _read(self, columns: slice) -> np.ndarray:
        block = np.empty((self.n, columns.stop - columns.start), dtype=np.float32)
        self.file.seek(4 * columns.start * self.n)
        if self.file.readinto(block.data.cast("B")) != block.nbytes:
            raise OSError(f"a temporary file of {self.n} points ended before the last of them")
        return block

    def _blocks(self) -> Iterator[slice]:
        step = columns_at_once(self.n)
        for start in range(0, self.width, step):
            yield slice(start, min(start + step, self.width))
