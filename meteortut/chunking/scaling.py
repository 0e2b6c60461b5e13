"""Bring chunks to a common scale, each by itself."""

from __future__ import annotations

import numpy as np


def scale_chunks(chunks: np.ndarray, how: str = "standard") -> np.ndarray:
    """Scale every chunk by its own level and spread.

    Parameters
    ----------
    chunks : ndarray of shape (n_chunks, frames, rows, columns)
        Counts, any real dtype.
    how : "standard" or "robust"
        Mean and standard deviation of all voxels of the chunk; or median and interquartile range / 1.349, which a few bright
        voxels cannot move.

    Returns
    -------
    ndarray of float32 of the same shape
        Zero where a chunk is constant. A NaN makes its whole chunk NaN.

    Raises
    ------
    ValueError
        If ``chunks`` is not 4-D, or there is no such way.
    """
    if np.ndim(chunks) != 4:
        raise ValueError(
            f"chunks has shape {np.shape(chunks)}; expected (n_chunks, frames, rows, columns). A single chunk: chunk[None]."
        )
    flat = np.asarray(chunks, np.float32).reshape(len(chunks), -1)
    if how == "standard":
        level = flat.mean(axis=1, dtype=np.float64)
        spread = flat.std(axis=1, dtype=np.float64)
    elif how == "robust":
        low, level, high = np.percentile(flat, [25, 50, 75], axis=1)
        spread = (high - low) / 1.349
    else:
        raise ValueError(f"how is {how!r}; expected 'standard' or 'robust'.")
    # a constant chunk may have a spread of rounding errors
    spread = np.where(spread <= 1e-6 * np.abs(level), np.inf, spread)
    scaled = (flat - level[:, None].astype(np.float32)) / spread[:, None].astype(np.float32)
    return scaled.reshape(np.shape(chunks))
