"""What both exact searches have in common."""

import io
import re

import numpy as np
import pytest

from idsharp.common.progress import Reporter
from idsharp.properties.neighbors.search import nearest_neighbors, nearest_pair_distance
from tests.properties.neighbors.brute_force import assert_same, brute_force, brute_force_in_floats


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
    with pytest.raises(ValueError, match=r"squared distances of values as large as 1e\+200"):
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


def test_progress_lines():
    points = np.random.default_rng(0).integers(0, 256, (50, 8), dtype=np.uint8)
    stream = io.StringIO()
    report = Reporter(stream, every=0)
    nearest_neighbors(points, 2, block=10, report=report)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 15
    assert re.fullmatch(r"neighbors: \d+% done, about \d+ s left", lines[0])
    assert lines[-1] == "neighbors: done in 0 s"
    nearest_neighbors(np.ones((30, 2)), 1, block=10, report=report)
    assert stream.getvalue().endswith("points with many equally near: done in 0 s\n")
