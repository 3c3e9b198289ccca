"""What profiles/README.md says of other schedulers and clouds: its own command lines are run."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.workflow.test_kills import results
from tests.workflow.tiny import copy_project, jobs_of, run, snakemake, write_images, write_study

PLUGINS = ROOT / ".venv" / "plugins"
NODES = ROOT / "tests" / "workflow" / "nodes"
EXECUTORS = ["lsf", "kubernetes", "aws-batch", "googlebatch"]
pytestmark = pytest.mark.slow


def commands_of_the_page():
    """What a user types for each executor, and before that for the data ("prepare")."""
    section = (ROOT / "profiles" / "README.md").read_text().partition("## Elsewhere\n")[2]
    code = "\n".join(re.findall(r"^    (.*)", section, re.MULTILINE)).replace("\\\n", " ")
    (storage,) = re.findall(r'^storage="(.*)"$', code, re.MULTILINE)
    lines = re.findall(r"^snakemake .*", code.replace("$storage", storage), re.MULTILINE)
    lsf, prepare, kubernetes = lines
    found = {"lsf": lsf, "prepare": prepare, "kubernetes": kubernetes}
    for flags, gpu in re.findall(r"^\| .* \| `(--executor .*?)`.* \| `(.*)` \|$", section, re.M):
        line = kubernetes.replace("--executor kubernetes", flags)
        found[flags.split()[1]] = line.replace("gpu_manufacturer=nvidia", gpu)
    return found


def command(name, storage):
    """A command of the page, with what a user fills in."""
    line = commands_of_the_page()[name].replace("study=NAME", "study=tiny")
    line = line.replace("provider s3", "provider fs").replace("s3://BUCKET", str(storage))
    return [sys.executable, "-m", *shlex.split(line), "--configfile", "tiny.yaml"]


def write_clone(folder, **settings):
    """A clone of the project with a small study; its raw images are not in the repository."""
    folder.mkdir()
    copy_project(folder)
    shutil.copy2(ROOT / ".gitignore", folder)
    (folder / "data").mkdir()
    write_images(folder / "data")
    _, file = write_study(folder, **settings)
    file.write_text(file.read_text().replace(f"{folder}/", "data/"))
    subprocess.run("git init --quiet . && git add .", shell=True, cwd=folder, check=True)
    return folder


def check_commands(done, clone):
    """The commands of a dry run mean the same where the clone and the environment lie elsewhere."""
    commands = re.findall(r"^Shell command: (?!None)(.*)$", done.stdout, re.MULTILINE)
    assert len(commands) == sum(jobs_of(done).values())
    for line in commands:
        assert re.match(r"python scripts/\w+\.py ", line)
        for here in (clone, ROOT, sys.prefix):
            assert str(here) not in line


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return write_clone(tmp_path_factory.mktemp("elsewhere") / "clone")


@pytest.fixture(scope="module")
def plan(clone):
    """A dry run on one machine."""
    return snakemake(clone, "-np", "--configfile", "tiny.yaml", project=clone)


@pytest.fixture(scope="module")
def environment():
    """The environment in which Snakemake finds the plugins of envs/plugins.lock."""
    if not PLUGINS.is_dir():
        pytest.skip("the plugins are absent: run `make test-nightly`, which installs them")
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [PLUGINS, NODES]))}


def test_commands_name_no_path_of_this_machine(clone, plan):
    check_commands(plan, clone)


@pytest.mark.nightly
@pytest.mark.parametrize("executor", EXECUTORS)
def test_the_page_plans_the_whole_study(clone, plan, environment, tmp_path, executor):
    typed = command(executor, tmp_path)
    done = run([*typed, "-np"], clone, env=environment)
    assert jobs_of(done) == jobs_of(plan)
    check_commands(done, clone)
    # Snakemake takes any resource; this one the executor reads.
    package = PLUGINS / f"snakemake_executor_plugin_{executor.replace('-', '_')}"
    code = "".join(file.read_text() for file in package.glob("*.py"))
    asked = dict(re.findall(r"^(\w+):(\w+)=", "\n".join(typed), re.MULTILINE))
    assert set(asked) == {"train", "attack", "representation"}
    for resource in {*asked.values(), *re.findall(r"^(lsf_\w+)=", "\n".join(typed), re.MULTILINE)}:
        assert re.search(rf"\b{resource}\b", code), resource


@pytest.mark.nightly
def test_a_study_on_nodes_without_shared_files_ends_the_same(environment, tmp_path):
    if shutil.which("rsync") is None:
        pytest.skip("the storage needs Debian's rsync")
    settings = {"tasks": ["halves"], "measured": [], "models": ["squeezenet1_1"], "n_train": [20]}
    here = write_clone(tmp_path / "here", attacks=["fgsm"], **settings)
    snakemake(here, "--configfile", "tiny.yaml", project=here)
    away = write_clone(tmp_path / "away", attacks=["fgsm"], **settings)
    storage, nodes = tmp_path / "storage", tmp_path / "nodes"
    nodes.mkdir()
    environment = environment | {"TMPDIR": str(nodes)}
    run(command("prepare", storage), away, env=environment)
    typed = ["nodes" if word == "kubernetes" else word for word in command("kubernetes", storage)]
    # Each job starts two Snakemakes, one of which fetches the code: on a busy machine it takes a
    # quarter of an hour.
    run([*typed, "--seconds-between-status-checks", "1"], away, env=environment, timeout=3600)
    assert results(storage) == results(here)
    assert not (away / "results").exists()
    sent = {file.parent.name.split("-")[0]: file.read_text() for file in nodes.glob("*/command")}
    # The others read files of the clone, and so run where Snakemake was started.
    assert set(sent) == {"properties", "train", "attack", "representation", "figures"}
    for words in sent.values():
        assert str(away) not in words
        assert sys.prefix not in words
