"""The dimension of representations from layer to layer."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from idsharp.properties.estimators import ESTIMATORS
from idsharp.report.figures.laws import COLOURS, GREY, MARKERS, handle, with_notes
from idsharp.report.tables.peaks import ENDS

_LINES = {"natural": "-", "radiology": "--"}
_COLUMNS = 3


def id_by_layer(layers: pd.DataFrame, estimator: str) -> Figure:
    """ID of the representation against depth, a panel for each network, with the peaks.

    Args:
        layers: the table representation_layers.
        estimator: its column that is shown.
    """
    models = list(dict.fromkeys(layers["model"]))
    columns = min(_COLUMNS, len(models))
    rows = -(-len(models) // columns)
    figure = Figure(figsize=(max(4.6, 0.8 + 2.7 * columns), 1.3 + 2.3 * rows))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    measured = layers.dropna(subset=[estimator])
    for axis, model in zip(axes, models, strict=False):
        for domain, group in measured[measured["model"] == model].groupby("domain"):
            _curve(axis, group, domain, estimator)
        axis.set_title(model, fontsize=9, loc="left")
    for axis in axes[len(models) :]:
        axis.set_visible(False)
    axes[0].set_xlim(-0.03, 1.03)
    axes[0].set_ylim(bottom=0)
    figure.legend(handles=_legend(measured), loc="outside upper left", ncols=2, fontsize=8)
    figure.supxlabel("depth, as a share of the network's (0: images, 1: logits)", fontsize=9)
    name = ESTIMATORS[estimator.removeprefix("representation_")].heading
    figure.supylabel(f"intrinsic dimension ({name})", fontsize=9)
    return with_notes(figure, layers)


def _curve(axis, group: pd.DataFrame, domain: str, estimator: str) -> None:
    """Each task's curve, their mean and its spread, and where the mean is highest."""
    # Tasks count alike: sizes and seeds are averaged first.
    tasks = group.groupby(["depth", "task"])[estimator].mean().unstack("task")
    depths, mean = tasks.index.to_numpy(), tasks.mean(axis=1).to_numpy()
    style = {"color": COLOURS[domain], "linestyle": _LINES[domain]}
    axis.plot(depths, tasks, **style, lw=0.6, alpha=0.45)
    if tasks.shape[1] > 1:
        spread = tasks.std(axis=1).to_numpy()
        low, high = np.maximum(mean - spread, 0), mean + spread
        axis.fill_between(depths, low, high, color=COLOURS[domain], alpha=0.13, lw=0)
    axis.plot(depths, mean, **style, lw=1.6, marker=MARKERS[domain], ms=3.5)
    hidden = group.loc[~group["layer"].isin(ENDS), "depth"].unique()
    inside = np.isin(depths, hidden)
    if inside.any():
        top = np.flatnonzero(inside)[mean[inside].argmax()]
        axis.plot(depths[top], mean[top], **_peak(domain))
        axis.vlines(depths[top], 0, mean[top], **style | {"linestyle": ":"}, lw=1)


def _peak(domain: str) -> dict:
    return {"marker": MARKERS[domain], "ms": 9, "mfc": "none", "mec": COLOURS[domain], "mew": 1.6}


def _legend(layers: pd.DataFrame) -> list:
    handles = []
    for domain in sorted(layers["domain"].unique()):
        n = layers.loc[layers["domain"] == domain, "task"].nunique()
        label = f"{domain}, mean of {n} task{'' if n == 1 else 's'}"
        style = {"color": COLOURS[domain], "linestyle": _LINES[domain], "marker": MARKERS[domain]}
        handles.append(handle(label, **style, lw=1.6, ms=3.5))
    tasks = layers.groupby("domain")["task"].nunique()
    handles.append(handle("one task, mean over N and seeds", color=GREY, linestyle="-", lw=0.6))
    if (tasks > 1).any():
        handles.append(Patch(color=GREY, alpha=0.2, lw=0, label="± SD over tasks"))
    ring = {"marker": "o", "ms": 9, "mfc": "none", "mec": GREY, "mew": 1.6}
    return [*handles, handle("highest hidden layer of the mean", **ring)]
