"""Decoding in several processes gives what one process gives, in the same order."""

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from idsharp.datasets.base import Dataset
from idsharp.datasets.errors import ImageRemark, UnreadableImageError
from idsharp.measure.decode import decode
from idsharp.tasks.decode import Form, _pieces, decode_images
from idsharp.tasks.images import standardize


class Slices(Dataset):
    """Images that are made from their names, three to a volume; some cannot be read."""

    def locate(self):
        return []

    def index(self):
        raise AssertionError("a reader needs no index")

    def group(self, where):
        return where.split("#")[0]

    def read(self, where):
        volume, place = map(int, where.split("#"))
        if self.settings.get("deadly") == where:
            os._exit(9)
        if volume == 5:
            warnings.warn("the first of several", ImageRemark, stacklevel=2)
            warnings.warn("of no interest", stacklevel=2)
        if volume % 7 == 3:
            raise UnreadableImageError(f"volume {volume} is broken")
        return np.random.default_rng([volume, place]).integers(0, 256, (40, 40), dtype=np.uint8)


class Flat(Slices):
    """Images of two channels."""

    def read(self, where):
        return np.zeros((4, 4, 2), np.uint8)


class Two(Slices):
    """Images of two sizes."""

    def read(self, where):
        return super().read(where)[: 30 if where == "20#1" else 40]


# Slices of a volume lie far apart, as a random draw has them.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

NAMES = [f"{volume}#{place}" for place in range(3) for volume in range(40)]


def slices(**settings):
    return Slices("slices", settings, Path("data"))


@pytest.mark.parametrize("processes", [1, 2])
def test_every_image_comes_with_its_position(processes):
    images = dict(decode_images(slices(), Form(1, 32), NAMES, NAMES, processes=processes))
    assert sorted(images) == list(range(len(NAMES)))
    for position, name in enumerate(NAMES):
        image, volume = images[position], int(name.split("#")[0])
        if volume % 7 == 3:
            assert isinstance(image, UnreadableImageError)
            assert f"volume {volume} is broken" in str(image)
            continue
        assert (image.pixels == standardize(slices().read(name), 32, 1)).all()
        assert image.pixels.flags.c_contiguous
        assert image.remarks == (("the first of several",) if volume == 5 else ())


def test_a_volume_is_read_by_one_process():
    pieces = list(_pieces([slices().group(name) for name in NAMES]))
    assert sorted(position for piece in pieces for position in piece) == list(range(len(NAMES)))
    volumes = [{NAMES[position].split("#")[0] for position in piece} for piece in pieces]
    assert sum(map(len, volumes)) == 40


def test_a_killed_process_is_told():
    images = decode_images(slices(deadly="20#1"), Form(1, 32), NAMES, NAMES, processes=2)
    with pytest.raises(OSError, match=r"slices: reading 120 images: one of 2 processes was killed"):
        list(images)


def test_what_is_wrong_with_pixels_names_the_image():
    flat = Flat("flat", {}, Path("data"))
    ((_, error),) = decode_images(flat, Form(1), ["0#0"], ["scan_7"])
    assert isinstance(error, UnreadableImageError)
    assert str(error).startswith("scan_7: expected an image of H×W or H×W×3")


def test_images_of_two_sizes_are_found_in_any_process():
    index = pd.DataFrame({"id": NAMES, "where": NAMES})
    data = Two("two", {}, Path("data"))
    found = decode(data, index, np.ones(len(NAMES), bool), Form(1), skip_unreadable=True)
    assert found.sizes == ((40, 40), (30, 40))
    assert found.pixels.shape[1:] == (1, 224, 224)
    readable = [name for name in NAMES if int(name.split("#")[0]) % 7 != 3]
    assert found.column("where").tolist() == readable
    for name, image in zip(readable, found.pixels, strict=True):
        assert (image == standardize(data.read(name), 224, 1)).all()
    assert found.remarks == {"the first of several": 3}
