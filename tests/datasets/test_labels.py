"""Labels that mean the same are one class, and no label is none."""

import numpy as np
import pandas as pd
import pytest

from idsharp.datasets.base import make_index, tidy_word
from idsharp.datasets.errors import DatasetError
from idsharp.tasks.sampling import SamplingError, assign_classes
from tests.conftest import write_image_folder
from tests.datasets.opening import dataset


@pytest.mark.parametrize(
    ("written", "meant"),
    [("a ", "a"), (" a", "a"), ("0.0", "0"), ("12.", "12"), ("-1.00", "-1"), ("1.5", "1.5"),
     ("v1.0", "v1.0"), ("NaN", ""), (" nan ", ""), ("nano", "nano"), ("1e3", "1e3"), ("", "")],
)  # fmt: skip
def test_words(written, meant):
    assert tidy_word(written) == meant


def test_every_index_is_tidy():
    index = make_index([("1", "w", "a ", " p", "test"), ("2", "w", "1.0", "nan", "")])
    assert index["label"].tolist() == ["a", "1"]
    assert index["patient"].tolist() == ["p", ""]


@pytest.mark.parametrize("labels", ["0.0,1.0,0.0,1.0", "0,1,0 ,1.0"])
def test_labels_of_a_table(tmp_path, labels):
    write_image_folder(tmp_path, 2, seed=0)
    files = sorted(file.relative_to(tmp_path) for file in tmp_path.rglob("*.png"))
    rows = [f"{file},{label}" for file, label in zip(files, labels.split(","), strict=True)]
    (tmp_path / "list.csv").write_text("\n".join(["path ,label", *rows]))
    assert dataset("table", tmp_path / "list.csv").index()["label"].tolist() == ["0", "1"] * 2
    rows[2] = f"{files[2]},nan"
    (tmp_path / "list.csv").write_text("\n".join(["path,label", *rows]))
    with pytest.raises(DatasetError, match=r"list\.csv, line 4: no label"):
        dataset("table", tmp_path / "list.csv").index()


@pytest.mark.parametrize("layout", ["array", "npz"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, "U3", "S3", bool])
def test_labels_of_arrays(tmp_path, layout, dtype):
    numbers = np.array([0, 1, 0, 1])
    labels = numbers.astype(int).astype(str).astype(dtype) if dtype in ("U3", "S3") else numbers
    images, labels = np.zeros((4, 5, 5), np.uint8), labels.astype(dtype)
    prefix = "train_" if layout == "npz" else ""
    stored = {f"{prefix}images": images, f"{prefix}labels": labels, f"{prefix}who": numbers + 7.0}
    np.savez(tmp_path / "x.npz", **stored)
    index = dataset(layout, tmp_path / "x.npz", patients="who").index()
    expected = ["False", "True"] if dtype is bool else ["0", "1"]
    assert index["label"].tolist() == expected * 2
    assert index["patient"].tolist() == ["7", "8"] * 2
    if dtype is np.float32:
        stored[f"{prefix}labels"][1] = np.nan
        np.savez(tmp_path / "x.npz", **stored)
        with pytest.raises(DatasetError, match=r"whole numbers or words; 1 of 4 are not.* nan"):
            dataset(layout, tmp_path / "x.npz").index()


def test_patients_that_are_not_there_or_too_few(tmp_path):
    stored = {"train_images": np.zeros((4, 5, 5)), "train_labels": np.arange(4)}
    np.savez(tmp_path / "x.npz", **stored)
    with pytest.raises(DatasetError, match=r"holds no array train_who of patients; it has train_"):
        dataset("npz", tmp_path / "x.npz", patients="who").index()
    np.savez(tmp_path / "x.npz", **stored, train_who=np.arange(3))
    with pytest.raises(DatasetError, match="4 images in train_images, 3 ids in train_who"):
        dataset("npz", tmp_path / "x.npz", patients="who").index()


def test_images_without_a_label_are_no_class_of_a_task():
    index = pd.DataFrame({"id": ["x", "y", "z"], "label": ["a", "", "b"]})
    with pytest.raises(SamplingError, match="1 of 3 images have no label, such as y"):
        assign_classes(index, None)
    assert assign_classes(index, [["a"], ["b"]])["target"].tolist() == [0, 1]
    # Of a dataset without labels the dimension can be measured all the same.
    assert assign_classes(index.assign(label=""), None)["target"].tolist() == [0, 0, 0]


def test_a_task_may_write_its_classes_as_a_table_does():
    index = pd.DataFrame({"id": ["x", "y"], "label": ["0", "1"]})
    assert assign_classes(index, [["0.0"], ["1.0"]])["target"].tolist() == [0, 1]
