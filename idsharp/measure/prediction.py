"""Predicting how a network learns from dimension and sharpness, and how far that can be trusted.

The papers' law makes ln loss linear in ln K_F and, at a given N, in 1/d. The same terms predict
accuracy. Collections are the unit of evidence: each has the same weight, however many
training sizes it has, and every error is that of a collection which the fit has not seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

#: Coverage of prediction intervals.
COVERAGE = 0.9
#: Collections below which no interval of that coverage can be had from their errors.
FEWEST = 9
#: Level at which the terms are taken to predict anything, and permutations behind it.
LEVEL, PERMUTATIONS = 0.05, 999


Shown = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Prediction:
    """A response over N as a function of terms, fitted to collections.

    Attributes:
        coefficients: of an intercept, ln N, and the terms: zeros for those where the mean over
            collections predicts as well.
        shown: from the scale of the fit to the one that is shown, on which the band is.
        reach: half the width of the band that holds the whole curve of a new collection with 90 %.
        error, mean_error: root mean square error of collections left out, by the terms and by the
            mean curve of the others, on the scale of the fit.
        p: share of permutations of the terms among collections that predict as well.
        n_collections: behind it.
    """

    coefficients: np.ndarray
    shown: Shown
    reach: float
    error: float
    mean_error: float
    p: float
    n_collections: int

    @property
    def r_squared(self) -> float:
        """The share of the mean's squared error that the terms save; negative where they add."""
        return 1 - (self.error / self.mean_error) ** 2

    @property
    def beats_mean(self) -> bool:
        """Whether collections left out are predicted better, and better than by chance."""
        return self.r_squared > 0 and self.p < LEVEL

    def curve(self, sizes: Sequence[float] | np.ndarray, terms: Sequence[float]) -> np.ndarray:
        """Low end, expectation and high end at each N (3×len(sizes))."""
        level = self.coefficients[0] + self.coefficients[2:] @ np.asarray(terms, float)
        middle = self.shown(level + self.coefficients[1] * np.log(np.asarray(sizes, float)))
        return middle + self.reach * np.array([-1, 0, 1])[:, np.newaxis]

    def sizes_for(self, response: float, terms: Sequence[float]) -> np.ndarray | None:
        """N at which the high end, the expectation and the low end reach a response.

        For a response that is shown as it is fitted. None where it does not rise with N.
        """
        slope = self.coefficients[1]
        if slope <= 0:
            return None
        with np.errstate(over="ignore"):
            return np.exp((response - self.curve([1.0], terms)[::-1, 0]) / slope)


def fit(
    log_n: np.ndarray,
    terms: np.ndarray,
    response: np.ndarray,
    collections: np.ndarray,
    shown: Shown = lambda response: response,
) -> Prediction:
    """Fit a response, and measure on collections left out what it is worth.

    The half width of the band is a quantile of the collections' largest errors over N, the
    ⌈0.9 (G + 1)⌉th smallest of G, so that a new collection lies inside with 90 % or more whatever
    the distribution, as far as it is one more of the same kind (jackknife, Barber et al. 2021).
    Terms that predict no better than the same terms dealt out to the collections at random are not
    used.

    Args:
        log_n: ln N of n points.
        terms: n×p, the same at every point of a collection.
        response: n values, on the scale where they are linear in the terms.
        collections: n names.
        shown: from there to the scale on which the band is.

    Raises:
        ValueError: fewer than FEWEST collections.
    """
    names, first, which = np.unique(collections, return_index=True, return_inverse=True)
    if len(names) < FEWEST:
        raise ValueError(f"{len(names)} collections with trained networks, {FEWEST} are needed")
    alone = np.column_stack([np.ones(len(response)), log_n])
    full = np.column_stack([alone, terms])
    rng = np.random.default_rng(0)
    orders = [np.arange(len(names)), *(rng.permutation(len(names)) for _ in range(PERMUTATIONS))]
    dealt = np.stack([np.column_stack([alone, terms[first[order]][which]]) for order in orders])

    def errors(predicted: np.ndarray) -> np.ndarray:
        """Mean over collections of their mean squared error."""
        squares = (response - predicted) ** 2
        return (squares / np.bincount(which)[which]).sum(axis=-1) / len(names)

    by_terms, by_mean = _left_out(dealt, response, which), _left_out(alone, response, which)
    squared = errors(by_terms)
    p = float((squared <= squared[0]).mean())
    error, mean_error = np.sqrt([squared[0], errors(by_mean)]).tolist()
    judged = Prediction(np.zeros(full.shape[1]), shown, 0.0, error, mean_error, p, len(names))
    used, left_out = (full, by_terms[0]) if judged.beats_mean else (alone, by_mean)
    judged.coefficients[: used.shape[1]] = _coefficients(used, response, which)
    largest = np.zeros(len(names))
    np.maximum.at(largest, which, np.abs(shown(response) - shown(left_out)))
    reach = np.sort(largest)[ceil(COVERAGE * (len(names) + 1)) - 1]
    return replace(judged, reach=float(reach))


def _left_out(designs: np.ndarray, response: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Each point as the other collections predict it, for one design (n×p) or many (…×n×p)."""
    designs = _centered(designs)
    members = (which == np.arange(which.max() + 1)[:, np.newaxis]) / np.bincount(which)[which]
    grams = np.einsum("gn,...ni,...nj->...gij", members, designs, designs, optimize=True)
    sums = np.einsum("gn,...ni,n->...gi", members, designs, response, optimize=True)
    rest = grams.sum(axis=-3, keepdims=True) - grams, sums.sum(axis=-2, keepdims=True) - sums
    found = np.einsum("...gij,...gj->...gi", np.linalg.pinv(rest[0], hermitian=True), rest[1])
    return np.einsum("...ni,...ni->...n", designs, found[..., which, :])


def _coefficients(design: np.ndarray, response: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Least squares with the same weight for every collection."""
    root = 1 / np.sqrt(np.bincount(which)[which])
    return np.linalg.lstsq(design * root[:, np.newaxis], response * root, rcond=None)[0]


def _centered(designs: np.ndarray) -> np.ndarray:
    """Columns, but for the first of ones, with mean 0 and SD 1: sums of squares of like size."""
    means = designs.mean(axis=-2, keepdims=True)
    spread = designs.std(axis=-2, keepdims=True)
    scaled = (designs - means) / np.where(spread > 0, spread, 1)
    scaled[..., 0] = 1
    return scaled
