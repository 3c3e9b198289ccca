"""Tables, figures and summary from records: gaps stay visible, odd studies still draw."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from idsharp.common.records import write_rows
from idsharp.properties.estimators import ESTIMATORS
from idsharp.report.columns import COLUMNS, dictionary, heading
from idsharp.report.contents import FIGURES, shown
from idsharp.report.figures import laws
from idsharp.report.latex import SHOWN, to_latex
from idsharp.report.summary import summarize
from idsharp.report.tables.build import build_tables
from idsharp.study.layout import Layout

SIZES, EPSILONS = [100, 200], [1, 2]
LAYERS = ("input", "stem", "layer1.0", "penultimate", "logits")


def write_study(
    root,
    tasks,
    diverged=(),
    undefined=(),
    attacks_run=("fgsm",),
    layers=("penultimate",),
    instead_of=None,
    constant=(),
):
    """Records as the scripts write them, with chosen runs diverged and tasks unmeasurable."""
    conditions = [(name, epsilon) for name in attacks_run for epsilon in EPSILONS]
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
            numbers = training(rng, names["status"])
            if (task, n) in constant:
                numbers["constant_output"] = True
            write(layout.run(task, "resnet18", n, 0), names | numbers)
            if names["status"] == "ok":
                attacks += [names | attack(rng, *condition) for condition in conditions]
                learned += [names | layer(rng, place, n) for place in layers]
            else:
                attacks += [names | {"attack": a, "epsilon_255": e} for a, e in conditions]
                learned.append(names | {"layer": "penultimate"})
        write_rows(layout.attacks(task, "resnet18"), attacks)
        write_rows(layout.representations(task, "resnet18"), learned)
    stands_for = instead_of or {}
    described = {
        t: {"dataset": t, "collection": t, "domain": d, "note": "",
            "instead_of": stands_for.get(t, "")}
        for t, d in tasks.items()
    }  # fmt: skip
    blocks = len(layers) > 1
    return build_tables(layout, described, "id_mle_k1", "id_twonn_10pct", blocks=blocks)


def layer(rng, place, n):
    depth = LAYERS.index(place) / (len(LAYERS) - 1)
    return {"layer": place, "depth": depth, "n_features": 9, "n_images": n, "n_duplicates": 0,
            "k": 20} | estimates(rng)  # fmt: skip


def write(path, record):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))


def estimates(rng):
    values = {name: float(rng.uniform(5, 15)) for name in ESTIMATORS}
    return values | {f"{name}_se": 0.1 for name in ESTIMATORS}


def properties(rng, undefined):
    sharpness = {
        f"label_sharpness{which}{free}": None if undefined else float(rng.uniform(1, 3)) * 1e-4
        for which in ("", "_sd", "_all", "_released", "_released_sd")
        for free in ("", "_resolution_free")
    }
    counts = {"n_images": 240, "n_duplicates": 0, "n_label_conflicts": 0, "k": 20}
    drawn = {"label_sharpness_m": 200, "label_sharpness_draws": 25, "label_sharpness_n": 240}
    drawn |= {f"label_sharpness_released_{each}": 200 for each in ("m", "pairs", "draws")}
    drawn |= {"label_sharpness_shared": 200 / 240}
    reason = {"label_sharpness_reason": "all images have the same label"} if undefined else {}
    return counts | estimates(rng) | sharpness | drawn | reason


def training(rng, status):
    names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "highest_test_accuracy")
    numbers = {name: float(rng.uniform(0.1, 0.9)) if status == "ok" else None for name in names}
    constant = False if status == "ok" else None
    speed = {"epochs_done": 3, "train_seconds": 1.0, "images_per_second": 100.0}
    cost = {"peak_memory_mb": 500.0, "n_interruptions": 0}
    return numbers | {"constant_output": constant} | speed | cost


def attack(rng, name, epsilon):
    right = 20 if name == "fgsm" else 10
    return {
        "attack": name, "epsilon_255": epsilon, "steps": 1, "step_size_255": epsilon, "restarts": 1,
        "n_test_images": 40, "clean_loss": 0.3, "attacked_loss": 0.3 + epsilon,
        "loss_penalty": epsilon * float(rng.uniform(0.5, 1)), "clean_accuracy": 0.9,
        "attacked_accuracy": right / 40, "n_attacked_correct": right,
        "robust_accuracy": (right - 2) / 40, "n_robust": right - 2, "n_zero_gradient": 0,
    }  # fmt: skip


MANY = {f"task{i}": "radiology" if i % 2 else "natural" for i in range(8)}


def draw_everything(tables):
    runs = tables["runs"][tables["runs"]["status"] == "ok"]
    drawn = [
        laws.id_by_domain(tables["properties"], "id_mle_k1"),
        laws.sharpness_by_domain(tables["properties"]),
        laws.accuracy_vs_id(runs),
        laws.log_loss_vs_id(runs),
        laws.loss_penalty_vs_sharpness(tables["attacks"], 2),
        laws.representation_vs_data(runs),
    ]
    for figure in drawn:
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=50)
        assert file.tell() > 2000
    return drawn


def summary_of(tables):
    figures = shown(FIGURES, blocks="representation_layers" in tables)
    captions = {figure.name: f"Caption of {figure.name}." for figure in figures}
    sources = pd.DataFrame(columns=["dataset", "title", "url", "licence", "access", "citation"])
    return summarize("Title", "Only a test.", tables, captions, sources, 2)


def test_every_column_has_a_heading_a_unit_and_a_meaning(tmp_path):
    tables = write_study(tmp_path, MANY, layers=LAYERS)
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
    slopes = tables["generalization_law"].query("kind == 'with K_F' and model == 'all'")
    for slope in slopes.query("dimension == 'data_id'")["log_sharpness_slope"]:
        assert f"(ln N)/d {'−' if slope < 0 else '+'} {abs(slope):.2f} ln K_F" in text


def test_another_task_on_the_same_images_takes_its_place(tmp_path):
    both = {f"task{i}": "radiology" if i % 2 else "natural" for i in range(10)}
    alone = {task: domain for task, domain in both.items() if task != "task9"}
    tables = write_study(tmp_path / "both", both, instead_of={"task9": "task1"})
    lines = tables["accuracy_vs_id"].set_index(["kind", "domain", "model", "n_train"])["n"]
    assert lines["line"]["radiology"].tolist() == [4, 4]
    assert lines["line, other tasks"]["radiology"].tolist() == [4, 4]
    assert len(tables["runs"]) == 20
    # Every other regression is that of a study without it.
    others = write_study(tmp_path / "alone", alone)
    for name in ("generalization_law", "loss_penalty_vs_sharpness", "representation_vs_data"):
        assert tables[name].equals(others[name])


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
    assert "**Diverged: 1** (task0), left out of every fit." in text
    assert "nan" not in text.lower()


def test_a_network_that_learned_nothing_is_told_and_left_out(tmp_path):
    tables = write_study(tmp_path, MANY, constant=[("task0", 100), ("task0", 200), ("task1", 100)])
    lines = tables["accuracy_vs_id"].set_index(["kind", "domain", "n_train"])["n"]
    assert lines["line", "natural", 100] == lines["line", "natural", 200] == 3
    assert lines["line", "radiology", 100] == 3 and lines["line", "radiology", 200] == 4
    penalty = tables["loss_penalty_vs_sharpness"].set_index(["epsilon_255", "domain"])["n"]
    assert penalty[2, "natural"] == 3
    assert penalty[2, "radiology"] == 4
    assert len(tables["runs"]) == 16 and len(tables["attacks"]) == 32
    assert "**3 networks answer every image alike** (resnet18)" in summary_of(tables)


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


def test_attacks_are_kept_apart(tmp_path):
    tables = write_study(tmp_path, MANY, attacks_run=("fgsm", "pgd"))
    assert len(tables["attacks"]) == 64
    law = tables["loss_penalty_vs_sharpness"].set_index(["attack", "epsilon_255", "domain"])
    assert len(law) == 12
    assert (law.loc[(slice(None), slice(None), "all"), "n"] == 8).all()
    fgsm, pgd = (law.loc[(a, 2, "all"), "label_sharpness_slope"] for a in ("fgsm", "pgd"))
    assert fgsm != pgd
    figure = laws.loss_penalty_vs_sharpness(tables["attacks"], 2)
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert labels == [f"loss penalty, {name} ε = 2/255 [nats]" for name in ("FGSM", "PGD")]
    shown = tables["attacks"][tables["attacks"]["epsilon_255"] == 2]
    for axis, name in zip(figure.axes, ("fgsm", "pgd"), strict=True):
        drawn = np.concatenate([line.get_ydata() for line in axis.lines])
        penalty = shown[shown["attack"] == name].groupby("task")["loss_penalty"].mean()
        assert sorted(drawn) == pytest.approx(sorted(penalty))
    draw_everything(tables)
    text = summary_of(tables)
    assert "| penalty, FGSM ε = 2/255 [nats] | accuracy, FGSM ε = 2/255 | penalty, PGD" in text
    assert text.count("| 0.5 |") == text.count("| 0.25 |") == 8
    assert text.count("- Loss penalty (PGD) against K_F") == 3
    assert "PGD does less" not in text
    assert "anishing" not in text
    assert "nan" not in text.lower()


def test_signs_of_masked_gradients_are_said(tmp_path):
    tables = write_study(tmp_path, MANY, attacks_run=("fgsm", "pgd"), diverged=[("task0", 100)])
    attacks = tables["attacks"]
    one = (attacks["task"] == "task5") & (attacks["n_train"] == 200)
    pgd = one & (attacks["attack"] == "pgd") & (attacks["epsilon_255"] == 2)
    # As right as 27 of 40 is beyond the noise about FGSM's 20; 25 would be within.
    changes = {"attacked_accuracy": 27 / 40, "attacked_accuracy_low": 0.52}
    attacks.loc[pgd, list(changes)] = list(changes.values())
    attacks.loc[one, "n_zero_gradient"] = 12
    text = summary_of(tables)
    assert (
        "Vanishing gradients: on 1 of 15 networks more than 1 % of the test images have no "
        "gradient (most: 30 %, task5, resnet18, N = 200, seed 0)"
    ) in text
    assert (
        "PGD does less than FGSM in 1 of 30 cases (networks and ε), most at ε = 2/255 on task5, "
        "resnet18, N = 200, seed 0: accuracy 0.675 against 0.5."
    ) in text


def test_latex_shows_spreads_and_nothing_unescaped(tmp_path):
    tables = write_study(tmp_path, MANY, layers=LAYERS)
    for name, table in tables.items():
        text = to_latex(name, table, "A caption.", ["task0: a_note & more"])
        assert r"task0: a\_note \& more" in text
        rows = [line for line in text.splitlines() if " & " in line]
        assert len(rows) > len(table)
        assert len({row.count(" & ") for row in rows}) == 1
        assert all(row.rstrip().endswith(r"\\") for row in rows)
        assert "nan" not in text.lower()
    assert r"$\pm$ 0.1" in to_latex("datasets", tables["datasets"], "", [])
    interval = to_latex("attacks", tables["attacks"], "", [])
    assert "0.5 [0.352, 0.648]" in interval


def test_samples_in_grey_and_colour():
    datasets = pd.DataFrame({"task": ["g", "c"], "domain": ["natural", "radiology"], "note": None})
    rng = np.random.default_rng(0)
    images = {
        task: (rng.integers(0, 256, (12, channels, 32, 32), dtype=np.uint8),
               np.arange(12) % 2, ["a", "b"] * 6)
        for task, channels in (("g", 1), ("c", 3))
    }  # fmt: skip
    figure = laws.samples(images, datasets)
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == ["a", "b", "a", "b"]
    figure.savefig(io.BytesIO(), format="png", dpi=50)


def test_undefined_sharpness_is_said_and_no_marker_is_cut(tmp_path):
    tasks = {"task0": "natural", "task1": "radiology"}
    tables = write_study(tmp_path, tasks, undefined=["task1"])
    axis = laws.sharpness_by_domain(tables["properties"]).axes[0]
    assert [text.get_text().strip() for text in axis.texts] == ["undefined"]
    drawn = [x for line in axis.lines for x in np.asarray(line.get_xdata(), float)]
    assert axis.get_xlim()[1] > 1.05 * np.nanmax(drawn)


def test_samples_of_one_class_and_of_many():
    tasks = {"none": np.zeros(60, int), "many": np.arange(60), "few": np.zeros(3, int)}
    datasets = pd.DataFrame({"task": list(tasks), "domain": "natural", "note": None})
    pixels = np.zeros((60, 1, 32, 32), np.uint8)
    images = {t: (pixels[: len(x)], x, [str(i) for i in x]) for t, x in tasks.items()}
    figure = laws.samples(images, datasets)
    headings = [axis.get_title(loc="left") for axis in figure.axes]
    assert headings == ["", "", "several classes", "", "", ""]
    widths = [axis.images[0].get_array().shape[1] // 32 for axis in figure.axes]
    assert widths == [5, 5, 5, 5, 2, 1]


def test_notes_stand_below_figures(tmp_path):
    tables = write_study(tmp_path, MANY)
    noted = tables["properties"].assign(note="made up")
    figure = laws.sharpness_by_domain(noted)
    assert "task0" in figure.get_supxlabel()
    assert "made up" in figure.get_supxlabel()
