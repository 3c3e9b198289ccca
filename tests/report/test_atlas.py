"""The atlas that `idsharp measure` ships, made from the tables of a made-up study."""

import csv
import importlib.util

import pytest

from idsharp.common.records import write_csv
from idsharp.measure.atlas import collections_of, read_atlas


@pytest.fixture(scope="module")
def atlas_of(root):
    """`atlas` of benchmarks/replication/atlas.py."""
    file = root / "benchmarks" / "replication" / "atlas.py"
    spec = importlib.util.spec_from_file_location("replication_atlas", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.atlas


@pytest.fixture
def tables(complete, tmp_path):
    _, made = complete
    for name in ("datasets", "runs", "attacks", "hyperparameters"):
        write_csv(tmp_path / f"{name}.csv", made[name])
    return tmp_path


def as_read(table, folder):
    write_csv(folder / "atlas.csv", table)
    with open(folder / "atlas.csv", newline="", encoding="utf-8") as stream:
        return read_atlas(list(csv.DictReader(stream)))


def test_a_row_holds_means_over_seeds(complete, tables, atlas_of):
    _, made = complete
    tasks = as_read(atlas_of(tables), tables)
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


def test_missing_cells_are_empty(complete, tables, atlas_of):
    _, made = complete
    runs = made["runs"]
    write_csv(tables / "runs.csv", runs[~((runs["task"] == "task3") & (runs["n_train"] == 200))])
    values = {task.name: task.values for task in as_read(atlas_of(tables), tables)}
    assert "test_loss_n200" not in values["task3"]
    assert "test_loss_n100" in values["task3"]
    for name in ("runs", "attacks", "hyperparameters"):
        (tables / f"{name}.csv").unlink()
    table = atlas_of(tables)
    assert not [name for name in table if name.startswith("test_loss")]
    assert len(as_read(table, tables)) == len(values)


def test_the_replication_names_every_task_and_where_it_comes_from(root):
    from idsharp.study.config import collection_of
    from idsharp.study.files import read_config

    folder = root / "benchmarks" / "replication"
    config = read_config(root / "config.yaml", [folder / "config.yaml"])
    study = config["studies"]["replication"]
    tasks = [*study["tasks"], *study["measured"]]
    with open(folder / "tells_apart.csv", newline="", encoding="utf-8") as stream:
        assert {row["task"] for row in csv.DictReader(stream)} == set(tasks)
    with open(folder / "sources.csv", newline="", encoding="utf-8") as stream:
        named = {row["collection_id"] for row in csv.DictReader(stream)}
    assert named == {collection_of(config, config["tasks"][task]["dataset"]) for task in tasks}
