"""What a light curve looks like, by fixed rules: where its peak sits, whether a flare stands out, how many peaks it has.

A shared room: the simulator labels its noise-free curves with these rules, and chapter 6 applies the same ones to noisy curves.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import grey_opening, label

#: The labels that :func:`curve_label` gives.
LABELS = ("early", "late", "flare", "multi-peak", "symmetric")
#: F below the first is early, above the second late. A single solid body has F near 0.8, a swarm of grains near 0.5
#: (Hawkes and Jones 1975, MNRAS 173, 339).
EARLY_F, LATE_F = 0.4, 0.6
#: How far a peak or a flare has to stand out to count, magnitudes.
PROMINENCE_MAG = 0.5
#: What a curve does more than this below its peak says nothing about its shape, magnitudes (chosen: what a video camera follows).
SHAPE_DEPTH_MAG = 3.0
#: What is narrower than this share of the curve's duration is a flare, what is wider is a hump (chosen).
FLARE_WIDTH = 0.12

#: Curves are brought to this many equal steps before their peaks are counted, so that no rule depends on the sampling.
_STEPS = 200


def f_parameter(time_s: np.ndarray, magnitude: np.ndarray, depth_mag: float = 1.0) -> float:
    """Say where between its two flanks a light curve peaks.

    Parameters
    ----------
    time_s : ndarray of shape (n_samples,), seconds
        Growing.
    magnitude : ndarray of shape (n_samples,), magnitudes
        Small is bright. Smooth it first if it is noisy: nothing is smoothed here.
    depth_mag : float, magnitudes
        How far below the peak the flanks are measured.

    Returns
    -------
    float in [0, 1]
        F = (t_peak − t_begin) / (t_end − t_begin), where t_begin and t_end are the first and the last moment at which the curve
        is ``depth_mag`` below its peak, linear between samples. 0.5 for a symmetric curve, more for one that peaks late. Samples
        equally bright at the top (saturation) put t_peak in their middle. NaN if the curve does not fall that far on both sides.

    Raises
    ------
    ValueError
        If the arrays are not of one shape (n_samples,), are empty, or hold a NaN, if time does not grow, or if the depth is not
        positive. A magnitude of +inf (no light) is accepted, one of −inf is not.

    Notes
    -----
    Fleming, Hawkes and Jones 1993, in *Meteoroids and their Parent Bodies*, 261; at a fixed depth below the peak as in Koten et al.
    2004, A&A 428, 683. Along a straight track at constant speed, time and height give the same F.
    """
    time, bright = _checked(time_s, magnitude)
    if not depth_mag > 0:
        raise ValueError(f"depth_mag is {depth_mag}; expected a positive number of magnitudes.")
    begin, end = _crossings(time, bright, depth_mag)
    if np.isnan(begin) or np.isnan(end):
        return float("nan")
    return _where(time, bright, begin, end)


def curve_label(time_s: np.ndarray, magnitude: np.ndarray) -> str:
    """Name the shape of a light curve by fixed, observable rules; the first that holds wins.

    1. ``flare``: exactly one flare of at least 0.5 mag stands out on a single hump. The hump is what is left when everything
       narrower than 12 % of the duration is cut away (grey opening), the flare is what was cut, and the hump has one
       significant peak at most.
    2. ``multi-peak``: two or more significant peaks, each at least 0.5 mag above the higher of the two dips beside it (or, for the
       brightest, above the ends of the curve).
    3. ``early``: F < 0.4, with F as :func:`f_parameter` gives it one magnitude below the peak. Where the curve does not fall that
       far on one side, its end on that side takes the place of the missing point.
    4. ``late``: F > 0.6.
    5. ``symmetric``: everything else.

    F is asked last, for it says little where there is more than one hump. Rules 1 and 2 see the curve between the first and the
    last moment at which it is 3 mag below its peak, or its ends.

    Parameters
    ----------
    time_s : ndarray of shape (n_samples,), seconds
        Growing.
    magnitude : ndarray of shape (n_samples,), magnitudes
        Small is bright; +inf where there is no light.

    Returns
    -------
    str
        One of :data:`LABELS`. A curve of one sample, or of constant brightness, is symmetric.

    Raises
    ------
    ValueError
        As :func:`f_parameter` does.

    Notes
    -----
    The opening is that of mathematical morphology (Serra 1982, *Image Analysis and Mathematical Morphology*); the prominence is
    that of :func:`scipy.signal.find_peaks`. The rules were fixed for this book before any classifier was judged by them.
    """
    time, bright = _checked(time_s, magnitude)
    curve = _resampled(time, bright)
    hump = grey_opening(curve, size=round(FLARE_WIDTH * _STEPS) + 1, mode="nearest")
    if label(curve - hump >= PROMINENCE_MAG)[1] == 1 and _n_peaks(hump) <= 1:
        return "flare"
    if _n_peaks(curve) >= 2:
        return "multi-peak"
    begin, end = _crossings(time, bright, 1.0)
    begin, end = (time[0] if np.isnan(begin) else begin), (time[-1] if np.isnan(end) else end)
    where = _where(time, bright, begin, end)
    return "early" if where < EARLY_F else "late" if where > LATE_F else "symmetric"


def _checked(time_s: np.ndarray, magnitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Check a curve; give its times and its brightness below the peak, magnitudes ≤ 0 (bright is large)."""
    time, values = np.asarray(time_s, float), np.asarray(magnitude, float)
    if time.ndim != 1 or time.shape != values.shape or not len(time):
        raise ValueError(f"time_s has shape {time.shape} and magnitude {values.shape}; expected both (n_samples,).")
    if not np.isfinite(time).all() or (np.diff(time) <= 0).any():
        raise ValueError("time_s does not grow from sample to sample; expected finite, sorted times without repeats.")
    if np.isnan(values).any() or not np.isfinite(values.min()):
        raise ValueError("magnitude holds NaN, −inf or no finite value; expected magnitudes. Drop such samples first.")
    return time, values.min() - values


