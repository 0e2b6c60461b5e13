"""Connected groups of bright pixels: how many, where, how large, how long. Stars, trails and slewed stars all begin here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import label

from meteortut.previewer.background import STRIP_ROWS, Sky

#: Brightness of a pixel, after smoothing, from which it belongs to a blob, standard deviations; chosen: by chance alone a
#: frame of 512 × 512 pixels has none.
THRESHOLD_SIGMA = 5.0
#: Fewest pixels of a blob; chosen.
MIN_BLOB_PX = 5
#: Noise of the smoothed frame over that of the frame: the sum of the squared weights of (1, 2, 1)/4 along both axes is (6/16)².
SMOOTHED_NOISE = 0.375
#: A frame is saturated where its largest value is reached by this many pixels or more; chosen.
MIN_SATURATED_PX = 4


@dataclass(frozen=True)
class Blobs:
    """Groups of connected pixels (8-connected) above the threshold, in no special order.

    Attributes
    ----------
    n_px : ndarray of shape (n,) int
        Pixels of the group.
    y, x : ndarray of shape (n,), pixels
        Centroid, weighted by brightness.
    flux : ndarray of shape (n,), counts
        Light of the group's pixels above the background.
    peak : ndarray of shape (n,), standard deviations
        Brightest pixel, smoothed, in units of the smoothed noise.
    n_bright : ndarray of shape (n,) int
        Pixels brighter than half of the group's brightest, in the smoothed frame.
    hollow : ndarray of shape (n,)
        1 − brightness at the centroid over that of the brightest pixel, smoothed: 0 for a star in focus, near 1 for a ring.
    moments, outline : ndarray of shape (n, 3), square pixels
        Second central moments (yy, xx, xy): weighted by brightness, and of the bare outline.
    at_edge, saturated : ndarray of shape (n,) bool
        Touches the frame's border; holds a saturated pixel.
    labels : ndarray of shape (height, width) int32
        0 outside, k + 1 for pixels of group k.
    """

    n_px: np.ndarray
    y: np.ndarray
    x: np.ndarray
    flux: np.ndarray
    peak: np.ndarray
    n_bright: np.ndarray
    hollow: np.ndarray
    moments: np.ndarray
    outline: np.ndarray
    at_edge: np.ndarray
    saturated: np.ndarray
    labels: np.ndarray


def find_blobs(sky: Sky) -> Blobs:
    """Find the groups of bright pixels of a frame.

    Parameters
    ----------
    sky : Sky

    Returns
    -------
    Blobs
        None of them in a frame without noise, without valid pixels or without stars.

    Notes
    -----
    The frame in units of its noise is smoothed by (1, 2, 1)/4 along both axes and cut at 5 standard deviations of the smoothed
    noise; groups of fewer than five pixels are dropped. Source of the idea: SExtractor (Bertin & Arnouts 1996).
    """
    smooth = smoothed(sky.z)
    threshold = np.float32(THRESHOLD_SIGMA * SMOOTHED_NOISE)
    above = smooth > threshold
    labels, _ = label(above, structure=np.ones((3, 3)))
    order = np.flatnonzero(above)
    number = labels.ravel()[order]
    by_label = np.argsort(number, kind="stable")
    order, number = order[by_label], number[by_label]
    starts = np.flatnonzero(np.diff(number, prepend=0))
    counts = np.diff(np.append(starts, len(number)))
    large = counts >= MIN_BLOB_PX
    kept = np.repeat(large, counts)
    labels.ravel()[order] = np.repeat(np.where(large, np.cumsum(large), 0), counts)
    return _measure(sky, smooth, labels, order[kept], counts[large])


def smoothed(z: np.ndarray) -> np.ndarray:
    """Smooth by (1, 2, 1)/4 along both axes, the border repeated.

    Parameters
    ----------
    z : ndarray of shape (height, width) float32, any unit

    Returns
    -------
    ndarray of shape (height, width) float32, the same unit
    """
    result = np.empty_like(z)
    for y in range(0, len(z), STRIP_ROWS):
        rows = slice(y, min(y + STRIP_ROWS, len(z)))
        strip = np.pad(z[max(y - 1, 0) : y + STRIP_ROWS + 1], ((y == 0, rows.stop == len(z)), (1, 1)), mode="edge")
        down = strip[:-2] + strip[2:]
        down += 2 * strip[1:-1]
        part = result[rows]
        np.add(down[:, :-2], down[:, 2:], out=part)
        part += 2 * down[:, 1:-1]
        part *= np.float32(1 / 16)
    return result


def _measure(sky: Sky, smooth: np.ndarray, labels: np.ndarray, pixels: np.ndarray, n_px: np.ndarray) -> Blobs:
    """Measure groups whose pixels (flat indices) lie group after group."""
    n, shape = len(n_px), sky.z.shape
    owner = np.repeat(np.arange(n), n_px)
    y, x = np.divmod(pixels, shape[1])
    bright = smooth.ravel()[pixels].astype(np.float64)
    total = _sums(bright, owner, n)
    centre_y, centre_x = _sums(bright * y, owner, n) / total, _sums(bright * x, owner, n) / total
    peak = np.zeros(n)
    np.maximum.at(peak, owner, bright)
    edge = (y == 0) | (y == shape[0] - 1) | (x == 0) | (x == shape[1] - 1)
    top = sky.image.max()
    full = sky.image.ravel()[pixels] >= top
    if np.count_nonzero(full) < MIN_SATURATED_PX:
        full[:] = False
    middle = smooth[np.rint(centre_y).astype(int), np.rint(centre_x).astype(int)]
    noise = sky.noise[_cell(centre_y, shape[0], sky.noise.shape[0]), _cell(centre_x, shape[1], sky.noise.shape[1])]
    return Blobs(
        *(n_px, centre_y, centre_x, _sums(sky.z.ravel()[pixels], owner, n) * noise),
        peak=peak / SMOOTHED_NOISE,
        n_bright=_sums(bright >= peak[owner] / 2, owner, n).astype(int),
        hollow=1 - np.clip(middle / np.maximum(peak, 1e-9), 0, 1),
        moments=_second(y - centre_y[owner], x - centre_x[owner], bright, owner, n),
        outline=_second(y - (_sums(y, owner, n) / n_px)[owner], x - (_sums(x, owner, n) / n_px)[owner], None, owner, n),
        at_edge=_sums(edge, owner, n) > 0,
        saturated=_sums(full, owner, n) > 0,
        labels=labels,
    )


def _cell(place: np.ndarray, n: int, n_cells: int) -> np.ndarray:
    return np.clip(place * n_cells / n, 0, n_cells - 1).astype(int)


def _sums(values: np.ndarray, owner: np.ndarray, n: int) -> np.ndarray:
    result: np.ndarray = np.bincount(owner, weights=values, minlength=n)
    return result


def _second(dy: np.ndarray, dx: np.ndarray, weight: np.ndarray | None, owner: np.ndarray, n: int) -> np.ndarray:
    weight = np.ones(len(dy)) if weight is None else weight
    total = _sums(weight, owner, n)
    return np.stack([_sums(weight * part, owner, n) / total for part in (dy * dy, dx * dx, dy * dx)], axis=1)


def axes_of(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the ellipse with the same second moments.

    Parameters
    ----------
    moments : ndarray of shape (n, 3), square pixels
        yy, xx, xy.

    Returns
    -------
    major, minor : ndarray of shape (n,), pixels
        Standard deviations along the long and the short axis; 1/12 px², the variance of a pixel, is added to both.
    angle_deg : ndarray of shape (n,), degrees in [0, 180)
        Of the long axis, from +x (along the rows) towards +y (down the columns).
    """
    yy, xx, xy = moments.T
    middle, spread = (yy + xx) / 2 + 1 / 12, np.hypot((xx - yy) / 2, xy)
    angle = np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)) % 180
    return np.sqrt(middle + spread), np.sqrt(np.maximum(middle - spread, 1 / 12)), angle


def blob_features(blobs: Blobs, shape: tuple[int, int]) -> dict[str, float]:
    """Count the blobs and say how far off the frame's centre they lie.

    Parameters
    ----------
    blobs : Blobs
    shape : (int, int), pixels
        Height and width of the frame.

    Returns
    -------
    dict
        ``num_blobs``: an estimate of the number of visible stars.
        ``blob_centroid_distance``: distance between the frame's centre and the mean position of the blobs, over half of the
        frame's diagonal; 0 without blobs. ``median_blob_px``: median number of pixels; 0 without blobs. The report's
        fourth group has the first two, without saying which detector it uses.
    """
    n = len(blobs.n_px)
    if not n:
        return {"num_blobs": 0.0, "blob_centroid_distance": 0.0, "median_blob_px": 0.0}
    off = np.hypot(blobs.y.mean() - (shape[0] - 1) / 2, blobs.x.mean() - (shape[1] - 1) / 2)
    return {
        "num_blobs": float(n),
        "blob_centroid_distance": float(off / (np.hypot(*shape) / 2)),
        "median_blob_px": float(np.median(blobs.n_px)),
    }
