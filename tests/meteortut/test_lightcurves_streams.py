"""Chapter 6: showers by great circle and speed, beside chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meteortut import lightcurves, showers
from meteortut.lightcurves import geometry

START = pd.Timestamp("2014-08-12 23:30", tz="UTC")


def shower_meteor(
    code: str = "PER",
    start: pd.Timestamp = START,
    miss_deg: float = 0.0,
    pace: float = 1.0,
    towards: bool = False,
    azimuth_deg: float | None = None,
) -> dict:
    """A track of 12 samples that leaves a shower's radiant, or passes it by; it starts 35° away, by default towards the zenith."""
    place = pd.DataFrame({"start": [start], "station": ["CAM1"]})
    up, motion = geometry.zeniths(place)
    row = showers.read_showers().set_index("code").loc[code]
    since = showers.solar_longitude(place.start)[0] - row.lambda_ref_deg
    where = showers.directions(row.ra_deg + since * row.dra_per_deg, row.dec_deg + since * row.ddec_per_deg)
    radiant, speed = showers.apparent_radiants(where[None], [row.vg_km_s], up, motion)
    side = np.cross(radiant[0], up[0])
    pole = side / np.linalg.norm(side)
    if azimuth_deg is not None:
        around = np.radians(azimuth_deg)
        pole = np.cos(around) * pole + np.sin(around) * np.cross(radiant[0], pole)
    away = np.cross(pole, radiant[0])
    middle = np.cos(np.radians(35)) * radiant[0] + np.sin(np.radians(35)) * away
    ahead = np.cross(pole, middle)
    # tilting the circle about its middle makes it miss the radiant by an angle m: sin m = sin(tilt) sin 35°
    tilt = np.arcsin(np.sin(np.radians(miss_deg)) / np.sin(np.radians(35)))
    ahead = (np.cos(tilt) * ahead + np.sin(tilt) * pole) * (-1 if towards else 1)
    rise = 6371 * (middle @ up[0])
    distance = np.sqrt(rise**2 + 2 * 6371 * 95 + 95**2) - rise
    angle = pace * speed[0] * np.sin(np.radians(35)) / distance * 0.02 * np.arange(-5.5, 6)
    unit = np.cos(angle)[:, None] * middle + np.sin(angle)[:, None] * ahead
    return {
        "station": "CAM1",
        "start": start,
        "time_s": 0.02 * np.arange(12),
        "ra_deg": np.degrees(np.arctan2(unit[:, 1], unit[:, 0])) % 360,
        "dec_deg": np.degrees(np.arcsin(unit[:, 2])),
        "usable": True,
    }


def assigned_of(*records: dict, **options: float | None) -> pd.DataFrame:
    table = pd.DataFrame(list(records))
    return lightcurves.assign_showers(table, lightcurves.fit_tracks(table), **options)


@pytest.mark.parametrize(("vg", "expected"), [(20.9, 4.1), (23.0, 3.5), (26.6, 2.7), (33.8, 1.7)])
def test_zenith_attraction_by_hand(vg, expected):
    assert showers.zenith_attraction(60.0, vg) == pytest.approx(expected, abs=0.07)
    assert showers.zenith_attraction(0.0, vg) == 0


@settings(max_examples=60, deadline=None)
@given(z=st.floats(0.5, 120), vg=st.floats(5, 71), turn=st.floats(0, 360))
def test_apparent_radiants_undo_the_attraction_in_the_vertical_plane(z, vg, turn):
    up = showers.directions(turn, 40.0)
    side = showers.directions(turn + 90, 0.0)
    true = np.cos(np.radians(z)) * up + np.sin(np.radians(z)) * side
    seen, speed = showers.apparent_radiants(true, vg, up)
    apparent_z = np.degrees(np.arccos(np.clip(seen @ up, -1, 1)))
    assert apparent_z + showers.zenith_attraction(apparent_z, vg) == pytest.approx(z, abs=1e-5)
    assert seen @ np.cross(up, side) == pytest.approx(0, abs=1e-9)
    assert speed == pytest.approx(np.hypot(vg, 11.1))


