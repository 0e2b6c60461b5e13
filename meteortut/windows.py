"""Where overlapping windows begin along an axis, so that the last one ends with it."""

from __future__ import annotations

import numpy as np


def window_starts(length: int, size: int, step: int) -> np.ndarray:
    """Give the starts of windows along an axis: 0, step, 2·step, …, and one more, aligned to the end, where these leave a rest.

    Parameters
    ----------
    length, size, step : int
        Of the axis, of a window (at most ``length``), and from one window to the next; all positive.

    Returns
    -------
    ndarray of int of shape (n,), ascending
        The last is ``length − size``.
    """
    last = length - size
    return np.append(np.arange(0, last, step), last)
