"""Activations in files are those that the network computes."""

import numpy as np
import pytest
import torch

from idsharp.models.build import build_model
from idsharp.models.inference import as_input
from idsharp.representations import activations
from idsharp.representations.activations import stored_activations
from idsharp.representations.layers import Layer, layers_of

CPU = torch.device("cpu")


def image_set(n, seed=0, size=64):
    return np.random.default_rng(seed).integers(0, 256, (n, 1, size, size), dtype=np.uint8)


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
        for layer, points in stored_activations(model, images, layers, CPU, disk)
    }
    network = model.eval().network
    with torch.no_grad():
        x = as_input(torch.from_numpy(images)) * 255
        stem = network.maxpool(network.relu(network.bn1(network.conv1(x))))
        first = network.layer1[0](stem)
        logits = model(as_input(torch.from_numpy(images)))
        last = network.layer4(network.layer3(network.layer2(network.layer1[1](first))))
    expected = {"stem": stem, "layer1.0": first, "layer4.1": last, "logits": logits}
    expected["penultimate"] = last.mean(dim=(2, 3))
    # ReLUs in place behind a block must not reach what was taken of it.
    for name, values in expected.items():
        np.testing.assert_allclose(stored[name], values.flatten(1), rtol=1e-4, atol=1e-3)
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
    activations._run(model, images, [layer], CPU, lambda name, x: found.append(x))
    assert sizes == [4, 4]
    assert [len(part) for part in found] == [4, 2]
    assert np.array_equal(found[0][0], found[1][1])


def test_outputs_are_taken_before_what_works_in_place():
    model = build_model("vgg13", 1, 2, seed=0)
    layers = [layer for layer in layers_of(model.network, "vgg13") if layer.name == "fc1"]
    [(_, points)] = [
        (layer, points_of(points))
        for layer, points in stored_activations(model, image_set(3), layers, CPU)
    ]
    assert (points < 0).any()


def test_as_many_layers_a_pass_as_fit_on_disk(monkeypatch):
    model, images = build_model("resnet18", 1, 2, seed=0), image_set(3)
    layers = layers_of(model.network, "resnet18")[1:]
    sizes = {"stem": 64 * 16**2, "layer1.0": 64 * 16**2, "layer1.1": 64 * 16**2}
    passes, run = [], activations._run
    monkeypatch.setattr(activations, "_run", lambda *a: (passes.append(a[2]), run(*a)))
    list(stored_activations(model, images, layers, CPU, 4 * 3 * 2 * sizes["stem"]))
    # The first pass finds the widths.
    assert [layer.name for layer in passes[0]] == [layer.name for layer in layers]
    assert [layer.name for layer in passes[1]] == ["stem", "layer1.0"]
    assert sum(map(len, passes[1:])) == len(layers)
    assert len(passes) < 6


def test_no_room_is_said_before_anything_is_written(monkeypatch):
    monkeypatch.setattr(activations.shutil, "disk_usage", lambda folder: type("", (), {"free": 10}))
    model = build_model("resnet18", 1, 2, 0)
    with pytest.raises(OSError, match="set TMPDIR to a folder with more room"):
        next(stored_activations(model, image_set(2), layers_of(model.network, "resnet18")[1:], CPU))


def test_a_layer_that_is_called_twice_is_refused():
    model = build_model("resnet18", 1, 2, seed=0)
    shared = Layer("relu", None, "layer1.0.relu")
    with pytest.raises(ValueError, match="layer relu is called more than once in a forward pass"):
        next(stored_activations(model, image_set(2), [shared], CPU))
