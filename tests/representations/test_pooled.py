"""Activations of one layer of any network."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from idsharp.representations.pooled import pooled_activations


def batches(*shape, n=6, seed=0):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed)).split(4)


@pytest.mark.parametrize("shape", [(5,), (5, 3)])
def test_what_follows_in_place_does_not_reach_the_values(shape):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(shape[-1], 8), nn.ReLU(inplace=True), nn.Linear(8, 2))
    found = pooled_activations(model, "0", batches(*shape))
    with torch.no_grad():
        expected = model[0](torch.cat(batches(*shape))).flatten(1).numpy()
    assert (found < 0).any()
    np.testing.assert_array_equal(found, expected)


def test_maps_are_averaged_over_space_and_other_shapes_flattened():
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Unflatten(1, (4, 27)))
    x = torch.cat(batches(1, 8, 8))
    maps = model[0](x).detach()
    found = pooled_activations(model, "0", batches(1, 8, 8))
    np.testing.assert_allclose(found, maps.mean(dim=(2, 3)), rtol=1e-6)
    np.testing.assert_array_equal(pooled_activations(model, "2", batches(1, 8, 8)), maps.flatten(1))


def test_a_layer_called_several_times_needs_a_choice():
    """A residual block of torchvision has one ReLU, and calls it twice."""
    torch.manual_seed(0)
    model, images = resnet18(num_classes=2).eval(), batches(3, 32, 32)
    message = "'layer1.0.relu' is called 2 times in a forward pass: choose .* call=1 to call=2"
    with pytest.raises(ValueError, match=message):
        pooled_activations(model, "layer1.0.relu", images)
    with pytest.raises(ValueError, match=r"has calls 1 to 2, found call=3"):
        pooled_activations(model, "layer1.0.relu", images, call=3)
    with pytest.raises(ValueError, match=r"has calls 1 to 2, found call=0"):
        pooled_activations(model, "layer1.0.relu", images, call=0)
    # The second call's output is the block's.
    found = pooled_activations(model, "layer1.0.relu", images, call=2)
    assert found.shape == (6, 64)
    np.testing.assert_array_equal(found, pooled_activations(model, "layer1.0", images))
    first = pooled_activations(model, "layer1.0.relu", images, call=1)
    with torch.no_grad():
        stem = model.maxpool(model.relu(model.bn1(model.conv1(torch.cat(images)))))
        block = model.layer1[0]
        expected = block.bn1(block.conv1(stem)).relu().mean(dim=(2, 3))
    np.testing.assert_allclose(first, expected, rtol=1e-4, atol=1e-6)


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.5), nn.BatchNorm1d(4)).train()
    model[1].eval()
    before = copy.deepcopy(model.state_dict())
    pooled_activations(model, "0", batches(5))
    assert (model.training, model[0].training, model[1].training) == (True, True, False)
    assert not model[0]._forward_hooks
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


class Partly(nn.Module):
    """One of its parts takes no part; another returns a pair."""

    def __init__(self):
        super().__init__()
        self.unused, self.cell = nn.Linear(5, 2), nn.LSTM(5, 2)

    def forward(self, x):
        return self.cell(x)[0]


def test_what_cannot_be_measured_is_said():
    with pytest.raises(ValueError, match="no layer 'nowhere'; it has unused, cell"):
        pooled_activations(Partly(), "nowhere", batches(5))
    with pytest.raises(ValueError, match="layer 'unused' is not called in a forward pass"):
        pooled_activations(Partly(), "unused", batches(5))
    with pytest.raises(ValueError, match="layer 'cell' returns tuple, not a tensor"):
        pooled_activations(Partly(), "cell", batches(5))
    with pytest.raises(ValueError, match="gave no batch"):
        pooled_activations(Partly(), "unused", [])
