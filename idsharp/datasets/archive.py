"""Collections that their publisher offers as one archive."""

from pathlib import Path

from idsharp.common.progress import TO_STDERR
from idsharp.datasets.base import Dataset
from idsharp.datasets.download.fetch import locked, name_of, record_of
from idsharp.datasets.download.unpack import (
    ArchiveError,
    DamagedArchiveError,
    is_unfinished,
    is_unpacked,
    unpack,
)
from idsharp.datasets.errors import DatasetError


def fetch_archive(dataset: Dataset, url: str, checksum: str | None = None) -> Path:
    """Make sure that a dataset's folder holds the tree of an archive; return the folder.

    The archive is downloaded (or taken from the dataset's `mirror`), verified, unpacked into
    `dataset.path`, and removed, since it takes as much room again. A hidden marker remains, so that
    it is done once; then the folder may be read-only.

    Args:
        checksum: "md5:…" or "sha256:…". None, where the publisher gives none: then the SHA-256 of
            the first download is kept beside, in `<archive>.sha256`, and any later one is compared.

    Raises:
        DatasetError: it cannot be had, or is not what it should be.
    """
    folder, report = dataset.path, TO_STDERR
    archive = folder / name_of(url)
    if is_unpacked(archive, folder):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f"{archive.name}.unpacking", report):
        if not is_unpacked(archive, folder):
            dataset.fetch(url, archive, checksum)
            try:
                unpack(archive, folder, report)
            except DamagedArchiveError as error:
                if checksum is None:
                    # What came first was no archive, but a page that says why: it must not count.
                    archive.unlink()
                    record_of(archive).unlink(missing_ok=True)
                raise DatasetError(
                    f"dataset {dataset.name}: {url} is no archive: {error}"
                ) from error
            except ArchiveError as error:
                raise DatasetError(f"dataset {dataset.name}: {error}") from error
        archive.unlink(missing_ok=True)
    return folder


def lacks_archive(dataset: Dataset, url: str) -> bool:
    """Whether `fetch_archive` has never finished, and nobody else has filled the folder."""
    folder = dataset.path
    if not folder.is_dir() or is_unfinished(folder):
        return True
    archive = name_of(url)
    own = {archive, record_of(folder / archive).name}
    filled = any(e.name not in own and not e.name.startswith(".") for e in folder.iterdir())
    return not filled and not is_unpacked(archive, folder)
