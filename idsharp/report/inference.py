"""One way to infer, for every fit of a study: ordinary least squares on means of collections.

The unit of evidence is the collection of images; docs/statistics.md has the simulations behind
this. Intervals are of 95 %, from Student's t with G − p degrees of freedom for G collections and p
coefficients, the intercept among them.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

# Not statsmodels.api, which imports all of the library and takes seconds.
from statsmodels.regression.linear_model import OLS

#: What every fit says of itself, in the order of the tables.
FIT = (
    "term", "estimate", "low", "high", "p", "standard_error", "dof", "n_collections", "n_runs",
    "low_without_one", "high_without_one", "decided_by", "intercept", "r_squared", "reliability",
)  # fmt: skip


def fit(
    points: pd.DataFrame, response: str, terms: Sequence[str] = (), null: float = 0.0
) -> list[dict]:
    """OLS of a column on others, one record per term; without terms the mean of the column.

    Args:
        points: one row per collection, as `collection_means` gives them.
        response: column to explain.
        terms: columns that explain it, beside an intercept.
        null: value of the coefficient that `p` tests.

    Returns:
        Records of FIT with `aicc` and `rmse_left_out` (root mean square error of each collection
        predicted from the others). What cannot be fitted has a `reason` instead of numbers.
    """
    counts: dict[str, float | None] = {
        "n_collections": len(points),
        "n_runs": int(points["n_runs"].sum()),
    }
    y, x = design(points, response, terms)
    reason = why_not(y, x, response, terms)
    if reason is not None:
        mean = {"estimate": float(y.mean())} if not terms and len(y) else {}
        return [counts | {"term": name, "reason": reason} | mean for name in terms or ["mean"]]
    fitted = OLS(y, x).fit()
    low, high = fitted.conf_int(0.05).T
    p = 2 * stats.t.sf(np.abs(fitted.params - null) / fitted.bse, fitted.df_resid)
    without, predicted = leave_one_out(y, x)
    counts |= {
        "dof": int(fitted.df_resid), "intercept": float(fitted.params[0]),
        "r_squared": float(fitted.rsquared) if terms else None,
        "aicc": _aicc(float(fitted.ssr), len(y), x.shape[1]),
        "rmse_left_out": float(np.sqrt(((y - predicted) ** 2).mean())),
    }  # fmt: skip
    values = {"estimate": fitted.params, "low": low, "high": high, "p": p}
    values |= {"standard_error": fitted.bse}
    records = []
    for number, name in enumerate(terms, 1) if terms else [(0, "mean")]:
        own = {key: float(value[number]) for key, value in values.items()}
        moved = without_one(own["estimate"], without[:, number], list(points["collection"]))
        spread = {"reliability": reliability(points, name)}
        records.append({"term": name} | own | moved | counts | spread)
    return records


def design(
    points: pd.DataFrame, response: str, terms: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Response (n) and regressors (n×p), a column of ones first."""
    columns = [points[name].to_numpy(float) for name in terms]
    return points[response].to_numpy(float), np.column_stack([np.ones(len(points)), *columns])


def why_not(y: np.ndarray, x: np.ndarray, response: str, terms: Sequence[str]) -> str | None:
    """Why these collections cannot carry a fit, or None."""
    found, needed = len(y), x.shape[1] + 1
    if found < needed:
        return f"{found} collection{'' if found == 1 else 's'}, {needed} are needed"
    for name, values in zip(terms, x.T[1:], strict=True):
        distinct = np.unique(values)
        if len(distinct) < 3 and not np.isin(distinct, (0, 1)).all():
            return f"{len(distinct)} different values of {name}, 3 are needed"
    # Means of equal values differ by rounding.
    if np.ptp(y) <= 1e-12 * np.abs(y).max():
        return f"{response} is the same in every collection"
    if np.linalg.matrix_rank(x / np.abs(x).max(axis=0).clip(1e-300)) < x.shape[1]:
        return f"{', '.join(terms)}: they depend on each other, or are the same everywhere"
    return None


def leave_one_out(y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients without each row (n×p), and that row as the others predict it (n).

    NaN where the other rows do not determine the coefficients.
    """
    inverse = np.linalg.pinv(x)
    coefficients, leverage = inverse @ y, (x * inverse.T).sum(axis=1)
    error = (y - x @ coefficients) / np.where(leverage < 1 - 1e-9, 1 - leverage, np.nan)
    return coefficients - (inverse * error).T, y - error


def without_one(estimate: float, without: np.ndarray, collections: Sequence[str]) -> dict:
    """Range of an estimate as each collection is left out, and the one that moves it most."""
    if np.isnan(without).all():
        return {}
    decided_by = collections[int(np.nanargmax(np.abs(without - estimate)))]
    low, high = float(np.nanmin(without)), float(np.nanmax(without))
    return {"low_without_one": low, "high_without_one": high, "decided_by": decided_by}


def _aicc(squares: float, n: int, coefficients: int) -> float | None:
    """Akaike's criterion for n collections, corrected for small n; the variance counts too."""
    k = coefficients + 1
    if n - k - 1 <= 0 or squares <= 0:
        return None
    return float(n * np.log(squares / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1))


def reliability(points: pd.DataFrame, term: str) -> float | None:
    """1 − mean(SE²)/variance of a term over collections: 1 where it is measured without error."""
    if f"{term}_se" not in points or points[f"{term}_se"].isna().any():
        return None
    return float(1 - (points[f"{term}_se"] ** 2).mean() / points[term].var())


def difference(first: dict, second: dict) -> dict:
    """First − second of two records of `fit` on different collections, by Welch's t.

    Means, slopes or any other coefficient; variances are not pooled, and the degrees of freedom are
    Satterthwaite's.
    """
    record = {"term": first["term"]}
    record |= {key: first[key] + second[key] for key in ("n_collections", "n_runs")}
    if "estimate" in first and "estimate" in second:
        record["estimate"] = first["estimate"] - second["estimate"]
    if reasons := [one["reason"] for one in (first, second) if one.get("reason")]:
        return record | {"reason": "; ".join(dict.fromkeys(reasons))}
    squares = np.array([first["standard_error"], second["standard_error"]]) ** 2
    error = np.sqrt(squares.sum())
    dof = error**4 / (squares**2 / [first["dof"], second["dof"]]).sum()
    half, estimate = stats.t.ppf(0.975, dof) * error, record["estimate"]
    record |= {"low": float(estimate - half), "high": float(estimate + half), "dof": float(dof)}
    p = 2 * stats.t.sf(abs(estimate) / error, dof)
    record |= {"p": float(p), "standard_error": float(error)}
    # Either side loses a collection while the other stays.
    sides = [(sign, one) for sign, one in ((1, first), (-1, second)) if "decided_by" in one]
    ends = ("low_without_one", "high_without_one")
    moves = [sign * (one[end] - one["estimate"]) for sign, one in sides for end in ends]
    names = [one["decided_by"] for _, one in sides for _ in ends]
    return record | (without_one(estimate, estimate + np.array(moves), names) if sides else {})
