"""A collection decoded once: pixels of the images that are kept, checksums of all."""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from idsharp.common.duplicates import digest_of
from idsharp.common.progress import SILENT, Reporter
from idsharp.datasets import Dataset
from idsharp.datasets.errors import UnreadableImageError
from idsharp.tasks.decode import Form, decode_images
from idsharp.tasks.images import standardize

#: The size of the papers, for images whose own sizes differ.
COMMON_SIZE = 224

# Images may take this much memory; more needs a smaller size, or fewer images.
_LARGEST = 8 * 2**30


class DecodingError(ValueError):
    """Images cannot be decoded as asked; the message names one and says what to do."""


@dataclass(frozen=True)
class Decoded:
    """The readable images of a collection. Positions are rows of `index`, here and wherever they
    are used later.

    Attributes:
        index: n rows: id, where, label, patient, split.
        pixels: m×C×H×W uint8, the images that are in memory.
        kept: their m positions, ascending.
        digests: n×32 uint8, SHA-256 of every image as it is measured.
        dataset, form: where images that are not in memory are read from, and what they are made
            into.
        color: whether any image has color.
        sizes: two own sizes (height, width) that differ, where all were resized for that.
        unreadable: id and reason of every image that was left out.
        remarks: what a person should know about some images, and how many they are.
    """

    index: pd.DataFrame
    pixels: np.ndarray
    kept: np.ndarray
    digests: np.ndarray
    dataset: Dataset
    form: Form
    color: bool
    sizes: tuple | None
    unreadable: list[dict]
    remarks: dict[str, int]

    def column(self, name: str, positions: np.ndarray | slice = slice(None)) -> np.ndarray:
        """A column of the index at some positions, such as their labels."""
        return self.index[name].to_numpy()[positions]

    def images(self, positions: np.ndarray) -> np.ndarray:
        """Images that are in memory, by ascending positions; uncopied where these are all."""
        if len(positions) == len(self.kept):
            return self.pixels
        return self.pixels[np.searchsorted(self.kept, positions)]

    def image(self, position: int) -> np.ndarray:
        """One image as it is measured, C×H×W uint8; read again where it is not in memory."""
        place = int(np.searchsorted(self.kept, position))
        if place < len(self.kept) and self.kept[place] == position:
            return self.pixels[place]
        pixels = self.dataset.read(self.index["where"].iloc[position])
        return standardize(pixels, self.form.size, self.form.channels, self.form.scaling)


class _MixedSizesError(Exception):
    """Two images of different size where one size was hoped for."""


def decode(
    dataset: Dataset,
    index: pd.DataFrame,
    keep: np.ndarray,
    form: Form,
    *,
    skip_unreadable: bool = False,
    report: Reporter = SILENT,
) -> Decoded:
    """Read every image of an index once; keep the pixels of some, and checksums of all.

    Args:
        keep: a boolean for each image.
        form: what images are made into. Without a size they stay as they are, or, where their sizes
            differ, all are resized to COMMON_SIZE.
        skip_unreadable: go on without images that cannot be read, instead of raising.
        report: says how many images have been read.

    Raises:
        DecodingError: an image cannot be read, or images take too much memory.
    """
    if form.size is not None:
        _check_memory(int(keep.sum()), (form.channels, form.size, form.size))
    try:
        return _decode(dataset, index, keep, form, None, skip_unreadable, report)
    except _MixedSizesError as mixed:
        # Almost always among the first images, so that little is read twice.
        form = replace(form, size=COMMON_SIZE)
        return _decode(dataset, index, keep, form, mixed.args, skip_unreadable, report)


def _decode(
    dataset: Dataset,
    index: pd.DataFrame,
    keep: np.ndarray,
    form: Form,
    sizes: tuple | None,
    skip_unreadable: bool,
    report: Reporter,
) -> Decoded:
    n, slots = len(index), np.cumsum(keep) - 1
    pixels, own, color, failures = None, None, False, {}
    remarks: Counter[str] = Counter()
    digests = np.zeros((n, 32), np.uint8)
    ids = index["id"].tolist()
    decoded = decode_images(dataset, form, index["where"].tolist(), ids, report=report)
    # Closed even after an error, so that no process goes on decoding.
    with closing(decoded):
        for position, image in decoded:
            if isinstance(image, UnreadableImageError):
                if not skip_unreadable:
                    raise DecodingError(
                        f"{image}; remove it, or leave such images out with --skip-unreadable"
                    ) from image
                failures[position] = str(image)
                continue
            color |= image.color
            remarks.update(image.remarks)
            own = own or image.pixels.shape
            if form.size is None and image.pixels.shape != own:
                raise _MixedSizesError(own[1:], image.pixels.shape[1:])
            digests[position] = np.frombuffer(digest_of(image.pixels), np.uint8)
            if keep[position]:
                if pixels is None:
                    _check_memory(int(keep.sum()), own)
                    pixels = np.empty((int(keep.sum()), *own), np.uint8)
                pixels[slots[position]] = image.pixels
    unreadable = [{"id": ids[i], "reason": failures[i]} for i in sorted(failures)]
    if pixels is None:
        raise DecodingError(f"none of the {n} images can be read; first: {unreadable[0]['reason']}")
    readable = np.ones(n, bool)
    readable[list(failures)] = False
    pixels = _compacted(pixels, slots[keep & readable])
    return Decoded(
        index[readable].reset_index(drop=True), pixels, np.flatnonzero(keep[readable]),
        digests[readable], dataset, form, color, sizes, unreadable, dict(remarks),
    )  # fmt: skip


def _compacted(images: np.ndarray, slots: np.ndarray) -> np.ndarray:
    """The images in these slots, moved to the beginning of the same memory."""
    for place, slot in enumerate(slots):
        if place != slot:
            images[place] = images[slot]
    return images[: len(slots)]


def _check_memory(n: int, shape: tuple) -> None:
    """Refuse before anything is allocated; one image is resized in floating point, or nearly so."""
    needed = max(n, 8) * int(np.prod(shape, dtype=object))
    if needed > _LARGEST:
        raise DecodingError(
            f"{n} images of {shape[1]}×{shape[2]} pixels take {needed / 2**30:.0f} GiB; give a "
            f"smaller size, such as --size {COMMON_SIZE}, or fewer with --max-images"
        )
