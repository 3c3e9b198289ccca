"""MNIST, CIFAR-10, CIFAR-100 and SVHN as torchvision downloads and verifies them."""

from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.datasets.base import Dataset, DatasetError, make_index

SOURCES = ("MNIST", "CIFAR10", "CIFAR100", "SVHN")


class TorchvisionDataset(Dataset):
    """The official training and test images; labels are class names, or digits.

    `source` is one of SOURCES. `path` may name a folder that already holds the official archives
    (MNIST's .gz files, cifar-10-python.tar.gz, train_32x32.mat, …), which is then not written to;
    otherwise torchvision downloads them. It checks every file's MD5 before reading it.
    """

    in_memory = True

    def locate(self) -> list[Path]:
        # Opening both parts makes torchvision fetch, verify and unpack what is missing.
        if not self._parts:
            raise DatasetError(f"dataset {self.name}: nothing was found")
        return sorted(file for file in self._root.rglob("*") if file.is_file())

    def index(self) -> pd.DataFrame:
        rows = []
        for split, part in self._parts.items():
            classes = getattr(part, "classes", None) if "CIFAR" in self._source else None
            targets = part.labels if self._source == "SVHN" else part.targets
            for i, target in enumerate(np.asarray(targets)):
                label = classes[target] if classes else str(target)
                rows.append((f"{split}_{i}", f"{split}/{i}", label, "", split))
        return make_index(rows)

    def read(self, where: str) -> np.ndarray:
        split, position = where.split("/")
        pixels = np.asarray(self._parts[split].data[int(position)])
        # SVHN comes as C×H×W.
        return np.moveaxis(pixels, 0, 2) if self._source == "SVHN" else pixels

    @property
    def _source(self) -> str:
        return self.settings["source"]

    @property
    def _root(self) -> Path:
        """torchvision's own folder, into which given archives are linked."""
        root = self.directory
        inner = root / "MNIST" / "raw" if self._source == "MNIST" else root
        inner.mkdir(parents=True, exist_ok=True)
        if "path" in self.settings:
            if not self.path.is_dir():
                raise DatasetError(f"dataset {self.name}: there is no folder {self.path}")
            for file in self.path.iterdir():
                link = inner / file.name
                if file.is_file() and not link.exists():
                    link.symlink_to(file.resolve())
        return root

    @cached_property
    def _parts(self) -> dict:
        from idsharp._torchvision import torchvision

        source = getattr(torchvision.datasets, self._source)
        options = (
            {"train": {"split": "train"}, "test": {"split": "test"}}
            if self._source == "SVHN"
            else {"train": {"train": True}, "test": {"train": False}}
        )
        try:
            return {
                split: source(self._root, download=True, **option)
                for split, option in options.items()
            }
        except (OSError, RuntimeError) as error:
            raise DatasetError(
                f"dataset {self.name}: torchvision could not get {self._source} ({error}); fetch "
                f"the official files by hand, put them into a folder, and name it as `path`"
            ) from error
