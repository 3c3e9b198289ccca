"""NIfTI volumes as slices."""

import os

import numpy as np
import pytest

from idsharp.datasets import DatasetError
from idsharp.datasets.errors import ImageRemark, UnreadableImageError
from tests.datasets.miniatures.nifti import VOLUME, write_nifti
from tests.datasets.opening import dataset


def test_nifti_slices(tmp_path):
    write_nifti(tmp_path / "no" / "p1.nii.gz", VOLUME)
    write_nifti(tmp_path / "yes" / "p2.nii", VOLUME + 1)
    data = dataset("nifti", tmp_path, central=0.4)
    index = data.index()
    assert index["id"].tolist()[:4] == [f"no/p1.nii.gz#{z}" for z in (3, 4, 5, 6)]
    assert index["label"].tolist() == ["no"] * 4 + ["yes"] * 4
    assert set(index["patient"]) == {"no/p1.nii.gz", "yes/p2.nii"}
    # Front at the top, the patient's right at the left.
    assert (data.read("no/p1.nii.gz#3") == VOLUME[::-1, ::-1, 3].T).all()
    assert len(dataset("nifti", tmp_path).index()) == 20


def test_a_volume_replaced_under_its_name_is_read_again(tmp_path):
    file = tmp_path / "p1.nii.gz"
    data = dataset("nifti", tmp_path)
    for n, volume in enumerate((VOLUME, VOLUME + 1)):
        write_nifti(file, volume)
        os.utime(file, ns=(n, n))
        assert (data.read("p1.nii.gz#3") == volume[::-1, ::-1, 3].T).all()


def test_nifti_orientation_does_not_depend_on_how_it_is_stored(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    write_nifti(tmp_path / "ras.nii", VOLUME)
    canonical = nibabel.load(tmp_path / "ras.nii")
    turned = canonical.as_reoriented(np.array([[2, 1], [0, -1], [1, -1]]))
    nibabel.save(turned, tmp_path / "turned.nii")
    assert turned.shape != VOLUME.shape
    data = dataset("nifti", tmp_path)
    index = data.index()
    assert index["patient"].value_counts().to_dict() == {"ras.nii": 10, "turned.nii": 10}
    for z in range(10):
        assert (data.read(f"ras.nii#{z}") == data.read(f"turned.nii#{z}")).all()


def test_nifti_channels_and_mistakes(tmp_path):
    both = np.stack([VOLUME, VOLUME * 2], axis=3)
    write_nifti(tmp_path / "x.nii", both)
    assert (dataset("nifti", tmp_path, channel=1).read("x.nii#0") == both[::-1, ::-1, 0, 1].T).all()
    with pytest.warns(ImageRemark, match="the first was read"):
        assert (dataset("nifti", tmp_path).read("x.nii#0") == both[::-1, ::-1, 0, 0].T).all()
    with pytest.raises(DatasetError, match="has 2 channels; channel 2 is none of 0 to 1"):
        dataset("nifti", tmp_path, channel=2).index()
    write_nifti(tmp_path / "five" / "x.nii", both[..., None] * np.ones(2, np.int16))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.nii").write_text("no volume")
    for folder, reason in (("five", r"has shape \(4, 5, 10, 2, 2\)"), ("bad", "cannot be read as")):
        # Listed, so that whoever reads it may leave it out.
        data = dataset("nifti", tmp_path / folder)
        assert data.index()["id"].tolist() == ["x.nii#0"]
        with pytest.raises(UnreadableImageError, match=rf"x\.nii: {reason}"):
            data.read("x.nii#0")
    write_nifti(tmp_path / "cut" / "x.nii", VOLUME)
    whole = (tmp_path / "cut" / "x.nii").read_bytes()
    (tmp_path / "cut" / "x.nii").write_bytes(whole[:-40])
    with pytest.raises(UnreadableImageError, match=r"x\.nii: cannot be read as NIfTI"):
        dataset("nifti", tmp_path / "cut").read("x.nii#2")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="holds no NIfTI volume"):
        dataset("nifti", tmp_path / "empty").index()


def test_real_nifti(real_data):
    pytest.importorskip("nibabel")
    folder = real_data / "original_formats" / "nifti_nibabel"
    data = dataset("nifti", folder, central=0.5)
    index = data.index()
    assert index["patient"].value_counts().to_dict() == {
        "anatomical.nii": 12, "example4d.nii.gz": 12, "functional.nii": 2,
    }  # fmt: skip
    assert data.read("anatomical.nii#12").shape == (41, 33)
    assert data.read("example4d.nii.gz#12").shape == (96, 128)
