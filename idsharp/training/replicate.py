"""One replicate of a study: its names, its seeds, and the files it leaves."""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from idsharp.common.provenance import provenance
from idsharp.common.records import atomic_path, write_json, write_rows
from idsharp.common.seeds import seed_for
from idsharp.models.build import build_model
from idsharp.models.checkpoints import save_checkpoint
from idsharp.tasks.subsets import LabelledImages
from idsharp.training.recipe import OPTIMIZER, Engine, Recipe, Training
from idsharp.training.record import HISTORY, gap


@dataclass(frozen=True)
class Replicate:
    """One network of a study.

    Attributes:
        seed: number of the replicate, from which, with the names, all seeds follow.
        outputs: size of the head.
        input_scale: factor on images in [0, 1].
    """

    task: str
    model: str
    n_train: int
    seed: int
    outputs: int
    input_scale: float
    recipe: Recipe

    @property
    def names(self) -> dict:
        """What tells it from other networks, in records and tables."""
        return {name: getattr(self, name) for name in ("task", "model", "n_train", "seed")}

    @property
    def settings(self) -> dict:
        """How it is trained, as in records."""
        head = {"outputs": self.outputs, "input_scale": self.input_scale}
        return {"optimizer": OPTIMIZER} | asdict(self.recipe) | head

    def training(
        self,
        train_set: LabelledImages,
        test_set: LabelledImages,
        device: torch.device,
        engine: Engine,
    ) -> Training:
        """Its training, with a new network.

        The first weights are the same for every N, so that only N differs.
        """
        channels, image_size = train_set.images.shape[1:3]
        weights = seed_for("weights", self.task, self.model, self.seed)
        model = build_model(
            self.model, channels, self.outputs, weights, self.input_scale, image_size
        )
        seed = seed_for("training", self.task, self.model, self.n_train, self.seed)
        return Training(model, train_set, test_set, self.recipe, seed, device, engine)


@dataclass(frozen=True)
class RunFiles:
    """The files that one replicate leaves."""

    record: Path
    history: Path
    checkpoint: Path

    @property
    def state(self) -> Path:
        """The state of an unfinished training."""
        return self.checkpoint.with_suffix(".state")

    def write(
        self, replicate: Replicate, training: Training, record: dict, history: list[dict]
    ) -> None:
        """Write a training that ended; its network leaves the device.

        The record comes last: it is there only if everything else is.
        """
        with atomic_path(self.checkpoint) as temporary:
            save_checkpoint(training.model.cpu(), temporary)
        write_rows(self.history, history, list(HISTORY))
        written = replicate.names | record | replicate.settings
        write_json(self.record, written | provenance("torch", "torchvision"))

    def write_gap(self, replicate: Replicate, reason: str) -> None:
        """Write the record of a training that cannot be, with an empty history and checkpoint."""
        with atomic_path(self.checkpoint) as temporary, open(temporary, "wb") as file:
            torch.save({}, file)
        write_rows(self.history, [], list(HISTORY))
        write_json(self.record, replicate.names | gap(reason) | provenance("torch"))
