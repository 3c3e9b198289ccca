"""Label sharpness as the papers' released code computes it, kept beside the definition.

The source is `compute_labelsharpness` of `datasetproperties.py` in
https://github.com/mazurowski-lab/intrinsic-properties at commit 107847b. It departs from the
definition (`idsharp.properties.sharpness`) in three ways:

* It looks for labels in `enumerate(dataset)`, where items are (position, (image, label)), finds
  none that is 0 or 1, and so always takes its branch for many classes. The numerator of that branch
  is 1[y_j = y_k]: the result is the inverse distance of the closest pair of the *same* class.
* Two loaders draw the same M = 1000 images, in batches of 500, and a batch of the one is subtracted
  from a batch of the other element by element: 2000 random pairs instead of 1000².
* A pair of an image with itself has the numerator 1 and the distance 0. The code means to drop
  such pairs, but drops NaN where these are infinite, so that about 86 % of its calls would return
  infinity. Here they are dropped, as its comment says.

The first public version, commit c1014ab, has the numerator |y_j − y_k| and pairs batches of the
whole dataset; `same_class=False` gives its numerator.
"""

import numpy as np

from idsharp.properties.dimension import UndefinedEstimateError

#: Images to a draw and to a batch, the defaults of the released code.
RELEASED_M, RELEASED_BATCH = 1000, 500

# Bytes of differences held at a time: what stays in a processor's cache.
_DIFFERENCES = 2_000_000


def released_m(n: int, m: int = RELEASED_M) -> int:
    """Images to a draw when there are n: the most, up to m, that the released code can pair.

    It subtracts batches of 500 from each other, so M is a multiple of 500, or a single batch of at
    most 500 images.
    """
    m = min(m, n)
    return m - m % RELEASED_BATCH if m > RELEASED_BATCH else m


def n_released_pairs(m: int) -> int:
    """Pairs of one call on m images: 2000 for m = 1000, and m where they are a single batch."""
    return m * -(-m // RELEASED_BATCH)


def released_pairs(m: int, rng: np.random.Generator) -> np.ndarray:
    """The pairs of one call on m images, P×2 positions: what the two shuffled loaders pair.

    Each batch of the first loader meets every batch of the second, which is shuffled anew each
    time; P = `n_released_pairs(m)`.
    """
    batch = min(m, RELEASED_BATCH)
    if m % batch:
        raise ValueError(f"batches of {batch} do not pair {m} images")
    first = rng.permutation(m).reshape(-1, batch)
    return np.concatenate(
        [
            np.column_stack([np.tile(ours, m // batch), rng.permutation(m)])
            for ours in first
        ]
    )  # fmt: skip


def sharpness_by_released_rule(
    images: np.ndarray,
    labels: np.ndarray,
    m: int,
    draws: int,
    rng: np.random.Generator,
    same_class: bool = True,
) -> np.ndarray:
    """What `draws` calls of the released code return, without the pairs of distance zero.

    Args:
        images: n×… uint8.
        labels: n class labels.
        m: images to a draw, without replacement; one that `released_m` gives.
        same_class: whether the numerator is 1[y_j = y_k], as in the released code today, or
            1[y_j ≠ y_k], as in its first version.

    Returns:
        A value in 1/intensity for each call.

    Raises:
        UndefinedEstimateError: a call has no pair with numerator 1 and a distance above zero.
    """
    if m > len(images):
        raise ValueError(f"cannot draw {m} of {len(images)} images")
    values = np.empty(draws)
    for i in range(draws):
        drawn = rng.choice(len(images), size=m, replace=False)
        first, second = drawn[released_pairs(m, rng)].T
        counted = (labels[first] == labels[second]) == same_class
        squared = _squared_distances(images, first[counted], second[counted])
        squared = squared[squared > 0]
        if not len(squared):
            which = "the same class" if same_class else "different classes"
            raise UndefinedEstimateError(f"no pair of a draw has different images of {which}")
        values[i] = 1 / np.sqrt(squared.min())
    return values


def _squared_distances(images: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squared L2 distances of pairs of 8-bit images; exact, as float64 holds such integers."""
    flat = images.reshape(len(images), -1)
    step = max(1, _DIFFERENCES // (8 * flat.shape[1]))
    squared = np.empty(len(first))
    for start in range(0, len(first), step):
        here = slice(start, start + step)
        differences = flat[first[here]].astype(np.float64)
        differences -= flat[second[here]]
        squared[here] = np.einsum("ij,ij->i", differences, differences)
    return squared
