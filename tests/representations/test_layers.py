"""Which layers are measured of each network, how deep they lie, and that those are taken."""

import re

import numpy as np
import pytest
import torch

from idsharp.models.build import build_model
from idsharp.models.names import MODELS, PAPERS, check_blocks
from idsharp.representations.activations import watched
from idsharp.representations.layers import layers_of, penultimate_of


def stages(*blocks):
    return [f"layer{i}.{j}" for i, n in enumerate(blocks, 1) for j in range(n)]


POOLS = [*(f"pool{i}" for i in range(1, 6)), "fc1"]
DENSE = ["stem", *(f"{kind}{i}" for i in range(1, 5) for kind in ("dense", "transition"))][:-1]
BLOCKS = {
    "resnet18": ["stem", *stages(2, 2, 2, 2)],
    "resnet34": ["stem", *stages(3, 4, 6, 3)],
    "resnet50": ["stem", *stages(3, 4, 6, 3)],
    "vgg13": POOLS, "vgg16": POOLS, "vgg19": POOLS,
    "squeezenet1_1": ["stem", *(f"fire{i}" for i in range(2, 10))],
    "densenet121": DENSE, "densenet169": DENSE,
}  # fmt: skip
# Values an image at 64×64, from the networks' papers: channels × places.
WIDTHS = {
    "resnet18": {"stem": 64 * 16**2, "layer1.1": 64 * 16**2, "layer2.0": 128 * 8**2,
                 "layer4.1": 512 * 2**2},
    "resnet34": {"layer3.5": 256 * 4**2},
    "resnet50": {"layer1.0": 256 * 16**2, "layer3.0": 1024 * 4**2, "layer4.2": 2048 * 2**2},
    "vgg13": {"pool1": 64 * 32**2, "pool2": 128 * 16**2, "pool5": 512 * 2**2, "fc1": 4096},
    "vgg16": {"pool3": 256 * 8**2},
    "vgg19": {"pool4": 512 * 4**2},
    "squeezenet1_1": {"stem": 64 * 15**2, "fire2": 128 * 15**2, "fire4": 256 * 7**2,
                      "fire9": 512 * 3**2},
    "densenet121": {"stem": 64 * 16**2, "dense1": 256 * 16**2, "transition1": 128 * 8**2,
                    "dense4": 1024 * 2**2},
    "densenet169": {"dense4": 1664 * 2**2, "transition3": 640 * 2**2},
}  # fmt: skip


# From the networks' papers, too.
PENULTIMATE_WIDTHS = {
    "resnet18": 512, "resnet34": 512, "resnet50": 2048, "vgg13": 4096, "vgg16": 4096,
    "vgg19": 4096, "squeezenet1_1": 512, "densenet121": 1024, "densenet169": 1664,
}  # fmt: skip


def captured(model, layers, images):
    """A copy of each layer's activations of some images in [0, 1]."""
    found = {}

    def take(layer, values):
        found[layer.name] = values.clone()

    with watched(model.network, layers, take), torch.no_grad():
        model.eval()(images)
    return found


def shapes(model, layers, size):
    found = captured(model, layers, torch.rand(2, 1, size, size))
    return {name: tuple(values.shape) for name, values in found.items()}


@pytest.mark.parametrize("name", PAPERS)
def test_every_block_of_every_network(name):
    model = build_model(name, 1, 3, seed=0)
    layers = layers_of(model.network, name)
    assert [layer.name for layer in layers] == ["input", *BLOCKS[name], "penultimate", "logits"]
    # A network is named after its layers with weights; the global average counts as one more.
    named = {"squeezenet1_1": 18}.get(name) or int(re.search(r"\d+$", name)[0])
    total = named if name.startswith("vgg") else named + 1
    steps = np.diff([round(layer.depth * total, 9) for layer in layers])
    assert (steps == steps.round()).all()
    assert (steps >= 1).all()
    assert (layers[0].depth, layers[-1].depth) == (0.0, 1.0)
    found = shapes(model, layers[1:], 64)
    assert set(found) == {layer.name for layer in layers[1:]}
    assert found["logits"] == (2, 3)
    for layer, width in WIDTHS[name].items():
        assert np.prod(found[layer][1:]) == width
    assert found["penultimate"] == (2, PENULTIMATE_WIDTHS[name])


def test_depth_of_a_residual_network():
    layers = layers_of(build_model("resnet18", 1, 2, seed=0).network, "resnet18")
    depths = {layer.name: layer.depth for layer in layers}
    assert depths["layer1.0"] == 3 / 19
    assert depths["layer4.1"] == 17 / 19


@pytest.mark.parametrize(
    "name, last", [("vgg11_bn", "fc1"), ("resnext50_32x4d", "layer4.2"), ("squeezenet1_0", "fire9")]
)
def test_the_families_other_networks(name, last):
    layers = layers_of(build_model(name, 3, 2, seed=0).network, name)
    assert [layer.name for layer in layers[-3:]] == [last, "penultimate", "logits"]


def test_a_network_without_named_blocks_is_refused():
    with pytest.raises(ValueError, match=r"blocks of vit_b_16 have no names here.*penultimate"):
        layers_of(torch.nn.Linear(2, 2), "vit_b_16")
    refused = set()
    for name in MODELS:
        try:
            check_blocks(name)
        except ValueError:
            refused.add(name)
    assert not refused & set(PAPERS)
    assert {"alexnet", "googlenet", "regnet_x_8gf", "efficientnet_b0"} < refused


def test_penultimate_is_what_the_head_sees():
    model, images = build_model("resnet18", 1, 2, seed=0), torch.rand(3, 1, 32, 32)
    layer = penultimate_of(model.network, "resnet18")
    features = captured(model, [layer], images)["penultimate"]
    torch.testing.assert_close(model.network.fc(features), model(images))
    # VGG: before the ReLU, which works in place.
    vgg = build_model("vgg13", 1, 2, seed=0)
    features = captured(vgg, [penultimate_of(vgg.network, "vgg13")], images)["penultimate"]
    assert (features < 0).any()
    torch.testing.assert_close(vgg.network.classifier[6](features.relu()), vgg(images))


@pytest.mark.parametrize(
    "name, size, width",
    [
        ("alexnet", 63, 4096), ("googlenet", 32, 1024), ("mobilenet_v3_small", 32, 1024),
        ("shufflenet_v2_x0_5", 32, 1024), ("regnet_y_400mf", 32, 440),
        ("efficientnet_b0", 32, 1280), ("convnext_tiny", 32, 768), ("swin_t", 32, 768),
        ("vit_b_32", 64, 768),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_the_penultimate_layer_of_other_networks(name, size, width):
    model = build_model(name, 1, 3, seed=0, image_size=size)
    layer = penultimate_of(model.network, name)
    assert shapes(model, [layer], size) == {"penultimate": (2, width)}
