"""What a fitted track tells of an event, in numbers that a judge can weigh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from meteortut.focal import FRAME_S, from_focal, off_ground
from meteortut.pipeline.camera import Camera, check_camera
from meteortut.pipeline.kinematics import remove_drift
from meteortut.pipeline.track import Track
from meteortut.pipeline.track_box import read_box
from meteortut.pipeline.track_model import PSF_PX, MovingLight, render, without_lines

#: Columns of the catalogue that are taken as they are.
_ROW = tuple("snr track_snr n_pixels speed_px speed_err_px fwhm size_px chi2 y_err x_err".split())
#: Features that need the direction in which the ground drifts.
GROUND_FEATURES = tuple("ground_sigmas ground_px ground_length own_km_s own_km".split())
#: Columns, in order.
TRACK_FEATURES = (
    *_ROW,
    *"lit trusted rest_sigmas asymmetry asymmetry_sigmas size_sigmas".split(),
    *"before_sigmas after_sigmas before_share after_share".split(),
    *GROUND_FEATURES,
)
#: A motion is never known better than this, focal pixels per frame, nor an asymmetry, nor the share of a light that goes on,
#: nor the logarithm of a size (chosen): pixels do not respond all alike, light curves are no bells, and a bright meteor may leave a
#: faint wake.
LEAST_MOTION_ERROR, LEAST_ASYMMETRY_ERROR, LEAST_SHARE_ERROR, LEAST_SIZE_ERROR = 1e-3, 0.02, 0.02, 0.02
#: Frames before and after the bell (3 σ of it, and two frames) in which the light is looked for; what is found there is given as
#: this many times the peak at most. A steady light as bright as the peak must stand out there by one σ, or it is not looked for.
#: All chosen.
BEYOND_FRAMES, MOST_SHARE, LEAST_SIGMAS = 32, 3.0, 1.0


def track_features(frames: Any, table: pd.DataFrame, tracks: Sequence[Track], camera: Camera) -> pd.DataFrame:
    """Measure what a fitted track tells.

    Parameters
    ----------
    frames : ndarray, memmap or Zarr array of shape (n_frames, height, width), counts per GTU
        Axes (time, y, x).
    table : DataFrame, a row per track
        As :func:`~meteortut.pipeline.catalogue.fit_events` gives it.
    tracks : sequence of Track
        The fits behind the rows.
    camera : Camera
        The one that the tracks were fitted with; ``yaw_deg`` and ``flat`` are used.

    Returns
    -------
    DataFrame, a row per track, columns :data:`TRACK_FEATURES`
        Columns of the catalogue; ``lit`` (frames from first to last), ``trusted`` (1, or 0 for a failed fit). How far the motion is
        from rest and from the ground's drift in standard deviations, by the covariance of the fit (``rest_sigmas``,
        ``ground_sigmas``), the latter also in focal pixels per frame and in focal pixels over the FWHM (``ground_px``,
        ``ground_length``). Speed across the line of sight if it shines at 100 km, and the way over the FWHM (``own_km_s``, km/s;
        ``own_km``, km). ``asymmetry``: ln(fall / rise); ``asymmetry_sigmas``: its size over its error; ``size_sigmas``:
        ln(``size_px`` / point spread) over its error. Does the light go on? A
        steady light on the same straight line in the 32 frames before and after the bell is fitted together with the bell:
        ``before_share``, ``after_share`` are what is found over the bell's peak, −3 to 3, ``before_sigmas``, ``after_sigmas`` the
        same over its error; all four 0 where nothing can be seen there, as outside the field.
        NaN: what needs ``yaw_deg``, without it; what needs the errors of a fit that knows none; ``size_sigmas``, where
        the size was not fitted.

    Raises
    ------
    ValueError
        If there are more or less tracks than rows, or the camera does not fit the frames.

    Notes
    -----
    The line is drawn on with the fitted velocity: where that is wrong by
    0.05 pixels per frame, the line misses the light after 32 frames.
    """
    camera = check_camera(camera, frames.shape)
    if len(table) != len(tracks):
        raise ValueError(f"table has {len(table)} rows, but there are {len(tracks)} tracks; expected one each.")
    own = table[list(_ROW)].assign(
        lit=table.t_last - table.t_first + 1.0, trusted=(table.flag != "failed").astype(float)
    )
    with threadpool_limits(1, "blas"):
        rows = [
            motion_features(track, camera.yaw_deg)
            | curve_features(track)
            | image_features(track)
            | _light_beyond(frames, track, camera)
            for track in tracks
        ]
    names = [name for name in TRACK_FEATURES if name not in own]
    return pd.concat([own, pd.DataFrame(rows, columns=names, index=table.index)], axis=1)[list(TRACK_FEATURES)].astype(
        float
    )


def motion_features(track: Track, yaw_deg: float | None) -> dict[str, float]:
    """How far from rest and from the ground's drift."""
    light, known = track.light, track.covariance[3:5, 3:5]
    velocity = np.array([light.vy, light.vx])
    found = {"rest_sigmas": _sigmas(velocity, known)}
    if yaw_deg is None:
        return found | dict.fromkeys(GROUND_FEATURES, np.nan)
    off = np.array(off_ground(light.vy, light.vx, yaw_deg))
    off_px = float(np.linalg.norm(off))
    own_km_s, _ = remove_drift(light.vy, light.vx, yaw_deg)
    return found | {
        "ground_sigmas": _sigmas(off, known),
        "ground_px": off_px,
        "ground_length": off_px * light.fwhm,
        "own_km_s": float(own_km_s),
        "own_km": float(own_km_s) * light.fwhm * FRAME_S,
    }


