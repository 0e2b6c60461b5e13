"""Chapter 6: great circles, and what cannot be a meteor."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meteortut import lightcurves
from meteortut.lightcurves import geometry
from meteortut.showers import directions

START = pd.Timestamp("2014-08-12 23:30", tz="UTC")
POLE = ["pole_x", "pole_y", "pole_z"]


def record(
    along_deg: np.ndarray, cross_deg: np.ndarray | float = 0.0, turn: np.ndarray | None = None, **others: object
) -> dict:
    """A record at the given angles along and off a circle, sampled every 0.02 s; it starts overhead in `sky_overhead`."""
    along, cross = np.broadcast_arrays(np.radians(along_deg), np.radians(cross_deg))
    unit = np.stack([np.cos(along) * np.cos(cross), np.sin(along) * np.cos(cross), np.sin(cross)], axis=-1)
    unit = unit @ (np.eye(3) if turn is None else turn).T
    n = len(along)
    return {
        "station": "CAM1",
        "start": START,
        "time_s": 0.02 * np.arange(n),
        "ra_deg": np.degrees(np.arctan2(unit[:, 1], unit[:, 0])) % 360,
        "dec_deg": np.degrees(np.arcsin(np.clip(unit[:, 2], -1, 1))),
        "usable": True,
    } | others


def table_of(*records: dict) -> pd.DataFrame:
    return pd.DataFrame(list(records))


def sky_overhead() -> np.ndarray:
    """A rotation that brings the start of `record`'s circle to the zenith."""
    up, _ = geometry.zeniths(table_of(record(np.arange(5.0))))
    side = np.cross([0.0, 0.0, 1.0], up[0])
    side /= np.linalg.norm(side)
    return np.stack([up[0], side, np.cross(up[0], side)], axis=1)


def rotation(seed: int) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def test_a_known_circle_is_found():
    tracks = lightcurves.fit_tracks(table_of(record(0.4 * np.arange(11)), record(-0.4 * np.arange(11))))
    np.testing.assert_allclose(tracks[POLE], [[0, 0, 1], [0, 0, -1]], atol=1e-12)
    np.testing.assert_allclose(tracks.arc_deg, 4)
    np.testing.assert_allclose(tracks.angular_speed_deg_s, 20)
    np.testing.assert_allclose(tracks.middle_ra_deg, [2, 358])
    np.testing.assert_allclose(tracks[["cross_residual_deg", "along_residual_deg", "middle_dec_deg"]], 0, atol=1e-9)
    assert (tracks[["backward_share", "outlier_share"]] == 0).all(axis=None)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(5, 60), speed=st.floats(0.05, 0.9))
