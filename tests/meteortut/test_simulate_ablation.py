"""Falling bodies: against theory where there is one, and energy and mass accounted for where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from meteortut.simulate.ablation import ablate, absolute_magnitude
from meteortut.simulate.bodies import DRAG_SHAPE, US_1976, Bodies

SCALE_KM = 6.0
EXPONENTIAL = ((0.0, 300.0), (1.2, 1.2 * np.exp(-300.0 / SCALE_KM)))


def bodies(n: int = 3, erosion: float = 0.0, flare: float = 0.0) -> Bodies:
    one = np.ones(n)
    return Bodies(
        mass_kg=np.geomspace(1e-6, 1e-4, n),
        speed_km_s=np.linspace(30, 70, n),
        cos_zenith=np.linspace(0.5, 1.0, n),
        density_kg_m3=1000 * one,
        height_km=130 * one,
        sigma_s2_km2=0.1 * one,
        erosion_s2_km2=erosion * one,
        onset_j_m2=0 * one,
        core=0.2 * one,
        flare_pa=np.full((n, 1), 2000.0),
        flare_share=np.full((n, 1), flare),
        grain_kg=np.tile([1e-10, 1e-9], (n, 1)),
    )


def test_a_fast_single_body_has_the_classical_light_curve():
    start = {"speed_km_s": 70.0, "sigma_s2_km2": 0.4, "height_km": 150.0}
    body = replace(bodies(1), **{name: np.array([value]) for name, value in start.items()})
    fallen = ablate(body, bin_s=0.0005, atmosphere=EXPONENTIAL)
    mass, v, cos_z, scale = 1e-6, 70e3, body.cos_zenith[0], SCALE_KM * 1e3
    brightest = mass ** (1 / 3) * cos_z / (0.4e-6 * DRAG_SHAPE * 1000 ** (-2 / 3) * v**2 * scale)
    height = (fallen.height_km[0, 1:] + fallen.height_km[0, :-1]) / 2
    x = 1.2 * np.exp(-height / SCALE_KM) / brightest
    peak = 0.007 * v**2 / 2 * 4 / 9 * mass * v * cos_z / scale
    expected = peak * 2.25 * x * np.clip(1 - x / 3, 0, None) ** 2
    np.testing.assert_allclose(fallen.power_w[0, :-1], expected, atol=0.015 * peak)
    assert fallen.power_w.max() == pytest.approx(peak, rel=0.01)


def test_mass_and_speed_of_a_single_body_go_together():
    body = bodies()
    fallen = ablate(body)
    v2 = fallen.speed_km_s**2 - body.speed_km_s[:, None] ** 2
    shining = fallen.mass_kg > 0.01 * body.mass_kg[:, None]  # dm/m = σ v dv, whatever the air
    expected = body.mass_kg[:, None] * np.exp(0.1 * v2 / 2)
    np.testing.assert_allclose(fallen.mass_kg[shining], expected[shining], rtol=0.01)


@pytest.mark.parametrize(("erosion", "flare"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.6), (0.5, 0.6)])
def test_light_is_a_share_of_the_energy_lost_and_all_is_lost(erosion, flare):
    body = bodies(erosion=erosion, flare=flare)
    fallen = ablate(body, luminous_efficiency=0.007, bin_s=0.02)
    energy = body.mass_kg * (body.speed_km_s * 1e3) ** 2 / 2
    np.testing.assert_allclose(fallen.power_w.sum(axis=1) * 0.02, 0.007 * fallen.lost_j, rtol=1e-9)
    np.testing.assert_allclose(fallen.lost_j, energy, rtol=0.005)
    assert (fallen.lost_j <= energy * (1 + 1e-6)).all()


@pytest.mark.parametrize("erosion", [0.0, 0.5])
def test_mass_height_and_speed_never_grow(erosion):
    fallen = ablate(bodies(erosion=erosion, flare=0.5))
    for values in (fallen.mass_kg, fallen.height_km, fallen.speed_km_s):
        assert (np.diff(values, axis=1) <= 0).all()
    assert (fallen.power_w >= 0).all()


def test_an_eroding_body_shines_earlier_and_shorter():
    hot = replace(bodies(), onset_j_m2=np.full(3, 2e6))
    solid, dusty = (
        ablate(hot, bin_s=0.005).power_w,
        ablate(replace(hot, erosion_s2_km2=np.ones(3)), bin_s=0.005).power_w,
    )
    assert (dusty.argmax(axis=1) < solid.argmax(axis=1)).all()
    bright = [(power > power.max(axis=1, keepdims=True) / 2).sum(axis=1) for power in (dusty, solid)]
    assert (bright[0] < bright[1]).all()


def test_a_disruption_comes_at_its_pressure_and_is_a_flare():
    body = bodies(flare=0.5).take(np.array([1, 2]))
    solid, broken = ablate(replace(body, flare_share=np.zeros((2, 1)))), ablate(body)
    assert (broken.power_w.max(axis=1) > solid.power_w.max(axis=1)).all()
    for mass, height, speed in zip(broken.mass_kg, broken.height_km, broken.speed_km_s, strict=True):
        moment = np.flatnonzero(np.diff(mass) < -0.4 * mass[:-1])[0]
        density = np.exp(np.interp(height[moment], US_1976[0], np.log(US_1976[1])))
        assert density * (speed[moment] * 1e3) ** 2 == pytest.approx(2000, rel=0.05)


def test_nothing_is_lost_before_the_onset():
    fallen = ablate(replace(bodies(), onset_j_m2=np.full(3, 3e6)))
    body = ablate(bodies())
    lit = [np.flatnonzero(values < values[0])[0] for values in (fallen.mass_kg[0], body.mass_kg[0])]
    assert lit[0] > lit[1] + 20


def test_a_body_does_not_depend_on_its_company_or_on_the_bins():
    together, alone = ablate(bodies(erosion=0.4)), ablate(bodies(erosion=0.4).take(np.array([1])))
    n = min(together.power_w.shape[1], alone.power_w.shape[1])
    np.testing.assert_allclose(together.power_w[1, :n], alone.power_w[0, :n], rtol=1e-9, atol=1e-12)
    coarse = ablate(bodies(erosion=0.4), bin_s=0.02).power_w
    fine = together.power_w[:, : coarse.shape[1] // 2 * 8].reshape(3, -1, 8).mean(axis=2)
    n = min(coarse.shape[1], fine.shape[1])
    np.testing.assert_allclose(coarse[:, :n], fine[:, :n], rtol=1e-6, atol=1e-9)


def test_magnitudes():
    np.testing.assert_allclose(absolute_magnitude(np.array([1500.0, 15.0])), [0, 5])
    assert absolute_magnitude(np.array([0.0]))[0] == np.inf
    assert absolute_magnitude(np.array([840.0]), 840.0)[0] == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mass_kg", np.array([1e-6, -1e-6, 1e-6])),
        ("speed_km_s", np.zeros(3)),
        ("cos_zenith", np.array([0.5, np.nan, 0.5])),
        ("height_km", np.ones(2)),
    ],
)
def test_impossible_bodies_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        ablate(replace(bodies(), **{name: value}))


def test_bins_have_a_width():
    with pytest.raises(ValueError, match="bin_s is 0"):
        ablate(bodies(), bin_s=0)
