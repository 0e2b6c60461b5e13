"""All of it in one call: frames in, a catalogue of meteors out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from meteortut.focal import off_ground
from meteortut.pipeline.catalogue import build_catalogue
from meteortut.pipeline.ecsv import COLUMNS
from meteortut.pipeline.event_features import FEATURES, event_features
from meteortut.pipeline.frames import check_frames
from meteortut.pipeline.judge import Judge, load_judge
from meteortut.pipeline.one_step import OneStep, apply_one_step, build_one_step
from meteortut.pipeline.voxels import voxel_events
from meteortut.pipeline.weights import load_weights

WEIGHTS = Path(__file__).parents[1] / "weights"
#: Log odds from which a voxel belongs to an event; probability from which the first judge has a track fitted (chosen on the
#: sessions of training: hardly a meteor is lost there, and a fit takes a tenth of a second).
FLOOR, WORTH_A_FIT = -2.5, 0.01
#: Probability from which a row is reported (chosen).
THRESHOLD = 0.5
#: What a fitted track adds to the features of its event: columns of the catalogue; frames from first to last lit;
#: whether the fit is to be trusted; the first judge's probability; speed over its error (at least 0.001 pixels per
#: frame, chosen); how far the motion is from the ground's drift, in standard deviations (at least 0.002 pixels per
#: frame, chosen), in pixels per frame, and over its FWHM in pixels; errors of the place.
TRACK_FEATURES = (
    *"snr track_snr n_pixels speed_px speed_err_px fwhm size_px chi2 lit trusted first_probability".split(),
    *"above_rest ground_sigmas ground_px ground_length err_y err_x".split(),
)


@dataclass(frozen=True, eq=False)
class Finder:
    """What :func:`find_meteors` works with.

    Attributes
    ----------
    network : OneStep
        Scores voxels.
    first, second : Judge
        Of events by :data:`~meteortut.pipeline.event_features.FEATURES`, and of fitted ones by these and
        :data:`TRACK_FEATURES`.
    threshold : float
        Probability from which the second judge reports.
    """

    network: OneStep
    first: Judge
    second: Judge
    threshold: float


@cache
def shipped_finder() -> Finder:
    """The finder shipped with the package.

    Network and judges have not been trained on sessions 11 and 12 of the first world. The events that the judges learnt
    from were found by networks of which some had.
    """
    network = load_weights(build_one_step(), WEIGHTS / "one_step.safetensors")
    first = load_judge(WEIGHTS / "one_step_first_judge.safetensors", len(FEATURES))
    second = load_judge(WEIGHTS / "one_step_second_judge.safetensors", len(FEATURES) + len(TRACK_FEATURES))
    return Finder(network, first, second, THRESHOLD)


def find_meteors(
    frames: Any, gap: float = 1.0, yaw_deg: float | None = None, finder: Finder | None = None
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
        Direction in which the ground drifts over the focal surface, degrees. With it the second judge knows what moves with
        the ground.
    finder : Finder, optional
        The shipped one by default.

    Returns
    -------
    DataFrame, a row per meteor, in order of ``t_peak``
        As :func:`build_catalogue` gives it, ``score`` being the second judge's probability. Rows that it doubts are left
        out, whatever their flag; the flag of the others is kept.

    Raises
    ------
    ValueError
        As :func:`apply_one_step`: another shape, integers, NaN or infinite values, a file cut short.
    """
    check_frames(frames, 65)
    if not (np.isfinite(gap) and gap >= 0 and (yaw_deg is None or np.isfinite(yaw_deg))):
        raise ValueError(
            f"gap is {gap}, yaw_deg {yaw_deg}; expected pixels, 0 or more, and degrees, or None where not known."
        )
    finder = shipped_finder() if finder is None else finder
    events = voxel_events(apply_one_step(frames, finder.network), FLOOR)
    events, features = worth_a_fit(events, event_features(frames, events, gap), finder.first)
    table, features = judged_tracks(frames, events, features, gap, yaw_deg)
    score = finder.second.probability(features.to_numpy())
    found = table.assign(score=score.astype(float))[score >= finder.threshold]
    return found[list(COLUMNS)].reset_index(drop=True)


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
    probability = first.probability(features.to_numpy())
    passed = probability >= WORTH_A_FIT
    features = features.assign(first_probability=probability)
    return events[passed].reset_index(drop=True), features[passed].reset_index(drop=True)


def judged_tracks(
    frames: Any, events: pd.DataFrame, features: pd.DataFrame, gap: float, yaw_deg: float | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit tracks, and put together what the second judge is to see.

    Parameters
    ----------
    frames, gap, yaw_deg
        As for :func:`find_meteors`.
    events, features : DataFrame
        As :func:`worth_a_fit` gives them.

    Returns
    -------
    table : DataFrame
        As :func:`build_catalogue` gives it.
    features : DataFrame, a row per row of ``table``
        Columns of :data:`~meteortut.pipeline.event_features.FEATURES` and :data:`TRACK_FEATURES`.
    """
    table = build_catalogue(frames, events[["t", "y", "x", "score"]], yaw_deg, gap)
    own = features.iloc[table.event].reset_index(drop=True).drop(columns="snr", errors="ignore")
    error = np.maximum(table.speed_err_px.to_numpy(float), 1e-3)
    track = {
        "lit": table.t_last - table.t_first + 1.0,
        "trusted": (table.flag != "failed").astype(float),
        "above_rest": table.speed_px / error,
        **_off_ground(table, yaw_deg),
        "err_y": table.y_err,
        "err_x": table.x_err,
    }
    kept = table[["snr", "track_snr", "n_pixels", "speed_px", "speed_err_px", "fwhm", "size_px", "chi2"]]
    return table, pd.concat([own, kept.assign(**track)], axis=1)[[*FEATURES, *TRACK_FEATURES]].astype(float)


GROUND_FEATURES = ("ground_sigmas", "ground_px", "ground_length")


def without_yaw(features: pd.DataFrame) -> pd.DataFrame:
    """The same features as they are when the direction of the ground's drift is not known."""
    return features.assign(**dict.fromkeys(GROUND_FEATURES, np.nan))


def _off_ground(table: pd.DataFrame, yaw_deg: float | None) -> dict[str, np.ndarray]:
    """How far a motion is from the ground's drift: in standard deviations, focal pixels per frame, and over the light's duration.

    NaN, which a judge takes for the usual value, when the drift's direction is not known.
    """
    if yaw_deg is None:
        return dict.fromkeys(GROUND_FEATURES, np.full(len(table), np.nan))
    vy, vx = table.vy.to_numpy(), table.vx.to_numpy()
    dy, dx = off_ground(vy, vx, yaw_deg)
    speed = np.maximum(np.hypot(vy, vx), 1e-6)
    along, across = (dy * vy + dx * vx) / speed, (dx * vy - dy * vx) / speed
    errors = (table.speed_err_px, np.radians(table.direction_err_deg) * speed)
    sigmas = np.hypot(*(part / np.maximum(error, 2e-3) for part, error in zip((along, across), errors, strict=True)))
    sigmas = np.where(np.isfinite(errors[0]), sigmas, np.nan)
    off = np.hypot(dy, dx)
    return dict(zip(GROUND_FEATURES, (sigmas, off, off * table.fwhm), strict=True))
