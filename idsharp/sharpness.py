"""Label sharpness K_F: how close images of different labels come (Konz & Mazurowski 2024, eq. 1).

K_F = max over pairs of |y_j − y_k| / ‖x_j − x_k‖₂; with two classes, the inverse of the smallest
distance between images of different class. With more classes the numerator is 1[y_j ≠ y_k].

The images must hold no pair of identical images with different labels, for which K_F is
infinite (`idsharp.properties` takes those out and counts them).
"""

from dataclasses import dataclass

import numpy as np

from idsharp.dimension import UndefinedEstimateError
from idsharp.neighbors import Neighbors, nearest_pair_distance


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
    distances = neighbors.other_distances
    if distances is None or not np.isfinite(distances).any():
        raise UndefinedEstimateError("all images have the same label")
    first = int(np.argmin(distances))
    if distances[first] == 0:
        raise UndefinedEstimateError("identical images have different labels")
    return SharpestPair(float(1 / distances[first]), first, int(neighbors.other_indices[first]))


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
