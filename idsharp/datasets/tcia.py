"""Collections of The Cancer Imaging Archive: a folder tree, a download of what is needed, or both.

A tree is <collection>/<patient>/<study>/<series>/<image>.dcm, named as the NBIA Data Retriever does
("classic": UIDs; "descriptive": dates and descriptions). Series are identified by the header of
their first readable image, so that folder names do not matter.
"""

import os
import shutil
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from idsharp.common.progress import TO_STDERR
from idsharp.common.seeds import generator
from idsharp.datasets.base import Dataset
from idsharp.datasets.download.fetch import DownloadError, fetch, gigabytes, name_of
from idsharp.datasets.download.nbia import SERVICE, Archive, Series, download, list_series
from idsharp.datasets.errors import DatasetError, MissingDataError
from idsharp.datasets.formats.dicom import read_dicom
from idsharp.datasets.formats.dicom_headers import header_of, images_of, in_threads, whole_number
from idsharp.datasets.formats.spreadsheets import find_table, read_table
from idsharp.datasets.tree import below, folders_of_files

#: Factor on the number of slices needed, to allow for unreadable files and identical images.
MARGIN = 1.2


@dataclass(frozen=True)
class Sheet:
    """A table that belongs to a collection: its name, required columns, and where it is published.

    Attributes:
        otherwise: advice for the error message if the table cannot be downloaded.
    """

    name: str
    columns: tuple[str, ...]
    urls: tuple[str, ...]
    otherwise: str = ""


@dataclass(frozen=True)
class Folder:
    """A series on disk: its patient, from the tree, and facts from the header of one image."""

    path: Path
    uid: str
    patient: str
    description: str
    number: float


#: A series on disk or on the server.
Listed = TypeVar("Listed", Folder, Series)


