"""An interrupted training ends like an uninterrupted one."""

import io
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from idsharp.common.code import code_of
from idsharp.common.progress import Reporter
from idsharp.common.records import read_json, write_rows
from idsharp.training import state as training_state
from idsharp.training.recipe import Recipe
from idsharp.training.state import StateFile, StoppedError, code_digest, stop_signals
from tests.conftest import ROOT, blobs
from tests.training.conftest import quietly, tiny_model

RECIPE = Recipe(3, 8, 1e-3)
TIMES = {"train_seconds", "images_per_second", "peak_memory_mb", "n_interruptions"}


def untimed(record, history):
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in history]
    return {k: v for k, v in record.items() if k not in TIMES}, rows


class After:
    """Asks for the end at the n-th time it is looked at, once."""

    def __init__(self, n):
        self.left = n

    def __call__(self):
        self.left -= 1
        return "SIGTERM" if self.left == 0 else None


def test_a_training_stopped_anywhere_ends_like_an_uninterrupted_one(tmp_path):
    model = tiny_model()
    expected = untimed(*quietly(model, RECIPE))
    # Three epochs of four batches and two batches of testing each.
    for moment in range(1, 19):
        path = tmp_path / f"{moment}.state"
        with pytest.raises(StoppedError, match=rf"stopped by SIGTERM; .*{path.name}, and the same"):
            quietly(tiny_model(), RECIPE, state_file=StateFile(path, After(moment)))
        resumed = tiny_model()
        record, history = quietly(resumed, RECIPE, state_file=StateFile(path))
        assert untimed(record, history) == expected
        assert record["n_interruptions"] == 1
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, resumed.state_dict()[name]), (moment, name)


@pytest.mark.parametrize("changed", ["recipe", "seed", "data", "weights", "code", "file", "pickle"])
def test_a_state_of_another_training_is_not_used(tmp_path, changed, monkeypatch):
    path, stream = tmp_path / "training.state", io.StringIO()
    with pytest.raises(StoppedError):
        quietly(tiny_model(), RECIPE, state_file=StateFile(path, After(6)))
    model, recipe, options = tiny_model(), RECIPE, {}
    if changed == "recipe":
        recipe = Recipe(3, 8, 2e-3)
    elif changed in ("seed", "data"):
        options = {"seed": 4} if changed == "seed" else {"n": 28}
    elif changed == "weights":
        model = tiny_model(seed=1)
    elif changed == "code":
        monkeypatch.setattr(training_state, "code_digest", lambda: "of other code")
    elif changed == "file":
        path.write_bytes(path.read_bytes()[:1000])
    else:
        path.write_bytes(pickle.dumps(Exploding(tmp_path / "exploded"), protocol=2))
    state_file = StateFile(path, report=Reporter(stream))
    record, _ = quietly(model, recipe, state_file=state_file, **options)
    assert record["n_interruptions"] == 0
    assert "training starts over" in stream.getvalue()
    assert not (tmp_path / "exploded").exists()


