"""Intervals hold the truth as often as they say, in studies whose runs share what is special.

benchmarks/coverage.py has more of these simulations, and docs/statistics.md the results.
"""

import numpy as np
import pandas as pd
import pytest

from idsharp.report.inference import difference, fit
from idsharp.report.points import collection_means

STUDIES, SLOPE = 1000, -0.01


def means(rng, n, noise=0.05):
    """Points of a study: noise of collections, and what averaging leaves of that of runs."""
    d = rng.uniform(5, 25, n)
    y = 0.9 + SLOPE * d + rng.normal(0, noise, n) + rng.normal(0, noise / 5, n)
    return pd.DataFrame({"collection": range(n), "n_runs": 42, "x": d, "y": y})


@pytest.mark.parametrize("n", [4, 7, 11])
def test_slopes_over_collections_have_honest_intervals(n):
    rng = np.random.default_rng(n)
    held = 0
    for _ in range(STUDIES):
        [found] = fit(means(rng, n), "y", ["x"])
        held += found["low"] <= SLOPE <= found["high"]
    assert 0.925 <= held / STUDIES <= 0.975


def test_differences_between_domains_have_honest_intervals_where_one_is_noisier():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(STUDIES // 2):
        quiet, loud = means(rng, 4), means(rng, 7, noise=0.15)
        found = difference(*(fit(one, "y", ["x"])[0] for one in (quiet, loud)))
        held += found["low"] <= 0 <= found["high"]
    assert 0.925 <= held / (STUDIES // 2) <= 0.985


def test_intervals_hold_from_runs_on_with_unequal_noise_and_missing_cells():
    """Runs drawn from the laws: random collections, models and N, noise of every kind, gaps."""
    rng = np.random.default_rng(1)
    held = {"ID": 0, "(ln N)/d": 0}
    studies = 200
    for _ in range(studies):
        runs = _runs(rng)
        for term, column, slope in (("ID", "id", SLOPE), ("(ln N)/d", "rate", -1.0)):
            points = collection_means(runs, [column, f"y_{column}"]).points
            [found] = fit(points, f"y_{column}", [column])
            held[term] += found["low"] <= slope <= found["high"]
    # 200 studies: two standard errors are 3 %.
    assert all(0.91 <= count / studies <= 0.99 for count in held.values())


def _runs(rng):
    n, n_models, sizes = rng.integers(5, 12), rng.integers(2, 5), np.array([500, 1000, 1750])
    task = np.repeat(np.arange(n), rng.integers(1, 4, n))
    d = rng.uniform(5, 25, n)
    special = rng.normal(0, 1, n)
    cells = [(t, c, m, s) for t, c in enumerate(task) for m in range(n_models) for s in sizes]
    index = pd.DataFrame(cells, columns=["task", "collection", "model", "n_train"])
    d, special = d[index["collection"]], special[index["collection"]]
    of_task = rng.normal(0, 0.3, len(task))[index["task"]]
    run = rng.normal(0, 0.3, len(index)) * (1 + index["model"])
    rest = special + of_task + run
    rate = np.log(index["n_train"]) / d
    table = index.assign(domain="natural", id=d, rate=rate)
    table["y_id"] = 0.9 + SLOPE * d + 0.04 * np.log(index["n_train"]) + 0.05 * rest
    table["y_rate"] = 3 - rate + 0.3 * rest
    gone = (index["model"] == 0) & (index["n_train"] == 500) & (index["collection"] == 0)
    return table.assign(y_id=table["y_id"].mask(gone), y_rate=table["y_rate"].mask(gone))
