"""Correlations over collections: Pearson's r with Fisher's interval, Spearman's ρ, permutations."""

import numpy as np
import pandas as pd
from scipy import stats

from idsharp.report.inference import design, why_not

#: What `correlation` says, in the order of the tables.
CORRELATION = ("pearson_r", "pearson_low", "pearson_high", "spearman_rho", "permutation_p")

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
    record["permutation_p"] = float(permuted.pvalue)
    return record | {"spearman_rho": float(stats.spearmanr(a, b).statistic)}
