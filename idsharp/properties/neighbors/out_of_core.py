"""Exact neighbors of points with very many values (activations), read in blocks of columns.

A layer of a network can have 800 000 values per image. The n×n squared distances of all pairs are
small in comparison: they are summed over blocks of columns of all points, each read once. The error
of these sums of products is bounded (`floating.rounding_share`), so that they show which pairs can
be neighbors. Those are measured in a second pass, as norms of differences in float64, so that
near-duplicates lose no digits. The result is the one that measuring every pair would give, with
ties going to the lower index.
"""

from collections.abc import Callable, Iterable

import numpy as np
import torch

from idsharp.common.progress import SILENT, Reporter, Steps
from idsharp.properties.neighbors.floating import rounding_share
from idsharp.properties.neighbors.ranking import nearest_first, packed
from idsharp.properties.neighbors.search import Neighbors

#: Bytes of a block of columns in float64. It determines the memory, but hardly affects speed.
BLOCK_BYTES = 128_000_000
# Rows per product, so that little more than half of a symmetric matrix is computed.
_ROWS = 512
# Bytes of differences held at a time: few enough for a processor's cache, many enough for a GPU.
_DIFFERENCES = {"cpu": 4_000_000, "cuda": 256_000_000}


def columns_at_once(n: int) -> int:
    """Number of columns in a block of n points."""
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
    """The k nearest neighbors of each of n points with `width` values.

    With blocks of `columns_at_once(n)` columns in float32, this takes about 2·BLOCK_BYTES + 30·n²
    bytes; more (up to 100·n²) only if the products cannot tell most pairs apart. It takes about
    twice as long as n²·width / 2 multiplications.

    Args:
        parts: called twice; each time, yields the points as n×c float32 or float64 arrays, which
            have `width` columns in total.
        k: neighbors per point, 0 ≤ k < n.
        device: where products and differences are computed. The CPU takes the place of a device
            without float64 (Apple's MPS).
        report: told the progress.

    Raises:
        ValueError: k is out of range, or the data contain values that are not finite.
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
    """Squared distances (n×n float64) from sums of products, and the lengths of centered points."""
    products = torch.zeros(n, n, dtype=torch.float64, device=home)
    for part in parts():
        _add_products(products, part)
        progress.advance(part.shape[1])
    # Blocks below the diagonal were not computed.
    products.triu_()
    products += products.triu(1).T
    squares = products.diagonal().clone()
    if not squares.isfinite().all():
        raise ValueError("the data contain values that are not finite, or whose squares are not")
    squared = products.mul_(-2).add_(squares[:, None]).add_(squares[None, :])
    return squared, squares.sqrt()


# A separate function, as is `_add_squares`, so that one block is freed before the next is read.
def _add_products(products: torch.Tensor, part: np.ndarray) -> None:
    """Add the contribution of these columns to the products, on and above the diagonal."""
    points = torch.from_numpy(part).to(products.device).double()
    # An offset would cause cancellation.
    points -= points.mean(dim=0)
    for start in range(0, len(points), _ROWS):
        block = points[start : start + _ROWS]
        products[start : start + _ROWS, start:].addmm_(block, points[start:].T)


def _candidates(
    squared: torch.Tensor, lengths: torch.Tensor, width: int, k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Every pair that can be among the k nearest of its first point, ascending.

    The k pairs that seem nearest are at most as far apart as the last of them seems, plus the
    error. A pair that seems farther than that by another error is farther than all of them. The
    diagonal of `squared` is overwritten.
    """
    squared.fill_diagonal_(torch.inf)
    share = rounding_share(width)
    error = share * (lengths + lengths.max()) ** 2
    farthest = squared.topk(k, dim=1, largest=False).values[:, -1].clamp(min=0)
    # The last factor allows for rounding in the measured distances.
    limits = (farthest + 2 * error) * (1 + 2 * share)
    rows, columns = (squared <= limits[:, None]).nonzero(as_tuple=True)
    return rows, columns


def _by_differences(
    parts: Callable, n: int, rows: torch.Tensor, columns: torch.Tensor, progress: Steps
) -> torch.Tensor:
    """Distances of pairs from differences in float64."""
    # Measured once per pair, since most are neighbors in both directions.
    pairs = torch.minimum(rows, columns) * n + torch.maximum(rows, columns)
    pairs, back = pairs.unique(return_inverse=True)
    first, second = pairs // n, pairs % n
    squared = torch.zeros(len(pairs), dtype=torch.float64, device=rows.device)
    for part in parts():
        _add_squares(squared, part, first, second)
        progress.advance(part.shape[1])
    # Not torch's square root, which is not always correctly rounded on CPUs.
    return torch.from_numpy(np.sqrt(squared.cpu().numpy())).to(rows.device)[back]


def _add_squares(
    squared: torch.Tensor, part: np.ndarray, first: torch.Tensor, second: torch.Tensor
) -> None:
    """Add the contribution of these columns to the squared distances of pairs."""
    points = torch.from_numpy(part).to(squared.device).double()
    step = max(1, _DIFFERENCES[squared.device.type] // (8 * points.shape[1]))
    for start in range(0, len(squared), step):
        here = slice(start, start + step)
        differences = points[first[here]].sub_(points[second[here]])
        squared[here] += differences.square_().sum(dim=1)
