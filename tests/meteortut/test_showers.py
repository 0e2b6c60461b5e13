"""Solar longitude against almanac values, and the project's shower table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from meteortut import showers


def test_solar_longitude_of_equinox_and_solstice():
    # 2014-03-20 16:57 UT: equinox of date; J2000 longitudes are smaller by 14 years of precession, 0.0140° a year.
    start = pd.Series(pd.to_datetime(["2014-03-20 16:57", "2014-12-21 23:03"], utc=True))
    longitude = showers.solar_longitude(start)
    precession = 0.01397 * 14.2
    np.testing.assert_allclose(longitude, [360 - precession, 270 - precession - 0.01397 * 0.75], atol=0.02)


def test_solar_longitude_names_the_perseid_maximum():
    # The International Meteor Organization puts the Perseids of 2015 at 140.0° to 140.1°, 13 August 6:30 to 9 h UT.
    (longitude,) = showers.solar_longitude(pd.Series(pd.to_datetime(["2015-08-13 08:00"], utc=True)))
    assert abs(longitude - 140.05) < 0.1


def test_the_table_is_whole():
    table = showers.read_showers()
    assert len(table) == 19
    assert table.code.is_unique
    assert table.notna().all(axis=None)
    assert ((table.lambda_begin_deg < table.lambda_peak_deg) & (table.lambda_peak_deg < table.lambda_end_deg)).all()
    assert table.vg_km_s.between(10, 72).all()
    assert set(table.columns) >= {"ra_deg", "dec_deg", "dra_per_deg", "ddec_per_deg", "lambda_ref_deg"}
