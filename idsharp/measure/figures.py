"""The figures of `idsharp measure`, one function each, from what was measured."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from idsharp.common.records import atomic_path
from idsharp.datasets import Dataset
from idsharp.measure.published import Chart
from idsharp.measure.run import Measured
from idsharp.properties.dimension import local_dimensions
from idsharp.properties.estimators import of_family
from idsharp.report.figures.style import COLORS, MARKERS
from idsharp.tasks.images import standardize

_BLUE, _ORANGE, _GREEN, _GREY = "#0072B2", "#D55E00", "#009E73", "#555555"
_PAIRS_SHOWN = 6
_GROUPS_SHOWN = 4
_NAME_LENGTH = 26


def write_figures(
    folder: Path, record: dict, measured: Measured, dataset: Dataset, charts: list[Chart]
) -> list[str]:
    """Write every figure that the measurement has data for, as PNG and PDF; return their names."""

    def read(position: int) -> np.ndarray:
        size = record["height"] if record["resized"] else None
        pixels = dataset.read(measured.index["where"][position])
        return standardize(pixels, size, record["channels"], record["scaling"])

    figures: dict[str, Figure] = {}
    if record.get("sharpest_pairs"):
        figures["sharpest_pairs"] = sharpest_pairs(record, measured)
    if record.get("label_sharpness_curve_m"):
        figures["sharpness_over_m"] = sharpness_over_m(record)
    if record.get("id_curve_k"):
        figures["dimension_over_k"] = dimension_over_k(record)
    if record.get("local_id_median") is not None:
        figures["local_dimension"] = local_dimension(record, measured)
    if len(measured.exact.members) or len(measured.near.pairs):
        figures["duplicates"] = duplicates(record, measured, read)
    if any(chart.rows for chart in charts):
        figures["against"] = against(charts)
    for name, figure in figures.items():
        for suffix in (".png", ".pdf"):
            with atomic_path(folder / f"{name}{suffix}") as temporary:
                figure.savefig(temporary, dpi=200)
    return sorted(figures)


def sharpest_pairs(record: dict, measured: Measured) -> Figure:
    """The most similar images with different labels, nearest pair first."""
    position = {name: i for i, name in enumerate(measured.index["id"].to_numpy()[measured.pool])}
    pairs = record["sharpest_pairs"][:_PAIRS_SHOWN]
    figure, axes = _pair_grid(len(pairs))
    for number, (axis, pair) in enumerate(zip(axes, pairs, strict=True), start=1):
        _show_pair(
            axis,
            [measured.images[position[pair[which]]] for which in ("first", "second")],
            [pair["first_label"], pair["second_label"]],
            [pair["first"], pair["second"]],
            f"{number}. L2 distance {pair['distance']:.0f}, RMS {pair['rms_difference']:.1f} "
            "of 255",
        )
    figure.suptitle("The most similar images with different labels", fontsize=10)
    return figure


def dimension_over_k(record: dict) -> Figure:
    """MLE over the number of neighbours, both normalisations, with 95 % bands."""
    figure = Figure(figsize=(4.6, 3.4))
    axis = figure.subplots()
    ks = np.array(record["id_curve_k"])
    variants = of_family("mle").items()
    for (name, estimator), colour, marker in zip(variants, (_BLUE, _ORANGE), "os", strict=True):
        values = np.array(record[f"{name}_curve"])
        reach = 1.96 * np.array(record[f"{name}_curve_se"])
        axis.plot(ks, values, marker=marker, ms=4, color=colour, label=estimator.short)
        axis.fill_between(ks, values - reach, values + reach, color=colour, alpha=0.2, lw=0)
    axis.axvline(record["k"], color=_GREY, lw=0.8, ls=":", zorder=0)
    axis.set_ylim(bottom=0)
    axis.set_xlabel(f"neighbours k (dotted: k = {record['k']})")
    axis.set_ylabel("intrinsic dimension, 95 % interval")
    axis.set_title(f"{record['name']}, {record['n_images']} images", fontsize=9, loc="left")
    axis.legend(loc="best")
    return figure


def local_dimension(record: dict, measured: Measured) -> Figure:
    """Histogram of the dimension at each image, with the estimate over all of them."""
    local = local_dimensions(measured.found.neighbors.distances, record["k"])
    local = local[np.isfinite(local)]
    top = float(np.quantile(local, 0.99))
    figure = Figure(figsize=(4.6, 3.2))
    axis = figure.subplots()
    axis.hist(local[local <= top], bins=50, color=_BLUE, alpha=0.85)
    axis.axvline(
        np.median(local), color="black", lw=1.2, ls="--", label=f"median {np.median(local):.1f}"
    )
    axis.axvline(
        record["id_mle_k2"], color=_ORANGE, lw=1.6, label=f"MLE (k−2) {record['id_mle_k2']:.1f}"
    )
    axis.set_xlim(left=0)
    axis.set_xlabel(f"dimension at one image, k = {record['k']} (top 1 % not shown)")
    axis.set_ylabel("images")
    axis.set_title(f"{record['name']}, {len(local)} different images", fontsize=9, loc="left")
    axis.legend(loc="upper right")
    return figure


def sharpness_over_m(record: dict) -> Figure:
    """K_F as a function of the number of images, mean and SD over draws, and over all pairs."""
    figure = Figure(figsize=(4.6, 3.4))
    axis = figure.subplots()
    m = np.array(record["label_sharpness_curve_m"])
    values = np.array(record["label_sharpness_curve"])
    spread = np.array(record["label_sharpness_curve_sd"])
    axis.plot(m, values, marker="o", ms=4, color=_BLUE, label="mean ± SD of draws")
    axis.fill_between(m, values - spread, values + spread, color=_BLUE, alpha=0.2, lw=0)
    axis.plot(
        record["n_images"], record["label_sharpness_all"], marker="D", ls="none", color=_ORANGE,
        label="all images",
    )  # fmt: skip
    axis.set_xscale("log")
    axis.set_ylim(0, 1.1 * max(record["label_sharpness_all"], (values + spread).max()))
    axis.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
    axis.set_xlabel("images M")
    axis.set_ylabel("label sharpness $K_F$ [1/intensity]")
    axis.set_title(record["name"], fontsize=9, loc="right")
    axis.legend(loc="lower right")
    return figure


def duplicates(record: dict, measured: Measured, read: Callable[[int], np.ndarray]) -> Figure:
    """Some identical images, those across classes and splits first, and some near-duplicates."""
    index, exact, near = measured.index, measured.exact, measured.near
    # Lexicographic: what contradicts itself comes first, then what leaks.
    order = np.lexsort((~exact.across_splits, ~exact.across_classes))[:_GROUPS_SHOWN]
    pairs = [
        (_telling_pair(exact.members[i], index), f"identical, group of {len(exact.members[i])}")
        for i in order
    ]
    # Evenly over the differences, so that the threshold can be judged.
    shown = np.unique(np.linspace(0, len(near.pairs) - 1, _GROUPS_SHOWN).round().astype(int))
    shown = shown if len(near.pairs) else []
    pairs += [(near.pairs[i], f"nearly identical, RMS {near.differences[i]:.2f}") for i in shown]
    figure, axes = _pair_grid(len(pairs), columns=2)
    for axis, (members, words) in zip(axes, pairs, strict=True):
        samples = index.iloc[list(members)]
        titles = [
            " · ".join(filter(None, both)) or "no label"
            for both in zip(samples["label"], samples["split"], strict=True)
        ]
        _show_pair(axis, [read(i) for i in members], titles, list(samples["id"]), words)
    figure.suptitle(
        f"{record['n_duplicates']} copies of other images, {record['n_near_duplicate_pairs']} "
        f"near-duplicate pairs (RMS < {record['near_duplicate_threshold']:g} of 255)",
        fontsize=10,
    )
    return figure


def against(charts: list[Chart]) -> Figure:
    """The dataset among the papers' values, a panel a chart."""
    charts = [chart for chart in charts if chart.rows]
    longest = max(len(chart.rows) for chart in charts)
    figure = Figure(figsize=(3.5 * len(charts), 0.27 * longest + 1.5))
    panels = figure.subplots(1, len(charts), squeeze=False)[0]
    figure.get_layout_engine().set(w_pad=0.12)
    for axis, chart in zip(panels, charts, strict=True):
        sharpness = chart.quantity == "label_sharpness"
        # In units of 10⁻⁴, so that no factor stands beside the axis.
        factor = 1e4 if sharpness else 1.0
        for y, (_, domain, value) in enumerate(chart.rows):
            style = (
                {"marker": "*", "ms": 12, "color": _GREEN}
                if domain is None
                else {"marker": MARKERS[domain], "ms": 5, "color": COLORS[domain]}
            )
            axis.plot(factor * value, y, ls="none", **style)
            axis.axhline(y, color="#dddddd", lw=0.6, zorder=0)
        axis.set_yticks(range(len(chart.rows)), [_short(name) for name, _, _ in chart.rows])
        for tick, (_, domain, _) in zip(axis.get_yticklabels(), chart.rows, strict=True):
            tick.set_color(_GREEN if domain is None else COLORS[domain])
            tick.set_fontweight("bold" if domain is None else "normal")
        axis.set_xlim(left=0)
        axis.margins(x=0.1)
        axis.set_xlabel(
            "label sharpness $K_F$ [$10^{-4}$/intensity]" if sharpness else "intrinsic dimension"
        )
        axis.set_title(chart.title.replace("K_F", "$K_F$"), fontsize=9, loc="left")
    domains = sorted({domain for chart in charts for _, domain, _ in chart.rows if domain})
    for domain in domains:
        panels[0].plot([], [], ls="none", marker=MARKERS[domain], color=COLORS[domain], ms=5,
                       label=domain)  # fmt: skip
    panels[0].plot([], [], ls="none", marker="*", color=_GREEN, ms=10, label="this dataset")
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def _telling_pair(members: np.ndarray, index: pd.DataFrame) -> tuple[int, int]:
    """Two of a group: of different labels, else of different splits, where there are such."""
    for column in ("label", "split"):
        values = index[column].to_numpy()[members]
        others = members[values != values[0]]
        if len(others):
            return members[0], others[0]
    return members[0], members[1]


