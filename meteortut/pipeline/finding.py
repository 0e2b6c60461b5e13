"""All of it in one call: frames in, a catalogue of meteors out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from meteortut.focal import to_focal
from meteortut.pipeline.camera import Camera, check_camera
from meteortut.pipeline.catalogue import SAME_PX, fit_events
from meteortut.pipeline.ecsv import COLUMNS
from meteortut.pipeline.event_features import FEATURES, TRAIL_APART, TRAIL_PX, TRAIL_SPEED, event_features
from meteortut.pipeline.frames import check_finite, check_frames
from meteortut.pipeline.judge import Judge, load_judge
from meteortut.pipeline.one_step import OneStep, apply_one_step, build_one_step
from meteortut.pipeline.step_features import STEP
from meteortut.pipeline.track_features import TRACK_FEATURES, track_features
from meteortut.pipeline.voxels import voxel_events
from meteortut.pipeline.weights import WEIGHTS, load_weights

#: Log odds from which a voxel belongs to an event; probability from which the first judge has a track fitted (chosen on the
#: sessions that judge: at 0.001 there are two and a half times as many fits, and no bright meteor more gets one).
FLOOR, WORTH_A_FIT = -2.5, 0.003
#: With so many others on one slow line a light is no meteor, unless it is faster than any such line (which need not go through the
#: middle of each) by so many times its error (chosen: under the simulated skies one meteor in 700 has as many).
LONG_TRAIL, FASTER_SIGMAS = 6, 3.0
#: Probability from which a row is reported (chosen).
THRESHOLD = 0.5
#: What the second judge sees: the event, what the first one said of it, and the track.
SECOND_FEATURES = (*FEATURES, "first_probability", *TRACK_FEATURES)


@dataclass(frozen=True, eq=False)
class Finder:
    """What :func:`find_meteors` works with.

    Attributes
    ----------
    network : OneStep
        Scores voxels.
    first, second : Judge
        Of events by :data:`~meteortut.pipeline.event_features.FEATURES`, and of fitted ones by :data:`SECOND_FEATURES`.
    second_blind : Judge
        In place of the second where the direction of the drift is not known.
    threshold : float
        Probability from which the second judge reports.
    """

    network: OneStep
    first: Judge
    second: Judge
    second_blind: Judge
    threshold: float


@cache
def shipped_finder() -> Finder:
    """The finder shipped with the package.

    Network and judges have not been trained on sessions 11 and 12 of the first world, nor on other skies of their kinds. The
    events that the judges learnt from were found by networks that had.
    """
    network = load_weights(build_one_step(), WEIGHTS / "one_step.safetensors")
    first = load_judge(WEIGHTS / "one_step_first_judge.safetensors", FEATURES)
    second, second_blind = (
        load_judge(WEIGHTS / f"one_step_second_judge{of}.safetensors", SECOND_FEATURES) for of in ("", "_blind")
    )
    return Finder(network, first, second, second_blind, THRESHOLD)


def find_meteors(
    frames: Any,
    gap: float = 1.0,
    yaw_deg: float | None = None,
    flat: np.ndarray | None = None,
    finder: Finder | None = None,
) -> pd.DataFrame:
    """Find the meteors of a stream: one row each.

    The one-step network scores voxels; those that lie together are an event; a first judge looks at each event's surroundings, a
    track is fitted to what it lets pass, and a second judge decides with both.

    Parameters
    ----------
    frames : ndarray, memmap or Zarr array of shape (n_frames, height, width), float, counts per GTU
        Axes (time, y, x); at least 65 frames, height and width even. Read in blocks; only events grow with the stream.
    gap : float
        Gap between tubes of 8 pixels, pixels; 0 for other cameras.
    yaw_deg : float, optional
        Direction in which the ground drifts over the focal surface, degrees. With it fits know what the ground shows behind a
        light, and the second judge knows what moves with it; without it another second judge decides.
    flat : ndarray of shape (height, width), optional
        Relative response of the pixels, 0 in pixels that are not to be used; :func:`estimate_flat` tells it from a long stream.
    finder : Finder, optional
        The shipped one by default.

    Returns
    -------
    DataFrame, a row per meteor, in order of ``t_peak``
        As :func:`build_catalogue` gives it, ``score`` being the second judge's probability. Rows that it doubts are left
        out, and so are flashes and what creeps along, seen again and again (:func:`reported`); the flag of the others is kept.

    Raises
    ------
    ValueError
        As :func:`apply_one_step`: another shape, integers, NaN or infinite values, a file cut short; if gap, yaw_deg or flat are
        not as for :func:`fit_track`.
    """
    check_frames(frames, 65)
    camera = check_camera(Camera(gap, flat, yaw_deg=yaw_deg), frames.shape)
    check_finite(frames)
    finder = shipped_finder() if finder is None else finder
    events = voxel_events(apply_one_step(frames, finder.network), FLOOR)
    events, features = worth_a_fit(events, event_features(frames, events, gap), finder.first)
    table, features = judged_tracks(frames, events, features, camera)
    second = finder.second_blind if yaw_deg is None else finder.second
    judged = table.assign(score=second.probability(features).astype(float))
    return reported(judged, features.trail, finder.threshold)[list(COLUMNS)].reset_index(drop=True)


def reported(judged: pd.DataFrame, trail: pd.Series, threshold: float) -> pd.DataFrame:
    """Rows that go into the catalogue: judged to be meteors, no flash, and not part of a trail.

    Parameters
    ----------
    judged : DataFrame
        As :func:`build_catalogue` gives it, ``score`` being the second judge's probability.
    trail : Series of the same index as ``judged``
        How many other events lie on one slow line with each: the feature of that name.
    threshold : float
        Probability from which a row is reported.

    Returns
    -------
    DataFrame
        These rows, whatever else their flag says: a faint light, or one that rests, may be a meteor. What lasts less than 1.2
        frames, or is wider than twice the point spread, is none, nor is what was seen six times more as it crept along, unless it
        is surely faster than what creeps, though a judge that was hardly ever shown such a thing may think so.
    """
    surely_faster = judged.speed_px - FASTER_SIGMAS * judged.speed_err_px > TRAIL_SPEED + TRAIL_PX / TRAIL_APART
    creeps = (trail >= LONG_TRAIL) & ~surely_faster
    return judged[(judged.score >= threshold) & (judged.flag != "flash") & ~creeps]


def worth_a_fit(events: pd.DataFrame, features: pd.DataFrame, first: Judge) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Events that the first judge lets pass, and their features with its probability.

    Parameters
    ----------
    events : DataFrame
        As :func:`voxel_events` gives them.
    features : DataFrame
        As :func:`event_features` gives them.
    first : Judge

    Returns
    -------
    events, features : DataFrame
        The latter with a column ``first_probability`` more.
    """
    probability = first.probability(features)
    passed = probability >= WORTH_A_FIT
    features = features.assign(first_probability=probability)
    return events[passed].reset_index(drop=True), features[passed].reset_index(drop=True)


