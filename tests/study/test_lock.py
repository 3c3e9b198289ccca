"""A lock goes with the run that took it, and with no other."""

import json
import signal
import subprocess
import sys

import pytest

from idsharp.study import lock
from tests.conftest import ROOT

HOLD = (
    "import sys, time; from pathlib import Path; from idsharp.study.lock import hold\n"
    "hold(Path(sys.argv[1]), sys.argv[2] == 'here'); print('held', flush=True); time.sleep(600)"
)


@pytest.fixture
def locked(tmp_path):
    """A working directory with Snakemake's lock."""
    file = tmp_path / ".snakemake" / "locks" / "0.output.lock"
    file.parent.mkdir(parents=True)
    file.write_text("results/x\n")
    return tmp_path, file


def start(folder, where="here"):
    """A process that lives and has said so."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder, where], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_the_lock_of_a_killed_run_is_removed_and_that_of_a_living_one_stays(locked):
    folder, file = locked
    process = start(folder)
    assert lock.release_if_dead(folder, "scripts") is None
    assert file.exists()
    kill(process)
    assert "was killed. Its lock is removed" in lock.release_if_dead(folder, "scripts")
    assert not file.exists()
    assert lock.release_if_dead(folder, "scripts") is None


def test_one_living_run_keeps_the_lock_of_a_dead_one(locked):
    folder, file = locked
    dead, alive = start(folder), start(folder)
    kill(dead)
    assert lock.release_if_dead(folder, "scripts") is None
    assert file.exists()
    kill(alive)
    assert lock.release_if_dead(folder, "scripts")
    assert not file.exists()


def test_a_lock_of_unknown_origin_stays(locked):
    folder, file = locked
    assert lock.release_if_dead(folder, "scripts") is None
    assert file.exists()


def test_jobs_that_outlive_their_run_keep_the_lock(locked):
    folder, file = locked
    (folder / "scripts").mkdir()
    (folder / "scripts" / "train.py").write_text("import time; time.sleep(600)")
    kill(start(folder))
    job = subprocess.Popen([sys.executable, "scripts/train.py"], cwd=folder)
    try:
        said = lock.release_if_dead(folder, "scripts")
        assert file.exists()
        assert f"Jobs of it still run (process {job.pid})" in said
        assert said.endswith("then type: snakemake --unlock")
    finally:
        job.kill()
        job.wait()
    assert "its lock is removed" in lock.release_if_dead(folder, "scripts").lower()
    assert not file.exists()


def test_jobs_on_a_cluster_keep_the_lock(locked):
    folder, file = locked
    kill(start(folder, "cluster"))
    said = lock.release_if_dead(folder, "scripts")
    assert "cluster jobs may still be queued or running" in said
    assert file.exists()


def test_a_run_on_another_host_counts_as_alive(locked):
    folder, file = locked
    kill(start(folder))
    (mark,) = (folder / ".snakemake" / "idsharp_runs").iterdir()
    mark.write_text(json.dumps(json.loads(mark.read_text()) | {"host": "elsewhere"}))
    assert lock.release_if_dead(folder, "scripts") is None
    assert file.exists()
