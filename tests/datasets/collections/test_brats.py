"""BraTS 2018 and the Medical Segmentation Decathlon, on miniatures."""

import hashlib
import pickle
import tarfile

import numpy as np
import pytest

from idsharp.datasets import DatasetError, open_dataset
from idsharp.datasets.base import receipt
from idsharp.datasets.collections.brain_slices import (
    scale_volume,
)
from idsharp.tasks.prepare import prepare_task
from tests.datasets.collections.volumes import expected_labels, labels_of, request
from tests.datasets.miniatures import brats
from tests.datasets.opening import dataset


@pytest.mark.parametrize("inner", ["", "MICCAI_BraTS_2018_Data_Training"])
def test_brats2018(tmp_path, inner):
    cases = brats.write_brats2018(tmp_path / inner)
    data = dataset("brats", tmp_path)
    index = data.index()
    assert index["id"].is_unique
    assert sorted(set(index["patient"])) == sorted(cases)
    for case in cases:
        assert labels_of(index, case) == expected_labels()
    row = index[index["id"] == "Brats18_2013_1_1#9"].iloc[0]
    assert row["where"].endswith("LGG/Brats18_2013_1_1/Brats18_2013_1_1_flair.nii.gz#9")
    assert data.group(row["where"]) == row["where"][:-2]
    assert receipt(data, data.locate())["n_files"] == 3 * len(cases)


def test_pixels_are_those_that_were_written_scaled_by_volume_and_upright(tmp_path):
    cases = brats.write_brats2018(tmp_path, n=1)
    (name,) = cases
    for sequence in ("flair", "t1ce"):
        data = dataset("brats", tmp_path, sequence=sequence)
        volume = cases[name][sequence].astype(float)
        low, high = np.percentile(volume, [0.1, 99.9])
        where = data.index()["where"][5]
        z = int(where.rpartition("#")[2])
        # Stored from right to left and from front to back, which is how slices are looked at.
        expected = np.clip((volume[:, :, z].T - low) / (high - low), 0, 1)
        assert data.read(where) == pytest.approx(expected, abs=1e-6)
        assert (volume > high).any()


def test_a_case_stored_otherwise_gives_the_same_slices(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    case = brats.volumes(3)
    brats.write_case(tmp_path / "one" / "HGG" / "Brats18_A_1", case)
    for kind, values in case.items():
        image = nibabel.Nifti1Image(values, brats.AFFINE)
        turned = image.as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))
        assert turned.shape != image.shape
        file = tmp_path / "two" / "HGG" / "Brats18_A_1" / f"Brats18_A_1_{kind}.nii"
        file.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(turned, file)
    one, two = dataset("brats", tmp_path / "one"), dataset("brats", tmp_path / "two")
    assert one.index()["label"].tolist() == two.index()["label"].tolist()
    for a, b in zip(one.index()["where"], two.index()["where"], strict=True):
        assert (one.read(a) == two.read(b)).all()


def test_other_years_and_leftovers(tmp_path):
    newer = {"flair": "-t2f", "t1": "-t1n", "t1ce": "-t1c", "t2": "-t2w", "seg": "-seg"}
    for name in ("BraTS-GLI-00005-000", "BraTS-GLI-00005-001"):
        brats.write_case(tmp_path / name, brats.volumes(1), names=newer)
    # The one segmentation of 2020 with a name of its own, and validation data without any.
    odd = tmp_path / "BraTS20_Training_355"
    brats.write_case(odd, brats.volumes(2), suffix=".nii")
    (odd / "BraTS20_Training_355_seg.nii").rename(odd / "W39_1998.09.19_Segm.nii")
    without = {kind: values for kind, values in brats.volumes(3).items() if kind != "seg"}
    brats.write_case(tmp_path / "BraTS20_Validation_001", without)
    # Unpacked beside the archive's own file, the volume counts once.
    brats.save(odd / "BraTS20_Training_355_flair.nii.gz", brats.volumes(2)["flair"])
    data = dataset("brats", tmp_path)
    index = data.index()
    assert set(index["id"].str.partition("#")[0]) == {
        "BraTS20_Training_355", "BraTS-GLI-00005-000", "BraTS-GLI-00005-001",
    }  # fmt: skip
    assert set(index["patient"]) == {"BraTS20_Training_355", "BraTS-GLI-00005"}
    assert data.read(index["where"].iloc[0]).shape == (brats.SIZE, brats.SIZE)


