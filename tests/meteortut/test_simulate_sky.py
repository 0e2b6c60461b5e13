"""The simulated skies: their noise is that of a maximum, their motion that of bodies, and their truth is in their pixels."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_fetch.readers import gmn
from meteortut.simulate.sky import (
    Frame,
    captions,
    exposures,
    images,
    movers,
    scene,
    simulate_frame,
    simulate_sky,
    tracks,
    worlds,
)
from meteortut.simulate.sky import camera as cameras
from meteortut.simulate.sky.worlds import FIRST, FRAME_SHAPE, N_FRAMES, SECOND, WORLDS

#: Frozen before any classifier was judged. If this fails, a simulator was changed: that makes every score of chapter 3 void.
FROZEN = {"parameters": "8e05b9812349c2ca", "first": "cbd1e28fa297700f", "second": "516548f057d05580"}


@pytest.fixture(scope="module", params=["first", "second"])
def tiles(request) -> tuple[np.ndarray, pd.DataFrame]:
    return simulate_sky(250, rng=1, world=request.param)


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return [simulate_frame(seed, shape=(360, 640), n_meteors=3) for seed in range(8)]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# --- frozen ------------------------------------------------------------------------------------------------------------


def test_parameters_are_frozen():
    parts = [str(sorted(asdict(world).items())) for world in WORLDS.values()]
    for module in (cameras, captions, exposures, images, movers, scene, tracks, worlds):
        constants = {name: value for name, value in vars(module).items() if name.isupper() and name[0] != "_"}
        constants = {name: value for name, value in constants.items() if name not in ("WORLDS", "FIRST", "SECOND")}
        parts.append(str(sorted(constants.items())))
    assert digest("".join(parts)) == FROZEN["parameters"]


@pytest.mark.parametrize("name", ["first", "second"])
def test_worlds_are_frozen(name):
    data, truth = simulate_sky(40, rng=2024, world=name)
    lines = [f"{np.median(image):.0f} {image.mean():.1f} {image.std():.1f}" for image in data]
    lines += [f"{row.kind} {row.is_meteor} {row.y0:.1f} {row.x1:.1f} {row.snr:.1f}" for row in truth.itertuples()]
    assert digest("\n".join(lines)) == FROZEN[name]


def test_the_same_seed_gives_the_same_sky():
    first, second = simulate_sky(12, rng=5), simulate_sky(12, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(first[0], second[0])
    pd.testing.assert_frame_equal(first[1], second[1])
    one, two = (simulate_frame(7, shape=(64, 96)) for _ in range(2))
    for plane in ("max_pixel", "max_frame", "ave_pixel", "std_pixel"):
        np.testing.assert_array_equal(getattr(one, plane), getattr(two, plane))
    assert (simulate_sky(12, rng=6)[0] != first[0]).any()


def test_the_worlds_share_no_value_that_matters():
    first, second = asdict(FIRST), asdict(SECOND)
    assert not [name for name in first if first[name] == second[name]]


# --- shape and range ---------------------------------------------------------------------------------------------------


def test_tiles_are_what_they_are_said_to_be(tiles):
    data, truth = tiles
    assert data.shape == (250, 96, 96)
    assert data.dtype == np.uint8
    assert list(truth.index) == list(range(250))
    assert truth.is_meteor.dtype == bool
    assert set(truth.kind) == {"meteor", "satellite", "aircraft", "none"}
    assert 0.35 < truth.is_meteor.mean() < 0.55
    assert truth[["clouds", "moon", "obstruction", "overlay"]].any().all()


def test_another_size():
    assert simulate_sky(2, rng=0, size=50)[0].shape == (2, 50, 50)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_share_of_meteors_is_kept(share):
    _, truth = simulate_sky(60, rng=3, meteor_share=share)
    assert (truth.kind == "meteor").mean() >= 0.8 * share
    assert truth.is_meteor.any() == bool(share)


# --- noise of a maximum ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 30, 256])
def test_the_maximum_has_the_distribution_of_a_maximum(n):
    rng = np.random.default_rng(0)
    quick = cameras.maximum_of_normals(rng.standard_normal(20_000), n)
    slow = rng.standard_normal((20_000, n)).max(axis=1)
    for share in (0.01, 0.1, 0.5, 0.9, 0.99):
        assert np.quantile(quick, share) == pytest.approx(np.quantile(slow, share), abs=0.06)
    assert cameras.moments_of_maximum(n) == pytest.approx((slow.mean(), slow.std()), abs=0.03)


@settings(max_examples=30, deadline=None)
@given(st.floats(1, 400), st.floats(-5, 5), st.floats(0, 1))
def test_maxima_grow_with_rank_and_with_the_number_of_frames(n, normal, step):
    low, high = cameras.maximum_of_normals(np.array([normal, normal + step]), n)
    assert low <= high
    assert low >= normal - 1e-9  # one of many is never the greatest by less than by itself
    assert cameras.maximum_of_normals(np.array([normal]), 2 * n)[0] >= low


def test_one_frame_has_no_maximum_but_itself():
    normal = np.linspace(-4, 4, 50)
    np.testing.assert_allclose(cameras.maximum_of_normals(normal, 1), normal, atol=1e-6)
    with pytest.raises(ValueError, match="expected at least 1"):
        cameras.maximum_of_normals(normal, 0.5)


def test_codec_noise_is_correlated_over_a_few_pixels_and_breaks_at_blocks():
    noise = cameras.codec_noise((400, 400), 4, 0.5, np.random.default_rng(0))
    assert noise.mean() == pytest.approx(0, abs=0.05)
    assert noise.std() == pytest.approx(1, abs=1e-3)
    along = [float((noise[:, k:] * noise[:, :-k]).mean()) for k in (1, 2, 4, 12)]
    assert 0.4 < along[0] < 0.7
    assert along[0] > along[1] > along[2]
    assert abs(along[3]) < 0.03
    steps = np.abs(np.diff(noise, axis=1)).mean(axis=0)
    assert steps[3::4].mean() > 1.05 * np.mean([steps[k::4].mean() for k in range(3)])


def empty_camera(**changes: float) -> cameras.Camera:
    """A camera on an even, starless sky of 30 counts."""
    values = {"gradient": 0.0, "vignetting": 0.0, "pattern_counts": 0.0, "stars_per_mpx": 0.0, "hot_per_mpx": 0.0}
    values |= {"sky_counts": 30.0, "psf_px": 1.0, "wing": 0.2, "saturation": 255.0, "effective_frames": 256.0}
    return replace(cameras.draw_camera(FIRST, np.random.default_rng(0)), **(values | changes))


def empty_scene(camera: cameras.Camera, shape: tuple[int, int] = (200, 300)) -> scene.Scene:
    contents = dict.fromkeys(images.CONTENTS, False)
    return scene.draw_scene(FIRST, camera, shape, (0, 0), contents, np.random.default_rng(0))


def test_an_empty_sky_shows_the_maximum_of_its_noise():
    camera = empty_camera(noise_spread=0.0, noise_at_40=3.0)
    view = empty_scene(camera)
    rng = np.random.default_rng(1)
    noise = exposures.draw_noise(camera, view.mean, rng)
    plane, winner = exposures.maximum_plane(camera, view, [], noise)
    sigma = float(camera.noise(np.array(30.0)))
    mean, deviation = cameras.moments_of_maximum(256)
    assert mean == pytest.approx(2.83, abs=0.02)  # of 256 normal numbers
    assert plane.mean() == pytest.approx(30 + mean * sigma, abs=0.1)
    assert plane.std() == pytest.approx(np.hypot(deviation * sigma, 12**-0.5), rel=0.1)  # and rounding
    assert (winner == -1).all()


def test_brighter_sky_is_noisier_until_the_codec_levels_off():
    camera = empty_camera()
    sizes = camera.noise(np.array([10.0, 20.0, 40.0, 45.0, 90.0]))
    assert (np.diff(sizes[:4]) > 0).all()
    assert sizes[3] == sizes[4]
    assert camera.noise(np.array(40.0)) == pytest.approx(camera.noise_at_40)


def test_planes_agree_with_each_other(frames):
    for frame in frames:
        for plane in (frame.max_pixel, frame.max_frame, frame.ave_pixel, frame.std_pixel):
            assert plane.shape == (360, 640)
            assert plane.dtype == np.uint8
        assert (frame.max_pixel >= frame.ave_pixel).mean() > 0.99
        assert frame.std_pixel.min() >= 1


def test_neighbours_share_their_maxframe_as_on_real_files(real_file):
    paths = [path for path in real_file("gmn-ff") if path.name.startswith("FF_UK") and path.suffix == ".fits"]
    real = gmn.read_ff(next(path for path in paths if "212224" in path.name)).maxframe
    made = cameras.frames_of_noise(FRAME_SHAPE, np.random.default_rng(0))
    for lag, tolerance in ((1, 0.03), (2, 0.02), (4, 0.01)):
        same = [(plane[:, lag:] == plane[:, :-lag]).mean() for plane in (real, made)]
        assert same[1] == pytest.approx(same[0], abs=tolerance)
    often = np.argsort(np.bincount(made.ravel(), minlength=N_FRAMES))[-5:]  # key frames stand out, a period apart
    assert len(set(often % cameras.KEY_PERIOD)) == 1


def test_noise_is_like_that_of_real_files(real_file):
    """Measured on real skies, not on meteors: the first world's ranges hold what its cameras gave."""
    paths = [path for path in real_file("gmn-ff") if path.name.startswith("FF_UK") and path.suffix == ".fits"]
    file = gmn.read_ff(next(path for path in paths if "212224" in path.name))
    sky = np.s_[:600]
    excess = file.maxpixel[sky].astype(float) - file.avepixel[sky]
    at_level = excess[(file.avepixel[sky] >= 36) & (file.avepixel[sky] <= 44)]
    for noise, compare in ((FIRST.noise_at_40[0], np.less), (FIRST.noise_at_40[1], np.greater)):
        assert compare(noise * cameras.moments_of_maximum(256)[0], np.median(at_level))


