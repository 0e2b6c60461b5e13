"""Worlds of video meteors over Northern Ireland: nights, showers, falling bodies, cameras, exchanged fields.

*Stands in for* Armagh Observatory's records, with a truth that no archive has. *Breaks down*, beside the real records of eight or
more fields (medians; the first world's first): its meteors last too long (26 fields against 14) and appear too suddenly (0.3 mag
too bright at first), its records end 0.7 mag too faint, its roughness is a fifth too high (0.31 against 0.25 mag); among curves
smoothed over five fields, flares and second humps are seven times too frequent (19 % against 3 %) and late peaks too rare (23 %
against 38 %); positions lack the real heavy tail. No meteor is seen by two stations, every night is clear, nothing but meteors is
recorded. F (0.54, 0.55), peak magnitude (0.3, 0.1) and angular speed (15, 16° per second) agree. The second world is not meant to.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from meteortut.shapes import curve_label, f_parameter
from meteortut.simulate.ablation import ablate, absolute_magnitude
from meteortut.simulate.lightcurve_sky import LEAST_COS_ZENITH, draw_members, draw_starts, equatorial, sidereal_rad
from meteortut.simulate.lightcurve_worlds import WORLDS, World, draw_bodies
from meteortut.simulate.shared import choose_world

FIELD_PERIOD_S = 0.02

STATIONS, STATION_SHARE = ("CAM1", "CAM2", "CAM3", "CAM4"), (0.31, 0.20, 0.19, 0.30)
#: The air takes this much light at the zenith, magnitudes, and in proportion to the air mass elsewhere; chosen.
EXTINCTION_MAG = 0.3
#: A camera that sees fewer fields than this has seen nothing.
LEAST_FIELDS = 3
#: Bodies integrated together; bounds the memory.
BATCH = 1000


def simulate_light_curves(
    n: int, rng: int | np.random.Generator, world: str = "first", swapped_share: float = 0.9
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Simulate records in the shape that :func:`meteortut.lightcurves.read_aop` gives with ``true_order=False``.

    Parameters
    ----------
    n : int
        Number of records, at least 1.
    rng : int or Generator
        Seed or generator.
    world : "first" or "second"
        The world to train on, or the one with other meteoroids and other cameras, to be judged by and never trained on.
    swapped_share : float in [0, 1]
        Share of the records of CAM1–CAM3 whose neighbouring fields are exchanged.

    Returns
    -------
    data : DataFrame, a row per record
        The columns of ``read_aop``; no record is without object, doubled or concatenated, some are too short.
    truth : DataFrame, a row per record
        ``shower`` (code, or SPO for sporadic), ``speed_km_s`` (at entry); ``peak_magnitude``, ``f_parameter`` and ``label``, of
        the whole apparent curve in fields, dark before and after, free of noise, saturation and cuts, as
        :mod:`meteortut.shapes` has them; ``snr`` (1.086 / scatter in magnitudes, at the peak); ``swapped``,
        ``truncated_start``, ``truncated_end``.

    Raises
    ------
    ValueError
        If ``n`` is not positive, ``swapped_share`` is no share, or there is no such world.

    Notes
    -----
    Bodies fall as :func:`meteortut.simulate.ablation.ablate` has it; sporadic ones come with p(z) ∝ sin z cos z. A track lies
    in the sky where its height, slope and distance put it, and a shower's radiant stands where it stood at that moment, raised by
    zenith attraction (Gural 2001, WGN 29, 134). The parameters are those of :mod:`meteortut.simulate.lightcurve_worlds`.
    """
    if n < 1:
        raise ValueError(f"n is {n}; expected at least 1 record.")
    if not 0 <= swapped_share <= 1:
        raise ValueError(f"swapped_share is {swapped_share}; expected a share between 0 and 1.")
    chosen = choose_world(WORLDS, world)
    rng = np.random.default_rng(rng)
    rows: list[dict] = []
    while len(rows) < n:
        rows += _block(int(1.5 * (n - len(rows))) + 20, chosen, swapped_share, rng)
    table = pd.DataFrame(rows[:n])
    table.insert(0, "id", [f"SIM{i:06d}" for i in range(n)])
    data = table[["id", "station", "start", "time_s", "magnitude", "ra_deg", "dec_deg"]].copy()
    data["n_samples"] = data.magnitude.map(len)
    data["start_inside"], data["end_inside"] = ~table.truncated_start, ~table.truncated_end
    data["no_object"] = data["several_objects"] = data["duplicate"] = False
    data["too_short"] = data.n_samples < 5
    data["usable"] = ~data.too_short
    names = "shower speed_km_s peak_magnitude f_parameter label snr swapped truncated_start truncated_end"
    return data, table[names.split()].copy()


