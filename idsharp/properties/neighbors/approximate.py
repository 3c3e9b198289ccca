"""Approximate neighbors for large n with pynndescent, and a measurement of their recall.

NN-descent (Dong, Moses & Li 2011) compares each point with its neighbors' neighbors; its cost grows
only slightly faster than n. How many neighbors it misses depends on the data, above all on their
intrinsic dimension, and every miss increases a distance. The exact neighbors are therefore computed
for a sample of the points, and the share that was found is returned with the result.
"""

import warnings

import numpy as np
import torch

from idsharp.common.progress import SILENT, Reporter

#: A recall below this share of the true neighbors causes a warning.
LOWEST_RECALL = 0.98
#: Points whose exact neighbors are computed to measure the recall.
SAMPLE = 200
# Number of differences held in memory at a time while distances are computed.
_DIFFERENCES = 500_000


def approximate_neighbors(
    flat: np.ndarray,
    k: int,
    block: int = 1024,
    *,
    seed: int = 0,
    report: Reporter = SILENT,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Approximately the k nearest neighbors of each point.

    Memory: the points in float32 and pynndescent's graph, plus block × columns float64 values.

    Args:
        flat: n×columns, uint8 or floating-point, finite.
        k: neighbors per point, 1 ≤ k < n.
        block: points read at a time to compute distances and recall.
        seed: of pynndescent's random start and of the sample.
        report: told when a step begins, and the progress of the last steps.

    Returns:
        Distances (n×k float64, exact for the neighbors found, nearest first), indices (n×k
        int64), and the recall on `SAMPLE` points: the share of the neighbors found that are no
        farther away than the true k-th one.

    Raises:
        ImportError: pynndescent is not installed.
        ValueError: k < 1, or the data contain values that are not finite.
    """
    if k < 1:
        raise ValueError(f"the approximate method needs k ≥ 1, found {k}")
    descent = _descent()
    if flat.dtype != np.uint8 and not np.isfinite(flat).all():
        raise ValueError("the data contain values that are not finite")
    report.say(f"pynndescent: neighbors of {len(flat)} points")
    # One more than k, since each point finds itself.
    index = descent(
        _in_float32(flat, block), metric="euclidean", n_neighbors=k + 1, random_state=seed
    )
    found = _without_self(index.neighbor_graph[0].astype(np.int64), k, seed)
    distances, indices = _measured(flat, found, report)
    recall = _recall(flat, distances, block, seed, report)
    if recall < LOWEST_RECALL:
        warnings.warn(
            f"pynndescent found {recall:.1%} of the true neighbors of {min(SAMPLE, len(flat))} "
            f"sampled points, less than {LOWEST_RECALL:.0%}; use the exact method",
            stacklevel=3,
        )
    return distances, indices, recall


def _descent() -> type:
    try:
        from pynndescent import NNDescent
    except ImportError as error:
        raise ImportError(
            "approximate neighbors need pynndescent: pip install 'idsharp[approximate]'"
        ) from error
    return NNDescent


def _in_float32(flat: np.ndarray, block: int) -> np.ndarray:
    """The points as float32, as pynndescent needs them, with the mean of floats subtracted."""
    if flat.dtype == np.uint8:
        return flat.astype(np.float32)
    center = flat.mean(axis=0, dtype=np.float64)
    centered = np.empty(flat.shape, dtype=np.float32)
    for start in range(0, len(flat), block):
        centered[start : start + block] = flat[start : start + block] - center
    return centered


def _without_self(found: np.ndarray, k: int, seed: int) -> np.ndarray:
    """k indices per point: the point itself is removed, and empty places (−1) filled at random."""
    n = len(found)
    random = np.random.default_rng(seed)
    kept = np.empty((n, k), dtype=np.int64)
    for i, row in enumerate(found):
        others = row[(row != i) & (row >= 0)][:k]
        if len(others) < k:
            left = np.setdiff1d(np.arange(n), np.append(others, i))
            others = np.append(others, random.choice(left, k - len(others), replace=False))
        kept[i] = others
    return kept


def _measured(
    flat: np.ndarray, found: np.ndarray, report: Reporter
) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices of the neighbors found, from differences in float64, sorted.

    Ties go to the lower index.
    """
    n, k = found.shape
    found = np.sort(found, axis=1)
    distances = np.empty((n, k))
    step = max(1, _DIFFERENCES // (k * flat.shape[1]))
    progress = report.steps("distances of the neighbors found", n)
    for start in range(0, n, step):
        here = slice(start, start + step)
        points = torch.from_numpy(flat[here].astype(np.float64))
        others = torch.from_numpy(flat[found[here]]).double()
        distances[here] = torch.linalg.vector_norm(others - points[:, None], dim=2).numpy()
        progress.advance(len(points))
    order = np.argsort(distances, axis=1, kind="stable")
    return np.take_along_axis(distances, order, 1), np.take_along_axis(found, order, 1)


def _recall(
    flat: np.ndarray,
    distances: np.ndarray,
    block: int,
    seed: int,
    report: Reporter,
) -> float:
    """Share of a sample's neighbors found that are no farther away than the true k-th one."""
    n, k = distances.shape
    sample = np.sort(np.random.default_rng(seed).choice(n, min(SAMPLE, n), replace=False))
    farthest = _kth_squared_distances(flat, sample, k, block, report)
    return float((distances[sample] ** 2 <= farthest[:, None]).mean())


def _kth_squared_distances(
    flat: np.ndarray,
    sample: np.ndarray,
    k: int,
    block: int,
    report: Reporter,
) -> np.ndarray:
    """Squared distance of each sampled point to its true k-th neighbor, plus its rounding error."""
    # An offset common to all points would cost the products digits by cancellation.
    center = flat[sample].mean(axis=0, dtype=np.float64)
    points = torch.from_numpy(flat[sample] - center)
    squares = (points**2).sum(dim=1)
    best = torch.full((len(sample), k), torch.inf, dtype=torch.float64)
    progress = report.steps("recall", len(flat))
    for start in range(0, len(flat), block):
        others = torch.from_numpy(flat[start : start + block] - center)
        squared = squares[:, None] + (others**2).sum(dim=1) - 2 * points @ others.T
        inside = np.flatnonzero((sample >= start) & (sample < start + block))
        squared[inside, sample[inside] - start] = torch.inf
        best = torch.topk(torch.cat([best, squared], dim=1), k, dim=1, largest=False).values
        progress.advance(len(others))
    farthest = best[:, -1].clamp(min=0)
    rounding = flat.shape[1] * np.finfo(np.float64).eps
    return (farthest + rounding * (farthest + 4 * squares)).numpy()
