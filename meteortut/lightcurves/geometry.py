"""Where a meteor went on the sky: its great circle, its speed, and what cannot be a meteor."""

from __future__ import annotations

import numpy as np
import pandas as pd

from meteortut.lightcurves.reading import MIN_SAMPLES, SITES, _normalised, require_columns
from meteortut.showers import directions, zenith

#: Usual scatter of one position across the track, degrees (median of all four cameras at Armagh and Bangor: 0.019°).
POSITION_ERROR_DEG = 0.02
#: That usual scatter counts for as much as the scatter of so many more positions when a short track's own is estimated.
PRIOR_DEGREES = 3
#: A position further off than so many standard errors is a wrong one: a neighbouring star, a reflection, a burnt-out wake.
OUTLIER_SIGMA = 5.0
#: Height at which a meteor is taken to be when its range is needed: the middle of most trails (begin about 100, end about 90 km).
TRAIL_HEIGHT_KM = 95.0
#: Mean radius of the Earth.
EARTH_RADIUS_KM = 6371.0
#: Speed across the line of sight, at 95 km height, that divides meteors from what flies below or above them, km/s.
SLOWEST_KM_S, FASTEST_KM_S = 3.0, 87.0

_COLUMNS = (
    "pole_x pole_y pole_z pole_error_deg arc_deg angular_speed_deg_s cross_residual_deg along_residual_deg"
    " backward_share outlier_share middle_ra_deg middle_dec_deg"
).split()


def fit_tracks(table: pd.DataFrame) -> pd.DataFrame:
    """Fit a great circle to every record, and a steady motion along it.

    The plane of the circle comes from the singular vectors of the positions' unit vectors. Positions further than 5 robust
    standard errors from the steady motion (at least 5 × 0.02°; along the track at least two and a half steps) are left out. They
    are found from a start that a few of them cannot upset (median slopes; Theil 1950, Sen 1968), then twice from the circle.

    Parameters
    ----------
    table : DataFrame
        With ``time_s``, ``ra_deg``, ``dec_deg`` (ndarrays of shape (n_samples,); seconds, degrees J2000) and ``usable``.

    Returns
    -------
    DataFrame, aligned with ``table``
        ``pole_x``, ``pole_y``, ``pole_z``: unit vector (J2000) about which the motion is positive;
        ``pole_error_deg``: standard error of the pole's direction, the angle by which the circle may turn about its middle:
        s / √Σa², where a is each position's angle along the circle from the middle, c the angle off it and
        s² = (Σc² + 3 · (0.02°)²) / (n − 2 + 3): a few positions that happen to lie in line do not make a perfect pole;
        ``arc_deg``: from the hindmost to the foremost position; ``angular_speed_deg_s``: least squares slope in time;
        ``cross_residual_deg``, ``along_residual_deg``: root mean square off the circle, and along it about a parabola in time;
        ``backward_share``: share of steps that go back, of all positions; ``outlier_share``: share of positions left out;
        ``middle_ra_deg``, ``middle_dec_deg``: the point of the circle at the mean of the positions.
        All NaN for a record that is not usable, has fewer than 5 samples, a value that is not finite, or times all the same.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    require_columns(table, ["time_s", "ra_deg", "dec_deg", "usable"])
    lengths = table.ra_deg.map(len).to_numpy()
    result = np.full((len(table), len(_COLUMNS)), np.nan)
    ready = np.flatnonzero(table.usable.to_numpy(bool) & (lengths >= MIN_SAMPLES))
    for n in np.unique(lengths[ready]):  # all records of one length at once
        rows = ready[lengths[ready] == n]
        time, ra, dec = (np.stack(list(table[name].iloc[rows])) for name in ("time_s", "ra_deg", "dec_deg"))
        good = np.isfinite(time + ra + dec).all(axis=1) & (np.ptp(time, axis=1) > 0)
        if good.any():
            result[rows[good]] = _fit(
                time[good] - time[good].mean(axis=1, keepdims=True), directions(ra[good], dec[good])
            )
    return pd.DataFrame(result, index=table.index, columns=_COLUMNS)


def flag_not_meteors(
    table: pd.DataFrame, tracks: pd.DataFrame, sites: dict[str, tuple[float, float, float]] | None = None
) -> pd.DataFrame:
    """Flag what cannot be a meteor, from its motion alone: the light curve has no say, for it is what will be classified.

    Parameters
    ----------
    table : DataFrame
        With ``start`` (UTC) and ``station``.
    tracks : DataFrame
        As :func:`fit_tracks` gives it for that table.
    sites : dict, optional
        Station → (latitude, longitude east, degrees; height, m); default :data:`SITES`.

    Returns
    -------
    DataFrame of bool, aligned with ``table``
        ``bent``, ``backward``, ``too_slow``, ``too_fast`` as below, and ``not_meteor`` (any of them). A record without a track is
        flagged nowhere.

    Raises
    ------
    ValueError
        If a column is missing, the two tables are not aligned, or a station is not among the sites.

    Notes
    -----
    A meteor is a body on a straight line at steady speed, 11.2 km/s (escape speed) to 73 km/s (bound orbit, head on).

    ``bent``: more than 3 × 0.02° off the circle and wider than 1/20 of its length; or over 30 % of the positions off the motion.
    A straight track with the cameras' scatter is that wide only where it is too short to be called bent.
    ``backward``: at least 30 % of the steps go back, and the scatter along exceeds a fifth of the arc (positions at random: 0.29).
    The second condition spares meteors with exchanged fields that no pairwise exchange puts right: a displacement by one step
    among six or more stays below it.
    ``too_slow``: at 95 km height it would cross the sky with less than 3 km/s. So do aircraft (0.25 km/s at 10 km look like
    2.4 km/s) and satellites (7.7 km/s at 400 km: 1.8 km/s); even the slowest meteor does only within 15° of its radiant.
    ``too_fast``: with more than 87 km/s, that is 73 km/s only 80 km up; fast meteors are higher. Lost fields do that to a meteor.
    The bounds come from these arguments; the shapes of real tracks near each bound were looked at, no light curve was.
    """
    _aligned(table, tracks)
    speed = np.radians(tracks.angular_speed_deg_s) * middle_range_km(table, tracks, sites)
    cross, arc = tracks.cross_residual_deg, tracks.arc_deg
    flags = pd.DataFrame(index=table.index)
    flags["bent"] = ((cross > 3 * POSITION_ERROR_DEG) & (cross > arc / 20)) | (tracks.outlier_share > 0.3)
    flags["backward"] = (tracks.backward_share >= 0.3) & (tracks.along_residual_deg > 0.2 * arc)
    flags["too_slow"] = speed < SLOWEST_KM_S
    flags["too_fast"] = speed > FASTEST_KM_S
    flags["not_meteor"] = flags.any(axis=1)
    return flags


def zeniths(
    table: pd.DataFrame, sites: dict[str, tuple[float, float, float]] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Give zenith and motion, (n, 3) each, of every record's station and ``start``: see :func:`meteortut.showers.zenith`.

    Raises ``ValueError`` if a column is missing or a station is not among the sites (:data:`SITES` unless given).
    """
    require_columns(table, ["start", "station"])
    sites = SITES if sites is None else sites
    stations = table.station.astype(str)
    unknown = sorted(set(stations) - set(sites))
    if unknown:
        raise ValueError(f"no site for station {', '.join(unknown)}; known are {', '.join(sites)}. Pass sites={{…}}.")
    latitude, longitude = (stations.map({name: place[k] for name, place in sites.items()}) for k in (0, 1))
    return zenith(table.start, latitude.to_numpy(float), longitude.to_numpy(float))


