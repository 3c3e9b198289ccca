"""An HTTP server on the loopback that serves bytes, and misbehaves on request."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Loopback:
    """Files by path, what goes wrong with them, and what was asked.

    Attributes:
        files: path to content, such as "/mnist/x.gz".
        faults: path to what happens to its next requests, one each: a status ("503"), "drop" (half
            of the bytes, then the connection ends), "wrong" (other bytes of the same number),
            "short" (half of the bytes as if that were all).
        ranges, tags: whether the server knows Range, and sends ETags.
        asked: (path, Range) of every request.
    """

    def __init__(self, address: str):
        self.address = address
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.ranges = self.tags = True
        self.retry_after: str | None = None
        self.asked: list[tuple[str, str | None]] = []

    def url(self, path: str) -> str:
        return self.address + path


@contextmanager
def loopback() -> Iterator[Loopback]:
    """Serve on a free port until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.state = Loopback(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        state: Loopback = self.server.state
        path = self.path.partition("?")[0]
        wanted = self.headers.get("Range")
        state.asked.append((path, wanted))
        fault = state.faults[path].pop(0) if state.faults[path] else ""
        content = state.files.get(path)
        if fault.isdigit() or content is None:
            self._fail(int(fault or 404))
            return
        tag = '"' + hashlib.md5(content).hexdigest() + '"'
        if fault == "wrong":
            content = bytes(255 - byte for byte in content)
        if fault == "short":
            content = content[: len(content) // 2]
        start = self._start(wanted, tag) if state.ranges else 0
        if start and start >= len(content):
            self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        headers = {"ETag": tag} if state.tags else {}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        part = content[start:]
        sent = part[: len(part) // 2] if fault == "drop" else part
        self._answer(206 if start else 200, sent, headers, len(part))

    def _start(self, wanted: str | None, tag: str) -> int:
        found = re.fullmatch(r"bytes=(\d+)-", wanted or "")
        changed = self.headers.get("If-Range", tag) != tag
        return int(found[1]) if found and not changed else 0

    def _fail(self, status: int) -> None:
        after = self.server.state.retry_after
        self._answer(status, b"no", {} if after is None else {"Retry-After": after})

    def _answer(
        self, status: int, content: bytes, headers: dict, length: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass
