"""Estimators of intrinsic dimension: the one place that names them.

A new estimator is a function in `idsharp.properties.dimension` and an entry here. The rules read
the names whenever the Snakefile is parsed, so importing this module must not import torch.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from idsharp.properties.dimension import Estimate, mle, twonn


@dataclass(frozen=True)
class Estimator:
    """One estimator, and what tables, legends and documentation call it.

    Attributes:
        estimate: takes N×K sorted neighbor distances, k, and the N×K positions of the neighbors
            (or None), and returns the estimate.
        family, options: how `idsharp.intrinsic_dimension` names it.
        heading: for columns of tables and axes; LaTeX tables escape it.
        short: for legends and single lines.
        meaning: a phrase for the description of columns.
        neighbors: how many neighbors of each point it uses, given k.
    """

    estimate: Callable[[np.ndarray, int, np.ndarray | None], Estimate]
    family: str
    options: dict[str, str]
    heading: str
    short: str
    meaning: str
    neighbors: Callable[[int], int]


#: Every estimator, by its name in config.yaml, records and tables.
ESTIMATORS = {
    "id_mle_k1": Estimator(
        estimate=lambda distances, k, indices: mle(distances, k, "k-1", indices),
        family="mle",
        options={"normalization": "k-1"},
        heading="MLE, k−1",
        short="MLE (k−1)",
        meaning="maximum likelihood, inner sum divided by k − 1",
        neighbors=lambda k: k,
    ),
    "id_mle_k2": Estimator(
        estimate=lambda distances, k, indices: mle(distances, k, "k-2", indices),
        family="mle",
        options={"normalization": "k-2"},
        heading="MLE, k−2",
        short="MLE (k−2)",
        meaning="maximum likelihood, inner sum divided by k − 2 (the released code)",
        neighbors=lambda k: k,
    ),
    "id_twonn_10pct": Estimator(
        estimate=lambda distances, k, indices: twonn(distances, "10%", indices),
        family="twonn",
        options={"discard": "10%"},
        heading="TwoNN, −10 %",
        short="TwoNN (−10 %)",
        meaning="TwoNN, the largest 10 % of ratios left out",
        neighbors=lambda k: 2,
    ),
    "id_twonn_largest": Estimator(
        estimate=lambda distances, k, indices: twonn(distances, "largest", indices),
        family="twonn",
        options={"discard": "largest"},
        heading="TwoNN, −1",
        short="TwoNN (−1)",
        meaning="TwoNN, the largest ratio left out (the released code)",
        neighbors=lambda k: 2,
    ),
}

#: The first estimator of each family: what a table shows that has no room for all of them.
ONE_OF_EACH_FAMILY = tuple(
    name
    for name, each in ESTIMATORS.items()
    if name == next(other for other, one in ESTIMATORS.items() if one.family == each.family)
)

#: The variant that the papers' printed dimensions were computed with.
PUBLISHED = "id_mle_k2"


def of_family(family: str) -> dict[str, Estimator]:
    """The variants of one estimator, by name."""
    return {name: each for name, each in ESTIMATORS.items() if each.family == family}


def of_another_family(name: str) -> str:
    """The estimator to show beside this one: the first that rests on another principle."""
    family = ESTIMATORS[name].family
    return next(other for other in ONE_OF_EACH_FAMILY if ESTIMATORS[other].family != family)


def neighbors_needed(k: int, n: int) -> int:
    """Neighbors to search for among n points, so that every estimator has its standard error.

    Twice those that an estimator uses: the next ring tells how its values vary from place to place
    (`idsharp.properties.dimension`).
    """
    return min(2 * max(each.neighbors(k) for each in ESTIMATORS.values()), n - 1)
