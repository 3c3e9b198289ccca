"""Datasets of a few published files: fetched, mirrored, replaced, unpacked, wrong."""

import io
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from idsharp.common.resources import medmnist_files
from idsharp.datasets import DatasetError, open_dataset
from idsharp.datasets.base import INDEX_COLUMNS
from idsharp.datasets.collections.torchvision import CIFAR, FILES, UNZIPPED_MNIST
from idsharp.datasets.download import resume as resuming
from idsharp.datasets.files import npz
from idsharp.datasets.formats import mnist_cifar_svhn
from idsharp.models._torchvision import torchvision
from tests.conftest import write_image_folder
from tests.datasets.loopback import loopback
from tests.datasets.miniatures.medmnist import write_medmnist
from tests.datasets.miniatures.torchvision_files import (
    add_to_tar,
    checksums,
    python2_pickle,
    write_cifar,
    write_idx,
    write_mnist,
    write_svhn,
)

WRITERS = {
    "MNIST": write_mnist,
    "SVHN": write_svhn,
    "CIFAR10": lambda folder: write_cifar(folder, "CIFAR10"),
    "CIFAR100": lambda folder: write_cifar(folder, "CIFAR100"),
}


@pytest.fixture(autouse=True)
def no_second_attempt(monkeypatch):
    monkeypatch.setattr(resuming, "PAUSES", ())


@pytest.fixture
def server():
    with loopback() as server:
        yield server


def official(source, data_dir, **settings):
    settings = {"adapter": "torchvision", "source": source} | settings
    return open_dataset(source.lower(), settings, data_dir)


def assert_holds(dataset, written):
    """The dataset's index and pixels are those that were written."""
    index = dataset.index()
    assert list(index.columns) == INDEX_COLUMNS
    assert index["id"].is_unique
    for split, (images, labels) in written.items():
        rows = index[index["split"] == split]
        assert rows["label"].tolist() == [str(label) for label in labels]
        assert rows["where"].tolist() == [f"{split}/{i}" for i in range(len(images))]
        for i in (0, 1, len(images) - 1):
            assert (dataset.read(f"{split}/{i}") == images[i]).all()


def test_addresses_and_checksums_are_those_of_torchvision():
    sets = torchvision.datasets
    mnist = {(f.name, f.checksum) for f in FILES["MNIST"]}
    assert mnist == {(name, f"md5:{md5}") for name, md5 in sets.MNIST.resources}
    assert all(file.url.startswith(sets.MNIST.mirrors[0]) for file in FILES["MNIST"])
    for source, cls in (("CIFAR10", sets.CIFAR10), ("CIFAR100", sets.CIFAR100)):
        (file,), cifar = FILES[source], CIFAR[source]
        assert (file.name, file.url, file.checksum) == (cls.filename, cls.url, f"md5:{cls.tgz_md5}")
        assert cifar.folder == cls.base_folder
        assert cifar.train == dict(cls.train_list)
        assert cifar.test == dict(cls.test_list)
        assert cifar.meta == {cls.meta["filename"]: cls.meta["md5"]}
        assert cifar.classes == cls.meta["key"]
    svhn = [[f.url, f.name, f.checksum] for f in FILES["SVHN"]]
    parts = [sets.SVHN.split_list[split] for split in ("train", "test")]
    assert svhn == [[url, name, f"md5:{md5}"] for url, name, md5 in parts]


@pytest.mark.parametrize("source", WRITERS)
def test_official_files_are_read_where_they_lie(tmp_path, source):
    given = tmp_path / "given"
    written = WRITERS[source](given)
    before = sorted(given.rglob("*"))
    dataset = official(source, tmp_path / "data", path=str(given), checksums=checksums(given))
    assert dataset.missing() == []
    assert dataset.download_size() == 0
    assert dataset.locate() == before
    assert_holds(dataset, written)
    copy = pickle.loads(pickle.dumps(dataset))
    assert (copy.read("train/1") == dataset.read("train/1")).all()
    assert len(pickle.dumps(dataset)) < 2000, "arrays must not travel to other processes"
    assert sorted(given.rglob("*")) == before, "the given folder must not be written to"
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("source", WRITERS)
@pytest.mark.parametrize("kind", ["folder", "address"])
def test_official_files_come_from_a_mirror(tmp_path, server, source, kind):
    mirror = tmp_path / "mirror"
    written = WRITERS[source](mirror / source.lower())
    sums = checksums(mirror)
    for file in (mirror / source.lower()).iterdir():
        server.files[f"/m/{source.lower()}/{file.name}"] = file.read_bytes()
    where = str(mirror) if kind == "folder" else server.url("/m/")
    dataset = official(source, tmp_path / "data", mirror=where, checksums=sums)
    absent = dataset.missing()
    assert [line.split()[0] for line in absent] == [file.name for file in FILES[source]]
    assert dataset.download_size() is None, "the miniature's size is not published"
    assert_holds(dataset, written)
    assert dataset.missing() == []
    assert len(server.asked) == (0 if kind == "folder" else len(FILES[source]))


