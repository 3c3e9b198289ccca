"""Question 3a: how fast the test loss falls with N, against 1/d, as registered and otherwise."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import OLS

from idsharp.common.records import read_table
from idsharp.properties.estimators import ESTIMATORS
from idsharp.report.inference import design, fit
from idsharp.report.points import collection_means
from idsharp.report.tables.study import Study, first_choice, is_learned

HERE = Path(__file__).resolve().parent
SLOPE = "slope of the exponent on 1/d (the law: 1)"
#: Collections of radiology whose patients are unknown, so that one may be in training and in test.
SPLIT_BY_IMAGE = ("brain_MRI", "COVID_X-ray", "COVID_CT")
TWONN = "id_twonn_10pct"


def primary(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of tasks that stand in for no other, of networks that were trained."""
    rows = first_choice(rows)
    return rows[is_learned(rows) if "constant_output" in rows else rows["status"] == "ok"]


def final_error(runs: pd.DataFrame) -> pd.Series:
    """1 − test accuracy, of 300 images; half an error where there is none."""
    return np.maximum(1 - runs["test_accuracy"].astype(float), 0.5 / 300)


def exponents(
    study: Study, estimator: str = "id_mle_k1", response: str = "test_loss"
) -> pd.DataFrame:
    """−d ln loss / d ln N of each collection, over networks with three N or more, and 1/d."""
    runs = primary(study.runs).dropna(subset=[response])
    runs = runs.assign(log_loss=np.log(runs[response]), log_n=np.log(runs["n_train"]))
    keys, rows = ["collection", "domain", "task", "model"], []
    means = runs.groupby([*keys, "log_n"], as_index=False)["log_loss"].mean()
    for names, part in means.groupby(keys):
        if len(part) >= 3:
            slope = np.polyfit(part["log_n"], part["log_loss"], 1)[0]
            rows.append(dict(zip(keys, names, strict=True)) | {"exponent": -slope})
    if not rows:
        return pd.DataFrame(columns=["collection", "exponent", "inverse_id"])
    points = collection_means(pd.DataFrame(rows).assign(n_train=0), ["exponent"]).points
    ids = study.points(["pool_id"], estimator=estimator).points.set_index("collection")["pool_id"]
    return points.assign(inverse_id=1 / points["collection"].map(ids))


def otherwise(study: Study, points: pd.DataFrame) -> Iterator[tuple[str, str, dict]]:
    """The slope in every other way: quantity, over what, and estimate.

    Args:
        points: the exponents as registered.
    """
    runs = study.runs
    # Points.
    for name, each in ESTIMATORS.items():
        yield SLOPE, f"d by {each.short}", _slope(exponents(study, name))
    for domain, part in points.groupby("domain"):
        yield SLOPE, domain, _slope(part)
    for text, left_out in {
        "without MNIST and GTSRB": ("MNIST", "GTSRB"),
        "without radiology split by image": SPLIT_BY_IMAGE,
        "without radiology split by image and GTSRB": (*SPLIT_BY_IMAGE, "GTSRB"),
    }.items():
        yield SLOPE, text, _slope(points[~points["collection"].isin(left_out)])
    # Networks.
    is_first = (runs["model"] == "resnet18") & (runs["seed"] == 0)
    parts = {"networks that the answer with one seed did not have": ~is_first}
    for seed in sorted(runs["seed"].unique()):
        parts[f"resnet18, seed {seed}"] = (runs["model"] == "resnet18") & (runs["seed"] == seed)
    parts["N up to 630"] = runs["n_train"] <= 630
    parts["N from 400"] = runs["n_train"] >= 400
    parts["N from 400, resnet18"] = parts["N from 400"] & (runs["model"] == "resnet18")
    parts["networks with a loss below chance"] = runs["above_chance_loss"].eq(False)
    for text, part in parts.items():
        yield SLOPE, text, _slope(exponents(replace(study, runs=runs[part])))
    twonn = ESTIMATORS[TWONN].short
    for model in sorted(runs["model"].unique()):
        alone = replace(study, runs=runs[runs["model"] == model])
        yield SLOPE, f"d by {twonn}, {model}", _slope(exponents(alone, TWONN))
    yield SLOPE, "first round, resnet18", _slope(exponents(_first_round(study)))
    # Terms.
    with_errors = replace(study, runs=runs.assign(error=final_error(runs)))
    yield SLOPE, "final error in place of loss", _slope(exponents(with_errors, response="error"))
    accuracies = study.points(["highest_test_accuracy"]).points
    accuracies = accuracies[["collection", "highest_test_accuracy"]]
    for name in ("id_mle_k1", TWONN):
        used = exponents(study, name).merge(accuracies, on="collection")
        text = f"at equal highest accuracy, d by {ESTIMATORS[name].short}"
        yield SLOPE, text, _slope(used, "highest_test_accuracy")
    yield "exponent over 1/d, without an intercept", "15 collections", _through_origin(points)
    yield SLOPE, "errors by HC3", robust(points, "exponent", ["inverse_id"])[0]


def _slope(points: pd.DataFrame, *others: str) -> dict:
    if points.empty:
        return {"reason": "no such network has three N"}
    return fit(points, "exponent", ["inverse_id", *others])[0]


def _first_round(study: Study) -> Study:
    """The same networks with the losses that they had on another processor."""
    keys = ["task", "model", "n_train", "seed"]
    first = read_table(HERE / "first_round.csv")[[*keys, "test_loss"]]
    return replace(study, runs=study.runs.drop(columns="test_loss").merge(first, on=keys))


def _through_origin(points: pd.DataFrame) -> dict:
    found = OLS(points["exponent"].to_numpy(), points["inverse_id"].to_numpy()).fit()
    return _of_statsmodels(found, 0, len(points))


def robust(points: pd.DataFrame, response: str, terms: list[str]) -> list[dict]:
    """Slopes with standard errors that allow for unequal variances (HC3)."""
    found = OLS(*design(points, response, terms)).fit().get_robustcov_results("HC3")
    return [_of_statsmodels(found, 1 + i, len(points)) for i in range(len(terms))]


def _of_statsmodels(found, term: int, n: int) -> dict:
    low, high = found.conf_int()[term]
    record = {"estimate": found.params[term], "low": low, "high": high}
    return record | {"p": found.pvalues[term], "n_collections": n}
