"""Intrinsic dimension and label sharpness of datasets: the values, and what they depend on."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from idsharp.properties.estimators import ESTIMATORS, of_another_family
from idsharp.report.figures.marks import (
    domain_handles,
    domain_heading,
    domain_panels,
    from_zero,
    rows_of_tasks,
    sharpness_axis,
    sizes_axis,
    with_notes,
)
from idsharp.report.figures.names import name_lines
from idsharp.report.figures.style import (
    COLORS,
    GREY,
    INK,
    MARKERS,
    ONE_COLUMN,
    TWO_COLUMNS,
    grow,
    handle,
    marker,
    new_figure,
    styled,
)
from idsharp.report.wording import count

_ROW = 4.2  # mm
_HOLLOW = {"mfc": "white"}


@styled
def id_by_domain(
    properties: pd.DataFrame, estimator: str, published: dict[str, list[float]]
) -> Figure:
    """ID of each task's pool and training sets, grouped by domain.

    Args:
        published: the papers' values by task; drawn as a tick.
    """
    pools = _pools(properties, estimator)
    figure, axis = _dot_plot(pools)
    other = of_another_family(estimator)
    for y, pool in enumerate(pools.to_dict("records")):
        trained = _training_sets(properties, pool["task"])[estimator]
        axis.plot(trained, [y] * len(trained), "|", color=GREY, ms=5, mew=0.6, zorder=1)
        reach = 1.96 * pool[f"{estimator}_se"]
        axis.errorbar(pool[estimator], y, xerr=reach, **marker(pool["domain"]), elinewidth=0.8)
        axis.plot(pool[other], y, **marker(pool["domain"]) | _HOLLOW, zorder=2)
        _published(axis, published.get(pool["task"], []), y)
    shown, beside = ESTIMATORS[estimator].short, ESTIMATORS[other].short
    handles = [
        handle(f"pool, {shown}, 95 % interval", marker="o", color=GREY),
        handle(f"pool, {beside}", marker="o", color=GREY, **_HOLLOW),
        handle(f"training sets, {shown}", marker="|", color=GREY, ms=5),
    ]
    axis.set_xlabel(f"intrinsic dimension; {_units(pools)}")
    return _finish(figure, axis, pools, handles, published)


@styled
def sharpness_by_domain(properties: pd.DataFrame, published: dict[str, list[float]]) -> Figure:
    """K_F of each task at M images and over all pairs, grouped by domain.

    Args:
        published: the papers' values by task; drawn as a tick.
    """
    pools = _pools(properties, "label_sharpness")
    figure, axis = _dot_plot(pools)
    for y, pool in enumerate(pools.to_dict("records")):
        spread = pool["label_sharpness_sd"] if pool["label_sharpness_draws"] > 1 else 0
        axis.errorbar(
            pool["label_sharpness"], y, xerr=spread, **marker(pool["domain"]), elinewidth=0.8
        )
        axis.plot(pool["label_sharpness_all"], y, **marker(pool["domain"]) | _HOLLOW, zorder=1)
        if np.isnan(pool["label_sharpness"]):
            axis.text(0, y, "  undefined", color=GREY, va="center")
        _published(axis, published.get(pool["task"], []), y)
    sizes = sorted(pools["label_sharpness_m"].dropna().unique().astype(int))
    span = str(sizes[0]) if len(set(sizes)) == 1 else f"{sizes[0]} to {sizes[-1]}" if sizes else "?"
    handles = [
        handle(f"M = {span} images, mean ± SD of draws", marker="o", color=GREY),
        handle("all pairs of the pool", marker="o", color=GREY, **_HOLLOW),
    ]
    label = f"{_units(pools)}; label sharpness $K_F$"
    sharpness_axis(axis, "x", label, pools["label_sharpness_all"])
    return _finish(figure, axis, pools, handles, published)


@styled
def sharpness_over_m(properties: pd.DataFrame) -> Figure:
    """K_F over all pairs of sets of growing size: a maximum grows with the number of pairs."""
    figure = new_figure(TWO_COLUMNS, 62)
    sets = properties.dropna(subset=["label_sharpness_all"])
    _curves(figure, sets, "n_images", "label_sharpness_all")
    figure.supxlabel("images of which all pairs are compared")
    label = "label sharpness $K_F$"
    sharpness_axis(figure.axes[0], "y", label, sets["label_sharpness_all"])
    return with_notes(figure, properties)


@styled
def id_over_n(properties: pd.DataFrame, estimator: str) -> Figure:
    """ID of sets of growing size: estimates fall short of high dimensions when images are few."""
    figure = new_figure(TWO_COLUMNS, 62)
    _curves(figure, properties.dropna(subset=[estimator]), "n_images", estimator)
    figure.supxlabel("images in the set")
    figure.axes[0].set_ylabel(f"intrinsic dimension, {ESTIMATORS[estimator].short}")
    return with_notes(figure, properties)


@styled
def id_over_k(properties: pd.DataFrame) -> Figure:
    """ID of pools by the MLE over the number of neighbors that it looks at."""
    figure = new_figure(TWO_COLUMNS, 62)
    names = {name: int(name.rpartition("_k")[2]) for name in properties if "_at_k" in name}
    pools = properties[properties["subset"] == "pool"].rename(columns=names)
    ks = sorted(names.values())
    # Means over the same tasks at every k.
    of_task = ["domain", "collection", "task"]
    curves = pools.dropna(subset=ks).melt(of_task, ks, var_name="k", value_name="id")
    curves = curves.astype({"k": int, "id": float})
    _curves(figure, curves, "k", "id")
    for axis in figure.axes if len(curves) else []:
        axis.set_xticks(ks)
    if not len(curves):
        return figure
    figure.supxlabel("neighbors k")
    figure.axes[0].set_ylabel("intrinsic dimension of the pool, MLE (k−1)")
    return with_notes(figure, properties)


def _curves(figure: Figure, sets: pd.DataFrame, x: str, y: str) -> None:
    """A panel for each domain, with a line for each collection: the mean over its tasks."""
    panels = domain_panels(figure, sets)
    for axis, domain, group in panels:
        axis.set_title(domain_heading(domain, group["collection"].nunique()))
        for collection, rows in group.groupby("collection"):
            curve = rows.groupby(x)[y].mean()
            axis.plot(
                curve.index, curve,
                label=collection, marker=MARKERS[domain], ms=2.5, color=COLORS[domain],
            )  # fmt: skip
        sizes_axis(axis, sets[x])
    figure.axes[0].set_ylim(bottom=0)
    for axis, _, _ in panels:
        name_lines(axis)


def _pools(properties: pd.DataFrame, by: str) -> pd.DataFrame:
    return properties[properties["subset"] == "pool"].sort_values(["domain", by])


def _training_sets(properties: pd.DataFrame, task: str) -> pd.DataFrame:
    return properties[(properties["task"] == task) & (properties["subset"] != "pool")]


def _dot_plot(pools: pd.DataFrame) -> tuple[Figure, Axes]:
    """An axis with a row for each task."""
    figure = new_figure(ONE_COLUMN, _ROW * len(pools) + 14)
    axis = figure.subplots()
    rows_of_tasks(axis, pools["task"], pools["domain"])
    return figure, axis


def _published(axis: Axes, values: list[float], y: float) -> None:
    axis.plot(values, [y] * len(values), "|", color=INK, ms=9, mew=1.4, zorder=3)


def _units(pools: pd.DataFrame) -> str:
    return count(pools["collection"].nunique(), "collection")


def _finish(figure: Figure, axis: Axes, pools: pd.DataFrame, handles: list, published) -> Figure:
    from_zero(axis)
    if set(published) & set(pools["task"]):
        handles = [*handles, handle("published", marker="|", color=INK, ms=9, mew=1.4)]
    handles = [*domain_handles(pools["domain"]), *handles]
    grow(figure, _ROW * len(handles))
    figure.legend(handles=handles, loc="outside upper left", ncols=1)
    return with_notes(figure, pools)
