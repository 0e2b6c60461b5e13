"""Downloads against a hostile server, a lying mirror, a damaged cache and a full disk: all or nothing, and a clear word."""

from __future__ import annotations

import errno
import gzip
import hashlib
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import hostile_server as hostile
import pytest
from conftest import ONE, THREE
from hostile_server import Answer, Handler, HostileServer, body, status

from data_fetch import DataUnavailable, data_dir, download, fetch, fetch_all, sources

RIGHT = {"owner/repo/a.bin": ONE}
WRONG = bytes(len(ONE))
pytestmark = pytest.mark.usefixtures("waits")


def assert_holds(folder: Path, expected: dict[str, bytes]) -> None:
    """Check that exactly these files are under a folder: nothing partial, nothing temporary."""
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if not p.is_dir()}
    assert found == expected


def unavailable(cache: Path, *said: str) -> None:
    """Check that the data set ``one`` cannot be had, that the message says these things, and that nothing is left."""
    with pytest.raises(DataUnavailable) as caught:
        fetch("one", progress=False)
    for words in (*said, "owner/repo/a.bin", "data set one", "python -m data_fetch get one", "METEORTUT_DATA_MIRROR"):
        assert words in str(caught.value)
    assert_holds(cache, {})


def arrives(cache: Path) -> None:
    """Check that the data set ``one`` arrives whole, and that nothing else is left."""
    assert fetch("one", progress=False) == [cache / "owner/repo/a.bin"]
    assert_holds(cache, RIGHT)


# ---- faults of a server: for ever, and once


@pytest.mark.parametrize(
    ("answer", "said", "n_requests"),
    [
        pytest.param(body(ONE[:999], len(ONE)), "999", 3, id="truncated body"),
        pytest.param(body(ONE[:999], -1), "999 of 5120 bytes", 3, id="truncated, no length"),
        pytest.param(body(ONE[:999]), "999 of 5120 bytes", 3, id="too short"),
        pytest.param(body(b"", -1), "0 of 5120 bytes", 3, id="empty"),
        pytest.param(body(WRONG), "other bytes than registered", 1, id="wrong bytes"),
        pytest.param(body(ONE + b"x"), "more than the registered 5120 bytes", 1, id="too long"),
        pytest.param(hostile.endless, "more than the registered 5120 bytes", 1, id="endless"),
        pytest.param(hostile.gzip_bomb, "more than the registered 5120 bytes", 1, id="gzip bomb"),
        pytest.param(body(ONE[:99], Content_Encoding="gzip"), "gzip", 3, id="gzip that is none"),
        pytest.param(status(404), "HTTP 404", 1, id="404"),
        pytest.param(status(204), "HTTP 204", 1, id="204"),
        pytest.param(status(500), "HTTP 500", 3, id="500"),
        pytest.param(status(429), "HTTP 429", 3, id="429"),
        pytest.param(hostile.stall(b""), "timed out", 3, id="stalled after the headers"),
        pytest.param(hostile.stall(ONE[:999]), "timed out", 3, id="stalled midway"),
        pytest.param(hostile.reset, "", 3, id="reset"),
        pytest.param(hostile.no_http, "", 3, id="no HTTP"),
    ],
)
def test_fault_for_ever(server: HostileServer, cache: Path, answer: Answer, said: str, n_requests: int) -> None:
    server.serve("a.bin", answer)
    unavailable(cache, said, server.url("a.bin"))
    assert server.count() == n_requests


@pytest.mark.parametrize(
    "fault", [body(ONE[:9], len(ONE)), body(b"", -1), status(500), status(503), hostile.stall(ONE[:9]), hostile.reset]
)
def test_fault_once(server: HostileServer, cache: Path, fault: Answer) -> None:
    server.serve("a.bin", fault, body(ONE))
    arrives(cache)
    assert server.count() == 2


@pytest.mark.parametrize(
    ("retry_after", "low", "high"),
    [
        ("7", 7, 7),
        ("86400", 30, 30),
        ("9" * 400, 30, 30),
        (hostile.in_seconds(20), 15, 20),
        (hostile.in_seconds(9e6), 30, 30),
        (hostile.in_seconds(-900), 0, 0),
        ("soon", 1, 1),
        ("-5", 1, 1),
        ("²", 1, 1),
        ("Sat, 99 Foo 2026", 1, 1),
    ],
)
def test_retry_after(
    server: HostileServer, cache: Path, waits: list[float], retry_after: str, low: float, high: float
) -> None:
    server.serve("a.bin", status(429, Retry_After=retry_after), body(ONE))
    arrives(cache)
    assert len(waits) == 1
    assert low <= waits[0] <= high


