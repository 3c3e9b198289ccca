"""The atlas that `idsharp measure` ships, made from the tables of a made-up study."""

import csv
from dataclasses import replace

import pytest

from idsharp.common.records import write_csv
from idsharp.measure.atlas import collections_of, read_atlas


@pytest.fixture(scope="module")
def atlas_of(replication):
    """`atlas` of benchmarks/replication/atlas.py."""
    return replication("atlas").atlas


def as_read(table, folder):
    write_csv(folder / "atlas.csv", table)
    with open(folder / "atlas.csv", newline="", encoding="utf-8") as stream:
        return read_atlas(list(csv.DictReader(stream)))


def test_a_row_holds_means_over_seeds(complete, tmp_path, atlas_of):
    study, made = complete
    tasks = as_read(atlas_of(study), tmp_path)
    assert len(tasks) == len(made["datasets"]) == len(collections_of(tasks))
    runs = made["runs"].query("task == 'task3' and model == 'resnet18' and n_train == 200")
    attacks = made["attacks"].query(
        "task == 'task3' and model == 'resnet18' and n_train == 200 and epsilon_255 == 2"
    )
    values = next(task.values for task in tasks if task.name == "task3")
    assert len(runs) == values["n_seeds_n200"] == 2
    assert values["test_loss_n200"] == pytest.approx(runs["test_loss"].mean())
    assert values["highest_test_accuracy_n200"] == pytest.approx(
        runs["highest_test_accuracy"].mean()
    )
    assert values["fgsm_penalty_n200"] == pytest.approx(attacks["loss_penalty"].mean())
    assert values["epochs"] == 3
    pool = made["datasets"].set_index("task").loc["task3"]
    assert values["id_mle_k1"] == pytest.approx(pool["id_mle_k1"])
    assert values["label_sharpness_released"] == pytest.approx(pool["label_sharpness_released"])


def test_missing_cells_are_empty(complete, tmp_path, atlas_of):
    study, _ = complete
    fewer = study.runs.query("task != 'task3' or n_train != 200")
    found = as_read(atlas_of(replace(study, runs=fewer)), tmp_path)
    values = {task.name: task.values for task in found}
    assert "test_loss_n200" not in values["task3"]
    assert "test_loss_n100" in values["task3"]
    table = atlas_of(replace(study, runs=study.runs[:0]))
    assert not [name for name in table if name.startswith("test_loss")]
    assert len(as_read(table, tmp_path)) == len(values)


def test_the_replication_names_every_task_and_where_it_comes_from(root):
    from idsharp.study.check import check_config
    from idsharp.study.config import collection_of
    from idsharp.study.files import read_config

    folder = root / "benchmarks" / "replication"
    config = check_config(read_config(root / "config.yaml", [folder / "config.yaml"]))
    study = config["studies"]["replication"]
    tasks = [*study["tasks"], *study["measured"]]
    with open(folder / "tells_apart.csv", newline="", encoding="utf-8") as stream:
        assert {row["task"] for row in csv.DictReader(stream)} == set(tasks)
    with open(folder / "sources.csv", newline="", encoding="utf-8") as stream:
        named = {row["collection_id"] for row in csv.DictReader(stream)}
    assert named == {collection_of(config, config["tasks"][task]["dataset"]) for task in tasks}
