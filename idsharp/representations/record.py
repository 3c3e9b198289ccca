"""Intrinsic dimension of a trained network's representations of images."""

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import torch

from idsharp.common.progress import SILENT, Reporter
from idsharp.models.build import ScaledModel
from idsharp.properties.estimators import ESTIMATORS, ONE_OF_EACH_FAMILY, neighbors_needed
from idsharp.properties.neighbors.out_of_core import nearest_by_columns
from idsharp.properties.neighbors.search import Neighbors, nearest_neighbors
from idsharp.properties.record import dimension_record, dimensions
from idsharp.representations.activations import stored_activations
from idsharp.representations.layers import CHOICES, PENULTIMATE, layers_of, penultimate_of
from idsharp.representations.point_file import PointFile

# Layers of at most this many values per image are read into memory, where the neighbor search works
# by blocks of points and takes any number of them.
_FEW_COLUMNS = 8192


def measured_networks(
    networks: Iterable[tuple[dict, ScaledModel | None]],
    pool: np.ndarray,
    k: int,
    device: torch.device,
    layers: str = "penultimate",
    report: Reporter = SILENT,
) -> list[dict]:
    """Intrinsic dimension of the representations in a task's networks, as rows of a table.

    Args:
        networks: names (task, model, n_train, seed and status) and network, or None if it was not
            trained, as `trained_models` yields them.
        pool: images of the task (n×C×H×W uint8), of which the first N are the training set of
            size N.
        k, device, layers: as in `representation_records`.
        report: told the progress, and the dimension of every layer.

    Returns:
        One row per network and layer with its names and the keys of `representation_records`; for
        networks that were not trained, one row with only their names.
    """
    rows = []
    for names, model in networks:
        if model is None:
            rows.append(names | {"layer": PENULTIMATE})
            continue
        images, title = pool[: names["n_train"]], "{model} n {n_train} seed {seed}".format(**names)
        for record in representation_records(
            model, names["model"], images, k, device, layers, report
        ):
            rows.append(names | record)
            found = (f"{ESTIMATORS[name].short} {record[name]}" for name in ONE_OF_EACH_FAMILY)
            report.say(f"{title}, {record['layer']}: {', '.join(found)}")
    return rows


def representation_records(
    model: ScaledModel,
    name: str,
    images: np.ndarray,
    k: int,
    device: torch.device,
    layers: str = "penultimate",
    report: Reporter = SILENT,
) -> Iterator[dict]:
    """Intrinsic dimension of a network's representations of images, one flat record per layer.

    Memory does not grow with the width of a layer (`stored_activations`, `nearest_by_columns`).

    Args:
        name: the model's name.
        images: n×C×H×W uint8.
        k: neighbors of the MLE.
        layers: "penultimate", or "blocks": every layer that `layers_of` lists, from the images
            (8-bit, compared as integers) to the logits; convolutional layers with all their values,
            not averaged over pixels.
        report: told the progress.

    Yields:
        For each layer, in order: `layer`, `depth`, `n_features`, and the keys of
        `dimension_record`.

    Raises:
        ValueError: `layers` is neither of these, or the network has no named blocks.
    """
    if layers not in CHOICES:
        raise ValueError(f"layers is one of {CHOICES}, found {layers!r}")
    places = [penultimate_of(model.network, name)]
    if layers == "blocks":
        first, *places = layers_of(model.network, name)
        n_features = int(np.prod(images.shape[1:]))
        names = {"layer": first.name, "depth": first.depth, "n_features": n_features}
        yield names | dimension_record(images, k)
    for place, points in stored_activations(model, images, places, device):
        names = {"layer": place.name, "depth": place.depth, "n_features": points.width}
        yield names | _dimension_of_file(points, k, device, report)


def _dimension_of_file(points: PointFile, k: int, device: torch.device, report: Reporter) -> dict:
    """As `dimension_record`; if activations are not finite, null with a reason."""
    duplicates = points.duplicates()
    rows = duplicates.first
    if not points.finite:
        record: dict = {"n_images": points.n, "n_duplicates": duplicates.n_extra, "k": k}
        for name in ESTIMATORS:
            reason = "the activations hold values that are not finite"
            record |= {name: None, f"{name}_se": None, f"{name}_reason": reason}
        return record
    neighbors = _neighbors(points, rows, neighbors_needed(k, len(rows)), device, report)
    return dimensions(neighbors, k, points.n, duplicates.n_extra)


def _neighbors(
    points: PointFile,
    rows: np.ndarray,
    k: int,
    device: torch.device,
    report: Reporter,
) -> Neighbors:
    """The k nearest neighbors of the points at `rows`, among these points."""
    if points.width <= _FEW_COLUMNS:
        array = np.concatenate(list(points.parts(rows)), axis=1)
        return nearest_neighbors(array, k, device=device, report=report)
    return nearest_by_columns(
        partial(points.parts, rows), len(rows), points.width, k, device=device, report=report
    )
