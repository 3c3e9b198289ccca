"""The block jackknife: a standard error that assumes nothing about how points hang together."""

from collections.abc import Callable

import numpy as np

from idsharp.properties.dimension import Estimate, UndefinedEstimateError
from idsharp.properties.neighbors.search import Neighbors


def block_jackknife(
    neighbors: Neighbors,
    estimator: Callable[[np.ndarray], Estimate],
    k: int,
    rng: np.random.Generator,
    blocks: int = 20,
) -> float:
    """Standard error from leaving out random blocks of points, one at a time.

    The neighbours of the points that stay are found again among the lists given, without another
    search. On spheres it comes out about half as large again as the spread of the estimates over
    samples (docs/dimension_accuracy.md), since an estimate from nearest neighbours is not smooth in
    its points: take it as an upper limit.

    Args:
        neighbors: lists of clearly more than k neighbours, such as 2 k.
        estimator: takes n×k neighbour distances, such as `lambda distances: mle(distances, k)`.
        k: neighbours that the estimator uses.
        blocks: number of blocks.

    Raises:
        UndefinedEstimateError: a point has fewer than k neighbours left; give longer lists.
    """
    n = len(neighbors.indices)
    block = rng.permutation(n) % blocks
    values = np.empty(blocks)
    for left_out in range(blocks):
        stays = block != left_out
        present = stays[neighbors.indices[stays]]
        if (present.sum(axis=1) < k).any():
            raise UndefinedEstimateError(
                f"lists of {neighbors.indices.shape[1]} neighbours are too short to leave out a "
                f"block and keep {k}"
            )
        # Stably, so that what is present stays in the order of its distances.
        order = np.argsort(~present, axis=1, kind="stable")[:, :k]
        values[left_out] = estimator(
            np.take_along_axis(neighbors.distances[stays], order, axis=1)
        ).value
    deviations = values - values.mean()
    return float(np.sqrt((blocks - 1) / blocks * (deviations @ deviations)))
