"""Nearest neighbors, and the nearest point of another class, in one blocked pass.

8-bit images are compared in exact integer arithmetic (`integer`), floating-point data in float64
with provably sufficient candidates (`floating`). Both are exact. If there are too many points for
n² pairs, an approximation measures its own recall (`approximate`).
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from idsharp.common.progress import SILENT, Reporter
from idsharp.properties.neighbors.approximate import approximate_neighbors
from idsharp.properties.neighbors.floating import FloatSearch
from idsharp.properties.neighbors.integer import (
    IntegerSearch,
    integer_products,
    signed,
    squared_norms,
)

#: How neighbors are found: by comparing every pair, or by pynndescent's graph.
METHODS = ("exact", "approximate")

_BLOCK, _BLOCK_OF_FEW, _FEW_COLUMNS = 1536, 512, 8192


@dataclass(frozen=True)
class Neighbors:
    """Neighbors of n points, nearest first; ties go to the lower index.

    Attributes:
        distances: n×k float64, Euclidean (L2), excluding the point itself.
        indices: n×k int64, positions in the data.
        other_distances: n float64, to the nearest point of another class; inf if there is none.
        other_indices: n int64, its position; −1 if there is none.
            Both are None if no labels were given.
        recall: share of the true neighbors that were found, measured on a sample of the points;
            None if the search was exact.
    """

    distances: np.ndarray
    indices: np.ndarray
    other_distances: np.ndarray | None = None
    other_indices: np.ndarray | None = None
    recall: float | None = None


def nearest_neighbors(
    points: np.ndarray,
    k: int,
    labels: np.ndarray | None = None,
    block: int | None = None,
    *,
    method: str = "exact",
    device: str | torch.device = "cpu",
    report: Reporter = SILENT,
) -> Neighbors:
    """The k nearest neighbors of each point, and its nearest point of another class.

    The result does not depend on `block` or `device`. In addition to the points, which may be
    memory-mapped and are read one block at a time, 8-bit data take about
    2·block·columns + 30·block² + 8·n·(k + 4) bytes; for floating-point data, the first term is
    eight times as large.

    Args:
        points: n×…, uint8 or floating-point.
        k: neighbors per point, 0 ≤ k < n.
        labels: n class labels, for the nearest point of another class.
        block: points per block; by default 1536, or 512 for data with few columns, where ranking
            takes longer than the products and should stay in the processor's cache.
        method: "exact", or "approximate" for large n: pynndescent, with its recall measured.
        device: where the products are computed, such as "cuda". Features that a device lacks
            (integer products, float64) are replaced without changing the result.
        report: told the progress.

    Raises:
        ValueError: k is out of range, the number of labels differs from that of the points, values
            are not finite, the type or method is unsupported, or labels are combined with the
            approximate method.
        ImportError: the approximate method is chosen, but pynndescent is not installed.
    """
    n = len(points)
    if not 0 <= k < n:
        raise ValueError(f"k = {k} neighbors need at least {k + 1} points, found {n}")
    if labels is not None and len(labels) != n:
        raise ValueError(f"found {len(labels)} labels for {n} points")
    if block is not None and block < 1:
        raise ValueError(f"a block holds at least one point, found block = {block}")
    if method not in METHODS:
        raise ValueError(f"method is one of {METHODS}, found {method!r}")
    flat = points.reshape(n, -1)
    block = block or (_BLOCK_OF_FEW if flat.shape[1] <= _FEW_COLUMNS else _BLOCK)
    if flat.dtype not in (np.uint8, np.float16, np.float32, np.float64):
        raise ValueError(f"points must be uint8 or floating-point, found {flat.dtype}")
    if method == "approximate":
        if labels is not None:
            raise ValueError("the nearest point of another class needs the exact method")
        distances, indices, recall = approximate_neighbors(flat, k, block, report=report)
        return Neighbors(distances, indices, recall=recall)
    kind = IntegerSearch if flat.dtype == np.uint8 else FloatSearch
    search: _Search = kind(flat, k, labels, block, torch.device(device))
    return _all_pairs(search, n, block, report)


class _Search(Protocol):
    """The common interface of `IntegerSearch` and `FloatSearch`, whose blocks of points differ."""

    def load(self, start: int, stop: int, slot: int) -> Any: ...

    def visit(self, rows: Any, columns: Any) -> None: ...

    def finish(self, report: Reporter) -> tuple: ...


def _all_pairs(
    search: _Search,
    n: int,
    block: int,
    report: Reporter,
) -> Neighbors:
    """Pass every pair of blocks to the search once."""
    progress = report.steps("neighbors", n**2 / 2)
    starts = range(0, n, block)
    for i in starts:
        rows = search.load(i, min(i + block, n), slot=0)
        for j in starts[i // block :]:
            columns = rows if j == i else search.load(j, min(j + block, n), slot=1)
            search.visit(rows, columns)
            pairs = (min(i + block, n) - i) * (min(j + block, n) - j)
            progress.advance(pairs / 2 if i == j else pairs)
    return Neighbors(*search.finish(report))


def nearest_pair_distance(first: np.ndarray, second: np.ndarray, block: int = 1024) -> float:
    """Smallest L2 distance between a point in `first` (n×… uint8) and one in `second` (m×… uint8).

    Raises:
        ValueError: either has no points, or a type other than uint8.
    """
    if not len(first) or not len(second):
        raise ValueError("both classes need at least one image")
    if first.dtype != np.uint8 or second.dtype != np.uint8:
        raise ValueError(f"images must be uint8, found {first.dtype} and {second.dtype}")
    here = torch.device("cpu")
    lowest = []
    for i in range(0, len(first), block):
        a = signed(first[i : i + block].reshape(len(first[i : i + block]), -1), here)
        a_norms = squared_norms(a)
        for j in range(0, len(second), block):
            b = signed(second[j : j + block].reshape(len(second[j : j + block]), -1), here)
            products = integer_products(a, b).to(torch.int64)
            squared = a_norms[:, None] + squared_norms(b)[None, :] - 2 * products
            lowest.append(int(squared.min()))
    return float(np.sqrt(min(lowest)))
