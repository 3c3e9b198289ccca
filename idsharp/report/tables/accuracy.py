"""Accuracy against intrinsic dimension (Konz et al. 2022, findings 1 and 2)."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.multitest import multipletests
from statsmodels.tools import add_constant

from idsharp.report.inference import fit
from idsharp.report.points import Means, collection_means
from idsharp.report.tables.rows import SCOPES, as_table, domain_difference, fits
from idsharp.report.tables.study import Study, is_learned, with_terms

RESPONSES = ("highest_test_accuracy", "test_accuracy")
_NAMES = ["kind", "domain", "model", "n_train", "response", "id_of", "id_estimator"]


def ids_of(study: Study) -> list[str]:
    """Whose dimension is x: the task's, and the whole dataset's where the study measures that."""
    differs = study.runs["dataset_id"].ne(study.runs["pool_id"]) & study.runs["pool_id"].notna()
    return ["task", "dataset"] if differs.any() else ["task"]


def column_of(id_of: str) -> str:
    return "pool_id" if id_of == "task" else "dataset_id"


def accuracy_vs_id(study: Study) -> pd.DataFrame:
    """Accuracy on ID by domain, and natural − radiology: means, and each model and N (fig. 4)."""
    rows = []
    for estimator, id_of, response in product(study.estimators, ids_of(study), RESPONSES):
        names = {"id_of": id_of, "id_estimator": estimator, "response": response}
        x, means = column_of(id_of), study.points([column_of(id_of), response], estimator)
        everything = names | {"model": "all", "n_train": "all"}
        rows += _lines(everything | {"kind": "mean"}, means, response, x)
        rows.append(domain_difference(everything | {"kind": "difference"}, means, response, [x]))
    for (model, n_train), id_of, response in product(cells(study), ids_of(study), RESPONSES):
        x = column_of(id_of)
        means = study.points([x, response], model=model, n_train=n_train)
        names = {"id_of": id_of, "id_estimator": study.id_estimator, "response": response}
        names |= {"model": model, "n_train": n_train}
        rows += _lines(names | {"kind": "line"}, means, response, x)
        rows.append(domain_difference(names | {"kind": "difference"}, means, response, [x]))
    rows += _other_tasks(study)
    return as_table(rows, _NAMES)


def _lines(names: dict, means: Means, response: str, x: str) -> list[dict]:
    return [
        row
        for domain in SCOPES[1:]
        for row in fits(names | {"domain": domain}, means.of(domain), response, [x])
    ]


def cells(study: Study) -> list[tuple]:
    """Every model at every N."""
    return list(study.runs.groupby(["model", "n_train"]).groups)


def _other_tasks(study: Study) -> list[dict]:
    """The means with the tasks that stand instead of others, in the place of those (section 4)."""
    runs = study.runs
    replaced = set(runs["instead_of"].fillna("")) - {""}
    if not replaced:
        return []
    runs = runs[is_learned(runs) & ~runs["task"].isin(replaced)]
    means = collection_means(
        with_terms(runs, study.id_estimator, "definition"), ["pool_id", RESPONSES[0]]
    )
    names = {"id_of": "task", "id_estimator": study.id_estimator, "response": RESPONSES[0]}
    names |= {"kind": "mean, other tasks", "model": "all", "n_train": "all"}
    rows = _lines(names, means, RESPONSES[0], "pool_id")
    names["kind"] = "difference, other tasks"
    return [*rows, domain_difference(names, means, RESPONSES[0], ["pool_id"])]


def accuracy_plane(study: Study) -> pd.DataFrame:
    """Accuracy ~ ID + ln N by domain and model (fig. 5b).

    R² is that of the plane through every collection at every N. The coefficient of ID has its
    interval from the means of collections, that of ln N from the slopes inside them.
    """
    rows, response = [], RESPONSES[0]
    for model, id_of in product(["all", *dict.fromkeys(study.runs["model"])], ids_of(study)):
        x = column_of(id_of)
        both = study.points([x, response], model=model)
        for domain in SCOPES[1:]:
            means = both.of(domain)
            names = {"domain": domain, "model": model, "id_of": id_of, "response": response}
            names["id_estimator"] = study.id_estimator
            plane = {"r_squared": _r_squared(means.cells, x, response)}
            rows += [row | plane for row in fits(names, means, response, [x])]
            inside = replace(means, points=slopes_on_log_n(means.cells, response))
            [row] = fits(names, inside, "slope")
            rows.append(row | plane | {"term": "log_n"})
    return as_table(rows, ["domain", "model", "response", "id_of", "id_estimator"])


def slopes_on_log_n(cells: pd.DataFrame, response: str) -> pd.DataFrame:
    """The slope of a column on ln N in each collection: the mean over models, and their SD.

    Returns:
        collection, domain, n_runs, slope, slope_sd, n_models; no row with a single N.
    """
    rows = []
    for (collection, domain), group in cells.groupby(["collection", "domain"]):
        slopes = [
            np.polyfit(np.log(sizes["n_train"].astype(float)), sizes[response], 1)[0]
            for _, sizes in group.groupby("model")
            if len(sizes) > 1
        ]
        if slopes:
            row = {"collection": collection, "domain": domain, "n_runs": group["n_runs"].sum()}
            row |= {"slope": float(np.mean(slopes)), "n_models": len(slopes)}
            rows.append(row | {"slope_sd": _sd(slopes)})
    columns = ["collection", "domain", "n_runs", "slope", "slope_sd", "n_models"]
    return pd.DataFrame(rows, columns=columns)


def _sd(values: list[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _r_squared(cells: pd.DataFrame, x: str, response: str) -> float | None:
    """Of the plane through every collection at every N, averaged over models."""
    if cells.empty:
        return None
    points = cells.groupby(["collection", "n_train"], as_index=False)[[x, response]].mean()
    terms = np.column_stack([points[x], np.log(points["n_train"].astype(float))])
    if len(points) < 4 or (np.ptp(terms, axis=0) == 0).any() or np.ptp(points[response]) == 0:
        return None
    return float(OLS(points[response], add_constant(terms)).fit().rsquared)


def slope_contrasts(study: Study) -> pd.DataFrame:
    """Do models, or training sizes, have slopes of their own? (section 3: they hardly matter)

    For each model the slope on ID of its deviation from the mean over models, averaged over N; for
    each N likewise. Holm's p inside the family and domain. Then the standard deviation of the
    slopes over the family, and the difference between domains to hold it against.
    """
    response, rows = RESPONSES[0], []
    both = study.points(["pool_id", response])
    for family, domain in product(("model", "n_train"), SCOPES[1:]):
        means = both.of(domain)
        mean_slope = fit(means.points, response, ["pool_id"])[0].get("estimate")
        about = {"family": family, "domain": domain, "response": response}
        about |= {"id_estimator": study.id_estimator}
        rows += _contrasts(about | {"mean_slope": mean_slope}, means, family, response)
    about = {"response": response, "id_estimator": study.id_estimator}
    about |= {"kind": "difference of domains", "model": "all", "n_train": "all"}
    rows.append(domain_difference(about, both, response, ["pool_id"]))
    names = ["kind", "family", "domain", "model", "n_train", "response", "id_estimator"]
    return as_table(rows, names, ["p_holm", "mean_slope", "share_of_mean_slope"])


def _contrasts(names: dict, means: Means, family: str, response: str) -> list[dict]:
    """A row per member of the family, then the standard deviation of their slopes."""
    keys = ["collection", "domain"]
    members = means.cells.groupby([*keys, family], as_index=False)[response].mean()
    members["deviation"] = members[response] - members.groupby(keys)[response].transform("mean")
    rows = []
    for member, group in members.groupby(family):
        points = means.points.drop(columns=response).merge(group[["collection", "deviation"]])
        row = {"kind": "contrast", "model": "all", "n_train": "all"} | {family: member}
        rows += fits(names | row, replace(means, points=points), "deviation", ["pool_id"])
    fitted = [row for row in rows if row.get("p") is not None]
    if len(rows) < 2 or len(fitted) < len(rows):
        reasons = [row["reason"] for row in rows if row.get("reason")]
        reason = reasons[0] if len(rows) != 1 and reasons else f"one {family} only: no contrast"
        gap = {"kind": "contrast", "model": "all", "n_train": "all", "reason": reason}
        return [names | gap]
    for row, p in zip(rows, multipletests([r["p"] for r in rows], method="holm")[1], strict=True):
        row["p_holm"] = float(p)
        row["share_of_mean_slope"] = row["estimate"] / names["mean_slope"]
    spread: dict = {"kind": "sd", "model": "all", "n_train": "all", "term": "pool_id"}
    spread |= {"estimate": _sd([row["estimate"] for row in rows])}
    spread |= {name: rows[0][name] for name in ("n_collections", "n_runs")}
    return [*rows, names | spread]
