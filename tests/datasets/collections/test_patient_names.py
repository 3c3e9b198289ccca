"""Patients found in the names of files."""

import pandas as pd
import pytest
from PIL import Image

from idsharp.datasets import DatasetError
from tests.datasets.collections.tables import (
    dataset_at,
    prepare,
)
from tests.datasets.miniatures import chexpert, rsna
from tests.datasets.miniatures.truth import picture

GRADED = [["0", "1"], ["2", "3", "4"]]


def write_mendeley(folder):
    """Knees by grade; both of a person on one side of the split, of another on both."""
    numbers = iter(range(9003175, 9003275))
    for n, number in enumerate(numbers):
        for side, grade in (("L", n % 5), ("R", n * 2 % 5)):
            split = ("train", "train", "val", "test")[n % 4]
            file = folder / split / str(grade) / f"{number}{side}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            pixels = picture(2 * n + (side == "L"), (32, 32), 255).astype("uint8")
            Image.fromarray(pixels).save(file)
            if split == "test":
                again = folder / "auto_test" / str(grade) / file.name
                again.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels[:-1]).save(again)


def test_mendeley_knees_by_the_folder_adapter(tmp_path):
    write_mendeley(tmp_path)
    dataset = dataset_at("folder", tmp_path, patient_pattern=r"(\d+)[LR]\.png$")
    index = dataset.index()
    assert index.set_index("id").loc["test/3/9003178L.png", "patient"] == "9003178"
    # The same knees again, cropped by a detector, are of no grade and so of no class.
    assert index["label"].value_counts()["auto_test"] == 50
    prepared = prepare(dataset, index, GRADED, pool_size=100, n_test=20)
    assert set(prepared.samples["class"]) == {"0", "1", "2", "3", "4"}
    assert prepared.audit["patient_disjoint"] is True
    sides = prepared.samples.groupby("split")["patient"].agg(set)
    assert not sides["train"] & sides["test"]


def test_a_patient_pattern_without_a_group_takes_all_of_it(tmp_path):
    write_mendeley(tmp_path)
    index = dataset_at("folder", tmp_path, patient_pattern=r"\d{7}").index()
    assert index.set_index("id").loc["test/3/9003178L.png", "patient"] == "9003178"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [(r"(\d+)M\.png", r"finds no patient in auto_test/0/"), ("(", "is no regular expression")],
)
def test_a_patient_pattern_that_does_not_fit(tmp_path, pattern, message):
    write_mendeley(tmp_path)
    with pytest.raises(DatasetError, match=message):
        dataset_at("folder", tmp_path, patient_pattern=pattern).index()


def test_indexes_survive_their_file(tmp_path):
    """An index is written and read back before it is used: blank, −1 and "" must stay."""
    chexpert.write(tmp_path / "a")
    rsna.write(tmp_path / "b")
    for dataset in (
        dataset_at("chexpert", tmp_path / "a"),
        dataset_at("rsna", tmp_path / "b", candidates=5),
    ):
        index = dataset.index()
        index.to_csv(tmp_path / "index.csv", index=False)
        again = pd.read_csv(tmp_path / "index.csv", dtype=str, keep_default_na=False)
        assert again.to_numpy().tolist() == index.to_numpy().tolist()
