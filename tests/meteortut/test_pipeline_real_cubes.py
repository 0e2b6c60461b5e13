"""Real tracks as cubes: the light is where the labels say, the noise as strong as said, comparisons are right."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from meteortut.pipeline import real_cubes
from meteortut.pipeline.real_cubes import RealCube, compare, ff_cubes, iss_clip_cube, restore_noise


@pytest.fixture(scope="module")
def cubes(real_file):
    return ff_cubes(real_file("gmn-ff"))


@pytest.fixture(scope="module")
def clip(real_file):
    return iss_clip_cube(real_file("iss-meteor-clip")[0])


def toy(kind="meteor", length=9.0, n=20):
    """A track that moves by 0.5 pixels a frame towards +x and 0 along y, frames 10 to 28."""
    t = np.arange(10, 29) + 0.5
    truth = pd.DataFrame({"t": t, "y": 20.0, "x": 5 + 0.5 * (t - 10.5)})
    return RealCube(
        "toy", kind, np.zeros((64, n, n), np.float32), np.full((n, n), 3.0), (0, 0), 15, truth, length, 0.04
    )


def row(**values):
    return pd.DataFrame(
        [
            {"t_peak": 20, "y": 20.0, "x": 10.0, "flag": "none", "score": 1.0, "speed_px": 0.5, "direction_deg": 0.0}
            | values
        ]
    )


# --- the cubes --------------------------------------------------------------------------------------------------------


def test_ten_meteors_and_two_satellites(cubes):
    kinds = pd.Series([cube.kind for cube in cubes]).value_counts()
    assert kinds.to_dict() == {"meteor": 10, "satellite": 2}
    assert {cube.frames.shape for cube in cubes} == {(256, 48, 48)} and {cube.frames.dtype.name for cube in cubes} == {
        "float32"
    }
    lengths = np.array([cube.length_px for cube in cubes if cube.kind == "meteor"])
    assert (lengths < 2).sum() == 6 and (lengths >= 3).sum() == 3


def test_the_light_is_where_and_when_the_label_says(cubes):
    for cube in cubes:
        if cube.kind == "meteor":
            inside, outside = [], []
            for t, y, x in cube.truth.itertuples(index=False):
                rows, columns = (slice(max(round(p) - 1, 0), round(p) + 2) for p in (y, x))
                light = cube.frames[:, rows, columns].sum(axis=(1, 2))
                inside.append(light[int(t)])
                outside.append(np.median(light))
            assert np.sum(inside) > 2.5 * np.sum(outside), cube.name


def test_labels_are_on_the_clock_of_the_cube(cubes):
    """Were the rolling shutter's row / 720 left in, frames would not come out whole."""
    for cube in cubes:
        assert np.array_equal(cube.truth.t % 1, np.full(len(cube.truth), 0.5))


def test_the_satellites_are_in_the_middle_of_their_trails(cubes):
    places = [
        tuple(first + (cube.truth[axis][0] + 0.5) * 15 - 0.5 for first, axis in zip(cube.origin, "yx", strict=True))
        for cube in cubes
        if cube.kind == "satellite"
    ]
    assert np.allclose(places, [(675, 1073), (518, 674)])
    assert all(np.isnan(cube.velocity).all() for cube in cubes if cube.kind == "satellite")


def test_the_noise_of_the_video_is_far_above_that_of_the_pseudo_cube(cubes):
    for cube in cubes:
        own = np.median(cube.frames.std(axis=0))
        # 225 pixels of a few counts each: 15 times a few
        assert 30 < np.median(cube.noise) < 90 and np.median(cube.noise) > 3 * own


def test_the_clip_keeps_its_frame_numbers(clip):
    assert clip.frames.shape == (210, 48, 48) and clip.kind == "meteor"
    assert clip.frames[0].mean() > 10 and np.array_equal(clip.frames[0], clip.frames[3])
    quiet = np.median(clip.frames[80:120], axis=0)
    for frame, (_, y, x) in zip((96, 105), clip.truth.itertuples(index=False), strict=True):
        place = np.unravel_index((clip.frames[frame] - quiet).argmax(), (48, 48))
        assert np.hypot(place[0] - y, place[1] - x) < 1
    assert clip.length_px == pytest.approx(np.hypot(38, 14) / 3)
    assert np.hypot(*clip.velocity) == pytest.approx(clip.length_px / 9)


def test_coarser_bins_are_means_of_finer_ones(clip, real_file):
    coarse = iss_clip_cube(real_file("iss-meteor-clip")[0], 6)
    assert np.allclose(coarse.frames, clip.frames.reshape(210, 24, 2, 24, 2).mean(axis=(2, 4)), atol=1e-3)
    assert np.allclose(coarse.truth[["y", "x"]] * 2 + 0.5, clip.truth[["y", "x"]])
    assert (coarse.noise > 0).all()


def test_noise_that_stands_still_between_keyframes_is_measured():
    held = np.repeat(np.random.default_rng(0).normal(0, 2, (400, 8, 8)), 6, axis=0)
    sigma = real_cubes._held_noise(held[4:])
    assert np.median(sigma) == pytest.approx(2 * np.sqrt(6), rel=0.03)


