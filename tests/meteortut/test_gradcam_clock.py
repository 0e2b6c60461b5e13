"""What an image cannot say, a clock can: streaks, slow tiles, the speed in a trigger's record."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")

from meteortut import gradcam
from meteortut.simulate.sky import simulate_sky


def test_streaks_are_meteors_and_what_looks_like_them():
    truth = pd.DataFrame({
        "kind": ["meteor", "meteor", "satellite", "satellite", "aircraft", "none"],
        "is_meteor": [True, False, False, False, False, False],
        "length_px": [30.0, 5.0, 30.0, 30.0, 9.0, np.nan],
        "snr": [20.0, 20.0, 20.0, 3.0, 20.0, np.nan],
    })  # fmt: skip
    is_streak, is_clear = gradcam.streak_labels(truth)
    assert is_streak.tolist() == [True, False, True, False, False, False]
    assert is_clear.tolist() == [True, False, True, False, False, True]


def test_every_simulated_meteor_is_a_streak_and_no_empty_tile_is():
    _, truth = simulate_sky(120, 8)
    is_streak, is_clear = gradcam.streak_labels(truth)
    assert is_streak[truth.is_meteor].all() and not is_streak[truth.kind == "none"].any()
    assert is_clear[truth.kind == "none"].all() and set(truth.kind[is_streak & ~truth.is_meteor]) <= {
        "satellite",
        "aircraft",
    }


def record(speed: float, angle: float, n: int = 40) -> tuple[pd.DataFrame, np.ndarray]:
    """Patches that move along a line from (100, 200), and others that stand far away from it."""
    frame = np.arange(n)
    y, x = 100 + speed * frame * np.sin(angle), 200 + speed * frame * np.cos(angle)
    moving = pd.DataFrame({"frame": frame, "y_px": np.rint(y), "x_px": np.rint(x), "n_pixels": 5})
    standing = pd.DataFrame({"frame": frame, "y_px": 400.0, "x_px": 20.0, "n_pixels": 50})
    return pd.concat([moving, standing], ignore_index=True), np.array([[100, 200], [y[-1], x[-1]]])


@pytest.mark.parametrize("speed", [0.4, 2.0, 9.0])
@pytest.mark.parametrize("angle", [0.0, 1.0, 2.5])
def test_the_speed_of_a_record_is_that_along_the_line_either_way(speed, angle):
    detections, ends = record(speed, angle)
    for order in ([0, 1], [1, 0]):
        assert gradcam.trigger_speed(detections, *ends[order].T) == pytest.approx(speed, rel=0.05)


def test_a_record_without_patches_on_the_line_has_no_speed():
    detections, ends = record(2.0, 0.5)
    assert np.isnan(gradcam.trigger_speed(detections, *(ends + 200).T))
    assert np.isnan(gradcam.trigger_speed(detections.iloc[:1], *ends.T))


def test_with_the_clock_slow_tiles_score_nothing_and_the_table_stays_as_it_was():
    scores = pd.DataFrame({"score": [0.9, 0.8, 0.7], "slow": [False, True, False]})
    assert gradcam.with_clock(scores).score.tolist() == [0.9, 0.0, 0.7]
    assert scores.score.tolist() == [0.9, 0.8, 0.7]


def test_slow_tiles_are_left_out_of_tuning():
    rng = np.random.default_rng(4)
    image = rng.normal(30, 3, (200, 240)).astype(np.float32)
    scores = gradcam.all_tile_scores([image], [None])
    assert not scores.slow.any()  # without a clock
    kept = scores.assign(slow=np.arange(len(scores)) > 0)
    tiles, labels = gradcam.training_tiles([image], [None], kept, 0)
    assert len(tiles) == 1 and not labels.any()
