"""What every dataset adapter offers."""

import hashlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.datasets.download.fetch import DownloadError, fetch
from idsharp.datasets.errors import DatasetError, FormatError, MissingDataError

#: Columns of an index: unique id, how `read` finds it, label, patient and the dataset's own split
#: ("test" or anything else); the last two are empty where the dataset has none.
INDEX_COLUMNS = ["id", "where", "label", "patient", "split"]

# A receipt has a checksum for each of so many files, one over names and contents of more, and one
# over names and sizes of files of more bytes.
_LISTED_FILES = 100
_HASHED_BYTES = 1 << 30


class LeftOut:
    """Files of a dataset's folder that are not read, counted by reason."""

    def __init__(self) -> None:
        self._found: dict[str, list] = {}

    def add(self, reason: str, name: str) -> None:
        """Count a file; the reason is worded so that a number can stand before it."""
        entry = self._found.setdefault(reason, [0, name])
        entry[0] += 1

    def add_file(self, name: str) -> None:
        """Count a file of a kind that is not read, by its suffix."""
        suffix = Path(name).suffix.lower()
        self.add(suffix or "files without a suffix", name)

    def clear(self) -> None:
        """Forget what was counted."""
        self._found.clear()

    @property
    def n_files(self) -> int:
        """Files and links in all."""
        return sum(n for n, _ in self._found.values())

    def record(self) -> list[dict]:
        """Reason, number and an example of each kind, most frequent first."""
        ordered = sorted(self._found.items(), key=lambda item: (-item[1][0], item[0]))
        return [{"reason": r, "n": n, "example": example} for r, (n, example) in ordered]

    def __str__(self) -> str:
        return ", ".join(f"{entry['n']} {entry['reason']}" for entry in self.record())


class Dataset(ABC):
    """A source of labelled images."""

    #: Whether `locate` fetches what is missing, without an account.
    downloads: bool = False
    #: Whether images are read into memory once, so that reading one more costs nothing.
    in_memory: bool = False
    #: What the dataset's folder must look like, for people who bring it; "" where `path` says all.
    layout: str = ""

    def __init__(self, name: str, settings: dict, data_dir: Path):
        self.name = name
        self.settings = settings
        self.directory = data_dir / name

    @cached_property
    def left_out(self) -> LeftOut:
        """What lies in the folder and `index` does not list; empty before."""
        return LeftOut()

    def __getstate__(self) -> dict:
        # What a process has read, arrays as large as the dataset, stays with it.
        return {key: self.__dict__[key] for key in ("name", "settings", "directory")}

    @abstractmethod
    def locate(self) -> list[Path]:
        """Make sure the files are there, downloading what can be; return them, sorted."""

    def missing(self) -> list[str]:
        """What is not there yet, a line each; empty where all is.

        Looks at a few names and opens or writes nothing, so that a whole study is looked over in a
        second. `locate` is what makes sure.
        """
        return [] if self.path.exists() else [f"there is no {self.path}"]

    def download_size(self) -> int | None:
        """Bytes that `locate` has still to fetch; None where that is not known."""
        return None if self.downloads and self.missing() else 0

    def fetch(self, url: str, file: Path, checksum: str | None) -> Path:
        """Make sure of one downloaded file, from the `mirror` if set (see `download.fetch`).

        A mirror (a URL or a folder) has the layout of the data folder: `<dataset>/<file name>`.
        """
        mirror = self.settings.get("mirror")
        if mirror is not None:
            mirror = f"{str(mirror).rstrip('/')}/{self.name}"
        try:
            return fetch(url, file, checksum, mirror=mirror)
        except DownloadError as error:
            raise DatasetError(f"dataset {self.name}: {error}") from error

    @contextmanager
    def named(self) -> Iterator[None]:
        """Turn what is wrong with a file into a DatasetError that names this dataset."""
        try:
            yield
        except FormatError as error:
            raise DatasetError(f"dataset {self.name}: {error}") from error

    def require(self) -> None:
        """Raise MissingDataError with what is missing and what the folder must look like."""
        lines = self.missing()
        if lines:
            shape = f"\nThe folder {self.path} must look like this:\n{self.layout}"
            raise MissingDataError(
                f"dataset {self.name}: " + "; ".join(lines) + (shape if self.layout else "")
            )

    @abstractmethod
    def index(self) -> pd.DataFrame:
        """One row an image, with INDEX_COLUMNS, all strings, in an order that never changes."""

    @abstractmethod
    def read(self, where: str) -> np.ndarray:
        """The pixels of one image, H×W or H×W×3, at the source's own depth.

        Must work in several processes at a time, each with a copy of this object.
        """

    def group(self, where: str) -> str:
        """Images of one group are best read one after the other, such as slices of a volume."""
        return where

    @property
    def path(self) -> Path:
        """The `path` of the settings, with ~ and environment variables filled in."""
        given = self.settings.get("path")
        if given is None:
            return self.directory
        path = os.path.expanduser(os.path.expandvars(given))
        if "$" in path:
            raise DatasetError(
                f"dataset {self.name}: the path {given!r} names an environment variable that is "
                "not set; export it or write the path itself"
            )
        return Path(path)


def receipt(dataset: Dataset, files: list[Path]) -> dict:
    """What was found: number of files, bytes, and SHA-256 checksums."""
    sizes = [file.stat().st_size for file in files]
    record: dict = {"dataset": dataset.name, "n_files": len(files), "bytes": sum(sizes)}
    root = os.path.commonpath([file.parent for file in files]) if files else ""
    names = [os.path.relpath(file, root) for file in files]
    if len(files) <= _LISTED_FILES:
        record["sha256"] = dict(zip(names, map(_sha256, files), strict=True))
        return record
    small = sum(sizes) <= _HASHED_BYTES
    told = map(_sha256, files) if small else sizes
    lines = (f"{name}\t{value}\n" for name, value in zip(names, told, strict=True))
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    record[f"sha256_of_names_and_{'contents' if small else 'sizes'}"] = digest
    return record


def _sha256(file: Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def make_index(rows: list[tuple]) -> pd.DataFrame:
    """An index from tuples in the order of INDEX_COLUMNS."""
    index = pd.DataFrame(rows, columns=INDEX_COLUMNS, dtype=str)
    index["label"], index["patient"] = tidy(index["label"]), tidy(index["patient"])
    return index


def tidy(words: pd.Series) -> pd.Series:
    """Labels that mean the same, written the same: "a " as "a", "1.0" as "1", "nan" as ""."""
    return words.map({word: tidy_word(word) for word in words.unique()})


def tidy_word(word: str) -> str:
    """`tidy` of one label."""
    word = re.sub(r"^([+-]?\d+)\.0*$", r"\1", word.strip())
    return "" if word.lower() == "nan" else word
