"""A world of video meteors over Northern Ireland: nights, showers, tracks, light curves, exchanged fields.

*Stands in for* Armagh Observatory's records when they cannot be had. *Breaks down* where real meteors are interesting: every body
here is single and solid (no flares, no fragments), every night is clear, no camera saturates, no track is cut by a field's edge.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from meteortut.showers import read_showers, solar_longitude

FIELD_PERIOD_S = 0.02

#: Share of meteors of a shower at its peak night against a night of sporadics; chosen, of the order that video networks see.
SHOWER_STRENGTH = {"PER": 12.0, "GEM": 12.0, "QUA": 5.0, "ORI": 2.0, "STA": 1.0, "NTA": 1.0, "KCG": 0.5, "LYR": 1.0}
#: Width of a shower's activity, degrees of solar longitude (e-folding on either side of the peak); chosen.
SHOWER_WIDTH_DEG = 1.5
#: Scale height of the air near 95 km, km (US Standard Atmosphere 1976).
SCALE_HEIGHT_KM = 5.8
#: The camera: faintest magnitude, scatter of a magnitude and of a position along the track (chosen, near the real CAM4).
LIMITING_MAGNITUDE, NOISE_MAG, NOISE_DEG = 3.5, 0.25, 0.02
#: Population index: r times as many meteors per magnitude fainter.
POPULATION_INDEX = 2.3


def simulate_light_curves(
    n: int, rng: int | np.random.Generator, swapped_share: float = 0.9
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Simulate records in the shape that :func:`meteortut.lightcurves.read_aop` gives with ``true_order=False``.

    Parameters
    ----------
    n : int
        Number of records, at least 1.
    rng : int or Generator
        Seed or generator.
    swapped_share : float in [0, 1]
        Share of the records of CAM1–CAM3 whose neighbouring fields are exchanged.

    Returns
    -------
    data : DataFrame, a row per record
        The columns of ``read_aop``; no record is without object, doubled or concatenated, some are too short.
    truth : DataFrame, a row per record
        ``shower`` (code, or SPO for sporadic), ``speed_km_s``, ``peak_magnitude``, ``swapped``.

    Raises
    ------
    ValueError
        If ``n`` is not positive or ``swapped_share`` is no share.

    Notes
    -----
    Light curve of a single body in an exponential atmosphere, with the mass loss of classical theory and no deceleration:
    I ∝ ρ (1 − ρ / 3ρ_max)², brightest at ρ = ρ_max (Öpik 1958, *Physics of Meteor Flight in the Atmosphere*).
    Entry angles follow p(z) ∝ sin z cos z.
    """
    if n < 1:
        raise ValueError(f"n is {n}; expected at least 1 record.")
    if not 0 <= swapped_share <= 1:
        raise ValueError(f"swapped_share is {swapped_share}; expected a share between 0 and 1.")
    rng = np.random.default_rng(rng)
    start = _starts(n, rng)
    shower, speed = _members(solar_longitude(start), rng)
    station = rng.choice(["CAM1", "CAM2", "CAM3", "CAM4"], n, p=[0.31, 0.20, 0.19, 0.30])
    swapped = (station != "CAM4") & (rng.random(n) < swapped_share)
    records = [_record(speed[i], swapped[i], rng) for i in range(n)]
    time, magnitude, ra, dec, peak = (list(column) for column in zip(*records, strict=True))
    data = pd.DataFrame({"id": [f"SIM{i:06d}" for i in range(n)], "station": station, "start": start})
    data = data.assign(time_s=time, magnitude=magnitude, ra_deg=ra, dec_deg=dec)
    data["n_samples"] = data.magnitude.map(len)
    data["start_inside"] = data["end_inside"] = True
    data["no_object"] = data["several_objects"] = data["duplicate"] = False
    data["too_short"] = data.n_samples < 5
    data["usable"] = ~data.too_short
    truth = pd.DataFrame({"shower": shower, "speed_km_s": speed, "peak_magnitude": peak, "swapped": swapped})
    return data, truth


def _starts(n: int, rng: np.random.Generator) -> pd.Series:
    """Draw start times: nights by the activity of their showers and their length, then any moment of the dark hours."""
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


def _members(longitude: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw each meteor's shower (or SPO) and its entry speed, km/s."""
    share = np.column_stack([np.ones_like(longitude), _shares(longitude)])
    bound = np.cumsum(share / share.sum(axis=1, keepdims=True), axis=1)
    table = _showers()
    member = np.minimum((rng.random(len(longitude))[:, None] > bound).sum(axis=1), len(table))
    sporadic = np.clip(rng.normal(38.0, 14.0, len(longitude)), 12.0, 71.0)
    shower_speed = np.sqrt(np.array([0.0, *table.vg_km_s]) ** 2 + 11.2**2)  # the Earth's pull adds its escape speed
    codes = np.array(["SPO", *table.code])
    return codes[member], np.where(member == 0, sporadic, shower_speed[member])


def _record(
    speed: float, swapped: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Simulate one track and its light curve: times (s), magnitudes, right ascensions, declinations (degrees), peak magnitude."""
    peak = LIMITING_MAGNITUDE - rng.exponential(1 / np.log(POPULATION_INDEX))
    cos_z = np.sqrt(rng.uniform(0.04, 1))  # p(z) ∝ sin z cos z
    time = np.arange(-2.0, 2.0, FIELD_PERIOD_S) + rng.uniform(0, FIELD_PERIOD_S)
    density = np.exp(speed * cos_z * time / SCALE_HEIGHT_KM)  # of the air, in units of that at maximum light
    light = 2.25 * density * np.clip(1 - density / 3, 0, None) ** 2
    magnitude = np.where(light > 0, peak - 2.5 * np.log10(np.maximum(light, 1e-9)), np.inf)
    seen = magnitude < LIMITING_MAGNITUDE
    time, magnitude = time[seen], magnitude[seen] + rng.normal(0, NOISE_MAG, seen.sum())
    ra, dec = _track(time, speed, cos_z, rng)
    if swapped:
        order = np.arange(len(time))
        first = int(rng.integers(2))
        stop = first + 2 * ((len(time) - first) // 2)
        order[first:stop] = order[first:stop].reshape(-1, 2)[:, ::-1].ravel()
        magnitude, ra, dec = magnitude[order], ra[order], dec[order]
    return time - time[0], magnitude, ra, dec, peak


def _track(time: np.ndarray, speed: float, cos_z: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Move along a great circle in a random direction near the zenith of 54° N; degrees."""
    sine = np.sqrt(1 - 0.95 * cos_z**2)  # a steep meteor seen near the zenith comes towards us and seems slow
    along = speed * sine / rng.uniform(100, 140) * time  # radians: speed over distance, km/s over km
    ra, dec = rng.uniform(0, 2 * np.pi), np.radians(np.clip(rng.normal(54, 15), 5, 88))
    heading = rng.uniform(0, 2 * np.pi)
    east = np.array([-np.sin(ra), np.cos(ra), 0.0])
    north = np.array([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)])
    centre = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    ahead = np.cos(heading) * north + np.sin(heading) * east
    along = along + np.radians(rng.normal(0, NOISE_DEG, len(time)))
    unit = np.cos(along)[:, None] * centre + np.sin(along)[:, None] * ahead
    return np.degrees(np.arctan2(unit[:, 1], unit[:, 0])) % 360, np.degrees(np.arcsin(unit[:, 2]))
