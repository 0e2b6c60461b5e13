"""FITS images of any telescope: the first HDU that holds one 2-D image, plain or compressed.

astropy parses the file, opened warily by `data_fetch.readers.fits_open`; this module decides which HDU is the image and
scales the numbers.
Format: FITS Standard 4.0 (Pence et al. 2010, A&A 524, A42), tiled compression as its section 10.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_fetch.readers.errors import UnreadableFile
from data_fetch.readers.fits_open import EXPECTED, axes_of, check_claim, open_fits

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["read_fits_image"]


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
        Not FITS, empty, cut short, damaged, without a 2-D image, larger unpacked than ``fits_open.MAX_UNPACKED_BYTES``,
        or compressed with HCOMPRESS_1.
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


def _first_image(path: str | Path, hdus: fits.HDUList, n_bytes: int) -> int:
    """Index of the first HDU with a 2-D image. Each claim is checked before the next HDU is looked for behind it."""
    for index, hdu in enumerate(hdus):
        check_claim(path, hdu, n_bytes)
        if hdu.is_image or hdu.header.get("ZIMAGE"):
            axes = axes_of(hdu.header)
            if min(axes, default=0) >= 1 and (len(axes) == 2 or sum(n > 1 for n in axes) == 2):
                return index
    raise UnreadableFile(path, f"none of its {len(hdus)} HDUs holds a 2-D image", EXPECTED)


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
