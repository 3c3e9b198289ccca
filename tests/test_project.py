"""The project's own files agree with each other."""

import csv
import importlib.util
import re

import pytest

from idsharp.study.files import read_config
from tests.conftest import ROOT


def test_the_conda_file_has_the_pins_of_the_lock_file():
    spec = importlib.util.spec_from_file_location("w", ROOT / "envs" / "write_conda.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "envs" / "idsharp.yaml").read_text() == module.conda_file(ROOT)


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