def _sigmas(off: np.ndarray, covariance: np.ndarray) -> float:
    """Mahalanobis distance of a velocity (2,), with a floor to its covariance (2, 2); NaN where that is infinite."""
    if not np.isfinite(covariance).all():
        return np.nan
    known = covariance + LEAST_MOTION_ERROR**2 * np.eye(2)
    return float(np.sqrt(max(float(off @ np.linalg.solve(known, off)), 0.0)))


def curve_features(track: Track) -> dict[str, float]:
    """How unlike rise and fall are."""
    asymmetry, side = float(np.log(track.light.fall / track.light.rise)), np.array([-1.0, 1.0])
    if not np.isfinite(track.covariance).all():
        return {"asymmetry": asymmetry, "asymmetry_sigmas": np.nan}
    error = np.sqrt(max(float(side @ track.covariance[6:8, 6:8] @ side), 0.0))
    return {"asymmetry": asymmetry, "asymmetry_sigmas": abs(asymmetry) / max(error, LEAST_ASYMMETRY_ERROR)}


def image_features(track: Track) -> dict[str, float]:
    """How unlike the point spread the image is: narrower (below 0), as a single pixel that flares, or wider, as a glow."""
    variance = float(track.covariance[8, 8])
    if not np.isfinite(track.covariance).all() or variance <= 0:
        return {"size_sigmas": np.nan}
    return {"size_sigmas": float(np.log(track.light.size / PSF_PX)) / max(np.sqrt(variance), LEAST_SIZE_ERROR)}


def _light_beyond(frames: Any, track: Track, camera: Camera) -> dict[str, float]:
    """Look for the light on its straight line before and after its bell; as :func:`track_features` explains it."""
    light = track.light
    first, last = light.span(3.0)
    begin, end = int(np.floor(first)) - 2, int(np.ceil(last)) + 2
    low, high = max(begin - BEYOND_FRAMES, 0), min(end + BEYOND_FRAMES, len(frames))
    found = {"before_sigmas": 0.0, "after_sigmas": 0.0, "before_share": 0.0, "after_share": 0.0}
    if high - low < 4:
        return found
    camera = Camera(track.gap, camera.flat)  # a town is scenery, and is to be seen here
    rows, columns = (
        _along(places, side, track.gap)
        for places, side in zip(light.place(np.array([low, high], float)), frames.shape[1:], strict=True)
    )
    box = read_box(frames, (low, high), rows, columns, camera, (first, last))
    place, frame = box.place, np.arange(low, high)[:, None, None]
    steady = render(_shining(light, steady=True), *place, track.gap)
    lights = [render(_shining(light), *place, track.gap), steady * (frame < begin), steady * (frame >= end)]
    models = np.stack([(without_lines(part) * box.weight).ravel() for part in lights])
    norm = np.sqrt((models**2).sum(axis=1))
    seen = norm * light.light >= LEAST_SIGMAS
    if not seen[0]:
        return found
    models, norm = models[seen], norm[seen]
    inverse = np.linalg.pinv(models @ models.T / np.outer(norm, norm))
    share, error = np.zeros(3), np.full(3, np.inf)
    share[seen] = inverse @ (models @ box.data.ravel() / norm) / norm / light.light
    error[seen] = np.sqrt(np.maximum(np.diag(inverse), 0.0)) / norm / light.light
    for k, name in ((1, "before"), (2, "after")):
        found[f"{name}_sigmas"] = float(share[k] / np.hypot(error[k], LEAST_SHARE_ERROR))
        found[f"{name}_share"] = float(np.clip(share[k], -MOST_SHARE, MOST_SHARE))
    return found


def _along(places: np.ndarray, side: int, gap: float) -> np.ndarray:
    """Pixels along an axis within 3 focal pixels of a line from one place to another; at least one."""
    low, high = np.clip(np.rint(from_focal([places.min() - 3, places.max() + 3], gap)), 0, side - 1).astype(int)
    return np.arange(low, high + 1)


def _shining(light: MovingLight, steady: bool = False) -> MovingLight:
    """The same motion with a light of 1 at its peak, or always."""
    return replace(light, light=1.0, rise=1e7, fall=1e7) if steady else replace(light, light=1.0)
