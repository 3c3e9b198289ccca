"""Audit of a collection: identical and nearly identical images, across classes and splits.

Whatever is found here biases both measures: identical images have distance zero, which no
estimator of dimension allows, and copies on both sides of a split make a test set too easy.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from idsharp.common.duplicates import find_duplicates
from idsharp.properties.neighbors.search import Neighbors

#: Near-duplicates differ by less than this root mean square, in 8-bit steps of intensity.
NEAR_THRESHOLD = 8.0


@dataclass(frozen=True)
class Groups:
    """Groups of two or more images that belong together.

    Attributes:
        members: for each group the positions of its images, ascending.
        across_classes, across_splits: whether its images have several labels, several splits.
    """

    members: list[np.ndarray] = field(default_factory=list)
    across_classes: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    across_splits: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))

    @property
    def n_images(self) -> int:
        """Images in any group."""
        return sum(len(group) for group in self.members)


@dataclass(frozen=True)
class NearPairs:
    """Pairs of different images closer than a threshold, nearest first.

    Attributes:
        pairs: p×2 positions, the lower first.
        differences: p root-mean-square differences, in steps of intensity.
        complete: whether every such pair is listed; false where all neighbors that were found of
            an image are that near, so that there may be more.
    """

    pairs: np.ndarray
    differences: np.ndarray
    complete: bool


def exact_duplicates(digests: np.ndarray, labels: np.ndarray, splits: np.ndarray) -> Groups:
    """Groups of identical images.

    Args:
        digests: n×… arrays that are equal where the images are: checksums, or the images.
        labels, splits: n strings, empty where there is none.
    """
    return make_groups(find_duplicates(digests).group, labels, splits)


def make_groups(group: np.ndarray, labels: np.ndarray, splits: np.ndarray) -> Groups:
    """Groups of more than one image, from n group numbers."""
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order])) + 1
    members = [part for part in np.split(order, starts) if len(part) > 1]
    members.sort(key=lambda part: part[0])
    return Groups(
        members,
        np.array([len(set(labels[part])) > 1 for part in members], bool),
        np.array([len(set(splits[part]) - {""}) > 1 for part in members], bool),
    )


def near_duplicates(neighbors: Neighbors, n_values: int, threshold: float) -> NearPairs:
    """Pairs of different images whose root-mean-square difference is below a threshold.

    Args:
        neighbors: of images among which no two are identical.
        n_values: pixels × channels of an image.
        threshold: in 8-bit steps of intensity: L2 distance / √(pixels × channels).
    """
    near = neighbors.distances < threshold * np.sqrt(n_values)
    first, rank = np.nonzero(near)
    second, distances = neighbors.indices[first, rank], neighbors.distances[first, rank]
    if neighbors.other_distances is not None and neighbors.other_indices is not None:
        # The nearest image of another class, even where k images of its own class are nearer.
        across = np.flatnonzero(neighbors.other_distances < threshold * np.sqrt(n_values))
        first = np.concatenate([first, across])
        second = np.concatenate([second, neighbors.other_indices[across]])
        distances = np.concatenate([distances, neighbors.other_distances[across]])
    pairs = np.sort(np.stack([first, second], axis=1), axis=1)
    pairs, kept = np.unique(pairs, axis=0, return_index=True)
    order = np.argsort(distances[kept], kind="stable")
    complete = near.shape[1] > 0 and not near[:, -1].any()
    # With n − 1 neighbors of each image, nothing can be missing.
    complete |= near.shape[1] == len(near) - 1
    return NearPairs(pairs[order], distances[kept][order] / np.sqrt(n_values), bool(complete))


def near_groups(near: NearPairs, n: int, labels: np.ndarray, splits: np.ndarray) -> Groups:
    """Images linked by near pairs, directly or through others."""
    if not len(near.pairs):
        return Groups()
    rows, columns = near.pairs.T
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    return make_groups(connected_components(graph, directed=False)[1], labels, splits)


def exact_record(groups: Groups, ids: np.ndarray, labels: np.ndarray, splits: np.ndarray) -> dict:
    """Counts of identical images, flat, and the groups with ids."""
    crossing = [part for part, yes in zip(groups.members, groups.across_splits, strict=True) if yes]
    conflicting = [
        part for part, yes in zip(groups.members, groups.across_classes, strict=True) if yes
    ]
    return {
        "n_duplicate_groups": len(groups.members),
        "n_duplicate_images": groups.n_images,
        "n_duplicates": groups.n_images - len(groups.members),
        "n_duplicate_groups_across_classes": len(conflicting),
        "n_duplicate_images_across_classes": sum(len(part) for part in conflicting),
        "n_duplicate_groups_across_splits": len(crossing),
        "n_test_images_also_in_training": sum(int((splits[p] == "test").sum()) for p in crossing),
        "duplicate_groups": [_listed(part, ids, labels, splits) for part in groups.members],
    }


def near_record(
    near: NearPairs,
    groups: Groups,
    threshold: float,
    ids: np.ndarray,
    labels: np.ndarray,
    splits: np.ndarray,
) -> dict:
    """Counts of nearly identical images, flat, and the pairs with ids and differences."""
    first, second = near.pairs.T if len(near.pairs) else (np.zeros(0, int), np.zeros(0, int))
    given = (splits[first] != "") & (splits[second] != "")
    return {
        "near_duplicate_threshold": threshold,
        "n_near_duplicate_pairs": len(near.pairs),
        "near_duplicates_complete": near.complete,
        "n_near_duplicate_groups": len(groups.members),
        "n_near_duplicate_images": groups.n_images,
        "n_near_duplicate_pairs_across_classes": int((labels[first] != labels[second]).sum()),
        "n_near_duplicate_pairs_across_splits": int(
            (given & (splits[first] != splits[second])).sum()
        ),
        "near_duplicate_pairs": [
            {"first": ids[a], "second": ids[b], "rms_difference": float(difference)}
            for (a, b), difference in zip(near.pairs, near.differences, strict=True)
        ],
    }


def _listed(part: np.ndarray, ids: np.ndarray, labels: np.ndarray, splits: np.ndarray) -> dict:
    return {"ids": list(ids[part]), "labels": list(labels[part]), "splits": list(splits[part])}
