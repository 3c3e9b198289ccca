"""The neighbour engine against a brute force in integers or float64."""

import io
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from idsharp.common.progress import Reporter
from idsharp.properties.neighbors import integer
from idsharp.properties.neighbors.floating import FloatSearch
from idsharp.properties.neighbors.integer import (
    COLUMNS,
    FLOAT_COLUMNS,
    has_integer_product,
    integer_products,
    padded,
    squared_norms,
    symmetric_products,
)
from idsharp.properties.neighbors.search import nearest_neighbors, nearest_pair_distance


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


def assert_same(found, expected):
    for name in ("distances", "indices", "other_distances", "other_indices"):
        ours, theirs = getattr(found, name), getattr(expected, name)
        assert ours is theirs is None or np.array_equal(ours, theirs), name


@pytest.mark.parametrize("width", [1, 65_536, 65_537, 131_071, 131_072, 131_073, 200_000])
def test_any_number_of_columns_without_overflow(width):
    # Black and white are −128 and 127 as int8: the products of largest size.
    points = np.zeros((5, width), dtype=np.uint8)
    points[1] = 255
    points[2, : width // 2] = 255
    points[3, 0] = 1
    labels = np.array([0, 1, 0, 1, 0])
    found = nearest_neighbors(points, 4, labels, block=2)
    distances, indices, (other_distances, other_indices) = brute_force(points, 4, labels)
    assert (found.distances == distances).all()
    assert (found.indices == indices).all()
    assert (found.other_distances == other_distances).all()
    assert (found.other_indices == other_indices).all()
    assert found.distances[1, -1] == np.sqrt(255**2 * width)


@pytest.mark.parametrize("n, block", [(700, 1024), (700, 257), (701, 64), (300, 299)])
def test_the_block_does_not_change_the_answer(n, block):
    # Many pairs are equally far, and far fewer than one in eight may be among the nearest three.
    rng = np.random.default_rng(n)
    points = rng.integers(0, 4, (n, 12), dtype=np.uint8)
    labels = rng.integers(0, 3, n)
    found = nearest_neighbors(points, 3, labels, block=block)
    distances, indices, (other_distances, other_indices) = brute_force_in_floats(points, 3, labels)
    assert (found.distances == distances).all()
    assert (found.indices == indices).all()
    assert (found.other_distances == other_distances).all()
    assert (found.other_indices == other_indices).all()


def brute_force_in_floats(points, k, labels):
    """As `brute_force`, by array operations; exact for small integers."""
    flat = points.astype(np.float64)
    squared = ((flat[:, None] - flat[None, :]) ** 2).sum(axis=2)
    hidden = squared + np.diag(np.full(len(flat), np.inf))
    order = np.argsort(hidden, axis=1, kind="stable")[:, :k]
    between = np.where(labels[:, None] != labels[None, :], squared, np.inf)
    other = np.sqrt(between.min(axis=1)), between.argmin(axis=1)
    return np.sqrt(np.take_along_axis(hidden, order, 1)), order, other


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_equal_images_are_their_own_nearest_in_order(dtype):
    found = nearest_neighbors(np.full((9, 3, 2), 7, dtype), 3, np.arange(9) % 2, block=4)
    assert (found.distances == 0).all()
    assert found.indices[0].tolist() == [1, 2, 3]
    assert found.indices[5].tolist() == [0, 1, 2]
    assert found.other_indices.tolist() == [1, 0, 1, 0, 1, 0, 1, 0, 1]


def test_sorted_labels_and_a_single_class():
    points = np.random.default_rng(0).integers(0, 256, (40, 6), dtype=np.uint8)
    labels = np.repeat(["a", "b"], 20)
    found = nearest_neighbors(points, 0, labels, block=7)
    _, _, (other_distances, other_indices) = brute_force(points, 0, labels)
    assert found.distances.shape == (40, 0)
    assert (found.other_distances == other_distances).all()
    assert (found.other_indices == other_indices).all()
    alone = nearest_neighbors(points, 2, np.zeros(40), block=7)
    assert np.isinf(alone.other_distances).all()
    assert (alone.other_indices == -1).all()


def test_memory_mapped_images(tmp_path):
    points = np.random.default_rng(0).integers(0, 256, (30, 1, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "images.npy", points)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    labels = np.arange(30) % 3
    assert_same(nearest_neighbors(mapped, 3, labels, 7), nearest_neighbors(points, 3, labels))
    floats = points.astype(np.float32)
    np.save(tmp_path / "floats.npy", floats)
    mapped = np.load(tmp_path / "floats.npy", mmap_mode="r")
    assert_same(nearest_neighbors(mapped, 3, labels, 7), nearest_neighbors(floats, 3, labels))


def test_reversed_views():
    points = np.random.default_rng(0).integers(0, 256, (30, 8), dtype=np.uint8)
    for view in (points[::-1], points[::2], points[:, ::-1], np.asfortranarray(points)):
        for dtype in (np.uint8, np.float64):
            data = view.astype(dtype, copy=False)
            assert_same(nearest_neighbors(data, 3), nearest_neighbors(data.copy(order="C"), 3))


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
    with pytest.raises(ValueError, match="no finite squared distance"):
        nearest_neighbors(np.array([[0.0], [1e200], [1.0]]), 1)
    with pytest.raises(ValueError, match="2 labels for 3 points"):
        nearest_neighbors(np.zeros((3, 4), np.uint8), 1, np.zeros(2))
    with pytest.raises(ValueError, match="block = 0"):
        nearest_neighbors(np.zeros((3, 4), np.uint8), 1, block=0)
    with pytest.raises(ValueError, match="method is one of"):
        nearest_neighbors(np.zeros((3, 4), np.uint8), 1, method="guess")
    with pytest.raises(ValueError, match="at least one image"):
        nearest_pair_distance(np.zeros((0, 4), np.uint8), np.zeros((3, 4), np.uint8))
    with pytest.raises(ValueError, match="must be uint8"):
        nearest_pair_distance(np.zeros((3, 4)), np.zeros((3, 4), np.uint8))


def test_column_limits():
    # A product and the half norm taken from it stay inside int32; float32 holds every integer.
    assert 128**2 * COLUMNS + 128**2 * COLUMNS // 2 < 2**31
    assert 128**2 * FLOAT_COLUMNS <= 2**24


@settings(max_examples=30, deadline=None)
@given(
    m=st.integers(1, 70),
    n=st.integers(1, 70),
    width=st.integers(1, 2100),
    instruction=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_products_are_exact_with_and_without_the_instruction(m, n, width, instruction, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(-128, 128, (m + n, width))
    values[rng.random(m + n) < 0.3] = -128
    a, b = (torch.from_numpy(x.astype(np.int8)) for x in (values[:m], values[m:]))
    with pytest.MonkeyPatch.context() as patch:
        if not instruction:
            patch.setattr(integer, "has_integer_product", lambda device: False)
        assert (integer_products(a, b).numpy() == values[:m] @ values[m:].T).all()
        assert (symmetric_products(a).numpy() == values[:m] @ values[:m].T).all()
        assert (squared_norms(b).numpy() == (values[m:] ** 2).sum(axis=1)).all()


def test_a_wrong_integer_product_is_found_out(monkeypatch):
    # What processors without VNNI do: the sums of neighbouring products saturate at 16 bits.
    def saturating(a, b):
        pairs = (a.short()[:, :, None] + 128) * b.short()[None]
        pairs = pairs.int().reshape(len(a), -1, 2, b.shape[1]).sum(dim=2).clamp(-(2**15), 2**15 - 1)
        return pairs.sum(dim=1, dtype=torch.int32) - 128 * b.sum(dim=0, dtype=torch.int32)

    def missing(a, b):
        raise NotImplementedError("no such operator")

    points = np.random.default_rng(0).integers(0, 2, (30, 40), dtype=np.uint8) * 255
    labels = np.arange(30) % 2
    expected = nearest_neighbors(points, 4, labels)
    try:
        for product in (saturating, missing):
            monkeypatch.setattr(torch, "_int_mm", product)
            has_integer_product.cache_clear()
            assert not has_integer_product(torch.device("cpu"))
            assert_same(nearest_neighbors(points, 4, labels), expected)
    finally:
        has_integer_product.cache_clear()


@pytest.mark.parametrize("shape", [(1, 1), (16, 8), (17, 9), (33, 784), (64, 16)])
def test_padding_for_cuda_changes_no_product(shape):
    a = torch.randint(-128, 128, shape, dtype=torch.int8)
    wide = padded(a)
    assert len(wide) > 16
    assert len(wide) % 8 == 0
    assert wide.shape[1] % 8 == 0
    products = integer_products(wide, wide)[: len(a), : len(a)]
    assert torch.equal(products, integer_products(a, a))


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
    squares, centred = block.squares, block.centred
    by_product = (squares[:, None] + squares - 2 * centred @ centred.T).numpy()
    wide = points.astype(np.longdouble)
    true = ((wide[:, None] - wide[None]) ** 2).sum(axis=2).astype(np.float64)
    zero = torch.zeros(60, dtype=torch.float64)
    allowed = search._limits(zero).numpy()[:, None]
    assert (np.abs(by_product - true) <= allowed).all()
    assert np.abs(by_product - true).max() > 0


def test_progress_lines():
    points = np.random.default_rng(0).integers(0, 256, (50, 8), dtype=np.uint8)
    stream = io.StringIO()
    report = Reporter(stream, every=0)
    nearest_neighbors(points, 2, block=10, report=report)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 15
    assert re.fullmatch(r"neighbours: \d+% done, about \d+ s left", lines[0])
    assert lines[-1] == "neighbours: done in 0 s"
    nearest_neighbors(np.ones((30, 2)), 1, block=10, report=report)
    assert stream.getvalue().endswith("points with many equally near: done in 0 s\n")