def test_msd(tmp_path):
    cases = brats.write_msd(tmp_path / "Task01_BrainTumour")
    for path in (tmp_path, tmp_path / "Task01_BrainTumour"):
        data = dataset("brats_msd", path, sequence="t1")
        index = data.index()
        assert sorted(set(index["patient"])) == ["BRATS_001", "BRATS_002", "BRATS_003"]
        assert labels_of(index, "BRATS_002") == expected_labels()
        where = "imagesTr/BRATS_002.nii.gz#9"
        assert where in set(index["where"])
        expected = scale_volume(cases["BRATS_002"]["t1"])[:, :, 9].T
        assert data.read(where) == pytest.approx(expected, abs=1e-6)
        assert len(data.locate()) == 6


def test_msd_is_downloaded_once(tmp_path, monkeypatch):
    brats.write_msd(tmp_path / "made" / "Task01_BrainTumour", n=1)
    archive = tmp_path / "mirror" / "mine" / "Task01_BrainTumour.tar"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w") as tar:
        tar.add(tmp_path / "made" / "Task01_BrainTumour", "Task01_BrainTumour")
    digest = hashlib.md5(archive.read_bytes()).hexdigest()
    settings = {"adapter": "brats_msd", "mirror": str(tmp_path / "mirror")}
    data = open_dataset("mine", settings, tmp_path / "data")
    assert data.missing() == ["Task01_BrainTumour.tar is not downloaded yet"]
    assert data.download_size() == 7_608_266_240
    with pytest.raises(DatasetError, match="md5"):
        data.locate()
    assert not list((tmp_path / "data").rglob("*.nii.gz"))
    monkeypatch.setattr(type(data), "checksum", f"md5:{digest}")
    assert len(data.locate()) == 2
    assert (data.missing(), data.download_size()) == ([], 0)
    archive.unlink()
    assert len(data.locate()) == 2
    assert labels_of(data.index(), "BRATS_001") == expected_labels()


def test_the_slices_do_not_depend_on_the_sequence(tmp_path):
    # T1 has lost half of its brain; what counts is the T2.
    case = brats.volumes(0)
    case["t1"][:, : brats.SIZE // 2] = 0
    brats.write_case(tmp_path / "HGG" / "Brats18_A_1", case)
    assert len(dataset("brats", tmp_path, sequence="t1").index()) == len(brats.BRAIN)


def test_balanced_patient_disjoint_pool(tmp_path):
    brats.write_brats2018(tmp_path, n=6)
    data = dataset("brats", tmp_path)
    prepared = prepare_task(data, data.index(), request())
    samples = prepared.samples
    assert samples["label"].value_counts().to_dict() == {0: 20, 1: 20}
    assert prepared.audit["patient_disjoint"] is True
    sides = samples[samples["split"] != "pool"].groupby("patient")["split"].nunique()
    assert (sides == 1).all()
    assert prepared.images.shape == (40, 1, 32, 32)
    assert prepared.images.max(axis=(1, 2, 3)).min() > 150


def test_reading_works_in_other_processes(tmp_path):
    brats.write_brats2018(tmp_path, n=1)
    brats.save(tmp_path / "volume.nii", brats.volumes(0)["t2"])
    for adapter, path in (("brats", tmp_path), ("nifti", tmp_path / "volume.nii")):
        data = dataset(adapter, path)
        where = data.index()["where"][3]
        pixels = data.read(where)
        assert (pickle.loads(pickle.dumps(data)).read(where) == pixels).all()