def _block(n: int, world: World, swapped_share: float, rng: np.random.Generator) -> list[dict]:
    """Let n meteors fall; give the records of those that a camera saw."""
    start = draw_starts(n, rng)
    shower, speed, radiant = draw_members(start, world.speeds, rng)
    up = radiant[:, 2] >= LEAST_COS_ZENITH
    start, shower, speed, radiant = start[up].reset_index(drop=True), shower[up], speed[up], radiant[up]
    n = len(start)
    if not n:
        return []
    camera = rng.choice(4, n, p=STATION_SHARE)
    azimuth, elevation = rng.uniform(0, 2 * np.pi, n), np.radians(rng.uniform(*world.elevation_deg, n))
    towards = np.stack(
        [np.cos(elevation) * np.sin(azimuth), np.cos(elevation) * np.cos(azimuth), np.sin(elevation)], axis=1
    )
    dimming = 5 * np.log10(0.95 / np.sin(elevation)) + EXTINCTION_MAG / np.sin(elevation)  # seen at a height of 95 km
    limit = np.array(world.limit_mag)[camera]
    bodies = draw_bodies(world, speed, radiant[:, 2], limit - world.notice_mag - dimming, rng)
    order = np.argsort((bodies.height_km - 70) / (speed * radiant[:, 2]), kind="stable")  # like durations together
    seeds, sidereal = rng.integers(2**63, size=n), sidereal_rad(start)
    rows: dict[int, dict] = {}
    for batch in (order[i : i + BATCH] for i in range(0, n, BATCH)):
        fallen = ablate(bodies.take(batch), world.luminous_efficiency, FIELD_PERIOD_S)
        absolute = absolute_magnitude(fallen.power_w, world.zero_power_w)
        for k, i in enumerate(batch):
            own = np.random.default_rng(seeds[i])
            height = _moving_on(fallen.height_km[k], fallen.mass_kg[k], speed[i] * radiant[i, 2])
            magnitude, unit = _apparent(absolute[k], height, radiant[i], towards[i])
            row = _record(magnitude, unit, world, int(camera[i]), own)
            if row is not None:
                row["ra_deg"], row["dec_deg"] = equatorial(row.pop("unit"), sidereal[i])
                row |= {
                    "start": start[i],
                    "station": STATIONS[camera[i]],
                    "shower": str(shower[i]),
                    "speed_km_s": float(speed[i]),
                }
                rows[int(i)] = _exchanged(row, swapped_share, own)
    return [rows[i] for i in sorted(rows)]


def _moving_on(height: np.ndarray, mass: np.ndarray, sinking: float) -> np.ndarray:
    """Let the light move on when the leading body is gone and only its grains shine; heights in km, (n_fields,)."""
    gone = int(np.argmax(mass <= mass[-1]))
    return height - sinking * FIELD_PERIOD_S * np.maximum(np.arange(len(height)) - gone, 0)


