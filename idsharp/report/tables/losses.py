"""The generalization law (Konz & Mazurowski 2024, theorem 1): ln L ≲ −(1/d) ln N + ln K_F + a."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from scipy import stats

from idsharp.report.inference import design, fit, leave_one_out, without_one
from idsharp.report.points import Means
from idsharp.report.tables.accuracy import cells, slopes_on_log_n
from idsharp.report.tables.rows import SCOPES, as_table, fits
from idsharp.report.tables.study import DIMENSIONS, Study

LOSSES = ("all", "below chance")
_NAMES = [
    "kind", "dimension", "domain", "model", "n_train", "losses", "rule", "id_estimator",
]  # fmt: skip


#: Terms of each kind of law; "size" is (ln N)/d.
KINDS = {
    "constant": (),
    "without K_F": ("size",),
    "with K_F": ("size", "log_sharpness"),
    "with domain": ("size", "is_radiology"),
    "with K_F and domain": ("size", "log_sharpness", "is_radiology"),
    # ln L + (ln N)/d − ln K_F is a constant, if both slopes are the law's.
    "law": (),
}


def generalization_law(study: Study) -> pd.DataFrame:
    """ln L on (ln N)/d, ln K_F and the domain, over collections; and on ID for each model and N.

    The law, if it held with equality, would have the slopes in the column `law`.
    """
    rows = []
    for model, losses, rule in product(models(study), LOSSES, study.rules):
        for dimension, estimator in _dimensions(study, model):
            names = {"dimension": dimension, "model": model, "n_train": "all", "losses": losses}
            names |= {"rule": rule, "id_estimator": estimator}
            means = law_points(study, dimension, estimator, rule, losses, model)
            for domain in SCOPES:
                rows += _laws(names | {"domain": domain}, means.of(domain))
    for model, n_train in cells(study):
        means = study.points(["data_id", "log_loss"], model=model, n_train=n_train)
        names = {"kind": "log loss ~ ID", "dimension": "data_id", "model": model}
        names |= {"n_train": n_train, "losses": "all", "id_estimator": study.id_estimator}
        for domain in SCOPES[1:]:
            rows += fits(names | {"domain": domain}, means.of(domain), "log_loss", ["data_id"])
    return as_table(rows, _NAMES, ["law", "aicc", "rmse_left_out", "gap", "share_explained"])


def models(study: Study) -> list[str]:
    """All models together, then each."""
    return ["all", *dict.fromkeys(study.runs["model"])]


def _dimensions(study: Study, model: str) -> list[tuple[str, str]]:
    """Dimensions with their estimators: the pool's by all of them where all models are averaged."""
    ids = [("pool_id", name) for name in study.estimators if model == "all"]
    ids = ids or [("pool_id", study.id_estimator)]
    others = [("data_id", study.id_estimator)]
    return [*ids, *others, ("representation_id", study.representation_estimator)]


def law_points(
    study: Study, dimension: str, estimator: str, rule: str, losses: str = "all", model: str = "all"
) -> Means:
    """The points of every kind of law, the same for all of them so that they compare."""
    columns = ["log_loss", f"log_n_over_{dimension}", "log_sharpness", "is_radiology"]
    # The estimator of representations is not one of d_data.
    of_data = study.id_estimator if dimension == "representation_id" else estimator
    means = study.points(columns, of_data, rule, losses, model)
    for points in (means.points, means.cells):
        points["law"] = points["log_loss"] + points[columns[1]] - points["log_sharpness"]
    return means


def _laws(names: dict, means: Means) -> list[dict]:
    """Every kind of law on the same points; over both domains also what K_F explains of the gap."""
    rows = []
    x = f"log_n_over_{names['dimension']}"
    for kind, terms in kinds(x, names["domain"]).items():
        response = "law" if kind == "law" else "log_loss"
        slopes = {x: -1.0, "log_sharpness": 1.0}
        for row in fits(names | {"kind": kind}, means, response, terms):
            rows.append(row | {"law": slopes.get(row["term"])})
    if names["domain"] == "all":
        rows.append(names | {"kind": "gap explained by K_F"} | gap_explained(means.points, x))
    return rows


