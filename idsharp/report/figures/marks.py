"""What several figures draw: fitted lines with bands, names of points, legends and notes."""

import textwrap
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from statsmodels.regression.linear_model import OLS

from idsharp.report.figures.style import COLORS, GREY, LINES, PALE, SMALL, grow, handle, marker
from idsharp.report.inference import design, why_not
from idsharp.report.wording import count, with_interval

_STEPS = 50
# Height in mm of a figure that holds words alone.
_LINE = 22
# Offsets of a name from its point, in points, best first.
_PLACES = [
    (5, 0), (-5, 0), (4, 5), (4, -5), (-4, 5), (-4, -5), (0, 6), (0, -6),
    (10, 10), (-10, 10), (10, -10), (-10, -10), (0, 16), (0, -16), (18, 14), (-18, 14),
    (18, -14), (-18, -14), (14, 22), (-14, 22), (14, -22), (-14, -22),
]  # fmt: skip
# From here on a thin line leads from the name to its point.
_FAR = 10


def fitted_line(
    axis: Axes, points: pd.DataFrame, x: str, y: str, domain: str, alone: bool = False
) -> None:
    """The least-squares line through a domain's collections with its 95 % band; none if undefined.

    Args:
        points: one row per collection.
        alone: whether no other domain is in the panel, so that the line need not differ from its.
    """
    response, regressors = design(points, y, [x])
    if why_not(response, regressors, y, [x]):
        return
    model = OLS(response, regressors).fit()
    at = np.linspace(points[x].min(), points[x].max(), _STEPS)
    found = model.get_prediction(np.column_stack([np.ones(_STEPS), at]))
    low, high = found.conf_int(alpha=0.05).T
    line = "-" if alone else LINES[domain]
    axis.plot(at, found.predicted_mean, color=COLORS[domain], linestyle=line)
    axis.fill_between(at, low, high, color=COLORS[domain], alpha=0.12, lw=0, zorder=0)


def fit_in_words(row: pd.Series | None) -> str:
    """Slope per dimension with its interval and R², or why there is none."""
    if row is None:
        return "not fitted"
    if pd.notna(row.get("reason")):
        return f"no line: {row['reason']}"
    slope = with_interval(row["estimate"], row["low"], row["high"])
    return f"slope {slope}, R² = {row['r_squared']:.2f}"


def only_row(table: pd.DataFrame, **names: str) -> pd.Series | None:
    """The row whose columns have these values; None where there is none."""
    found = table.loc[(table[list(names)] == pd.Series(names)).all(axis=1)]
    return found.iloc[0] if len(found) else None


def domain_panels(
    figure: Figure, table: pd.DataFrame, sharex: bool = False
) -> list[tuple[Axes, str, pd.DataFrame]]:
    """An axis beside the others for each domain that occurs, with its rows of the table."""
    domains = sorted(table["domain"].unique())
    axes = figure.subplots(1, max(len(domains), 1), squeeze=False, sharey=True, sharex=sharex)[0]
    if not domains:
        say(axes[0], "nothing was measured")
    return [(a, d, table[table["domain"] == d]) for a, d in zip(axes, domains, strict=False)]


def say(axis: Axes, text: str) -> None:
    """Words in the place of a panel that has nothing to show; a lone panel needs little room."""
    axis.set_axis_off()
    if len(axis.figure.axes) == 1:
        axis.figure.set_figheight(_LINE / 25.4)
    options = {"ha": "center", "va": "center", "color": GREY, "transform": axis.transAxes}
    axis.text(0.5, 0.5, "\n".join(textwrap.wrap(text, 60)), **options)


def size_colors(sizes: pd.Series) -> dict[int, tuple]:
    """A color for each training size, dark for few images; readable in grey and color-blind."""
    unique = sorted(sizes.unique())
    colors = colormaps["viridis"](np.linspace(0.0, 0.82, max(len(unique), 2)))
    return dict(zip(unique, map(tuple, colors), strict=False))


def size_handles(colors: dict[int, tuple]) -> list:
    """Entries of a legend for the colors of training sizes."""
    return [handle(f"N = {n}", marker="D", ms=3.5, color=color) for n, color in colors.items()]


def domain_heading(domain: str, n_collections: int) -> str:
    """Title of a domain's panel."""
    return f"{domain}, {count(n_collections, 'collection')}"


def errorbars(axis: Axes, points: pd.DataFrame, x: str, y: str, domain: str, **more) -> None:
    """Points of a domain with ± SD where the table has `<y>_sd`."""
    spread = points.get(f"{y}_sd")
    style = marker(domain) | {"elinewidth": 0.7, "capsize": 0} | more
    axis.errorbar(points[x], points[y], yerr=spread, **style)


def limits_of_points(axis: Axes, points: pd.DataFrame, x: str, y: str) -> None:
    """Limits of the points: bands of few collections would leave no room for them."""
    for name, which in ((x, "x"), (y, "y")):
        low, high = points[name].min(), points[name].max()
        if np.isfinite([low, high]).all() and high > low:
            margin = 0.12 * (high - low)
            axis.set(**{f"{which}lim": (low - margin, high + margin)})


def from_zero(axis: Axes) -> None:
    """Let the x axis begin at zero and end where the last marker is whole."""
    last = axis.dataLim.x1
    axis.set_xlim(0, 1.06 * last if np.isfinite(last) and last > 0 else 1)


