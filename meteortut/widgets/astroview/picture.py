"""A frame as a picture: binned to the size of the screen, stretched, encoded as PNG."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image

#: Longest side of the picture, pixels; with 8 bits each it stays below 0.6 MB as text, however noisy the frame.
LONGEST = 640
LIMITS = ("zscale", "percentile", "full range", "by hand")
STRETCHES = ("linear", "asinh")
#: What "percentile" leaves out on both ends, per cent; chosen.
LEFT_OUT_PERCENT = 0.5
#: Larger numbers, either way, are no measurement, and their differences would not fit into float32.
LARGEST = 1e37
#: Softening of the asinh stretch, in units of the range; astropy's default.
SOFTENING = 0.1
#: Grey levels, after one colour for pixels without a value.
PALETTE = np.vstack([[[70, 0, 110]], np.repeat(np.linspace(0, 255, 255).round()[:, None], 3, axis=1)]).astype(np.uint8)


def binned(frame: np.ndarray, longest: int = LONGEST) -> np.ndarray:
    """Bin a frame by whole factors until it fits the screen.

    Parameters
    ----------
    frame : ndarray of shape (height, width), any unit
        Integers or floats; NaN, infinite and masked pixels have no value, nor have those beyond `LARGEST`.
    longest : int
        Longest side of the result, pixels.

    Returns
    -------
    ndarray of shape (ceil(height / k), ceil(width / k)), float32, the frame's unit
        Means of k × k pixels, the smallest k that fits, at the edges of those there are; pixels without a value are left out,
        and a bin of nothing else is NaN. Always a copy, so that the frame itself can be let go.

    Raises
    ------
    ValueError, TypeError
        The frame is not two-dimensional, is empty, or its pixels are no real numbers.
    """
    if np.ndim(frame) != 2 or 0 in np.shape(frame):
        raise ValueError(f"the frame has shape {np.shape(frame)}; expected (height, width), neither of them 0.")
    pixels = np.ma.asanyarray(frame)
    if pixels.dtype.kind not in "buif":
        raise TypeError(f"the frame holds {pixels.dtype}; expected integers or floats.")
    valid = np.isfinite(pixels.data) & ~np.ma.getmaskarray(pixels)
    if pixels.dtype.kind == "f" and pixels.dtype.itemsize >= 4:
        valid &= np.abs(pixels.data) < LARGEST
    values = pixels.data if valid.all() else np.where(valid, pixels.data, 0)
    k = -(-max(values.shape) // longest)
    if k > 1:
        rows, columns = np.arange(0, values.shape[0], k), np.arange(0, values.shape[1], k)
        values, n = (
            np.add.reduceat(np.add.reduceat(part, rows, axis=0, dtype=np.float64), columns, axis=1)
            for part in (values, valid)
        )
        values, valid = values / np.maximum(n, 1), n > 0
    return np.where(valid, values, np.nan).astype(np.float32)


def limits(image: np.ndarray, how: str) -> tuple[float, float]:
    """Values that are drawn black and white.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        From `binned`; NaN is left out.
    how : str
        "zscale" (IRAF's, as astropy has it), "percentile" (0.5 % are darker, 0.5 % brighter), or "full range".

    Returns
    -------
    low, high : float, the image's unit
        Equal if the image is constant; rounded to a thousandth of the range otherwise, so that they can be read and typed.

    Raises
    ------
    ValueError
        No pixel has a value.
    """
    from astropy.visualization import ZScaleInterval

    values = image[np.isfinite(image)]
    if values.size == 0:
        raise ValueError("no pixel has a value: all are NaN, infinite or masked.")
    low, high = values.min(), values.max()
    if how == "percentile":
        low, high = np.percentile(values, [LEFT_OUT_PERCENT, 100 - LEFT_OUT_PERCENT])
    elif how == "zscale":
        low, high = ZScaleInterval().get_limits(values)
    if not high > low:  # nearly all pixels are alike for these rules, although there may be something to see
        low, high = values.min(), values.max()
    low, high = float(low), float(high)
    digits = 3 - math.floor(math.log10(high - low)) if high > low else None
    return (low, high) if digits is None else (round(low, digits), round(high, digits))


def png(image: np.ndarray, low: float, high: float, stretch: str) -> bytes:
    """Encode an image.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        From `binned`; NaN is drawn purple. Row 0 is drawn at the bottom, as FITS viewers do.
    low, high : float, the image's unit
        Drawn black and white; all is mid-grey when they are equal.
    stretch : "asinh" or "linear"
        The asinh of Lupton et al. (1999, AJ 118, 1406) shows faint things beside bright ones.

    Returns
    -------
    bytes
        A PNG file of that size, 8 bits per pixel.
    """
    if high > low:
        share = np.clip((image.astype(np.float64) - low) / (high - low), 0, 1)
    else:
        share = np.where(np.isnan(image), np.nan, 0.5)
    if stretch == "asinh":
        share = np.arcsinh(share / SOFTENING) / np.arcsinh(1 / SOFTENING)
    levels = np.where(np.isnan(share), 0, 1 + 254 * np.nan_to_num(share)).astype(np.uint8)
    picture = Image.fromarray(levels[::-1]).convert("L")
    picture.putpalette(PALETTE.tobytes())
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=1)  # noise packs badly at any level; 1 is the quickest
    return stream.getvalue()
