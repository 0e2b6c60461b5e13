"""Sums along all straight lines of an image at once: the approximate discrete Radon transform.

Adding two strips of height h, the lower one shifted, gives the sums along lines of height 2h; N rows take log₂ N such steps,
instead of N for each line. The sums of the shorter strips are the sums along segments, so that a trail which ends inside the
frame is found as well. Method: Götz & Druck 1996 (Pattern Recognition 29, 711) and Brady 1998 (SIAM J. Comput. 27, 107); its use
for faint trails, with the noise of each line beside its sum: Nir, Zackay & Ofek 2018 (AJ 156, 229). The code is this project's.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

#: The four turns of an image in which every line goes down and to the right by at most 45 degrees: transposed, mirrored.
TURNS = ((False, False), (False, True), (True, False), (True, True))


def turned(image: np.ndarray, turn: tuple[bool, bool]) -> np.ndarray:
    """Turn an image so that one octant of its lines goes down and to the right.

    Parameters
    ----------
    image : ndarray of shape (height, width), any unit
    turn : (bool, bool)
        Swap the axes; then mirror the columns.

    Returns
    -------
    ndarray of shape (height, width) or (width, height)
        A view.
    """
    view = image.T if turn[0] else image
    return view[:, ::-1] if turn[1] else view


def unturned(
    y: np.ndarray, x: np.ndarray, shape: tuple[int, int], turn: tuple[bool, bool]
) -> tuple[np.ndarray, np.ndarray]:
    """Give the place in the image of a place in its turned view.

    Parameters
    ----------
    y, x : ndarray of any shape, pixels
        Row and column in the turned view.
    shape : (int, int)
        Height and width of the image that was turned.
    turn : (bool, bool)

    Returns
    -------
    y, x : ndarray, pixels
        Row and column in the image.
    """
    width = shape[0] if turn[0] else shape[1]
    x = width - 1 - x if turn[1] else x
    return (x, y) if turn[0] else (y, x)


def line_sums(image: np.ndarray, least: int = 1) -> Iterator[np.ndarray]:
    """Sum an image along all lines that go down and to the right by at most 45 degrees.

    Parameters
    ----------
    image : ndarray of shape (height, width), any unit
        Cast to float32. Pixels that do not count must be 0.
    least : int, rows
        Segments shorter than this are not given.

    Yields
    ------
    sums : ndarray of shape (n_strips, n, width + n_rows) float32, the image's unit times pixels
        One array for each segment height n = 1, 2, 4, … n_rows, where n_rows is the height raised to a power of two;
        n_strips = n_rows / n. ``sums[i, s, c]`` adds n pixels, one per row, from row ``i · n`` and column ``c − n_rows`` on to
        row ``i · n + n − 1`` and column ``c − n_rows + s``; pixels outside the image count 0. Read it before the
        next one is asked for, and do not write to it: the memory is used again.

    Notes
    -----
    Between its ends a segment stays within a pixel or two of the straight line (Brady 1998: half of log₂ n at most).
    """
    height, width = image.shape
    n_rows = 1 << max(height - 1, 0).bit_length()
    row = width + n_rows
    # Two buffers take turns. Behind the shifts of a strip lies one row of zeros, so that the skewed views end inside it.
    buffers = np.empty((2, 2 * n_rows * row), np.float32)
    sums = buffers[0].reshape(n_rows, 2, row)
    sums[:] = 0
    sums[:height, 0, n_rows:] = image
    n = 1
    if n >= least:
        yield sums[:, :n]
    while n < n_rows:
        n_strips = n_rows // (2 * n)
        upper, lower = sums[0::2, :n], sums[1::2].reshape(n_strips, -1)
        buffers = buffers[::-1]
        joined = buffers[0][: n_strips * (2 * n + 1) * row].reshape(n_strips, 2 * n + 1, row)
        joined[:, 2 * n] = 0
        for odd in (0, 1):
            # shift k of the lower strip begins k + odd columns further right: rows of length row + 1 in the same memory
            skewed = lower[:, odd : odd + n * (row + 1)].reshape(n_strips, n, row + 1)[:, :, :row]
            np.add(upper, skewed, out=joined[:, odd : 2 * n : 2])
        sums, n = joined, 2 * n
        if n >= least:
            yield sums[:, :n]
