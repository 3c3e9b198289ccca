"""Decoding in several processes gives what one process gives, in the same order."""

import os
from pathlib import Path

import numpy as np
import pytest

from idsharp.datasets.base import Dataset
from idsharp.datasets.errors import UnreadableImageError
from idsharp.tasks.decode import Reader, _pieces
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
        if volume % 7 == 3:
            raise UnreadableImageError(f"volume {volume} is broken")
        return np.random.default_rng([volume, place]).integers(0, 256, (40, 40), dtype=np.uint8)


# Slices of a volume lie far apart, as a random draw has them.
NAMES = [f"{volume}#{place}" for place in range(3) for volume in range(40)]


def slices(**settings):
    return Slices("slices", settings, Path("data"))


@pytest.mark.parametrize("processes", [1, 2])
def test_images_come_in_the_order_of_their_names(processes):
    with Reader(slices(), 32, 1, processes) as reader:
        # Twice, since unreadable images are replaced by further ones.
        for names in (NAMES, NAMES[::-1]):
            images = reader.read(names, "slices")
            for name, image in zip(names, images, strict=True):
                if int(name.split("#")[0]) % 7 == 3:
                    assert isinstance(image, UnreadableImageError)
                    assert f"volume {name.split('#')[0]} is broken" in str(image)
                else:
                    assert (image == standardize(slices().read(name), 32, 1)).all()


def test_a_volume_is_read_by_one_process():
    pieces = list(_pieces([slices().group(name) for name in NAMES]))
    assert sorted(position for piece in pieces for position in piece) == list(range(len(NAMES)))
    volumes = [{NAMES[position].split("#")[0] for position in piece} for piece in pieces]
    assert sum(map(len, volumes)) == 40


def test_a_killed_process_is_told():
    with (
        Reader(slices(deadly="20#1"), 32, 1, 2) as reader,
        pytest.raises(OSError, match=r"images of slices was killed .* lower reading_processes"),
    ):
        reader.read(NAMES, "slices")
