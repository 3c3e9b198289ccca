"""The plots of `idsharp measure`, one function each, from what was measured."""

import numpy as np
from matplotlib.figure import Figure

from idsharp.measure.compared import Compared
from idsharp.measure.expected import Expected
from idsharp.measure.published import Chart
from idsharp.measure.run import Measured
from idsharp.measure.text import printable
from idsharp.properties.dimension import local_dimensions
from idsharp.properties.estimators import ESTIMATORS, PUBLISHED, of_family
from idsharp.report.figures.style import (
    BLUE,
    COLORS,
    GREEN,
    GREY,
    INK,
    LINES,
    MARKERS,
    ONE_COLUMN,
    ORANGE,
    PALE,
    handle,
    marker,
    new_figure,
    styled,
)

_HEIGHT = 62
_NAME_LENGTH = 26


@styled
def dimension_over_k(measured: Measured) -> Figure:
    """MLE over the number of neighbors, by both normalizations, with 95 % bands."""
    record = measured.record
    figure = new_figure(ONE_COLUMN, _HEIGHT)
    axis = figure.subplots()
    ks = np.array(record["id_curve_k"])
    variants = of_family("mle").items()
    for (name, estimator), color, shape in zip(variants, (BLUE, ORANGE), "os", strict=True):
        values = np.array(record[f"{name}_curve"])
        reach = 1.96 * np.array(record[f"{name}_curve_se"])
        axis.plot(ks, values, marker=shape, color=color, label=estimator.short)
        axis.fill_between(ks, values - reach, values + reach, color=color, alpha=0.2, lw=0)
    axis.axvline(record["k"], color=GREY, lw=0.8, ls=":", zorder=0)
    axis.set_ylim(bottom=0)
    axis.set_xlabel(f"neighbors k (dotted: k = {record['k']})")
    axis.set_ylabel("intrinsic dimension, 95 % interval")
    axis.set_title(f"{_named(measured)}, {record['n_images']} images")
    axis.legend(loc="best")
    return figure


@styled
def local_dimension(measured: Measured) -> Figure:
    """Histogram of the dimension at each image, with the estimate over all of them."""
    record = measured.record
    local = local_dimensions(measured.found.neighbors.distances, record["k"])
    local = local[np.isfinite(local)]
    top = float(np.quantile(local, 0.99))
    median, overall = float(np.median(local)), record[PUBLISHED]
    figure = new_figure(ONE_COLUMN, _HEIGHT)
    axis = figure.subplots()
    axis.hist(local[local <= top], bins=50, color=BLUE, alpha=0.85)
    axis.axvline(median, color=INK, lw=1.2, ls="--", label=f"median {median:.1f}")
    axis.axvline(
        overall, color=ORANGE, lw=1.6, label=f"{ESTIMATORS[PUBLISHED].short} {overall:.1f}"
    )
    axis.set_xlim(left=0)
    axis.set_xlabel(f"dimension at one image, k = {record['k']} (top 1 % not shown)")
    axis.set_ylabel("images")
    axis.set_title(f"{_named(measured)}, {len(local)} different images")
    axis.legend(loc="upper right")
    return figure


@styled
def sharpness_over_m(measured: Measured) -> Figure:
    """K_F as a function of the number of images, mean and SD over draws, and over all pairs."""
    record = measured.record
    figure = new_figure(ONE_COLUMN, _HEIGHT)
    axis = figure.subplots()
    m = np.array(record["label_sharpness_curve_m"])
    values = np.array(record["label_sharpness_curve"])
    spread = np.array(record["label_sharpness_curve_sd"])
    everything = record["label_sharpness_all"]
    axis.plot(m, values, marker="o", color=BLUE, label="mean ± SD of draws")
    axis.fill_between(m, values - spread, values + spread, color=BLUE, alpha=0.2, lw=0)
    axis.plot(
        record["label_sharpness_n"], everything, marker="D", ls="none", color=ORANGE,
        label="all images",
    )  # fmt: skip
    axis.set_xscale("log")
    axis.set_ylim(0, 1.1 * max(everything, (values + spread).max()))
    axis.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
    axis.set_xlabel("images M")
    axis.set_ylabel("label sharpness $K_F$ [1/intensity]")
    axis.set_title(_named(measured), loc="right")
    axis.legend(loc="lower right")
    return figure


