"""The whole workflow on a tiny study in a temporary folder, and what reruns after a change."""

import dataclasses
import json
import re
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

from idsharp.attacks.example import read_example
from idsharp.properties.neighbors.search import nearest_neighbors
from idsharp.properties.record import properties_record
from idsharp.properties.sharpness import resolution_free, sharpness_of_all_pairs
from idsharp.report import contents
from idsharp.report.columns import column_in
from idsharp.report.latex import ROWS
from idsharp.study.layout import Layout
from idsharp.tasks.images import to_grey
from tests.conftest import ROOT, write_image_folder
from tests.workflow.tiny import EPSILONS, SIZES, TASKS, jobs_of, run, snakemake, write_study

pytestmark = pytest.mark.slow


def test_every_file_of_the_contract_is_there_and_reads_back(study):
    root = study.folder / "results" / "tiny"
    layout = Layout(root, TASKS, ["resnet18"], SIZES, [0])
    for task in TASKS:
        images = np.load(layout.images(task))
        samples = pd.read_csv(layout.samples(task))
        assert (images.dtype, images.shape) == (np.uint8, (80, 1, 32, 32))
        assert len(samples) == 80
        assert json.loads(layout.audit(task).read_text())["n_pool"] == 80
        for subset, n in zip(layout.subsets(task), [80, *SIZES], strict=True):
            record = json.loads(layout.properties(task, subset).read_text())
            assert record["n_images"] == n
            assert record["id_mle_k1"] > 0
            assert {record["sharpest_first_id"], record["sharpest_second_id"]} <= set(samples["id"])
        for n in SIZES:
            record = json.loads(layout.run(task, "resnet18", n, 0).read_text())
            assert (record["n_train"], record["status"]) == (n, "ok")
            history = pd.read_csv(layout.run(task, "resnet18", n, 0).with_suffix(".csv"))
            assert len(history) == 1
            checkpoint = layout.run(task, "resnet18", n, 0).with_suffix(".pt")
            assert torch.load(checkpoint, weights_only=True)
        attacks = pd.read_csv(layout.attacks(task, "resnet18"))
        assert attacks.groupby(["attack", "n_train"])["epsilon_255"].agg(list).tolist() == [
            EPSILONS
        ] * (2 * len(SIZES))
        with np.load(layout.attacks(task, "resnet18").with_suffix(".npz")) as file:
            assert file["n_train"].tolist() == SIZES
            assert file["image_id"].tolist() == samples["id"][60:].tolist()
            penalty = (file["loss"][:, 1:] - file["loss"][:, :1]).mean(axis=2)
        assert penalty.flatten() == pytest.approx(attacks["loss_penalty"], abs=1e-6)
        assert read_example(layout.attack_examples(task, "resnet18"), 2).n_train == SIZES[-1]
        learned = pd.read_csv(layout.representations(task, "resnet18"))
        assert learned["n_images"].tolist() == SIZES


def test_a_task_that_is_only_measured(study):
    folder = study.folder / "results" / "tiny"
    assert np.load(folder / "data" / "colours" / "images.npy").shape == (30, 3, 32, 32)
    assert not list(folder.glob("models/colours*"))
    row = pd.read_csv(folder / "tables" / "datasets.csv").set_index("task").loc["colours"]
    assert (row["n_pool"], row["n_test"], row["channels"], row["classes"]) == (
        30,
        0,
        3,
        "0 | 1 | 2",
    )
    # Without classes there is a dimension and no sharpness.
    bare = pd.read_csv(folder / "tables" / "datasets.csv").set_index("task").loc["bare"]
    assert bare["id_mle_k1"] > 1
    assert np.isnan(bare["label_sharpness"])
    # K_F compares data sets in grey; the resolution-free one is that of the colours.
    images = np.load(folder / "data" / "colours" / "images.npy")
    labels = pd.read_csv(folder / "data" / "colours" / "samples.csv")["label"].to_numpy()
    grey = properties_record(to_grey(images), labels, 5, 50, 3, np.random.default_rng(0))
    own = sharpness_of_all_pairs(nearest_neighbors(images, 1, labels)).value
    assert row["label_sharpness_all"] == pytest.approx(grey["label_sharpness_all"])
    assert row["label_sharpness_all_resolution_free"] == pytest.approx(
        resolution_free(own, (3, 32, 32))
    )


