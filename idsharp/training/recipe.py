"""All that decides a training: data, network, hyperparameters, and how it is computed."""

from dataclasses import asdict, dataclass, field

import torch

from idsharp.common.device import precision_on
from idsharp.models.build import ScaledModel
from idsharp.tasks.subsets import LabelledImages
from idsharp.training.state import fingerprint

#: Of every training, as records name it (`idsharp.training.adam`).
OPTIMIZER = "Adam"
#: What `Engine.precision` may be.
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of one training."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 1e-4


@dataclass(frozen=True)
class Engine:
    """How a training is computed; results differ by rounding alone.

    Attributes:
        precision: float32, bfloat16 (autocast), or auto: bfloat16 on a GPU that supports it (the
            papers used mixed precision), float32 elsewhere. The last epoch is tested in float32.
        deterministic: bit for bit the same on the same GPU; a CPU is so anyway.
        cuda_graphs: replay the step of full batches as a CUDA graph.
    """

    precision: str = "auto"
    deterministic: bool = False
    cuda_graphs: bool = False


@dataclass(frozen=True)
class Training:
    """One network to be trained on one training set.

    Attributes:
        model: trained in place.
        seed: of the order of images and of dropout.
    """

    model: ScaledModel
    train_set: LabelledImages
    test_set: LabelledImages
    recipe: Recipe
    seed: int
    device: torch.device
    engine: Engine = field(default_factory=Engine)

    @property
    def precision(self) -> str:
        """The number format of the training steps on this device."""
        return precision_on(self.device, self.engine.precision)

    def fingerprint(self) -> str:
        """A hash of all that decides the numbers, while the network has its first weights."""
        settings = asdict(self.recipe) | asdict(self.engine)
        settings |= {"seed": self.seed, "device": self.device.type, "precision": self.precision}
        settings |= {"input_scale": self.model.scale}
        parts = (self.train_set, self.test_set)
        arrays = [array for part in parts for array in (part.images, part.labels)]
        return fingerprint(settings, self.model.network.state_dict(), arrays)