def _crossings(time: np.ndarray, bright: np.ndarray, depth: float) -> tuple[float, float]:
    """First and last moment at which the curve is ``depth`` below its peak; NaN on a side where it does not fall that far."""
    above = np.flatnonzero(bright >= -depth)
    found = []
    for inside, outside in ((above[0], above[0] - 1), (above[-1], above[-1] + 1)):
        if not 0 <= outside < len(time):
            found.append(time[inside] if bright[inside] == -depth else np.nan)
            continue
        share = (bright[inside] + depth) / (bright[inside] - bright[outside])  # 0 if there is no light outside
        found.append(time[inside] + share * (time[outside] - time[inside]))
    return found[0], found[1]


def _where(time: np.ndarray, bright: np.ndarray, begin: float, end: float) -> float:
    top = time[bright == 0]
    return float(((top[0] + top[-1]) / 2 - begin) / (end - begin)) if end > begin else 0.5


def _resampled(time: np.ndarray, bright: np.ndarray) -> np.ndarray:
    """Give the curve in equal steps between the moments 3 mag below its peak (or its ends), nowhere fainter than that."""
    begin, end = _crossings(time, bright, SHAPE_DEPTH_MAG)
    begin, end = (time[0] if np.isnan(begin) else begin), (time[-1] if np.isnan(end) else end)
    return np.interp(np.linspace(begin, end, _STEPS + 1), time, np.maximum(bright, -SHAPE_DEPTH_MAG))


def _n_peaks(curve: np.ndarray) -> int:
    """Count the significant peaks; a peak at an end of the curve counts too."""
    from scipy.signal import find_peaks  # slow to import

    padded = np.concatenate([[-99.0], curve, [-99.0]])
    return len(find_peaks(padded, prominence=PROMINENCE_MAG)[0])
