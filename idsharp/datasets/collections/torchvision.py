"""MNIST, CIFAR-10, CIFAR-100 and SVHN, read straight from their official files."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.datasets.base import make_index
from idsharp.datasets.download.fetch import DownloadError, verify
from idsharp.datasets.errors import DatasetError
from idsharp.datasets.formats.mnist_cifar_svhn import (
    FormatError,
    cifar_images,
    read_cifar_archive,
    read_cifar_batch,
    read_idx,
    read_svhn,
)
from idsharp.datasets.remote import RemoteDataset, RemoteFile

_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_CIFAR = "https://www.cs.toronto.edu/~kriz/"
_SVHN = "http://ufldl.stanford.edu/housenumbers/"


def _file(folder: str, name: str, md5: str, size: int) -> RemoteFile:
    return RemoteFile(name, folder + name, f"md5:{md5}", size)


#: The official files, with the URLs and MD5 sums from torchvision.datasets.
FILES = {
    "MNIST": [
        _file(_MNIST, "train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", 9912422),
        _file(_MNIST, "train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", 28881),
        _file(_MNIST, "t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", 1648877),
        _file(_MNIST, "t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", 4542),
    ],
    "CIFAR10": [
        _file(_CIFAR, "cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", 170498071)
    ],
    "CIFAR100": [
        _file(_CIFAR, "cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85", 169001437)
    ],
    "SVHN": [
        _file(_SVHN, "train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373", 182040794),
        _file(_SVHN, "test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3", 64275384),
    ],
}
SOURCES = tuple(FILES)

#: MD5 sums of MNIST's decompressed files.
UNZIPPED_MNIST = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


@dataclass(frozen=True)
class Cifar:
    """The contents of one of CIFAR's archives, with the MD5 sums from torchvision.datasets."""

    folder: str
    train: dict[str, str]
    test: dict[str, str]
    meta: dict[str, str]
    labels: str
    classes: str


CIFAR = {
    "CIFAR10": Cifar(
        folder="cifar-10-batches-py",
        train={
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        },
        test={"test_batch": "40351d587109b95175f43aff81a1287e"},
        meta={"batches.meta": "5ff9c542aee3614f3951f8cda6e48888"},
        labels="labels",
        classes="label_names",
    ),
    "CIFAR100": Cifar(
        folder="cifar-100-python",
        train={"train": "16019d7e3df5f24257cddd939b257f8d"},
        test={"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
        meta={"meta": "7973b15100ade9c7d40fb424638fde48"},
        labels="fine_labels",
        classes="fine_label_names",
    ),
}


class TorchvisionDataset(RemoteDataset):
    """The official training and test images; labels are class names, or digits.

    `source` is one of SOURCES. `path` may be a folder that already holds the official files
    (MNIST's .gz files, cifar-10-python.tar.gz, train_32x32.mat, …) or their contents: MNIST's
    decompressed files, or CIFAR's folder of batches. Missing files are downloaded there. Every
    file's MD5 is verified before it is read, and nothing is unpacked on disk.
    """

    in_memory = True

    @property
    def remote_files(self) -> list[RemoteFile]:
        return FILES[self._source]

    def place(self, remote: RemoteFile) -> Path:
        # torchvision itself stores MNIST two folders deeper.
        deeper = self.path / "MNIST" / "raw" / remote.name
        return deeper if self._source == "MNIST" and deeper.exists() else self.path / remote.name

    def locate(self) -> list[Path]:
        return sorted(file for remote in self.remote_files for file in self._files(remote))

    def index(self) -> pd.DataFrame:
        return make_index(
            [
                (f"{split}_{i}", f"{split}/{i}", label, "", split)
                for split, (_, labels) in self._parts.items()
                for i, label in enumerate(labels)
            ]
        )

    def read(self, where: str) -> np.ndarray:
        split, position = where.split("/")
        return self._parts[split][0][int(position)]

    def _absent(self) -> list[RemoteFile]:
        return [remote for remote in super()._absent() if not self._unpacked(remote)]

    @property
    def _source(self) -> str:
        return self.settings["source"]

    def _files(self, remote: RemoteFile) -> list[Path]:
        """The verified file or files with a published file's contents."""
        unpacked = {} if self.place(remote).exists() else self._unpacked(remote)
        if not unpacked:
            return [self.obtain(remote)]
        try:
            for file, md5 in unpacked.items():
                verify(file, self.checksum(file.name, f"md5:{md5}"), remote.url)
        except DownloadError as error:
            raise DatasetError(f"dataset {self.name}: {error}") from error
        return list(unpacked)

    def _unpacked(self, remote: RemoteFile) -> dict[Path, str]:
        """The unpacked files of a published one, with their MD5 sums; empty unless all exist."""
        if self._source == "MNIST":
            name = remote.name.removesuffix(".gz")
            file = self.place(RemoteFile(name, remote.url, None))
            return {file: UNZIPPED_MNIST[name]} if file.is_file() else {}
        if self._source == "SVHN":
            return {}
        cifar = CIFAR[self._source]
        folder = self.path if self.path.name == cifar.folder else self.path / cifar.folder
        inside = cifar.train | cifar.test | cifar.meta
        files = {folder / name: md5 for name, md5 in inside.items()}
        return files if all(file.is_file() for file in files) else {}

    @cached_property
    def _parts(self) -> dict[str, tuple[np.ndarray, list[str]]]:
        """Images N×H×W or N×H×W×3 and labels of the two splits."""
        with self.named():
            if self._source in CIFAR:
                return self._cifar(CIFAR[self._source])
            files = [file for remote in self.remote_files for file in self._files(remote)]
            if self._source == "SVHN":
                arrays = [read_svhn(file) for file in files]
            else:
                train, train_labels, test, test_labels = map(read_idx, files)
                arrays = [(train, train_labels), (test, test_labels)]
        for images, labels in arrays:
            if labels.shape != images.shape[:1]:
                raise DatasetError(
                    f"dataset {self.name}: {len(images)} images and {labels.size} labels"
                )
        return {
            split: (images, [str(label) for label in labels])
            for split, (images, labels) in zip(("train", "test"), arrays, strict=True)
        }

    def _cifar(self, cifar: Cifar) -> dict[str, tuple[np.ndarray, list[str]]]:
        files = self._files(self.remote_files[0])
        names = [*cifar.train, *cifar.test, *cifar.meta]
        if len(files) == 1:
            contents = read_cifar_archive(files[0], cifar.folder, names)
        else:
            contents = {}
            for file in files:
                with open(file, "rb") as stream:
                    contents[file.name] = read_cifar_batch(stream, str(file))
        (meta,) = cifar.meta
        classes = contents[meta].get(cifar.classes)
        if not isinstance(classes, list):
            raise FormatError(f"{meta} lacks {cifar.classes}")
        parts = {}
        for split, batches in (("train", cifar.train), ("test", cifar.test)):
            pairs = [cifar_images(contents[name], cifar.labels, name) for name in batches]
            numbers = np.concatenate([labels for _, labels in pairs])
            if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(classes):
                raise FormatError(
                    f"labels from {numbers.min()} to {numbers.max()}, {len(classes)} names"
                )
            parts[split] = (
                np.concatenate([images for images, _ in pairs]),
                [str(classes[number]) for number in numbers],
            )
        return parts
