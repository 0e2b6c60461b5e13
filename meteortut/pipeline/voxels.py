"""From the scores of voxels, four frames of a pixel each, to events."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import cKDTree

from meteortut.pipeline.step_features import STEP

#: Voxels are of one event when they are no further apart than this: steps, rows, columns. A track jumps a gap between tubes.
LINK = np.array([2, 2, 2])
#: Two peaks of score are two events when the way from one to the other leads this far below the lower one, log odds (chosen).
PROMINENCE = 1.0


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
        ``t``, ``y``, ``x`` (middle of the step, row and column of the highest score), ``n_voxels``, ``score`` (highest log odds),
        ``sum_score`` (of all its voxels, above the threshold).
        Frames for t, pixels for y and x; frame k lasts from t = k to k + 1, a step of four frames has its middle two after its
        beginning. No row when no voxel reaches the threshold.

    Raises
    ------
    ValueError
        If a score is NaN.

    Notes
    -----
    Voxels are of one event when steps, rows and columns differ by two at most, directly or through others, unless the score
    has two peaks: the way from the lower one to the higher leads down by one or more (its prominence, as of mountains). So
    two meteors that come near each other stay two.
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
        return pd.DataFrame(columns=COLUMNS, dtype=float)
    place, score = np.concatenate(places), np.concatenate(scores)
    table = pd.DataFrame(place * [STEP, 1, 1], columns=["t", "y", "x"])
    table["score"], table["event"] = score, _by_peak(place / LINK, score.astype(float))
    by_event = table.groupby("event")
    rows = table.loc[by_event.score.idxmax()].set_index("event")
    for axis, longer in (("t", STEP - 1), ("y", 0), ("x", 0)):
        rows[f"{axis}_first"], rows[f"{axis}_last"] = by_event[axis].min(), by_event[axis].max() + longer
    rows["t"] = rows["t"] + STEP / 2
    rows["n_voxels"], rows["sum_score"] = by_event.size(), by_event.score.sum() - threshold * by_event.size()
    return rows.sort_values(["t_first", "y_first", "x_first"], ignore_index=True)[COLUMNS]


COLUMNS = [*"t_first t_last y_first y_last x_first x_last t y x n_voxels score sum_score".split()]


def _by_peak(place: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Number of the peak that each voxel belongs to: ndarray of int of shape (n,). Linked voxels differ by 1 along each axis."""
    pairs = cKDTree(place).query_pairs(1 + 1e-9, p=np.inf, output_type="ndarray")
    # the highest passes between voxels are a tree: no way between two of them stays higher
    depth = score.max() + 1 - np.minimum(score[pairs[:, 0]], score[pairs[:, 1]])
    links = coo_array((depth, (pairs[:, 0], pairs[:, 1])), shape=(len(score), len(score)))
    tree = minimum_spanning_tree(links.tocsr()).tocoo()
    parent, peak = list(range(len(score))), score.tolist()

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = k = parent[parent[k]]
        return k

    order, top = np.argsort(tree.data, kind="stable"), float(score.max()) + 1
    for first, second, deep in zip(*(part[order].tolist() for part in (tree.row, tree.col, tree.data)), strict=True):
        high, low = sorted((root(first), root(second)), key=peak.__getitem__, reverse=True)
        if peak[low] - (top - deep) < PROMINENCE:
            parent[low] = high
    return np.array([root(k) for k in range(len(score))])
