"""Adversarial attacks on images in [0, 1], and what they cost a model."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from idsharp.training import as_input


def fgsm(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, epsilon: float
) -> torch.Tensor:
    """Fast gradient sign method (Goodfellow et al. 2015): x + ε·sign(∇ₓ loss), clipped to [0, 1].

    Args:
        model: in eval mode; maps N×C×H×W float images in [0, 1] to logits.
        images: N×C×H×W float in [0, 1].
        labels: N class numbers.
        epsilon: L∞ bound in units of the intensity range; the papers write 2/255 and the like.

    Returns:
        N×C×H×W attacked images.

    Raises:
        ValueError: model in training mode, images out of range, or ε outside [0, 1].
    """
    return _step(images, loss_gradient(model, images, labels).sign(), epsilon)


def loss_gradient(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Gradient of each image's cross-entropy with respect to the image (N×C×H×W).

    Raises:
        ValueError: model in training mode, or images outside [0, 1].
    """
    if model.training:
        raise ValueError("the model is in training mode; call model.eval() before an attack")
    if images.min() < 0 or images.max() > 1:
        raise ValueError(
            f"images must lie in [0, 1], found [{images.min():.4g}, {images.max():.4g}]"
        )
    inputs = images.detach().clone().requires_grad_(True)
    # The sum, so that the gradient of an image does not depend on its batch.
    loss = cross_entropy(model(inputs), labels, reduction="sum")
    return torch.autograd.grad(loss, inputs)[0]


def _step(images: torch.Tensor, direction: torch.Tensor, epsilon: float) -> torch.Tensor:
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon is a fraction of the intensity range, found {epsilon}")
    return (images + epsilon * direction).clamp(0, 1).detach()


def attack_records(
    model: nn.Module,
    test_set: tuple[np.ndarray, np.ndarray],
    epsilons: list[int],
    device: torch.device,
    batch_size: int = 125,
) -> list[dict]:
    """FGSM at every ε on the whole test set, one flat record each, in float32.

    Args:
        test_set: images (n×C×H×W uint8) and class numbers (n).
        epsilons: in steps of 1/255.

    Returns:
        Records with clean and attacked loss (nats), the loss penalty (attacked − clean), and the
        accuracies with the number of images under attack that were right.
    """
    model.to(device).eval()
    images = torch.from_numpy(np.array(test_set[0]))
    labels = torch.from_numpy(np.array(test_set[1], dtype=np.int64))
    parts = [
        (as_input(image.to(device)), label.to(device))
        for image, label in zip(images.split(batch_size), labels.split(batch_size), strict=True)
    ]
    clean_loss, clean_correct = _totals(_losses(model, x, y) for x, y in parts)
    # One gradient serves every ε.
    directions = [loss_gradient(model, x, y).sign() for x, y in parts]
    records = []
    for epsilon in epsilons:
        loss, correct = _totals(
            _losses(model, _step(x, direction, epsilon / 255), y)
            for (x, y), direction in zip(parts, directions, strict=True)
        )
        records.append(
            {
                "attack": "fgsm",
                "epsilon_255": epsilon,
                "n_test_images": len(labels),
                "clean_loss": clean_loss / len(labels),
                "attacked_loss": loss / len(labels),
                "loss_penalty": (loss - clean_loss) / len(labels),
                "clean_accuracy": clean_correct / len(labels),
                "attacked_accuracy": correct / len(labels),
                "n_attacked_correct": correct,
            }
        )
    return records


@torch.no_grad()
def _losses(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> tuple[float, int]:
    """Summed cross-entropy and number of correct predictions of a batch."""
    logits = model(images).double()
    loss = cross_entropy(logits, labels, reduction="sum").item()
    return loss, int((logits.argmax(dim=1) == labels).sum())


def _totals(parts: Iterable[tuple[float, int]]) -> tuple[float, int]:
    losses, corrects = zip(*parts, strict=True)
    return sum(losses), sum(corrects)
