"""The sky behind the stars: its level and its noise on a mesh, and the frame in units of that noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter

#: Side of a mesh cell, pixels; chosen: many times the width of a star, small beside a cloud. Large frames get larger cells.
CELL_PX = 32
#: Most cells along an axis; chosen.
MAX_CELLS = 64
#: Standard deviation of a normal distribution over its median absolute deviation.
MAD_TO_SIGMA = 1.4826
#: Rows worked on at a time, so that what a step needs stays in the processor's cache.
STRIP_ROWS = 64


@dataclass(frozen=True)
class Sky:
    """A frame and what is behind its stars.

    Attributes
    ----------
    image : ndarray of shape (height, width) float32, counts
        The frame, its invalid pixels filled.
    valid : ndarray of shape (height, width) bool, or None
        None: every pixel is valid.
    level, noise : ndarray of shape (n_cells_y, n_cells_x) float32, counts
        Median of each cell, and the standard deviation of its pixels about it (from the median absolute deviation).
    z : ndarray of shape (height, width) float32, standard deviations of a pixel's noise
        The frame less its background; hot pixels replaced by the mean of their neighbours, invalid pixels 0.
    n_hot : int
        Pixels far brighter than all their neighbours.
    """

    image: np.ndarray
    valid: np.ndarray | None
    level: np.ndarray
    noise: np.ndarray
    z: np.ndarray
    n_hot: int


def measure_sky(image: np.ndarray, valid: np.ndarray | None = None) -> Sky:
    """Measure background and noise of a frame.

    Parameters
    ----------
    image : ndarray of shape (height, width) float32, counts
        Invalid pixels filled with a finite number.
    valid : ndarray of shape (height, width) bool, optional

    Returns
    -------
    Sky
        A frame of one value throughout has noise 0 and z 0.

    Notes
    -----
    Median in cells of 32 pixels, a 3 × 3 median over the cells against bright stars, then linear interpolation: as SExtractor's
    mesh (Bertin & Arnouts 1996, A&AS 117, 393), with every other row and column sampled. The noise the same way, from the
    absolute deviations of the pixels from that background, times 1.4826.
    The noise of a cell is at least half of the frame's median noise, so that quantised or clipped cells give no spurious stars.
    """
    level = _mesh(image, valid)
    z = image - _interpolated(level, image.shape)
    noise = np.float32(MAD_TO_SIGMA) * _mesh(np.abs(z), valid)
    usable = noise[noise > 0]
    typical = float(np.median(usable)) if usable.size else 0.0
    if not typical:  # more than half of every cell is one value: take the spread of what differs
        inside = image if valid is None else image[valid]
        typical = float(inside.std(dtype=np.float64)) if inside.size else 0.0
    noise = np.maximum(noise, np.float32(typical / 2))
    if typical > 0:
        z *= _interpolated(1 / noise, image.shape)
    else:
        z[:] = 0
    if valid is not None:
        z[~valid] = 0
    return Sky(image, valid, level, noise, z, _replace_hot(z))


def _cell_edges(n: int) -> np.ndarray:
    n_cells = int(np.clip(n // CELL_PX, 1, MAX_CELLS))
    return np.linspace(0, n, n_cells + 1).astype(int)


def _mesh(image: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """Median of each cell, then the median of the 3 × 3 cells about it."""
    ys, xs = _cell_edges(image.shape[0]), _cell_edges(image.shape[1])
    step = 2 * max(1, (ys[1] - ys[0]) // CELL_PX)
    if valid is None and len({*np.diff(ys), *np.diff(xs)}) == 1 and (ys[1] - ys[0]) % step == 0:
        some, n = image[::step, ::step], (ys[1] - ys[0]) // step
        cells = some.reshape(len(ys) - 1, n, len(xs) - 1, n).swapaxes(1, 2).reshape(len(ys) - 1, len(xs) - 1, -1)
        middle = cells.shape[2] // 2
        level = np.partition(cells, middle, axis=2)[:, :, middle]
    else:
        level = _uneven_mesh(image, valid, ys, xs, step)
    return median_filter(level, 3, mode="nearest") if min(level.shape) >= 3 else level


def _uneven_mesh(image: np.ndarray, valid: np.ndarray | None, ys: np.ndarray, xs: np.ndarray, step: int) -> np.ndarray:
    level = np.full((len(ys) - 1, len(xs) - 1), np.nan, np.float32)
    for i in range(len(ys) - 1):
        for j in range(len(xs) - 1):
            where = slice(ys[i], ys[i + 1], step), slice(xs[j], xs[j + 1], step)
            cell = image[where].ravel() if valid is None else image[where][valid[where]]
            if cell.size >= 8:
                level[i, j] = np.partition(cell, cell.size // 2)[cell.size // 2]
    known = np.isfinite(level)
    level[~known] = np.median(level[known]) if known.any() else np.median(image)
    return level


def _weights(n: int) -> np.ndarray:
    """Matrix (n, n_cells) that interpolates linearly between the middles of the cells, and continues straight beyond them."""
    edges = _cell_edges(n)
    middle = (edges[:-1] + edges[1:] - 1) / 2
    if len(middle) == 1:
        return np.ones((n, 1), np.float32)
    place = np.arange(n)
    left = np.clip(np.searchsorted(middle, place) - 1, 0, len(middle) - 2)
    share = (place - middle[left]) / (middle[left + 1] - middle[left])
    weights = np.zeros((n, len(middle)), np.float32)
    weights[place, left], weights[place, left + 1] = 1 - share, share
    return weights


def _interpolated(mesh: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A mesh of values, interpolated to the pixels of a frame."""
    result: np.ndarray = _weights(shape[0]) @ (mesh @ _weights(shape[1]).T)
    return result


def _replace_hot(z: np.ndarray, least: float = 8.0, share: float = 0.2) -> int:
    """Replace pixels above `least` whose brightest 4-neighbour has under `share` of their light; their number.

    A star sampled by 1.5 pixels at half maximum gives its 4-neighbours 0.29 of its peak, a hot pixel gives them nothing.
    """
    y, x = np.divmod(np.flatnonzero(z > least), z.shape[1])
    inside = (y > 0) & (y < z.shape[0] - 1) & (x > 0) & (x < z.shape[1] - 1)
    y, x = y[inside], x[inside]
    around = np.stack([z[y - 1, x], z[y + 1, x], z[y, x - 1], z[y, x + 1]])
    hot = around.max(axis=0, initial=-np.inf) < np.maximum(share * z[y, x], 3.0)
    z[y[hot], x[hot]] = np.clip(around[:, hot].mean(axis=0), -3, 3)
    return int(hot.sum())
