"""The figures of a study, one function each, from its tables.

Colours are from Okabe & Ito's palette, and domains differ in marker too, so that the figures read
without colour.
"""

import textwrap

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from idsharp.properties.estimators import ESTIMATORS, of_another_family
from idsharp.report import regressions

matplotlib.use("Agg")
matplotlib.rcParams.update(
    {
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.dpi": 200,
        "figure.constrained_layout.use": True,
        "legend.frameon": False,
        # Text stays text in PDFs.
        "pdf.fonttype": 42,
    }
)

COLOURS = {"natural": "#0072B2", "radiology": "#D55E00"}
MARKERS = {"natural": "o", "radiology": "s"}
GREY = "#555555"
#: Training sizes that get a column of their own in grids; more would be too small to read.
_SIZES_SHOWN = 3


# Images that stand beside each other.
_IN_A_STRIP = 5


def samples(
    images: dict[str, tuple[np.ndarray, np.ndarray, list[str]]], datasets: pd.DataFrame
) -> Figure:
    """The first images of the first two classes of each task, or of the task where it has others.

    Args:
        images: for each task some images (n×C×H×W uint8, n ≥ 2), their class numbers and names.
    """
    figure = Figure(figsize=(1.5 + 0.72 * _IN_A_STRIP * 2, 0.95 * len(images) + 0.4))
    axes = figure.subplots(len(images), 2, squeeze=False)
    domains = datasets.set_index("task")["domain"]
    for row, (task, (pixels, labels, names)) in zip(axes, images.items(), strict=True):
        for axis, (name, members) in zip(row, _strips(labels, names), strict=True):
            strip = np.concatenate([np.moveaxis(pixels[i], 0, 2) for i in members], axis=1)
            axis.imshow(strip.squeeze(), cmap="gray", vmin=0, vmax=255)
            axis.set_axis_off()
            axis.set_title(name, fontsize=8, color=GREY, loc="left", pad=2)
        title = f"{task}\n({domains[task]})"
        options = {"ha": "right", "va": "center", "color": COLOURS[domains[task]]}
        row[0].text(-0.03, 0.5, title, transform=row[0].transAxes, **options)
    return with_notes(figure, datasets)


def _strips(labels: np.ndarray, names: list[str]) -> list[tuple[str, np.ndarray]]:
    """Heading and positions of the images of two strips."""
    classes = [np.flatnonzero(labels == number)[:_IN_A_STRIP] for number in (0, 1)]
    if min(map(len, classes)) == _IN_A_STRIP:
        return [(names[members[0]], members) for members in classes]
    # One class, none, or so many that each shows few images.
    heading = "" if len(np.unique(labels)) == 1 else "several classes"
    left, right = np.array_split(np.arange(min(len(labels), 2 * _IN_A_STRIP)), 2)
    return [(heading, left), ("", right)]


def id_by_domain(properties: pd.DataFrame, estimator: str) -> Figure:
    """ID of each task's pool and training sets, grouped by domain."""
    figure, axis, pools = _dot_plot(properties, estimator)
    other = of_another_family(estimator)
    shown, beside = ESTIMATORS[estimator].short, ESTIMATORS[other].short
    for y, (_, pool) in enumerate(pools.iterrows()):
        trained = _training_sets(properties, pool["task"])[estimator]
        axis.plot(trained, [y] * len(trained), "|", color=GREY, ms=9, zorder=1)
        interval = 1.96 * pool[f"{estimator}_se"]
        axis.errorbar(pool[estimator], y, xerr=interval, **_style(pool["domain"]), capsize=3)
        axis.plot(pool[other], y, **_style(pool["domain"]) | {"mfc": "white"}, zorder=2)
    handles = [
        handle(f"pool, {shown}, 95 % interval", marker="o", color=GREY),
        handle(f"pool, {beside}", marker="o", color=GREY, mfc="white"),
        handle(f"training sets, {shown}", marker="|", color=GREY, ms=9),
    ]
    axis.set_xlabel("intrinsic dimension")
    _from_zero(axis)
    return _dot_plot_finish(figure, axis, properties, handles)


def sharpness_by_domain(properties: pd.DataFrame) -> Figure:
    """K_F of each task at M images and over all pairs, grouped by domain."""
    figure, axis, pools = _dot_plot(properties, "label_sharpness")
    for y, (_, pool) in enumerate(pools.iterrows()):
        spread = pool["label_sharpness_sd"] if pool["label_sharpness_draws"] > 1 else 0
        axis.errorbar(pool["label_sharpness"], y, xerr=spread, **_style(pool["domain"]), capsize=3)
        style = _style(pool["domain"]) | {"mfc": "white"}
        axis.plot(pool["label_sharpness_all"], y, **style, zorder=1)
        if np.isnan(pool["label_sharpness"]):
            axis.text(0, y, "  undefined", color=GREY, fontsize=8, va="center")
    sizes = sorted(pools["label_sharpness_m"].unique().astype(int))
    shown = f"M = {sizes[-1]}" if len(sizes) == 1 else f"M = {sizes[0]} to {sizes[-1]}"
    handles = [
        handle(f"{shown} images, mean ± SD of draws", marker="o", color=GREY),
        handle("all pairs of the pool", marker="o", color=GREY, mfc="white"),
    ]
    _from_zero(axis)
    axis.ticklabel_format(axis="x", style="sci", scilimits=(0, 0), useMathText=True)
    axis.set_xlabel("label sharpness $K_F$ [1/intensity]")
    return _dot_plot_finish(figure, axis, properties, handles)


