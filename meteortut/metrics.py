"""Intervals that several chapters print beside their scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def exact_interval(n_hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Give the Clopper–Pearson interval of a proportion: at least `level` of such intervals hold the true one, however small n is.

    Parameters
    ----------
    n_hits, n : int
        Successes and trials, n ≥ 1.
    level : float
        Between 0 and 1.

    Returns
    -------
    (low, high) : float

    Raises
    ------
    ValueError
        If the numbers do not fit.

    Notes
    -----
    Clopper and Pearson 1934, Biometrika 26, 404; by scipy. With 0 errors among n the upper end is about 3.7 / n.
    """
    from scipy.stats import binomtest

    if not 0 <= n_hits <= n or n < 1 or not 0 < level < 1:
        raise ValueError(f"got {n_hits} of {n} at level {level}; expected 0 ≤ n_hits ≤ n, n ≥ 1 and 0 < level < 1.")
    interval = binomtest(int(n_hits), int(n)).proportion_ci(level, method="exact")
    return float(interval.low), float(interval.high)


def mean_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Give Student's t interval of a mean: of scores of sessions, say, each a draw of its own.

    Parameters
    ----------
    values : sequence of float
        Two or more, finite.
    level : float
        Between 0 and 1.

    Returns
    -------
    (low, high) : float

    Raises
    ------
    ValueError
        If the values are fewer than two or not finite, or the level is not a share.
    """
    from scipy.stats import sem, t

    own = np.asarray(values, float)
    if own.ndim != 1 or len(own) < 2 or not np.isfinite(own).all() or not 0 < level < 1:
        raise ValueError(f"got {values} at level {level}; expected two finite values or more, and 0 < level < 1.")
    half = float(sem(own) * t.ppf((1 + level) / 2, len(own) - 1))
    return float(own.mean()) - half, float(own.mean()) + half
