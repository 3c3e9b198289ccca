"""The records of a study as tables: datasets, properties, runs, attacks and layers."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from idsharp.common.records import DamagedFileError, read_json, read_table
from idsharp.properties.estimators import ESTIMATORS
from idsharp.study.layout import Layout

RUN_KEYS = ["task", "model", "n_train", "seed"]
DESCRIBED = ["dataset", "collection", "domain", "note", "instead_of"]

#: The MLE at fixed numbers of neighbors.
AT_K = re.compile(r"id_mle_k1_at_k(\d+)")

_AUDIT = [
    "classes", "image_size", "channels", "n_classes", "n_pool_requested", "n_pool", "n_test",
    "split", "n_patients", "patient_disjoint", "n_unreadable",
]  # fmt: skip
_PROPERTIES = [
    "n_images", "n_duplicates", "n_label_conflicts", "k",
    *(f"{name}{suffix}" for name in ESTIMATORS for suffix in ("", "_se")),
    "label_sharpness", "label_sharpness_sd", "label_sharpness_m", "label_sharpness_draws",
    "label_sharpness_all", "label_sharpness_resolution_free",
    "label_sharpness_sd_resolution_free", "label_sharpness_all_resolution_free",
    "label_sharpness_n", "label_sharpness_shared", "label_sharpness_released",
    "label_sharpness_released_sd", "label_sharpness_released_m", "label_sharpness_released_pairs",
    "label_sharpness_released_draws", "label_sharpness_released_resolution_free",
    "label_sharpness_released_sd_resolution_free",
]  # fmt: skip
_RUN = [
    "status", "train_loss", "train_accuracy", "test_loss", "test_accuracy",
    "highest_test_accuracy", "constant_output", "epochs_done",
]  # fmt: skip
#: What a training cost, which is another number each time.
COSTS = ["train_seconds", "images_per_second", "peak_memory_mb", "n_interruptions"]
#: How a network was trained. Records that do not name the optimizer are older than its name in
#: them; no network has been trained with another than Adam.
RECIPE = [
    "optimizer", "learning_rate", "batch_size", "epochs", "weight_decay", "outputs", "input_scale",
    "precision", "deterministic",
]  # fmt: skip
_ATTACK = [
    "attack", "epsilon_255", "steps", "step_size_255", "restarts", "n_test_images", "clean_loss",
    "attacked_loss", "loss_penalty", "clean_accuracy", "attacked_accuracy", "n_attacked_correct",
    "robust_accuracy", "n_robust", "n_zero_gradient",
]  # fmt: skip
#: Share of images that draws have in common above which tables say so.
_SHARED = 0.2
_LAYER = ["layer", "depth", "n_features", "n_images", "n_duplicates", "k"]
_ESTIMATES = [f"{name}{suffix}" for name in ESTIMATORS for suffix in ("", "_se")]


def read_properties(layout: Layout, tasks: dict[str, dict]) -> pd.DataFrame:
    """One row for the pool and each training set of each task."""
    rows = []
    for task in (*layout.tasks, *layout.measured):
        for subset in layout.subsets(task):
            record = read_json(layout.properties(task, subset))
            reasons = sorted({value for key, value in record.items() if key.endswith("_reason")})
            names = {"task": task} | tasks[task] | {"subset": subset}
            measured = {name: record[name] for name in _PROPERTIES} | _at_sizes(record)
            rows.append(names | measured | {"reason": "; ".join(reasons) or None})
    table = pd.DataFrame(rows)
    # The spread of draws that share images understates the error of K_F.
    shared = table["label_sharpness_shared"].astype(float)
    place = table.columns.get_loc("label_sharpness_shared") + 1
    table.insert(place, "draws_share_images", (shared > _SHARED).where(shared.notna(), None))
    return table


def _at_sizes(record: dict) -> dict:
    """K_F at fixed numbers of images below M, and the MLE at fixed k, where a record has them."""
    found = {name: record[name] for name in record if name.startswith("label_sharpness_at_")}
    return found | {name: record[name] for name in record if AT_K.fullmatch(name)}


def read_datasets(layout: Layout, properties: pd.DataFrame) -> pd.DataFrame:
    """One row per task: what the pool holds, and what was measured of it."""
    audits = [read_json(layout.audit(task)) for task in (*layout.tasks, *layout.measured)]
    counted = pd.DataFrame(
        [{"task": audit["task"]} | {n: audit[n] for n in _AUDIT} for audit in audits]
    )
    pools = properties[properties["subset"] == "pool"].drop(columns=["subset", "n_images"])
    names, measured = pools[["task", *DESCRIBED]], pools.drop(columns=DESCRIBED)
    table = names.merge(counted, on="task").merge(measured, on="task")
    table.insert(
        table.columns.get_loc("instead_of") + 1, "is_trained", table["task"].isin(layout.tasks)
    )
    return table


def read_runs(layout: Layout, tasks: dict[str, dict], datasets: pd.DataFrame) -> pd.DataFrame:
    """One row per trained network, with its recipe and the dimensions of what it learned."""
    rows = []
    for task in layout.tasks:
        for model in layout.models:
            for n_train in layout.n_train:
                for seed in layout.seeds:
                    record = read_json(layout.run(task, model, n_train, seed))
                    row = {key: record[key] for key in RUN_KEYS}
                    row |= {name: record[name] for name in (*_RUN, *COSTS)}
                    row |= {name: record.get(name) for name in RECIPE}
                    if record["status"] in ("ok", "diverged"):
                        row["optimizer"] = record.get("optimizer", "Adam")
                    rows.append({"task": task} | tasks[task] | row)
    runs = pd.DataFrame(rows)
    chance = runs["task"].map(np.log(datasets.set_index("task")["n_classes"]))
    above = runs["test_loss"].astype(float) > chance
    place = runs.columns.get_loc("test_loss") + 1
    runs.insert(place, "above_chance_loss", above.where(runs["test_loss"].notna(), None))
    features = of_networks(layout, layout.representations)
    # Where every run of the study diverged, no layer has any number.
    features = features[features["layer"] == "penultimate"]
    features = features.reindex(columns=[*RUN_KEYS, *ESTIMATORS])
    features = features.rename(columns={name: f"representation_{name}" for name in ESTIMATORS})
    return runs.merge(features, on=RUN_KEYS).sort_values(RUN_KEYS, ignore_index=True)


def read_attacks(layout: Layout, tasks: dict[str, dict]) -> pd.DataFrame:
    """One row for each network, attack and ε."""
    rows = of_networks(layout, layout.attacks)
    names = pd.DataFrame([{"task": task} | tasks[task] for task in layout.tasks])
    rows = names.merge(rows, on="task")
    # Where every run of the study diverged, no attack wrote any number.
    rows = rows.reindex(columns=list(dict.fromkeys([*rows.columns, *_ATTACK])))
    for name, count in (
        ("attacked_accuracy", "n_attacked_correct"),
        ("robust_accuracy", "n_robust"),
    ):
        low, high = proportion_confint(rows[count], rows["n_test_images"], method="wilson")
        rows = rows.assign(**{f"{name}_low": low, f"{name}_high": high})
    return rows


def read_layers(layout: Layout, tasks: dict[str, dict]) -> pd.DataFrame:
    """One row for each layer of each network, and for one that diverged a row without numbers."""
    rows = of_networks(layout, layout.representations)
    reasons = rows.filter(regex="_reason$").apply(
        lambda row: "; ".join(sorted(set(row.dropna()))) or None, axis=1, result_type="reduce"
    )
    names = pd.DataFrame([{"task": task} | tasks[task] for task in layout.tasks])
    # Where every run of the study diverged, no layer has any number.
    rows = rows.reindex(columns=[*RUN_KEYS, "status", *_LAYER, *_ESTIMATES]).assign(reason=reasons)
    rows = rows.rename(columns={name: f"representation_{name}" for name in _ESTIMATES})
    return names.merge(rows, on="task")


def of_networks(layout: Layout, file: Callable[[str, str], Path]) -> pd.DataFrame:
    """The tables of all networks of a study as one; `file` names the table of a task and model.

    Raises:
        DamagedFileError: a table has other runs than the study, or of some run fewer rows.
    """
    runs = {(n_train, seed) for n_train in layout.n_train for seed in layout.seeds}
    tables = []
    for path in (file(task, model) for task in layout.tasks for model in layout.models):
        table = read_table(path)
        for name in (*RUN_KEYS, "status"):
            if name not in table:
                raise DamagedFileError(path, f"it lacks the column {name!r}")
        rows = table.groupby(["n_train", "seed"])["status"].agg(["size", "first"])
        if set(rows.index) != runs or rows["size"][rows["first"] == "ok"].nunique() > 1:
            raise DamagedFileError(path, "rows are missing")
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
