"""Approximate neighbors: what is found is measured exactly, what is missed is counted."""

import io
import sys

import numpy as np
import pytest

from idsharp.common.progress import Reporter
from idsharp.properties.neighbors import approximate
from idsharp.properties.neighbors.search import nearest_neighbors


class FoundByBruteForce:
    """Stands in for pynndescent's NNDescent; misses the `missed` nearest neighbors."""

    missed = 0

    def __init__(self, data, metric, n_neighbors, random_state):
        assert data.dtype == np.float32
        assert metric == "euclidean"
        squared = ((data[:, None].astype(float) - data[None].astype(float)) ** 2).sum(axis=2)
        order = np.argsort(squared, axis=1, kind="stable")
        order = np.concatenate([order[:, :1], order[:, 1 + self.missed :]], axis=1)
        self.neighbor_graph = order[:, :n_neighbors].astype(np.int32), None


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setattr(approximate, "_descent", lambda: FoundByBruteForce)
    return monkeypatch


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_complete_finds_equal_the_exact_method(stand_in, dtype):
    points = np.random.default_rng(0).integers(0, 256, (300, 20)).astype(dtype)
    stream = io.StringIO()
    found = nearest_neighbors(points, 5, method="approximate", report=Reporter(stream))
    exact = nearest_neighbors(points, 5)
    assert found.recall == 1
    assert exact.recall is None
    assert np.array_equal(found.distances, exact.distances)
    assert np.array_equal(found.indices, exact.indices)
    assert stream.getvalue() == "pynndescent: neighbors of 300 points\n"


def test_a_large_offset_does_not_spoil_the_recall(stand_in):
    points = 1e6 + np.random.default_rng(0).normal(size=(250, 10))
    assert nearest_neighbors(points, 5, method="approximate").recall >= 0.98


def test_missed_neighbors_are_counted_with_a_warning(stand_in):
    stand_in.setattr(FoundByBruteForce, "missed", 1)
    points = np.random.default_rng(0).integers(0, 256, (300, 20), dtype=np.uint8)
    with pytest.warns(UserWarning, match="less than 98%"):
        found = nearest_neighbors(points, 5, method="approximate")
    assert found.recall == pytest.approx(0.8)


def test_empty_places_are_filled():
    filled = approximate._without_self(np.array([[0, 1, -1], [2, 0, 1], [-1, -1, -1]]), 2, seed=0)
    assert sorted(filled[0]) == [1, 2]
    assert filled[1].tolist() == [2, 0]
    assert sorted(filled[2]) == [0, 1]


def test_without_pynndescent_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynndescent", None)
    with pytest.raises(ImportError, match=r"idsharp\[approximate\]"):
        nearest_neighbors(np.zeros((5, 4), np.uint8), 2, method="approximate")


def test_what_the_approximate_method_refuses(stand_in):
    points = np.zeros((5, 4), np.uint8)
    with pytest.raises(ValueError, match="needs the exact method"):
        nearest_neighbors(points, 2, np.zeros(5), method="approximate")
    with pytest.raises(ValueError, match="needs k ≥ 1"):
        nearest_neighbors(points, 0, method="approximate")
    with pytest.raises(ValueError, match="not finite"):
        nearest_neighbors(np.full((5, 4), np.nan), 2, method="approximate")


@pytest.mark.slow
def test_pynndescent_itself():
    pytest.importorskip("pynndescent")
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(1500, 3)), np.zeros((1500, 5))], axis=1)
    found = nearest_neighbors(points, 10, method="approximate")
    exact = nearest_neighbors(points, 10)
    assert found.recall > 0.98
    assert (found.indices == exact.indices).mean() > 0.98
    again = nearest_neighbors(points, 10, method="approximate")
    assert np.array_equal(found.indices, again.indices)
