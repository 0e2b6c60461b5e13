"""What is known of a camera and its sky before a track is fitted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from meteortut.focal import GROUND_DRIFT_PX
from meteortut.pipeline.track_model import MovingLight


@dataclass(frozen=True, eq=False)
class Camera:
    """What is known before a track is fitted.

    Attributes
    ----------
    gap : float
        Gap between tubes of 8 pixels, pixels; 0 for other cameras.
    flat, noise : ndarray of shape (height, width), optional
        Relative response, and standard deviation in a frame (counts per GTU), of each pixel; 0 in pixels that are not to be used.
    yaw_deg : float, optional
        Direction in which the ground drifts over the focal surface, degrees.
    fit_size : bool
        Whether the width of the image is to be found, or known to be that of the point spread.
    others : tuple of MovingLight
        Lights that are known, and taken away first.
    """

    gap: float = 1.0
    flat: np.ndarray | None = None
    noise: np.ndarray | None = None
    yaw_deg: float | None = None
    fit_size: bool = True
    others: tuple[MovingLight, ...] = ()

    @property
    def drift(self) -> tuple[float, float] | None:
        """How the ground drifts, y and x, focal pixels per frame; none if its direction is not known."""
        if self.yaw_deg is None:
            return None
        yaw = np.radians(self.yaw_deg)
        return float(GROUND_DRIFT_PX * np.sin(yaw)), float(GROUND_DRIFT_PX * np.cos(yaw))


def check_camera(camera: Camera, shape: tuple[int, ...]) -> Camera:
    """Refuse what does not fit a stream, before any work.

    Parameters
    ----------
    camera : Camera
        Its maps may be anything like arrays.
    shape : (int, int, int)
        Of the stream: frames, rows, columns.

    Returns
    -------
    Camera
        With maps of float.

    Raises
    ------
    ValueError
        If a map's shape is not a frame's, or values are NaN, infinite or negative; if gap is negative; if gap or yaw_deg is not
        finite.
    """
    if not (np.isfinite(camera.gap) and camera.gap >= 0):
        raise ValueError(f"gap is {camera.gap}; expected pixels, 0 or more.")
    if camera.yaw_deg is not None and not np.isfinite(camera.yaw_deg):
        raise ValueError(f"yaw_deg is {camera.yaw_deg}; expected degrees, or None if it is not known.")
    flat, noise = _check_map(camera.flat, "flat", shape), _check_map(camera.noise, "noise", shape)
    return replace(camera, flat=flat, noise=noise)


def _check_map(map_: Any, name: str, shape: tuple[int, ...]) -> np.ndarray | None:
    if map_ is None:
        return None
    values = np.asarray(map_, float)
    if values.shape != tuple(shape[1:]):
        raise ValueError(f"{name} has shape {values.shape}; expected that of a frame, {tuple(shape[1:])}.")
    if not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError(
            f"{name} holds NaN, infinite or negative values; expected positive ones, 0 in pixels that are not to be used."
        )
    return values
