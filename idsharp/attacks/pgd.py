"""Projected gradient descent."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import nn

from idsharp.attacks.base import Attack, AttackError, Batch
from idsharp.attacks.gradient import (
    GRADIENT_COST,
    check_attackable,
    check_epsilon,
    logits_and_gradient,
)


def pgd(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    epsilon: float,
    steps: int,
    step_size: float,
    start: torch.Tensor | None = None,
) -> torch.Tensor:
    """Projected gradient descent (Madry et al. 2018, section 2.1), a single run.

    Each step moves every pixel by the step size along the sign of the gradient, then back into the
    ε-ball around the image and into [0, 1].

    Args:
        model, images, labels, epsilon: as in `fgsm`.
        steps: number of steps.
        step_size: in units of the intensity range.
        start: N×C×H×W in [-1, 1]: where in the ball to begin, in units of ε; None is the image.

    Returns:
        N×C×H×W images after the last step.

    Raises:
        ValueError: as in `fgsm`; or no step, or steps that cannot reach the bound.
    """
    check_attackable(model, images)
    check_epsilon(epsilon)
    if steps < 1:
        raise ValueError(f"PGD takes at least one step, found {steps}")
    # With a little tolerance: the steps are often meant to add up to exactly ε.
    if steps * step_size < epsilon * (1 - 1e-6):
        raise ValueError(
            f"{steps} steps of {step_size:.4g} end inside the bound {epsilon:.4g}; take more or "
            f"larger steps"
        )
    return _steps(model, images.detach(), labels, epsilon, steps, step_size, start)


@dataclass(frozen=True)
class PGD(Attack):
    """PGD on test sets, from random starts.

    The default step size is that of Madry et al. 2018 (section 5): any point of the ball can be
    reached from any start, with some movement to spare.

    Raises:
        AttackError: no step or start, or steps that end inside the bound.
    """

    name: ClassVar[str] = "pgd"
    steps: int = field(default=20, metadata={"help": "steps of a restart"})
    step_size: float = field(
        default=2.5, metadata={"help": "size of a step in units of ε/pgd_steps"}
    )
    restarts: int = field(
        default=1, metadata={"help": "random starts, of which each image keeps the worst"}
    )

    def __post_init__(self):
        if min(self.steps, self.step_size, self.restarts) < 1:
            raise AttackError(f"every setting of PGD is at least 1, found {self}")

    @property
    def cost(self) -> int:
        return self.restarts * (GRADIENT_COST * self.steps + 1)

    def settings(self, epsilon: int) -> dict:
        size = self.step_size * epsilon / self.steps
        return {"steps": self.steps, "step_size_255": size, "restarts": self.restarts}

    def candidates(self, batch: Batch, epsilon: int) -> Iterator[torch.Tensor]:
        size = self.settings(epsilon)["step_size_255"] / 255
        for restart in range(self.restarts):
            start = batch.noise(self.name, restart)
            yield _steps(
                batch.model, batch.images, batch.labels, epsilon / 255, self.steps, size, start
            )


def _steps(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    epsilon: float,
    steps: int,
    step_size: float,
    start: torch.Tensor | None,
) -> torch.Tensor:
    """`pgd` without its checks, which wait for the GPU."""
    lowest, highest = (images - epsilon).clamp(min=0), (images + epsilon).clamp(max=1)
    attacked = images if start is None else (images + epsilon * start).clamp(lowest, highest)
    for _ in range(steps):
        _, gradient = logits_and_gradient(model, attacked, labels)
        attacked = (attacked + step_size * gradient.sign()).clamp(lowest, highest)
    return attacked
