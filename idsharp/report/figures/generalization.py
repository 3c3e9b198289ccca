"""The test loss against dimension, training size and label sharpness: the law of ICLR 2024."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from idsharp.report.figures.marks import (
    domain_handles,
    fitted_line,
    limits_of_points,
    only_row,
    say,
    size_colors,
    size_handles,
    with_notes,
)
from idsharp.report.figures.means import by_cell
from idsharp.report.figures.names import name_points
from idsharp.report.figures.style import (
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
from idsharp.report.wording import count, number, with_interval

#: Networks that have a panel; the rest is in the grids.
_PANELS, _COLUMNS = 6, 3
_LOSS = "log_loss"
#: Collections below which one is not predicted from the others.
_FEWEST = 5
#: Points that have room for their names in one of three panels, the farthest from the line.
_NAMED = 6
_KINDS = {
    "without K_F": "(ln N)/d",
    "with K_F": "(ln N)/d and ln $K_F$",
    "with domain": "(ln N)/d and domain",
}


def log_loss_vs_id(runs: pd.DataFrame) -> Figure:
    """Log test loss against the ID of the pool, a panel for each network."""
    return _by_model(runs, "pool_id", "intrinsic dimension of the pool, $d_\\mathrm{data}$")


def log_loss_vs_rate(runs: pd.DataFrame) -> Figure:
    """Log test loss against (ln N)/d, along which the law has a slope of −1."""
    return _by_model(runs, "log_n_over_pool_id", "(ln N) / $d_\\mathrm{data}$")


def log_loss_vs_representation_id(runs: pd.DataFrame) -> Figure:
    """Log test loss against the ID of the penultimate representation."""
    label = "intrinsic dimension of the representation, $d_\\mathrm{repr}$"
    return _by_model(runs, "representation_id", label)


@styled
def _by_model(runs: pd.DataFrame, x: str, label: str) -> Figure:
    """A point per collection and N, colored by N; a line through each domain's collections."""
    runs = with_logs(runs)
    models = list(dict.fromkeys(runs["model"]))[:_PANELS]
    columns = min(_COLUMNS, max(len(models), 1))
    rows = max(-(-len(models) // columns), 1)
    figure = new_figure(ONE_COLUMN if columns == 1 else TWO_COLUMNS, 30 + 46 * rows)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    points = by_cell(runs[runs["model"].isin(models)], ["model", "n_train"], [x, _LOSS])
    colors = size_colors(points["n_train"])
    if not len(points):
        say(axes[0], "no network was trained")
    for axis, model in zip(axes, models, strict=False):
        for domain, group in points[points["model"] == model].groupby("domain"):
            style = {"marker": MARKERS[domain], "s": 12, "lw": 0}
            axis.scatter(group[x], group[_LOSS], c=group["n_train"].map(colors), **style)
            means = group.groupby("collection", as_index=False)[[x, _LOSS]].mean()
            fitted_line(axis, means, x, _LOSS, domain)
        n = points.loc[points["model"] == model, "collection"].nunique()
        axis.set_title(f"{model}, {count(n, 'collection')}")
    for axis in axes[len(models) :]:
        axis.set_axis_off()
    limits_of_points(axes[0], points, x, _LOSS)
    figure.supxlabel(label)
    figure.supylabel("log test loss, ln L [L in nats]")
    lines = [
        handle(d, marker=MARKERS[d], color=GREY, linestyle=LINES[d])
        for d in sorted(points["domain"].unique())
    ]
    columns = 2 if figure.get_figwidth() < 5 else 5
    figure.legend(handles=[*lines, *size_handles(colors)], loc="outside upper left", ncols=columns)
    return with_notes(figure, runs)


def with_logs(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs with ln L and (ln N)/d; a loss of zero has no logarithm and becomes missing."""
    return runs.assign(
        log_loss=np.log(runs["test_loss"].where(runs["test_loss"] > 0)),
        log_n_over_pool_id=np.log(runs["n_train"]) / runs["pool_id"],
    )


@styled
def exponents(table: pd.DataFrame) -> Figure:
    """How fast each collection's loss falls with N, α = −d ln L/d ln N, against 1/d.

    Args:
        table: exponents of all losses.
    """
    figure = new_figure(ONE_COLUMN, 82)
    axis = figure.subplots()
    points = table[table["kind"] == "collection"].dropna(subset=["exponent"])
    for domain, group in points.groupby("domain"):
        below = (group["exponent"] - group["exponent_low"]).fillna(0).clip(lower=0)
        above = (group["exponent_high"] - group["exponent"]).fillna(0).clip(lower=0)
        axis.errorbar(
            group["inverse_id"], group["exponent"], yerr=[below, above], **marker(domain),
            elinewidth=0.7,
        )  # fmt: skip
    if not len(points):
        say(axis, "no exponent: every collection needs two N")
        return figure
    axis.axhline(0, color=GREY, lw=0.6)
    axis.margins(0.16)
    ends = np.array([0.8 * points["inverse_id"].min(), 1.15 * points["inverse_id"].max()])
    axis.plot(ends, ends, color=GREY, linestyle=":")
    axis.set_xlabel("1/d of the pool")
    axis.set_ylabel("exponent α = −d ln L / d ln N,\n95 % interval over networks")
    gap = only_row(table, kind="mean")
    words = f"{count(len(points), 'collection')}"
    if gap is not None and pd.notna(gap["low"]):
        mean = with_interval(gap["estimate"], gap["low"], gap["high"])
        words += f"\nmean of α − 1/d: {mean}"
    axis.set_title(words)
    handles = [*domain_handles(points["domain"]), handle("α = 1/d", color=GREY, linestyle=":")]
    figure.legend(handles=handles, loc="outside upper left", ncols=3)
    name_points(axis, points, "inverse_id", "exponent")
    return figure


@styled
def observed_vs_predicted(predictions: pd.DataFrame) -> Figure:
    """Mean ln L of each collection against what the other collections predict for it.

    Args:
        predictions: the table of this name, of one dimension and all losses.
    """
    found = predictions.dropna(subset=["predicted", _LOSS])
    n = found["collection"].nunique()
    kinds = [kind for kind in _KINDS if n >= _FEWEST and (found["kind"] == kind).any()]
    figure = new_figure(TWO_COLUMNS, 74)
    axes = figure.subplots(1, max(len(kinds), 1), squeeze=False, sharex=True, sharey=True)[0]
    if not kinds:
        say(axes[0], f"no prediction: {count(n, 'collection')}, {_FEWEST} are needed")
    shown = found[found["kind"].isin(kinds)]
    for axis, kind in zip(axes, kinds, strict=False):
        points = found[found["kind"] == kind]
        for domain, group in points.groupby("domain"):
            axis.plot(group["predicted"], group[_LOSS], **marker(domain))
        error = np.sqrt(((points["predicted"] - points[_LOSS]) ** 2).mean())
        words = f"{count(len(points), 'collection')}, RMSE {number(error)}"
        axis.set_title(f"from {_KINDS[kind]}\n{words}")
        axis.set_xlabel("predicted from the other collections")
        middle = points[_LOSS].mean()
        axis.axline((middle, middle), slope=1, color=GREY, linestyle=":", zorder=0)
        axis.margins(0.16)
    for axis, kind in zip(axes, kinds, strict=False):
        points = found[found["kind"] == kind]
        error = (points["predicted"] - points[_LOSS]).abs()
        name_points(axis, points, "predicted", _LOSS, error.rank(ascending=False) <= _NAMED)
    axes[0].set_ylabel("observed mean of ln L")
    figure.legend(handles=domain_handles(shown["domain"]), loc="outside upper left", ncols=2)
    return figure
