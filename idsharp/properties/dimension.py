"""Intrinsic dimension from nearest-neighbor distances: MLE and TwoNN.

Both take distances in which no point has a twin: exact duplicates are collapsed before
(`idsharp.properties.record`), since a zero distance makes both estimators undefined.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

#: How the inner sum of the MLE is divided. "k-1" is the maximum-likelihood form that MacKay &
#: Ghahramani average; "k-2" is the unbiased variant that the papers' released code uses.
NORMALIZATIONS = ("k-1", "k-2")

#: Which of the largest ratios TwoNN leaves out: the largest 10 % (Facco et al. 2017) or only the
#: largest one, whose empirical distribution function is 1 (the papers' released code).
DISCARDS = ("10%", "largest")


class UndefinedEstimateError(ValueError):
    """The quantity is not defined on these data; the message says why."""


@dataclass(frozen=True)
class Estimate:
    """A value, its standard error, and the number of points behind it.

    The standard error covers no bias: both estimators fall short of high dimensions when points
    are few.
    """

    value: float
    standard_error: float
    n: int


def mle(
    distances: np.ndarray,
    k: int = 20,
    normalization: str = "k-1",
    indices: np.ndarray | None = None,
) -> Estimate:
    """Maximum-likelihood intrinsic dimension.

    m = [ 1/(N (k−1)) Σ_i Σ_{j<k} log(T_k(x_i) / T_j(x_i)) ]⁻¹ — Levina & Bickel 2004 with the
    averaging of inverses of MacKay & Ghahramani 2005; k = 20 in Konz et al. 2022, eq. 1.

    Args:
        distances: N×K sorted neighbor distances, K ≥ k, the point itself excluded.
        k: neighbors used.
        normalization: "k-1" or "k-2", what the inner sum is divided by.
        indices: N×K positions of the neighbors, K ≥ 2 k, for a standard error that knows that
            points near each other are correlated; without them it takes points as independent, and
            is about a quarter too small.

    Raises:
        UndefinedEstimateError: fewer than k neighbors, a zero distance, or all neighbors of all
            points equally far.
    """
    if normalization not in NORMALIZATIONS:
        raise ValueError(f"normalization is one of {NORMALIZATIONS}, found {normalization!r}")
    divisor = k - 1 if normalization == "k-1" else k - 2
    if divisor < 1:
        raise ValueError(f"k = {k} is too small for normalization {normalization}")
    _check(distances, k)
    logs = np.log(distances[:, :k])
    inverse = (logs[:, -1:] - logs[:, :-1]).sum(axis=1) / divisor
    mean = inverse.mean()
    if mean <= 0:
        raise UndefinedEstimateError(f"all {k} neighbors of every point are equally far away")
    # Delta method: the estimate is the inverse of a mean over points.
    spread = _standard_error_of_mean(inverse, indices, k)
    return Estimate(float(1 / mean), float(spread / mean**2), len(inverse))


def local_dimensions(distances: np.ndarray, k: int = 20) -> np.ndarray:
    """Intrinsic dimension at each point (N float64): Levina & Bickel 2004, before any averaging.

    (k−2) / Σ_{j<k} log(T_k / T_j), the variant that is unbiased for a single point. The harmonic
    mean is `mle` with normalization "k-2". Infinite where all k neighbors of a point are equally
    far away.

    Args:
        distances: N×K sorted neighbor distances, K ≥ k ≥ 3, the point itself excluded.

    Raises:
        UndefinedEstimateError: as in `mle`.
    """
    if k < 3:
        raise ValueError(f"k = {k} is too small for a local dimension; take at least 3")
    _check(distances, k)
    logs = np.log(distances[:, :k])
    sums = (logs[:, -1:] - logs[:, :-1]).sum(axis=1)
    with np.errstate(divide="ignore"):
        return (k - 2) / sums


def confidence_interval(estimate: Estimate, level: float = 0.95) -> tuple[float, float]:
    """Normal interval of an estimate, floored at 0; covers no bias (see `Estimate`).

    >>> confidence_interval(Estimate(10.0, 1.0, 100))
    (8.0400..., 11.9599...)
    """
    reach = NormalDist().inv_cdf((1 + level) / 2) * estimate.standard_error
    return max(0.0, estimate.value - reach), estimate.value + reach


def twonn(
    distances: np.ndarray, discard: str = "10%", indices: np.ndarray | None = None
) -> Estimate:
    """TwoNN intrinsic dimension (Facco et al. 2017).

    Slope through the origin of −log(1 − F(μ)) on log μ, with μ = T_2 / T_1 sorted and F = i/N.

    Args:
        distances: N×K sorted neighbor distances, K ≥ 2, the point itself excluded.
        discard: "10%" or "largest", the ratios left out at the upper end.
        indices: N×K positions of the neighbors, as for `mle`.

    Raises:
        UndefinedEstimateError: fewer than two neighbors, a zero distance, or all ratios 1.
    """
    if discard not in DISCARDS:
        raise ValueError(f"discard is one of {DISCARDS}, found {discard!r}")
    _check(distances, 2)
    logs = np.log(distances[:, 1]) - np.log(distances[:, 0])
    ratios, n = np.sort(logs), len(logs)
    kept = n - 1 if discard == "largest" else int(np.floor(0.9 * n))
    x = ratios[:kept]
    y = -np.log1p(-np.arange(1, kept + 1) / n)
    if not x.any():
        raise UndefinedEstimateError("both neighbors of every point are equally far away")
    slope = float(x @ y / (x @ x))
    # Of the logarithms' mean, whose inverse is the maximum-likelihood exponent of the ratios.
    spread = _standard_error_of_mean(logs, indices, 2)
    return Estimate(slope, float(slope * spread / logs.mean()), n)


def _standard_error_of_mean(values: np.ndarray, indices: np.ndarray | None, k: int) -> float:
    """Standard error of the mean of one value a point, made from its k nearest neighbors.

    With neighbors given, the covariances of each point with its k nearest, and with the points
    whose neighbor it is, are summed too (as Conley 1999 does in space): their distances share
    points. Where the dimension itself varies from place to place, near values are alike without
    being correlated over samples; that part is taken off again as it is seen in the next k
    neighbors, which are about as near but share few points.
    """
    deviations = values - values.mean()
    variance = deviations @ deviations
    if indices is not None:
        near = _adjacency(indices[:, :k])
        covariance = deviations @ (near @ deviations)
        next_ring = _adjacency(indices[:, : 2 * k])
        next_ring = next_ring - next_ring.multiply(near)
        next_ring.eliminate_zeros()
        if next_ring.nnz:
            alike = deviations @ (next_ring @ deviations) / next_ring.nnz
            covariance -= alike * near.nnz
        # Estimated covariances may add up to less than nothing; independence is then the guess.
        variance += max(covariance, 0.0)
    return float(np.sqrt(variance) / len(values))


def _adjacency(indices: np.ndarray):
    """Sparse N×N of 0 and 1: which points are among each other's neighbors, in either direction."""
    # Not at the top: the rules import the names of the estimators at every parse, without SciPy.
    from scipy.sparse import csr_matrix

    n, k = indices.shape
    rows = np.repeat(np.arange(n), k)
    directed = csr_matrix((np.ones(n * k), (rows, indices.ravel())), shape=(n, n))
    adjacent = ((directed + directed.T) > 0).astype(float)
    adjacent.eliminate_zeros()
    return adjacent


def _check(distances: np.ndarray, k: int) -> None:
    if distances.ndim != 2 or distances.shape[1] < k:
        raise UndefinedEstimateError(
            f"{k} neighbors a point are needed, found distances of shape {distances.shape}"
        )
    if len(distances) < k + 1:
        raise UndefinedEstimateError(
            f"k = {k} needs at least {k + 1} distinct points, found {len(distances)}"
        )
    twins = int((distances[:, 0] <= 0).sum())
    if twins:
        raise UndefinedEstimateError(f"{twins} points lie at distance zero from another")
