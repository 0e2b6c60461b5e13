"""The checks of chapter 5's exercises: right, each expected mistake, not answered, and of the wrong kind."""

from __future__ import annotations

import numpy as np
import pytest

from meteortut import check
from meteortut.simulate.scmos import simulate_frames

DATASET = np.repeat(np.arange(20), 50)


@pytest.fixture(scope="module")
def sky() -> np.ndarray:
    """Noise of 10 counts around 500, and stars in two pixels of a hundred."""
    rng = np.random.default_rng(1)
    frame = rng.normal(500, 10, (128, 128))
    frame[rng.random(frame.shape) < 0.02] += 2000
    return frame


@pytest.fixture(scope="module")
def is_anomaly() -> np.ndarray:
    """Seven of twenty data sets lie behind a cloud for most of their frames."""
    odd = np.random.default_rng(2).random(1000) < np.where(DATASET < 7, 0.9, 0.05)
    return odd


@pytest.fixture(scope="module")
def slews() -> tuple[np.ndarray, np.ndarray]:
    frames, truth = simulate_frames(16, rng=2, shape=(96, 96), counts={"slew": 6, "trajectory": 4})
    return frames, truth.slew.to_numpy()


def test_f1_is_the_harmonic_mean():
    assert check.f1_of(0.77, 0.74, 0.80)
    assert check.f1_of(np.float64(0.55), 0.55, 0.55)


def test_the_reports_figure_is_not_the_f1_of_its_precision_and_recall():
    assert check.f1_of(0.49, 0.55, 0.55).passed is False


@pytest.mark.parametrize(("answer", "hint"), [(77, "percent"), (0.592, "product"), (0.384, "Half"), (0.9, "harmonic")])
def test_mistakes_in_f1_get_their_hint(answer, hint):
    verdict = check.f1_of(answer, 0.74, 0.80)
    assert verdict.passed is False
    assert hint in verdict.message


def test_robust_estimates_of_the_noise_pass(sky):
    assert check.noise_of_sky(1.4826 * np.median(np.abs(sky - np.median(sky))), sky)
    assert check.noise_of_sky(np.ptp(np.percentile(sky, [25, 75])) / 1.349, sky)
    assert check.noise_of_sky(10.0, sky)


@pytest.mark.parametrize(
    ("estimate", "hint"),
    [
        (np.std, "plain standard deviation"),
        (lambda sky: np.median(np.abs(sky - np.median(sky))), "factor"),
        (lambda sky: np.ptp(np.percentile(sky, [25, 75])), "quartiles"),
        (lambda sky: np.abs(sky - sky.mean()).mean(), "mean feels"),
        (lambda sky: 100.0, "variance"),
        (lambda sky: 3.0, "medians"),
    ],
)
def test_mistakes_in_the_noise_get_their_hint(estimate, hint, sky):
    verdict = check.noise_of_sky(estimate(sky), sky)
    assert verdict.passed is False
    assert hint in verdict.message


def test_the_sum_along_a_trail_grows_with_the_root_of_its_length():
    assert check.trail_length(144, per_pixel=0.5, limit=6)
    rng = np.random.default_rng(3)
    sums = (0.5 + rng.normal(size=(2000, 144))).sum(axis=1)
    assert sums.mean() / sums.std() == pytest.approx(6, rel=0.06)


@pytest.mark.parametrize(("answer", "hint"), [(12, "noise adds"), (3.46, "other way"), (50, "divide")])
def test_mistakes_in_the_length_get_their_hint(answer, hint):
    verdict = check.trail_length(answer, per_pixel=0.5, limit=6)
    assert verdict.passed is False
    assert hint in verdict.message


def test_a_bootstrap_of_data_sets_passes_and_one_of_frames_does_not(is_anomaly):
    rng = np.random.default_rng(4)
    shares = is_anomaly.reshape(20, 50).mean(axis=1)
    of_sets = rng.choice(shares, (1000, 20)).mean(axis=1).std()
    of_frames = rng.choice(is_anomaly, (1000, 1000)).mean(axis=1).std()
    assert of_sets > 3 * of_frames
    assert check.error_of_share(of_sets, is_anomaly, DATASET)
    assert "You drew frames" in check.error_of_share(of_frames, is_anomaly, DATASET).message


@pytest.mark.parametrize(
    ("factor", "hint"), [(20**0.5, "single data sets"), (1.96, "half"), (3.92, "whole"), (0.5, "replacement")]
)
def test_mistakes_in_the_error_get_their_hint(factor, hint, is_anomaly):
    right = is_anomaly.reshape(20, 50).mean(axis=1).std() / 20**0.5
    verdict = check.error_of_share(factor * right, is_anomaly, DATASET)
    assert verdict.passed is False
    assert hint in verdict.message


def test_a_feature_is_judged_by_what_it_tells_apart(slews):
    frames, is_slew = slews
    answers = {frame.tobytes(): float(slew) for frame, slew in zip(frames, is_slew, strict=True)}
    assert check.slew_feature(lambda frame: answers[frame.tobytes()], frames, is_slew)
    assert check.slew_feature(lambda frame: -answers[frame.tobytes()], frames, is_slew)
    useless = check.slew_feature(lambda frame: 1.0, frames, is_slew)
    assert useless.passed is False
    assert "0.50" in useless.message


def test_a_feature_gives_one_finite_number(slews):
    frames, is_slew = slews
    for wrong in (lambda frame: np.nan, lambda frame: frame, lambda frame: None):
        verdict = check.slew_feature(wrong, frames, is_slew)
        assert verdict.passed is False
        assert "finite" in verdict.message


def test_a_feature_cannot_change_the_frames(slews):
    frames, is_slew = slews
    before = frames.copy()
    check.slew_feature(lambda frame: float(frame.fill(0) or 0), frames, is_slew)
    np.testing.assert_array_equal(frames, before)


def test_dots_mean_not_answered_and_words_are_wrong(sky, is_anomaly, slews):
    calls = [
        lambda answer: check.f1_of(answer, 0.5, 0.5),
        lambda answer: check.noise_of_sky(answer, sky),
        lambda answer: check.trail_length(answer, 0.5, 6),
        lambda answer: check.error_of_share(answer, is_anomaly, DATASET),
        lambda answer: check.slew_feature(answer, *slews),
    ]
    for call in calls:
        assert call(...).passed is None
        assert call("many").passed is False
        assert call(float("nan")).passed is False
