"""Two ways without a neural network, scored like the networks: principal components, and what a physicist would measure by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from meteortut.tle_vae.photometry import N_BANDS, SAMPLE_MS, check_photometry, counts

#: Samples of the running mean before peaks are read off: 70 µs.
SMOOTHING = 7
#: Samples per bin of what principal components see: 0.2 ms, as 15 000 single samples are mostly noise.
PCA_BIN = 20


def principal_components(photometry: np.ndarray, rng: int | np.random.Generator, n_components: int = 16) -> np.ndarray:
    """Project slices on their principal components.

    Parameters
    ----------
    photometry : ndarray of shape (n, 3, 5000), µW/m²
        At least ``n_components`` slices.
    rng : int or Generator
        Seed or generator of the randomised solver.
    n_components : int
        As many as the network has latent units.

    Returns
    -------
    ndarray of float of shape (n, n_components)
        Of asinh of the steps, in means of 0.2 ms, bands end to end; not whitened.

    Raises
    ------
    ValueError
        As :func:`~meteortut.tle_vae.photometry.check_photometry`; or if there are fewer slices than components.
    """
    from sklearn.decomposition import PCA

    check_photometry(photometry)
    if len(photometry) < n_components:
        raise ValueError(f"{len(photometry)} slices; expected at least {n_components}, the number of components.")
    scaled = np.arcsinh(counts(photometry).reshape(len(photometry), N_BANDS, -1, PCA_BIN).mean(axis=3))
    seed = int(np.random.default_rng(rng).integers(2**31))
    return PCA(n_components, random_state=seed).fit_transform(scaled.reshape(len(scaled), -1))


def measured_features(photometry: np.ndarray) -> pd.DataFrame:
    """Measure peaks, rise times, widths, delays and correlations.

    Parameters
    ----------
    photometry : ndarray of shape (n, 3, 5000), µW/m²

    Returns
    -------
    DataFrame, a row per slice
        For each band 337, uv, 777: ``log_peak_…`` (ln(1 + steps) of the running mean's highest value), ``log_rise_…`` (ln
        of the time in ms from the last fall below a tenth of the peak to the peak) and ``log_width_…`` (ln of the time in
        ms above half the peak);
        ``delay_uv``, ``delay_777`` (asinh of the peak's delay after 337 nm in units of 0.1 ms); ``correlation_…`` of each
        pair of running means. In noise all of them are as chance has it.

    Raises
    ------
    ValueError
        As :func:`~meteortut.tle_vae.photometry.check_photometry`.
    """
    check_photometry(photometry)
    names = ("337", "uv", "777")
    columns: dict[str, list[float]] = {}
    for slice_ in counts(photometry):
        smooth = np.stack([np.convolve(band, np.full(SMOOTHING, 1 / SMOOTHING), "same") for band in slice_])
        at = smooth.argmax(axis=1)
        for name, band, peak in zip(names, smooth, at, strict=True):
            height = band[peak]
            low = np.flatnonzero(band[: peak + 1] <= 0.1 * height)
            rise = peak - low[-1] if len(low) else peak + 1
            columns.setdefault(f"log_peak_{name}", []).append(float(np.log1p(height)))
            columns.setdefault(f"log_rise_{name}", []).append(float(np.log(max(rise, 1) * SAMPLE_MS)))
            above = max(int((band > 0.5 * height).sum()), 1)
            columns.setdefault(f"log_width_{name}", []).append(float(np.log(above * SAMPLE_MS)))
        for k in (1, 2):
            delay = float(np.arcsinh((at[k] - at[0]) * SAMPLE_MS / 0.1))
            columns.setdefault(f"delay_{names[k]}", []).append(delay)
        spread = smooth.std(axis=1)
        middle = smooth - smooth.mean(axis=1, keepdims=True)
        for i, j in ((0, 1), (0, 2), (1, 2)):
            norm = spread[i] * spread[j]
            value = float((middle[i] * middle[j]).mean() / norm) if norm > 0 else 0.0
            columns.setdefault(f"correlation_{names[i]}_{names[j]}", []).append(value)
    return pd.DataFrame(columns)


def standardised(features: pd.DataFrame) -> np.ndarray:
    """Bring every feature to mean 0 and deviation 1 for K-means, (n, n_features); one that never varies becomes 0."""
    values = features.to_numpy(float)
    return np.asarray((values - values.mean(axis=0)) / np.where(values.std(axis=0) > 0, values.std(axis=0), 1.0))
