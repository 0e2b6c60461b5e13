"""Open FITS files warily: what astropy would only find out while it reserves memory is checked before.

Format: FITS Standard 4.0 (https://fits.gsfc.nasa.gov), tiled compression as its section 10.
"""

from __future__ import annotations

import gzip
import io
import math
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from data_fetch.readers.errors import UnreadableFile

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["axes_of", "check_claim", "open_fits"]

#: Most bytes that a compressed file (gzip or tiles) may unpack to: a 9576 x 6388 frame in float32 still fits.
MAX_UNPACKED_BYTES = 1 << 28
#: Compressions of tiles that are unpacked. HCOMPRESS_1 is not: on damaged tiles astropy's decoder brings Python down.
SAFE_COMPRESSION = ("RICE_1", "RICE_ONE", "GZIP_1", "GZIP_2", "PLIO_1", "NOCOMPRESS")

EXPECTED = "a FITS file (plain, .fits.gz or .fits.fz) with a 2-D image"


@contextmanager
def open_fits(path: str | Path, unpack: bool = True) -> Iterator[tuple[fits.HDUList, int]]:
    """Open a FITS file so that whatever goes wrong inside the block is an `UnreadableFile`.

    Parameters
    ----------
    path : path-like
        The file; one gzipped as a whole is unpacked in memory, up to ``MAX_UNPACKED_BYTES``.
    unpack : bool
        Show tile-compressed images as images (true), or as the tables they are stored in.

    Yields
    ------
    hdus : astropy.io.fits.HDUList
        Read lazily, no memory map, pixel values not scaled.
    n_bytes : int
        Size of the (unzipped) file, for `check_claim`.

    Raises
    ------
    UnreadableFile
        The file is empty or not FITS, or astropy cannot do what the block asks for.
    FileNotFoundError, IsADirectoryError, PermissionError
        As from `open`.
    """
    from astropy.io import fits

    # The file is opened here, since astropy leaves its own open when a header is bad.
    with open(path, "rb") as file, _unzipped(path, file) as source:
        head, n_bytes = source.read(9), source.seek(0, io.SEEK_END)
        source.seek(0)
        if head != b"SIMPLE  =":
            found = f"it begins with {head!r}" if n_bytes else "it is empty"
            raise UnreadableFile(path, found, f"{EXPECTED}, which begins with b'SIMPLE  ='")
        try:
            # Odd keywords and missing padding are common and no reason to alarm a reader; what matters is checked.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                settings = {"memmap": False, "do_not_scale_image_data": True, "disable_image_compression": not unpack}
                with fits.open(source, **settings) as hdus:
                    yield hdus, n_bytes
        except UnreadableFile:
            raise
        except Exception as error:  # astropy raises a dozen different types on damaged headers, tables and tiles
            raise UnreadableFile(path, f"astropy says {type(error).__name__}: {str(error)[:200]}", EXPECTED) from error


def check_claim(path: str | Path, hdu: Any, n_bytes: int) -> None:
    """Refuse an HDU whose header claims more than the file holds.

    Parameters
    ----------
    path : path-like
        The file, for the message.
    hdu : astropy HDU
        From `open_fits` with ``unpack=False``; its data need not be loaded.
    n_bytes : int
        Size of the file.

    Raises
    ------
    UnreadableFile
        The data would end after the end of the file, have a negative size, unpack to more than ``MAX_UNPACKED_BYTES``,
        or are compressed in a way that is not among ``SAFE_COMPRESSION``.
    """
    size, start = hdu.size, hdu.fileinfo()["datLoc"]
    if size < 0 or start + size > n_bytes:
        found = f"HDU {hdu.name!r} claims {size} bytes of data from byte {start} on, and the file has {n_bytes} bytes"
        raise UnreadableFile(path, found, f"{EXPECTED} (is the download complete?)")
    if hdu.header.get("ZIMAGE"):
        kind = hdu.header.get("ZCMPTYPE")
        if kind not in SAFE_COMPRESSION:
            found = f"HDU {hdu.name!r} is compressed with {kind!r}"
            raise UnreadableFile(path, found, f"{', '.join(SAFE_COMPRESSION)} or none; unpack it with funpack first")
        _check_tiles(path, hdu)


def axes_of(header: Any) -> list[int]:
    """Lengths of an image's axes.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Of an image, or of the table that holds a tile-compressed one.

    Returns
    -------
    list of int
        Slowest first (NumPy order); empty for an HDU without data.
    """
    prefix = "Z" if header.get("ZIMAGE") else ""
    return [header[f"{prefix}NAXIS{k}"] for k in range(header[f"{prefix}NAXIS"], 0, -1)]


def _check_tiles(path: str | Path, hdu: Any) -> None:
    """Bound the image, a tile, and what each gzipped tile unpacks to: deflate turns one byte into a thousand."""
    item = abs(hdu.header["ZBITPIX"]) // 8
    unpacked = item * math.prod(axes_of(hdu.header))
    tile = item * math.prod(hdu.header.get(f"ZTILE{k + 1}", 1) for k in range(hdu.header["ZNAXIS"]))
    if max(unpacked, tile) > MAX_UNPACKED_BYTES:
        found = f"HDU {hdu.name!r} claims to unpack to {unpacked} bytes (tiles of {tile})"
        raise UnreadableFile(path, found, f"at most {MAX_UNPACKED_BYTES} bytes")
    gzipped = ["GZIP_COMPRESSED_DATA"] + (["COMPRESSED_DATA"] if hdu.header["ZCMPTYPE"].startswith("GZIP") else [])
    most = 8 * math.prod(axes_of(hdu.header))
    for name in set(gzipped) & set(hdu.columns.names):
        # Tiles that overlap would let a small file stand for any amount: read apart from their data, then refused.
        stored = hdu.data.view(np.ndarray)[name][..., 0].sum(dtype=float)
        if stored > hdu.header["PCOUNT"]:
            raise UnreadableFile(path, f"the tiles of HDU {hdu.name!r} claim {stored:.0f} bytes in all", EXPECTED)
        for packed in hdu.data.field(name):
            stream = zlib.decompressobj(wbits=31)
            if len(packed) and len(stream.decompress(packed.tobytes(), most + 1)) > most:
                raise UnreadableFile(path, f"a tile of HDU {hdu.name!r} unpacks to more than {most} bytes", EXPECTED)


@contextmanager
def _unzipped(path: str | Path, file: BinaryIO) -> Iterator[BinaryIO]:
    """The file itself, or the content of a gzipped one; refused beyond the limit: a small archive can hold gigabytes."""
    zipped = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    if not zipped:
        yield file
        return
    with io.BytesIO() as content:
        try:
            with gzip.GzipFile(fileobj=file) as stream:
                # Piece by piece: GzipFile.read(n) reserves n bytes, however little there is to read.
                while content.tell() <= MAX_UNPACKED_BYTES and (piece := stream.read(1 << 16)):
                    content.write(piece)
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableFile(path, f"its gzip stream is damaged ({error})", EXPECTED) from error
        if content.tell() > MAX_UNPACKED_BYTES:
            expected = "a smaller image; unzip larger ones yourself, then read the plain file"
            raise UnreadableFile(path, f"it unzips to more than {MAX_UNPACKED_BYTES} bytes", expected)
        content.seek(0)
        yield content
