"""Chapter 6: shape features, what they mean, and what does not change them."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meteortut import lightcurves, shapes
from meteortut.lightcurves import reading
from meteortut.lightcurves.features import CURVE_FEATURES, TRACK_FEATURES

MAGNITUDE_FEATURES = ["peak_magnitude"]
TIMES = ["duration_s", "width_s", "f_parameter", "f_ends", "f_half", "light_centre", "skewness"]


def record(magnitude: np.ndarray, step_s: float = 0.02, speed_deg: float = 0.3) -> dict:
    """A record of that light along the meridian, north."""
    n = len(magnitude)
    return {
        "time_s": step_s * np.arange(n),
        "magnitude": np.asarray(magnitude, float),
        "ra_deg": np.full(n, 10.0),
        "dec_deg": 40 + speed_deg * (np.arange(n) - 0.0005 * np.arange(n) ** 2),
        "usable": True,
    }


def curve(n: int = 25, peak_at: float = 0.5, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """Two straight flanks, 3 mag down to either end, the peak where asked for."""
    place = np.linspace(0, 1, n)
    flank = np.where(place < peak_at, (peak_at - place) / peak_at, (place - peak_at) / (1 - peak_at))
    return 3 * flank + np.random.default_rng(seed).normal(0, noise, n)


def table_of(*records: dict) -> pd.DataFrame:
    return pd.DataFrame(list(records))


@pytest.fixture(scope="module")
def simulated() -> pd.DataFrame:
    """Records in true order, with noise, flares, cuts."""
    from meteortut.simulate.lightcurves import simulate_light_curves

    return lightcurves.undo_field_swap(simulate_light_curves(400, 3)[0])


def test_a_triangle_has_the_features_it_was_drawn_with():
    row = lightcurves.shape_features(table_of(record(curve(201, 0.3), 0.005, 0.1))).iloc[0]
    assert row.features_ok
    assert row.duration_s == pytest.approx(1.0)
    assert row.f_parameter == pytest.approx(0.3, abs=0.02)
    assert row.rise_slope == pytest.approx(10, rel=0.1)  # 3 mag in 0.3 s
    assert row.fall_slope == pytest.approx(3 / 0.7, rel=0.1)
    assert row.start_drop_mag == pytest.approx(3, abs=0.2)
    assert row.n_peaks == 1 and row.dip_mag == 0
    assert row.skewness > 0 and row.light_centre < 0.5
    assert row.arc_deg == pytest.approx(18, rel=1e-3)
    assert row.angular_speed_deg_s == pytest.approx(18, rel=0.05)


def test_f_is_that_of_the_rules_on_the_smoothed_curve(simulated):
    features = lightcurves.shape_features(simulated)
    good = features.features_ok
    expected = [
        shapes.f_parameter(t, lightcurves.smooth(t, m))
        for t, m in zip(simulated.time_s[good], simulated.magnitude[good], strict=True)
    ]
    np.testing.assert_allclose(features.f_parameter[good], expected, atol=1e-6)


def test_one_record_alone_has_the_features_it_has_in_a_crowd(simulated):
    together = lightcurves.shape_features(simulated)
    alone = pd.concat([lightcurves.shape_features(simulated.iloc[[i]]) for i in range(20)])
    pd.testing.assert_frame_equal(alone, together.iloc[:20])


def test_roughness_of_white_noise_is_its_deviation_and_a_slope_has_none():
    noise = np.random.default_rng(1).normal(0, 0.3, 4000)
    rows = lightcurves.shape_features(table_of(record(noise, speed_deg=0.001), record(np.linspace(3, 0, 30))))
    assert rows.roughness[0] == pytest.approx(0.3, rel=0.05)
    assert rows.noise_mag[0] == pytest.approx(0.3, rel=0.08)
    assert rows.roughness[1] == pytest.approx(0, abs=1e-12)
    assert rows.noise_mag[1] == 0.02


def test_peaks_are_counted_against_the_noise():
    place = np.linspace(0, 1, 60)
    double = 3 - 3 * np.exp(-(((place - 0.25) / 0.1) ** 2)) - 2.5 * np.exp(-(((place - 0.75) / 0.1) ** 2))
    jumps = 0.6 * np.random.default_rng(0).normal(size=60)
    rows = lightcurves.shape_features(table_of(record(double), record(curve(60)), record(jumps)))
    assert rows.n_peaks[0] == 2 and rows.n_peaks[1] == 1
    assert rows.n_peaks[2] <= 2
    assert rows.dip_mag[0] == pytest.approx(2.4, abs=0.3)


def test_a_flare_stands_out():
    flare = curve(60)
    flare[38:44] -= 2
    plain, flared = lightcurves.shape_features(table_of(record(curve(60)), record(flare))).flare_mag
    assert flared > plain + 0.7


def test_features_do_not_depend_on_the_sampling():
    slow, fast = lightcurves.shape_features(
        table_of(record(curve(201, 0.4), 0.005), record(curve(101, 0.4), 0.01))
    ).iloc
    np.testing.assert_allclose(slow[TIMES].astype(float), fast[TIMES].astype(float), atol=0.03)


def spoiled(name: str) -> dict:
    good = record(curve(12))
    if name == "one sample":
        return {k: v[:1] if isinstance(v, np.ndarray) else v for k, v in good.items()}
    if name == "NaN":
        good["magnitude"][3] = np.nan
    elif name == "NaN position":
        good["dec_deg"][3] = np.nan
    elif name == "unsorted":
        good["time_s"] = good["time_s"][::-1].copy()
    elif name == "repeated time":
        good["time_s"][4] = good["time_s"][3]
    elif name == "infinite":
        good["magnitude"][0] = np.inf
    elif name == "lengths":
        good["magnitude"] = good["magnitude"][:-1]
    elif name == "not usable":
        good["usable"] = False
    elif name == "no samples":
        return {k: v[:0] if isinstance(v, np.ndarray) else v for k, v in good.items()}
    elif name == "no array":
        good["magnitude"] = np.nan
    return good


@pytest.mark.parametrize(
    "name",
    "one sample,NaN,NaN position,unsorted,repeated time,infinite,lengths,not usable,no samples,no array".split(","),
)
def test_bad_records_are_flagged_and_harm_no_other(name):
    table = table_of(record(curve(12)), spoiled(name), record(curve(9)))
    table.index = [7, 3, 5]
    features = lightcurves.shape_features(table)
    assert features.index.tolist() == [7, 3, 5]
    assert features.features_ok.tolist() == [True, False, True]
    assert features.loc[3].drop("features_ok").isna().all()
    pd.testing.assert_frame_equal(features.loc[[7, 5]], lightcurves.shape_features(table.loc[[7, 5]]))
    assert not lightcurves.feature_uncertainty(table, 0, 2).features_ok.loc[3]


def test_an_empty_table_gives_an_empty_table():
    features = lightcurves.shape_features(table_of(record(curve(9))).iloc[:0])
    assert list(features) == [*CURVE_FEATURES, *TRACK_FEATURES, "features_ok"] and len(features) == 0


def test_a_missing_column_and_too_few_draws_are_errors():
    table = table_of(record(curve(9)))
    with pytest.raises(ValueError, match="no column magnitude"):
        lightcurves.shape_features(table.drop(columns="magnitude"))
    with pytest.raises(ValueError, match="n_draws is 1"):
        lightcurves.feature_uncertainty(table, 0, 1)
    with pytest.raises(ValueError, match="equal shapes"):
        lightcurves.smooth(np.arange(3), np.arange(4))


curves = st.lists(st.floats(-5, 8), min_size=5, max_size=40).map(np.array)


@settings(max_examples=60, deadline=None)
@given(magnitude=curves, shift=st.floats(-1000, 1000), constant=st.floats(-10, 10))
def test_shifting_time_changes_nothing_and_a_constant_only_the_magnitudes(magnitude, shift, constant):
    base, late, faint = record(magnitude), record(magnitude), record(magnitude + constant)
    late["time_s"] = late["time_s"] + shift
    features = lightcurves.shape_features(table_of(base, late, faint)).astype(float)
    np.testing.assert_allclose(features.iloc[0], features.iloc[1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        features.iloc[0].drop(MAGNITUDE_FEATURES), features.iloc[2].drop(MAGNITUDE_FEATURES), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(features.peak_magnitude[2] - features.peak_magnitude[0], constant, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(8, 40), seed=st.integers(0, 2**32 - 1))
def test_either_parity_of_exchanged_fields_gives_the_same_features(n, seed):
    right = record(curve(n, 0.4, 0.2, seed))
    rows = []
    for order in reading._orders(n):
        rows.append(right | {name: right[name][order] for name in ("magnitude", "ra_deg", "dec_deg")})
    features = lightcurves.shape_features(lightcurves.undo_field_swap(table_of(*rows)))
    for k in (1, 2):
        pd.testing.assert_series_equal(features.iloc[k], features.iloc[0], check_names=False)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(3, 60), slope=st.floats(-20, 20), level=st.floats(-5, 8))
def test_the_smoother_leaves_a_straight_line_alone(n, slope, level):
    t = np.cumsum(np.random.default_rng(n).uniform(0.01, 0.05, n))
    np.testing.assert_allclose(lightcurves.smooth(t, level + slope * t), level + slope * t, atol=1e-8)


def test_uncertainty_grows_with_the_noise_and_matches_repeated_noise():
    table = table_of(record(curve(30, 0.4, 0.05, 1)), record(curve(30, 0.4, 0.3, 1)))
    width = lightcurves.feature_uncertainty(table, 0, 80)
    assert (
        width[["f_ends", "peak_magnitude", "rise_slope"]].iloc[1]
        > width[["f_ends", "peak_magnitude", "rise_slope"]].iloc[0]
    ).all()
    again = lightcurves.shape_features(table_of(*[record(curve(30, 0.4, 0.3, s)) for s in range(200)]))
    assert 0.4 < width.peak_magnitude[1] / again.peak_magnitude.std() < 2.5
    pd.testing.assert_frame_equal(width, lightcurves.feature_uncertainty(table, 0, 80))


def test_two_thousand_curves_a_second(simulated):
    table = pd.concat([simulated] * 20, ignore_index=True)
    begin = time.process_time()
    lightcurves.shape_features(table)
    assert len(table) / (time.process_time() - begin) > 2000
