"""Points: one per collection, each over the same cells, and nothing left out in silence."""

import numpy as np
import pandas as pd
import pytest

from idsharp.report.points import collection_means

MODELS, SIZES = ("a", "b"), (100, 200, 400)


def runs(collections=("c1", "c2", "c3"), tasks=1, seeds=1, seed=0):
    """Runs with random values: collection, domain, task, model, n_train, seed, x, y."""
    rng = np.random.default_rng(seed)
    rows = [
        {"collection": c, "domain": "natural" if c == "c1" else "radiology", "task": f"{c}_{t}",
         "model": m, "n_train": n, "seed": s, "x": rng.normal(), "y": rng.normal()}
        for c in collections for t in range(tasks) for m in MODELS for n in SIZES
        for s in range(seeds)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_complete_design_is_averaged_with_equal_weights():
    table = runs(tasks=2, seeds=2)
    means = collection_means(table, ["x", "y"])
    expected = table.groupby("collection")[["x", "y"]].mean()
    assert means.points.set_index("collection")[["x", "y"]].to_numpy() == pytest.approx(
        expected.to_numpy()
    )
    assert means.points["n_runs"].tolist() == [24, 24, 24]
    assert means.points["n_tasks"].tolist() == [2, 2, 2]
    assert means.left_out == ""
    assert len(means.cells) == 3 * 6
    radiology = means.of("radiology")
    assert radiology.points["collection"].tolist() == ["c2", "c3"]
    assert set(radiology.cells["collection"]) == {"c2", "c3"}


def test_seeds_do_not_weigh_more_where_there_are_more_of_them():
    table = runs(collections=("c1", "c2"))
    more = table[(table["model"] == "a") & (table["n_train"] == 100)]
    table = pd.concat([table, more.assign(seed=1), more.assign(seed=2)])
    means = collection_means(table, ["y"])
    expected = runs(collections=("c1", "c2")).groupby("collection")["y"].mean()
    assert means.points["y"].to_numpy() == pytest.approx(expected.to_numpy())


def test_a_cell_that_one_collection_lacks_counts_for_none():
    table = runs()
    table.loc[(table["collection"] == "c3") & (table["n_train"] == 400), "y"] = np.nan
    means = collection_means(table, ["x", "y"])
    assert means.points["n_runs"].tolist() == [4, 4, 4]
    shared = table[table["n_train"] < 400].groupby("collection")[["x", "y"]].mean()
    assert means.points[["x", "y"]].to_numpy() == pytest.approx(shared.to_numpy())
    assert means.left_out == (
        "2 of 18 rows have no value; 2 of 6 cells not common to all: N = 400 (c3 lack some)"
    )


@pytest.mark.parametrize("gap", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_is_missing(gap):
    table = runs()
    table.loc[0, "x"] = gap
    assert "1 of 18 rows have no value" in collection_means(table, ["x"]).left_out
    assert collection_means(table, ["y"]).left_out == ""


def test_a_row_that_is_not_there_is_missing_too():
    table = runs()
    without = table[(table["collection"] != "c3") | (table["model"] != "b")]
    means = collection_means(without, ["y"])
    assert means.points["n_runs"].tolist() == [3, 3, 3]
    assert "3 of 6 cells not common to all: b (c3 lack some)" in means.left_out


def test_where_few_cells_would_be_left_the_collection_that_costs_most_goes():
    table = runs(collections=("c1", "c2", "c3", "c4"))
    poor = (table["collection"] == "c4") & ~((table["model"] == "a") & (table["n_train"] == 100))
    table.loc[poor, "y"] = np.nan
    means = collection_means(table, ["y"])
    assert means.points["collection"].tolist() == ["c1", "c2", "c3"]
    assert means.points["n_runs"].tolist() == [6, 6, 6]
    assert "c4_0 (c4) dropped: in 1 of 6 cells (model × N)" in means.left_out


def test_one_poor_task_goes_before_its_collection():
    table = runs(tasks=3)
    poor = (table["task"] == "c1_2") & (table["n_train"] > 100)
    table.loc[poor, "y"] = np.nan
    means = collection_means(table, ["y"])
    assert means.points["n_tasks"].tolist() == [2, 3, 3]
    assert means.points["n_runs"].tolist() == [12, 18, 18]


def test_a_collection_without_any_value_is_named():
    table = runs()
    table.loc[table["collection"] == "c2", "y"] = np.nan
    means = collection_means(table, ["y"])
    assert means.points["collection"].tolist() == ["c1", "c3"]
    assert "c2_0 (c2) dropped: no value at all" in means.left_out


def test_a_model_that_learned_nothing_anywhere_drops_no_collection():
    table = runs()
    table.loc[table["model"] == "b", "y"] = np.nan
    means = collection_means(table, ["y"])
    assert len(means.points) == 3
    assert means.points["n_runs"].tolist() == [3, 3, 3]


def test_nothing_at_all():
    means = collection_means(runs().assign(y=np.nan), ["y"])
    assert means.points.empty and means.cells.empty
    assert {"collection", "domain", "y", "n_runs"} <= set(means.points)


def test_rows_without_models_are_one_cell():
    pools = runs().drop_duplicates("task").drop(columns=["model", "n_train", "seed"])
    means = collection_means(pools, ["x"])
    assert means.points["n_runs"].tolist() == [1, 1, 1]


def test_standard_errors_of_tasks_are_summed_in_quadrature():
    means = collection_means(runs(tasks=2).assign(x_se=0.3), ["x", "y"])
    assert means.points["x_se"].to_numpy() == pytest.approx(0.3 / np.sqrt(2))


def test_noise_between_seeds_is_told_from_that_between_cells():
    rng = np.random.default_rng(0)
    table = runs(seeds=20).assign(x=lambda t: 10.0 * t["n_train"] + rng.normal(0, 0.5, len(t)))
    assert collection_means(table, ["x"]).seed_sd["x"] == pytest.approx(0.5, rel=0.1)
    assert collection_means(runs(), ["x"]).seed_sd == {"x": None}
