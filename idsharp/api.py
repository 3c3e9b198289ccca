"""Three functions for Python: intrinsic dimension, label sharpness, dimension of representations.

Imported as `from idsharp import intrinsic_dimension, label_sharpness, representation_dimension`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from idsharp.common.duplicates import find_duplicates
from idsharp.properties.dimension import Estimate, UndefinedEstimateError, mle, twonn
from idsharp.properties.neighbors.search import nearest_neighbors
from idsharp.properties.released import n_released_pairs, released_m, sharpness_by_released_rule
from idsharp.properties.sharpness import sharpness_of_all_pairs, sharpness_of_draws
from idsharp.representations.pooled import pooled_activations
from idsharp.tasks.images import is_eight_bit

ESTIMATOR_NAMES = ("mle", "twonn")
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
        x: n×… array or tensor, or a torch Dataset (the first of each item, where it is a tuple).
            Whole numbers from 0 to 255, of any integer type, are compared exactly as 8-bit values,
            others in 64 bit. Nothing is scaled.
        k: neighbors of the MLE.
        estimator: "mle" or "twonn".
        normalization: of the MLE, "k-1" or "k-2" (`idsharp.properties.dimension.mle`).
        discard: of TwoNN, "10%" or "largest" (`idsharp.properties.dimension.twonn`).

    Returns:
        Its value, standard error, and the number of different points.

    Raises:
        UndefinedEstimateError: fewer than k + 1 different points, or all equally far.
        ValueError: values that are not finite, or an unknown option.
    """
    if estimator not in ESTIMATOR_NAMES:
        raise ValueError(f"estimator is one of {ESTIMATOR_NAMES}, found {estimator!r}")
    points = _points(x)
    distinct = points[find_duplicates(points).first]
    needed = k if estimator == "mle" else 2
    if len(distinct) < needed + 1:
        raise UndefinedEstimateError(
            f"{needed} neighbors need at least {needed + 1} different points; of {len(points)} "
            f"points {len(distinct)} differ"
        )
    found = nearest_neighbors(distinct, min(2 * needed, len(distinct) - 1))
    if estimator == "mle":
        return mle(found.distances, k, normalization, found.indices)
    return twonn(found.distances, discard, found.indices)


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
            0 and 1), or a torch Dataset of (image, label). Floating images in
            steps of 1/255, as torchvision's ToTensor gives them, are taken back to 8 bit.
        y: n labels; None where x is a Dataset.
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
        x, y = _images_and_labels(x)
    labels = np.asarray(y.cpu() if isinstance(y, torch.Tensor) else y)
    images = _eight_bit(_points(x))
    if labels.shape != (len(images),):
        raise ValueError(f"{len(images)} images, but labels of shape {labels.shape}")
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
        loader: batches: tensors, or tuples whose first element is the input.
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
    features = pooled_activations(model, layer, loader, device, call)
    return intrinsic_dimension(
        features, k, estimator=estimator, normalization=normalization, discard=discard
    )


def _points(x) -> np.ndarray:
    """n×… uint8 or float64 values of an array, tensor, or torch Dataset."""
    if isinstance(x, torch.utils.data.Dataset):
        x = _images_and_labels(x)[0]
    if isinstance(x, torch.Tensor):
        x = x.detach().cpu()
        x = (x.float() if x.dtype == torch.bfloat16 else x).numpy()
    points = np.asarray(x)
    if points.ndim < 2 or points.dtype.kind not in "uifb":
        raise ValueError(
            f"expected n×… numbers, found shape {points.shape} and type {points.dtype}"
        )
    return np.ascontiguousarray(
        points.astype(np.uint8 if is_eight_bit(points) else np.float64, copy=False)
    )


def _images_and_labels(dataset) -> tuple[np.ndarray, list | None]:
    """Images, and labels where items are tuples, of a torch Dataset."""
    if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        raise ValueError("expected an array, a tensor or a torch Dataset with a length")
    if isinstance(dataset, np.ndarray | torch.Tensor):
        raise ValueError("an array of images needs its labels, y")
    items = [dataset[i] for i in range(len(dataset))]
    labelled = bool(items) and isinstance(items[0], tuple | list)
    images = [np.asarray(item[0] if labelled else item) for item in items]
    shapes = sorted({image.shape for image in images})
    if len(shapes) != 1:
        raise ValueError(f"the Dataset's images differ in shape, such as {shapes[:2]}")
    labels = (
        [int(i[1]) if isinstance(i[1], torch.Tensor) else i[1] for i in items] if labelled else None
    )
    return np.stack(images), labels


def _eight_bit(points: np.ndarray) -> np.ndarray:
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
