"""Shared by adapters whose labels come from a table next to the images."""

import os
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.common.progress import TO_STDERR
from idsharp.datasets.base import INDEX_COLUMNS, Dataset
from idsharp.datasets.errors import DatasetError, MissingDataError, UnreadableImageError
from idsharp.datasets.formats.pictures import read_image
from idsharp.datasets.formats.spreadsheets import read_table
from idsharp.datasets.tree import below

# Number of listed files whose existence is checked before an index is accepted.
_SPOT_CHECKS = 20


class TabledDataset(Dataset):
    """Images with a table of labels, both at `path` or in a subfolder, as archives unpack.

    The receipt covers only the tables, so that collections of half a million files are not read
    twice. An absent image counts as unreadable if it is drawn.
    """

    #: File name of the table of labels.
    table: str

    def table_in(self, folder: Path) -> Path | None:
        """The table of labels in this folder; None if absent."""
        file = folder / self.table
        return file if file.is_file() else None

    @property
    def home(self) -> Path:
        """The folder that holds the table; MissingDataError if there is none."""
        if self._home is None:
            raise MissingDataError(f"dataset {self.name}: there is no {self.table} in {self.path}")
        return self._home

    @cached_property
    def _home(self) -> Path | None:
        """`path` or a subfolder; None if there is none."""
        if not self.path.is_dir():
            return None
        if self.table_in(self.path):
            return self.path
        with os.scandir(self.path) as entries:
            below = sorted(Path(entry) for entry in entries if entry.is_dir())
        return next((folder for folder in below if self.table_in(folder)), None)

    def tables(self) -> list[Path]:
        """Every table that is read."""
        table = self.table_in(self.home)
        return [] if table is None else [table]

    def missing(self) -> list[str]:
        if not self.path.is_dir():
            return [f"there is no folder {self.path}"]
        if self._home is None:
            return [f"there is no {self.table} in {self.path} or its subfolders"]
        return []

    def locate(self) -> list[Path]:
        self.require()
        return sorted(self.tables())

    def read(self, where: str) -> np.ndarray:
        return read_image(self.file_of(where))

    def file_of(self, where: str) -> Path:
        """The file with this name below `path`.

        Raises:
            UnreadableImageError: there is no such file.
            DatasetError: the name leads out of `path`.
        """
        file = below(self.path, where, self.name)
        if not file.is_file():
            raise UnreadableImageError(f"{file}: does not exist, although {self.table} lists it")
        return file

    def note(self, text: str) -> None:
        """Note on stderr what is left out, and why."""
        TO_STDERR.note(f"dataset {self.name}: {text}")

    def check(self, index: pd.DataFrame) -> pd.DataFrame:
        """The index with its columns in order.

        Raises:
            DatasetError: it is empty, or none of a sample of its files exists.
        """
        if not len(index):
            raise DatasetError(f"dataset {self.name}: {self.table} lists no images")
        chosen = index["where"].iloc[:: max(1, len(index) // _SPOT_CHECKS)]
        files = [below(self.path, where.partition("#")[0], self.name) for where in chosen]
        if not any(file.is_file() for file in files):
            raise DatasetError(
                f"dataset {self.name}: none of {len(files)} images checked from {self.table} "
                f"exists, such as {files[0]}"
            )
        return index[[*INDEX_COLUMNS, *(c for c in index if c not in INDEX_COLUMNS)]]


class StanfordDataset(TabledDataset):
    """CheXpert and MURA: one table each for train and valid, with the path of every image.

    Only the part of a path from its train or valid folder on is used, so that the name of the
    folder above does not matter, in the table or on disk. `with_valid: true` adds the validation
    images as the dataset's own test images (`split: official`); the actual test images are not
    public.
    """

    valid_table: str
    #: A regular expression for what follows "train/" or "valid/", with a group `patient`.
    pattern: str
    #: An example of a path in the tables, for messages.
    example: str

    def tables(self) -> list[Path]:
        files = [self.home / self.table]
        return [*files, self.home / self.valid_table] if self._with_valid else files

    def missing(self) -> list[str]:
        lines = super().missing()
        if lines:
            return lines
        names = [file.name for file in self.tables() if not file.is_file()]
        folders = ["train", "valid"] if self._with_valid else ["train"]
        names += [f"{folder}/" for folder in folders if not self.has_images(folder)]
        return [f"there is no {name} in {self.home}" for name in names]

    def has_images(self, part: str) -> bool:
        """Whether there is a folder for the images of train or valid."""
        return (self.home / part).is_dir()

    def rows(self, columns: list[str], header: bool) -> pd.DataFrame:
        """Every row of the tables, with id, where, patient, split, and the pattern's groups.

        Raises:
            DatasetError: files are missing, or a row's path does not match the pattern.
        """
        self.require()
        tables = [
            read_table(file, columns, dataset=self.name, header=header) for file in self.tables()
        ]
        rows = pd.concat(tables, ignore_index=True)
        path = rows[columns[0]].str.replace("\\", "/")
        parts = path.str.extract(rf"(?:^|/)(?P<id>(?P<part>train|valid)/{self.pattern})$")
        strange = np.flatnonzero(parts["id"].isna())
        if len(strange):
            raise DatasetError(
                f"dataset {self.name}: {len(strange)} rows of the tables in {self.home} have an "
                f"unexpected path, such as {path.iloc[strange[0]]!r}; expected {self.example}"
            )
        parts["where"] = self.where(parts)
        parts["split"] = parts["part"].map({"train": "train", "valid": "test"})
        return rows.join(parts.drop(columns="part"))

    def where(self, parts: pd.DataFrame) -> pd.Series:
        """Paths below `path`, from ids such as train/…/image1.png."""
        return self.prefix(self.home) + parts["id"]

    def prefix(self, folder: Path) -> str:
        """The path from `path` to one of its folders: "" or "name/"."""
        return "" if folder == self.path else f"{folder.relative_to(self.path).as_posix()}/"

    @property
    def _with_valid(self) -> bool:
        return self.settings.get("with_valid", False)
