"""Exact neighbors of floating-point data (activations).

Distances from matrix products of centered data only propose candidates. The final distances are
lengths of differences, in float64, so that near-duplicates lose no digits. What such a product
can be wrong by is bounded; a point for which the bound does not rule out every pair that was not
proposed has all pairs that it leaves open measured too. So the answer is the one that measuring
every pair would give, ties to the lower index.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from idsharp.common.progress import SILENT, Reporter
from idsharp.properties.neighbors.ranking import Shortlist, nearest_first, packed

# Candidates beyond the neighbors wanted: enough that few points are left open (speed only).
_SPARE = 4
# Half the distance from 1 to the next float64: the relative error of one operation.
_ROUNDING = 2.0**-53
# Bytes of differences held at a time: what stays in a processor's cache.
_DIFFERENCES = 4_000_000


@dataclass(frozen=True)
class _Block:
    where: slice
    centered: torch.Tensor
    squares: torch.Tensor


class FloatSearch:
    """Candidates by products, distances by differences in float64."""

    def __init__(
        self,
        flat: np.ndarray,
        k: int,
        labels: np.ndarray | None,
        block: int,
        device: torch.device,
    ):
        # Some devices (Apple's MPS) have no float64.
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
        """Points start…stop in float64, less the mean: an offset would cancel every digit."""
        points = self.flat[start:stop].astype(np.float64) - self.mean
        centered = torch.from_numpy(points).to(self.device)
        squares = (centered**2).sum(dim=1)
        self.lengths[start:stop] = squares.sqrt()
        return _Block(slice(start, stop), centered, squares)

    def visit(self, rows: _Block, columns: _Block) -> None:
        """Every pair of a point of `rows` and one of `columns`, in both directions."""
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
        """Which pairs are of two points, not of one with itself."""
        return self._positions(here)[:, None] != self._positions(there)[None, :]

    def _differ(self, here: slice, there: slice | torch.Tensor) -> torch.Tensor:
        """Which pairs are of two classes."""
        assert self.labels is not None
        return self.labels[here, None] != self.labels[None, there]

    def _positions(self, where: slice | torch.Tensor) -> torch.Tensor:
        if isinstance(where, slice):
            return torch.arange(where.start, where.stop, device=self.device)
        return where

    def finish(self, report: Reporter = SILENT) -> tuple:
        """Distances and indices, n×k each, and those of the nearest of another class or None."""
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
        """The k nearest of the shortlist, and of all pairs where the shortlist may miss some."""
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
        # Whatever was not proposed is at least this far by its product.
        nearest_left_out = proposed.squared[:, -1]
        limits = self._limits(distances[:, -1])
        # An infinite last place means that all allowed pairs were proposed.
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
        """Overwrites the rows that are left open by the answer from every pair within limits."""
        k = distances.shape[1]
        progress = report.steps("points with many equally near", len(left_open))
        for part in left_open.split(self.block):
            distances[part], indices[part] = self._all_within(part, limits[part], k, allowed)
            progress.advance(len(part))

    def _limits(self, farthest: torch.Tensor) -> torch.Tensor:
        """The squared distance by product up to which a pair may be nearer than `farthest`."""
        share = rounding_share(self.flat.shape[1])
        reach = self.lengths + self.lengths.max()
        return farthest**2 * (1 + 2 * share) + share * reach**2

    def _all_within(
        self, part: torch.Tensor, limits: torch.Tensor, k: int, allowed: Callable
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The k nearest among all points whose distance by product is within the limits."""
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
        """Distances of pairs by differences in float64, a cache's worth at a time."""
        distances = torch.empty(len(first), dtype=torch.float64, device=self.device)
        step = max(1, _DIFFERENCES // (8 * self.flat.shape[1]))
        for here, a, b in _pieces(first.cpu().numpy(), second.cpu().numpy(), step):
            left, right = (torch.from_numpy(self.flat[x]).to(self.device).double() for x in (a, b))
            distances[here] = torch.linalg.vector_norm(left.sub_(right), dim=1)
        return distances


def rounding_share(width: int) -> float:
    """What a squared distance by product is wrong by at most, as a share of R².

    With u the rounding of one operation, p columns and R the sum of the two lengths: centring
    moves a distance by at most uR, and sums of p products in any order are wrong by at most
    γ = pu/(1−pu) of the product of the lengths (Higham 2002, section 3.1). Together that is
    less than (p + 8)uR², and a distance measured by differences is within (p + 8)u of itself.
    Doubled, for the terms of second order.
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
        ValueError: a value is not finite, or too large for its square to be.
    """
    total, largest = np.zeros(flat.shape[1]), 0.0
    for start in range(0, len(flat), block):
        points = flat[start : start + block].astype(np.float64)
        if not np.isfinite(points).all():
            raise ValueError("the data hold values that are not finite")
        largest = max(largest, float(np.abs(points).max(initial=0)))
        total += points.sum(axis=0)
    # Lengths of centered points reach twice the largest value, and sums of two lengths are squared.
    if largest > np.sqrt(np.finfo(np.float64).max / flat.shape[1]) / 8:
        raise ValueError(f"values as large as {largest:g} have no finite squared distance")
    return total / len(flat)
