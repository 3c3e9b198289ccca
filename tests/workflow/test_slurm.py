"""A Slurm cluster of one node: what the profile asks for, and a study to which things happen."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT
from tests.workflow.test_kills import results
from tests.workflow.tiny import Study, copy_project, fill_in_site, run, write_images, write_study

SCRIPT = ROOT / "tests" / "workflow" / "slurm_node.sh"
TRAININGS = ["n20_s0", "n40_s0"]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The environment in which Slurm's commands reach the cluster."""
    folder = tmp_path_factory.mktemp("slurm")
    started = subprocess.run([SCRIPT, "start", folder], capture_output=True, text=True)
    if started.returncode == 77:
        pytest.skip(started.stdout.strip().splitlines()[-1])
    assert started.returncode == 0, started.stdout + started.stderr
    # The environment of the tests stands for the project's .venv, which the copy of it lacks.
    path = [folder / "bin", Path(sys.executable).parent, os.environ["PATH"]]
    yield os.environ | {"PATH": os.pathsep.join(map(str, path))}
    subprocess.run([SCRIPT, "stop", folder], check=True)
    assert not any(map(is_running, folder.glob("*.pid")))


def is_running(pid_file):
    pid = pid_file.read_text().strip()
    return bool(pid) and os.path.exists(f"/proc/{pid}")


def test_a_job_gets_what_the_profile_asks_for(cluster):
    asked = ["--partition=gpu", "--gpus=1", "--cpus-per-task=4", "--mem=16000", "--time=240"]
    command = ["srun", *asked, "sh", "-c", "echo $SLURM_GPUS_ON_NODE $SLURM_CPUS_PER_TASK"]
    done = subprocess.run(command, env=cluster, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.split()) == (0, ["1", "4"]), done.stderr


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A study of one task and two trainings, and how it ends on one machine."""
    project = tmp_path_factory.mktemp("cluster")
    copy_project(project)
    fill_in_site(project)
    study = study_in(tmp_path_factory.mktemp("here"), project)
    study.snakemake()
    return study


def study_in(folder, project):
    write_images(folder)
    settings = {"tasks": ["halves"], "measured": [], "models": ["squeezenet1_1"], "epochs": 20}
    return Study(folder, project, write_study(folder, attacks=["fgsm"], **settings))


def wait_for(found, process, seconds=900):
    """What `found` returns, once that is something; fails if the study ends before."""
    until = time.monotonic() + seconds
    while not (value := found()):
        assert process.poll() is None, "the study ended"
        assert time.monotonic() < until
        time.sleep(0.1)
    return value


def script_of(study, *words):
    """The process of a script of this study whose command has all these words."""
    for process in psutil.process_iter(["cmdline", "cwd"]):
        command = process.info["cmdline"] or []
        here = process.info["cwd"] == str(study.folder) and command[:1] == ["python"]
        if here and all(any(word in part for part in command) for word in words):
            return process
    return None


def job_of(process):
    return process.environ()["SLURM_JOB_ID"]


@pytest.mark.nightly
def test_a_study_survives_what_happens_on_a_cluster(cluster, small, tmp_path):
    """One training is cancelled, one runs out of time, and a step of the attacks is killed."""
    study = study_in(tmp_path, small.project)
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", study.project / "Snakefile",
        "--directory", study.folder, "--workflow-profile", study.project / "profiles" / "slurm",
        *study.arguments, "--slurm-init-seconds-before-status-checks", 2,
        "--seconds-between-status-checks", 2,
        # The same bits as on one machine need the same number of threads.
        "--set-threads", "train=1", "attack=1", "representation=1",
    ]  # fmt: skip
    with open(tmp_path / "log", "w") as log:
        running = subprocess.Popen(
            list(map(str, command)), cwd=study.folder, stdout=log, stderr=log, env=cluster
        )
    try:
        ended = {}
        for training in TRAININGS:
            process = wait_for(lambda name=training: script_of(study, "train.py", name), running)
            # So that it does not end by itself.
            process.send_signal(signal.SIGSTOP)
            ended[training] = job_of(process)
        subprocess.run(["scancel", ended["n20_s0"]], check=True, env=cluster)
        limit = ["scontrol", "update", f"JobId={ended['n40_s0']}", "TimeLimit=1"]
        subprocess.run(limit, check=True, env=cluster)
        attack = wait_for(lambda: script_of(study, "attack.py"), running)
        subprocess.run(["scancel", "--signal=KILL", f"{job_of(attack)}.0"], check=True, env=cluster)
        assert running.wait(timeout=1800) == 0, (tmp_path / "log").read_text()
    finally:
        running.kill()
    said = (tmp_path / "log").read_text()
    assert said.count("Trying to restart job") == 3
    assert results(study.folder) == results(small.folder)


@pytest.mark.nightly
def test_a_study_runs_in_one_allocation(cluster, small, tmp_path):
    study = study_in(tmp_path, small.project)
    template = study.project / "profiles" / "slurm" / "allocation.sh"
    arguments = ["--snakefile", study.project / "Snakefile", "--directory", study.folder]
    run(["sbatch", "--wait", template, *arguments, *study.arguments], study.folder, env=cluster)
    assert results(study.folder) == results(small.folder)
    (log,) = tmp_path.glob("idsharp-*.log")
    assert "100%" in log.read_text()


@pytest.mark.nightly
def test_trainings_resume_when_the_time_of_an_allocation_was_up(cluster, small, tmp_path):
    study = study_in(tmp_path, small.project)
    template = study.project / "profiles" / "slurm" / "allocation.sh"
    arguments = ["--snakefile", study.project / "Snakefile", "--directory", study.folder]
    command = list(map(str, ["sbatch", "--wait", template, *arguments, *study.arguments]))
    waiting = subprocess.Popen(command, cwd=study.folder, env=cluster, stdout=subprocess.DEVNULL)
    try:
        record = ("--record", TRAININGS[0])
        training = wait_for(lambda: script_of(study, "train.py", *record), waiting)
        log = next(iter(study.folder.rglob(f"logs/train/**/{TRAININGS[0]}.log")))
        wait_for(lambda: "epoch" in log.read_text(), waiting)
        # So that it does not end by itself; Slurm wakes it.
        training.send_signal(signal.SIGSTOP)
        limit = ["scontrol", "update", f"JobId={job_of(training)}", "TimeLimit=1"]
        subprocess.run(limit, check=True, env=cluster)
        assert waiting.wait(timeout=300) != 0
    finally:
        waiting.kill()
    assert list(study.folder.rglob(f"*{TRAININGS[0]}*state*")), "no state was saved"
    run(command, study.folder, env=cluster)
    assert results(study.folder) == results(small.folder)
    record = next(iter(study.folder.rglob(f"models/**/{TRAININGS[0]}.json")))
    assert json.loads(record.read_text())["n_interruptions"] == 1
