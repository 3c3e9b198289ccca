"""Dimension of any points: the search, the estimate, and the same in scikit-learn's manner."""

from dataclasses import dataclass

import numpy as np

from idsharp.common.duplicates import find_duplicates
from idsharp.properties.dimension import Estimate, UndefinedEstimateError, local_dimensions
from idsharp.properties.estimators import ESTIMATORS, Estimator, of_family
from idsharp.properties.inputs import is_collection, points_of
from idsharp.properties.neighbors.search import nearest_neighbors

try:
    from sklearn.base import BaseEstimator
except ImportError:
    # Without scikit-learn it works all the same, outside its pipelines and searches.
    BaseEstimator = object


@dataclass(frozen=True)
class Fit:
    """An estimate and what it is made from.

    Attributes:
        estimate: of the dimension.
        distances: of the different points to their nearest neighbors.
        group: for each point, which of the different points it equals.
    """

    estimate: Estimate
    distances: np.ndarray
    group: np.ndarray


def fit(points: np.ndarray, chosen: Estimator, k: int) -> Fit:
    """The dimension of n×… points by one estimator; exact duplicates are collapsed.

    Raises:
        UndefinedEstimateError: fewer than k + 1 different points, or all equally far.
        ValueError: values that are not finite.
    """
    duplicates = find_duplicates(points)
    distinct = points[duplicates.first]
    used = chosen.neighbors(k)
    if len(distinct) < used + 1:
        raise UndefinedEstimateError(
            f"{used} neighbors need at least {used + 1} different points; of {len(points)} points "
            f"{len(distinct)} differ"
        )
    found = nearest_neighbors(distinct, min(2 * used, len(distinct) - 1))
    estimate = chosen.estimate(found.distances, k, found.indices)
    return Fit(estimate, found.distances, duplicates.group)


def estimator_for(family: str, **options: str) -> Estimator:
    """The estimator of a family with these options; those of other families are ignored.

    Raises:
        ValueError: there is none; the message lists what there is.
    """
    variants = of_family(family)
    if not variants:
        families = dict.fromkeys(each.family for each in ESTIMATORS.values())
        raise ValueError(f"estimator is one of {', '.join(families)}, found {family!r}")
    for estimator in variants.values():
        if estimator.options.items() <= options.items():
            return estimator
    name = next(iter(next(iter(variants.values())).options))
    allowed = ", ".join(estimator.options[name] for estimator in variants.values())
    raise ValueError(f"{name} is one of {allowed}, found {options.get(name)!r}")


class IntrinsicDimension(BaseEstimator):
    """Intrinsic dimension of points; exact duplicates are collapsed.

    >>> import numpy as np
    >>> from idsharp import IntrinsicDimension
    >>> rng = np.random.default_rng(0)
    >>> plane = rng.uniform(size=(1000, 2)) @ rng.normal(size=(2, 50))
    >>> fitted = IntrinsicDimension(k=20).fit(plane)
    >>> round(fitted.dimension_), fitted.dimension_pw_.shape
    (2, (1000,))

    Args:
        k: neighbors of the MLE.
        estimator: "mle" or "twonn".
        normalization: of the MLE, "k-1" or "k-2" (`idsharp.properties.dimension.mle`).
        discard: of TwoNN, "10%" or "largest" (`idsharp.properties.dimension.twonn`).

    Attributes:
        dimension_: the estimate.
        standard_error_: its standard error, which covers no bias.
        dimension_pw_: the dimension at each of the n points (`local_dimensions`, of k neighbors);
            infinite where all k neighbors of a point are equally far away. None for TwoNN.
        n_points_: number of different points.
        n_features_in_: values of a point.
    """

    def __init__(
        self,
        k: int = 20,
        *,
        estimator: str = "mle",
        normalization: str = "k-1",
        discard: str = "10%",
    ):
        self.k = k
        self.estimator = estimator
        self.normalization = normalization
        self.discard = discard

    def fit(self, X, y=None) -> "IntrinsicDimension":
        """Estimate the dimension of n×… points; y is ignored.

        Raises:
            UndefinedEstimateError: fewer than k + 1 different points, or all equally far.
            ValueError: values that are not finite, or an unknown option.
        """
        chosen = estimator_for(
            self.estimator, normalization=self.normalization, discard=self.discard
        )
        points = points_of(_validated(self, X))
        fitted = fit(points, chosen, self.k)
        self.dimension_ = fitted.estimate.value
        self.standard_error_ = fitted.estimate.standard_error
        self.n_points_ = fitted.estimate.n
        self.n_features_in_ = int(np.prod(points.shape[1:]))
        self.dimension_pw_ = None
        if chosen.family == "mle":
            self.dimension_pw_ = local_dimensions(fitted.distances, self.k)[fitted.group]
        return self


def _validated(self: IntrinsicDimension, points):
    """Points as scikit-learn checks them, where it is installed; datasets as they are."""
    if BaseEstimator is object or is_collection(points):
        return points
    from sklearn.utils.validation import validate_data

    # Two-dimensional where they are lists, and at least that otherwise: images have more axes.
    return validate_data(self, points, allow_nd=True, dtype="numeric", ensure_min_samples=2)