class Exploding:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_the_state_is_written_no_more_often_than_asked(tmp_path):
    path = tmp_path / "training.state"
    quietly(tiny_model(), RECIPE, state_file=StateFile(path, seconds=60))
    assert not path.exists()
    state_file = StateFile(path, seconds=0)
    quietly(tiny_model(), RECIPE, state_file=state_file)
    assert path.exists()
    state_file.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_does_not_end_the_training(tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr(training_state.torch, "save", fail)
    stream = io.StringIO()
    state_file = StateFile(tmp_path / "training.state", seconds=0, report=Reporter(stream))
    assert quietly(tiny_model(), RECIPE, state_file=state_file)[0]["status"] == "ok"
    assert "could not be saved: no space left" in stream.getvalue()
    assert list(tmp_path.iterdir()) == []


def test_an_edit_of_any_module_that_trains_makes_another_fingerprint(tmp_path):
    shutil.copytree(ROOT / "idsharp", tmp_path / "idsharp", ignore=lambda *_: ["__pycache__"])
    seen = {code_digest(tmp_path)}
    edited = [
        "common/device",
        "models/build",
        "models/inference",
        "models/names",
        "training/adam",
        "training/cuda_graphs",
        "training/loop",
        "training/state",
    ]
    for name in edited:
        with open(tmp_path / "idsharp" / f"{name}.py", "a") as file:
            file.write("edited = True\n")
        seen.add(code_digest(tmp_path))
    assert len(seen) == 1 + len(edited)
    (tmp_path / "idsharp" / "report" / "summary.py").write_text("")
    assert code_digest(tmp_path) in seen


def test_the_code_that_is_fingerprinted_is_what_training_really_imports():
    code = (
        "import sys, idsharp.training.loop; "
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('idsharp')), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tracked = code_of([ROOT / "idsharp" / "training" / "loop.py"])
    assert set(map(Path, done.stdout.split())) <= set(tracked)


def test_signals_are_noted_once_and_then_end_the_process():
    before = signal.getsignal(signal.SIGTERM)
    with stop_signals() as stopped:
        assert stopped() is None
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopped() == "SIGTERM"
        assert signal.getsignal(signal.SIGTERM) == before
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.fixture
def task(tmp_path):
    """Images and samples of a prepared task, as the training script reads them."""
    images = np.concatenate([blobs(60, 0, seed=0), blobs(60, 1, seed=0)])[:, None]
    order = np.random.default_rng(0).permutation(120)
    np.save(tmp_path / "images.npy", images[order])
    split = ["train"] * 80 + ["test"] * 40
    rows = [
        {"id": i, "label": int(k >= 60), "split": s}
        for i, (k, s) in enumerate(zip(order, split, strict=True))
    ]
    write_rows(tmp_path / "samples.csv", rows)
    return tmp_path


def start(folder, name):
    """The training script as the pipeline runs it, in a process of its own."""
    command = (
        f"scripts/train.py task --images {folder}/images.npy --samples {folder}/samples.csv "
        "--model mobilenet_v2 --n-train 80 --seed 0 --outputs 2 --input-scale 255 --epochs 4 "
        f"--batch-size 8 --learning-rate 1e-3 --weight-decay 1e-4 --state-seconds 0 "
        f"--checkpoint {folder}/{name}.pt --history {folder}/{name}.csv "
        f"--record {folder}/{name}.json"
    )
    return subprocess.Popen(
        [sys.executable, *command.split()],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def interrupt(process, state, number):
    """Send a signal once a new state has been written; what the process printed."""
    before = state.stat().st_mtime_ns if state.exists() else 0
    deadline = time.monotonic() + 120
    while not (state.exists() and state.stat().st_mtime_ns > before):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    return process.communicate(timeout=120)[0]


@pytest.mark.slow
def test_killed_and_restarted_equals_uninterrupted(task):
    """By SIGKILL, then by SIGTERM, then to the end: with dropout and batch normalisation."""
    printed = start(task, "whole").communicate(timeout=300)[0]
    assert (task / "whole.json").exists(), printed
    state = task / "parts.state"
    process = start(task, "parts")
    interrupt(process, state, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    process = start(task, "parts")
    printed = interrupt(process, state, signal.SIGTERM)
    assert process.returncode == 1, printed
    assert "resuming after epoch" in printed
    assert f"error: stopped by SIGTERM; the state is saved in {state}" in printed
    assert not list(task.glob("parts.[jpc]*")), "nothing half-made may be left"
    process = start(task, "parts")
    printed = process.communicate(timeout=300)[0]
    assert process.returncode == 0, printed
    assert not state.exists()

    whole, parts = read_json(task / "whole.json"), read_json(task / "parts.json")
    assert (whole["n_interruptions"], parts["n_interruptions"]) == (0, 2)
    assert {k: v for k, v in parts.items() if k not in TIMES} == {
        k: v for k, v in whole.items() if k not in TIMES
    }
    assert history(task / "parts.csv") == history(task / "whole.csv")
    ours, theirs = (torch.load(task / f"{n}.pt", weights_only=True) for n in ("parts", "whole"))
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def history(path):
    """The rows of a history without their times, the last column."""
    return [line.rpartition(",")[0] for line in path.read_text().splitlines()]
