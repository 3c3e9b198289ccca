"""Every figure of small and large studies: drawn, legible, not cut off, with the right numbers."""

import io
import itertools

import numpy as np
import pandas as pd
import pytest

from idsharp.report import contents
from idsharp.report.figures import grids, registry, style
from idsharp.report.figures.samples import samples
from idsharp.report.selection import Samples
from tests.report import made_up

# What matplotlib warns of is a figure that has no room for its parts.
pytestmark = pytest.mark.filterwarnings("error::UserWarning")


@pytest.fixture
def few():
    return made_up.few()


@pytest.fixture
def many():
    return made_up.many()


def test_every_figure_of_the_list_is_drawn_and_no_other():
    assert set(registry.FIGURES) == {figure.name for figure in contents.FIGURES}
    assert set(registry.GRIDS) == set(contents.GRIDS)


@pytest.mark.parametrize("name", registry.FIGURES)
@pytest.mark.parametrize("study", ["few", "many"])
def test_figures_are_as_wide_as_a_column_and_legible(name, study, request):
    figure = registry.FIGURES[name](request.getfixturevalue(study))
    check(figure)
    width = figure.get_figwidth() * 25.4
    assert round(width) in (style.ONE_COLUMN, style.TWO_COLUMNS)
    assert figure.get_figheight() * 25.4 < 240


@pytest.mark.parametrize("name", registry.GRIDS)
def test_grids_have_a_panel_for_every_network_and_size(name, many):
    figure = registry.GRIDS[name](many)
    assert len(figure.axes) == 6
    check(figure)


def test_grids_leave_no_size_out(few):
    more = [few.runs.assign(n_train=few.runs["n_train"] + extra) for extra in (0, 20, 1000)]
    figure = grids.accuracy_vs_id(pd.concat(more))
    headings = set(titles(figure)) - {""}
    assert headings == {f"N = {n + extra}" for n in (100, 200, 400) for extra in (0, 20, 1000)}


@style.styled
def check(figure):
    """No small text, no text outside the figure, and no two labels on each other."""
    figure.savefig(io.BytesIO(), format="png", dpi=figure.dpi)
    texts = [text for text in drawn_texts(figure) if text.get_text().strip()]
    assert min(text.get_fontsize() for text in texts) >= style.SMALL
    boxes = [text.get_window_extent() for text in texts]
    right, top = figure.bbox.max + 1
    for text, box in zip(texts, boxes, strict=True):
        inside = -1 <= box.x0 < box.x1 <= right and -1 <= box.y0 < box.y1 <= top
        assert inside, f"{text.get_text()!r} is cut off"
    for (first, a), (second, b) in itertools.combinations(zip(texts, boxes, strict=True), 2):
        width = min(a.x1, b.x1) - max(a.x0, b.x0)
        height = min(a.y1, b.y1) - max(a.y0, b.y0)
        overlap = max(width, 0) * max(height, 0)
        least = min(a.width * a.height, b.width * b.height)
        # Names go where they meet least; in a crowd that may not be nowhere.
        most = 0.35 if "name" in (first.get_label(), second.get_label()) else 0.1
        assert overlap <= most * least, f"{first.get_text()!r} meets {second.get_text()!r}"


def drawn_texts(figure):
    """Texts that are seen; matplotlib keeps others, such as labels of ticks outside the limits."""
    texts = [*figure.texts]
    for legend in figure.legends:
        texts += [legend.get_title(), *legend.get_texts()]
    for axis in figure.axes:
        if axis.get_visible():
            texts += [axis.title, axis._left_title, *axis.texts]
        if axis.get_visible() and axis.axison:
            texts += [axis.xaxis.label, axis.yaxis.label]
            for ticks in (axis.xaxis._update_ticks(), axis.yaxis._update_ticks()):
                texts += [tick.label1 for tick in ticks]
    return [text for text in texts if text is not None and text.get_visible()]


def titles(figure):
    return [axis.get_title(loc="left") for axis in figure.axes]


