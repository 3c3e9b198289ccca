"""The list of `--suspects`: images whose label may be wrong, most suspicious first."""

import numpy as np

from idsharp.measure.run import Measured

COLUMNS = [
    "rank", "path", "label", "split", "suggested", "ratio", "nearest_other", "distance_other",
    "nearest_own", "distance_own",
]  # fmt: skip

#: Nearest images of either kind that are compared.
NEAREST = 5


def rows_of(measured: Measured) -> list[dict]:
    """One row per image that is nearer to images of another label than to those of its own.

    `ratio` is the geometric mean distance to the 5 nearest images of its own label over that to the
    5 nearest of any other: 2 means that its own kind is twice as far away. `suggested` is the
    commonest label of the latter. Where none of the nearest images has its own label,
    `nearest_own` is empty. Identical images with different labels are not listed here, but among
    duplicates.
    """
    decoded, found = measured.decoded, measured.found
    positions = found.first
    labels, splits, ids = (decoded.column(name, positions) for name in ("label", "split", "id"))
    neighbors = found.neighbors
    ratio, own, other = ratios(neighbors.distances, neighbors.indices, labels)
    conflicting = ~np.isin(positions, found.usable)
    order = np.argsort(-ratio, kind="stable")
    order = order[(ratio[order] > 1) & ~conflicting[order]]
    rows = []
    for rank, i in enumerate(order, start=1):
        rows.append(
            {"rank": rank, "path": ids[i], "label": labels[i], "split": splits[i],
             "suggested": _commonest(labels[neighbors.indices[i]], labels[i]),
             "ratio": round(float(ratio[i]), 4)}
            | _nearest("other", i, other[i], neighbors, ids)
            | _nearest("own", i, own[i], neighbors, ids)
        )  # fmt: skip
    return rows


def ratios(
    distances: np.ndarray, indices: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How much farther the nearest images of the own label are than those of others.

    Args:
        distances, indices: n×K of the nearest images, K of at least `NEAREST`.
        labels: n labels.

    Returns:
        n ratios of geometric means, and the ranks among the K neighbors of the nearest image of the
        own label and of another (−1 if absent). A neighbor that is not among the K is taken to be
        as far as the last of them, so that ratios are at most too close to 1.
    """
    differ = labels[indices] != labels[:, None]
    logs = np.log(distances)
    means, ranks = [], []
    for chosen in (~differ, differ):
        nearest = np.sort(np.where(chosen, logs, logs[:, -1:]), axis=1)[:, :NEAREST]
        means.append(nearest.mean(axis=1))
        ranks.append(np.where(chosen.any(axis=1), chosen.argmax(axis=1), -1))
    return np.exp(means[0] - means[1]), ranks[0], ranks[1]


def _commonest(near: np.ndarray, own: str) -> str:
    """The label that most of the nearest images of other labels have; ties to the nearest."""
    others = list(near[near != own][:NEAREST])
    return max(others, key=others.count)


def _nearest(which: str, i: int, rank: int, neighbors, ids: np.ndarray) -> dict:
    if rank < 0:
        return {f"nearest_{which}": None, f"distance_{which}": None}
    return {
        f"nearest_{which}": ids[neighbors.indices[i, rank]],
        f"distance_{which}": round(float(neighbors.distances[i, rank]), 2),
    }