def test_what_is_to_come_is_told(tmp_path):
    dataset = official("CIFAR10", tmp_path)
    assert dataset.downloads
    assert dataset.missing() == ["cifar-10-python.tar.gz is not downloaded yet (170.5 MB to come)"]
    assert dataset.download_size() == 170_498_071
    assert official("SVHN", tmp_path).download_size() == 182_040_794 + 64_275_384
    assert not list(tmp_path.iterdir())


def test_files_of_another_checksum_are_refused(tmp_path):
    for source, write in WRITERS.items():
        write(tmp_path / source)
        dataset = official(source, tmp_path / "data", path=str(tmp_path / source))
        with pytest.raises(DatasetError, match="is not the published file: its md5 is"):
            dataset.locate()
        with pytest.raises(DatasetError, match="write its own checksum into the dataset's setting"):
            dataset.index()


def test_unpacked_files_are_read_too(tmp_path):
    for folder in ("plain", "torchvision/MNIST/raw"):
        written = write_mnist(tmp_path / folder, zipped=False)
        path = tmp_path / folder.partition("/")[0]
        dataset = official("MNIST", tmp_path, path=str(path))
        assert dataset.missing() == []
        with pytest.raises(DatasetError, match="train-images-idx3-ubyte is not the published file"):
            dataset.locate()
        sums = checksums(path)
        assert_holds(official("MNIST", tmp_path, path=str(path), checksums=sums), written)
    written = write_cifar(tmp_path / "cifar", packed=False)
    sums = checksums(tmp_path / "cifar")
    for path in (tmp_path / "cifar", tmp_path / "cifar" / "cifar-10-batches-py"):
        assert_holds(official("CIFAR10", tmp_path, path=str(path), checksums=sums), written)
    with pytest.raises(DatasetError, match="data_batch_1 is not the published file"):
        official("CIFAR10", tmp_path, path=str(tmp_path / "cifar")).locate()
    (tmp_path / "cifar" / "cifar-10-batches-py" / "test_batch").unlink()
    assert official("CIFAR10", tmp_path, path=str(tmp_path / "cifar")).missing()


class Bomb:
    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        import os

        return os.mkdir, (str(self.folder),)


def test_a_pickle_may_make_nothing_but_arrays(tmp_path):
    bomb = pickle.dumps({"data": Bomb(tmp_path / "exploded"), "labels": [0]}, protocol=2)
    hostile = {
        "bomb": bomb,
        "builtin": b"cbuiltins\neval\n(S'1'\ntR.",
        "dotted": pickle.dumps({"data": np.load}, protocol=4),
    }
    for name, content in hostile.items():
        with pytest.raises(mnist_cifar_svhn.FormatError, match=r"asks for .*, which is refused"):
            mnist_cifar_svhn.read_cifar_batch(io.BytesIO(content), name)
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        add_to_tar(archive, "cifar-10-batches-py/data_batch_1", bomb)
    sums = checksums(tmp_path)
    with pytest.raises(DatasetError, match=r"asks for posix\.mkdir, which is refused"):
        official("CIFAR10", tmp_path, path=str(tmp_path), checksums=sums).index()
    assert not (tmp_path / "exploded").exists()


def test_damaged_official_files_are_explained(tmp_path):
    def refused(source, words):
        dataset = official(source, tmp_path, path=str(tmp_path), checksums=checksums(tmp_path))
        with pytest.raises(DatasetError, match=words):
            dataset.index()

    write_mnist(tmp_path)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.zeros(3, np.uint8))
    refused("MNIST", "20 images and 3 labels")
    labels = tmp_path / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes(labels.read_bytes()[:-9])
    refused("MNIST", r"idx1-ubyte\.gz: cannot be read as IDX")
    labels.write_bytes(b"")
    refused("MNIST", r"idx1-ubyte\.gz(:| is no IDX file)")
    write_svhn(tmp_path)
    (tmp_path / "test_32x32.mat").write_bytes(b"MATLAB" * 100)
    refused("SVHN", "cannot be read as a MATLAB file")
    write_cifar(tmp_path)
    archive = tmp_path / "cifar-10-python.tar.gz"
    archive.write_bytes(archive.read_bytes()[:5000])
    refused("CIFAR10", r"cifar-10-python\.tar\.gz: cannot be read as CIFAR's archive")
    with tarfile.open(archive, "w:gz") as members:
        add_to_tar(members, "cifar-10-batches-py/data_batch_1", python2_pickle({"data": [1]}))
    refused("CIFAR10", "lacks cifar-10-batches-py/data_batch_2")


