"""From the scores of voxels, four frames of a pixel each, to events."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from meteortut.chunking.merging import linked
from meteortut.pipeline.step_features import STEP

#: Voxels are of one event when they are no further apart than this: steps, rows, columns. A track jumps a gap between tubes.
LINK = np.array([2, 2, 2])


def voxel_events(blocks: Iterable[np.ndarray], threshold: float) -> pd.DataFrame:
    """Put voxels that score high and lie together into events, one per meteor.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (steps, height, width)
        Log odds of a stream in order, as :func:`apply_one_step` yields them. Only voxels above the threshold are kept.
    threshold : float
        Log odds that a voxel needs; 0 is even odds.

    Returns
    -------
    DataFrame, a row per event, in order of time
        ``t_first``, ``t_last``, ``y_first``, ``y_last``, ``x_first``, ``x_last`` (the box around its voxels, last included),
        ``t``, ``y``, ``x`` (middle of the step, row and column of the highest score), ``n_voxels``, ``score`` (highest log odds).
        Frames for t, pixels for y and x; frame k lasts from t = k to k + 1, a step of four frames has its middle two after its
        beginning. No row when no voxel reaches the threshold.

    Raises
    ------
    ValueError
        If a score is NaN.

    Notes
    -----
    Voxels are of one event when steps, rows and columns differ by two at most, directly or through others.
    """
    places, scores, first = [], [], 0
    for block in blocks:
        if np.isnan(block).any():
            raise ValueError(f"some scores of steps {first} to {first + len(block) - 1} are NaN; expected numbers.")
        found = np.nonzero(block >= threshold)
        places.append(np.stack(found, axis=1) + np.array([first, 0, 0]))
        scores.append(block[found])
        first += len(block)
    if not sum(map(len, scores)):
        return pd.DataFrame(columns=_COLUMNS)
    place, score = np.concatenate(places), np.concatenate(scores)
    table = pd.DataFrame(place * [STEP, 1, 1], columns=["t", "y", "x"])
    table["score"], table["event"] = score, linked(place / LINK, 1 + 1e-9)
    by_event = table.groupby("event")
    rows = table.loc[by_event.score.idxmax()].set_index("event")
    for axis, longer in (("t", STEP - 1), ("y", 0), ("x", 0)):
        rows[f"{axis}_first"], rows[f"{axis}_last"] = by_event[axis].min(), by_event[axis].max() + longer
    rows["t"] = rows["t"] + STEP / 2
    rows["n_voxels"] = by_event.size()
    return rows.sort_values(["t_first", "y_first", "x_first"], ignore_index=True)[_COLUMNS]


_COLUMNS = [*"t_first t_last y_first y_last x_first x_last t y x n_voxels score".split()]
