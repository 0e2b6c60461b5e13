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
#: Width of a line in a frame that is not smoothed, binned pixels; chosen: about that of a star.
EVEN_WIDTH_PX = 3
#: Columns either side of a line: its neighbourhood, binned pixels; chosen.
SIDE_PX = (5, 11)
#: Fewest pieces of the neighbourhood that tell its scatter; chosen.
MIN_AROUND = 12


def measure_line(image: np.ndarray, line: Line, evenly: bool) -> tuple[float, np.ndarray]:
    """Follow a line through the whole frame, find where along it the trail lies, and measure it there.

    Parameters
    ----------
    image : ndarray of shape (height, width) float32
        Evenly: the frame in standard deviations, masked pixels NaN. Else: the smoothed frame in which the line was found.
    line : Line
    evenly : bool
        Whether stars may be left in the frame, so that only a line as bright throughout as a trail counts.

    Returns
    -------
    snr : float
        0 for a line of which less than half is known or less than 24 rows (evenly: 48) are inside the frame.
    ends : ndarray of shape (2, 2), pixels
        (y, x) of both ends; NaN if nothing was measured.

    Notes
    -----
    In pieces of four rows (a 32nd of longer segments). The stretch is the one with the largest sum over the root of its length, at
    least half as long as the segment that was found. Its SNR: mean brightness of the pieces, above the background and above
    either side; times the root of the number of pixels; over the noise of the direction.
    Evenly: three columns wide, the noise not under that of white noise; of the dimmer two thirds of the pieces, plus what noise
    takes from such a mean; and also over the scatter of the pieces beside the line where that is more than white noise: among
    crowded stars any line finds some.
    """
    view = turned(image, line.turn)
    y = np.arange(view.shape[0])
    x = line.start + line.slope * y
    inside = (x >= 0) & (x <= view.shape[1] - 1)
    piece, least = max(4, line.rows // 32), LEAST_STRETCH if evenly else LEAST_STRETCH // 2
    n = int(np.count_nonzero(inside)) // piece
    if n * piece < least:
        return 0.0, np.full((2, 2), np.nan)
    y, x = y[inside][: n * piece], x[inside][: n * piece]
    width = EVEN_WIDTH_PX if evenly else 1
    core, left, right, n_core = _profile(view, y, x, width, piece)
    first, last = _best_stretch(np.nan_to_num(core), min(max(least, line.rows // 2) // piece, n))
    part = slice(first, last)
    brightness, noise = (_evenly, max(line.noise, 1.0)) if evenly else (_matched, line.noise)
    snr = brightness(core[part], (left[part], right[part]), n_core[part], width) / noise
    tips = [first * piece, last * piece - 1]
    return snr, np.stack(unturned(y[tips].astype(float), x[tips], image.shape, line.turn), axis=1)


def _matched(core: np.ndarray, sides: tuple[np.ndarray, np.ndarray], n_core: np.ndarray, width: int) -> float:
    """SNR of a line in a frame without stars; 0 if it is dark, or less than half known."""
    known = n_core > 0
    if np.count_nonzero(known) < len(core) / 2:
        return 0.0
    weight = n_core[known] / n_core.sum()
    above = [float(weight @ (core - np.nan_to_num(side))[known]) for side in (np.zeros(len(core)), *sides)]
    return max(min(above), 0.0) * float(np.sqrt(n_core.sum()))


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
