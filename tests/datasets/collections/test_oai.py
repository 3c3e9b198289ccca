"""Knees of the OAI, on miniatures in the original layout."""

import pickle

import numpy as np
import pytest

from idsharp.datasets import DatasetError
from idsharp.datasets.errors import UnreadableImageError
from tests.datasets.collections.tables import (
    check_index,
    check_prepared,
    dataset_at,
    one_unreadable,
    prepare,
)
from tests.datasets.miniatures import oai
from tests.datasets.miniatures.truth import picture
from tests.datasets.miniatures.xray_dicom import write_dicom

GRADED = [["0", "1"], ["2", "3", "4"]]


@pytest.mark.parametrize("releases", ["", "00m", "Package_1197300/results/P001", "image03/00m"])
def test_oai_from_readings_to_knees(tmp_path, capsys, releases):
    truth = oai.write(tmp_path, releases)
    dataset = dataset_at("oai", tmp_path)
    index = dataset.index()
    # Without the third, who has no film; one knee of the first has no grade, one of the second two.
    check_index(index, truth)
    assert len(index) == 2 * 23 - 2
    assert index["kl_grade"].equals(index["label"].rename("kl_grade"))
    assert (index["side"].str[0].str.upper() == index["id"].str[-1]).all()
    said = capsys.readouterr().err
    assert "2 graded knees left out because their films are not in" in said
    assert "knees with several grades are left out, such as those of 9000011" in said
    check_prepared(prepare(dataset, index, GRADED, pool_size=32), truth, 32)


def test_oai_numbers_with_their_meaning(tmp_path):
    truth = oai.write(tmp_path, worded=True)
    check_index(dataset_at("oai", tmp_path).index(), truth)


def test_oai_halves(tmp_path):
    oai.write(tmp_path)
    dataset = dataset_at("oai", tmp_path, crop="half")
    where = dataset.index().set_index("id")["where"]
    for n in (3, 4):  # MONOCHROME1 and 2
        film = picture(n, oai.SHAPE, 4095)
        right, left = (dataset.read(where[f"90000{n + 10}{side}"]) for side in "RL")
        assert (right == film[:, :108]).all()
        assert (left == film[:, 108:]).all()
    with pytest.raises(DatasetError, match="crop is 'knee'; write joint or half"):
        dataset_at("oai", tmp_path, crop="knee").read(where["9000013R"])


def test_oai_films_are_read_once_for_both_knees(tmp_path, monkeypatch):
    oai.write(tmp_path)
    dataset = dataset_at("oai", tmp_path)
    where = dataset.index().set_index("id")["where"]
    assert dataset.group(where["9000013R"]) == dataset.group(where["9000013L"])
    first = dataset.read(where["9000013R"])
    (tmp_path / dataset.group(where["9000013R"])).unlink()
    assert dataset.read(where["9000013L"]).shape == first.shape
    copy = pickle.loads(pickle.dumps(dataset))
    with pytest.raises(UnreadableImageError, match="does not exist"):
        copy.read(where["9000013L"])


def test_oai_film_without_pixel_spacing(tmp_path):
    oai.write(tmp_path)
    dataset = dataset_at("oai", tmp_path)
    where = dataset.index().set_index("id")["where"]["9000015R"]
    write_dicom(tmp_path / dataset.group(where), picture(1, (60, 60), 100).astype(np.uint16))
    with pytest.raises(UnreadableImageError, match="lacks the pixel size, which crop: half"):
        dataset.read(where)


def test_oai_small_film_is_taken_whole(tmp_path):
    oai.write(tmp_path)
    dataset = dataset_at("oai", tmp_path)
    where = dataset.index().set_index("id")["where"]["9000015R"]
    film = picture(1, (50, 80), 100).astype(np.uint16)
    write_dicom(tmp_path / dataset.group(where), film, PixelSpacing=[2, 2])
    assert (dataset.read(where) == film[:, :40]).all()


def test_oai_unreadable(tmp_path):
    truth = oai.write(tmp_path)
    dataset = dataset_at("oai", tmp_path)
    index = dataset.index()
    # Of the last film one knee is of either class; only that of the smaller class is needed.
    row = index[index["label"].isin(GRADED[0])].iloc[-1]
    index = index[(index["patient"] != row["patient"]) | (index["id"] == row["id"])]
    broken = (row["id"], tmp_path / dataset.group(row["where"]))
    index = index.reset_index(drop=True)
    prepared = one_unreadable(dataset, truth, index, GRADED, broken)
    check_prepared(prepared, truth, len(prepared.samples))


def test_oai_without_its_films_or_its_readings(tmp_path):
    oai.write(tmp_path, participants=3)
    for release in tmp_path.glob("0.*"):
        release.rename(tmp_path / f"{release.name} packed").joinpath("x").mkdir()
    for folder in tmp_path.glob("0.* packed/9*"):
        folder.rename(folder.with_name(f"{folder.name}.tar"))
    with pytest.raises(DatasetError, match=r"none of the 3 films .*/9000010/<date>/00004000/001"):
        dataset_at("oai", tmp_path).index()
    table = tmp_path / "kxr_sq_bu00.txt"
    table.write_bytes(table.read_bytes().replace(b"|15|", b"|16|"))
    with pytest.raises(DatasetError, match="no row with READPRJ 15; it has 16, 37"):
        dataset_at("oai", tmp_path).index()
