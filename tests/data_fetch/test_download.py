"""The cache, mirrors, a full disk, interruptions and several processes: all or nothing, and a clear word."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import signal
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import hostile_server as hostile
import pytest
from hostile_server import (
    ONE,
    RIGHT,
    THREE,
    Handler,
    HostileServer,
    arrives,
    assert_holds,
    body,
    status,
    unavailable,
    write_files,
)

from data_fetch import DataUnavailable, data_dir, download, fetch, fetch_all, sources

WRONG = bytes(len(ONE))
pytestmark = pytest.mark.usefixtures("waits")


# ---- this machine: no network, folders that cannot be written, interruptions, several processes


def test_no_network(server: HostileServer, cache: Path) -> None:
    server.shutdown()
    server.server_close()
    unavailable(cache, "ConnectionError", "unpack")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_unforeseen_fault_is_heard(server: HostileServer, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_check_status", lambda _answer: 1 / 0)
    unavailable(cache, "broke off")


def test_a_file_where_the_folder_should_be(server: HostileServer, cache: Path) -> None:
    cache.write_bytes(b"not a folder")
    with pytest.raises(DataUnavailable, match=r"cannot be written.*METEORTUT_DATA_DIR"):
        fetch("one", progress=False)
    assert cache.read_bytes() == b"not a folder"


def test_a_folder_where_the_file_should_be(server: HostileServer, cache: Path) -> None:
    (cache / "owner/repo/a.bin").mkdir(parents=True)
    with pytest.raises(DataUnavailable, match="cannot be written"):
        fetch("one", progress=False)
    assert_holds(cache, {})


def test_read_only_cache(server: HostileServer, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch("one", progress=False)

    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    arrives(cache)  # what is there needs no writing
    with pytest.raises(DataUnavailable, match=r"cannot be written.*Permission denied.*METEORTUT_DATA_DIR"):
        fetch("three", progress=False)
    assert_holds(cache, RIGHT)
    (cache / "owner/repo/a.bin").write_bytes(WRONG)
    monkeypatch.setattr(Path, "unlink", refuse)
    with (
        pytest.warns(UserWarning),
        pytest.raises(DataUnavailable, match=r"damaged and can neither be replaced nor removed.*Remove it"),
    ):
        fetch("one", progress=False)


@pytest.mark.parametrize("from_mirror", [False, True])
def test_full_disk(
    server: HostileServer, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, from_mirror: bool
) -> None:
    class Full:
        def __init__(self, name: str, mode: str) -> None:
            self.stream = open(name, mode)

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_arguments: object) -> None:
            self.stream.close()

        def write(self, block: bytes) -> None:
            self.stream.write(block[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if from_mirror:
        write_files(tmp_path / "mirror", RIGHT)
        monkeypatch.setenv("METEORTUT_DATA_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setattr(sources, "open", Full, raising=False)
    with pytest.raises(DataUnavailable, match=r"cannot be written.*No space left.*Free some space"):
        fetch("one", progress=False)
    assert_holds(cache, {})


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")
def test_interrupted_midway_then_resumed(server: HostileServer, cache: Path, request: pytest.FixtureRequest) -> None:
    # A shell starts background jobs with SIGINT ignored, and Python then leaves it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))

    def interrupt(handler: Handler) -> None:
        handler.start(200, Content_Length=len(THREE["b3 #%41.bin"]))
        handler.wfile.write(THREE["b3 #%41.bin"][:100])
        handler.wfile.flush()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        handler.server.closing.wait(5)

    arrived = {f"owner/repo/{name}": THREE[name] for name in ("b1.bin", "sub/b2.bin")}
    server.serve("b3 #%41.bin", interrupt, body(THREE["b3 #%41.bin"]))
    with pytest.raises(KeyboardInterrupt):
        fetch("three", progress=False)
    assert_holds(cache, arrived)
    assert len(server.requests) == 3
    fetch("three", progress=False)
    assert_holds(cache, {f"owner/repo/{name}": content for name, content in THREE.items()})
    assert len(server.requests) == 4  # the third file alone
    fetch("three", progress=False)
    assert len(server.requests) == 4


@pytest.mark.parametrize("damaged", [False, True])
def test_two_processes_fetch_one_file(server: HostileServer, cache: Path, damaged: bool) -> None:
    if damaged:
        write_files(cache, {"owner/repo/a.bin": WRONG})
    both = threading.Barrier(2, timeout=20)

    def together(handler: Handler) -> None:
        handler.start(200, Content_Length=len(ONE))
        handler.wfile.write(ONE[:99])
        both.wait()
        handler.wfile.write(ONE[99:])

    server.serve("a.bin", together)
    table = download.dataset_rows("one")
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        answers = [pool.submit(hostile.fetch_in_child, table, "one") for _ in range(2)]
        assert [answer.result(timeout=30) for answer in answers] == [[str(cache / "owner/repo/a.bin")]] * 2
    assert len(server.requests) == 2
    assert_holds(cache, RIGHT)


# ---- what is in the cache already


@pytest.mark.parametrize("wrong", [WRONG, ONE[:-1], b"", ONE + b"x"])
def test_damaged_file_in_the_cache(server: HostileServer, cache: Path, wrong: bytes) -> None:
    write_files(cache, {"owner/repo/a.bin": wrong})
    with pytest.warns(UserWarning, match="does not match its checksum"):
        arrives(cache)


def test_damaged_file_that_cannot_be_fetched_anew(server: HostileServer, cache: Path) -> None:
    write_files(cache, {"owner/repo/a.bin": WRONG})
    server.serve("a.bin", status(404))
    with pytest.warns(UserWarning, match="fetched anew"):
        unavailable(cache, "The file in the cache was damaged and is removed.")


def test_home_folder_and_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("METEORTUT_DATA_DIR", "~/meteors")
    assert data_dir() == tmp_path / "meteors"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("METEORTUT_DATA_DIR", "here")
    assert data_dir() == tmp_path / "here"
    monkeypatch.setenv("METEORTUT_DATA_DIR", "")
    assert data_dir().is_absolute()
    assert "meteortut" in str(data_dir())


# ---- mirrors


@pytest.mark.parametrize("kind", ["folder", "http"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (WRONG, {"folder": "gave other bytes", "http": "gave other bytes"}),
        (ONE[:-1], {"folder": "it has 5119 bytes, 5120 are registered", "http": "ended after 5119 of 5120 bytes"}),
        (ONE + b"x", {"folder": "it has 5121 bytes, 5120 are registered", "http": "more than the registered 5120"}),
        (None, {"folder": "there is no such file", "http": "HTTP 404"}),
        (ONE, None),
    ],
    ids=["wrong", "short", "long", "none", "right"],
)
def test_mirror(
    server: HostileServer,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    content: bytes | None,
    said: dict[str, str] | None,
) -> None:
    mirror = tmp_path / "mirror"
    write_files(mirror, {} if content is None else {"owner/repo/a.bin": content})
    mirror.mkdir(exist_ok=True)
    server.serve("a.bin", status(404) if content is None else body(content), mirror=True)
    monkeypatch.setenv("METEORTUT_DATA_MIRROR", str(mirror) if kind == "folder" else f"{server.base}/mirror/")
    pinned = f"/owner/repo/{hostile.COMMIT}/a.bin"
    arrives(cache)
    assert [path for path, _ in server.requests].count(pinned) == (0 if said is None else 1)
    if said is not None:
        (cache / "owner/repo/a.bin").unlink()
        server.serve("a.bin", status(404))
        address = str(mirror / "owner/repo/a.bin") if kind == "folder" else f"{server.base}/mirror/owner/repo/a.bin"
        unavailable(cache, f"{address}: ", said[kind], "HTTP 404", server.url("a.bin"))


@pytest.mark.parametrize("mirror", ["/no/such/folder", "file:///no/such/folder", "ftp://127.0.0.1", "\0"])
def test_mirror_that_is_none(server: HostileServer, cache: Path, monkeypatch: Any, mirror: str) -> None:
    environment = {**os.environ, "METEORTUT_DATA_MIRROR": mirror}
    monkeypatch.setattr(download.os, "environ", environment)
    arrives(cache)
    (cache / "owner/repo/a.bin").unlink()
    server.serve("a.bin", status(404))
    unavailable(cache, "the mirror is no folder; correct METEORTUT_DATA_MIRROR", "HTTP 404")


def test_http_mirror_quotes_names(server: HostileServer, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in THREE.items():
        server.serve(name, body(content), mirror=True)
    monkeypatch.setenv("METEORTUT_DATA_MIRROR", f"{server.base}/mirror")
    fetch("three", progress=False)
    assert all(path.startswith("/mirror/") for path, _ in server.requests)


# ---- the progress bar, and usage


def test_the_bar_counts_what_counts(
    server: HostileServer, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []

    class Bar:
        def __init__(self, **options: Any) -> None:
            assert options["total"] == len(ONE)
            assert options["desc"] == "one (5.1 kB)"

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_arguments: object) -> None: ...

        def update(self, n_bytes: int) -> None:
            told.append(n_bytes)

    write_files(tmp_path / "mirror", {"owner/repo/a.bin": WRONG})
    monkeypatch.setenv("METEORTUT_DATA_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setattr(download, "tqdm", Bar)
    server.serve("a.bin", body(ONE[:999], len(ONE)), hostile.reset, body(ONE))
    arrives(cache)
    assert sum(told) == len(ONE)


def test_fetch_all_and_wrong_names(server: HostileServer, cache: Path) -> None:
    assert list(fetch_all("00_chapter", progress=False)) == ["one"]
    assert_holds(cache, RIGHT)
    everything = fetch_all(progress=False)
    assert {name: len(paths) for name, paths in everything.items()} == {"one": 1, "three": 3}
    for path in everything["three"]:
        assert hashlib.sha256(path.read_bytes()).hexdigest() in set(download.dataset_rows("three").sha256)
    n_requests = len(server.requests)
    with pytest.raises(ValueError, match="no data set is called 'two'; there are one, three"):
        fetch("two")
    with pytest.raises(TypeError, match="for each"):
        fetch(["one", "three"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no data set belongs to a chapter '07_x'; chapters with data are 00_chapter"):
        fetch_all("07_x")
    assert len(server.requests) == n_requests