def test_accuracy_has_a_panel_for_each_domain_with_its_slope_and_band(many):
    # Compared with the papers only where the split is theirs, which it is not here.
    assert many.published_lines().empty
    compared = many.but(comparison=many["comparison"].assign(ours=0.5))
    figure = registry.FIGURES["accuracy_vs_id"](compared)
    fits = many.accuracy_fits("mean").set_index("domain")
    for title, domain, n in zip(titles(figure), ("natural", "radiology"), (4, 7), strict=True):
        assert title.startswith(f"{domain}, {n} collections\nslope −0.0")
        assert f"R² = {fits.loc[domain, 'r_squared']:.2f}" in title
    for axis in figure.axes:
        [band] = [c for c in axis.collections if c.get_alpha() == 0.12]
        assert len(band.get_paths()) == 1
        fitted, published = axis.lines[-2:]
        assert published.get_color() == style.INK
        assert len(fitted.get_xdata()) == 50
    # Domains of very different dimension: no point is outside the shared limits.
    collections = compared["collections"]
    apart = collections["pool_id"] + 60 * (collections["domain"] == "natural")
    figure = registry.FIGURES["accuracy_vs_id"](
        compared.but(collections=collections.assign(pool_id=apart))
    )
    low, high = figure.axes[0].get_xlim()
    assert low < apart.min() and apart.max() < high


def test_no_line_is_drawn_through_two_collections(few):
    figure = registry.FIGURES["accuracy_vs_id"](few)
    assert ["no line: " in title for title in titles(figure)] == [True, True]
    assert all(len(line.get_xdata()) < 50 for axis in figure.axes for line in axis.lines)


def test_published_values_stand_beside_tasks_that_compare(many):
    [axis] = registry.FIGURES["id_by_domain"](many).axes
    ticks = [line for line in axis.lines if line.get_color() == style.INK]
    drawn = {round(float(x), 6) for line in ticks for x in line.get_xdata()}
    rows = many.rows("comparison", quantity="intrinsic_dimension", source="iclr2024")
    compared = rows[rows["verdict"] != "not comparable"]
    assert len(compared) and drawn >= set(compared["published"].round(6))
    alone = many.but(comparison=none_comparable(many))
    [axis] = registry.FIGURES["id_by_domain"](alone).axes
    ticks = [line for line in axis.lines if line.get_color() == style.INK]
    assert not any(len(line.get_xdata()) for line in ticks)


def none_comparable(study):
    unlike = {"verdict": "not comparable", "ours": np.nan, "difference": np.nan}
    return study["comparison"].assign(**unlike, why="32×32 pixels, the papers have 224×224")


def test_a_study_that_compares_with_nothing_says_why(many):
    alone = many.but(comparison=none_comparable(many))
    figure = registry.FIGURES["comparison"](alone)
    [text] = figure.axes[0].texts
    assert f"none of {len(alone['comparison'])} published values" in text.get_text().replace(
        "\n", " "
    )
    assert "32×32" in text.get_text()


def test_both_axes_of_the_representation_have_one_estimator(many):
    [axis] = registry.FIGURES["representation_vs_data"](many).axes
    assert axis.get_xlabel().count("TwoNN") == axis.get_ylabel().count("TwoNN") == 1
    offsets = np.concatenate([c.get_offsets() for c in axis.collections])
    runs = many.runs
    assert offsets[:, 0].max() <= runs["data_id_as_representation"].max()
    assert len(offsets) == runs["collection"].nunique() * runs["n_train"].nunique()


def test_a_size_that_not_all_networks_have_says_whose_it_is(many):
    runs = many.runs
    some = runs[(runs["n_train"] != runs["n_train"].max()) | (runs["model"] == "vgg13")]
    for shown, named in ((runs, []), (some, [f"N = {runs['n_train'].max()} (vgg13)"])):
        figure = registry.FIGURES["representation_vs_data"](many.but(runs=shown))
        check(figure)
        labels = [text.get_text() for text in figure.legends[0].get_texts()]
        assert [label for label in labels if "(" in label] == named


def test_attacks_are_kept_apart(many):
    figure = registry.FIGURES["loss_penalty_vs_sharpness"](many)
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert [label.split(",")[1].split()[0] for label in labels] == ["FGSM", "PGD"]
    points = many["penalty_points"]
    for axis, attack in zip(figure.axes, ("fgsm", "pgd"), strict=True):
        drawn = [y for line in axis.lines for y in line.get_ydata()]
        shown = (points["attack"] == attack) & (points["epsilon_255"] == 2)
        expected = points.loc[shown & (points["model"] == "all"), "loss_penalty"]
        assert sorted(drawn) == pytest.approx(sorted(expected))
        assert "11 collections" in axis.get_title(loc="left")


