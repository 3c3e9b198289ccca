"""The decoder of the pipeline and of `idsharp measure`: images as 8-bit arrays, in processes."""

import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np

from idsharp.datasets import Dataset
from idsharp.datasets.errors import ImageRemark, UnreadableImageError
from idsharp.tasks.images import standardize

# Images to a piece of work: few enough to spread, enough that handing them over costs nothing.
_TOGETHER = 16
# Fewer images than this are not worth starting processes for.
_FEW = 64
# Pieces under way for each process, so that decoded images do not pile up.
_AHEAD = 4


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


class Decoder:
    """Decodes images of one dataset into one form; closes its processes at the end.

    Args:
        processes: how many decode at a time; 1 decodes in this process, as do datasets whose
            images are in memory already.
    """

    def __init__(self, dataset: Dataset, form: Form, processes: int = 1):
        self.dataset, self.form = dataset, form
        self.processes = 1 if dataset.in_memory else processes
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, *error) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def images(
        self, where: Sequence[str], ids: Sequence[str]
    ) -> Iterator[tuple[int, Image | UnreadableImageError]]:
        """The position of every image, and the image or why it cannot be decoded.

        They come in order, except that images of one group (`Dataset.group`) stay together.

        Args:
            where, ids: columns of an index.

        Raises:
            OSError: a process was killed.
        """
        pieces = list(_pieces([self.dataset.group(name) for name in where]))
        names = ([(where[position], ids[position]) for position in piece] for piece in pieces)
        if self.processes == 1 or len(where) < _FEW:
            decoded = (_decode(self.dataset, self.form, part) for part in names)
        else:
            decoded = self._in_processes(names)
        for piece, images in zip(pieces, decoded, strict=True):
            yield from zip(piece, images, strict=True)

    def _in_processes(self, parts: Iterator[list[tuple]]) -> Iterator[list]:
        if self._pool is None:
            options = self.dataset, self.form
            self._pool = ProcessPoolExecutor(self.processes, initializer=_keep, initargs=options)
        waiting: deque[Future] = deque()
        try:
            for part in parts:
                waiting.append(self._pool.submit(_decode_kept, part))
                if len(waiting) == _AHEAD * self.processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise OSError(
                f"one of {self.processes} processes that decode images of {self.dataset.name} was "
                "killed (out of memory?); lower reading_processes"
            ) from error
        finally:
            for future in waiting:
                future.cancel()


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


# What a process decodes from, set once when it starts.
_kept: tuple | None = None


def _keep(*options) -> None:
    global _kept
    _kept = options


def _decode_kept(names: list[tuple[str, str]]) -> list:
    return _decode(*_kept, names)
