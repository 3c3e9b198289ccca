"""K_F in the tables: one M for every fit, and draws that share images say so."""

import json

import pandas as pd
import pytest

from idsharp.report.tables.study import read_study
from tests.report.synthetic import SOME, Records, build, study_of


def test_label_sharpness_in_fits_is_that_of_the_pool_at_one_m(complete):
    study, tables = complete
    runs = tables["runs"]
    assert (runs.groupby("task")["pool_sharpness"].nunique() == 1).all()
    assert (runs["pool_sharpness_m"] == 1000).all()
    assert set(runs["label_sharpness_m"]) == {100, 200}
    points = tables["penalty_points"].query("model == 'all' and epsilon_255 == 2")
    pools = study.datasets.set_index("collection")["label_sharpness"]
    expected = pools[points["collection"]].to_numpy()
    assert points["pool_sharpness"].to_numpy() == pytest.approx(expected)


def test_pools_at_another_m_are_left_out_of_fits_with_sharpness(tmp_path, published):
    records = Records(tmp_path, SOME)
    records.write()
    small = records.layout.properties("task0", "pool")
    text = small.read_text().replace('"label_sharpness_m": 1000', '"label_sharpness_m": 640')
    small.write_text(text)
    estimators = ("id_mle_k1", "id_twonn_10pct")
    [law] = build(read_study(records.layout, SOME, *estimators, published), "generalization_law")
    law = law.query("domain == 'all' and kind == 'with K_F' and losses == 'all'")
    law = law.query("rule == 'definition'")
    assert (law["n_collections"] == 7).all()
    assert law["left_out"].str.contains(r"task0 \(c0\) dropped: no value at all").all()


def test_label_sharpness_is_compared_at_the_largest_m_that_all_pools_have(tmp_path, published):
    records = Records(tmp_path, SOME)
    records.write()
    for task in SOME:
        path = records.layout.properties(task, "pool")
        pool = json.loads(path.read_text()) | {
            "label_sharpness_m": 640 if task == "task0" else 1000
        }
        for m, share in ((100, 0.7), (500, 0.9)):
            for end in ("", "_sd", "_resolution_free"):
                name = f"label_sharpness{end}"
                pool[name.replace("sharpness", f"sharpness_at_{m}")] = share * pool[name]
        path.write_text(json.dumps(pool))
    study = read_study(records.layout, SOME, "id_mle_k1", "id_twonn_10pct", published)
    assert (study.runs["pool_sharpness_m"] == 500).all()
    whole = study.runs["task"].map(study.datasets.set_index("task")["label_sharpness"])
    assert (study.runs["pool_sharpness"] / whole).to_numpy() == pytest.approx(0.9)
    assert "label_sharpness_at_500" in build(study, "properties")[0]


@pytest.mark.parametrize("n, m, shares", [(1400, 1000, True), (7500, 1000, False)])
def test_draws_that_share_images_are_marked(tmp_path, published, n, m, shares):
    study = study_of(published, Records(tmp_path, SOME, pool=n))
    pools = study.properties.query("subset == 'pool'")
    assert (pools["draws_share_images"] == shares).all()
    # One draw of everything has no spread to mark.
    assert study.properties.query("subset == 'n100'")["draws_share_images"].isna().all()


def test_what_cannot_be_measured_has_its_reason(tmp_path, published):
    study = study_of(published, Records(tmp_path, SOME, undefined=("task3",)))
    measured, law = build(study, "datasets", "generalization_law")
    measured = measured.set_index("task")
    assert measured.loc["task3", "reason"] == "all images have the same label"
    assert pd.isna(measured.loc["task3", "label_sharpness"])
    law = law.query("kind == 'with K_F' and domain == 'all' and losses == 'all'")
    assert (law["n_collections"] == 7).all()
    assert law["left_out"].str.contains("task3").all()
