"""The cameras' clocks, from meteors seen twice: the time from sample to sample, and how far the sites disagree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from meteortut.lightcurves.reading import require_columns
from meteortut.lightcurves.stations import RULES
from meteortut.showers import apparent_radiants, directions, solar_longitude, zenith


def field_period(
    table: pd.DataFrame,
    triangulated: pd.DataFrame,
    showers: pd.DataFrame,
    codes: tuple[str, ...] = ("PER", "GEM"),
    tolerance_deg: float = 5.0,
    rng: int | np.random.Generator = 0,
) -> tuple[float, float, float]:
    """Measure the time from sample to sample: how far a shower's meteors move per sample, divided by their known speed.

    Which meteors belong to a shower follows from geometry alone (where the planes meet, on the right night); no time within a
    record is used, so the answer does not depend on the period that was assumed.

    Parameters
    ----------
    table : DataFrame
        The records, with ``time_s`` (ndarrays of shape (n_samples,), seconds).
    triangulated : DataFrame
        As :func:`triangulate` gives it.
    showers : DataFrame
        As :func:`meteortut.showers.read_showers` gives it.
    codes : tuple of str
        Showers to use: swift ones with narrow radiants.
    tolerance_deg : float
        Largest distance from the shower's radiant on that day, degrees.
    rng : int or Generator
        Source of the bootstrap.

    Returns
    -------
    tuple of float, milliseconds
        Median over events (the cameras of one site count once), and the ends of its 95 % bootstrap interval (1 000 resamples).

    Raises
    ------
    ValueError
        If a column is missing, a code is not in the table of showers, or fewer than 5 events are left.

    Notes
    -----
    The interval holds chance alone. A meteor slows down on its way, so dividing by its speed before the air makes the period too
    short: at these stations the first half of the samples is faster than the whole by 0.4 % (Perseids) and 1.5 % (Geminids), a
    lower bound of the bias. The two sites' scales differ by 2 % for the Perseids, which no bootstrap sees.
    Where the radiant is seen and the speed before the air: :func:`meteortut.showers.apparent_radiants`.
    """
    needed = ["event", "first", "ra_deg", "dec_deg", "speed_km_s", "latitude_deg", "longitude_deg"]
    require_columns(triangulated, [*needed, *RULES])
    require_columns(table, ["time_s", "start"])
    missing = sorted(set(codes) - set(showers.code))
    if missing:
        raise ValueError(f"no shower {', '.join(missing)} in the table; expected codes such as {showers.code.iloc[0]}.")
    # The speed itself must have no say; that both stations see the same one does not depend on the period.
    good = triangulated[~triangulated[[name for name in RULES if name != "wrong_speed"]].any(axis=1)]
    start = table.start.loc[good["first"]]
    step = np.array([np.median(np.diff(time)) for time in table.time_s.loc[good["first"]]])
    best, period = np.full(len(good), tolerance_deg), np.full(len(good), np.nan)
    for shower in showers[showers.code.isin(codes)].itertuples():
        distance, speed = _distance_deg(start, good, shower)
        nearer = distance <= best
        best[nearer] = distance[nearer]
        period[nearer] = (1000 * good.speed_km_s.to_numpy() * step / speed)[nearer]
    values = pd.Series(period).groupby(good.event.to_numpy()).median().dropna().to_numpy()
    if len(values) < 5:
        raise ValueError(f"{len(values)} events belong to {', '.join(codes)}; expected at least 5. Give more nights.")
    samples = np.random.default_rng(rng).choice(values, (1000, len(values)))
    low, high = np.percentile(np.median(samples, axis=1), [2.5, 97.5])
    return float(np.median(values)), float(low), float(high)


def clock_offsets(triangulated: pd.DataFrame) -> pd.DataFrame:
    """Say night by night how far the second station's clock is ahead of the first's.

    Parameters
    ----------
    triangulated : DataFrame
        As :func:`triangulate` gives it; only pairs that are ``ok`` and have a ``clock_offset_s`` count.

    Returns
    -------
    DataFrame, a row per night and pair of stations
        ``night``, ``station_first``, ``station_second``, ``n_pairs``, ``offset_s`` (mean) and ``error_s`` (standard error of the
        mean; NaN for one pair). Stamps are cut to whole seconds at both sites; the mean is free of that, a single pair is not.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    require_columns(triangulated, ["night", "station_first", "station_second", "clock_offset_s", "ok"])
    good = triangulated[triangulated.ok & triangulated.clock_offset_s.notna()]
    offsets = good.groupby(["night", "station_first", "station_second"]).clock_offset_s.agg(["size", "mean", "sem"])
    return offsets.set_axis(["n_pairs", "offset_s", "error_s"], axis=1).reset_index()


def _distance_deg(start: pd.Series, good: pd.DataFrame, shower: Any) -> tuple[np.ndarray, np.ndarray]:
    """Say how far (degrees; infinite out of season) each radiant is from where the shower's is seen, and its speed there (km/s)."""
    day = solar_longitude(start)
    since = (day - shower.lambda_ref_deg + 180) % 360 - 180
    radiant = directions(shower.ra_deg + shower.dra_per_deg * since, shower.dec_deg + shower.ddec_per_deg * since)
    up, motion = zenith(start, good.latitude_deg, good.longitude_deg)
    expected, speed = apparent_radiants(radiant, np.full(len(good), shower.vg_km_s), up, motion)
    away = np.degrees(np.arccos(np.clip((expected * directions(good.ra_deg, good.dec_deg)).sum(axis=1), -1, 1)))
    season = (day - shower.lambda_begin_deg) % 360 <= (shower.lambda_end_deg - shower.lambda_begin_deg) % 360
    return np.where(season, away, np.inf), speed
