"""The rules that name a curve's shape: each shape gets its name, and nothing but the shape counts."""

from __future__ import annotations

import numpy as np
import pytest

from meteortut.shapes import LABELS, curve_label, f_parameter

TIME = np.linspace(0, 1, 201)


def hump(peak: float, depth: float = 4.0) -> np.ndarray:
    """A parabola on either side of the peak, ``depth`` magnitudes deep at both ends."""
    return np.where(TIME < peak, ((TIME - peak) / peak) ** 2, ((TIME - peak) / (1 - peak)) ** 2) * depth


def bump(at: float, width: float) -> np.ndarray:
    return np.exp(-(((TIME - at) / width) ** 2))


CURVES = {
    "early": hump(0.25),
    "late": hump(0.75),
    "symmetric": hump(0.5),
    "flare": hump(0.45) - 1.2 * bump(0.65, 0.03),
    "multi-peak": 2.5 - 2.5 * bump(0.25, 0.13) - 2.2 * bump(0.75, 0.13),
}


@pytest.mark.parametrize("name", LABELS)
def test_each_shape_has_its_name(name):
    assert curve_label(TIME, CURVES[name]) == name


@pytest.mark.parametrize("name", LABELS)
def test_neither_time_nor_brightness_nor_sampling_counts(name):
    curve = CURVES[name]
    assert curve_label(7 + 3 * TIME, curve - 5) == name
    assert curve_label(TIME[::4], curve[::4]) == name
    assert f_parameter(7 + 3 * TIME, curve - 5) == pytest.approx(f_parameter(TIME, curve))


@pytest.mark.parametrize("name", LABELS)
def test_time_reversed_turns_f_about(name):
    assert f_parameter(TIME, CURVES[name][::-1]) == pytest.approx(1 - f_parameter(TIME, CURVES[name]), abs=1e-9)
    reverse = {"early": "late", "late": "early"}.get(name, name)
    assert curve_label(TIME, CURVES[name][::-1]) == reverse


def test_f_of_a_triangle_is_where_its_tip_is():
    time, magnitude = np.array([0.0, 3.0, 4.0]), np.array([2.0, 0.0, 2.0])
    assert f_parameter(time, magnitude) == pytest.approx(0.75)
    assert f_parameter(time, magnitude, depth_mag=2.0) == pytest.approx(0.75)


def test_a_saturated_top_puts_the_peak_in_its_middle():
    assert f_parameter(np.arange(6.0), np.array([3, 0, 0, 0, 0, 3.0])) == pytest.approx(0.5)


def test_a_single_solid_body_is_late():
    density = np.exp(TIME * 5 - 3.93)  # of the air, in units of that at maximum light; Öpik's classical curve
    curve = -2.5 * np.log10(density * (1 - density / 3) ** 2)
    assert curve_label(TIME, curve) == "late"
    assert 0.6 < f_parameter(TIME, curve) < 0.75


@pytest.mark.parametrize("side", [slice(100, None), slice(None, 101), slice(80, 120)])
def test_a_curve_that_does_not_fall_has_no_f(side):
    assert np.isnan(f_parameter(TIME[side], CURVES["symmetric"][side]))
    assert curve_label(TIME[side], CURVES["symmetric"][side]) in LABELS


def test_curves_without_a_shape_are_symmetric():
    assert curve_label(np.array([0.0]), np.array([1.0])) == "symmetric"
    assert curve_label(np.arange(5.0), np.ones(5)) == "symmetric"


def test_darkness_before_and_after_is_accepted():
    dark = np.concatenate([[np.inf], CURVES["late"], [np.inf]])
    assert curve_label(np.concatenate([[-0.1], TIME, [1.1]]), dark) == "late"
    assert f_parameter(np.arange(3.0), np.array([np.inf, 0, np.inf])) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("time", "magnitude"),
    [
        (TIME, TIME[:-1]),
        (TIME[::-1], TIME),
        (np.array([]), np.array([])),
        (np.arange(3.0), np.array([1, np.nan, 2])),
        (np.arange(3.0), np.array([1, -np.inf, 2])),
        (np.arange(2.0), np.full(2, np.inf)),
        (np.array([0, np.nan]), np.ones(2)),
        (np.ones((2, 2)), np.ones((2, 2))),
    ],
)
def test_what_is_no_curve_is_refused(time, magnitude):
    for rule in (f_parameter, curve_label):
        with pytest.raises(ValueError, match="expected"):
            rule(time, magnitude)


def test_a_depth_must_be_positive():
    with pytest.raises(ValueError, match="depth_mag is 0"):
        f_parameter(TIME, CURVES["late"], depth_mag=0)
