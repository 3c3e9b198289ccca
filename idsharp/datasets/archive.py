"""Collections that are published as a single archive."""

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
    """Make sure that a dataset's folder holds the contents of an archive; return the folder.

    The archive is downloaded (or taken from the dataset's `mirror`), verified, unpacked into
    `dataset.path`, and deleted to free the space. A hidden marker remains, so that this happens
    only once; after that, the folder may be read-only.

    Args:
        checksum: "md5:…" or "sha256:…". None if none is published: the SHA-256 of the first
            download is then kept next to it, in `<archive>.sha256`, and later downloads must match.

    Raises:
        DatasetError: the archive cannot be downloaded or unpacked, or its checksum does not match.
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
                    # Probably an error page, not an archive: forget its checksum too.
                    archive.unlink()
                    record_of(archive).unlink(missing_ok=True)
                raise DatasetError(
                    f"dataset {dataset.name}: {url} is not a valid archive: {error}"
                ) from error
            except ArchiveError as error:
                raise DatasetError(f"dataset {dataset.name}: {error}") from error
        archive.unlink(missing_ok=True)
    return folder


def lacks_archive(dataset: Dataset, url: str) -> bool:
    """Whether `fetch_archive` has not finished yet and the folder was not filled by hand either."""
    folder = dataset.path
    if not folder.is_dir() or is_unfinished(folder):
        return True
    archive = name_of(url)
    own = {archive, record_of(folder / archive).name}
    filled = any(e.name not in own and not e.name.startswith(".") for e in folder.iterdir())
    return not filled and not is_unpacked(archive, folder)
