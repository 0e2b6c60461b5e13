"""Light curves without their noise: a straight line fitted around every sample."""

from __future__ import annotations

import numpy as np

#: Width (one sigma) of the smoother, in samples (chosen: narrower than a flare, wide enough to halve the noise).
SMOOTHING_SAMPLES = 1.5
_REACH = 5  # samples on either side that the smoother sees: beyond three sigma the weights are nothing


def smooth(time_s: np.ndarray, magnitude: np.ndarray, width: float = SMOOTHING_SAMPLES) -> np.ndarray:
    """Smooth light curves by a straight line fitted around every sample.

    Parameters
    ----------
    time_s, magnitude : ndarray of shape (..., n_samples), seconds and magnitudes
        Growing times, equally spaced or not; finite magnitudes.
    width : float
        Standard deviation of the Gaussian weights, in median sampling steps.

    Returns
    -------
    ndarray of shape (..., n_samples), magnitudes
        A straight line stays as it is, at the ends too; a constant comes through. One or two samples are returned as they are.

    Raises
    ------
    ValueError
        If the shapes differ or the width is not positive.

    Notes
    -----
    Local linear regression: Cleveland 1979, JASA 74, 829.
    """
    time, values = np.atleast_2d(np.asarray(time_s, float)), np.atleast_2d(np.asarray(magnitude, float))
    if time.shape != values.shape or not width > 0:
        raise ValueError(
            f"got shapes {time.shape} and {values.shape}, width {width}; expected equal shapes, width > 0."
        )
    weights, index = smoother_weights(time, width)
    return (weights * values[..., index]).sum(axis=-1).reshape(np.shape(magnitude))


def smoother_weights(time: np.ndarray, width: float = SMOOTHING_SAMPLES) -> tuple[np.ndarray, np.ndarray]:
    """Give the smoother's weights (..., n, 2 reach + 1) and which samples they belong to (n, 2 reach + 1)."""
    n = time.shape[-1]
    reach = max(_REACH, int(np.ceil(3 * width)))
    index = np.arange(n)[:, None] + np.arange(-reach, reach + 1)
    inside, index = (index >= 0) & (index < n), np.clip(index, 0, n - 1)
    if n < 3:
        return np.broadcast_to(np.eye(2 * reach + 1)[reach], (*time.shape, 2 * reach + 1)), index
    step = np.median(np.diff(time, axis=-1), axis=-1)[..., None, None]
    away = (time[..., index] - time[..., None]) / (width * step)
    weight = np.exp(-0.5 * away**2) * inside
    s0, s1, s2 = (np.sum(weight * away**k, axis=-1, keepdims=True) for k in range(3))
    determinant = s0 * s2 - s1**2
    lonely = determinant < 1e-9 * s0**2  # a sample far from all others keeps its value
    line = weight * (s2 - s1 * away) / np.where(lonely, 1.0, determinant)
    return np.where(lonely, weight / s0, line), index


def residuals(time: np.ndarray, magnitude: np.ndarray) -> np.ndarray:
    """Give what the smoother leaves, widened for what it swallows of each sample, with zero mean; (m, n)."""
    weights, index = smoother_weights(time)
    residual = magnitude - (weights * magnitude[..., index]).sum(axis=-1)
    residual = residual / np.maximum(1 - weights[..., weights.shape[-1] // 2], 0.1)
    return residual - residual.mean(axis=1, keepdims=True)
