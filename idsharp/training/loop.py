"""Training one network on one training set, with the papers' recipe and a full history.

Konz & Mazurowski 2024 and their released code: from scratch, cross-entropy, Adam with weight decay
1e-4, 100 epochs, no augmentation. The 8-bit images stay on the device, a batch is an index, and
nothing waits for the device before the end of an epoch.
"""

import math

import torch
from torch.nn.functional import cross_entropy

from idsharp.common.device import choose_algorithms, describe, peak_memory_mb
from idsharp.common.progress import SILENT, Reporter
from idsharp.models.build import ScaledModel
from idsharp.models.determinism import replace_pooling
from idsharp.models.inference import as_input, autocast, constant, predict
from idsharp.training.adam import Adam
from idsharp.training.cuda_graphs import GraphedStep
from idsharp.training.parts import Clock, DeviceImages, Order, Sums
from idsharp.training.recipe import Training
from idsharp.training.record import HISTORY, epoch_line, summary
from idsharp.training.state import StateFile


def train(
    training: Training, report: Reporter = SILENT, state_file: StateFile | None = None
) -> tuple[dict, list[dict]]:
    """Train a network in place; leave it in eval mode.

    Args:
        report: told how each epoch ended.
        state_file: keeps the state of the training, which resumes from it if there is one.

    Returns:
        A flat record (final losses, final and highest accuracy, time, speed, memory, device;
        `status` "ok", or "diverged" with the epoch in which the loss ceased to be finite;
        `constant_output`: whether the logits are the same for every test image, as when all ReLUs
        before them are dead), and the history, one row per epoch.

    Raises:
        StoppedError: a signal asked the process to end, and `state_file` keeps the state.
    """
    run = _Run(training, state_file)
    epochs = training.recipe.epochs
    if run.n_interruptions:
        report.say(f"resuming after epoch {len(run.history)}, batch {run.order.batch}")
    while run.diverged_at is None and len(run.history) < epochs:
        run.epoch()
        report.say(epoch_line(run.record(), run.history, epochs))
    training.model.eval()
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

    def __init__(self, training: Training, state_file: StateFile | None):
        self.training, self.state_file = training, state_file
        model, recipe, engine = training.model, training.recipe, training.engine
        self.device = device = training.device
        self.precision = training.precision
        # Taken before anything changes the network.
        self.fingerprint = training.fingerprint() if state_file else ""
        choose_algorithms(device, engine.deterministic)
        if engine.deterministic and device.type == "cuda":
            replace_pooling(model)
        torch.manual_seed(training.seed)
        # torch takes both at once, which its own signatures do not say.
        model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.train_set = DeviceImages.of(training.train_set, device)
        self.test_set = DeviceImages.of(training.test_set, device)
        self.optimizer = Adam(list(model.parameters()), recipe.learning_rate, recipe.weight_decay)
        self.order = Order(len(self.train_set), recipe.batch_size, training.seed, device)
        self.sums, self.clock = Sums(device), Clock()
        self.graphed: GraphedStep | None = None
        if engine.cuda_graphs and device.type == "cuda":
            self.graphed = GraphedStep(min(recipe.batch_size, len(self.train_set)), device)
        self.history: list[dict] = []
        self.diverged_at: int | None = None
        self.constant_output: bool | None = None
        self.devices = [describe(device)]
        self.n_interruptions = 0
        state = state_file.load(self.fingerprint) if state_file else None
        if state:
            self._restore(state)

    def epoch(self) -> None:
        """Train one epoch, or the rest of it, and test; add a row to the history."""
        self.training.model.train()
        for chosen in self.order.rest_of_epoch():
            if self.graphed:
                self.graphed(self._step, chosen)
            else:
                self._step(chosen)
            self.order.batch += 1
            self._pause()
        number = len(self.history) + 1
        # The last test, whose loss is reported, has the precision of the attacks.
        precision = "float32" if number == self.training.recipe.epochs else self.precision
        model, test_set = self.training.model, self.test_set
        logits = predict(model, test_set.images, precision, after_batch=self._pause)
        test_loss, test_accuracy = _scores(logits, test_set.labels)
        train_loss, train_accuracy = self.sums.take_means(len(self.train_set))
        self.clock.tick()
        if math.isfinite(train_loss) and math.isfinite(test_loss):
            numbers = (train_loss, train_accuracy, test_loss, test_accuracy)
            row = (number, *numbers, round(self.clock.epoch, 3))
            self.history.append(dict(zip(HISTORY, row, strict=True)))
            self.constant_output = constant(logits)
        else:
            self.diverged_at, self.constant_output = number, None
        self.clock.epoch = 0.0
        self.order.next_epoch()

    def record(self) -> dict:
        """What the run says of itself."""
        status: dict = {"status": "ok"}
        if self.diverged_at is not None:
            status = {"status": "diverged", "diverged_at_epoch": self.diverged_at}
        seen = len(self.train_set) * max(1, len(self.history))
        return (
            status
            | summary(self.history)
            | {
                "constant_output": self.constant_output,
                "n_train_images": len(self.train_set),
                "n_test_images": len(self.test_set),
                "image_size": self.train_set.images.shape[-1],
                "train_seconds": round(self.clock.total, 3),
                "images_per_second": round(seen / self.clock.total, 1),
                "peak_memory_mb": peak_memory_mb(self.device),
                "device": "; ".join(dict.fromkeys(self.devices)),
                "threads": torch.get_num_threads(),
                "precision": self.precision,
                "deterministic": self.training.engine.deterministic or self.device.type == "cpu",
                "cuda_graphs": self.graphed is not None,
                "n_interruptions": self.n_interruptions,
            }
        )

    def _step(self, chosen: torch.Tensor) -> None:
        """One step on the images at these positions."""
        truth = self.train_set.labels[chosen]
        with autocast(self.device, self.precision):
            logits = self.training.model(as_input(self.train_set.images[chosen]))
            loss = cross_entropy(logits, truth)
        loss.backward()
        self.optimizer.step()
        self.sums.add(loss, logits, truth)

    def _pause(self) -> None:
        if self.state_file:
            self.state_file.check(self.fingerprint, self._state)

    def _state(self) -> dict:
        """All that the rest of the training depends on, as tensors and plain values."""
        self.clock.tick()
        on_gpu = self.device.type == "cuda"
        return {
            "network": self.training.model.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "order": self.order.state_dict(),
            "sums": self.sums.state_dict(),
            "dropout": torch.get_rng_state(),
            "dropout_gpu": torch.cuda.get_rng_state(self.device) if on_gpu else None,
            "history": self.history,
            "seconds": [self.clock.total, self.clock.epoch],
            "devices": self.devices,
            "n_interruptions": self.n_interruptions,
        }

    def _restore(self, state: dict) -> None:
        self.training.model.network.load_state_dict(state["network"])
        for name in ("optimizer", "order", "sums"):
            getattr(self, name).load_state_dict(state[name])
        torch.set_rng_state(state["dropout"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state["dropout_gpu"], self.device)
        self.history = state["history"]
        self.clock.total, self.clock.epoch = state["seconds"]
        self.devices = state["devices"] + self.devices
        self.n_interruptions = state["n_interruptions"] + 1


def _scores(logits: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """Mean cross-entropy, summed in float64, and accuracy."""
    loss = cross_entropy(logits.double(), labels)
    correct = (logits.argmax(dim=1) == labels).sum()
    return loss.item(), correct.item() / len(labels)
