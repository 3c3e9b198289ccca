"""Download, verify and lock one file, or take it from a mirror."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from idsharp.common.progress import TO_STDERR, Reporter
from idsharp.common.records import write_text
from idsharp.datasets.download.resume import DownloadError, ResumingDownloader, gigabytes

__all__ = ["DownloadError", "fetch", "gigabytes", "name_of", "remaining", "verify"]


def fetch(
    url: str,
    file: str | Path,
    checksum: str | None,
    *,
    mirror: str | Path | None = None,
    report: Reporter = TO_STDERR,
) -> Path:
    """Make sure that a file exists and matches its checksum; download it if it is missing.

    The file appears under its name only after its checksum has been verified. An interrupted
    download resumes where it stopped, in this call or a later one, and two jobs never download the
    same file at once. If the file exists already, nothing is written, so that its folder may be
    read-only.

    Args:
        url: http, https or file.
        file: the path to download to.
        checksum: "md5:…" or "sha256:…". None if none is published: the SHA-256 of the first
            download is then written to `<file>.sha256`, and later downloads must match it.
        mirror: a URL or a folder that holds a file with the same name, used instead of `url`. A
            file in a folder is linked rather than copied, if possible.

    Returns:
        The path of the file.

    Raises:
        DownloadError: the download failed, or the checksum does not match.
    """
    file = Path(file)
    if file.exists():
        verify(file, checksum or _recorded(file), url)
        return file
    source = url if mirror is None else _mirrored(file.name, mirror)
    if urlsplit(source).scheme not in ("http", "https", "file"):
        raise DownloadError(f"{source} does not begin with http://, https:// or file://")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with locked(file, report):
            if file.exists():
                verify(file, checksum or _recorded(file), url)
                return file
            _get(source, file, checksum or _recorded(file), report)
            if checksum is None:
                _record(file)
    except (OSError, DownloadError) as error:
        raise DownloadError(
            f"could not download {source} ({error}); download it by hand and save it as {file}"
        ) from error
    return file


def verify(file: Path, checksum: str | None, url: str) -> None:
    """Compare a file with its expected checksum; None skips the check.

    Args:
        url: where the file is published, for the message.

    Raises:
        DownloadError: checksum mismatch.
    """
    if checksum is None:
        return
    algorithm, _, expected = checksum.partition(":")
    found = _digest(file, algorithm)
    if found != expected.lower():
        raise DownloadError(
            f"{file} is not the published file: checksum mismatch ({algorithm} is {found}, that of "
            f"{url} is {expected}); move it away to have it downloaded, or, if the difference is "
            "intended, write its own checksum into the dataset's settings"
        )


def remaining(file: Path, size: int | None) -> int | None:
    """Bytes of a file still to be downloaded; None if its size is unknown."""
    if file.exists():
        return 0
    part = _part(file)
    have = part.stat().st_size if part.exists() else 0
    return None if size is None else max(0, size - have)


def name_of(url: str) -> str:
    """The file name in a URL, without its query."""
    return Path(unquote(urlsplit(url).path)).name


@contextmanager
def locked(file: Path, report: Reporter) -> Iterator[None]:
    """Let only one process at a time work on a file; others report that they wait."""
    from filelock import FileLock, Timeout

    lock = FileLock(file.with_name(f".{file.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report.say(f"waiting for another job that is working on {file}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _get(source: str, file: Path, checksum: str | None, report: Reporter) -> None:
    if urlsplit(source).scheme == "file":
        _link(Path(unquote(urlsplit(source).path)), file, checksum, source)
        return
    try:
        import pooch
    except ModuleNotFoundError as error:
        raise DownloadError("downloads need pooch: pip install pooch") from error
    pooch.get_logger().setLevel("WARNING")
    downloader = ResumingDownloader(_part(file), report, verified=checksum is not None)
    try:
        _retrieve(source, file, checksum, downloader)
    except _WrongFileError as error:
        if not downloader.resumed:
            raise
        # The parts may come from two versions of the file.
        report.say(f"{error} It was downloaded in parts; starting over")
        _retrieve(source, file, checksum, downloader)


class _WrongFileError(DownloadError):
    """A file was downloaded, but its checksum does not match."""


def _retrieve(source: str, file: Path, checksum: str | None, downloader) -> None:
    import pooch

    try:
        pooch.retrieve(source, checksum, fname=file.name, path=file.parent, downloader=downloader)
    except DownloadError:
        raise
    except ValueError as error:
        raise _WrongFileError(str(error)) from error


def _link(there: Path, file: Path, checksum: str | None, source: str) -> None:
    """Link a file in another folder, or copy it if links are not supported."""
    if not there.is_file():
        raise DownloadError(f"there is no file {there}")
    verify(there, checksum, source)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as folder:
        temporary = Path(folder) / file.name
        try:
            temporary.symlink_to(there.resolve())
        except OSError:
            shutil.copyfile(there, temporary)
        os.replace(temporary, file)


def _mirrored(name: str, mirror: str | Path) -> str:
    if urlsplit(str(mirror)).scheme in ("http", "https", "file"):
        return f"{str(mirror).rstrip('/')}/{quote(name)}"
    folder = Path(os.path.expanduser(os.path.expandvars(mirror)))
    return (folder / name).absolute().as_uri()


def _part(file: Path) -> Path:
    return file.with_name(f".{file.name}.part")


def _record(file: Path) -> None:
    write_text(record_of(file), f"{_digest(file, 'sha256')}  {file.name}\n")


def _recorded(file: Path) -> str | None:
    """The checksum of the first download, "sha256:…"; None if none was recorded."""
    with suppress(FileNotFoundError):
        return "sha256:" + record_of(file).read_text(encoding="utf-8").split()[0]
    return None


def _digest(file: Path, algorithm: str) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def record_of(file: Path) -> Path:
    """Path of the file, as sha256sum writes it, with the checksum of the first download."""
    return file.with_name(f"{file.name}.sha256")
