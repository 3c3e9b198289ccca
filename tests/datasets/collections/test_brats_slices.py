"""Which slices of a volume count, their labels, and what goes wrong."""

import numpy as np
import pytest
from scipy import ndimage

from idsharp.datasets import DatasetError
from idsharp.datasets.collections.brain_slices import (
    has_whole_brain,
    released_labels,
    scale_volume,
    slice_labels,
)
from idsharp.datasets.errors import MissingDataError, UnreadableImageError
from idsharp.tasks.prepare import prepare_task
from tests.datasets.collections.volumes import cut, labels_of, request
from tests.datasets.miniatures import brats
from tests.datasets.opening import dataset


def test_slices_near_a_tumour_are_ambiguous():
    tumour = np.zeros(60, bool)
    tumour[[20, 21, 22, 25]] = True
    labels = slice_labels(tumour)
    assert (labels[tumour] == "tumour").all()
    # Ten below, the gap within, ten above.
    assert np.flatnonzero(labels == "ambiguous").tolist() == [
        *range(10, 20),
        23,
        24,
        *range(26, 36),
    ]
    assert (slice_labels(np.zeros(12, bool)) == "empty").all()


def test_released_labels_look_upwards_only():
    tumour = np.zeros(60, bool)
    tumour[20:40] = True
    labels = released_labels(tumour)
    assert np.flatnonzero(labels == "ambiguous").tolist() == [*range(11, 20), *range(31, 40)]
    assert (labels[20:31] == "tumour").all()
    assert (labels[40:] == "empty").all()
    # The loop of the released notebook, on random volumes.
    rng = np.random.default_rng(0)
    for _ in range(50):
        tumour = np.repeat(rng.random(12) < 0.4, rng.integers(1, 12, 12))
        expected = np.where(tumour, "tumour", "empty").astype(object)
        for i in range(len(tumour) - 10):
            if 0 < tumour[i : i + 10].sum() < 10:
                expected[i] = "ambiguous"
        assert (released_labels(tumour) == expected).all()


def test_the_index_holds_the_released_labels(tmp_path):
    case = brats.volumes(0, tumour=range(16, 32))
    brats.write_case(tmp_path / "HGG" / "Brats18_A_1", case)
    index = dataset("brats", tmp_path).index()
    released = labels_of(index, "Brats18_A_1", "label_released")
    assert [z for z, label in released.items() if label == "ambiguous"] == [
        *range(7, 16), *range(23, 32),
    ]  # fmt: skip
    prepared = prepare_task(
        dataset("brats", tmp_path), index, request(label="label_released", pool_size=14, n_test=2,
        split="image"),
    )  # fmt: skip
    assert len(prepared.images) == 14


def test_brains_in_one_piece():
    plane = np.zeros((60, 60), int)
    plane[10:40, 10:40] = 7
    # A disk of radius 2 takes two pixels from every side, and closing rounds nothing off.
    area = 26 * 26
    assert has_whole_brain(plane, area)
    assert not has_whole_brain(plane, area + 1)
    plane[20:30, 20:30] = 0
    assert has_whole_brain(plane, area), "holes are filled"
    specks = plane.copy()
    specks[50:53, 50:53] = 7
    assert has_whole_brain(specks, area), "what erosion removes is no piece"
    specks[48:56, 48:56] = 7
    assert not has_whole_brain(specks, area), "two pieces"
    cut = plane.copy()
    cut[:, 24:26] = 0
    assert not has_whole_brain(cut, 100)


def test_areas_are_in_square_millimetres(tmp_path):
    # The same arrays with voxels of 3 mm instead of 5: 4100 mm² of brain.
    finer = brats.AFFINE * np.array([0.6, 0.6, 1, 1])
    for name, affine in (("Brats18_A_1", brats.AFFINE), ("Brats18_B_1", finer)):
        brats.write_case(tmp_path / "HGG" / name, brats.volumes(0), affine=affine)
    assert set(dataset("brats", tmp_path).index()["patient"]) == {"Brats18_A_1"}
    with pytest.raises(DatasetError, match="none of 1 cases has a slice with a brain of 7000 mm²"):
        dataset("brats", tmp_path / "HGG" / "Brats18_B_1").index()


def test_volumes_without_contrast_are_refused():
    for volume in (np.zeros((4, 4, 4)), np.full((4, 4, 4), np.nan), np.full((4, 4, 4), np.inf)):
        with pytest.raises(ValueError, match="percentiles"):
            scale_volume(volume)
    scaled = scale_volume(np.arange(10_000, dtype=np.int16).reshape(100, 100, 1))
    assert (scaled.min(), scaled.max(), scaled.dtype) == (0, 1, np.float32)


