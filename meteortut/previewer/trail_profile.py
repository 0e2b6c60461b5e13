"""A line looked at closely: is it as bright throughout as a trail, or a few stars in a row, or an edge?"""

from __future__ import annotations

import numpy as np

from meteortut.previewer.background import MAD_TO_SIGMA
from meteortut.previewer.radon import turned, unturned
from meteortut.previewer.trail_lines import Line

#: Shortest stretch of a line that is measured, rows of the binned frame; chosen: a few stars in a row do not fill it, and
#: bright shorter trails are streaks.
LEAST_STRETCH = 48
#: How far the mean of the lower two thirds of a normal distribution is below its mean, standard deviations.
DIM_BIAS = 0.5454
#: Columns either side of a line: its neighbourhood, binned pixels; chosen.
SIDE_PX = (5, 11)
#: Fewest pieces of the neighbourhood that tell its scatter; chosen.
MIN_AROUND = 12


def measure_line(image: np.ndarray, line: Line) -> tuple[float, np.ndarray]:
    """Follow a line through the whole frame, find where along it the trail lies, and measure it there.

    Parameters
    ----------
    image : ndarray of shape (height, width) float32, standard deviations
        Masked pixels are NaN.
    line : Line

    Returns
    -------
    snr : float
        0 for a line of which less than half is known or less than 48 rows are inside the frame.
    ends : ndarray of shape (2, 2), pixels
        (y, x) of both ends; NaN if nothing was measured.

    Notes
    -----
    In pieces of four rows (a 32nd of longer segments). The stretch is the one with the largest sum over the root of its length, at
    least half as long as the segment that was found. Its SNR: mean brightness of the
    dimmer two thirds of the pieces, plus what noise takes from such a mean, above the background and above either side; times
    the root of the number of pixels; over the noise of the direction, and over the scatter of the pieces beside the line where
    that is more than white noise: among crowded stars any line finds some.
    """
    view = turned(image, line.turn)
    y = np.arange(view.shape[0])
    x = line.start + line.slope * y
    inside = (x >= 0) & (x <= view.shape[1] - 1)
    piece = max(4, line.rows // 32)
    n = int(np.count_nonzero(inside)) // piece
    if n * piece < LEAST_STRETCH:
        return 0.0, np.full((2, 2), np.nan)
    y, x = y[inside][: n * piece], x[inside][: n * piece]
    core, left, right, n_core = _profile(view, y, x, line.width, piece)
    first, last = _best_stretch(np.nan_to_num(core), min(max(LEAST_STRETCH, line.rows // 2) // piece, n))
    stretch = slice(first, last)
    snr = _evenly(core[stretch], (left[stretch], right[stretch]), n_core[stretch], line.width) / line.noise
    tips = [first * piece, last * piece - 1]
    return snr, np.stack(unturned(y[tips].astype(float), x[tips], image.shape, line.turn), axis=1)


def _evenly(core: np.ndarray, sides: tuple[np.ndarray, np.ndarray], n_core: np.ndarray, width: int) -> float:
    """SNR of a line as bright throughout as the dimmer of its pieces say; 0 if it is dark, or less than half known."""
    known = n_core > 0
    if np.count_nonzero(known) < max(6, len(core) / 2):
        return 0.0
    share = width / (SIDE_PX[1] - SIDE_PX[0] + 1)  # pixels of the line over those of a side
    scatter = np.sqrt(np.median((1 + share) / n_core[known]))
    n_dim = max(1, 2 * len(core[known]) // 3)
    excess = []
    for side in (np.zeros(len(core)), *sides):  # a side darker than the background is no merit of the line
        above = np.sort(core[known] - np.nan_to_num(side[known]))
        excess.append(above[:n_dim].mean() + DIM_BIAS * scatter)
    crowd = _crowding(np.concatenate(sides), float(np.median(n_core[known])) / share)
    return float(max(min(excess), 0.0) * np.sqrt(n_core.sum()) / crowd)


def _crowding(around: np.ndarray, n_px: float) -> float:
    """Scatter of the pieces beside a line over that of white noise, at least 1."""
    around = around[np.isfinite(around)]
    if len(around) < MIN_AROUND:
        return 1.0
    return max(1.0, MAD_TO_SIGMA * float(np.median(np.abs(around - np.median(around)))) * n_px**0.5)


def _profile(
    view: np.ndarray, y: np.ndarray, x: np.ndarray, width: int, piece: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean brightness of the pieces of a line and of their two sides, NaN where nothing is known; and pixels of each piece."""
    offsets = np.arange(-SIDE_PX[1], SIDE_PX[1] + 1)
    columns = np.rint(x).astype(int)[:, None] + offsets
    values = view[y[:, None], np.clip(columns, 0, view.shape[1] - 1)].astype(np.float64)
    known = (columns >= 0) & (columns < view.shape[1]) & np.isfinite(values)
    values[~known] = 0
    parts = []
    for where in (np.abs(offsets) <= width // 2, offsets <= -SIDE_PX[0], offsets >= SIDE_PX[0]):
        n = known[:, where].reshape(len(y) // piece, -1).sum(axis=1)
        total = values[:, where].reshape(len(y) // piece, -1).sum(axis=1)
        enough = n >= piece * where.sum() / 3
        parts.append((np.where(enough, total / np.maximum(n, 1), np.nan), np.where(enough, n, 0)))
    return parts[0][0], parts[1][0], parts[2][0], parts[0][1]


def _best_stretch(means: np.ndarray, least: int) -> tuple[int, int]:
    """First and last + 1 piece of the stretch of at least `least` pieces with the largest sum over the root of its length."""
    total = np.append(0, np.cumsum(means))
    length = np.arange(len(total)) - np.arange(len(total))[:, None]
    gain = np.where(length >= least, (total - total[:, None]) / np.sqrt(np.maximum(length, 1)), -np.inf)
    first, last = np.unravel_index(gain.argmax(), gain.shape)
    return int(first), int(last)
