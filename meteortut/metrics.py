"""Intervals that several chapters print beside their scores."""

from __future__ import annotations


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
