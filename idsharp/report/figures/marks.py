"""What several figures draw: fitted lines with bands, axes, legends and notes."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from statsmodels.regression.linear_model import OLS

from idsharp.report.figures.style import (
    COLORS,
    GREY,
    LINES,
    PALE,
    SMALL,
    figure_of,
    grow,
    handle,
    marker,
)
from idsharp.report.inference import design, why_not
from idsharp.report.wording import count, with_interval

_STEPS = 50
# Height in mm of a figure that holds words alone.
_LINE = 22


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
        figure_of(axis).set_figheight(_LINE / 25.4)
    axis.text(
        0.5, 0.5, "\n".join(textwrap.wrap(text, 60)),
        ha="center", va="center", color=GREY, transform=axis.transAxes,
    )  # fmt: skip


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
