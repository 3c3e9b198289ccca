"""Volumes of brain tumours and of anyone, and folders of natural images, on miniatures."""

import hashlib
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from idsharp.datasets import DatasetError, open_dataset
from idsharp.datasets.base import receipt
from idsharp.datasets.collections.brain_slices import (
    has_whole_brain,
    released_labels,
    scale_volume,
    slice_labels,
)
from idsharp.datasets.errors import MissingDataError, UnreadableImageError
from idsharp.datasets.tree import files_below
from idsharp.tasks.prepare import Request, prepare_task
from tests.datasets.miniatures import brats, natural


def dataset(adapter, path, **settings):
    return open_dataset("mine", {"adapter": adapter, "path": str(path)} | settings)


def request(**changed) -> Request:
    names = {"task": "t", "classes": [["empty"], ["tumour"]], "label": "label", "split": "patient"}
    numbers = {"image_size": 32, "channels": 1, "pool_size": 40, "n_test": 4}
    settings = names | numbers | {"unreadable_limit": 0.0} | changed
    return Request(**settings)


# --- BraTS ---


def labels_of(index, case, column="label"):
    rows = index[index["patient"] == case]
    slices = rows["id"].str.rpartition("#")[2].astype(int)
    return dict(zip(slices, rows[column], strict=True))


def expected_labels():
    # The brain begins less than ten slices below the tumour.
    near = range(brats.BRAIN.start, brats.TUMOUR.stop + 10)
    labels = dict.fromkeys(brats.BRAIN, "empty") | dict.fromkeys(near, "ambiguous")
    return labels | dict.fromkeys(brats.TUMOUR, "tumour")


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


# --- what counts as a slice, and its label ---


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


# --- what goes wrong ---


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


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
    with pytest.raises(DatasetError, match=r"case Brats18_2013_0_1 lies in .* twice"):
        dataset("brats", tmp_path / "data").index()
    brats.save(folder / "Brats18_2013_9_1_t2.nii.gz", brats.volumes(0)["t2"])
    with pytest.raises(DatasetError, match=r"both of one sequence; each case must have a folder"):
        dataset("brats", tmp_path / "data" / "HGG").index()


def test_too_many_unreadable_cases_are_an_error(tmp_path):
    brats.write_brats2018(tmp_path)
    (tmp_path / "HGG" / "Brats18_2013_0_1" / "Brats18_2013_0_1_t2.nii.gz").unlink()
    other = tmp_path / "HGG" / "Brats18_2013_2_1" / "Brats18_2013_2_1_seg.nii.gz"
    brats.save(other, brats.volumes(0)["seg"][:, :, 1:])
    with pytest.raises(DatasetError, match="2 of 4 cases cannot be read") as error:
        dataset("brats", tmp_path).index()
    assert "beside HGG/Brats18_2013_0_1/Brats18_2013_0_1_seg.nii.gz there is no T2" in str(
        error.value
    )
    assert "has shape (40, 40, 47), the volume (40, 40, 48)" in str(error.value)


# --- anyone's NIfTI volumes with segmentations ---


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


# --- natural images ---


def test_files_are_listed_in_the_order_of_their_folders(tmp_path):
    for name in ("a/b.png", "a-b/c.png", "a.png", "a/A.png", "B/1/x.png", ".h/x.png", "a/.x.png"):
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "y.png").touch()
    root = tmp_path / "root"
    (root / "linked_file.png").symlink_to(tmp_path / "other" / "y.png")
    (root / "linked_folder").symlink_to(tmp_path / "other")
    (root / "broken.png").symlink_to(tmp_path / "nowhere")
    found = files_below(root)
    expected = [path for path in root.rglob("*") if path.is_file()]
    visible = [p for p in expected if not any(q.startswith(".") for q in p.relative_to(root).parts)]
    assert found == sorted(visible)
    assert [file.name for file in found if "linked" in str(file)] == ["linked_file.png"]


@pytest.mark.parametrize("place", ["ILSVRC/Data/CLS-LOC/train", "train", ""])
def test_imagenet(tmp_path, place):
    natural.write_imagenet(tmp_path / place)
    (tmp_path / place / "not_a_class").mkdir()
    natural.write_jpeg(tmp_path / place / "not_a_class" / "x.JPEG", 1)
    data = dataset("imagenet", tmp_path)
    index = data.index()
    assert "name" not in index
    lines = [f"{synset} {words}" for synset, words in natural.SYNSETS.items()]
    (tmp_path / "LOC_synset_mapping.txt").write_text("\n".join(lines) + "\n")
    index = data.index()
    assert index["label"].value_counts().to_dict() == dict.fromkeys(natural.SYNSETS, 6)
    assert set(index["name"]) == {"tench", "goldfish", "English springer"}
    assert data.read(index["where"][0]).shape == (48, 40, 3)
    assert data.read("n01440764/n01440764_37.JPEG").ndim == 2
    assert len(data.locate()) == 18
    classes = [["n01440764"], ["n02102040"]]
    asked = request(classes=classes, pool_size=10, n_test=2, channels=3)
    prepared = prepare_task(data, index, asked)
    assert prepared.images.shape == (10, 3, 32, 32)


def test_imagenet_mistakes_are_explained(tmp_path):
    with pytest.raises(MissingDataError, match=r"there is no folder(.|\n)*ILSVRC/Data/CLS-LOC"):
        dataset("imagenet", tmp_path / "nowhere").index()
    (tmp_path / "train").mkdir()
    with pytest.raises(MissingDataError, match="holds no folder of a class such as n01440764"):
        dataset("imagenet", tmp_path).index()
    natural.write_imagenet(tmp_path / "train", n=1)
    (tmp_path / "LOC_synset_mapping.txt").write_text("n01440764 tench\ngoldfish\n")
    with pytest.raises(DatasetError, match=r"mapping\.txt, line 2: 'goldfish' does not begin with"):
        dataset("imagenet", tmp_path).index()


@pytest.mark.parametrize("inner", ["", "img_align_celeba", "train2017"])
def test_folders_without_classes(tmp_path, inner):
    natural.write_flat(tmp_path / inner)
    (tmp_path / "list_attr_celeba.txt").write_text("6\n")
    data = dataset("folder", tmp_path, classes=False)
    index = data.index()
    assert set(index["label"]) == {""}
    assert index["where"].tolist() == [f"{inner}/{i:06d}.jpg".lstrip("/") for i in range(1, 7)]
    assert data.read(index["where"][2]).shape == (48, 43, 3)
    with pytest.raises(DatasetError, match=r"holds no image with a suffix of \.png"):
        (tmp_path / "none").mkdir()
        dataset("folder", tmp_path / "none", classes=False).index()


def test_splits_of_folders_without_classes(tmp_path):
    natural.write_flat(tmp_path / "train", n=2)
    natural.write_flat(tmp_path / "test", n=1)
    index = dataset("folder", tmp_path, classes=False).index()
    assert index["split"].tolist() == ["test", "train", "train"]
    assert set(index["label"]) == {""}
