"""How bytes come from a folder or an http address into the temporary file that pooch verifies.

An address may send the reader on to any host, since the checksum decides about the content; it may not lead from https
to http, nor to anything that is not http. Every download ends: a stalled connection after ``TIMEOUT_S``, and whatever
else happens (a trickle of bytes, a name server that never answers) after :func:`time_limit`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from data_fetch.registry import local_path

#: Seconds to wait for a connection, and for the next bytes of a stalled one.
TIMEOUT_S = (10.0, 30.0)
#: Attempts per address, and the longest wait between two of them in seconds, whatever a server asks for.
ATTEMPTS = 3
MAX_WAIT_S = 30.0
#: What an address is given, all attempts and waits together: these seconds, and the file's size at this rate (bytes/s).
START_S = 120.0
MIN_RATE = 10_000.0
MAX_REDIRECTS = 5
BLOCK = 1 << 16
#: Answers that may be different in a moment.
PASSING = {408, 425, 429, 500, 502, 503, 504}

Downloader = Callable[[str, str, Any], None]


class SourceTrouble(Exception):
    """A source did not give the file; another may."""


class _Passing(Exception):
    """The same source may give the file in a moment."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


def time_limit(n_bytes: int) -> float:
    """Give the seconds that an address may take for a file of this size: ``START_S + n_bytes / MIN_RATE``."""
    return START_S + n_bytes / MIN_RATE


def from_folder(folder: Path, path: str, n_bytes: int, update: Callable[[int], object]) -> Downloader:
    """Make a pooch downloader that copies a file of a mirror folder; ``update`` hears of every block's bytes."""

    def download(url: str, output_file: str, _pooch: Any) -> None:
        with open(output_file, "wb") as out:
            for block in _file_blocks(folder, path, n_bytes):
                out.write(block)
                update(len(block))
        os.chmod(output_file, 0o644)  # a temporary file's 0600 would lock out other users of a shared cache

    return download


def from_address(n_bytes: int, update: Callable[[int], object]) -> Downloader:
    """Make a pooch downloader for http: time limits, a few attempts with growing waits, never more than ``n_bytes``."""

    def download(url: str, output_file: str, _pooch: Any) -> None:
        deadline = time.monotonic() + time_limit(n_bytes)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _attempt(url, output_file, n_bytes, update, deadline)
                os.chmod(output_file, 0o644)  # see from_folder
                return
            except _Passing as trouble:
                wait_s = min(2.0**attempt / 2 if trouble.wait_s is None else trouble.wait_s, MAX_WAIT_S)
                if attempt == ATTEMPTS or time.monotonic() + wait_s > deadline:
                    raise SourceTrouble(f"{trouble} ({attempt} of {ATTEMPTS} attempts)") from trouble
                time.sleep(wait_s)

    return download


def user_agent() -> str:
    """Name the package and its public address to the server."""
    try:
        about = metadata("meteortut")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "meteortut"
    address = next((line.split(",")[-1].strip() for line in about.get_all("Project-URL") or []), "")
    return f"meteortut/{about['Version']} (+{address})"


def _file_blocks(folder: Path, path: str, n_bytes: int) -> Iterator[bytes]:
    """Read a mirror's file; its own faults are the source's trouble, unlike those of writing."""
    if not folder.is_dir():
        raise SourceTrouble("the mirror is no folder; correct METEORTUT_DATA_MIRROR")
    try:
        place = local_path(folder, path)
        size = place.stat().st_size
        if size != n_bytes:
            raise SourceTrouble(f"it has {size} bytes, {n_bytes} are registered")
        with place.open("rb") as stream:
            while block := stream.read(BLOCK):
                yield block
    except FileNotFoundError as error:
        raise SourceTrouble("there is no such file") from error
    except OSError as error:
        raise SourceTrouble(f"it cannot be read ({error})") from error


def _attempt(url: str, output_file: str, n_bytes: int, update: Callable[[int], object], deadline: float) -> None:
    """Receive the file from a thread of its own: a library call waiting for a trickle of bytes heeds no time limit."""
    received: SimpleQueue[bytes | Exception | None] = SimpleQueue()
    stop = threading.Event()
    threading.Thread(target=_send, args=(url, n_bytes, received.put, stop), daemon=True).start()
    done = 0
    try:
        with open(output_file, "wb") as out:
            while (item := received.get(timeout=max(deadline - time.monotonic(), 0.0))) is not None:
                if isinstance(item, Exception):
                    raise item
                out.write(item)
                update(len(item))
                done += len(item)
    except Empty as error:
        update(-done)
        raise SourceTrouble(f"too slow: {done} of {n_bytes} bytes after {time_limit(n_bytes):.0f} s") from error
    except (_Passing, SourceTrouble):
        update(-done)  # the bar shows bytes that count
        raise
    finally:
        stop.set()


def _send(url: str, n_bytes: int, put: Callable[[Any], None], stop: threading.Event) -> None:
    """Put the blocks of an answer, then ``None``, or the exception that ended it."""
    # Whatever happens in the thread, the caller hears of it.
    end: Exception | None = SourceTrouble("the download broke off; the reason is above")
    try:
        sent = 0
        with _open(url) as answer:
            _check_status(answer)
            for block in _body(answer, n_bytes):
                if stop.is_set():
                    return
                sent += len(block)
                if sent > n_bytes:
                    raise SourceTrouble(f"it sends more than the registered {n_bytes} bytes")
                put(block)
        end = None if sent == n_bytes else _Passing(f"the connection ended after {sent} of {n_bytes} bytes")
    except (SourceTrouble, _Passing) as error:
        end = error
    except ValueError as error:  # requests' own errors about addresses are ValueErrors, too
        end = SourceTrouble(f"no usable address ({error})")
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        end = _Passing(f"{type(error).__name__}: {error}")
    finally:
        put(end)


def _open(url: str) -> requests.Response:
    # Content as it is: the size that is announced can then be compared with the registered one.
    headers = {"User-Agent": user_agent(), "Accept-Encoding": "identity"}
    for _ in range(MAX_REDIRECTS + 1):
        answer = requests.get(url, stream=True, timeout=TIMEOUT_S, headers=headers, allow_redirects=False)
        if not answer.is_redirect:
            return answer
        answer.close()
        url = _redirected(url, answer.headers["Location"])
    raise SourceTrouble(f"it redirects more than {MAX_REDIRECTS} times")


def _redirected(url: str, location: str) -> str:
    """Follow to another host, but not to a weaker protocol, which any listener on the way could answer."""
    target = urljoin(url, location)
    allowed = {"https"} if urlsplit(url).scheme == "https" else {"http", "https"}
    if urlsplit(target).scheme not in allowed:
        raise SourceTrouble(f"it redirects to {target}; expected {' or '.join(sorted(allowed))}")
    return target


def _check_status(answer: requests.Response) -> None:
    said = f"HTTP {answer.status_code} {answer.reason}"
    if answer.status_code in PASSING:
        raise _Passing(said, _seconds(answer.headers.get("Retry-After", "")))
    if answer.status_code != 200:
        raise SourceTrouble(said)


def _seconds(retry_after: str) -> float | None:
    """Read a Retry-After header, seconds or a date; ``None`` when it is neither."""
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except (TypeError, ValueError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((aware - datetime.now(UTC)).total_seconds(), 0.0)


def _body(answer: requests.Response, n_bytes: int) -> Iterator[bytes]:
    """Undo a Content-Encoding, unless the body is as long as the file: some servers claim one for any .gz file."""
    as_it_is = answer.headers.get("Content-Length") == str(n_bytes)
    return answer.raw.stream(BLOCK, decode_content=not as_it_is)
