"""Everything that is measured of a labelled image set before any network sees it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from idsharp.common.duplicates import find_duplicates
from idsharp.common.progress import SILENT, Reporter
from idsharp.properties.dimension import UndefinedEstimateError
from idsharp.properties.estimators import (
    ESTIMATORS,
    ONE_OF_EACH_FAMILY,
    Estimator,
    neighbors_needed,
)
from idsharp.properties.neighbors.search import Neighbors, nearest_neighbors
from idsharp.properties.sharpness import resolution_free, sharpness_of_all_pairs, sharpness_of_draws
from idsharp.tasks.images import to_grey

_SHARPNESS = ("label_sharpness_all", "label_sharpness", "label_sharpness_sd")


def dimension_record(points: np.ndarray, k: int) -> dict:
    """Intrinsic dimension of n×… points (images or activations) by every estimator, flat.

    Exact duplicates are collapsed and counted. What is undefined is null, with a `_reason`.
    """
    duplicates = find_duplicates(points)
    distinct = take(points, duplicates.first)
    neighbors = nearest_neighbors(distinct, neighbors_needed(k, len(distinct)))
    return dimensions(neighbors, k, len(points), duplicates.n_extra)


def properties_record(
    images: np.ndarray,
    labels: np.ndarray,
    k: int,
    m: int,
    draws: int,
    rng: np.random.Generator,
    ids: Sequence[str] | None = None,
) -> dict:
    """Intrinsic dimension and label sharpness of one labelled set of images, as a flat record.

    Args:
        images: n×C×H×W uint8.
        labels: n class labels.
        k: neighbours of the MLE.
        m, draws: images to a draw and number of draws for K_F; where n ≤ m, K_F at m is that over
            all pairs of the n images, and `label_sharpness_m` says n.
        ids: n names, by which the sharpest pair is recorded; None: by positions.

    Returns:
        Dimensions (dimensionless, with standard errors); K_F in 1/intensity (8-bit, L2 over all
        pixels; of colour images made grey, so that data sets compare) and, of the images as they
        are, resolution-free; and the counts behind them. Undefined values are null with a
        `_reason`.
    """
    found = search(images, labels, neighbors_needed(k, len(images)))
    record: dict = {"n_label_conflicts": found.n_conflicts}
    record |= dimensions(found.neighbors, k, len(images), found.n_duplicates)
    sharpness = sharpnesses(images, labels, found, m, draws, rng)
    if images.shape[1] == 1:
        return _with_ids(record | sharpness, ids or range(len(images)))
    # Distances grow with the number of channels: K_F compares data sets in grey.
    grey = to_grey(images)
    compared = sharpnesses(grey, labels, search(grey, labels, 0), m, draws, rng)
    for name in sharpness:
        if name.endswith("_resolution_free"):
            compared[name] = sharpness[name]
    return _with_ids(record | compared, ids or range(len(images)))


def _with_ids(record: dict, ids: Sequence) -> dict:
    """The record with the names of the sharpest pair instead of its positions."""
    for end in ("first", "second"):
        position = record.pop(f"sharpest_{end}", None)
        record[f"sharpest_{end}_id"] = None if position is None else ids[position]
    return record


def unmeasured_record(k: int, reason: str) -> dict:
    """The record of a set that cannot be had: everything null, with the reason."""
    names = [f"{name}{part}" for name in ESTIMATORS for part in ("", "_se")]
    names += [f"{name}{end}" for name in _SHARPNESS for end in ("", "_resolution_free")]
    counts = ("n_label_conflicts", "n_images", "n_duplicates")
    counts += ("label_sharpness_m", "label_sharpness_draws")
    names += ["sharpest_first_id", "sharpest_second_id"]
    return dict.fromkeys((*counts, *names)) | {"k": k, "set_reason": reason}


@dataclass(frozen=True)
class Search:
    """Neighbours of a labelled set: what dimension and sharpness are both made from.

    Attributes:
        first: positions of the distinct images, one copy of each.
        neighbors: of those, in their order.
        usable: positions of those that occur under one label only; the others take part in the
            dimension, not in K_F.
        between_classes: neighbours among the usable; None where there is none.
        n_duplicates, n_conflicts: images that repeat an earlier one, and that occur under several
            labels.
    """

    first: np.ndarray
    neighbors: Neighbors
    usable: np.ndarray
    between_classes: Neighbors | None
    n_duplicates: int
    n_conflicts: int


def search(
    images: np.ndarray,
    labels: np.ndarray,
    n_neighbors: int,
    report: Reporter = SILENT,
) -> Search:
    """The nearest neighbors of the distinct images, and their nearest of another class.

    Args:
        n_neighbors: to find, as far as there are that many.
        report: told the progress.
    """
    duplicates = find_duplicates(images, labels)
    first = duplicates.first
    distinct = take(images, first)
    n_neighbors = min(n_neighbors, len(distinct) - 1)
    keep = ~duplicates.conflicting[first]
    usable = first[keep]
    if keep.all():
        neighbors = between_classes = nearest_neighbors(
            distinct, n_neighbors, labels[first], report=report
        )
    else:
        neighbors = nearest_neighbors(distinct, n_neighbors, report=report)
        rest = distinct[keep]
        between_classes = None
        if len(rest):
            between_classes = nearest_neighbors(rest, 0, labels[usable], report=report)
    n_conflicts = int(duplicates.conflicting.sum())
    return Search(first, neighbors, usable, between_classes, duplicates.n_extra, n_conflicts)


def take(images: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """These images; the array itself, uncopied, where that is all of them."""
    return images if len(positions) == len(images) else images[positions]


def dimensions(neighbors: Neighbors, k: int, n: int, n_duplicates: int) -> dict:
    """The dimension by every estimator, with standard errors, and the counts behind it, flat."""
    record: dict = {"n_images": n, "n_duplicates": n_duplicates, "k": k}
    for name, estimator in ESTIMATORS.items():
        record |= _measured(name, estimator, neighbors, k)
    return record


def _measured(name: str, estimator: Estimator, neighbors: Neighbors, k: int) -> dict:
    try:
        estimate = estimator.estimate(neighbors.distances, k, neighbors.indices)
    except UndefinedEstimateError as error:
        return {name: None, f"{name}_se": None, f"{name}_reason": str(error)}
    return {name: estimate.value, f"{name}_se": estimate.standard_error}


def sharpnesses(
    images: np.ndarray,
    labels: np.ndarray,
    found: Search,
    m: int,
    draws: int,
    rng: np.random.Generator,
) -> dict:
    """K_F at m images and over all pairs, and the positions of the sharpest pair, flat."""
    neighbors, positions = found.between_classes, found.usable
    images, labels = take(images, positions), labels[positions]
    used, shape = min(m, len(images)), images.shape[1:]
    record = {
        "label_sharpness_m": used,
        "label_sharpness_draws": draws if used < len(images) else 1,
    }
    try:
        if neighbors is None:
            raise UndefinedEstimateError("every image also occurs under another label")
        sharpest = sharpness_of_all_pairs(neighbors)
        values = np.array([sharpest.value])
        if used < len(images):
            values = sharpness_of_draws(images, labels, used, draws, rng)
    except UndefinedEstimateError as error:
        undefined = {
            f"{name}{suffix}": None for name in _SHARPNESS for suffix in ("", "_resolution_free")
        }
        return record | undefined | {"label_sharpness_reason": str(error)}
    # One draw of everything has no spread.
    spread = float(values.std(ddof=1)) if len(values) > 1 else None
    for name, value in zip(_SHARPNESS, (sharpest.value, float(values.mean()), spread), strict=True):
        record[name] = value
        record[f"{name}_resolution_free"] = None if value is None else resolution_free(value, shape)
    record["sharpest_first"] = int(positions[sharpest.first])
    record["sharpest_second"] = int(positions[sharpest.second])
    return record


def in_words(record: dict) -> str:
    """Dimensions and sharpness of a record on one line."""

    def shown(value: float | None) -> str:
        return "undefined" if value is None else f"{value:.3g}"

    dimensions = ", ".join(f"{ESTIMATORS[n].short} {shown(record[n])}" for n in ONE_OF_EACH_FAMILY)
    return (
        f"n {shown(record['n_images'])}, ID {dimensions}, K_F {shown(record['label_sharpness'])} "
        f"at M = {record['label_sharpness_m']}"
    )
