"""Correlations over collections: Pearson's r with Fisher's interval, Spearman's ρ, permutations."""

import numpy as np
import pandas as pd
from scipy import stats

from idsharp.report.inference import design, why_not

#: What `correlation` says, in the order of the tables.
CORRELATION = (
    "pearson_r", "pearson_low", "pearson_high", "spearman_rho", "permutation_p",
    "pearson_low_without_one", "pearson_high_without_one", "pearson_decided_by",
)  # fmt: skip

_EXACT, _DRAWS = 8, 9999


def correlation(points: pd.DataFrame, x: str, y: str) -> dict:
    """Pearson's r with Fisher's interval, Spearman's ρ, and a permutation p (two-sided, of r).

    Exact up to 8 collections, 9999 draws above. Needs 3 points; the interval needs 4.
    """
    reason = why_not(*design(points, y, [x]), y, [x])
    if reason is not None:
        return {"reason": reason}
    a, b = points[x].to_numpy(float), points[y].to_numpy(float)
    pearson = stats.pearsonr(a, b)
    record = {"pearson_r": float(pearson.statistic)}
    if len(a) > 3:
        low, high = pearson.confidence_interval(0.95)
        record |= {"pearson_low": float(low), "pearson_high": float(high)}
    record["spearman_rho"] = float(stats.spearmanr(a, b).statistic)
    record |= _without_one(record["pearson_r"], a, b, list(points["collection"]))
    b = (b - b.mean()) / b.std()
    permuted = stats.permutation_test(
        (a,),
        lambda a, axis=-1: np.abs(((a - a.mean(axis=axis, keepdims=True)) * b).mean(axis=axis)),
        permutation_type="pairings",
        alternative="greater",
        vectorized=True,
        n_resamples=np.inf if len(a) <= _EXACT else _DRAWS,
        rng=np.random.default_rng(0),
    )
    return record | {"permutation_p": float(permuted.pvalue)}


def _without_one(r: float, a: np.ndarray, b: np.ndarray, collections: list[str]) -> dict:
    """Range of r as each collection is left out, and the one that moves it most."""
    kept = ~np.eye(len(a), dtype=bool)
    if len(a) < 4 or any(np.ptp(a[rest]) == 0 or np.ptp(b[rest]) == 0 for rest in kept):
        return {}
    without = np.array([np.corrcoef(a[rest], b[rest])[0, 1] for rest in kept])
    return {
        "pearson_low_without_one": float(without.min()),
        "pearson_high_without_one": float(without.max()),
        "pearson_decided_by": collections[int(np.abs(without - r).argmax())],
    }