def test_idx_files_promise_what_they_hold(tmp_path):
    write_idx(tmp_path / "x", np.arange(24, dtype=np.uint8).reshape(2, 3, 4), zipped=False)
    assert mnist_cifar_svhn.read_idx(tmp_path / "x").shape == (2, 3, 4)
    whole = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(whole[:-1])
    with pytest.raises(mnist_cifar_svhn.FormatError, match=r"promises \(2, 3, 4\) .* holds 23"):
        mnist_cifar_svhn.read_idx(tmp_path / "x")


def test_real_mnist_and_svhn(real_data, tmp_path):
    mnist = official("MNIST", tmp_path, path=str(real_data / "mnist_idx"))
    index = mnist.index()
    assert index["split"].value_counts().to_dict() == {"train": 60_000, "test": 10_000}
    assert index["label"].tolist()[:5] == ["5", "0", "4", "1", "9"]
    given = next((real_data / "svhn").glob("*.mat"))
    images, digits = mnist_cifar_svhn.read_svhn(given)
    assert images.shape == (1083, 32, 32, 3)
    assert sorted(set(digits.tolist())) == list(range(10))
    # Digits of one house number stand together: the first training number is 19.
    assert digits[:2].tolist() == [1, 9]
    for name, raw in UNZIPPED_MNIST.items():
        assert raw in str(checksums_unzipped(real_data / "mnist_idx" / f"{name}.gz"))


def checksums_unzipped(file):
    import gzip
    import hashlib

    with gzip.open(file) as stream:
        return hashlib.md5(stream.read()).hexdigest()


def medmnist(source, data_dir, **settings):
    return open_dataset("med", {"adapter": "medmnist", "source": source} | settings, data_dir)


def test_medmnist_table_is_complete():
    rows = medmnist_files()
    assert len({(row["source"], row["size"]) for row in rows}) == len(rows) == 7 * 4
    for row in rows:
        assert row["url"].endswith(f"/10519652/files/{row['file']}")
        assert len(row["md5"]) == 32
        assert row["licence"] == "CC BY 4.0"


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({}, 224),
        ({"image_size": 32}, 64),
        ({"image_size": 64}, 64),
        ({"image_size": 224}, 224),
        ({"image_size": 512}, 224),
        ({"image_size": 224, "size": 28}, 28),
    ],
)
def test_medmnist_offers_the_size_that_suits(tmp_path, settings, size):
    (file,) = medmnist("octmnist", tmp_path, **settings).remote_files
    assert file.name == ("octmnist.npz" if size == 28 else f"octmnist_{size}.npz")
    with pytest.raises(DatasetError, match="size is 100; MedMNIST offers 28, 64, 128, 224"):
        medmnist("octmnist", tmp_path, size=100).locate()
    with pytest.raises(DatasetError, match="source is 'eyes'; there are breastmnist, chestmnist"):
        medmnist("eyes", tmp_path).missing()


@pytest.mark.parametrize("place", ["mirror", "folder", "file"])
def test_medmnist_classes_have_names(tmp_path, place):
    arrays = write_medmnist(tmp_path / "mirror" / "med", "pneumoniamnist", 64)
    settings = {"image_size": 64, "checksums": checksums(tmp_path / "mirror")}
    given = tmp_path / "mirror" / "med"
    settings |= {
        "mirror": {"mirror": str(tmp_path / "mirror")},
        "folder": {"path": str(given)},
        "file": {"path": str(given / "pneumoniamnist_64.npz")},
    }[place]
    dataset = medmnist("pneumoniamnist", tmp_path / "data", **settings)
    assert bool(dataset.missing()) == (place == "mirror")
    dataset.locate()
    index = dataset.index()
    assert dataset.missing() == []
    assert index["label"].tolist() == ["normal", "pneumonia"] * 22
    assert index["split"].value_counts().to_dict() == {"train": 24, "val": 8, "test": 12}
    assert (dataset.read("val/3") == arrays["val_images"][3]).all()


