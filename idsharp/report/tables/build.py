"""The tables of a study, assembled from its records."""

from pathlib import Path

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from idsharp.common.records import read_json
from idsharp.properties.estimators import ESTIMATORS
from idsharp.report import regressions
from idsharp.report.peaks import is_peak, representation_peaks
from idsharp.study.layout import Layout

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
    "highest_test_accuracy", "constant_output", "epochs_done", "train_seconds",
    "images_per_second", "peak_memory_mb", "n_interruptions",
]  # fmt: skip

_RUN_KEYS = ["task", "model", "n_train", "seed"]

_ATTACK = [
    "attack", "epsilon_255", "steps", "step_size_255", "restarts", "n_test_images", "clean_loss",
    "attacked_loss", "loss_penalty", "clean_accuracy", "attacked_accuracy", "n_attacked_correct",
    "robust_accuracy", "n_robust", "n_zero_gradient",
]  # fmt: skip


_LAYER = ["layer", "depth", "n_features", "n_images", "n_duplicates", "k"]
_ESTIMATES = [f"{name}{suffix}" for name in ESTIMATORS for suffix in ("", "_se")]


def build_tables(
    layout: Layout,
    tasks: dict[str, dict],
    id_estimator: str,
    representation_estimator: str,
    blocks: bool = False,
) -> dict[str, pd.DataFrame]:
    """Every table of a study by its name.

    Args:
        layout: where the records are.
        tasks: for each task its dataset, domain, note, and the task that it stands `instead_of`.
        id_estimator, representation_estimator: names from ESTIMATORS, for d_data and d_repr.
        blocks: whether representations were measured at every block.
    """
    properties = _properties(layout, tasks)
    runs = _runs(layout, tasks, properties, id_estimator, representation_estimator)
    attacks = _attacks(layout, tasks, properties)
    fitted = learned(runs)
    done = first_choice(fitted)
    attacked = attacks.merge(fitted[_RUN_KEYS], on=_RUN_KEYS)
    tables = {
        "datasets": _datasets(layout, tasks, properties),
        "properties": properties,
        "runs": runs,
        "attacks": attacks,
        "accuracy_vs_id": _accuracy_vs_id(fitted),
        "generalization_law": regressions.generalization_law(done),
        "loss_penalty_vs_sharpness": regressions.loss_penalty_vs_sharpness(first_choice(attacked)),
        "representation_vs_data": regressions.representation_vs_data(done),
    }
    if blocks:
        estimator = f"representation_{representation_estimator}"
        layers = _layers(layout, tasks, estimator)
        tables["representation_layers"] = layers
        tables["representation_peaks"] = representation_peaks(
            layers.merge(fitted[_RUN_KEYS], on=_RUN_KEYS), estimator
        )
    return tables