def accuracy_vs_id(runs: pd.DataFrame) -> Figure:
    """Highest test accuracy against the ID of the pool, with a line for each domain."""
    figure = _grid(runs, "pool_id", "highest_test_accuracy")
    figure.supxlabel("intrinsic dimension of the dataset", fontsize=9)
    figure.supylabel("highest test accuracy", fontsize=9)
    return with_notes(figure, runs)


def log_loss_vs_id(runs: pd.DataFrame) -> Figure:
    """Test loss (logarithmic) against the ID of the training set, with a line for each domain."""
    figure = _grid(runs, "data_id", "test_loss", logarithmic=True)
    figure.supxlabel("intrinsic dimension of the training set, $d_\\mathrm{data}$", fontsize=9)
    figure.supylabel("test loss [nats], logarithmic", fontsize=9)
    return with_notes(figure, runs)


def loss_penalty_vs_sharpness(attacks: pd.DataFrame, epsilon: int) -> Figure:
    """Loss penalty at one ε against K_F, a panel for each attack; a point is a task."""
    shown = attacks[attacks["epsilon_255"] == epsilon]
    names = list(shown["attack"].unique())
    figure = Figure(figsize=(4.6 * len(names), 3.6))
    for axis, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        points = regressions.penalty_points(shown[shown["attack"] == name])
        _penalty_panel(axis, points)
        axis.set_ylabel(f"loss penalty, {name.upper()} ε = {epsilon}/255 [nats]")
    return with_notes(figure, attacks)


def _penalty_panel(axis, points: pd.DataFrame) -> None:
    for domain, group in points.groupby("domain"):
        axis.plot(group["label_sharpness"], group["loss_penalty"], **_style(domain), label=domain)
    result = regressions.correlation(points, "label_sharpness", "loss_penalty")
    if not result.get("reason"):
        low, high = result["pearson_low"], result["pearson_high"]
        interval = "" if low is None else f" [{low:.2f}, {high:.2f}]"
        title = f"Pearson r = {result['pearson_r']:.2f}{interval}, n = {result['n']} tasks"
    else:
        title = f"no correlation: {result['reason']}"
    axis.set_title(title, fontsize=9, loc="left")
    axis.margins(0.16)
    _label_points(axis, points, "label_sharpness", "loss_penalty")
    axis.ticklabel_format(axis="x", style="sci", scilimits=(0, 0), useMathText=True)
    axis.set_xlabel("label sharpness $K_F$ of the training sets [1/intensity]")
    if len(points):
        axis.legend(loc="best")


def representation_vs_data(runs: pd.DataFrame) -> Figure:
    """ID of the penultimate representation against that of the training set; a point is a run."""
    figure = Figure(figsize=(4.6, 4.0))
    axis = figure.subplots()
    sizes = sorted(runs["n_train"].unique())
    areas = dict(zip(sizes, np.linspace(14, 60, len(sizes)), strict=True))
    for domain, group in runs.groupby("domain"):
        axis.scatter(
            group["data_id"],
            group["representation_id"],
            s=group["n_train"].map(areas),
            marker=MARKERS[domain],
            color=COLOURS[domain],
            alpha=0.75,
            linewidths=0,
            label=domain,
        )
    both = runs[["data_id", "representation_id"]].dropna().to_numpy()
    top = 1.06 * (both.max() if len(both) else 1)
    axis.plot([0, top], [0, top], "--", color=GREY, lw=1, zorder=0)
    axis.annotate(
        "$d_\\mathrm{repr} = d_\\mathrm{data}$", (0.86 * top, 0.86 * top), color=GREY, rotation=45,
        rotation_mode="anchor", xytext=(-4, 5), textcoords="offset points", ha="center",
    )  # fmt: skip
    axis.set(xlim=(0, top), ylim=(0, top), aspect="equal")
    axis.set_xlabel("$d_\\mathrm{data}$: intrinsic dimension of the training set")
    axis.set_ylabel("$d_\\mathrm{repr}$: intrinsic dimension of the representation")
    handles = [
        handle(d, marker=MARKERS[d], color=COLOURS[d]) for d in sorted(runs["domain"].unique())
    ]
    for size in dict.fromkeys((sizes[0], sizes[-1])):
        handles.append(handle(f"N = {size}", marker="o", color=GREY, ms=np.sqrt(areas[size])))
    axis.legend(handles=handles, loc="upper left")
    return with_notes(figure, runs)


