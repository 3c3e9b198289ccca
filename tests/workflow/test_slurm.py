"""A Slurm cluster of one node takes jobs with the resources that the profile asks for."""

import os
import subprocess

import pytest

from tests.conftest import ROOT

SCRIPT = ROOT / "tests" / "workflow" / "slurm_node.sh"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The environment in which Slurm's commands reach the cluster."""
    folder = tmp_path_factory.mktemp("slurm")
    started = subprocess.run([SCRIPT, "start", folder], capture_output=True, text=True)
    if started.returncode == 77:
        pytest.skip(started.stdout.strip().splitlines()[-1])
    assert started.returncode == 0, started.stdout + started.stderr
    yield os.environ | {"PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])}
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
