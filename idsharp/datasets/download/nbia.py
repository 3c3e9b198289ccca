"""Download series of The Cancer Imaging Archive through the REST interface of its server, NBIA.

https://cbiit.github.io/NBIA-TCIA/nbia-api.yaml describes the interface (version 4, no account). A
series is sent as one zip that is generated on the fly: such a download cannot resume, but the list
of MD5 sums at the end of the zip shows whether it is complete.
"""

import csv
import errno
import hashlib
import io
import json
import re
import shutil
import stat
import tempfile
import threading
import time
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlencode

from idsharp.common.parallel import map_in_threads
from idsharp.common.progress import SILENT, Reporter
from idsharp.datasets.download.resume import DownloadError, ResumingDownloader
from idsharp.datasets.errors import DatasetError
from idsharp.datasets.formats.parsing import BoundedFile

SERVICE = "https://nbia.cancerimagingarchive.net/nbia-api/services/v4"

_PARALLEL = 4  # series at a time
_ATTEMPTS = 4  # to get an undamaged zip
_PAUSE = 5.0  # seconds after the first failed attempt; doubled each time
_ABANDONED = 3600  # seconds after which an unfinished folder counts as left by a killed download
_AGAIN = "run again later; finished series are kept"
_MD5_LIST = "md5hashes.csv"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True)
class Series:
    """One series: its UIDs, patient, description, number, number of files, and size in bytes."""

    uid: str
    study: str
    patient: str
    description: str
    number: float
    n_images: int
    size: int


@dataclass(frozen=True)
class Archive:
    """Where a collection comes from: a server with NBIA's interface, or a plain web folder.

    A plain web folder holds `series.json` (the response of getSeries) and
    `<SeriesInstanceUID>.zip` (the responses of getImageWithMD5Hash).
    """

    collection: str
    url: str = SERVICE
    plain: bool = False

    @property
    def list_url(self) -> str:
        """The address of the list of all series."""
        if self.plain:
            return f"{self.url}/series.json"
        return f"{self.url}/getSeries?" + urlencode(
            {"Collection": self.collection, "format": "json"}
        )

    def zip_url(self, uid: str) -> str:
        """The address of the zip of one series, which includes MD5 sums."""
        if self.plain:
            return f"{self.url}/{quote(uid)}.zip"
        return f"{self.url}/getImageWithMD5Hash?" + urlencode({"SeriesInstanceUID": uid})


class _DamagedError(Exception):
    """A damaged zip; another attempt may succeed."""


def list_series(archive: Archive) -> list[Series]:
    """Every series of a collection, in the server's order.

    Raises:
        DatasetError: the server does not respond, or its response is malformed.
    """
    url = archive.list_url
    with tempfile.TemporaryDirectory() as folder:
        try:
            answer = _get(url, Path(folder) / "series.json").read_bytes()
        except DownloadError as error:
            raise DatasetError(f"could not get the list of series from {url}: {error}") from error
    try:
        # NBIA sends an empty response if it finds nothing.
        return [_series(record) for record in (json.loads(answer) if answer.strip() else [])]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"{url} did not return a list of series ({error!r}); expected the format of NBIA's "
            "getSeries"
        ) from error


def download(archive: Archive, series: list[Series], root: Path, report: Reporter) -> None:
    """Download series to `root`/<patient>/<study>/<series>, several at a time.

    The folder of a series appears only once all its files are there and match their MD5 sums.
    Existing folders are left alone, so that an interrupted download can resume.

    Raises:
        DatasetError: a series could not be downloaded after several attempts; finished ones are
            kept.
    """
    steps = report.steps(archive.collection, sum(one.size for one in series))
    cancelled = threading.Event()
    fetch = partial(_download, archive, root, cancelled)
    fetched = map_in_threads(
        fetch, series, archive.collection, threads=_PARALLEL, stop=cancelled, report=SILENT
    )
    for one, _ in zip(series, fetched, strict=True):
        steps.advance(one.size)


def _download(archive: Archive, root: Path, cancelled: threading.Event, series: Series) -> None:
    folder = root / series.patient / series.study / series.uid
    if folder.is_dir() or cancelled.is_set():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clear_abandoned(folder)
    url = archive.zip_url(series.uid)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _fetch(url, folder, series)
            return
        except DownloadError as error:
            raise DatasetError(f"{series.patient}, {url}: {error}; {_AGAIN}") from error
        except _DamagedError as error:
            if attempt == _ATTEMPTS or cancelled.wait(_PAUSE * 2 ** (attempt - 1)):
                raise DatasetError(
                    f"{series.patient}, {url}: {error}, after {attempt} attempts; {_AGAIN}"
                ) from error


