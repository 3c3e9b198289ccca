"""What all collections with tables of labels have in common."""

import pytest
from PIL import Image

from idsharp.datasets import DatasetError
from idsharp.datasets.base import receipt
from idsharp.datasets.errors import MissingDataError
from tests.datasets.collections.tables import MINIATURES, dataset_at


@pytest.mark.parametrize("adapter", MINIATURES)
def test_what_is_missing_is_said(tmp_path, adapter):
    dataset = dataset_at(adapter, tmp_path / "absent")
    assert dataset.missing() == [f"there is no folder {tmp_path / 'absent'}"]
    for step in (dataset.locate, dataset.index):
        with pytest.raises(MissingDataError, match="must look like this:\n  ") as caught:
            step()
        assert dataset.layout in str(caught.value)
    (tmp_path / "there" / "empty").mkdir(parents=True)
    assert "there is no" in dataset_at(adapter, tmp_path / "there").missing()[0]
    assert not dataset.downloads


@pytest.mark.parametrize("adapter", MINIATURES)
def test_what_is_there_is_located_and_left_alone(tmp_path, adapter):
    MINIATURES[adapter].write(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    dataset = dataset_at(adapter, tmp_path)
    assert dataset.missing() == []
    record = receipt(dataset, dataset.locate())
    assert record["n_files"] == 1
    assert list(record["sha256"]) == [dataset.table]
    assert dataset.index().equals(dataset.index())
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("adapter", ["chexpert", "mura", "rsna"])
def test_images_are_missing(tmp_path, adapter):
    MINIATURES[adapter].write(tmp_path)
    folder = next(tmp_path.rglob("stage_2_train" if adapter == "rsna" else "train"))
    folder.rename(folder.with_name("elsewhere"))
    dataset = dataset_at(adapter, tmp_path)
    assert dataset.missing() == [f"there is no {folder.name}/ in {folder.parent}"]
    folder.mkdir()
    with pytest.raises(DatasetError, match=r"none of .* images checked .* exists|lists no image"):
        dataset.index()


@pytest.mark.parametrize("adapter", MINIATURES)
def test_nothing_outside_the_folder_is_read(tmp_path, adapter):
    inside = tmp_path / "inside"
    inside.mkdir()
    MINIATURES[adapter].write(inside)
    Image.new("L", (8, 8)).save(tmp_path / "secret.png")
    dataset = dataset_at(adapter, inside)
    with pytest.raises(DatasetError, match=r"\.\./secret\.png leads out of"):
        dataset.read("../secret.png" + ("#R" if adapter == "oai" else ""))
