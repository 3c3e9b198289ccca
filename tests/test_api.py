"""The functions for Python, and the examples in docstrings."""

import doctest
import importlib

import numpy as np
import pytest
import torch

from idsharp import intrinsic_dimension, label_sharpness, representation_dimension
from idsharp.properties.dimension import UndefinedEstimateError, local_dimensions, mle
from idsharp.properties.neighbors.search import nearest_neighbors
from idsharp.properties.released import released_m
from idsharp.properties.sharpness import sharpness_over_m, sharpness_quantiles


@pytest.mark.parametrize(
    "module",
    [
        "idsharp.api",
        "idsharp.measure.text",
        "idsharp.properties.dimension",
        "idsharp.properties.fitting",
        "idsharp.common.seeds",
        "idsharp.datasets.tree",
    ],
)
def test_examples_in_docstrings(module):
    found = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert found.attempted
    assert not found.failed


class Pairs(torch.utils.data.Dataset):
    """Images as torchvision's ToTensor gives them, with labels."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return torch.from_numpy(self.images[i]).float()[None] / 255, int(self.labels[i])


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    plane = rng.uniform(size=(300, 2)) @ rng.uniform(0, 120, (2, 64))
    return np.rint(plane).astype(np.uint8).reshape(300, 8, 8), rng.integers(0, 3, 300)


def test_arrays_tensors_and_datasets_agree(images):
    pixels, labels = images
    value = intrinsic_dimension(pixels).value
    assert 1.7 < value < 2.4
    assert intrinsic_dimension(torch.from_numpy(pixels)).value == value
    assert intrinsic_dimension(Pairs(pixels, labels)).value == pytest.approx(value, rel=1e-5)
    # A copy is collapsed, not a zero distance.
    assert intrinsic_dimension(np.concatenate([pixels, pixels[:5]])).value == value
    sharpest = label_sharpness(pixels, labels)
    assert label_sharpness(Pairs(pixels, labels)) == sharpest
    flat = pixels.reshape(300, -1).astype(float)
    distances = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    distances[labels[:, None] == labels[None]] = np.inf
    assert sharpest.value == pytest.approx(1 / distances.min())
    assert distances[sharpest.pair] == distances.min()


def test_sharpness_of_draws_and_conflicts(images):
    pixels, labels = images
    drawn = label_sharpness(pixels, labels, m=100, draws=8)
    assert drawn.value < label_sharpness(pixels, labels).value
    assert drawn.sd > 0
    assert drawn.pair is None
    twice = np.concatenate([pixels, pixels[:1]])
    conflicting = label_sharpness(twice, np.append(labels, labels[0] + 1))
    assert conflicting.n_conflicts == 2
    assert np.isfinite(conflicting.value)


def test_sharpness_by_the_released_rule(images):
    pixels, labels = images
    found = label_sharpness(pixels, labels, rule="released", draws=40)
    assert (found.m, found.n_pairs, found.pair) == (released_m(found.m), found.m, None)
    assert found.sd > 0
    flat = pixels.reshape(300, -1).astype(float)
    distances = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    distances[labels[:, None] != labels[None]] = np.inf
    assert 0 < found.value < 1 / distances[distances > 0].min()
    assert label_sharpness(pixels, labels, rule="released", m=50, draws=40).value < found.value
    with pytest.raises(UndefinedEstimateError, match="same label"):
        label_sharpness(pixels, np.zeros(300), rule="released")
    with pytest.raises(ValueError, match="rule is one of"):
        label_sharpness(pixels, labels, rule="papers")
    with pytest.raises(ValueError, match="draws is at least 1, found 0"):
        label_sharpness(pixels, labels, m=50, draws=0)


def test_wrong_arguments_are_explained(images):
    pixels, labels = images
    with pytest.raises(ValueError, match="estimator is one of"):
        intrinsic_dimension(pixels, estimator="pca")
    with pytest.raises(UndefinedEstimateError, match="of 10 points 10 differ"):
        intrinsic_dimension(pixels[:10])
    with pytest.raises(ValueError, match="labels are missing"):
        label_sharpness(pixels)
    with pytest.raises(ValueError, match="300 images, but labels of shape"):
        label_sharpness(pixels, labels[:4])
    with pytest.raises(ValueError, match="8-bit images"):
        label_sharpness(pixels + 0.5, labels)
    with pytest.raises(UndefinedEstimateError, match="same label"):
        label_sharpness(pixels, np.zeros(300))
    with pytest.raises(ValueError, match="no layer 'nowhere'; it has 0"):
        representation_dimension(torch.nn.Sequential(torch.nn.Flatten()), "nowhere", [])
    with pytest.raises(ValueError, match="no batch"):
        representation_dimension(torch.nn.Sequential(torch.nn.Flatten()), "0", [])


def test_representation_of_a_convolution_is_pooled_over_space():
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 3), torch.nn.Dropout(0.5), torch.nn.Flatten(), torch.nn.Linear(216, 2)
    )
    model.train()
    model[1].eval()
    x = torch.rand(200, 1, 8, 8)
    loader = [(part, torch.zeros(len(part))) for part in x.split(50)]
    found = representation_dimension(model, "0", loader, 10, estimator="mle")
    expected = model[0](x).mean(dim=(2, 3)).detach().numpy().astype(np.float64)
    assert found.value == pytest.approx(mle(nearest_neighbors(expected, 10).distances, 10).value)
    assert model.training
    assert not model[1].training
    assert not model[0]._forward_hooks


def test_local_dimensions_average_to_the_estimate(images):
    distances = nearest_neighbors(np.unique(images[0], axis=0), 30).distances
    local = local_dimensions(distances, 20)
    assert 1 / np.mean(1 / local) == pytest.approx(mle(distances, 20, "k-2").value)


def test_sharpness_over_m_is_that_of_its_nested_sets(images):
    pixels, labels = images
    pixels, first = np.unique(pixels, axis=0, return_index=True)
    labels = labels[first]
    sizes = [2, 30, 100, len(pixels)]
    values = sharpness_over_m(pixels, labels, sizes, 6, np.random.default_rng(1))
    assert (np.diff(values, axis=1) >= 0).all()
    rng = np.random.default_rng(1)
    for row in values:
        order = rng.choice(len(pixels), size=len(pixels), replace=False)
        for m, value in zip(sizes, row, strict=True):
            mine, theirs = pixels[order[:m]], labels[order[:m]]
            if len(set(theirs)) == 1:
                assert value == 0
            else:
                assert value == pytest.approx(label_sharpness(mine, theirs).value)
    everything = nearest_neighbors(pixels, 0, labels)
    quantiles = sharpness_quantiles(everything, (0.5, 1.0))
    assert quantiles[0] < quantiles[1] == pytest.approx(values[0, -1])


@pytest.mark.parametrize("dtype", [np.int64, np.int16, bool])
def test_images_of_zeros_and_ones_mean_the_same_in_every_type(dtype):
    images = np.random.default_rng(0).integers(0, 2, (30, 40), dtype=np.uint8)
    labels = np.arange(30) % 2
    expected = label_sharpness(images, labels)
    assert label_sharpness(images.astype(dtype), labels) == expected
    # Floats are steps of 1/255.
    assert label_sharpness(images / 255, labels) == expected
    whole = intrinsic_dimension(images, k=5).value
    assert intrinsic_dimension(images.astype(dtype), k=5).value == whole
