"""Tables from records: gaps stay visible, and each thing that once was wrong is right."""

import numpy as np
import pandas as pd
import pytest

from idsharp.report import contents
from idsharp.report.columns import COLUMNS, column_in, dictionary, heading
from idsharp.report.latex import SHOWN
from idsharp.report.tables.build import BUILDERS, CONCLUSIONS, build_tables
from tests.report.synthetic import NOISY, SOME, Law, Records, build, described, study_of


def test_the_list_of_tables_and_what_builds_them_agree(complete):
    _, tables = complete
    names = [table.name for table in contents.TABLES]
    assert sorted([*BUILDERS, *CONCLUSIONS]) == sorted(names)
    assert set(tables) == set(names)


def test_every_column_has_a_heading_a_unit_and_a_meaning(complete):
    _, tables = complete
    for name, table in tables.items():
        assert all(column_in(name, column).meaning for column in table), name
        assert set(SHOWN[name]) <= set(table), name
        assert not table.columns.duplicated().any(), name
    described_ = dictionary(tables)
    assert len(described_) == sum(table.shape[1] for table in tables.values())
    assert heading("test_loss") == "Test loss [nats]"
    assert "ours − published" in column_in("comparison", "difference").meaning
    assert "test images too" in COLUMNS["pool_id"].meaning


def test_the_page_on_tables_lists_every_table(root):
    text = (root / "docs" / "tables.md").read_text(encoding="utf-8")
    for table in contents.TABLES:
        assert table.name in text, table.name


def test_a_point_is_a_collection(complete):
    _, tables = complete
    lines = tables["accuracy_vs_id"]
    assert (lines.loc[lines["kind"] != "difference", "n_collections"] == 4).all()
    law = tables["generalization_law"].query("domain == 'all' and kind == 'with K_F'")
    law = law.query("model == 'all' and losses == 'all'")
    assert (law["n_collections"] == 8).all() and (law["dof"] == 5).all()
    assert (law["n_runs"] == 8 * 2 * 2 * 2).all()
    plane, shares = tables["accuracy_plane"], tables["representation_vs_data"]
    assert (plane["n_collections"] == 4).all()
    assert plane.set_index("term")["dof"].to_dict() == {"pool_id": 2, "log_n": 3}
    shares = shares.set_index("domain")["n_collections"]
    assert shares.to_dict() == {"all": 8, "natural": 4, "radiology": 4}


def test_tasks_of_one_collection_are_one_point(tmp_path, published):
    tasks = SOME | {"again": described("c1", "radiology")}
    study = study_of(published, Records(tmp_path, tasks))
    penalty, points, runs = build(study, "loss_penalty_vs_sharpness", "collections", "runs")
    penalty = penalty.set_index(["domain", "model", "response"])
    assert (penalty.loc[("all", "all", "loss_penalty"), "n_collections"] == 8).all()
    points = points.set_index(["losses", "collection"])
    assert points.loc[("all", "c1"), "tasks"] == "again, task1"
    assert points.loc[("all", "c1"), "n_tasks"] == 2
    accuracy = runs.groupby("task")["highest_test_accuracy"].mean()
    expected = accuracy[["task1", "again"]].mean()
    assert points.loc[("all", "c1"), "highest_test_accuracy"] == pytest.approx(expected)


def test_dimensions_of_data_and_representation_are_by_one_estimator(complete):
    study, tables = complete
    # The records have d_repr = 0.6 d_data by every estimator; across estimators it is another.
    shares = tables["representation_vs_data"]
    assert len(shares) == 4 * 3 * 3
    points = study.fitted()
    expected = points["representation_id_twonn_10pct"] / points["data_id_twonn_10pct"]
    row = shares.query("id_estimator == 'id_twonn_10pct' and domain == 'all' and model == 'all'")
    assert row["share_below"].item() == (expected <= 1).mean() == 1
    assert shares["estimate"].to_numpy() == pytest.approx(0.6)
    runs = tables["runs"]
    assert runs["data_id_as_representation"].to_numpy() == pytest.approx(
        study.runs["data_id_twonn_10pct"].to_numpy()
    )
    assert (runs["representation_id"] / runs["data_id_as_representation"]).to_numpy() == (
        pytest.approx(0.6)
    )


