"""Where reconstructions err: at the ends of bands, and in the weak ultraviolet."""

from __future__ import annotations

import numpy as np
import pandas as pd

from meteortut.tle_vae.photometry import SAMPLE_MS


def boundary_ratios(photometry: np.ndarray, reconstruction: np.ndarray, k: int = 10) -> pd.DataFrame:
    """Error of a reconstruction near each end of each band over that inside.

    Parameters
    ----------
    photometry, reconstruction : ndarray of shape (n, n_bands, n_samples), µW/m²
        Slices whose events come at any time, so that nothing but the network knows where the ends are.
    k : int
        Samples that count as near an end.

    Returns
    -------
    DataFrame of float, a row per band, columns ``start`` and ``end``
        Median over slices of the mean absolute error of the ``k`` samples there, over the same of the band's inner blocks of
        ``k`` samples (their median). 1 without an artefact. Medians over slices, since an event that happens to lie at an
        end is none. Infinite, or NaN, where most blocks inside are without any error.

    Raises
    ------
    ValueError
        If the shapes differ, or a band has fewer than 10·k samples.
    """
    if photometry.shape != reconstruction.shape or photometry.shape[2] < 10 * k:
        raise ValueError(
            f"got {photometry.shape} and {reconstruction.shape}, k={k}; expected the same shape (n, n_bands, n_samples ≥ 10·k)."
        )
    rows = []
    for band in range(photometry.shape[1]):
        error = np.abs(photometry[:, band] - reconstruction[:, band])
        blocks = error[:, : error.shape[1] // k * k].reshape(len(error), -1, k).mean(axis=2)
        inside = np.median(np.median(blocks[:, 1:-1], axis=0))
        rows.append([float(np.median(end) / inside) for end in (blocks[:, 0], error[:, -k:].mean(axis=1))])
    return pd.DataFrame(rows, columns=["start", "end"])


def boundary_ratio(photometry: np.ndarray, reconstruction: np.ndarray, k: int = 10) -> float:
    """Give the worst of :func:`boundary_ratios`; arguments and errors as there."""
    return float(boundary_ratios(photometry, reconstruction, k).to_numpy().max())


def uv_peak_errors(reconstruction: np.ndarray, truth: pd.DataFrame, least_snr: float = 3.0) -> pd.DataFrame:
    """Compare the peak at 180–230 nm of reconstructions with the noise-free light's.

    Parameters
    ----------
    reconstruction : ndarray of shape (n, 3, n_samples), µW/m²
    truth : DataFrame, a row per slice
        ``uv_snr``, ``uv_peak_ms``, ``peak_uv``, ``kind``, as of :func:`~meteortut.simulate.mmia.simulate_photometry`.
    least_snr : float
        Only slices whose noise-free UV peak exceeds so many standard deviations of the noise.

    Returns
    -------
    DataFrame, a row per such slice, index as in ``truth``
        ``kind``, ``time_error_ms`` (absolute), ``height_ratio`` (reconstructed over true peak).
    """
    chosen = (truth.uv_snr > least_snr).to_numpy()
    uv, own = reconstruction[chosen, 1], truth[chosen]
    time = (uv.argmax(axis=1) + 0.5) * SAMPLE_MS
    return pd.DataFrame(
        {
            "kind": own.kind,
            "time_error_ms": np.abs(time - own.uv_peak_ms),
            "height_ratio": uv.max(axis=1) / own.peak_uv,
        }
    )
