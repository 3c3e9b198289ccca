"""Training one network on one training set, with the papers' recipe and a full history.

Konz & Mazurowski 2024 and their released code: from scratch, cross-entropy, Adam with weight decay
1e-4, 100 epochs, no augmentation. The 8-bit images live on the device; a batch is an index.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.optim.adam import adam

from idsharp.device import describe
from idsharp.models import ScaledModel


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of one training."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 1e-4


class Adam:
    """torch's own Adam step (`torch.optim.adam.adam`) with nothing around it.

    `torch.optim.Adam` imports torch's compiler when it is made, which costs each of thousands of
    short jobs seconds; the numbers are the same.
    """

    def __init__(
        self, parameters: list[torch.nn.Parameter], learning_rate: float, weight_decay: float
    ):
        self.parameters = parameters
        self.options = {"lr": learning_rate, "weight_decay": weight_decay}
        self.averages = [torch.zeros_like(p) for p in parameters]
        self.square_averages = [torch.zeros_like(p) for p in parameters]
        self.steps = [torch.zeros((), device=p.device) for p in parameters]

    @torch.no_grad()
    def step(self) -> None:
        """Apply the gradients and clear them."""
        adam(
            self.parameters,
            [p.grad for p in self.parameters],
            self.averages,
            self.square_averages,
            [],
            self.steps,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            eps=1e-8,
            maximize=False,
            **self.options,
        )
        for parameter in self.parameters:
            parameter.grad = None


def batches(n: int, batch_size: int, generator: torch.Generator) -> list[torch.Tensor]:
    """A random order of n positions in batches; one left over joins the last batch.

    Batch normalisation cannot train on a single image.
    """
    parts = list(torch.randperm(n, generator=generator).split(batch_size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def train(
    model: ScaledModel,
    train_set: tuple[np.ndarray, np.ndarray],
    test_set: tuple[np.ndarray, np.ndarray],
    recipe: Recipe,
    seed: int,
    device: torch.device,
    report: Callable[[str], None] = print,
) -> tuple[dict, list[dict]]:
    """Train in place; leave the model in eval mode.

    Args:
        train_set, test_set: images (n×C×H×W uint8) and class numbers (n).
        report: receives a line of progress after each epoch.

    Returns:
        A flat record (final losses, final and highest accuracy, time, speed, device; `status`
        "ok", or "diverged" with the epoch where the loss ceased to be finite), and the history,
        one row an epoch.
    """
    torch.manual_seed(seed)
    order = torch.Generator().manual_seed(seed)
    model.to(device, memory_format=torch.channels_last)
    images, labels = _to_device(train_set, device)
    test_images, test_labels = _to_device(test_set, device)
    optimizer = Adam(list(model.parameters()), recipe.learning_rate, recipe.weight_decay)
    history: list[dict] = []
    status = {"status": "ok"}
    started = time.perf_counter()
    for epoch in range(1, recipe.epochs + 1):
        train_loss, train_accuracy = _train_epoch(model, images, labels, optimizer, recipe, order)
        test_loss, test_accuracy = evaluate(model, test_images, test_labels)
        if not np.isfinite([train_loss, test_loss]).all():
            status = {"status": "diverged", "diverged_at_epoch": epoch}
            report(f"epoch {epoch}: the loss is no longer finite; this run stops here")
            break
        history.append(
            {
                "epoch": epoch,
                "train_loss": train_loss,
                "train_accuracy": train_accuracy,
                "test_loss": test_loss,
                "test_accuracy": test_accuracy,
            }
        )
        report(
            f"epoch {epoch}/{recipe.epochs}: train loss {train_loss:.4f}, accuracy "
            f"{train_accuracy:.3f}; test loss {test_loss:.4f}, accuracy {test_accuracy:.3f}"
        )
    seconds = time.perf_counter() - started
    seen = len(images) * (len(history) or 1)
    record = (
        status
        | _summary(history)
        | {
            "n_train_images": len(images),
            "n_test_images": len(test_images),
            "train_seconds": round(seconds, 3),
            "images_per_second": round(seen / seconds, 1),
            "device": describe(device),
        }
    )
    model.eval()
    return record, history


@torch.no_grad()
def evaluate(
    model: ScaledModel, images: torch.Tensor, labels: torch.Tensor, batch_size: int = 250
) -> tuple[float, float]:
    """Mean cross-entropy (nats) and accuracy of uint8 images, in eval mode."""
    model.eval()
    loss = correct = 0.0
    for part, truth in zip(images.split(batch_size), labels.split(batch_size), strict=True):
        with _precision(images.device):
            logits = model(as_input(part))
        loss += cross_entropy(logits.double(), truth, reduction="sum").item()
        correct += (logits.argmax(dim=1) == truth).sum().item()
    return loss / len(images), correct / len(images)


def as_input(images: torch.Tensor) -> torch.Tensor:
    """uint8 images as the float images in [0, 1] that models take."""
    return (images.float() / 255).contiguous(memory_format=torch.channels_last)


def _train_epoch(
    model: ScaledModel,
    images: torch.Tensor,
    labels: torch.Tensor,
    optimizer: Adam,
    recipe: Recipe,
    order: torch.Generator,
) -> tuple[float, float]:
    """One pass over the training set; mean loss and accuracy as they were met."""
    model.train()
    loss_sum = torch.zeros((), dtype=torch.float64, device=images.device)
    correct = torch.zeros((), dtype=torch.int64, device=images.device)
    for batch in batches(len(images), recipe.batch_size, order):
        chosen = batch.to(images.device)
        truth = labels[chosen]
        with _precision(images.device):
            logits = model(as_input(images[chosen]))
            loss = cross_entropy(logits, truth)
        loss.backward()
        optimizer.step()
        loss_sum += loss.detach().double() * len(batch)
        correct += (logits.argmax(dim=1) == truth).sum()
    return loss_sum.item() / len(images), correct.item() / len(images)


def _to_device(part: tuple[np.ndarray, np.ndarray], device: torch.device) -> tuple:
    images, labels = part
    # Copied: images may be a read-only memory map.
    return (
        torch.from_numpy(np.array(images)).to(device),
        torch.from_numpy(np.array(labels, dtype=np.int64)).to(device),
    )


def _precision(device: torch.device) -> torch.autocast:
    """bfloat16 on GPUs that have it (the papers used mixed precision), float32 elsewhere."""
    native = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=native)


def _summary(history: list[dict]) -> dict:
    """Final and best numbers of a history; nulls where no epoch ended."""
    names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    if not history:
        return dict.fromkeys(names) | {"highest_test_accuracy": None, "epochs_done": 0}
    best = max(row["test_accuracy"] for row in history)
    final = {name: history[-1][name] for name in names}
    return final | {"highest_test_accuracy": best, "epochs_done": len(history)}
