"""What every reader must bear: cut, changed and lying files give a result or the documented error, soon and in little memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from data_fetch.readers.errors import UnreadableFile


def settles(read: Callable[[Path], Any], path: Path, seconds: float = 10.0) -> Any:
    """Result of the reader, or None when it refuses the file as documented; any other error, or a long wait, fails."""
    start = time.monotonic()
    try:
        result = read(path)
    except UnreadableFile as error:
        assert path.name in str(error) and "expected" in str(error)
        result = None
    assert time.monotonic() - start < seconds
    return result


def peak_mib(read: Callable[[Path], Any], path: Path) -> float:
    """Memory that Python and NumPy take at most while the file is read or refused, MiB."""
    tracemalloc.start()
    try:
        settles(read, path)
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def cuts(content: bytes) -> list[bytes]:
    """Beginnings of the content: none of it, and every power of two that is shorter than it."""
    return [
        content[: n and 1 << (n - 1)]
        for n in range(len(content).bit_length() + 1)
        if n == 0 or 1 << (n - 1) < len(content)
    ]


def changed(content: bytes, first: int = 0, last: int | None = None) -> st.SearchStrategy[bytes]:
    """Content with one to eight bytes replaced, between two positions."""
    change = st.tuples(st.integers(first, (last or len(content)) - 1), st.integers(0, 255))

    def apply(changes: list[tuple[int, int]]) -> bytes:
        result = bytearray(content)
        for position, value in changes:
            result[position] = value
        return bytes(result)

    return st.lists(change, min_size=1, max_size=8).map(apply)


def with_card(content: bytes, keyword: str, value: object, nth: int = 0) -> bytes:
    """FITS content with the value of one card replaced; the nth card of that keyword."""
    at = -1
    for _ in range(nth + 1):
        at = content.index(f"{keyword:<8}=".encode(), at + 1)
    return content[:at] + f"{keyword:<8}= {value!s:>20}".ljust(80).encode() + content[at + 80 :]
