"""Convolutions of small maps as matrix products, which a CPU computes in a fraction of the time.

The last stage of ResNet-18 has 512×512×3×3 weights and, for images of 64×64 pixels, maps of 2×2.
oneDNN, which torch uses for convolutions on CPUs, then spends its time on bringing weights and
their gradients from one order in memory into another, not on arithmetic. A product of the maps'
patches with the weights reads them as they lie (channels last). The results are those of torch up
to rounding.
`benchmarks/convolutions.py` measures what it buys.
"""

import torch
from torch import nn
from torch.autograd.function import once_differentiable

# Products pay where many weights meet few patches: with more patches oneDNN is as fast, with fewer
# weights there is nothing to gain (benchmarks/convolutions.md).
_MOST_PATCHES = 640
_FEWEST_WEIGHTS = 2**18


class Conv2d(nn.Conv2d):
    """torch's Conv2d; on a CPU, by matrix products where that is faster."""

    def _conv_forward(
        self, maps: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        if maps.device.type != "cpu" or not self._pays(maps):
            return super()._conv_forward(maps, weight, bias)
        if torch.is_autocast_enabled("cpu"):
            kind = torch.get_autocast_dtype("cpu")
            maps, weight = maps.to(kind), weight.to(kind)
            bias = None if bias is None else bias.to(kind)
        # Shaped out here, as autograd lets nobody change a view in place that a function returns.
        product = _Convolution.apply(maps, weight, bias, self.stride, self.padding)
        size = _size(maps.shape, weight, self.stride, self.padding)
        return product.view(len(maps), *size, -1).permute(0, 3, 1, 2)

    def _pays(self, maps: torch.Tensor) -> bool:
        n, (height, width) = len(maps), maps.shape[-2:]
        patches = n * (height // self.stride[0]) * (width // self.stride[1])
        return patches <= _MOST_PATCHES and self.weight.numel() >= _FEWEST_WEIGHTS


def use_matrix_products(model: nn.Module) -> None:
    """Let a network's plain convolutions be matrix products where these are faster.

    Modules and parameters keep their names, so that a state of the one is a state of the other.
    """
    for module in model.modules():
        if type(module) is nn.Conv2d and _plain(module):
            module.__class__ = Conv2d


def _plain(module: nn.Conv2d) -> bool:
    return (
        module.groups == 1
        and module.dilation == (1, 1)
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
    )


class _Convolution(torch.autograd.Function):
    """y = patches·Wᵀ, and its gradients."""

    @staticmethod
    def forward(context, maps, weight, bias, stride, padding):
        patches = _patches(maps, weight, stride, padding)
        context.save_for_backward(patches, weight)
        context.geometry = maps.shape, stride, padding
        product = patches @ _flat(weight).T
        return product if bias is None else product.add_(bias)

    @staticmethod
    @once_differentiable
    def backward(context, gradient):
        patches, weight = context.saved_tensors
        of_maps = of_weight = of_bias = None
        if context.needs_input_grad[0]:
            of_maps = _sum_patches(gradient @ _flat(weight), weight, *context.geometry)
        if context.needs_input_grad[1]:
            n, channels, height, width = weight.shape
            product = gradient.T @ patches
            of_weight = product.view(n, height, width, channels).permute(0, 3, 1, 2)
        if context.needs_input_grad[2]:
            of_bias = gradient.sum(dim=0)
        return of_maps, of_weight, of_bias, None, None


def _flat(weight: torch.Tensor) -> torch.Tensor:
    """outputs×(height·width·inputs); a view where weights are in channels-last order."""
    return weight.permute(0, 2, 3, 1).reshape(len(weight), -1)


def _size(shape, weight, stride, padding) -> list[int]:
    """Rows and columns of the output for maps of this shape."""
    return [(shape[2 + i] + 2 * padding[i] - weight.shape[2 + i]) // stride[i] + 1 for i in (0, 1)]


def _patches(maps, weight, stride, padding) -> torch.Tensor:
    """(N·rows·columns)×(height·width·channels) patches that the kernel lies on."""
    (height, width), (above, left) = weight.shape[2:], padding
    padded = nn.functional.pad(maps.permute(0, 2, 3, 1), (0, 0, left, left, above, above))
    windows = padded.unfold(1, height, stride[0]).unfold(2, width, stride[1])
    return windows.permute(0, 1, 2, 4, 5, 3).reshape(-1, height * width * maps.shape[1])


def _sum_patches(patches, weight, shape, stride, padding) -> torch.Tensor:
    """N×C×H×W sums, at each position, of the patches that cover it."""
    (n, channels, rows, columns), (above, left) = shape, padding
    height, width = weight.shape[2:]
    # Summed in float32, as oneDNN does, whatever the patches are.
    padded = patches.new_zeros(
        (n, rows + 2 * above, columns + 2 * left, channels), dtype=torch.float32
    )
    down, right = _size(shape, weight, stride, padding)
    patches = patches.view(n, down, right, height, width, channels)
    for i in range(height):
        for j in range(width):
            to = (
                slice(i, i + stride[0] * down, stride[0]),
                slice(j, j + stride[1] * right, stride[1]),
            )
            padded[:, *to] += patches[:, :, :, i, j]
    inner = padded[:, above : above + rows, left : left + columns]
    return inner.to(patches.dtype).permute(0, 3, 1, 2)