# --- tracks ------------------------------------------------------------------------------------------------------------


def straight(
    kind: str = "meteor", speed: float = 6.0, angle: float = 0.5, n: int = 20, light: float = 8000.0
) -> tracks.Track:
    velocity = (speed * np.sin(angle), speed * np.cos(angle))
    return tracks.Track(kind, (60.0, 80.0), 30.0, velocity, 0.0, 30, np.full(n, light))


@pytest.mark.parametrize("speed", [0.2, 1.5, 9.0])
def test_no_light_is_lost(speed):
    drawn = tracks.draw_light(straight(speed=speed), (400, 500), (0, 0), 400, empty_camera())
    assert drawn.total.sum() == pytest.approx(20 * 8000, rel=0.02)
    assert (drawn.total >= drawn.peak - 1e-9).all()
    assert (drawn.square <= drawn.peak * drawn.total + 1e-6).all()


def test_a_wake_only_moves_light_backwards():
    bare, camera = straight(), empty_camera()
    with_wake = replace(bare, wake=(12.0, 0.4))
    lights = [tracks.draw_light(track, (400, 500), (0, 0), 400, camera) for track in (bare, with_wake)]
    assert lights[1].total.sum() == pytest.approx(lights[0].total.sum(), rel=0.02)
    centres = [np.average(light.columns, weights=light.total) for light in lights]
    assert centres[1] < centres[0] - 1  # it flies to the right


