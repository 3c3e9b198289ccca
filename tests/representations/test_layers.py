"""Which layers are measured of each network, how deep they lie, and that those are taken."""

import re

import numpy as np
import pytest
import torch

from idsharp.models.build import build_model, penultimate
from idsharp.models.names import MODELS, PAPERS, check_blocks
from idsharp.representations import activations
from idsharp.representations.activations import PointFile, stored_activations
from idsharp.representations.layers import PENULTIMATE, layers_of
from idsharp.training.loop import as_input

CPU = torch.device("cpu")


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


def image_set(n, seed=0, size=64):
    return np.random.default_rng(seed).integers(0, 256, (n, 1, size, size), dtype=np.uint8)


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
    found = activations._widths(model.eval(), name, image_set(1), layers[1:], CPU)
    assert set(found) == {layer.name for layer in layers[1:]}
    assert found["logits"] == 3
    assert {key: found[key] for key in WIDTHS[name]} == WIDTHS[name]


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


def points_of(points):
    return np.concatenate(list(points.parts()), axis=1)


@pytest.mark.parametrize("disk", [200_000, 10**9])
def test_what_is_stored_is_what_the_network_computes(disk, monkeypatch):
    monkeypatch.setattr(activations, "_PIXELS", 3 * 64 * 64)
    monkeypatch.setattr("idsharp.properties.neighbors.out_of_core.BLOCK_BYTES", 8 * 7 * 1000)
    model, images = build_model("resnet18", 1, 2, seed=0), image_set(7)
    model.train()
    layers = layers_of(model.network, "resnet18")[1:]
    stored = {
        layer.name: points_of(points)
        for layer, points in stored_activations(model, "resnet18", images, layers, CPU, disk)
    }
    network = model.eval().network
    with torch.no_grad(), penultimate(model, "resnet18") as features:
        x = as_input(torch.from_numpy(images)) * 255
        stem = network.maxpool(network.relu(network.bn1(network.conv1(x))))
        first = network.layer1[0](stem)
        logits = model(as_input(torch.from_numpy(images)))
    expected = {"stem": stem, "layer1.0": first, "penultimate": features[0], "logits": logits}
    for name, values in expected.items():
        np.testing.assert_allclose(stored[name], values.flatten(1), rtol=1e-4, atol=1e-3)
    # ReLUs in place behind a block must not reach what was taken of it.
    last = network.layer4(network.layer3(network.layer2(network.layer1[1](first))))
    np.testing.assert_allclose(stored["layer4.1"], last.detach().flatten(1), rtol=1e-4, atol=1e-3)
    assert not network.layer1._forward_hooks
    assert not network._forward_hooks


def test_the_last_images_are_computed_in_a_full_batch_as_well(monkeypatch):
    images = image_set(6, size=32)
    images[5] = images[0]
    monkeypatch.setattr(activations, "_PIXELS", 4 * 32 * 32)
    model = build_model("resnet18", 1, 2, seed=0, image_size=32).eval()
    sizes, found = [], []
    model.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    layer = layers_of(model.network, "resnet18")[1]
    activations._run(model, "resnet18", images, [layer], CPU, lambda name, x: found.append(x))
    assert sizes == [4, 4]
    assert [len(part) for part in found] == [4, 2]
    assert np.array_equal(found[0][0], found[1][1])


def test_outputs_are_taken_before_what_works_in_place():
    model = build_model("vgg13", 1, 2, seed=0)
    layers = [layer for layer in layers_of(model.network, "vgg13") if layer.name == "fc1"]
    [(_, points)] = [
        (layer, points_of(points))
        for layer, points in stored_activations(model, "vgg13", image_set(3), layers, CPU)
    ]
    assert (points < 0).any()


def test_as_many_layers_a_pass_as_fit_on_disk(monkeypatch):
    model, images = build_model("resnet18", 1, 2, seed=0), image_set(3)
    layers = layers_of(model.network, "resnet18")[1:]
    sizes = {"stem": 64 * 16**2, "layer1.0": 64 * 16**2, "layer1.1": 64 * 16**2}
    passes, run = [], activations._run
    monkeypatch.setattr(activations, "_run", lambda *a: (passes.append(a[3]), run(*a)))
    list(stored_activations(model, "resnet18", images, layers, CPU, 4 * 3 * 2 * sizes["stem"]))
    # The first pass finds the widths.
    assert [layer.name for layer in passes[0]] == [layer.name for layer in layers]
    assert [layer.name for layer in passes[1]] == ["stem", "layer1.0"]
    assert sum(map(len, passes[1:])) == len(layers)
    assert len(passes) < 6


def test_no_room_is_said_before_anything_is_written(monkeypatch):
    monkeypatch.setattr(activations.shutil, "disk_usage", lambda folder: type("", (), {"free": 10}))
    with pytest.raises(OSError, match="set TMPDIR to a folder with more room"):
        next(stored_activations(build_model("resnet18", 1, 2, 0), "resnet18", image_set(2),
                                [PENULTIMATE], CPU))  # fmt: skip


def test_points_come_back_by_columns(tmp_path, monkeypatch):
    monkeypatch.setattr("idsharp.properties.neighbors.out_of_core.BLOCK_BYTES", 8 * 6 * 4)
    values = np.random.default_rng(0).normal(size=(6, 11)).astype(np.float32)
    values[3] = values[1]
    values[4] = 0.0
    values[5] = -0.0
    with open(tmp_path / "points", "w+b") as file:
        points = PointFile(file, 6, 11)
        points.append(values[:4])
        with pytest.raises(OSError, match="ended before the last"):
            list(points.parts())
        points.append(values[4:])
        parts = list(points.parts())
        assert [part.shape for part in parts] == [(6, 4), (6, 4), (6, 3)]
        assert np.array_equal(np.concatenate(parts, axis=1), values)
        # −0 and 0 are the same place.
        assert points.duplicates().group.tolist() == [0, 1, 2, 1, 3, 3]
        first = points.duplicates().first
        assert np.array_equal(np.concatenate(list(points.parts(first)), axis=1), values[first])
        assert points.finite
        PointFile(file, 1, 2).append(np.array([[1.0, np.inf]]))
