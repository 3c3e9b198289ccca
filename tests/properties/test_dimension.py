"""Estimators of intrinsic dimension: closed forms, manifolds of known dimension, and peers."""

import subprocess
import warnings

import numpy as np
import pytest

from idsharp.properties.dimension import UndefinedEstimateError, mle, twonn
from idsharp.properties.neighbors.search import nearest_neighbors


def ball(n, d, rng):
    directions = rng.normal(size=(n, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * rng.random((n, 1)) ** (1 / d)


def sphere(n, d, rng):
    points = rng.normal(size=(n, d + 1))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def swiss_roll(n, rng):
    angle = 1.5 * np.pi * (1 + 2 * rng.random(n))
    return np.stack([angle * np.cos(angle), 21 * rng.random(n), angle * np.sin(angle)], axis=1)


def embedded_cube(n, d, width, rng):
    return rng.random((n, d)) @ np.linalg.qr(rng.normal(size=(width, d)))[0].T


# Dimension, points, and how far below the truth the estimates may fall: their bias grows with the
# dimension. TwoNN sees nearer neighbors and is less biased, but noisier.
MANIFOLDS = {
    "2-ball": (2, lambda r: ball(3000, 2, r), 0.05),
    "5-ball": (5, lambda r: ball(3000, 5, r), 0.10),
    "10-ball": (10, lambda r: ball(3000, 10, r), 0.20),
    "3-sphere": (3, lambda r: sphere(3000, 3, r), 0.05),
    "8-sphere": (8, lambda r: sphere(3000, 8, r), 0.15),
    "swiss roll": (2, lambda r: swiss_roll(3000, r), 0.06),
    "4-cube in 100": (4, lambda r: embedded_cube(3000, 4, 100, r), 0.10),
}


@pytest.mark.parametrize("name", MANIFOLDS)
def test_manifolds_of_known_dimension(name):
    d, make, below = MANIFOLDS[name]
    distances = nearest_neighbors(make(np.random.default_rng(1)), 20).distances
    estimate = mle(distances, 20).value
    assert (1 - below) * d < estimate < 1.03 * d
    for discard in ("10%", "largest"):
        assert (1 - below) * d < twonn(distances, discard).value < 1.10 * d


def test_mle_of_a_hand_computed_case():
    # One point's neighbors at 1, 2, 4: mean of log(4/1), log(4/2) is 1.5 log 2.
    distances = np.tile([1.0, 2.0, 4.0], (5, 1))
    assert mle(distances, 3, "k-1").value == pytest.approx(1 / (1.5 * np.log(2)))
    assert mle(distances, 3, "k-2").value == pytest.approx(1 / (3 * np.log(2)))


def test_mle_normalizations_differ_by_their_divisors():
    distances = nearest_neighbors(ball(500, 4, np.random.default_rng(0)), 20).distances
    ratio = mle(distances, 20, "k-2").value / mle(distances, 20, "k-1").value
    assert ratio == pytest.approx(18 / 19)


@pytest.mark.parametrize("discard", ["10%", "largest"])
def test_twonn_recovers_the_exponent_of_pareto_quantiles(discard):
    # μ at the quantiles i/N of 1 − μ^−d lie exactly on the line of slope d.
    n, d = 400, 7.0
    quantiles = np.arange(1, n + 1) / n
    quantiles[-1] = 1 - 1e-9
    ratios = (1 - quantiles) ** (-1 / d)
    distances = np.stack([np.ones(n), ratios], axis=1)
    assert twonn(distances, discard).value == pytest.approx(d, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("d", "n"), [(2, 400), (6, 600)])
def test_intervals_cover_what_the_estimators_would_give_on_average(d, n):
    """95 % intervals contain the mean over samples in about 95 % of samples."""
    rng = np.random.default_rng(d)
    estimates = {"mle": [], "mle independent": [], "twonn": []}
    for _ in range(200):
        found = nearest_neighbors(sphere(n, d, rng), 40)
        estimates["mle"].append(mle(found.distances, 20, "k-1", found.indices))
        estimates["mle independent"].append(mle(found.distances, 20))
        estimates["twonn"].append(twonn(found.distances, "10%", found.indices))
    covered = {}
    for name, each in estimates.items():
        values = np.array([e.value for e in each])
        errors = np.array([e.standard_error for e in each])
        covered[name] = (np.abs(values - values.mean()) < 1.96 * errors).mean()
    assert 0.91 < covered["mle"] <= 0.995
    # Slightly narrow: the fitted slope is noisier than the likelihood that its error comes from.
    assert 0.85 < covered["twonn"] < 0.99
    # Why neighbors must be taken into account.
    assert covered["mle independent"] < covered["mle"] - 0.02


@pytest.mark.slow
def test_standard_errors_where_the_dimension_varies():
    """A mixture of a 3-sphere and a 10-sphere: neighbors are alike, yet samples independent."""
    rng = np.random.default_rng(0)
    estimates = []
    for _ in range(80):
        m = rng.binomial(600, 0.5)
        low = np.pad(sphere(m, 3, rng), ((0, 0), (0, 7)))
        found = nearest_neighbors(np.concatenate([low, sphere(600 - m, 10, rng) + 5]), 40)
        estimates.append(mle(found.distances, 20, "k-1", found.indices))
    spread = np.std([estimate.value for estimate in estimates], ddof=1)
    claimed = np.mean([estimate.standard_error for estimate in estimates])
    assert 0.8 < claimed / spread < 1.5


@pytest.mark.parametrize("d", [2, 6, 12])
def test_agrees_with_scikit_dimension(d):
    skdim = pytest.importorskip("skdim")
    points = ball(1200, d, np.random.default_rng(d))
    distances = nearest_neighbors(points, 20).distances
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peers = [skdim.id.MLE(K=20, unbiased=u).fit(points).dimension_ for u in (False, True)]
        two = skdim.id.TwoNN(discard_fraction=0.1).fit(points).dimension_
    ours = [mle(distances, 20, normalization).value for normalization in ("k-1", "k-2")]
    assert ours == pytest.approx(peers, rel=1e-9)
    # Its distribution function is i/N from i = 0, ours from 1: a difference of order 1/N.
    assert twonn(distances, "10%").value == pytest.approx(two, rel=0.01)


def test_agrees_with_dadapy(root, tmp_path):
    # DADApy needs an old NumPy, and so has an environment of its own.
    python = root / ".venv" / "peers" / "bin" / "python"
    if not python.exists():
        pytest.skip("DADApy's environment is absent: run `make setup`")
    dimensions = (2, 6, 12)
    for d in dimensions:
        np.save(tmp_path / f"{d}.npy", ball(1200, d, np.random.default_rng(d)))
    code = (
        "import sys, numpy, dadapy\n"
        "for path in sys.argv[1:]:\n"
        "    data = dadapy.Data(numpy.load(path))\n"
        "    print('found', data.compute_id_2NN(algorithm='base', mu_fraction=0.9)[0])"
    )
    files = [str(tmp_path / f"{d}.npy") for d in dimensions]
    done = subprocess.run([python, "-c", code, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    peers = [float(line.split()[1]) for line in done.stdout.splitlines() if "found" in line]
    points = [np.load(file) for file in files]
    ours = [twonn(nearest_neighbors(p, 2).distances, "10%").value for p in points]
    assert ours == pytest.approx(peers, rel=0.01)


def test_undefined_cases_say_why():
    distances = nearest_neighbors(np.random.default_rng(0).random((50, 2)), 20).distances
    with pytest.raises(UndefinedEstimateError, match="20 neighbors a point are needed"):
        mle(distances[:, :5], 20)
    with pytest.raises(UndefinedEstimateError, match="at least 21 distinct points, found 10"):
        mle(distances[:10], 20)
    with pytest.raises(UndefinedEstimateError, match="3 points lie at distance zero"):
        zero = distances.copy()
        zero[:3, 0] = 0
        twonn(zero)
    with pytest.raises(UndefinedEstimateError, match="equally far"):
        mle(np.ones((30, 20)), 20)
    with pytest.raises(UndefinedEstimateError, match="equally far"):
        twonn(np.ones((30, 20)))
    with pytest.raises(ValueError, match="normalization"):
        mle(distances, 20, "k")
    with pytest.raises(ValueError, match="discard"):
        twonn(distances, "5%")
