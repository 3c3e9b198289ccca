"""What an attack is, and the images that it is given."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from idsharp.attacks.gradient import logits_and_gradient
from idsharp.common.seeds import generator
from idsharp.models.inference import as_input
from idsharp.tasks.subsets import LabelledImages


class AttackError(ValueError):
    """An attack that cannot be measured; the message says why."""


class Batch:
    """Clean images with what all attacks on them share.

    Args:
        model: the network, in eval mode on `device`.
        task: name of the task, from which `noise` is seeded.

    Attributes:
        images: N×C×H×W float in [0, 1].
        labels: N class numbers.
        logits, gradient: of the clean images (`logits_and_gradient`).
    """

    def __init__(self, model: nn.Module, clean: LabelledImages, task: str, device: torch.device):
        self.model, self.task, self.ids = model, task, clean.ids
        # Copied, since images may be a read-only memory map.
        self.images = as_input(torch.from_numpy(np.array(clean.images)).to(device))
        self.labels = torch.from_numpy(np.array(clean.labels, dtype=np.int64)).to(device)
        self.logits, self.gradient = logits_and_gradient(model, self.images, self.labels)
        self._noise: dict[tuple[str, int], torch.Tensor] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def noise(self, attack: str, number: int) -> torch.Tensor:
        """Uniform noise in [-1, 1) of the shape of the images.

        Seeded by attack, task, image and `number`, and thus the same for every network, ε, batch
        and device.
        """
        key = attack, number
        if key not in self._noise:
            shape = self.images.shape[1:]
            noise = [
                generator(attack, self.task, image_id, number).random(shape, dtype=np.float32)
                for image_id in self.ids
            ]
            self._noise[key] = (torch.from_numpy(np.stack(noise)) * 2 - 1).to(self.images.device)
        return self._noise[key]


class Attack(ABC):
    """An attack under an L∞ bound ε, given in steps of 1/255.

    A subclass is a frozen dataclass. Its fields are its settings: the field `steps` of the attack
    named "pgd" is the setting `pgd_steps` of a study. `metadata["help"]` says what each is.
    """

    name: ClassVar[str]

    @property
    @abstractmethod
    def cost(self) -> int:
        """Forward passes per image and ε, beside the clean gradient."""

    @abstractmethod
    def settings(self, epsilon: int) -> dict:
        """The columns `steps`, `step_size_255` and `restarts` of the table of attacks."""

    @abstractmethod
    def candidates(self, batch: Batch, epsilon: int) -> Iterator[torch.Tensor]:
        """Attacked images (N×C×H×W), once or several times; each image keeps its worst."""
