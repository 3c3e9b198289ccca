"""Everything that is measured of a labelled image set before any network sees it."""

from collections.abc import Sequence

import numpy as np

from idsharp.common.duplicates import find_duplicates
from idsharp.properties.dimension import UndefinedEstimateError, mle
from idsharp.properties.estimators import (
    ESTIMATORS,
    ONE_OF_EACH_FAMILY,
    Estimator,
    neighbors_needed,
)
from idsharp.properties.labelled import Search, search, take
from idsharp.properties.neighbors.search import Neighbors, nearest_neighbors
from idsharp.properties.released import n_released_pairs, released_m, sharpness_by_released_rule
from idsharp.properties.sharpness import (
    resolution_free,
    sharpness_of_all_pairs,
    sharpness_of_draws,
    sharpness_over_m,
)
from idsharp.tasks.images import to_grey

_DEFINED = ("label_sharpness_all", "label_sharpness", "label_sharpness_sd")
#: Numbers of images at which K_F stands beside that at m.
FEWER = (100, 200, 500)
#: Numbers of neighbors at which the MLE (k − 1) stands beside that at k.
KS = (5, 10, 20, 40)
_RELEASED = ("label_sharpness_released", "label_sharpness_released_sd")


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
        k: neighbors of the MLE.
        m, draws: images to a draw and number of draws for K_F; where n ≤ m, K_F at m is that over
            all pairs of the n images, and `label_sharpness_m` says n.
        ids: n names, by which the sharpest pair is recorded; None: by positions.

    Returns:
        Dimensions (dimensionless, with standard errors; the MLE also at KS); K_F in 1/intensity
        (8-bit, L2 over all pixels; of color images made grey, so that data sets compare) and, of
        the images as they are, resolution-free; and the counts behind them. Undefined values are
        null with a
        `_reason`.
    """
    found = search(images, labels, neighbors_needed(k, len(images)))
    record: dict = {"n_label_conflicts": found.n_conflicts}
    record |= dimensions(found.neighbors, k, len(images), found.n_duplicates)
    record |= _over_k(found.neighbors)
    sharpness = _sharpnesses_of(found, images, labels, m, draws, rng)
    if images.shape[1] == 1:
        return _with_ids(record | sharpness, ids or range(len(images)))
    # Distances grow with the number of channels: K_F compares data sets in grey.
    grey = to_grey(images)
    compared = _sharpnesses_of(search(grey, labels, 0), grey, labels, m, draws, rng)
    for name in sharpness:
        if name.endswith("_resolution_free"):
            compared[name] = sharpness[name]
    return _with_ids(record | compared, ids or range(len(images)))


def _sharpnesses_of(
    found: Search,
    images: np.ndarray,
    labels: np.ndarray,
    m: int,
    draws: int,
    rng: np.random.Generator,
) -> dict:
    """K_F of the usable images of a search, also at fewer; the pair by positions in all images."""
    images, labels = take(images, found.usable), labels[found.usable]
    record = sharpnesses(images, labels, found.between_classes, m, draws, rng)
    record |= _sharpness_at_fewer(images, labels, m, draws, rng.spawn(1)[0])
    for end in ("sharpest_first", "sharpest_second"):
        if end in record:
            record[end] = int(found.usable[record[end]])
    return record


def _with_ids(record: dict, ids: Sequence) -> dict:
    """The record with the names of the sharpest pair instead of its positions."""
    for end in ("first", "second"):
        position = record.pop(f"sharpest_{end}", None)
        record[f"sharpest_{end}_id"] = None if position is None else ids[position]
    return record


def unmeasured_record(k: int, reason: str) -> dict:
    """The record of a set that cannot be had: everything null, with the reason."""
    names = [f"{name}{part}" for name in ESTIMATORS for part in ("", "_se")]
    counts: tuple[str, ...] = ("n_label_conflicts", "n_images", "n_duplicates")
    names += [*map(_at_k, KS), "sharpest_first_id", "sharpest_second_id"]
    counts += tuple(f"label_sharpness_{each}" for each in ("n", "m", "draws", "shared"))
    counts += tuple(f"label_sharpness_released_{each}" for each in ("m", "pairs", "draws"))
    undefined = _undefined(*_DEFINED, *_RELEASED)
    return dict.fromkeys((*counts, *names)) | undefined | {"k": k, "set_reason": reason}


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


def _over_k(neighbors: Neighbors) -> dict:
    """The MLE (k − 1) at fixed numbers of neighbors, flat; null beyond those searched for."""
    record: dict = dict.fromkeys(map(_at_k, KS))
    for k in KS:
        if k > neighbors.distances.shape[1]:
            continue
        name = _at_k(k)
        try:
            record[name] = mle(neighbors.distances, k).value
        except UndefinedEstimateError as error:
            record |= {name: None, f"{name}_reason": str(error)}
    return record


def _at_k(k: int) -> str:
    return f"id_mle_k1_at_k{k}"


def sharpnesses(
    images: np.ndarray,
    labels: np.ndarray,
    neighbors: Neighbors | None,
    m: int,
    draws: int,
    rng: np.random.Generator,
) -> dict:
    """K_F at m images and over all pairs, and the positions of the sharpest pair, flat.

    Args:
        images, labels: those that occur under one label only, without duplicates.
        neighbors: their nearest images of another class; None where there are no images.

    Beside the definition stands the rule of the papers' released code, under names with
    `_released` (`idsharp.properties.released`). `label_sharpness_n` is the number of images that
    draws come from, and `label_sharpness_shared` the share of images that two draws have in
    common on average, m/n: where it is large, the SD over draws says little about another sample.
    """
    used = min(m, len(images))
    drawn = used < len(images)
    record = {
        "label_sharpness_n": len(images),
        "label_sharpness_m": used,
        "label_sharpness_draws": draws if drawn else 1,
        "label_sharpness_shared": used / len(images) if drawn else None,
        "label_sharpness_released_m": (released := released_m(len(images), m)),
        "label_sharpness_released_pairs": n_released_pairs(released),
        "label_sharpness_released_draws": draws,
    }
    try:
        if neighbors is None:
            raise UndefinedEstimateError("every image also occurs under another label")
        sharpest = sharpness_of_all_pairs(neighbors)
        values = np.array([sharpest.value])
        if drawn:
            values = sharpness_of_draws(images, labels, used, draws, rng)
    except UndefinedEstimateError as error:
        undefined = _undefined(*_DEFINED, *_RELEASED)
        return record | undefined | {"label_sharpness_reason": str(error)}
    record |= _with_resolution_free(
        dict(zip(_DEFINED, (sharpest.value, *_mean_and_sd(values)), strict=True)), images
    )
    record |= {"sharpest_first": sharpest.first, "sharpest_second": sharpest.second}
    # A generator of its own, so that the draws of the definition do not depend on this rule.
    return record | _released(images, labels, released, draws, rng.spawn(1)[0])


def _sharpness_at_fewer(
    images: np.ndarray,
    labels: np.ndarray,
    m: int,
    draws: int,
    rng: np.random.Generator,
) -> dict:
    """K_F at fixed numbers of images below m, flat: a study compares pools at an M that all have.

    Nothing where K_F is undefined, and no number of images that the set does not have.
    """
    sizes = [size for size in FEWER if size < min(m, len(images))]
    if not sizes:
        return {}
    try:
        values = sharpness_over_m(images, labels, sizes, draws, rng)
    except UndefinedEstimateError:
        return {}
    record: dict = {}
    for size, column in zip(sizes, values.T, strict=True):
        mean, sd = _mean_and_sd(column)
        name = f"label_sharpness_at_{size}"
        record |= _with_resolution_free({name: mean, f"{name}_sd": sd}, images)
    return record


def _released(
    images: np.ndarray, labels: np.ndarray, m: int, draws: int, rng: np.random.Generator
) -> dict:
    """K_F by the rule of the released code, flat."""
    try:
        values = sharpness_by_released_rule(images, labels, m, draws, rng)
    except UndefinedEstimateError as error:
        return _undefined(*_RELEASED) | {"label_sharpness_released_reason": str(error)}
    return _with_resolution_free(dict(zip(_RELEASED, _mean_and_sd(values), strict=True)), images)


def _mean_and_sd(values: np.ndarray) -> tuple[float, float | None]:
    """Mean and standard deviation over draws; one draw has no spread."""
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None


def _with_resolution_free(values: dict, images: np.ndarray) -> dict:
    """Values of K_F, and the same resolution-free."""
    shape = images.shape[1:]
    return values | {
        f"{name}_resolution_free": None if value is None else resolution_free(value, shape)
        for name, value in values.items()
    }


def _undefined(*names: str) -> dict:
    return {f"{name}{end}": None for name in names for end in ("", "_resolution_free")}


def in_words(record: dict) -> str:
    """Dimensions and sharpness of a record on one line."""

    def shown(value: float | None) -> str:
        return "undefined" if value is None else f"{value:.3g}"

    dimensions = ", ".join(f"{ESTIMATORS[n].short} {shown(record[n])}" for n in ONE_OF_EACH_FAMILY)
    return (
        f"n {shown(record['n_images'])}, ID {dimensions}, K_F {shown(record['label_sharpness'])} "
        f"at M = {record['label_sharpness_m']}"
    )