def _fetch(url: str, folder: Path, series: Series) -> None:
    """Download and unpack a series in a temporary folder, then move it into place."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as part:
        unpacked = Path(part) / "series"
        unpacked.mkdir()
        _unpack(_get(url, Path(part) / "series.zip"), unpacked, series)
        try:
            unpacked.rename(folder)
        except OSError:
            # Another job may have finished first.
            if not folder.is_dir():
                raise


def _get(url: str, file: Path) -> Path:
    # Silent: for parallel downloads, only the total progress is reported.
    get = ResumingDownloader(file.with_name(f".{file.name}.part"), SILENT, False)
    get(url, str(file))
    return file


def _clear_abandoned(folder: Path) -> None:
    """Remove what killed downloads of this series left behind."""
    for left in folder.parent.glob(f".{folder.name}.*"):
        if time.time() - left.stat().st_mtime > _ABANDONED:
            shutil.rmtree(left, ignore_errors=True)


def _series(record: dict) -> Series:
    """A series from a record of getSeries.

    Raises:
        ValueError: a UID or patient id is not safe as the name of a folder.
    """
    series = Series(
        uid=record["SeriesInstanceUID"],
        study=record["StudyInstanceUID"],
        patient=record["PatientID"],
        description=record.get("SeriesDescription") or "",
        number=float(record.get("SeriesNumber") or 0),
        n_images=int(record.get("ImageCount") or 0),
        size=int(record.get("FileSize") or 0),
    )
    for name in (series.uid, series.study, series.patient):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a UID or patient id")
    return series


def _unpack(zipped: Path, folder: Path, series: Series) -> None:
    """Unpack the images of a series into the folder, and check their MD5 sums.

    Raises:
        _DamagedError: the zip is damaged or incomplete.
        DatasetError: it holds something that does not belong there.
    """
    try:
        with BoundedFile(zipped) as stream, zipfile.ZipFile(stream) as stored:
            entries = stored.infolist()
            _refuse_hostile(entries, series)
            sums = _md5_sums(stored)
            images = [entry for entry in entries if entry.filename in sums]
            expected = series.n_images or len(sums)
            if not len(images) == len(sums) == expected:
                raise _DamagedError(f"the zip holds {len(images)} of {expected} images")
            for entry in images:
                _copy(stored, entry, folder / entry.filename, sums[entry.filename])
    except (DatasetError, _DamagedError):
        raise
    except NotImplementedError as error:
        raise DatasetError(
            f"the zip of series {series.uid} cannot be unpacked ({error}); nothing was unpacked"
        ) from error
    except Exception as error:
        # A damaged zip may fail anywhere, with any exception; the disk's errors have a number.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise _DamagedError(f"the zip is damaged ({error!r})") from error


def _refuse_hostile(entries: list[zipfile.ZipInfo], series: Series) -> None:
    """Raise DatasetError unless the zip holds only plain files, without folders, of the right size.

    The right size is at most about twice the one that getSeries announced.
    """
    for entry in entries:
        if not _NAME.fullmatch(entry.filename) or stat.S_ISLNK(entry.external_attr >> 16):
            raise DatasetError(
                f"the zip of series {series.uid} holds {entry.filename!r}, which is not a plain "
                "file; nothing was unpacked"
            )
    size = sum(entry.file_size for entry in entries)
    if series.size and size > 2 * series.size + 10**6:
        raise DatasetError(
            f"the zip of series {series.uid} would unpack to {size} bytes, but {series.size} were "
            "announced; nothing was unpacked"
        )


def _md5_sums(stored: zipfile.ZipFile) -> dict[str, str]:
    """MD5 sums by file name. NBIA omits the list if it failed while sending."""
    if _MD5_LIST not in stored.namelist():
        raise _DamagedError(f"the zip lacks {_MD5_LIST}")
    rows = csv.DictReader(io.StringIO(stored.read(_MD5_LIST).decode("utf-8-sig")))
    if not {"Filename", "MD5Hash"} <= set(rows.fieldnames or []):
        raise _DamagedError(f"{_MD5_LIST} lacks a column Filename or MD5Hash")
    return {row["Filename"].strip(): row["MD5Hash"].strip().lower() for row in rows}


def _copy(stored: zipfile.ZipFile, entry: zipfile.ZipInfo, file: Path, md5: str) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    with stored.open(entry) as source, open(file, "wb") as target:
        while piece := source.read(1 << 20):
            digest.update(piece)
            target.write(piece)
    if digest.hexdigest() != md5:
        raise _DamagedError(f"{entry.filename} does not match its MD5 sum")
