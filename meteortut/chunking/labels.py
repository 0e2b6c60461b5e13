"""Which chunks hold a meteor, which hold too little of one to tell, and which hold none."""

from __future__ import annotations

import numpy as np
import pandas as pd

from meteortut.chunking.grid import ChunkGrid

METEOR, AMBIGUOUS, NOTHING = 1, -1, 0


def label_chunks(grid: ChunkGrid, voxels: pd.DataFrame, min_frames: int = 3, hit_snr: float = 4.0) -> np.ndarray:
    """Label every chunk of a grid by the light of meteors inside it.

    Parameters
    ----------
    grid : ChunkGrid
    voxels : DataFrame, a row per voxel that a meteor lights
        ``meteor`` (any identifier), ``t``, ``y``, ``x`` (indices), ``snr`` (noiseless light in units of the noise), as the truth
        of :mod:`meteortut.simulate.minieuso` has them.
    min_frames : int
        Hit frames that one pixel must have inside a chunk to make it a meteor chunk.
    hit_snr : float
        A pixel is hit in those frames in which its ``snr`` is at least this.

    Returns
    -------
    ndarray of int8 of shape (n_chunks,)
        1 for a meteor chunk; 0 for a chunk without any voxel of the table; −1, ambiguous, for what is between the two: too much
        of a meteor for an example of "nothing", too little for one of "meteor". Keep it out of training.

    Raises
    ------
    ValueError
        If ``min_frames`` is not positive, columns are missing, or a voxel lies outside the stream.
    """
    if min_frames < 1:
        raise ValueError(f"min_frames is {min_frames}; expected at least 1.")
    check_voxels(voxels, grid.shape)
    labels = np.zeros([len(starts) for starts in grid.starts], np.int8)
    t_starts, y_starts, x_starts = grid.starts
    for (_, y, x), rows in voxels.groupby(["meteor", "y", "x"], sort=False):
        lit, hits = (_count(rows.t[chosen], t_starts, grid.size[0]) for chosen in (slice(None), rows.snr >= hit_snr))
        found = np.where(hits >= min_frames, METEOR, np.where(lit > 0, AMBIGUOUS, NOTHING))
        touched = np.flatnonzero(found)
        rows_of = np.flatnonzero((y_starts <= y) & (y < y_starts + grid.size[1]))
        columns_of = np.flatnonzero((x_starts <= x) & (x < x_starts + grid.size[2]))
        block = np.ix_(touched, rows_of, columns_of)
        new, old = found[touched][:, None, None], labels[block]
        labels[block] = np.where((new == METEOR) | (old == METEOR), METEOR, AMBIGUOUS)
    return labels.ravel()


def check_voxels(voxels: pd.DataFrame, shape: tuple[int, int, int]) -> None:
    """Refuse a table that cannot hold the voxels of a stream's meteors.

    Parameters
    ----------
    voxels : DataFrame, a row per voxel that a meteor lights
        As for :func:`label_chunks`.
    shape : (int, int, int)
        Frames, rows and columns of the stream.

    Raises
    ------
    ValueError
        If columns are missing, or a voxel lies outside the stream.
    """
    missing = {"meteor", "t", "y", "x", "snr"} - set(voxels.columns)
    if missing:
        raise ValueError(f"voxels lacks the columns {sorted(missing)}; expected meteor, t, y, x and snr.")
    places = voxels[["t", "y", "x"]]
    if len(voxels) and (places.min().min() < 0 or (places.max() >= list(shape)).any()):
        raise ValueError(
            f"a voxel lies outside the stream of shape {tuple(shape)}; were they cut from the same session?"
        )


def _count(times: pd.Series, starts: np.ndarray, length: int) -> np.ndarray:
    """How many of the times lie in each window [start, start + length): ndarray of int, one per window."""
    ordered = np.sort(times.to_numpy())
    return np.searchsorted(ordered, starts + length) - np.searchsorted(ordered, starts)
