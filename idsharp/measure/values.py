"""Dimension and sharpness of one measured set, with intervals, quantiles and curves, flat."""

import numpy as np

from idsharp.common.progress import Reporter
from idsharp.common.seeds import generator
from idsharp.measure.decode import Decoded
from idsharp.measure.options import Options
from idsharp.properties.dimension import (
    Estimate,
    UndefinedEstimateError,
    confidence_interval,
    local_dimensions,
)
from idsharp.properties.estimators import ESTIMATORS, of_family
from idsharp.properties.labelled import Search
from idsharp.properties.neighbors.search import Neighbors
from idsharp.properties.record import dimensions, sharpnesses
from idsharp.properties.sharpness import resolution_free, sharpness_over_m, sharpness_quantiles

#: Neighbors of the MLE's curve over k, where it is asked for.
CURVE_KS = (5, 7, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 100)
#: Images of K_F's curve over M, beside all of them.
CURVE_MS = (50, 100, 200, 350, 500, 750, 1000)
_QUANTILES = {"median": 0.5, "q90": 0.9, "q99": 0.99}
_PAIRS_LISTED = 20


def dimension_values(found: Search, n: int, k: int, curves: bool) -> dict:
    """Every estimate with its 95 % interval, the spread of local dimensions, the curve over k."""
    distances = found.neighbors.distances
    record = dimensions(found.neighbors, k, n, found.n_duplicates)
    record["n_duplicates_measured"] = record.pop("n_duplicates")
    for name in ESTIMATORS:
        low, high = None, None
        if record[name] is not None:
            low, high = confidence_interval(Estimate(record[name], record[f"{name}_se"], n))
        record |= {f"{name}_low": low, f"{name}_high": high}
    if record["id_mle_k2"] is None:
        return record
    local = local_dimensions(distances, k)
    for name, q in (("q05", 0.05), ("median", 0.5), ("q95", 0.95)):
        # Infinite where all neighbors are equally far; "higher" never subtracts two infinities.
        record[f"local_id_{name}"] = _finite(np.quantile(local, q, method="higher"))
    return record | _curve_over_k(found.neighbors) if curves else record


def _curve_over_k(neighbors: Neighbors) -> dict:
    ks = [each for each in CURVE_KS if each <= neighbors.distances.shape[1]]
    record: dict = {"id_curve_k": ks}
    for name, estimator in of_family("mle").items():
        try:
            curve = [estimator.estimate(neighbors.distances, k, neighbors.indices) for k in ks]
        except UndefinedEstimateError as error:
            return {"id_curve_k": [], "id_curve_reason": str(error)}
        record[f"{name}_curve"] = [point.value for point in curve]
        record[f"{name}_curve_se"] = [point.standard_error for point in curve]
    return record


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def sharpness_values(
    decoded: Decoded, found: Search, options: Options, report: Reporter
) -> tuple[dict, np.ndarray]:
    """K_F with the pairs behind it, its quantiles, and its curve over M.

    Args:
        found: neighbors among the images measured, positions as in `decoded`.

    Returns:
        The values, flat, and p×2 positions of the sharpest pairs.
    """
    labels = decoded.column("label")
    none = np.zeros((0, 2), int)
    measured = set(labels[decoded.column("measured")])
    if len(measured) < 2:
        lacking = "the images have no classes"
        reason = lacking if measured == {""} else "all images are of one class"
        return {"label_sharpness": None, "label_sharpness_all": None,
                "label_sharpness_reason": reason}, none  # fmt: skip
    images, labels = decoded.images(found.usable), labels[found.usable]
    if options.m < len(images):
        report.say(f"drawing {options.draws} sets of {options.m} images")
    rng = generator("measure", options.seed, "sharpness")
    record = sharpnesses(images, labels, found.between_classes, options.m, options.draws, rng)
    record["n_label_conflicts_measured"] = found.n_conflicts
    between = found.between_classes
    if record["label_sharpness"] is None or between is None:
        return record, none
    del record["sharpest_first"], record["sharpest_second"]
    pairs, distances = sharpest_pairs(found, _PAIRS_LISTED)
    record["sharpest_pairs"] = _listed(decoded, pairs, distances)
    quantiles = sharpness_quantiles(between, tuple(_QUANTILES.values()))
    for name, value in zip(_QUANTILES, quantiles, strict=True):
        record[f"label_sharpness_{name}"] = value
        record[f"label_sharpness_{name}_resolution_free"] = resolution_free(value, images.shape[1:])
    sizes = [m for m in CURVE_MS if m < len(images)]
    if options.curves and sizes:
        report.say("measuring label sharpness over M")
        rng = generator("measure", options.seed, "curve")
        values = sharpness_over_m(images, labels, sizes, options.draws, rng)
        record["label_sharpness_curve_m"] = sizes
        record["label_sharpness_curve"] = values.mean(axis=0).tolist()
        record["label_sharpness_curve_sd"] = values.std(axis=0, ddof=1).tolist()
    return record, pairs


def sharpest_pairs(found: Search, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest pairs of images of different classes, each image in one pair at most.

    Returns:
        Positions (p×2, the lower first) and L2 distances, nearest first.
    """
    taken: set[int] = set()
    pairs: list[list[int]] = []
    distances: list[float] = []
    between = found.between_classes
    if between is None or between.other_distances is None or between.other_indices is None:
        return np.zeros((0, 2), int), np.zeros(0)
    for a in np.argsort(between.other_distances, kind="stable"):
        b = int(between.other_indices[a])
        if len(pairs) == count or b < 0:
            break
        if int(a) not in taken and b not in taken:
            taken |= {int(a), b}
            pairs.append(sorted((found.usable[a], found.usable[b])))
            distances.append(float(between.other_distances[a]))
    return np.array(pairs, int).reshape(-1, 2), np.array(distances)


def _listed(decoded: Decoded, pairs: np.ndarray, distances: np.ndarray) -> list[dict]:
    """Pairs for the record, by ids and labels."""
    ids, labels = decoded.column("id"), decoded.column("label")
    values = decoded.pixels[0].size
    return [
        {"first": ids[a], "second": ids[b], "first_label": labels[a], "second_label": labels[b],
         "distance": float(distance), "rms_difference": float(distance / np.sqrt(values))}
        for (a, b), distance in zip(pairs, distances, strict=True)
    ]  # fmt: skip
