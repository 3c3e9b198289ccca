"""ImageNet's training images (ILSVRC 2012), one folder per WordNet id."""

import re
from functools import cached_property
from pathlib import Path

import pandas as pd

from idsharp.datasets.errors import DatasetError
from idsharp.datasets.files.folder import FolderDataset

# Where the class folders are, relative to `path`: Kaggle's archive, torchvision's layout, directly.
_PLACES = ("ILSVRC/Data/CLS-LOC/train", "Data/CLS-LOC/train", "train", "")
_NAMES = "LOC_synset_mapping.txt"


class ImageNetDataset(FolderDataset):
    """The label is the WordNet id; if Kaggle's list is there, the column `name` is the class name.

    Only folders named after WordNet ids count.
    """

    layout = """\
ILSVRC/Data/CLS-LOC/train/n01440764/n01440764_10026.JPEG … (or train/n01440764/… or n01440764/…)
LOC_synset_mapping.txt (optional: names of the classes)"""

    @cached_property
    def root(self) -> Path:
        """The folder that contains the class folders."""
        for place in _PLACES:
            folder = self.path / place
            if folder.is_dir() and any(_is_class(inner.name) for inner in folder.iterdir()):
                return folder
        return self.path

    def missing(self) -> list[str]:
        if not self.path.is_dir():
            return [f"there is no folder {self.path}"]
        if any(_is_class(inner.name) for inner in self.root.iterdir()):
            return []
        return [f"{self.path} contains no class folder such as n01440764"]

    def index(self) -> pd.DataFrame:
        self.require()
        index = super().index()
        names = self._class_names()
        if names:
            index["name"] = index["label"].map(names).fillna("")
        return index

    def _names(self) -> list[str]:
        names = []
        for name in super()._names():
            if _is_class(name.partition("/")[0]):
                names.append(name)
            else:
                self.left_out.add("images outside the class folders", name)
        return names

    def _class_names(self) -> dict[str, str]:
        """The first name of each WordNet id, from Kaggle's list; empty if there is none.

        Raises:
            DatasetError: a line of the list does not begin with a WordNet id.
        """
        for folder in (self.path, *self.root.parents):
            file = folder / _NAMES
            if folder.is_relative_to(self.path) and file.is_file():
                break
        else:
            return {}
        names = {}
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            identity, _, words = line.strip().partition(" ")
            if not _is_class(identity):
                raise DatasetError(
                    f"dataset {self.name}: {file}, line {number}: {line!r} does not begin with a "
                    "WordNet id such as n01440764"
                )
            names[identity] = words.split(",")[0].strip()
        return names


def _is_class(name: str) -> bool:
    return re.fullmatch(r"n\d{8}", name) is not None
