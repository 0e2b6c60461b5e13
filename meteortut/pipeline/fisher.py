"""How well the motion of a light can be known: the Cramér–Rao bound, and error bars."""

from __future__ import annotations

import numpy as np

from meteortut.focal import GTU_PER_FRAME
from meteortut.pipeline.track_model import MovingLight, derivatives, frames_about, near_track, without_lines


def cramer_rao(
    light: MovingLight, level: np.ndarray, n_frames: int, gap: float = 1.0, fit_size: bool = True
) -> tuple[float, float, np.ndarray]:
    """Tell how well the motion of a light can be known at best.

    Parameters
    ----------
    light : MovingLight
        The truth.
    level : ndarray of shape (height, width), counts per GTU
        Background of each pixel; 0 (or less, or NaN) in pixels that are not used. The noise of a frame is √(level / 16 384).
    n_frames : int
        Length of the stream that it is part of.
    gap : float
        Gap between tubes, pixels.
    fit_size : bool
        Whether the size of the image is unknown, too.

    Returns
    -------
    speed_px, direction_deg : float
        Least standard deviation of an unbiased estimate of the apparent speed (focal pixels per frame) and direction (degrees).
        Infinite when the light does not fall on the array.
    covariance : ndarray of shape (9, 9)
        Of all parameters, in the order and units of :func:`derivatives`.

    Raises
    ------
    ValueError
        If level has not two axes, or the stream less than 4 frames.

    Notes
    -----
    The inverse of the Fisher information J ᵀ J of Gaussian noise (Kay 1993, *Fundamentals of Statistical Signal Processing*,
    chapter 3); straight lines in time, one per pixel, are unknown as well.
    """
    if np.ndim(level) != 2 or n_frames < 4:
        raise ValueError(
            f"level has shape {np.shape(level)} and n_frames is {n_frames}; expected (height, width) and at least 4 frames."
        )
    first, stop = frames_about(light, n_frames)
    height, width = level.shape
    near = near_track(light, np.arange(height), np.arange(width), gap) & (level > 0)
    if not near.any():
        return np.inf, 180.0, np.full((9, 9), np.inf)
    rows, columns = (np.arange(places.min(), places.max() + 1) for places in np.nonzero(near))
    part = np.ix_(rows, columns)
    weight = np.sqrt(GTU_PER_FRAME / np.maximum(level[part], 1e-12)) * near[part]
    slopes = without_lines(derivatives(light, first, stop - first, rows, columns, gap)) * weight
    covariance = covariance_of(slopes.reshape(len(slopes), -1).T, fit_size)
    return *motion_errors(light, covariance), covariance


def covariance_of(slopes: np.ndarray, fit_size: bool = True) -> np.ndarray:
    """Invert the information that derivatives (n_voxels, 9), in units of the noise, hold: (9, 9), infinite if it is singular.

    With ``fit_size`` off, the size is known: its row and column are 0.
    """
    covariance = np.zeros((9, 9))
    used = slice(None, None if fit_size else -1)
    information = slopes[:, used].T @ slopes[:, used]
    scale = np.sqrt(np.diag(information))
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        return np.full((9, 9), np.inf)
    scaled = information / np.outer(scale, scale)
    if np.linalg.cond(scaled) > 1e12:
        return np.full((9, 9), np.inf)
    covariance[used, used] = np.linalg.inv(scaled) / np.outer(scale, scale)
    return covariance


def motion_errors(light: MovingLight, covariance: np.ndarray) -> tuple[float, float]:
    """Standard deviations of speed (focal pixels per frame) and direction (degrees) from a covariance (9, 9); 180° at most."""
    own = covariance[3:5, 3:5]
    if not np.isfinite(own).all():
        return np.inf, 180.0
    speed = max(light.speed_px, 1e-9)
    along, across = np.array([light.vy, light.vx]) / speed, np.array([light.vx, -light.vy]) / speed
    angle = np.degrees(np.sqrt(max(across @ own @ across, 0)) / speed)
    return float(np.sqrt(max(along @ own @ along, 0))), float(min(angle, 180.0))