@pytest.mark.parametrize("angle", [-1.4, 0.3, 1.5])
def test_rows_are_read_out_late(angle):
    """Time by frame + row / n_rows gives the true speed; by the frame alone it does not, when the track runs down the rows."""
    track = straight(speed=12.0, angle=angle)
    n_rows = 360
    drawn = tracks.draw_light(replace(track, start=(180.0, 200.0)), (n_rows, 640), (0, 0), n_rows, empty_camera())
    along = (drawn.rows - 180.0) * np.sin(angle) + (drawn.columns - 200.0) * np.cos(angle)
    inner = (drawn.peak > 0.3 * drawn.peak.max()) & (along > 20) & (along < 200)
    time = drawn.frame[inner] + drawn.rows[inner] / n_rows
    assert np.polyfit(time, along[inner], 1)[0] == pytest.approx(12.0, rel=0.01)
    by_frame = np.polyfit(drawn.frame[inner], along[inner], 1)[0]
    assert by_frame == pytest.approx(12.0 / (1 - 12.0 * np.sin(angle) / n_rows), rel=0.01)
    # where the head is at that time, to a fraction of a frame's segment
    assert np.abs(along[inner] - 12.0 * (time - 30.0)).max() < 12.0 / 2 + 3


def test_a_track_that_passes_by_leaves_nothing():
    drawn = tracks.draw_light(straight(), (32, 32), (500, 900), 720, empty_camera())
    assert len(drawn.rows) == 0


