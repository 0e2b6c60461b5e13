"""One meteor seen from two sites: its path through the air."""

from __future__ import annotations

from typing import Any, NamedTuple

import erfa
import numpy as np
import pandas as pd

from meteortut.lightcurves.events import _rows, _unix
from meteortut.lightcurves.geometry import fit_tracks
from meteortut.lightcurves.reading import SITES, require_columns
from meteortut.showers import directions

#: Why a trajectory is not to be trusted: the flags of :func:`triangulate`, in the order in which :func:`pair_ledger` applies them.
RULES = {
    "same_site": "both cameras stand at one site",
    "no_track": "no great circle through one of the records",
    "few_samples": "fewer than 8 samples in one of the records",
    "narrow": "the two planes meet under less than 15°",
    "behind": "the planes meet behind a camera",
    "wrong_height": "begin outside 60–140 km",
    "not_falling": "end not below begin",
    "speeds_differ": "the stations' speeds differ by more than 15 %",
    "wrong_speed": "speed outside 10–75 km/s",
}
_MIN_SAMPLES, _MIN_CONVERGENCE_DEG, _SPEED_TOLERANCE = 8, 15.0, 0.15
_BEGIN_KM, _SPEED_KM_S = (60.0, 140.0), (10.0, 75.0)


def triangulate(table: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Find each meteor's straight path through the air, where the two planes of camera and track meet.

    Parameters
    ----------
    table : DataFrame
        With ``station`` (of :data:`~meteortut.lightcurves.reading.SITES`), ``start`` (UTC), ``usable``, and ``time_s``,
        ``magnitude``, ``ra_deg``, ``dec_deg`` (ndarrays of shape (n_samples,); seconds, magnitudes, degrees J2000).
    pairs : DataFrame
        As :func:`find_events` gives it.

    Returns
    -------
    DataFrame, a row per pair, in the pairs' order, with their columns and
        ``convergence_deg`` (angle between the planes, 0–90); ``ra_deg``, ``dec_deg`` (apparent radiant, J2000) and
        ``radiant_error_deg`` (from the scatter about the two great circles); ``begin_height_km``, ``peak_height_km``,
        ``end_height_km`` (above the WGS84 ellipsoid: the earliest and the last point seen by either station, the mean of the two
        brightest points); ``latitude_deg``, ``longitude_deg`` (of the begin); ``length_km``; ``speed_km_s`` (common to both) and
        ``speed_first_km_s``, ``speed_second_km_s`` (least squares along the path, relative to the air); ``overlap`` (the part of
        the shorter piece that both saw); ``delay_s`` (how much later the second record truly began, NaN without overlap) and
        ``clock_offset_s`` (``dt_s − delay_s``: how far the second clock is ahead, to the stamps' whole second);
        ``along_first_km``, ``height_first_km``, ``range_first_km`` and the same for ``second``: ndarrays of shape (n_samples,), km
        along the path from its begin, above the ellipsoid, and from the camera, each at the point of the path closest to the ray;
        a flag for each of :data:`RULES`, ``reason`` (the flags raised, joined by commas) and ``ok`` (none).
        A pair that has no solution (one site, no track, parallel planes) has NaN and empty arrays, and is not ``ok``.

    Raises
    ------
    ValueError
        If a column is missing, a pair names a record that the table does not have, or a station has no known site.

    Notes
    -----
    Method: Ceplecha 1987, Bull. Astron. Inst. Czech. 38, 222. Directions are turned from J2000 into the Earth-fixed frame by
    precession, nutation and sidereal time (IAU 2006/2000A, ERFA) at the mean of the two stamps; UTC serves for UT1 and TT, which
    turns everything by less than 0.004°, as does the second to which the stamps are known. One rotation serves all samples of a
    pair: the camera moves with the Earth, so what it sees is the motion relative to the air (to 2 % of 0.3 km/s). Positions come
    from a fit to the stars' catalogue places, which takes up refraction and leaves 0.006° of the stars' aberration in them.
    """
    require_columns(table, ["station", "start", "usable", "time_s", "magnitude", "ra_deg", "dec_deg"])
    require_columns(pairs, ["event", "first", "second", "station_first", "station_second", "dt_s", "night"])
    first, second = (_rows(table, pairs[name]) for name in ("first", "second"))
    unknown = sorted(set(table.station.iloc[np.r_[first, second]]) - set(SITES))
    if unknown:
        raise ValueError(f"no site is known for station {', '.join(unknown)}; expected one of {', '.join(SITES)}.")
    used = np.unique(np.r_[first, second])
    records = table.iloc[used]
    tracks = fit_tracks(records)
    seconds = _unix(records.start)
    views = [_view(record) for record in records.itertuples()]
    solved = []
    for i, j in zip(np.searchsorted(used, first), np.searchsorted(used, second), strict=True):
        rotation = _earth_fixed(np.array((seconds[i] + seconds[j]) / 2))
        poles = tracks[["pole_x", "pole_y", "pole_z"]].to_numpy()[[i, j]]
        errors = tracks.pole_error_deg.to_numpy()[[i, j]]
        pair = [view._replace(rays=view.rays @ rotation.T) for view in (views[i], views[j])]
        solved.append(_solve(pair, poles @ rotation.T, errors, rotation))
    result = pd.concat([pairs, pd.DataFrame(solved, index=pairs.index, columns=list(_EMPTY))], axis=1)
    result["clock_offset_s"] = result.dt_s - result.delay_s
    return _judge(result)


def pair_ledger(triangulated: pd.DataFrame) -> pd.DataFrame:
    """Count the pairs that each rule takes.

    Parameters
    ----------
    triangulated : DataFrame
        As :func:`triangulate` gives it.

    Returns
    -------
    DataFrame, a row per rule, in the order of :data:`RULES`
        ``rule``, ``breaking`` (pairs that break this rule, whatever the others say), ``pairs`` (that this rule takes and no rule
        before it), ``left`` (after this rule).

    Raises
    ------
    ValueError
        If a column is missing.
    """
    require_columns(triangulated, list(RULES))
    left = pd.Series(True, index=triangulated.index)
    rows: list[tuple[str, int, int, int]] = [("all pairs", 0, 0, len(triangulated))]
    for flag, words in RULES.items():
        broken = triangulated[flag].astype(bool)
        taken = left & broken
        left &= ~broken
        rows.append((words, int(broken.sum()), int(taken.sum()), int(left.sum())))
    return pd.DataFrame(rows, columns=["rule", "breaking", "pairs", "left"])


_NUMBERS = ["convergence_deg", "ra_deg", "dec_deg", "radiant_error_deg", "begin_height_km", "peak_height_km"]
_NUMBERS += ["end_height_km", "latitude_deg", "longitude_deg", "length_km", "speed_km_s", "speed_first_km_s"]
_NUMBERS += ["speed_second_km_s", "overlap", "delay_s"]
_EMPTY: dict[str, Any] = dict.fromkeys(_NUMBERS, np.nan) | {
    f"{name}_{which}_km": np.empty(0) for which in ("first", "second") for name in ("along", "height", "range")
}


class _View(NamedTuple):
    """What one camera saw: its site (km, Earth-fixed), rays (n, 3), times (n,) in s, index of the brightest sample."""

    site: np.ndarray
    rays: np.ndarray
    time: np.ndarray
    peak: int


def _view(record: Any) -> _View:
    latitude, longitude, height = SITES[record.station]
    site = erfa.gd2gc(1, np.radians(longitude), np.radians(latitude), height) / 1000
    magnitude = np.where(np.isfinite(record.magnitude), record.magnitude, np.inf)
    peak = int(np.argmin(magnitude)) if len(magnitude) else 0
    return _View(site, directions(record.ra_deg, record.dec_deg), np.asarray(record.time_s, float), peak)


def _solve(views: list[_View], normals: np.ndarray, errors_deg: np.ndarray, rotation: np.ndarray) -> dict[str, Any]:
    """Intersect two planes (normals (2, 3), Earth-fixed) and lay both cameras' rays (Earth-fixed) against the line."""
    sites = np.stack([view.site for view in views])
    line = np.cross(normals[0], normals[1])
    sine = np.linalg.norm(line)
    if np.allclose(sites[0], sites[1]) or not np.isfinite(errors_deg).all():  # no base, or an object that stands still
        return _EMPTY
    if sine < 1e-6:
        return _EMPTY | {"convergence_deg": np.degrees(sine)}
    line /= sine
    planes = np.stack([normals[0], normals[1], line])
    point = np.linalg.solve(planes, [normals[0] @ sites[0], normals[1] @ sites[1], line @ sites.mean(axis=0)])
    along = [_closest(view, point, line) for view in views]
    centred = [(view.time - view.time.mean(), s - s.mean()) for view, s in zip(views, along, strict=True)]
    slopes = [t @ s / (t @ t) for t, s in centred]
    speed = sum(t @ s for t, s in centred) / sum(t @ t for t, _ in centred)
    if speed < 0:  # the line is to run with the meteor
        line, along, slopes, speed = -line, [-s for s in along], [-v for v in slopes], -speed
    begin = min(s[0] for s in along)
    radiant = -line @ rotation
    return {
        "convergence_deg": np.degrees(np.arcsin(np.clip(sine, 0, 1))),
        "ra_deg": np.degrees(np.arctan2(radiant[1], radiant[0])) % 360,
        "dec_deg": np.degrees(np.arcsin(radiant[2])),
        "radiant_error_deg": np.hypot(*errors_deg) / sine,
        "speed_km_s": speed,
        "speed_first_km_s": slopes[0],
        "speed_second_km_s": slopes[1],
    } | _places(views, [s - begin for s in along], point + begin * line, line, speed)


def _closest(view: _View, point: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Where on a line each ray comes closest to it, (n,) in km from the point; the line is no ray's, or it has no such place."""
    apart, cosine = view.site - point, view.rays @ line
    return (apart @ line - cosine * (view.rays @ apart)) / np.maximum(1 - cosine**2, 1e-12)


def _places(
    views: list[_View], along: list[np.ndarray], begin: np.ndarray, line: np.ndarray, speed: float
) -> dict[str, Any]:
    """Turn distances along the line (km from the begin) into heights, ranges, length, and what both stations share."""
    result: dict[str, Any] = {}
    for which, view, s in zip(("first", "second"), views, along, strict=True):
        path = begin + s[:, None] * line
        result[f"along_{which}_km"], result[f"height_{which}_km"] = s, erfa.gc2gd(1, 1000 * path)[2] / 1000
        result[f"range_{which}_km"] = ((path - view.site) * view.rays).sum(axis=1)
    heights = [result["height_first_km"], result["height_second_km"]]
    longitude, latitude, begin_height = erfa.gc2gd(1, 1000 * begin)
    last = int(along[1][-1] > along[0][-1])
    shared, shorter = min(s[-1] for s in along) - max(s[0] for s in along), min(np.ptp(s) for s in along)
    zero = [s.mean() - speed * view.time.mean() for view, s in zip(views, along, strict=True)]
    return result | {
        "begin_height_km": begin_height / 1000,
        "peak_height_km": np.mean([h[view.peak] for view, h in zip(views, heights, strict=True)]),
        "end_height_km": heights[last][-1],
        "latitude_deg": np.degrees(latitude),
        "longitude_deg": np.degrees(longitude),
        "length_km": along[last][-1],
        "overlap": np.clip(shared / shorter, 0, 1) if shorter > 0 else 0.0,
        "delay_s": (zero[1] - zero[0]) / speed if shared > 0 else np.nan,
    }


def _judge(result: pd.DataFrame) -> pd.DataFrame:
    """Raise the flags of RULES; a number that is missing breaks no rule but the one that says why it is missing."""
    v1, v2 = result.speed_first_km_s, result.speed_second_km_s
    samples = np.minimum(result.along_first_km.map(len), result.along_second_km.map(len))
    ranges = [result[f"range_{which}_km"].map(lambda r: r.min(initial=np.inf)) for which in ("first", "second")]
    sites = [result[f"station_{which}"].map(SITES) for which in ("first", "second")]
    flags = {
        "same_site": sites[0] == sites[1],
        "no_track": result.convergence_deg.isna() & (sites[0] != sites[1]),
        "few_samples": (samples > 0) & (samples < _MIN_SAMPLES),
        "narrow": result.convergence_deg < _MIN_CONVERGENCE_DEG,
        "behind": (ranges[0] <= 0) | (ranges[1] <= 0),
        "wrong_height": _outside(result.begin_height_km, _BEGIN_KM),
        "not_falling": result.end_height_km >= result.begin_height_km,
        "speeds_differ": (v1 - v2).abs() > _SPEED_TOLERANCE * result.speed_km_s,
        "wrong_speed": _outside(v1, _SPEED_KM_S) | _outside(v2, _SPEED_KM_S),
    }
    flags = {name: np.asarray(flag, bool) for name, flag in flags.items()}
    result = result.assign(**flags)
    raised = result[list(RULES)].to_numpy(bool)
    result["reason"] = [", ".join(np.array(list(RULES))[row]) for row in raised]
    return result.assign(ok=result.reason == "")


def _outside(values: pd.Series, limits: tuple[float, float]) -> pd.Series:
    return (values < limits[0]) | (values > limits[1])


def _earth_fixed(unix_s: np.ndarray) -> np.ndarray:
    """Matrices (..., 3, 3) that turn J2000 into the Earth-fixed frame, for UTC in seconds since 1970."""
    day = 2_440_587.5 + unix_s / 86_400
    return erfa.c2t06a(day, 0.0, day, 0.0, 0.0, 0.0)
