"""Which shower a meteor belongs to, and how often that is chance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from meteortut.lightcurves.geometry import flag_not_meteors, middle_range_km, zeniths
from meteortut.lightcurves.reading import require_columns
from meteortut.showers import apparent_radiants, directions, read_showers, solar_longitude

#: Scatter of a shower's radiant in one coordinate, degrees: between the Geminids' 0.5° and the Taurids' 3°.
RADIANT_SPREAD_DEG = 1.5
#: A circle that misses the radiant by more than so many standard errors does not come from there: 95 % of true members stay.
TOLERANCE_SIGMA = 2.0
#: Beyond this error of its pole a track fits almost any radiant, and tells nothing.
MAX_POLE_ERROR_DEG = 5.0
#: How far the angular speed may be from the expected one: the height (±15 %), the air's brake and the fit share it.
SPEED_GATE = 0.35
#: Shifts of the radiants along their circle of declination that measure chance, degrees on the sky.
CONTROL_SHIFTS_DEG = (-40.0, -30.0, -20.0, 20.0, 30.0, 40.0)


def assign_showers(
    table: pd.DataFrame, tracks: pd.DataFrame, shift_deg: float = 0.0, speed_gate: float | None = SPEED_GATE
) -> pd.DataFrame:
    """Give every meteor the active shower that its track and speed fit best, or call it sporadic.

    Parameters
    ----------
    table : DataFrame
        With ``start`` (UTC) and ``station``.
    tracks : DataFrame
        As :func:`fit_tracks` gives it for that table.
    shift_deg : float
        Move every radiant so far along its circle of declination, degrees on the sky: a control that shows what chance does.
    speed_gate : float or None
        Largest relative difference of the angular speed from the expected one; ``None`` lets any speed pass.

    Returns
    -------
    DataFrame, aligned with ``table``
        ``shower``: code, ``SPO``, or missing for a record without a track, whose pole is uncertain by over 5°, or that is no
        meteor; ``miss_deg``: angle by which the great circle misses the apparent radiant; ``speed_ratio``: measured over expected
        angular speed (both NaN unless a shower was found); ``start`` (UTC) and ``solar_longitude_deg`` (J2000).

    Raises
    ------
    ValueError
        If a column is missing, the tables are not aligned, a station has no site, or ``speed_gate`` is not above zero.

    Notes
    -----
    A shower is possible if it is active; its radiant (drifted, lifted by zenith attraction, aberrated: see
    :func:`meteortut.showers.apparent_radiants`) is above the horizon; the meteor moves away from it; the circle misses it by less
    than 2 √(1.5² + (e sin D)²) degrees, with the pole's error e and the distance D from radiant to track; and the angular speed is
    within ±35 % of v sin D / r, with the range r of a track 95 km up. Among several the one with the smallest sum of squared
    deviations wins (miss in standard errors; speed in units of half the gate).
    """
    if speed_gate is not None and not speed_gate > 0:
        raise ValueError(f"speed_gate is {speed_gate}; expected a share above 0, or None for no gate.")
    told, longitude = _prepared(table, tracks)
    result = pd.DataFrame({"shower": pd.Series(pd.NA, index=table.index, dtype="string")})
    result["miss_deg"], result["speed_ratio"] = np.nan, np.nan
    result["start"], result["solar_longitude_deg"] = table.start, longitude
    score, miss, ratio = _deviations(table[told], tracks[told], longitude[told], shift_deg)
    best = _best(score, ratio, speed_gate)
    row, found = np.arange(len(best)), best >= 0
    codes = read_showers().code.to_numpy(str)
    result.loc[told, "shower"] = np.where(found, codes[best], "SPO")
    result.loc[told, "miss_deg"] = np.where(found, miss[row, best], np.nan)
    result.loc[told, "speed_ratio"] = np.where(found, ratio[row, best], np.nan)
    return result


def count_showers(table: pd.DataFrame, tracks: pd.DataFrame) -> pd.DataFrame:
    """Count the members of every shower, beside what shifted radiants collect by chance.

    Parameters
    ----------
    table, tracks : DataFrame
        As :func:`assign_showers` takes them.

    Returns
    -------
    DataFrame, a row per shower
        ``shower``; ``n_tolerance_only`` (great circle alone) and ``n`` (with the speed gate); ``control_tolerance_only`` and
        ``control``: the same for shifted radiants, mean of six shifts by 20° to 40° either way.

    Raises
    ------
    ValueError
        As :func:`assign_showers`.

    Notes
    -----
    A shower's own meteors stay in the sky when radiants are shifted and some cross the shifted ones, so that the control of a
    strong shower, or of a weak one beneath it, is rather too high than too low.
    """
    told, longitude = _prepared(table, tracks)
    codes = read_showers().code

    def counts(shift: float) -> np.ndarray:
        score, _, ratio = _deviations(table[told], tracks[told], longitude[told], shift)
        both = [_best(score, ratio, gate) for gate in (None, SPEED_GATE)]
        return np.array([np.bincount(best[best >= 0], minlength=len(codes)) for best in both])

    members = counts(0.0)
    control = np.mean([counts(shift) for shift in CONTROL_SHIFTS_DEG], axis=0)
    return pd.DataFrame(
        {
            "shower": codes,
            "n_tolerance_only": members[0],
            "n": members[1],
            "control_tolerance_only": control[0],
            "control": control[1],
        }
    )


def yearly_activity(assigned: pd.DataFrame, code: str) -> pd.DataFrame:
    """Compare a shower's years, each by the sporadic meteors of the same nights, which share its weather and its cameras.

    Parameters
    ----------
    assigned : DataFrame
        As :func:`assign_showers` gives it.
    code : str
        A shower of :func:`meteortut.showers.read_showers`.

    Returns
    -------
    DataFrame, a row per year with any meteor in the shower's window
        ``year`` (of the shower's peak), ``n`` (members), ``n_sporadic`` (in the window), ``ratio`` (n / n_sporadic), ``low`` and
        ``high`` (its 95 % interval). Without a sporadic meteor ``ratio`` and ``high`` are infinite (NaN, for 0 / 0).

    Raises
    ------
    ValueError
        If a column is missing or there is no such shower.

    Notes
    -----
    Both counts are Poisson; given their sum, n is binomial, and the Clopper–Pearson limits p of its share give p / (1 − p).
    """
    from scipy.stats import beta

    require_columns(assigned, ["shower", "start", "solar_longitude_deg"])
    showers = read_showers().set_index("code")
    if code not in showers.index:
        raise ValueError(f"no shower {code!r}; expected one of {', '.join(showers.index)}.")
    shower = showers.loc[code]
    within = assigned[_active(assigned.solar_longitude_deg.to_numpy(), showers.loc[[code]])[:, 0]]
    # a window that holds New Year is one season: every meteor counts for the year in which its shower peaks
    to_peak = _turned(shower.lambda_peak_deg - within.solar_longitude_deg.to_numpy()) / 360 * 365.25
    year = (within.start + pd.to_timedelta(to_peak, unit="D")).dt.year.rename("year")
    counts = pd.DataFrame({"n": within.shower == code, "n_sporadic": within.shower == "SPO"}).fillna(False).astype(int)
    result = counts.groupby(year).sum().query("n + n_sporadic > 0").reset_index()
    n, m = result.n.to_numpy(float), result.n_sporadic.to_numpy(float)
    low = np.where(n > 0, beta.ppf(0.025, np.maximum(n, 1), m + 1), 0.0)
    high = np.where(m > 0, beta.ppf(0.975, n + 1, np.maximum(m, 1)), 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        result["ratio"], result["low"], result["high"] = n / m, low / (1 - low), high / (1 - high)
    return result


def _prepared(table: pd.DataFrame, tracks: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Tell which records can be told a shower (n,), and the solar longitude of all, degrees (n,)."""
    told = ~flag_not_meteors(table, tracks).not_meteor & (tracks.pole_error_deg <= MAX_POLE_ERROR_DEG)
    known = told & table.start.notna()
    longitude = np.full(len(table), np.nan)
    if table.start.notna().any():
        longitude[table.start.notna()] = solar_longitude(table.start.dropna())
    return known.to_numpy(bool), longitude


def _best(score: np.ndarray, ratio: np.ndarray, speed_gate: float | None) -> np.ndarray:
    """Give the number of the shower that fits best (n,), −1 where none is possible."""
    if speed_gate is not None:
        score = np.where(np.abs(ratio - 1) <= speed_gate, score + (2 * (ratio - 1) / speed_gate) ** 2, np.inf)
    return np.where(np.isfinite(score).any(axis=1), score.argmin(axis=1), -1)


def _deviations(
    table: pd.DataFrame, tracks: pd.DataFrame, longitude: np.ndarray, shift_deg: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give (n, n_showers): squared miss in standard errors (infinite where impossible), miss in degrees, speed ratio."""
    showers = read_showers()
    zenith, motion = (vectors[:, None] for vectors in zeniths(table))
    since = _turned(longitude[:, None] - showers.lambda_ref_deg.to_numpy())
    dec = showers.dec_deg.to_numpy() + since * showers.ddec_per_deg.to_numpy()
    ra = showers.ra_deg.to_numpy() + since * showers.dra_per_deg.to_numpy()
    shifted = ra + np.clip(shift_deg / np.cos(np.radians(dec)), -180, 180)
    radiant, speed = apparent_radiants(directions(shifted, dec), showers.vg_km_s.to_numpy(), zenith, motion)
    pole = tracks[["pole_x", "pole_y", "pole_z"]].to_numpy()[:, None]
    middle = directions(tracks.middle_ra_deg, tracks.middle_dec_deg)[:, None]
    miss = np.degrees(np.abs(np.arcsin(np.clip((pole * radiant).sum(axis=-1), -1, 1))))
    sine = np.sqrt(np.clip(1 - (middle * radiant).sum(axis=-1) ** 2, 0, 1))
    sigma = np.hypot(RADIANT_SPREAD_DEG, tracks.pole_error_deg.to_numpy()[:, None] * sine)
    expected = np.degrees(speed * sine / middle_range_km(table, tracks)[:, None])
    ratio = tracks.angular_speed_deg_s.to_numpy()[:, None] / np.maximum(expected, 1e-9)
    leaves = (np.cross(pole, middle) * radiant).sum(axis=-1) < 0
    possible = _active(longitude, showers) & leaves & ((radiant * zenith).sum(axis=-1) > 0)
    return np.where(possible & (miss < TOLERANCE_SIGMA * sigma), (miss / sigma) ** 2, np.inf), miss, ratio


def _active(longitude: np.ndarray, showers: pd.DataFrame) -> np.ndarray:
    begin, end = showers.lambda_begin_deg.to_numpy(float), showers.lambda_end_deg.to_numpy(float)
    return (longitude[:, None] - begin) % 360 <= (end - begin) % 360


def _turned(angle_deg: np.ndarray) -> np.ndarray:
    """Bring angles into [−180°, 180°)."""
    return (angle_deg + 180) % 360 - 180
