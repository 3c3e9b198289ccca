"""Decoding a whole collection once: pixels of the images that are kept, checksums of all."""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import pandas as pd

from idsharp.common.duplicates import digest_of
from idsharp.common.progress import SILENT, Reporter
from idsharp.datasets import Dataset
from idsharp.datasets.errors import UnreadableImageError
from idsharp.tasks.decode import Form, decode_images

#: The size of the papers, for images whose own sizes differ.
COMMON_SIZE = 224

# Images at their own size may take this much memory before a size must be given.
_LARGEST = 8 * 2**30


class DecodingError(ValueError):
    """Images cannot be decoded as asked; the message names one and says what to do."""


@dataclass(frozen=True)
class Decoded:
    """A collection after one pass over its files.

    Attributes:
        images: m×C×H×W uint8, the kept images that could be read.
        kept: their m positions in the index.
        digests: n×32 uint8, SHA-256 of every image as it is measured; zero where unreadable.
        readable: n booleans.
        color: whether any image has color.
        sizes: two own sizes (height, width) that differ, where all were resized for that.
        unreadable: id and reason of every image that was skipped.
        remarks: what a person should know about some images, and how many they are.
    """

    images: np.ndarray
    kept: np.ndarray
    digests: np.ndarray
    readable: np.ndarray
    color: bool
    sizes: tuple | None
    unreadable: list[dict]
    remarks: dict[str, int]


class _MixedSizesError(Exception):
    """Two images of different size where one size was hoped for."""


def decode(
    dataset: Dataset,
    index: pd.DataFrame,
    keep: np.ndarray,
    *,
    size: int | None = None,
    channels: int = 1,
    scaling: str = "maximum",
    skip_unreadable: bool = False,
    report: Reporter = SILENT,
) -> Decoded:
    """Read every image of an index once; keep the pixels of some, and checksums of all.

    Args:
        keep: n booleans.
        size: pixels of a side; None leaves the images as they are, or, where their sizes differ,
            resizes all to COMMON_SIZE.
        scaling: one of `idsharp.tasks.images.SCALINGS`.
        skip_unreadable: go on without images that cannot be read, instead of raising.
        report: says how many images have been read.

    Raises:
        DecodingError: an image cannot be read or used as asked.
    """
    options = dataset, index, keep, skip_unreadable, report
    try:
        return _decode(*options, form=Form(channels, size, scaling), sizes=None)
    except _MixedSizesError as mixed:
        # Almost always among the first images, so that little is read twice.
        return _decode(*options, form=Form(channels, COMMON_SIZE, scaling), sizes=mixed.args)


def _decode(
    dataset: Dataset,
    index: pd.DataFrame,
    keep: np.ndarray,
    skip_unreadable: bool,
    report: Reporter,
    form: Form,
    sizes: tuple | None,
) -> Decoded:
    n, slots = len(index), np.cumsum(keep) - 1
    images, own, color, failures, remarks = None, None, False, {}, Counter()
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
                if images is None:
                    images = _storage(int(keep.sum()), own)
                images[slots[position]] = image.pixels
    unreadable = [{"id": ids[i], "reason": failures[i]} for i in sorted(failures)]
    if images is None:
        raise DecodingError(f"none of the {n} images can be read; first: {unreadable[0]['reason']}")
    readable = np.ones(n, bool)
    readable[list(failures)] = False
    kept = np.flatnonzero(keep & readable)
    images = _compacted(images, slots[kept])
    return Decoded(images, kept, digests, readable, color, sizes, unreadable, dict(remarks))


def _compacted(images: np.ndarray, slots: np.ndarray) -> np.ndarray:
    """The images in these slots, moved to the beginning of the same memory."""
    for place, slot in enumerate(slots):
        if place != slot:
            images[place] = images[slot]
    return images[: len(slots)]


def _storage(n: int, shape: tuple) -> np.ndarray:
    needed = n * int(np.prod(shape))
    if needed > _LARGEST:
        raise DecodingError(
            f"{n} images of {shape[1]}×{shape[2]} pixels take {needed / 2**30:.0f} GiB; give a "
            f"size, such as --size {COMMON_SIZE}, or fewer with --max-images"
        )
    return np.empty((n, *shape), np.uint8)
