"""What the ground shows while a light shines: the same places, seen by other pixels before and after."""

from __future__ import annotations

from typing import Any

import numpy as np

from meteortut.focal import to_focal
from meteortut.pipeline.camera import Camera
from meteortut.pipeline.track_model import unit_curves

#: Frames between a light and the frames that show the ground without it: at least so many, and as long as it shines; how many looks
#: before it and after it, and frames from one to the next (chosen: towns stay in place that long, clouds nearly).
APART, LOOKS, EVERY = 24, 8, 12
#: A place that is farther outside of the pixels than this, in units of the way to the next one, was not seen (chosen).
OUTSIDE = 0.25


def drifting_scenery(
    frames: Any, span: tuple[int, int], rows: np.ndarray, columns: np.ndarray, camera: Camera, lit: tuple[float, float]
) -> np.ndarray:
    """How the light of each pixel would change as the ground drifts by, told from other frames.

    What a pixel sees of the ground now, another one saw some seconds ago, and a third one will see. Clouds, coasts and towns stay
    what they are that long; a meteor does not. The median of such looks is the scenery.

    Parameters
    ----------
    frames : ndarray, memmap or Zarr array of shape (n_frames, height, width), counts per GTU
        Axes (time, y, x).
    span : (int, int)
        First frame, and one past the last, for which it is wanted.
    rows, columns : ndarray of int of shape (n_rows,) and (n_columns,)
        Pixels for which it is wanted.
    camera : Camera
        Its ``yaw_deg`` must be known.
    lit : (float, float)
        Instants between which the light is expected.

    Returns
    -------
    ndarray of shape (n, n_rows, n_columns)
        A curve per pixel: its line is taken away, the sum of its squares is one; zero where no other pixel saw the place.
    """
    first, stop = span
    drift, flat = camera.drift, camera.flat
    assert drift is not None
    response = np.ones(frames.shape[1:]) if flat is None else flat
    gain = np.divide(1.0, response, out=np.zeros(response.shape), where=response > 0)
    apart = max(APART, int(np.ceil(lit[1] - lit[0])))
    looks, whens = [], np.array([side * (apart + EVERY * k) for side in (-1, 1) for k in range(LOOKS)])
    whens = whens[(first + whens >= 0) & (stop + whens <= len(frames))]
    down_each, across_each = (
        _between(pixels, whens * way, side, camera.gap)
        for pixels, way, side in zip((rows, columns), drift, frames.shape[1:], strict=True)
    )
    for later, (y, down), (x, across) in zip(whens.tolist(), down_each, across_each, strict=True):
        part = np.s_[y : y + down.shape[1], x : x + across.shape[1]]
        seen = down @ (gain[part] > 0) @ across.T
        if (seen > 0.999).any():
            block = np.asarray(frames[(slice(first + later, stop + later), *part)], float)
            looks.append(np.where(seen > 0.999, down @ (block * gain[part]) @ across.T, np.nan))
    if not looks:
        return np.zeros((stop - first, len(rows), len(columns)))
    return unit_curves(_median(np.array(looks)))


def _median(looks: np.ndarray) -> np.ndarray:
    """Median over the first axis of what is not NaN; 0 if nothing is. :func:`numpy.nanmedian` takes five times as long."""
    ordered, known = np.sort(looks, axis=0), np.isfinite(looks).sum(axis=0)[None]  # NaN comes last
    low, high = (
        np.take_along_axis(ordered, np.maximum(middle, 0), axis=0)[0] for middle in ((known - 1) // 2, known // 2)
    )
    high = np.where(known[0] % 2 == 1, low, high)
    return np.nan_to_num((low + high) / 2)


def _between(pixels: np.ndarray, ways: np.ndarray, side: int, gap: float) -> list[tuple[int, np.ndarray]]:
    """Where places some ways (focal pixels) beyond some pixels of an axis lie between the pixels there.

    For each way the first pixel needed, and weights (n, m) of it and of those that follow; a row of zeros where a place is outside.
    """
    places, centres = to_focal(pixels, gap) + ways[:, None], to_focal(np.arange(side), gap)
    before = np.clip(np.searchsorted(centres, places) - 1, 0, side - 2)
    part = (places - centres[before]) / (centres[before + 1] - centres[before])
    inside = (part > -OUTSIDE) & (part < 1 + OUTSIDE)
    part = np.clip(part, 0, 1)
    found, each = [], np.arange(len(pixels))
    for k, start in enumerate(before.min(axis=1).tolist()):
        place = before[k] - start
        weights = np.zeros((len(pixels), int(place.max()) + 2))
        weights[each, place], weights[each, place + 1] = (1 - part[k]) * inside[k], part[k] * inside[k]
        found.append((start, weights))
    return found
