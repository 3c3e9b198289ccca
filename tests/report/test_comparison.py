"""Ours beside the papers': what is comparable is judged, what is not says why."""

import numpy as np
import pandas as pd
import pytest

from idsharp.report.inference import FIT
from idsharp.report.tables.comparison import comparison, ranks
from idsharp.report.tables.ours import Ours
from idsharp.report.tables.published import published_fits
from tests.report.synthetic import Law, Records, build, described, paper_like, study_of

NEEDED = ("accuracy_vs_id", "accuracy_plane", "loss_penalty_vs_sharpness")


def compare(study):
    return comparison(study, dict(zip(NEEDED, build(study, *NEEDED), strict=True)))


@pytest.fixture(scope="module")
def as_in_the_papers(tmp_path_factory, published):
    """The comparison of a made-up study of the papers' datasets, sizes and pool."""
    tasks = paper_like()
    tasks["dbc"]["dataset"], tasks["prostate"]["dataset"] = "duke_breast", "prostate_us"
    for name in ("mnist", "cifar10"):
        tasks[f"{name}_all"] = described(name, "natural")
    law = Law(collection_sd=0.05, run_sd=0.05)
    options = {"sizes": (500, 1750, 2000), "image_size": 224, "pool": 7500, "law": law}
    measured = ("mnist_all", "cifar10_all")
    records = Records(tmp_path_factory.mktemp("study"), tasks, measured=measured, **options)
    return compare(study_of(published, records))


def test_every_published_number_has_a_row(as_in_the_papers, published):
    keys = ["source", "figure", "quantity", "dataset", "domain"]
    found = as_in_the_papers.drop_duplicates(keys)
    assert len(found) == len(published) == 52
    assert as_in_the_papers["verdict"].notna().all()
    assert as_in_the_papers["why"].str.len().gt(0).all()


def test_what_is_comparable_is_judged_and_the_rest_says_why(as_in_the_papers):
    table = as_in_the_papers.set_index(["figure", "quantity", "dataset"]).sort_index()

    def first(*names):
        return table.loc[[names]].iloc[0]

    radiology = table.loc[("fig3", "intrinsic_dimension")].loc[["brats", "dbc", "prostate"]]
    assert radiology["verdict"].isin(["agrees", "differs", "cannot tell"]).all()
    assert radiology["task"].tolist() == ["brats", "dbc", "prostate"]
    mnist = first("fig3", "intrinsic_dimension", "mnist")
    assert mnist["verdict"] == "not comparable" and "Pope" in mnist["why"]
    assert mnist["task"] == "mnist_all" and mnist["ours"] > 0
    assert "no task on coco" in first("fig3", "intrinsic_dimension", "coco")["why"]
    accuracy = table.loc[("fig4", "highest_test_accuracy")]
    assert "split by patient" in accuracy.loc["brats", "why"]
    assert accuracy.loc["svhn", "variant"] == "range over pairs"
    assert "ImageNet" in accuracy.loc["imagenet", "why"]
    # The made-up images are grey.
    assert "have 3" in first("fig1", "label_sharpness", "svhn")["why"]
    sharpness = table.loc[[("fig1", "label_sharpness", "brats")]]
    assert set(sharpness["variant"]) == {"definition", "released"}
    r = as_in_the_papers[as_in_the_papers["quantity"].str.startswith("pearson")]
    assert r["verdict"].isin(["not in conflict", "differs"]).all()


def test_fisher_intervals_are_those_of_the_printed_correlations(as_in_the_papers):
    table = as_in_the_papers.drop_duplicates(["figure", "quantity", "domain"])
    table = table.set_index(["quantity", "domain"])[["published_low", "published_high"]]
    line, r = "r2_accuracy_vs_id", "pearson_r_attack_loss_increase_vs_label_sharpness"
    for name, ends in (
        ((line, "radiology"), (0.24, 0.97)), ((line, "natural"), (0.37, 1.00)),
        ((r, "all"), (0.17, 0.92)),
    ):  # fmt: skip
        assert table.loc[name].to_numpy() == pytest.approx(ends, abs=0.005)


def test_another_image_size_compares_with_nothing(tmp_path, published):
    tasks = {"brats": described("brats", "radiology"), "mnist": described("mnist", "natural")}
    table = compare(study_of(published, Records(tmp_path, tasks)))
    assert len(table) == 52
    assert (table["verdict"] == "not comparable").all()
    assert table["why"].unique().tolist() == ["images of 32×32 pixels, the papers' have 224×224"]


