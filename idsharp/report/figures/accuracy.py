"""Accuracy against intrinsic dimension and training size: the findings of MICCAI 2022."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from idsharp.report.figures.marks import (
    domain_heading,
    domain_panels,
    errorbars,
    fit_in_words,
    fitted_line,
    only_row,
    say,
    size_colors,
    size_handles,
    with_notes,
)
from idsharp.report.figures.means import by_cell
from idsharp.report.figures.names import name_lines, name_points
from idsharp.report.figures.style import (
    COLORS,
    GREY,
    INK,
    MARKERS,
    PALE,
    TWO_COLUMNS,
    handle,
    new_figure,
    styled,
)
from idsharp.report.wording import count, with_interval

_ACCURACY = "highest_test_accuracy"
# Where the axis of an accuracy ends: a marker at 1 is whole.
_MOST = 1.03


@styled
def accuracy_vs_id(
    collections: pd.DataFrame, fits: pd.DataFrame, published: pd.DataFrame
) -> Figure:
    """Highest accuracy of each collection against its ID, with each domain's line and 95 % band.

    Args:
        collections: the table of this name, of all losses.
        fits: rows of accuracy_vs_id of kind `mean`, one per domain.
        published: the papers' lines (domain, estimate, intercept), or none.
    """
    figure = new_figure(TWO_COLUMNS, 78)
    panels = domain_panels(figure, collections, sharex=True)
    for axis, domain, points in panels:
        row = only_row(fits, domain=domain)
        errorbars(axis, points, "pool_id", _ACCURACY, domain)
        fitted_line(axis, points, "pool_id", _ACCURACY, domain, alone=True)
        axis.set_title(f"{domain_heading(domain, len(points))}\n{fit_in_words(row)}")
        axis.margins(0.14)
        axis.set_xlabel("intrinsic dimension of the pool")
    # No accuracy is above 1, though bands are; the axes share their limits.
    figure.axes[0].set_ylim(top=min(figure.axes[0].get_ylim()[1], _MOST))
    # The limits hold all points before a line goes from end to end.
    for axis, domain, _ in panels:
        _published_line(axis, only_row(published, domain=domain))
    figure.axes[0].set_ylabel("highest test accuracy,\nmean ± SD over networks and N")
    if len(published):
        handles = [handle("published line", color=INK, linestyle=(0, (4, 3)))]
        figure.legend(handles=handles, loc="outside upper right")
    for axis, _, points in panels:
        name_points(axis, points, "pool_id", _ACCURACY)
    return figure


def _published_line(axis: Axes, row: pd.Series | None) -> None:
    if row is None or pd.isna(row["estimate"]):
        return
    limits = axis.get_xlim()
    values = row["intercept"] + row["estimate"] * np.array(limits)
    axis.plot(limits, values, color=INK, lw=0.8, linestyle=(0, (4, 3)), zorder=1)
    axis.set_xlim(limits)


@styled
def accuracy_vs_n(runs: pd.DataFrame) -> Figure:
    """Highest accuracy against training size, a line for each collection."""
    figure = new_figure(TWO_COLUMNS, 66)
    points = by_cell(runs, ["n_train"], [_ACCURACY])
    panels = domain_panels(figure, points)
    for axis, domain, rows in panels:
        for name, curve in rows.groupby("collection"):
            axis.plot(
                curve["n_train"], curve[_ACCURACY],
                label=name, color=COLORS[domain], marker=MARKERS[domain], ms=2.5,
            )  # fmt: skip
        axis.set_title(domain_heading(domain, rows["collection"].nunique()))
        axis.set_xticks(sorted(points["n_train"].unique()))
        axis.set_xlabel("training images N")
    for axis, _, _ in panels:
        name_lines(axis)
    n_models = runs["model"].nunique()
    figure.axes[0].set_ylabel(f"highest test accuracy,\nmean over {count(n_models, 'network')}")
    return with_notes(figure, runs)


@styled
def accuracy_plane(runs: pd.DataFrame, plane: pd.DataFrame) -> Figure:
    """The plane accuracy ~ ID + ln N seen along ln N: accuracy without its ln N part against ID.

    Args:
        plane: rows of accuracy_plane of all networks, a row per domain and term.
    """
    figure = new_figure(TWO_COLUMNS, 78)
    points = by_cell(runs, ["n_train"], [_ACCURACY, "pool_id"])
    colors = size_colors(points["n_train"])
    middle = float(np.exp(np.log(points["n_train"].unique()).mean())) if len(points) else 1.0
    for axis, domain, rows in domain_panels(figure, points, sharex=True):
        by_size, by_id = (only_row(plane, domain=domain, term=t) for t in ("log_n", "pool_id"))
        if by_size is None or pd.isna(by_size["estimate"]):
            say(axis, "no plane: " + ("not fitted" if by_size is None else str(by_size["reason"])))
            continue
        moved = np.log(rows["n_train"] / middle) * by_size["estimate"]
        rows = rows.assign(adjusted=rows[_ACCURACY] - moved)
        for n, group in rows.groupby("n_train"):
            axis.plot(
                group["pool_id"], group["adjusted"],
                color=colors[n], marker=MARKERS[domain], linestyle="none",
            )  # fmt: skip
        means = rows.groupby("collection", as_index=False)[["pool_id", "adjusted"]].mean()
        fitted_line(axis, means, "pool_id", "adjusted", domain, alone=True)
        axis.set_title(f"{domain_heading(domain, len(means))}\n{_plane_in_words(by_id, by_size)}")
        axis.set_xlabel("intrinsic dimension of the pool")
    figure.axes[0].set_ylabel(f"highest test accuracy, moved to N = {middle:.0f}")
    figure.legend(handles=size_handles(colors), loc="outside upper left", ncols=7)
    return with_notes(figure, runs)


def _plane_in_words(by_id: pd.Series | None, by_size: pd.Series) -> str:
    """A line for each coefficient."""
    lines = []
    for name, row in (("ID", by_id), ("ln N", by_size)):
        if row is None or pd.isna(row["estimate"]):
            lines.append(f"{name}: {'not fitted' if row is None else row['reason']}")
        else:
            lines.append(f"{name} {with_interval(row['estimate'], row['low'], row['high'])}")
    if pd.notna(by_size["r_squared"]):
        lines[-1] += f", R² = {by_size['r_squared']:.2f}"
    return "\n".join(lines)


@styled
def slopes(lines: pd.DataFrame) -> Figure:
    """The slope of accuracy on ID for each network and N, and their mean with its interval.

    Args:
        lines: rows of accuracy_vs_id of kinds `line` and `mean`.
    """
    single, means = (lines[lines["kind"] == kind] for kind in ("line", "mean"))
    models = list(dict.fromkeys(single["model"]))
    colors = size_colors(single["n_train"].astype(int))
    figure = new_figure(TWO_COLUMNS, 30 + 5.5 * (len(models) + 1))
    for axis, domain, rows in domain_panels(figure, single, sharex=True):
        mean = only_row(means, domain=domain)
        axis.set_yticks(range(len(models) + 1), ["mean", *reversed(models)])
        axis.set_ylim(-0.6, len(models) + 0.6)
        axis.tick_params(axis="y", length=0)
        axis.axvline(0, color=GREY, lw=0.6)
        for number_, model in enumerate(reversed(models), 1):
            axis.axhline(number_, color=PALE, lw=0.5, zorder=0)
            of_model = rows[(rows["model"] == model) & rows["reason"].isna()]
            if of_model.empty:
                across = axis.get_yaxis_transform()
                axis.text(0.02, number_, "no slope", color=GREY, va="center", transform=across)
            for row in of_model.itertuples():
                color = colors[int(row.n_train)]
                axis.plot(row.estimate, number_, color=color, marker=MARKERS[domain])
        _mean_slope(axis, mean, domain)
        if rows["reason"].notna().all():
            axis.set_axis_off()
        axis.set_xlabel("slope of accuracy on ID [per dimension]")
        axis.locator_params(axis="x", nbins=5)
    figure.legend(handles=size_handles(colors), loc="outside upper left", ncols=7)
    return figure


def _mean_slope(axis: Axes, mean: pd.Series | None, domain: str) -> None:
    if mean is None or pd.isna(mean["estimate"]) or pd.isna(mean["low"]):
        axis.set_title(f"{domain}\nno slope: {'not fitted' if mean is None else mean['reason']}")
        return
    axis.axvspan(mean["low"], mean["high"], color=COLORS[domain], alpha=0.12, lw=0)
    axis.plot([mean["low"], mean["high"]], [0, 0], color=COLORS[domain], lw=1.4)
    axis.plot(mean["estimate"], 0, color=COLORS[domain], marker=MARKERS[domain], ms=6)
    values = with_interval(mean["estimate"], mean["low"], mean["high"])
    axis.set_title(f"{domain_heading(domain, int(mean['n_collections']))}\nmean {values}")
