"""Which chunks hold a meteor, which hold too little of one to tell, and which hold none."""

from __future__ import annotations

import numpy as np
import pandas as pd

from meteortut.chunking.grid import ChunkGrid

METEOR, AMBIGUOUS, NOTHING = 1, -1, 0


def label_chunks(grid: ChunkGrid, voxels: pd.DataFrame, min_frames: int = 3) -> np.ndarray:
    """Label every chunk of a grid by the hit voxels inside it.

    Parameters
    ----------
    grid : ChunkGrid
    voxels : DataFrame, a row per hit voxel
        ``meteor`` (any identifier), ``t``, ``y``, ``x`` (indices), as the truth of :mod:`meteortut.simulate.minieuso` has them.
    min_frames : int
        Hit frames that one hit pixel must have inside a chunk to make it a meteor chunk.

    Returns
    -------
    ndarray of int8 of shape (n_chunks,)
        1 for a meteor chunk; 0 for a chunk without any hit voxel; −1, ambiguous, for what is between the two: too much of a
        meteor for an example of "nothing", too little for one of "meteor". Keep it out of training.

    Raises
    ------
    ValueError
        If ``min_frames`` is not positive, columns are missing, or a voxel lies outside the stream.
    """
    if min_frames < 1:
        raise ValueError(f"min_frames is {min_frames}; expected at least 1.")
    missing = {"meteor", "t", "y", "x"} - set(voxels.columns)
    if missing:
        raise ValueError(f"voxels lacks the columns {sorted(missing)}; expected meteor, t, y and x.")
    labels = np.zeros([len(starts) for starts in grid.starts], np.int8)
    if len(voxels) and (
        (voxels[["t", "y", "x"]].min().min() < 0) or (voxels[["t", "y", "x"]].max() >= list(grid.shape)).any()
    ):
        raise ValueError(f"a voxel lies outside the stream of shape {grid.shape}; were they cut from the same session?")
    t_starts, y_starts, x_starts = grid.starts
    for (_, y, x), rows in voxels.groupby(["meteor", "y", "x"], sort=False):
        times = np.sort(rows.t.to_numpy())
        inside = np.searchsorted(times, t_starts + grid.size[0]) - np.searchsorted(times, t_starts)
        found = np.where(inside >= min_frames, METEOR, np.where(inside > 0, AMBIGUOUS, NOTHING)).astype(np.int8)
        touched = np.flatnonzero(found)
        rows_of = np.flatnonzero((y_starts <= y) & (y < y_starts + grid.size[1]))
        columns_of = np.flatnonzero((x_starts <= x) & (x < x_starts + grid.size[2]))
        block = np.ix_(touched, rows_of, columns_of)
        new, old = found[touched][:, None, None], labels[block]
        labels[block] = np.where((new == METEOR) | (old == METEOR), METEOR, AMBIGUOUS)
    return labels.ravel()
