"""Bring chunks to a common scale, each by itself or each pixel by itself."""

from __future__ import annotations

import numpy as np


def scale_chunks(chunks: np.ndarray, how: str = "pixel") -> np.ndarray:
    """Scale every chunk by its own level and spread.

    Parameters
    ----------
    chunks : ndarray of shape (n_chunks, frames, rows, columns)
        Counts, any real dtype.
    how : "standard", "robust" or "pixel"
        Mean and standard deviation of all voxels of the chunk. Or median and interquartile range / 1.349, which a few bright
        voxels cannot move. Or each pixel by itself: the straight line through its samples is taken away, the rest divided by its
        noise, which the differences of neighbouring frames tell, halved, and cut at −5 and 10.

    Returns
    -------
    ndarray of float32 of the same shape
        Zero where a chunk (with "pixel": a pixel) is constant. A NaN makes its whole chunk (or pixel) NaN.

    Raises
    ------
    ValueError
        If ``chunks`` is not 4-D, or there is no such way.
    """
    if np.ndim(chunks) != 4:
        raise ValueError(
            f"chunks has shape {np.shape(chunks)}; expected (n_chunks, frames, rows, columns). A single chunk: chunk[None]."
        )
    if how == "pixel":
        return _by_pixel(np.asarray(chunks, np.float32))
    flat = np.asarray(chunks, np.float32).reshape(len(chunks), -1)
    if how == "standard":
        level = flat.mean(axis=1, dtype=np.float64)
        spread = flat.std(axis=1, dtype=np.float64)
    elif how == "robust":
        low, level, high = np.percentile(flat, [25, 50, 75], axis=1)
        spread = (high - low) / 1.349
    else:
        raise ValueError(f"how is {how!r}; expected 'standard', 'robust' or 'pixel'.")
    # a constant chunk may have a spread of rounding errors
    spread = np.where(spread <= 1e-6 * np.abs(level), np.inf, spread)
    scaled = (flat - level[:, None].astype(np.float32)) / spread[:, None].astype(np.float32)
    return scaled.reshape(np.shape(chunks))


def _by_pixel(chunks: np.ndarray) -> np.ndarray:
    """Straight line away, own noise as the unit; the cut keeps a bright city from drowning the rest of a batch."""
    n_frames = chunks.shape[1]
    ramp = np.linspace(-1, 1, n_frames, dtype=np.float32)[:, None, None]
    level = chunks.mean(axis=1, keepdims=True)
    slope = (ramp * chunks).sum(axis=1, keepdims=True) / max((ramp**2).sum(), 1e-9)
    excess = chunks - level - slope * ramp
    noise = np.median(np.abs(np.diff(excess, axis=1)), axis=1, keepdims=True) / (0.6745 * np.sqrt(2))
    excess /= 2 * np.where(noise > 1e-6 * np.abs(level), noise, np.inf)
    return np.clip(excess, -5, 10, out=excess)
