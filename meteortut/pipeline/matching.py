"""Compare what was found with what was there: recall, precision, rows per meteor, false alarms per hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from meteortut.focal import FRAME_S, to_focal

#: An event may be a meteor's within so many focal pixels of its track, and within so many frames of those in which it is lit; peak
#: SNR from which a meteor is bright (all chosen).
NEAR_PX, NEAR_FRAMES, BRIGHT_SNR = 3.0, 8.0, 5.0
#: Columns that a table of meteors must have.
TRUTH = ("t_first", "t_peak", "t_last", "y", "x", "speed_px", "direction_deg", "snr")


@dataclass(frozen=True, eq=False)
class Matching:
    """What was found beside what was there.

    Attributes
    ----------
    found, meteor : ndarray of int of shape (n_matched,)
        Rows of the two tables that belong together, one to one (positions, from 0).
    recall, recall_bright : float
        Share of all meteors, and of those with a peak SNR of 5 or more, that were found; NaN if there is none.
    precision : float
        Matched rows among all rows found; rows of a meteor that has one already count against it. NaN if nothing was found.
    rows_per_meteor : float
        Rows that lie on a meteor, per matched meteor; NaN if nothing matches.
    false_per_hour : float
        Rows on no meteor at all, per hour of the stream.
    n_found, n_meteors, n_false : int
    """

    found: np.ndarray
    meteor: np.ndarray
    recall: float
    recall_bright: float
    precision: float
    rows_per_meteor: float
    false_per_hour: float
    n_found: int
    n_meteors: int
    n_false: int


def match_events(
    found: pd.DataFrame,
    meteors: pd.DataFrame,
    n_frames: int,
    gap: float = 1.0,
) -> Matching:
    """Match events with meteors, one to one, in space and time.

    Parameters
    ----------
    found : DataFrame, a row per event
        ``t``, an instant (frame k lasts from k to k + 1), or ``t_peak``, a frame, whose middle is taken; ``y``, ``x``: pixels.
    meteors : DataFrame, a row per meteor
        ``t_first``, ``t_peak``, ``t_last``, ``y``, ``x``, ``speed_px``, ``direction_deg``, ``snr``, as the truth of
        :mod:`meteortut.simulate.minieuso` has them: frames and pixels of the brightest voxel, whose middle is taken.
    n_frames : int
        Length of the stream, frames of 40.96 ms.
    gap : float
        Gap between tubes, pixels.

    Returns
    -------
    Matching
        Of all one-to-one assignments one with the most matches, and of these the one with the least distances.

    Raises
    ------
    ValueError
        If columns are missing, values are not finite, or n_frames is not positive.

    Notes
    -----
    An event may be a meteor's if it lies within 8 frames of those in which it is lit, and within 3 focal pixels of its straight
    track at that instant (chosen).
    """
    time = "t" if "t" in found else "t_peak"
    _check(found, (time, "y", "x"), "found")
    _check(meteors, TRUTH, "meteors")
    if n_frames < 1:
        raise ValueError(f"n_frames is {n_frames}; expected at least 1.")
    distance = _distances(found, time, meteors, gap)
    close = distance <= NEAR_PX
    rows, columns = _assign(np.where(close, distance, np.inf))
    bright = meteors.snr.to_numpy() >= BRIGHT_SNR
    on_meteor = close.any(axis=1)
    n_found, n_meteors, n_false = len(found), len(meteors), int((~on_meteor).sum())
    return Matching(
        found=rows,
        meteor=columns,
        recall=len(rows) / n_meteors if n_meteors else np.nan,
        recall_bright=float(bright[columns].sum() / bright.sum()) if bright.any() else np.nan,
        precision=len(rows) / n_found if n_found else np.nan,
        rows_per_meteor=float(on_meteor.sum() / len(rows)) if len(rows) else np.nan,
        false_per_hour=n_false / (n_frames * FRAME_S / 3600),
        n_found=n_found,
        n_meteors=n_meteors,
        n_false=n_false,
    )


def recall_curve(
    found: pd.DataFrame,
    meteors: pd.DataFrame,
    n_frames: int,
    score: str = "snr",
    thresholds: Sequence[float] | None = None,
    gap: float = 1.0,
) -> pd.DataFrame:
    """Recall against false alarms, one row per threshold.

    Parameters
    ----------
    found, meteors, n_frames, gap
        As for :func:`match_events`.
    score : str
        Column of ``found``; rows count from the threshold on.
    thresholds : sequence of float, optional
        By default 40 quantiles of the scores.

    Returns
    -------
    DataFrame, a row per threshold, ascending
        ``threshold``, ``recall``, ``recall_bright``, ``precision``, ``rows_per_meteor``, ``false_per_hour``.

    Raises
    ------
    ValueError
        As :func:`match_events`, or if there is no such column.
    """
    _check(found, (score,), "found")
    steps = thresholds
    if steps is None:
        steps = np.unique(np.quantile(found[score], np.linspace(0, 1, 40))).tolist() if len(found) else []
    names = ["recall", "recall_bright", "precision", "rows_per_meteor", "false_per_hour"]
    rows = []
    for threshold in np.sort(np.asarray(steps, float)):
        matching = match_events(found[found[score] >= threshold], meteors, n_frames, gap=gap)
        rows.append([threshold, *(getattr(matching, name) for name in names)])
    return pd.DataFrame(rows, columns=["threshold", *names])


def _check(table: pd.DataFrame, needed: Sequence[str], name: str) -> None:
    missing = [column for column in needed if column not in table]
    if missing:
        raise ValueError(f"{name} lacks the columns {missing}; expected {', '.join(needed)}.")
    if not np.isfinite(table[list(needed)].to_numpy(float)).all():
        raise ValueError(f"{name} holds NaN or infinite values in {', '.join(needed)}; leave those rows out.")


def near(found: pd.DataFrame, meteors: pd.DataFrame, gap: float = 1.0) -> np.ndarray:
    """Which events may be which meteor's, as :func:`match_events` says it.

    Parameters
    ----------
    found, meteors, gap
        As for :func:`match_events`.

    Returns
    -------
    ndarray of bool of shape (n_found, n_meteors)

    Raises
    ------
    ValueError
        As :func:`match_events`.
    """
    _check(found, ("t" if "t" in found else "t_peak", "y", "x"), "found")
    _check(meteors, TRUTH, "meteors")
    return _distances(found, "t" if "t" in found else "t_peak", meteors, gap) <= NEAR_PX


def _distances(found: pd.DataFrame, time: str, meteors: pd.DataFrame, gap: float) -> np.ndarray:
    """Distance of each event from each meteor's track at that instant, focal pixels; infinite when it is not lit: (n, m)."""
    t = found[time].to_numpy(float)[:, None] + (0.5 if time == "t_peak" else 0.0)
    first, peak, last = (meteors[name].to_numpy(float) for name in ("t_first", "t_peak", "t_last"))
    # frame k lasts from k to k + 1
    lit = (t >= first - NEAR_FRAMES) & (t <= last + 1 + NEAR_FRAMES)
    after = np.clip(t, first, last + 1) - (peak + 0.5)
    angle = np.radians(meteors.direction_deg.to_numpy(float))
    speed = meteors.speed_px.to_numpy(float)
    away = np.hypot(
        *(
            to_focal(found[name].to_numpy(float), gap)[:, None]
            - to_focal(meteors[name].to_numpy(float), gap)
            - after * part
            for name, part in (("y", speed * np.sin(angle)), ("x", speed * np.cos(angle)))
        )
    )
    return np.where(lit, away, np.inf)


def _assign(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One-to-one assignment of finite costs: rows and columns, most matches first, then least sum."""
    from scipy.optimize import linear_sum_assignment  # slow to import

    rows, columns = (np.flatnonzero(np.isfinite(cost).any(axis=axis)) for axis in (1, 0))
    part = cost[np.ix_(rows, columns)]
    if not part.size:
        return np.empty(0, int), np.empty(0, int)
    finite = np.isfinite(part)
    dear = 1 + part[finite].sum()  # one match more is worth any distances
    first, second = linear_sum_assignment(np.where(finite, part, dear))
    kept = finite[first, second]
    return rows[first[kept]], columns[second[kept]]
