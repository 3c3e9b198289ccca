"""Images of a study to look at: samples of each class, and the closest images of two classes."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from idsharp.report.figures.marks import with_notes
from idsharp.report.figures.style import COLORS, GREY, SMALL, TWO_COLUMNS, new_figure, styled
from idsharp.report.selection import ClosestPair, Samples
from idsharp.report.wording import number

#: Tasks that stand below each other at most; more are set in two columns, with fewer images each.
_ROWS = 10
_LABEL, _GAP, _HEADING = 28, 2, 3.6  # mm


@styled
def samples(shown: dict[str, Samples], datasets: pd.DataFrame) -> Figure:
    """The first images of the first two classes of each task, or of the task where it has others.

    Args:
        shown: by task.
        datasets: columns task, domain, note.
    """
    columns = 1 if len(shown) <= _ROWS else 2
    n_images = 5 if columns == 1 else 3
    rows = -(-len(shown) // columns)
    side = (TWO_COLUMNS / columns - _LABEL - 2 * _GAP) / (2 * n_images)
    figure = new_figure(TWO_COLUMNS, rows * (side + _HEADING) + 4)
    axes = figure.subplots(rows, 2 * columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    domains = datasets.set_index("task")["domain"]
    for position, (task, images) in enumerate(shown.items()):
        column, row = divmod(position, rows)
        strips = axes[row, 2 * column : 2 * column + 2]
        for axis, (heading, members) in zip(strips, _strips(images, n_images), strict=True):
            _show(axis, [images.pixels[i] for i in members], n_images)
            axis.set_title(heading, fontsize=SMALL, color=GREY, pad=2)
        _name(strips[0], task, domains[task])
    return with_notes(figure, datasets)


def _strips(images: Samples, n: int) -> list[tuple[str, np.ndarray]]:
    """Heading and positions of the images of two strips."""
    labels = images.labels
    classes = [np.flatnonzero(labels == label)[:n] for label in (0, 1)]
    if min(map(len, classes)) == n:
        return [(images.classes[members[0]], members) for members in classes]
    # One class, none, or so many that each shows few images.
    heading = "" if len(np.unique(labels)) == 1 else "several classes"
    left, right = np.array_split(np.arange(min(len(labels), 2 * n)), 2)
    return [(heading, left), ("", right)]


def _show(axis: Axes, images: list[np.ndarray], room: int | None = None) -> None:
    """C×H×W images of 8 bit side by side, left-aligned in the room of so many."""
    strip = np.concatenate([np.moveaxis(image, 0, 2) for image in images], axis=1)
    axis.imshow(strip.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    if room is not None:
        axis.set_xlim(-0.5, strip.shape[1] / len(images) * room - 0.5)


def _name(axis: Axes, task: str, domain: str) -> None:
    lines = [*textwrap.wrap(task, 18, break_on_hyphens=False), f"({domain})"]
    axis.text(
        -0.03, 0.5, "\n".join(lines),
        ha="right", va="center", color=COLORS[domain], transform=axis.transAxes,
    )  # fmt: skip


@styled
def closest_pairs(shown: dict[str, ClosestPair], datasets: pd.DataFrame) -> Figure:
    """For each task the two most similar images with different labels, which set its K_F.

    Args:
        shown: by task; tasks without a pair are absent.
        datasets: columns task, domain, note.
    """
    columns = min(4 if len(shown) <= 20 else 6, max(len(shown), 1))
    rows = max(-(-len(shown) // columns), 1)
    side = (TWO_COLUMNS / columns - 6) / 2
    figure = new_figure(TWO_COLUMNS, rows * (side + 16) + 6)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    domains = datasets.set_index("task")["domain"]
    for axis, (task, pair) in zip(axes, shown.items(), strict=False):
        height, width = pair.pixels[0].shape[1:]
        gap = np.full((pair.pixels[0].shape[0], height, max(width // 24, 1)), 255, np.uint8)
        _show(axis, [np.concatenate([pair.pixels[0], gap, pair.pixels[1]], axis=2)])
        axis.set_title(task, color=COLORS[domains[task]], loc="center", pad=3)
        names = textwrap.wrap(" | ".join(pair.classes), int(1.3 * side))
        below = "\n".join([*names, f"RMS {number(pair.rms)} of 255"])
        axis.text(0.5, -0.04, below, ha="center", va="top", transform=axis.transAxes, color=GREY)
    return with_notes(figure, datasets[datasets["task"].isin(shown)])
