"""A downloader for pooch that goes on where an interrupted download stopped.

pooch's own begins each file anew; what is fetched here has gigabytes. The rules are those of HTTP
(RFC 9110, sections 13 and 14): ask for the rest by Range, and by If-Range only if the file is still
the same one.
"""

import os
import re
import shutil
import time
from pathlib import Path

from idsharp.common.progress import Reporter
from idsharp.version import __version__

#: Seconds before the next attempt, after one, two, … failures in a row without progress.
PAUSES = (1, 3, 10, 30, 60)

# Seconds to wait for a connection, and for the next bytes.
_TIMEOUT = (20, 60)
# No server may keep us waiting for longer before another attempt.
_LONGEST_PAUSE = 300
_BLOCK = 2**20
# Timeout, too early, too many requests, and faults that pass.
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_REASONS = {
    401: "it wants an account",
    403: "the server refuses it; it may want an account, or not serve this network",
    404: "there is no such file; the publisher may have moved it",
    410: "the file is there no more",
}


class DownloadError(ValueError):
    """A file could not be fetched; the message says what was tried and what to do."""


class _PassingError(Exception):
    """What another attempt may mend."""

    def __init__(self, reason: str, pause: float = 0.0):
        super().__init__(reason)
        self.pause = pause


class ResumingDownloader:
    """Fetches a URL by HTTP or HTTPS into `part`, and moves it to where pooch wants it.

    Args:
        part: the unfinished file; it stays there when an attempt fails, for the next one.
        report: progress and remarks.
        verified: whether a checksum will be compared. If not, a part is continued only where the
            server can say that its file has not changed.

    Attributes:
        resumed: whether the file was put together from several attempts.
    """

    def __init__(self, part: Path, report: Reporter, verified: bool):
        self.part, self.report, self.verified = part, report, verified
        self.resumed = False
        # The ETag or date of the file that the part belongs to.
        self.version = part.with_name(f"{part.name}.version")

    def __call__(self, url: str, output_file: str, pooch: object = None) -> None:
        """Fetch a file. Raises DownloadError; OSError where it cannot be written."""
        import requests

        furthest, failures = self._have(), 0
        with requests.Session() as session:
            session.headers["User-Agent"] = f"idsharp/{__version__}"
            # Compressed on the way, ranges would count other bytes.
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
        """Forget what was fetched so far."""
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
        """From which byte the answer goes on, and the size of the whole, if known."""
        status = response.status_code
        if status == 206:
            start, total = _content_range(response)
            if start != have:
                self.discard()
                raise _PassingError(f"the server sent bytes from {start}, asked for {have}")
            return start, total
        if status == 416:
            _, total = _content_range(response)
            if have and have == total:
                return have, total
            self.discard()
            raise _PassingError(f"the part of {have} bytes does not belong to this file")
        if status == 200:
            length = response.headers.get("Content-Length", "")
            self._remember_version(response)
            return 0, int(length) if length.isdigit() else None
        if status in _PASSING:
            wait = response.headers.get("Retry-After", "")
            pause = float(wait) if wait.isdigit() else 0.0
            raise _PassingError(f"the server answers {status} {response.reason}", pause)
        raise DownloadError(
            f"the server answers {status} {response.reason}: " + _REASONS.get(status, "not served")
        )

    def _receive(self, response, start: int, total: int | None) -> None:
        self._check_disk(start, total)
        name = self.part.name.removeprefix(".").removesuffix(".part")
        rest = "" if total is None else f", {gigabytes(total - start)} to come"
        self.report.say(f"fetching {name}{rest}" + (" (the rest of a part)" if start else ""))
        done = start
        steps = self.report.steps(name, total or 0, start)
        with open(self.part, "ab" if start else "wb") as file:
            # Not the decoded content: a .gz file that a server calls gzip-encoded stays one.
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
                f"{gigabytes(total - start)} are to come, and {gigabytes(free)} are free in "
                f"{self.part.parent}; make room there, or choose another data_dir"
            )

    def _remember_version(self, response) -> None:
        tag = response.headers.get("ETag", "")
        # A weak tag does not promise the same bytes, and may not stand in If-Range.
        version = response.headers.get("Last-Modified") if not tag or tag[:2] == "W/" else tag
        self.discard()
        if version:
            self.version.write_text(version, encoding="latin-1")


def gigabytes(size: float) -> str:
    """A size in words: GB, or MB and kB where it is small."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size / 1e3:.0f} kB"


def _content_range(response) -> tuple[int | None, int | None]:
    """First byte and size of the whole, of `bytes 5-9/10` or `bytes */10`."""
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
    """The cause in plain words, from under the wrappers of requests and urllib3."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return error
