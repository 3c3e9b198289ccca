"""A folder of images with one subfolder a class, as torchvision's ImageFolder and Kaggle use."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.datasets.base import Dataset, DatasetError, make_index
from idsharp.datasets.tree import files_below, inside, label_and_split
from idsharp.images import IMAGE_SUFFIXES, read_image


class FolderDataset(Dataset):
    """PNG, JPEG and TIFF files in `<path>/<class>/…` or `<path>/<split>/<class>/…`.

    The folder above a file's class may be named after a split (train, val, test, Training, …);
    the class is the first folder below that. Deeper folders are allowed and mean nothing.

    `patient_pattern`, a regular expression that is searched in a file's path below the folder, says
    who the patient is: its first group, or all of it where it has none.
    """

    def locate(self) -> list[Path]:
        if not self.path.is_dir():
            raise DatasetError(f"dataset {self.name}: there is no folder {self.path}")
        files = self._files()
        if not files:
            raise DatasetError(
                f"dataset {self.name}: {self.path} holds no image in a class subfolder; expected "
                f"<class>/<file> with a suffix of {', '.join(IMAGE_SUFFIXES)}"
            )
        return files

    def index(self) -> pd.DataFrame:
        rows = []
        for file in self.locate():
            parts = file.relative_to(self.path).parts
            label, split = label_and_split(parts)
            name = "/".join(parts)
            rows.append((name, name, label, self._patient(name), split))
        return make_index(rows)

    def read(self, where: str) -> np.ndarray:
        return read_image(inside(self.path, where, self.name))

    def _patient(self, name: str) -> str:
        pattern = self.settings.get("patient_pattern")
        if pattern is None:
            return ""
        try:
            found = re.search(pattern, name)
        except re.error as error:
            raise DatasetError(
                f"dataset {self.name}: the patient_pattern {pattern!r} is no regular expression "
                f"({error})"
            ) from error
        patient = found and found[min(1, len(found.groups()))]
        if not patient:
            raise DatasetError(
                f"dataset {self.name}: the patient_pattern {pattern!r} finds no patient in {name}"
            )
        return patient

    def _files(self) -> list[Path]:
        return [
            file
            for file in files_below(self.path)
            if file.suffix.lower() in IMAGE_SUFFIXES and file.parent != self.path
        ]


class FlatFolderDataset(FolderDataset):
    """Images without classes: those that lie in the folder itself. Their labels are empty."""

    def _files(self) -> list[Path]:
        return [file for file in files_below(self.path) if file.suffix.lower() in IMAGE_SUFFIXES]