def _grid(runs: pd.DataFrame, x: str, y: str, logarithmic: bool = False) -> Figure:
    """Panels by network (rows) and training size (columns), with a fitted line a domain."""
    models = list(dict.fromkeys(runs["model"]))
    sizes = sorted(runs["n_train"].unique())
    if len(sizes) > _SIZES_SHOWN:
        sizes = [sizes[i] for i in np.linspace(0, len(sizes) - 1, _SIZES_SHOWN).round().astype(int)]
    figure = Figure(figsize=(0.7 + 2.35 * len(sizes), 0.9 + 2.4 * len(models)))
    axes = figure.subplots(len(models), len(sizes), squeeze=False, sharex=True, sharey=True)
    for row, model in zip(axes, models, strict=True):
        for axis, size in zip(row, sizes, strict=True):
            panel = runs[(runs["model"] == model) & (runs["n_train"] == size)]
            _panel(axis, panel, x, y, logarithmic)
            axis.set_title(f"{model}, N = {size}", fontsize=9, pad=24, loc="left")
    handles = [
        handle(d, marker=MARKERS[d], color=COLOURS[d]) for d in sorted(runs["domain"].unique())
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _panel(axis, panel: pd.DataFrame, x: str, y: str, logarithmic: bool) -> None:
    texts = []
    for domain, group in panel.groupby("domain"):
        axis.plot(group[x], group[y], **_style(domain))
        response = np.log(group[y].where(group[y] > 0)) if logarithmic else group[y]
        line = regressions.fit(group.assign(response=response), "response", [x])
        if line.get("reason"):
            n_tasks = group["task"].nunique()
            few = f"no line: {n_tasks} task{'s' if n_tasks > 1 else ''}"
            texts.append((few if n_tasks < 3 else "no line: no variation", COLOURS[domain]))
            continue
        ends = np.array([group[x].min(), group[x].max()])
        values = line["intercept"] + line[f"{x}_slope"] * ends
        axis.plot(ends, np.exp(values) if logarithmic else values, color=COLOURS[domain], lw=1)
        texts.append((f"R² = {line['r_squared']:.2f}, n = {line['n']}", COLOURS[domain]))
    if logarithmic:
        axis.set_yscale("log")
    axis.margins(x=0.12)
    # Above the panel, where no point can be.
    for number, (text, colour) in enumerate(reversed(texts)):
        axis.annotate(
            text,
            (0, 1),
            xytext=(0, 3 + 9 * number),
            xycoords="axes fraction",
            textcoords="offset points",
            color=colour,
            fontsize=7,
        )


def _dot_plot(properties: pd.DataFrame, by: str):
    """An axis with a row for each task, sorted by a column within its domain."""
    pools = properties[properties["subset"] == "pool"].sort_values(["domain", by])
    figure = Figure(figsize=(5.6, 0.36 * len(pools) + 1.5))
    axis = figure.subplots()
    axis.set_yticks(range(len(pools)), pools["task"])
    for tick, domain in zip(axis.get_yticklabels(), pools["domain"], strict=True):
        tick.set_color(COLOURS[domain])
    axis.set_ylim(-0.6, len(pools) - 0.4)
    axis.grid(axis="x", color="#dddddd", lw=0.6)
    axis.set_axisbelow(True)
    return figure, axis, pools


def _from_zero(axis) -> None:
    """Begin at zero, and end where the last marker is whole."""
    last = axis.dataLim.x1
    axis.set_xlim(0, 1.06 * last if np.isfinite(last) and last > 0 else 1)


def _dot_plot_finish(figure: Figure, axis, properties: pd.DataFrame, handles: list) -> Figure:
    domains = [
        handle(d, marker=MARKERS[d], color=COLOURS[d])
        for d in sorted(properties["domain"].unique())
    ]
    figure.legend(handles=domains + handles, loc="outside upper left", ncols=2, fontsize=8)
    return with_notes(figure, properties)


def _training_sets(properties: pd.DataFrame, task: str) -> pd.DataFrame:
    return properties[(properties["task"] == task) & (properties["subset"] != "pool")]


def _style(domain: str) -> dict:
    return {"marker": MARKERS[domain], "color": COLOURS[domain], "linestyle": "none", "ms": 5}


def handle(label: str, **style):
    options = {"linestyle": "none", "ms": 5} | style
    return matplotlib.lines.Line2D([], [], label=label, **options)


def _label_points(axis, points: pd.DataFrame, x: str, y: str) -> None:
    """Names above and below the points in turn, so that neighbours' names do not meet."""
    for number, (_, point) in enumerate(points.sort_values(x).iterrows()):
        above = number % 2 == 0
        axis.annotate(
            point["task"],
            (point[x], point[y]),
            xytext=(0, 5 if above else -5),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontsize=7,
            color=GREY,
        )


def with_notes(figure: Figure, table: pd.DataFrame) -> Figure:
    """Below the figure, the notes that must stand beside everything shown of a dataset."""
    if "note" not in table:
        return figure
    noted = table.dropna(subset=["note"]).drop_duplicates("task")
    lines = []
    for note, group in noted[noted["note"] != ""].groupby("note"):
        lines += textwrap.wrap(f"{', '.join(sorted(group['task']))}: {note}", 80)
    if lines:
        figure.supxlabel(
            "\n".join([*filter(None, [figure.get_supxlabel()]), *lines]), fontsize=8, color=GREY
        )
    return figure