def test_stand_ins_are_shown_and_not_judged(tmp_path, published):
    tasks = {"brats_msd": described("brats_msd", "radiology")}
    records = Records(tmp_path, tasks, image_size=224, pool=7500)
    table = compare(study_of(published, records))
    row = table[(table["figure"] == "fig3") & (table["dataset"] == "brats")].iloc[0]
    assert row["verdict"] == "not comparable" and row["why"] == "stand-in: brats_msd"
    assert row["ours"] > 0 and row["task"] == "brats_msd"


@pytest.mark.parametrize(
    ("ours", "error", "verdict"),
    [(10.2, 0.1, "agrees"), (13.0, 0.1, "differs"), (11.0, 0.1, "cannot tell"),
     (10.0, 2.0, "cannot tell")],
)  # fmt: skip
def test_the_verdict_is_that_of_the_interval_and_the_tolerance(ours, error, verdict):
    from idsharp.report.tables.comparison import _row

    one = pd.Series(
        {"source": "iclr2024", "figure": "fig1", "quantity": "intrinsic_dimension",
         "dataset": "brats", "domain": "radiology", "value": 10.0, "reading_error": 0.1}
    )  # fmt: skip
    row = _row(one, Ours(ours, error))
    assert row["verdict"] == verdict
    half = 1.959964 * np.hypot(0.1, error)
    assert row["difference_high"] - row["difference"] == pytest.approx(half)


def test_ranks_are_over_comparable_datasets(as_in_the_papers):
    found = ranks(as_in_the_papers).set_index(["figure", "quantity"])
    row = found.loc[[("fig3", "intrinsic_dimension")]].iloc[0]
    assert row["n"] == 7 and -1 <= row["spearman_rho"] <= 1
    assert "coco" not in row["datasets"]
    few = found.loc[[("fig4", "highest_test_accuracy")]]
    assert few["reason"].notna().any()


def test_the_papers_own_numbers(published):
    table = published_fits(published)
    assert set(FIT) <= set(table)
    rows = table.set_index(["source", "figure", "quantity", "kind", "domain"])

    def interval(*names, scale=1):
        row = rows.loc[[names]].iloc[0]
        return tuple(scale * row[["estimate", "low", "high"]].to_numpy(float))

    gap = "intrinsic_dimension", "difference", "radiology − natural"
    assert interval("miccai2022", "fig3", *gap) == pytest.approx((-14.9, -24.6, -5.1), abs=0.05)
    assert interval("iclr2024", "fig1", *gap) == pytest.approx((-2.7, -8.6, 3.2), abs=0.05)
    assert rows.loc[[("iclr2024", "fig1", *gap)], "p"].iloc[0] == pytest.approx(0.30, abs=0.005)
    for quantity, expected in (
        ("as printed", (2.55, 1.30, 5.00)), ("natural images × √3", (1.69, 1.11, 2.58)),
    ):  # fmt: skip
        name = f"log_label_sharpness, {quantity}", "ratio", "radiology / natural"
        assert interval("iclr2024", "fig1", *name) == pytest.approx(expected, abs=0.005)
    lines = table[table["quantity"] == "accuracy_vs_id"].set_index(["id_of", "kind", "domain"])
    r_squared = {domain: lines.loc[[("dataset", "mean", domain)], "r_squared"].item()
                 for domain in ("radiology", "natural")}  # fmt: skip
    assert r_squared == pytest.approx({"radiology": 0.825, "natural": 0.981}, abs=5e-4)
    other = lines.loc[("task", "mean")]
    assert other.loc["natural", "r_squared"] == pytest.approx(0.77, abs=0.005)
    assert other.loc["natural", "p"] == pytest.approx(0.13, abs=0.01)
    assert other.loc["radiology", "r_squared"] == pytest.approx(0.48, abs=0.005)
    assert other.loc["radiology", "p"] == pytest.approx(0.08, abs=0.01)
    for kind, aicc, error in (
        ("with K_F", -42.3, 0.098), ("with domain", -49.3, 0.086),
        ("with a slope each", -51.0, 0.058),
    ):  # fmt: skip
        row = lines.loc[[("dataset", kind, "all")]].iloc[0]
        assert row["aicc"] == pytest.approx(aicc, abs=0.05)
        assert row["rmse_left_out"] == pytest.approx(error, abs=5e-4)
