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


def test_every_dataset_of_the_config_has_its_source():
    with open(ROOT / "resources" / "datasets.tsv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    more = ROOT / "benchmarks" / "smoke_real" / "config.yaml"
    config = read_config(ROOT / "config.yaml", [more])
    assert {row["dataset"] for row in rows} == set(config["datasets"])
    for row in rows:
        assert all(row.values()), row
