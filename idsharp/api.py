"""For Python: intrinsic dimension, label sharpness, and the dimension of representations.

All are imported from `idsharp`. `IntrinsicDimension` is `intrinsic_dimension` in scikit-learn's
manner.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from idsharp.common.duplicates import find_duplicates
from idsharp.properties.dimension import Estimate, UndefinedEstimateError
from idsharp.properties.fitting import IntrinsicDimension, estimator_for, fit
from idsharp.properties.inputs import images_and_labels, inputs_of, labels_of, points_of
from idsharp.properties.neighbors.search import nearest_neighbors
from idsharp.properties.released import n_released_pairs, released_m, sharpness_by_released_rule
from idsharp.properties.sharpness import sharpness_of_all_pairs, sharpness_of_draws
from idsharp.representations.pooled import pooled_activations

__all__ = [
    "IntrinsicDimension",
    "LabelSharpness",
    "intrinsic_dimension",
    "label_sharpness",
    "representation_dimension",
]

RULES = ("definition", "released")


@dataclass(frozen=True)
class LabelSharpness:
    """K_F in 1/intensity.

    Attributes:
        value: over all pairs, or the mean over draws.
        sd: standard deviation over draws; None over all pairs, or for a single draw.
        m: images whose pairs count.
        pair: positions of the two images that attain it; None for draws.
        n_conflicts: images left out because an identical one has another label.
        n_pairs: pairs that each value is the maximum of, whatever their labels.
    """

    value: float
    sd: float | None
    m: int
    pair: tuple[int, int] | None
    n_conflicts: int
    n_pairs: int


def intrinsic_dimension(
    x,
    k: int = 20,
    *,
    estimator: str = "mle",
    normalization: str = "k-1",
    discard: str = "10%",
    normalisation: str | None = None,
) -> Estimate:
    """Intrinsic dimension of images or any other points; exact duplicates are collapsed.

    >>> import numpy as np
    >>> from idsharp import intrinsic_dimension
    >>> rng = np.random.default_rng(0)
    >>> plane = rng.uniform(size=(1000, 2)) @ rng.normal(size=(2, 50))
    >>> round(intrinsic_dimension(plane).value)
    2
    >>> round(intrinsic_dimension(plane, estimator="twonn").value)
    2

    Args:
        x: n×… array or tensor; a dataset of images, of tuples that begin with one, or of mappings
            that hold one (torch, Hugging Face); or a loader of batches of them. Whole numbers from
            0 to 255, of any integer type, are compared exactly as 8-bit values, others in 64 bit.
            Nothing is scaled.
        k: neighbors of the MLE.
        estimator: "mle" or "twonn".
        normalization: of the MLE, "k-1" or "k-2" (`idsharp.properties.dimension.mle`).
        discard: of TwoNN, "10%" or "largest" (`idsharp.properties.dimension.twonn`).
        normalisation: the same as `normalization`.

    Returns:
        Its value, standard error, and the number of different points.

    Raises:
        UndefinedEstimateError: fewer than k + 1 different points, or all equally far.
        ValueError: values that are not finite, or an unknown option.
    """
    chosen = estimator_for(estimator, normalization=normalisation or normalization, discard=discard)
    return fit(points_of(x), chosen, k).estimate


def label_sharpness(
    x,
    y=None,
    *,
    m: int | None = None,
    draws: int = 25,
    seed: int = 0,
    rule: str = "definition",
) -> LabelSharpness:
    """Label sharpness K_F of 8-bit images; identical images with different labels are left out.

    `rule="definition"` is eq. 1 of Konz & Mazurowski 2024: the closest pair of *different* class.
    `rule="released"` is what their released code computes: the closest pair of the *same* class
    among random pairs (`idsharp.properties.released`).

    >>> import numpy as np
    >>> from idsharp import label_sharpness
    >>> images = np.array([[0, 0], [10, 0], [13, 4], [255, 255]], dtype=np.uint8)
    >>> sharpest = label_sharpness(images, ["a", "a", "b", "b"])
    >>> sharpest.value, sharpest.pair
    (0.2, (1, 2))

    Args:
        x: n×… array or tensor of whole numbers from 0 to 255 (of any integer type; booleans are
            0 and 1), or a dataset or loader as in `intrinsic_dimension`. Floating images in steps
            of 1/255, as torchvision's ToTensor gives them, are taken back to 8 bit.
        y: n or n×1 labels, or n×c of zeros with a single 1; None takes those of the dataset.
        m: images to a draw. Compare datasets only at one m: a maximum grows with the number of
            pairs (the papers take 1000). None takes all pairs by the definition, and 1000 images,
            or as many as the released batches of 500 can pair, by the released rule.
        draws, seed: of the random draws.
        rule: "definition" or "released".

    Raises:
        UndefinedEstimateError: all labels are equal.
        ValueError: images that are not 8 bit, labels of another length, m above n, m not a
            multiple of 500 and above it by the released rule, or an unknown rule.
    """
    if rule not in RULES:
        raise ValueError(f"rule is one of {RULES}, found {rule!r}")
    if draws < 1:
        raise ValueError(f"draws is at least 1, found {draws}")
    images, labels, first, n_conflicts = _usable(x, y)
    if m is not None and m > len(images):
        raise ValueError(f"cannot draw {m} of {len(images)} different images")
    rng = np.random.default_rng(seed)
    if rule == "released":
        if len(np.unique(labels)) < 2:
            raise UndefinedEstimateError("all images have the same label")
        m = released_m(len(images)) if m is None else m
        values = sharpness_by_released_rule(images, labels, m, draws, rng)
        return _of_draws(values, m, n_conflicts, n_released_pairs(m))
    if m is not None and m < len(images):
        values = sharpness_of_draws(images, labels, m, draws, rng)
        return _of_draws(values, m, n_conflicts, m * (m - 1) // 2)
    found = sharpness_of_all_pairs(nearest_neighbors(images, 0, labels))
    low, high = sorted((int(first[found.first]), int(first[found.second])))
    n = len(images)
    return LabelSharpness(found.value, None, n, (low, high), n_conflicts, n * (n - 1) // 2)


def _usable(x, y) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Different images under one label each, their labels, positions, and the others' number."""
    if y is None:
        x, y = images_and_labels(x)
        if y is None:
            raise ValueError("labels are missing: the dataset's items hold images alone")
    images = _eight_bit(points_of(x))
    labels = labels_of(y, len(images))
    duplicates = find_duplicates(images, labels)
    first = duplicates.first[~duplicates.conflicting[duplicates.first]]
    if not len(first):
        raise UndefinedEstimateError("every image also occurs under another label")
    return images[first], labels[first], first, int(duplicates.conflicting.sum())


