"""What lies in a folder: what is read, and what is left out, counted and named."""

import json
import runpy
import shutil

import numpy as np
import pytest
from PIL import Image

from idsharp.datasets.errors import DatasetError
from tests.conftest import ROOT, write_image_folder
from tests.datasets.miniatures.dicom import GRADIENT, write_dicom
from tests.datasets.miniatures.nifti import VOLUME, write_nifti
from tests.datasets.opening import dataset


def left_out(data):
    data.index()
    return {entry["reason"]: entry["n"] for entry in data.left_out.record()}


def test_pictures_of_every_suffix_are_read_and_other_files_counted(tmp_path):
    write_image_folder(tmp_path, 2, seed=0)
    picture = Image.open(tmp_path / "left" / "left_000.png")
    for suffix in ("webp", "bmp", "gif", "jpg", "JPEG", "tif"):
        picture.save(tmp_path / "left" / f"x.{suffix}")
    shutil.copy(tmp_path / "left" / "x.jpg", tmp_path / "left" / "y.jfif")
    for name in ("a.txt", "b.txt", "notes", "c.heic", ".hidden"):
        (tmp_path / "right" / name).touch()
    data = dataset("folder", tmp_path)
    assert left_out(data) == {".txt": 2, ".heic": 1, "files without a suffix": 1}
    assert len(data.index()) == 4 + 7
    assert str(data.left_out) == "2 .txt, 1 .heic, 1 files without a suffix"
    assert data.left_out.n_files == 4
    assert data.left_out.record()[0] == {"reason": ".txt", "n": 2, "example": "right/a.txt"}


def test_files_beside_the_class_folders_are_counted(tmp_path):
    write_image_folder(tmp_path, 3, seed=0)
    shutil.copy(tmp_path / "left" / "left_000.png", tmp_path / "loose.png")
    data = dataset("folder", tmp_path)
    assert left_out(data) == {"files beside the class folders": 1}
    assert len(data.index()) == 6
    # Where folders are no classes, nothing is left out.
    assert left_out(dataset("folder", tmp_path, classes=False)) == {}


def test_dicom_without_pixels_and_segmentations_that_are_read(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    write_dicom(tmp_path / "a" / "x.dcm", GRADIENT)
    header = pydicom.dcmread(tmp_path / "a" / "x.dcm")
    del header.PixelData, header.Rows
    header.save_as(tmp_path / "a" / "report.dcm")
    assert left_out(dataset("dicom", tmp_path)) == {"DICOM objects without pixels": 1}
    for name in ("x", "x_seg"):
        write_nifti(tmp_path / "volumes" / f"{name}.nii.gz", VOLUME)
    assert left_out(dataset("nifti", tmp_path / "volumes", mask="_seg")) == {}


def test_the_index_of_the_pipeline_says_what_is_left_out(tmp_path, monkeypatch, capsys):
    write_image_folder(tmp_path / "x", 2, seed=0)
    (tmp_path / "x" / "left" / "notes.txt").touch()
    settings = json.dumps({"adapter": "folder", "path": str(tmp_path / "x")})
    options = ["--settings", settings, "--index", str(tmp_path / "index.csv")]
    monkeypatch.setattr("sys.argv", ["index.py", "mine", *options])
    runpy.run_path(str(ROOT / "scripts" / "index.py"))["main"]()
    assert "mine: 1 files are left out: 1 .txt" in capsys.readouterr().err
    assert len((tmp_path / "index.csv").read_text().splitlines()) == 5


def test_links_lead_where_they_point_to_but_never_twice(tmp_path):
    write_image_folder(tmp_path / "elsewhere", 2, seed=0)
    root = tmp_path / "root"
    write_image_folder(root, 2, seed=1)
    (root / "third").symlink_to(tmp_path / "elsewhere" / "left")
    (root / "right" / "linked.png").symlink_to(tmp_path / "elsewhere" / "right" / "right_000.png")
    # Back into the folder, above it, a second time to the same place, to itself, and nowhere.
    (root / "again").symlink_to(root / "left")
    (root / "above").symlink_to(tmp_path)
    (root / "twice").symlink_to(tmp_path / "elsewhere" / "left")
    (tmp_path / "elsewhere" / "left" / "back").symlink_to(root)
    (root / "left" / "itself.png").symlink_to(root / "left" / "itself.png")
    (root / "left" / "gone.png").symlink_to(root / "nowhere.png")
    data = dataset("folder", root)
    index = data.index()
    counts = index["label"].value_counts().to_dict()
    assert counts == {"left": 2, "right": 3, "third": 2}
    assert left_out(data) == {"links to folders that are read anyway": 4, "broken links": 2}
    for where in index["where"]:
        assert data.read(where).shape == (32, 32)


@pytest.mark.parametrize("where", ["../secret.png", "/etc/hostname", "left/../../secret.png"])
def test_names_do_not_lead_out_of_the_folder(tmp_path, where):
    write_image_folder(tmp_path / "x", 1, seed=0)
    with pytest.raises(DatasetError, match="leads out of"):
        dataset("folder", tmp_path / "x").read(where)


def test_a_folder_without_pictures_says_what_it_holds(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.heic").touch()
    (tmp_path / "loose.png").touch()
    expected = r"holds no image in a class subfolder.*found 1 \.heic, 1 files beside the class"
    with pytest.raises(DatasetError, match=expected):
        dataset("folder", tmp_path).index()


def test_other_files_among_volumes_are_counted(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    (tmp_path / "a").mkdir()
    volume = nibabel.Nifti1Image(np.ones((4, 4, 3), np.int16), np.eye(4))
    nibabel.save(volume, tmp_path / "a" / "x.nii.gz")
    nibabel.save(volume, tmp_path / "loose.nii.gz")
    (tmp_path / "a" / "x.json").write_text("{}")
    data = dataset("nifti", tmp_path)
    assert left_out(data) == {".json": 1, "files beside the class folders": 1}
    assert len(data.index()) == 3
