"""The checks of chapter 2: right, each expected mistake, and not answered."""

import numpy as np
import pandas as pd
import pytest

from meteortut import check, pipeline

SMALL = (9 * 32 + 1) * 24 + (24 * 4 + 1) * 256 + 257 * 64 + 65


@pytest.mark.parametrize(
    ("answer", "passed", "words"),
    [
        (SMALL, True, "Right"),
        (SMALL - 24 - 256 - 64 - 1, False, "bias"),
        (SMALL + 3 * 96 * 256, False, "pooling"),
        (SMALL - (9 * 32 + 1) * 24 + 240, False, "channels"),
        (SMALL - (9 * 32 + 1) * 24, False, "convolution is missing"),
        (125_465, False, "another shape"),
        (7, False, "Layer by layer"),
        (0.5, False, "Layer by layer"),
        (..., None, "three dots"),
        ("many", False, "whole number"),
    ],
)
def test_parameters_by_hand(answer, passed, words):
    verdict = check.parameters_by_hand(answer, frames=32, size=4)
    assert verdict.passed is passed and words in verdict.message


@pytest.mark.parametrize(("frames", "size", "hidden"), [(48, 8, 256), (32, 4, 256), (24, 6, 100)])
def test_parameters_are_those_that_keras_counts(frames, size, hidden):
    counted = pipeline.build_cnn(size=size, frames=frames, hidden=hidden).count_params()
    assert check.parameters_by_hand(counted, frames, size, hidden)
    assert not check.parameters_by_hand(counted + 1, frames, size, hidden)


RARE = 0.9 / 5000 / (0.9 / 5000 + 0.01 * 4999 / 5000)


@pytest.mark.parametrize(
    ("answer", "passed", "words"),
    [
        (RARE, True, "emptier"),
        (100 * RARE, False, "per cent"),
        (1 - RARE, False, "false ones"),
        (0.9 / 0.91, False, "equally frequent"),
        (0.9, False, "recall"),
        (0.99, False, "equally frequent"),  # 0.9 / 0.91 is 0.989
        (0.3, False, "100 000"),
        (..., None, "three dots"),
    ],
)
def test_rare_precision(answer, passed, words):
    verdict = check.rare_precision(answer, 0.9, 0.01, 1 / 5000)
    assert verdict.passed is passed and words in verdict.message


def rolled(sign=1, swap=False):
    def stack(frames, vy, vx):
        vy, vx = (vx, vy) if swap else (vy, vx)
        return sum(np.roll(own, (-sign * k * vy, -sign * k * vx), (0, 1)) for k, own in enumerate(frames))

    return stack


def test_stack_along_takes_any_right_way_and_names_the_wrong_ones():
    assert check.stack_along(rolled())
    assert check.stack_along(rolled(), rng=5)
    assert "other way" in check.stack_along(rolled(sign=-1)).message
    assert "changed places" in check.stack_along(rolled(swap=True)).message
    assert "mean" in check.stack_along(lambda frames, vy, vx: rolled()(frames, vy, vx) / len(frames)).message
    assert "without a shift" in check.stack_along(lambda frames, vy, vx: frames.sum(axis=0)).message
    assert "shape" in check.stack_along(lambda frames, vy, vx: frames).message
    assert "not that" in check.stack_along(lambda frames, vy, vx: rolled()(frames, vy, vx) + vy).message
    assert check.stack_along(...).passed is None
    assert "function" in check.stack_along(3.0).message


def test_stack_along_adds_up_what_moves():
    frames = np.zeros((4, 20, 20))
    for k in range(4):
        frames[k, 3 + 2 * k, 15 - k] = 1
    assert rolled()(frames, 2, -1)[3, 15] == 4  # so that the convention of the check is that of a moving light


CURVE = pd.DataFrame(
    {
        "threshold": [4.0, 5.0, 6.0, 7.0],
        "recall": [0.9, 0.8, 0.8, 0.5],
        "false_per_hour": [900.0, 300.0, 100.0, 5.0],
    }
)


@pytest.mark.parametrize(
    ("answer", "passed", "words"),
    [
        (5.0, True, "0.80 at 300"),
        (6.0, True, "0.80 at 100"),
        (4.0, False, "900 false alarms"),
        (7.0, False, "more meteors"),
        (5.5, False, "no threshold"),
        (..., None, "three dots"),
    ],
)
def test_threshold_of(answer, passed, words):
    verdict = check.threshold_of(answer, CURVE, 300)
    assert verdict.passed is passed and words in verdict.message


MOTION, YAW = (0.25, -0.10), 140.0


def test_own_speed_is_that_of_the_package():
    right, _ = pipeline.remove_drift(*MOTION, YAW)
    assert check.own_speed(right, MOTION, YAW)
    turned, _ = pipeline.remove_drift(*MOTION, YAW + 180)
    assert "sign" in check.own_speed(turned, MOTION, YAW).message
    assert check.own_speed(..., MOTION, YAW).passed is None


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (np.hypot(0.25, 0.10) * 4.8 / 0.04096, "station moves"),
        (0.2172 * 4.8, "km per frame"),
        (0.2172, "pixels per frame"),
        (0.2172 * 6.3 / 0.04096, "on the ground"),
        (1000.0, "Not that"),
        ("fast", "km/s"),
    ],
)
def test_own_speed_names_what_went_wrong(answer, words):
    verdict = check.own_speed(answer, MOTION, YAW)
    assert verdict.passed is False and words in verdict.message


def test_own_judge_judges_the_order():
    rows = pd.DataFrame({"snr": np.arange(20.0), "chi2": 1.0})
    is_meteor = rows.snr >= 10
    assert check.own_judge(lambda row: row["snr"], rows, is_meteor)
    assert "turn it round" in check.own_judge(lambda row: -row["snr"], rows, is_meteor).message
    assert "0.5" in check.own_judge(lambda row: row["chi2"], rows, is_meteor).message
    assert "finite" in check.own_judge(lambda row: np.nan, rows, is_meteor).message
    assert check.own_judge(..., rows, is_meteor).passed is None
