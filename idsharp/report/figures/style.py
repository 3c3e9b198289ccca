"""How every figure looks and is saved: one palette, two widths, one `save`.

Nothing here changes matplotlib for the program that imports it: settings hold inside a function
marked `styled` and inside `save`, and nowhere else. Colors are Okabe & Ito's (2008), which stay
apart for color-blind readers; domains differ in marker and line as well, so that the figures read
in grey.
"""

import functools
from collections.abc import Callable
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from idsharp.common.records import atomic_path

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
GREY, PALE, INK = "#555555", "#DDDDDD", "#000000"

COLORS = {"natural": BLUE, "radiology": ORANGE}
MARKERS = {"natural": "o", "radiology": "s"}
LINES = {"natural": "-", "radiology": "--"}

#: Widths of a figure in a journal of two columns, in mm.
ONE_COLUMN, TWO_COLUMNS = 85, 174

#: Points. No text of a figure is smaller than SMALL at the figure's own width.
SMALL, MEDIUM = 7, 8

RC = {
    "font.family": "sans-serif",
    # The first comes with matplotlib; a browser that shows an SVG may lack it.
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
    "font.size": SMALL,
    "axes.titlesize": MEDIUM,
    "axes.titlelocation": "left",
    "axes.labelsize": SMALL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "figure.titlesize": MEDIUM,
    "figure.labelsize": SMALL,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.0,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "figure.constrained_layout.use": True,
    # Text is equally wide at every resolution, so that the layout of one file holds for all.
    "text.hinting": "none",
    "figure.dpi": 150,
    "savefig.dpi": 300,
    # Text stays text: fonts are embedded in PDF as TrueType, and named in SVG.
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "idsharp",
}

# Without dates, so that the same numbers give the same file.
_METADATA = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": None}


def styled(draw: Callable) -> Callable:
    """Run a drawing function with the settings of `RC`, and restore the former ones after it."""

    @functools.wraps(draw)
    def drawn(*args, **kwargs):
        with matplotlib.rc_context(RC):
            return draw(*args, **kwargs)

    return drawn


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a width and height in mm; call it inside a `styled` function."""
    figure = Figure(figsize=(width / 25.4, height / 25.4))
    # Names of points are placed by their extents on this canvas; files have their own.
    FigureCanvasAgg(figure)
    return figure


def figure_of(axis: Axes) -> Figure:
    """The figure of an axis."""
    if not isinstance(axis.figure, Figure):
        raise TypeError("figures of studies have no subfigures")
    return axis.figure


def grow(figure: Figure, height: float) -> None:
    """Add so many mm to a figure's height."""
    figure.set_figheight(figure.get_figheight() + height / 25.4)


@styled
def save(figure: Figure, stem: Path, suffixes: tuple[str, ...] = ("pdf", "png")) -> None:
    """Write a figure as `<stem>.pdf` with embedded fonts and `<stem>.png` at 300 dpi.

    Args:
        stem: path of the files without a suffix.
        suffixes: pdf, png, or svg.
    """
    for suffix in suffixes:
        with atomic_path(stem.with_name(f"{stem.name}.{suffix}")) as temporary:
            figure.savefig(temporary, format=suffix, metadata=_METADATA[suffix])
        # Every file has the layout that was found for the first.
        figure.set_layout_engine("none")


def handle(label: str, **style) -> Line2D:
    """An entry of a legend: a marker without a line unless `style` says otherwise."""
    return Line2D([], [], label=label, **{"linestyle": "none"} | style)


def marker(domain: str) -> dict:
    """Marker and color of a domain's points."""
    return {"marker": MARKERS[domain], "color": COLORS[domain], "linestyle": "none"}
