"""Activations of a network, layer by layer, in temporary files that are read by columns."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import nn

from idsharp.models.build import ScaledModel
from idsharp.models.inference import as_input
from idsharp.representations.layers import Layer
from idsharp.representations.point_file import PointFile

#: Bytes of activations on disk at a time; a single layer may need more.
DISK = 8_000_000_000
# Pixels per batch: the largest activations of the largest network then take about 130 MB.
_PIXELS = 500_000


def stored_activations(
    model: ScaledModel,
    images: np.ndarray,
    layers: list[Layer],
    device: torch.device,
    disk: int = DISK,
) -> Iterator[tuple[Layer, PointFile]]:
    """Yield each layer with its activations of all images, in eval mode.

    One pass over the images writes as many layers as fit in `disk` bytes, and at least one. The
    files are unnamed, in the folder for temporary files (TMPDIR), and vanish when the last layer of
    their pass has been used or the process ends for any reason.

    Args:
        images: n×C×H×W uint8.
        layers: any layers except the images themselves.
        disk: bytes of activations on disk at a time.

    Raises:
        OSError: too little room for temporary files.
        ValueError: a layer is called more than once in a forward pass.
    """
    model.to(device).eval()
    widths: dict[str, int] = {}
    _run(model, images[:1], layers, device, lambda at, x: widths.update({at: x.shape[1]}))
    for group in _groups(layers, widths, len(images), disk):
        _check_room(sum(widths[layer.name] for layer in group) * len(images) * 4)
        with ExitStack() as stack:
            files: dict[str, PointFile] = {}
            for layer in group:
                file = stack.enter_context(tempfile.TemporaryFile(prefix="idsharp-"))
                files[layer.name] = PointFile(file, len(images), widths[layer.name])

            def keep(at: str, x: np.ndarray, files: dict[str, PointFile] = files) -> None:
                files[at].append(x)

            _run(model, images, group, device, keep)
            yield from ((layer, files[layer.name]) for layer in group)


@contextmanager
def watched(
    network: nn.Module, layers: list[Layer], take: Callable[[Layer, torch.Tensor], None]
) -> Iterator[None]:
    """Within the block, calling the network passes the activations of each layer to `take`.

    They are valid only during the call of `take`, since later layers may work in place.
    """
    with ExitStack() as stack:
        for layer in layers:
            if layer.module is None:
                raise ValueError(f"{layer.name} are no activations of a network")
            module = network.get_submodule(layer.module)
            if layer.takes_input:
                handle = module.register_forward_pre_hook(
                    lambda _module, inputs, at=layer: take(at, _averaged(inputs[0]))
                )
            else:
                handle = module.register_forward_hook(
                    lambda _module, _inputs, output, at=layer: take(at, output)
                )
            stack.callback(handle.remove)
        yield


def _averaged(features: torch.Tensor) -> torch.Tensor:
    """Feature maps (n×C×H×W) averaged over their pixels; vectors unchanged."""
    return features.mean(dim=(2, 3)) if features.dim() == 4 else features


def _run(
    model: ScaledModel,
    images: np.ndarray,
    layers: list[Layer],
    device: torch.device,
    keep: Callable[[str, np.ndarray], None],
) -> None:
    """Pass every layer's name and activations (m×p float32) to `keep`, batch by batch."""
    batch = min(len(images), max(1, _PIXELS // (images.shape[2] * images.shape[3])))
    start = 0
    calls: Counter[str] = Counter()

    def take(layer: Layer, values: torch.Tensor) -> None:
        calls[layer.name] += 1
        if calls[layer.name] > 1:
            raise ValueError(f"layer {layer.name} is called more than once in a forward pass")
        values = values[: len(images) - start].detach()
        keep(layer.name, values.flatten(1).float().cpu().numpy())

    with watched(model.network, layers, take), torch.no_grad():
        for start in range(0, len(images), batch):
            calls.clear()
            # Only full batches, so that identical images have identical activations: a batch of a
            # different size may be summed in a different order.
            rows = np.minimum(np.arange(start, start + batch), len(images) - 1)
            model(as_input(torch.from_numpy(np.asarray(images[rows])).to(device)))


def _groups(
    layers: list[Layer], widths: dict[str, int], n: int, disk: int
) -> Iterator[list[Layer]]:
    """Consecutive layers, grouped so that the activations of a group fit in `disk` bytes."""
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
