"""The networks of both papers, from scratch, for 1 or 3 channels, taking images in [0, 1]."""

from contextlib import contextmanager

import torch
from torch import nn

from idsharp._torchvision import torchvision

#: The nine networks, and for each family the module whose input is the penultimate representation:
#: the globally pooled features (ResNet, DenseNet, SqueezeNet), or the output of the second-last
#: fully connected layer (VGG; module 4 is the ReLU behind it).
_FAMILIES = {
    "resnet": (("resnet18", "resnet34", "resnet50"), "fc"),
    "vgg": (("vgg13", "vgg16", "vgg19"), "classifier.4"),
    "squeezenet": (("squeezenet1_1",), "classifier"),
    "densenet": (("densenet121", "densenet169"), "classifier"),
}
MODELS = {model: layer for models, layer in _FAMILIES.values() for model in models}


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
    name: str, channels: int, outputs: int, seed: int, input_scale: float = 255.0
) -> ScaledModel:
    """One of MODELS with random weights that depend on `seed` alone.

    Args:
        channels: 1 or 3 input channels.
        outputs: size of the head: the number of classes, or 1000 as in the papers' released code.

    Raises:
        ValueError: unknown name.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; allowed are {', '.join(MODELS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = torchvision.models.get_model(name, weights=None, num_classes=outputs)
        _set_input_channels(network, channels)
    return ScaledModel(network, input_scale)


def _set_input_channels(network: nn.Module, channels: int) -> None:
    """Replace the first convolution by one for another number of channels, freshly initialised."""
    name, first = next(
        (name, module) for name, module in network.named_modules() if isinstance(module, nn.Conv2d)
    )
    if first.in_channels == channels:
        return
    parent = network.get_submodule(name.rpartition(".")[0])
    convolution = nn.Conv2d(
        channels,
        first.out_channels,
        first.kernel_size,
        first.stride,
        first.padding,
        bias=first.bias is not None,
    )
    # The networks' own initialisation: He, fan out, where they set one.
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    setattr(parent, name.rpartition(".")[2], convolution)


def save_checkpoint(model: ScaledModel, path) -> None:
    """Write the weights alone; `load_checkpoint` reads them without running any pickled code."""
    torch.save(model.network.state_dict(), path)


def load_checkpoint(model: ScaledModel, path) -> ScaledModel:
    """Load weights written by `save_checkpoint` into a model of the same shape, in eval mode."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.network.load_state_dict(state)
    return model.eval()


@contextmanager
def penultimate(model: ScaledModel, name: str):
    """Within the block, calling the model fills the yielded list with N×p activations a batch."""
    collected: list[torch.Tensor] = []

    def keep(module: nn.Module, inputs: tuple) -> None:
        features = inputs[0]
        if features.dim() == 4:
            features = features.mean(dim=(2, 3))
        # Cloned: the ReLUs behind it work in place.
        collected.append(features.detach().clone())

    handle = model.network.get_submodule(MODELS[name]).register_forward_pre_hook(keep)
    try:
        yield collected
    finally:
        handle.remove()
