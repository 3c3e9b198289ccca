"""Exact nearest neighbours, and the nearest image of another class, in one blocked pass.

8-bit images: squared distances are integers, ‖a−b‖² = ‖a‖² + ‖b‖² − 2a·b, computed without any
rounding. `x XOR 128`, read as int8, is x − 128 and keeps distances; products of int8 matrices have
exact int32 sums as long as no more than 131 071 columns are added (131 072 black pixels would
reach 2³¹). Float data (activations): candidates by matrix product on centred data, the final
distances from differences in float64, so that near-duplicates lose no digits.
"""

from dataclasses import dataclass

import numpy as np
import torch

# Columns to one integer product: well under the int32 limit of 131 071, and kind to caches.
_COLUMNS = 65_536
# Candidates beyond k that the float path measures again in float64.
_SPARE_CANDIDATES = 16
_NEVER = torch.iinfo(torch.int64).max


@dataclass(frozen=True)
class Neighbors:
    """Neighbours of n points, nearest first; ties go to the lower index.

    Attributes:
        distances: n×k float64, Euclidean (L2), the point itself excluded.
        indices: n×k int64, positions in the data.
        other_distances: n float64, to the nearest point of another class; inf where there is none.
        other_indices: n int64, its position; −1 where there is none.
            Both are None where no labels were given.
    """

    distances: np.ndarray
    indices: np.ndarray
    other_distances: np.ndarray | None = None
    other_indices: np.ndarray | None = None


def nearest_neighbors(
    points: np.ndarray, k: int, labels: np.ndarray | None = None, block: int = 1024
) -> Neighbors:
    """The k nearest neighbours of each point, and its nearest point of another class.

    Args:
        points: n×…, uint8 (exact integer distances; may be memory-mapped) or floating.
        k: neighbours a point, 0 ≤ k < n.
        labels: n class labels, for the nearest point of another class.
        block: points to a block; memory grows with block × columns and block².

    Raises:
        ValueError: k out of range, labels of another length, or a type that is neither.
    """
    n = len(points)
    if not 0 <= k < n:
        raise ValueError(f"k = {k} neighbours need at least {k + 1} points, found {n}")
    if labels is not None and len(labels) != n:
        raise ValueError(f"found {len(labels)} labels for {n} points")
    flat = points.reshape(n, -1)
    if flat.dtype == np.uint8:
        search = _IntegerSearch(flat, k, labels)
    elif np.issubdtype(flat.dtype, np.floating):
        search = _FloatSearch(flat, k, labels)
    else:
        raise ValueError(f"points must be uint8 or floating, found {flat.dtype}")
    starts = range(0, n, block)
    for i in starts:
        rows = search.load(i, min(i + block, n))
        for j in starts:
            if j < i:
                continue
            columns = rows if j == i else search.load(j, min(j + block, n))
            search.visit(i, j, rows, columns)
    return search.finish()


def nearest_pair_distance(first: np.ndarray, second: np.ndarray, block: int = 1024) -> float:
    """Smallest L2 distance between a point of `first` (n×… uint8) and one of `second` (m×…)."""
    first, second = first.reshape(len(first), -1), second.reshape(len(second), -1)
    smallest = None
    for i in range(0, len(first), block):
        rows = _signed(first[i : i + block])
        for j in range(0, len(second), block):
            lowest = int(_squared_distances(rows, _signed(second[j : j + block])).min())
            smallest = lowest if smallest is None else min(smallest, lowest)
    if smallest is None:
        raise ValueError("both classes need at least one image")
    return float(np.sqrt(smallest))


