"""FITS images of any telescope: the first HDU that holds one 2-D image, plain or compressed.

astropy parses the file; this module decides which HDU is the image, refuses a header whose claims the file cannot hold
before anything of that size is allocated, and scales the numbers.
Format: FITS Standard 4.0 (Pence et al. 2010, A&A 524, A42), tiled compression as its section 10.
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
from typing import TYPE_CHECKING, Any

import numpy as np

from data_fetch.readers.errors import UnreadableFile

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["MAX_UNPACKED_BYTES", "check_claim", "open_fits", "read_fits_image"]

#: Most bytes that a compressed file (gzip or tiles) may unpack to: a 9576 x 6388 frame in float32 still fits.
MAX_UNPACKED_BYTES = 1 << 28
#: Compressions of tiles that are unpacked. HCOMPRESS_1 is not: on damaged tiles astropy's decoder brings Python down.
SAFE_COMPRESSION = ("RICE_1", "RICE_ONE", "GZIP_1", "GZIP_2", "PLIO_1", "NOCOMPRESS")

_EXPECTED = "a FITS file (plain, .fits.gz or .fits.fz) with a 2-D image"


def read_fits_image(path: str | Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Read the first 2-D image of a FITS file.

    Parameters
    ----------
    path : path-like
        A FITS file: plain, gzipped as a whole (``.fits.gz``), or with tile-compressed HDUs (``.fits.fz``).

    Returns
    -------
    image : ndarray of shape (n_rows, n_columns)
        Axis order (y, x), row 0 is the first row of the file (the lower edge of most telescope images). ``BSCALE`` and
        ``BZERO`` are applied, unit: ``header["BUNIT"]`` if given, else counts. Native byte order. Integers stay
        integers (``uint16`` for the usual ``BZERO = 32768``); scaled integers become float32 (8 and 16 bits) or
        float64; floating-point pixels keep their width. NaN pixels stay NaN, and integer pixels equal to ``BLANK``
        become NaN (the image is then floating-point): test with ``numpy.isnan`` before computing.
    header : dict
        Keyword to value of that HDU, completed by the primary header where the HDU does not say. ``BSCALE``, ``BZERO``
        and ``BLANK`` are left out, as they are applied. Repeated keywords (``COMMENT``, ``HISTORY``) are joined by new
        lines; cards that cannot be parsed are left out.

    Raises
    ------
    UnreadableFile
        Not FITS, empty, cut short, damaged, without a 2-D image, or larger unpacked than ``MAX_UNPACKED_BYTES``.
    FileNotFoundError, IsADirectoryError, PermissionError
        As from `open`.

    Notes
    -----
    An image has two axes, or more of which all but two have length 1. A file whose image claims more bytes than the
    file holds is refused before any pixel is read.
    """
    with open_fits(path, unpack=False) as (hdus, n_bytes):
        index = _first_image(path, hdus, n_bytes)
    with open_fits(path) as (hdus, _):
        hdu = hdus[index]
        header = _as_dict(hdus[0].header) | _as_dict(hdu.header)
        image = _scaled(np.asarray(hdu.data), *(header.pop(key, None) for key in ("BSCALE", "BZERO", "BLANK")))
    if image.ndim > 2:
        image = np.squeeze(image)
    return image, header


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
        The file is not FITS, or astropy cannot use what the block asks for.
    FileNotFoundError, IsADirectoryError, PermissionError
        As from `open`.
    """
    from astropy.io import fits

    source, n_bytes = _plain_source(path)
    try:
        # Odd keywords and missing padding are common in the wild, no reason to alarm a reader; what matters is checked.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(
                source, memmap=False, do_not_scale_image_data=True, disable_image_compression=not unpack
            ) as hdus:
                yield hdus, n_bytes
    except UnreadableFile:
        raise
    except Exception as error:  # astropy raises a dozen different types on damaged headers, tables and tiles
        raise UnreadableFile(path, f"astropy says {type(error).__name__}: {str(error)[:200]}", _EXPECTED) from error
    finally:
        if isinstance(source, io.BytesIO):
            source.close()


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
        raise UnreadableFile(path, found, f"{_EXPECTED} (is the download complete?)")
    if hdu.header.get("ZIMAGE"):
        if hdu.header.get("ZCMPTYPE") not in SAFE_COMPRESSION:
            found = f"HDU {hdu.name!r} is compressed with {hdu.header.get('ZCMPTYPE')!r}"
            raise UnreadableFile(path, found, f"{', '.join(SAFE_COMPRESSION)} or none; unpack it with funpack first")
        item = abs(hdu.header["ZBITPIX"]) // 8
        unpacked = item * math.prod(_axes(hdu.header))
        tile = item * math.prod(hdu.header.get(f"ZTILE{k + 1}", 1) for k in range(hdu.header["ZNAXIS"]))
        if max(unpacked, tile) > MAX_UNPACKED_BYTES:
            found = f"HDU {hdu.name!r} claims to unpack to {unpacked} bytes (tiles of {tile})"
            raise UnreadableFile(path, found, f"at most {MAX_UNPACKED_BYTES} bytes (MAX_UNPACKED_BYTES)")


def _plain_source(path: str | Path) -> tuple[Path | io.BytesIO, int]:
    """Path, or content of a gzipped file, and its size; refuses anything that does not begin like FITS."""
    source: Path | io.BytesIO = Path(path)
    with open(path, "rb") as file:
        head = file.read(9)
        n_bytes = file.seek(0, io.SEEK_END)
        if head[:2] == b"\x1f\x8b":
            file.seek(0)
            source = _unzipped(path, file)
            n_bytes = source.tell()
            source.seek(0)
            head = source.read(9)
            source.seek(0)
    if n_bytes == 0:
        raise UnreadableFile(path, "it is empty", _EXPECTED)
    if head != b"SIMPLE  =":
        raise UnreadableFile(path, f"it begins with {head!r}", f"{_EXPECTED}, which begins with b'SIMPLE  ='")
    return source, n_bytes


def _unzipped(path: str | Path, file: io.BufferedReader) -> io.BytesIO:
    """Content of a gzipped file, refused beyond the documented limit: a small archive can hold gigabytes of zeros."""
    content = io.BytesIO()
    try:
        with gzip.GzipFile(fileobj=file) as unzipped:
            # Piece by piece: GzipFile.read(n) reserves n bytes, however little there is to read.
            while content.tell() <= MAX_UNPACKED_BYTES and (piece := unzipped.read(1 << 16)):
                content.write(piece)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFile(path, f"its gzip stream is damaged ({error})", _EXPECTED) from error
    if content.tell() > MAX_UNPACKED_BYTES:
        expected = "a smaller image; unzip larger ones yourself, then read the plain file"
        raise UnreadableFile(path, f"it unzips to more than {MAX_UNPACKED_BYTES} bytes", expected)
    return content


def _axes(header: Any) -> list[int]:
    """Lengths of the axes, slowest first (NumPy order), of a plain image or of a tile-compressed one."""
    prefix = "Z" if header.get("ZIMAGE") else ""
    return [header[f"{prefix}NAXIS{k}"] for k in range(header[f"{prefix}NAXIS"], 0, -1)]


def _first_image(path: str | Path, hdus: fits.HDUList, n_bytes: int) -> int:
    """Index of the first HDU with a 2-D image. Each claim is checked before the next HDU is looked for behind it."""
    for index, hdu in enumerate(hdus):
        check_claim(path, hdu, n_bytes)
        if hdu.is_image or hdu.header.get("ZIMAGE"):
            axes = _axes(hdu.header)
            if min(axes, default=0) >= 1 and (len(axes) == 2 or sum(n > 1 for n in axes) == 2):
                return index
    raise UnreadableFile(path, f"none of its {len(hdus)} HDUs holds a 2-D image", _EXPECTED)


def _as_dict(header: Any) -> dict[str, Any]:
    """Keyword to value; cards that break the standard are left out, repeated keywords joined."""
    from astropy.io.fits import VerifyError
    from astropy.io.fits.card import Undefined

    result: dict[str, Any] = {}
    for card in header.cards:
        try:
            keyword, value = card.keyword, card.value
        except (VerifyError, ValueError):
            continue
        if keyword in ("", "END"):
            continue
        if keyword in ("COMMENT", "HISTORY") and keyword in result:
            value = f"{result[keyword]}\n{value}"
        result[keyword] = None if isinstance(value, Undefined) else value
    return result


def _scaled(raw: np.ndarray, bscale: Any, bzero: Any, blank: Any) -> np.ndarray:
    """Physical values, as the standard's equation 3; astropy's own scaling misses BLANK = 0 and BLANK of uint16."""
    scale, zero = float(1 if bscale is None else bscale), float(0 if bzero is None else bzero)
    image = raw.astype(raw.dtype.newbyteorder("="), copy=False)
    integer = image.dtype.kind in "iu"
    blanks = image == int(blank) if integer and blank is not None else np.zeros(0, dtype=bool)
    if not blanks.any():
        if scale == 1 and zero == 0:
            return np.ascontiguousarray(image)
        # Unsigned integers (signed bytes) are stored shifted by half their range: flip the top bit, stay integers.
        half = 1 << (8 * image.itemsize - 1)
        stored, wanted = ("u", "i") if image.dtype.kind == "u" else ("i", "u")
        if integer and scale == 1 and zero == (-half if stored == "u" else half):
            bits = np.ascontiguousarray(image).view(f"u{image.itemsize}")
            return (bits ^ bits.dtype.type(half)).view(f"{wanted}{image.itemsize}")
    wide = image.itemsize > 2 if integer else image.itemsize > 4
    result = image.astype(np.float64) * scale + zero
    if integer and blanks.size:
        result[blanks] = np.nan
    return result if wide else result.astype(np.float32)