def test_the_zenith_is_where_astropy_has_it():
    from astropy.coordinates import AltAz, EarthLocation, SkyCoord
    from astropy.time import Time
    from astropy.utils import iers

    start = pd.Series(pd.to_datetime(["2012-01-03 04:00", "2014-08-12 23:30", "2015-12-14 01:00"], utc=True))
    ours, _ = showers.zenith(start, np.full(3, 54.35306), np.full(3, -6.64972))
    with iers.conf.set_temp("auto_download", False):
        site = EarthLocation.from_geodetic(-6.64972, 54.35306, 65)
        frame = AltAz(obstime=Time(start.dt.tz_localize(None).to_numpy()), location=site)
        theirs = SkyCoord(az=[0, 0, 0], alt=[90, 90, 90], unit="deg", frame=frame).icrs
    apart = np.linalg.norm(ours - showers.directions(theirs.ra.deg, theirs.dec.deg), axis=1)
    assert np.degrees(apart).max() < 0.02


def test_the_site_moves_east_with_the_earth():
    _, motion = showers.zenith(pd.Series([START]), [0.0], [0.0])
    assert np.linalg.norm(motion) == pytest.approx(0.465)
    _, still = showers.zenith(pd.Series([START]), [90.0], [0.0])
    assert np.linalg.norm(still) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("code", "start"),
    [
        ("PER", "2014-08-12 23:30"),
        ("GEM", "2014-12-14 01:00"),
        ("KCG", "2014-08-18 22:00"),
        ("QUA", "2014-01-03 04:00"),
        ("STA", "2015-11-05 23:30"),
    ],
)
def test_a_shower_meteor_is_assigned_and_one_that_passes_by_is_not(code, start):
    when = pd.Timestamp(start, tz="UTC")
    assigned = assigned_of(shower_meteor(code, when), shower_meteor(code, when, miss_deg=15))
    assert assigned.shower.iloc[0] == code
    assert assigned.shower.iloc[1] != code
    assert assigned.miss_deg.iloc[0] == pytest.approx(0, abs=1e-4)
    assert assigned.speed_ratio.iloc[0] == pytest.approx(1, abs=1e-3)


@settings(max_examples=15, deadline=None)
@given(azimuth=st.floats(-60, 60), miss=st.floats(-2.5, 2.5), pace=st.floats(0.8, 1.2))
def test_the_miss_distance_is_measured_as_made(azimuth, miss, pace):
    assigned = assigned_of(shower_meteor(azimuth_deg=azimuth, miss_deg=miss, pace=pace))
    assert assigned.shower.iloc[0] == "PER"
    assert assigned.miss_deg.iloc[0] == pytest.approx(abs(miss), abs=1e-3)
    assert assigned.speed_ratio.iloc[0] == pytest.approx(pace, abs=0.01)


def test_speed_direction_season_and_radiant_must_all_fit():
    too_slow, towards = shower_meteor(pace=0.6), shower_meteor(towards=True)
    march = shower_meteor() | {"start": START + pd.Timedelta(days=220)}
    assert list(assigned_of(too_slow, towards, march).shower) == ["SPO", "SPO", "SPO"]
    assert assigned_of(too_slow, speed_gate=None).shower.iloc[0] == "PER"
    assert assigned_of(shower_meteor(), shift_deg=30.0).shower.iloc[0] != "PER"
    assert assigned_of(too_slow)[["miss_deg", "speed_ratio"]].isna().all(axis=None)


def test_what_cannot_be_told_is_missing_not_sporadic():
    good = shower_meteor()
    blind = good | {"ra_deg": np.full(12, np.nan)}
    still = good | {"ra_deg": np.full(12, 30.0), "dec_deg": np.full(12, 50.0)}
    dateless = good | {"start": pd.NaT}
    table = pd.DataFrame([good, blind, still, dateless]).set_axis([7, 3, 9, 1])
    assigned = lightcurves.assign_showers(table, lightcurves.fit_tracks(table))
    assert list(assigned.index) == [7, 3, 9, 1]
    assert list(assigned.shower.isna()) == [False, True, True, True]
    nothing = table.iloc[1:2]
    assert assigned_of(blind).shower.isna().all()
    assert lightcurves.count_showers(nothing, lightcurves.fit_tracks(nothing)).n.sum() == 0


