"""Downloads from a hostile server: the file arrives whole or not at all, in bounded time, and the message says why."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path
from typing import Any

import hostile_server as hostile
import pytest
from hostile_server import ONE, Answer, HostileServer, arrives, assert_holds, body, status, unavailable

from data_fetch import fetch, sources

WRONG = bytes(len(ONE))
pytestmark = pytest.mark.usefixtures("waits")


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
        pytest.param(hostile.gzip_bomb(), "more than the registered 5120 bytes", 1, id="gzip bomb"),
        pytest.param(body(ONE[:99], Content_Encoding="gzip"), "gzip", 3, id="gzip that is none"),
        pytest.param(status(404), "HTTP 404", 1, id="404"),
        pytest.param(status(204), "HTTP 204", 1, id="204"),
        pytest.param(status(500), "HTTP 500", 3, id="500"),
        pytest.param(status(429), "HTTP 429", 3, id="429"),
        pytest.param(hostile.reset, "", 3, id="reset"),
        pytest.param(hostile.no_http, "", 3, id="no HTTP"),
    ],
)
def test_fault_for_ever(server: HostileServer, cache: Path, answer: Answer, said: str, n_requests: int) -> None:
    server.serve("a.bin", answer)
    unavailable(cache, said, server.url("a.bin"))
    assert len(server.requests) == n_requests


@pytest.mark.parametrize("fault", [body(ONE[:9], len(ONE)), body(b"", -1), status(500), status(503), hostile.reset])
def test_fault_once(server: HostileServer, cache: Path, fault: Answer) -> None:
    server.serve("a.bin", fault, body(ONE))
    arrives(cache)
    assert len(server.requests) == 2


@pytest.mark.parametrize("content", [b"", ONE[:999]], ids=["after the headers", "midway"])
def test_stalled_connection(server: HostileServer, cache: Path, content: bytes, monkeypatch: Any) -> None:
    monkeypatch.setattr(sources, "TIMEOUT_S", (5.0, 0.3))
    server.serve("a.bin", hostile.stall(content))
    unavailable(cache, "timed out")
    assert len(server.requests) == 3
    monkeypatch.setattr(sources, "TIMEOUT_S", (5.0, 1.0))
    server.serve("a.bin", hostile.stall(content), body(ONE))
    arrives(cache)


@pytest.mark.parametrize(
    ("retry_after", "low", "high"),
    [
        ("7", 7, 7),
        ("86400", 30, 30),
        ("9" * 400, 30, 30),
        (20, 15, 20),
        (9_000_000, 30, 30),
        (-900, 0, 0),
        ("soon", 1, 1),
        ("-5", 1, 1),
        ("²", 1, 1),
        ("Sat, 99 Foo 2026", 1, 1),
    ],
)
def test_retry_after(
    server: HostileServer, cache: Path, waits: list[float], retry_after: str | int, low: float, high: float
) -> None:
    said = retry_after if isinstance(retry_after, str) else hostile.in_seconds(retry_after)
    server.serve("a.bin", status(429, Retry_After=said), body(ONE))
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


@pytest.mark.parametrize(
    "answer", [hostile.drip(in_headers=False), hostile.drip(in_headers=True)], ids=["body", "head"]
)
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
    assert len(server.requests) == 6
    server.serve("a.bin", status(307, Location="other.bin"))
    server.serve("other.bin", body(ONE))
    arrives(cache)


def test_redirect_from_https_to_http_is_refused() -> None:
    assert sources._redirected("https://a/x", "https://b/y") == "https://b/y"
    assert sources._redirected("http://a/x", "https://b/y") == "https://b/y"
    with pytest.raises(sources.SourceTrouble, match="expected https"):
        sources._redirected("https://a/x", "http://b/y")