def test_restored_noise_is_as_strong_as_said_and_leaves_the_rest():
    cube = toy(n=40)
    noisy = restore_noise(cube, 1)
    assert noisy.frames.std() == pytest.approx(3, rel=0.02) and abs(noisy.frames.mean()) < 0.05
    assert not cube.frames.any() and noisy.frames.dtype == np.float32
    assert np.array_equal(noisy.frames, restore_noise(cube, 1).frames)
    assert not np.array_equal(noisy.frames, restore_noise(cube, 2).frames)
    assert noisy.truth is cube.truth


# --- the comparison ---------------------------------------------------------------------------------------------------


def test_a_row_on_the_track_is_found():
    result = compare(row(), toy())
    assert result["found"] and result["away_px"] == pytest.approx(0) and result["n_other"] == 0
    assert result["t_peak"] == row().t_peak.iloc[0]
    assert result["speed_error_percent"] == pytest.approx(0, abs=1e-6)
    assert result["direction_error_deg"] == pytest.approx(0, abs=1e-6)


def test_speed_and_direction_are_compared_around_the_circle():
    truth = toy().truth.assign(x=lambda table: 30 - table.x)  # towards −x: 180°
    cube = RealCube("back", "meteor", np.zeros((64, 48, 48)), np.ones((48, 48)), (0, 0), 15, truth, 9.0, 0.04)
    result = compare(row(x=20.0, direction_deg=-175.0, speed_px=0.55), cube)
    assert result["direction_error_deg"] == pytest.approx(5)
    assert result["speed_error_percent"] == pytest.approx(10)


@pytest.mark.parametrize("length", [0.7, 2.9])
def test_short_tracks_are_judged_by_place_alone(length):
    result = compare(row(), toy(length=length))
    assert result["found"] and np.isnan(result["speed_error_percent"]) and np.isnan(result["direction_error_deg"])


@pytest.mark.parametrize("values", [{"y": 22.1}, {"t_peak": 40}, {"t_peak": 4}, {"flag": "flash"}])
def test_rows_elsewhere_or_flagged_are_not_found(values):
    result = compare(row(**values), toy())
    assert not result["found"] and np.isnan(result["speed_px"])
    assert result["n_other"] == (0 if "flag" in values else 1)


def test_the_nearest_report_is_taken_and_the_others_counted():
    table = pd.concat(
        [row(y=21.0, score=1.0), row(y=20.5, score=2.0), row(flag="faint"), row(y=40.0)], ignore_index=True
    )
    result = compare(table, toy())
    assert result["score"] == 2.0 and result["flag"] == "none" and result["n_other"] == 1
    assert compare(table[2:], toy())["flag"] == "faint"


def test_shortly_after_its_end_a_track_is_where_it_ended():
    assert compare(row(t_peak=31, x=14.0), toy())["away_px"] == pytest.approx(0)


def test_a_satellite_is_reported_anywhere_along_its_trail():
    cube = toy("satellite", length=8.0)
    truth = pd.DataFrame({"t": [10.5, 60.5], "y": 20.0, "x": 10.0})
    cube = RealCube(cube.name, cube.kind, cube.frames, cube.noise, (0, 0), 15, truth, 8.0, 0.04)
    assert compare(row(t_peak=55, x=15.9), cube)["found"]
    assert not compare(row(t_peak=55, x=16.1), cube)["found"]
    assert np.isnan(compare(row(), cube)["speed_error_percent"])


def test_an_empty_or_bare_catalogue_is_compared_too():
    empty = compare(row()[:0], toy())
    assert not empty["found"] and np.isnan(empty["away_px"]) and empty["flag"] == "" and empty["n_other"] == 0
    assert compare(row()[["t_peak", "y", "x"]], toy())["found"]


# --- bad input --------------------------------------------------------------------------------------------------------


def test_missing_files_are_named(real_file):
    paths = real_file("gmn-ff")
    with pytest.raises(ValueError, match="lacks FF_UK0006_20230421_235707_829_0346880.fits, FTPdetectinfo"):
        ff_cubes([path for path in paths if "235707" not in path.name and path.suffix == ".fits"])
    with pytest.raises(ValueError, match="lacks FF_UK0006"):
        ff_cubes([])
    with pytest.raises(ValueError, match="no FTPdetectinfo file has FF_UK000F"):
        ff_cubes([path for path in paths if not path.name.startswith("FTPdetectinfo_UK000F")])


@pytest.mark.parametrize("binning", [0, -3, 5, 16, 144])
def test_bins_that_do_not_fit_are_refused(binning):
    with pytest.raises(ValueError, match="expected a divisor of 72"):
        iss_clip_cube("clip.mp4", binning)


def test_another_video_is_refused(monkeypatch):
    monkeypatch.setattr(real_cubes, "iter_frames", lambda path: ((k / 30, np.ones((150, 266))) for k in range(5)))
    with pytest.raises(ValueError, match=r"clip.mp4 has shape \(5, 150, 266\); expected \(210, 150, 266\)"):
        iss_clip_cube("clip.mp4")


def test_a_catalogue_without_places_is_refused():
    with pytest.raises(ValueError, match=r"lacks the columns \['y', 'x'\]"):
        compare(pd.DataFrame({"t_peak": [1]}), toy())
