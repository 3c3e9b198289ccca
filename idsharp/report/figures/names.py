"""Names beside points and at the ends of lines, where they meet as little as can be."""

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.text import Text

from idsharp.report.figures.style import GREY, SMALL, figure_of

# Offsets of a name from its point, in points, best first.
_PLACES = [
    (5, 0), (-5, 0), (4, 5), (4, -5), (-4, 5), (-4, -5), (0, 6), (0, -6),
    (10, 10), (-10, 10), (10, -10), (-10, -10), (0, 16), (0, -16), (18, 14), (-18, 14),
    (18, -14), (-18, -14), (14, 22), (-14, 22), (14, -22), (-14, -22),
]  # fmt: skip
# From here on a thin line leads from the name to its point.
_FAR = 10


def name_points(
    axis: Axes, points: pd.DataFrame, x: str, y: str, named: pd.Series | None = None
) -> None:
    """Write each collection's name at its point, meeting as few names, points and lines as it can.

    Call it when the axis has its final limits and everything else is drawn.

    Args:
        named: whether each point has its name; None: all.
    """
    figure_of(axis).draw_without_rendering()
    values = points[[x, y]].to_numpy(float)
    places, scale = axis.transData.transform(values), axis.figure.dpi / 72
    taken = [*_marks(axis, scale), *(_box(place, (5 * scale, 5 * scale)) for place in places)]
    inside = _corners(axis.get_window_extent())
    # The most crowded first, while there is room.
    crowding = np.linalg.norm(places[:, None] - places[None], axis=2)
    for i in np.argsort(np.sort(crowding, axis=1)[:, :4].sum(axis=1)):
        if named is not None and not named.iloc[i]:
            continue
        text = axis.annotate(
            points["collection"].iloc[i], values[i],
            xytext=(0, 0), textcoords="offset points", color=GREY, fontsize=SMALL,
        )  # fmt: skip
        text.set(in_layout=False, label="name")
        extent = text.get_window_extent()
        size = extent.width, extent.height
        boxes = [_beside(places[i], np.array(offset), size, scale) for offset in _PLACES]
        costs = [
            sum(_overlap(box, other) for other in taken)
            + 2 * (size[0] * size[1] - _overlap(box, inside))
            + 0.03 * number * size[1] * scale
            for number, box in enumerate(boxes)
        ]
        best = int(np.argmin(costs))
        _put(axis, text, (values[i, 0], values[i, 1]), _PLACES[best])
        taken.append(boxes[best])


def _put(axis: Axes, text: Text, point: tuple[float, float], offset: tuple[float, float]) -> None:
    """Move a name to its place, with a line to its point where that is far."""
    right, up = offset
    text.set_position(offset)
    text.set(
        ha={0: "center", 1: "left", -1: "right"}[int(np.sign(right))],
        va={0: "center", 1: "bottom", -1: "top"}[int(np.sign(up))],
    )
    if np.hypot(right, up) > _FAR:
        line = {"arrowstyle": "-", "color": GREY, "lw": 0.4, "shrinkA": 0, "shrinkB": 2}
        drawn = axis.annotate("", point, xytext=offset, textcoords="offset points", arrowprops=line)
        drawn.set_in_layout(False)


def _marks(axis: Axes, scale: float) -> list[tuple[float, float, float, float]]:
    """Small boxes along the lines and error bars of an axis."""
    paths = [line.get_xydata() for line in axis.lines if line.get_linestyle() != "None"]
    for collection in axis.collections:
        if isinstance(collection, LineCollection):
            paths += collection.get_segments()
    boxes, side = [], 2.5 * scale
    for path in paths:
        # The bar of an unknown error has no ends.
        ends = axis.transData.transform(np.asarray(path, float).reshape(-1, 2))
        for start, end in pairwise(ends[np.isfinite(ends).all(axis=1)]):
            steps = max(int(np.linalg.norm(end - start) / side), 1)
            at = start + (end - start) * np.linspace(0, 1, steps + 1)[:, None]
            boxes += [_box(center, (side, side)) for center in at]
    return boxes


def _beside(
    place: np.ndarray, offset: np.ndarray, size: tuple[float, float], scale: float
) -> tuple[float, float, float, float]:
    """The box of a text of this size at an offset, in points, from a place."""
    return _box(place + scale * offset + np.sign(offset) * size / np.array([2, 2]), size)


def name_lines(axis: Axes) -> None:
    """Write each line's label at its right end, moved up or down where two would meet."""
    lines = [line for line in axis.lines if not str(line.get_label()).startswith("_")]
    if not lines:
        return
    figure_of(axis).draw_without_rendering()
    ends = np.array([np.asarray(line.get_xydata(), float)[-1] for line in lines])
    heights = axis.transData.transform(ends)[:, 1] * 72 / axis.figure.dpi
    places, order = heights.copy(), np.argsort(heights)
    for _ in range(100):
        for lower, upper in pairwise(order):
            close = SMALL + 1.5 - (places[upper] - places[lower])
            if close > 0:
                places[lower] -= close / 2
                places[upper] += close / 2
    right = ends[:, 0].max()
    for line, (x, y), moved in zip(lines, ends, places - heights, strict=True):
        # From a line that ends before the others to its name.
        axis.hlines(y, x, right, color=GREY, linestyle=":", lw=0.5, zorder=0)
        axis.annotate(
            str(line.get_label()), (right, y), xytext=(5, moved), textcoords="offset points",
            va="center", color=GREY, annotation_clip=False,
        )  # fmt: skip


def _box(center: np.ndarray, size: tuple[float, float]) -> tuple[float, float, float, float]:
    """Left, bottom, right and top."""
    (x, y), (width, height) = center, size
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _corners(extent) -> tuple[float, float, float, float]:
    return extent.x0, extent.y0, extent.x1, extent.y1


def _overlap(first: tuple, second: tuple) -> float:
    """Common area of two boxes."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(width, 0) * max(height, 0)