@styled
def against(charts: list[Chart]) -> Figure:
    """The dataset among the papers' values, one panel per chart."""
    charts = [chart for chart in charts if chart.rows]
    longest = max(len(chart.rows) for chart in charts)
    figure = new_figure(ONE_COLUMN * len(charts), 6.5 * longest + 30)
    panels = figure.subplots(1, len(charts), squeeze=False)[0]
    figure.set_layout_engine("constrained", w_pad=0.12)
    for axis, chart in zip(panels, charts, strict=True):
        _draw_chart(axis, chart)
    domains = sorted({domain for chart in charts for _, domain, _ in chart.rows if domain})
    handles = [handle(domain, **marker(domain)) for domain in domains]
    handles.append(handle("this dataset", marker="*", color=GREEN, ms=10))
    figure.legend(handles=handles, loc="outside upper left", ncols=3)
    return figure


def _draw_chart(axis, chart: Chart) -> None:
    sharpness = chart.quantity == "label_sharpness"
    # In units of 10⁻⁴, so that no factor stands beside the axis.
    factor = 1e4 if sharpness else 1.0
    for y, (_, domain, value) in enumerate(chart.rows):
        own = {"marker": "*", "ms": 12, "color": GREEN}
        shown = own if domain is None else {"marker": MARKERS[domain], "color": COLORS[domain]}
        axis.plot(factor * value, y, ls="none", **shown)
        axis.axhline(y, color=PALE, lw=0.6, zorder=0)
    axis.set_yticks(range(len(chart.rows)), [shortened(name) for name, _, _ in chart.rows])
    for tick, (_, domain, _) in zip(axis.get_yticklabels(), chart.rows, strict=True):
        tick.set_color(GREEN if domain is None else COLORS[domain])
        tick.set_fontweight("bold" if domain is None else "normal")
    axis.set_xlim(left=0)
    axis.margins(x=0.1)
    axis.set_xlabel(
        "label sharpness $K_F$ [$10^{-4}$/intensity]" if sharpness else "intrinsic dimension"
    )
    axis.set_title(chart.title.replace("K_F", "$K_F$"))


@styled
def expected(found: Expected) -> Figure:
    """The band of a prediction over N, and the curves of the atlas's collections."""
    figure = new_figure(2 * ONE_COLUMN, _HEIGHT)
    for axis, (key, (sizes, band)) in zip(figure.subplots(1, 2), found.bands.items(), strict=True):
        curves = found.curves[key]
        for name in np.unique(curves.collections):
            own = curves.collections == name
            domain = curves.domains[own][0]
            style = {"color": COLORS[domain], "ls": LINES[domain], "lw": 0.7, "alpha": 0.6}
            axis.plot(curves.sizes[own], curves.values[own], **style)
        low, middle, high = band
        axis.fill_between(sizes, low, high, color=GREEN, alpha=0.2, lw=0)
        axis.plot(sizes, middle, color=GREEN, lw=2)
        axis.set_xscale("log")
        axis.set_xticks(sizes, [f"{n:.0f}" for n in sizes])
        axis.minorticks_off()
        axis.set_xlabel("training images N")
        axis.set_ylabel({"accuracy": "highest test accuracy", "loss": "test loss"}[key])
        axis.set_yscale({"accuracy": "linear", "loss": "log"}[key])
    handles = [handle("expected here, 90 % band", linestyle="-", color=GREEN, lw=2)]
    for domain in COLORS:
        handles.append(handle(f"atlas, {domain}", linestyle=LINES[domain], color=COLORS[domain]))
    figure.legend(handles=handles, loc="outside upper left", ncols=3)
    return figure


def shortened(name: str) -> str:
    """The end of a long name, where ids differ, as matplotlib can show it."""
    name = printable(name)
    name = name if len(name) <= _NAME_LENGTH else "…" + name[1 - _NAME_LENGTH :]
    # A dollar would begin a formula.
    return name.replace("$", r"\$")


def _named(measured: Measured) -> str:
    return shortened(measured.record["name"])


def plots_of(measured: Measured, compared: Compared) -> dict[str, Figure]:
    """Every plot that the measurement has data for, by name."""
    record = measured.record
    plots = {}
    if record.get("label_sharpness_curve_m"):
        plots["sharpness_over_m"] = sharpness_over_m(measured)
    if record.get("id_curve_k"):
        plots["dimension_over_k"] = dimension_over_k(measured)
    if record.get("local_id_median") is not None:
        plots["local_dimension"] = local_dimension(measured)
    if any(chart.rows for chart in compared.charts):
        plots["against"] = against(compared.charts)
    if compared.expected and compared.expected.bands:
        plots["expected"] = expected(compared.expected)
    return plots
