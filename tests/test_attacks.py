"""FGSM against a closed form, its definition, and torchattacks."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from idsharp.attacks import attack_records, fgsm, loss_gradient
from idsharp.models import build_model


class Linear(nn.Module):
    """Logits 0 and w·x: the gradient of the loss is known in closed form."""

    def __init__(self, weights: torch.Tensor):
        super().__init__()
        self.weights = weights

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        score = (images.flatten(1) * self.weights).sum(dim=1)
        return torch.stack([torch.zeros_like(score), score], dim=1)


WEIGHTS = torch.tensor([1.0, -2.0, 0.5, -0.1])


def test_direction_bound_and_loss_of_a_linear_model():
    model = Linear(WEIGHTS).eval()
    images = torch.full((2, 1, 2, 2), 0.5)
    labels = torch.tensor([0, 1])
    attacked = fgsm(model, images, labels, 0.1)
    # Class 0 is hurt by raising w·x, class 1 by lowering it.
    sign = WEIGHTS.sign().reshape(1, 2, 2)
    torch.testing.assert_close(attacked[0], 0.5 + 0.1 * sign)
    torch.testing.assert_close(attacked[1], 0.5 - 0.1 * sign)
    # The score moves by ε·‖w‖₁ exactly.
    scores = model(attacked)[:, 1] - model(images)[:, 1]
    torch.testing.assert_close(scores, 0.1 * WEIGHTS.abs().sum() * torch.tensor([1.0, -1.0]))


def test_clipped_to_the_image_range():
    model = Linear(WEIGHTS).eval()
    images = torch.tensor([0.0, 1.0, 0.95, 0.02]).reshape(1, 1, 2, 2)
    attacked = fgsm(model, images, torch.tensor([0]), 0.1)
    torch.testing.assert_close(attacked.flatten(), torch.tensor([0.1, 0.9, 1.0, 0.0]))


@pytest.fixture(scope="module")
def network():
    model = build_model("resnet18", 1, 2, seed=0, input_scale=1.0)
    torch.manual_seed(0)
    model.train()
    for _ in range(3):
        model(torch.rand(16, 1, 32, 32))
    return model.eval()


@pytest.fixture(scope="module")
def examples():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(12, 1, 32, 32, generator=generator), torch.arange(12) % 2


@pytest.mark.parametrize("epsilon", [1 / 255, 8 / 255])
def test_agrees_with_torchattacks(network, examples, epsilon):
    torchattacks = pytest.importorskip("torchattacks")
    images, labels = examples
    peer = torchattacks.FGSM(network, eps=epsilon)(images, labels)
    ours = fgsm(network, images, labels, epsilon)
    # Where a gradient is all but zero its sign may differ by rounding.
    gradient = loss_gradient(network, images, labels)
    clear = gradient.abs() > 1e-6 * gradient.abs().max()
    torch.testing.assert_close(ours[clear], peer[clear], rtol=0, atol=1e-6)
    assert clear.float().mean() > 0.99


def test_stays_within_the_bound_and_raises_the_loss(network, examples):
    images, labels = examples
    attacked = fgsm(network, images, labels, 2 / 255)
    assert (attacked - images).abs().max() <= 2 / 255 + 1e-7
    assert attacked.min() >= 0
    assert attacked.max() <= 1
    assert cross_entropy(network(attacked), labels) > cross_entropy(network(images), labels)
    assert torch.equal(fgsm(network, images, labels, 0), images)


def test_the_gradient_of_an_image_does_not_depend_on_its_batch(network, examples):
    images, labels = examples
    together = loss_gradient(network, images, labels)
    alone = loss_gradient(network, images[3:4], labels[3:4])
    torch.testing.assert_close(together[3:4], alone, rtol=1e-3, atol=1e-8)


def test_refuses_what_makes_no_sense(network, examples):
    images, labels = examples
    with pytest.raises(ValueError, match="training mode"):
        fgsm(Linear(WEIGHTS).train(), images, labels, 0.1)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], found"):
        fgsm(network, images * 255, labels, 0.1)
    with pytest.raises(ValueError, match="fraction of the intensity range, found 2"):
        fgsm(network, images, labels, 2)


def test_records(network):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, 1, 32, 32), dtype=np.uint8)
    labels = np.arange(30) % 2
    records = attack_records(network, (images, labels), [1, 4], torch.device("cpu"), batch_size=7)
    assert [record["epsilon_255"] for record in records] == [1, 4]
    inputs, truth = torch.from_numpy(images).float() / 255, torch.from_numpy(labels)
    for record in records:
        attacked = fgsm(network, inputs, truth, record["epsilon_255"] / 255)
        with torch.no_grad():
            clean, hurt = network(inputs), network(attacked)
        assert record["clean_loss"] == pytest.approx(cross_entropy(clean, truth).item(), rel=1e-4)
        assert record["attacked_loss"] == pytest.approx(cross_entropy(hurt, truth).item(), rel=1e-3)
        difference = record["attacked_loss"] - record["clean_loss"]
        assert record["loss_penalty"] == pytest.approx(difference)
        right = (hurt.argmax(1) == truth).sum().item()
        assert record["n_attacked_correct"] == right
        assert record["attacked_accuracy"] == right / 30