def learned(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that regressions and figures may use: finite, and with answers that differ.

    A network that answers every image alike has learned nothing: no attack costs it anything, and
    its accuracy is that of guessing.
    """
    return runs[(runs["status"] == "ok") & ~runs["constant_output"].eq(True)]


def first_choice(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of tasks that stand for their dataset, without those that stand `instead_of` them.

    Two tasks on the same images would count them twice in a regression.
    """
    return table[table["instead_of"].fillna("") == ""]


def _accuracy_vs_id(done: pd.DataFrame) -> pd.DataFrame:
    """The regressions with each dataset's own task, and with the other tasks in their place.

    The second shows how much the choice of the task matters (Konz et al. 2022, section 4).
    """
    lines = regressions.accuracy_vs_id(first_choice(done))
    replaced = set(done["instead_of"]) - {""}
    if not replaced:
        return lines
    others = regressions.accuracy_vs_id(done[~done["task"].isin(replaced)])
    return pd.concat([lines, others.assign(kind=others["kind"] + ", other tasks")])


def _names(task: str, tasks: dict[str, dict]) -> dict:
    return {"task": task} | tasks[task]


def _properties(layout: Layout, tasks: dict[str, dict]) -> pd.DataFrame:
    """A row for the pool and each training set of each task."""
    rows = []
    for task in (*layout.tasks, *layout.measured):
        for subset in layout.subsets(task):
            record = read_json(layout.properties(task, subset))
            reasons = sorted({value for key, value in record.items() if key.endswith("_reason")})
            measured = {name: record[name] for name in _PROPERTIES}
            rows.append(
                _names(task, tasks)
                | {"subset": subset}
                | measured
                | {"reason": "; ".join(reasons) or None}
            )
    return pd.DataFrame(rows)


def _datasets(layout: Layout, tasks: dict[str, dict], properties: pd.DataFrame) -> pd.DataFrame:
    """A row a task: what the pool holds, and what it measures."""
    audits = [read_json(layout.audit(task)) for task in (*layout.tasks, *layout.measured)]
    counted = pd.DataFrame(
        [{"task": audit["task"]} | {n: audit[n] for n in _AUDIT} for audit in audits]
    )
    pools = properties[properties["subset"] == "pool"].drop(columns=["subset", "n_images"])
    described = ["dataset", "collection", "domain", "note", "instead_of"]
    names = pools[["task", *described]]
    measured = pools.drop(columns=described)
    return names.merge(counted, on="task").merge(measured, on="task")


def _runs(
    layout: Layout,
    tasks: dict[str, dict],
    properties: pd.DataFrame,
    id_estimator: str,
    representation_estimator: str,
) -> pd.DataFrame:
    """A row a trained network, with the properties of its training set and of what it learned."""
    keys = _RUN_KEYS
    rows = []
    for task in layout.tasks:
        for model in layout.models:
            for n_train in layout.n_train:
                for seed in layout.seeds:
                    record = read_json(layout.run(task, model, n_train, seed))
                    row = {key: record[key] for key in keys} | {name: record[name] for name in _RUN}
                    rows.append(_names(task, tasks) | row)
    runs = pd.DataFrame(rows)
    measured = properties.set_index(["task", "subset"])
    pool = measured.xs("pool", level="subset")[id_estimator].rename("pool_id")
    runs = runs.merge(pool, left_on="task", right_index=True)
    runs["subset"] = "n" + runs["n_train"].astype(str)
    training = measured[[id_estimator, "label_sharpness", "label_sharpness_m"]]
    training = training.rename(columns={id_estimator: "data_id"})
    runs = runs.merge(training, left_on=["task", "subset"], right_index=True).drop(columns="subset")
    features = _concatenate(
        layout.representations(t, m) for t in layout.tasks for m in layout.models
    )
    features = features[features["layer"] == "penultimate"]
    if representation_estimator not in features:
        features[representation_estimator] = float("nan")
    features = features[[*keys, representation_estimator]]
    features = features.rename(columns={representation_estimator: "representation_id"})
    runs = runs.merge(features, on=keys)
    runs["id_estimator"], runs["representation_estimator"] = id_estimator, representation_estimator
    return runs.sort_values(keys, ignore_index=True)


def _attacks(layout: Layout, tasks: dict[str, dict], properties: pd.DataFrame) -> pd.DataFrame:
    """A row for each network, attack and ε, with K_F of the training set."""
    rows = _concatenate(layout.attacks(t, m) for t in layout.tasks for m in layout.models)
    names = pd.DataFrame([_names(task, tasks) for task in layout.tasks])
    rows = names.merge(rows, on="task")
    rows["subset"] = "n" + rows["n_train"].astype(str)
    sharpness = properties[["task", "subset", "label_sharpness", "label_sharpness_m"]]
    rows = rows.merge(sharpness, on=["task", "subset"]).drop(columns="subset")
    # Where every run of the study diverged, no attack wrote any number.
    rows = rows.reindex(columns=list(dict.fromkeys([*rows.columns, *_ATTACK])))
    for name, count in (
        ("attacked_accuracy", "n_attacked_correct"),
        ("robust_accuracy", "n_robust"),
    ):
        low, high = proportion_confint(rows[count], rows["n_test_images"], method="wilson")
        rows = rows.assign(**{f"{name}_low": low, f"{name}_high": high})
    return rows


def _layers(layout: Layout, tasks: dict[str, dict], estimator: str) -> pd.DataFrame:
    """A row for each layer of each network, and for a network that diverged one without numbers."""
    rows = _concatenate(layout.representations(t, m) for t in layout.tasks for m in layout.models)
    reasons = rows.filter(regex="_reason$").apply(
        lambda row: "; ".join(sorted(set(row.dropna()))) or None, axis=1, result_type="reduce"
    )
    names = pd.DataFrame([_names(task, tasks) for task in layout.tasks])
    run = ["task", "model", "n_train", "seed", "status"]
    # Where every run of the study diverged, no layer has any number.
    rows = rows.reindex(columns=[*run, *_LAYER, *_ESTIMATES]).assign(reason=reasons)
    rows = rows.rename(columns={name: f"representation_{name}" for name in _ESTIMATES})
    rows = names.merge(rows, on="task")
    rows.insert(rows.columns.get_loc("depth") + 1, "is_peak", is_peak(rows, estimator))
    return rows


def _concatenate(paths) -> pd.DataFrame:
    return pd.concat([pd.read_csv(Path(path)) for path in paths], ignore_index=True)
