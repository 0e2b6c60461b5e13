"""Reading meteor records in true order, and saying which can be used."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from data_fetch import readers
from meteortut.showers import solar_longitude

#: Time between two samples: fields of interlaced video, 50 a second (UFOAnalyzer V2 manual, p. 45).
FIELD_PERIOD_S = 0.02
#: A light curve with fewer samples has no shape to speak of.
MIN_SAMPLES = 5
#: Where the cameras stand: latitude and longitude (degrees, east positive), height above sea level (m).
#: CAM1, CAM2 and CAM3 at Armagh (54°21′11″N 6°38′59″W), CAM4 at Bangor (54°39′08″N 5°37′28″W), 74.3 km away.
SITES: dict[str, tuple[float, float, float]] = {
    "CAM1": (54.35306, -6.64972, 65.0),
    "CAM2": (54.35306, -6.64972, 65.0),
    "CAM3": (54.35306, -6.64972, 65.0),
    "CAM4": (54.65222, -5.62444, 30.0),
}


def read_aop(path: str | Path, true_order: bool = True) -> pd.DataFrame:
    """Read Armagh Observatory's meteor records with their fields in true order and a flag for every known trouble.

    Parameters
    ----------
    path : path-like
        ``meteor_data.Rda`` of the data set ``aop-lightcurves``.
    true_order : bool
        Put exchanged fields back (:func:`undo_field_swap`); ``False`` gives the samples as they were recorded.

    Returns
    -------
    DataFrame, a row per record, in the file's order
        ``id``, ``station``, ``start`` (UTC, whole seconds);
        ``time_s``, ``magnitude``, ``ra_deg``, ``dec_deg``: ndarrays of shape (n_samples,), seconds since the first sample,
        magnitudes, degrees (J2000); ``n_samples``; ``start_inside`` and ``end_inside`` (is the end point in the field of view);
        flags ``no_object``, ``several_objects``, ``duplicate``, ``too_short`` and ``usable`` (none of the four);
        with ``true_order`` also what :func:`undo_field_swap` adds.

    Raises
    ------
    UnreadableFile
        If the file is not that R data frame (a ``ValueError``; raised by :func:`data_fetch.readers.read_aop`).
    FileNotFoundError
        If there is no such file.
    """
    raw = readers.read_aop(path)
    table = raw[["id", "station", "start", "magnitude", "ra_deg", "dec_deg"]].copy()
    table.insert(3, "time_s", [FIELD_PERIOD_S * np.arange(len(values)) for values in raw.magnitude])
    table["n_samples"] = raw.magnitude.map(len)
    table["start_inside"] = (raw.io & 1) > 0
    table["end_inside"] = (raw.io & 2) > 0
    table["no_object"] = raw.n_samples_stated == 0
    table["several_objects"] = raw.n_samples_stated < 0
    table["duplicate"] = raw.duplicated(["station", "id"])
    table["too_short"] = table.n_samples < MIN_SAMPLES
    table["usable"] = ~table[["no_object", "several_objects", "duplicate", "too_short"]].any(axis=1)
    return undo_field_swap(table) if true_order else table


def read_ftpdetectinfo(path: str | Path) -> pd.DataFrame:
    """Read meteors of the Global Meteor Network in the shape of :func:`read_aop`: a second network, progressive video.

    Parameters
    ----------
    path : path-like
        ``FTPdetectinfo_*.txt`` of the data set ``gmn-ff``.

    Returns
    -------
    DataFrame, a row per meteor whose label is good
        ``id``, ``station``, ``start`` (UTC, of the block of 256 frames), ``time_s``, ``magnitude``, ``ra_deg``, ``dec_deg``
        (ndarrays of shape (n_samples,), seconds since the first sample, mag, degrees), ``n_samples``, ``too_short`` and
        ``usable`` (at least five samples, all of them finite). Frames are whole: nothing is exchanged, and the file does not
        say what the edge cut off.

    Raises
    ------
    UnreadableFile
        If the file is not one (a ``ValueError``; raised by :func:`data_fetch.readers.read_ftpdetectinfo`).
    FileNotFoundError
        If there is no such file.
    """
    raw = readers.read_ftpdetectinfo(path)
    table = raw[["id", "station", "start", "magnitude", "ra_deg", "dec_deg"]].copy()
    table.insert(3, "time_s", [time - time[0] if len(time) else time for time in raw.time_s])
    table["n_samples"] = raw.magnitude.map(len)
    table["too_short"] = table.n_samples < MIN_SAMPLES
    table["usable"] = ~table.too_short & table.magnitude.map(lambda values: bool(np.isfinite(values).all()))
    return table


def undo_field_swap(table: pd.DataFrame) -> pd.DataFrame:
    """Put exchanged fields back where samples 1↔2, 3↔4 … (or 2↔3, 4↔5 …) were recorded in the wrong order.

    For every record a few orders are tried: as recorded, and exchanged in neighbouring pairs, where the exchange may begin with
    any of the first five samples and leave out up to three at the end (where a meteor is faint, the software slips). The
    order in which the way along the track is shortest wins: a meteor does not turn back. Nothing is averaged or smoothed:
    position and magnitude move together, and the samples stay what they were.

    Parameters
    ----------
    table : DataFrame
        With the columns ``magnitude``, ``ra_deg``, ``dec_deg`` (ndarrays of shape (n_samples,)) and ``usable``.

    Returns
    -------
    DataFrame
        A copy, with the arrays in the order chosen, and ``was_swapped`` (bool), ``residual_deg_as_recorded`` and
        ``residual_deg`` (degrees, root mean square along the track before and after). A record that is not usable, is too short,
        or has a position that is not finite, is left as it is: ``False``, NaN, NaN.

    Raises
    ------
    ValueError
        If a column is missing.

    Notes
    -----
    Found for this book: see chapter 6.
    """
    require_columns(table, ["magnitude", "ra_deg", "dec_deg", "usable"])
    table = table.copy()
    lengths = table.magnitude.map(len)
    finite = np.array(
        [
            bool(np.isfinite(ra).all() and np.isfinite(dec).all())
            for ra, dec in zip(table.ra_deg, table.dec_deg, strict=True)
        ]
    )
    chosen = np.zeros(len(table), int)
    residuals = np.full((len(table), 2), np.nan)
    ready = np.flatnonzero(table.usable & finite & (lengths >= MIN_SAMPLES))
    for n in np.unique(lengths.iloc[ready]):  # all records of one length at once
        rows = ready[lengths.iloc[ready] == n]
        along = along_track(np.stack(list(table.ra_deg.iloc[rows])), np.stack(list(table.dec_deg.iloc[rows])))
        orders = _orders(n)
        ways = np.stack([np.abs(np.diff(along[:, order], axis=1)).sum(axis=1) for order in orders], axis=1)
        chosen[rows] = ways.argmin(axis=1)  # as recorded is the first: it wins a draw
        residuals[rows, 0] = _scatter(along)
        residuals[rows, 1] = _scatter(np.take_along_axis(along, orders[chosen[rows]], axis=1))
    for name in ["magnitude", "ra_deg", "dec_deg"]:
        table[name] = [
            values[_orders(len(values))[k]] if k else values for values, k in zip(table[name], chosen, strict=True)
        ]
    table["was_swapped"] = chosen > 0
    table["residual_deg_as_recorded"] = residuals[:, 0]
    table["residual_deg"] = residuals[:, 1]
    return table


def along_track(ra_deg: np.ndarray, dec_deg: np.ndarray) -> np.ndarray:
    """Measure how far along its own track a meteor has come.

    Parameters
    ----------
    ra_deg, dec_deg : ndarray of shape (..., n_samples), degrees
        Right ascension and declination, n_samples ≥ 2.

    Returns
    -------
    ndarray of shape (..., n_samples), degrees
        Angle along the great circle through the mean of the first and of the second half of the samples, zero in the middle,
        growing with time. All zero for an object that does not move.
    """
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    unit = np.stack([np.cos(ra) * np.cos(dec), np.sin(ra) * np.cos(dec), np.sin(dec)], axis=-1)
    half = max(unit.shape[-2] // 2, 1)
    middle = _normalised(unit.mean(axis=-2))
    ahead = unit[..., -half:, :].mean(axis=-2) - unit[..., :half, :].mean(axis=-2)
    ahead = _normalised(ahead - (ahead * middle).sum(axis=-1, keepdims=True) * middle)
    x, y = (unit * middle[..., None, :]).sum(axis=-1), (unit * ahead[..., None, :]).sum(axis=-1)
    return np.degrees(np.arctan2(y, x))


def ledger(table: pd.DataFrame, more: dict[str, str] | None = None) -> pd.DataFrame:
    """Count what each rule takes, one rule after the other: nothing leaves the table unnamed.

    Parameters
    ----------
    table : DataFrame
        With the flags of :func:`read_aop`.
    more : dict, optional
        Further flags of the table (columns of booleans) and the words for them, applied in this order after the file's own.

    Returns
    -------
    DataFrame, a row per rule
        ``rule``, ``records`` (that this rule takes and no rule before it), ``left`` (after this rule).

    Raises
    ------
    ValueError
        If a column is missing.
    """
    rules = {
        "several_objects": "several objects, their curves laid end to end",
        "no_object": "no object at all",
        "duplicate": "the same file a second time",
        "too_short": f"fewer than {MIN_SAMPLES} samples",
    } | (more or {})
    require_columns(table, list(rules))
    left = pd.Series(True, index=table.index)
    rows = [{"rule": "all records", "records": 0, "left": len(table)}]
    for flag, words in rules.items():
        taken = left & table[flag]
        left &= ~taken
        rows.append({"rule": words, "records": int(taken.sum()), "left": int(left.sum())})
    return pd.DataFrame(rows)


def nightly(table: pd.DataFrame) -> pd.DataFrame:
    """Count usable records per night, from noon to noon UTC.

    Parameters
    ----------
    table : DataFrame
        With ``start`` (UTC) and ``usable``.

    Returns
    -------
    DataFrame, a row per night with at least one usable record
        ``night`` (date of the evening), ``n_meteors``, ``solar_longitude_deg`` (at the midnight in its middle, J2000).

    Raises
    ------
    ValueError
        If a column is missing.
    """
    require_columns(table, ["start", "usable"])
    start = table.start[table.usable]
    evening = (start - pd.Timedelta(hours=12)).dt.floor("D").dt.tz_localize(None)
    nights = start.groupby(evening.rename("night")).size().reset_index(name="n_meteors")
    nights["solar_longitude_deg"] = solar_longitude(nights.night + pd.Timedelta(hours=24))
    return nights


def seasonal_rate(nights: pd.DataFrame, width_deg: float = 1.0) -> pd.DataFrame:
    """Average the nightly counts of all years by solar longitude.

    Parameters
    ----------
    nights : DataFrame
        As :func:`nightly` gives it.
    width_deg : float
        Width of a bin, degrees; 360 must be a multiple of it.

    Returns
    -------
    DataFrame, a row per bin
        ``solar_longitude_deg`` (lower edge), ``n_nights``, ``meteors_per_night`` (NaN where no night fell into the bin).

    Raises
    ------
    ValueError
        If 360° is not a multiple of ``width_deg``.
    """
    n_bins = round(360 / width_deg)
    if n_bins < 1 or abs(n_bins * width_deg - 360) > 1e-9:
        raise ValueError(f"width_deg is {width_deg}; expected a divisor of 360.")
    index = np.minimum((nights.solar_longitude_deg.to_numpy() / width_deg).astype(int), n_bins - 1)
    n_nights = np.bincount(index, minlength=n_bins)
    meteors = np.bincount(index, weights=nights.n_meteors, minlength=n_bins)
    rate = np.divide(meteors, n_nights, out=np.full(n_bins, np.nan), where=n_nights > 0)
    return pd.DataFrame(
        {"solar_longitude_deg": width_deg * np.arange(n_bins), "n_nights": n_nights, "meteors_per_night": rate}
    )


def require_columns(table: pd.DataFrame, columns: list[str]) -> None:
    """Refuse a table that lacks any of the columns (ValueError)."""
    missing = [name for name in columns if name not in table]
    if missing:
        raise ValueError(f"the table has no column {', '.join(missing)}; expected one as read_aop gives it.")


@cache
def _orders(n: int) -> np.ndarray:
    """Give the orders of n samples that are tried, (n_orders, n): as recorded first, then exchanged in pairs.

    An exchange covers at least half of the samples, or all that parity allows: less would follow the noise.
    """
    orders = [np.arange(n)]
    for first in range(5):
        for last in range(n, max(n - 4, 0), -1):
            stop = first + 2 * ((last - first) // 2)
            if stop - first >= max(4, n // 2):
                order = np.arange(n)
                order[first:stop] = order[first:stop].reshape(-1, 2)[:, ::-1].ravel()
                orders.append(order)
    return np.array(list(dict.fromkeys(map(tuple, orders))))


def _scatter(along: np.ndarray) -> np.ndarray:
    """Root mean square of each row about its parabola in time; a meteor may slow down, but it does not jerk."""
    time = np.linspace(-1, 1, along.shape[1])
    basis, _ = np.linalg.qr(np.stack([np.ones_like(time), time, time**2], axis=1))
    return np.sqrt(((along - (along @ basis) @ basis.T) ** 2).mean(axis=1))


def _normalised(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
