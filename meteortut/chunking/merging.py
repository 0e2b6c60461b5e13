"""From overlapping chunks back to events: one meteor lights up several chunks, a catalogue wants it once."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree


def merge_detections(
    origins: np.ndarray,
    scores: np.ndarray,
    size: tuple[int, int, int] = (48, 8, 8),
    threshold: float = 0.5,
) -> pd.DataFrame:
    """Merge chunks that score high and overlap, directly or through others, into events.

    Parameters
    ----------
    origins : ndarray of int of shape (n_chunks, 3)
        First voxels of the chunks as (t, y, x), as ``ChunkGrid.origins`` gives them.
    scores : ndarray of shape (n_chunks,)
        A number per chunk, larger for "meteor".
    size : (int, int, int)
        Shape of a chunk: frames, rows, columns.
    threshold : float
        A chunk counts when its score is at least this.

    Returns
    -------
    DataFrame, a row per event, in order of time
        ``t_first``, ``t_last``, ``y_first``, ``y_last``, ``x_first``, ``x_last`` (the box around its chunks, last included),
        ``t``, ``y``, ``x`` (centre of the chunks, weighted by score above the threshold), ``n_chunks``, ``score`` (the
        highest). No row when no chunk reaches the threshold.

    Raises
    ------
    ValueError
        If the two do not fit together, or a score is NaN.

    Notes
    -----
    Two meteors less than a chunk apart in space and time become one event: a box cannot tell them apart. Chunks overlap when they
    share a voxel; events are the connected components of that graph.
    """
    origins, scores = np.asarray(origins), np.asarray(scores, float)
    if origins.ndim != 2 or origins.shape[1] != 3 or scores.shape != (len(origins),):
        raise ValueError(
            f"origins has shape {origins.shape} and scores {scores.shape}; expected (n_chunks, 3) and (n_chunks,)."
        )
    if np.isnan(scores).any():
        raise ValueError(f"{int(np.isnan(scores).sum())} scores are NaN; a chunk without a score cannot be merged.")
    hit = scores >= threshold
    first, score = origins[hit], scores[hit]
    if not len(first):
        return pd.DataFrame(columns=_COLUMNS)
    # chunks share a voxel when their origins differ by less than the size along every axis
    event = linked(first / size, 1 - 1e-9)
    table = pd.DataFrame(np.hstack([first, first + size - 1]), columns=_COLUMNS[:6:2] + _COLUMNS[1:6:2])
    rows = table.groupby(event).agg({name: "min" if name.endswith("first") else "max" for name in _COLUMNS[:6]})
    weight = score - threshold + 1e-9
    for name, middle in zip("tyx", (first + (np.array(size) - 1) / 2).T, strict=True):
        rows[name] = np.bincount(event, weight * middle) / np.bincount(event, weight)
    rows["n_chunks"] = np.bincount(event)
    rows["score"] = pd.Series(score).groupby(event).max()
    return rows.sort_values(["t_first", "y_first", "x_first"], ignore_index=True)[_COLUMNS]


def linked(places: np.ndarray, reach: float) -> np.ndarray:
    """Group places that lie near each other, directly or through others.

    Parameters
    ----------
    places : ndarray of float of shape (n, 3), n ≥ 1
        In units in which all axes have the same reach.
    reach : float
        Two places are linked when they differ by no more than this along every axis.

    Returns
    -------
    ndarray of int of shape (n,)
        Number of each place's group, from 0: the connected components of the graph of links.
    """
    near = cKDTree(places).query_pairs(reach, p=np.inf, output_type="ndarray")
    graph = coo_array((np.ones(len(near), bool), (near[:, 0], near[:, 1])), shape=(len(places), len(places)))
    return connected_components(graph, directed=False)[1]


_COLUMNS = [*"t_first t_last y_first y_last x_first x_last t y x n_chunks score".split()]
