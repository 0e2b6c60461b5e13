"""A local web server that gives each address a list of faulty answers, one per request; the last one is repeated."""

from __future__ import annotations

import gzip
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest

from data_fetch import DataUnavailable, fetch
from data_fetch.registry import read_registry

Answer = Callable[["Handler"], None]
ONE = bytes(range(256)) * 20
THREE = {"b1.bin": b"first" * 100, "sub/b2.bin": b"second" * 100, "b3 #%41.bin": b"third" * 100}
RIGHT = {"owner/repo/a.bin": ONE}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Handler(BaseHTTPRequestHandler):
    """Note the request, then leave the word to the next answer of its address."""

    server: HostileServer

    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers)))
        answers = self.server.answers.get(self.path, [status(404)])
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def start(self, code: int, /, **headers: object) -> None:
        """Send a status and headers; underscores stand for hyphens."""
        self.send_response(code)
        for name, value in {"Connection": "close", **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Keep quiet."""


class HostileServer(ThreadingHTTPServer):
    """Serve on a free port of 127.0.0.1."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.closing = threading.Event()
        self.base = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_arguments: object) -> None:
        """A client that hangs up on a hostile answer is as it should be."""

    def url(self, name: str) -> str:
        """Give the pinned address of a file."""
        return f"{self.base}/owner/repo/{COMMIT}/{quote(name)}"

    def serve(self, name: str, *answers: Answer, mirror: bool = False) -> None:
        """Set the answers for a file, at its pinned address or, below ``/mirror``, at that of a mirror."""
        address = "/mirror/owner/repo" if mirror else f"/owner/repo/{COMMIT}"
        self.answers[f"{address}/{quote(name)}"] = list(answers)


@contextmanager
def running() -> Iterator[HostileServer]:
    """Run a server in a thread."""
    server = HostileServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def body(content: bytes, length: int | None = None, **headers: object) -> Answer:
    """Send these bytes; ``length`` may lie, and −1 leaves it out."""

    def answer(handler: Handler) -> None:
        announced = {} if length == -1 else {"Content_Length": len(content) if length is None else length}
        handler.start(200, **announced, **headers)
        handler.wfile.write(content)

    return answer


def status(code: int, **headers: object) -> Answer:
    """Send a status with an empty body."""
    return lambda handler: handler.start(code, Content_Length=0, **headers)


def in_seconds(seconds: float) -> str:
    """Write a moment from now as an HTTP date."""
    return formatdate(time.time() + seconds, usegmt=True)


def stall(content: bytes) -> Answer:
    """Announce a longer body, send these bytes, then fall silent."""

    def answer(handler: Handler) -> None:
        handler.start(200, Content_Length=len(content) + 1000)
        handler.wfile.write(content)
        handler.wfile.flush()
        handler.server.closing.wait(20)

    return answer


def drip(in_headers: bool) -> Answer:
    """Send one byte after the other for ever."""

    def answer(handler: Handler) -> None:
        if in_headers:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        else:
            handler.start(200, Content_Length=1 << 30)
        while not handler.server.closing.wait(0.02):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    return answer


def endless(handler: Handler) -> None:
    """Send blocks for ever, without a length."""
    handler.start(200)
    while not handler.server.closing.is_set():
        handler.wfile.write(bytes(1 << 16))


def reset(handler: Handler) -> None:
    """Send half an answer, then a TCP reset."""
    handler.start(200, Content_Length=1000)
    handler.wfile.write(bytes(10))
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.connection.close()


def no_http(handler: Handler) -> None:
    """Answer in another language."""
    handler.wfile.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")


def gzip_bomb() -> Answer:
    """Send 64 MB of zeros as 64 kB."""
    return body(gzip.compress(bytes(64 << 20)), Content_Encoding="gzip")


def small_registry(server: HostileServer, contents: dict[str, dict[str, bytes]]) -> pd.DataFrame:
    """Register data sets of files, ``{data set: {name: content}}``, which the server gives as they should be."""
    rows = []
    for dataset, files in contents.items():
        for name, content in files.items():
            server.serve(name, body(content))
            rows.append((dataset, server.url(name), hashlib.sha256(content).hexdigest(), len(content), "CC0"))
    sets = pd.DataFrame({"dataset": list(contents), "title": "Title", "holds": "bytes", "citation": "Nobody 1900"})
    sets["chapters"] = [f"{number:02}_chapter" for number in range(len(sets))]
    return read_registry(pd.DataFrame(rows, columns=["dataset", "url", "sha256", "bytes", "licence"]), sets)


def install(table: pd.DataFrame, patch: Callable[[object, str, object], object] = setattr) -> None:
    """Let the package use this registry; ``data_fetch.registry`` is a function, hence the import by name."""
    patch(import_module("data_fetch.registry"), "_load", lambda: table)


def fetch_in_child(table: pd.DataFrame, name: str) -> list[str]:
    """Fetch a data set of this registry; for a process of its own."""
    install(table)
    return [str(path) for path in fetch(name, progress=False)]


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def assert_holds(folder: Path, expected: dict[str, bytes]) -> None:
    """Check that exactly these files are under a folder: nothing partial, nothing temporary."""
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if not p.is_dir()}
    assert found == expected


def arrives(cache: Path) -> None:
    """Check that the data set ``one`` arrives whole, and that nothing else is left."""
    assert fetch("one", progress=False) == [cache / "owner/repo/a.bin"]
    assert_holds(cache, RIGHT)


def unavailable(cache: Path, *said: str) -> None:
    """Check that the data set ``one`` cannot be had, that the message says these things, and that nothing is left."""
    with pytest.raises(DataUnavailable) as caught:
        fetch("one", progress=False)
    for words in (*said, "owner/repo/a.bin", "data set one", "python -m data_fetch get one", "METEORTUT_DATA_MIRROR"):
        assert words in str(caught.value)
    assert_holds(cache, {})
