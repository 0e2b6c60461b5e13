"""Chapter 6: pairs in time, paths from two stations, and the clocks they give."""

from __future__ import annotations

import erfa
import numpy as np
import pandas as pd
import pytest
from astropy import units
from astropy.coordinates import EarthLocation
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from meteortut import showers
from meteortut.lightcurves import clock, events, reading, stations

START = pd.Timestamp("2013-08-12 23:10:20.3", tz="UTC")
ARRAYS = [f"{name}_{which}_km" for name in ("along", "height", "range") for which in ("first", "second")]


def place(latitude: float, longitude: float, height_km: float) -> np.ndarray:
    """Earth-fixed position in km, by astropy."""
    where = EarthLocation.from_geodetic(longitude * units.deg, latitude * units.deg, height_km * units.km)
    return np.array([axis.to_value(units.km) for axis in (where.x, where.y, where.z)])


def rotation(start: pd.Timestamp) -> np.ndarray:
    day = start.timestamp() / 86_400 + 2_440_587.5
    return erfa.c2t06a(day, 0.0, day, 0.0, 0.0, 0.0)


def path(start=START, begin=(54.6, -6.0, 105.0), azimuth=200.0, steepness=45.0) -> tuple[np.ndarray, np.ndarray]:
    """Begin (km) and direction of flight, Earth-fixed: towards an azimuth, so many degrees below the horizon."""
    latitude, longitude = np.radians(begin[:2])
    up = np.array([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)])
    east = np.array([-np.sin(longitude), np.cos(longitude), 0.0])
    flat = np.cos(np.radians(azimuth)) * np.cross(up, east) + np.sin(np.radians(azimuth)) * east
    return place(*begin), np.cos(np.radians(steepness)) * flat - np.sin(np.radians(steepness)) * up


