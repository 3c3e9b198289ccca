"""The 8-bit image format."""

import numpy as np
import pytest

from idsharp.tasks.images import (
    resize,
    set_channels,
    standardize,
    to_grey,
    to_uint8,
)


def test_own_maximum_becomes_255():
    scaled = to_uint8(np.array([[0, 50], [100, 200]], dtype=np.uint16))
    assert scaled.tolist() == [[0, 64], [128, 255]]
    assert to_uint8(np.array([[0.0, 0.5]])).tolist() == [[0, 255]]
    assert to_uint8(np.array([[3, 60_000]], dtype=np.uint16)).max() == 255


def test_zero_stays_zero_and_negative_values_are_lifted():
    assert to_uint8(np.zeros((2, 2))).max() == 0
    assert to_uint8(np.array([[-100, 0, 100]], dtype=np.int16)).tolist() == [[0, 128, 255]]


@pytest.mark.parametrize("bad", [np.zeros((0, 4)), np.array([[np.nan, 1.0]]), np.array([[np.inf]])])
def test_refuses_empty_and_not_finite(bad):
    with pytest.raises(ValueError, match=r"no pixels|not finite"):
        to_uint8(bad)


def test_channels():
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert set_channels(grey, 3).shape == (3, 2, 3)
    assert (set_channels(grey, 3) == grey).all()
    colour = np.zeros((2, 3, 3), np.uint8)
    colour[..., 1] = 100
    assert set_channels(colour, 3).shape == (3, 2, 3)
    assert set_channels(colour, 1)[0] == pytest.approx(58.7)
    with pytest.raises(ValueError, match="H×W or H×W×3"):
        set_channels(np.zeros((2, 2, 4)), 1)


def test_colour_keeps_one_maximum_for_all_channels():
    colour = np.zeros((32, 32, 3), np.uint8)
    colour[..., 0], colour[..., 1] = 100, 50
    assert standardize(colour, 32, 3).max(axis=(1, 2)).tolist() == [255, 128, 0]


def test_resize_is_antialiased_and_keeps_constants():
    stripes = np.zeros((1, 64, 64), np.uint8)
    stripes[:, ::2] = 255
    assert abs(resize(stripes, 16)[:, 2:-2].astype(int) - 128).max() <= 2
    assert (resize(np.full((3, 20, 30), 7, np.uint8), 64) == 7).all()
    assert resize(stripes, 64) is stripes


def test_colour_images_made_grey_are_as_if_read_in_grey():
    pixels = np.random.default_rng(0).integers(0, 200, (3, 32, 32, 3), dtype=np.uint8)
    colour = np.stack([standardize(image, 32, 3) for image in pixels])
    grey = np.stack([standardize(image, 32, 1) for image in pixels])
    assert to_grey(colour).shape == (3, 1, 32, 32)
    # Both are rounded once more, each after its own scaling.
    assert abs(to_grey(colour).astype(int) - grey).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint16, bool])
def test_whole_numbers_below_256_are_8_bit_in_any_type(dtype):
    pixels = np.random.default_rng(0).integers(0, 2, (8, 9)).astype(dtype)
    assert (standardize(pixels, None, 1, "none")[0] == pixels).all()
    assert (standardize(pixels, None, 1, "maximum")[0] == pixels * 255.0).all()
    with pytest.raises(ValueError, match="scaling: none is for 8-bit images"):
        standardize(pixels.astype(float), None, 1, "none")
    if dtype in (np.int64, np.uint16):
        with pytest.raises(ValueError, match="scaling: none is for 8-bit images"):
            standardize(pixels * 256, None, 1, "none")
