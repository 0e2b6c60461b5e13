"""Meteor showers: when they come, and from where."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

#: Speed that a body needs to leave the Earth from 95 km height.
ESCAPE_SPEED_KM_S = 11.1


def solar_longitude(start: pd.Series) -> np.ndarray:
    """Give the Sun's ecliptic longitude: the Earth's place on its orbit, by which meteor showers return.

    Parameters
    ----------
    start : Series of timestamps, UTC

    Returns
    -------
    ndarray of shape (n,), degrees in [0, 360), J2000

    Notes
    -----
    Computed by astropy (``get_sun``, geocentric, mean ecliptic of J2000).
    """
    from astropy.coordinates import GeocentricMeanEcliptic, get_sun
    from astropy.time import Time

    times = Time(start.dt.tz_localize(None).to_numpy().astype("datetime64[ms]"), scale="utc")
    return get_sun(times).transform_to(GeocentricMeanEcliptic(equinox="J2000")).lon.deg


def read_showers() -> pd.DataFrame:
    """Read the project's table of 19 meteor showers.

    Returns
    -------
    DataFrame, a row per shower
        ``code``; solar longitudes ``lambda_begin_deg``, ``lambda_end_deg``, ``lambda_peak_deg``, ``lambda_ref_deg`` (J2000);
        geocentric radiant ``ra_deg``, ``dec_deg`` at ``lambda_ref_deg`` and its drift ``dra_per_deg``, ``ddec_per_deg`` per degree
        of solar longitude; geocentric speed ``vg_km_s``.

    Notes
    -----
    Radiants after Jenniskens et al. 2016, Icarus 266, 331; activity windows from public calendars.
    """
    with (files("meteortut") / "showers.csv").open(encoding="utf-8") as stream:
        return pd.read_csv(stream)


def directions(ra_deg: ArrayLike, dec_deg: ArrayLike) -> np.ndarray:
    """Turn places on the sky into unit vectors.

    Parameters
    ----------
    ra_deg, dec_deg : array-like of the same shape (...), degrees

    Returns
    -------
    ndarray of shape (..., 3)
        Axes towards (0°, 0°), (90°, 0°) and the pole; NaN where a coordinate is.
    """
    ra, dec = np.broadcast_arrays(np.radians(np.asarray(ra_deg, float)), np.radians(np.asarray(dec_deg, float)))
    return np.stack([np.cos(ra) * np.cos(dec), np.sin(ra) * np.cos(dec), np.sin(dec)], axis=-1)


def zenith(start: pd.Series, latitude_deg: ArrayLike, longitude_deg: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Give the direction of the zenith, and the site's own motion, at times and places.

    Parameters
    ----------
    start : Series of n timestamps, UTC
    latitude_deg, longitude_deg : array-like of shape (n,), degrees
        Longitude is positive to the east.

    Returns
    -------
    zenith : ndarray of shape (n, 3)
        Unit vectors, J2000; NaN without a time.
    motion : ndarray of shape (n, 3), km/s
        Velocity of the site by the Earth's rotation, J2000 axes.

    Notes
    -----
    Mean sidereal time and precession IAU 2006 (``erfa.gmst06``, ``erfa.pmat06``, part of astropy); nutation and UT1 − UTC, both
    under 0.006°, and refraction are left out. 0.465 km/s is the equator's speed.
    """
    import erfa  # only here: `import meteortut` stays quick

    days = (start.dt.tz_localize(None) - pd.Timestamp("2000-01-01 12:00")).dt.total_seconds().to_numpy() / 86_400
    epoch = 2_451_545.0
    with np.errstate(invalid="ignore"):  # no time (NaT) gives no direction (NaN)
        sidereal_deg = np.degrees(erfa.gmst06(epoch, days, epoch, days)) + np.asarray(longitude_deg, float)
    of_date = directions(sidereal_deg, latitude_deg)
    motion = 0.465 * np.cross([0.0, 0.0, 1.0], of_date)
    to_j2000 = erfa.pmat06(epoch, days).swapaxes(-1, -2)
    return (to_j2000 @ of_date[:, :, None])[:, :, 0], (to_j2000 @ motion[:, :, None])[:, :, 0]


def zenith_attraction(zenith_distance_deg: ArrayLike, vg_km_s: ArrayLike) -> np.ndarray:
    """Give by how much the Earth's gravity lifts a radiant towards the zenith.

    Parameters
    ----------
    zenith_distance_deg : array-like of shape (...), degrees
        Of the apparent radiant z, as it is seen.
    vg_km_s : array-like, broadcast with it, km/s
        Geocentric speed, before the Earth pulls.

    Returns
    -------
    ndarray of shape (...), degrees
        Δz: the geocentric radiant is that much further from the zenith.

    Notes
    -----
    tan(Δz/2) = (v_∞ − v_g) / (v_∞ + v_g) · tan(z/2) with v_∞² = v_g² + (11.1 km/s)² (Schiaparelli; in Ceplecha 1987, Bull.
    Astron. Inst. Czech. 38, 222). 11.1 km/s is the escape speed 95 km up.
    """
    vg = np.asarray(vg_km_s, float)
    v_inf = np.hypot(vg, ESCAPE_SPEED_KM_S)
    z = np.radians(np.asarray(zenith_distance_deg, float))
    return np.degrees(2 * np.arctan((v_inf - vg) / (v_inf + vg) * np.tan(z / 2)))


def apparent_radiants(
    geocentric: np.ndarray, vg_km_s: ArrayLike, zenith: np.ndarray, motion_km_s: ArrayLike = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Give where geocentric radiants are seen, and with what speed meteors come from there.

    Parameters
    ----------
    geocentric : ndarray of shape (..., 3)
        Unit vectors.
    vg_km_s : array-like of shape (...), km/s
        Geocentric speeds.
    zenith : ndarray of shape (..., 3)
        Unit vectors, in the same axes.
    motion_km_s : array-like of shape (..., 3), km/s
        Velocity of the site (:func:`zenith`), for diurnal aberration; 0 leaves it out.

    Returns
    -------
    apparent : ndarray of shape (..., 3)
        Unit vectors: lifted towards the zenith (:func:`zenith_attraction`), then aberrated.
    speed : ndarray of shape (...), km/s
        Relative to the ground, before the air brakes.

    Notes
    -----
    With k = (v_∞ − v_g) / (v_∞ + v_g), T = tan(Z/2) of the geocentric and t = tan(z/2) of the apparent radiant, Z = z + Δz becomes
    T = (1 + k) t / (1 − k t²), a quadratic for t.
    """
    vg = np.asarray(vg_km_s, float)
    v_inf = np.hypot(vg, ESCAPE_SPEED_KM_S)
    k = (v_inf - vg) / (v_inf + vg)
    cosine = np.clip((geocentric * zenith).sum(axis=-1), -1, 1)
    true_z = np.arccos(cosine)
    tangent = np.tan(true_z / 2)
    z = 2 * np.arctan(2 * tangent / (1 + k + np.sqrt((1 + k) ** 2 + 4 * k * tangent**2)))
    level = geocentric - cosine[..., None] * zenith
    length = np.linalg.norm(level, axis=-1, keepdims=True)
    level = np.divide(level, length, out=np.zeros_like(level), where=length > 0)
    lifted = np.cos(z)[..., None] * zenith + np.sin(z)[..., None] * level
    # an observer who moves towards the radiant meets the meteors faster and sees them come from further ahead
    velocity = v_inf[..., None] * lifted + np.asarray(motion_km_s, float)
    speed = np.linalg.norm(velocity, axis=-1)
    return velocity / speed[..., None], speed
