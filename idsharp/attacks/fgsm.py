"""The fast gradient sign method."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from idsharp.attacks.base import Attack, Batch
from idsharp.attacks.gradient import check_attackable, check_epsilon, logits_and_gradient


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
    check_attackable(model, images)
    check_epsilon(epsilon)
    images = images.detach()
    _, gradient = logits_and_gradient(model, images, labels)
    return _step(images, gradient, epsilon)


@dataclass(frozen=True)
class FGSM(Attack):
    """FGSM on test sets: one step from the clean gradient, which serves every ε."""

    name: ClassVar[str] = "fgsm"

    @property
    def cost(self) -> int:
        return 1

    def settings(self, epsilon: int) -> dict:
        return {"steps": 1, "step_size_255": float(epsilon), "restarts": 1}

    def candidates(self, batch: Batch, epsilon: int) -> Iterator[torch.Tensor]:
        yield _step(batch.images, batch.gradient, epsilon / 255)


def _step(images: torch.Tensor, gradient: torch.Tensor, epsilon: float) -> torch.Tensor:
    return (images + epsilon * gradient.sign()).clamp(0, 1)
