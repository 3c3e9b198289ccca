"""Intervals hold the truth as often as they say, in studies whose runs share what is special.

benchmarks/coverage.py has more of these simulations, and docs/statistics.md the results.
"""

import re
import runpy
import sys

import numpy as np
import pandas as pd
import pytest

from idsharp.report.inference import difference, fit
from idsharp.report.points import collection_means

STUDIES, SLOPE = 1000, -0.01


def test_the_page_on_statistics_has_the_rows_that_the_benchmark_prints(root, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["coverage.py", "--studies", "1"])
    runpy.run_path(str(root / "benchmarks" / "coverage.py"))["main"]()
    printed = capsys.readouterr().out.splitlines()
    page = (root / "docs" / "statistics.md").read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(page) if line.startswith("| 95 % intervals that"))
    shown = page[start : start + len(printed)]
    # The numbers of one study are other ones; their columns and rows are the same.
    numbers = re.compile(r"\d+ %(?!.*[a-z])")
    assert [numbers.sub("", line) for line in shown] == [numbers.sub("", line) for line in printed]


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
    rng, studies = np.random.default_rng(1), 200
    held = dict.fromkeys(("ID", "(ln N)/d", "ln K_F", "penalty", "ratio"), 0)
    for _ in range(studies):
        columns = ["id", "rate", "log_k", "accuracy", "log_loss", "log_penalty", "ratio"]
        points = collection_means(_runs(rng), columns).points
        size, sharpness = fit(points, "log_loss", ["rate", "log_k"])
        for name, truth, found in (
            ("ID", SLOPE, fit(points, "accuracy", ["id"])[0]),
            ("(ln N)/d", -1.0, size),
            ("ln K_F", 1.0, sharpness),
            ("penalty", 1.0, fit(points, "log_penalty", ["log_k"])[0]),
            ("ratio", 0.6, fit(points, "ratio")[0]),
        ):
            held[name] += found["low"] <= truth <= found["high"]
    # 200 studies: two standard errors are 3 %.
    assert all(0.91 <= count / studies <= 0.99 for count in held.values()), held


def _runs(rng):
    n, n_models, sizes = rng.integers(5, 12), rng.integers(2, 5), np.array([500, 1000, 1750])
    task = np.repeat(np.arange(n), rng.integers(1, 4, n))
    cells = [(t, c, m, s) for t, c in enumerate(task) for m in range(n_models) for s in sizes]
    index = pd.DataFrame(cells, columns=["task", "collection", "model", "n_train"])
    of = index["collection"].to_numpy()
    d, log_k = rng.uniform(5, 25, n)[of], rng.normal(0, 0.5, n)[of]

    def rest():
        """What is special to a collection, to a task, and to a run, most in the last networks."""
        runs = rng.normal(0, 0.3, len(index)) * (1 + index["model"])
        return rng.normal(0, 1, n)[of] + rng.normal(0, 0.3, len(task))[index["task"]] + runs

    log_n = np.log(index["n_train"])
    table = index.assign(domain="natural", id=d, rate=log_n / d, log_k=log_k)
    table["accuracy"] = 0.9 + SLOPE * d + 0.04 * log_n + 0.05 * rest()
    table["log_loss"] = 3 - log_n / d + log_k + 0.3 * rest()
    table["log_penalty"] = log_k + 0.3 * rest()
    table["ratio"] = 0.6 + 0.1 * rest()
    gone = (index["model"] == 0) & (index["n_train"] == 500) & (index["collection"] == 0)
    return table.assign(accuracy=table["accuracy"].mask(gone))
