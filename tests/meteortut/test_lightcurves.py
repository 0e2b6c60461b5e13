"""Chapter 6: reading in true order, flags, ledger, nightly counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_fetch.readers import UnreadableFile
from meteortut import lightcurves
from meteortut.lightcurves import reading

PAIRS = {1: [1, 0, 3, 2, 5, 4, 6], 2: [0, 2, 1, 4, 3, 6, 5]}


def meteor(n: int = 7, speed_deg: float = 0.3, order: list[int] | None = None, bend: float = 0.0) -> dict:
    """A record that moves along a great circle near (10°, 50°), its samples in the order given."""
    time = np.arange(n)
    along = np.radians(speed_deg * time - bend * time**2)
    ra, dec = np.radians(10), np.radians(50)
    centre = np.array([np.cos(ra) * np.cos(dec), np.sin(ra) * np.cos(dec), np.sin(dec)])
    ahead = np.cross([0.0, 0.0, 1.0], centre)
    unit = np.cos(along)[:, None] * centre + np.sin(along)[:, None] * ahead / np.linalg.norm(ahead)
    order = list(range(n)) if order is None else order
    return {
        "magnitude": (2.0 - 0.1 * time)[order],
        "ra_deg": np.degrees(np.arctan2(unit[:, 1], unit[:, 0]))[order] % 360,
        "dec_deg": np.degrees(np.arcsin(unit[:, 2]))[order],
        "usable": True,
    }


def table_of(*records: dict) -> pd.DataFrame:
    return pd.DataFrame(list(records))


@pytest.mark.parametrize("parity", [1, 2])
def test_swapped_fields_are_put_back_position_and_magnitude_together(parity):
    put_back = lightcurves.undo_field_swap(table_of(meteor(order=PAIRS[parity], bend=0.005)))
    right = meteor(bend=0.005)
    for name in ["magnitude", "ra_deg", "dec_deg"]:
        np.testing.assert_array_equal(put_back[name][0], right[name])
    assert put_back.was_swapped[0]
    assert put_back.residual_deg[0] < 1e-6 < put_back.residual_deg_as_recorded[0]


def test_a_record_in_order_stays_as_it_is():
    before = table_of(meteor(bend=0.005))
    after = lightcurves.undo_field_swap(before)
    assert not after.was_swapped[0]
    assert after.residual_deg[0] == after.residual_deg_as_recorded[0]
    np.testing.assert_array_equal(after.ra_deg[0], before.ra_deg[0])


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(8, 60),
    speed=st.floats(0.05, 1.0),
    which=st.integers(0, 10**6),
    noise=st.floats(0, 0.05),
    seed=st.integers(0, 2**32 - 1),
)
def test_true_order_is_found_whenever_the_motion_is_larger_than_the_noise(n, speed, which, noise, seed):
    rng = np.random.default_rng(seed)
    orders = reading._orders(n)
    record = meteor(n, speed)
    record["dec_deg"] = record["dec_deg"] + rng.normal(0, noise * speed, n)
    order = orders[which % len(orders)]
    shuffled = {name: values[order] if name != "usable" else values for name, values in record.items()}
    result = lightcurves.undo_field_swap(table_of(shuffled))
    np.testing.assert_array_equal(result.dec_deg[0], record["dec_deg"])
    assert result.was_swapped[0] == (which % len(orders) > 0)


def test_doing_it_twice_changes_nothing_more():
    once = lightcurves.undo_field_swap(table_of(meteor(order=PAIRS[1]), meteor(9)))
    twice = lightcurves.undo_field_swap(once)
    assert not twice.was_swapped.any()
    np.testing.assert_array_equal(twice.ra_deg[0], once.ra_deg[0])


def test_unusable_nan_and_tiny_records_are_left_alone():
    broken = meteor(order=PAIRS[1])
    broken["ra_deg"] = broken["ra_deg"].copy()
    broken["ra_deg"][2] = np.nan
    records = table_of(meteor(order=PAIRS[1]) | {"usable": False}, broken, meteor(0), meteor(1), meteor(2))
    result = lightcurves.undo_field_swap(records)
    assert not result.was_swapped.any()
    assert result.residual_deg[:2].isna().all()
    np.testing.assert_array_equal(result.magnitude[0], records.magnitude[0])


def test_the_input_is_not_changed():
    records = table_of(meteor(order=PAIRS[2]))
    kept = records.ra_deg[0].copy()
    lightcurves.undo_field_swap(records)
    np.testing.assert_array_equal(records.ra_deg[0], kept)
    assert "was_swapped" not in records


def test_missing_columns_are_named():
    with pytest.raises(ValueError, match="no column dec_deg, usable"):
        lightcurves.undo_field_swap(pd.DataFrame({"magnitude": [], "ra_deg": []}))
    with pytest.raises(ValueError, match="no column start"):
        lightcurves.nightly(pd.DataFrame({"usable": []}))
    with pytest.raises(ValueError, match="no column several_objects"):
        lightcurves.ledger(pd.DataFrame({"no_object": [], "duplicate": [], "too_short": []}))


def test_along_track_measures_degrees_across_the_meridian():
    along = lightcurves.along_track(np.array([359.0, 359.5, 0.0, 0.5]), np.zeros(4))
    np.testing.assert_allclose(np.diff(along), 0.5, atol=1e-9)
    np.testing.assert_allclose(along.sum(), 0, atol=1e-9)


def test_along_track_of_something_that_does_not_move_is_zero():
    np.testing.assert_array_equal(lightcurves.along_track(np.full(5, 12.0), np.full(5, 40.0)), np.zeros(5))


def test_nights_go_from_noon_to_noon():
    start = pd.to_datetime(["2013-08-12 22:00", "2013-08-13 03:00", "2013-08-13 11:59", "2013-08-13 12:00"], utc=True)
    nights = lightcurves.nightly(pd.DataFrame({"start": start, "usable": True}))
    assert list(nights.n_meteors) == [3, 1]
    assert list(nights.night.dt.day) == [12, 13]
    assert nights.solar_longitude_deg.between(139, 142).all()


def test_nights_count_usable_records_only():
    start = pd.to_datetime(["2013-08-12 22:00", "2013-08-12 23:00"], utc=True)
    assert list(lightcurves.nightly(pd.DataFrame({"start": start, "usable": [True, False]})).n_meteors) == [1]


def test_seasonal_rate_is_a_mean_per_night():
    nights = pd.DataFrame({"solar_longitude_deg": [10.2, 10.9, 359.999], "n_meteors": [4, 8, 3]})
    rate = lightcurves.seasonal_rate(nights)
    assert len(rate) == 360
    assert rate.meteors_per_night[10] == 6
    assert rate.meteors_per_night[359] == 3
    assert rate.n_nights.sum() == 3
    assert np.isnan(rate.meteors_per_night[11])


@pytest.mark.parametrize("width", [0.7, 0.0001234, 400.0, -1.0])
def test_seasonal_rate_refuses_a_width_that_does_not_divide_the_circle(width):
    with pytest.raises(ValueError, match=r"expected a divisor of 360|cannot convert"):
        lightcurves.seasonal_rate(pd.DataFrame({"solar_longitude_deg": [1.0], "n_meteors": [1]}), width)


def test_the_real_archive(real_file):
    (path,) = real_file("aop-lightcurves")
    table = lightcurves.read_aop(path)
    usable = table[table.usable]
    assert (len(table), len(usable)) == (12_010, 11_312)
    ledger = lightcurves.ledger(table)
    assert ledger.left.iloc[-1] == len(usable)
    assert ledger.records.sum() == len(table) - len(usable)
    assert (usable.magnitude.map(len) == usable.time_s.map(len)).all()
    by_camera = usable.groupby("station")[["residual_deg_as_recorded", "residual_deg"]].median()
    gain = by_camera.residual_deg_as_recorded / by_camera.residual_deg
    assert (gain[["CAM1", "CAM2", "CAM3"]] > 5).all()
    assert gain["CAM4"] < 1.05
    swapped = usable.groupby("station").was_swapped.mean()
    assert swapped["CAM4"] < 0.02
    assert (swapped[["CAM1", "CAM2", "CAM3"]] > 0.9).all()


def test_the_light_curves_confirm_the_order_that_the_positions_chose(real_file):
    """Brightness played no part in the choice, so it may judge it."""
    (path,) = real_file("aop-lightcurves")
    raw, true = lightcurves.read_aop(path, true_order=False), lightcurves.read_aop(path)
    armagh = (true.usable & (true.station != "CAM4")).to_numpy()

    def roughness(table: pd.DataFrame) -> float:
        return float(np.median([np.median(np.abs(np.diff(magnitude, 2))) for magnitude in table.magnitude[armagh]]))

    assert roughness(true) < 0.55 * roughness(raw)


def test_the_real_archive_as_recorded_holds_the_same_samples(real_file):
    (path,) = real_file("aop-lightcurves")
    raw, true = lightcurves.read_aop(path, true_order=False), lightcurves.read_aop(path)
    assert "was_swapped" not in raw
    for before, after in zip(raw.magnitude[:500], true.magnitude[:500], strict=True):
        np.testing.assert_array_equal(np.sort(before), np.sort(after))


def test_a_wrong_file_is_a_clear_error(tmp_path):
    (tmp_path / "x.Rda").write_text("not R")
    with pytest.raises(UnreadableFile, match="expected an R data frame"):
        lightcurves.read_aop(tmp_path / "x.Rda")
    with pytest.raises(FileNotFoundError):
        lightcurves.read_aop(tmp_path / "none.Rda")


def test_a_second_network_in_the_same_shape(real_file):
    tables = [lightcurves.read_ftpdetectinfo(path) for path in real_file("gmn-ff", ".txt")]
    assert sorted(map(len, tables)) == [22, 29]
    table = pd.concat(tables, ignore_index=True)
    assert (table.time_s.map(len) == table.magnitude.map(len)).all()
    assert table.time_s.map(lambda time: time[0] == 0 and (np.diff(time) > 0).all()).all()
    assert table.usable.mean() > 0.5
    assert lightcurves.shape_features(table).features_ok.equals(table.usable)
