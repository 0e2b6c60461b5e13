"""Tracks: exact without noise, as good as the Cramér–Rao bound with it, gaps and cities in the way, the ISS taken away."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meteortut.focal import FRAME_S, METEOR_DRIFT_PX, METEOR_ISS_KM_S, METEOR_KM_PX, from_focal, to_focal
from meteortut.pipeline import kinematics
from meteortut.pipeline.camera import Camera
from meteortut.pipeline.fisher import cramer_rao
from meteortut.pipeline.kinematics import SOFT_SIGMA, _shorten, fit_track, remove_drift
from meteortut.pipeline.track_box import cut, estimate_flat, first_guess
from meteortut.pipeline.track_model import (
    MovingLight,
    derivatives,
    from_vector,
    near_track,
    render,
    vector,
    without_lines,
)

ROWS = np.arange(48)
LIGHT = MovingLight(t=60.3, y=21.4, x=13.2, vy=0.21, vx=-0.33, light=0.5, rise=4.0, fall=5.5)


def sky(light: MovingLight, n_frames: int = 120, level: float = 1.0, rng: int | None = None) -> np.ndarray:
    frames = level + render(light, 0, n_frames, ROWS, ROWS)
    if rng is not None:
        frames += np.sqrt(level / 128**2) * np.random.default_rng(rng).standard_normal(frames.shape)
    return frames


def where(light: MovingLight) -> tuple[float, float, float]:
    return light.t, float(from_focal(light.y)), float(from_focal(light.x))


# --- the model ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [0.0, 0.3, 1.0])
def test_derivatives_are_those_of_the_frames(gap):
    part = (0, 100, np.arange(10, 30), np.arange(4, 24), gap)
    exact, start = derivatives(LIGHT, *part), vector(LIGHT)
    for k in range(9):
        step = np.zeros(9)
        step[k] = 1e-5
        ahead, behind = (render(from_vector(start + sign * step), *part) for sign in (1, -1))
        np.testing.assert_allclose((ahead - behind) / 2e-5, exact[k], atol=1e-6)


def test_the_start_is_the_best_of_all_trials():
    rng, place = np.random.default_rng(3), {"t": 40.5, "y": 20.0, "x": 21.0}
    light = MovingLight(t=42.5, y=19.98, x=21.26, vy=-0.26, vx=0.13, light=0.9, rise=2.0, fall=2.0)
    frames = (1 + rng.standard_normal((81, 48, 48)) / 128 + render(light, 0, 81, ROWS, ROWS, 0.0)).astype(np.float32)
    start = first_guess(frames, **place, camera=Camera(gap=0.0))
    assert (start.t, start.rise) == (light.t, light.rise) and start.light == pytest.approx(light.light, rel=0.2)
    assert (start.vy, start.vx) == pytest.approx((light.vy, light.vx))
    assert (start.y, start.x) == pytest.approx((light.y, light.x))


def test_all_light_falls_on_the_array_except_in_gaps():
    still = MovingLight(20, 4.0, 4.0, 0, 0, 2.0, 1e6, 1e6)
    assert render(still, 20, 1, ROWS, ROWS).sum() == pytest.approx(2.0, abs=1e-6)
    in_gap = replace(still, y=8.0)  # pixel 7 is centred on 7, pixel 8 on 9
    assert render(in_gap, 20, 1, ROWS, ROWS).sum() < 0.5 * render(still, 20, 1, ROWS, ROWS).sum()
    assert render(in_gap, 20, 1, ROWS, ROWS, gap=0.0).sum() == pytest.approx(2.0, abs=1e-6)


def test_lines_vanish_and_the_rest_stays_orthogonal_to_them():
    time = np.arange(40.0)[:, None, None]
    assert np.abs(without_lines(3 + 0.2 * time * np.ones((1, 2, 3)))).max() < 1e-12
    left = without_lines(np.random.default_rng(0).standard_normal((40, 2, 3)))
    assert np.abs(left.sum(axis=0)).max() < 1e-12 and np.abs((left * time).sum(axis=0)).max() < 1e-10


@given(st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=2), st.floats(2, 50), st.floats(2, 50))
def test_the_place_at_the_peak_is_near_the_track(velocity, y, x):
    light = replace(LIGHT, y=y, x=x, vy=velocity[0], vx=velocity[1])
    near = near_track(light, ROWS, ROWS)
    assert near[np.abs(to_focal(ROWS) - y).argmin(), np.abs(to_focal(ROWS) - x).argmin()]


# --- fits ---------------------------------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(
    st.floats(0.05, 0.6),
    st.floats(-np.pi, np.pi),
    st.floats(18, 34),
    st.floats(18, 34),
    st.floats(1.5, 6),
    st.floats(1.5, 6),
)
def test_without_noise_the_track_is_exact(speed, angle, y, x, rise, fall):
    light = MovingLight(60.3, y, x, speed * np.sin(angle), speed * np.cos(angle), 1.0, rise, fall)
    track = fit_track(sky(light), 60, round(where(light)[1]), round(where(light)[2]))
    assert track.converged
    assert track.light.speed_px == pytest.approx(speed, rel=0.01)
    assert abs((track.light.direction_deg - light.direction_deg + 180) % 360 - 180) < 0.5
    assert (track.light.t, track.light.y, track.light.x) == pytest.approx((60.3, y, x), abs=0.1)


def test_scatter_is_that_of_the_cramer_rao_bound():
    level = np.ones((48, 48))
    fits = [fit_track(sky(LIGHT, rng=k), *where(LIGHT)).light for k in range(100)]
    speed, direction, covariance = cramer_rao(LIGHT, level, 120)
    assert np.std([fit.speed_px for fit in fits]) == pytest.approx(speed, rel=0.25)
    assert np.std([fit.direction_deg for fit in fits]) == pytest.approx(direction, rel=0.25)
    errors = np.array([astuple(fit)[:6] for fit in fits]) - astuple(LIGHT)[:6]
    assert (np.abs(errors.mean(axis=0)) < 4 * np.sqrt(np.diag(covariance)[:6] / 100)).all()


def test_the_bound_falls_with_light_and_rises_with_what_is_unknown():
    level = np.ones((48, 48))
    speed, direction, _ = cramer_rao(LIGHT, level, 120)
    brighter, dimmer = cramer_rao(replace(LIGHT, light=1.0), level, 120), cramer_rao(LIGHT, 4 * level, 120)
    assert brighter[:2] == pytest.approx((speed / 2, direction / 2), rel=1e-6)
    assert dimmer[:2] == pytest.approx((speed * 2, direction * 2), rel=1e-6)
    assert cramer_rao(LIGHT, level, 120, fit_size=False)[0] <= speed
    assert cramer_rao(replace(LIGHT, y=-40.0), level, 120)[:2] == (np.inf, 180.0)


def test_its_own_error_bars_are_the_bound():
    track, bound = fit_track(sky(LIGHT, rng=3), *where(LIGHT)), cramer_rao(LIGHT, np.ones((48, 48)), 120)
    assert track.errors == pytest.approx(bound[:2], rel=0.25)
    assert track.chi2 == pytest.approx(1.0, abs=0.1)
    assert track.track_snr == pytest.approx(128 * np.sqrt((render(LIGHT, 0, 120, ROWS, ROWS) ** 2).sum()), rel=0.15)


def test_a_track_across_a_gap_is_straight_when_the_gap_is_known():
    light = MovingLight(60.5, 20.0, 17.0, 0.05, 0.45, 1.0, 4.0, 4.0)  # x = 17 lies in a gap
    known, unknown = (fit_track(sky(light, rng=1), 60.5, 18, 15, gap=gap) for gap in (1.0, 0.0))
    assert known.light.speed_px == pytest.approx(light.speed_px, rel=0.02)
    assert known.chi2 < 1.1
    assert unknown.chi2 > known.chi2 + 0.2


def test_a_city_and_a_second_meteor_in_the_box_do_not_take_over():
    city = MovingLight(60, 24, 17, 0.0, 0.0478, 3.0, 1e6, 1e6, 0.8)
    other = MovingLight(70, 26.0, 20.0, -0.3, 0.2, 0.5, 3, 3)
    frames = sky(LIGHT, rng=5) + render(city, 0, 120, ROWS, ROWS) + render(other, 0, 120, ROWS, ROWS)
    track = fit_track(frames, *where(LIGHT))
    assert track.converged
    assert track.light.speed_px == pytest.approx(LIGHT.speed_px, rel=0.1)
    assert track.light.direction_deg == pytest.approx(LIGHT.direction_deg, abs=6)


def test_a_dead_pixel_and_a_flat_field_are_taken_into_account():
    flat = np.exp(0.3 * np.random.default_rng(0).standard_normal((48, 48)))
    flat[20, 12] = 0
    bright = replace(LIGHT, light=5.0)
    frames = sky(bright, rng=4) * flat
    known, unknown = (fit_track(frames, *where(LIGHT), flat=own) for own in (flat, None))
    assert known.chi2 < 1.2 < unknown.chi2
    assert known.light.speed_px == pytest.approx(LIGHT.speed_px, rel=0.01)


def test_a_pixel_that_hardly_shines_has_no_say():
    frames = sky(LIGHT, rng=4)
    alone = fit_track(frames, *where(LIGHT))
    frames[:, 20, 12] = 1e-150 * (1 + np.random.default_rng(5).random(len(frames)))
    almost_dead = fit_track(frames, *where(LIGHT))
    assert almost_dead.light.speed_px == pytest.approx(alone.light.speed_px, rel=0.02)
    frames[:, 20, 12] = 0
    assert astuple(almost_dead.light) == pytest.approx(astuple(fit_track(frames, *where(LIGHT)).light), rel=1e-6)


@pytest.mark.parametrize("fit_size", [True, False])
def test_ten_rows_stand_for_all_voxels(fit_size):
    camera, frames = Camera(fit_size=fit_size), sky(LIGHT, rng=6)
    frames[58:63, 21, 14] += 0.2  # an outlier, so that the soft loss matters
    frames[:, 19, 12] = 0  # and a dead pixel
    box, light = cut(frames, LIGHT, camera), replace(LIGHT, vy=0.23, light=0.45)
    slopes, residuals = _shorten(light, box, camera)
    n_free = 9 if fit_size else 8
    assert slopes.shape == (n_free + 1, n_free) and residuals.shape == (n_free + 1,)

    def cost(values: np.ndarray) -> float:
        model = without_lines(render(from_vector(values), *box.place)) * box.weight
        z = ((model - box.data) / SOFT_SIGMA) ** 2
        return float(SOFT_SIGMA**2 * (np.sqrt(1 + z) - 1).sum())

    start = vector(light)
    assert residuals @ residuals / 2 == pytest.approx(cost(start), rel=1e-9)
    for k in range(n_free):
        step = np.zeros(9)
        step[k] = 1e-6
        assert slopes[:, k] @ residuals == pytest.approx(
            (cost(start + step) - cost(start - step)) / 2e-6, rel=1e-3, abs=1e-3
        )


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ({}, None, "first"),  # nothing to doubt: no second attempt
        ({"chi2": 3.0}, {"chi2": 1.5}, "second"),
        ({"chi2": 3.0}, {"chi2": 3.5}, "first"),
        ({"size": 1.4}, {"chi2": 0.5}, "second"),
        ({"size": 1.4}, {"chi2": 9.0}, "first"),
        ({"chi2": 3.0}, {"chi2": 1.5, "converged": False}, "first"),
        ({"converged": False}, {"chi2": 9.0}, "second"),
        ({"converged": False}, {"chi2": 0.5, "converged": False}, "first"),
        ({"track_snr": 8.0}, {"track_snr": 9.0}, "second"),  # well but faint: the brighter one
        ({"track_snr": 8.0}, {"track_snr": 7.0}, "first"),
        ({"track_snr": 8.0}, {"track_snr": 9.0, "converged": False}, "first"),
    ],
)
def test_a_doubtful_fit_is_tried_again_and_the_better_one_kept(monkeypatch, first, second, kept):
    frames = sky(LIGHT, rng=7)
    good = fit_track(frames, *where(LIGHT))

    def such(track, chi2=1.0, size=0.5, converged=True, track_snr=50.0):
        light = replace(track.light, size=size)
        return replace(track, chi2=chi2, converged=converged, track_snr=track_snr, light=light)

    tracks = {"first": such(good, **first), "second": None if second is None else such(good, **second)}
    attempts = iter(name for name in tracks if tracks[name] is not None)
    monkeypatch.setattr(kinematics, "_attempt", lambda *_, **__: tracks[next(attempts)])
    assert fit_track(frames, *where(LIGHT)) is tracks[kept]
    assert next(attempts, None) is None


def test_a_wide_glow_stays_wide():
    glow = replace(LIGHT, vy=0.0, vx=0.0, size=2.0, light=8.0)
    assert fit_track(sky(glow, rng=8), *where(glow)).light.size == pytest.approx(2.0, rel=0.1)


def test_hit_pixels_follow_the_rule_of_the_truth():
    track = fit_track(sky(LIGHT), *where(LIGHT))
    signal = render(LIGHT, 0, 120, ROWS, ROWS) * 128
    hit = signal.max(axis=0) >= 4
    assert {tuple(row) for row in track.voxels[:, 1:]} == {tuple(row) for row in np.argwhere(hit)}
    assert track.brightest == np.unravel_index(signal.argmax(), signal.shape)
    assert track.snr == pytest.approx(signal.max(), rel=0.01)


def test_snr_is_that_of_a_quiet_pixel_whatever_the_camera():
    frames = sky(LIGHT, rng=2)
    snr = fit_track(frames, *where(LIGHT)).snr
    # counts in other units: noise is not that of photons
    assert fit_track(1 + 50 * (frames - 1), *where(LIGHT)).snr == pytest.approx(snr, rel=0.4)
    # a town that comes and goes in two pixels makes them restless, and the light no fainter
    time = np.arange(len(frames))
    frames[:, 20, 12] += 0.3 * np.sin(time / 9)
    frames[:, 19, 11] += 0.3 * np.cos(time / 9)
    assert fit_track(frames, *where(LIGHT)).snr == pytest.approx(snr, rel=0.25)


def test_nothing_there_is_not_called_a_track():
    rng = np.random.default_rng(0)
    snrs = [fit_track(1 + rng.standard_normal((80, 48, 48)) / 128, 40, 24, 24).track_snr for _ in range(5)]
    assert max(snrs) < 8 < fit_track(sky(LIGHT, rng=0), *where(LIGHT)).track_snr
    dark = fit_track(np.zeros((80, 48, 48)), 40, 24, 24)
    assert not dark.converged and dark.errors == (np.inf, 180.0)


def test_estimate_flat_finds_the_response_and_is_not_fooled_by_hot_pixels():
    rng = np.random.default_rng(1)
    flat = np.exp(0.15 * rng.standard_normal((48, 48)))
    flat[3, 3] = 0
    frames = flat * (1 + rng.standard_normal((300, 48, 48)) / 128)
    frames[:, 30, 30] += 5
    found = estimate_flat(frames, 200)
    good = np.ones((48, 48), bool)
    good[30, 30] = False
    np.testing.assert_allclose(found[good], (flat / np.median(flat))[good], rtol=0.02)
    assert found[3, 3] == 0 and 0.5 < found[30, 30] < 2


def test_estimate_flat_keeps_what_lives_in_a_tube_that_is_mostly_dead():
    frames = 1 + np.random.default_rng(2).standard_normal((60, 48, 48)) / 128
    frames[:, 8:16, 16:22] = 0  # 48 of 64 pixels
    frames[:, 24:32, 24:32] = 0
    frames[:, 9, 23] *= 10
    found = estimate_flat(frames)
    assert (found[8:16, 16:22] == 0).all() and (found[24:32, 24:32] == 0).all()
    np.testing.assert_allclose(found[8:16, 22:24], 1, rtol=0.02)


# --- the motion of the ISS ------------------------------------------------------------------------------------------------


@given(st.floats(0.5, 70), st.floats(-180, 180), st.floats(0, 360))
def test_remove_drift_gives_back_the_meteors_own_motion(speed, azimuth, yaw):
    own = speed * FRAME_S / METEOR_KM_PX
    vy = own * np.sin(np.radians(azimuth)) + METEOR_DRIFT_PX * np.sin(np.radians(yaw))
    vx = own * np.cos(np.radians(azimuth)) + METEOR_DRIFT_PX * np.cos(np.radians(yaw))
    tangential, direction = remove_drift(vy, vx, yaw)
    assert tangential == pytest.approx(speed, rel=1e-9)
    assert abs((direction - azimuth + 180) % 360 - 180) < 1e-6


def test_what_rests_on_the_focal_surface_moves_with_the_iss():
    speed, direction = remove_drift(0.0, 0.0, 30.0)
    assert speed == pytest.approx(METEOR_ISS_KM_S)
    assert abs(direction) == pytest.approx(150)


# --- bad input ------------------------------------------------------------------------------------------------------------


def test_bad_frames_are_refused():
    frames = np.ones((60, 48, 48))
    with pytest.raises(ValueError, match=r"frames\[None\]"):
        fit_track(frames[0], 30, 20, 20)
    with pytest.raises(ValueError, match="expected float"):
        fit_track(frames.astype(int), 30, 20, 20)
    for value in (np.nan, np.inf):
        broken = frames.copy()
        broken[31, 21, 21] = value
        with pytest.raises(ValueError, match="NaN or infinite"):
            fit_track(broken, 30, 20, 20)


@pytest.mark.parametrize("place", [(61, 20, 20), (30, 48, 20), (30, 20, -1), (np.nan, 20, 20)])
def test_a_place_outside_is_refused(place):
    with pytest.raises(ValueError, match="inside the stream"):
        fit_track(np.ones((60, 48, 48)), *place)


def test_maps_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="flat has shape"):
        fit_track(np.ones((60, 48, 48)), 30, 20, 20, flat=np.ones((8, 8)))
    for name in ("flat", "noise"):
        for value in (np.nan, np.inf, -1.0):
            map_ = np.ones((48, 48))
            map_[40, 40] = value  # far from the light
            with pytest.raises(ValueError, match=f"{name} holds NaN, infinite or negative"):
                fit_track(np.ones((60, 48, 48)), 30, 20, 20, **{name: map_})
    with pytest.raises(ValueError, match="n_sampled"):
        estimate_flat(np.ones((60, 48, 48)), 0)
    with pytest.raises(ValueError, match="no light"):
        estimate_flat(np.zeros((60, 48, 48)))
    with pytest.raises(ValueError, match="at least 4 frames"):
        cramer_rao(LIGHT, np.ones(48), 120)
    with pytest.raises(ValueError, match="at least 4 frames"):
        cramer_rao(LIGHT, np.ones((48, 48)), 3)


def test_maps_may_be_lists_and_say_which_pixels_are_not_used():
    noise = np.full((48, 48), 1 / 128)
    frames = sky(LIGHT, rng=6)
    array, nested = (fit_track(frames, *where(LIGHT), noise=own) for own in (noise, noise.tolist()))
    assert astuple(array.light) == astuple(nested.light)
    y, x = (round(place) for place in where(LIGHT)[1:])
    noise[y, x] = 0
    frames[:, y, x] += 9 * np.random.default_rng(1).standard_normal(len(frames))
    assert fit_track(frames, *where(LIGHT), noise=noise).light.speed_px == pytest.approx(LIGHT.speed_px, rel=0.1)
