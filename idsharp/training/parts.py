"""The parts of a running training: images on the device, their order, sums, and the time."""

import time
from dataclasses import dataclass

import numpy as np
import torch

from idsharp.tasks.subsets import LabelledImages


@dataclass(frozen=True)
class DeviceImages:
    """N×C×H×W uint8 images and N class numbers on the device."""

    images: torch.Tensor
    labels: torch.Tensor

    @classmethod
    def of(cls, part: LabelledImages, device: torch.device) -> "DeviceImages":
        # Copied, since images may be a read-only memory map.
        images = torch.from_numpy(np.array(part.images)).to(device)
        return cls(images, torch.from_numpy(np.array(part.labels, dtype=np.int64)).to(device))

    def __len__(self) -> int:
        return len(self.labels)


def batches(
    n: int, batch_size: int, generator: torch.Generator, device: torch.device | str = "cpu"
) -> list[torch.Tensor]:
    """A random order of n positions in batches; a single one left over joins the last batch.

    Batch normalization cannot train on a single image.
    """
    # Moved once, not batch by batch.
    parts = list(torch.randperm(n, generator=generator).to(device).split(batch_size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


class Order:
    """The random order of images, an epoch at a time, and how far the running epoch is.

    Attributes:
        batch: batches of the running epoch that are done.
    """

    def __init__(self, n: int, batch_size: int, seed: int, device: torch.device):
        self.n, self.batch_size, self.device = n, batch_size, device
        self.generator = torch.Generator().manual_seed(seed)
        self.batch = 0
        self._before_epoch = self.generator.get_state()

    def rest_of_epoch(self) -> list[torch.Tensor]:
        """Positions of the batches that are left of the running epoch."""
        return batches(self.n, self.batch_size, self.generator, self.device)[self.batch :]

    def next_epoch(self) -> None:
        """Begin the next epoch."""
        self.batch, self._before_epoch = 0, self.generator.get_state()

    def state_dict(self) -> dict:
        """Where the running epoch began, and how far it is."""
        return {"before_epoch": self._before_epoch, "batch": self.batch}

    def load_state_dict(self, state: dict) -> None:
        """Continue from a `state_dict`."""
        self.generator.set_state(state["before_epoch"])
        self._before_epoch, self.batch = state["before_epoch"], state["batch"]


class Sums:
    """Loss and correct predictions of the running epoch, added up on the device.

    Always the same tensors, as a captured CUDA graph needs them.
    """

    def __init__(self, device: torch.device):
        self.loss = torch.zeros((), dtype=torch.float64, device=device)
        self.correct = torch.zeros((), dtype=torch.int64, device=device)

    def add(self, loss: torch.Tensor, logits: torch.Tensor, truth: torch.Tensor) -> None:
        """Count a batch with this mean loss."""
        self.loss += loss.detach().double() * len(truth)
        self.correct += (logits.argmax(dim=1) == truth).sum()

    def take_means(self, n: int) -> tuple[float, float]:
        """Mean loss and accuracy of n images; the sums begin anew."""
        means = self.loss.item() / n, self.correct.item() / n
        self.loss.zero_()
        self.correct.zero_()
        return means

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The sums so far."""
        return {"loss": self.loss, "correct": self.correct}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from a `state_dict`."""
        self.loss.copy_(state["loss"])
        self.correct.copy_(state["correct"])


@dataclass
class Clock:
    """Seconds spent on the training and on the running epoch, without those between two runs."""

    total: float = 0.0
    epoch: float = 0.0

    def __post_init__(self):
        self._since = time.perf_counter()

    def tick(self) -> None:
        """Count the time since the last call."""
        now = time.perf_counter()
        self.total += now - self._since
        self.epoch += now - self._since
        self._since = now
