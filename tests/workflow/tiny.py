"""A tiny study on a copy of the project, and how tests run it."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from tests.conftest import ROOT, blobs, write_image_folder

TASKS, SIZES, EPSILONS = ["halves", "sides"], [20, 40], [2, 8]
#: What the workflow consists of.
PARTS = ["Snakefile", "config.yaml", "rules", "scripts", "idsharp", "resources", "envs", "profiles"]


def run(command, folder, check=True, **options):
    """Run a command; its output and errors come together, as on a terminal."""
    done = subprocess.run(
        list(map(str, command)), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, **options,
    )  # fmt: skip
    if check:
        assert done.returncode == 0, done.stdout
    return done


def snakemake(folder, *arguments, project=ROOT, check=True, **options):
    """Run the Snakefile of a project in another working directory."""
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", project / "Snakefile",
        "--directory", folder, "--cores", "2", *arguments,
    ]  # fmt: skip
    return run(command, folder, check, **options)


def jobs_of(done):
    """How many jobs of each rule a dry run lists."""
    table = re.search(r"job +count\n[- ]+\n(.*?)\n\n", done.stdout, re.DOTALL)
    counts = dict(line.split() for line in table[1].splitlines()) if table else {}
    return {rule: int(count) for rule, count in counts.items() if rule not in ("all", "total")}


@dataclass(frozen=True)
class Study:
    """A study that was run once: its folder, its copy of the project, and what it was run with."""

    folder: Path
    project: Path
    arguments: tuple

    def snakemake(self, *arguments, **options):
        return snakemake(self.folder, *self.arguments, *arguments, project=self.project, **options)

    def jobs(self):
        """The jobs that a run would have now."""
        return jobs_of(self.snakemake("-n"))


def copy_project(folder):
    """The workflow without its tests and documents, where tests may edit it."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / part)


def fill_in_site(project):
    """Do what profiles/README.md tells a site, for the cluster of slurm_node.sh."""
    for file in ("config.yaml", "allocation.sh"):
        filled = (project / "profiles" / "slurm" / file).read_text()
        filled = re.sub(r"(?m)^.*ACCOUNT\b.*\n", "", filled)
        filled = filled.replace("CPU_PARTITION", "cpu").replace("GPU_PARTITION", "gpu")
        (project / "profiles" / "slurm" / file).write_text(filled)


def write_images(folder):
    """What the datasets of the study are made of."""
    write_image_folder(folder / "images", 45, seed=0)
    images = np.concatenate([blobs(45, 0, seed=1), blobs(45, 1, seed=1)])
    np.savez(folder / "arrays.npz", train_images=images, train_labels=np.arange(90) // 45)
    colors = np.stack([images[i : i + 30] for i in (0, 15, 60)], axis=3)
    np.savez(folder / "colour.npz", train_images=colors, train_labels=np.arange(30) % 3)


def write_study(folder, more=None, images=None, **changes):
    """A configuration of two tasks, one of image files (radiology) and one of arrays (natural).

    Args:
        images: where `write_images` wrote, as the configuration has it; None: `folder`.
    """
    where = folder if images is None else images
    settings = {
        "tasks": TASKS, "image_size": 32, "pool_size": 80, "n_test": 20, "n_train": SIZES,
        "models": ["resnet18"], "epochs": 1, "head": "classes", "epsilons": EPSILONS, "k": 5,
        "sharpness_m": 50, "sharpness_draws": 3, "measured": ["colours", "bare"], "channels": "own",
        "attacks": ["fgsm", "pgd"], "pgd_steps": 2,
    } | changes  # fmt: skip
    files = {"adapter": "folder", "path": str(where / "images"), "domain": "radiology"}
    arrays = {"adapter": "npz", "path": str(where / "arrays.npz"), "domain": "natural"}
    bare = {"adapter": "folder", "path": str(where / "images" / "right"), "classes": False}
    color = {"adapter": "npz", "path": str(where / "colour.npz"), "domain": "natural"}
    config = {
        "study": "tiny",
        "datasets": {
            "files": files | {"note": "made of noise"},
            "arrays": arrays,
            "colour": color | {"channels": 3},
            "bare": bare | {"domain": "natural"},
        },
        "tasks": {
            "halves": {"dataset": "files"},
            "sides": {"dataset": "arrays", "classes": {"draw": 2, "number": 1, "at_least": 40}},
            "colours": {"dataset": "colour"},
            "bare": {"dataset": "bare"},
            # For studies with one more.
            "again": {"dataset": "arrays"},
        },
        "studies": {"tiny": settings},
    } | (more or {})
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    return "--configfile", folder / "tiny.yaml"
