"""A look through an R file before C code parses it: small enough, flat enough, and of plain types only.

The parser in pyreadr calls itself as deep as a file nests, and writes out a compact sequence to any length that it
claims: a small file could take the process down or fill its memory. What passes here can do neither.

The format is that of "R Internals", section "Serialization Formats" (XDR, versions 2 and 3).
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from pathlib import Path
from typing import Any

#: R's own numbers of its types, and bytes per value of those that are plain arrays: logical, integer, real.
SYMBOL, PAIR_LIST, CHARACTERS, STRINGS, LIST, NIL, REFERENCE = 1, 2, 9, 16, 19, 254, 255
WIDTHS = {10: 4, 13: 4, 14: 8}
HAS_ATTRIBUTES, HAS_TAG = 0x200, 0x400
#: A data frame nests: the file's list, the frame, a column, its attributes, their values, and attributes of those.
MAX_DEPTH = 6
#: Frames, columns, attributes and their names, all counted; the file of Armagh has 45.
MAX_OBJECTS = 10_000
MAX_ENCODING = 64
TWO_INTEGERS = struct.Struct(">ii")


class BadStream(ValueError):
    """An R file is too large, cut short, nested too deeply or holds other types than tables need; says which."""


def check_r_file(path: Path, max_bytes: int) -> None:
    """Check an ``.Rda`` file of data frames, plain or compressed (gzip, bzip2, xz).

    Parameters
    ----------
    path : Path
        The file.
    max_bytes : int
        The most that it may have, both as it lies there and unpacked.

    Raises
    ------
    BadStream
        With what was found.
    """
    size = path.stat().st_size
    if not 0 < size <= max_bytes:
        raise BadStream(f"it has {size} bytes")
    content = _unpacked(path.read_bytes(), max_bytes)
    if content[:7] not in (b"RDX2\nX\n", b"RDX3\nX\n"):
        raise BadStream(f"it begins with {content[:7]!r}")
    walker = _Walker(content)
    walker.skip(7 + 3 * 4)  # magic; versions of the format and of R
    if content[3:4] == b"3":
        walker.skip(walker.length(MAX_ENCODING))
    walker.item(0)


def _unpacked(raw: bytes, max_bytes: int) -> bytes:
    try:
        if raw.startswith(b"\x1f\x8b"):
            unpacker: Any = zlib.decompressobj(wbits=31)
        elif raw.startswith(b"BZh"):
            unpacker = bz2.BZ2Decompressor()
        elif raw.startswith(b"\xfd7zXZ\0"):
            unpacker = lzma.LZMADecompressor(memlimit=4 * max_bytes)
        else:
            return raw
        content: bytes = unpacker.decompress(raw, max_bytes + 1)
    except (zlib.error, lzma.LZMAError, OSError, EOFError, MemoryError) as error:
        raise BadStream(f"it cannot be unpacked ({error})") from error
    if len(content) > max_bytes:
        raise BadStream(f"it unpacks to more than {max_bytes} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise BadStream("its compressed data are cut short or followed by others")
    return content


class _Walker:
    """A position in the unpacked bytes."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0
        self.n_objects = 0

    def skip(self, n_bytes: int) -> None:
        self.at += n_bytes
        if self.at > len(self.content):
            raise BadStream(f"it ends after {len(self.content)} bytes, before what it announces")

    def integer(self) -> int:
        start = self.at
        self.skip(4)
        return int.from_bytes(self.content[start : self.at], "big", signed=True)

    def length(self, most: int) -> int:
        n = self.integer()
        if not 0 <= n <= most:
            raise BadStream(f"at byte {self.at - 4} it announces {n} items, where {most} are possible")
        return n

    def item(self, depth: int) -> None:
        """Pass over one object with all that belongs to it."""
        self.n_objects += 1
        if depth > MAX_DEPTH or self.n_objects > MAX_OBJECTS:
            raise BadStream(f"it nests more than {MAX_DEPTH} levels or holds more than {MAX_OBJECTS} objects")
        flags = self.integer()
        kind = flags & 0xFF
        if kind == SYMBOL:
            self.strings(1)
        elif kind == PAIR_LIST:
            self.pairs(flags, depth)
        elif kind in (STRINGS, LIST) or kind in WIDTHS:
            self.vector(kind, depth)
            if flags & HAS_ATTRIBUTES:
                self.item(depth + 1)
        elif kind == REFERENCE and not flags >> 8:
            self.skip(4)
        elif kind not in (NIL, REFERENCE):
            raise BadStream(f"it holds an R object of type {kind}; save(…, version = 2) writes plain vectors")

    def vector(self, kind: int, depth: int) -> None:
        left = len(self.content) - self.at
        if kind == STRINGS:
            self.strings(self.length(left // 8))
        elif kind == LIST:
            for _ in range(self.length(left // 4)):
                self.item(depth + 1)
        else:
            self.skip(WIDTHS[kind] * self.length(left // WIDTHS[kind]))

    def strings(self, n: int) -> None:
        """Pass over strings; in one loop, since a file has a hundred thousand."""
        content, at, end = self.content, self.at, len(self.content) - 8
        for _ in range(n):
            if at > end:
                break
            flags, length = TWO_INTEGERS.unpack_from(content, at)
            if flags & 0xFF != CHARACTERS:
                raise BadStream(f"at byte {at} it holds type {flags & 0xFF} instead of a string")
            at += 8 + max(length, 0)  # −1 is R's missing value
        else:
            self.skip(at - self.at)
            return
        self.skip(len(content) + 1 - self.at)

    def pairs(self, flags: int, depth: int) -> None:
        """Pass over a linked list, one node after the other."""
        while True:
            for _part in range(1 + bool(flags & HAS_ATTRIBUTES) + bool(flags & HAS_TAG)):
                self.item(depth + 1)
            flags = self.integer()
            if flags & 0xFF == NIL:
                return
            if flags & 0xFF != PAIR_LIST:
                raise BadStream(f"at byte {self.at - 4} a list goes on with type {flags & 0xFF}")