def test_undefined_sharpness_is_said_and_no_marker_is_cut(few):
    properties = few["properties"].copy()
    properties.loc[properties["task"] == "photos", "label_sharpness"] = np.nan
    study = few.but(properties=properties)
    [axis] = registry.FIGURES["sharpness_by_domain"](study).axes
    assert [text.get_text().strip() for text in axis.texts] == ["undefined"]
    drawn = [x for line in axis.lines for x in np.asarray(line.get_xdata(), float)]
    assert axis.get_xlim()[1] > 1.05 * np.nanmax(drawn)


def test_names_of_lines_that_end_together_are_apart(many):
    runs = many["runs"].assign(highest_test_accuracy=0.8)
    figure = registry.FIGURES["accuracy_vs_n"](many.but(runs=runs))
    check(figure)
    names = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert sorted(names) == sorted(runs["collection"].unique())


def test_notes_stand_below_figures(few):
    figure = registry.FIGURES["sharpness_by_domain"](few)
    [notes] = [legend for legend in figure.legends if legend.get_gid() == "notes"]
    words = notes.get_title().get_text().replace("\n", " ")
    assert words == f"brain_obvious, brain_subtle: {made_up.NOTE}"


def test_the_peaks_of_layers_are_marked_and_domains_told_apart(few):
    figure = registry.FIGURES["id_by_layer"](few)
    [axis] = figure.axes
    rings = [line for line in axis.lines if line.get_markersize() == 7]
    assert {line.get_color() for line in rings} == set(style.COLORS.values())
    assert {float(line.get_xdata()[0]) for line in rings} == {0.5}
    thick = [line for line in axis.lines if line.get_linewidth() == 1.4]
    assert {line.get_linestyle() for line in thick} == {"-", "--"}


def test_a_network_without_layers_keeps_its_panel(many):
    layers = many["representation_layers"].copy()
    layers.loc[layers["model"] == "vgg13", "representation_id_twonn_10pct"] = np.nan
    study = many.but(representation_layers=layers)
    figure = registry.FIGURES["id_by_layer"](study)
    assert titles(figure) == ["resnet18", "vgg13"]
    assert not figure.axes[1].lines


def test_networks_that_learned_nothing_have_no_layers(many):
    runs = many["runs"].assign(constant_output=many["runs"]["model"] == "vgg13")
    assert titles(registry.FIGURES["id_by_layer"](many.but(runs=runs))) == ["resnet18"]


def test_domains_with_no_rows_leave_figures_that_say_so(few):
    names = ("collections", "penalty_points", "exponents", "predictions", "accuracy_plane")
    empty = few.but(**{name: few[name][:0] for name in names})
    for name in ("accuracy_vs_id", "exponents", "observed_vs_predicted", "accuracy_plane",
                 "loss_penalty_vs_sharpness"):  # fmt: skip
        figure = registry.FIGURES[name](empty)
        check(figure)
        words = [text.get_text() for axis in figure.axes for text in axis.texts]
        assert any(words), name


def test_dimension_over_k_is_a_line_over_the_tasks_of_a_collection(many):
    figure = registry.FIGURES["id_over_k"](many)
    lines = {line.get_label(): line for axis in figure.axes for line in axis.lines}
    assert len(lines) == many["datasets"]["collection"].nunique()
    assert list(lines["svhn"].get_xdata()) == [5, 10, 20, 40]
    pools = many.rows("datasets", collection="svhn")
    expected = [pools[f"id_mle_k1_at_k{k}"].mean() for k in (5, 10, 20, 40)]
    assert lines["svhn"].get_ydata() == pytest.approx(expected)
    older = many["properties"].filter(regex="^(?!id_mle_k1_at_k)")
    figure = registry.FIGURES["id_over_k"](many.but(properties=older))
    assert "nothing was measured" in figure.axes[0].texts[0].get_text()


def test_samples_of_one_class_and_of_many():
    tasks = {"none": np.zeros(60, int), "many": np.arange(60), "few": np.zeros(3, int)}
    datasets = pd.DataFrame({"task": list(tasks), "domain": "natural", "note": None})
    pixels = np.zeros((60, 3, 32, 32), np.uint8)
    shown = {t: Samples(pixels[: len(x)], x, [str(i) for i in x]) for t, x in tasks.items()}
    figure = samples(shown, datasets)
    assert titles(figure) == ["", "", "several classes", "", "", ""]
    widths = [axis.images[0].get_array().shape[1] // 32 for axis in figure.axes]
    assert widths == [5, 5, 5, 5, 2, 1]
