"""The focal surface of Mini-EUSO in numbers: tubes and gaps, length of a frame, and what drifts below the ISS.

A shared room: the simulator draws with these numbers, chapter 2 measures with them.

Time is counted in frames. Where it is an instant, frame k lasts from k to k + 1 and its middle is k + 0.5 (a light's ``t``, an
event's ``t``); where it is the number of a frame (``t_first``, ``t_peak``, ``t_last``) it is k.
:func:`meteortut.chunking.merge_detections` alone puts the middle of frame k at k.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

#: Length of a frame, s: 128 × 128 gate time units of 2.5 µs (Zotov et al. 2023).
FRAME_S = 128 * 128 * 2.5e-6
#: Gate time units averaged in a frame.
GTU_PER_FRAME = 128 * 128
#: Side of the focal surface and of one of its 6 × 6 photomultiplier tubes, pixels; tubes along a side.
SIDE, TUBE = 48, 8
N_TUBES = SIDE // TUBE
#: Width of a pixel on the ground and at meteor height (100 km), km (Zotov et al. 2023; Barghini et al. 2024).
GROUND_KM_PX, METEOR_KM_PX = 6.3, 4.8
#: Speed of the point below the ISS, on the ground (7.3–7.4) and at 100 km (7.66 km/s times 6471/6778), km/s.
GROUND_KM_S, METEOR_ISS_KM_S = 7.35, 7.31
#: Drift of whatever rests on the ground, and at meteor height, focal pixels per frame.
GROUND_DRIFT_PX, METEOR_DRIFT_PX = GROUND_KM_S / GROUND_KM_PX * FRAME_S, METEOR_ISS_KM_S / METEOR_KM_PX * FRAME_S
#: Standard deviation of a Gaussian of FWHM 1.
SIGMA_PER_FWHM = 1 / np.sqrt(8 * np.log(2))


def off_ground(vy: ArrayLike, vx: ArrayLike, yaw_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """Take the drift of the ground from an apparent motion.

    Parameters
    ----------
    vy, vx : array-like of one shape, focal pixels per frame
    yaw_deg : float
        Direction in which the ground drifts, atan2(dy, dx), degrees.

    Returns
    -------
    vy, vx : ndarray of that shape, focal pixels per frame
        0 for what rests on the ground.
    """
    yaw = np.radians(yaw_deg)
    return np.asarray(vy) - GROUND_DRIFT_PX * np.sin(yaw), np.asarray(vx) - GROUND_DRIFT_PX * np.cos(yaw)


def to_focal(pixel: ArrayLike, gap: float = 1.0) -> np.ndarray:
    """Turn array coordinates into positions on the focal surface, where tracks are straight.

    Parameters
    ----------
    pixel : array-like, pixels of the array
        Row or column; the centre of pixel i is at i, its edges at i ± 0.5.
    gap : float
        Gap between tubes of 8 pixels, in pixels.

    Returns
    -------
    ndarray of the same shape, focal pixels
        pixel + gap · (tube index). Outside the array the outer tubes go on.
    """
    pixel = np.asarray(pixel, float)
    return pixel + gap * np.clip(np.floor((pixel + 0.5) / TUBE), 0, N_TUBES - 1)


def from_focal(focal: ArrayLike, gap: float = 1.0) -> np.ndarray:
    """Turn positions on the focal surface into array coordinates, the inverse of :func:`to_focal`.

    Parameters
    ----------
    focal : array-like, focal pixels
    gap : float
        Gap between tubes of 8 pixels, in pixels.

    Returns
    -------
    ndarray of the same shape, pixels of the array
        What falls into a gap comes out at the edge between two tubes (7.5, 15.5, …).
    """
    focal = np.asarray(focal, float)
    tube = np.clip(np.floor((focal + 0.5) / (TUBE + gap)), 0, N_TUBES - 1)
    inner = focal + 0.5 - tube * (TUBE + gap)
    inner = np.where(tube < N_TUBES - 1, np.minimum(inner, TUBE), inner)
    return tube * TUBE + inner - 0.5
