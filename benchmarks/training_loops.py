"""Loops that `training.py` times, each alone in a process of its own: a line of JSON comes out.

    python benchmarks/training_loops.py LOOP FOLDER --model NAME --side PIXELS …

FOLDER holds JPEG files in one folder a class. Every loop trains the same network with the same
optimizer, batch size and number of threads, on all images of the folder, and times its epochs after
the first, which warms up.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch

from idsharp.common.device import peak_memory_mb, precision_on
from idsharp.common.progress import Reporter
from idsharp.datasets.formats.pictures import read_image
from idsharp.models.build import build_model
from idsharp.models.inference import autocast, predict
from idsharp.tasks.images import standardize
from idsharp.tasks.subsets import LabelledImages
from idsharp.training.adam import Adam
from idsharp.training.loop import train
from idsharp.training.recipe import Engine, Recipe, Training

OUTPUTS = 1000


def files_of(folder: Path) -> tuple[list[Path], list[int]]:
    """JPEG files and their class numbers."""
    files = sorted(folder.glob("*/*.jpg"))
    names = sorted({file.parent.name for file in files})
    return files, [names.index(file.parent.name) for file in files]


class ImageFiles(torch.utils.data.Dataset):
    """Opens, scales and resizes an image whenever it is asked for, as the released code does."""

    def __init__(self, folder: Path, side: int):
        self.files, self.labels = files_of(folder)
        self.side = side

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        from PIL import Image

        with Image.open(self.files[i]) as image:
            pixels = np.asarray(image.convert("L").resize((self.side, self.side)), np.float32)
        return torch.from_numpy(255 * pixels / max(1, pixels.max()))[None], self.labels[i]


def straightforward(options: argparse.Namespace, device: torch.device, timer: "Timer") -> dict:
    """A DataLoader over files, torch.optim.Adam, mixed precision where there is a GPU."""
    dataset = ImageFiles(options.folder, options.side)
    loader = torch.utils.data.DataLoader(
        dataset, options.batch, shuffle=True, num_workers=options.workers
    )
    model = build_model(options.model, 1, OUTPUTS, 0, 1.0, options.side).to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, weight_decay=1e-4)
    on_gpu = device.type == "cuda"
    scaler = torch.amp.GradScaler(device.type, enabled=on_gpu)
    for _ in range(options.epochs + 1):
        loss_sum = 0.0
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            with torch.autocast(device.type, torch.float16 if on_gpu else None, enabled=on_gpu):
                loss = torch.nn.functional.cross_entropy(model(images), labels)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            loss_sum += loss.item()
        timer.epoch_ends()
    return {"images_per_second": len(dataset) * options.epochs / timer.seconds}


class EpochEnds(Reporter):
    """Told after every epoch how it ended, which is when a timer is to be read."""

    def __init__(self, timer: "Timer"):
        super().__init__()
        self.timer = timer

    def say(self, text: str) -> None:
        self.timer.epoch_ends()


def idsharp(options: argparse.Namespace, device: torch.device, timer: "Timer") -> dict:
    """This project's engine; the test set is a single pair of images, so that training is timed."""
    images, labels = arrays(options)
    model = build_model(options.model, 1, OUTPUTS, 0, 255.0, options.side)
    recipe = Recipe(options.epochs + 1, options.batch, 1e-4)
    engine = Engine(options.precision, options.deterministic, options.cuda_graphs)
    everything = LabelledImages(images, labels, [str(i) for i in range(len(images))])
    training = Training(model, everything, everything[:2], recipe, 0, device, engine)
    train(training, EpochEnds(timer))
    rate = len(images) * options.epochs / timer.seconds
    on_device = torch.from_numpy(images).to(device)
    precision = precision_on(device, options.precision)
    predict(model, on_device, precision)
    timer.meet("tested")
    started = time.perf_counter()
    predict(model, on_device, precision).sum().item()
    tested = len(images) / (time.perf_counter() - started)
    return {"images_per_second": rate, "tested_per_second": tested}


