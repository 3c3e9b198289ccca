"""The neighbour engine against a brute force in integers or float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idsharp import neighbors
from idsharp.neighbors import nearest_neighbors, nearest_pair_distance


def brute_force(points, k, labels=None):
    """All squared distances by differences, ties to the lower index."""
    flat = points.reshape(len(points), -1).astype(object if points.dtype == np.uint8 else float)
    squared = np.array([[((a - b) ** 2).sum() for b in flat] for a in flat]).astype(float)
    n = len(flat)
    ranks = np.tile(np.arange(n), (n, 1))
    hidden = squared.copy()
    np.fill_diagonal(hidden, np.inf)
    order = np.lexsort((ranks, hidden), axis=1)[:, :k]
    other = None
    if labels is not None:
        different = labels[:, None] != labels[None, :]
        between = np.where(different, squared, np.inf)
        other = np.sqrt(between.min(axis=1)), between.argmin(axis=1)
    return np.sqrt(np.take_along_axis(hidden, order, 1)), order, other


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(2, 40),
    width=st.integers(1, 30),
    block=st.integers(1, 45),
    levels=st.sampled_from([1, 2, 4, 256]),
    classes=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
    data=st.data(),
)
def test_integers_equal_brute_force(n, width, block, levels, classes, seed, data):
    rng = np.random.default_rng(seed)
    k = data.draw(st.integers(0, n - 1))
    points = rng.integers(0, levels, (n, width), dtype=np.uint8)
    labels = rng.integers(0, classes, n)
    found = nearest_neighbors(points, k, labels, block=block)
    distances, indices, (other_distances, other_indices) = brute_force(points, k, labels)
    assert (found.distances == distances).all()
    assert (found.indices == indices).all()
    assert (found.other_distances == other_distances).all()
    has_other = np.isfinite(other_distances)
    assert (found.other_indices[has_other] == other_indices[has_other]).all()
    assert (found.other_indices[~has_other] == -1).all()


@pytest.mark.parametrize("width", [65_536, 65_537, 131_072, 131_073, 200_000])
def test_wide_images_do_not_overflow(width):
    # Black and white are −128 and 127 as int8: the products of largest size.
    points = np.zeros((5, width), dtype=np.uint8)
    points[1] = 255
    points[2, : width // 2] = 255
    points[3, 0] = 1
    found = nearest_neighbors(points, 4, np.array([0, 1, 0, 1, 0]), block=2)
    distances, indices, _ = brute_force(points, 4)
    assert (found.distances == distances).all()
    assert (found.indices == indices).all()
    assert found.distances[1, -1] == np.sqrt(255**2 * width)


def test_memory_mapped_images(tmp_path):
    points = np.random.default_rng(0).integers(0, 256, (30, 1, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "images.npy", points)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert (nearest_neighbors(mapped, 3).indices == nearest_neighbors(points, 3).indices).all()


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


def test_nearest_pair_distance_equals_brute_force():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 256, (37, 3, 4, 4), dtype=np.uint8)
    second = rng.integers(0, 256, (23, 3, 4, 4), dtype=np.uint8)
    a, b = first.reshape(37, -1).astype(float), second.reshape(23, -1).astype(float)
    expected = min(np.linalg.norm(x - y) for x in a for y in b)
    assert nearest_pair_distance(first, second, block=5) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("k", [-1, 3, 10])
def test_too_few_points(k):
    with pytest.raises(ValueError, match="need at least"):
        nearest_neighbors(np.zeros((3, 4), np.uint8), k)


def test_refuses_other_types_and_nan():
    with pytest.raises(ValueError, match="uint8 or floating"):
        nearest_neighbors(np.zeros((3, 4), np.int32), 1)
    with pytest.raises(ValueError, match="not finite"):
        nearest_neighbors(np.array([[0.0], [np.nan], [1.0]]), 1)
    with pytest.raises(ValueError, match="2 labels for 3 points"):
        nearest_neighbors(np.zeros((3, 4), np.uint8), 1, np.zeros(2))


def test_block_columns_stay_below_the_int32_limit():
    assert 128 * 128 * neighbors._COLUMNS < 2**31
