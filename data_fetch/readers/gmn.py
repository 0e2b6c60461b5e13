"""Global Meteor Network: FF files, the pseudo-cubes made of them, and station masks.

An FF file sums up 256 video frames (10.24 s at 25 fps) in four planes, as the network's software RMS writes them
(github.com/CroatianMeteorNetwork/RMS; Vida et al. 2021, MNRAS 506, 5046). The text files and our labels are read in
`data_fetch.readers.ftpdetectinfo` and offered here too.
"""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_fetch.readers.errors import UnreadableFile
from data_fetch.readers.fits_open import check_claim, open_fits
from data_fetch.readers.ftpdetectinfo import parse_ff_name, read_ff_labels, read_ftpdetectinfo, read_slow_trails

__all__ = ["FFFile", "pseudo_cube", "read_ff", "read_ff_labels", "read_ftpdetectinfo", "read_mask", "read_slow_trails"]

PLANES = ("MAXPIXEL", "MAXFRAME", "AVEPIXEL", "STDPIXEL")
#: MAXFRAME is stored in 8 bits, so an FF file never sums up more frames than this.
MAX_FRAMES = 256

_EXPECTED = "an RMS FF file with the planes MAXPIXEL, MAXFRAME, AVEPIXEL and STDPIXEL"


@dataclass(frozen=True, eq=False)
class FFFile:
    """One FF file: `n_frames` video frames summed up pixel by pixel.

    Parameters
    ----------
    ff_file : str
        Name of the file.
    station : str
        Station code, ``"UK0006"``.
    start : pandas.Timestamp
        Time of frame 0, UTC, to the millisecond, from the file name.
    fps : float
        Frames per second.
    n_frames : int
        Frames summed up (256).
    maxpixel : ndarray of shape (n_rows, n_columns), uint8
        Brightest value of each pixel, counts. Axis order (y, x), row 0 on top.
    maxframe : ndarray of the same shape, uint8
        Frame in which each pixel was brightest, 0 to ``n_frames - 1``. Row y is read out late (rolling shutter): the
        instant is ``(maxframe + y / n_rows) / fps`` seconds after `start`.
    avepixel : ndarray of the same shape, uint8
        Mean of each pixel without its maximum, counts.
    stdpixel : ndarray of the same shape, uint8
        Standard deviation of each pixel, counts.
    """

    ff_file: str
    station: str
    start: pd.Timestamp
    fps: float
    n_frames: int
    maxpixel: np.ndarray
    maxframe: np.ndarray
    avepixel: np.ndarray
    stdpixel: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """(n_rows, n_columns) of every plane."""
        n_rows, n_columns = self.maxpixel.shape
        return n_rows, n_columns


def read_ff(path: str | Path) -> FFFile:
    """Read one FF file.

    Parameters
    ----------
    path : path-like
        ``FF_<station>_<yyyymmdd>_<hhmmss>_<ms>_<frame>.fits``; the name is needed, it holds the time.

    Returns
    -------
    FFFile

    Raises
    ------
    UnreadableFile
        The name is not that of an FF file, a plane is missing, not 8-bit or of another shape than the first, the header
        has no usable ``FPS``, or the file is damaged or cut short (see `data_fetch.readers.fits_open.open_fits`).
    FileNotFoundError, IsADirectoryError, PermissionError
        As from `open`.
    """
    station, start = parse_ff_name(path, Path(path).name)
    planes: dict[str, np.ndarray] = {}
    with open_fits(path, unpack=False) as (hdus, n_bytes):
        fps, n_frames = (_positive(path, hdus[0].header, key) for key in ("FPS", "NFRAMES"))
        for hdu in hdus:
            check_claim(path, hdu, n_bytes)
            if hdu.name in PLANES and hdu.is_image:
                planes[hdu.name] = np.asarray(hdu.data)
    for name in PLANES:
        plane = planes.get(name)
        if plane is None or plane.dtype != np.uint8 or plane.ndim != 2 or plane.shape != planes["MAXPIXEL"].shape:
            found = "missing" if plane is None else f"{plane.dtype} of shape {plane.shape}"
            raise UnreadableFile(path, f"plane {name} is {found}", f"{_EXPECTED}, all 2-D uint8 of one shape")
    last = int(planes["MAXFRAME"].max())
    if not last < n_frames <= MAX_FRAMES:
        raise UnreadableFile(
            path, f"NFRAMES is {n_frames:g}, MAXFRAME goes up to {last}", f"MAXFRAME < NFRAMES <= {MAX_FRAMES}"
        )
    return FFFile(Path(path).name, station, start, fps, int(n_frames), *(planes[name] for name in PLANES))


