"""Rules on the noise-free light: what shows of it, since when, and which of the follow-up's five classes that is.

The follow-up (Jørgensen 2021) sorted slices by hand into high or low correlation between bands (HC, LC) and high or low activity
(HA, LA), and noise (N). Its table gives the names, not the limits: **the limits below are ours.**
"""

from __future__ import annotations

import numpy as np

from meteortut.simulate.mmia.worlds import SAMPLE_MS

#: Light shows where it reaches this many standard deviations of a dark sample (chosen).
SHOWS_SIGMA = 3.0
#: From this share of the slice on in which some band shows light, activity is high (chosen: 5 ms of 50).
ACTIVE_SHARE = 0.10
#: From this correlation of 337 with 777.4 nm on, correlation is high (chosen).
CORRELATED = 0.7
#: The five classes.
FIVE_CLASSES = ("LCLA", "LCHA", "HCLA", "HCHA", "N")


def describe(light: np.ndarray, sigma: np.ndarray) -> dict[str, np.ndarray]:
    """Describe noise-free slices by rules.

    Parameters
    ----------
    light : ndarray of shape (n, 3, n_samples), µW/m²
        Noise-free; axis order (slice, band, sample).
    sigma : ndarray of shape (n, 3), µW/m²
        Standard deviation of a dark sample.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        ``five_class``; ``correlation`` (Pearson, of 337 with 777.4 nm; 0 if either does not show); ``activity`` (share of
        samples in which some band shows); ``t0_ms`` and ``duration_ms`` (from the first to the last such sample; NaN if there is
        none);
        ``uv_peak_ms`` (time of the greatest light at 180–230 nm, NaN if that is below one sigma); ``snr_337``, ``uv_snr``,
        ``snr_777`` (peak over sigma); ``peak_337``, ``peak_uv``, ``peak_777`` (µW/m²).

    Notes
    -----
    ``N`` where no band shows at all, else high correlation from 0.7 on and high activity from 10 % on. The time of a sample
    is that of its middle.
    """
    peak = light.max(axis=2)
    shows = np.any(light >= SHOWS_SIGMA * sigma[:, :, None].astype(np.float32), axis=1)
    activity = shows.mean(axis=1)
    first = shows.argmax(axis=1)
    last = shows.shape[1] - 1 - shows[:, ::-1].argmax(axis=1)
    dark = activity == 0
    snr = peak / sigma
    both = (snr[:, 0] >= SHOWS_SIGMA) & (snr[:, 2] >= SHOWS_SIGMA)
    correlation = np.where(both, _pearson(light[:, 0], light[:, 2]), 0.0)
    names = np.where(correlation >= CORRELATED, "HC", "LC").astype(object)
    names = names + np.where(activity >= ACTIVE_SHARE, "HA", "LA").astype(object)
    names[dark] = "N"
    return {
        "five_class": names,
        "correlation": correlation,
        "activity": activity,
        "t0_ms": np.where(dark, np.nan, (first + 0.5) * SAMPLE_MS),
        "duration_ms": np.where(dark, np.nan, (last - first + 1) * SAMPLE_MS),
        "uv_peak_ms": np.where(snr[:, 1] < 1, np.nan, (light[:, 1].argmax(axis=1) + 0.5) * SAMPLE_MS),
        "snr_337": snr[:, 0],
        "uv_snr": snr[:, 1],
        "snr_777": snr[:, 2],
        "peak_337": peak[:, 0],
        "peak_uv": peak[:, 1],
        "peak_777": peak[:, 2],
    }


def _pearson(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Correlate two arrays of shape (n, n_samples) row by row; 0 where one is constant."""
    first, second = (row - row.mean(axis=1, keepdims=True) for row in (first, second))
    norm = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return np.divide((first * second).sum(axis=1), norm, out=np.zeros(len(first)), where=norm > 0)
