"""Pooling that a GPU computes the same way every time.

On a GPU, the gradient of torch's adaptive average pooling is summed in no fixed order, and raises
an error if deterministic algorithms are required (PyTorch's documentation of
`use_deterministic_algorithms`). VGG and AlexNet pool this way before their first fully connected
layer; networks that pool to a single value use another operation. Not yet measured on a GPU.
"""

from typing import Any

import torch
from torch import nn


class AveragePool(nn.Module):
    """Adaptive average pooling by two matrix products; equal to torch's up to rounding."""

    def __init__(self, size: tuple[int, int]):
        super().__init__()
        self.size = size

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """N×C×rows×columns averages of N×C×H×W maps."""
        if maps.shape[-2:] == self.size:
            return maps
        with torch.autocast(maps.device.type, enabled=False):
            rows = averages(maps.shape[-2], self.size[0], maps.device)
            columns = averages(maps.shape[-1], self.size[1], maps.device)
            return (rows @ maps.float() @ columns.T).to(maps.dtype)


def averages(n: int, parts: int, device: torch.device | str = "cpu") -> torch.Tensor:
    """The parts×n matrix that averages n values over `parts` windows, as adaptive pooling does.

    Window i reaches from ⌊i·n/parts⌋ to ⌈(i+1)·n/parts⌉, the end excluded.
    """
    window = torch.arange(parts, device=device)[:, None]
    position = torch.arange(n, device=device)
    start, end = window * n // parts, -(-(window + 1) * n // parts)
    return ((position >= start) & (position < end)) / (end - start).float()


def replace_pooling(model: nn.Module) -> None:
    """Replace every adaptive average pooling to more than one value by an AveragePool."""
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size not in (1, (1, 1)):
            size: Any = module.output_size
            pair = (size, size) if isinstance(size, int) else tuple(size)
            model.set_submodule(name, AveragePool(pair))
