"""Networks from scratch, for 1 or 3 channels, taking images in [0, 1].

The nine of the papers, and every other classification model of torchvision by its name.
"""

import torch
from torch import nn

from idsharp.models._torchvision import torchvision
from idsharp.models.names import check_image_size, check_model

# He's initialisation of a first convolution by fan in: torchvision's own for these, and torch's
# default; the others take fan out (He et al. 2015) or a fixed width, which depends on no channels.
_FAN_IN = ("alexnet", "densenet", "shufflenet", "squeezenet", "vit")


class ScaledModel(nn.Module):
    """A network behind a fixed scaling, so that attacks work on images in [0, 1].

    The papers feed intensities of [0, 255] without further normalisation: `scale` = 255.
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
    """A classification model of torchvision with random weights that depend on `seed` alone.

    GoogLeNet and Inception come without their auxiliary classifiers: one loss trains all networks.

    Args:
        channels: 1 or 3 input channels.
        outputs: size of the head: the number of classes, or 1000 as in the papers' released code.
        image_size: pixels on a side; vision transformers and MaxViT are built for it.

    Raises:
        ValueError: unknown name, or images that the network cannot take.
    """
    check_model(name)
    check_image_size(name, image_size)
    options = {"weights": None, "num_classes": outputs}
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
    return ScaledModel(network, input_scale)


def _set_input_channels(network: nn.Module, channels: int, mode: str) -> None:
    """Replace the first convolution by one for another number of channels, freshly initialised."""
    name, first = next(
        (name, module) for name, module in network.named_modules() if isinstance(module, nn.Conv2d)
    )
    if first.in_channels == channels:
        return
    convolution = nn.Conv2d(
        channels,
        first.out_channels,
        first.kernel_size,
        first.stride,
        first.padding,
        bias=first.bias is not None,
    )
    nn.init.kaiming_normal_(convolution.weight, mode=mode, nonlinearity="relu")
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    network.set_submodule(name, convolution)