def test_tiles_are_windows_of_the_frame():
    camera = empty_camera()
    whole = tracks.draw_light(straight(), (200, 300), (0, 0), 720, camera)
    part = tracks.draw_light(straight(), (96, 96), (40, 70), 720, camera)
    image, tile = np.zeros((200, 300)), np.zeros((96, 96))
    image[whole.rows, whole.columns], tile[part.rows, part.columns] = whole.peak, part.peak
    np.testing.assert_allclose(image[40:136, 70:166], tile, atol=1e-6)


def many(draw, world: worlds.World, n: int = 300) -> list[tracks.Track]:
    rng = np.random.default_rng(4)
    made = [draw(world, cameras.draw_camera(world, rng), (300.0, 600.0), 30.0, rng) for _ in range(n)]
    return [track for one in made for track in (one if isinstance(one, list) else [one])]


@pytest.mark.parametrize("world", [FIRST, SECOND])
def test_meteors_are_fast_and_short_satellites_slow_and_long(world):
    def meteor(world, camera, through, level, rng):
        return movers.draw_meteor(world, camera, through, level, rng, 720)

    meteors, satellites = many(meteor, world), many(movers.draw_satellite, world)
    assert np.quantile([track.speed for track in satellites], 0.99) < np.quantile(
        [track.speed for track in meteors], 0.05
    )
    fastest = {"meteor": 72 / 95, "satellite": 7.8 / min(world.satellite_km)}  # radians per second, overhead
    for track in meteors + satellites:
        most = np.degrees(fastest[track.kind]) * 60 / min(world.arcmin_per_px) / worlds.FPS
        assert 0 < track.speed < most
    assert max(len(track.light) for track in meteors) < 80
    assert all(len(track.light) == N_FRAMES for track in satellites)


def test_light_begins_and_ends_with_the_meteor():
    rng = np.random.default_rng(0)
    phase = np.linspace(-0.2, 1.2, 141)
    for _ in range(50):
        curve = movers.light_curve(phase, 0.5, rng)
        assert curve.max() == 1
        assert (curve[(phase < -1e-9) | (phase > 1 + 1e-9)] < 1e-6).all()
        assert (curve >= 0).all()


def test_two_lamps_of_an_aircraft_fly_side_by_side():
    rng = np.random.default_rng(0)
    pairs = [movers.draw_aircraft(FIRST, empty_camera(), (50.0, 50.0), 30.0, rng) for _ in range(20)]
    pairs = [pair for pair in pairs if len(pair) == 2]
    assert pairs
    for one, two in pairs:
        gap = two.place(np.arange(5.0)) - one.place(np.arange(5.0))
        np.testing.assert_allclose(gap, np.broadcast_to(gap[0], gap.shape), atol=1e-9)
        assert gap[0] @ np.array(one.velocity) == pytest.approx(0, abs=1e-9)


# --- truth -------------------------------------------------------------------------------------------------------------


def test_labels_follow_the_rule(tiles):
    _, truth = tiles
    expected = (truth.kind == "meteor") & (truth.length_px >= 10) & (truth.snr >= 8)
    assert (truth.is_meteor == expected).all()
    assert (truth[["y0", "x0", "y1", "x1"]].isna().all(axis=1) == (truth.kind == "none")).all()
    shown = truth[truth.kind != "none"]
    assert shown[["y0", "x0", "y1", "x1"]].stack().between(-0.5, 95.5).all()
    assert (shown.t1 >= shown.t0).all()
    np.testing.assert_allclose(np.hypot(shown.y1 - shown.y0, shown.x1 - shown.x0), shown.length_px, atol=1e-9)


def test_meteors_are_where_truth_says(tiles):
    """On the line between the end points the tile is brighter than beside it, by as much as the snr lets expect."""
    data, truth = tiles
    bright = 0
    rows = truth[truth.is_meteor & (truth.snr > 40) & ~truth.moon & (truth.n_tracks == 1)]
    for i, row in rows.iterrows():
        steps = np.linspace(0, 1, 60)
        y, x = row.y0 + steps * (row.y1 - row.y0), row.x0 + steps * (row.x1 - row.x0)
        side = 8 * np.array([-(row.x1 - row.x0), row.y1 - row.y0]) / row.length_px
        line = [
            np.median(
                data[i][
                    np.clip(np.rint(y + k * side[0]), 0, 95).astype(int),
                    np.clip(np.rint(x + k * side[1]), 0, 95).astype(int),
                ]
            )
            for k in (-1, 0, 1)
        ]
        bright += line[1] > (line[0] + line[2]) / 2 + row.noise_counts
    assert len(rows) > 30
    assert bright > 0.95 * len(rows)