@pytest.mark.slow
def test_full_size(tmp_path):
    """An ellipsoid of a brain's size at BraTS's own resolution."""
    x, y, z = np.ogrid[:240, :240, :155]
    brain = ((x - 120) / 70) ** 2 + ((y - 120) / 88) ** 2 + ((z - 75) / 70) ** 2 < 1
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=brain.shape), 2)
    t2 = np.where(brain, (600 + 2500 * noise).clip(1), 0).astype(np.int16)
    case = {"flair": t2, "t2": t2, "seg": np.zeros(brain.shape, np.uint8)}
    case["seg"][100:110, 100:110, 60:80] = 1
    affine = np.diag([-1.0, -1, 1, 1])
    brats.write_case(tmp_path / "HGG" / "Brats18_A_1", case, affine=affine)
    labels = labels_of(dataset("brats", tmp_path).index(), "Brats18_A_1")
    # Erosion by 2 mm takes 2 mm off both half axes of every slice's ellipse.
    shrink = np.sqrt(np.maximum(0, 1 - ((np.arange(155) - 75) / 70) ** 2))
    area = np.pi * (70 * shrink - 2).clip(0) * (88 * shrink - 2).clip(0)
    clear = [z for z in range(155) if area[z] > 7200]
    assert set(clear) <= set(labels) <= {z for z in range(155) if area[z] > 6800}
    assert [z for z in labels if labels[z] == "tumour"] == list(range(60, 80))
    assert [z for z in labels if labels[z] == "ambiguous"] == [*range(50, 60), *range(80, 90)]


def test_an_unreadable_case_is_recorded_and_the_rest_goes_on(tmp_path, capsys):
    brats.write_brats2018(tmp_path)
    broken = tmp_path / "HGG" / "Brats18_2013_2_1" / "Brats18_2013_2_1_seg.nii.gz"
    cut(broken)
    data = dataset("brats", tmp_path)
    index = data.index()
    assert index["label"].value_counts()["unreadable"] == 1
    row = index[index["label"] == "unreadable"].iloc[0]
    assert (row["id"], row["label_released"]) == ("Brats18_2013_2_1", "unreadable")
    assert "1 of 4 cases cannot be read. Brats18_2013_2_1: " in capsys.readouterr().err
    prepared = prepare_task(data, index, request(pool_size=20))
    assert "Brats18_2013_2_1" not in set(prepared.samples["patient"])


def test_a_volume_that_breaks_when_it_is_read_is_named(tmp_path):
    brats.write_brats2018(tmp_path)
    broken = tmp_path / "HGG" / "Brats18_2013_2_1" / "Brats18_2013_2_1_flair.nii.gz"
    cut(broken)
    data = dataset("brats", tmp_path)
    index = data.index()
    where = index["where"][index["patient"] == "Brats18_2013_2_1"].iloc[0]
    with pytest.raises(UnreadableImageError, match=r"Brats18_2013_2_1_flair\.nii\.gz: cannot be"):
        data.read(where)
    prepared = prepare_task(data, index, request(pool_size=30, unreadable_limit=1.0))
    assert {entry["id"].partition("#")[0] for entry in prepared.audit["unreadable"]} == {
        "Brats18_2013_2_1"
    }


def test_brats_mistakes_are_explained(tmp_path):
    with pytest.raises(MissingDataError, match=r"there is no folder(.|\n)*HGG/Brats18_2013_2_1"):
        dataset("brats", tmp_path / "nowhere").locate()
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingDataError, match=r"holds no file that ends in _seg\.nii\.gz"):
        dataset("brats", tmp_path / "empty").index()
    (tmp_path / "other" / "labelsTs").mkdir(parents=True)
    with pytest.raises(MissingDataError, match=r"no folder .*imagesTr; there is no .*labelsTr"):
        dataset("brats_msd", tmp_path / "other").locate()
    brats.write_brats2018(tmp_path / "data", n=3)
    with pytest.raises(DatasetError, match="no sequence 'pd'; choose one of flair, t1, t1ce, t2"):
        dataset("brats", tmp_path / "data", sequence="pd").index()
    with pytest.raises(DatasetError, match="leads out of"):
        dataset("brats", tmp_path / "data" / "HGG").read("../LGG/x.nii.gz#0")
    folder = tmp_path / "data" / "HGG" / "Brats18_2013_0_1"
    brats.write_case(tmp_path / "data" / "copy" / folder.name, brats.volumes(0))
    with pytest.raises(DatasetError, match=r"case Brats18_2013_0_1 is in .* twice"):
        dataset("brats", tmp_path / "data").index()
    brats.save(folder / "Brats18_2013_9_1_t2.nii.gz", brats.volumes(0)["t2"])
    with pytest.raises(DatasetError, match=r"are the same sequence; each case must have a folder"):
        dataset("brats", tmp_path / "data" / "HGG").index()


def test_too_many_unreadable_cases_are_an_error(tmp_path):
    brats.write_brats2018(tmp_path)
    (tmp_path / "HGG" / "Brats18_2013_0_1" / "Brats18_2013_0_1_t2.nii.gz").unlink()
    other = tmp_path / "HGG" / "Brats18_2013_2_1" / "Brats18_2013_2_1_seg.nii.gz"
    brats.save(other, brats.volumes(0)["seg"][:, :, 1:])
    with pytest.raises(DatasetError, match="2 of 4 cases cannot be read") as error:
        dataset("brats", tmp_path).index()
    assert "HGG/Brats18_2013_0_1/Brats18_2013_0_1_seg.nii.gz comes without a T2 volume" in str(
        error.value
    )
    assert "has shape (40, 40, 47), but the volume (40, 40, 48)" in str(error.value)
