"""What can go wrong, and what then happens: the cases of a test and the table of docs/faults.md.

`python -m tests.workflow.faults` writes the page.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest
import torch
from PIL import Image

from idsharp.study.files import read_settings
from tests.conftest import ROOT, blobs
from tests.report.synthetic import Records, described
from tests.workflow.bench import N_TRAIN, Bench, files_up_to
from tests.workflow.test_kills import results, start

PAGE = ROOT / "docs" / "faults.md"


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        told: what the user reads, where … stands for anything.
        then: what goes on, and what was kept.
        happens: breaks something, runs a script or a study, checks what is left; what was said.
    """

    what: str
    told: str
    then: str
    happens: Callable


#: What happens on a Bench, in a second or so, and what needs a whole study.
FAULTS: list[Fault] = []
FAULTS_OF_STUDIES: list[Fault] = []


def fault(what: str, told: str, then: str, faults: list[Fault] = FAULTS) -> Callable:
    def listed(happens: Callable) -> Callable:
        faults.append(Fault(what, told, then, happens))
        return happens

    return listed


def cut(file: Path, share: float = 0.5) -> None:
    """Leave the first part of a file, as a disk that lost the rest."""
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])


def edit(record: Path, **changes: object) -> None:
    """Change keys of a record; None takes one away."""
    values = json.loads(record.read_text()) | changes
    record.write_text(json.dumps({k: v for k, v in values.items() if v is not None}))


