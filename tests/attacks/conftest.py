"""A network, a test set and two attacks that the tests of this folder share."""

import numpy as np
import pytest
import torch
from torch import nn

from idsharp.attacks.evaluate import attack_network
from idsharp.attacks.fgsm import FGSM
from idsharp.attacks.pgd import PGD
from idsharp.attacks.plan import AttackPlan
from idsharp.tasks.subsets import LabelledImages

CPU = torch.device("cpu")
NAMES = {"task": "task", "model": "waves"}
BOTH = AttackPlan((FGSM(), PGD(steps=3, restarts=2)), (1, 4))
FGSM_ALONE = AttackPlan((FGSM(),), (1,))


class Waves(nn.Module):
    """A two-class network whose loss has many tops, so that the start of PGD matters."""

    def __init__(self, outputs: int = 2):
        super().__init__()
        weights = torch.randn(outputs, 64, generator=torch.Generator().manual_seed(0))
        self.weights = nn.Parameter(weights)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.sin(60 * images.flatten(1)) @ self.weights.T


@pytest.fixture(scope="module")
def held_out():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, 1, 8, 8), dtype=np.uint8)
    return LabelledImages(images, np.arange(30) % 2, [f"image{i}" for i in range(30)])


@pytest.fixture(scope="module")
def outcomes(held_out):
    return attack_network(Waves(), held_out, BOTH, "task", CPU, batch_size=7)


def as_tensors(held_out):
    return torch.from_numpy(held_out.images).float() / 255, torch.from_numpy(held_out.labels)
