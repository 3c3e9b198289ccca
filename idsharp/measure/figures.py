"""The files of `--figures`: plots, and pictures of pairs of images."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from idsharp.measure.compared import Compared
from idsharp.measure.pairs import Pair, duplicate_pairs, sharpest_pairs
from idsharp.measure.plots import plots_of, shortened
from idsharp.measure.run import Measured
from idsharp.report.figures.style import GREY, MEDIUM, SMALL, new_figure, save, styled

_PAIRS_SHOWN = 6
# mm of a pair of images with its words.
_PAIR_WIDTH, _PAIR_HEIGHT = 58, 43


def write_figures(folder: Path, measured: Measured, compared: Compared) -> list[str]:
    """Write every figure that the measurement has data for, as PNG and PDF; return their names."""
    figures = plots_of(measured, compared)
    pairs = sharpest_pairs(measured, _PAIRS_SHOWN)
    if pairs:
        title = "The most similar images with different labels"
        figures["sharpest_pairs"] = side_by_side(measured, pairs, title, columns=3)
    pairs = duplicate_pairs(measured)
    if pairs:
        record = measured.record
        title = (
            f"{record['n_duplicates']} copies of other images, {record['n_near_duplicate_pairs']} "
            f"near-duplicate pairs (RMS < {record['near_duplicate_threshold']:g} of 255)"
        )
        figures["duplicates"] = side_by_side(measured, pairs, title, columns=2)
    for name, figure in figures.items():
        save(figure, folder / name)
    return sorted(figures)


@styled
def side_by_side(measured: Measured, pairs: list[Pair], title: str, columns: int) -> Figure:
    """Pairs of images with their labels, so many to a row."""
    columns = min(columns, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = new_figure(max(_PAIR_WIDTH * columns, 117), _PAIR_HEIGHT * rows + 10)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes:
        axis.set_axis_off()
    for axis, pair in zip(axes, pairs, strict=False):
        _show_pair(axis, [measured.decoded.image(i) for i in pair.positions], pair)
    figure.suptitle(title)
    return figure


def _show_pair(axis, images: list[np.ndarray], pair: Pair) -> None:
    """Two images side by side in one axis, so that no other comes between them."""
    left, right = (np.moveaxis(image, 0, 2) for image in images)
    height, width = left.shape[:2]
    gap = np.full((height, max(1, width // 30), left.shape[2]), 255, np.uint8)
    both = np.concatenate([left, gap, right], axis=1)
    axis.imshow(both.squeeze(), cmap="gray", vmin=0, vmax=255)
    for x, title, name in zip((0.25, 0.75), pair.titles, pair.names, strict=True):
        options = {"ha": "center", "transform": axis.transAxes}
        axis.text(x, 1.02, shortened(title), fontsize=MEDIUM, va="bottom", **options)
        axis.text(x, -0.02, shortened(name), fontsize=SMALL, va="top", color=GREY, **options)
    axis.text(0.5, -0.13, pair.caption, va="top", ha="center", transform=axis.transAxes)
