"""The style of the figures: it stays inside them, and files hold fonts and no dates."""

import re
import subprocess
import sys

import matplotlib
import pandas as pd
import pytest
from PIL import Image

from idsharp.report.figures import names, style


@style.styled
def line():
    figure = style.new_figure(style.ONE_COLUMN, 50)
    axis = figure.subplots()
    axis.plot([1, 2], [1, 2], label="$K_F$")
    axis.set_title("a title")
    axis.legend()
    return figure


def test_settings_hold_inside_a_drawing_and_nowhere_else():
    before = dict(matplotlib.rcParams)
    figure = line()
    assert dict(matplotlib.rcParams) == before
    [axis] = figure.axes
    assert axis.xaxis.get_ticklabels()[0].get_fontsize() == style.SMALL
    assert not axis.spines["top"].get_visible()


def test_importing_every_figure_leaves_matplotlib_as_it_was():
    code = """if True:
        import matplotlib
        before, backend = dict(matplotlib.rcParams), matplotlib.get_backend(auto_select=False)
        import idsharp.report.figures.registry
        assert dict(matplotlib.rcParams) == before
        assert matplotlib.get_backend(auto_select=False) == backend
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def test_files_are_the_same_each_time_and_as_wide_as_asked(tmp_path):
    suffixes = ("pdf", "png", "svg")
    for name in ("first", "second"):
        style.save(line(), tmp_path / name, suffixes)
    for suffix in suffixes:
        first, second = ((tmp_path / f"{name}.{suffix}") for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    with Image.open(tmp_path / "first.png") as image:
        assert image.width == pytest.approx(300 * style.ONE_COLUMN / 25.4, abs=1)
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_fonts_are_embedded_in_pdf_and_text_stays_text_in_svg(tmp_path):
    style.save(line(), tmp_path / "line", ("pdf", "svg"))
    pdf = (tmp_path / "line.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    svg = (tmp_path / "line.svg").read_text()
    assert "a title" in svg
    assert not re.search(r"<dc:date>", svg)


def test_domains_differ_in_color_marker_and_line():
    for look in (style.COLORS, style.MARKERS, style.LINES):
        assert len(set(look.values())) == len(look) == 2


@style.styled
def test_a_point_whose_error_is_unknown_is_named():
    figure = style.new_figure(style.ONE_COLUMN, 50)
    axis = figure.subplots()
    axis.errorbar([1, 2], [1, 2], yerr=[float("nan"), 0.1], linestyle="none")
    points = pd.DataFrame({"x": [1, 2], "y": [1, 2], "collection": ["first", "second"]})
    names.name_points(axis, points, "x", "y")
    assert {text.get_text() for text in axis.texts} == {"first", "second"}


@style.styled
def test_text_is_equally_wide_at_every_resolution():
    figure, widths = style.new_figure(style.TWO_COLUMNS, 60), []
    label = figure.text(0.1, 0.5, "slope of accuracy on ID [per dimension]")
    for dpi in (72, 110, 300):
        figure.set_dpi(dpi)
        figure.canvas.draw()
        widths.append(label.get_window_extent().width / dpi)
    # Hinting would make 10 % of it.
    assert max(widths) < 1.02 * min(widths)
