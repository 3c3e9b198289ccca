"""Exact neighbors of points with very many values (activations), read by blocks of columns.

A layer of a network can have 800 000 values an image. All pairs' squared distances, n×n, are small
beside that: they are summed over blocks of columns of all points, each read once. What these sums
of products can be wrong by is bounded (`floating.rounding_share`), so they show
which pairs can be among the neighbors. Those are measured in a second pass, as lengths of
differences in float64, so that near-duplicates lose no digits. The neighbors are those that
measuring every pair would give, ties to the lower index.
"""

from collections.abc import Callable, Iterable

import numpy as np
import torch

from idsharp.common.progress import SILENT, Reporter, Steps
from idsharp.properties.neighbors.floating import rounding_share
from idsharp.properties.neighbors.ranking import nearest_first, packed
from idsharp.properties.neighbors.search import Neighbors

#: Bytes of a block of columns in float64. Memory follows from it, speed hardly does.
BLOCK_BYTES = 128_000_000
# Rows to a product: half of a symmetric matrix, and little more, is computed.
_ROWS = 512
# Bytes of differences held at a time: what stays in a processor's cache, or keeps a GPU busy.
_DIFFERENCES = {"cpu": 4_000_000, "cuda": 256_000_000}


def columns_at_once(n: int) -> int:
    """Columns to a block of n points."""
    return max(1, BLOCK_BYTES // (8 * n))


def nearest_by_columns(
    parts: Callable[[], Iterable[np.ndarray]],
    n: int,
    width: int,
    k: int,
    *,
    device: str | torch.device = "cpu",
    report: Reporter = SILENT,
) -> Neighbors:
    """The k nearest neighbors of each of n points of `width` values.

    With blocks of `columns_at_once(n)` in float32 this takes about 2·BLOCK_BYTES + 30·n² bytes, and
    more only where the products cannot tell most pairs apart (up to 100·n²). Time is that of
    n²·width / 2 multiplications, and about as much again.

    Args:
        parts: called twice; each time it gives the points as n×c float32 or float64 arrays, which
            side by side have `width` columns.
        k: neighbors a point, 0 ≤ k < n.
        device: where products and differences are computed. On one without float64 (Apple's MPS)
            the processor does it.
        report: told the progress.

    Raises:
        ValueError: k out of range, or values that are not finite.
    """
    if not 0 <= k < n:
        raise ValueError(f"k = {k} neighbors need at least {k + 1} points, found {n}")
    if k == 0:
        return Neighbors(np.empty((n, 0)), np.empty((n, 0), dtype=np.int64))
    device = torch.device(device)
    home = device if device.type == "cuda" else torch.device("cpu")
    progress = report.steps("neighbors by columns", 2 * width)
    squared, lengths = _by_products(parts, n, home, progress)
    rows, columns = _candidates(squared, lengths, width, k)
    del squared
    measured = _by_differences(parts, n, rows, columns, progress)
    distances = packed(rows, measured, n, torch.inf)
    distances, indices = nearest_first(distances, packed(rows, columns, n, n), k)
    return Neighbors(distances.cpu().numpy(), indices.cpu().numpy())


def _by_products(
    parts: Callable, n: int, home: torch.device, progress: Steps
) -> tuple[torch.Tensor, torch.Tensor]:
    """Squared distances (n×n float64) as sums of products, and the points' centered lengths."""
    products = torch.zeros(n, n, dtype=torch.float64, device=home)
    for part in parts():
        _add_products(products, part)
        progress.advance(part.shape[1])
    # Blocks below the diagonal were left out.
    products.triu_()
    products += products.triu(1).T
    squares = products.diagonal().clone()
    if not squares.isfinite().all():
        raise ValueError("the data hold values that are not finite, or have no finite square")
    squared = products.mul_(-2).add_(squares[:, None]).add_(squares[None, :])
    return squared, squares.sqrt()


# A function of its own, as is `_add_squares`: what it holds of one block is gone before the next.
def _add_products(products: torch.Tensor, part: np.ndarray) -> None:
    """Add these columns' products of all pairs, on and above the diagonal."""
    points = torch.from_numpy(part).to(products.device).double()
    # An offset would cancel every digit.
    points -= points.mean(dim=0)
    for start in range(0, len(points), _ROWS):
        block = points[start : start + _ROWS]
        products[start : start + _ROWS, start:].addmm_(block, points[start:].T)


def _candidates(
    squared: torch.Tensor, lengths: torch.Tensor, width: int, k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Every pair that can be among the k nearest of its first point; ascending, `squared` is spent.

    The k pairs that seem nearest are no farther than the last of them seems to be, and the error.
    A pair that seems farther than that by another error is farther than all of them.
    """
    squared.fill_diagonal_(torch.inf)
    share = rounding_share(width)
    error = share * (lengths + lengths.max()) ** 2
    farthest = squared.topk(k, dim=1, largest=False).values[:, -1].clamp(min=0)
    # The last factor is for the rounding of the measured distances.
    limits = (farthest + 2 * error) * (1 + 2 * share)
    rows, columns = (squared <= limits[:, None]).nonzero(as_tuple=True)
    return rows, columns


def _by_differences(
    parts: Callable, n: int, rows: torch.Tensor, columns: torch.Tensor, progress: Steps
) -> torch.Tensor:
    """Distances of pairs by differences in float64."""
    # Most pairs are neighbors in both directions.
    pairs = torch.minimum(rows, columns) * n + torch.maximum(rows, columns)
    pairs, back = pairs.unique(return_inverse=True)
    first, second = pairs // n, pairs % n
    squared = torch.zeros(len(pairs), dtype=torch.float64, device=rows.device)
    for part in parts():
        _add_squares(squared, part, first, second)
        progress.advance(part.shape[1])
    # Not torch's square root, which on processors is not always the nearest number.
    return torch.from_numpy(np.sqrt(squared.cpu().numpy())).to(rows.device)[back]


def _add_squares(
    squared: torch.Tensor, part: np.ndarray, first: torch.Tensor, second: torch.Tensor
) -> None:
    """Add these columns' squared differences of pairs."""
    points = torch.from_numpy(part).to(squared.device).double()
    step = max(1, _DIFFERENCES[squared.device.type] // (8 * points.shape[1]))
    for start in range(0, len(squared), step):
        here = slice(start, start + step)
        differences = points[first[here]].sub_(points[second[here]])
        squared[here] += differences.square_().sum(dim=1)
