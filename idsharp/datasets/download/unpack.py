"""Unpack untrusted zip and tar archives.

Nothing is written outside the target folder, and no link, device or other special file is created:
collections of images need none, and links are how archives escape from their folder.
"""

import errno
import os
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path, PureWindowsPath

from idsharp.common.progress import TO_STDERR, Reporter
from idsharp.common.records import write_json
from idsharp.datasets.download.resume import gigabytes

# An archive is unpacked in the first folder, which is renamed to the second when complete.
_STAGING, _READY = ".unpacking", ".unpacked"
# No archive of images needs more, and file systems and libraries may fail beyond.
_DEEPEST = 40  # folders
_LONGEST = 255  # bytes of a name, the limit of most file systems
# An archive may unpack to this many times its size or to this many bytes, whichever is more.
_MOST_TIMES, _ALWAYS = 100, 2**30


class ArchiveError(ValueError):
    """An archive cannot be unpacked, or contains something unsafe."""


class DamagedArchiveError(ArchiveError):
    """A file is not an archive, or is truncated or corrupt."""


def unpack(archive: str | Path, folder: str | Path, report: Reporter = TO_STDERR) -> None:
    """Unpack a zip or tar archive (also gzip, bzip2, xz) into a folder, completely or not at all.

    It is unpacked into a hidden subfolder and moved into place by renaming; if a call is
    interrupted, the next one completes its work. A marker file records success: later calls then do
    nothing, even if the archive has been deleted.

    Raises:
        DamagedArchiveError: not an archive, or truncated or corrupt.
        ArchiveError: too large for the disk; unknown compression or encryption; links or special
            files; names that lead out of the folder, are too long, or stand for both a file and a
            folder; a suspicious compression ratio; or a name that the folder already contains.
    """
    archive, folder = Path(archive), Path(folder)
    if is_unpacked(archive, folder):
        return
    ready = folder / _READY
    if not ready.is_dir():
        staging = folder / _STAGING
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        try:
            _extract(archive, staging, report)
            os.rename(staging, ready)
        except (IsADirectoryError, NotADirectoryError, FileExistsError) as error:
            raise ArchiveError(
                f"{archive}: a file and a folder have the same name ({error}); nothing was unpacked"
            ) from error
        except NotImplementedError as error:
            raise ArchiveError(
                f"{archive}: {error}; unpack it by hand into {folder}; nothing was unpacked"
            ) from error
        except ArchiveError:
            raise
        except Exception as error:
            # Disk errors have a number; with damaged files, zipfile seeks to impossible positions.
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise
            # A damaged archive can fail anywhere in zipfile and tarfile, with any exception.
            reason = str(error) or type(error).__name__
            raise DamagedArchiveError(f"{archive} is damaged ({reason})") from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    entries = sorted(ready.iterdir())
    for entry in entries:
        if os.path.lexists(folder / entry.name):
            raise ArchiveError(
                f"{folder} already contains {entry.name}, as does {archive.name}; move it away"
            )
    for entry in entries:
        os.rename(entry, folder / entry.name)
    write_json(_marker(archive, folder), {"unpacked": archive.name})
    ready.rmdir()


def is_unpacked(archive: str | Path, folder: str | Path) -> bool:
    """Whether `unpack` has completed."""
    return _marker(Path(archive), Path(folder)).exists()


def is_unfinished(folder: str | Path) -> bool:
    """Whether an interrupted `unpack` has left files in a folder."""
    return any((Path(folder) / name).exists() for name in (_STAGING, _READY))


def _marker(archive: Path, folder: Path) -> Path:
    return folder / f".{archive.name}.unpacked.json"


def _extract(archive: Path, folder: Path, report: Reporter) -> None:
    # Tar first: a tar archive that ends with a zip would pass as a zip.
    if tarfile.is_tarfile(archive):
        _extract_tar(archive, folder, report)
    elif zipfile.is_zipfile(archive):
        _extract_zip(archive, folder, report)
    else:
        with open(archive, "rb") as file:
            start = file.read(16)
        raise DamagedArchiveError(
            f"{archive} is neither a zip nor a tar archive (it begins with {start!r})"
        )


def _extract_zip(archive: Path, folder: Path, report: Reporter) -> None:
    with zipfile.ZipFile(archive) as stored:
        members = stored.infolist()
        total = sum(member.file_size for member in members)
        _check_ratio(archive, total)
        _check_room(archive, folder, total)
        steps = report.steps(f"unpacking {archive.name}", total)
        # Check all names first, so that a hostile archive is not partly unpacked.
        for member in members:
            _check_name(archive, member.filename)
        for member in members:
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _special(archive, member.filename)
            if member.flag_bits & 1:
                raise ArchiveError(f"{archive}: {member.filename!r} is encrypted")
            stored.extract(member, folder)
            steps.advance(member.file_size)


def _extract_tar(archive: Path, folder: Path, report: Reporter) -> None:
    with open(archive, "rb") as raw, tarfile.open(fileobj=raw) as stored:
        steps = report.steps(f"unpacking {archive.name}", archive.stat().st_size)
        total = 0
        for member in stored:
            total += member.size
            _check_ratio(archive, total)
            _check_name(archive, member.name)
            if not (member.isreg() or member.isdir()):
                raise _special(archive, member.name)
            _check_room(archive, folder, member.size)
            # The filter also drops owners and dangerous permissions.
            stored.extract(member, folder, filter="data")
            steps.advance(raw.tell() - steps.done)


def _check_name(archive: Path, name: str) -> None:
    # Windows' rules cover both systems: a drive, a backslash or a leading slash leads out too.
    path = PureWindowsPath(name)
    if path.drive or path.root or ".." in path.parts:
        raise ArchiveError(f"{archive}: {name!r} leads out of the archive; nothing was unpacked")
    longest = max((len(os.fsencode(part)) for part in path.parts), default=0)
    if len(path.parts) > _DEEPEST or longest > _LONGEST:
        raise ArchiveError(
            f"{archive}: {name[:60]!r}… is {len(path.parts)} folders deep and has a name of "
            f"{longest} bytes; the limits are {_DEEPEST} and {_LONGEST}; nothing was unpacked"
        )


def _check_ratio(archive: Path, total: int) -> None:
    """Refuse a decompression bomb."""
    size = archive.stat().st_size
    if total > max(_MOST_TIMES * size, _ALWAYS):
        raise ArchiveError(
            f"{archive} has {gigabytes(size)} but would unpack to {gigabytes(total)} or more, over "
            f"{_MOST_TIMES} times as much; nothing was unpacked"
        )


def _special(archive: Path, name: str) -> ArchiveError:
    return ArchiveError(f"{archive}: {name!r} is a link or a special file; nothing was unpacked")


def _check_room(archive: Path, folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise ArchiveError(
            f"unpacking {archive} takes another {gigabytes(size)}, but only {gigabytes(free)} are "
            f"free in {folder}; make room there"
        )
