"""The decoder of the pipeline and of `idsharp measure`: images as 8-bit arrays, in processes."""

import warnings
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from idsharp.common.parallel import map_in_processes
from idsharp.common.progress import SILENT, Reporter
from idsharp.datasets import Dataset
from idsharp.datasets.errors import ImageRemark, UnreadableImageError
from idsharp.tasks.images import standardize

# Images to a piece of work: few enough to spread, enough that handing them over costs nothing.
_TOGETHER = 16
# Fewer images than this are not worth starting processes for.
_FEW = 64


@dataclass(frozen=True)
class Form:
    """What images are made into.

    Attributes:
        channels: 1 (grey) or 3.
        size: pixels of a side; None leaves height and width.
        scaling: one of `idsharp.tasks.images.SCALINGS`.
    """

    channels: int
    size: int | None = None
    scaling: str = "maximum"


@dataclass(frozen=True)
class Image:
    """One decoded image.

    Attributes:
        pixels: C×H×W uint8, contiguous.
        color: whether its file has three channels.
        remarks: what a person should know about it, such as that transparent parts were blended.
    """

    pixels: np.ndarray
    color: bool
    remarks: tuple[str, ...]


def decode_images(
    dataset: Dataset,
    form: Form,
    where: Sequence[str],
    ids: Sequence[str],
    *,
    processes: int | None = None,
    report: Reporter = SILENT,
) -> Generator[tuple[int, Image | UnreadableImageError], None, None]:
    """Yield the position of every image, and the image or why it cannot be decoded.

    They come in order, except that images of one group (`Dataset.group`) stay together.

    Args:
        where, ids: columns of an index.
        processes: how many decode at a time, at most (None: as many as there are usable cores).
            Images that are in memory already are decoded in this process.
        report: told the progress.

    Raises:
        OSError: a process was killed.
    """
    pieces = list(_pieces([dataset.group(name) for name in where]))
    names = [[(where[position], ids[position]) for position in piece] for piece in pieces]
    decoded = map_in_processes(
        partial(_decode, dataset, form),
        names,
        f"{dataset.name}: reading {len(where)} images",
        processes=1 if dataset.in_memory or len(where) < _FEW else processes,
        report=report,
    )
    for piece, images in zip(pieces, decoded, strict=True):
        yield from zip(piece, images, strict=True)


def _pieces(groups: list[str]) -> Iterator[list[int]]:
    """Positions in pieces of about _TOGETHER; a group is never divided."""
    by_group: dict[str, list[int]] = {}
    for position, group in enumerate(groups):
        by_group.setdefault(group, []).append(position)
    piece: list[int] = []
    for positions in by_group.values():
        piece += positions
        if len(piece) >= _TOGETHER:
            yield piece
            piece = []
    if piece:
        yield piece


def _decode(dataset: Dataset, form: Form, names: list[tuple[str, str]]) -> list:
    """Images in the order of their names."""
    return [_decode_one(dataset, form, where, identity) for where, identity in names]


def _decode_one(
    dataset: Dataset, form: Form, where: str, identity: str
) -> Image | UnreadableImageError:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            pixels = dataset.read(where)
            made = standardize(pixels, form.size, form.channels, form.scaling)
        except UnreadableImageError as error:
            return error
        except ValueError as error:
            # Readers name the file; what is wrong with the pixels does not.
            return UnreadableImageError(f"{identity}: {error}")
    remarks = {str(one.message): None for one in caught if issubclass(one.category, ImageRemark)}
    return Image(made, pixels.ndim == 3 and pixels.shape[2] == 3, tuple(remarks))
