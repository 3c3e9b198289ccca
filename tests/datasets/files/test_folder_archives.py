"""Folders of images that are filled from an archive."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from idsharp.datasets import DatasetError, open_dataset
from idsharp.datasets.download import resume as resuming
from tests.conftest import write_image_folder
from tests.datasets.miniatures.torchvision_files import (
    checksums,
)


@pytest.fixture(autouse=True)
def no_second_attempt(monkeypatch):
    monkeypatch.setattr(resuming, "PAUSES", ())


def zipped_images(tmp_path, inner=""):
    write_image_folder(tmp_path / "images", 3, seed=0)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file in sorted((tmp_path / "images").rglob("*.png")):
            archive.write(file, f"{inner}{file.relative_to(tmp_path / 'images')}")
    return content.getvalue()


def test_a_folder_is_filled_from_an_archive(tmp_path, server):
    server.files["/x/images.zip"] = zipped_images(tmp_path, inner="Data/all/")
    server.faults["/x/images.zip"] = ["drop"]
    settings = {
        "adapter": "folder", "url": server.url("/x/images.zip?download=1"), "subfolder": "Data/all",
    }  # fmt: skip
    dataset = open_dataset("web", settings, tmp_path / "data")
    assert dataset.downloads
    assert dataset.missing() == ["images.zip is not downloaded yet"]
    with pytest.raises(DatasetError, match="dataset web: could not download"):
        dataset.locate()
    assert dataset.missing() == ["images.zip is not downloaded yet"]
    index = (dataset.locate(), dataset.index())[1]
    assert index["label"].value_counts().to_dict() == {"left": 3, "right": 3}
    expected = np.asarray(Image.open(tmp_path / "images" / "left" / "left_001.png"))
    assert (dataset.read("left/left_001.png") == expected).all()
    assert dataset.missing() == []
    assert [asked is None for _, asked in server.asked] == [True, False], "resumed"
    # The archive is gone, the checksum of the first download stays.
    shown = [f.name for f in (tmp_path / "data" / "web").iterdir() if not f.name.startswith(".")]
    assert sorted(shown) == ["Data", "images.zip.sha256"]
    dataset.locate()
    assert len(server.asked) == 2


def test_an_archive_comes_from_a_mirror_and_is_verified(tmp_path):
    (tmp_path / "mirror" / "web").mkdir(parents=True)
    archive = tmp_path / "mirror" / "web" / "images.zip"
    archive.write_bytes(zipped_images(tmp_path))
    settings = {
        "adapter": "folder",
        "url": "https://far.invalid/images.zip",
        "checksum": "md5:" + "0" * 32,
        "mirror": str(tmp_path / "mirror"),
    }
    with pytest.raises(DatasetError, match="is not the published file"):
        open_dataset("web", settings, tmp_path / "data").locate()
    settings["checksum"] = checksums(tmp_path / "mirror")["images.zip"]
    assert len(open_dataset("web", settings, tmp_path / "data").locate()) == 6
    assert archive.exists(), "the mirror's own file stays"


def test_a_hostile_archive_leaves_nothing(tmp_path, server):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("../../escaped.png", b"out")
    server.files["/images.zip"] = content.getvalue()
    settings = {"adapter": "folder", "url": server.url("/images.zip")}
    with pytest.raises(DatasetError, match=r"dataset web: .* leads out of the archive"):
        open_dataset("web", settings, tmp_path / "data").locate()
    assert not list(tmp_path.rglob("*escaped*"))


def test_a_page_instead_of_an_archive_does_not_count(tmp_path, server):
    server.files["/images.zip"] = b"<html>Please log in</html>"
    settings = {"adapter": "folder", "url": server.url("/images.zip")}
    dataset = open_dataset("web", settings, tmp_path / "data")
    with pytest.raises(DatasetError, match=r"is not a valid archive: .*Please"):
        dataset.locate()
    server.files["/images.zip"] = zipped_images(tmp_path)
    assert dataset.download_size() is None
    assert len(dataset.locate()) == 6
    assert dataset.download_size() == 0


def test_images_that_were_put_there_by_hand_are_not_downloaded(tmp_path):
    write_image_folder(tmp_path / "data" / "web", 2, seed=0)
    settings = {"adapter": "folder", "url": "http://127.0.0.1:9/images.zip"}
    assert len(open_dataset("web", settings, tmp_path / "data").locate()) == 4
