"""Exact neighbors of floating-point data (activations).

Distances from matrix products of centered data serve only to propose candidates. The final
distances are norms of differences in float64, so that those of near-duplicates lose no digits. The
error of a product is bounded. If the bound does not rule out all pairs of a point that were not
proposed, those that remain possible are measured too. The result is therefore the one that
measuring every pair would give, with ties going to the lower index.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from idsharp.common.progress import SILENT, Reporter
from idsharp.properties.neighbors.ranking import Shortlist, nearest_first, packed

# Extra candidates per point: enough to leave few points unsettled (affects only speed).
_SPARE = 4
# Half the distance from 1 to the next float64: the relative error of a single operation.
_ROUNDING = 2.0**-53
# Bytes of differences held at a time: few enough for a processor's cache.
_DIFFERENCES = 4_000_000


@dataclass(frozen=True)
class _Block:
    where: slice
    centered: torch.Tensor
    squares: torch.Tensor


class FloatSearch:
    """Neighbor search with candidates from products and distances from differences in float64."""

    def __init__(
        self,
        flat: np.ndarray,
        k: int,
        labels: np.ndarray | None,
        block: int,
        device: torch.device,
    ):
        # Some devices (Apple's MPS) do not support float64.
        self.device = device if device.type == "cuda" else torch.device("cpu")
        self.flat, self.block, self.k = flat, block, k
        self.mean = _checked_mean(flat, block)
        n = len(flat)
        self.lengths = torch.zeros(n, dtype=torch.float64, device=self.device)
        self.near = Shortlist(n, min(k + _SPARE, n - 1), self.device)
        self.other = self.labels = None
        if labels is not None:
            codes = np.unique(labels, return_inverse=True)[1].reshape(n)
            self.labels = torch.from_numpy(codes).to(self.device)
            self.other = Shortlist(n, min(1 + _SPARE, n), self.device)

    def load(self, start: int, stop: int, slot: int = 0) -> _Block:
        """Points start…stop in float64, minus the mean: an offset would cause cancellation."""
        points = self.flat[start:stop].astype(np.float64) - self.mean
        centered = torch.from_numpy(points).to(self.device)
        squares = (centered**2).sum(dim=1)
        self.lengths[start:stop] = squares.sqrt()
        return _Block(slice(start, stop), centered, squares)

    def visit(self, rows: _Block, columns: _Block) -> None:
        """Consider every pair of a point in `rows` and one in `columns`, in both directions."""
        squared = _approximate(rows, columns)
        self._propose(rows.where, columns.where, squared)
        if rows is not columns:
            self._propose(columns.where, rows.where, squared.T)

    def _propose(self, here: slice, there: slice, squared: torch.Tensor) -> None:
        if self.k:
            self.near.propose(
                here, there, squared.masked_fill(~self._pairs(here, there), torch.inf)
            )
        if self.other is not None:
            differ = self._differ(here, there)
            self.other.propose(here, there, squared.masked_fill(~differ, torch.inf))

    def _pairs(self, here: slice, there: slice | torch.Tensor) -> torch.Tensor:
        """Which pairs consist of two different points."""
        return self._positions(here)[:, None] != self._positions(there)[None, :]

    def _differ(self, here: slice, there: slice | torch.Tensor) -> torch.Tensor:
        """Which pairs consist of points from different classes."""
        assert self.labels is not None
        return self.labels[here, None] != self.labels[None, there]

    def _positions(self, where: slice | torch.Tensor) -> torch.Tensor:
        if isinstance(where, slice):
            return torch.arange(where.start, where.stop, device=self.device)
        return where

    def finish(self, report: Reporter = SILENT) -> tuple:
        """Distances and indices, n×k each, and those of the nearest point of another class (n).

        The last two are None if there are no labels.
        """
        distances, indices = self._settle(self.near, self.k, self._pairs, report)
        if self.other is None:
            return distances.numpy(), indices.numpy(), None, None
        other, where = self._settle(self.other, 1, self._differ, report)
        where = torch.where(torch.isinf(other), -1, where)
        return distances.numpy(), indices.numpy(), other[:, 0].numpy(), where[:, 0].numpy()

    def _settle(
        self,
        proposed: Shortlist,
        k: int,
        allowed: Callable,
        report: Reporter,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The k nearest points: from the shortlist, or from all pairs if it may miss some."""
        n, kept = proposed.where.shape
        if k == 0:
            return torch.empty(n, 0, dtype=torch.float64), torch.empty(n, 0, dtype=torch.int64)
        measured = torch.empty_like(proposed.squared)
        progress = report.steps("distances of the candidates", n)
        for part in torch.arange(n, device=self.device).split(self.block):
            pairs = part.repeat_interleave(kept), proposed.where[part].reshape(-1)
            measured[part] = self._measure(*pairs).reshape(-1, kept)
            progress.advance(len(part))
        measured[torch.isinf(proposed.squared)] = torch.inf
        distances, indices = nearest_first(measured, proposed.where, k)
        # The distance from the product of every pair not proposed is at least this large.
        nearest_left_out = proposed.squared[:, -1]
        limits = self._limits(distances[:, -1])
        # If the last place is infinite, all allowed pairs were proposed.
        left_open = (nearest_left_out <= limits) & ~torch.isinf(nearest_left_out)
        if kept < n - 1 and left_open.any():
            self._settle_all(left_open.nonzero()[:, 0], limits, distances, indices, allowed, report)
        return distances.cpu(), indices.cpu()

    def _settle_all(
        self,
        left_open: torch.Tensor,
        limits: torch.Tensor,
        distances: torch.Tensor,
        indices: torch.Tensor,
        allowed: Callable,
        report: Reporter,
    ) -> None:
        """Overwrite the unsettled rows with the nearest of all pairs within the limits."""
        k = distances.shape[1]
        progress = report.steps("points with many equally near", len(left_open))
        for part in left_open.split(self.block):
            distances[part], indices[part] = self._all_within(part, limits[part], k, allowed)
            progress.advance(len(part))

    def _limits(self, farthest: torch.Tensor) -> torch.Tensor:
        """The squared distance by products up to which a pair may be nearer than `farthest`."""
        share = rounding_share(self.flat.shape[1])
        reach = self.lengths + self.lengths.max()
        return farthest**2 * (1 + 2 * share) + share * reach**2

    def _all_within(
        self, part: torch.Tensor, limits: torch.Tensor, k: int, allowed: Callable
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The k nearest of all points whose distance from a product is within the limits."""
        points = self.flat[part.cpu().numpy()].astype(np.float64) - self.mean
        centered = torch.from_numpy(points).to(self.device)
        rows = _Block(slice(0), centered, (centered**2).sum(dim=1))
        distances = torch.full((len(part), k), torch.inf, dtype=torch.float64, device=self.device)
        indices = torch.full((len(part), k), len(self.flat), device=self.device)
        for start in range(0, len(self.flat), self.block):
            columns = self.load(start, min(start + self.block, len(self.flat)))
            wanted = _approximate(rows, columns) <= limits[:, None]
            wanted &= allowed(columns.where, part).T
            first, second = wanted.nonzero(as_tuple=True)
            second += start
            measured = self._measure(part[first], second)
            found = packed(first, measured, len(part), torch.inf)
            where = packed(first, second, len(part), len(self.flat))
            distances, indices = nearest_first(
                torch.cat([distances, found], dim=1), torch.cat([indices, where], dim=1), k
            )
        return distances, indices

    def _measure(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Distances of pairs from differences in float64, computed in pieces that fit the cache."""
        distances = torch.empty(len(first), dtype=torch.float64, device=self.device)
        step = max(1, _DIFFERENCES // (8 * self.flat.shape[1]))
        for here, a, b in _pieces(first.cpu().numpy(), second.cpu().numpy(), step):
            left, right = (torch.from_numpy(self.flat[x]).to(self.device).double() for x in (a, b))
            distances[here] = torch.linalg.vector_norm(left.sub_(right), dim=1)
        return distances


def rounding_share(width: int) -> float:
    """Bound on the error of a squared distance from a product, as a share of R².

    Let u be the rounding error of one operation, p = `width` the number of columns, and R the sum
    of the two lengths. Centering changes a distance by at most uR, and the error of a sum of p
    products, in any order, is at most γ = pu/(1−pu) times the product of the lengths (Higham 2002,
    section 3.1). The total is less than (p + 8)uR², and the relative error of a distance computed
    from differences is at most (p + 8)u. The factor 2 covers the second-order terms.
    """
    return 2 * (width + 8) * _ROUNDING


def _approximate(rows: _Block, columns: _Block) -> torch.Tensor:
    products = rows.centered @ columns.centered.T
    return (rows.squares[:, None] + columns.squares[None, :]).sub_(products, alpha=2)


def _pieces(first: np.ndarray, second: np.ndarray, step: int) -> Iterator[tuple]:
    for start in range(0, len(first), step):
        here = slice(start, start + step)
        yield here, first[here], second[here]


def _checked_mean(flat: np.ndarray, block: int) -> np.ndarray:
    """The mean point, read block by block.

    Raises:
        ValueError: a value is not finite, or so large that squared distances would not be.
    """
    total, largest = np.zeros(flat.shape[1]), 0.0
    for start in range(0, len(flat), block):
        points = flat[start : start + block].astype(np.float64)
        if not np.isfinite(points).all():
            raise ValueError("the data contain values that are not finite")
        largest = max(largest, float(np.abs(points).max(initial=0)))
        total += points.sum(axis=0)
    # Centered values reach twice the largest one, and sums of two lengths are squared.
    if largest > np.sqrt(np.finfo(np.float64).max / flat.shape[1]) / 8:
        raise ValueError(f"squared distances of values as large as {largest:g} are not finite")
    return total / len(flat)
