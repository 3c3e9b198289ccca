"""The exact search among 8-bit images, against brute force in integers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from idsharp.properties.neighbors import integer
from idsharp.properties.neighbors.integer import (
    COLUMNS,
    FLOAT_COLUMNS,
    has_integer_product,
    integer_products,
    padded,
    squared_norms,
    symmetric_products,
)
from idsharp.properties.neighbors.search import nearest_neighbors
from tests.properties.neighbors.brute_force import assert_same, brute_force


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
    # What processors without VNNI do: the sums of neighboring products saturate at 16 bits.
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
