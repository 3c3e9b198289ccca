"""Images and labels in NumPy files."""

import os

import numpy as np
import pytest

from idsharp.datasets import DatasetError
from tests.datasets.opening import dataset


@pytest.mark.parametrize("shape", [(6, 9, 8), (6, 9, 8, 1), (6, 9, 8, 3), (6, 3, 9, 8)])
def test_array(tmp_path, shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.save(tmp_path / "x.npy", images)
    np.save(tmp_path / "y.npy", np.array([[0.0], [1], [0], [1], [0], [1]]))
    data = dataset("array", tmp_path / "x.npy", labels=str(tmp_path / "y.npy"))
    assert data.index()["label"].tolist() == ["0", "1"] * 3
    expected = np.moveaxis(images[4], 0, 2) if shape[1] == 3 else images[4]
    assert (data.read("4") == expected).all()
    np.savez(tmp_path / "x.npz", images=images, labels=np.array(list("ababab")))
    assert dataset("array", tmp_path / "x.npz").index()["label"].tolist() == list("ababab")
    assert set(dataset("array", tmp_path / "x.npy").index()["label"]) == {""}


def test_array_mistakes_are_explained(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 4, 4), np.uint8))
    np.save(tmp_path / "two.npy", np.zeros(2))
    np.save(tmp_path / "half.npy", np.array([0, 0.5, 1]))
    np.save(tmp_path / "flat.npy", np.zeros((3, 16)))
    np.save(tmp_path / "words.npy", np.full((3, 4, 4), "a"))
    (tmp_path / "empty.npy").touch()
    (tmp_path / "text.npy").write_text("no array")
    np.savez(tmp_path / "other.npz", pictures=np.zeros((3, 4, 4)))
    x = tmp_path / "x.npy"
    for path, labels, message in (
        (x, "two.npy", r"3 images, but labels of shape \(2,\)"),
        (x, "half.npy", "labels must be whole numbers or words; 1 of 3 are not, such as 0.5"),
        (x, "none.npy", "there is no file .*none.npy"),
        (x, "other.npz", r"is no \.npy file of labels"),
        (tmp_path / "flat.npy", None, r"array of shape \(3, 16\)"),
        (tmp_path / "words.npy", None, "and type <U1; expected numbers"),
        (tmp_path / "empty.npy", None, "cannot be read as NumPy data"),
        (tmp_path / "text.npy", None, "cannot be read as NumPy data"),
        (tmp_path / "other.npz", None, r"holds \['pictures'\]; expected images and labels"),
    ):
        settings = {} if labels is None else {"labels": str(tmp_path / labels)}
        with pytest.raises(DatasetError, match=message):
            dataset("array", path, **settings).index()


@pytest.mark.parametrize("ids", [np.array(["p1", "p1", "p2"]), np.array([[7], [7], [8]])])
def test_patients_of_arrays_reach_the_index(tmp_path, ids):
    images = np.zeros((3, 4, 4), np.uint8)
    np.savez(tmp_path / "x.npz", images=images, labels=np.arange(3), patients=ids)
    np.save(tmp_path / "x.npy", images)
    np.save(tmp_path / "ids.npy", ids)
    inside = dataset("array", tmp_path / "x.npz", patients="patients").index()
    beside = dataset("array", tmp_path / "x.npy", patients=str(tmp_path / "ids.npy")).index()
    expected = [str(value) for value in ids.reshape(-1)]
    assert inside["patient"].tolist() == beside["patient"].tolist() == expected
    assert inside["label"].tolist() == ["0", "1", "2"]
    # Not without being asked: an array of this name may be anything.
    assert set(dataset("array", tmp_path / "x.npz").index()["patient"]) == {""}


def test_patients_that_do_not_fit_the_images_are_refused(tmp_path):
    images = np.zeros((3, 4, 4), np.uint8)
    np.savez(tmp_path / "x.npz", images=images, patients=np.arange(2))
    with pytest.raises(DatasetError, match=r"3 images, but patients of shape \(2,\)"):
        dataset("array", tmp_path / "x.npz", patients="patients").index()
    with pytest.raises(DatasetError, match="no array 'persons' of patients; it has images, pat"):
        dataset("array", tmp_path / "x.npz", patients="persons").index()
    with pytest.raises(DatasetError, match=r"there is no file .*ids\.npy"):
        dataset("array", tmp_path / "x.npz", patients=str(tmp_path / "ids.npy")).index()


def test_array_pickles_are_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    np.save(tmp_path / "bomb.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(DatasetError, match="object arrays are refused"):
        dataset("array", tmp_path / "bomb.npy").index()
    np.savez(tmp_path / "bomb.npz", images=np.array([Bomb()], dtype=object))
    with pytest.raises(DatasetError, match="object arrays are refused"):
        dataset("array", tmp_path / "bomb.npz").index()
    assert not (tmp_path / "exploded").exists()
