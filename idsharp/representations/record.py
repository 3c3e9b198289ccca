"""What a trained network makes of its training images, and the dimension of that."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch

from idsharp.common.progress import SILENT, Reporter
from idsharp.models.build import ScaledModel
from idsharp.properties.dimension import ESTIMATORS
from idsharp.properties.neighbors.out_of_core import nearest_by_columns
from idsharp.properties.neighbors.search import Neighbors, nearest_neighbors
from idsharp.properties.record import dimension_record, dimensions, neighbors_needed
from idsharp.representations.activations import PointFile, stored_activations
from idsharp.representations.layers import CHOICES, PENULTIMATE, layers_of

# Values a point up to which a layer is read into memory, where any number of points is searched
# a block of points at a time.
_FEW_COLUMNS = 8192


def representation_records(
    model: ScaledModel,
    name: str,
    images: np.ndarray,
    k: int,
    device: torch.device,
    layers: str = "penultimate",
    report: Reporter = SILENT,
) -> Iterator[dict]:
    """Intrinsic dimension of what layers of a network make of these images, a flat record each.

    Memory does not grow with the values of a layer: `stored_activations`, `nearest_by_columns`.

    Args:
        name: of the model.
        images: n×C×H×W uint8.
        k: neighbours of the MLE.
        layers: "penultimate", or "blocks": every layer that `layers_of` lists, from the images
            (8-bit, compared as integers) to the logits; convolutional ones with every value at
            every place.
        report: told the progress.

    Returns:
        For each layer, in order: `layer`, `depth`, `n_features`, and as `dimension_record`.
    """
    if layers not in CHOICES:
        raise ValueError(f"layers is one of {CHOICES}, found {layers!r}")
    places = [PENULTIMATE]
    if layers == "blocks":
        first, *places = layers_of(model.network, name)
        n_features = int(np.prod(images.shape[1:]))
        names = {"layer": first.name, "depth": first.depth, "n_features": n_features}
        yield names | dimension_record(images, k)
    for place, points in stored_activations(model, name, images, places, device):
        names = {"layer": place.name, "depth": place.depth, "n_features": points.width}
        yield names | _dimension_of_file(points, k, device, report)


def _dimension_of_file(points: PointFile, k: int, device: torch.device, report: Reporter) -> dict:
    """As `dimension_record`; activations that are not finite have none, and say so."""
    duplicates = points.duplicates()
    rows = duplicates.first
    if not points.finite:
        record = {"n_images": points.n, "n_duplicates": duplicates.n_extra, "k": k}
        for name in ESTIMATORS:
            record |= {name: None, f"{name}_se": None}
            record[f"{name}_reason"] = "the activations hold values that are not finite"
        return record
    neighbors = _neighbors(points, rows, neighbors_needed(2 * k, rows), device, report)
    return dimensions(neighbors, k, points.n, duplicates.n_extra)


def _neighbors(
    points: PointFile,
    rows: np.ndarray,
    k: int,
    device: torch.device,
    report: Reporter,
) -> Neighbors:
    """The k nearest neighbours of some points of a file among each other."""
    if points.width <= _FEW_COLUMNS:
        array = np.concatenate(list(points.parts(rows)), axis=1)
        return nearest_neighbors(array, k, device=device, report=report)
    return nearest_by_columns(
        partial(points.parts, rows), len(rows), points.width, k, device=device, report=report
    )
