"""Anyone's NIfTI volumes with segmentations."""

import numpy as np
import pytest

from idsharp.datasets import DatasetError
from tests.datasets.miniatures import brats
from tests.datasets.opening import dataset


def test_nifti_with_segmentations(tmp_path):
    for number in range(3):
        case = brats.volumes(number, tumour=range(5 + number, 12))
        brats.save(tmp_path / f"p{number}.nii.gz", case["t2"])
        brats.save(tmp_path / f"p{number}_seg.nii", case["seg"])
    data = dataset("nifti", tmp_path, mask="_seg", central=0.5)
    index = data.index()
    assert set(index["patient"]) == {f"p{number}.nii.gz" for number in range(3)}
    lesions = index["id"][index["label"] == "lesion"]
    assert lesions.tolist() == []
    whole = dataset("nifti", tmp_path, mask="_seg").index()
    lesions = whole["id"][whole["label"] == "lesion"].tolist()
    assert lesions[:7] == [f"p0.nii.gz#{z}" for z in range(5, 12)]
    assert len(lesions) == 7 + 6 + 5
    assert set(whole["label"]) == {"lesion", "empty"}
    (tmp_path / "p1_seg.nii").unlink()
    with pytest.raises(DatasetError, match=r"p1\.nii\.gz there is no segmentation p1_seg\.nii\.gz"):
        dataset("nifti", tmp_path, mask="_seg").index()
    brats.save(tmp_path / "p1_seg.nii", brats.volumes(0)["seg"][:, :, 1:])
    with pytest.raises(DatasetError, match="has 48 slices, its segmentation 47"):
        dataset("nifti", tmp_path, mask="_seg").index()


def test_real_nifti_with_a_segmentation(real_data, tmp_path):
    nibabel = pytest.importorskip("nibabel")
    source = real_data / "original_formats" / "nifti_nibabel" / "anatomical.nii"
    image = nibabel.load(source)
    nibabel.save(image, tmp_path / "head.nii.gz")
    marked = np.zeros(image.shape, np.uint8)
    marked[:, :, image.shape[2] // 2 :] = 1
    nibabel.save(nibabel.Nifti1Image(marked, image.affine), tmp_path / "head_seg.nii.gz")
    data = dataset("nifti", tmp_path, mask="_seg")
    index = data.index()
    assert index["label"].value_counts().sum() == len(index) == 25
    canonical = np.asanyarray(nibabel.as_closest_canonical(image).dataobj)
    assert (data.read("head.nii.gz#12") == canonical[:, :, 12].T[::-1, ::-1]).all()
