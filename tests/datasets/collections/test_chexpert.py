"""CheXpert, on miniatures in its original layout."""

import pytest

from idsharp.datasets import DatasetError
from tests.datasets.collections.tables import (
    check_index,
    check_prepared,
    dataset_at,
    one_unreadable,
    prepare,
)
from tests.datasets.miniatures import chexpert

EFFUSION = [["blank", "-1"], ["1"]]


@pytest.mark.parametrize("prefix", ["CheXpert-v1.0-small/", "CheXpert-v1.0/", ""])
def test_chexpert_from_table_to_arrays(tmp_path, prefix):
    truth = chexpert.write(tmp_path, prefix)
    dataset = dataset_at("chexpert", tmp_path)
    index = dataset.index()
    train = {identity for identity in truth.labels if identity.startswith("train/")}
    check_index(index, truth, train)
    assert index["label"].value_counts().to_dict() == {"1": 36, "blank": 12, "-1": 12, "0": 12}
    assert index.loc[0, "where"] == f"{prefix}train/patient00001/study1/view1_frontal.jpg"
    assert index["view"].value_counts().to_dict() == {"frontal": 48, "lateral": 24}
    assert set(index["split"]) == {"train"}
    # JPEG loses a little.
    check_prepared(prepare(dataset, index, EFFUSION), truth, 40, tolerance=6)


def test_chexpert_path_may_be_the_folder_itself_or_the_one_above(tmp_path):
    chexpert.write(tmp_path)
    inner = dataset_at("chexpert", tmp_path / "CheXpert-v1.0-small")
    assert inner.index().loc[0, "where"] == "train/patient00001/study1/view1_frontal.jpg"
    assert inner.read("train/patient00001/study1/view1_frontal.jpg").shape == (39, 32)


def test_chexpert_edema_is_another_column(tmp_path):
    truth = chexpert.write(tmp_path)
    dataset = dataset_at("chexpert", tmp_path)
    index = dataset.index()
    assert set(chexpert.HEADER.split(",")[5:]) <= set(index)
    assert (index["Support Devices"] == "1").all()
    assert (index["Fracture"] == "blank").all()
    prepared = prepare(dataset, index, EFFUSION, label="Edema", pool_size=20)
    edema = index.set_index("id")["Edema"]
    for row in prepared.samples.itertuples():
        assert edema[row.id] in EFFUSION[row.label]
    check_prepared(prepared, truth, 20, tolerance=6)


def test_chexpert_full_size_in_batches(tmp_path, capsys):
    truth = chexpert.write(tmp_path, "CheXpert-v1.0/", batches=True)
    dataset = dataset_at("chexpert", tmp_path, with_valid=True)
    index = dataset.index()
    check_index(index, truth)
    assert index.loc[0, "where"].startswith("CheXpert-v1.0 batch 3 (train 2)/patient00001/study1/")
    check_prepared(prepare(dataset, index, EFFUSION), truth, 40, tolerance=6)
    # One batch alone: the patients of the others are left out, and said to be.
    folder = tmp_path / chexpert.BATCHES[1]
    folder.rename(tmp_path / "elsewhere")
    index = dataset_at("chexpert", tmp_path).index()
    assert set(index["patient"].str[-1]) == set("13579")
    assert "36 of 72 images left out: no patient folder" in capsys.readouterr().err


def test_chexpert_validation_images_are_official_test_images(tmp_path):
    truth = chexpert.write(tmp_path)
    dataset = dataset_at("chexpert", tmp_path, with_valid=True)
    index = dataset.index()
    check_index(index, truth)
    assert index["split"].value_counts().to_dict() == {"train": 72, "test": 9}
    prepared = prepare(dataset, index, [["0"], ["1"]], split="official", pool_size=28)
    for row in prepared.samples.itertuples():
        assert (row.split == "test") == row.id.startswith("valid/")


def test_chexpert_unreadable(tmp_path):
    truth = chexpert.write(tmp_path)
    dataset = dataset_at("chexpert", tmp_path)
    index = dataset.index()
    name = "train/patient00001/study1/view1_frontal.jpg"
    broken = (name, tmp_path / "CheXpert-v1.0-small" / name)
    prepared = one_unreadable(dataset, truth, index, EFFUSION, broken)
    check_prepared(prepared, truth, 46, tolerance=6)


def test_chexpert_values_that_it_does_not_have(tmp_path):
    chexpert.write(tmp_path)
    table = tmp_path / "CheXpert-v1.0-small" / "train.csv"
    table.write_text(table.read_text().replace(",0.0,-1.0,,", ",0.0,-2.0,,", 1))
    with pytest.raises(DatasetError, match=r"Pleural Effusion is '-2\.0' in .*; expected 1\.0, "):
        dataset_at("chexpert", tmp_path).index()
