"""Judging on real images: which tiles hold a labelled track, exact intervals, and how much the night alone gives away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from meteortut.gradcam.tiles import TILE

#: A tile shows a track when so much of the labelled line lies inside, pixels; the shortest label in the FF files is 10
#: long.
SHOWN_PX = 8.0
#: Tiles that come nearer to a track than this without showing it are left out: its glow may reach into them, pixels.
NEAR_PX = 6.0
#: So are tiles with what may be its continuation: labels begin after and end before what one sees (up to 40 pixels in
#: the FF files).
BEYOND_PX = 48.0


@dataclass(frozen=True)
class TileJudgement:
    """How well tiles with a track are told from others.

    Attributes
    ----------
    roc_auc, pr_auc : float
        Area under the curve of hits against false alarms; average precision.
    threshold : float
        The lowest score that at most one tile per frame without a track reaches, on average over the frames.
    n_found, n_meteors : int
        Meteors whose best tile lies above it; all meteors.
    n_tiles, n_trail_tiles : int
        Tiles judged, those with a track among them.
    """

    roc_auc: float
    pr_auc: float
    threshold: float
    n_found: int
    n_meteors: int
    n_tiles: int
    n_trail_tiles: int


def label_tiles(origins: np.ndarray, y: np.ndarray, x: np.ndarray, size: int = TILE) -> np.ndarray:
    """Say which tiles show a labelled track.

    Parameters
    ----------
    origins : ndarray of int of shape (n_tiles, 2), pixels
        (y, x) of the upper left pixels.
    y, x : ndarray of shape (n_points,), pixels
        Points of one track in order; no points: no track.
    size : int
        Side of the tiles, pixels.

    Returns
    -------
    ndarray of int of shape (n_tiles,)
        1: at least 8 pixels of the line through the points lie inside (or all of a shorter line). 0: none of it, nor
        of its straight continuation by 48 pixels at both ends, comes within 6 pixels. −1: neither, to be left out.
    """
    result = np.zeros(len(origins), int)
    if not len(y):
        return result
    y, x = np.asarray(y, float), np.asarray(x, float)
    own, longer = _densely(y, x), _densely(*_continued(y, x))
    step = np.hypot(np.diff(own[0]), np.diff(own[1])).sum() / max(len(own[0]) - 1, 1)
    for k, (top, left) in enumerate(np.asarray(origins)):
        shown = np.count_nonzero(_outside(*own, top, left, size) <= 0) * step
        if shown >= min(SHOWN_PX, 0.95 * step * len(own[0])) and shown > 0:
            result[k] = 1
        elif _outside(*longer, top, left, size).min() <= NEAR_PX:
            result[k] = -1
    return result


def judge_tiles(table: pd.DataFrame) -> TileJudgement:
    """Judge scores of tiles.

    Parameters
    ----------
    table : DataFrame, a row per tile
        ``frame`` (any name of the frame it is from), ``label`` (1, 0 or −1, as :func:`label_tiles`), ``score``.

    Returns
    -------
    TileJudgement

    Raises
    ------
    ValueError
        If there is no tile of either kind.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    table = table[table.label >= 0]
    if table.label.nunique() < 2:
        raise ValueError(f"the labels are all {table.label.unique()}; expected tiles with (1) and without (0) a track.")
    n_frames = table.frame.nunique()
    others = np.sort(table.score[table.label == 0].to_numpy())[::-1]
    threshold = float(others[n_frames]) if len(others) > n_frames else 0.0  # as many as frames may lie above it
    best = table[table.label == 1].groupby("frame").score.max()
    return TileJudgement(
        roc_auc=float(roc_auc_score(table.label, table.score)),
        pr_auc=float(average_precision_score(table.label, table.score)),
        threshold=threshold,
        n_found=int((best > threshold).sum()),
        n_meteors=len(best),
        n_tiles=len(table),
        n_trail_tiles=int(table.label.sum()),
    )


