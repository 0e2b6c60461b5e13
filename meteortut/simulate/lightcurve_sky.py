"""When meteors come and from where, for the simulated records: nights, showers, radiants, directions in the sky."""

from __future__ import annotations

import numpy as np
import pandas as pd

from meteortut.showers import read_showers, solar_longitude

#: Share of meteors of a shower at its peak night against a night of sporadics; chosen, of the order that video networks see.
SHOWER_STRENGTH = {"PER": 12.0, "GEM": 12.0, "QUA": 5.0, "ORI": 2.0, "STA": 1.0, "NTA": 1.0, "KCG": 0.5, "LYR": 1.0}
#: Width of a shower's activity, degrees of solar longitude (e-folding on either side of the peak); chosen.
SHOWER_WIDTH_DEG = 1.5
#: Scatter of radiants of one shower about its mean, degrees; chosen.
RADIANT_SCATTER_DEG = 0.7
#: Armagh, degrees; Bangor is near enough for a sky seen from one place.
LATITUDE_DEG, LONGITUDE_DEG = 54.353, -6.650
#: No meteor flatter than this is followed (cosine of the zenith distance of its radiant).
LEAST_COS_ZENITH = 0.2


def draw_starts(n: int, rng: np.random.Generator) -> pd.Series:
    """Draw start times, UTC, shape (n,): nights by their length and the activity of their showers, any moment of the dark hours."""
    nights = pd.Series(pd.date_range("2013-01-01", "2015-12-31", freq="D", tz="UTC") + pd.Timedelta(hours=24))
    longitude = solar_longitude(nights)
    half_night_h = 4.9 + 2.7 * np.cos(np.radians(longitude - 270.0))  # 54° N: short in June, long in December
    weight = (1 + _shares(longitude).sum(axis=1)) * half_night_h
    chosen = rng.choice(len(nights), n, p=weight / weight.sum())
    offset_h = rng.uniform(-1, 1, n) * half_night_h[chosen]
    return (nights.iloc[chosen].reset_index(drop=True) + pd.to_timedelta(offset_h, unit="h")).dt.floor("s")


def _showers() -> pd.DataFrame:
    table = read_showers()
    return table[table.code.isin(list(SHOWER_STRENGTH))]


def _shares(longitude: np.ndarray) -> np.ndarray:
    """Activity of each shower against the sporadics' 1, (n, n_showers), exponential on either side of its peak.

    The shape is that of Jenniskens 1994, A&A 287, 990.
    """
    table = _showers()
    away = np.abs((longitude[:, None] - table.lambda_peak_deg.to_numpy() + 180) % 360 - 180)
    return np.array([SHOWER_STRENGTH[code] for code in table.code]) * np.exp(-away / SHOWER_WIDTH_DEG)


def draw_members(
    start: pd.Series, speeds: tuple[tuple[float, float, float], ...], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw each meteor's shower, its entry speed and the direction it comes from.

    Parameters
    ----------
    start : Series of timestamps, UTC, shape (n,)
    speeds : tuple of (share, mean, standard deviation), km/s
        Speeds of sporadic meteors, a mixture of normals.
    rng : Generator

    Returns
    -------
    shower : ndarray of str, shape (n,)
        Code, or SPO.
    speed_km_s : ndarray of shape (n,), km/s
    radiant : ndarray of shape (n, 3)
        Unit vector east, north, up; below the horizon where a shower's radiant is. Sporadics: p(z) ∝ sin z cos z, any azimuth.

    Notes
    -----
    Zenith attraction Δz after Gural 2001, WGN 29, 134: tan(Δz / 2) = (v∞ − v_g) / (v∞ + v_g) · tan(z / 2).
    """
    n, longitude, table = len(start), solar_longitude(start), _showers()
    share = np.column_stack([np.ones(n), _shares(longitude)])
    bound = np.cumsum(share / share.sum(axis=1, keepdims=True), axis=1)
    member = np.minimum((rng.random(n)[:, None] > bound).sum(axis=1), len(table))
    weight, mean, width = np.array(speeds).T
    kind = rng.choice(len(weight), n, p=weight / weight.sum())
    sporadic = np.clip(rng.normal(mean[kind], width[kind]), 12.0, 71.0)
    sine2, azimuth = rng.random(n), rng.uniform(0, 2 * np.pi, n)
    radiant = np.stack([np.sqrt(sine2) * np.sin(azimuth), np.sqrt(sine2) * np.cos(azimuth), np.sqrt(1 - sine2)], axis=1)
    geocentric = np.array([0.0, *table.vg_km_s])[member]
    in_shower = np.flatnonzero(member)
    radiant[in_shower] = _shower_radiants(
        table.iloc[member[in_shower] - 1], longitude[in_shower], sidereal_rad(start)[in_shower], rng
    )
    speed = np.where(member == 0, sporadic, np.hypot(geocentric, 11.2))  # the Earth's pull adds its escape speed
    return np.array(["SPO", *table.code])[member], speed, radiant


def sidereal_rad(start: pd.Series) -> np.ndarray:
    """Give local mean sidereal time at Armagh, radians, (n,); linear in UT1 ≈ UTC (Meeus, *Astronomical Algorithms*, 12.4)."""
    days = (start - pd.Timestamp("2000-01-01 12:00", tz="UTC")) / pd.Timedelta(days=1)
    return np.radians((280.46061837 + 360.98564736629 * days.to_numpy() + LONGITUDE_DEG) % 360)


def equatorial(unit: np.ndarray, sidereal: float) -> tuple[np.ndarray, np.ndarray]:
    """Turn directions east, north, up, shape (n, 3), into right ascension and declination, degrees, shape (n,); no precession."""
    east, north, up = unit.T
    sine, cosine = np.sin(np.radians(LATITUDE_DEG)), np.cos(np.radians(LATITUDE_DEG))
    ra = sidereal + np.arctan2(east, cosine * up - sine * north)
    return np.degrees(ra) % 360, np.degrees(np.arcsin(np.clip(cosine * north + sine * up, -1, 1)))


def _shower_radiants(
    table: pd.DataFrame, longitude: np.ndarray, sidereal: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Place radiants of shower members (a row of the shower table each) in the local sky, (n, 3), zenith attraction included."""
    days = (longitude - table.lambda_ref_deg.to_numpy() + 180) % 360 - 180
    dec = np.radians(table.dec_deg + table.ddec_per_deg * days + rng.normal(0, RADIANT_SCATTER_DEG, len(table)))
    shift = rng.normal(0, RADIANT_SCATTER_DEG, len(table)) / np.cos(dec)
    hour = np.radians(table.ra_deg + table.dra_per_deg * days + shift).to_numpy() - sidereal
    dec, latitude = dec.to_numpy(), np.radians(LATITUDE_DEG)
    x, east, z = np.cos(dec) * np.cos(hour), np.cos(dec) * np.sin(hour), np.sin(dec)
    north, up = np.cos(latitude) * z - np.sin(latitude) * x, np.cos(latitude) * x + np.sin(latitude) * z
    geocentric = table.vg_km_s.to_numpy()
    entry = np.hypot(geocentric, 11.2)
    true = apparent = np.arccos(np.clip(up, -1, 1))
    for _ in range(3):  # the formula has the apparent distance from the zenith on its right
        apparent = true - 2 * np.arctan((entry - geocentric) / (entry + geocentric) * np.tan(apparent / 2))
    level = np.sin(apparent) / np.maximum(np.hypot(east, north), 1e-12)
    return np.stack([level * east, level * north, np.cos(apparent)], axis=1)
