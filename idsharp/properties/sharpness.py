"""Label sharpness K_F: how close images of different labels come (Konz & Mazurowski 2024, eq. 1).

K_F = max over pairs of |y_j − y_k| / ‖x_j − x_k‖₂; with two classes, the inverse of the smallest
distance between images of different class. With more classes the numerator is 1[y_j ≠ y_k].

The images must hold no pair of identical images with different labels, for which K_F is
infinite (`idsharp.properties.record` takes those out and counts them).
"""

from dataclasses import dataclass

import numpy as np

from idsharp.properties.dimension import UndefinedEstimateError
from idsharp.properties.neighbors.search import Neighbors, nearest_pair_distance


@dataclass(frozen=True)
class SharpestPair:
    """K_F over all pairs, and the pair of positions that attains it."""

    value: float
    first: int
    second: int


def sharpness_of_all_pairs(neighbors: Neighbors) -> SharpestPair:
    """K_F over all pairs, from each image's nearest image of another class.

    Raises:
        UndefinedEstimateError: one class only, or identical images with different labels.
    """
    distances, indices = neighbors.other_distances, neighbors.other_indices
    if distances is None or indices is None or not np.isfinite(distances).any():
        raise UndefinedEstimateError("all images have the same label")
    first = int(np.argmin(distances))
    if distances[first] == 0:
        raise UndefinedEstimateError("identical images have different labels")
    return SharpestPair(float(1 / distances[first]), first, int(indices[first]))


def sharpness_of_draws(
    images: np.ndarray, labels: np.ndarray, m: int, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """K_F of `draws` random sets of m images each, all m² pairs of a set.

    A maximum grows with the number of pairs, so K_F is comparable between datasets only at one m
    (1000 in the paper).

    Args:
        images: n×… uint8.
        labels: n class labels.
        m: images to a draw, without replacement, m ≤ n.

    Raises:
        UndefinedEstimateError: a draw has one class only.
    """
    if m > len(images):
        raise ValueError(f"cannot draw {m} of {len(images)} images")
    values = np.empty(draws)
    for i in range(draws):
        drawn = np.sort(rng.choice(len(images), size=m, replace=False))
        values[i] = _sharpness(images[drawn], labels[drawn])
    return values


def sharpness_over_m(
    images: np.ndarray, labels: np.ndarray, sizes: list[int], draws: int, rng: np.random.Generator
) -> np.ndarray:
    """K_F as a function of the number of images, in nested random sets.

    Each draw is one random order of the images, and K_F of m images is that of its first m: within
    a draw it never falls, as a maximum cannot. A set of one class has |Δy| = 0 throughout, and so
    K_F = 0.

    Args:
        images: n×… uint8.
        labels: n class labels.
        sizes: increasing numbers of images, the last at most n.

    Returns:
        draws × len(sizes) values.

    Raises:
        UndefinedEstimateError: identical images have different labels.
    """
    if sizes[-1] > len(images):
        raise ValueError(f"cannot draw {sizes[-1]} of {len(images)} images")
    values = np.zeros((draws, len(sizes)))
    for row in values:
        order = rng.choice(len(images), size=sizes[-1], replace=False)
        drawn, drawn_labels = images[order], labels[order]
        nearest, start = np.inf, 0
        for number, stop in enumerate(sizes):
            found = _nearest_of_new(drawn[:stop], drawn_labels[:stop], start)
            nearest, start = min(nearest, found), stop
            if nearest == 0:
                raise UndefinedEstimateError("identical images have different labels")
            row[number] = 1 / nearest
    return values


def sharpness_quantiles(neighbors: Neighbors, quantiles: tuple[float, ...]) -> list[float]:
    """Quantiles over images of the largest |Δy| / ‖Δx‖ that an image has with any other.

    The robust companion of K_F, which is the maximum of the same values and hangs on one pair.

    Raises:
        UndefinedEstimateError: one class only, or identical images with different labels.
    """
    sharpness_of_all_pairs(neighbors)
    assert neighbors.other_distances is not None
    return [float(q) for q in np.quantile(1 / neighbors.other_distances, quantiles)]


def _nearest_of_new(images: np.ndarray, labels: np.ndarray, start: int) -> float:
    """Smallest distance between classes among pairs with at least one image from `start` on."""
    nearest = np.inf
    for label in np.unique(labels[start:]):
        mine = start + np.flatnonzero(labels[start:] == label)
        others = np.flatnonzero(labels != label)
        if len(others):
            nearest = min(nearest, nearest_pair_distance(images[mine], images[others]))
    return nearest


def _sharpness(images: np.ndarray, labels: np.ndarray) -> float:
    classes = np.unique(labels)
    if len(classes) < 2:
        raise UndefinedEstimateError("all images of a draw have the same label")
    nearest = min(
        nearest_pair_distance(images[labels == a], images[labels == b])
        for i, a in enumerate(classes)
        for b in classes[i + 1 :]
    )
    if nearest == 0:
        raise UndefinedEstimateError("identical images have different labels")
    return 1 / nearest


def resolution_free(sharpness: float, image_shape: tuple[int, ...]) -> float:
    """K_F with distances divided by √(pixels × channels) and by 255.

    The result is in units of one label step per root-mean-square change of the full intensity
    range, and is comparable across resolutions and channel counts.
    """
    return sharpness * 255 * float(np.sqrt(np.prod(image_shape)))