def test_waits_grow_and_end_with_the_time_limit(
    server: HostileServer, cache: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.serve("a.bin", status(500))
    unavailable(cache, "3 of 3 attempts")
    assert waits == [1.0, 2.0]
    monkeypatch.setattr(sources, "START_S", 5.0)
    server.serve("a.bin", status(429, Retry_After="20"))
    unavailable(cache, "HTTP 429", "1 of 3 attempts")
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize("answer", [hostile.drip(in_headers=False), hostile.drip(in_headers=True)], ids=["body", "head"])
def test_a_drip_ends(server: HostileServer, cache: Path, answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "START_S", 0.6)
    monkeypatch.setattr(sources, "MIN_RATE", 1e6)
    server.serve("a.bin", answer)
    start = time.monotonic()
    unavailable(cache, "too slow")
    assert time.monotonic() - start < 3


def test_time_limit_follows_from_the_size() -> None:
    assert sources.time_limit(0) == 120
    assert sources.time_limit(3_700_800) == pytest.approx(120 + 370.08)


@pytest.mark.parametrize("length", [None, -1])
def test_content_encoding_on_the_way(server: HostileServer, cache: Path, length: int | None) -> None:
    server.serve("a.bin", body(gzip.compress(ONE), length, Content_Encoding="gzip"))
    arrives(cache)


def test_a_gz_file_that_the_server_calls_encoded(server: HostileServer, cache: Path, monkeypatch: Any) -> None:
    content = gzip.compress(ONE)
    hostile.install(hostile.small_registry(server, {"one": {"a.gz": content}}), monkeypatch.setattr)
    server.serve("a.gz", body(content, Content_Encoding="gzip"))
    fetch("one", progress=False)
    assert_holds(cache, {"owner/repo/a.gz": content})


def test_no_content_length_and_own_user_agent(server: HostileServer, cache: Path) -> None:
    server.serve("a.bin", body(ONE, -1))
    arrives(cache)
    assert server.requests[0][1]["User-Agent"].startswith("meteortut/")
    assert "(+https://" in server.requests[0][1]["User-Agent"]


def test_empty_file_and_file_of_many_blocks(server: HostileServer, cache: Path, monkeypatch: Any) -> None:
    big = os.urandom(sources.BLOCK * 5 + 1)
    hostile.install(hostile.small_registry(server, {"one": {"empty": b"", "big": big}}), monkeypatch.setattr)
    fetch("one", progress=False)
    assert_holds(cache, {"owner/repo/empty": b"", "owner/repo/big": big})


# ---- redirects: to any host, since the checksum decides; not to a weaker protocol, not without end


def test_redirect_to_another_host(server: HostileServer, cache: Path) -> None:
    server.serve("elsewhere", body(ONE))
    target = server.url("elsewhere").replace("127.0.0.1", "localhost")
    server.serve("a.bin", status(302, Location=target))
    arrives(cache)
    server.serve("elsewhere", body(WRONG))
    (cache / "owner/repo/a.bin").unlink()
    unavailable(cache, "other bytes than registered")


@pytest.mark.parametrize("location", ["file:///etc/hostname", "ftp://127.0.0.1/a", "data:,x", "//[bad", "http://", ""])
def test_redirect_to_nothing_that_may_be(server: HostileServer, cache: Path, location: str) -> None:
    server.serve("a.bin", status(302, Location=location))
    unavailable(cache)


def test_redirect_loop_and_relative_redirect(server: HostileServer, cache: Path) -> None:
    server.serve("a.bin", status(301, Location=server.url("a.bin")))
    unavailable(cache, "redirects more than 5 times")
    assert server.count() == 6
    server.serve("a.bin", status(307, Location="other.bin"))
    server.serve("other.bin", body(ONE))
    arrives(cache)


def test_redirect_from_https_to_http_is_refused() -> None:
    assert sources._redirected("https://a/x", "https://b/y") == "https://b/y"
    assert sources._redirected("http://a/x", "https://b/y") == "https://b/y"
    with pytest.raises(sources.SourceTrouble, match="expected https"):
        sources._redirected("https://a/x", "http://b/y")


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
    with pytest.raises(DataUnavailable, match="cannot be written.*METEORTUT_DATA_DIR"):
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
    with pytest.raises(DataUnavailable, match="cannot be written.*Permission denied.*METEORTUT_DATA_DIR"):
        fetch("three", progress=False)
    assert_holds(cache, RIGHT)
    (cache / "owner/repo/a.bin").write_bytes(WRONG)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(DataUnavailable, match="damaged.*Remove it"):
        fetch("one", progress=False)


@pytest.mark.parametrize("from_mirror", [False, True])
def test_full_disk(
    server: HostileServer, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, from_mirror: bool
) -> None:
    class Full:
        def __init__(self, name: str, mode: str) -> None:
            self.stream = open(name, mode)  # noqa: SIM115

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
    with pytest.raises(DataUnavailable, match="cannot be written.*No space left.*Free some space"):
        fetch("one", progress=False)
    assert_holds(cache, {})


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")
def test_interrupted_midway_then_resumed(server: HostileServer, cache: Path) -> None:
    def interrupt(handler: Handler) -> None:
        handler.start(Content_Length=len(THREE["b3 %.bin"]))
        handler.wfile.write(THREE["b3 %.bin"][:100])
        handler.wfile.flush()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        handler.server.closing.wait(5)

    arrived = {f"owner/repo/{name}": THREE[name] for name in ("b1.bin", "sub/b2.bin")}
    server.serve("b3%20%25.bin", interrupt, body(THREE["b3 %.bin"]))
    with pytest.raises(KeyboardInterrupt):
        fetch("three", progress=False)
    assert_holds(cache, arrived)
    assert server.count() == 3
    fetch("three", progress=False)
    assert_holds(cache, {f"owner/repo/{name}": content for name, content in THREE.items()})
    assert server.count() == 4  # the third file alone
    fetch("three", progress=False)
    assert server.count() == 4


def test_two_processes_fetch_one_file(server: HostileServer, cache: Path) -> None:
    both = threading.Barrier(2, timeout=20)

    def together(handler: Handler) -> None:
        handler.start(Content_Length=len(ONE))
        handler.wfile.write(ONE[:99])
        both.wait()
        handler.wfile.write(ONE[99:])

    server.serve("a.bin", together)
    table = download.dataset_rows("one")
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        answers = [pool.submit(hostile.fetch_in_child, table, "one") for _ in range(2)]
        assert [answer.result(timeout=30) for answer in answers] == [[str(cache / "owner/repo/a.bin")]] * 2
    assert server.count() == 2
    assert_holds(cache, RIGHT)


# ---- what is in the cache already


@pytest.mark.parametrize("wrong", [WRONG, ONE[:-1], b"", ONE + b"x"])
def test_damaged_file_in_the_cache(server: HostileServer, cache: Path, wrong: bytes) -> None:
    write_files(cache, {"owner/repo/a.bin": wrong})
    with pytest.warns(UserWarning, match="does not match its checksum") as warned:
        arrives(cache)
    assert warned[0].filename == __file__


def test_damaged_file_that_cannot_be_fetched_anew(server: HostileServer, cache: Path) -> None:
    write_files(cache, {"owner/repo/a.bin": WRONG})
    server.serve("a.bin", status(404))
    with pytest.warns(UserWarning, match="removed"):
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


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("kind", ["folder", "http"])
@pytest.mark.parametrize(
    ("content", "said"),
    [(WRONG, "other bytes than registered"), (ONE[:-1], "5119"), (ONE + b"x", "5120"), (None, ""), (ONE, None)],
)
def test_mirror(
    server: HostileServer,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    content: bytes | None,
    said: str | None,
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
        unavailable(cache, said, address, "HTTP 404", server.url("a.bin"))


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
        server.serve(name.replace(" %", "%20%25"), body(content), mirror=True)
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
    n_requests = server.count()
    with pytest.raises(ValueError, match="no data set is called 'two'; there are one, three"):
        fetch("two")
    with pytest.raises(TypeError, match="for each"):
        fetch(["one", "three"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no data set belongs to a chapter '07_x'; chapters with data are 00_chapter"):
        fetch_all("07_x")
    assert server.count() == n_requests
