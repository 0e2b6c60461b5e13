"""How fast was it? Position against time from the index of the maximum, frame by frame."""

from __future__ import annotations

import numpy as np
import pandas as pd

from meteortut.gradcam.significance import significance
from meteortut.gradcam.tiles import check_image
from meteortut.gradcam.track import Track

#: Half width of the strip along the track whose pixels are used, pixels.
_STRIP = 4.0
#: Fewest pixels of one frame whose centre is worth a row.
_FEWEST = 3


def velocity_curve(image: np.ndarray, max_frame: np.ndarray, track: Track, fps: float = 25.0) -> pd.DataFrame:
    """Measure where the object was in each frame.

    Parameters
    ----------
    image : ndarray of shape (height, width), integers or floats in any unit
        Maximum image.
    max_frame : ndarray of shape (height, width), frames
        Frame in which each pixel was brightest.
    track : Track
        From :func:`~meteortut.gradcam.locate` with the same planes.
    fps : float
        Frames per second.

    Returns
    -------
    DataFrame, a row per frame with at least 3 pixels on the track, in order of time
        ``frame`` (whole number), ``time_s`` (seconds after the first row of frame 0 was read out: ``(frame + y /
        height) / fps``, the rolling shutter), ``y``, ``x`` (centre of the pixels that were brightest in this frame,
        weighted by brightness, pixels),
        ``along_px`` (distance from the track's beginning), ``across_px`` (from its line), ``n_pixels``, ``speed_px_s``
        (pixels per second: slope through this row and its neighbours; NaN when there is but one row).

    Raises
    ------
    TypeError, ValueError
        As :func:`~meteortut.gradcam.tiles.check_image`; if `max_frame` is of another shape, the track has no times, or
        `fps` is not positive.

    Notes
    -----
    Peña-Asensio et al. 2023 take one pixel per frame from the fused map; here a centre, since a meteor covers several
    pixels in 40 ms. The first and the last frame hold only part of the motion: their centres lie too far inside by up
    to half a frame's way.
    """
    image, max_frame = check_image(image), np.asarray(max_frame)
    if max_frame.shape != image.shape:
        raise ValueError(f"max_frame has shape {max_frame.shape}; expected that of the image, {image.shape}.")
    if track.frames is None:
        raise ValueError("the track has no times; locate it with max_frame.")
    if not fps > 0:
        raise ValueError(f"fps is {fps}; expected frames per second, more than 0.")
    y, x = np.nonzero(_strip(track, image.shape))
    weight = np.clip(significance(image)[y, x], 0, None)
    expected = np.interp(track.along(y, x), [0, track.length_px], track.frames) - y / image.shape[0]
    own = (np.abs(max_frame[y, x] - expected) <= 2 + 3 / track.speed_px) & (weight >= 2)
    rows = []
    for frame in np.unique(max_frame[y, x][own]):
        chosen = own & (max_frame[y, x] == frame)
        if np.count_nonzero(chosen) >= _FEWEST:
            centre = [float(np.average(axis[chosen], weights=weight[chosen])) for axis in (y, x)]
            rows.append((int(frame), (frame + centre[0] / image.shape[0]) / fps, *centre, np.count_nonzero(chosen)))
    table = pd.DataFrame(rows, columns=["frame", "time_s", "y", "x", "n_pixels"])
    table["along_px"] = track.along(table.y.to_numpy(), table.x.to_numpy())
    table["across_px"] = _across(track, table.y.to_numpy(), table.x.to_numpy())
    table["speed_px_s"] = _slopes(table.time_s.to_numpy(float), table.along_px.to_numpy(float))
    return table[["frame", "time_s", "y", "x", "along_px", "across_px", "n_pixels", "speed_px_s"]]


def plate_scale(y: np.ndarray, x: np.ndarray, ra_deg: np.ndarray, dec_deg: np.ndarray) -> float:
    """Give the scale of the image around a track whose sky positions are known.

    Parameters
    ----------
    y, x : ndarray of shape (n,), pixels
        Points, n ≥ 2.
    ra_deg, dec_deg : ndarray of shape (n,), degrees
        Their right ascensions and declinations.

    Returns
    -------
    float
        Degrees per pixel between the first and the last point. Times ``speed_px`` and the frame rate: degrees per
        second.

    Raises
    ------
    ValueError
        If there are fewer than two points, or the first and the last are the same.
    """
    from astropy.coordinates import angular_separation

    if len(y) < 2 or not (length := float(np.hypot(y[-1] - y[0], x[-1] - x[0]))) > 0:
        raise ValueError(f"got {len(y)} points; expected at least two at different places.")
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    return float(np.degrees(angular_separation(ra[0], dec[0], ra[-1], dec[-1]))) / length


def _unit(track: Track) -> np.ndarray:
    return np.subtract(track.endpoints[1], track.endpoints[0]) / track.length_px


def _across(track: Track, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    (y0, x0), (dy, dx) = track.endpoints[0], _unit(track)
    return (x - x0) * dy - (y - y0) * dx


def _strip(track: Track, shape: tuple[int, ...]) -> np.ndarray:
    y, x = np.indices(shape, sparse=True)
    along = track.along(y, x)
    return (np.abs(_across(track, y, x)) <= _STRIP) & (along >= -2) & (along <= track.length_px + 2)


def _slopes(t: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Slope of a straight line through each point and its neighbours."""
    result = np.full(len(t), np.nan)
    for k in range(len(t) if len(t) > 1 else 0):
        near = np.s_[max(k - 1, 0) : k + 2]
        result[k] = np.polyfit(t[near] - t[k], s[near], 1)[0]
    return result