@contextmanager
def mounted(folder: Path, options: str):
    """A small file system in memory at a folder, where this user may mount one."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


FULL = "FILE cannot be written (…); make room on its disk, and run the same command again"
NOTHING_HALF = "nothing half-written is left, and what was there before stays"


@fault("a full disk, or a quota", FULL, NOTHING_HALF)
def full(bench):
    said = bench.train()
    (bench["new.json"]).unlink()
    before = bench["new.pt"].read_bytes()
    with files_up_to(len(before) // 2):
        said = bench.train()
    assert bench.made() == ["new.csv", "new.pt"]
    assert bench["new.pt"].read_bytes() == before
    return said


@fault("a full disk while a training saves its state", "its state could not be saved: " + FULL,
       "the training goes on")  # fmt: skip
def full_for_the_state(bench):
    with mounted(bench["disk"], "size=1m") as disk:
        bench["new.state"].symlink_to(disk / "new.state")
        target = {"checkpoint": disk / "new.pt"}
        said = bench.train("--state-seconds", 0, *(f"--{k}={v}" for k, v in target.items()))
        assert list(disk.iterdir()) == []
    assert "epoch 1/1" in said
    return said


@fault("results that may only be read",
       "FILE cannot be written (…); allow writing there, and run the same command again",
       "nothing is changed")  # fmt: skip
def read_only(bench):
    with mounted(bench["disk"], "ro") as disk:
        return bench.train(f"--checkpoint={disk / 'new.pt'}")


DAMAGED = "FILE is damaged (…); delete it, and the next run makes it again"


@fault("images.npy cut off", DAMAGED, "jobs of this task stop, other tasks go on")
def images_cut(bench):
    cut(bench["images.npy"])
    return bench.train()


@fault("samples.csv cut off", DAMAGED, "jobs of this task stop, other tasks go on")
def samples_cut(bench):
    cut(bench["samples.csv"], 0.99)
    return bench.train()


@fault("samples.csv without rows that images.npy has",
       "FILE holds … images and … rows; delete both to prepare the task again",
       "jobs of this task stop, other tasks go on")  # fmt: skip
def rows_lost(bench):
    lines = bench["samples.csv"].read_text().splitlines(keepends=True)
    bench["samples.csv"].write_text("".join(lines[:-3]))
    return bench.train()


@fault("a damaged checkpoint",
       "FILE does not hold the weights of this network (…); delete it to train the network again",
       "attacks on this network and task stop, others go on")  # fmt: skip
def checkpoint_cut(bench):
    cut(bench["run.pt"])
    return bench.attack()


@fault("a damaged state of a training", "FILE cannot be read (…): training starts over",
       "the training ends as if it had not been interrupted")  # fmt: skip
def state_cut(bench):
    bench["new.state"].write_bytes(b"PK\3\4 no state")
    said = bench.train()
    record = json.loads(bench["new.json"].read_text())
    assert (record["status"], record["n_interruptions"]) == ("ok", 0)
    assert not bench["new.state"].exists()
    return said


@fault("a record that lacks a key", DAMAGED, "what reads the record stops, the rest goes on")
def key_lost(bench):
    edit(bench["run.json"], outputs=None)
    said = bench.attack()
    assert "it lacks 'outputs'" in said
    return said


@fault("a record cut off", DAMAGED, "what reads the record stops, the rest goes on")
def record_cut(bench):
    cut(bench["run.json"])
    return bench.attack()


def tables(bench: Bench, spoil: Callable[[Path], None]) -> str:
    """Make the tables of a study of made-up records, one of whose files is spoiled."""
    tasks = {name: described(name, "radiology") for name in ("first", "second")}
    layout = Records(bench["study"], tasks).write()
    spoil(layout.attacks(next(iter(tasks)), "resnet18"))
    captions = sorted((ROOT / "rules" / "captions").glob("*.table.rst"))
    said = bench.script(
        "tables", bench["study"], "--tasks", json.dumps(tasks), "--models", "resnet18",
        "--n-train", 100, 200, "--seeds", 0, "--id-estimator", "id_mle_k1",
        "--representation-estimator", "id_twonn_10pct", "--captions", *captions,
        "--published", ROOT / "resources" / "published.csv",
    )  # fmt: skip
    assert not (bench["study"] / "tables").exists()
    return said


@fault("a table of a network cut off", DAMAGED, "no table is written that would lack its rows")
def table_cut(bench):
    return tables(bench, lambda file: cut(file, 0.9))


@fault("a table of a network that lacks rows", DAMAGED, "no table is written that would lack them")
def table_without_rows(bench):
    return tables(bench, lambda file: pd.read_csv(file).iloc[:-1].to_csv(file, index=False))


@fault("an image that cannot be read", "1 unreadable",
       "another takes its place; audit.json names it and the reason")  # fmt: skip
def image_cut(bench):
    cut(bench["raw"] / "left" / "00.png")
    Image.fromarray(blobs(1, 0, seed=9)[0]).save(bench["raw"] / "left" / "one_more.png")
    said = bench.prepare()
    audit = json.loads(bench["prepared.json"].read_text())
    assert (audit["n_pool"], audit["n_unreadable"]) == (40, 1)
    assert audit["unreadable"][0]["id"] == "left/00.png"
    return said


@fault("more unreadable images than `unreadable_limit`",
       "… images could not be read where … are wanted, more than unreadable_limit = … allows. "
       "First: …", "this task stops, other tasks go on")  # fmt: skip
def many_images_cut(bench):
    for number in range(0, 20, 2):
        cut(bench["raw"] / "left" / f"{number:02d}.png")
    said = bench.prepare()
    assert not list(bench.folder.glob("*prepared*"))
    return said


@fault("images of one class, where networks are to be trained",
       "all … images are of one class (…), and networks learn to tell classes apart; name this "
       "task under `measured`, or list its classes",
       "this task stops, other tasks go on")  # fmt: skip
def one_class(bench):
    (bench["raw"] / "right").rename(bench["right"])
    said = bench.prepare()
    bench.prepare(n_test=0)
    assert bench["prepared.npy"].exists()
    return said


@fault("too few images for the test set",
       "class …: the test set needs … images of it, the pool has …; lower n_test or add images",
       "this task stops, other tasks go on")  # fmt: skip
def few_to_test(bench):
    return bench.prepare(n_test=60)


@fault("too few images for a size of `n_train`",
       "not trained: a training set of … images was asked for; FILE has … training images, … in "
       "all",
       "the size is a gap in tables and figures, smaller ones go on")  # fmt: skip
def few_to_train(bench):
    said = bench.train("--n-train", N_TRAIN + 2)
    assert json.loads(bench["new.json"].read_text())["status"] == "too few images"
    return said


@fault("memory that runs out",
       "memory ran out (…); give the job more (mem_mb in a cluster's profile, fewer --cores on one "
       "machine), or lower image_size or pool_size of the study",
       "this job stops, others go on")  # fmt: skip
def memory(bench):
    bench.prepare()
    limited = (
        "import resource, sys; from idsharp.common.script import run; from scripts import prepare\n"
        "pages = int(open('/proc/self/statm').read().split()[0]) + 50_000\n"
        "resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize(), -1))\n"
        "run(prepare.main)"
    )
    settings = json.dumps({"adapter": "folder", "path": str(bench["raw"])})
    outputs = [f"--{name}={bench[f'other.{name}']}" for name in ("images", "samples", "audit")]
    command = [
        sys.executable, "-c", limited, "other", "--dataset", "raw",
        "--settings", settings, "--index", bench["index.csv"], "--classes", "null", "--channels", 1,
        "--image-size", 4000, "--pool-size", 40, "--n-test", 20, *outputs,
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        list(map(str, command)), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert not list(bench.folder.glob("*other*"))
    return done.stdout + done.stderr


@fault("memory of the GPU that runs out",
       "the memory of the GPU ran out (…); lower jobs_per_gpu of the study or batch_size of the "
       "model, or use a GPU with more", "this job stops, others go on")  # fmt: skip
def gpu_memory(bench):
    # As torch raises it; there need be no GPU.
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB. GPU 0 has …\n…")
    with mock.patch("scripts.train.train", side_effect=error):
        said = bench.train()
    assert bench.made() == []
    return said


@fault("a broken file of settings", "FILE, line …, column …: not valid YAML: …",
       "nothing is started")  # fmt: skip
def settings(bench):
    bench["mine.yaml"].write_text("studies:\n  mine: {tasks: [a, b}\n")
    try:
        read_settings(bench["mine.yaml"])
    except ValueError as error:
        return str(error)
    return ""


@fault("a job that fails, whatever the cause", "Error in rule …",
       "jobs that do not depend on it go on; the next run does the rest, with the same results",
       FAULTS_OF_STUDIES)  # fmt: skip
def one_task_fails(study):
    root = study.folder / "results" / "tiny"
    images, expected = root / "data" / "halves" / "images.npy", results(study.folder)
    dates = images.stat()
    cut(images)
    os.utime(images, ns=(dates.st_atime_ns, dates.st_mtime_ns))
    attacks = [root / "attacks" / task / "resnet18.csv" for task in ("halves", "sides")]
    for file in attacks:
        file.unlink()
    done = study.snakemake("--keep-going", "--show-failed-logs", check=False)
    assert done.returncode == 1
    assert f"{images.relative_to(study.folder)} is damaged" in done.stdout
    assert [file.exists() for file in attacks] == [False, True]
    assert results(study.folder) == expected
    images.unlink()
    study.snakemake()
    assert results(study.folder) == expected
    return done.stdout


@fault("a second run in the same folder", "Directory cannot be locked. …",
       "the first run goes on", FAULTS_OF_STUDIES)  # fmt: skip
def two_runs(study):
    expected = results(study.folder)
    (study.folder / "results" / "tiny" / "attacks" / "halves" / "resnet18.csv").unlink()
    first = start(study, study.folder / "first.log")
    while not list((study.folder / ".snakemake" / "locks").glob("*")):
        assert first.poll() is None
        time.sleep(0.05)
    second = study.snakemake(check=False)
    assert second.returncode == 1
    assert first.wait(timeout=600) == 0
    assert results(study.folder) == expected
    return second.stdout


def table() -> str:
    lines = ["| what goes wrong | what you read | what then happens |", "|---|---|---|"]
    lines += [f"| {one.what} | {one.told} | {one.then} |" for one in FAULTS + FAULTS_OF_STUDIES]
    return "\n".join(lines)


def page() -> str:
    """docs/faults.md with the table as it is now."""
    written = PAGE.read_text(encoding="utf-8")
    return re.sub(r"(?m)^\| what .*\n(\|.*\n)+", lambda _: table() + "\n", written)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE.relative_to(Path.cwd()))
