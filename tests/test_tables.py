"""Tables, figures and summary from records: gaps stay visible, odd studies still draw."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from idsharp import figures
from idsharp.columns import COLUMNS, dictionary, heading
from idsharp.dimension import ESTIMATORS
from idsharp.latex import CAPTIONS, SHOWN, to_latex
from idsharp.layout import Layout
from idsharp.records import write_rows
from idsharp.summary import FIGURES, summarize
from idsharp.tables import build_tables

SIZES, EPSILONS = [100, 200], [1, 2]


def write_study(root, tasks, diverged=(), undefined=()):
    """Records as the scripts write them, with chosen runs diverged and tasks unmeasurable."""
    layout = Layout(root, list(tasks), ["resnet18"], SIZES, [0])
    rng = np.random.default_rng(0)
    for task in tasks:
        audit = {
            "task": task, "classes": "a | b", "image_size": 32, "channels": 1, "n_classes": 2,
            "n_pool_requested": 300, "n_pool": 240, "n_test": 40, "split": "patient",
            "n_patients": 0, "patient_disjoint": False, "n_unreadable": 0,
        }  # fmt: skip
        write(layout.audit(task), audit)
        for subset in layout.subsets(task):
            write(layout.properties(task, subset), properties(rng, task in undefined))
        attacks, learned = [], []
        for n in SIZES:
            names = {"task": task, "model": "resnet18", "n_train": n, "seed": 0}
            names["status"] = "diverged" if (task, n) in diverged else "ok"
            write(layout.run(task, "resnet18", n, 0), names | training(rng, names["status"]))
            if names["status"] == "ok":
                attacks += [names | attack(rng, epsilon) for epsilon in EPSILONS]
                learned.append(names | {"n_images": n} | estimates(rng))
            else:
                attacks += [names | {"epsilon_255": epsilon} for epsilon in EPSILONS]
                learned.append(names)
        write_rows(layout.attacks(task, "resnet18"), attacks)
        write_rows(layout.representations(task, "resnet18"), learned)
    described = {t: {"dataset": t, "domain": d, "note": ""} for t, d in tasks.items()}
    return build_tables(layout, described, "id_mle_k1", "id_twonn_10pct")


def write(path, record):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))


def estimates(rng):
    values = {name: float(rng.uniform(5, 15)) for name in ESTIMATORS}
    return values | {f"{name}_se": 0.1 for name in ESTIMATORS}


def properties(rng, undefined):
    sharpness = {
        f"label_sharpness{which}{free}": None if undefined else float(rng.uniform(1, 3)) * 1e-4
        for which in ("", "_sd", "_all")
        for free in ("", "_resolution_free")
    }
    counts = {"n_images": 240, "n_duplicates": 0, "n_label_conflicts": 0, "k": 20}
    drawn = {"label_sharpness_m": 200, "label_sharpness_draws": 25}
    reason = {"label_sharpness_reason": "all images have the same label"} if undefined else {}
    return counts | estimates(rng) | sharpness | drawn | reason


def training(rng, status):
    names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "highest_test_accuracy")
    numbers = {name: float(rng.uniform(0.1, 0.9)) if status == "ok" else None for name in names}
    return numbers | {"epochs_done": 3, "train_seconds": 1.0, "images_per_second": 100.0}


def attack(rng, epsilon):
    return {
        "attack": "fgsm", "epsilon_255": epsilon, "n_test_images": 40, "clean_loss": 0.3,
        "attacked_loss": 0.3 + epsilon, "loss_penalty": epsilon * float(rng.uniform(0.5, 1)),
        "clean_accuracy": 0.9, "attacked_accuracy": 0.5, "n_attacked_correct": 20,
    }  # fmt: skip


MANY = {f"task{i}": "radiology" if i % 2 else "natural" for i in range(8)}


def draw_everything(tables):
    runs = tables["runs"][tables["runs"]["status"] == "ok"]
    drawn = [
        figures.id_by_domain(tables["properties"], "id_mle_k1"),
        figures.sharpness_by_domain(tables["properties"]),
        figures.accuracy_vs_id(runs),
        figures.log_loss_vs_id(runs),
        figures.loss_penalty_vs_sharpness(tables["attacks"], 2),
        figures.representation_vs_data(runs),
    ]
    for figure in drawn:
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=50)
        assert file.tell() > 2000
    return drawn


def summary_of(tables):
    captions = {name: f"Caption of {name}." for name, _ in FIGURES}
    sources = pd.DataFrame(columns=["dataset", "title", "url", "licence", "access", "citation"])
    return summarize("Title", "Only a test.", tables, captions, sources, 2)


def test_every_column_has_a_heading_a_unit_and_a_meaning(tmp_path):
    tables = write_study(tmp_path, MANY)
    for name, table in tables.items():
        assert set(table) <= set(COLUMNS), name
        assert set(SHOWN[name]) <= set(table), name
    described = dictionary(tables)
    assert len(described) == sum(table.shape[1] for table in tables.values())
    assert heading("test_loss") == "Test loss [nats]"


def test_a_complete_study(tmp_path):
    tables = write_study(tmp_path, MANY)
    assert len(tables["runs"]) == 16
    lines = tables["accuracy_vs_id"]
    assert lines["reason"].isna().all()
    assert (lines.loc[lines["kind"] == "line", "n"] == 4).all()
    draw_everything(tables)
    text = summary_of(tables)
    assert "nan" not in text.lower()
    assert "diverged" not in text
    assert "> Only a test." in text


def test_a_diverged_run_stays_in_the_table_and_out_of_the_fits(tmp_path):
    tables = write_study(tmp_path, MANY, diverged=[("task0", 100)])
    runs = tables["runs"].set_index(["task", "n_train"])
    assert runs.loc[("task0", 100), "status"] == "diverged"
    assert np.isnan(runs.loc[("task0", 100), "test_loss"])
    lines = tables["accuracy_vs_id"].set_index(["kind", "domain", "n_train"])
    assert lines.loc[("line", "natural", 100), "n"] == 3
    assert lines.loc[("line", "natural", 200), "n"] == 4
    assert len(tables["attacks"]) == 32
    draw_everything(tables)
    text = summary_of(tables)
    assert "**1 run diverged**" in text
    assert "nan" not in text.lower()


def test_what_cannot_be_measured_has_its_reason(tmp_path):
    tables = write_study(tmp_path, MANY, undefined=["task3"])
    measured = tables["datasets"].set_index("task")
    assert measured.loc["task3", "reason"] == "all images have the same label"
    assert measured.loc["task3", "label_sharpness"] is None or np.isnan(
        measured.loc["task3", "label_sharpness"]
    )
    law = tables["generalization_law"]
    everything = law[(law["kind"] == "with K_F") & (law["domain"] == "all")]
    assert (everything["n_left_out"] == 2).all()
    draw_everything(tables)
    assert "nan" not in summary_of(tables).lower()


@pytest.mark.parametrize("tasks", [{"one": "natural"}, {"a": "radiology", "b": "radiology"}])
def test_small_studies_say_what_they_cannot_fit(tmp_path, tasks):
    tables = write_study(tmp_path, tasks)
    assert tables["accuracy_vs_id"]["reason"].notna().all()
    draw_everything(tables)
    assert "not fitted" in summary_of(tables)


def test_latex_shows_spreads_and_nothing_unescaped(tmp_path):
    tables = write_study(tmp_path, MANY)
    for name, table in tables.items():
        text = to_latex(name, table, ["task0: a_note & more"])
        assert r"task0: a\_note \& more" in text
        rows = [line for line in text.splitlines() if " & " in line]
        assert len(rows) > len(table)
        assert len({row.count(" & ") for row in rows}) == 1
        assert all(row.rstrip().endswith(r"\\") for row in rows)
        assert "nan" not in text.lower()
    assert r"$\pm$ 0.1" in to_latex("datasets", tables["datasets"], [])
    interval = to_latex("attacks", tables["attacks"], [])
    assert "0.5 [0.352, 0.648]" in interval
    assert set(CAPTIONS) == set(tables)


def test_samples_in_grey_and_colour():
    datasets = pd.DataFrame({"task": ["g", "c"], "domain": ["natural", "radiology"], "note": None})
    rng = np.random.default_rng(0)
    images = {
        task: (rng.integers(0, 256, (12, channels, 32, 32), dtype=np.uint8),
               np.arange(12) % 2, ["a", "b"] * 6)
        for task, channels in (("g", 1), ("c", 3))
    }  # fmt: skip
    figure = figures.samples(images, datasets)
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == ["a", "b", "a", "b"]
    figure.savefig(io.BytesIO(), format="png", dpi=50)


def test_notes_stand_below_figures(tmp_path):
    tables = write_study(tmp_path, MANY)
    noted = tables["properties"].assign(note="made up")
    figure = figures.sharpness_by_domain(noted)
    assert "task0" in figure.get_supxlabel()
    assert "made up" in figure.get_supxlabel()