def sharpness_axis(axis: Axes, which: str, label: str, values: pd.Series) -> None:
    """Label an axis of K_F, its ticks as multiples of one power of ten that the label names."""
    largest = values.max()
    power = int(np.floor(np.log10(largest))) if largest > 0 else 0
    chosen = getattr(axis, f"{which}axis")
    chosen.set_major_formatter(lambda value, _: f"{value / 10**power:g}")
    axis.set(**{f"{which}label": f"{label} [$10^{{{power}}}$/intensity]"})


def sizes_axis(axis: Axes, sizes: pd.Series) -> None:
    """A logarithmic x axis of numbers of images with ticks at round numbers."""
    axis.set_xscale("log")
    low, high = sizes.min(), sizes.max()
    round_numbers = [m * 10**e for e in range(1, 7) for m in (1, 2, 5)]
    axis.set_xticks([n for n in round_numbers if low <= n <= high])
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
    axis.minorticks_off()


def rows_of_tasks(axis: Axes, names: pd.Series, domains: pd.Series) -> None:
    """Name each row of a dot plot, in the color of its domain, from bottom to top."""
    axis.set_yticks(range(len(names)), names)
    for tick, domain in zip(axis.get_yticklabels(), domains, strict=True):
        tick.set_color(COLORS[domain])
    axis.set_ylim(-0.6, len(names) - 0.4)
    axis.grid(axis="x", color=PALE, lw=0.5)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.set_axisbelow(True)


def domain_handles(domains: pd.Series) -> list:
    """Entries of a legend for the domains that occur."""
    return [handle(domain, **marker(domain)) for domain in sorted(domains.unique())]


def name_points(
    axis: Axes, points: pd.DataFrame, x: str, y: str, named: pd.Series | None = None
) -> None:
    """Write each collection's name at its point, meeting as few names, points and lines as it can.

    Call it when the axis has its final limits and everything else is drawn.

    Args:
        named: whether each point has its name; None: all.
    """
    axis.figure.draw_without_rendering()
    values = points[[x, y]].to_numpy(float)
    places, scale = axis.transData.transform(values), axis.figure.dpi / 72
    taken = [*_marks(axis, scale), *(_box(place, (5 * scale, 5 * scale)) for place in places)]
    inside = _corners(axis.get_window_extent())
    # The most crowded first, while there is room.
    crowding = np.linalg.norm(places[:, None] - places[None], axis=2)
    for i in np.argsort(np.sort(crowding, axis=1)[:, :4].sum(axis=1)):
        if named is not None and not named.iloc[i]:
            continue
        options = {"textcoords": "offset points", "color": GREY, "fontsize": SMALL}
        text = axis.annotate(points["collection"].iloc[i], values[i], xytext=(0, 0), **options)
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
        _put(axis, text, values[i], _PLACES[best])
        taken.append(boxes[best])


def _put(axis: Axes, text: Text, point: np.ndarray, offset: tuple[float, float]) -> None:
    """Move a name to its place, with a line to its point where that is far."""
    right, up = offset
    text.set_position(offset)
    text.set_ha({0: "center", 1: "left", -1: "right"}[int(np.sign(right))])
    text.set_va({0: "center", 1: "bottom", -1: "top"}[int(np.sign(up))])
    if np.hypot(right, up) > _FAR:
        line = {"arrowstyle": "-", "color": GREY, "lw": 0.4, "shrinkA": 0, "shrinkB": 2}
        options = {"textcoords": "offset points", "arrowprops": line}
        axis.annotate("", point, xytext=offset, **options).set_in_layout(False)


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
    lines = [line for line in axis.lines if not line.get_label().startswith("_")]
    if not lines:
        return
    axis.figure.draw_without_rendering()
    ends = [(line.get_xdata()[-1], line.get_ydata()[-1]) for line in lines]
    heights = axis.transData.transform(ends)[:, 1] * 72 / axis.figure.dpi
    places, order = heights.copy(), np.argsort(heights)
    for _ in range(100):
        for lower, upper in pairwise(order):
            close = SMALL + 1.5 - (places[upper] - places[lower])
            if close > 0:
                places[lower] -= close / 2
                places[upper] += close / 2
    right = max(x for x, _ in ends)
    for line, (x, y), moved in zip(lines, ends, places - heights, strict=True):
        # From a line that ends before the others to its name.
        axis.hlines(y, x, right, color=GREY, linestyle=":", lw=0.5, zorder=0)
        axis.annotate(
            line.get_label(), (right, y), xytext=(5, moved), textcoords="offset points",
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


def with_notes(figure: Figure, table: pd.DataFrame) -> Figure:
    """Below the figure, the notes that must stand beside everything shown of a dataset."""
    if "note" not in table:
        return figure
    noted = table.dropna(subset=["note"]).drop_duplicates("task")
    # A character of this size is about 1.35 mm wide.
    width, lines = int(figure.get_figwidth() * 25.4 / 1.35), []
    for note, group in noted[noted["note"] != ""].groupby("note"):
        lines += textwrap.wrap(f"{', '.join(sorted(group['task']))}: {note}", width)
    if not lines:
        return figure
    grow(figure, 3 + 3.2 * len(lines))
    if figure.get_supxlabel():
        # Both would take the same place.
        figure.supxlabel("\n".join([figure.get_supxlabel(), *lines]))
    else:
        legend = figure.legend(handles=[], title="\n".join(lines), loc="outside lower left")
        legend.set(gid="notes")
        legend.get_title().set(color=GREY, fontsize=SMALL)
    return figure
