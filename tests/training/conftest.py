"""Images of two classes, a tiny network, and its training, which the tests of this folder share."""

import numpy as np
import torch

from idsharp.models.build import ScaledModel
from idsharp.tasks.subsets import LabelledImages
from idsharp.training.loop import train
from idsharp.training.recipe import Training
from tests.conftest import blobs


def two_classes(n, seed=0):
    images = np.concatenate([blobs(n // 2, 0, seed), blobs(n // 2, 1, seed)])[:, None]
    order = np.random.default_rng(seed).permutation(n)
    labels = (np.arange(n) // (n // 2))[order]
    return LabelledImages(images[order], labels, [f"image{i}" for i in range(n)])


def as_tensors(part):
    return torch.from_numpy(part.images), torch.from_numpy(part.labels)


def tiny_model(seed=0):
    """A convolution, batch normalization and dropout: all kinds of state that a network has."""
    torch.manual_seed(seed)
    layers = [
        torch.nn.Conv2d(1, 4, 3, stride=4), torch.nn.BatchNorm2d(4), torch.nn.ReLU(),
        torch.nn.Dropout(0.5), torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(),
        torch.nn.Linear(16, 2),
    ]  # fmt: skip
    return ScaledModel(torch.nn.Sequential(*layers), 1.0)


def training_of(model, recipe, n=20, n_test=20, seed=0, device="cpu", **options):
    """A training on `n` images, tested on others."""
    sets = two_classes(n), two_classes(n_test, seed=9)
    return Training(model, *sets, recipe, seed, torch.device(device), **options)


def quietly(model, recipe, seed=3, n=26, state_file=None, **options):
    """Train on `n` images and test on 60, without a word."""
    return train(training_of(model, recipe, n, 60, seed, **options), state_file=state_file)
