"""The robustness law (Konz & Mazurowski 2024, theorem 2): the loss penalty rises with K_F."""

from itertools import product

import numpy as np
import pandas as pd

from idsharp.report.correlation import CORRELATION, correlation
from idsharp.report.points import Means, collection_means
from idsharp.report.tables.losses import models
from idsharp.report.tables.records import RUN_KEYS
from idsharp.report.tables.rows import SCOPES, as_table, fits
from idsharp.report.tables.study import Study, with_terms

#: Response, and the form of K_F that it is fitted on.
RESPONSES = {
    "loss_penalty": "pool_sharpness",
    "log_loss_penalty": "log_sharpness",
    "attacked_accuracy": "pool_sharpness",
}


def attacked(study: Study, rule: str = "definition") -> pd.DataFrame:
    """Every attack on every network that may be fitted, with K_F of the pool by a rule."""
    runs = with_terms(study.fitted(), study.id_estimator, rule)
    runs = runs[[*RUN_KEYS, "log_sharpness", "log_sharpness_se", "test_loss"]]
    rows = study.attacks.drop(columns="pool_sharpness").merge(runs, on=RUN_KEYS)
    # Where a network learned nothing, its loss is missing, and so is what attacks do to it.
    for name in ("loss_penalty", "attacked_accuracy"):
        rows[name] = rows[name].astype(float).where(rows["test_loss"].notna())
    return rows.assign(pool_sharpness=np.exp(rows["log_sharpness"]))


def penalty_means(rows: pd.DataFrame, model: str = "all") -> Means:
    """Collection means of one attack at one ε.

    ln of the penalty is that of the mean penalty, which a run that no attack hurts does not undo.
    """
    rows = rows if model == "all" else rows[rows["model"] == model]
    columns = ["loss_penalty", "attacked_accuracy", "pool_sharpness", "log_sharpness"]
    means = collection_means(rows, columns)
    penalty = means.points["loss_penalty"]
    means.points["log_loss_penalty"] = np.log(penalty.where(penalty > 0))
    return means


def loss_penalty_vs_sharpness(study: Study) -> pd.DataFrame:
    """Correlation and line over collections, for each attack, ε, model and domain (fig. 4)."""
    rows = []
    for rule in study.rules:
        conditions = attacked(study, rule).groupby(["attack", "epsilon_255"])
        for ((attack, epsilon), group), model in product(conditions, models(study)):
            means = penalty_means(group, model)
            names = {"attack": attack, "epsilon_255": epsilon, "model": model, "rule": rule}
            for domain, response in product(SCOPES, RESPONSES):
                about = names | {"domain": domain, "response": response}
                rows += _row(about, means.of(domain), response)
    columns = ["attack", "epsilon_255", "domain", "model", "response", "rule"]
    return as_table(rows, columns, ["law", *CORRELATION])


def _row(names: dict, means: Means, response: str) -> list[dict]:
    x = RESPONSES[response]
    if means.points[response].isna().any():
        negative = means.points.loc[means.points[response].isna(), "collection"]
        reason = f"the attack costs nothing on {', '.join(negative)}: no logarithm"
        return [names | {"term": x, "reason": reason}]
    law = {"law": 1.0} if response == "log_loss_penalty" else {}
    return [
        row | law | correlation(means.points, x, response)
        for row in fits(names, means, response, [x])
    ]


def penalty_points(study: Study) -> pd.DataFrame:
    """The points of `loss_penalty_vs_sharpness`, with their spread over models and N."""
    rows, responses = [], ["loss_penalty", "attacked_accuracy"]
    for (attack, epsilon), group in attacked(study).groupby(["attack", "epsilon_255"]):
        for model in models(study):
            means = penalty_means(group, model)
            spread = means.cells.groupby("collection")[responses].std()
            points = means.points.join(spread.add_suffix("_sd"), on="collection")
            rows.append(points.assign(attack=attack, epsilon_255=epsilon, model=model))
    columns = ["attack", "epsilon_255", "model", "collection", "domain", "pool_sharpness"]
    columns += [name for response in responses for name in (response, f"{response}_sd")]
    columns += ["n_tasks", "n_runs"]
    return pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)
