"""One prepared task with a network, on which tests break files; and scripts run in this process."""

import contextlib
import importlib
import io
import json
import os
import re
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from PIL import Image

from idsharp.common.records import write_rows
from idsharp.common.script import run
from idsharp.tasks.subsets import load_subset
from idsharp.training.recipe import Engine, Recipe
from idsharp.training.replicate import Replicate, RunFiles
from tests.conftest import ROOT, blobs
from tests.report.synthetic import Records, described

TASK, MODEL, N_TRAIN, N_TEST = "task", "squeezenet1_1", 20, 20
_RECIPE = Recipe(1, 10, 1e-3)


@dataclass(frozen=True)
class Bench:
    """A folder with the files of one task, and of one network with its first weights."""

    folder: Path

    def __getitem__(self, name: str) -> Path:
        return self.folder / _FILES.get(name, name)

    def script(self, name: str, *arguments: object, inside: str = "") -> str:
        """Run a script of the rules; what it printed, with its last line if it failed.

        Args:
            inside: code that runs before the script, which then has a process of its own.
        """
        if inside:
            command = [sys.executable, ROOT / "scripts" / f"{name}.py", *arguments]
            done = subprocess.run(
                list(map(str, command)), env=environment_with(inside, f"{name}.py"),
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 1, done.stdout
            return done.stdout
        sys.path[:0] = [] if str(ROOT) in sys.path else [str(ROOT)]
        main = importlib.import_module(f"scripts.{name}").main
        said = io.StringIO()
        with (
            mock.patch.object(sys, "argv", [name, *map(str, arguments)]),
            contextlib.redirect_stdout(said), contextlib.redirect_stderr(said),
        ):  # fmt: skip
            try:
                run(main)
            except SystemExit as end:
                assert end.code not in (0, 2), said.getvalue()
                print(end.code)
        return said.getvalue()

    def train(self, *arguments: object, n_train: int = N_TRAIN, inside: str = "") -> str:
        """Train another network on the task."""
        recipe = "--outputs 2 --input-scale 255 --epochs 1 --batch-size 10 --learning-rate 1e-3"
        outputs = {"record": "json", "checkpoint": "pt", "history": "csv"}
        where = [f"--{name}={self[f'new/n{n_train}.{end}']}" for name, end in outputs.items()]
        return self.script(
            "train", TASK, *self._inputs(), "--model", MODEL, "--n-train", n_train, "--seed", 1,
            *recipe.split(), "--weight-decay", 0, *where, *arguments, inside=inside,
        )  # fmt: skip

    def attack(self) -> str:
        outputs = {"table": "csv", "per-image": "npz", "examples": "examples.npz"}
        where = [f"--{name}={self[f'attack.{end}']}" for name, end in outputs.items()]
        return self.script(
            "attack", TASK, MODEL, *self._inputs(), "--runs", self["run.json"],
            "--attacks", "fgsm", "--epsilons", 2, "--pgd-steps", 1, "--pgd-restarts", 1, *where,
        )  # fmt: skip

    def prepare(self, inside: str = "") -> str:
        """Index the folder `raw` and prepare its images as another task."""
        settings = json.dumps({"adapter": "folder", "path": str(self["raw"])})
        said = self.script("index", "raw", "--settings", settings, "--index", self["index.csv"])
        outputs = {"images": "npy", "samples": "csv", "audit": "json"}
        where = [f"--{name}={self[f'prepared.{end}']}" for name, end in outputs.items()]
        return said + self.script(
            "prepare", "other", "--dataset", "raw", "--settings", settings, "--index",
            self["index.csv"], "--classes", "null", "--image-size", 32, "--channels", 1,
            "--pool-size", 40, "--n-test", N_TEST, "--unreadable-limit", 0.1, *where,
            inside=inside,
        )  # fmt: skip

    def tables(self) -> str:
        """Make the tables of a study of made-up records."""
        names = "--models", "resnet18", "--n-train", 100, 200, "--seeds", 0
        captions = sorted((ROOT / "rules" / "captions").glob("*.table.rst"))
        said = self.script(
            "tables", self["study"], "--tasks", json.dumps(_STUDY), *names,
            "--id-estimator", "id_mle_k1", "--representation-estimator", "id_twonn_10pct",
            "--captions", *captions, "--published", ROOT / "resources" / "published.csv",
        )  # fmt: skip
        assert not self["study/tables"].exists()
        return said

    def _inputs(self) -> list[object]:
        return ["--images", self["images.npy"], "--samples", self["samples.csv"]]

    def clear(self, stage: str) -> None:
        """Nothing is made from any stage on: each writes files of its own."""

    def made(self) -> list[str]:
        """Files that a training wrote, whole or half."""
        return sorted(file.name for file in self["new"].glob("*"))


_FILES = {"attacks.csv": "study/attacks/first/resnet18.csv", "results": "new"}
_STUDY = {name: described(name, "radiology") for name in ("first", "second")}


def write_bench(folder: Path) -> None:
    images = np.concatenate([blobs(20, 0, seed=0), blobs(20, 1, seed=0)])[:, None]
    order = np.arange(40).reshape(2, 20).T.ravel()
    np.save(folder / "images.npy", images[order])
    split = ["train"] * N_TRAIN + ["test"] * N_TEST
    rows = zip(order, split, strict=True)
    write_rows(
        folder / "samples.csv",
        [{"id": f"i{i}", "label": int(i >= 20), "split": part} for i, part in rows],
    )
    replicate = Replicate(TASK, MODEL, N_TRAIN, 0, 2, 255.0, _RECIPE)
    sets = [load_subset(folder / "images.npy", folder / "samples.csv", s) for s in ("n20", "test")]
    training = replicate.training(*sets, torch.device("cpu"), Engine())
    files = RunFiles(*(folder / f"run.{end}" for end in ("json", "csv", "pt")))
    files.write(replicate, training, {"status": "ok", "image_size": 32}, [])
    for number, image in enumerate(images[order]):
        file = folder / "raw" / ("left", "right")[number % 2] / f"{number:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0]).save(file)
    Records(folder / "study", _STUDY).write()


def environment_with(inside: str, *words: str) -> dict[str, str]:
    """Variables by which processes whose commands have these words run this code first."""
    if not inside:
        return dict(os.environ)
    path = os.pathsep.join([str(ROOT / "tests" / "workflow" / "inside"), str(ROOT)])
    return os.environ | {"PYTHONPATH": path, "INSIDE": " ".join(words) + "\n" + inside}


def said_as(told: str, said: str) -> bool:
    """Whether this was said, where … stands for anything."""
    return re.search(".*".join(map(re.escape, told.split("…"))), said) is not None


@contextlib.contextmanager
def files_up_to(size: int):
    """Within the block no file can grow beyond this many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