def judged_tracks(
    frames: Any, events: pd.DataFrame, features: pd.DataFrame, camera: Camera
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit tracks, and put together what the second judge is to see.

    Parameters
    ----------
    frames
        As for :func:`find_meteors`.
    events, features : DataFrame
        As :func:`worth_a_fit` gives them.
    camera : Camera
        The other arguments of :func:`find_meteors`.

    Returns
    -------
    table : DataFrame
        As :func:`build_catalogue` gives it.
    features : DataFrame, a row per row of ``table``
        Columns :data:`SECOND_FEATURES`.
    """
    table, tracks = fit_events(frames, events[["t", "y", "x", "score"]], camera)
    table["event"] = events_of_rows(table, events, features.first_probability.to_numpy(), camera.gap)
    own = features.iloc[table.event].reset_index(drop=True)
    track = track_features(frames, table, tracks, camera)
    return table, pd.concat([own, track], axis=1)[list(SECOND_FEATURES)].astype(float)


def events_of_rows(table: pd.DataFrame, events: pd.DataFrame, probability: np.ndarray, gap: float) -> np.ndarray:
    """By which event each row is to be judged: a long meteor may be several, and the best fit not be that of the clearest.

    Parameters
    ----------
    table : DataFrame
        As :func:`build_catalogue` gives it; ``event`` is a row of ``events``, from 0.
    events : DataFrame
        ``t``, ``y``, ``x``.
    probability : ndarray of shape (n_events,)
        What the first judge said of each.
    gap : float
        Gap between tubes, pixels.

    Returns
    -------
    ndarray of int of shape (n_rows,)
        Of a row's own event and those that got no row, but lie on its light (within 2 focal pixels of its track while it
        shines, give or take a time step), the most probable one.
    """
    best = table.event.to_numpy(int).copy()
    t = events.t.to_numpy(float)
    y, x = (to_focal(events[axis].to_numpy(float), gap) for axis in ("y", "x"))
    rowless = np.setdiff1d(np.arange(len(events)), best)
    rowless = rowless[np.argsort(t[rowless], kind="stable")]
    t_first, t_peak, t_last, vy, vx = (table[name].to_numpy(float) for name in "t_first t_peak t_last vy vx".split())
    row_y, row_x = (to_focal(table[axis].to_numpy(float), gap) for axis in ("y", "x"))
    for k in np.flatnonzero(table.flag != "failed"):  # the motion of others is not known
        first, stop = np.searchsorted(t[rowless], (t_first[k] - STEP, t_last[k] + 1 + STEP))
        others = rowless[first:stop]
        later = np.clip(t[others], t_first[k], t_last[k] + 1) - (t_peak[k] + 0.5)
        away = np.hypot(row_y[k] + vy[k] * later - y[others], row_x[k] + vx[k] * later - x[others])
        close = np.append(others[away < SAME_PX], best[k])
        best[k] = close[probability[close].argmax()]
    return best