def pseudo_cube(
    ff: FFFile, center: tuple[float, float], size: int = 720, n_pixels: int = 48
) -> tuple[np.ndarray, tuple[int, int]]:
    """Spread an FF file out again into frames: each pixel flashes once, in the frame of its maximum.

    Parameters
    ----------
    ff : FFFile
        From `read_ff`.
    center : (float, float)
        (y, x) in pixels of the frame, about which the window is cut; the window is shifted to stay inside the frame.
    size : int
        Side of the square window, pixels; a multiple of `n_pixels` and not more than the frame's sides.
    n_pixels : int
        Side of the cube, pseudo-pixels; each is ``size / n_pixels`` pixels wide.

    Returns
    -------
    cube : ndarray of shape (n_frames, n_pixels, n_pixels), float32
        Counts above the mean, axis order (frame, y, x): ``cube[k, y, x]`` is the sum of MAXPIXEL - AVEPIXEL over those
        pixels of bin (y, x) whose MAXFRAME is k. Where the sky is quiet that is noise: maxima are never negative.
    origin : (int, int)
        (y0, x0) of the window in the frame: a pseudo-pixel's centre is ``y0 + (y + 0.5) * size / n_pixels - 0.5``.

    Raises
    ------
    ValueError
        The window does not fit, is not a multiple of `n_pixels`, or `center` is outside the frame.

    Notes
    -----
    One instant per pixel: what crosses a pixel twice, or lasts there, shows once. A stand-in, not a video.
    """
    n_rows, n_columns = ff.shape
    if not 1 <= n_pixels <= size <= min(n_rows, n_columns) or size % n_pixels:
        raise ValueError(
            f"size is {size} and n_pixels is {n_pixels}; expected a size that is a multiple of n_pixels and at most "
            f"{min(n_rows, n_columns)}, the shorter side of the frame."
        )
    y, x = (float(value) for value in center)
    if not (0 <= y < n_rows and 0 <= x < n_columns):
        raise ValueError(f"center is {center}; expected (y, x) within {ff.shape}. Are y and x exchanged?")
    y0 = min(max(round(y - size / 2), 0), n_rows - size)
    x0 = min(max(round(x - size / 2), 0), n_columns - size)
    window = np.s_[y0 : y0 + size, x0 : x0 + size]
    bins = np.arange(size) // (size // n_pixels)
    index = (ff.maxframe[window].astype(np.intp) * n_pixels + bins[:, None]) * n_pixels + bins
    excess = ff.maxpixel[window].astype(np.float64) - ff.avepixel[window]
    cube = np.bincount(index.ravel(), weights=excess.ravel(), minlength=ff.n_frames * n_pixels**2)
    return cube.reshape(ff.n_frames, n_pixels, n_pixels).astype(np.float32), (y0, x0)


def read_mask(path: str | Path) -> np.ndarray:
    """Read a station's mask: the part of the frame that its detector uses.

    Parameters
    ----------
    path : path-like
        ``mask.bmp`` beside the FF files.

    Returns
    -------
    ndarray of shape (n_rows, n_columns), bool
        Axis order (y, x), as the planes of an FF file. True where the sky is used (RMS: any grey above 0), False on
        trees, roofs and the burnt-in caption. All true when the station masks nothing.

    Raises
    ------
    UnreadableFile
        Not a bitmap, cut short, or claiming more pixels than a file of its size can hold.
    FileNotFoundError, IsADirectoryError, PermissionError
        As from `open`.
    """
    from PIL import Image

    expected = "an uncompressed Windows bitmap, as RMS writes it"
    with open(path, "rb") as file:
        head = file.read(2)
        most_pixels = 8 * file.seek(0, io.SEEK_END)
        if head != b"BM":
            raise UnreadableFile(path, f"it begins with {head!r}" if head else "it is empty", expected)
        file.seek(0)
        # Pillow raises many types on damaged bitmaps, struct.error among them, and warns of sizes refused here anyway.
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                image = Image.open(file, formats=["BMP"])
            if image.width * image.height > most_pixels:
                raise UnreadableFile(path, f"it claims {image.width} x {image.height} pixels", expected)
            return np.asarray(image.convert("L")) > 0
        except UnreadableFile:
            raise
        except Exception as error:
            raise UnreadableFile(path, f"Pillow says {type(error).__name__}: {error}", expected) from error


def _positive(path: str | Path, header: Any, key: str) -> float:
    """A positive finite number of the header, or `UnreadableFile`."""
    value = header.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not (math.isfinite(value) and value > 0):
        raise UnreadableFile(path, f"its header says {key} = {value!r}", f"{_EXPECTED}, and a positive {key}")
    return float(value)
