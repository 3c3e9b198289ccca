"""Images a second in training: idsharp against a straightforward loop and against the ceiling.

    python benchmarks/training.py [--quick] [--sides 64] [--models resnet18] [--loops idsharp]

Every loop runs alone in a process of its own, on a GPU where there is one, else on all cores. The
*straightforward* loop opens and resizes every image in every epoch, without or with workers. The
*ceiling* is forward, backward and step on one fixed batch, of the papers' size and of the best.
Results are kept in `training.csv` beside this file as they come in, and what is measured again
replaces what was there; `training.md` and `training.png` are made from it. The images are real
where IDSHARP_TEST_DATA names a folder that holds `brain_tumor_mri/`, and synthetic otherwise.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from machine import machine
from training_jobs import device_name, run_jobs
from training_page import BFLOAT16, EXACT, GRAPHS, LOOPS, OURS, SIDES, STRAIGHT, WORKERS, page, plot

from idsharp.models.names import PAPERS, check_image_size
from idsharp.study.check import check_config
from idsharp.study.config import hyperparameters
from idsharp.study.files import read_config

HERE = Path(__file__).resolve().parent
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
# What ten minutes or so of a CPU carry; every network on a GPU.
ON_CPU = {64: ("resnet18", "vgg13", "squeezenet1_1", "densenet121"), 224: ("resnet18",)}
# Jobs that share the device, at the same time.
ON_GPU_JOBS, ON_CPU_JOBS = (1, 2, 4, 8), tuple(sorted({1, CORES}))
FLAGS = {
    GRAPHS: ["--cuda-graphs"],
    EXACT: ["--deterministic"],
    BFLOAT16: ["--precision", "bfloat16"],
}
KEYS = ["model", "side", "loop", "jobs", "device"]
COLUMNS = [
    *KEYS, "on_gpu", "threads", "batch", "n_images", "epochs", "predicted", "images_per_second",
    "at_papers_batch", "best_batch", "tested_per_second", "startup_s", "seconds", "others",
    "utilization", "peak_memory_mb", "precision", "note",
]  # fmt: skip


def make_images(folder: Path, n: int) -> str:
    """n JPEG files in one folder a class; what they are."""
    data = os.environ.get("IDSHARP_TEST_DATA")
    files = []
    for name in ("glioma", "pituitary"):
        (folder / name).mkdir(parents=True)
        if data:
            files += sorted(Path(data).glob(f"brain_tumor_mri/*/{name}/*.jpg"))
    if len(files) >= n:
        chosen = np.random.default_rng(0).permutation(len(files))[:n]
        for i in chosen:
            shutil.copy(files[i], folder / files[i].parent.name / f"{i}.jpg")
        return "brain MRI slices, JPEG, 224×224"
    from PIL import Image

    rng = np.random.default_rng(0)
    for i in range(n):
        coarse = Image.fromarray(rng.integers(0, 256, (32, 32), dtype=np.uint8))
        coarse.resize((512, 512)).save(folder / ("glioma", "pituitary")[i % 2] / f"{i}.jpg")
    return "synthetic JPEG, 512×512"


def versions() -> dict:
    """Of what computes."""
    return {name: version(name) for name in ("torch", "torchvision")}


class Table:
    """The rows of `training.csv`."""

    def __init__(self, path: Path):
        self.path = path
        self.rows = pd.read_csv(path).to_dict("records") if path.exists() else []

    def add(self, row: dict) -> None:
        same = [[old[key] == row[key] for key in KEYS] for old in self.rows]
        self.rows = [old for old, hits in zip(self.rows, same, strict=True) if not all(hits)]
        self.rows.append(row)
        # Rows of one kind say more than those of another.
        order = [*COLUMNS, *sorted(set().union(*self.rows) - set(COLUMNS))]
        pd.DataFrame(self.rows).reindex(columns=order).to_csv(self.path, index=False)

    def find(self, **keys) -> dict:
        """The row with these values, empty if it was not measured."""
        rows = [row for row in self.rows if all(row[key] == keys[key] for key in keys)]
        return rows[-1] if rows else {}


def predict_rate(loop: str, jobs: int, alone: dict, shared: dict, decoding: dict) -> float | None:
    """Images a second before measuring: by the time of the step on a batch of the papers' size.

    Decoding comes before each step without workers; with workers beside a GPU the slower of the two
    counts, and on a CPU both share the cores. Where jobs share a GPU nothing is faster than its
    ceiling.

    Args:
        alone, shared, decoding: rows of the ceiling by one job and by as many, and of decoding.
    """
    if loop in ("ceiling", "decoding") or "at_papers_batch" not in alone:
        return None
    step = min(jobs * alone["at_papers_batch"], alone["images_per_second"])
    step = shared.get("at_papers_batch", step)
    decode = decoding.get("images_per_second")
    if loop in (*OURS, EXACT) or not decode:
        return step
    if loop == WORKERS:
        return min(step, decode * CORES) if alone["on_gpu"] else 1 / (1 / step + 1 / decode / CORES)
    return 1 / (1 / step + 1 / decode / jobs)


def cases(options: argparse.Namespace, on_gpu: bool):
    """Model, side, loop and jobs of every row that is asked for."""
    for side in options.sides:
        for model in options.models or (PAPERS if on_gpu else ON_CPU[side]):
            check_image_size(model, side)
            for loop in options.loops:
                if (loop in (GRAPHS, EXACT) and not on_gpu) or loop == "start-up":
                    continue
                shared = options.jobs or (ON_GPU_JOBS if on_gpu else ON_CPU_JOBS)
                sharing = OURS if on_gpu else (*OURS, "ceiling", STRAIGHT)
                for jobs in shared if loop in sharing else (1,):
                    yield model, side, loop, jobs


def measure(options: argparse.Namespace, table: Table, config: dict) -> None:
    """Run the rows that are asked for; each is in the table as soon as it is measured."""
    name, gpu = device_name()
    on_gpu = gpu is not None
    if "start-up" in options.loops:
        row = {"model": "resnet18", "side": 32, "loop": "start-up", "jobs": 1, "device": name}
        row |= {"on_gpu": on_gpu, "threads": 1, "startup_s": start_up(config)}
        table.add(row | machine() | versions())
    with tempfile.TemporaryDirectory() as temporary:
        folders = {}
        for model, side, loop, jobs in cases(options, on_gpu):
            key = {"model": model, "side": side, "device": name}
            batch = hyperparameters(config, model, "brats")["batch_size"]
            alone = table.find(**key, loop="ceiling", jobs=1)
            at_step = alone.get("at_papers_batch")
            # As many images as take the time allowed: whole batches, not more than a training set.
            n = batch * int(np.clip((at_step or 8) * options.seconds / batch, 2, 1740 // batch))
            n = n + batch // 2 if on_gpu else n
            epochs = 1 + int(options.seconds * (at_step or 0) / n) if on_gpu else 1
            if n not in folders:
                folders[n] = Path(temporary) / str(n), make_images(Path(temporary) / str(n), n)
            folder, what = folders[n]
            threads = max(1, CORES // jobs)
            row = key | {"loop": loop, "jobs": jobs, "batch": batch, "n_images": n} | machine()
            row |= {"on_gpu": on_gpu, "threads": threads, "epochs": epochs, "data": what}
            row |= versions()
            shared = table.find(**key, loop="ceiling", jobs=jobs)
            decoding = table.find(**key, loop="decoding")
            row["predicted"] = predict_rate(loop, jobs, alone, shared, decoding)
            script_loop = "idsharp" if loop.startswith("idsharp") else loop
            command = [sys.executable, HERE / "training_loops.py", script_loop, folder]
            command += ["--model", model, "--side", side, "--batch", batch, "--threads", threads]
            command += ["--epochs", epochs, "--seconds", options.seconds / 2]
            command += ["--workers", CORES if loop == WORKERS else 0, "--factors"]
            command += [1, 2, 4, 8, 16] if on_gpu else [1, 2, 4]
            command += FLAGS.get(loop, [])
            try:
                row |= together(*run_jobs(jobs, command, gpu))
            except RuntimeError as error:
                row["note"] = f"failed: {error}"
            said = row.get("note") or f"{row['images_per_second']:.1f} images/s"
            print(f"{side}×{side} {model} {loop}, jobs {jobs}: {said}", flush=True)
            table.add(row)


def together(reports: list[dict], utilization: float | None) -> dict:
    """One row of what jobs at the same time report."""
    first = reports[0]
    own = sum(report["own_s"] for report in reports)
    row = {
        "images_per_second": sum(report["images_per_second"] for report in reports),
        "seconds": max(report["seconds"] for report in reports),
        "others": max(0.0, first["everyone_s"] - own) / first["seconds"],
        "peak_memory_mb": sum(report["peak_memory_mb"] for report in reports),
        "utilization": utilization,
        "precision": first["precision"],
    }
    for name in ("tested_per_second", "at_papers_batch"):
        if name in first:
            row[name] = sum(report[name] for report in reports)
    return row | ({"best_batch": first["best_batch"]} if "best_batch" in first else {})


def start_up(config: dict) -> float:
    """Seconds of a training job beside its training: the least of three."""
    least = float("inf")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rng = np.random.default_rng(0)
        np.save(folder / "images.npy", rng.integers(0, 256, (40, 1, 32, 32), dtype=np.uint8))
        rows = [{"id": i, "label": i % 2, "split": ("train", "test")[i // 20]} for i in range(40)]
        pd.DataFrame(rows).to_csv(folder / "samples.csv", index=False)
        rates = hyperparameters(config, "resnet18", "brats")
        command = f"""{HERE.parent / "scripts" / "train.py"} task --images images.npy --samples
            samples.csv --model resnet18 --n-train 20 --seed 0 --outputs 2 --input-scale 255
            --epochs 1 --batch-size 10 --learning-rate {rates["learning_rate"]} --weight-decay 1e-4
            --checkpoint x.pt --history x.csv --record x.json"""
        path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
        for _ in range(3):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, *command.split()], cwd=folder, check=True, capture_output=True,
                env=os.environ | {"PYTHONPATH": path},
            )  # fmt: skip
            taken = time.perf_counter() - started
            record = json.loads((folder / "x.json").read_text())
            least = min(least, taken - record["train_seconds"])
    print(f"start-up of a job: {least:.2f} s", flush=True)
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="ResNet-18 at 64×64, a minute or two")
    parser.add_argument("--sides", nargs="+", type=int, default=SIDES, choices=SIDES)
    parser.add_argument("--models", nargs="+", choices=PAPERS, help="these, and keep the rest")
    parser.add_argument("--loops", nargs="+", default=LOOPS, choices=LOOPS)
    parser.add_argument("--jobs", nargs="+", type=int, help="jobs at the same time")
    parser.add_argument("--seconds", type=float, default=8, help="about as long as an epoch takes")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the results")
    parser.add_argument("--render", action="store_true", help="only redraw from training.csv")
    options = parser.parse_args()
    if options.quick:
        options.sides, options.models, options.seconds = (64,), ("resnet18",), 2
    options.out.mkdir(parents=True, exist_ok=True)
    config = check_config(read_config(HERE.parent / "config.yaml", []))
    table = Table(options.out / "training.csv")
    if not options.render:
        measure(options, table, config)
    results = pd.read_csv(table.path)
    order = {"model": PAPERS.index, "loop": LOOPS.index}
    keys = ["device", "side", "model", "loop", "jobs"]
    results = results.sort_values(keys, key=lambda c: c.map(order.get(c.name, lambda x: x)))
    (options.out / "training.md").write_text(page(results, config), encoding="utf-8")
    plot(results, options.out / "training.png")


if __name__ == "__main__":
    main()
