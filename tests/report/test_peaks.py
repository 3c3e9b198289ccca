"""The curve over layers: where it is highest, how domains differ, and how it is drawn."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp, ttest_ind

from idsharp.report.tables.peaks import is_peak, representation_layers, representation_peaks
from idsharp.report.tables.study import Study
from tests.report.synthetic import LAYERS, Records, described, study_of

SIZES = (100, 200)

ESTIMATOR = "representation_id_twonn_10pct"
DEPTHS = dict(zip(LAYERS, np.linspace(0, 1, len(LAYERS)), strict=True))


def curves(heights, model="resnet18", note=""):
    """A table of layers from each task's domain and dimension at each layer, at two sizes."""
    rows = [
        {"task": task, "domain": domain, "note": note, "model": model, "n_train": n, "seed": 0,
         "layer": layer, "depth": DEPTHS[layer], ESTIMATOR: height + extra}
        for task, (domain, values) in heights.items()
        for n, extra in zip(SIZES, (0.0, 1.0), strict=True)
        for layer, height in zip(LAYERS, values, strict=True)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    return table.assign(is_peak=is_peak(table, ESTIMATOR))


FIVE = {
    "a": ("natural", [30, 10, 12, 14, 1]),
    "b": ("natural", [20, 8, 12, 11, 1]),
    "c": ("radiology", [10, 9, 8, 4, 99]),
    "d": ("radiology", [12, 9, 8.5, 4, 1]),
    "e": ("radiology", [14, 9, 13, 5, 1]),
}


def test_the_peak_is_the_highest_hidden_layer_of_each_run():
    table = curves(FIVE)
    peaks = table[table["is_peak"]].set_index(["task", "n_train"])["layer"]
    assert len(peaks) == 10
    assert peaks["a"].tolist() == ["penultimate"] * 2
    assert peaks["b"].tolist() == ["layer1.0"] * 2
    # Neither the images nor the logits, however high.
    assert peaks["c"].tolist() == ["stem"] * 2


def test_what_was_not_measured_is_no_peak():
    table = curves(FIVE)
    table.loc[(table["task"] == "a") & (table["layer"] == "penultimate"), ESTIMATOR] = np.nan
    table.loc[table["task"] == "b", ESTIMATOR] = np.nan
    peaks = table[is_peak(table, ESTIMATOR)].groupby("task")["layer"].first()
    assert peaks["a"] == "layer1.0"
    assert "b" not in peaks


def peaks_of(table):
    """The table of peaks of a study with these layers, each task a collection of its own."""
    table = table.assign(collection=table["task"], instead_of="", status="ok")
    runs = table.drop_duplicates(["task", "model", "n_train"]).assign(constant_output=False)
    empty = pd.DataFrame()
    estimators = "id_mle_k1", "id_twonn_10pct"
    study = Study(empty, empty, runs, empty, table.drop(columns="is_peak"), *estimators, empty)
    return representation_peaks(study).set_index(["kind", "domain", "model"])


def test_intervals_by_domain_are_those_of_scipy():
    found = peaks_of(curves(FIVE))
    natural, radiology = np.array([0.75, 0.5]), np.array([0.25, 0.25, 0.5])
    for domain, depths in (("natural", natural), ("radiology", radiology)):
        row = found.loc[("mean", domain, "all")]
        assert row["n_collections"] == len(depths)
        assert row["estimate"] == pytest.approx(depths.mean())
        assert row["peak_depth"] == pytest.approx(depths.mean())
        interval = tuple(ttest_1samp(depths, 0).confidence_interval())
        assert (row["low"], row["high"]) == pytest.approx(interval)
    welch = ttest_ind(natural, radiology, equal_var=False)
    row = found.loc[("difference", "natural − radiology", "all")]
    assert row["estimate"] == pytest.approx(natural.mean() - radiology.mean())
    interval = tuple(welch.confidence_interval())
    assert (row["low"], row["high"]) == pytest.approx(interval)
    assert row["p"] == pytest.approx(welch.pvalue)
    # Means over both sizes, whose runs share their images.
    assert found.loc[("mean", "natural", "all"), "peak_id"] == pytest.approx((14.5 + 12.5) / 2)
    assert found.loc[("mean", "natural", "all"), "input_id"] == pytest.approx(25.5)
    height = found.loc[("height", "all", "all")]
    peak, images = [14.5, 12.5, 9.5, 9.5, 13.5], [30.5, 20.5, 10.5, 12.5, 14.5]
    assert height["pearson_r"] == pytest.approx(np.corrcoef(peak, images)[0, 1])


def test_a_network_that_only_one_collection_has_is_left_out_of_means():
    table = pd.concat(
        [curves(FIVE), curves({"a": ("natural", [9, 9, 8, 7, 1])}, model="vgg13")],
        ignore_index=True,
    )
    found = peaks_of(table)
    mean = found.loc[("mean", "natural", "all")]
    assert mean["n_collections"] == 2
    assert mean["peak_depth"] == pytest.approx((0.75 + 0.5) / 2)
    assert "vgg13" in mean["left_out"]
    assert found.loc[("mean", "natural", "vgg13"), "reason"] == "1 collection, 2 are needed"
    assert (
        "radiology: 0 collections"
        in (found.loc[("difference", "natural − radiology", "vgg13"), "reason"])
    )


def test_without_variation_there_is_no_interval():
    same = {f"t{i}": (d, [9, 1, 5, 2, 1]) for i, d in enumerate(["natural", "radiology"] * 2)}
    found = peaks_of(curves(same))
    for kind, domain in (("mean", "natural"), ("difference", "natural − radiology")):
        row = found.loc[(kind, domain, "all")]
        assert pd.notna(row["estimate"])
        assert pd.isna(row["low"])
        assert "the same in every collection" in row["reason"]


def test_tables_of_a_study_that_measured_every_block(tmp_path, published):
    tasks = {f"t{i}": described(f"c{i}", "radiology" if i % 2 else "natural") for i in range(8)}
    records = Records(tmp_path, tasks, diverged=(("t0", 100),), layers=LAYERS)
    study = study_of(published, records)
    layers = representation_layers(study)
    assert len(layers) == 15 * len(LAYERS) + 1
    gone = layers[layers["status"] == "diverged"]
    assert gone["representation_id_mle_k1"].isna().all()
    assert not gone["is_peak"].any()
    assert layers["is_peak"].sum() == 15
    # What everything else is about stays the penultimate layer.
    last = layers[layers["layer"] == "penultimate"].set_index(["task", "n_train"])
    runs = study.runs.set_index(["task", "n_train"])
    assert len(runs) == 16
    pd.testing.assert_series_equal(
        runs["representation_id"], last.loc[runs.index, ESTIMATOR], check_names=False
    )
