"""The layers of a network at which representations are measured, and how deep they lie.

Blocks are those that the networks' papers name, and include all layers that Ansuini et al. (2019)
and the released code of Konz & Mazurowski (2024) look at:

* ResNet: `stem` (up to the first pooling), every residual block `layer1.0` … `layer4.2`;
* VGG: `pool1` … `pool5`, each the end of a stage of convolutions, and `fc1`;
* SqueezeNet: `stem`, every fire module `fire2` … `fire9`;
* DenseNet: `stem`, every dense block and transition, `dense1`, `transition1` … `dense4`.

Before them comes `input`, the images; after them `penultimate` (`penultimate_layer` in
`models.build`) and `logits`. Depth counts convolutions and fully connected layers on the way, and
the global average as one, as Ansuini et al. do; it is given as the share of the whole, 0 for the
input and 1 for the logits. Other families are refused (`model_names.check_blocks`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from idsharp.models.names import check_blocks

#: Which layers a study can measure.
CHOICES = ("penultimate", "blocks")

# Name, module, and how many layers deeper.
_Block = tuple[str, str, int]


@dataclass(frozen=True)
class Layer:
    """A place in a network.

    Attributes:
        name: as listed above.
        depth: share of the network's depth, from 0 (images) to 1 (logits); None where the
            network's blocks were not asked for.
        module: the part of the network whose output it is, as in `get_submodule`; "" is the whole
            network. None for the images and for the penultimate layer, an input of its head.
    """

    name: str
    depth: float | None
    module: str | None


#: The representation that the papers measure, of any network that has one.
PENULTIMATE = Layer("penultimate", None, None)


def layers_of(network: nn.Module, name: str) -> list[Layer]:
    """Every layer that is measured of a torchvision network, from `input` to `logits`.

    Raises:
        ValueError: a network of another family than the four above.
    """
    check_blocks(name)
    blocks = next(find for start, find in _FAMILIES.items() if start in name)
    # Of VGGs the penultimate layer is a fully connected one, of the others an average.
    steps = [*blocks(network), ("penultimate", None, 1), ("logits", "", 1)]
    total = sum(weights for _, _, weights in steps)
    layers, passed = [Layer("input", 0.0, None)], 0
    for name, module, weights in steps:
        passed += weights
        layers.append(Layer(name, passed / total, module))
    return layers


def _resnet(network: nn.Module) -> Iterator[_Block]:
    yield "stem", "maxpool", 1
    for stage in ("layer1", "layer2", "layer3", "layer4"):
        for number, block in enumerate(network.get_submodule(stage)):
            # Without the convolution of the shortcut, which lies in a module of its own.
            yield f"{stage}.{number}", f"{stage}.{number}", _convolutions(block.children())


def _vgg(network: nn.Module) -> Iterator[_Block]:
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


def _squeezenet(network: nn.Module) -> Iterator[_Block]:
    # The paper numbers the first convolution 1.
    fires, stem = 1, False
    for number, module in enumerate(network.features):
        if isinstance(module, nn.MaxPool2d) and not stem:
            stem = True
            yield "stem", f"features.{number}", 1
        elif not isinstance(module, nn.Conv2d | nn.ReLU | nn.MaxPool2d):
            fires += 1
            # A squeezing convolution, and two expanding ones side by side.
            yield f"fire{fires}", f"features.{number}", 2


def _densenet(network: nn.Module) -> Iterator[_Block]:
    yield "stem", "features.pool0", 1
    for name, module in network.features.named_children():
        number = name[-1]
        if name.startswith("denseblock"):
            # A narrowing and a growing convolution in each layer of the block.
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
