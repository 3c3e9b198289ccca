"""Convolutions by matrix products: the numbers of torch, for the layers that they are meant for."""

import copy

import pytest
import torch
from torch import nn

from idsharp.models import small_maps
from idsharp.models.build import build_model
from idsharp.models.small_maps import use_matrix_products

# inputs, outputs, kernel, stride, padding, size of the maps
GEOMETRIES = [
    (6, 8, 3, 1, 1, (2, 2)),
    (6, 8, 3, 2, 1, (5, 4)),
    (5, 7, (1, 3), (1, 2), (0, 1), (4, 7)),
    (5, 7, 1, 2, 0, (3, 3)),
    (4, 3, 5, 3, 2, (8, 7)),
]


@pytest.fixture
def everywhere(monkeypatch):
    """Products for layers of every size."""
    monkeypatch.setattr(small_maps, "_FEWEST_WEIGHTS", 0)


def both(geometry, bias=True, dtype=torch.float32):
    """Output and gradients (maps, weight, bias) of torch's layer and of ours."""
    inputs, outputs, kernel, stride, padding, size = geometry
    torch.manual_seed(0)
    layer = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=bias)
    ours = copy.deepcopy(layer)
    use_matrix_products(ours)
    assert type(ours) is small_maps.Conv2d
    maps = torch.randn(3, inputs, *size).contiguous(memory_format=torch.channels_last)
    results = []
    for module in (layer, ours):
        x = maps.clone().requires_grad_()
        with torch.autocast("cpu", dtype, enabled=dtype == torch.bfloat16):
            y = module(x)
        torch.manual_seed(1)
        y.backward(torch.randn_like(y))
        results.append([y, x.grad, *(p.grad for p in module.parameters())])
    return results


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("bias", [True, False])
def test_outputs_and_gradients_are_those_of_torch(everywhere, geometry, bias):
    for theirs, ours in zip(*both(geometry, bias), strict=True):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_bfloat16_is_as_near_to_float32_as_torch_is(everywhere):
    exact, _ = both(GEOMETRIES[0])
    for truth, theirs, ours in zip(exact, *both(GEOMETRIES[0], dtype=torch.bfloat16), strict=True):
        assert ours.dtype == theirs.dtype
        error, allowed = (ours - truth).norm(), (theirs - truth).norm()
        assert error <= 1.5 * allowed


def test_layers_where_it_would_not_pay_are_left_to_torch(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("a product was used")

    monkeypatch.setattr(small_maps._Convolution, "apply", refuse)
    layers = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.Conv2d(64, 512, 3, padding=1))
    use_matrix_products(layers)
    layers[0](torch.zeros(1, 64, 2, 2))
    layers[1](torch.zeros(1, 64, 30, 30))
    with pytest.raises(AssertionError, match="a product was used"):
        layers[1](torch.zeros(1, 64, 2, 2))


def test_only_plain_convolutions_are_replaced():
    kinds = [{"groups": 2}, {"dilation": 2}, {"padding": "same"}, {"padding_mode": "circular"}]
    layers = nn.Sequential(*(nn.Conv2d(4, 4, 3, **kind) for kind in kinds))
    use_matrix_products(layers)
    assert {type(layer) for layer in layers} == {nn.Conv2d}


def test_a_network_computes_what_it_did_and_keeps_its_names():
    ours = build_model("resnet18", 1, 2, seed=0, image_size=64)
    plain = copy.deepcopy(ours)
    for module in plain.modules():
        if type(module) is small_maps.Conv2d:
            module.__class__ = nn.Conv2d
    assert list(ours.state_dict()) == list(plain.state_dict())
    images = torch.rand(4, 1, 64, 64, requires_grad=True)
    logits, gradients = [], []
    for model in (ours.eval(), plain.eval()):
        logits.append(model(images))
        gradients.append(torch.autograd.grad(logits[-1].sum(), images)[0])
    torch.testing.assert_close(*logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-3 * gradients[1].abs().max().item())