def test_speed_can_be_measured_in_the_planes(frames):
    """MAXFRAME + row / n_rows says when the head passed, to half an exposure, and so how fast, where there are frames enough."""
    checked = 0
    for frame in frames:
        time = frame.max_frame + np.arange(360)[:, None] / 360
        y, x = np.mgrid[:360, :640]
        for row in frame.tracks[frame.tracks.is_meteor & (frame.tracks.snr > 10)].itertuples():
            unit = np.array([row.y1 - row.y0, row.x1 - row.x0]) / row.length_px
            along = (y - row.y0) * unit[0] + (x - row.x0) * unit[1]
            across = (y - row.y0) * unit[1] - (x - row.x0) * unit[0]
            late = time - row.t0 - along / row.length_px * (row.t1 - row.t0)
            on = (np.abs(across) < 1) & (along > 0) & (along < row.length_px) & (np.abs(late) < 4)
            assert np.median(np.abs(late[on])) < 0.5
            if row.t1 - row.t0 > 7 and row.snr < 300:  # of the brightest, one flare outshines its neighbours' pixels
                slope = np.polyfit(time[on], along[on], 1)[0]
                assert slope == pytest.approx(row.speed_px, rel=0.06)
                checked += 1
    assert checked >= 4


def test_trees_hide_what_is_behind():
    camera = empty_camera()
    view = empty_scene(camera, (200, 300))
    hidden = replace(view, open=np.zeros((200, 300)))
    drawn = tracks.draw_light(straight(), (200, 300), (0, 0), 720, camera)
    seen, behind = (exposures.what_shows(camera, one, straight(), drawn, (0, 0), 720) for one in (view, hidden))
    assert seen["is_meteor"]
    assert not behind["is_meteor"]
    assert behind["snr"] == 0
    assert np.isnan(behind["y0"])


def test_a_short_piece_of_a_meteor_is_not_called_one():
    camera = empty_camera()
    track = straight(angle=0.0)  # from column 80 to 200 in row 60
    for columns, called in ((40, True), (6, False)):
        view = empty_scene(camera, (96, columns))
        drawn = tracks.draw_light(track, (96, columns), (0, 120), 720, camera)
        row = exposures.what_shows(camera, view, track, drawn, (0, 120), 720)
        assert row["length_px"] == pytest.approx(columns, abs=0.6)
        assert row["is_meteor"] == called


def test_an_aircraft_is_never_called_a_meteor():
    camera, track = empty_camera(), straight("aircraft")
    drawn = tracks.draw_light(track, (200, 300), (0, 0), 720, camera)
    assert not exposures.what_shows(camera, empty_scene(camera), track, drawn, (0, 0), 720)["is_meteor"]


def test_a_caption_can_be_read():
    ink = captions.written("1:2", 2)
    assert ink.shape == (14, 36)
    assert ink[:, :12].any()
    with pytest.raises(KeyError):
        captions.written("§", 1)


def test_the_moon_saturates_and_clouds_smear():
    camera = empty_camera(moon_px=15.0, cloud_drift_px=20.0)
    rng = np.random.default_rng(3)
    assert max(scene.moonlight(camera, (300, 300), rng).max() for _ in range(3)) > 255
    (most, mean, least), when = scene.drifting_clouds(camera, (120, 150), rng)
    assert (most >= mean).all()
    assert (mean >= least).all()
    assert (most - least).max() > 0.1
    assert when.min() >= 0
    assert when.max() < N_FRAMES


# --- bad requests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [{"n": 0}, {"n": -3}, {"size": 20}, {"meteor_share": 1.2}, {"meteor_share": -0.1}])
def test_bad_tiles_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        simulate_sky(**({"n": 2, "rng": 0} | wrong))


@pytest.mark.parametrize("wrong", [{"shape": (20, 300)}, {"shape": (300,)}, {"n_meteors": -1}])
def test_bad_frames_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        simulate_frame(0, **wrong)


def test_there_is_no_third_world():
    with pytest.raises(ValueError, match="expected one of first, second"):
        simulate_sky(1, rng=0, world="third")
    with pytest.raises(ValueError, match="expected one of first, second"):
        simulate_frame(0, world="third")


def test_a_frame_without_meteors():
    frame = simulate_frame(1, shape=(64, 80), n_meteors=0)
    assert not frame.tracks.is_meteor.any()
    assert list(frame.tracks.columns) == exposures.COLUMNS
