"""The regressions against known coefficients and the papers' own numbers."""

import numpy as np
import pandas as pd
import pytest

from idsharp.report import regressions
from idsharp.report.regressions import fit


@pytest.fixture
def line():
    x = np.linspace(1, 9, 12)
    return pd.DataFrame({"x": x, "z": x**2, "y": 3 - 0.5 * x, "constant": 1.0})


def runs(seed=0, noise=0.0):
    """Runs that follow the papers' laws exactly, up to noise."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(12):
        domain = "radiology" if number % 2 else "natural"
        d, sharpness = 5 + 2 * number, 1e-4 * (1 + rng.random() + 2 * (number % 2))
        slope = -0.02 if number % 2 else -0.005
        for n_train in (500, 1000, 1500):
            log_loss = -np.log(n_train) / d + np.log(sharpness) + 9 + noise * rng.normal()
            rows.append(
                {
                    "task": f"task{number}", "domain": domain, "model": "resnet18",
                    "n_train": n_train, "seed": 0, "pool_id": d, "data_id": d,
                    "representation_id": 0.6 * d, "label_sharpness": sharpness,
                    "test_loss": np.exp(log_loss),
                    "highest_test_accuracy": 0.5 + slope * d + 0.04 * np.log(n_train),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def test_fit_recovers_a_line(line):
    record = fit(line, "y", ["x"])
    assert record["x_slope"] == pytest.approx(-0.5)
    assert record["intercept"] == pytest.approx(3)
    assert record["r_squared"] == pytest.approx(1)
    assert (record["n"], record["n_left_out"]) == (12, 0)


def test_fit_equals_numpy_and_covers_the_truth():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        x = rng.normal(size=10)
        table = pd.DataFrame({"x": x, "y": 2 * x + rng.normal(size=10)})
        record = fit(table, "y", ["x"])
        covered += record["x_low"] < 2 < record["x_high"]
    slope, intercept = np.polyfit(x, table["y"], 1)
    assert record["x_slope"] == pytest.approx(slope)
    assert record["intercept"] == pytest.approx(intercept)
    assert record["r_squared"] == pytest.approx(np.corrcoef(x, table["y"])[0, 1] ** 2)
    assert 0.92 < covered / 300 < 0.98


def test_what_cannot_be_fitted_says_why(line):
    assert "2 points, 3 are needed" in fit(line[:2], "y", ["x"])["reason"]
    assert "1 distinct values of constant" in fit(line, "y", ["constant"])["reason"]
    doubled = line.assign(double=2 * line["x"])
    assert "depend on each other" in fit(doubled, "y", ["x", "double"])["reason"]
    missing = line.assign(y=line["y"].where(line["x"] > 3))
    assert fit(missing, "y", ["x"])["n_left_out"] == int((line["x"] <= 3).sum())
    assert "constant is the same at every point" in fit(line, "constant", ["x"])["reason"]


def test_accuracy_vs_id_recovers_slopes_planes_and_their_difference():
    table = regressions.accuracy_vs_id(runs())
    lines = table[table["kind"] == "line"].set_index(["domain", "n_train"])
    assert lines.loc[("radiology", 500), "pool_id_slope"] == pytest.approx(-0.02)
    assert lines.loc[("natural", 1500), "pool_id_slope"] == pytest.approx(-0.005)
    planes = table[table["kind"] == "plane"].set_index("domain")
    assert planes.loc["natural", "log_n_slope"] == pytest.approx(0.04)
    assert planes.loc["radiology", "n"] == 18
    differences = table[table["kind"] == "slope difference"]
    assert differences["pool_id_slope"].tolist() == pytest.approx([0.015] * 3)
    assert table["reason"].isna().all()


def test_generalization_law_recovers_its_slopes():
    table = regressions.generalization_law(runs())
    law = table[(table["kind"] == "with K_F") & (table["dimension"] == "data_id")]
    assert law["log_n_over_d_slope"].to_numpy() == pytest.approx(-1)
    assert law["log_sharpness_slope"].to_numpy() == pytest.approx(1)
    assert law["r_squared"].to_numpy() == pytest.approx(1)
    without = table[(table["kind"] == "without K_F") & (table["domain"] == "all")]
    assert (without["r_squared"] < 0.9).all()
    learned = table[(table["kind"] == "with K_F") & (table["dimension"] == "representation_id")]
    assert learned["log_n_over_d_slope"].to_numpy() == pytest.approx(-0.6)


def test_a_loss_of_zero_is_left_out_and_counted():
    zero = runs()
    zero.loc[0, "test_loss"] = 0.0
    table = regressions.generalization_law(zero)
    law = table[(table["kind"] == "with K_F") & (table["domain"] == "all")]
    assert (law["n_left_out"] == 1).all()


def test_loss_penalty_takes_a_point_a_task_and_keeps_attacks_apart():
    attacks = pd.concat(
        [
            runs().assign(attack=attack, epsilon_255=e, strength=strength * e)
            for attack, strength in (("pgd", 3e4), ("fgsm", 1e4))
            for e in (1, 2)
        ],
        ignore_index=True,
    )
    attacks["loss_penalty"] = attacks["label_sharpness"] * attacks["strength"]
    table = regressions.loss_penalty_vs_sharpness(attacks)
    assert table["n"].tolist() == [12, 6, 6] * 4
    assert table["pearson_r"].to_numpy() == pytest.approx(1)
    slopes = table.groupby(["attack", "epsilon_255"])["label_sharpness_slope"].mean()
    assert slopes["fgsm"].tolist() == pytest.approx([1e4, 2e4])
    assert slopes["pgd"].tolist() == pytest.approx([3e4, 6e4])


def test_correlation_equals_its_definition():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=20), "y": rng.normal(size=20)})
    record = regressions.correlation(table, "x", "y")
    r = np.corrcoef(table["x"], table["y"])[0, 1]
    assert record["pearson_r"] == pytest.approx(r)
    low, high = np.tanh(np.arctanh(r) + np.array([-1, 1]) * 1.959964 / np.sqrt(17))
    assert (record["pearson_low"], record["pearson_high"]) == pytest.approx((low, high), rel=1e-5)


def test_representation_vs_data():
    table = regressions.representation_vs_data(runs())
    assert (table["share_below"] == 1).all()
    assert table["data_id_slope"].to_numpy() == pytest.approx(0.6)


def test_no_runs_at_all_give_empty_tables():
    nothing = runs()[:0]
    assert len(regressions.accuracy_vs_id(nothing)) == 0
    assert "reason" in regressions.representation_vs_data(nothing)


def test_the_papers_own_points_give_the_papers_r_squared(root):
    """Fig. 4 of Konz et al. 2022, digitised: R² 0.8244 (radiology) and 0.9807 (natural)."""
    published = pd.read_csv(root / "resources" / "published.csv")
    published = published[published["source"] == "miccai2022"]
    ids = published[published["quantity"] == "intrinsic_dimension"].set_index("dataset")["value"]
    points = published[published["quantity"] == "highest_test_accuracy"].assign(
        pool_id=lambda table: table["dataset"].map(ids),
        highest_test_accuracy=lambda table: table["value"],
        n_train=lambda table: table["n_train"].astype(int),
    )
    table = regressions.accuracy_vs_id(points).set_index(["kind", "domain"])
    assert table.loc[("line", "radiology"), "r_squared"] == pytest.approx(0.8244, abs=0.002)
    assert table.loc[("line", "natural"), "r_squared"] == pytest.approx(0.9807, abs=0.002)
    assert table.loc[("slope difference", "all"), "pool_id_p"] < 0.05
