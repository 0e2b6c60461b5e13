"""Slices of three-band photometry: checks before any work, flags, the instrument's steps, cutting and padding of longer records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

#: Bands in the order of axis 1; samples of 10 µs in a slice of 50 ms.
BANDS = ("337 nm", "180–230 nm", "777.4 nm")
#: The same in names of columns.
SHORT_BANDS = ("337", "uv", "777")
N_BANDS, N_SAMPLES, SAMPLE_MS = 3, 5000, 0.01
#: Step of the readings in each band, µW/m², as it shows in the report's figures.
QUANTA = np.array([0.0024, 0.00003, 0.0017])
#: Highest step of a reading: 10 bits, as in :mod:`meteortut.simulate.mmia`.
TOP = 1023
#: A reading above this many times the highest step is no light. Chosen: the steps of an instrument drift by some per cent.
_BEYOND = 1.3
#: Slices that are looked at for the order of the bands.
_LOOKED_AT = 64


def check_photometry(photometry: np.ndarray, n_samples: int = N_SAMPLES) -> np.ndarray:
    """Refuse what is no photometry of three bands, with a message that says what to do.

    Parameters
    ----------
    photometry : ndarray of shape (n, 3, n_samples), µW/m²
        Bands in the order 337, 180–230, 777.4 nm.
    n_samples : int
        Length of a slice.

    Returns
    -------
    ndarray of float32 of the same shape
        The same array if it is float32 already. No slices (n = 0) are fine.

    Raises
    ------
    ValueError
        Wrong number of axes, bands or samples; not numbers; NaN or infinite; negative by more than half a step; beyond the
        range of the photometers; bands in another order, where the size of the steps shows it.

    Notes
    -----
    What is odd but possible, a dead or saturated photometer, is left to :func:`quality_flags`.
    """
    values = np.asarray(photometry)
    if values.dtype.kind not in "fiu":
        raise ValueError(f"photometry has dtype {values.dtype}; expected numbers, µW/m².")
    _check_shape(values.shape, n_samples)
    values = values.astype(np.float32, copy=False)
    if len(values) == 0:
        return values
    low, high = values.min(axis=(0, 2)), values.max(axis=(0, 2))
    if not (np.isfinite(low) & np.isfinite(high)).all():
        bad = ~np.isfinite(values)
        which = np.flatnonzero(bad.any(axis=(1, 2)))
        raise ValueError(
            f"{int(bad.sum())} readings in {len(which)} slices are NaN or infinite, first in slice "
            f"{which[0]}; leave those slices out."
        )
    if fault := _order_fault(values[:_LOOKED_AT]):
        raise ValueError(fault)
    for name, lowest, highest, quantum in zip(BANDS, low, high, QUANTA, strict=True):
        if lowest < -0.5 * quantum:
            raise ValueError(
                f"{name} has a reading of {lowest:.3g} µW/m²; flux is not negative. If a background was "
                "subtracted, add it again."
            )
        if highest > _BEYOND * TOP * quantum:
            raise ValueError(
                f"{name} has a reading of {highest:.3g} µW/m², beyond the photometer's {TOP * quantum:.3g}. Is the unit µW/m²?"
            )
    return values


def _check_shape(shape: tuple[int, ...], n_samples: int) -> None:
    if len(shape) != 3:
        advice = " Add an axis of slices: photometry[None]." if len(shape) == 2 else ""
        raise ValueError(f"photometry has shape {shape}; expected (n, {N_BANDS}, {n_samples}).{advice}")
    if shape[1] != N_BANDS:
        raise ValueError(f"photometry has {shape[1]} bands on axis 1; expected {N_BANDS}: {', '.join(BANDS)}.")
    if shape[2] < n_samples:
        raise ValueError(
            f"slices have {shape[2]} samples, shorter than {n_samples}; take more of the record, or lengthen with zero_pad."
        )
    if shape[2] > n_samples:
        raise ValueError(f"slices have {shape[2]} samples; expected {n_samples}. Cut them with cut_slices.")


def steps_of(photometry: np.ndarray) -> np.ndarray:
    """Find the step of the readings, if they come in steps.

    Parameters
    ----------
    photometry : ndarray of shape (n, n_bands, n_samples), µW/m²

    Returns
    -------
    ndarray of float of shape (n, n_bands), µW/m²
        The smallest positive reading of the band, if all readings are whole multiples of it (within 1 %), else NaN.
    """
    found = np.full(photometry.shape[:2], np.nan)
    for i, j in np.ndindex(*found.shape):
        positive = np.unique(photometry[i, j])
        positive = positive[positive > 0]
        if len(positive) > 1:
            times = positive / positive[0]
            # Readings that all lie within half a step of one value show no steps.
            whole = times[-1] > 1.5 and np.allclose(times, np.rint(times), rtol=0, atol=0.01)
            found[i, j] = positive[0] if whole else np.nan
    return found


def _order_fault(photometry: np.ndarray) -> str | None:
    """Say what is wrong with the order of the bands, where the median steps show it; None if nothing is, or nothing shows."""
    steps = steps_of(photometry)
    if np.isnan(steps).mean() > 0.5 or np.isnan(steps).all(axis=0).any():
        return None
    blue, uv, red = np.nanmedian(steps, axis=0)
    if 10 * uv < min(blue, red) and blue > 0.9 * red:
        return None
    return (
        f"the readings come in steps of {blue:.2g}, {uv:.2g} and {red:.2g} µW/m²; those of {', '.join(BANDS)} are "
        f"{QUANTA[0]:g}, {QUANTA[1]:g} and {QUANTA[2]:g}. Are the bands in another order?"
    )


def quality_flags(photometry: np.ndarray) -> pd.DataFrame:
    """Flag slices that are possible but odd.

    Parameters
    ----------
    photometry : ndarray of shape (n, 3, n_samples), µW/m²
        Finite.

    Returns
    -------
    DataFrame of bool, a row per slice
        ``constant_337``, ``constant_uv``, ``constant_777`` (all readings the same: a dead photometer), ``saturated_337``,
        … (three or more readings at or above 99 % of the highest step: a pulse was cut off; a cosmic ray does that to
        one), ``in_steps`` (the readings of all bands that are not constant are whole multiples of a step).
    """
    columns = {}
    for j, name in enumerate(SHORT_BANDS):
        band = photometry[:, j]
        columns[f"constant_{name}"] = band.min(axis=1) == band.max(axis=1)
    for j, name in enumerate(SHORT_BANDS):
        columns[f"saturated_{name}"] = (photometry[:, j] >= 0.99 * TOP * QUANTA[j]).sum(axis=1) >= 3
    constant = np.stack([columns[f"constant_{name}"] for name in SHORT_BANDS], axis=1)
    columns["in_steps"] = (np.isfinite(steps_of(photometry)) | constant).all(axis=1)
    return pd.DataFrame(columns)


def counts(photometry: np.ndarray, quanta: np.ndarray = QUANTA) -> np.ndarray:
    """Readings as whole steps: round(x / quantum), from 0 to the highest.

    Parameters
    ----------
    photometry : ndarray of shape (n, n_bands, n_samples), µW/m²
    quanta : ndarray of shape (n_bands,), µW/m²
        Step of each band.

    Returns
    -------
    ndarray of float32 of shape (n, n_bands, n_samples), steps
    """
    steps = np.rint(photometry / np.asarray(quanta, np.float32)[:, None])
    return np.clip(steps, 0, TOP).astype(np.float32)


def cut_slices(record: np.ndarray, n_samples: int = N_SAMPLES) -> np.ndarray:
    """Cut a record into slices, as the report does; what is left over at its end is dropped.

    Parameters
    ----------
    record : ndarray of shape (3, n_record), µW/m²
        As of ``read_mmia_fits`` (column ``photometry``), or several frames laid end to end.
    n_samples : int
        Length of a slice.

    Returns
    -------
    ndarray of shape (n_record // n_samples, 3, n_samples), µW/m²
        A view where possible.

    Raises
    ------
    ValueError
        If the record has other axes or bands, or is shorter than one slice.
    """
    if record.ndim != 2 or len(record) != N_BANDS or record.shape[1] < n_samples:
        raise ValueError(f"record has shape {record.shape}; expected ({N_BANDS}, at least {n_samples}).")
    n = record.shape[1] // n_samples
    return record[:, : n * n_samples].reshape(N_BANDS, n, n_samples).swapaxes(0, 1)


def zero_pad(records: Sequence[np.ndarray], n_samples: int = N_SAMPLES) -> np.ndarray:
    """Lengthen records to one length with zeros at their ends, the way that the report found worse.

    Parameters
    ----------
    records : sequence of ndarray of shape (3, n_i), µW/m²
        n_i ≤ n_samples.
    n_samples : int
        Length to reach.

    Returns
    -------
    ndarray of float32 of shape (n, 3, n_samples), µW/m²

    Raises
    ------
    ValueError
        If a record has other bands or is longer.
    """
    padded = np.zeros((len(records), N_BANDS, n_samples), np.float32)
    for row, record in zip(padded, records, strict=True):
        if record.ndim != 2 or len(record) != N_BANDS or record.shape[1] > n_samples:
            raise ValueError(f"a record has shape {record.shape}; expected ({N_BANDS}, at most {n_samples}).")
        row[:, : record.shape[1]] = record
    return padded
