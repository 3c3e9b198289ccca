"""MedMNIST's collections."""

import numpy as np
import pandas as pd
import pytest

from idsharp.common.resources import medmnist_files
from idsharp.datasets import DatasetError, open_dataset
from idsharp.datasets.files import npz
from tests.datasets.miniatures.medmnist import write_medmnist
from tests.datasets.miniatures.torchvision_files import (
    checksums,
)


def medmnist(source, data_dir, **settings):
    return open_dataset("med", {"adapter": "medmnist", "source": source} | settings, data_dir)


def test_medmnist_table_is_complete():
    rows = medmnist_files()
    assert len({(row["source"], row["size"]) for row in rows}) == len(rows) == 7 * 4
    for row in rows:
        assert row["url"].endswith(f"/10519652/files/{row['file']}")
        assert len(row["md5"]) == 32
        assert row["licence"] == "CC BY 4.0"


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({}, 224),
        ({"image_size": 32}, 64),
        ({"image_size": 64}, 64),
        ({"image_size": 224}, 224),
        ({"image_size": 512}, 224),
        ({"image_size": 224, "size": 28}, 28),
    ],
)
def test_medmnist_offers_the_size_that_suits(tmp_path, settings, size):
    (file,) = medmnist("octmnist", tmp_path, **settings).remote_files
    assert file.name == ("octmnist.npz" if size == 28 else f"octmnist_{size}.npz")
    with pytest.raises(DatasetError, match="size is 100; MedMNIST offers 28, 64, 128, 224"):
        medmnist("octmnist", tmp_path, size=100).locate()
    with pytest.raises(DatasetError, match="source is 'eyes'; choose one of breastmnist"):
        medmnist("eyes", tmp_path).missing()


@pytest.mark.parametrize("place", ["mirror", "folder", "file"])
def test_medmnist_classes_have_names(tmp_path, place):
    arrays = write_medmnist(tmp_path / "mirror" / "med", "pneumoniamnist", 64)
    settings = {"image_size": 64, "checksums": checksums(tmp_path / "mirror")}
    given = tmp_path / "mirror" / "med"
    settings |= {
        "mirror": {"mirror": str(tmp_path / "mirror")},
        "folder": {"path": str(given)},
        "file": {"path": str(given / "pneumoniamnist_64.npz")},
    }[place]
    dataset = medmnist("pneumoniamnist", tmp_path / "data", **settings)
    assert bool(dataset.missing()) == (place == "mirror")
    dataset.locate()
    index = dataset.index()
    assert dataset.missing() == []
    assert index["label"].tolist() == ["normal", "pneumonia"] * 22
    assert index["split"].value_counts().to_dict() == {"train": 24, "val": 8, "test": 12}
    assert (dataset.read("val/3") == arrays["val_images"][3]).all()


def test_medmnist_findings_are_columns(tmp_path):
    arrays = write_medmnist(tmp_path, "chestmnist")
    settings = {"path": str(tmp_path), "size": 28, "checksums": checksums(tmp_path)}
    index = medmnist("chestmnist", tmp_path, **settings).index()
    findings = np.concatenate([arrays[f"{split}_labels"] for split in ("train", "val", "test")])
    assert index.columns.tolist()[5:8] == ["atelectasis", "cardiomegaly", "effusion"]
    assert index["effusion"].tolist() == [str(value) for value in findings[:, 2]]
    assert index["hernia"].tolist() == [str(value) for value in findings[:, 13]]
    for label, row in zip(index["label"], findings, strict=True):
        assert (0 if label == "none" else len(label.split("|"))) == row.sum()
    assert "none" in set(index["label"])
    assert all(pd.api.types.is_string_dtype(dtype) for dtype in index.dtypes)


def test_medmnist_of_another_checksum_is_refused(tmp_path):
    write_medmnist(tmp_path, "breastmnist", 28)
    with pytest.raises(DatasetError, match="750601b1f35ba3300ea97c75c52ff8f6"):
        medmnist("breastmnist", tmp_path, path=str(tmp_path), size=28).locate()


def test_real_pneumonia_through_medmnist(real_data, tmp_path):
    folder = real_data / "pneumoniamnist"
    settings = {"path": str(folder), "size": 28, "checksums": checksums(folder)}
    dataset = medmnist("pneumoniamnist", tmp_path, **settings)
    dataset.locate()
    counts = dataset.index()["label"].value_counts().to_dict()
    assert counts == {"pneumonia": 4273, "normal": 1583}


def test_large_downloaded_images_are_unpacked_once_and_shared(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "_LARGE", 1000)
    arrays = write_medmnist(tmp_path / "given", "breastmnist", 28)
    settings = {"path": str(tmp_path / "given"), "size": 28, "checksums": checksums(tmp_path)}
    dataset = medmnist("breastmnist", tmp_path / "data", **settings)
    assert (dataset.read("test/5") == arrays["test_images"][5]).all()
    (unpacked,) = (tmp_path / "data" / "med" / "unpacked").glob("*.npy")
    changed = unpacked.stat().st_mtime_ns
    again = medmnist("breastmnist", tmp_path / "data", **settings)
    assert (again.read("test/6") == arrays["test_images"][6]).all()
    assert unpacked.stat().st_mtime_ns == changed
    # One's own file is read as it is, and nothing is written for it.
    mine = {"adapter": "npz", "path": str(tmp_path / "given" / "breastmnist.npz")}
    assert (
        open_dataset("mine", mine, tmp_path / "data").read("test/5") == arrays["test_images"][5]
    ).all()
    assert not (tmp_path / "data" / "mine").exists()
