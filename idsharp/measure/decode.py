"""Decoding a whole collection once: pixels of the images that are kept, checksums of all."""

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from idsharp.common.progress import SILENT, Reporter
from idsharp.datasets import Dataset
from idsharp.datasets.errors import UnreadableImageError
from idsharp.tasks.images import resize, set_channels, to_uint8

#: The size of the papers, for images whose own sizes differ.
COMMON_SIZE = 224

#: How intensities become 8 bit: each image by its own maximum, as the papers do, or not at all.
SCALINGS = ("maximum", "none")

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
        colour: whether any image has colour.
        sizes: two own sizes (height, width) that differ, where all were resized for that.
        unreadable: id and reason of every image that was skipped.
    """

    images: np.ndarray
    kept: np.ndarray
    digests: np.ndarray
    readable: np.ndarray
    colour: bool
    sizes: tuple | None
    unreadable: list[dict]


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
        scaling: one of SCALINGS.
        skip_unreadable: go on without images that cannot be read, instead of raising.
        report: says how many images have been read.

    Raises:
        UnreadableImageError, DecodingError: an image cannot be read or used as asked.
    """
    options = (dataset, index, keep, channels, scaling, skip_unreadable, report)
    try:
        return _decode(*options, size=size, sizes=None)
    except _MixedSizesError as mixed:
        # Almost always among the first images, so that little is read twice.
        return _decode(*options, size=COMMON_SIZE, sizes=mixed.args)


def _decode(
    dataset, index, keep, channels, scaling, skip_unreadable, report, *, size, sizes
) -> Decoded:
    n = len(index)
    images, kept, unreadable, own, colour = None, [], [], None, False
    digests, readable = np.zeros((n, 32), np.uint8), np.ones(n, bool)
    listed = report.over("reading images", zip(index["id"], index["where"], strict=True), n)
    for position, (identity, where) in enumerate(listed):
        try:
            pixels = dataset.read(where)
            image = as_measured(pixels, size, channels, scaling)
        except (UnreadableImageError, ValueError) as error:
            reason = (
                str(error) if isinstance(error, UnreadableImageError) else f"{identity}: {error}"
            )
            if not skip_unreadable:
                raise DecodingError(
                    f"{reason}; remove it, or leave such images out with --skip-unreadable"
                ) from error
            unreadable.append({"id": identity, "reason": reason})
            readable[position] = False
            continue
        colour |= pixels.ndim == 3 and pixels.shape[2] == 3
        own = own or image.shape
        if size is None and image.shape != own:
            raise _MixedSizesError(own[1:], image.shape[1:])
        digests[position] = np.frombuffer(hashlib.sha256(image).digest(), np.uint8)
        if keep[position]:
            if images is None:
                images = _storage(int(keep.sum()), image.shape)
            images[len(kept)] = image
            kept.append(position)
    if images is None:
        raise DecodingError(f"none of the {n} images can be read; first: {unreadable[0]['reason']}")
    kept = np.array(kept, dtype=np.int64)
    return Decoded(images[: len(kept)], kept, digests, readable, colour, sizes, unreadable)


def as_measured(
    pixels: np.ndarray, size: int | None, channels: int, scaling: str = "maximum"
) -> np.ndarray:
    """One decoded image as C×H×W uint8, contiguous; `size` None leaves height and width."""
    planes = set_channels(pixels, channels)
    if scaling == "maximum":
        planes = to_uint8(planes)
    elif pixels.dtype == np.uint8:
        planes = np.rint(planes).astype(np.uint8)
    else:
        raise ValueError(
            f"its pixels are {pixels.dtype}; --scaling none is for 8-bit images, use maximum"
        )
    return np.ascontiguousarray(planes if size is None else resize(planes, size))


def _storage(n: int, shape: tuple) -> np.ndarray:
    needed = n * int(np.prod(shape))
    if needed > _LARGEST:
        raise DecodingError(
            f"{n} images of {shape[1]}×{shape[2]} pixels take {needed / 2**30:.0f} GiB; give a "
            f"size, such as --size {COMMON_SIZE}, or fewer with --max-images"
        )
    return np.empty((n, *shape), np.uint8)
