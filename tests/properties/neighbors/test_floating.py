"""The exact search among floating-point points, against brute force in float64."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from idsharp.properties.neighbors.floating import FloatSearch
from idsharp.properties.neighbors.search import nearest_neighbors
from tests.properties.neighbors.brute_force import brute_force


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(2, 60),
    width=st.integers(1, 20),
    block=st.integers(1, 70),
    seed=st.integers(0, 2**32 - 1),
    data=st.data(),
)
def test_floats_equal_brute_force(n, width, block, seed, data):
    k = data.draw(st.integers(1, n - 1))
    points = np.random.default_rng(seed).normal(size=(n, width))
    found = nearest_neighbors(points, k, block=block)
    distances, _, _ = brute_force(points, k)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-12)


def test_floats_with_a_large_offset_lose_no_digits():
    rng = np.random.default_rng(0)
    points = 1e6 + 1e-4 * rng.normal(size=(200, 50))
    distances, indices, _ = brute_force(points, 5)
    found = nearest_neighbors(points, 5)
    assert (found.indices == indices).all()
    np.testing.assert_allclose(found.distances, distances, rtol=1e-12)
    # The formula without care fails here, so this test can.
    squares = (points**2).sum(1)
    naive = squares[:, None] + squares[None, :] - 2 * points @ points.T
    np.fill_diagonal(naive, np.inf)
    assert not np.allclose(np.sqrt(np.maximum(naive, 0).min(1)), distances[:, 0], rtol=1e-2)


def test_float_near_duplicates():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50, 20))
    points = np.concatenate([points, points + 1e-9 * rng.normal(size=points.shape)])
    found = nearest_neighbors(points, 1)
    expected = np.linalg.norm(points[:50] - points[50:], axis=1)
    np.testing.assert_allclose(found.distances[:50, 0], expected, rtol=1e-10)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(2, 60),
    width=st.integers(1, 6),
    block=st.integers(1, 70),
    levels=st.sampled_from([1, 2, 50]),
    offset=st.sampled_from([0.0, 1e6]),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
    classes=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
    data=st.data(),
)
def test_float_ties_and_labels(n, width, block, levels, offset, dtype, classes, seed, data):
    # Whole numbers: distances are exact, and many are equal, more than the spare candidates.
    k = data.draw(st.integers(0, n - 1))
    rng = np.random.default_rng(seed)
    offset = offset if dtype == np.float64 else 0.0
    points = (offset + rng.integers(0, levels, (n, width))).astype(dtype)
    labels = rng.integers(0, classes, n)
    found = nearest_neighbors(points, k, labels, block=block)
    distances, indices, (other_distances, other_indices) = brute_force(points, k, labels)
    assert (found.distances == distances).all()
    assert (found.indices == indices).all()
    assert (found.other_distances == other_distances).all()
    has_other = np.isfinite(other_distances)
    assert (found.other_indices[has_other] == other_indices[has_other]).all()
    assert (found.other_indices[~has_other] == -1).all()


@settings(max_examples=12, deadline=None)
@given(
    width=st.integers(2, 30),
    closeness=st.floats(1e-14, 1e-3),
    block=st.integers(5, 90),
    seed=st.integers(0, 2**32 - 1),
)
def test_tight_clusters_far_apart(width, closeness, block, seed):
    # Inside a cluster the products know nothing but rounding errors of any order.
    rng = np.random.default_rng(seed)
    centres = 1e3 * rng.normal(size=(3, width))
    points = centres[rng.integers(0, 3, 80)] + closeness * rng.normal(size=(80, width))
    labels = rng.integers(0, 2, 80)
    found = nearest_neighbors(points, 3, labels, block=block)
    distances, _, (other_distances, _) = brute_force(points, 3, labels)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-12)
    np.testing.assert_allclose(found.other_distances, other_distances, rtol=1e-12)
    measured = np.linalg.norm(points[found.indices] - points[:, None], axis=2)
    np.testing.assert_allclose(found.distances, measured, rtol=1e-12)


def test_the_bound_on_products_holds():
    rng = np.random.default_rng(0)
    points = (1e3 + rng.normal(size=(60, 500)) * np.geomspace(1e-6, 1e3, 60)[:, None]).astype("f8")
    search = FloatSearch(points, 1, None, 60, torch.device("cpu"))
    block = search.load(0, 60)
    squares, centered = block.squares, block.centered
    by_product = (squares[:, None] + squares - 2 * centered @ centered.T).numpy()
    wide = points.astype(np.longdouble)
    true = ((wide[:, None] - wide[None]) ** 2).sum(axis=2).astype(np.float64)
    zero = torch.zeros(60, dtype=torch.float64)
    allowed = search._limits(zero).numpy()[:, None]
    assert (np.abs(by_product - true) <= allowed).all()
    assert np.abs(by_product - true).max() > 0