def _pair_grid(count: int, columns: int = 3) -> tuple[Figure, list]:
    """A figure with an axis for each pair, so many to a row."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(max(3.6 * columns, 4.6), 2.45 * rows + 0.4))
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes:
        axis.set_axis_off()
    return figure, axes[:count]


def _show_pair(
    axis, images: list[np.ndarray], titles: list[str], names: list[str], caption: str
) -> None:
    """Two images side by side in one axis, so that no other comes between them."""
    left, right = (np.moveaxis(image, 0, 2) for image in images)
    height, width = left.shape[:2]
    gap = np.full((height, max(1, width // 30), left.shape[2]), 255, np.uint8)
    both = np.concatenate([left, gap, right], axis=1)
    axis.imshow(both.squeeze(), cmap="gray", vmin=0, vmax=255)
    for x, title, name in zip((0.25, 0.75), titles, names, strict=True):
        options = {"ha": "center", "transform": axis.transAxes}
        axis.text(x, 1.02, _short(title), fontsize=9, va="bottom", **options)
        axis.text(x, -0.02, _short(name), fontsize=6, va="top", color=_GREY, **options)
    axis.text(0.5, -0.11, caption, fontsize=8, va="top", ha="center", transform=axis.transAxes)


def _short(name: str) -> str:
    """The end of a long name, where ids differ."""
    name = name.replace(os.sep, "/")
    return name if len(name) <= _NAME_LENGTH else "…" + name[1 - _NAME_LENGTH :]
