"""MURA, on miniatures in its original layout."""

import pytest

from idsharp.datasets import DatasetError
from tests.datasets.collections.tables import (
    check_index,
    check_prepared,
    dataset_at,
    one_unreadable,
    prepare,
)
from tests.datasets.miniatures import mura

STUDY = [["negative"], ["positive"]]


@pytest.mark.parametrize(
    ("prefix", "home", "end"),
    [("MURA-v1.1/", "MURA-v1.1", "\r\n"), ("", ".", "\n"), ("/data/MURA-v1.0/", "mine", "\n")],
)
def test_mura_from_paths_to_arrays(tmp_path, prefix, home, end):
    truth = mura.write(tmp_path, prefix, home, end)
    dataset = dataset_at("mura", tmp_path)
    index = dataset.index()
    train = {identity for identity in truth.labels if identity.startswith("train/")}
    check_index(index, truth, train)
    assert len(index) == 80, "the first line is an image, not a header"
    assert set(index["body_part"]) == {"elbow", "shoulder", "wrist"}
    check_prepared(prepare(dataset, index, STUDY), truth, 40)


def test_mura_validation_and_unreadable_images(tmp_path):
    truth = mura.write(tmp_path)
    dataset = dataset_at("mura", tmp_path, with_valid=True)
    index = dataset.index()
    check_index(index, truth)
    assert index["split"].value_counts().to_dict() == {"train": 80, "test": 16}
    positive = index[index["label"] == "positive"].iloc[0]
    broken = (positive["id"], tmp_path / positive["where"])
    check_prepared(one_unreadable(dataset, truth, index, STUDY, broken), truth, 46)


def test_mura_lines_that_name_no_image(tmp_path):
    mura.write(tmp_path)
    table = tmp_path / "MURA-v1.1" / "train_image_paths.csv"
    good = table.read_text()
    for line in (
        "MURA-v1.1/train/XR_HAND/patient00001/study1_unknown/image1.png",
        "../../train/XR_HAND/patient00001/image1.png",
        "path",
    ):
        table.write_text(good + line + "\n")
        with pytest.raises(DatasetError, match=r"1 rows of .* have an unexpected path, such as"):
            dataset_at("mura", tmp_path).index()
