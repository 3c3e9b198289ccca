"""Training one network on one training set, with the papers' recipe and a full history.

Konz & Mazurowski 2024 and their released code: from scratch, cross-entropy, Adam with weight decay
1e-4, 100 epochs, no augmentation. The 8-bit images live on the device; a batch is an index, and
nothing waits for the device before the end of an epoch.
"""

import math
import time
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from idsharp.common.device import choose_algorithms, describe, peak_memory_mb, precision_on
from idsharp.common.progress import SILENT, Reporter
from idsharp.models.build import ScaledModel
from idsharp.models.determinism import replace_pooling
from idsharp.models.inference import as_input, autocast, constant, predict
from idsharp.tasks.subsets import LabelledImages
from idsharp.training.adam import Adam
from idsharp.training.cuda_graphs import GraphedStep
from idsharp.training.record import HISTORY, summary
from idsharp.training.state import StateFile, fingerprint


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of one training."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 1e-4


@dataclass(frozen=True)
class Engine:
    """How a training is computed; the results differ by rounding.

    Attributes:
        precision: float32, bfloat16 (autocast), or auto: bfloat16 on a GPU that has it (the papers
            used mixed precision), float32 elsewhere. The last epoch is tested in float32.
        deterministic: bit for bit the same on the same GPU; a CPU is so anyway.
        cuda_graphs: replay the step of full batches as a CUDA graph.
    """

    precision: str = "auto"
    deterministic: bool = False
    cuda_graphs: bool = False


AS_USUAL = Engine()


