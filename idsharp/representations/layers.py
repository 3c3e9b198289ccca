"""The layers of a network at which representations are measured, and their depth.

Blocks are those that the networks' papers name. They include all layers that Ansuini et al. (2019)
and the released code of Konz & Mazurowski (2024) measure:

* ResNet: `stem` (up to the first pooling), every residual block `layer1.0` … `layer4.2`;
* VGG: `pool1` … `pool5`, each the end of a stage of convolutions, and `fc1`;
* SqueezeNet: `stem`, every fire module `fire2` … `fire9`;
* DenseNet: `stem`, every dense block and transition, `dense1`, `transition1` … `dense4`.

They are preceded by `input`, the images, and followed by `penultimate` and `logits`. As in Ansuini
et al., depth is the number of convolutions and fully connected layers passed, where the global
average counts as one layer. It is given as a share of the total, 0 for the input and 1 for the
logits. Other families of networks are refused (`models.names.check_blocks`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from idsharp.models.names import check_blocks

#: Which layers a study can measure.
CHOICES = ("penultimate", "blocks")

#: Name of the representation that the papers measure, and that every network has.
PENULTIMATE = "penultimate"

# Name, module, and number of layers that it adds to the depth.
_Block = tuple[str, str, int]


@dataclass(frozen=True)
class Layer:
    """A place in a network.

    Attributes:
        name: as listed in the module's docstring.
        depth: share of the network's depth, from 0 (images) to 1 (logits); None where only the
            penultimate layer is measured.
        module: dotted name of the submodule, "" for the whole network; None for the images.
        takes_input: the activations are the module's input, averaged over its pixels, instead of
            its output.
    """

    name: str
    depth: float | None
    module: str | None
    takes_input: bool = False


def penultimate_of(network: nn.Module, name: str) -> Layer:
    """The penultimate layer of a torchvision network.

    VGG and AlexNet: the output of the second-last fully connected layer, before its ReLU. Every
    other network: the input of its last linear layer or convolution, which for ResNet, DenseNet
    and SqueezeNet are the pooled features.
    """
    weighted = [
        key for key, module in network.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)
    ]
    if not name.startswith(("vgg", "alexnet")):
        return Layer(PENULTIMATE, None, weighted[-1], takes_input=True)
    # The ReLU behind it works in place, so its input is taken, not the linear layer's output.
    block, _, number = weighted[-2].rpartition(".")
    return Layer(PENULTIMATE, None, f"{block}.{int(number) + 1}", takes_input=True)


def layers_of(network: nn.Module, name: str) -> list[Layer]:
    """Every measured layer of a torchvision network, from `input` to `logits`.

    Raises:
        ValueError: the network does not belong to one of the four families.
    """
    check_blocks(name)
    blocks = next(find for start, find in _FAMILIES.items() if start in name)
    layers, passed = [Layer("input", 0, None)], [0]
    for block, module, weights in blocks(network):
        layers.append(Layer(block, None, module))
        passed.append(passed[-1] + weights)
    # Either adds one layer: VGGs end in a fully connected layer here, the others in an average.
    layers += [penultimate_of(network, name), Layer("logits", None, "")]
    passed += [passed[-1] + 1, passed[-1] + 2]
    return [
        replace(layer, depth=above / passed[-1])
        for layer, above in zip(layers, passed, strict=True)
    ]


# Torch types the parts of these networks as tensors or modules; they are sequences of modules.
def _resnet(network: Any) -> Iterator[_Block]:
    yield "stem", "maxpool", 1
    for stage in ("layer1", "layer2", "layer3", "layer4"):
        for number, block in enumerate(network.get_submodule(stage)):
            # The convolution of a shortcut is inside a module of its own and is not counted.
            yield f"{stage}.{number}", f"{stage}.{number}", _convolutions(block.children())


def _vgg(network: Any) -> Iterator[_Block]:
    stage = start = 0
    for number, module in enumerate(network.features):
        if isinstance(module, nn.MaxPool2d):
            stage += 1
            yield (
                f"pool{stage}",
                f"features.{number}",
                _convolutions(network.features[start:number]),
            )
            start = number
    yield "fc1", "classifier.0", 1


def _squeezenet(network: Any) -> Iterator[_Block]:
    # The paper numbers the first convolution 1.
    fires, stem = 1, False
    for number, module in enumerate(network.features):
        if isinstance(module, nn.MaxPool2d) and not stem:
            stem = True
            yield "stem", f"features.{number}", 1
        elif not isinstance(module, nn.Conv2d | nn.ReLU | nn.MaxPool2d):
            fires += 1
            # A squeezing convolution, then two parallel expanding ones.
            yield f"fire{fires}", f"features.{number}", 2


def _densenet(network: Any) -> Iterator[_Block]:
    yield "stem", "features.pool0", 1
    for name, module in network.features.named_children():
        number = name[-1]
        if name.startswith("denseblock"):
            # Each layer of the block has a bottleneck convolution and a growing one.
            yield f"dense{number}", f"features.{name}", 2 * len(module)
        elif name.startswith("transition"):
            yield f"transition{number}", f"features.{name}", 1


def _convolutions(modules) -> int:
    return sum(isinstance(module, nn.Conv2d) for module in modules)


_FAMILIES = {
    "resne": _resnet,  # ResNeXts and wide ResNets too
    "vgg": _vgg,
    "squeezenet": _squeezenet,
    "densenet": _densenet,
}
