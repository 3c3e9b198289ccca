"""The scripts that conclude from the replication's records."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from idsharp.common.records import write_array, write_json


@pytest.fixture(scope="module")
def found(complete, replication):
    """The answers of the made-up study, in which the law holds."""
    return replication("answers").answers(complete[0])


def estimate(found, over, text):
    rows = found[(found["over"] == over) & found["quantity"].str.startswith(text)]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def test_answers_are_given_over_all_networks_and_of_each(found):
    assert set(found["question"]) == {"1", "2", "3b", "3c", "4", "5"}
    names = {"15 collections", "without the three small ones"}
    networks = {f"15 collections, {name} alone" for name in ("resnet18", "vgg13")}
    assert names | networks <= set(found["over"])
    text = "slope of ln loss on ln K_F, beside (ln N)/d"
    both, *each = (estimate(found, over, text) for over in ("15 collections", *sorted(networks)))
    assert both["low"] < 1 < both["high"] and both["verdict"] == "support"
    assert both["estimate"] != each[0]["estimate"] != each[1]["estimate"]


def test_one_network_is_not_answered_for_twice(complete, replication):
    answers = replication("answers")
    one = answers.answers(answers.alone(complete[0], "resnet18"))
    assert not one.duplicated(["question", "quantity", "over"]).any()
    assert not one["over"].str.contains("alone").any()


def test_dimension_is_compared_over_collections(complete, found):
    points = complete[0].points(["pool_id"]).points
    means = points.groupby("domain")["pool_id"].mean()
    got = estimate(found, "15 collections", "ID, radiology − natural")
    assert got["estimate"] == pytest.approx(means["radiology"] - means["natural"])


def test_registered_estimates_are_corrected_for_their_number(replication):
    answers = replication("answers")
    names = [f"{name} (RMSE 1, the mean's 2)" if "gain" in name else name
             for name in answers.REGISTERED]  # fmt: skip
    rows = pd.DataFrame({"quantity": names, "over": "15 collections", "p": 0.9})
    rows = rows.assign(question="", verdict="")
    rows.loc[3, "p"] = 0.01
    # Neither the same over others nor what is called alike counts.
    others = [rows.assign(over="without the three small ones"),
              rows.assign(quantity=rows["quantity"].iloc[7] + ", radiology", p=1e-9)]  # fmt: skip
    table = answers.registered(pd.concat([rows, *others], ignore_index=True))
    assert table["p (Holm)"].tolist() == pytest.approx([0.11 if i == 3 else 1.0 for i in range(11)])
    with pytest.raises(ValueError, match="10 estimates"):
        answers.registered(rows.drop(index=5))


def test_robust_errors_weigh_residuals_by_their_leverage(replication):
    rng = np.random.default_rng(0)
    points = pd.DataFrame({"x": rng.normal(size=15), "z": rng.normal(size=15)})
    points = points.assign(y=points["x"] * (2 + rng.normal(size=15)))
    found = replication("curves").robust(points, "y", ["x", "z"])
    x = np.column_stack([np.ones(15), points[["x", "z"]]])
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ x.T @ points["y"]
    scaled = (points["y"] - x @ beta) / (1 - np.einsum("ij,jk,ik->i", x, inverse, x))
    error = np.sqrt(np.diag(inverse @ (x.T * scaled.to_numpy() ** 2) @ x @ inverse))
    reach = stats.t.ppf(0.975, 12) * error
    for i, slope in enumerate(found, start=1):
        ends = [slope[end] for end in ("low", "estimate", "high")]
        assert ends == pytest.approx([beta[i] - reach[i], beta[i], beta[i] + reach[i]])


def test_an_estimate_without_a_side_is_no_support(replication):
    row = replication("questions").row
    found = {"estimate": 2.0, "low": 1.0, "high": 3.0}
    verdicts = [row("", "", "", found, side)["verdict"] for side in (+1, -1, None)]
    assert verdicts == ["support", "refutation", "excludes 0"]


def test_records_are_read_as_they_were_written(complete, replication, tmp_path, found):
    records, answers = replication("records"), replication("answers")
    records.write_records(complete[0], tmp_path)
    again = answers.answers(records.read_records(tmp_path))
    # Of the made-up representations this is the same number for all, up to rounding.
    of_ratio = found["quantity"].str.startswith("ratio")
    pd.testing.assert_frame_equal(again[~of_ratio], found[~of_ratio], rtol=1e-3)


def test_noise_between_seeds_is_that_inside_a_task_network_and_size(complete, replication):
    study = complete[0]
    table = replication("answers").between_seeds(study)
    got = table.set_index(["quantity", "over", "model"]).loc[("log_loss", "all", "resnet18")]
    runs = replication("curves").primary(study.runs)
    runs = runs[runs["model"] == "resnet18"]
    pairs = np.log(runs["test_loss"]).groupby([runs["task"], runs["n_train"]])
    assert got["seeds"] == 2 and (pairs.count() == 2).all()
    assert got["SD between seeds"] == pytest.approx(np.sqrt(pairs.var().mean()))


def test_leakage_compares_the_seeds_that_both_splits_have(complete, replication):
    runs = complete[0].runs
    one = runs[runs["task"] == runs["task"].iloc[0]]
    by_patient = one.assign(task="kermany", test_loss=1.0 + one["seed"])
    by_image = one[one["seed"] == 0].assign(task="kermany_by_image", test_loss=0.5)
    study = replace(complete[0], runs=pd.concat([by_patient, by_image]))
    table = replication("answers").leakage(study)
    assert len(table) == len(by_image) and (table["test_loss, by patient"] == 1.0).all()
    assert (table["test_loss, by image"] == 0.5).all()


def test_domains_are_compared_over_collections_not_tasks(complete, replication):
    properties = replication("properties")
    rows = complete[0].datasets
    own = rows["domain"].map({"radiology": 12.0, "natural": 20.0})
    order = rows.groupby("domain")["collection"].rank(method="dense")
    centered = order - order.groupby(rows["domain"]).transform("mean")
    rows = rows.assign(n_pool=2000, id_mle_k1=own + 0.1 * centered)
    # Another labeling of the same images stands in for a task, and enters no mean.
    variant = rows.iloc[[0]].assign(task="variant", instead_of=rows["task"].iloc[0], id_mle_k1=1e3)
    few = rows.iloc[[0]].assign(task="few", collection="few", n_pool=999)
    tasks = properties.pools(replace(complete[0], datasets=pd.concat([rows, variant, few])))
    assert "variant" in set(tasks["task"]) and "few" not in set(tasks["task"])
    points = properties.collections(tasks)
    assert len(points) == rows["collection"].nunique()
    gap = properties.gaps(points).set_index("quantity").iloc[0]
    assert gap["radiology v natural"].startswith("-8")


def test_exponents_of_learning_curves_are_those_of_the_law(complete, replication):
    first = complete[0].runs.query("n_train == 100")
    ids = complete[0].points(["pool_id"]).points.set_index("collection")["pool_id"]
    exponent = 2 / first["collection"].map(ids) + 0.01 * (first["collection"].str.len() % 3)
    parts = [first.assign(n_train=n, test_loss=n**-exponent) for n in (100, 200, 400)]
    study = replace(complete[0], runs=pd.concat(parts))
    points = replication("curves").exponents(study)
    wanted = exponent.groupby(first["collection"]).first()
    assert points.set_index("collection")["exponent"].to_dict() == pytest.approx(wanted.to_dict())
    rows = pd.DataFrame(replication("questions").learning_curves(study)).set_index("over")
    slopes = rows[rows["quantity"].str.startswith("slope")]["estimate"].astype(float)
    assert slopes["15 collections"] == pytest.approx(2, abs=0.5)
    assert slopes["resnet18, seed 1"] == pytest.approx(slopes["15 collections"])
    # Nothing of the first round is of these tasks.
    assert rows.loc["first round, resnet18", "verdict"].startswith("not measured")


def test_the_table_of_larger_images_has_the_recorded_size_beside_each(
    complete, replication, tmp_path
):
    known = complete[0].datasets.iloc[0]
    names = ["id_mle_k1", "id_twonn_10pct", "label_sharpness_resolution_free"]
    for size in (128, 224):
        folder, task = tmp_path / f"{size}px", known["task"]
        write_array(folder / "data" / task / "images.npy", np.zeros((2, 1, size, size), np.uint8))
        record = folder / "properties" / task / "pool.json"
        write_json(record, dict.fromkeys(names, float(size)))
    folders = [tmp_path / "224px", tmp_path / "128px"]
    found = replication("sensitivity").larger(folders, complete[0])
    assert found["pixels"].tolist() == [known["image_size"], 128, 224]
    assert found["ID, MLE (k−1)"].tolist() == [known["id_mle_k1"], 128, 224]
