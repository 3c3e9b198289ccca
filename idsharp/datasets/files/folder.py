"""A folder of images with one subfolder a class, as torchvision's ImageFolder and Kaggle use."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.datasets.archive import fetch_archive, lacks_archive
from idsharp.datasets.base import Dataset, make_index
from idsharp.datasets.download.fetch import name_of
from idsharp.datasets.errors import DatasetError
from idsharp.datasets.formats.pictures import IMAGE_SUFFIXES, read_image
from idsharp.datasets.tree import below, label_and_split, names_below, split_of


class FolderDataset(Dataset):
    """PNG, JPEG, TIFF, WebP, BMP and GIF files in `<path>/<class>/…` or `<path>/<split>/<class>/…`.

    The folder above a file's class may be named after a split (train, val, test, Training, …);
    the class is the first folder below that. Deeper folders are allowed and mean nothing. With
    `classes: false` folders are no classes, files may lie in the folder itself, and all labels are
    empty.

    With `url`, the address of a zip or tar archive, a folder that is missing or empty is filled
    from it; `checksum` is "md5:…" or "sha256:…", and where it is left out that of the first
    download counts. `subfolder` names the folder below `path` that holds the classes, where `path`
    does not do so itself.

    `patient_pattern`, a regular expression that is searched in a file's path below the folder, says
    who the patient is: its first group, or all of it where it has none.
    """

    @property
    def downloads(self) -> bool:
        return "url" in self.settings

    @property
    def root(self) -> Path:
        """The folder that names of files are relative to."""
        subfolder = self.settings.get("subfolder")
        return self.path if subfolder is None else below(self.path, subfolder, self.name)

    @property
    def has_classes(self) -> bool:
        """Whether folders are classes."""
        return self.settings.get("classes", True)

    def missing(self) -> list[str]:
        if self.downloads and lacks_archive(self, self.settings["url"]):
            return [f"{name_of(self.settings['url'])} is not downloaded yet"]
        return [] if self.root.is_dir() else [f"there is no folder {self.root}"]

    def locate(self) -> list[Path]:
        if self.downloads and lacks_archive(self, self.settings["url"]):
            fetch_archive(self, self.settings["url"], self.settings.get("checksum"))
        return [self.root / name for name in self._names()]

    def index(self) -> pd.DataFrame:
        rows = []
        for name in self._names():
            parts = tuple(name.split("/"))
            label, split = label_and_split(parts) if self.has_classes else ("", split_of(parts))
            rows.append((name, name, label, self._patient(name), split))
        return make_index(rows)

    def read(self, where: str) -> np.ndarray:
        return read_image(below(self.root, where, self.name))

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

    def _names(self) -> list[str]:
        """Files relative to the root; strings, because there may be a million."""
        if not self.root.is_dir():
            raise DatasetError(f"dataset {self.name}: there is no folder {self.root}")
        self.left_out.clear()
        names = []
        for name in names_below(self.root, self.left_out):
            if not name.lower().endswith(IMAGE_SUFFIXES):
                self.left_out.add_file(name)
            elif self.has_classes and "/" not in name:
                self.left_out.add("files beside the class folders", name)
            else:
                names.append(name)
        if not names:
            found = f"; found {self.left_out}" if self.left_out.n_files else ""
            expected = (
                f"in a class subfolder; expected <class>/<file> with a suffix of "
                f"{', '.join(IMAGE_SUFFIXES)} (or classes: false)"
                if self.has_classes
                else f"with a suffix of {', '.join(IMAGE_SUFFIXES)}"
            )
            raise DatasetError(f"dataset {self.name}: {self.root} holds no image {expected}{found}")
        return names