def test_counts_stand_beside_their_control():
    table = pd.DataFrame([shower_meteor(azimuth_deg=angle) for angle in (-40, 0, 40)] + [shower_meteor(pace=0.6)])
    counts = lightcurves.count_showers(table, lightcurves.fit_tracks(table)).set_index("shower")
    assert (counts.n_tolerance_only["PER"], counts.n["PER"]) == (4, 3)
    assert counts.control["PER"] <= counts.control_tolerance_only["PER"] < 3
    assert len(counts) == 19


def season(days: dict[str, list[str]], start: list[str]) -> pd.DataFrame:
    when = pd.to_datetime(pd.Series(start), utc=True)
    return pd.DataFrame(days | {"start": when, "solar_longitude_deg": showers.solar_longitude(when)})


def test_activity_is_a_ratio_with_an_interval():
    codes = ["PER", "PER", "SPO", "SPO", "SPO", "SPO", "SPO", "PER"]
    start = ["2014-08-12"] * 6 + ["2015-08-12", "2015-12-12"]
    years = lightcurves.yearly_activity(season({"shower": codes}, start), "PER")
    assert years[["year", "n", "n_sporadic"]].to_numpy().tolist() == [[2014, 2, 4], [2015, 0, 1]]
    # Clopper and Pearson for 2 of 6: 0.0433 to 0.7772
    np.testing.assert_allclose(years.iloc[0][["ratio", "low", "high"]].astype(float), [0.5, 0.0452, 3.489], rtol=2e-3)
    assert years.low.iloc[1] == 0


def test_a_season_over_new_year_is_one_season():
    years = lightcurves.yearly_activity(
        season({"shower": ["QUA", "SPO", "SPO"]}, ["2014-01-03", "2013-12-30", "2014-01-08"]), "QUA"
    )
    assert years[["year", "n", "n_sporadic"]].to_numpy().tolist() == [[2014, 1, 2]]


def test_no_sporadics_is_said_as_infinity():
    years = lightcurves.yearly_activity(season({"shower": ["PER", None]}, ["2014-08-12", "2014-08-12"]), "PER")
    assert np.isinf(years.ratio.iloc[0])
    assert np.isinf(years.high.iloc[0])


def test_errors_name_what_is_wrong():
    table = pd.DataFrame([shower_meteor()])
    tracks = lightcurves.fit_tracks(table)
    with pytest.raises(ValueError, match="no shower 'XXX'; expected one of QUA"):
        lightcurves.yearly_activity(lightcurves.assign_showers(table, tracks), "XXX")
    with pytest.raises(ValueError, match="no column shower"):
        lightcurves.yearly_activity(table, "PER")
    with pytest.raises(ValueError, match="speed_gate is -1"):
        lightcurves.assign_showers(table, tracks, speed_gate=-1)
    with pytest.raises(ValueError, match="no site for station X"):
        lightcurves.assign_showers(table.assign(station="X"), tracks)


def test_the_real_archive(real_file):
    (path,) = real_file("aop-lightcurves")
    table = lightcurves.read_aop(path)
    tracks = lightcurves.fit_tracks(table)
    counts = lightcurves.count_showers(table, tracks).set_index("shower")
    assert counts.n["PER"] > 900
    assert counts.control["PER"] < 0.1 * counts.n["PER"]
    assert counts.n["GEM"] > 600
    assert counts.control["GEM"] < 0.1 * counts.n["GEM"]
    # the gate costs real members little and takes more than half of what comes by chance
    assert (counts.n[["PER", "GEM"]] > 0.9 * counts.n_tolerance_only[["PER", "GEM"]]).all()
    assert counts.control.sum() < 0.5 * counts.control_tolerance_only.sum()
    assigned = lightcurves.assign_showers(table, tracks)
    assert (assigned.shower.value_counts().reindex(counts.index, fill_value=0) == counts.n).all()
    taurids = lightcurves.yearly_activity(assigned, "STA").set_index("year")
    assert taurids.low[2015] > taurids.high[2014]