def test_medmnist_findings_are_columns(tmp_path):
    arrays = write_medmnist(tmp_path, "chestmnist")
    settings = {"path": str(tmp_path), "size": 28, "checksums": checksums(tmp_path)}
    index = medmnist("chestmnist", tmp_path, **settings).index()
    findings = np.concatenate([arrays[f"{split}_labels"] for split in ("train", "val", "test")])
    assert index.columns.tolist()[5:8] == ["atelectasis", "cardiomegaly", "effusion"]
    assert index["effusion"].tolist() == [str(value) for value in findings[:, 2]]
    assert index["hernia"].tolist() == [str(value) for value in findings[:, 13]]
    for label, row in zip(index["label"], findings, strict=True):
        assert (0 if label == "none" else len(label.split("|"))) == row.sum()
    assert "none" in set(index["label"])
    assert set(index.dtypes) == {index["id"].dtype}


def test_medmnist_of_another_checksum_is_refused(tmp_path):
    write_medmnist(tmp_path, "breastmnist", 28)
    with pytest.raises(DatasetError, match="750601b1f35ba3300ea97c75c52ff8f6"):
        medmnist("breastmnist", tmp_path, path=str(tmp_path), size=28).locate()


def test_real_pneumonia_through_medmnist(real_data, tmp_path):
    folder = real_data / "pneumoniamnist"
    settings = {"path": str(folder), "size": 28, "checksums": checksums(folder)}
    dataset = medmnist("pneumoniamnist", tmp_path, **settings)
    dataset.locate()
    counts = dataset.index()["label"].value_counts().to_dict()
    assert counts == {"pneumonia": 4273, "normal": 1583}


def test_npz_columns_are_checked(tmp_path):
    images = np.zeros((4, 8, 8), np.uint8)
    labels = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    np.savez(tmp_path / "x.npz", train_images=images, train_labels=labels)

    def index(columns):
        settings = {"adapter": "npz", "path": str(tmp_path / "x.npz"), "columns": columns}
        return open_dataset("mine", settings, tmp_path).index()

    assert index(["edema", "mass"])["label"].tolist() == ["none", "edema", "mass", "edema|mass"]
    assert index(["edema", "mass"])["mass"].tolist() == ["0", "0", "1", "1"]
    with pytest.raises(DatasetError, match=r"train_labels \(4, 2\); expected .* N×3"):
        index(["edema", "mass", "nodule"])
    np.savez(tmp_path / "x.npz", train_images=images, train_labels=labels * 2)
    with pytest.raises(DatasetError, match=r"train_labels holds \[0, 2\]; expected numbers from 0"):
        index(["edema", "mass"])


def test_an_index_reads_no_image(tmp_path, monkeypatch):
    write_medmnist(tmp_path, "breastmnist", 28)
    settings = {"adapter": "npz", "path": str(tmp_path / "breastmnist.npz")}
    dataset = open_dataset("mine", settings, tmp_path)
    read = []
    original = np.lib.format.read_array

    def counted(stream, **options):
        array = original(stream, **options)
        read.append(array.ndim)
        return array

    monkeypatch.setattr(npz.np.lib.format, "read_array", counted)
    dataset.index()
    assert read == [2, 2, 2], "labels alone"
    dataset.read("test/0")
    dataset.read("test/1")
    assert read == [2, 2, 2, 3], "the images of one split, once"


def test_large_downloaded_images_are_unpacked_once_and_shared(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "_LARGE", 1000)
    arrays = write_medmnist(tmp_path / "given", "breastmnist", 28)
    settings = {"path": str(tmp_path / "given"), "size": 28, "checksums": checksums(tmp_path)}
    dataset = medmnist("breastmnist", tmp_path / "data", **settings)
    assert (dataset.read("test/5") == arrays["test_images"][5]).all()
    (unpacked,) = (tmp_path / "data" / "med" / "unpacked").glob("*.npy")
    changed = unpacked.stat().st_mtime_ns
    again = medmnist("breastmnist", tmp_path / "data", **settings)
    assert (again.read("test/6") == arrays["test_images"][6]).all()
    assert unpacked.stat().st_mtime_ns == changed
    # One's own file is read as it is, and nothing is written for it.
    mine = {"adapter": "npz", "path": str(tmp_path / "given" / "breastmnist.npz")}
    assert (
        open_dataset("mine", mine, tmp_path / "data").read("test/5") == arrays["test_images"][5]
    ).all()
    assert not (tmp_path / "data" / "mine").exists()


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
    with pytest.raises(DatasetError, match=r"is no archive: .*Please"):
        dataset.locate()
    server.files["/images.zip"] = zipped_images(tmp_path)
    assert dataset.download_size() is None
    assert len(dataset.locate()) == 6
    assert dataset.download_size() == 0


def test_images_that_were_put_there_by_hand_are_not_downloaded(tmp_path):
    write_image_folder(tmp_path / "data" / "web", 2, seed=0)
    settings = {"adapter": "folder", "url": "http://127.0.0.1:9/images.zip"}
    assert len(open_dataset("web", settings, tmp_path / "data").locate()) == 4