def test_tables_have_their_rows_units_and_numbers_of_points(study):
    folder = study.folder / "results" / "tiny" / "tables"
    tables = {path.stem: pd.read_csv(path) for path in folder.glob("*.csv")}
    columns = tables.pop("columns")
    for name, table in tables.items():
        assert set(table) == set(columns["column"][columns["table"] == name])
        assert all(column_in(name, column).meaning for column in table)
        latex = (folder / f"{name}.tex").read_text()
        for column, values in ROWS.get(name, {}).items():
            table = table[table[column].isin(values)]
        assert latex.count(r"\\") >= len(table)
        assert not re.search(r"[−≤≲ερ²]", latex), "LaTeX source must be plain"
    assert len(tables["datasets"]) == 4
    assert len(tables["runs"]) == 4
    assert len(tables["attacks"]) == 16
    assert len(tables["properties"]) == 8
    inside = tables["attacks"]
    assert (inside["attacked_accuracy_low"] <= inside["attacked_accuracy"]).all()
    assert (inside["attacked_accuracy"] <= inside["attacked_accuracy_high"]).all()
    assert (inside["robust_accuracy"] <= inside["attacked_accuracy"]).all()
    # Two tasks carry no regression: said, not fitted.
    lines = tables["accuracy_vs_id"]
    assert lines["reason"].notna().all()
    assert (lines.loc[lines["kind"] == "line", "n_collections"] == 1).all()


def test_figures_and_summary(study):
    root = study.folder / "results" / "tiny"
    figures = sorted((root / "figures").glob("*.png"))
    shown = {figure.name for figure in contents.shown(contents.FIGURES, blocks=False)}
    assert {figure.stem for figure in figures} == shown
    for figure in figures:
        with Image.open(figure) as image:
            image.load()
            assert min(image.size) > 200
        assert figure.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    summary = (root / "summary.md").read_text()
    for link in re.findall(r"\]\((figures/[^)]+)\)", summary):
        assert (root / link).is_file()
    # Nothing of 32×32 pixels compares with what was published, so that there is no such figure.
    assert summary.count("](figures/") == len(shown) - 1
    page = (root / "index.html").read_text()
    assert page.count('<figure id="figure-') == len(shown) - 1
    assert "halves: made of noise" in page
    assert "halves: made of noise" in summary
    assert "nan" not in summary.lower()


def test_every_block_on_request(study, tmp_path):
    """The same trained networks, measured at every block: no training, new tables and a figure."""
    shutil.copytree(study.folder, tmp_path, dirs_exist_ok=True)
    other = dataclasses.replace(study, folder=tmp_path)
    text = (tmp_path / "tiny.yaml").read_text()
    config = yaml.safe_load(text)
    config["studies"]["tiny"]["representation_layers"] = "blocks"
    settings = tmp_path / "tiny.yaml"
    settings.write_text(yaml.safe_dump(config))
    other = dataclasses.replace(other, arguments=("--configfile", settings))
    assert other.jobs() == {"representation": 2, "tables": 1, "figures": 1, "summary": 1}
    other.snakemake()
    root = tmp_path / "results" / "tiny"
    layers = pd.read_csv(root / "tables" / "representation_layers.csv")
    # Two tasks, two sizes, and ResNet-18's stem and eight blocks between images and logits.
    assert len(layers) == 2 * 2 * 12
    assert layers["is_peak"].sum() == 4
    assert (root / "figures" / "id_by_layer.pdf").read_bytes().startswith(b"%PDF")
    summary = (root / "summary.md").read_text()
    assert "Depth of the layer of highest dimension, natural" in summary
    assert "](figures/id_by_layer.png)" in summary
    # Back again, the former tables and the summary return, though files of the others lie there.
    settings.write_text(text)
    other.snakemake()
    assert "id_by_layer" not in (root / "summary.md").read_text()