def _of_draws(values: np.ndarray, m: int, n_conflicts: int, n_pairs: int) -> LabelSharpness:
    sd = float(values.std(ddof=1)) if len(values) > 1 else None
    return LabelSharpness(float(values.mean()), sd, m, None, n_conflicts, n_pairs)


def representation_dimension(
    model: torch.nn.Module,
    layer: str,
    loader: Iterable,
    k: int = 20,
    *,
    estimator: str = "twonn",
    normalization: str = "k-1",
    discard: str = "10%",
    device: str | torch.device | None = None,
    call: int | None = None,
    normalisation: str | None = None,
) -> Estimate:
    """Intrinsic dimension of one layer's representation of images.

    >>> import torch
    >>> from idsharp import representation_dimension
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 64), torch.nn.Linear(64, 2))
    >>> loader = torch.rand(1000, 3).split(100)
    >>> round(representation_dimension(model, "0", loader).value)
    3

    Args:
        model: run in eval mode without gradients; its mode is put back.
        layer: dotted name of a submodule, as in `model.named_modules()`; its output is taken,
            averaged over space where it is n×C×H×W.
        loader: batches: tensors, tuples that begin with the input, or mappings that hold it.
        device: where inputs go; None: where the model's first parameter is.
        k, estimator, normalization, discard: as in `intrinsic_dimension`; the papers use TwoNN
            on the training set's penultimate layer.
        call: which of the layer's calls to measure, from 1, where one forward pass calls it
            several times, as torchvision's ResNets call their ReLUs.

    Raises:
        ValueError: no such layer or call, several calls and none chosen, an output that is no
            tensor, or no batch.
        UndefinedEstimateError: as in `intrinsic_dimension`.
    """
    chosen = estimator_for(estimator, normalization=normalisation or normalization, discard=discard)
    features = pooled_activations(model, layer, inputs_of(loader), device, call)
    return fit(points_of(features), chosen, k).estimate


def _eight_bit(points: np.ndarray) -> np.ndarray:
    """Images as uint8; floats are taken to be steps of 1/255.

    Raises:
        ValueError: they are not.
    """
    if points.dtype == np.uint8:
        return points
    stretched = points * 255
    steps = np.rint(stretched)
    if points.size and (
        not 0 <= points.min() <= points.max() <= 1 or np.abs(stretched - steps).max() > 1e-3
    ):
        raise ValueError(
            "label sharpness is of 8-bit images: give uint8, or floats in steps of 1/255; "
            "idsharp.tasks.images.to_uint8 scales an image by its own maximum"
        )
    return steps.astype(np.uint8)