class TciaDataset(Dataset):
    """Base class of the archive's collections.

    `path` is the folder of the collection, or one that contains it, such as the Data Retriever's
    manifest folder; by default, datasets of one collection share data_dir/<collection>. Series that
    the pool needs and that are not there are downloaded. `patients: present` instead takes every
    patient that is there and downloads nothing. `url` is another server with NBIA's interface.

    `mirror` is either a folder that contains <collection>/ with all of this, used in place, or the
    address of a web folder <mirror>/<collection>/ with the tables, series.json (NBIA's getSeries)
    and <SeriesInstanceUID>.zip (its getImageWithMD5Hash).
    """

    #: The collection's name in the archive, also that of its folder.
    collection: str
    #: The common prefix of its patient ids.
    patient_prefix: str

    @abstractmethod
    def patients(self) -> list[str]:
        """The patients that are needed, according to the tables."""

    @abstractmethod
    def wanted(self) -> dict[str, str]:
        """The patient of every series that is needed, by the keys that `match` assigns."""

    @abstractmethod
    def match(self, series: Iterable[Listed]) -> dict[str, Listed]:
        """The series of the wanted kind among these, by key."""

    @abstractmethod
    def sheets(self) -> tuple[Sheet, ...]:
        """The tables that are needed."""

    @property
    def path(self) -> Path:
        if "path" in self.settings:
            return super().path
        if self._mirror_folder and (self._mirror_folder / self.collection).is_dir():
            return self._mirror_folder / self.collection
        return self.directory.parent / self.collection

    @property
    def downloads(self) -> bool:
        return not self._mirror_folder and not self.only_present

    @property
    def only_present(self) -> bool:
        """Whether to take all patients that are there, instead of those that the pool needs."""
        return self.settings.get("patients", "needed") == "present"

    @property
    def pool_size(self) -> int:
        """Number of images that the study asks for."""
        return int(self.settings.get("pool_size", 7500))

    def shuffled(self, names: Iterable[str]) -> list[str]:
        """The names, each once, in a random order that depends only on them and the collection."""
        names = sorted(set(names))
        return [names[i] for i in generator("patients", self.collection).permutation(len(names))]

    def missing(self) -> list[str]:
        lines = [
            f"there is no table {sheet.name} (.csv or .xlsx) in {self.path}"
            for sheet in self.sheets()
            if self.find(sheet) is None
        ]
        if lines:
            return lines
        patients = self.patients()
        if not patients:
            return [f"{self.path} has no folder for any patient in the tables"]
        absent = [p for p in patients if not any((tree / p).is_dir() for tree in self.trees)]
        if not absent:
            return []
        hint = "" if self.downloads else " (to use those that are, set patients: present)"
        return [f"{len(absent)} of {len(patients)} patients are not in {self.path}{hint}"]

    def locate(self) -> list[Path]:
        if not self.downloads:
            self.require()
        tables = [self.find(sheet) or self._fetch(sheet) for sheet in self.sheets()]
        wanted, found = self.wanted(), self.found()
        lacking = {key: patient for key, patient in wanted.items() if key not in found}
        if lacking and self.downloads:
            self._download(lacking)
            found = self.found()
        if not found:
            raise MissingDataError(
                f"dataset {self.name}: {self.path} holds none of the series needed; "
                f"it must look like this:\n{self.layout}"
            )
        images = [file for folder in found.values() for file in images_of(folder.path)]
        return [*tables, *sorted(images)]

    def read(self, where: str) -> np.ndarray:
        name, _, frame = where.rpartition("#")
        return read_dicom(below(self.path, name, self.name), int(frame))

    def group(self, where: str) -> str:
        return where.rpartition("#")[0]

    def where(self, file: Path, frame: int = 0) -> str:
        """The `where` of a frame in the index."""
        return f"{file.relative_to(self.path).as_posix()}#{frame}"

    @cached_property
    def trees(self) -> list[Path]:
        """Folders whose subfolders are patients; if there is none, the one to create."""
        inner = sorted(self.path.glob(f"manifest-*/{self.collection}"))
        candidates = [self.path, self.path / self.collection, *inner]
        prefix = f"{self.patient_prefix}*"
        found = [c for c in candidates if any(p.is_dir() for p in c.glob(prefix))]
        at_home = self.path.name == self.collection
        return found or [self.path if at_home else self.path / self.collection]

    def found(self) -> dict[str, Folder]:
        """The wanted series that are on disk, by key."""
        folders = [
            (patient, folder)
            for tree in self.trees
            for patient in self.patients()
            for folder in folders_of_files(below(tree, patient, self.name))
        ]
        what = f"{self.name}, headers of series"
        series = in_threads(lambda pair: _identify(*pair), folders, TO_STDERR, what)
        return self.match(one for one in series if one)

    def find(self, sheet: Sheet) -> Path | None:
        """The file of a table, in `path` or next to the tree; None if absent."""
        folders = [self.path, *(f for tree in self.trees for f in (tree, tree.parent))]
        return next((t for f in folders if (t := find_table(f, sheet.name))), None)

    def read_sheet(self, sheet: Sheet) -> pd.DataFrame:
        """The required columns of a table, all strings.

        Raises:
            MissingDataError: there is no such table.
            DatasetError: it lacks a column or cannot be read.
        """
        file = self.find(sheet)
        if file is None:
            raise MissingDataError(
                f"dataset {self.name}: there is no table {sheet.name} (.csv or .xlsx) in "
                f"{self.path}; download it from {sheet.urls[0]}"
            )
        return read_table(file, sheet.columns, dataset=self.name, only=True)

    @property
    def _mirror(self) -> str:
        return str(self.settings.get("mirror") or "")

    @property
    def _mirror_folder(self) -> Path | None:
        if not self._mirror or urlsplit(self._mirror).scheme in ("http", "https"):
            return None
        return Path(os.path.expanduser(os.path.expandvars(self._mirror)))

    def _fetch(self, sheet: Sheet) -> Path:
        """Download a table and check that it has the required columns."""
        mirror = f"{self._mirror.rstrip('/')}/{self.collection}" if self._mirror else None
        failures = []
        for url in sheet.urls:
            file = self.path / name_of(url)
            try:
                fetch(url, file, None, mirror=mirror)
                read_table(file, sheet.columns, dataset=self.name, only=True)
                return file
            except DownloadError as error:
                failures.append(str(error))
            except DatasetError as error:
                # Perhaps an error page instead of the table.
                file.unlink(missing_ok=True)
                file.with_name(f"{file.name}.sha256").unlink(missing_ok=True)
                failures.append(str(error))
        raise DatasetError(
            f"dataset {self.name}: " + "\n".join([*failures, sheet.otherwise]).strip()
        )

    def _download(self, lacking: dict[str, str]) -> None:
        """Download the series with these keys, after reporting their size."""
        report = TO_STDERR
        archive = Archive(self.collection, self.settings.get("url", SERVICE).rstrip("/"))
        if self._mirror:
            address = f"{self._mirror.rstrip('/')}/{self.collection}"
            archive = Archive(self.collection, address, plain=True)
        report.say(f"{self.name}: asking {archive.url} for its series of {self.collection}")
        offered = list_series(archive)
        patients = set(lacking.values())
        matching = self.match(one for one in offered if one.patient in patients)
        chosen = [matching[key] for key in lacking if key in matching]
        absent = [f"{key} of {lacking[key]}" for key in lacking if key not in matching]
        if absent:
            report.note(
                f"{self.name}: {archive.url} lacks {len(absent)} of the {len(lacking)} series "
                f"needed: {', '.join(absent[:5])}"
            )
        size = sum(one.size for one in chosen)
        report.say(
            f"{self.name}: {len({one.patient for one in chosen})} patients, {len(chosen)} series, "
            f"{gigabytes(size)} to download; the whole collection has "
            f"{gigabytes(sum(one.size for one in offered))}"
        )
        root = self.trees[0]
        root.mkdir(parents=True, exist_ok=True)
        # The zips of unfinished series take space next to the unpacked files.
        free = shutil.disk_usage(root).free
        if size * 1.05 > free:
            raise DatasetError(
                f"dataset {self.name}: {gigabytes(size)} left to download, but only "
                f"{gigabytes(free)} free in {root}; make room there, choose another data_dir, or "
                "lower pool_size"
            )
        download(archive, chosen, root, report)


def _identify(patient: str, folder: Path) -> Folder | None:
    """The series in a folder, identified by its first readable image; None if there is none."""
    tags = ["SeriesInstanceUID", "SeriesDescription", "SeriesNumber"]
    read = (header_of(file, tags) for file in images_of(folder))
    header = next((found for found in read if found and "SeriesInstanceUID" in found), None)
    if header is None:
        return None
    return Folder(
        path=folder,
        uid=header["SeriesInstanceUID"],
        patient=patient,
        description=header.get("SeriesDescription", ""),
        number=whole_number(header.get("SeriesNumber")) or 0,
    )
