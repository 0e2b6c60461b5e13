"""Burnt-in captions and borders, as cameras and their software write them."""

from __future__ import annotations

import numpy as np

#: Seven rows of five pixels per sign, a number per row, most significant bit to the left.
GLYPHS = {
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
    "/": (1, 1, 2, 4, 8, 16, 16),
    ":": (0, 4, 4, 0, 4, 4, 0),
    "-": (0, 0, 0, 31, 0, 0, 0),
    "U": (17, 17, 17, 17, 17, 17, 14),
    "T": (31, 4, 4, 4, 4, 4, 4),
    "C": (14, 17, 16, 16, 16, 17, 14),
    " ": (0, 0, 0, 0, 0, 0, 0),
}


def written(text: str, scale: int) -> np.ndarray:
    """Write a line; bool array of shape (7 scale, 6 scale len(text)), True where there is ink.

    Raises
    ------
    KeyError
        If a sign is not among `GLYPHS`.
    """
    rows = np.array([GLYPHS[sign] for sign in text])
    bits = (rows[:, :, None] >> np.arange(4, -1, -1)) & 1
    signs = np.pad(bits, ((0, 0), (0, 0), (0, 1))).astype(bool)
    return np.kron(np.hstack(list(signs)), np.ones((scale, scale), bool))


def caption(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A date and a frame number at the top or the bottom, on black or straight on the sky, and now and then a border.

    Parameters
    ----------
    shape : (n_rows, n_columns)
    rng : Generator

    Returns
    -------
    ndarray of shape (n_rows, n_columns), counts
        NaN where nothing is written.
    """
    paint = np.full(shape, np.nan)
    if rng.random() < 0.3:
        wide, grey = int(rng.integers(1, 9)), rng.uniform(0, 40)
        paint[:, :wide] = paint[-wide:] = grey
    year, month, day, hour, minute, second, frame = rng.integers([10, 1, 1, 0, 0, 0, 0], [35, 13, 29, 24, 60, 60, 9999])
    text = f"20{year}/{month:02d}/{day:02d} {hour:02d}:{minute:02d}:{second:02d} UTC {frame:04d}"
    ink = written(text, int(rng.integers(1, 3)))
    begin = int(rng.integers(0, max(1, ink.shape[1] - shape[1] // 2)))
    ink = ink[:, begin : begin + shape[1]]
    row = shape[0] - ink.shape[0] - int(rng.integers(1, 6)) if rng.random() < 0.8 else int(rng.integers(1, 6))
    if rng.random() < 0.5:
        paint[row - 1 : row + ink.shape[0] + 1] = rng.uniform(0, 30)
    column = int(rng.integers(0, max(1, shape[1] - ink.shape[1] + 1)))
    paint[row : row + ink.shape[0], column : column + ink.shape[1]][ink] = rng.uniform(150, 255)
    return paint
