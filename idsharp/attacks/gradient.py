"""Adversarial attacks on images in [0, 1]: FGSM and PGD, both under an L∞ bound."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy


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
    _check_epsilon(epsilon)
    images = images.detach()
    _, gradient = logits_and_gradient(model, images, labels)
    return fgsm_step(images, gradient, epsilon)


def pgd(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    epsilon: float,
    steps: int,
    step_size: float,
    start: torch.Tensor | None = None,
) -> torch.Tensor:
    """Projected gradient descent (Madry et al. 2018, section 2.1), one run of it.

    Each step moves every pixel by the step size along the sign of the gradient, then back into the
    ε-ball around the image and into [0, 1]. Takes and raises what `fgsm` does, and

    Args:
        steps: how many.
        step_size: in units of the intensity range.
        start: N×C×H×W in [-1, 1]: where in the ball to begin, in units of ε; None is the image.

    Returns:
        N×C×H×W images of the last step.

    Raises:
        ValueError: no step, or a step that cannot reach the bound.
    """
    check_attackable(model, images)
    _check_epsilon(epsilon)
    if steps < 1:
        raise ValueError(f"PGD takes at least one step, found {steps}")
    # With a hair of tolerance: the sum of steps is often meant to be ε exactly.
    if steps * step_size < epsilon * (1 - 1e-6):
        raise ValueError(
            f"{steps} steps of {step_size:.4g} end inside the bound {epsilon:.4g}; take more or "
            f"larger steps"
        )
    return pgd_steps(model, images.detach(), labels, epsilon, steps, step_size, start)


def fgsm_step(images: torch.Tensor, gradient: torch.Tensor, epsilon: float) -> torch.Tensor:
    """`fgsm` from a gradient that is there already (one serves every ε); checks nothing."""
    return (images + epsilon * gradient.sign()).clamp(0, 1)


def pgd_steps(
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


def loss_gradient(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Gradient of each image's cross-entropy with respect to the image (N×C×H×W).

    Raises:
        ValueError: model in training mode, or images outside [0, 1].
    """
    check_attackable(model, images)
    return logits_and_gradient(model, images, labels)[1]


def logits_and_gradient(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (N×outputs), and the gradient of `loss_gradient`; checks nothing."""
    inputs = images.detach().requires_grad_(True)
    logits = model(inputs)
    # The sum, so that the gradient of an image does not depend on its batch.
    loss = cross_entropy(logits, labels, reduction="sum")
    return logits.detach(), torch.autograd.grad(loss, inputs)[0]


def vanished(gradient: torch.Tensor) -> torch.Tensor:
    """Which of N images have a gradient that is zero at every pixel, or not finite somewhere.

    Such an image cannot be moved, or not rightly (torch's sign of what is not a number is 0): its
    robustness is apparent (gradient masking, Athalye et al. 2018).
    """
    flat = gradient.flatten(1)
    return (flat == 0).all(dim=1) | ~flat.isfinite().all(dim=1)


def check_attackable(model: nn.Module, images: torch.Tensor) -> None:
    """Raise ValueError for what would give wrong numbers instead of an error."""
    training = [name for name, module in model.named_modules() if module.training]
    if training:
        where = f" (module {training[0]})" if training[0] else ""
        raise ValueError(
            f"the model is in training mode{where}; call model.eval() before an attack"
        )
    if not images.is_floating_point():
        raise ValueError(f"images must be float in [0, 1], found {images.dtype}; divide by 255")
    lowest, highest = images.min(), images.max()
    if not (lowest >= 0 and highest <= 1):  # so put, NaN is refused too
        raise ValueError(f"images must lie in [0, 1], found [{lowest:.4g}, {highest:.4g}]")


def _check_epsilon(epsilon: float) -> None:
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon is a fraction of the intensity range, found {epsilon}")
