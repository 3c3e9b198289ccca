"""What a network makes of images, layer by layer, in temporary files that are read by columns."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import BinaryIO

import numpy as np
import torch

from idsharp.common.duplicates import Duplicates, digest_of, group_by_digest
from idsharp.models.build import ScaledModel, penultimate
from idsharp.properties.neighbors.out_of_core import columns_at_once
from idsharp.representations.layers import Layer
from idsharp.training.loop import as_input

#: Bytes of activations that are on disk at a time; a single layer may need more.
DISK = 8_000_000_000
# Pixels of a batch: the largest activations of the largest network then take about 130 MB.
_PIXELS = 500_000


class PointFile:
    """n points of `width` float32 values in a file, a block of columns after the other.

    Points are added in order, a few at a time, and read a block of columns of all points at a
    time, both in long runs. Reading and writing take the memory of one block.

    Attributes:
        finite: whether all values are.
    """

    def __init__(self, file: BinaryIO, n: int, width: int):
        self.file, self.n, self.width = file, n, width
        self.finite = True
        self._digests: list[bytes] = []

    def append(self, points: np.ndarray) -> None:
        """Add m×width values."""
        # −0 becomes 0: both are one place, and must be one pattern of bytes.
        points = np.asarray(points, dtype=np.float32) + np.float32(0)
        self.finite &= bool(np.isfinite(points).all())
        done = len(self._digests)
        for columns in self._blocks():
            block = np.ascontiguousarray(points[:, columns])
            self.file.seek(4 * (columns.start * self.n + done * block.shape[1]))
            self.file.write(block)
        self._digests += map(digest_of, points)

    def parts(self, rows: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """All points, or some, as arrays of consecutive columns."""
        everything = rows is None or len(rows) == self.n
        # Without a name here, so that a block is gone when its reader has done with it.
        yield from (
            self._read(columns) if everything else self._read(columns)[rows]
            for columns in self._blocks()
        )

    def duplicates(self) -> Duplicates:
        """Groups of identical points."""
        return group_by_digest(self._digests)

    def _read(self, columns: slice) -> np.ndarray:
        block = np.empty((self.n, columns.stop - columns.start), dtype=np.float32)
        self.file.seek(4 * columns.start * self.n)
        if self.file.readinto(memoryview(block).cast("B")) != block.nbytes:
            raise OSError(f"a temporary file of {self.n} points ended before the last of them")
        return block

    def _blocks(self) -> Iterator[slice]:
        step = columns_at_once(self.n)
        for start in range(0, self.width, step):
            yield slice(start, min(start + step, self.width))


def stored_activations(
    model: ScaledModel,
    name: str,
    images: np.ndarray,
    layers: list[Layer],
    device: torch.device,
    disk: int = DISK,
) -> Iterator[tuple[Layer, PointFile]]:
    """Each layer's activations of all images, in eval mode, one layer after the other.

    Those of as many layers as fit in `disk` bytes, at least one, are written in one pass over the
    images. Files lie in the folder for temporary files (TMPDIR), have no name there, and are gone
    when the last layer of their pass was taken or the process ended in any way.

    Args:
        name: of the model, which says where its penultimate layer is.
        images: n×C×H×W uint8.
        layers: any but the images themselves.

    Raises:
        OSError: too little room for temporary files.
    """
    model.to(device).eval()
    widths = _widths(model, name, images[:1], layers, device)
    for group in _groups(layers, widths, len(images), disk):
        _check_room(sum(widths[layer.name] for layer in group) * len(images) * 4)
        with ExitStack() as stack:
            files = {}
            for layer in group:
                file = stack.enter_context(tempfile.TemporaryFile(prefix="idsharp-"))
                files[layer.name] = PointFile(file, len(images), widths[layer.name])
            _run(model, name, images, group, device, partial(_append, files))
            yield from ((layer, files[layer.name]) for layer in group)


def _append(files: dict[str, PointFile], name: str, values: np.ndarray) -> None:
    files[name].append(values)


def _run(
    model: ScaledModel,
    name: str,
    images: np.ndarray,
    layers: list[Layer],
    device: torch.device,
    keep: Callable[[str, np.ndarray], None],
) -> None:
    """Give `keep` the name and the activations (m×p float32) of every layer for every batch."""
    batch = min(len(images), max(1, _PIXELS // (images.shape[2] * images.shape[3])))
    start = 0

    def take(layer: Layer, values: torch.Tensor) -> None:
        values = values[: len(images) - start].detach()
        keep(layer.name, values.flatten(1).float().cpu().numpy())

    with _watched(model, layers, take), penultimate(model, name) as features, torch.no_grad():
        for start in range(0, len(images), batch):
            # Full batches alone, so that identical images give identical activations: a batch of
            # another size may be computed in another order.
            rows = np.minimum(np.arange(start, start + batch), len(images) - 1)
            model(as_input(torch.from_numpy(np.asarray(images[rows])).to(device)))
            for layer in layers:
                if layer.module is None:
                    take(layer, features[0])
            features.clear()


@contextmanager
def _watched(
    model: ScaledModel, layers: list[Layer], take: Callable[[Layer, torch.Tensor], None]
) -> Iterator[None]:
    """Within the block, calling the model gives `take` the output of the layers' modules.

    At once, not at the end: what comes behind a layer may work in place.
    """
    with ExitStack() as stack:
        for layer in layers:
            if layer.module is None:
                continue
            module = model.network.get_submodule(layer.module)
            handle = module.register_forward_hook(lambda _m, _i, out, at=layer: take(at, out))
            stack.callback(handle.remove)
        yield


def _widths(
    model: ScaledModel, name: str, images: np.ndarray, layers: list[Layer], device: torch.device
) -> dict[str, int]:
    """Values an image at each layer."""
    widths: dict[str, int] = {}
    _run(model, name, images, layers, device, lambda at, x: widths.update({at: x.shape[1]}))
    return widths


def _groups(
    layers: list[Layer], widths: dict[str, int], n: int, disk: int
) -> Iterator[list[Layer]]:
    """Layers in order, together as long as their activations fit in `disk` bytes."""
    group: list[Layer] = []
    used = 0
    for layer in layers:
        size = 4 * n * widths[layer.name]
        if group and used + size > disk:
            yield group
            group, used = [], 0
        group.append(layer)
        used += size
    if group:
        yield group


def _check_room(needed: int) -> None:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(
            f"{folder} has {free / 1e9:.1f} GB free, and the activations of a layer take "
            f"{needed / 1e9:.1f} GB: set TMPDIR to a folder with more room"
        )
