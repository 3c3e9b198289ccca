"""The gradient that attacks follow, and the checks that keep them from measuring nonsense."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy

#: A gradient takes about as long as this many forward passes.
GRADIENT_COST = 3


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
    """Logits (N×outputs) and the gradient of `loss_gradient`, without its checks."""
    inputs = images.detach().requires_grad_(True)
    logits = model(inputs)
    # The sum, so that the gradient of an image does not depend on its batch.
    loss = cross_entropy(logits, labels, reduction="sum")
    return logits.detach(), torch.autograd.grad(loss, inputs)[0]


def vanished(gradient: torch.Tensor) -> torch.Tensor:
    """Which of N images have a gradient that is zero at every pixel, or not finite somewhere.

    A gradient attack cannot move such an image, or not in the right direction (torch's sign of NaN
    is 0), so its robustness is only apparent (gradient masking, Athalye et al. 2018).
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
    if not (lowest >= 0 and highest <= 1):  # written so that NaN is refused, too
        raise ValueError(f"images must lie in [0, 1], found [{lowest:.4g}, {highest:.4g}]")


def check_epsilon(epsilon: float) -> None:
    """Raise ValueError for a bound outside [0, 1], such as one in steps of 1/255."""
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon is a fraction of the intensity range, found {epsilon}")
