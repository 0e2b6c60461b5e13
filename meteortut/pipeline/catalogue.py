"""From detections to a catalogue: a fitted track each, one row per meteor, and what is no meteor flagged by its physics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from meteortut.focal import GROUND_DRIFT_PX, from_focal, off_ground, to_focal
from meteortut.pipeline.camera import Camera, check_camera
from meteortut.pipeline.ecsv import COLUMNS
from meteortut.pipeline.events import check_events, places_to_fit
from meteortut.pipeline.frames import check_finite, check_frames
from meteortut.pipeline.kinematics import WIDEST_PX, fit_at, leaves
from meteortut.pipeline.track import Track
from meteortut.pipeline.track_model import MovingLight

#: Columns of whole numbers.
INTEGERS = ("t_first", "t_peak", "t_last", "n_pixels", "event")
#: Moving with the ground, or resting on the focal surface: within so many focal pixels per frame (chosen; 3.5 km/s at 100 km).
SLOW_PX = 0.03
#: A shorter light is a flash (FWHM, frames: a meteor of 72 km/s shines over 4 km of height); chosen.
SHORTEST_FWHM = 1.2
#: The best of some thousand tracks through noise reaches 4 to 5 σ (chosen).
LEAST_SNR = 6.0
#: Two tracks are one meteor when they come this close while both shine, focal pixels (chosen).
SAME_PX = 2.0
#: A light disturbs the fit of another one when it shines within so many frames of it, and so many focal pixels and the width of its
#: image away (chosen).
BESIDE_FRAMES, BESIDE_PX = 16.0, 6.0

Place = tuple[int, tuple[float, float, float], float]


def build_catalogue(
    frames: Any,
    events: pd.DataFrame,
    yaw_deg: float | None = None,
    gap: float = 1.0,
    flat: np.ndarray | None = None,
    noise: np.ndarray | None = None,
) -> pd.DataFrame:
    """Fit a track to each detection and make one row of the detections of one meteor.

    Parameters
    ----------
    frames : ndarray, memmap or Zarr array of shape (n_frames, height, width), counts per GTU
        The stream that the events were found in; axes (time, y, x).
    events : DataFrame, a row per event
        Either ``t``, ``y``, ``x`` alone (frame and array pixels, near a peak of light), as :func:`stack_shifts` gives them; or with
        the box about it, ``t_first`` … ``x_last``, as :func:`meteortut.chunking.merge_detections` gives it: then the highest
        sums along trial velocities inside the box are fitted, as a box may hold two meteors. ``score`` or ``snr`` is kept as score.
    yaw_deg : float, optional
        Direction in which the ground drifts over the focal surface, degrees. Without it the ground's speed alone is known.
    gap, flat, noise
        As for :func:`fit_track`; 0 in a map: a pixel that is not used.

    Returns
    -------
    DataFrame, a row per light, in order of ``t_peak``
        ``t_first``, ``t_peak``, ``t_last`` (first and last frame in which a hit pixel is lit, frame of the brightest voxel), ``y``,
        ``x`` (array pixels, in the frame ``t_peak``), ``n_pixels`` (hit pixels, at 4 σ; at least 1), ``speed_px`` (apparent,
        focal pixels per frame), ``direction_deg`` (atan2(dy, dx)), ``score`` (of the event), ``snr`` (of the brightest voxel),
        ``track_snr`` (of all light), ``speed_err_px``, ``direction_err_deg``, ``y_err``, ``x_err`` (standard deviations), ``vy``,
        ``vx``, ``fwhm`` (of the light curve, frames), ``size_px`` (standard deviation of the image; that of the point spread where
        :func:`fit_track` had to assume it), ``chi2``, ``event`` (row of ``events``, from 0), ``flag``:

        * ``"none"``: nothing speaks against a meteor.
        * ``"failed"``: the fit did not converge, or went elsewhere; the place is that of the event.
        * ``"faint"``: less than 6 σ in all: noise that looks like a track.
        * ``"flash"``: shorter than 1.2 frames, or wider than twice the point spread: lightning, glows, whole tubes.
        * ``"static"``: rests on the focal surface (hot pixels); within 0.03 pixels per frame.
        * ``"ground"``: moves with the ground (cities, flashes on the ground); within 0.03 pixels per frame.

    Raises
    ------
    ValueError
        If frames, flat or noise are not as for :func:`fit_track` or hold NaN or infinite values anywhere; if events lack columns or
        they or their boxes lie outside; if yaw_deg is not finite.

    Notes
    -----
    What lies near other lights is fitted once more, those taken away. The first flag that holds is given. Two rows are one light
    when they come within 2 pixels while both shine; the one with higher ``track_snr`` is kept. A flagged row never replaces one
    without a flag.
    """
    check_frames(frames, 4)
    check_finite(frames)
    return fit_events(frames, events, Camera(gap, flat, noise, yaw_deg))[0]


def fit_events(frames: Any, events: pd.DataFrame, camera: Camera) -> tuple[pd.DataFrame, list[Track]]:
    """Do what :func:`build_catalogue` does, and keep the fits.

    Parameters
    ----------
    frames, events
        As for :func:`build_catalogue`, which raises the same errors; NaN and infinite values are found where a fit reads them.
    camera : Camera
        The other arguments of :func:`build_catalogue`.

    Returns
    -------
    table : DataFrame
        As :func:`build_catalogue` gives it.
    tracks : list of Track
        The fitted track behind each row.
    """
    check_frames(frames, 4)
    camera = check_camera(camera, frames.shape)
    check_events(events, frames.shape)
    places = list(places_to_fit(frames, events, camera.gap))
    with threadpool_limits(1, "blas"):  # for matrices as small as a fit's a second thread only waits
        tracks = [fit_at(frames, *place, camera) for _, place, _ in places]
        _part_neighbours(frames, places, tracks, camera)
    table = _tabulate(places, tracks, frames.shape, camera)
    table = table[_first_of_each(table, camera.gap)].sort_values(["t_peak", "y", "x"])
    return table.reset_index(drop=True), [tracks[k] for k in table.index]


def _tabulate(places: list[Place], tracks: list[Track], shape: tuple[int, ...], camera: Camera) -> pd.DataFrame:
    rows = [
        _row(track, place, shape, camera.yaw_deg) | {"score": score, "event": event}
        for (event, place, score), track in zip(places, tracks, strict=True)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({name: int if name in INTEGERS else object if name == "flag" else float for name in COLUMNS})


def _part_neighbours(frames: Any, places: list[Place], tracks: list[Track], camera: Camera) -> None:
    """Fit what is near other lights once more, those taken away, brightest first; ``tracks`` is changed in place.

    A fit that ran to a brighter light is one of two of that light, and would be dropped; so what is faint beside something bright
    would be lost.
    """
    table = _tabulate(places, tracks, frames.shape, camera)
    first = _first_of_each(table, camera.gap)
    sure = first & ~table.flag.isin(["failed", "faint"]).to_numpy()
    for k in np.argsort([-track.track_snr for track in tracks], kind="stable"):
        t, y, x = places[k][1]
        focal_y, focal_x = (float(to_focal(place, camera.gap)) for place in (y, x))
        others = [tracks[j].light for j in np.flatnonzero(sure) if j != k]
        others = [light for light in others if _beside(light, t, focal_y, focal_x)]
        if not others:
            continue
        again, before = fit_at(frames, t, y, x, replace(camera, others=tuple(others))), tracks[k]
        if not again.converged or leaves(again, t, y, x) or (not first[k] and again.track_snr < LEAST_SNR):
            continue
        if not first[k] or not before.converged or leaves(before, t, y, x) or again.chi2 <= before.chi2:
            tracks[k] = again


def _beside(light: MovingLight, t: float, y: float, x: float) -> bool:
    """Whether a light shines near a place (focal pixels) about an instant t."""
    first, last = light.span(3.0)
    when = np.clip(np.array([t - BESIDE_FRAMES, t, t + BESIDE_FRAMES]), first, last)
    if when[-1] > t + BESIDE_FRAMES or when[0] < t - BESIDE_FRAMES:  # it shines before or after
        return False
    place_y, place_x = light.place(when)
    return bool((np.hypot(place_y - y, place_x - x) <= BESIDE_PX + light.size).any())


def _row(
    track: Track, event: tuple[float, float, float], shape: tuple[int, ...], yaw_deg: float | None
) -> dict[str, Any]:
    light, (t_peak, *_) = track.light, track.brightest
    lit = track.voxels if len(track.voxels) else np.array([track.brightest])
    y, x = (float(from_focal(k, track.gap)) for k in light.place(t_peak + 0.5))
    trusted = track.converged and not leaves(track, *event)
    if not trusted:
        t_peak, y, x = min(int(event[0]), shape[0] - 1), *event[1:]
        lit = np.array([[t_peak, 0, 0]])
    y, x = (float(np.clip(k, 0, n - 1)) for k, n in zip((y, x), shape[1:], strict=True))
    speed_err, direction_err = track.errors
    y_err, x_err = _place_errors(track)
    return {
        "t_first": int(lit[:, 0].min()),
        "t_peak": t_peak,
        "t_last": int(lit[:, 0].max()),
        "y": y,
        "x": x,
        "n_pixels": len(np.unique(lit[:, 1:], axis=0)),
        "speed_px": light.speed_px,
        "direction_deg": light.direction_deg,
        "snr": track.snr,
        "track_snr": track.track_snr,
        "speed_err_px": speed_err,
        "direction_err_deg": direction_err,
        "y_err": y_err,
        "x_err": x_err,
        "vy": light.vy,
        "vx": light.vx,
        "fwhm": light.fwhm,
        "size_px": light.size,
        "chi2": track.chi2,
        "flag": _flag(track, yaw_deg) if trusted else "failed",
    }


def _place_errors(track: Track) -> tuple[float, float]:
    """Standard deviations of the place in the middle of the brightest frame, y and x, focal pixels; infinite if not known."""
    if not np.isfinite(track.covariance).all():
        return np.inf, np.inf
    light, later = track.light, track.brightest[0] + 0.5 - track.light.t
    turn = np.zeros((2, 9))  # derivatives of the place with t, y, vy and with t, x, vx
    turn[0, [0, 1, 3]], turn[1, [0, 2, 4]] = (-light.vy, 1, later), (-light.vx, 1, later)
    y_err, x_err = np.sqrt(np.maximum(np.diag(turn @ track.covariance @ turn.T), 0)).tolist()
    return y_err, x_err


def _flag(track: Track, yaw_deg: float | None) -> str:
    """What speaks against a meteor, as :func:`build_catalogue` explains it."""
    light = track.light
    if track.track_snr < LEAST_SNR:
        return "faint"
    if light.fwhm < SHORTEST_FWHM or light.size > WIDEST_PX:
        return "flash"
    if light.speed_px < SLOW_PX:
        return "static"
    if yaw_deg is None:
        away = abs(light.speed_px - GROUND_DRIFT_PX)
    else:
        away = np.hypot(*off_ground(light.vy, light.vx, yaw_deg))
    return "ground" if away < SLOW_PX else "none"


def _first_of_each(table: pd.DataFrame, gap: float) -> np.ndarray:
    """Rows to keep: of those that are one light the best; bool, (n,)."""
    order = np.lexsort([-table.track_snr.to_numpy(), table.flag.to_numpy() != "none"])
    t, first, last, vy, vx = (table[name].to_numpy(float) for name in ("t_peak", "t_first", "t_last", "vy", "vx"))
    y, x = (to_focal(table[name].to_numpy(float), gap) for name in ("y", "x"))  # where tracks are straight
    kept: list[int] = []
    for k in order:
        others = np.array(kept, int)
        begin, end = np.maximum(first[others], first[k]), np.minimum(last[others], last[k])
        middle = (begin + end) / 2
        dy, dx = (
            place[others] + speed[others] * (middle - t[others]) - place[k] - speed[k] * (middle - t[k])
            for place, speed in ((y, vy), (x, vx))
        )
        if not ((begin <= end + 1) & (np.hypot(dy, dx) < SAME_PX)).any():
            kept.append(int(k))
    return np.isin(np.arange(len(table)), kept)
