"""How much the choice of a task on the same images matters (Konz et al. 2022, section 4)."""

from collections.abc import Iterator

import pandas as pd

from idsharp.properties.estimators import ESTIMATORS
from idsharp.report.inference import fit
from idsharp.report.points import CELL, collection_means
from idsharp.report.tables.study import Study, is_learned, with_terms

_RESPONSE = "highest_test_accuracy"
_COLUMNS = [
    "kind", "collection", "domain", "task", "other_task", "quantity", "model", "n_train", "value",
    "value_low", "value_high", "other_value", "other_low", "other_high", "difference",
    "difference_sd", "n_cells", "reason",
]  # fmt: skip


def task_choice(study: Study) -> pd.DataFrame:
    """Each dataset's own task beside another on the same images; `difference` is other − own.

    Rows of kind "property" (of the pools), "cell" (accuracy of a model at an N, over seeds), "mean"
    (over cells, with the SD of the difference over them) and "slope" (of accuracy on ID in the
    domain, with the one task or the other among its collections).
    """
    rows = []
    others = study.datasets[study.datasets["instead_of"].fillna("") != ""]
    for _, other in others[others["is_trained"]].iterrows():
        if not (study.runs["task"] == other["instead_of"]).any():
            continue
        names = {"collection": other["collection"], "domain": other["domain"]}
        names |= {"task": other["instead_of"], "other_task": other["task"]}
        names |= {"model": "all", "n_train": "all"}
        rows += [names | row for row in (*_properties(study, names), *_accuracies(study, names))]
        rows.append(names | _slopes(study, names))
    return pd.DataFrame(rows, columns=_COLUMNS)


def _properties(study: Study, names: dict) -> Iterator[dict]:
    pools = study.datasets.set_index("task")
    sharpness = study.runs.drop_duplicates("task").set_index("task")["pool_sharpness"]
    columns = {name: pools[name] for name in ESTIMATORS} | {"pool_sharpness": sharpness}
    for quantity, values in columns.items():
        own, other = float(values[names["task"]]), float(values[names["other_task"]])
        yield {"kind": "property", "quantity": quantity} | _pair(own, other)


def _accuracies(study: Study, names: dict) -> Iterator[dict]:
    runs = study.runs[is_learned(study.runs)]
    by_cell = runs.groupby(["task", *CELL])[_RESPONSE].mean()
    tasks = [names["task"], names["other_task"]]
    both = pd.DataFrame({task: by_cell.get(task) for task in tasks}, dtype=float).dropna()
    for (model, n_train), (own, other) in zip(both.index, both.to_numpy(), strict=True):
        cell = {"kind": "cell", "quantity": _RESPONSE, "model": model, "n_train": n_train}
        yield cell | _pair(own, other)
    mean = {"kind": "mean", "quantity": _RESPONSE, "n_cells": len(both)}
    if both.empty:
        yield mean | {"reason": "no model and N has both"}
        return
    gaps = both[tasks[1]] - both[tasks[0]]
    spread = float(gaps.std()) if len(gaps) > 1 else None
    yield mean | _pair(*both[tasks].mean()) | {"difference_sd": spread}


def _slopes(study: Study, names: dict) -> dict:
    """The slope of the domain with the own task, and with the other in its place."""
    runs = with_terms(study.runs[is_learned(study.runs)], study.id_estimator, "definition")
    own = runs["instead_of"].fillna("") == ""
    other = runs["task"].eq(names["other_task"]) | (own & runs["task"].ne(names["task"]))
    record = {"kind": "slope", "quantity": f"slope of {_RESPONSE} on pool_id"}
    found = []
    for chosen, value, side in ((own, "value", "value"), (other, "other_value", "other")):
        means = collection_means(runs[chosen], ["pool_id", _RESPONSE]).of(names["domain"])
        [line] = fit(means.points, _RESPONSE, ["pool_id"])
        if line.get("reason"):
            return record | {"reason": line["reason"]}
        record |= {value: line["estimate"]}
        record |= {f"{side}_{end}": line[end] for end in ("low", "high")}
        found.append(line["estimate"])
    return record | {"difference": found[1] - found[0]}


def _pair(own: float, other: float) -> dict:
    return {"value": own, "other_value": other, "difference": other - own}
