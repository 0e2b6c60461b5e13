"""The arithmetic behind the shape features: curves of one length, all at once."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import grey_opening

from meteortut.lightcurves.smoothing import smoother_weights
from meteortut.shapes import FLARE_WIDTH, PROMINENCE_MAG

#: Features of the light curve alone, in the order of the columns of :func:`shape_features`.
CURVE_FEATURES = (
    "duration_s",
    "peak_magnitude",
    "amplitude_mag",
    "start_drop_mag",
    "end_drop_mag",
    "f_parameter",
    "f_ends",
    "f_half",
    "width_s",
    "rise_slope",
    "fall_slope",
    "light_centre",
    "skewness",
    "roughness",
    "noise_mag",
    "roughness_ratio",
    "n_peaks",
    "dip_mag",
    "flare_mag",
)
#: No camera measures better than this; keeps a ratio to the noise finite, magnitudes (chosen).
NOISE_FLOOR_MAG = 0.02
#: A peak counts when it stands out by this many standard deviations of a difference of two smoothed samples (chosen).
PEAK_SIGMA = 3.0
#: Rounding errors must not decide which sample is the brightest: brightness and time are rounded to so many decimals.
DECIMALS = 9


def measure(time: np.ndarray, magnitude: np.ndarray) -> np.ndarray:
    """Measure curves of one length: times and magnitudes (m, n) to :data:`CURVE_FEATURES` (m, n_features)."""
    weights, index = smoother_weights(time)
    curve = (weights * magnitude[..., index]).sum(axis=-1)
    peak = curve.min(axis=1)
    bright = np.round(peak[:, None] - curve, DECIMALS)
    top = _top(time, bright)
    begin, end = _crossings(time, bright, 1.0)
    whole, (begin, end) = (top - begin) / (end - begin), _or_ends(time, begin, end)
    half = _or_ends(time, *_crossings(time, bright, 0.5))
    rise, fall = np.minimum(-bright[:, 0], 1.0), np.minimum(-bright[:, -1], 1.0)
    roughness, noise = _roughness(magnitude)
    noise_of_curve = noise * np.sqrt((weights**2).sum(axis=-1)).mean(axis=1)
    size = 2 * round(FLARE_WIDTH * time.shape[1] / 2) + 1
    columns = [
        time[:, -1],
        peak,
        -bright.min(axis=1),
        -bright[:, 0],
        -bright[:, -1],
        whole,
        _share(top - begin, end - begin),
        _share(top - half[0], half[1] - half[0]),
        end - begin,
        _share(rise, top - begin, np.nan),
        _share(fall, end - top, np.nan),
        *_light(time, bright),
        roughness,
        noise,
        roughness / noise,
        _count_peaks(bright, np.maximum(PROMINENCE_MAG, PEAK_SIGMA * np.sqrt(2) * noise_of_curve)),
        _deepest_dip(bright),
        (bright - grey_opening(bright, size=(1, max(size, 3)), mode="nearest")).max(axis=1),
    ]
    return np.stack(columns, axis=1)


def _top(time: np.ndarray, bright: np.ndarray) -> np.ndarray:
    """Give the moment of the peak, in the middle of samples equally bright, (m,)."""
    at_top = bright == 0
    first, last = at_top.argmax(axis=1), time.shape[1] - 1 - at_top[:, ::-1].argmax(axis=1)
    rows = np.arange(len(time))
    return (time[rows, first] + time[rows, last]) / 2


def _crossings(time: np.ndarray, bright: np.ndarray, depth: float) -> tuple[np.ndarray, np.ndarray]:
    """Give the first and last moment ``depth`` below the peak, linear between samples; NaN where the curve stays above."""
    above, rows, found = bright >= -depth, np.arange(len(time)), []
    first, last = above.argmax(axis=1), time.shape[1] - 1 - above[:, ::-1].argmax(axis=1)
    for inside, step in ((first, -1), (last, 1)):
        outside = np.clip(inside + step, 0, time.shape[1] - 1)
        gap = bright[rows, inside] - bright[rows, outside]
        share = np.divide(bright[rows, inside] + depth, gap, out=np.full(len(time), np.nan), where=gap > 0)
        share[(gap == 0) & (bright[rows, inside] == -depth)] = 0.0
        found.append(time[rows, inside] + share * (time[rows, outside] - time[rows, inside]))
    return found[0], found[1]


def _or_ends(time: np.ndarray, begin: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.where(np.isnan(begin), time[:, 0], begin), np.where(np.isnan(end), time[:, -1], end)


def _share(part: np.ndarray, whole: np.ndarray, otherwise: float = 0.5) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), otherwise), where=whole > 1e-6)


def _light(time: np.ndarray, bright: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the centre of the light, as a share of the duration, and its skewness in time."""
    step = np.diff(time, axis=1, prepend=time[:, :1], append=time[:, -1:])
    light = 10 ** (0.4 * bright) * (step[:, 1:] + step[:, :-1])  # trapezium rule
    light = light / light.sum(axis=1, keepdims=True)
    centre = (light * time).sum(axis=1, keepdims=True)
    second, third = ((light * (time - centre) ** k).sum(axis=1) for k in (2, 3))
    return centre[:, 0] / time[:, -1], third / second**1.5


def _count_peaks(bright: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Count peaks that rise and fall by ``height`` (m,), walking along all curves of (m, n) together; ends fall to nothing."""
    count, rising = np.zeros(len(bright)), np.ones(len(bright), bool)
    extreme = bright[:, 0].copy()
    for value in bright.T[1:]:
        turned = np.where(rising, extreme - value, value - extreme) >= height
        count += turned & rising
        extreme = np.where(turned, value, np.where(rising, np.maximum(extreme, value), np.minimum(extreme, value)))
        rising ^= turned
    return count + rising


def _deepest_dip(bright: np.ndarray) -> np.ndarray:
    before = np.maximum.accumulate(bright, axis=1)
    after = np.maximum.accumulate(bright[:, ::-1], axis=1)[:, ::-1]
    return (np.minimum(before, after) - bright).max(axis=1)


def _roughness(magnitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give roughness and typical noise, magnitudes, (m,) each, from second differences."""
    second = np.diff(magnitude, n=2, axis=1)
    typical = np.median(np.abs(second - np.median(second, axis=1, keepdims=True)), axis=1)
    return np.sqrt((second**2).mean(axis=1) / 6), np.maximum(1.4826 * typical / np.sqrt(6), NOISE_FLOOR_MAG)
