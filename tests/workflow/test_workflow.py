"""The whole workflow on a tiny study in a temporary folder, and what reruns after a change."""

import json
import os
import re
import shutil
import subprocess
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
from tests.conftest import ROOT, blobs, write_image_folder

TASKS, SIZES, EPSILONS = ["halves", "sides"], [20, 40], [2, 8]


def snakemake(folder, *arguments, check=True):
    """Run Snakemake on this project's Snakefile in another working directory."""
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder,
        "--cores", "2", *arguments,
    ]  # fmt: skip
    return run(list(map(str, command)), folder, check)


def run(command, folder, check=True):
    """Run a command; its output and errors come together, as on a terminal."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(command, cwd=folder, **options)
    if check:
        assert done.returncode == 0, done.stdout
    return done


def write_study(folder, **changes):
    """A configuration of two tasks, one of image files (radiology) and one of arrays (natural)."""
    settings = {
        "tasks": TASKS, "image_size": 32, "pool_size": 80, "n_test": 20, "n_train": SIZES,
        "models": ["resnet18"], "epochs": 1, "head": "classes", "epsilons": EPSILONS, "k": 5,
        "sharpness_m": 50, "sharpness_draws": 3, "measured": ["colours", "bare"], "channels": "own",
        "attacks": ["fgsm", "pgd"], "pgd_steps": 2,
    } | changes  # fmt: skip
    files = {"adapter": "folder", "path": str(folder / "images"), "domain": "radiology"}
    arrays = {"adapter": "npz", "path": str(folder / "arrays.npz"), "domain": "natural"}
    bare = {"adapter": "folder", "path": str(folder / "images" / "right"), "classes": False}
    colour = {"adapter": "npz", "path": str(folder / "colour.npz"), "domain": "natural"}
    config = {
        "study": "tiny",
        "datasets": {
            "files": files | {"note": "made of noise"},
            "arrays": arrays,
            "colour": colour | {"channels": 3},
            "bare": bare | {"domain": "natural"},
        },
        "tasks": {
            "halves": {"dataset": "files"},
            "sides": {"dataset": "arrays", "classes": {"draw": 2, "number": 1, "at_least": 40}},
            "colours": {"dataset": "colour"},
            "bare": {"dataset": "bare"},
        },
        "studies": {"tiny": settings},
    }
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    return "--configfile", folder / "tiny.yaml"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The tiny study, run once; the folder and the arguments that ran it."""
    folder = tmp_path_factory.mktemp("tiny")
    write_image_folder(folder / "images", 45, seed=0)
    images = np.concatenate([blobs(45, 0, seed=1), blobs(45, 1, seed=1)])
    np.savez(folder / "arrays.npz", train_images=images, train_labels=np.arange(90) // 45)
    colours = np.stack([images[i : i + 30] for i in (0, 15, 60)], axis=3)
    np.savez(folder / "colour.npz", train_images=colours, train_labels=np.arange(30) % 3)
    arguments = write_study(folder)
    snakemake(folder, *arguments)
    return folder, arguments


pytestmark = pytest.mark.slow


def jobs_of(done):
    """How many jobs of each rule a dry run lists."""
    table = re.search(r"job +count\n[- ]+\n(.*?)\n\n", done.stdout, re.DOTALL)
    return dict(line.split() for line in table[1].splitlines()) if table else {}


def test_every_file_of_the_contract_is_there_and_reads_back(study):
    root = study[0] / "results" / "tiny"
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
    folder = study[0] / "results" / "tiny"
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
    folder = study[0] / "results" / "tiny" / "tables"
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
    root = study[0] / "results" / "tiny"
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


def test_a_second_run_has_nothing_to_do(study):
    folder, arguments = study
    assert "Nothing to be done" in snakemake(folder, "-n", *arguments).stdout


def test_a_fresh_checkout_reruns_nothing(study):
    """Newer times of the code's files alone change nothing: they are compared by content."""
    folder, arguments = study
    for file in [*ROOT.glob("scripts/*.py"), *ROOT.glob("idsharp/**/*.py")]:
        os.utime(file)
    assert "Nothing to be done" in snakemake(folder, "-n", *arguments).stdout


def test_another_epsilon_reruns_the_attack_and_what_follows(study):
    folder, _ = study
    try:
        done = snakemake(folder, "-n", *write_study(folder, epsilons=[2, 4]))
    finally:
        write_study(folder)
    assert jobs_of(done) == {
        "all": "1", "attack": "2", "tables": "1", "figures": "1", "summary": "1", "total": "6",
    }  # fmt: skip


def test_how_many_jobs_share_a_gpu_reruns_nothing(study):
    folder, _ = study
    try:
        done = snakemake(folder, "-n", *write_study(folder, jobs_per_gpu=4))
    finally:
        write_study(folder)
    assert "Nothing to be done" in done.stdout


def test_another_training_size_trains_that_size_alone(study):
    folder, _ = study
    try:
        done = snakemake(folder, "-n", *write_study(folder, n_train=[20, 40, 50]))
    finally:
        write_study(folder)
    assert jobs_of(done) == {
        "all": "1", "properties": "2", "train": "2", "attack": "2", "representation": "2",
        "tables": "1", "figures": "1", "summary": "1", "total": "12",
    }  # fmt: skip


def test_every_block_on_request(study, tmp_path):
    """The same trained networks, measured at every block: no training, new tables and a figure."""
    folder, _ = study
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    try:
        write_study(folder, representation_layers="blocks")
        shutil.copy(folder / "tiny.yaml", tmp_path / "tiny.yaml")
    finally:
        write_study(folder)
    arguments = "--configfile", tmp_path / "tiny.yaml"
    assert jobs_of(snakemake(tmp_path, "-n", *arguments)) == {
        "all": "1", "representation": "2", "tables": "1", "figures": "1", "summary": "1",
        "total": "6",
    }  # fmt: skip
    snakemake(tmp_path, *arguments)
    root = tmp_path / "results" / "tiny"
    layers = pd.read_csv(root / "tables" / "representation_layers.csv")
    # Two tasks, two sizes, and ResNet-18's stem and eight blocks between images and logits.
    assert len(layers) == 2 * 2 * 12
    assert layers["is_peak"].sum() == 4
    assert (root / "figures" / "id_by_layer.pdf").read_bytes().startswith(b"%PDF")
    summary = (root / "summary.md").read_text()
    assert "Peak of d_repr over layers, natural" in summary
    assert "](figures/id_by_layer.png)" in summary
    # Back again, the former tables and the summary return, though files of the others lie there.
    arguments = write_study(folder)
    shutil.copy(folder / "tiny.yaml", tmp_path / "tiny.yaml")
    snakemake(tmp_path, "--configfile", tmp_path / "tiny.yaml")
    assert "id_by_layer" not in (root / "summary.md").read_text()


def test_a_size_that_a_task_cannot_give_is_a_gap(study, tmp_path):
    data = study[0] / "results" / "tiny" / "data" / "halves"
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


def test_a_new_image_reruns_its_task_alone(study):
    folder, arguments = study
    new = folder / "images" / "left" / "new.png"
    shutil.copy(folder / "images" / "left" / "left_000.png", new)
    try:
        jobs = jobs_of(snakemake(folder, "-n", *arguments))
    finally:
        new.unlink()
    assert jobs["locate"] == "1"
    assert jobs["prepare"] == "1"


def test_the_html_report(study):
    folder, arguments = study
    snakemake(folder, *arguments, "--report", "report.html")
    report = (folder / "report.html").read_text()
    assert "loss penalty vs sharpness" in report
    assert "summary.md" in report


def test_a_wrong_setting_stops_before_anything_runs(study):
    folder, _ = study
    try:
        done = snakemake(folder, "-n", *write_study(folder, epochs="many"), check=False)
    finally:
        write_study(folder)
    assert done.returncode != 0
    assert "studies.tiny.epochs is 'many'; allowed: a whole number of epochs" in done.stdout


def test_a_missing_dataset_is_explained(study, tmp_path):
    arguments = write_study(tmp_path)
    done = snakemake(tmp_path, "-n", *arguments)
    assert f"files is missing: there is no folder {tmp_path / 'images'}" in done.stdout
    assert jobs_of(done)["train"] == "4"
    done = snakemake(tmp_path, *arguments, check=False)
    assert done.returncode != 0
    assert "4 datasets are missing" in done.stdout
    assert not list((tmp_path / "results").rglob("*.*"))
    skip = (*arguments, "--config", "missing_data=skip")
    assert "none of the data" in snakemake(tmp_path, "-n", *skip, check=False).stdout
    write_image_folder(tmp_path / "images", 45, seed=0)
    jobs = jobs_of(snakemake(tmp_path, "-n", *skip))
    assert (jobs["prepare"], jobs["train"]) == ("2", "2")


@pytest.mark.parametrize("profile", ["default", "slurm"])
def test_profiles_dry_run(profile):
    arguments = ["-np", "--workflow-profile", f"profiles/{profile}", "--forceall"]
    done = run([sys.executable, "-m", "snakemake", *arguments, "--config", "study=demo"], ROOT)
    assert jobs_of(done)["train"] == "15"
    # On a cluster the login node's own cores limit nothing.
    if profile == "slurm":
        asked = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())["set-threads"]
        (threads,) = set(re.findall(r"train.py .*? --threads (\d+)", done.stdout))
        assert int(threads) == asked["train"]


@pytest.mark.parametrize("wanted", [False, True])
def test_deterministic_reaches_all_that_computes_on_a_gpu(tmp_path, wanted):
    (tmp_path / "more.yaml").write_text(f"studies: {{demo: {{deterministic: {wanted}}}}}")
    arguments = ["-np", "--forceall", "--configfile", str(tmp_path / "more.yaml")]
    done = run([sys.executable, "-m", "snakemake", *arguments], ROOT)
    for script in ("train", "attack", "representation"):
        commands = re.findall(rf"python scripts/{script}\.py .*", done.stdout)
        assert len(commands) >= 5
        assert all(("--deterministic" in command) == wanted for command in commands)


def test_lint():
    run([sys.executable, "-m", "snakemake", "--lint"], ROOT)
