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

#: Columns of an index: unique id, how `read` finds the image, label, patient, and the dataset's own
#: split ("test" or anything else); the last two are empty if the dataset has none.
INDEX_COLUMNS = ["id", "where", "label", "patient", "split"]

# A receipt lists one checksum per file up to this many files; beyond that, a single checksum over
# names and contents, or over names and sizes if the files have more than this many bytes.
_LISTED_FILES = 100
_HASHED_BYTES = 1 << 30


class LeftOut:
    """Files in a dataset's folder that are not read, counted by reason."""

    def __init__(self) -> None:
        self._found: dict[str, list] = {}

    def add(self, reason: str, name: str) -> None:
        """Count a file; the reason must read well after a number."""
        entry = self._found.setdefault(reason, [0, name])
        entry[0] += 1

    def add_file(self, name: str) -> None:
        """Count a file of an unsupported type by its suffix."""
        suffix = Path(name).suffix.lower()
        self.add(suffix or "files without a suffix", name)

    def clear(self) -> None:
        """Forget what was counted."""
        self._found.clear()

    @property
    def n_files(self) -> int:
        """Total number of files and links."""
        return sum(n for n, _ in self._found.values())

    def record(self) -> list[dict]:
        """Reason, count and one example of each kind, most frequent first."""
        ordered = sorted(self._found.items(), key=lambda item: (-item[1][0], item[0]))
        return [{"reason": r, "n": n, "example": example} for r, (n, example) in ordered]

    def __str__(self) -> str:
        return ", ".join(f"{entry['n']} {entry['reason']}" for entry in self.record())


class Dataset(ABC):
    """A source of labeled images."""

    #: Whether all images are loaded into memory at once, so that reading one more costs nothing.
    in_memory: bool = False
    #: What the dataset's folder must look like, for users who provide it; "" if `path` says it all.
    layout: str = ""

    def __init__(self, name: str, settings: dict, data_dir: Path):
        self.name = name
        self.settings = settings
        self.directory = data_dir / name

    @cached_property
    def left_out(self) -> LeftOut:
        """Files in the folder that `index` does not list; empty until it has run."""
        return LeftOut()

    def __getstate__(self) -> dict:
        # Cached arrays may be as large as the dataset and are not sent to other processes.
        return {key: self.__dict__[key] for key in ("name", "settings", "directory")}

    @property
    def downloads(self) -> bool:
        """Whether `locate` can download what is missing, without an account."""
        return False

    @abstractmethod
    def locate(self) -> list[Path]:
        """Make sure that the files are there, downloading them if possible; return them, sorted.

        Raises:
            DatasetError: files are missing or damaged, or cannot be downloaded.
        """

    def missing(self) -> list[str]:
        """What is not there yet, one line per item; empty if everything is there.

        Checks only a few names and opens and writes no file, so that a whole study can be checked
        in a second. `locate` does the thorough check.
        """
        return [] if self.path.exists() else [f"there is no {self.path}"]

    def download_size(self) -> int | None:
        """Bytes that `locate` has yet to download; None if unknown."""
        return None if self.downloads and self.missing() else 0

    def fetch(self, url: str, file: Path, checksum: str | None) -> Path:
        """Download and verify one file, from the `mirror` if one is set (see `download.fetch`).

        A mirror (a URL or a folder) has the layout of the data folder: `<dataset>/<file name>`.

        Raises:
            DatasetError: the download failed, or the checksum does not match.
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
        """Turn a FormatError into a DatasetError that names this dataset."""
        try:
            yield
        except FormatError as error:
            raise DatasetError(f"dataset {self.name}: {error}") from error

    def require(self) -> None:
        """Raise MissingDataError if anything is missing, and say what the folder must look like."""
        lines = self.missing()
        if lines:
            shape = f"\nThe folder {self.path} must look like this:\n{self.layout}"
            raise MissingDataError(
                f"dataset {self.name}: " + "; ".join(lines) + (shape if self.layout else "")
            )

    @abstractmethod
    def index(self) -> pd.DataFrame:
        """One row per image, with INDEX_COLUMNS, all strings, in an order that never changes.

        Raises:
            DatasetError: files are missing or damaged.
        """

    @abstractmethod
    def read(self, where: str) -> np.ndarray:
        """The pixels of one image, H×W or H×W×3, at the source's own bit depth.

        Must work in several processes at once, each with its own copy of this object.

        Args:
            where: as in the index.

        Raises:
            UnreadableImageError: the image cannot be decoded.
        """

    def group(self, where: str) -> str:
        """The group that an image belongs to, such as its volume: best read one after another."""
        return where

    @property
    def path(self) -> Path:
        """The `path` from the settings, with ~ and environment variables expanded.

        Raises:
            DatasetError: it contains an environment variable that is not set.
        """
        given = self.settings.get("path")
        if given is None:
            return self.directory
        path = os.path.expanduser(os.path.expandvars(given))
        if "$" in path:
            raise DatasetError(
                f"dataset {self.name}: the path {given!r} contains an environment variable that is "
                "not set; export it or write out the path"
            )
        return Path(path)


def receipt(dataset: Dataset, files: list[Path]) -> dict:
    """A record of the files found: their number, total bytes, and SHA-256 checksums."""
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


# Strings of Python, since those of pyarrow, which pandas takes where it is installed, cannot hold
# file names that are not UTF-8.
_TEXT = pd.StringDtype("python", na_value=float("nan"))


def make_index(rows: list[tuple]) -> pd.DataFrame:
    """An index from tuples in the order of INDEX_COLUMNS."""
    index = pd.DataFrame(rows, columns=INDEX_COLUMNS, dtype=_TEXT)
    index["label"], index["patient"] = tidy(index["label"]), tidy(index["patient"])
    return index


def tidy(words: pd.Series) -> pd.Series:
    """Labels in one spelling: "a " becomes "a", "1.0" becomes "1", "nan" becomes ""."""
    return words.map({word: tidy_word(word) for word in words.unique()})


def tidy_word(word: str) -> str:
    """`tidy` for a single label."""
    word = re.sub(r"^([+-]?\d+)\.0*$", r"\1", word.strip())
    return "" if word.lower() == "nan" else word
