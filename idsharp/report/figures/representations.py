"""The dimension of what networks learn: against that of the data, and from layer to layer."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from idsharp.properties.estimators import ESTIMATORS
from idsharp.report.figures.marks import domain_handles, say, with_notes
from idsharp.report.figures.means import by_cell, networks_of_sizes
from idsharp.report.figures.style import (
    COLORS,
    GREY,
    LINES,
    MARKERS,
    ONE_COLUMN,
    TWO_COLUMNS,
    handle,
    marker,
    new_figure,
    styled,
)
from idsharp.report.tables.peaks import ENDS
from idsharp.report.wording import count, listed

_COLUMNS = 3


@styled
def representation_vs_data(runs: pd.DataFrame, estimator: str) -> Figure:
    """ID of the penultimate representation against that of the training set, by one estimator.

    Args:
        estimator: of both axes, for their titles.
    """
    x, y = "data_id_as_representation", "representation_id"
    points = by_cell(runs, ["n_train"], [x, y])
    figure = new_figure(ONE_COLUMN, 92)
    axis = figure.subplots()
    sizes = sorted(points["n_train"].unique())
    areas = dict(zip(sizes, np.linspace(8, 36, max(len(sizes), 1)), strict=False))
    for domain, group in points.groupby("domain"):
        axis.scatter(
            group[x], group[y], s=group["n_train"].map(areas),
            marker=MARKERS[domain], color=COLORS[domain], alpha=0.75, lw=0,
        )  # fmt: skip
    if not len(points):
        say(axis, "no network was trained")
        return figure
    top = 1.06 * max(points[x].max(), points[y].max())
    axis.set(xlim=(0, top), ylim=(0, top), aspect="equal")
    axis.plot([0, top], [0, top], color=GREY, linestyle=":")
    name = ESTIMATORS[estimator].short
    axis.set_xlabel(f"ID of the training set, $d_\\mathrm{{data}}$ ({name})")
    axis.set_ylabel(f"ID of the representation, $d_\\mathrm{{repr}}$ ({name})")
    axis.set_title(f"{count(points['collection'].nunique(), 'collection')}, mean over networks")
    networks = networks_of_sizes(runs, [x, y])
    every = max(map(len, networks.values()))
    # Points of few networks compare with no others than theirs.
    names = {n: "" if len(networks[n]) == every else f" ({listed(networks[n])})" for n in sizes}
    handles = [
        *domain_handles(points["domain"]),
        handle("equal", color=GREY, linestyle=":"),
        *(
            handle(f"N = {n}{names[n]}", marker="o", color=GREY, ms=np.sqrt(areas[n]))
            for n in sizes
        ),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=3)
    return with_notes(figure, runs)


@styled
def id_by_layer(layers: pd.DataFrame, estimator: str) -> Figure:
    """ID of the representation against depth, a panel for each network, with the peaks.

    Args:
        layers: the table representation_layers.
        estimator: its column that is shown.
    """
    models = list(dict.fromkeys(layers["model"]))
    columns = min(_COLUMNS, len(models))
    rows = -(-len(models) // columns)
    figure = new_figure(ONE_COLUMN if columns == 1 else TWO_COLUMNS, 34 + 44 * rows)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    measured = layers.dropna(subset=[estimator])
    for axis, model in zip(axes, models, strict=False):
        for domain, group in measured[measured["model"] == model].groupby("domain"):
            _curve(axis, group, domain, estimator)
        axis.set_title(model)
    for axis in axes[len(models) :]:
        axis.set_visible(False)
    axes[0].set_xlim(-0.03, 1.03)
    axes[0].set_ylim(bottom=0)
    columns = 1 if columns == 1 else 2
    figure.legend(handles=_legend(measured), loc="outside upper left", ncols=columns)
    figure.supxlabel("depth, as a share of the network's (0: images, 1: logits)")
    name = ESTIMATORS[estimator.removeprefix("representation_")].short
    figure.supylabel(f"ID, {name}")
    return with_notes(figure, layers)


def _curve(axis: Axes, group: pd.DataFrame, domain: str, estimator: str) -> None:
    """Each collection's curve, their mean and its spread, and where the mean is highest."""
    # Tasks count alike, and so do collections: sizes and seeds are averaged first.
    tasks = group.groupby(["depth", "collection", "task"])[estimator].mean()
    curves = tasks.groupby(["depth", "collection"]).mean().unstack("collection")
    depths, mean = curves.index.to_numpy(), curves.mean(axis=1).to_numpy()
    style: dict[str, Any] = {"color": COLORS[domain], "linestyle": LINES[domain]}
    axis.plot(depths, curves, **style, lw=0.5, alpha=0.45)
    if curves.shape[1] > 1:
        spread = curves.std(axis=1).to_numpy()
        low, high = np.maximum(mean - spread, 0), mean + spread
        axis.fill_between(depths, low, high, color=COLORS[domain], alpha=0.13, lw=0)
    axis.plot(depths, mean, **style, lw=1.4, marker=MARKERS[domain], ms=2.5)
    hidden = group.loc[~group["layer"].isin(ENDS), "depth"].unique()
    inside = np.isin(depths, hidden)
    if inside.any():
        top = np.flatnonzero(inside)[mean[inside].argmax()]
        axis.plot(depths[top], mean[top], **_peak(domain))
        axis.vlines(depths[top], 0, mean[top], color=COLORS[domain], linestyle=":", lw=0.8)


def _peak(domain: str) -> dict:
    return marker(domain) | {"ms": 7, "mfc": "none", "mew": 1.2}


def _legend(layers: pd.DataFrame) -> list[Artist]:
    handles: list[Artist] = []
    counts = layers.groupby("domain")["collection"].nunique()
    for domain, n in counts.items():
        label = f"{domain}, mean of {count(n, 'collection')}"
        style = {"color": COLORS[domain], "linestyle": LINES[domain], "marker": MARKERS[domain]}
        handles.append(handle(label, **style, lw=1.4, ms=2.5))
    handles.append(handle("one collection", color=GREY, linestyle="-", lw=0.5))
    if (counts > 1).any():
        handles.append(Patch(color=GREY, alpha=0.2, lw=0, label="± SD over collections"))
    ring = {"marker": "o", "ms": 7, "mfc": "none", "mec": GREY, "mew": 1.2}
    return [*handles, handle("highest hidden layer of the mean", **ring)]
