"""Predictions of a network on 8-bit images."""

from collections.abc import Callable

import torch

from idsharp.models.build import ScaledModel

# Default batch sizes: a GPU needs many images to be busy; on a CPU, the activations of a few stay
# in its caches.
_BATCH = {"cuda": 250, "cpu": 50}


def as_input(images: torch.Tensor) -> torch.Tensor:
    """uint8 images as the float images in [0, 1] that models take."""
    return (images.float() / 255).contiguous(memory_format=torch.channels_last)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """A block that computes in this precision, "float32" or "bfloat16"."""
    # Each weight is cast once per step anyway, and a cache must not outlive a captured CUDA graph.
    return torch.autocast(
        device.type, torch.bfloat16, enabled=precision == "bfloat16", cache_enabled=False
    )


@torch.no_grad()
def predict(
    model: ScaledModel,
    images: torch.Tensor,
    precision: str = "float32",
    batch_size: int | None = None,
    after_batch: Callable[[], None] = lambda: None,
) -> torch.Tensor:
    """Logits (n×outputs, float32) of uint8 images, in eval mode.

    Args:
        after_batch: called after each batch.
    """
    model.eval()
    logits = []
    for part in images.split(batch_size or _BATCH.get(images.device.type, 50)):
        with autocast(images.device, precision):
            logits.append(model(as_input(part)).float())
        after_batch()
    return torch.cat(logits)


def constant(logits: torch.Tensor) -> bool:
    """Whether logits (n×outputs) are the same for all images up to the rounding of float32."""
    spread = (logits.amax(dim=0) - logits.amin(dim=0)).max().item()
    return spread <= 1e-6 * logits.abs().max().item()
