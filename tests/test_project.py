"""The project's own files agree with each other."""

import csv
import importlib.util
import re

import pytest

from idsharp.study.files import read_config
from tests.conftest import ROOT


def loaded(file):
    """A script that is part of no package, as a module."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_conda_file_has_the_pins_of_the_lock_file():
    made = loaded(ROOT / "envs" / "write_conda.py").conda_file(ROOT)
    assert (ROOT / "envs" / "idsharp.yaml").read_text() == made


def test_the_page_of_the_configuration_is_made_from_the_schema():
    script = loaded(ROOT / "docs" / "write_config.py")
    assert script.PAGE.read_text() == script.page(), "run python docs/write_config.py"


@pytest.mark.parametrize("lock", sorted((ROOT / "envs").glob("*.lock")), ids=lambda p: p.stem)
def test_lock_files_hold_names_versions_and_hashes_alone(lock):
    text = lock.read_text()
    assert "://" not in text
    pinned = re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE)
    assert pinned
    assert text.count("--hash=sha256:") >= len(pinned)


def versions(lock):
    """The versions of each package; some have one for each version of Python."""
    found = {}
    pins = re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "envs" / lock).read_text(), re.MULTILINE)
    for name, version in pins:
        found.setdefault(name, set()).add(version)
    return found


def test_plugins_stand_beside_the_environment_that_they_were_locked_for():
    ours, theirs = versions("requirements.lock"), versions("plugins.lock")
    differ = {name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]}
    # botocore needs an older one.
    assert differ == {"python-dateutil"}


def test_every_dataset_of_the_config_has_its_source():
    with open(ROOT / "resources" / "datasets.tsv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    more = ROOT / "benchmarks" / "smoke_real" / "config.yaml"
    config = read_config(ROOT / "config.yaml", [more])
    assert {row["dataset"] for row in rows} == set(config["datasets"])
    for row in rows:
        assert all(row.values()), row


def copies_of_docker(text):
    """What a Dockerfile copies, and whereto, a file or a folder at a time."""
    for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            yield source, target + source if target.endswith("/") else target


def copies_of_apptainer(text):
    section = re.search(r"^%files\n((?: .*\n)+)", text, re.MULTILINE)[1]
    return [tuple(line.split()) for line in section.splitlines()]


def test_recipes_of_containers_copy_what_there_is_and_install_the_lock_file():
    docker = (ROOT / "envs" / "Dockerfile").read_text()
    apptainer = (ROOT / "envs" / "idsharp.def").read_text()
    copies = dict(copies_of_docker(docker))
    assert copies == dict(copies_of_apptainer(apptainer))
    for source in copies:
        assert (ROOT / source).exists(), source
    # What a wheel is built from (tests/wheel builds one).
    needed = {"idsharp", "resources", "pyproject.toml", "setup.py", "LICENSE", "README.md"}
    assert set(copies) == needed | {"envs/requirements.lock"}
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert not set(ignored) & {source.split("/")[0] for source in copies}
    (base,) = re.findall(r"^ARG BASE=(.*)\nFROM \$\{BASE\}$", docker, re.M)
    assert re.findall(r"^From: (.*)$", apptainer, re.M) == [base]
    assert "python:3.11-" in docker
    for recipe in (docker, apptainer):
        commands = re.findall(r"pip install (.*)", recipe)
        assert "--require-hashes --requirement /tmp/requirements.lock" in commands[0]
        assert "--no-deps" in commands[1]
