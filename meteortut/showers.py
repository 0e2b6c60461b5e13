"""Meteor showers: when they come, and from where."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pandas as pd


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
