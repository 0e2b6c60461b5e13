"""The baseline: sums along the right path stand out, noise and steady skies do not, and blocks leave no seams."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from meteortut.focal import GROUND_DRIFT_PX, to_focal
from meteortut.pipeline.stacking import COLUMNS, SPANS, stack_shifts
from meteortut.pipeline.track_model import MovingLight, render

ROWS = np.arange(48)


def sky(n_frames: int, *lights: MovingLight, rng: int = 0) -> np.ndarray:
    noise = np.random.default_rng(rng).standard_normal((n_frames, 48, 48)) / 128
    return (1 + noise + sum(render(light, 0, n_frames, ROWS, ROWS) for light in lights)).astype(np.float32)


def test_a_faint_moving_light_is_found_where_it_is_with_its_velocity():
    light = MovingLight(100.5, 20.0, 21.0, 0.24, -0.38, 0.06, 5, 5)
    found = stack_shifts(sky(200, light)).sort_values("snr").iloc[-1]
    after = found.t - light.t
    assert abs(after) < 4
    assert to_focal(found.y) == pytest.approx(light.y + light.vy * after, abs=1)
    assert to_focal(found.x) == pytest.approx(light.x + light.vx * after, abs=1)
    assert (found.vy, found.vx) == pytest.approx((light.vy, light.vx), abs=0.25)  # steps of 1/7 at a span of 8


def test_adding_frames_finds_what_no_single_frame_shows():
    light = MovingLight(100.5, 20.0, 21.0, 0.24, -0.38, 0.05, 6, 6)
    single, stacked = (stack_shifts(sky(200, light, rng=1), spans, threshold=6) for spans in ((1,), SPANS))
    assert len(single) == 0
    assert len(stacked) == 1


def test_noise_alone_has_the_deviation_that_snr_says():
    found = stack_shifts(sky(300), (1,), threshold=3.0)
    rate = len(found[found.snr > 4]) / (300 * 48 * 48)
    # the normal distribution's share above 4, fewer as only local maxima count
    assert 0.5 * 3.2e-5 < rate < 2 * 3.2e-5
    assert len(stack_shifts(sky(400, rng=2), threshold=6.5)) == 0


@pytest.mark.parametrize("span", [4, 8, 16])
def test_along_a_displacement_the_sum_grows_as_the_root_of_the_frames(span):
    light = MovingLight(100, 20.0, 20.0, 0, 0, 0.3, 1e6, 1e6)
    frames = sky(200) * 0 + 1
    frames[100 - span // 2 : 100 + span // 2] += render(light, 0, span, ROWS, ROWS).astype(np.float32)
    best, one = (stack_shifts(frames + 1e-9, spans, threshold=1).snr.max() for spans in ((span,), (1,)))
    assert best / one == pytest.approx(span**0.5, rel=0.05)


def test_a_steady_slope_and_structure_leave_nothing():
    frames = np.random.default_rng(0).uniform(1, 2, (48, 48)) + np.linspace(0, 0.2, 300)[:, None, None]
    found = stack_shifts(frames.astype(np.float32), (1, 8), threshold=1.0)
    assert not found.t.between(44, 256).any()  # at the ends one window alone is left


def test_a_track_across_a_gap_keeps_its_velocity():
    light = MovingLight(100.5, 20.0, 17.0, 0.0, 0.5, 0.5, 4, 4)  # x = 17 lies in a gap
    found = stack_shifts(sky(200, light), (8,)).sort_values("snr").iloc[-1]
    assert found.vx == pytest.approx(0.5, abs=0.15) and abs(found.vy) < 0.15


def test_blocks_leave_no_seams():
    lights = [MovingLight(t, 20.0, 21.0, 0.2, 0.1, 0.3, 4, 4) for t in (64.2, 128.0, 190.7)]
    frames = sky(260, *lights)
    tables = [stack_shifts(frames, (4, 8), block=block, threshold=8) for block in (64, 100, 512)]
    assert [len(table) for table in tables] == [3, 3, 3]
    for table in tables[:2]:
        pd.testing.assert_frame_equal(table[["y", "x"]], tables[2][["y", "x"]], atol=1.0)
        np.testing.assert_allclose(table.t, tables[2].t, atol=4)


def test_a_city_counts_less_than_its_light():
    city = MovingLight(150, 25.0, 25.0, 0, GROUND_DRIFT_PX, 2.0, 1e6, 1e6, 0.9)
    meteor = MovingLight(150.5, 12.0, 12.0, 0.3, 0.3, 0.3, 3, 3)
    found = stack_shifts(sky(300, city, meteor))
    near = found[(abs(found.y - 10) < 6) & (abs(found.x - 10) < 6)]
    assert len(near) == 1 and near.snr.max() > 15
    rest = found[found.t.between(60, 240)].drop(near.index)
    assert rest.empty or rest.snr.max() < 2 * 128 / 5  # its light is 256 times the noise of a pixel


def test_a_memmap_and_short_streams(tmp_path):
    light = MovingLight(30.5, 20.0, 21.0, 0.24, -0.38, 0.6, 3, 3)
    frames = sky(60, light)
    np.save(tmp_path / "frames.npy", frames)
    read = np.load(tmp_path / "frames.npy", mmap_mode="r")
    pd.testing.assert_frame_equal(stack_shifts(read), stack_shifts(frames))
    assert len(stack_shifts(frames)) >= 1
    assert list(stack_shifts(sky(4)).columns) == list(COLUMNS)


def test_a_file_cut_short_is_refused(tmp_path):
    path = tmp_path / "frames.npy"
    np.save(path, sky(60))
    frames = np.load(path, mmap_mode="r")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    with pytest.raises(ValueError, match="cut short"):
        stack_shifts(frames)


def test_bad_input_is_refused():
    frames = np.ones((50, 16, 16), np.float32)
    with pytest.raises(ValueError, match="powers of two"):
        stack_shifts(frames, (3,))
    with pytest.raises(ValueError, match="longest span"):
        stack_shifts(frames, block=8)
    with pytest.raises(ValueError, match=r"frames\[None\]"):
        stack_shifts(frames[0])
    with pytest.raises(ValueError, match="expected float"):
        stack_shifts(frames.astype(np.uint16))
    with pytest.raises(ValueError, match="threshold"):
        stack_shifts(frames, threshold=np.nan)
    frames[44, 3, 3] = np.inf
    with pytest.raises(ValueError, match="NaN or infinite"):
        stack_shifts(frames)
