"""Networks with random weights, for 1 or 3 channels, that take images in [0, 1].

The nine of the papers, and every other classification model of torchvision by name.
"""

from typing import Literal

import torch
from torch import nn

from idsharp.models._torchvision import torchvision
from idsharp.models.names import check_image_size, check_model
from idsharp.models.small_maps import use_matrix_products

# Families whose first convolution torchvision initializes by fan in (He et al. 2015). The others
# use fan out or a fixed width, neither of which depends on the number of channels.
_FAN_IN = ("alexnet", "densenet", "shufflenet", "squeezenet", "vit")


class ScaledModel(nn.Module):
    """A network behind a fixed scaling, so that attacks work on images in [0, 1].

    The papers feed intensities in [0, 255] without further normalization: `scale` = 255.
    """

    def __init__(self, network: nn.Module, scale: float):
        super().__init__()
        self.network = network
        self.scale = scale

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N×outputs) of images (N×C×H×W, float in [0, 1])."""
        return self.network(images * self.scale)


def build_model(
    name: str,
    channels: int,
    outputs: int,
    seed: int,
    input_scale: float = 255.0,
    image_size: int = 224,
) -> ScaledModel:
    """A classification model of torchvision with random weights that depend only on `seed`.

    GoogLeNet and Inception come without their auxiliary classifiers: the same loss trains all
    networks.

    Args:
        channels: 1 or 3 input channels.
        outputs: size of the head: the number of classes, or 1000 as in the papers' released code.
        input_scale: factor on images in [0, 1] before the first layer.
        image_size: pixels per side; vision transformers and MaxViT are built for one size.

    Raises:
        ValueError: unknown name, or an image size that the network cannot take.
    """
    check_model(name)
    check_image_size(name, image_size)
    options: dict = {"weights": None, "num_classes": outputs}
    if name in ("googlenet", "inception_v3"):
        options |= {"aux_logits": False, "init_weights": True}
    elif name.startswith("vit"):
        options["image_size"] = image_size
    elif name == "maxvit_t":
        options["input_size"] = (image_size, image_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = torchvision.models.get_model(name, **options)
        _set_input_channels(network, channels, "fan_in" if name.startswith(_FAN_IN) else "fan_out")
    use_matrix_products(network)
    return ScaledModel(network, input_scale)


def _set_input_channels(
    network: nn.Module, channels: int, mode: Literal["fan_in", "fan_out"]
) -> None:
    """Replace the first convolution by a newly initialized one for this number of channels."""
    name, first = next(
        (name, module) for name, module in network.named_modules() if isinstance(module, nn.Conv2d)
    )
    if first.in_channels == channels:
        return
    shape: dict = {part: getattr(first, part) for part in ("kernel_size", "stride", "padding")}
    convolution = nn.Conv2d(channels, first.out_channels, bias=first.bias is not None, **shape)
    nn.init.kaiming_normal_(convolution.weight, mode=mode, nonlinearity="relu")
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    network.set_submodule(name, convolution)