def _signed(flat: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """An 8-bit block as int8 (x − 128) with its exact squared norms in int64."""
    signed = torch.from_numpy(np.bitwise_xor(flat, np.uint8(128)).view(np.int8))
    norms = torch.zeros(len(signed), dtype=torch.int64)
    for start in range(0, signed.shape[1], _COLUMNS):
        part = signed[:, start : start + _COLUMNS].to(torch.int32)
        norms += (part * part).sum(dim=1, dtype=torch.int64)
    return signed, norms


def _squared_distances(rows: tuple, columns: tuple) -> torch.Tensor:
    """Exact squared distances (int64) between two blocks made by `_signed`."""
    (a, a_norms), (b, b_norms) = rows, columns
    products = torch.zeros(len(a), len(b), dtype=torch.int64)
    for start in range(0, a.shape[1], _COLUMNS):
        part = slice(start, start + _COLUMNS)
        products += torch._int_mm(a[:, part].contiguous(), b[:, part].T.contiguous())
    return a_norms[:, None] + b_norms[None, :] - 2 * products


class _IntegerSearch:
    """Neighbours by keys `squared distance × n + index`, which order pairs and break ties."""

    def __init__(self, flat: np.ndarray, k: int, labels: np.ndarray | None):
        n, width = flat.shape
        if 255**2 * width * n + n >= _NEVER:
            raise ValueError(f"{n} images of {width} values are too many for 64-bit distances")
        self.flat, self.k, self.n = flat, k, n
        self.keys = torch.full((n, k), _NEVER)
        self.labels = (
            None if labels is None else torch.from_numpy(np.unique(labels, return_inverse=True)[1])
        )
        self.other = None if labels is None else torch.full((n,), _NEVER)

    def load(self, start: int, stop: int) -> tuple:
        return _signed(self.flat[start:stop])

    def visit(self, i: int, j: int, rows: tuple, columns: tuple) -> None:
        squared = _squared_distances(rows, columns)
        if i == j:
            # The point itself is no neighbour; −1 marks it until the keys are made.
            squared.fill_diagonal_(-1)
        self._merge(i, j, squared)
        if i != j:
            self._merge(j, i, squared.T)

    def _merge(self, i: int, j: int, squared: torch.Tensor) -> None:
        height, width = squared.shape
        here, there = slice(i, i + height), slice(j, j + width)
        keys = squared * self.n + torch.arange(j, j + width)
        keys = torch.where(squared < 0, _NEVER, keys)
        if self.k:
            nearest = torch.topk(keys, min(self.k, width), dim=1, largest=False).values
            both = torch.cat([self.keys[here], nearest], dim=1)
            self.keys[here] = torch.topk(both, self.k, dim=1, largest=False).values
        if self.labels is not None:
            same = self.labels[here, None] == self.labels[None, there]
            lowest = torch.where(same, _NEVER, keys).amin(dim=1)
            self.other[here] = torch.minimum(self.other[here], lowest)

    def finish(self) -> Neighbors:
        keys = torch.sort(self.keys, dim=1).values.numpy()
        distances = np.sqrt((keys // self.n).astype(np.float64))
        if self.other is None:
            return Neighbors(distances, keys % self.n)
        other, alone = self.other.numpy(), self.other.numpy() == _NEVER
        other_distances = np.where(alone, np.inf, np.sqrt((other // self.n).astype(np.float64)))
        return Neighbors(
            distances, keys % self.n, other_distances, np.where(alone, -1, other % self.n)
        )


class _FloatSearch:
    """Neighbours of float data: candidates by product, distances by differences in float64."""

    def __init__(self, flat: np.ndarray, k: int, labels: np.ndarray | None):
        if labels is not None:
            raise ValueError("the nearest point of another class is for 8-bit images only")
        if not np.isfinite(flat).all():
            raise ValueError("the data hold values that are not finite")
        n = len(flat)
        self.data = torch.from_numpy(flat.astype(np.float64))
        # A large common offset would cancel every digit of a product.
        self.centred = self.data - self.data.mean(dim=0)
        self.norms = (self.centred**2).sum(dim=1)
        self.k, self.n = k, n
        self.kept = min(k + _SPARE_CANDIDATES, n - 1)
        self.best = torch.full((n, self.kept), torch.inf, dtype=torch.float64)
        self.where = torch.zeros((n, self.kept), dtype=torch.int64)

    def load(self, start: int, stop: int) -> slice:
        return slice(start, stop)

    def visit(self, i: int, j: int, rows: slice, columns: slice) -> None:
        products = self.centred[rows] @ self.centred[columns].T
        squared = self.norms[rows, None] + self.norms[None, columns] - 2 * products
        if i == j:
            squared.fill_diagonal_(torch.inf)
        self._merge(rows, columns, squared)
        if i != j:
            self._merge(columns, rows, squared.T)

    def _merge(self, rows: slice, columns: slice, squared: torch.Tensor) -> None:
        positions = torch.arange(columns.start, columns.stop).expand(len(squared), -1)
        values = torch.cat([self.best[rows], squared], dim=1)
        positions = torch.cat([self.where[rows], positions], dim=1)
        self.best[rows], order = torch.topk(values, self.kept, dim=1, largest=False)
        self.where[rows] = torch.gather(positions, 1, order)

    def finish(self) -> Neighbors:
        distances = torch.empty((self.n, self.kept), dtype=torch.float64)
        for i in range(self.n):
            differences = self.data[self.where[i]] - self.data[i]
            distances[i] = torch.linalg.vector_norm(differences, dim=1)
        # Sorted by index first and then, stably, by distance: ties go to the lower index.
        where, by_index = torch.sort(self.where, dim=1)
        distances, order = torch.sort(torch.gather(distances, 1, by_index), dim=1, stable=True)
        where = torch.gather(where, 1, order)
        return Neighbors(distances[:, : self.k].numpy(), where[:, : self.k].numpy())
