"""What is there of the datasets of a configuration, and what people are told about the rest."""

import subprocess
import sys

import pytest
import yaml

from idsharp.study.availability import instructions, look_over, status_table
from idsharp.study.check import check_config
from idsharp.study.config import adapter_settings, study_settings
from idsharp.study.files import read_config
from tests.conftest import ROOT, write_image_folder

CONFIG = check_config(read_config(ROOT / "config.yaml", []))
STUDY = study_settings(CONFIG | {"study": "paper"})


def found(name, data_dir):
    return look_over(name, adapter_settings(CONFIG, STUDY, name), data_dir)


def test_every_dataset_is_looked_over_without_a_trace(tmp_path, monkeypatch):
    monkeypatch.delenv("IDSHARP_TEST_DATA", raising=False)
    states = {name: found(name, tmp_path / "data").state for name in CONFIG["datasets"]}
    assert states["demo_digits"] == "present"
    assert states["mnist"] == states["chestmnist"] == states["brats_msd"] == "downloadable"
    assert states["duke_breast"] == states["prostate_us"] == "downloadable"
    accounts = ("brats", "chexpert", "mura", "oai", "rsna", "imagenet")
    assert {states[name] for name in accounts} == {"missing"}
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["brats", "chexpert", "mura", "oai", "rsna", "imagenet"])
def test_what_must_be_brought_says_where_from_and_where_to(name, tmp_path):
    one = found(name, tmp_path)
    text = instructions(one)
    assert f"there is no folder {tmp_path / name}" in text
    assert "register" in text or "apply" in text
    assert "https://" in text
    assert one.dataset.layout.strip().splitlines()[0].strip() in text
    assert f"datasets.{name}.path" in text


def test_what_is_already_there_is_told(tmp_path):
    (tmp_path / "mura").mkdir()
    (tmp_path / "mura" / "valid_image_paths.csv").write_text("")
    one = found("mura", tmp_path)
    assert one.state == "missing"
    assert f"found in {tmp_path / 'mura'}: valid_image_paths.csv" in instructions(one)


def test_a_downloaded_dataset_is_present_and_a_partial_one_says_what_is_left(tmp_path):
    assert found("svhn", tmp_path).download == 182_040_794 + 64_275_384
    (tmp_path / "svhn").mkdir()
    (tmp_path / "svhn" / "test_32x32.mat").write_bytes(b"")
    assert found("svhn", tmp_path).download == 182_040_794


def test_the_table_names_what_is_missing(tmp_path):
    table = status_table([found(name, tmp_path) for name in ("brats", "cifar10")]).splitlines()
    assert table[0].split() == ["dataset", "state", "GB", "access", "license", "missing"]
    assert "missing" in table[1] and "there is no folder" in table[1]
    assert "downloadable" in table[2] and "0.17" in table[2]


def test_data_status_with_ones_own_settings(tmp_path):
    write_image_folder(tmp_path / "images", 2, seed=0)
    mine = {
        "datasets": {"mine": {"adapter": "folder", "domain": "radiology",
                              "path": str(tmp_path / "images")}},
        "tasks": {"mine": {"dataset": "mine"}},
        "studies": {"mine": {"tasks": ["mine"]}},
    }  # fmt: skip
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(mine))
    command = [sys.executable, ROOT / "scripts" / "data_status.py"]
    options = {"capture_output": True, "text": True, "cwd": tmp_path}
    own = ["--configfile", tmp_path / "mine.yaml", "--study", "mine"]
    done = subprocess.run([*command, *own], **options)
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [["mine", "present"]]
    done = subprocess.run([*command, "chexpert"], **options)
    assert "CheXpert-v1.0-small" in done.stdout
    done = subprocess.run([*command, "chexprt"], **options)
    assert done.returncode == 1
    assert "error: there is no dataset chexprt; choose one of demo_digits" in done.stderr
