"""The histogram of a frame's intensities, its entropy, and the shares of dim, middling and bright pixels."""

from __future__ import annotations

import numpy as np

#: Percentiles of the frame between which its intensities are sorted into bins; chosen: one hot pixel does not set the scale.
RANGE_PERCENT = (0.1, 99.9)
#: Bins of the histogram, as many as an 8-bit picture has grey levels.
N_BINS = 256
#: Values that the percentiles are read from at most; every k-th pixel of a larger frame.
MAX_SAMPLE = 1 << 16


def histogram_features(image: np.ndarray, valid: np.ndarray | None = None) -> dict[str, float]:
    """Shares of dim, middling and bright pixels, and the entropy of the histogram.

    Parameters
    ----------
    image : ndarray of shape (height, width) float32, counts
    valid : ndarray of shape (height, width) bool, optional

    Returns
    -------
    dict
        ``percent_low``, ``percent_mid``, ``percent_high``: percent of the valid pixels in the lower, middle and upper third of
        the range between the frame's own 0.1st and 99.9th percentile (beyond it: the outer thirds). A field of stars has
        almost all of its pixels low; a frame without stars, or half hidden, does not.
        ``shannon_entropy`` (bit): −Σ p log₂ p over 256 equal bins of that range (Shannon 1948).

    Notes
    -----
    The report has the percentages and the entropy in its second group and does not say how the range is chosen: ours makes
    all four independent of gain and offset. A frame of one value: 100 % low, entropy 0. Without a valid pixel: NaN.
    """
    names = ("percent_low", "percent_mid", "percent_high", "shannon_entropy")
    values = image.ravel() if valid is None else image[valid]
    if not values.size:
        return dict.fromkeys(names, float("nan"))
    low, high = np.percentile(values[:: max(1, values.size // MAX_SAMPLE)], RANGE_PERCENT)
    if not high > low:
        return dict(zip(names, (100.0, 0.0, 0.0, 0.0), strict=True))
    counts = _count(values, float(low), float(high))
    # 3 · 256 fine bins: both the 256 of the entropy and the three thirds are sums of them
    thirds = counts.reshape(3, -1).sum(axis=1) / values.size
    p = counts.reshape(N_BINS, 3).sum(axis=1) / values.size
    p = p[p > 0]
    return dict(zip(names, (*(100 * thirds).tolist(), float(-(p * np.log2(p)).sum())), strict=True))


def _count(values: np.ndarray, low: float, high: float, at_once: int = 1 << 18) -> np.ndarray:
    """Pixels in each of 3 · 256 bins, a piece of the frame at a time."""
    counts = np.zeros(3 * N_BINS, np.int64)
    for i in range(0, values.size, at_once):
        scaled = (values[i : i + at_once] - np.float32(low)) * np.float32(3 * N_BINS / (high - low))
        np.clip(scaled, 0, 3 * N_BINS - 1, out=scaled)
        counts += np.bincount(scaled.astype(np.int16), minlength=3 * N_BINS)
    return counts