def _apparent(
    absolute: np.ndarray, height: np.ndarray, radiant: np.ndarray, towards: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Put a meteor's peak in the direction ``towards``; apparent magnitudes (n_fields,), unit vectors (n_fields, 3)."""
    peak = int(np.argmin(absolute))
    place = towards * height[peak] / towards[2] - radiant * ((height[peak] - height) / radiant[2])[:, None]
    distance = np.linalg.norm(place, axis=1)
    unit = place / distance[:, None]
    air_mass = 1 / np.maximum(unit[:, 2], 0.05)
    return absolute + 5 * np.log10(distance / 100) + EXTINCTION_MAG * air_mass, unit


def _record(
    magnitude: np.ndarray, unit: np.ndarray, world: World, camera: int, rng: np.random.Generator
) -> dict | None:
    """Watch an apparent curve with a camera: a record's arrays and truth, or None if the camera sees nothing of it."""
    limit = world.limit_mag[camera]
    bright = np.flatnonzero(magnitude < limit + 2)
    if len(bright) < LEAST_FIELDS:
        return None
    window = slice(bright[0], bright[-1] + 1)
    seen = _noisy(magnitude[window], limit, world, rng)
    first, stop = _detected(seen, int(np.argmin(magnitude[window])), limit, world)
    length = stop - first
    cut_start, cut_end = rng.random() < world.cut_start, rng.random() < world.cut_end
    share = rng.uniform(0.1, 0.5, 2)  # of the record that lies outside the field of view
    first += int(np.ceil(cut_start * share[0] * length))
    stop -= int(np.ceil(cut_end * share[1] * length))
    if stop - first < LEAST_FIELDS:
        return None
    whole = np.pad(magnitude, 1, constant_values=np.inf)  # dark before and after
    time = FIELD_PERIOD_S * np.arange(len(whole))
    scatter = _scatter(float(magnitude.min()), limit, world)
    size = world.position_deg[camera] * (1 + np.clip(10 ** (0.2 * (magnitude[window][first:stop] - limit)), 0, 2))
    return {
        "time_s": FIELD_PERIOD_S * np.arange(stop - first),
        "magnitude": seen[first:stop],
        "unit": _jittered(unit[window][first:stop], size, rng),
        "peak_magnitude": float(magnitude.min()),
        "f_parameter": f_parameter(time, whole),
        "label": curve_label(time, whole),
        "snr": 1.0857 / float(scatter),
        "truncated_start": bool(cut_start),
        "truncated_end": bool(cut_end),
    }


def _scatter(magnitude: np.ndarray | float, limit: float, world: World) -> np.ndarray:
    """Standard deviation of a field's magnitude: photon noise, 10^(0.2 m), and a floor."""
    return np.hypot(world.floor_mag, world.noise_mag * 10 ** (0.2 * np.minimum(np.asarray(magnitude) - limit, 2)))


def _noisy(magnitude: np.ndarray, limit: float, world: World, rng: np.random.Generator) -> np.ndarray:
    """Saturate a curve, let it scintillate and add the camera's noise; (n_fields,)."""
    from scipy.signal import lfilter  # slow to import

    saturated = limit - world.saturation_mag
    magnitude = np.minimum(magnitude, limit + 2)  # where there is no light, the camera measures its background
    magnitude = np.where(magnitude < saturated, saturated + world.compression * (magnitude - saturated), magnitude)
    n = len(magnitude)
    hit = np.where(rng.random(n) < world.outliers, world.outlier_mag, 0.0)
    slow = (
        lfilter([0.6], [1, -0.8], rng.standard_normal(n + 20))[20:] * world.scintillation_mag
    )  # variance 1 before scaling
    return magnitude + np.hypot(_scatter(magnitude, limit, world), hit) * rng.standard_normal(n) + slow


def _detected(seen: np.ndarray, peak: int, limit: float, world: World) -> tuple[int, int]:
    """First field and one past the last of what the camera follows around the peak; (0, 0) if it does not notice it."""
    held = np.flatnonzero(seen < limit + world.hysteresis_mag)
    parts = np.split(held, np.flatnonzero(np.diff(held) > world.gap_fields + 1) + 1)
    part = min(parts, key=lambda fields: np.abs(fields - peak).min() if len(fields) else np.inf)
    if (seen[part] < limit - world.notice_mag).sum() < LEAST_FIELDS:
        return 0, 0
    return int(part[seen[part] < limit][0]), int(part[-1]) + 1


def _jittered(unit: np.ndarray, size_deg: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    moved = unit + np.radians(size_deg)[:, None] * rng.standard_normal(unit.shape)
    return moved / np.linalg.norm(moved, axis=1, keepdims=True)


def _exchanged(row: dict, swapped_share: float, rng: np.random.Generator) -> dict:
    """Exchange neighbouring fields in a share of the records of CAM1–CAM3, in pairs from the first or the second on."""
    swapped = row["station"] != "CAM4" and rng.random() < swapped_share
    if swapped:
        n = len(row["time_s"])
        order = np.arange(n)
        first = int(rng.integers(2))
        stop = first + 2 * ((n - first) // 2)
        order[first:stop] = order[first:stop].reshape(-1, 2)[:, ::-1].ravel()
        row |= {name: row[name][order] for name in ("magnitude", "ra_deg", "dec_deg")}
    return row | {"swapped": bool(swapped)}
