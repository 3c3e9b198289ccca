"""A downloader for pooch that resumes an interrupted download.

pooch's own downloader always starts over, but the files downloaded here may have gigabytes. It
follows HTTP (RFC 9110, sections 13 and 14): Range asks for the rest of a file, If-Range for the
rest only if the file has not changed.
"""

import os
import re
import shutil
import time
from pathlib import Path

from idsharp.common.progress import Reporter
from idsharp.version import __version__

#: Seconds to wait before the next attempt after one, two, … failures in a row without progress.
PAUSES = (1, 3, 10, 30, 60)

# Seconds to wait for a connection and for the next bytes.
_TIMEOUT = (20, 60)
# The most seconds to wait before another attempt, even if a server's Retry-After asks for more.
_LONGEST_PAUSE = 300
_BLOCK = 2**20
# Timeout, too early, too many requests, and temporary server errors.
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_REASONS = {
    401: "an account is required",
    403: "access denied; it may require an account, or not be available from this network",
    404: "there is no such file; the publisher may have moved it",
    410: "the file has been removed",
}


class DownloadError(ValueError):
    """A file could not be downloaded or verified; the message says what was tried."""


class _PassingError(Exception):
    """A temporary failure; another attempt may succeed."""

    def __init__(self, reason: str, pause: float = 0.0):
        super().__init__(reason)
        self.pause = pause


class ResumingDownloader:
    """Downloads a URL by HTTP or HTTPS to `part`, then moves it to where pooch wants it.

    Args:
        part: the unfinished file, kept for the next attempt if one fails.
        report: told the progress, and about failed attempts.
        verified: whether a checksum will be compared afterwards. If not, a download is resumed only
            if the server can tell that its file has not changed.

    Attributes:
        resumed: whether the file was assembled from several attempts.
    """

    def __init__(self, part: Path, report: Reporter, verified: bool):
        self.part, self.report, self.verified = part, report, verified
        self.resumed = False
        # Holds the ETag or date of the server's file that the part belongs to.
        self.version = part.with_name(f"{part.name}.version")

    def __call__(self, url: str, output_file: str, pooch: object = None) -> None:
        """Download a file, in as many attempts as make progress.

        Raises:
            DownloadError: the server does not serve the file, or too many attempts failed.
            OSError: the file cannot be written.
        """
        import requests

        furthest, failures = self._have(), 0
        with requests.Session() as session:
            session.headers["User-Agent"] = f"idsharp/{__version__}"
            # With compression in transit, ranges would count the compressed bytes.
            session.headers["Accept-Encoding"] = "identity"
            while True:
                try:
                    self._attempt(session, url)
                    break
                except _PassingError as error:
                    failures = 1 if self._have() > furthest else failures + 1
                    furthest = max(furthest, self._have())
                    if failures > len(PAUSES):
                        raise DownloadError(f"{error}; gave up after {failures} attempts") from None
                    pause = min(max(PAUSES[failures - 1], error.pause), _LONGEST_PAUSE)
                    self.report.say(f"{error}; next attempt in {pause:.0f} s")
                    time.sleep(pause)
        os.replace(self.part, output_file)
        self.version.unlink(missing_ok=True)

    def discard(self) -> None:
        """Discard what was downloaded so far."""
        self.part.unlink(missing_ok=True)
        self.version.unlink(missing_ok=True)

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _attempt(self, session, url: str) -> None:
        import requests
        import urllib3

        headers = {}
        if self._have():
            if self.version.exists():
                headers["If-Range"] = self.version.read_text(encoding="latin-1")
            elif not self.verified:
                self.discard()
        have = self._have()
        if have:
            headers["Range"] = f"bytes={have}-"
        try:
            with session.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
                start, total = self._begin(response, have)
                self.resumed = start > 0
                if not (have and start == total):
                    self._receive(response, start, total)
        except requests.exceptions.SSLError as error:
            raise DownloadError(f"no secure connection ({error})") from error
        except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
            raise _PassingError(f"the connection failed ({_innermost(error)})") from error
        except requests.RequestException as error:
            raise DownloadError(str(error)) from error

    def _begin(self, response, have: int) -> tuple[int, int | None]:
        """The byte at which the response starts, and the size of the whole file (None: unknown)."""
        status = response.status_code
        if status == 206:
            start, total = _content_range(response)
            if start != have:
                self.discard()
                raise _PassingError(f"the server sent bytes from {start} instead of {have}")
            return start, total
        if status == 416:
            _, total = _content_range(response)
            if have and have == total:
                return have, total
            self.discard()
            raise _PassingError(f"the first {have} bytes do not belong to the server's file")
        if status == 200:
            length = response.headers.get("Content-Length", "")
            self._remember_version(response)
            return 0, int(length) if length.isdigit() else None
        if status in _PASSING:
            wait = response.headers.get("Retry-After", "")
            pause = float(wait) if wait.isdigit() else 0.0
            raise _PassingError(f"the server answered {status} {response.reason}", pause)
        raise DownloadError(
            f"the server answered {status} {response.reason}: " + _REASONS.get(status, "not served")
        )

    def _receive(self, response, start: int, total: int | None) -> None:
        self._check_disk(start, total)
        name = self.part.name.removeprefix(".").removesuffix(".part")
        rest = "" if total is None else f", {gigabytes(total - start)} left"
        self.report.say(f"downloading {name}{rest}" + (" (resumed)" if start else ""))
        done = start
        steps = self.report.steps(name, total or 0, start)
        with open(self.part, "ab" if start else "wb") as file:
            # Not decoded: a .gz file stays as it is even if the server declares it gzip-encoded.
            for block in response.raw.stream(_BLOCK, decode_content=False):
                file.write(block)
                done += len(block)
                if total:
                    steps.advance(len(block))
        if total is not None and done != total:
            if done > total:
                self.discard()
            raise _PassingError(f"the connection ended after {done} of {total} bytes")

    def _check_disk(self, start: int, total: int | None) -> None:
        free = shutil.disk_usage(self.part.parent).free
        if total is not None and total - start > free:
            raise DownloadError(
                f"{gigabytes(total - start)} left to download, but only {gigabytes(free)} free in "
                f"{self.part.parent}; make room there, or choose another data_dir"
            )

    def _remember_version(self, response) -> None:
        tag = response.headers.get("ETag", "")
        # A weak tag does not guarantee identical bytes and is not allowed in If-Range.
        version = response.headers.get("Last-Modified") if not tag or tag[:2] == "W/" else tag
        self.discard()
        if version:
            self.version.write_text(version, encoding="latin-1")


def gigabytes(size: float) -> str:
    """A size in words: "1.5 GB", or in MB or kB if it is smaller."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size / 1e3:.0f} kB"


def _content_range(response) -> tuple[int | None, int | None]:
    """First byte and total size, from a header such as `bytes 5-9/10` or `bytes */10`."""
    found = re.fullmatch(
        r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", response.headers.get("Content-Range", "").strip()
    )
    if not found:
        return None, None
    start, total = found.groups()
    return (
        int(start) if start else None,
        int(total) if total != "*" else None,
    )


def _innermost(error: BaseException) -> BaseException:
    """The original error beneath the wrappers of requests and urllib3."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error
