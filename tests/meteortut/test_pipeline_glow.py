"""A light that spreads over many pixels is taken away, and what stands out of it stays."""

from __future__ import annotations

import numpy as np
import pytest

from meteortut.focal import from_focal, to_focal
from meteortut.pipeline import fit_track
from meteortut.pipeline.camera import Camera
from meteortut.pipeline.glow import FEWEST, smooth_glow
from meteortut.pipeline.kinematics import fit_at
from meteortut.pipeline.track_model import MovingLight, render

ROWS, NOISE = np.arange(48), 1 / 128
PLACE = to_focal(np.arange(17))
METEOR = MovingLight(t=180.3, y=24.4, x=25.2, vy=-0.16, vx=0.09, light=0.25, rise=3.0, fall=4.0)
FLASH = MovingLight(t=183.0, y=10.0, x=8.0, vy=0.0, vx=0.0, light=600.0, rise=4.0, fall=6.0, size=14.0)


def noise(n_frames: int, n: int, rng: int) -> np.ndarray:
    return NOISE * np.random.default_rng(rng).standard_normal((n_frames, n, n))


@pytest.fixture(scope="module")
def lit() -> np.ndarray:
    """A smooth light over 17 × 17 pixels that waxes and wanes: (40, 17, 17)."""
    y, x = PLACE[:, None] - 3, PLACE - 12
    shape = np.exp(-(y**2 + x**2) / (2 * 15**2))
    return 0.2 * np.exp(-0.5 * ((np.arange(40) - 20) / 5.0)[:, None, None] ** 2) * shape


def test_a_glow_is_told_and_noise_is_none(lit):
    weight = np.full((17, 17), 1 / NOISE)
    assert smooth_glow(noise(40, 17, 0), weight, PLACE, PLACE) is None
    found = smooth_glow(lit + noise(40, 17, 0), weight, PLACE, PLACE)
    assert np.abs(found - lit).max() < 1.5 * NOISE and np.abs(found - lit).mean() < 0.2 * NOISE


def test_points_towns_and_dead_pixels_do_not_disturb_it(lit):
    weight = np.full((17, 17), 1 / NOISE)
    clear = smooth_glow(lit + noise(40, 17, 0), weight, PLACE, PLACE)
    seen = lit + noise(40, 17, 0)
    seen[:, 8, 8] += 0.5  # a point of light
    seen[10:30, 2:4, 12:14] += 1.0  # a town
    seen[:, 5, 5], weight[5, 5] = 1e6, 0.0  # a pixel that is not used
    assert np.abs(smooth_glow(seen, weight, PLACE, PLACE) - clear).max() < 0.5 * NOISE


def test_faint_points_hardly_matter(lit):
    weight = np.full((17, 17), 1 / NOISE)
    clear = smooth_glow(lit + noise(40, 17, 0), weight, PLACE, PLACE)
    seen = lit + noise(40, 17, 0)
    seen[:, 8, 8] += 3 * NOISE
    assert np.abs(smooth_glow(seen, weight, PLACE, PLACE) - clear).max() < 0.1 * NOISE


def test_a_noisier_camera_sees_its_glows_and_none_in_its_noise(lit):
    weight = np.full((17, 17), 1 / NOISE)
    assert smooth_glow(30 * noise(60, 17, 1), weight, PLACE, PLACE) is None
    found, plain = (smooth_glow(k * (lit + noise(40, 17, 0)), weight, PLACE, PLACE) for k in (30, 1))
    np.testing.assert_allclose(found / 30, plain, atol=0.2 * NOISE)


def test_a_few_pixels_tell_no_glow(lit):
    weight = np.zeros((17, 17))
    weight.flat[: 6 * FEWEST - 1] = 1 / NOISE  # a paraboloid has six terms
    assert smooth_glow(lit, weight, PLACE, PLACE) is None
    weight.flat[6 * FEWEST] = 1 / NOISE
    assert smooth_glow(lit, weight, PLACE, PLACE) is not None


KNOWN = np.ones((48, 48))
KNOWN[21, 22] = 0  # a pixel that is not to be used


@pytest.mark.parametrize(
    ("side", "known"),
    [
        (48, {}),
        (48, {"yaw_deg": 35.0}),
        (48, {"flat": KNOWN}),
        (48, {"noise": NOISE * KNOWN}),
        (32, {"gap": 0.0}),
    ],
)
def test_a_meteor_in_a_glow_is_measured_as_if_there_were_none(side, known):
    gap = known.get("gap", 1.0)
    meteor, flash = (render(light, 0, 360, ROWS[:side], ROWS[:side], gap) for light in (METEOR, FLASH))
    place = METEOR.t, float(from_focal(METEOR.y, gap)), float(from_focal(METEOR.x, gap))
    off, beyond, level = [], [], []
    for seed in range(6):
        sky = 1 + noise(360, side, seed) + meteor
        for frames, own in ((sky, level), (sky + flash, off)):
            track = fit_track(frames.astype(np.float32), *place, **known)
            error = np.array([track.light.vy - METEOR.vy, track.light.vx - METEOR.vx])
            own.append(np.hypot(*error))
            beyond.append(error @ np.linalg.inv(track.covariance[3:5, 3:5]) @ error)
            assert track.converged and track.chi2 < 1.2
    assert flash[:, 16:24, 16:24].max(axis=0).min() > meteor.max()  # all over the meteor's tube
    assert np.median(off) < 1.5 * np.median(level) and np.sqrt(np.median(beyond)) < 2


@pytest.mark.parametrize("others", [(), (METEOR,)])
def test_the_frames_stay_as_they_are(others):
    frames = 1 + noise(360, 48, 2) + sum(render(light, 0, 360, ROWS, ROWS) for light in (METEOR, FLASH))
    before = frames.copy()
    frames.flags.writeable = False  # as a file that is mapped
    fit_at(frames, METEOR.t, 22.0, 23.0, Camera(others=others))
    assert np.array_equal(frames, before)
