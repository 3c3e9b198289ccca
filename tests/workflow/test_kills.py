"""A study that is killed again and again ends with the same results, byte for byte."""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.workflow.tiny import Study, write_images, write_study

#: What is sent, and to whom: the whole process group, Snakemake alone, or one running job.
KILLS = [
    ("everything", signal.SIGKILL),
    ("snakemake", signal.SIGINT),
    ("a job", signal.SIGKILL),
    ("snakemake", signal.SIGTERM),
    ("everything", signal.SIGINT),
    ("a job", signal.SIGTERM),
]
#: Files with times in them.
TIMED = {"timings.csv", "timings.tex"}


def start(study, log):
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", study.project / "Snakefile",
        "--directory", study.folder, "--cores", "2", *study.arguments,
    ]  # fmt: skip
    with open(log, "w") as stream:
        return subprocess.Popen(
            list(map(str, command)), cwd=study.folder, stdout=stream, stderr=subprocess.STDOUT,
            start_new_session=True,
            # Where these tests run in the background, a shell may have them ignore it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip


def finished(log):
    """How many jobs have ended."""
    found = re.findall(r"(\d+) of \d+ steps", log.read_text())
    return int(found[-1]) if found else 0


def steps(log):
    """How many jobs a run has; none before it says so."""
    found = re.search(r"^total +(\d+)$", log.read_text(), re.MULTILINE)
    return int(found[1]) if found else None


def job_of_process(process):
    """A running script of a Snakemake process; between two jobs there may be none for a moment."""
    while True:
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                if child.name().startswith("python"):
                    return child
        assert process.poll() is None, "the study ended before a job could be killed"
        time.sleep(0.01)


def send(process, whom, number):
    if whom == "everything":
        os.killpg(process.pid, number)
    elif whom == "snakemake":
        process.send_signal(number)
    else:
        job_of_process(process).send_signal(number)


def killed(study, log, rng, whom, number):
    """Run the study until some job has ended, and a little longer, and end it."""
    process = start(study, log)
    moment = rng.randint(1, 6)

    def is_early():
        """Before the moment, which comes sooner where a killed job has left only a few to do."""
        return steps(log) is None or finished(log) < min(moment, steps(log) - 3)

    try:
        while process.poll() is None and is_early():
            time.sleep(0.05)
        time.sleep(rng.random())
        assert process.poll() is None, "the study ended before it could be killed"
        send(process, whom, number)
        process.wait(timeout=600)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode


def results(folder):
    """Tables, figures, and the summary by their names."""
    root = folder / "results" / "tiny"
    files = [*root.glob("tables/*"), *root.glob("figures/**/*.*"), root / "summary.md"]
    return {
        str(file.relative_to(root)): file.read_bytes() for file in files if file.name not in TIMED
    }


def killed_and_resumed(study, folder, seed, kills):
    """The results of a study in another folder that was ended by each of these."""
    rng = random.Random(seed)
    other = Study(folder, study.project, write_study(folder))
    write_images(folder)
    expect_lock = False
    for count, (whom, number) in enumerate(kills):
        log = folder / f"run{count}.log"
        code = killed(other, log, rng, whom, number)
        assert code != 0, f"{signal.Signals(number).name} to {whom} went unheeded"
        assert ("Its lock is removed" in log.read_text()) == expect_lock, log.read_text()
        # What Snakemake cannot handle leaves its lock behind.
        expect_lock = number == signal.SIGKILL and whom == "everything"
    done = other.snakemake()
    assert ("Its lock is removed" in done.stdout) == expect_lock
    assert "Nothing to be done" in other.snakemake("-n").stdout
    return results(folder)


@pytest.mark.slow
def test_a_study_that_is_killed_goes_on_and_ends_the_same(study, tmp_path):
    assert killed_and_resumed(study, tmp_path, 0, KILLS[:4]) == results(study.folder)


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_twenty_kills(study, tmp_path, seed):
    kills = random.Random(seed).sample(KILLS, 4)
    assert killed_and_resumed(study, tmp_path, seed, kills) == results(study.folder)