def batches(
    n: int, batch_size: int, generator: torch.Generator, device: torch.device | str = "cpu"
) -> list[torch.Tensor]:
    """A random order of n positions in batches; one left over joins the last batch.

    Batch normalisation cannot train on a single image.
    """
    # Moved once, not batch by batch.
    parts = list(torch.randperm(n, generator=generator).to(device).split(batch_size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def train(
    model: ScaledModel,
    train_set: LabelledImages,
    test_set: LabelledImages,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    report: Reporter = SILENT,
    engine: Engine = AS_USUAL,
    state_file: StateFile | None = None,
) -> tuple[dict, list[dict]]:
    """Train in place; leave the model in eval mode.

    Args:
        report: told how each epoch ended.
        state_file: keeps the state of the training, which goes on from it if it is there.

    Returns:
        A flat record (final losses, final and highest accuracy, time, speed, memory, device;
        `status` "ok", or "diverged" with the epoch where the loss ceased to be finite;
        `constant_output`: whether the logits are the same for every test image, as where all ReLUs
        before them are dead), and the history, one row an epoch.

    Raises:
        StoppedError: a signal asked for the end, and `state_file` keeps the state.
    """
    run = _Run(model, train_set, test_set, recipe, seed, device, engine, state_file)
    if run.resumed:
        report.say(f"going on after epoch {len(run.history)}, batch {run.batch}")
    while run.status == {"status": "ok"} and len(run.history) < recipe.epochs:
        run.epoch()
        report.say(_progress(run, recipe.epochs))
    model.eval()
    return run.record(), run.history


def evaluate(
    model: ScaledModel,
    images: torch.Tensor,
    labels: torch.Tensor,
    precision: str = "float32",
    batch_size: int | None = None,
) -> tuple[float, float]:
    """Mean cross-entropy (nats) and accuracy of uint8 images, in eval mode."""
    return _scores(predict(model, images, precision, batch_size), labels)


class _Run:
    """One training between two batches: all that changes, and the steps that change it."""

    def __init__(self, model, train_set, test_set, recipe, seed, device, engine, state_file):
        self.model, self.recipe, self.device, self.engine = model, recipe, device, engine
        self.precision = precision_on(device, engine.precision)
        self.state_file = state_file
        if state_file:
            settings = asdict(recipe) | asdict(engine) | {"seed": seed, "device": device.type}
            settings |= {"precision": self.precision, "input_scale": model.scale}
            arrays = [train_set.images, train_set.labels, test_set.images, test_set.labels]
            self.fingerprint = fingerprint(settings, model.network.state_dict(), arrays)
        choose_algorithms(device, engine.deterministic)
        if engine.deterministic and device.type == "cuda":
            replace_pooling(model)
        torch.manual_seed(seed)
        self.order = torch.Generator().manual_seed(seed)
        model.to(device, memory_format=torch.channels_last)
        self.images, self.labels = _to_device(train_set, device)
        self.test_images, self.test_labels = _to_device(test_set, device)
        self.optimizer = Adam(list(model.parameters()), recipe.learning_rate, recipe.weight_decay)
        self.graphed: GraphedStep | None = None
        if engine.cuda_graphs and device.type == "cuda":
            self.graphed = GraphedStep(min(recipe.batch_size, len(self.images)), device)
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        self.correct = torch.zeros((), dtype=torch.int64, device=device)
        self.order_before = self.order.get_state()
        self.batch = 0
        self.history: list[dict] = []
        self.status = {"status": "ok"}
        self.constant_output: bool | None = None
        self.devices = [describe(device)]
        self.n_interruptions = 0
        # Seconds up to `since`, of the epochs done and of the running one.
        self.seconds, self.epoch_seconds, self.since = 0.0, 0.0, time.perf_counter()
        state = state_file.load(self.fingerprint) if state_file else None
        self.resumed = state is not None
        if state:
            self._restore(state)

    def epoch(self) -> None:
        """Train one epoch, or the rest of it, and test; add a row to the history."""
        self.model.train()
        parts = batches(len(self.images), self.recipe.batch_size, self.order, self.device)
        for part in parts[self.batch :]:
            if self.graphed:
                self.graphed(self._step, part)
            else:
                self._step(part)
            self.batch += 1
            self._pause()
        # The last test, of which the loss is reported, is in the precision of the attacks.
        last = len(self.history) + 1 == self.recipe.epochs
        precision = "float32" if last else self.precision
        logits = predict(self.model, self.test_images, precision, after_batch=self._pause)
        test_loss, test_accuracy = _scores(logits, self.test_labels)
        train_loss = self.loss_sum.item() / len(self.images)
        train_accuracy = self.correct.item() / len(self.images)
        self._tick()
        number = len(self.history) + 1
        if math.isfinite(train_loss) and math.isfinite(test_loss):
            numbers = (train_loss, train_accuracy, test_loss, test_accuracy)
            row = (number, *numbers, round(self.epoch_seconds, 3))
            self.history.append(dict(zip(HISTORY, row, strict=True)))
            self.constant_output = constant(logits)
        else:
            self.status = {"status": "diverged", "diverged_at_epoch": number}
            self.constant_output = None
        self.loss_sum.zero_()
        self.correct.zero_()
        self.batch, self.epoch_seconds = 0, 0.0
        self.order_before = self.order.get_state()

    def record(self) -> dict:
        """What the run says of itself."""
        seen = len(self.images) * max(1, len(self.history))
        return (
            self.status
            | summary(self.history)
            | {
                "constant_output": self.constant_output,
                "n_train_images": len(self.images),
                "n_test_images": len(self.test_images),
                "image_size": self.images.shape[-1],
                "train_seconds": round(self.seconds, 3),
                "images_per_second": round(seen / self.seconds, 1),
                "peak_memory_mb": peak_memory_mb(self.device),
                "device": "; ".join(dict.fromkeys(self.devices)),
                "threads": torch.get_num_threads(),
                "precision": self.precision,
                "deterministic": self.engine.deterministic or self.device.type == "cpu",
                "cuda_graphs": self.graphed is not None,
                "n_interruptions": self.n_interruptions,
            }
        )

    def _step(self, chosen: torch.Tensor) -> None:
        """One step on the images at these positions."""
        truth = self.labels[chosen]
        with autocast(self.device, self.precision):
            logits = self.model(as_input(self.images[chosen]))
            loss = cross_entropy(logits, truth)
        loss.backward()
        self.optimizer.step()
        self.loss_sum += loss.detach().double() * len(chosen)
        self.correct += (logits.argmax(dim=1) == truth).sum()

    def _pause(self) -> None:
        if self.state_file:
            self.state_file.check(self.fingerprint, self._state)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.seconds += now - self.since
        self.epoch_seconds += now - self.since
        self.since = now

    def _state(self) -> dict:
        """All that the rest of the training depends on, tensors and plain values alone."""
        self._tick()
        on_gpu = self.device.type == "cuda"
        return {
            "network": self.model.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "order": self.order_before,
            "dropout": torch.get_rng_state(),
            "dropout_gpu": torch.cuda.get_rng_state(self.device) if on_gpu else None,
            "batch": self.batch,
            "loss_sum": self.loss_sum,
            "correct": self.correct,
            "history": self.history,
            "seconds": self.seconds,
            "epoch_seconds": self.epoch_seconds,
            "devices": self.devices,
            "n_interruptions": self.n_interruptions,
        }

    def _restore(self, state: dict) -> None:
        self.model.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.order.set_state(state["order"])
        self.order_before = state["order"]
        torch.set_rng_state(state["dropout"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state["dropout_gpu"], self.device)
        self.loss_sum.copy_(state["loss_sum"])
        self.correct.copy_(state["correct"])
        for name in ("batch", "history", "seconds", "epoch_seconds"):
            setattr(self, name, state[name])
        self.devices = state["devices"] + self.devices
        self.n_interruptions = state["n_interruptions"] + 1


def _to_device(part: LabelledImages, device: torch.device) -> tuple:
    # Copied: images may be a read-only memory map.
    return (
        torch.from_numpy(np.array(part.images)).to(device),
        torch.from_numpy(np.array(part.labels, dtype=np.int64)).to(device),
    )


def _scores(logits: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """Mean cross-entropy, summed in float64, and accuracy."""
    loss = cross_entropy(logits.double(), labels)
    correct = (logits.argmax(dim=1) == labels).sum()
    return loss.item(), correct.item() / len(labels)


def _progress(run: _Run, epochs: int) -> str:
    """A line for people after an epoch."""
    if run.status["status"] != "ok":
        number = run.status["diverged_at_epoch"]
        return f"epoch {number}: the loss is no longer finite; this run stops here"
    row = run.history[-1]
    left = (epochs - row["epoch"]) * run.seconds / row["epoch"]
    note = "; the network puts out the same for every image" if run.constant_output else ""
    return (
        f"epoch {row['epoch']}/{epochs}: train loss {row['train_loss']:.4f}, accuracy "
        f"{row['train_accuracy']:.3f}; test loss {row['test_loss']:.4f}, accuracy "
        f"{row['test_accuracy']:.3f}; {row['seconds']:.1f} s, about {left:.0f} s left{note}"
    )