def record(station, meteor, speed=40.0, n=20, delay=0.0, start=START, clock_s=0.0, noise_deg=0.0, rng=0, step=0.02):
    """What a camera writes of a meteor: the Earth turns while it looks, and its stamp loses the fraction of the second."""
    latitude, longitude, height = reading.SITES[station]
    begin, flight = meteor
    time = 0.02 * np.arange(n)
    rays = begin + (delay + time)[:, None] * speed * flight - place(latitude, longitude, height / 1000)
    turned = [ray @ rotation(start + pd.Timedelta(seconds=delay + t)) for ray, t in zip(rays, time, strict=True)]
    unit = np.stack(turned) / np.linalg.norm(rays, axis=1)[:, None]
    dec = np.degrees(np.arcsin(unit[:, 2])) + np.random.default_rng(rng).normal(0, noise_deg, n)
    return {
        "station": station,
        "start": (start + pd.Timedelta(seconds=delay + clock_s)).floor("s"),
        "time_s": step * np.arange(n),
        "magnitude": 1 + np.abs(np.arange(n) - n // 2) / 10,
        "ra_deg": np.degrees(np.arctan2(unit[:, 1], unit[:, 0])) % 360,
        "dec_deg": dec,
        "usable": True,
    }


def solve(*records: dict) -> pd.DataFrame:
    table = pd.DataFrame(list(records))
    return stations.triangulate(table, events.find_events(table))


def stamps(**seconds: list[float]) -> pd.DataFrame:
    rows = [(station, START.floor("s") + pd.Timedelta(seconds=t)) for station, times in seconds.items() for t in times]
    return pd.DataFrame(rows, columns=["station", "start"]).assign(usable=True)


def test_a_known_path_is_recovered():
    meteor = path()
    result = solve(record("CAM1", meteor), record("CAM4", meteor, delay=0.1, n=25)).iloc[0]
    assert result.ok, result.reason
    assert result.begin_height_km == pytest.approx(105, abs=0.05)
    last = meteor[0] + 40 * (0.1 + 0.48) * meteor[1]
    assert result.end_height_km == pytest.approx(erfa.gc2gd(1, 1000 * last)[2] / 1000, abs=0.05)
    assert (result.latitude_deg, result.longitude_deg) == pytest.approx((54.6, -6.0), abs=0.001)
    assert result.length_km == pytest.approx(40 * 0.58, rel=0.005)
    for name in ["speed_km_s", "speed_first_km_s", "speed_second_km_s"]:
        assert result[name] == pytest.approx(40, rel=0.005)  # the Earth turns by 0.3 km/s
    radiant = showers.directions(result.ra_deg, result.dec_deg)
    assert np.degrees(np.arccos(radiant @ (-meteor[1] @ rotation(START)))) < 0.3
    assert result.delay_s == pytest.approx(0.1, abs=0.002)
    assert result.overlap == pytest.approx(0.28 / 0.38, abs=0.01)
    assert [len(result[name]) for name in ARRAYS] == [20, 25] * 3
    assert result.range_first_km[0] == pytest.approx(np.linalg.norm(meteor[0] - place(*site("CAM1"))), abs=0.05)
    assert result.peak_height_km == pytest.approx(
        (result.height_first_km[10] + result.height_second_km[12]) / 2, abs=1e-9
    )


def site(station: str) -> tuple[float, float, float]:
    latitude, longitude, height = reading.SITES[station]
    return latitude, longitude, height / 1000


def test_noise_as_the_cameras_have_it_leaves_a_usable_path():
    meteor = path()
    result = solve(
        record("CAM1", meteor, noise_deg=0.03, rng=1), record("CAM4", meteor, noise_deg=0.03, rng=2, delay=0.06)
    ).iloc[0]
    assert result.ok
    assert result.begin_height_km == pytest.approx(105, abs=0.5)
    assert result.speed_km_s == pytest.approx(40, rel=0.02)
    assert 0.02 < result.radiant_error_deg < 2


@pytest.mark.parametrize("ahead", [-1, 0, 2])
def test_the_clock_offset_is_recovered(ahead):
    fractions = np.linspace(0, 0.95, 20)
    records = []
    for k, fraction in enumerate(fractions):
        start = START.floor("s") + pd.Timedelta(seconds=60 * k + fraction)
        meteor = path(start)
        records += [record("CAM1", meteor, start=start), record("CAM4", meteor, start=start, delay=0.1, clock_s=ahead)]
    result = solve(*records)
    assert result.ok.all()
    np.testing.assert_allclose(result.delay_s, 0.1, atol=0.003)
    assert (result.clock_offset_s - ahead).abs().max() < 1
    (night,) = clock.clock_offsets(result).itertuples()
    assert night.n_pairs == 20
    assert night.offset_s == pytest.approx(ahead, abs=0.06)  # whole seconds average out
    assert night.night == pd.Timestamp("2013-08-12")


def test_pieces_that_do_not_overlap_have_no_delay():
    meteor = path()
    result = solve(record("CAM1", meteor, n=10), record("CAM4", meteor, n=10, delay=0.3)).iloc[0]
    assert result.overlap == 0
    assert np.isnan(result.delay_s)
    assert np.isnan(result.clock_offset_s)
    assert result.ok


def test_one_plane_for_both_stations_is_flagged():
    begin = place(54.5, -6.1, 100.0)
    flight = place(*site("CAM4")) - place(*site("CAM1"))  # along the base: no plane holds one site and not the other
    meteor = begin, flight / np.linalg.norm(flight)
    result = solve(record("CAM1", meteor), record("CAM4", meteor)).iloc[0]
    assert not result.ok
    assert "not_falling" in result.reason or "narrow" in result.reason
    in_plane = place(54.5, -6.13, 0) - begin
    meteor = begin, in_plane / np.linalg.norm(in_plane)
    result = solve(record("CAM1", meteor), record("CAM4", meteor)).iloc[0]
    assert "narrow" in result.reason
    assert result.convergence_deg < 3


def test_two_cameras_of_one_site_have_no_solution():
    meteor = path()
    result = solve(record("CAM1", meteor), record("CAM2", meteor)).iloc[0]
    assert result.reason == "same_site"
    assert result[["begin_height_km", "speed_km_s", "ra_deg", "convergence_deg"]].isna().all()
    assert all(len(result[name]) == 0 for name in ARRAYS)


@pytest.mark.parametrize(
    ("reason", "first", "second", "meteor"),
    [
        ("few_samples", {"n": 7}, {}, {}),
        ("wrong_height", {}, {}, {"begin": (54.6, -6.0, 150.0)}),
        ("not_falling", {}, {}, {"steepness": -20.0}),
        ("wrong_speed", {"speed": 90.0, "n": 12}, {"speed": 90.0, "n": 12}, {}),
        ("wrong_speed", {"speed": 7.0}, {"speed": 7.0}, {}),
        ("speeds_differ", {}, {"step": 0.025}, {}),
    ],
)
def test_each_rule_finds_what_it_is_for(reason, first, second, meteor):
    result = solve(record("CAM3", path(**meteor), **first), record("CAM4", path(**meteor), **second))
    assert result.reason[0] == reason
    assert not result.ok[0]
    ledger = stations.pair_ledger(result).set_index("rule")
    assert ledger.pairs[stations.RULES[reason]] == 1
    assert ledger.left.iloc[-1] == 0


def test_a_record_without_a_track_is_flagged():
    meteor = path()
    broken = record("CAM1", meteor)
    broken["ra_deg"] = np.full(20, np.nan)
    still = record("CAM1", meteor) | {"ra_deg": np.full(20, 10.0), "dec_deg": np.full(20, 50.0)}
    no_light = record("CAM1", meteor) | {"magnitude": np.full(20, np.nan)}
    seen = record("CAM4", meteor)
    assert solve(broken, seen).reason[0] == "no_track"
    assert not solve(still, seen).ok[0]
    assert solve(no_light, seen).ok[0]


def test_two_meteors_taken_for_one_rarely_pass():
    rng = np.random.default_rng(1)
    passed = 0
    for _ in range(60):
        one, other = (
            path(begin=(54.5 + rng.normal(0, 0.3), -6.1 + rng.normal(0, 0.5), 100), azimuth=rng.uniform(0, 360))
            for _ in range(2)
        )
        speeds = rng.uniform(15, 65, 2)
        passed += solve(record("CAM1", one, speeds[0]), record("CAM4", other, speeds[1])).ok[0]
    assert passed <= 6


paths = st.builds(
    path,
    begin=st.tuples(st.floats(54.2, 54.9), st.floats(-6.5, -5.7), st.floats(85, 115)),
    azimuth=st.floats(0, 360),
    steepness=st.floats(15, 75),
)


@settings(max_examples=25, deadline=None)
@given(meteor=paths, speed=st.floats(15, 70), delay=st.floats(-0.15, 0.15))
def test_swapping_the_stations_changes_nothing(meteor, speed, delay):
    table = pd.DataFrame([record("CAM1", meteor, speed), record("CAM4", meteor, speed, delay=delay)])
    pairs = events.find_events(table)
    names = {"first": "second", "second": "first", "station_first": "station_second", "station_second": "station_first"}
    there = stations.triangulate(table, pairs).iloc[0]
    assume(there.convergence_deg > 5)
    back = stations.triangulate(table, pairs.rename(columns=names).assign(dt_s=-pairs.dt_s)).iloc[0]
    same = ["convergence_deg", "ra_deg", "dec_deg", "radiant_error_deg", "begin_height_km", "peak_height_km"]
    same += ["end_height_km", "latitude_deg", "longitude_deg", "length_km", "speed_km_s", "overlap"]
    np.testing.assert_allclose(there[same].astype(float), back[same].astype(float), rtol=1e-7)
    assert back.delay_s == pytest.approx(-there.delay_s, abs=1e-8, nan_ok=True)
    assert there.speed_first_km_s == pytest.approx(back.speed_second_km_s)
    np.testing.assert_allclose(there.height_first_km, back.height_second_km, rtol=1e-7)
    assert there.reason == back.reason


@settings(max_examples=25, deadline=None)
@given(meteor=paths, shift_s=st.integers(-10_000, 10_000))
def test_a_common_shift_of_the_clock_only_turns_the_sky(meteor, shift_s):
    table = pd.DataFrame([record("CAM1", meteor), record("CAM4", meteor)])
    later = table.copy()
    later["start"] += pd.Timedelta(seconds=shift_s)
    here, there = (
        stations.triangulate(one, events.find_events(table)).iloc[0] for one in (table, turned(later, table))
    )
    assume(here.convergence_deg > 5)
    names = ["begin_height_km", "end_height_km", "length_km", "speed_km_s", "convergence_deg"]
    np.testing.assert_allclose(here[names].astype(float), there[names].astype(float), rtol=1e-5)
    assert there.ra_deg != here.ra_deg or shift_s == 0


def turned(later: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The sky that has turned with the clock, so that the meteor stands where it stood above the ground."""
    turn = rotation(table.start[0]).T @ rotation(later.start[0])
    for k in range(len(later)):
        unit = showers.directions(table.ra_deg[k], table.dec_deg[k]) @ turn
        later.at[k, "ra_deg"] = np.degrees(np.arctan2(unit[:, 1], unit[:, 0]))
        later.at[k, "dec_deg"] = np.degrees(np.arcsin(unit[:, 2]))
    return later


def test_the_earth_fixed_frame_has_its_zenith_where_the_sky_says():
    latitude, longitude, _ = reading.SITES["CAM4"]
    start = pd.Series([START, START + pd.Timedelta(days=800)])
    up, _ = showers.zenith(start, [latitude] * 2, [longitude] * 2)
    overhead = showers.directions(longitude, latitude)
    for k in range(2):
        assert np.degrees(np.arccos(np.clip(up[k] @ (overhead @ rotation(start[k])), -1, 1))) < 0.01


def test_pairs_are_one_to_one_and_the_closest_stamps_come_first():
    pairs = events.find_events(stamps(CAM1=[0, 2], CAM4=[2, 3, 100]))
    assert list(zip(pairs["first"], pairs["second"], pairs.dt_s, strict=True)) == [(0, 3, 3.0), (1, 2, 0.0)]
    assert list(pairs.event) == [0, 1]


def test_three_cameras_make_one_event():
    table = stamps(CAM1=[0, 500], CAM2=[1], CAM4=[-1])
    pairs = events.find_events(table)
    assert [tuple(row) for row in pairs[["station_first", "station_second"]].to_numpy()] == [
        ("CAM1", "CAM2"),
        ("CAM1", "CAM4"),
        ("CAM2", "CAM4"),
    ]
    assert list(pairs.dt_s) == [1, -1, -2]
    assert pairs.event.nunique() == 1
    assert list(events.event_numbers(table, pairs)) == [0, 1, 0, 0]
    assert (pairs.night == pd.Timestamp("2013-08-12")).all()


def test_labels_of_the_index_are_kept():
    table = stamps(CAM1=[0], CAM4=[0]).set_axis(["a", "b"])
    pairs = events.find_events(table)
    assert (pairs["first"][0], pairs["second"][0]) == ("a", "b")
    assert dict(events.event_numbers(table, pairs)) == {"a": 0, "b": 0}


def test_unusable_records_and_those_without_a_start_are_left_out():
    table = stamps(CAM1=[0, 50], CAM4=[0, 50])
    table.loc[0, "usable"] = False
    table.loc[3, "start"] = pd.NaT
    assert events.find_events(table).empty


@pytest.mark.parametrize("table", [stamps(CAM1=[0], CAM4=[10]), stamps(CAM1=[0, 1]), stamps()])
def test_no_pair_gives_an_empty_table_that_everything_takes(table):
    table["start"] = pd.to_datetime(table.start, utc=True)
    table = table.assign(time_s=None, magnitude=None, ra_deg=None, dec_deg=None)
    pairs = events.find_events(table)
    result = stations.triangulate(table, pairs)
    assert (len(pairs), len(result)) == (0, 0)
    assert stations.pair_ledger(result).left.iloc[-1] == 0
    assert clock.clock_offsets(result).empty
    assert events.event_numbers(table, pairs).is_unique


@settings(max_examples=50, deadline=None)
@given(
    times=st.lists(st.lists(st.integers(0, 60), max_size=15), min_size=2, max_size=3),
    window=st.integers(0, 5),
    shift=st.integers(-100_000, 100_000),
)
def test_pairs_are_within_the_window_unique_and_free_of_the_common_clock(times, window, shift):
    table = stamps(**{f"CAM{k}": seconds for k, seconds in enumerate(times, 1)})
    table["start"] = pd.to_datetime(table.start, utc=True)
    pairs = events.find_events(table, window)
    assert pairs.dt_s.abs().max() <= window or pairs.empty
    for _, group in pairs.groupby(["station_first", "station_second"]):
        assert group["first"].is_unique
        assert group["second"].is_unique
    later = events.find_events(table.assign(start=table.start + pd.Timedelta(seconds=shift)), window)
    pd.testing.assert_frame_equal(pairs.drop(columns="night"), later.drop(columns="night"))


def test_chance_makes_as_many_pairs_as_it_should():
    rng = np.random.default_rng(4)
    day = 40_000
    table = stamps(CAM1=list(rng.integers(0, day, 300)), CAM4=list(rng.integers(0, day, 300)))
    (row,) = events.accidental_pairs(table, 3).itertuples()
    assert row.accidental == pytest.approx(300 * 300 * 7 / day, rel=0.25)
    assert row.share == pytest.approx(row.accidental / row.pairs)
    nothing = events.accidental_pairs(stamps(CAM1=[0], CAM4=[100]), 3)
    assert nothing.share.isna().all()


def perseids(n: int, step: float) -> pd.DataFrame:
    """Meteors of the Perseid radiant and speed in true fields of 20 ms, their times written with another step."""
    shower = showers.read_showers().set_index("code").loc["PER"]
    records = []
    for k in range(n):
        start = START.floor("s") + pd.Timedelta(minutes=10 * k)
        since = showers.solar_longitude(pd.Series([start]))[0] - shower.lambda_ref_deg
        radiant = showers.directions(
            [shower.ra_deg + shower.dra_per_deg * since], [shower.dec_deg + shower.ddec_per_deg * since]
        )
        up, motion = showers.zenith(pd.Series([start]), [54.6], [-6.0])
        seen, speed = showers.apparent_radiants(radiant, [shower.vg_km_s], up, motion)
        meteor = place(54.6, -6.0, 112.0), -rotation(start) @ seen[0]
        records += [record(camera, meteor, speed[0], 15, start=start, step=step) for camera in ("CAM1", "CAM4")]
    return pd.DataFrame(records)


@pytest.mark.parametrize("step", [0.02, 0.04, 1.0])
def test_the_field_period_does_not_depend_on_the_one_assumed(step):
    table = perseids(8, step)
    result = stations.triangulate(table, events.find_events(table))
    period, low, high = clock.field_period(table, result, showers.read_showers(), ("PER",))
    assert period == pytest.approx(20, abs=0.15)
    assert low <= period <= high
    assert (period, low, high) == clock.field_period(table, result, showers.read_showers(), ("PER",))


def test_the_field_period_needs_members_of_a_known_shower():
    table = perseids(8, 0.02)
    result = stations.triangulate(table, events.find_events(table))
    with pytest.raises(ValueError, match="0 events belong to GEM"):
        clock.field_period(table, result, showers.read_showers(), ("GEM",))
    with pytest.raises(ValueError, match="no shower XYZ in the table"):
        clock.field_period(table, result, showers.read_showers(), ("XYZ",))
    with pytest.raises(ValueError, match="no column narrow"):
        clock.field_period(table, result.drop(columns="narrow"), showers.read_showers())


def test_bad_input_is_named():
    table = stamps(CAM1=[0], CAM4=[0])
    with pytest.raises(ValueError, match="no column usable"):
        events.find_events(table.drop(columns="usable"))
    for window in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="window_s is"):
            events.find_events(table, window)
    with pytest.raises(ValueError, match="holds a label twice"):
        events.find_events(table.set_axis([0, 0]))
    pairs = events.find_events(table)
    with pytest.raises(ValueError, match="no record 0"):
        events.event_numbers(table.iloc[1:], pairs)
    with pytest.raises(ValueError, match="no column time_s, magnitude, ra_deg, dec_deg"):
        stations.triangulate(table, pairs)
    with pytest.raises(ValueError, match="no column event, first"):
        stations.triangulate(pd.DataFrame([record("CAM1", path())]), pd.DataFrame({"second": []}))
    with pytest.raises(ValueError, match="no site is known for station CAM9"):
        solve(record("CAM1", path()), record("CAM4", path()) | {"station": "CAM9"})
    with pytest.raises(ValueError, match="no column same_site"):
        stations.pair_ledger(pairs)
    with pytest.raises(ValueError, match="no column clock_offset_s"):
        clock.clock_offsets(pairs.assign(ok=True))


def test_the_real_archive(real_file):
    (file,) = real_file("aop-lightcurves")
    table = reading.read_aop(file)
    pairs = events.find_events(table)
    assert 9_000 < events.event_numbers(table, pairs)[table.usable].nunique() < 9_200
    assert 900 < (pairs.station_first.eq("CAM1") & pairs.station_second.isin(["CAM2", "CAM3"])).sum() < 1_000
    two_sites = pairs[pairs.station_second == "CAM4"]
    assert 1_500 < len(two_sites) < 1_600
    chance = events.accidental_pairs(table)
    chance = chance[chance.station_second == "CAM4"]
    assert chance.accidental.sum() / chance.pairs.sum() < 0.02

    result = stations.triangulate(table, two_sites)
    good = result[result.ok]
    ledger = stations.pair_ledger(result)
    assert ledger.left.iloc[-1] == len(good)
    assert ledger.pairs.sum() == len(result) - len(good)
    assert 800 < len(good) < 920
    assert 95 < good.begin_height_km.median() < 102
    assert 84 < good.end_height_km.median() < 89
    assert (good.end_height_km < good.peak_height_km).mean() > 0.98
    assert ((good.speed_first_km_s - good.speed_second_km_s).abs() / good.speed_km_s).median() < 0.04
    assert good.clock_offset_s.median() == pytest.approx(0, abs=0.1)
    assert np.corrcoef(good.speed_km_s, good.begin_height_km)[0, 1] > 0.7  # swift meteors light up higher

    for codes in (("PER", "GEM"), ("PER",), ("GEM",)):
        period, low, high = clock.field_period(table, result, showers.read_showers(), codes)
        assert 19.5 < period < 20.5
        assert low < period < high < low + 0.9
