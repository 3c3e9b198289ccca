"""MNIST, CIFAR and SVHN in their official files."""

import gzip
import hashlib
import io
import os
import pickle
import tarfile

import numpy as np
import pytest

from idsharp.datasets import DatasetError, open_dataset
from idsharp.datasets.base import INDEX_COLUMNS
from idsharp.datasets.collections.torchvision import CIFAR, FILES, UNZIPPED_MNIST
from idsharp.datasets.download import resume as resuming
from idsharp.datasets.formats import mnist_cifar_svhn
from idsharp.models._torchvision import torchvision
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
    assert dataset.missing() == ["cifar-10-python.tar.gz is not downloaded yet (170.5 MB left)"]
    assert dataset.download_size() == 170_498_071
    assert official("SVHN", tmp_path).download_size() == 182_040_794 + 64_275_384
    assert not list(tmp_path.iterdir())


def test_files_of_another_checksum_are_refused(tmp_path):
    for source, write in WRITERS.items():
        write(tmp_path / source)
        dataset = official(source, tmp_path / "data", path=str(tmp_path / source))
        with pytest.raises(DatasetError, match="is not the published file: checksum mismatch"):
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


def test_what_a_pickle_says_of_an_array_is_not_believed():
    # NumPy itself would end the process at this state of a type.
    state = b"(K\x03U\x01NNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"
    damaged = b"\x80\x02}U\x04datacnumpy\ndtype\nU\x02u1K\x00K\x01\x87R" + state + b"bs."
    batch = mnist_cifar_svhn.read_cifar_batch(io.BytesIO(damaged), "damaged")
    with pytest.raises(mnist_cifar_svhn.FormatError, match="holds no rows of 3072 bytes"):
        mnist_cifar_svhn.cifar_images(batch, "labels", "damaged")
    for other in (np.arange(3), np.array([{}])):
        content = pickle.dumps({"data": other}, protocol=4)
        with pytest.raises(mnist_cifar_svhn.FormatError, match="other: cannot be read"):
            mnist_cifar_svhn.read_cifar_batch(io.BytesIO(content), "other")
    rows = np.arange(6, dtype=np.uint8).reshape(2, 3)
    for order in ("C", "F"):
        content = pickle.dumps({"data": np.array(rows, order=order)}, protocol=4)
        batch = mnist_cifar_svhn.read_cifar_batch(io.BytesIO(content), order)
        np.testing.assert_array_equal(batch["data"], rows)


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
    with tarfile.open(archive, "w:gz") as members:
        add_to_tar(members, "cifar-10-batches-py/data_batch_1", b"no pickle")
    refused("CIFAR10", r"gz: cifar-10-batches-py/data_batch_1: cannot be read as a file of CIFAR's")


def test_idx_files_promise_what_they_hold(tmp_path):
    write_idx(tmp_path / "x", np.arange(24, dtype=np.uint8).reshape(2, 3, 4), zipped=False)
    assert mnist_cifar_svhn.read_idx(tmp_path / "x").shape == (2, 3, 4)
    whole = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(whole[:-1])
    with pytest.raises(mnist_cifar_svhn.FormatError, match=r"promises \(2, 3, 4\) .* holds 23"):
        mnist_cifar_svhn.read_idx(tmp_path / "x")
    for cut in (0, 3, 9):
        (tmp_path / "x").write_bytes(whole[:cut])
        with pytest.raises(mnist_cifar_svhn.FormatError, match=r"x is no IDX file of bytes"):
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

    with gzip.open(file) as stream:
        return hashlib.md5(stream.read()).hexdigest()
