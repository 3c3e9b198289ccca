"""Neighbors read by columns: the same as with all in memory, and in little of it."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from idsharp.common import progress
from idsharp.properties.neighbors import out_of_core
from idsharp.properties.neighbors.out_of_core import (
    BLOCK_BYTES,
    columns_at_once,
    nearest_by_columns,
)
from idsharp.properties.neighbors.search import nearest_neighbors
from tests.conftest import ROOT


def by_columns(points, k, step, **options):
    def parts():
        for start in range(0, points.shape[1], step):
            yield points[:, start : start + step]

    return nearest_by_columns(parts, *points.shape, k, **options)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 60),
    width=st.integers(1, 40),
    step=st.integers(1, 45),
    levels=st.sampled_from([1, 2, 3, 50]),
    dtype=st.sampled_from([np.float32, np.float64]),
    rows=st.sampled_from([1, 7, 512]),
    seed=st.integers(0, 2**32 - 1),
    data=st.data(),
)
def test_whole_numbers_equal_the_search_in_memory(n, width, step, levels, dtype, rows, seed, data):
    # Distances are exact, and many are equal: the lower index goes first.
    k = data.draw(st.integers(0, n - 1))
    points = np.random.default_rng(seed).integers(0, levels, (n, width)).astype(dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(out_of_core, "_ROWS", rows)
        found = by_columns(points, k, step)
    expected = nearest_neighbors(points, k)
    assert np.array_equal(found.distances, expected.distances)
    assert np.array_equal(found.indices, expected.indices)


@settings(max_examples=30, deadline=None)
@given(
    width=st.integers(2, 60),
    step=st.integers(1, 70),
    closeness=st.floats(1e-14, 1e-3),
    offset=st.sampled_from([0.0, 1e6]),
    seed=st.integers(0, 2**32 - 1),
)
def test_tight_clusters_far_apart(width, step, closeness, offset, seed):
    # Inside a cluster the products know nothing but rounding errors of any order.
    rng = np.random.default_rng(seed)
    centers = offset + 1e3 * rng.normal(size=(3, width))
    points = centers[rng.integers(0, 3, 80)] + closeness * rng.normal(size=(80, width))
    found, expected = by_columns(points, 3, step), nearest_neighbors(points, 3)
    np.testing.assert_allclose(found.distances, expected.distances, rtol=1e-12)
    measured = np.linalg.norm(points[found.indices] - points[:, None], axis=2)
    np.testing.assert_allclose(found.distances, measured, rtol=1e-12)


def test_near_duplicates_beside_a_large_offset_lose_no_digits():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 3000))
    points = 1e4 + np.concatenate([points, points + 1e-7 * rng.normal(size=points.shape)])
    found, expected = by_columns(points, 5, 700), nearest_neighbors(points, 5)
    assert np.array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.distances, expected.distances, rtol=1e-12)
    true = np.linalg.norm(points[:60] - points[60:], axis=1)
    np.testing.assert_allclose(found.distances[:60, 0], true, rtol=1e-12)
    # The products alone fail here, so this test can.
    by_product, _ = out_of_core._by_products(
        lambda: [points], 120, torch.device("cpu"), progress.SILENT.steps("", 1)
    )
    errors = by_product[range(60), range(60, 120)].abs().sqrt().numpy() / true - 1
    assert np.abs(errors).max() > 1e-6


def test_few_pairs_are_measured():
    # Beside an offset that would cost all digits, were it not taken off.
    points = 1e6 + np.random.default_rng(0).normal(size=(300, 2000))
    squared, lengths = out_of_core._by_products(
        lambda: [points], 300, torch.device("cpu"), progress.SILENT.steps("", 1)
    )
    rows, _ = out_of_core._candidates(squared, lengths, 2000, 20)
    assert 300 * 20 <= len(rows) <= 300 * 20 + 5


def test_refuses_what_it_cannot_search():
    with pytest.raises(ValueError, match="need at least 4 points, found 3"):
        by_columns(np.zeros((3, 4)), 3, 2)
    with pytest.raises(ValueError, match="not finite"):
        by_columns(np.array([[0.0, 1.0], [1.0, np.inf], [2.0, 0.0]]), 1, 1)


def test_progress_covers_both_passes():
    stream = io.StringIO()
    by_columns(
        np.random.default_rng(0).normal(size=(20, 12)),
        3,
        4,
        report=progress.Reporter(stream, every=0),
    )
    lines = stream.getvalue().splitlines()
    assert len(lines) == 6
    assert lines[-1] == "neighbors by columns: done in 0 s"


MEASURE = """
import json, os, resource, sys, tempfile
import numpy as np, torch
from idsharp.representations.point_file import PointFile
from idsharp.properties.neighbors.out_of_core import nearest_by_columns

def peak():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

n, width = map(int, sys.argv[1:])
torch.ones(600, 600) @ torch.ones(600, 600)
rng, before = np.random.default_rng(0), peak()
with tempfile.TemporaryFile() as file:
    points = PointFile(file, n, width)
    base = rng.normal(size=(12, width)).astype("f4")
    for _ in range(n):
        points.append((rng.normal(size=(1, 12)).astype("f4") @ base))
    found = nearest_by_columns(points.parts, n, width, 20)
    taken = peak() - before
    nearest = np.array([0, found.indices[0, 0]])
    rows = np.concatenate([part[nearest] for part in points.parts()], axis=1).astype(float)
    print(json.dumps({"taken": taken, "bytes": os.fstat(file.fileno()).st_size,
                      "found": found.distances[0, 0], "true": np.linalg.norm(rows[0] - rows[1])}))
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_columns():
    """100 points of 800 000 values are 320 MB, twice that in float64."""
    arguments = [sys.executable, "-c", MEASURE, "100", "800000"]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert columns_at_once(100) * 100 * 8 <= BLOCK_BYTES
    assert record["bytes"] == 320_000_000
    assert record["found"] == pytest.approx(record["true"], rel=1e-12)
    assert record["taken"] < 2.5 * BLOCK_BYTES
