"""The shape of a light curve in numbers: a row of features per record, and how far noise alone moves them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from meteortut.lightcurves.geometry import fit_tracks
from meteortut.lightcurves.measures import CURVE_FEATURES, DECIMALS, measure
from meteortut.lightcurves.reading import MIN_SAMPLES, require_columns
from meteortut.lightcurves.smoothing import residuals, smooth

#: Features of the track on the sky.
TRACK_FEATURES = ("arc_deg", "angular_speed_deg_s")

_COLUMNS = ["time_s", "magnitude", "ra_deg", "dec_deg"]


def shape_features(table: pd.DataFrame) -> pd.DataFrame:
    r"""Measure the shape of every light curve; all records of one length at once.

    With :math:`s_i` the smoothed curve (:func:`smooth`), :math:`b_i = \min s - s_i \le 0` its brightness below the peak and
    :math:`t_b, t_p, t_e` the moments 1 mag below the peak, at the peak, and 1 mag below it again:

    ==================  =========================================================================================================
    duration_s          last minus first sample, s
    peak_magnitude      :math:`\min s`, mag
    amplitude_mag       :math:`\max s - \min s`, mag; with ``start_drop_mag`` and ``end_drop_mag``: of the first and last sample
    f_parameter         :math:`(t_p - t_b) / (t_e - t_b)`; NaN if the curve does not fall 1 mag on both sides
    f_ends, f_half      the same 1 and 0.5 mag below the peak, the curve's end in the place of a missing point
    width_s             :math:`t_e - t_b`, s, with ends as in ``f_ends``
    rise_slope          magnitudes gained from :math:`t_b` (or the first sample) to :math:`t_p` over that time, mag/s, ≥ 0
    fall_slope          magnitudes lost from :math:`t_p` to :math:`t_e` (or the last sample) over that time, mag/s, ≥ 0
    light_centre        :math:`\mu = \sum w_i t_i`, as a share of the duration, 0 to 1; :math:`w \propto 10^{0.4 b} \Delta t`
    skewness            :math:`\sum w_i (t_i - \mu)^3 / (\sum w_i (t_i - \mu)^2)^{3/2}`: positive for a long tail after the peak
    roughness           :math:`\sqrt{\langle d_i^2 \rangle / 6}`, mag, :math:`d_i = m_{i-1} - 2 m_i + m_{i+1}` of the samples as
                        they are; white noise of σ gives σ, structure as short as the samples adds to it
    noise_mag           the same from what is typical instead of the mean: :math:`1.4826 \, \mathrm{med} |d - \mathrm{med}\, d| /
                        \sqrt 6`, at least 0.02 mag; a few jumps and a steady curvature leave it alone
    roughness_ratio     roughness / noise_mag
    n_peaks             peaks of s that stand out by 0.5 mag and by three standard deviations of a difference of two smoothed
                        samples (√2 × noise_mag × the smoother's norm, 0.43); a peak at an end counts
    dip_mag             deepest dip of s below the lower of the two peaks beside it, mag (0: one peak)
    flare_mag           most that s stands above its grey opening over a fifth of the samples, mag
    arc_deg             length of the track, degrees; angular_speed_deg_s: degrees per second (:func:`fit_tracks`)
    ==================  =========================================================================================================

    Parameters
    ----------
    table : DataFrame, a row per record
        ``time_s``, ``magnitude``, ``ra_deg``, ``dec_deg``: ndarrays of shape (n_samples,), seconds, magnitudes, degrees, in true
        order; ``usable`` (bool) if there is one.

    Returns
    -------
    DataFrame, with the table's index
        The columns above (float64) and ``features_ok`` (bool). A record that is not usable, has fewer than 5 samples, arrays of
        different lengths, anything not finite, or times that do not grow, has ``features_ok`` False and NaN everywhere.
        ``rise_slope`` is NaN where the peak is the first sample, ``fall_slope`` where it is the last.

    Raises
    ------
    ValueError
        If a column is missing.

    Notes
    -----
    F at a fixed depth: Koten et al. 2004, A&A 428, 683 (after Fleming, Hawkes and Jones 1993). Noise from second differences: von
    Neumann 1941, Ann. Math. Stat. 12, 367. The opening: Serra 1982, *Image Analysis and Mathematical Morphology*.
    """
    require_columns(table, _COLUMNS)
    result = pd.DataFrame(np.nan, index=table.index, columns=[*CURVE_FEATURES, *TRACK_FEATURES])
    values, ok = result.to_numpy(copy=True), np.zeros(len(table), bool)
    for rows, time, magnitude in _groups(table):
        values[rows, : len(CURVE_FEATURES)] = measure(time, magnitude)
        ok[rows] = True
    if len(table):
        tracks = fit_tracks(table[_COLUMNS].assign(usable=ok).reset_index(drop=True))
        values[:, len(CURVE_FEATURES) :] = tracks[list(TRACK_FEATURES)].to_numpy()
    return pd.DataFrame(values, index=table.index, columns=result.columns).assign(features_ok=ok)


def feature_uncertainty(table: pd.DataFrame, rng: int | np.random.Generator, n_draws: int = 50) -> pd.DataFrame:
    r"""Say how far noise alone moves each feature: a residual bootstrap about the smoothed curve.

    Draw k is :math:`s_i + r^*_i` with :math:`r^*` drawn with replacement from the record's own residuals
    :math:`(m_i - s_i) / (1 - l_i)`, centred; :math:`l_i` is the smoother's leverage.

    Parameters
    ----------
    table : DataFrame, a row per record
        As for :func:`shape_features`.
    rng : int or Generator
        Seed or generator.
    n_draws : int
        Curves drawn per record, at least 2.

    Returns
    -------
    DataFrame, with the table's index
        For each of :data:`CURVE_FEATURES` the standard deviation over the draws where it is defined (the feature's unit; NaN if
        fewer than two), and ``features_ok`` as above. Not for the track, which has its own error, nor for trends longer than the
        smoother: those it keeps.

    Raises
    ------
    ValueError
        If a column is missing or ``n_draws`` is below 2.

    Notes
    -----
    Davison and Hinkley 1997, *Bootstrap Methods and their Application*, section 6.2.
    """
    require_columns(table, _COLUMNS)
    if n_draws < 2:
        raise ValueError(f"n_draws is {n_draws}; expected at least 2 draws for a standard deviation.")
    rng = np.random.default_rng(rng)
    values, ok = np.full((len(table), len(CURVE_FEATURES)), np.nan), np.zeros(len(table), bool)
    for rows, time, magnitude in _groups(table):
        curve, residual = smooth(time, magnitude), residuals(time, magnitude)
        draws = np.empty((n_draws, len(rows), len(CURVE_FEATURES)))
        for k in range(n_draws):
            drawn = rng.integers(0, time.shape[1], time.shape)
            draws[k] = measure(time, curve + np.take_along_axis(residual, drawn, axis=1))
        enough = np.isfinite(draws).sum(axis=0) >= 2
        values[rows] = np.where(enough, np.nanstd(np.where(enough, draws, 0.0), axis=0, ddof=1), np.nan)
        ok[rows] = True
    return pd.DataFrame(values, index=table.index, columns=list(CURVE_FEATURES)).assign(features_ok=ok)


def _groups(table: pd.DataFrame) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield rows, times from zero and magnitudes of all good records of one length, (m,), (m, n), (m, n)."""
    lengths = np.array([[len(value) if np.ndim(value) == 1 else -1 for value in table[name]] for name in _COLUMNS])
    usable = table["usable"].to_numpy(bool) if "usable" in table else np.ones(len(table), bool)
    ready = usable & (lengths == lengths[0]).all(axis=0) & (lengths[0] >= MIN_SAMPLES)
    for n in np.unique(lengths[0][ready]):
        rows = np.flatnonzero(ready & (lengths[0] == n))
        stack = np.stack([np.stack([*table[name].iloc[rows]]).astype(float) for name in _COLUMNS])
        good = np.isfinite(stack).all(axis=(0, 2)) & (np.diff(stack[0], axis=1) > 0).all(axis=1)
        if good.any():
            time, magnitude = stack[0, good], stack[1, good]
            yield rows[good], np.round(time - time[:, :1], DECIMALS), magnitude