def group_baseline(labels: Sequence[bool] | np.ndarray, groups: Sequence[object] | np.ndarray) -> float:
    """Give the accuracy of one who sees no image, but knows of each night (or camera) whether most of its images are meteors.

    Parameters
    ----------
    labels : array-like of bool of shape (n,)
        Meteor or not.
    groups : array-like of shape (n,)
        Night, camera, or both.

    Returns
    -------
    float
        0.5 to 1. What a classifier must beat before it may be said to look at the sky.
    """
    majority = (
        pd.Series(np.asarray(labels, bool)).groupby(np.asarray(groups)).agg(lambda own: max(own.sum(), (~own).sum()))
    )
    return float(majority.sum() / len(labels))


def trigger_track(detections: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Take the meteor's points out of a UFOCapture record.

    Parameters
    ----------
    detections : DataFrame
        As ``data_fetch.readers.read_ufo_xml`` gives it.

    Returns
    -------
    (y, x) : ndarray of shape (n_points,), pixels
        In order of time: centres of the patches within 6 pixels of a line, the one through two of them that collects
        the most pixels of patches. The record may hold only part of what the image shows.
    """
    y, x = detections.y_px.to_numpy(float), detections.x_px.to_numpy(float)
    i, j = np.triu_indices(len(y), 1)
    length = np.hypot(y[j] - y[i], x[j] - x[i])
    i, j, length = i[length > 0], j[length > 0], length[length > 0]
    if not len(i):
        return y, x
    dy, dx = (y[j] - y[i]) / length, (x[j] - x[i]) / length
    near = np.abs((x - x[i, None]) * dy[:, None] - (y - y[i, None]) * dx[:, None]) <= NEAR_PX
    kept = near[np.argmax(near @ detections.n_pixels.to_numpy(float))]
    order = np.argsort(detections.frame.to_numpy()[kept], kind="stable")
    return y[kept][order], x[kept][order]


def trigger_speed(detections: pd.DataFrame, y: Sequence[float], x: Sequence[float]) -> float:
    """Give the speed of what moved along a line, by the clock of a UFOCapture record.

    Parameters
    ----------
    detections : DataFrame
        As ``data_fetch.readers.read_ufo_xml`` gives it: ``frame``, ``y_px``, ``x_px``, ``n_pixels``, a row per patch and frame.
    y, x : sequence of 2 floats, pixels
        Ends of the line, ``Track.endpoints``.

    Returns
    -------
    float
        Pixels per frame, positive: slope of the place along the line against the frame, of the patches within 6 pixels of it,
        weighted by their pixels. NaN when these are of fewer than two frames.
    """
    dy, dx = y[1] - y[0], x[1] - x[0]
    length = float(np.hypot(dy, dx))
    away_y, away_x = detections.y_px.to_numpy(float) - y[0], detections.x_px.to_numpy(float) - x[0]
    along, across = (away_y * dy + away_x * dx) / length, (away_x * dy - away_y * dx) / length
    near = (np.abs(across) <= NEAR_PX) & (along >= -NEAR_PX) & (along <= length + NEAR_PX)
    frame = detections.frame.to_numpy(float)[near]
    if len(np.unique(frame)) < 2:
        return float("nan")
    weight = np.sqrt(detections.n_pixels.to_numpy(float)[near])  # polyfit squares it
    return abs(float(np.polyfit(frame - frame.mean(), along[near], 1, w=weight)[0]))


def _outside(y: np.ndarray, x: np.ndarray, top: int, left: int, size: int) -> np.ndarray:
    """How far points lie outside a tile, pixels; 0 and less inside."""
    return np.maximum(np.maximum(top - y, y - (top + size - 1)), np.maximum(left - x, x - (left + size - 1)))


def _continued(y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    length = np.hypot(y[-1] - y[0], x[-1] - x[0])
    if not length > 0:
        return y, x
    dy, dx = BEYOND_PX * (y[-1] - y[0]) / length, BEYOND_PX * (x[-1] - x[0]) / length
    return np.concatenate([[y[0] - dy], y, [y[-1] + dy]]), np.concatenate([[x[0] - dx], x, [x[-1] + dx]])


def _densely(y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points every quarter pixel along the polygon through the given points."""
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(y), np.diff(x)))])
    at = np.linspace(0, length[-1], int(4 * length[-1]) + 1)
    return np.interp(at, length, y), np.interp(at, length, x)
