"""The regressions of both papers, on a table of runs.

Every fit is ordinary least squares by statsmodels with 95 % confidence intervals. A fit that the
data cannot carry (fewer points than coefficients + 1, or no variation) is a row with its reason.
Logarithms are natural.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.stats import pearsonr, spearmanr

# Not statsmodels.api, which imports all of the library and takes seconds.
from statsmodels.regression.linear_model import OLS
from statsmodels.tools import add_constant

#: A correlation or a slope from fewer independent values than this is not reported.
_FEWEST = 3

#: What `correlation` adds to a fit.
CORRELATION = ("pearson_r", "pearson_p", "pearson_low", "pearson_high", "spearman_rho")


def fit(table: pd.DataFrame, response: str, terms: Sequence[str]) -> dict:
    """OLS of one column on others, as a flat record.

    Args:
        table: one row a point; rows with a missing value are left out and counted.
        response: column to explain.
        terms: columns that explain it; an intercept is added. The first is what the fit is about:
            it must take three values at least, since two tasks make no law.

    Returns:
        n, n_left_out, r_squared, intercept, and for every term `<term>_slope`, `_low`, `_high`,
        `_p`; `reason` where nothing could be fitted (then all of these are missing).
    """
    numbers = table[[response, *terms]].astype(float)
    used = numbers[np.isfinite(numbers).all(axis=1)]
    record: dict = {"n": len(used), "n_left_out": len(numbers) - len(used)}
    reason = _why_not(used, response, terms)
    if reason is not None:
        return record | {"reason": reason}
    fitted = OLS(used[response], add_constant(used[list(terms)], has_constant="add")).fit()
    record["r_squared"] = float(fitted.rsquared)
    record["intercept"] = float(fitted.params["const"])
    intervals = fitted.conf_int(0.05)
    for term in terms:
        record[f"{term}_slope"] = float(fitted.params[term])
        record[f"{term}_low"], record[f"{term}_high"] = map(float, intervals.loc[term])
        record[f"{term}_p"] = float(fitted.pvalues[term])
    return record


def _why_not(used: pd.DataFrame, response: str, terms: Sequence[str]) -> str | None:
    """Why these points cannot carry a regression on these terms, or None."""
    needed = max(_FEWEST, len(terms) + 2)
    if len(used) < needed:
        return f"{len(used)} points, {needed} are needed"
    values = used[terms[0]].nunique()
    if values < _FEWEST:
        return f"{values} distinct values of {terms[0]}, {_FEWEST} are needed"
    if used[response].nunique() == 1:
        return f"{response} is the same at every point"
    design = np.column_stack([np.ones(len(used)), used[list(terms)]])
    scaled = design / np.abs(design).max(axis=0)
    if np.linalg.matrix_rank(scaled) < design.shape[1]:
        return f"the terms {', '.join(terms)} depend on each other"
    return None


def scopes(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """All rows, then each domain's."""
    yield "all", table
    yield from table.groupby("domain", sort=True)


def accuracy_vs_id(runs: pd.DataFrame) -> pd.DataFrame:
    """Finding 2 of Konz et al. 2022: accuracy falls linearly with the dataset's ID.

    Rows of kind "line" (accuracy ~ ID, by domain, model and N; its fig. 4), "plane" (accuracy ~
    ID + ln N, by domain and model; its fig. 5b) and "slope difference" (natural − radiology, from
    the interaction of ID and domain, by model and N).

    Args:
        runs: columns domain, model, n_train, highest_test_accuracy, pool_id.
    """
    runs = runs.assign(log_n=np.log(runs["n_train"]))
    accuracy, rows = "highest_test_accuracy", []
    for (domain, model, n_train), group in runs.groupby(["domain", "model", "n_train"]):
        names = {"kind": "line", "domain": domain, "model": model, "n_train": n_train}
        rows.append(names | fit(group, accuracy, ["pool_id"]))
    for (domain, model), group in runs.groupby(["domain", "model"]):
        names = {"kind": "plane", "domain": domain, "model": model, "n_train": "all"}
        rows.append(names | fit(group, accuracy, ["pool_id", "log_n"]))
    for (model, n_train), group in runs.groupby(["model", "n_train"]):
        names = {"kind": "slope difference", "domain": "all", "model": model, "n_train": n_train}
        rows.append(names | _slope_difference(group, accuracy))
    return _table(rows, ["kind", "domain", "model", "n_train"], ["pool_id", "log_n"])


def _slope_difference(group: pd.DataFrame, response: str) -> dict:
    """Natural − radiology: the coefficient of the interaction of ID and domain."""
    for domain in ("natural", "radiology"):
        line = fit(group[group["domain"] == domain], response, ["pool_id"])
        if line.get("reason"):
            reason = f"no line for {domain}: {line['reason']}"
            return {"n": len(group), "n_left_out": 0, "reason": reason}
    natural = (group["domain"] == "natural").astype(float)
    both = group.assign(
        is_natural=natural,
        radiology_id=group["pool_id"],
        # The column whose slope is the difference; named so that it is reported as a slope on ID.
        pool_id=natural * group["pool_id"],
    )
    return fit(both, response, ["pool_id", "radiology_id", "is_natural"])