def test_a_size_that_a_task_cannot_give_is_a_gap(study, tmp_path):
    data = study.folder / "results" / "tiny" / "data" / "halves"
    inputs = ["--images", data / "images.npy", "--samples", data / "samples.csv"]
    record = tmp_path / "n62_s0.json"
    outputs = ["--record", record, "--checkpoint", tmp_path / "n62_s0.pt",
               "--history", tmp_path / "n62_s0.csv"]  # fmt: skip
    recipe = "--model resnet18 --n-train 62 --seed 0 --outputs 2 --input-scale 255 --epochs 1 "
    recipe += "--batch-size 40 --learning-rate 1e-3 --weight-decay 0"
    script("train", "halves", *inputs, *recipe.split(), *outputs)
    written = json.loads(record.read_text())
    assert written["status"] == "too few images"
    assert "has 60 training images, 80 in all" in written["reason"]
    measured = ["--subsets", "n62", "--records", tmp_path / "n62.json"]
    script("properties", "halves", *inputs, *["--k", "5", "--m", "50", "--draws", "3"], *measured)
    written = json.loads((tmp_path / "n62.json").read_text())
    assert written["id_mle_k1"] is None
    assert "62 images was asked for" in written["set_reason"]
    table = tmp_path / "table.csv"
    script("representation", *inputs, "--runs", record, "--k", "5", "--table", table)
    assert pd.read_csv(table)["status"].tolist() == ["too few images"]


def script(name, *arguments):
    """Run a script of the rules by hand."""
    return run(list(map(str, [sys.executable, ROOT / "scripts" / f"{name}.py", *arguments])), ROOT)


def test_the_html_report(study):
    study.snakemake("--report", "report.html")
    report = (study.folder / "report.html").read_text()
    assert "Loss penalty under attack against label sharpness" in report
    assert "summary.md" in report


def test_a_wrong_setting_stops_before_anything_runs(tmp_path):
    done = snakemake(tmp_path, "-n", *write_study(tmp_path, epochs="many"), check=False)
    assert done.returncode != 0
    assert "studies.tiny.epochs is 'many'; allowed: a whole number of epochs" in done.stdout


def test_a_missing_dataset_is_explained(study, tmp_path):
    arguments = write_study(tmp_path)
    done = snakemake(tmp_path, "-n", *arguments)
    assert f"files is missing: there is no folder {tmp_path / 'images'}" in done.stdout
    assert jobs_of(done)["train"] == 4
    done = snakemake(tmp_path, *arguments, check=False)
    assert done.returncode != 0
    assert "4 datasets are missing" in done.stdout
    assert not list((tmp_path / "results").rglob("*.*"))
    skip = (*arguments, "--config", "missing_data=skip")
    assert (
        "no task of study tiny has its data" in snakemake(tmp_path, "-n", *skip, check=False).stdout
    )
    write_image_folder(tmp_path / "images", 45, seed=0)
    jobs = jobs_of(snakemake(tmp_path, "-n", *skip))
    assert (jobs["prepare"], jobs["train"]) == (2, 2)


@pytest.mark.parametrize("profile", ["default", "slurm"])
def test_profiles_dry_run(profile):
    arguments = ["-np", "--workflow-profile", f"profiles/{profile}", "--forceall"]
    done = run([sys.executable, "-m", "snakemake", *arguments, "--config", "study=demo"], ROOT)
    assert jobs_of(done)["train"] == 15
    # On a cluster the login node's own cores limit nothing.
    if profile == "slurm":
        asked = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())["set-threads"]
        (threads,) = set(re.findall(r"train.py .*? --threads (\d+)", done.stdout))
        assert int(threads) == asked["train"]


@pytest.mark.parametrize("wanted", [False, True])
def test_settings_reach_the_commands_as_they_stand(tmp_path, wanted):
    """Whether to be deterministic, and texts with what Snakemake would take for a wildcard."""
    texts = {"title": "A {title}", "note": "{task} {{or}} {0}"}
    config = {
        "data_dir": "my {data}",
        "studies": {"demo": {"deterministic": wanted} | texts},
    }
    (tmp_path / "more.yaml").write_text(yaml.safe_dump(config))
    arguments = ["-np", "--forceall", "--configfile", str(tmp_path / "more.yaml")]
    done = run([sys.executable, "-m", "snakemake", *arguments], ROOT)
    for script in ("train", "attack", "representation"):
        commands = re.findall(rf"python scripts/{script}\.py .*", done.stdout)
        assert len(commands) >= 5
        assert all(("--deterministic" in command) == wanted for command in commands)
    for option, text in {"data-dir": "my {data}", **texts}.items():
        assert f"--{option} '{text}' " in done.stdout


def test_lint():
    run([sys.executable, "-m", "snakemake", "--lint"], ROOT)
