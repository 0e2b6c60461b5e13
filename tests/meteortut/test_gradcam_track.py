"""Chapter 3: tracks in painted frames: where they are, when, how fast, and that satellites are told from meteors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from meteortut import gradcam  # noqa: E402
from meteortut.gradcam.lines import find_line  # noqa: E402
from meteortut.gradcam.significance import bright_pixels, significance  # noqa: E402

SHAPE = (240, 320)
N_FRAMES = 256


class Everywhere(torch.nn.Module):
    """Says "meteor" of every tile, so that what follows is the line finder's work alone."""

    def __init__(self, logit: float = 4.0) -> None:
        super().__init__()
        self.layer4 = torch.nn.AvgPool2d(32)
        self.logit = logit

    def forward(self, x):
        return self.layer4(x).abs().mean(dim=(2, 3)) * 1e-3 + self.logit


def paint(start, speed, angle_deg, first, last, counts=60.0, seed=0, shape=SHAPE):
    """A point moving at constant speed over noise, seen by a rolling shutter: MAXPIXEL, MAXFRAME, the true end points.

    ``start`` (y, x) is where it is at ``first``; ``speed`` in pixels per frame; times in frames, row y is exposed from
    k + y / height to one frame later. No code of the package is used.
    """
    rng = np.random.default_rng(seed)
    noise = 30 + rng.gumbel(0, 1.2, shape)
    best, when = noise.copy(), rng.integers(0, N_FRAMES, shape)
    dy, dx = np.sin(np.radians(angle_deg)) * speed, np.cos(np.radians(angle_deg)) * speed
    y, x = np.indices(shape, sparse=True)
    light: dict[int, np.ndarray] = {}
    step = 0.2 / max(speed, 1)
    for t in np.arange(first, last, step):
        cy, cx = start[0] + dy * (t - first), start[1] + dx * (t - first)
        spot = counts * step * speed / 2.5 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 2)
        light.setdefault(int(t - cy / shape[0]), np.zeros(shape))
        light[int(t - cy / shape[0])] += spot
    for k, glow in light.items():
        seen = noise + glow * (counts > 0)
        when = np.where((seen > best) & (glow > 0.5), k, when)
        best = np.where(seen > best, seen, best)
    end = (start[0] + dy * (last - first), start[1] + dx * (last - first))
    return np.clip(best, 0, 255).round().astype(np.uint8), when.astype(np.uint8), (start, end)


@pytest.fixture(scope="module")
def meteor():
    return paint((80.0, 60.0), 6.0, 25.0, 100.0, 120.0)


def test_a_meteor_is_found_to_the_pixel_with_its_times(meteor):
    image, when, ends = meteor
    track = gradcam.locate(image, when, Everywhere())
    assert track is not None and track.kind == "meteor" and not track.is_satellite
    np.testing.assert_allclose(track.endpoints, ends, atol=4)
    assert track.distance(*np.transpose(ends)).max() < 4
    middle = np.linspace(0.2, 0.8, 9)[:, None] * np.subtract(ends[1], ends[0]) + ends[0]
    assert track.distance(*middle.T).max() < 1
    assert track.speed_px == pytest.approx(6, rel=0.03)
    np.testing.assert_allclose(track.frames, (100, 120), atol=1.5)
    assert track.heatmap.shape == image.shape and 0 <= track.heatmap.min() <= track.heatmap.max() <= 1


def test_without_times_the_place_is_the_same_and_nothing_is_said_of_the_rest(meteor):
    image, _, ends = meteor
    track = gradcam.locate(image, network=Everywhere())
    assert track.kind == "unknown" and not track.is_satellite and track.frames is None and np.isnan(track.speed_px)
    np.testing.assert_allclose(track.endpoints, ends, atol=4)
    assert track.endpoints[0] < track.endpoints[1]


def test_the_direction_of_time_is_the_order_of_the_end_points():
    image, when, ends = paint((160.0, 200.0), 5.0, 205.0, 60.0, 80.0)
    track = gradcam.locate(image, when, Everywhere())
    np.testing.assert_allclose(track.endpoints, ends, atol=4)
    assert track.frames[0] < track.frames[1]


