"""How far estimates of intrinsic dimension can be trusted: bias, and coverage of the intervals.

Writes docs/figures/dimension_bias.png (balls of known dimension, n = 500 … 7500: both fall
short of high dimensions when points are few) and docs/dimension_accuracy.md (share of samples whose
95 % interval contains the mean of the estimator over samples). About five minutes on two cores.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from idsharp.properties.dimension import Estimate, confidence_interval, mle, twonn
from idsharp.properties.neighbors.search import Neighbors, nearest_neighbors

DOCS = Path(__file__).parent.parent / "docs"
DIMENSIONS = (5, 10, 20, 30, 40, 60)
SIZES = (500, 1000, 2000, 4000, 7500)
# Okabe & Ito, dark to light with n.
COLORS = ("#000000", "#0072B2", "#009E73", "#E69F00", "#D55E00")
MARKERS = ("o", "s", "^", "D", "v")


def ball(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """n points spread evenly in the unit ball of d dimensions."""
    directions = rng.normal(size=(n, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * rng.random((n, 1)) ** (1 / d)


def sphere(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """n points spread evenly on the unit sphere of d dimensions (in d + 1)."""
    points = rng.normal(size=(n, d + 1))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def bias_figure() -> Figure:
    """Estimate against true dimension, a line for each number of points."""
    estimators = {"MLE, k = 20 (k−1)": lambda f: mle(f.distances, 20, "k-1", f.indices)}
    estimators["TwoNN (largest 10 % left out)"] = lambda f: twonn(f.distances, "10%", f.indices)
    figure = Figure(figsize=(7.2, 3.6), dpi=200, layout="constrained")
    panels = dict(zip(estimators, figure.subplots(1, 2, sharex=True, sharey=True), strict=True))
    for n, color, marker in zip(SIZES, COLORS, MARKERS, strict=True):
        found = {d: nearest_neighbors(ball(n, d, np.random.default_rng(d)), 40) for d in DIMENSIONS}
        for name, axis in panels.items():
            values = [estimators[name](found[d]) for d in DIMENSIONS]
            axis.errorbar(
                DIMENSIONS,
                [value.value for value in values],
                yerr=[1.96 * value.standard_error for value in values],
                color=color, marker=marker, ms=4, lw=1, capsize=2, label=f"n = {n}",
            )  # fmt: skip
            print(f"n {n}, {name}: {[round(value.value, 1) for value in values]}", flush=True)
    for name, axis in panels.items():
        axis.plot([0, 60], [0, 60], "--", color="#777777", lw=1, label="true", zorder=0)
        axis.set_title(name, fontsize=9, loc="left")
        axis.set_xlabel("dimension of the ball")
        axis.spines[["top", "right"]].set_visible(False)
    panels["MLE, k = 20 (k−1)"].set_ylabel("estimate, with 95 % interval")
    panels["MLE, k = 20 (k−1)"].legend(frameon=False, fontsize=8)
    return figure


def block_jackknife(neighbors: Neighbors, rng: np.random.Generator, blocks: int = 20) -> float:
    """Standard error of the MLE with k = 20 from leaving out random blocks of points in turn.

    The neighbors of the points that stay are taken from the lists given, which must be long enough,
    without another search.
    """
    n = len(neighbors.indices)
    block = rng.permutation(n) % blocks
    values = np.empty(blocks)
    for left_out in range(blocks):
        stays = block != left_out
        present = stays[neighbors.indices[stays]]
        # Stably, so that what is present stays in the order of its distances.
        order = np.argsort(~present, axis=1, kind="stable")[:, :20]
        kept = np.take_along_axis(neighbors.distances[stays], order, axis=1)
        values[left_out] = mle(kept, 20).value
    deviations = values - values.mean()
    return float(np.sqrt((blocks - 1) / blocks * (deviations @ deviations)))


def coverage_table(samples: int) -> str:
    """Markdown: coverage of the 95 % intervals, and how far the mean is from the truth."""
    lines = [
        "| sphere of dimension | n | estimator | mean | SD over samples | mean SE | coverage |"
    ]
    lines.append("|---:|---:|---|---:|---:|---:|---:|")
    for d, n in ((2, 500), (3, 1000), (6, 1000), (12, 1000)):
        rng = np.random.default_rng(d)
        estimates: dict[str, list] = {}
        for _ in range(samples):
            found = nearest_neighbors(sphere(n, d, rng), 45)
            pair = found.distances, found.indices
            jackknife = block_jackknife(found, rng)
            for name, estimate in (
                ("MLE, k = 20", mle(pair[0], 20, "k-1", pair[1])),
                ("MLE, points taken as independent", mle(pair[0], 20)),
                ("MLE, block jackknife", Estimate(mle(pair[0], 20).value, jackknife, n)),
                ("TwoNN, −10 %", twonn(pair[0], "10%", pair[1])),
                ("TwoNN, −1", twonn(pair[0], "largest", pair[1])),
            ):
                estimates.setdefault(name, []).append(estimate)
        for name, each in estimates.items():
            values = np.array([estimate.value for estimate in each])
            intervals = np.array([confidence_interval(estimate) for estimate in each])
            covered = (intervals[:, 0] <= values.mean()) & (values.mean() <= intervals[:, 1])
            error = np.mean([estimate.standard_error for estimate in each])
            lines.append(
                f"| {d} | {n} | {name} | {values.mean():.3f} | {values.std(ddof=1):.3f} | "
                f"{error:.3f} | {covered.mean():.1%} |"
            )
            print(lines[-1], flush=True)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=300, help="samples behind each coverage")
    args = parser.parse_args()
    table = coverage_table(args.samples)
    bias_figure().savefig(DOCS / "figures" / "dimension_bias.png")
    (DOCS / "dimension_accuracy.md").write_text(TEXT.format(samples=args.samples, table=table))


TEXT = """\
# How far an intrinsic dimension can be trusted

Written by `python benchmarks/dimension_accuracy.py --samples {samples}`.

## Standard errors

Neighboring points share neighbors, so their contributions to an estimate are correlated.
The standard errors here sum the covariances of every point with its neighbors (Conley, *GMM
estimation with cross sectional dependence*, J. Econometrics 1999), minus what neighbors have in
common only because the dimension varies from place to place. Treating points as independent, as
d/√(N(k − 1)) does, gives intervals that are too narrow; a jackknife that leaves out random
blocks gives intervals that are too wide, since these estimates are not smooth in the points. Share
of {samples} samples whose 95 % interval contains the mean of the estimator:

{table}

Intervals of the MLE are slightly wider than 95 % requires, those of TwoNN slightly narrower.

## What intervals do not cover: bias

Both estimators underestimate high dimensions if points are few, especially the MLE with k = 20,
which uses more distant neighbors. Values at different n are not comparable.

![Estimates on balls of known dimension](figures/dimension_bias.png)
"""

if __name__ == "__main__":
    main()
