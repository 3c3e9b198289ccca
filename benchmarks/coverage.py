"""How often 95 % intervals hold the truth, when runs of one collection share what is special to it.

A simulated study has G collections of images, each with an intrinsic dimension, 6 models and 7
training sizes. What its dimension does not explain is shared by all runs of a collection, in part
by those of one model, and the rest is noise of single runs. `python benchmarks/coverage.py` prints
the table of docs/statistics.md (ten minutes on one core).
"""

import argparse
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import pandas as pd
from scipy import stats

from idsharp.report.inference import difference, fit

MODELS, SIZES = 6, np.array([500, 750, 1000, 1250, 1500, 1750, 2000])
COLLECTIONS = (4, 7, 11, 20)

#: Response, term, slope, and standard deviations of collections, of models inside a collection, and
#: of runs: accuracies as in MICCAI 2022, losses as in ICLR 2024.
LAWS = {
    "accuracy ~ ID": (lambda d: np.broadcast_to(d, shape(d)), -0.01, (0.05, 0.015, 0.015)),
    "ln L ~ (ln N)/d": (lambda d: np.log(SIZES) / d, -1.0, (0.30, 0.10, 0.10)),
}


def shape(d: np.ndarray) -> tuple[int, ...]:
    return len(d), MODELS, len(SIZES)


def study(rng: np.random.Generator, n: int, law: str, loud: str = "none") -> tuple:
    """Term and response of every run of a study: collections × models × sizes.

    Args:
        loud: which collections have three times the noise: none, all, or one half of them, with
            dimensions of the wider or of the narrower range.
    """
    make_term, slope, (between, inside, rest) = LAWS[law]
    d = rng.uniform(5, 25, (n, 1, 1))
    first = np.arange(n) < n // 2
    if loud in ("wide", "narrow"):
        # One domain from 5 to 25, the other from 12 to 18.
        d[first] = 15 + 0.3 * (d[first] - 15)
    is_loud = {"none": ~first & first, "all": first | ~first, "wide": ~first, "narrow": first}[loud]
    x = np.broadcast_to(make_term(d), shape(d))
    scale = np.where(is_loud, 3.0, 1.0)[:, None, None]
    noise = between * rng.normal(size=(n, 1, 1)) + inside * rng.normal(size=(n, MODELS, 1))
    noise = noise + rest * rng.normal(size=shape(d))
    sizes, models = 0.04 * np.log(SIZES), 0.02 * rng.normal(size=(1, MODELS, 1))
    return x, slope * x + sizes + models + scale * noise


def of_runs(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """OLS on runs, as if they were independent."""
    design = np.column_stack([np.ones(x.size), x.ravel()])
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ y.ravel()
    squares = ((y.ravel() - design @ coefficients) ** 2).sum() / (x.size - 2)
    half = stats.t.ppf(0.975, x.size - 2) * np.sqrt(squares * inverse[1, 1])
    return coefficients[1] - half, coefficients[1] + half


def cluster_robust(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """OLS on runs with errors clustered by collection (CR1), t with G − 1."""
    g = len(x)
    design = np.stack([np.ones(x.shape), x], axis=-1).reshape(g, -1, 2)
    response = y.reshape(g, -1)
    inverse = np.linalg.inv(np.einsum("gij,gik->jk", design, design))
    coefficients = inverse @ np.einsum("gij,gi->j", design, response)
    scores = np.einsum("gij,gi->gj", design, response - design @ coefficients)
    correction = g / (g - 1) * (x.size - 1) / (x.size - 2)
    covariance = correction * inverse @ (scores.T @ scores) @ inverse
    half = stats.t.ppf(0.975, g - 1) * np.sqrt(covariance[1, 1])
    return coefficients[1] - half, coefficients[1] + half


def of_means(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """What the tables do: OLS on means of collections, t with G − 2."""
    [found] = fit(_points(x, y), "y", ["x"])
    return found["low"], found["high"]


def _points(x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    names = {"collection": [f"c{i}" for i in range(len(x))], "n_runs": x[0].size}
    return pd.DataFrame({"x": x.mean(axis=(1, 2)), "y": y.mean(axis=(1, 2))} | names)


#: What the tables do.
OURS = "means of collections, t with G − 2"
METHODS: dict[str, Callable] = {
    "OLS on runs": of_runs,
    "cluster-robust (CR1), t with G − 1": cluster_robust,
    OURS: of_means,
}


def coverage(law: str, method: str, n: int, studies: int, loud: str = "none") -> float:
    """Share of studies whose interval holds the true slope."""
    rng, slope = np.random.default_rng(n), LAWS[law][1]
    held = 0
    for _ in range(studies):
        low, high = METHODS[method](*study(rng, n, law, loud))
        held += low <= slope <= high
    return held / studies


def difference_coverage(n: int, studies: int) -> float:
    """Welch's difference of two slopes, one domain three times as noisy as the other."""
    rng, held, law = np.random.default_rng(n), 0, "accuracy ~ ID"
    for _ in range(studies):
        quiet, loud = study(rng, n, law), study(rng, n, law, loud="all")
        records = [fit(_points(*one), "y", ["x"])[0] for one in (quiet, loud)]
        found = difference(*records)
        held += found["low"] <= 0 <= found["high"]
    return held / studies


def rows(studies: int) -> Iterator[tuple[str, list[float]]]:
    """What is simulated, in words, and the share of studies that hold the truth for each G."""
    for law, method in product(LAWS, METHODS):
        yield f"{law}: {method}", [coverage(law, method, n, studies) for n in COLLECTIONS]
    what = "Welch's difference of slopes, G collections in each of two domains, one three times as "
    yield f"{what}noisy", [difference_coverage(n, studies) for n in COLLECTIONS]
    for loud, words in (("wide", "wider"), ("narrow", "narrower")):
        what = f"one line over two domains, the one of {words} range three times as noisy"
        yield what, [coverage("accuracy ~ ID", OURS, n, studies, loud) for n in COLLECTIONS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000, help="simulated studies (2000)")
    studies = parser.parse_args().studies
    print("| 95 % intervals that contain the true value |", *(f"G = {n} |" for n in COLLECTIONS))
    print("|---|" + "---:|" * len(COLLECTIONS))
    for what, shares in rows(studies):
        bold = "**" if what.endswith(OURS) else ""
        cells = (f"{bold}{100 * share:.0f} %{bold} |" for share in shares)
        print(f"| {bold}{what}{bold} |", *cells, flush=True)


if __name__ == "__main__":
    main()