def generalization_law(runs: pd.DataFrame) -> pd.DataFrame:
    """The law of Konz & Mazurowski 2024 (theorem 1): ln L ≲ −(1/d) ln N + ln K_F + a.

    As a regression: ln L on (ln N)/d alone (the law of the earlier work) and with ln K_F, for d
    the ID of the training set and of the representation, by domain and model. The law, if it held
    with equality, would have slopes −1 and +1. Rows "log loss ~ ID" are the lines of its fig. 2,
    by domain, model and N.

    Args:
        runs: columns domain, model, n_train, test_loss (nats), data_id, representation_id,
            label_sharpness.
    """
    runs = _with_logs(runs)
    rows = []
    for scope, scoped in scopes(runs):
        models = [("all", scoped), *scoped.groupby("model")]
        for (model, group), dimension in _product(models, ("data_id", "representation_id")):
            group = group.assign(log_n_over_d=group["log_n"] / group[dimension].astype(float))
            for terms in (["log_n_over_d"], ["log_n_over_d", "log_sharpness"]):
                kind = "with K_F" if len(terms) == 2 else "without K_F"
                names = {"kind": kind, "dimension": dimension, "domain": scope, "model": model}
                rows.append(names | {"n_train": "all"} | fit(group, "log_loss", terms))
    for (domain, model, n_train), group in runs.groupby(["domain", "model", "n_train"]):
        names = {"kind": "log loss ~ ID", "dimension": "data_id", "domain": domain}
        names |= {"model": model, "n_train": n_train}
        rows.append(names | fit(group, "log_loss", ["data_id"]))
    names = ["kind", "dimension", "domain", "model", "n_train"]
    return _table(rows, names, ["log_n_over_d", "log_sharpness", "data_id"])


def _with_logs(runs: pd.DataFrame) -> pd.DataFrame:
    """Natural logarithms; a loss of zero has none and stays missing."""
    loss = runs["test_loss"].astype(float)
    return runs.assign(
        log_n=np.log(runs["n_train"]),
        log_loss=np.log(loss.where(loss > 0)),
        log_sharpness=np.log(runs["label_sharpness"].astype(float)),
    )


def loss_penalty_vs_sharpness(attacks: pd.DataFrame) -> pd.DataFrame:
    """The robustness law of Konz & Mazurowski 2024 (theorem 2): the loss penalty rises with K_F.

    One point a task: means over models, training sizes and seeds, as in the paper (fig. 4), for
    each attack and ε by itself.

    Args:
        attacks: columns task, domain, attack, epsilon_255, loss_penalty (nats), label_sharpness.
    """
    rows = []
    for (attack, epsilon), group in attacks.groupby(["attack", "epsilon_255"]):
        points = penalty_points(group)
        for scope, scoped in scopes(points):
            names = {"attack": attack, "epsilon_255": epsilon, "domain": scope}
            rows.append(names | correlation(scoped, "label_sharpness", "loss_penalty"))
    names = ["attack", "epsilon_255", "domain"]
    return _table(rows, names, ["label_sharpness"], CORRELATION)


def penalty_points(attacks: pd.DataFrame) -> pd.DataFrame:
    """Mean loss penalty and K_F of each task, over models, training sizes and seeds.

    Args:
        attacks: rows of one attack at one ε.
    """
    numbers = attacks.dropna(subset=["loss_penalty", "label_sharpness"])
    return numbers.groupby(["task", "domain"], as_index=False)[
        ["loss_penalty", "label_sharpness"]
    ].mean()


def correlation(table: pd.DataFrame, x: str, y: str) -> dict:
    """Pearson's r with a 95 % interval (Fisher), Spearman's ρ, and the line y ~ x."""
    line = fit(table, y, [x])
    if line.get("reason"):
        return line
    used = table[[x, y]].astype(float).dropna()
    pearson = pearsonr(used[x], used[y])
    record = line | {"pearson_r": float(pearson.statistic), "pearson_p": float(pearson.pvalue)}
    # Fisher's interval has the standard error 1/√(n − 3).
    low, high = pearson.confidence_interval(0.95) if len(used) > 3 else (None, None)
    record |= {"pearson_low": low, "pearson_high": high}
    return record | {"spearman_rho": float(spearmanr(used[x], used[y]).statistic)}


def representation_vs_data(runs: pd.DataFrame) -> pd.DataFrame:
    """d_repr ≲ d_data (Konz & Mazurowski 2024, section 6): how often, and how they go together.

    Args:
        runs: columns domain, model, data_id, representation_id.
    """
    rows = []
    for scope, scoped in scopes(runs):
        for model, group in [("all", scoped), *scoped.groupby("model")]:
            both = group.dropna(subset=["data_id", "representation_id"])
            below = both["representation_id"] <= both["data_id"]
            rows.append(
                {
                    "domain": scope,
                    "model": model,
                    "mean_data_id": both["data_id"].mean() if len(both) else None,
                    "mean_representation_id": both["representation_id"].mean()
                    if len(both)
                    else None,
                    "share_below": below.mean() if len(both) else None,
                }
                | correlation(group, "data_id", "representation_id")
            )
    names = ["domain", "model", "mean_data_id", "mean_representation_id", "share_below"]
    return _table(rows, names, ["data_id"], CORRELATION)


def _product(groups: list, values: tuple) -> Iterator[tuple]:
    return ((group, value) for group in groups for value in values)


def _table(
    rows: list[dict], names: list[str], terms: list[str], extra: Sequence[str] = ()
) -> pd.DataFrame:
    """Rows as a table whose columns do not depend on what could be fitted."""
    slopes = [f"{term}_{part}" for term in terms for part in ("slope", "low", "high", "p")]
    fitted = ["n", "n_left_out", "r_squared", "intercept", *slopes]
    return pd.DataFrame(rows, columns=[*names, *fitted, *extra, "reason"])