def test_the_primary_dimension_of_the_law_is_that_of_the_pool(complete):
    study, tables = complete
    dimensions = tables["generalization_law"].query("kind == 'with K_F' and model == 'all'")
    assert set(dimensions["dimension"]) == {"pool_id", "data_id", "representation_id"}
    law = tables["claims"].query("claim == 'C5' and is_primary")
    row = dimensions.query("dimension == 'pool_id'")
    assert len(row) and len(law) == 1
    points = tables["collections"].query("losses == 'all'")
    pool = study.datasets.set_index("collection")["id_mle_k1"][points["collection"]].to_numpy()
    mean_log_n = np.log([100, 200]).mean()
    assert points["log_n_over_pool_id"].to_numpy() == pytest.approx(mean_log_n / pool)


def test_losses_above_chance_are_marked_and_laws_stand_without_them(tmp_path, published):
    loud = Law(collection_sd=1.5, run_sd=1.0)
    study = study_of(published, Records(tmp_path, SOME, law=loud))
    runs, law, exponents = build(study, "runs", "generalization_law", "exponents")
    above = runs["test_loss"] > np.log(2)
    assert 0 < above.sum() < len(runs)
    assert (runs["above_chance_loss"] == above).all()
    law = law.query("kind == 'constant' and domain == 'all'")
    law = law.query("dimension == 'pool_id' and model == 'all'").set_index("losses")
    assert set(law.index) == {"all", "below chance"}
    assert law.loc["below chance", "n_runs"].max() < law.loc["all", "n_runs"].min()
    assert set(exponents["losses"]) == {"all", "below chance"}


def test_differences_say_what_they_are_between(complete):
    _, tables = complete
    lines = tables["accuracy_vs_id"].set_index(["kind", "domain", "model", "response"])
    row = lines.loc[("difference", "natural − radiology", "all", "highest_test_accuracy")].iloc[0]
    slopes = [
        lines.loc[("mean", domain, "all", "highest_test_accuracy")].iloc[0]
        for domain in ("natural", "radiology")
    ]
    assert row["estimate"] == pytest.approx(slopes[0]["estimate"] - slopes[1]["estimate"])
    # Welch: the variances of the domains are not pooled.
    errors = [slope["standard_error"] for slope in slopes]
    assert row["standard_error"] == pytest.approx(np.hypot(*errors))
    assert pd.isna(row["intercept"])


def test_the_whole_dataset_stands_beside_the_task(tmp_path, published):
    tasks = SOME | {"all0": described("c0", "natural"), "only": described("other", "natural")}
    study = study_of(published, Records(tmp_path, tasks, measured=("all0", "only")))
    runs, lines, gap = build(study, "runs", "accuracy_vs_id", "domain_gap")
    runs = runs.drop_duplicates("task").set_index("task")
    whole = study.datasets.set_index("task")["id_mle_k1"]
    assert runs.loc["task0", "dataset_id"] == whole["all0"] != runs.loc["task0", "pool_id"]
    assert runs.loc["task2", "dataset_id"] == runs.loc["task2", "pool_id"]
    assert set(lines["id_of"]) == {"task", "dataset"}
    gap = gap.query("quantity == 'intrinsic_dimension' and domain == 'natural'")
    counts = gap.groupby("id_of")["n_collections"].first()
    assert counts["task"] == 4 and counts["dataset"] == 5