@pytest.mark.parametrize("angle", [90.0, 270.0])
def test_the_rolling_shutter_counts(angle):
    """Down or up the frame, the same 12 px per frame: without the row's delay it would be 12 / (1 ± 12/240), 5 % off."""
    image, when, _ = paint((60.0 if angle == 90 else 180.0, 150.0), 12.0, angle, 40.0, 50.0)
    track = gradcam.locate(image, when, Everywhere())
    assert track.speed_px == pytest.approx(12, rel=0.035)


@given(angle=st.floats(0, 360), speed=st.floats(2.0, 12.0), seed=st.integers(0, 99))
@settings(max_examples=8, deadline=None)
def test_any_direction_and_speed(angle, speed, seed):
    image, when, ends = paint((120.0, 160.0), speed, angle, 50.0, 50 + 60 / speed, seed=seed)
    track = gradcam.locate(image, when, Everywhere())
    assert track.distance(*np.mean(ends, axis=0)) < 1
    assert track.speed_px == pytest.approx(speed, rel=0.08)


@pytest.mark.parametrize("speed", [0.15, 0.5])
def test_a_satellite_is_no_meteor(speed):
    image, when, ends = paint((100.0, 80.0), speed, 10.0, 5.0, 250.0, counts=90.0 / speed * 0.5)
    assert gradcam.locate(image, when, Everywhere()) is None
    tracks = gradcam.find_tracks(image, when, Everywhere())
    assert tracks and all(track.is_satellite for track in tracks)
    assert tracks[0].distance(*np.mean(ends, axis=0)) < 1.5
    assert tracks[0].speed_px == pytest.approx(speed, rel=0.25)
    assert gradcam.locate(image, network=Everywhere()) is not None  # the maximum image alone cannot say


def test_a_meteor_is_found_beside_a_brighter_satellite(meteor):
    image, when, _ = meteor
    other, other_when, _ = paint((190.0, 60.0), 0.4, 0.0, 5.0, 250.0, counts=180.0, seed=1)
    both, both_when = np.maximum(image, other), np.where(image >= other, when, other_when)
    track = gradcam.locate(both, both_when, Everywhere())
    assert track.speed_px == pytest.approx(6, rel=0.05)
    assert {found.kind for found in gradcam.find_tracks(both, both_when, Everywhere())} == {"meteor", "satellite"}


def test_noise_and_stars_are_no_track():
    image, when, _ = paint((80.0, 60.0), 6.0, 25.0, 100.0, 100.2, counts=0.0)
    assert gradcam.locate(image, when, Everywhere()) is None
    y, x = np.indices(SHAPE, sparse=True)
    stars = sum(
        200 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 2.5) for cy, cx in [(60, 70), (61, 200), (150, 120), (200, 250)]
    )
    starry = np.clip(image + stars, 0, 255)
    assert gradcam.locate(starry, when, Everywhere()) is None
    assert gradcam.locate(starry, network=Everywhere()) is None


def test_no_tile_above_the_threshold_is_no_track(meteor):
    assert gradcam.locate(*meteor[:2], Everywhere(-4.0)) is None
    assert gradcam.locate(*meteor[:2], Everywhere(), threshold=0.999) is None


def test_small_frames_are_searched_as_well(meteor):
    image, when, ends = meteor
    cut = np.s_[70:140, 50:130]
    track = gradcam.locate(image[cut], when[cut], Everywhere())
    assert track.heatmap.shape == (70, 80)
    assert track.distance(*(np.array([[ends[0][0] - 70 + 8], [ends[0][1] - 50 + 17]]))).max() < 2


def test_the_result_depends_neither_on_scale_nor_on_chance(meteor):
    image, when, _ = meteor
    one, two = (
        gradcam.locate(image, when, Everywhere()),
        gradcam.locate(image.astype(np.uint16) * 200 + 1000, when, Everywhere()),
    )
    np.testing.assert_allclose(one.endpoints, two.endpoints, atol=0.05)
    assert one.endpoints == gradcam.locate(image, when, Everywhere()).endpoints


