"""d_repr ≲ d_data (Konz & Mazurowski 2024, section 6), by one estimator on both sides."""

from itertools import product

import pandas as pd

from idsharp.properties.estimators import ESTIMATORS
from idsharp.report.correlation import CORRELATION, correlation
from idsharp.report.points import collection_means
from idsharp.report.tables.losses import models
from idsharp.report.tables.rows import SCOPES, as_table, fits
from idsharp.report.tables.study import Study


def representation_vs_data(study: Study) -> pd.DataFrame:
    """The mean of d_repr/d_data over collections, and how often d_repr ≤ d_data.

    Both are dimensions of the training set by the same estimator, which makes the bias of few
    images common to them. `p` tests a ratio of 1.
    """
    rows, fitted = [], study.fitted()
    for estimator, model in product(ESTIMATORS, models(study)):
        runs = fitted if model == "all" else fitted[fitted["model"] == model]
        runs = with_ratio(runs, estimator)
        columns = ["ratio", "data", "representation"]
        means = collection_means(runs, columns)
        usable = runs.dropna(subset=columns)
        for domain in SCOPES:
            part = means.of(domain)
            inside = usable if domain == "all" else usable[usable["domain"] == domain]
            names = {"id_estimator": estimator, "domain": domain, "model": model}
            shares = {
                "mean_data_id": _mean(part.points["data"]),
                "mean_representation_id": _mean(part.points["representation"]),
                "share_below": _mean(inside["ratio"] <= 1),
                "share_collections_below": _mean(part.points["ratio"] <= 1),
            }
            [row] = fits(names | shares, part, "ratio", null=1.0)
            found = correlation(part.points, "data", "representation")
            found.pop("reason", None)
            rows.append(row | found | {"term": "ratio"})
    columns = ["id_estimator", "domain", "model", "mean_data_id", "mean_representation_id"]
    return as_table(rows, [*columns, "share_below", "share_collections_below"], CORRELATION)


def with_ratio(runs: pd.DataFrame, estimator: str) -> pd.DataFrame:
    """Runs with the dimension of data and representation by one estimator, and their ratio."""
    data = runs[f"data_{estimator}"].astype(float)
    representation = runs[f"representation_{estimator}"].astype(float)
    return runs.assign(data=data, representation=representation, ratio=representation / data)


def _mean(values: pd.Series) -> float | None:
    return float(values.mean()) if len(values) else None