def test_another_task_on_the_same_images_takes_its_place(tmp_path, published):
    both = SOME | {"other1": described("c1", "radiology", instead_of="task1")}
    study = study_of(published, Records(tmp_path, both, law=NOISY))
    choice, runs, lines = build(study, "task_choice", "runs", "accuracy_vs_id")
    assert set(choice["kind"]) == {"property", "cell", "mean", "slope"}
    mean = choice.query("kind == 'mean'").iloc[0]
    runs = runs.set_index(["task", "n_train"])["highest_test_accuracy"]
    gaps = runs["other1"] - runs["task1"]
    assert mean["difference"] == pytest.approx(gaps.mean())
    assert mean["difference_sd"] == pytest.approx(gaps.std())
    kinds = lines.set_index(["kind", "domain"])["n_collections"]
    assert (kinds["mean, other tasks", "radiology"] == 4).all()
    # Every other fit is that of a study without it.
    used = lines.query("kind == 'mean'")
    assert (used["n_collections"] == 4).all()
    assert used.loc[used["domain"] == "radiology", "n_runs"].eq(8).all()


def test_a_diverged_run_stays_in_the_table_and_its_cell_out_of_every_fit(tmp_path, published):
    records = Records(tmp_path, SOME, sizes=(100, 200, 400), diverged=(("task0", 100),))
    runs, lines = build(study_of(published, records), "runs", "accuracy_vs_id")
    runs = runs.set_index(["task", "n_train"])
    assert runs.loc[("task0", 100), "status"] == "diverged"
    assert np.isnan(runs.loc[("task0", 100), "test_loss"])
    cells = lines.set_index(["kind", "domain", "n_train"])
    assert (cells.loc[("line", "natural", 100), "n_collections"] == 3).all()
    means = lines.query("kind == 'mean' and domain == 'natural'")
    assert (means["n_collections"] == 4).all() and (means["n_runs"] == 8).all()
    assert means["left_out"].str.contains(r"N = 100 \(c0 lack some\)").all()


def test_a_network_that_learned_nothing_is_left_out(tmp_path, published):
    constant = [("task0", 100), ("task0", 200), ("task1", 100)]
    study = study_of(published, Records(tmp_path, SOME, constant=constant))
    lines, shares = build(study, "accuracy_vs_id", "representation_vs_data")
    lines = lines.set_index(["kind", "domain", "n_train"])["n_collections"]
    assert (lines["line", "natural", 100] == 3).all()
    assert (lines["line", "radiology", 100] == 3).all()
    assert (lines["line", "radiology", 200] == 4).all()
    shares = shares.query("domain == 'natural' and model == 'all'")
    assert (shares["n_collections"] == 3).all()
    assert len(study.runs) == 16 and len(study.attacks) == 32


def test_how_networks_were_trained_stands_beside_how_the_papers_did(complete):
    _, tables = complete
    table = tables["hyperparameters"]
    # Records that are older than the name of the optimizer in them are of Adam, too.
    assert (table["optimizer"] == "Adam").all() and (table["published_optimizer"] == "Adam").all()
    rates = table.set_index("model")["published_learning_rate"]
    assert (rates["resnet18"] == 1e-3).all() and (rates["vgg13"] == 1e-4).all()
    assert (table["learning_rate"] == 1e-3).all() and (table["batch_size"] == 40).all()


def test_every_attack_and_bound_is_fitted_by_itself(tmp_path, published):
    records = Records(tmp_path, SOME, attacks=("fgsm", "pgd"), law=NOISY)
    [table] = build(study_of(published, records), "loss_penalty_vs_sharpness")
    table = table.query("model == 'all' and domain == 'all' and rule == 'definition'")
    assert len(table) == 2 * 2 * 3
    assert (table["n_collections"] == 8).all()
    assert table.query("response == 'log_loss_penalty'")["law"].eq(1).all()
    penalty = table.query("response == 'loss_penalty'")
    assert penalty["pearson_r"].nunique() == 4


@pytest.mark.parametrize("tasks", [{"one": "natural"}, {"a": "radiology", "b": "radiology"}])
def test_small_studies_say_what_they_cannot_fit(tmp_path, published, tasks):
    tasks = {name: described(name, domain) for name, domain in tasks.items()}
    tables = build_tables(study_of(published, Records(tmp_path, tasks)))
    assert tables["accuracy_vs_id"]["reason"].notna().all()
    assert set(tables["claims"]["verdict"]) <= {"not measured", "cannot tell"}
    assert tables["predictions"].empty or len(tasks) > 1