def gap_explained(points: pd.DataFrame, x: str) -> dict:
    """How far ln K_F takes the radiology − natural difference of ln L away.

    The coefficient of the domain beside (ln N)/d, less that beside (ln N)/d and ln K_F. By the
    algebra of least squares this is b · δ, b the slope on ln K_F and δ the difference of ln K_F
    between domains at equal (ln N)/d. Given the terms, δ is a constant, so that the interval is δ
    times that of b.
    """
    short = fit(points, "log_loss", [x, "is_radiology"])[1]
    sharpness, long = fit(points, "log_loss", [x, "log_sharpness", "is_radiology"])[1:]
    record = {name: long[name] for name in ("n_collections", "n_runs")} | {"term": "is_radiology"}
    reason = short.get("reason") or long.get("reason")
    if reason:
        return record | {"reason": reason}
    estimate = short["estimate"] - long["estimate"]
    delta = fit(points, "log_sharpness", [x, "is_radiology"])[1]["estimate"]
    ends = sorted((delta * sharpness["low"], delta * sharpness["high"]))
    names = (x, "is_radiology"), (x, "log_sharpness", "is_radiology")
    without = [leave_one_out(*design(points, "log_loss", terms))[0][:, -1] for terms in names]
    return record | {
        "estimate": estimate, "low": ends[0], "high": ends[1], "p": sharpness["p"],
        "standard_error": abs(delta) * sharpness["standard_error"], "dof": long["dof"],
        "share_explained": estimate / short["estimate"], "gap": short["estimate"],
    } | without_one(estimate, without[0] - without[1], list(points["collection"]))  # fmt: skip


def kinds(x: str, domain: str) -> dict[str, list[str]]:
    """The terms of each kind of law that a domain, or both, can have."""
    return {
        kind: [x if term == "size" else term for term in terms]
        for kind, terms in KINDS.items()
        if domain == "all" or "is_radiology" not in terms
    }


def predictions(study: Study) -> pd.DataFrame:
    """ln L of each collection as every kind of law, fitted to the others, predicts it."""
    rows = []
    for dimension, losses in product(DIMENSIONS, LOSSES):
        of_representation = dimension == "representation_id"
        estimator = study.representation_estimator if of_representation else study.id_estimator
        points = law_points(study, dimension, estimator, "definition", losses).points
        for kind, terms in kinds(f"log_n_over_{dimension}", "all").items():
            response = "law" if kind == "law" else "log_loss"
            if fit(points, response, terms)[0].get("reason"):
                continue
            y, x = design(points, response, terms)
            _, predicted = leave_one_out(y, x)
            # The law's own part is known; what is predicted is its constant.
            predicted = predicted + points["log_loss"] - y
            names = {"kind": kind, "dimension": dimension, "losses": losses}
            shown = points[["collection", "domain", "log_loss"]].assign(predicted=predicted)
            rows += [names | row for row in shown.to_dict("records")]
    columns = ["kind", "dimension", "losses", "collection", "domain", "log_loss", "predicted"]
    return pd.DataFrame(rows, columns=columns)


def exponents(study: Study) -> pd.DataFrame:
    """The learning-curve exponent α = −d ln L/d ln N of each collection against 1/d, and the gap.

    The interval of a collection is over models, that of the mean gap α − 1/d over collections.
    """
    rows = []
    for losses in LOSSES:
        means = study.points(["log_loss", "pool_id"], losses=losses)
        slopes = slopes_on_log_n(means.cells, "log_loss")
        points = means.points[["collection", "domain", "pool_id"]].merge(
            slopes, on=["collection", "domain"]
        )
        points["exponent"] = -points["slope"]
        points["inverse_id"] = 1 / points["pool_id"]
        points["exponent_times_id"] = points["exponent"] * points["pool_id"]
        points["gap"] = points["exponent"] - points["inverse_id"]
        half = stats.t.ppf(0.975, points["n_models"] - 1) * points["slope_sd"].astype(float)
        half = half / np.sqrt(points["n_models"].astype(float))
        points["exponent_low"], points["exponent_high"] = (
            points["exponent"] - half,
            points["exponent"] + half,
        )
        names = {"losses": losses, "id_estimator": study.id_estimator}
        shown = ["collection", "domain", "n_runs", "n_models", *_EXPONENT]
        for row in points[shown].assign(estimate=points["gap"]).to_dict("records"):
            rows.append(names | {"kind": "collection", "term": "gap"} | row)
        whole = replace(means, points=points)
        names |= {"kind": "mean", "collection": "all", "domain": "all"}
        averages = points[["exponent", "inverse_id", "exponent_times_id"]].mean().to_dict()
        rows += [row | averages | {"term": "gap"} for row in fits(names, whole, "gap")]
    columns = ["kind", "collection", "domain", "losses", "id_estimator"]
    return as_table(rows, columns, ["n_models", *_EXPONENT])


_EXPONENT = [
    "exponent", "exponent_low", "exponent_high", "inverse_id", "exponent_times_id",
]  # fmt: skip