def test_turning_the_sky_turns_the_pole_and_nothing_else(seed, n, speed):
    rng = np.random.default_rng(seed)
    along, cross = speed * np.arange(n) + rng.normal(0, 0.01, n), rng.normal(0, 0.01, n)
    turn = rotation(seed)
    tracks = lightcurves.fit_tracks(table_of(record(along, cross), record(along, cross, turn)))
    np.testing.assert_allclose(tracks[POLE].iloc[1], turn @ tracks[POLE].iloc[0].to_numpy(), atol=1e-6)
    same = [name for name in tracks if name not in [*POLE, "middle_ra_deg", "middle_dec_deg"]]
    np.testing.assert_allclose(tracks[same].iloc[1], tracks[same].iloc[0], rtol=1e-5, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(shift=st.floats(-1e4, 1e4), seed=st.integers(0, 2**32 - 1))
def test_shifting_time_changes_nothing(shift, seed):
    one = record(0.3 * np.arange(12), np.random.default_rng(seed).normal(0, 0.02, 12))
    tracks = lightcurves.fit_tracks(table_of(one, one | {"time_s": one["time_s"] + shift}))
    np.testing.assert_allclose(tracks.iloc[0], tracks.iloc[1], rtol=1e-5, atol=1e-7)


def test_the_stated_error_of_the_pole_is_its_scatter():
    rng = np.random.default_rng(4)
    records = [record(0.2 * np.arange(20), rng.normal(0, 0.03, 20)) for _ in range(400)]
    tracks = lightcurves.fit_tracks(table_of(*records))
    # the circle turns about its middle, (2°, 0°), so that the pole moves in y
    assert np.degrees(tracks.pole_y.std()) == pytest.approx(tracks.pole_error_deg.median(), rel=0.12)


def test_a_wrong_position_is_left_out():
    cross = np.zeros(12)
    cross[3] = 2.0
    track = lightcurves.fit_tracks(table_of(record(0.4 * np.arange(12), cross))).iloc[0]
    np.testing.assert_allclose(track[POLE].to_numpy(float), [0, 0, 1], atol=1e-9)
    assert track.outlier_share == pytest.approx(1 / 12)


def test_bad_records_give_rows_of_nan_under_their_own_labels():
    good = record(0.4 * np.arange(6))
    empty = np.array([])
    table = table_of(
        good,
        good | {"usable": False},
        good | {"ra_deg": np.full(6, np.nan)},
        record(0.4 * np.arange(4)),
        good | {"time_s": np.zeros(6)},
        good | {"time_s": empty, "ra_deg": empty, "dec_deg": empty},
    ).set_axis(list("abcdef"))
    tracks = lightcurves.fit_tracks(table)
    assert list(tracks.index) == list("abcdef")
    assert tracks.loc["a"].notna().all()
    assert tracks.loc["b":].isna().all(axis=None)
    assert not lightcurves.flag_not_meteors(table, tracks).loc["b":].any(axis=None)
    assert len(lightcurves.fit_tracks(table.iloc[:0])) == 0


def test_an_object_that_stands_still_is_too_slow_and_has_no_pole_to_trust():
    table = table_of(record(np.zeros(8), turn=sky_overhead()))
    tracks = lightcurves.fit_tracks(table)
    assert not tracks.pole_error_deg.iloc[0] < 5
    assert lightcurves.flag_not_meteors(table, tracks).too_slow.iloc[0]


def test_each_flag_has_its_reason():
    up, steps = sky_overhead(), np.arange(20)
    zigzag = np.where(steps % 2, 1.0, 0.0)
    shaken = np.random.default_rng(1).permutation(20) * 0.2
    table = table_of(
        record(0.4 * steps, turn=up),  # 20°/s overhead: 33 km/s
        record(0.4 * steps, zigzag, turn=up),
        record(shaken, turn=up),
        record(0.02 * steps, turn=up),  # 1°/s overhead: 1.7 km/s, an aircraft
        record(1.2 * steps, turn=up),  # 60°/s overhead: 100 km/s
        record(0.4 * np.array([1, 0, 3, 2, 5, 4, 7, 6, 8, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 19]), turn=up),
    )
    flags = lightcurves.flag_not_meteors(table, lightcurves.fit_tracks(table))
    assert list(flags) == ["bent", "backward", "too_slow", "too_fast", "not_meteor"]
    assert [list(flags.columns[row]) for row in flags.to_numpy()[[0, 5]]] == [[], []]  # exchanged fields are no crime
    for row, name in enumerate(["bent", "backward", "too_slow", "too_fast"], start=1):
        assert flags[name].iloc[row], name
        assert flags.not_meteor.iloc[row]


def test_the_light_curve_has_no_say():
    table = table_of(record(0.4 * np.arange(9), turn=sky_overhead()))
    assert "magnitude" not in table
    assert not lightcurves.flag_not_meteors(table, lightcurves.fit_tracks(table)).not_meteor.iloc[0]


def test_range_is_the_height_overhead_and_grows_towards_the_horizon():
    up = sky_overhead()
    low = up @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])  # a quarter turn: on the horizon
    table = table_of(record(0.01 * np.arange(-4, 5.0), turn=up), record(0.01 * np.arange(-4, 5.0), turn=low))
    distance = geometry.middle_range_km(table, lightcurves.fit_tracks(table))
    np.testing.assert_allclose(distance, [95, np.sqrt(2 * 6371 * 95 + 95**2)], rtol=1e-3)


def test_errors_name_what_is_wrong():
    table = table_of(*[record(0.4 * np.arange(9), turn=sky_overhead())] * 2)
    tracks = lightcurves.fit_tracks(table)
    with pytest.raises(ValueError, match="no column time_s"):
        lightcurves.fit_tracks(table.drop(columns="time_s"))
    with pytest.raises(ValueError, match="no site for station CAM9"):
        lightcurves.flag_not_meteors(table.assign(station="CAM9"), tracks)
    with pytest.raises(ValueError, match="the table has 2 rows, the tracks 1"):
        lightcurves.flag_not_meteors(table, tracks.iloc[:1])
    assert not lightcurves.flag_not_meteors(
        table.assign(station="CAM9"), tracks, {"CAM9": (54.0, -6.0, 0.0)}
    ).not_meteor.any()


def test_the_ledger_takes_further_rules_last():
    table = pd.DataFrame(
        {"several_objects": [True, False, False], "no_object": False, "duplicate": False, "too_short": False}
    ).assign(bent=[True, True, False])
    ledger = lightcurves.ledger(table, {"bent": "off the great circle"})
    assert list(ledger.records) == [0, 1, 0, 0, 0, 1]
    assert ledger.rule.iloc[-1] == "off the great circle"
    assert ledger.left.iloc[-1] == 1
    with pytest.raises(ValueError, match="no column slow"):
        lightcurves.ledger(table, {"slow": "too slow"})


def test_directions_are_unit_vectors():
    np.testing.assert_allclose(directions([0, 90, 0], [0, 0, 90]), np.eye(3), atol=1e-15)


def test_the_real_archive(real_file):
    (path,) = real_file("aop-lightcurves")
    table = lightcurves.read_aop(path)
    tracks = lightcurves.fit_tracks(table)
    assert (tracks.pole_x.notna() == table.usable).all()
    flags = lightcurves.flag_not_meteors(table, tracks)
    assert 80 < flags.not_meteor.sum() < 300
    assert not (flags.not_meteor & ~table.usable).any()
    by_camera = tracks.cross_residual_deg.groupby(table.station).median()
    assert by_camera.between(0.005, 0.03).all()
    assert 2.5 < tracks.arc_deg.median() < 5
    ledger = lightcurves.ledger(table.join(flags), {"not_meteor": "no meteor's motion"})
    assert ledger.left.iloc[-1] == (table.usable & ~flags.not_meteor).sum()