def middle_range_km(
    table: pd.DataFrame, tracks: pd.DataFrame, sites: dict[str, tuple[float, float, float]] | None = None
) -> np.ndarray:
    """Give the distance to the middle of each track, were it 95 km above the ground.

    Parameters
    ----------
    table, tracks : DataFrame
        As :func:`flag_not_meteors` takes them.
    sites : dict, optional
        Station → (latitude, longitude east, degrees; height, m); default :data:`SITES`.

    Returns
    -------
    ndarray of shape (n,), km
        √((R sin e)² + 2Rh + h²) − R sin e with the elevation e; NaN where there is no track.
    """
    up_there, _ = zeniths(table, sites)
    up = EARTH_RADIUS_KM * (up_there * directions(tracks.middle_ra_deg, tracks.middle_dec_deg)).sum(axis=1)
    return np.sqrt(up**2 + 2 * EARTH_RADIUS_KM * TRAIL_HEIGHT_KM + TRAIL_HEIGHT_KM**2) - up


def _fit(time: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Fit records of one length: times about their mean (m, n), unit vectors (m, n, 3); gives (m, columns)."""
    kept = _near_median_line(time, unit)
    for _ in range(2):
        pole, middle, along, cross, slope = _circle(time, unit, kept)
        kept = _inside(cross, along - _fitted(along, time, kept, 1), slope, time)
    pole, middle, along, cross, slope = _circle(time, unit, kept)
    n = kept.sum(axis=1)
    cross, bent = np.where(kept, cross, 0.0), np.where(kept, along - _fitted(along, time, kept, 2), 0.0)
    leverage = np.where(kept, along, 0.0)
    squares = (cross**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):  # an object that stands still has no pole
        error = np.sqrt(
            (squares + PRIOR_DEGREES * np.radians(POSITION_ERROR_DEG) ** 2)
            / (n - 2 + PRIOR_DEGREES)
            / (leverage**2).sum(axis=1)
        )
    low, high = np.where(kept, along, np.inf).min(axis=1), np.where(kept, along, -np.inf).max(axis=1)
    angles = [error, high - low, slope, np.sqrt(squares / n), np.sqrt((bent**2).sum(axis=1) / n)]
    shares = [(np.diff(along, axis=1) < 0).mean(axis=1), 1 - kept.mean(axis=1)]
    place = [np.arctan2(middle[:, 1], middle[:, 0]) % (2 * np.pi), np.arcsin(np.clip(middle[:, 2], -1, 1))]
    return np.column_stack([pole, np.degrees(np.column_stack(angles)), *shares, np.degrees(np.column_stack(place))])


def _circle(time: np.ndarray, unit: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, ...]:
    """Give pole, middle (m, 3), angles along and across (m, n), slope (m,), in radians; only kept samples count."""
    weighted = unit * kept[:, :, None]
    pole = np.linalg.svd(weighted, full_matrices=False)[2][:, 2]
    middle = weighted.sum(axis=1)
    middle = _normalised(middle - (middle * pole).sum(axis=1, keepdims=True) * pole)
    ahead = np.cross(pole, middle)
    along = np.arctan2((unit @ ahead[:, :, None])[..., 0], (unit @ middle[:, :, None])[..., 0])
    clock = np.where(kept, time - (time * kept).sum(axis=1, keepdims=True) / kept.sum(axis=1, keepdims=True), 0.0)
    slope = (along * clock).sum(axis=1) / np.maximum((clock**2).sum(axis=1), 1e-30)
    sign = np.where(slope < 0, -1.0, 1.0)
    pole = pole * sign[:, None]
    cross = np.arcsin(np.clip((unit @ pole[:, :, None])[..., 0], -1, 1))
    return pole, middle, along * sign[:, None], cross, slope * sign


def _near_median_line(time: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Tell which samples (m, n) lie near a steady motion whose slope is the median over all pairs of samples."""
    first, second = np.triu_indices(time.shape[1], 1)
    if len(first) > 2000:  # long records: a fixed spread of pairs serves as well
        chosen = np.linspace(0, len(first) - 1, 2000).astype(int)
        first, second = first[chosen], second[chosen]
    span = (time[:, second] - time[:, first])[:, :, None]
    steps = unit[:, second] - unit[:, first]
    slope = np.median(np.divide(steps, span, out=np.zeros_like(steps), where=span != 0), axis=1)
    rest = unit - slope[:, None] * time[:, :, None]
    rest = rest - np.median(rest, axis=1, keepdims=True)
    ahead = _normalised(slope)[:, None]
    along = (rest * ahead).sum(axis=-1)
    return _inside(
        np.linalg.norm(rest - along[..., None] * ahead, axis=-1), along, np.linalg.norm(slope, axis=-1), time
    )


def _inside(cross: np.ndarray, along: np.ndarray, slope: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Tell which samples (m, n) are within 5 robust standard errors of the motion, across and along (radians)."""
    least = np.full((len(cross), 1), np.radians(POSITION_ERROR_DEG))
    # exchanged fields are early or late by a step or two: that is the clock's fault, and their place on the circle is right
    step = np.abs(slope[:, None]) * np.median(np.abs(np.diff(time, axis=1)), axis=1, keepdims=True)
    limits = [
        OUTLIER_SIGMA * np.maximum(1.4826 * np.median(np.abs(off), axis=1, keepdims=True), floor)
        for off, floor in ((cross, least), (along, np.maximum(least, step / 2)))
    ]
    return (np.abs(cross) <= limits[0]) & (np.abs(along) <= limits[1])


def _fitted(values: np.ndarray, time: np.ndarray, kept: np.ndarray, degree: int) -> np.ndarray:
    """Fit a polynomial in time to each row's kept samples, (m, n) → (m, n)."""
    x = time / np.abs(time).max(axis=1, keepdims=True)
    powers = x[:, :, None] ** np.arange(degree + 1)
    weighted = powers * kept[:, :, None]
    factors = np.linalg.pinv(weighted) @ (values * kept)[:, :, None]
    return (powers @ factors)[:, :, 0]


def _aligned(table: pd.DataFrame, tracks: pd.DataFrame) -> None:
    require_columns(tracks, _COLUMNS)
    if not table.index.equals(tracks.index):
        raise ValueError(
            f"the table has {len(table)} rows, the tracks {len(tracks)} or other labels; use fit_tracks(table)."
        )
