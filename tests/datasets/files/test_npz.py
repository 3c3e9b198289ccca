"""MedMNIST's layout of an .npz file."""

import numpy as np
import pytest

from idsharp.datasets import DatasetError, open_dataset
from idsharp.datasets.files import npz
from tests.datasets.miniatures.medmnist import write_medmnist


def test_npz_columns_are_checked(tmp_path):
    images = np.zeros((4, 8, 8), np.uint8)
    labels = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    np.savez(tmp_path / "x.npz", train_images=images, train_labels=labels)

    def index(columns):
        settings = {"adapter": "npz", "path": str(tmp_path / "x.npz"), "columns": columns}
        return open_dataset("mine", settings, tmp_path).index()

    assert index(["edema", "mass"])["label"].tolist() == ["none", "edema", "mass", "edema|mass"]
    assert index(["edema", "mass"])["mass"].tolist() == ["0", "0", "1", "1"]
    with pytest.raises(DatasetError, match=r"train_labels \(4, 2\); expected .* N×3"):
        index(["edema", "mass", "nodule"])
    np.savez(tmp_path / "x.npz", train_images=images, train_labels=labels * 2)
    with pytest.raises(DatasetError, match=r"train_labels holds \[0, 2\]; expected numbers from 0"):
        index(["edema", "mass"])


def test_an_index_reads_no_image(tmp_path, monkeypatch):
    write_medmnist(tmp_path, "breastmnist", 28)
    settings = {"adapter": "npz", "path": str(tmp_path / "breastmnist.npz")}
    dataset = open_dataset("mine", settings, tmp_path)
    read = []
    original = np.lib.format.read_array

    def counted(stream, **options):
        array = original(stream, **options)
        read.append(array.ndim)
        return array

    monkeypatch.setattr(npz.np.lib.format, "read_array", counted)
    dataset.index()
    assert read == [2, 2, 2], "labels alone"
    dataset.read("test/0")
    dataset.read("test/1")
    assert read == [2, 2, 2, 3], "the images of one split, once"
