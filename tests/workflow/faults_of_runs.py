"""Data that cannot be used, memory that runs out, and whole studies that go wrong."""

import json
import os
import subprocess
import sys
import time
from unittest import mock

import torch
from PIL import Image

from tests.conftest import ROOT, blobs
from tests.workflow.bench import N_TRAIN
from tests.workflow.fault import FAULTS_OF_STUDIES, cut, fault
from tests.workflow.test_kills import results, start


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


@fault("a file of settings that Snakemake calls no valid YAML",
       "FILE, line …, column …: not valid YAML: …",
       "nothing is started; `python scripts/data_status.py --configfile FILE` says this",
)  # fmt: skip
def broken_settings(bench):
    bench["mine.yaml"].write_text("studies:\n  mine: {tasks: [a, b}\n")
    return bench.script("data_status", "--configfile", bench["mine.yaml"])


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
