"""Long thin blobs: satellite trails bright enough to see pixel by pixel, and the stars of a slewing telescope."""

from __future__ import annotations

import numpy as np

from meteortut.previewer.blobs import Blobs, axes_of

#: A streak is this many times longer than wide; chosen.
MIN_AXIS_RATIO = 3.0
#: Shortest streak, pixels; chosen.
MIN_LENGTH_PX = 10.0


def lengths(blobs: Blobs) -> np.ndarray:
    """Give the length of each blob.

    Parameters
    ----------
    blobs : Blobs

    Returns
    -------
    ndarray of shape (n,), pixels
        √12 times the standard deviation along the long axis of its outline: the length of a line with that spread.
    """
    length: np.ndarray = np.sqrt(12) * axes_of(blobs.outline)[0]
    return length


def streak_features(blobs: Blobs, n_valid: int) -> dict[str, float]:
    """Count streaks.

    Parameters
    ----------
    blobs : Blobs
    n_valid : int
        Valid pixels of the frame.

    Returns
    -------
    dict
        ``num_streaks``: blobs at least 10 pixels long whose outline is three times longer than wide (by second moments).
        ``streak_pixels_percent``: share of their pixels among the valid ones. ``longest_streak_px``: length of the longest, 0
        without one. The report's fifth group has the first two; the detector and its limits are ours.
    """
    major, minor, _ = axes_of(blobs.outline)
    length = lengths(blobs)
    streak = (major >= MIN_AXIS_RATIO * minor) & (length >= MIN_LENGTH_PX)
    return {
        "num_streaks": float(streak.sum()),
        "streak_pixels_percent": 100 * float(blobs.n_px[streak].sum()) / max(n_valid, 1),
        "longest_streak_px": float(length[streak].max(initial=0.0)),
    }
