"""The open study from a mirror of miniatures in the original layouts, up to its arrays."""

import json

import pytest
import yaml

from idsharp.common.resources import medmnist_files
from idsharp.study.check import check_config
from idsharp.study.files import read_config
from tests.conftest import ROOT
from tests.datasets.miniatures.medmnist import write_medmnist
from tests.datasets.miniatures.torchvision_files import (
    checksums,
    write_cifar,
    write_mnist,
    write_svhn,
)
from tests.workflow.tiny import jobs_of, snakemake

CONFIG = check_config(read_config(ROOT / "config.yaml", []))
OPEN = CONFIG["studies"]["open"]
TASKS = [*OPEN["tasks"], *OPEN["measured"]]


def write_mirror(folder):
    """Every dataset of the study as its publisher offers it, but small."""
    write_mnist(folder / "mnist")
    write_cifar(folder / "cifar10")
    write_svhn(folder / "svhn")
    for source in {row["source"] for row in medmnist_files()}:
        write_medmnist(folder / source, source, n=(60, 10, 40))


def write_settings(folder):
    """The study on the mirror: its own checksums, few images."""
    mirror = folder / "mirror"
    datasets = {path.name: {"checksums": checksums(path)} for path in mirror.iterdir()}
    for name in datasets:
        if CONFIG["datasets"][name]["adapter"] == "medmnist":
            datasets[name]["size"] = 28
    drawn = [t for t in TASKS if isinstance(CONFIG["tasks"][t].get("classes"), dict)]
    number = {t: CONFIG["tasks"][t]["classes"]["number"] for t in drawn}
    config = {
        "mirror": str(mirror),
        "datasets": datasets,
        "tasks": {t: {"classes": {"draw": 2, "number": number[t], "at_least": 2}} for t in drawn},
        "studies": {"open": {"image_size": 32, "pool_size": 12, "n_test": 2, "n_train": [4]}},
    }
    (folder / "small.yaml").write_text(yaml.safe_dump(config))
    return "--configfile", folder / "small.yaml", "--config", "study=open"


@pytest.mark.slow
def test_the_open_study_prepares_itself_from_a_mirror(tmp_path):
    write_mirror(tmp_path / "mirror")
    arguments = write_settings(tmp_path)
    listed = snakemake(tmp_path, "-n", *arguments)
    assert jobs_of(listed)["prepare"] == len(TASKS)
    assert "chestmnist will be downloaded" in listed.stdout
    assert not (tmp_path / "data").exists()

    targets = [f"results/open/data/{task}/audit.json" for task in TASKS]
    snakemake(tmp_path, *targets, *arguments)
    for task, target in zip(TASKS, targets, strict=True):
        audit = json.loads((tmp_path / target).read_text())
        assert audit["n_pool"] >= 6, task
        assert audit["n_unreadable"] == 0
        assert (audit["n_test"] == 0) == (task in OPEN["measured"])
        assert audit["image_size"] == 32
    again = snakemake(tmp_path, "-n", *targets, *arguments)
    assert "Nothing to be done" in again.stdout

    # A file that is not the published one, and that the settings do not vouch for, is refused.
    (tmp_path / "data" / "breastmnist" / "breastmnist.npz").unlink()
    (tmp_path / "mirror" / "breastmnist" / "breastmnist.npz").write_bytes(b"something else")
    done = snakemake(tmp_path, "--forcerun", "locate", "--until", "locate", *arguments, check=False)
    assert done.returncode != 0
    assert "breastmnist.npz" in done.stdout
    assert not (tmp_path / "data" / "breastmnist" / "breastmnist.npz").exists()
