"""Radiology beside natural images (MICCAI 2022, fig. 3; ICLR 2024, fig. 1)."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from idsharp.properties.estimators import ESTIMATORS
from idsharp.report.correlation import CORRELATION, correlation
from idsharp.report.points import Means, collection_means
from idsharp.report.tables.attacks import attacked, penalty_means
from idsharp.report.tables.losses import LOSSES
from idsharp.report.tables.rows import (
    RADIOLOGY_MINUS_NATURAL,
    RADIOLOGY_OVER_NATURAL,
    SCOPES,
    as_table,
    domain_difference,
    fits,
    negative,
)
from idsharp.report.tables.sharpness import RULES, common_sharpness
from idsharp.report.tables.study import Study, first_choice

_NAMES = [
    "quantity", "domain", "unit", "id_estimator", "id_of", "rule", "losses", "attack",
    "epsilon_255",
]  # fmt: skip


def domain_gap(study: Study) -> pd.DataFrame:
    """Means over collections in each domain, their difference by Welch's t, and ratios of K_F."""
    rows = []
    for names, means, column in _quantities(study):
        for domain in SCOPES[1:]:
            rows += fits(names | {"domain": domain}, means.of(domain), column)
        gap = negative(domain_difference(names, means, column))
        rows.append(gap | {"domain": RADIOLOGY_MINUS_NATURAL})
        if column.startswith("log_sharpness"):
            rows.append(ratio(gap))
    return as_table(rows, _NAMES)


def _quantities(study: Study) -> Iterator[tuple[dict, Means, str]]:
    """Names, points and column of everything that is compared."""
    for id_of, pools in pools_of(study).items():
        for name in study.estimators:
            names = {"quantity": "intrinsic_dimension", "unit": "1", "id_estimator": name}
            yield names | {"id_of": id_of}, collection_means(pools, [name]), name
    pools = log_sharpness(study)
    for rule in study.rules:
        for column, channels in (("log_sharpness", "gray"), ("log_sharpness_own", "own channels")):
            names = {"quantity": f"log_label_sharpness, {channels}", "unit": "1", "rule": rule}
            yield names, collection_means(pools, [f"{column}_{rule}"]), f"{column}_{rule}"
    for losses in LOSSES:
        names = {"quantity": "log_loss", "unit": "ln nats", "losses": losses}
        yield names, study.points(["log_loss"], losses=losses), "log_loss"
    for response in ("highest_test_accuracy", "test_accuracy"):
        yield {"quantity": response, "unit": "1"}, study.points([response]), response
    for (attack, epsilon), group in attacked(study).groupby(["attack", "epsilon_255"]):
        means = penalty_means(group)
        for response, unit in (("loss_penalty", "nats"), ("attacked_accuracy", "1")):
            names = {"quantity": response, "unit": unit, "attack": attack, "epsilon_255": epsilon}
            yield names, means, response


def pools_of(study: Study) -> dict[str, pd.DataFrame]:
    """The pools to compare: those of the tasks, and those of whole datasets where there are any.

    Whole datasets are the tasks that are only measured; a dataset without one stands with its task.
    """
    trained = first_choice(study.datasets[study.datasets["is_trained"]])
    whole = study.datasets[~study.datasets["is_trained"]]
    if whole.empty:
        return {"task": trained}
    rest = trained[~trained["dataset"].isin(whole["dataset"])]
    return {"task": trained, "dataset": pd.concat([rest, whole], ignore_index=True)}


def log_sharpness(study: Study) -> pd.DataFrame:
    """The tasks' pools with ln K_F by each rule, in grey and in the channels they have."""
    sharpness = common_sharpness(study.datasets[study.datasets["is_trained"]])
    pools = first_choice(study.datasets[study.datasets["is_trained"]])
    found = sharpness.loc[pools["task"]].set_axis(pools.index)
    for rule in RULES:
        grey, own = found[f"sharpness_{rule}"], found[f"sharpness_{rule}_own"]
        pools = pools.assign(
            **{
                f"log_sharpness_{rule}": np.log(grey),
                f"log_sharpness_{rule}_se": found[f"sharpness_{rule}_sd"] / grey,
                f"log_sharpness_own_{rule}": np.log(own),
            }
        )
    return pools


def ratio(gap: dict) -> dict:
    """Radiology / natural from a difference of logarithms."""
    ends = ("estimate", "low", "high", "low_without_one", "high_without_one")
    turned = {name: float(np.exp(gap[name])) for name in ends if gap.get(name) is not None}
    return gap | turned | {"domain": RADIOLOGY_OVER_NATURAL, "standard_error": None}


def sharpness_vs_id(study: Study) -> pd.DataFrame:
    """How ln K_F and ID go together over collections, by estimator, rule and domain."""
    rows, pools = [], log_sharpness(study)
    for rule in study.rules:
        for name in ESTIMATORS:
            means = collection_means(pools, [name, f"log_sharpness_{rule}"])
            names = {"id_estimator": name, "rule": rule}
            for domain in SCOPES:
                part = means.of(domain)
                found = correlation(part.points, name, f"log_sharpness_{rule}")
                [row] = fits(names | {"domain": domain}, part, f"log_sharpness_{rule}", [name])
                rows.append(row | found | {"term": "id"})
    return as_table(rows, ["id_estimator", "rule", "domain"], CORRELATION)