def test_bad_planes_are_refused(meteor):
    image, when, _ = meteor
    with pytest.raises(ValueError, match=r"max_frame has shape \(10, 10\); expected that of the image, \(240, 320\)"):
        gradcam.locate(image, when[:10, :10])
    with pytest.raises(ValueError, match="negative or not finite"):
        gradcam.locate(image, when - 300.0)
    with pytest.raises(TypeError, match="expected frame numbers"):
        gradcam.locate(image, when > 3)
    with pytest.raises(ValueError, match="threshold is 50"):
        gradcam.locate(image, when, threshold=50)


# --- lines and significance -------------------------------------------------------------------------------------------


def test_significance_counts_sigma_above_a_sloping_sky():
    rng = np.random.default_rng(8)
    sky = np.add.outer(np.linspace(0, 100, 200), np.linspace(0, 50, 300))
    z = significance((sky + rng.normal(0, 4, sky.shape)).astype(np.float32))
    assert abs(np.median(z)) < 0.05 and np.mean(z > 1) == pytest.approx(0.159, abs=0.02) and np.mean(z > 3) < 0.01
    assert significance(np.eye(40, dtype=np.float32)).shape == (40, 40)


def test_an_empty_window_has_no_line(meteor):
    pixels = bright_pixels(significance(meteor[0].astype(np.float32)), meteor[1])
    assert find_line(np.zeros(len(pixels)), pixels) is None
    assert find_line(np.ones(0), pixels[np.zeros(len(pixels), bool)]) is None


# --- velocity ---------------------------------------------------------------------------------------------------------


def test_velocity_curve_is_a_straight_line_in_time(meteor):
    image, when, _ = meteor
    track = gradcam.locate(image, when, Everywhere())
    curve = gradcam.velocity_curve(image, when, track, fps=25)
    assert list(curve) == ["frame", "time_s", "y", "x", "along_px", "across_px", "n_pixels", "speed_px_s"]
    assert 18 <= len(curve) <= 22 and curve.time_s.is_monotonic_increasing
    inner = curve.iloc[2:-2]
    assert np.polyfit(inner.time_s, inner.along_px, 1)[0] == pytest.approx(150, rel=0.02)
    assert inner.speed_px_s.median() == pytest.approx(150, rel=0.05) and inner.across_px.abs().max() < 1
    np.testing.assert_allclose(curve.time_s, (curve.frame + curve.y / 240) / 25)


def test_a_meteor_that_brakes_is_seen_to_brake():
    fast, fast_when, ends = paint((60.0, 50.0), 8.0, 20.0, 50.0, 60.0)
    slow, slow_when, _ = paint(ends[1], 4.0, 20.0, 60.0, 70.0)
    image, when = np.maximum(fast, slow), np.where(fast >= slow, fast_when, slow_when)
    curve = gradcam.velocity_curve(image, when, gradcam.locate(image, when, Everywhere()))
    assert curve.speed_px_s[curve.frame < 58].median() > 1.5 * curve.speed_px_s[curve.frame > 61].median()


def test_velocity_needs_times(meteor):
    image, when, _ = meteor
    track = gradcam.locate(image, network=Everywhere())
    with pytest.raises(ValueError, match="has no times"):
        gradcam.velocity_curve(image, when, track)
    timed = gradcam.locate(image, when, Everywhere())
    with pytest.raises(ValueError, match="fps is 0"):
        gradcam.velocity_curve(image, when, timed, fps=0)
    with pytest.raises(ValueError, match="expected that of the image"):
        gradcam.velocity_curve(image, when[1:], timed)


def test_plate_scale_on_the_sphere():
    y, x = np.array([0.0, 30.0]), np.array([0.0, 40.0])
    assert gradcam.plate_scale(y, x, np.array([10.0, 10.0]), np.array([20.0, 25.0])) == pytest.approx(0.1)
    assert gradcam.plate_scale(y, x, np.array([10.0, 20.0]), np.array([60.0, 60.0])) == pytest.approx(0.1, rel=0.02)
    with pytest.raises(ValueError, match="at least two"):
        gradcam.plate_scale(y[:1], x[:1], y[:1], x[:1])