def ceiling(options: argparse.Namespace, device: torch.device, timer: "Timer") -> dict:
    """Forward, backward and step on one fixed batch: of the papers' size, and of the best."""
    precision = precision_on(device, "auto")
    torch.backends.cudnn.benchmark = True
    model = build_model(options.model, 1, OUTPUTS, 0, 255.0, options.side)
    model.to(device, memory_format=torch.channels_last).train()
    optimizer = Adam(list(model.parameters()), 1e-4, 1e-4)
    timer.epoch_ends()
    rates = {}
    for factor in options.factors:
        size = options.batch * factor
        images = torch.rand(size, 1, options.side, options.side, device=device)
        images = images.contiguous(memory_format=torch.channels_last)
        labels = torch.randint(0, 2, (size,), device=device)

        def step(images=images, labels=labels) -> None:
            with autocast(device, precision):
                loss = torch.nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()

        try:
            step()
            rates[size] = steps_per_second(step, options.seconds, device) * size
        except torch.OutOfMemoryError:
            if not rates:
                raise
            break
        if rates[size] < 0.9 * max(rates.values()):
            break
    timer.epoch_ends()
    best = max(rates, key=rates.get)
    at_batch = rates[options.batch]
    return {"images_per_second": rates[best], "best_batch": best, "at_papers_batch": at_batch}


def steps_per_second(step, seconds: float, device: torch.device) -> float:
    """How often a step is done in a second, over about `seconds`."""
    finish(device)
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        step()
        done += 1
        if done % 10 == 0:
            # Steps on a GPU are only queued.
            finish(device)
    finish(device)
    return done / (time.perf_counter() - started)


def decoding(options: argparse.Namespace, device: torch.device, timer: "Timer") -> dict:
    """Opening, scaling and resizing alone."""
    dataset = ImageFiles(options.folder, options.side)
    for _ in range(2):
        for i in range(len(dataset)):
            _ = dataset[i]
        timer.epoch_ends()
    return {"images_per_second": len(dataset) / timer.seconds}


def arrays(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """The same files as this project's 8-bit images."""
    files, labels = files_of(options.folder)
    images = np.stack([standardize(read_image(file), options.side, 1) for file in files])
    return images, np.array(labels)


def finish(device: torch.device) -> None:
    """Wait for what was started on a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Timer:
    """Times what lies between the end of the first epoch and that of the last.

    After the first, all jobs that run at the same time wait for each other.
    """

    def __init__(self, device: torch.device, barrier: Path | None, jobs: int):
        self.device, self.barrier, self.jobs = device, barrier, jobs
        self.started = None

    def epoch_ends(self) -> None:
        finish(self.device)
        if self.started is None:
            self.meet("trained")
            self.started, self.began = time.perf_counter(), time.time()
            self.before = self._processor_seconds()
        else:
            self.seconds, self.ended = time.perf_counter() - self.started, time.time()
            after = self._processor_seconds()
            self.own, self.everyone = (b - a for a, b in zip(self.before, after, strict=True))

    def meet(self, place: str) -> None:
        """Wait until all jobs are there."""
        if self.barrier:
            (self.barrier / f"{place}-{os.getpid()}").touch()
            while len(list(self.barrier.glob(f"{place}-*"))) < self.jobs:
                time.sleep(0.01)

    def _processor_seconds(self) -> tuple[float, float]:
        """Of this process and its ended children; of all processes (NaN off Linux)."""
        stat = Path("/proc/stat")
        if not stat.exists():
            return sum(os.times()[:4]), float("nan")
        user, nice, system, _, _, irq, soft, *_ = map(int, stat.read_text().split(None, 11)[1:11])
        everyone = (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")
        return sum(os.times()[:4]), everyone

    def taken(self) -> dict:
        return {
            "seconds": self.seconds, "own_s": self.own, "everyone_s": self.everyone,
            "began": self.began, "ended": self.ended,
        }  # fmt: skip


LOOPS = {
    "ceiling": ceiling,
    "decoding": decoding,
    "straightforward": straightforward,
    "straightforward, workers": straightforward,
    "idsharp": idsharp,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("loop", choices=LOOPS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--side", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--epochs", type=int, default=1, help="timed; one more warms up")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=4, help="of each size of the ceiling")
    parser.add_argument("--factors", type=int, nargs="+", default=[1])
    parser.add_argument("--barrier", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--cuda-graphs", action="store_true")
    parser.add_argument("--deterministic", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    timer = Timer(device, options.barrier, options.jobs)
    found = LOOPS[options.loop](options, device, timer)
    precision = precision_on(device, options.precision)
    more = {"peak_memory_mb": peak_memory_mb(device), "precision": precision}
    print(json.dumps(found | timer.taken() | more))


if __name__ == "__main__":
    main()
