"""The simulated Mini-EUSO sky: its physics, the truth it tells, its files, and that nobody tunes it any more."""

from __future__ import annotations

import hashlib
import tracemalloc
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erf
from scipy.stats import kstest

from data_fetch.readers import gmn
from meteortut.simulate import minieuso
from meteortut.simulate.minieuso import (
    FIRST,
    SECOND,
    SESSION_METEORS,
    SKIES,
    WORLDS,
    Sky,
    build_camera,
    cube_voxels,
    from_focal,
    ground,
    meteors,
    noise,
    sessions,
    simulate_session,
    skies,
    sources,
    stream,
    streaming,
    to_focal,
    track_statistics,
    transients,
    worlds,
)
from meteortut.simulate.minieuso import background as background_module
from meteortut.simulate.minieuso import camera as camera_module
from meteortut.simulate.minieuso.session import _write

#: Frozen on the second draft (see the package's docstring). If this fails, the world was changed: scores made before are void.
FROZEN = {
    "parameters": "194866dd8e781f7a",
    "first": "f3cf77a33f77a08f",
    "second": "a26dcbd612817eca",
}

EMPTY = Sky(
    airglow=1.0, moon=0, cloud_cover=0, land=0, cities=0, lightning=0, large_flashes=0, static_flashes=0, slow_points=0
)


@pytest.fixture(scope="module", params=["first", "second"])
def session(request) -> tuple[np.ndarray, minieuso.Truth, str]:
    return *simulate_session(1500, 60, rng=1, world=request.param, sky=SKIES[request.param][5]), request.param


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# --- frozen ---------------------------------------------------------------------------------------------------------


def test_parameters_are_frozen():
    parts = [str(sorted(asdict(world).items())) for world in WORLDS.values()]
    parts += [str(sorted((n, asdict(sky)) for n, sky in own.items())) for own in SKIES.values()]
    for module in (worlds, skies, camera_module, ground, sources, transients, background_module, meteors, streaming):
        plain = (int, float, tuple, dict)
        hidden = ("FIRST", "SECOND", "WORLDS", "SKIES", "_CACHED")
        constants = {k: v for k, v in vars(module).items() if k.isupper() and isinstance(v, plain) and k not in hidden}
        parts.append(str(sorted((k, f"{v:.6g}" if isinstance(v, float) else str(v)) for k, v in constants.items())))
    assert digest("".join(parts)) == FROZEN["parameters"]


@pytest.mark.parametrize("name", ["first", "second"])
def test_worlds_are_frozen(name):
    frames, truth = simulate_session(600, 20, rng=2024, world=name, sky=SKIES[name][14])
    strong = truth.meteors[truth.meteors.snr > 6]
    lines = [f"{m.t_peak} {m.y} {m.x} {m.magnitude:.1f} {m.direction_deg:.0f}" for m in strong.itertuples()]
    lines += [f"{c.kind} {c.y:.0f} {c.x:.0f} {c.t_peak // 10}" for c in truth.confusers.itertuples()]
    lines += [f"{frames[::100].mean():.1f} {frames[:, 30, 20].std():.1f}"]
    assert digest("\n".join(lines)) == FROZEN[name]


def test_the_second_world_shares_no_value_with_the_first():
    first, second = asdict(FIRST), asdict(SECOND)
    assert not [name for name in first if first[name] == second[name]]
    assert not [n for n in SESSION_METEORS if SKIES["first"][n].yaw_deg == SKIES["second"][n].yaw_deg]


def test_every_session_has_a_sky():
    assert sum(SESSION_METEORS.values()) == 1068
    for own in SKIES.values():
        assert set(own) == set(SESSION_METEORS)
        assert own[7].moon > 5 > max(sky.moon for name, sky in own.items() if name != 7)


# --- the same frames each time ----------------------------------------------------------------------------------------


def test_a_seed_gives_the_same_session():
    first, truth = simulate_session(130, 4, rng=5)
    second, again = simulate_session(130, 4, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(first, second)
    pd.testing.assert_frame_equal(truth.meteors, again.meteors)
    assert (simulate_session(130, 4, rng=6)[0] != first).any()


@pytest.mark.parametrize("block", [64, 192])
def test_frames_do_not_depend_on_blocks(block):
    whole, _ = simulate_session(700, 10, rng=3, sky=SKIES["first"][8])
    blocks, _ = stream(700, 10, rng=3, sky=SKIES["first"][8], block=block)
    parts = list(blocks)
    assert [len(part) for part in parts[:-1]] == [block] * (len(parts) - 1)
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=2e-4)


def test_any_stretch_of_the_background_is_the_same():
    _, truth = stream(700, 0, rng=3, sky=SKIES["first"][8])
    np.testing.assert_allclose(truth.background(0, 300)[130:150], truth.background(130, 150), atol=2e-4)


def test_memory_does_not_grow_with_length():
    peaks = []
    for n_frames in (1024, 4096):
        tracemalloc.start()
        blocks, _ = stream(n_frames, 5, rng=0, block=256)
        for block in blocks:
            del block
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.15 * peaks[0] < 60e6


# --- camera -----------------------------------------------------------------------------------------------------------


@given(st.floats(-20, 70), st.floats(0, 2))
def test_focal_coordinates_are_undone(pixel, gap):
    assert from_focal(to_focal(pixel, gap), gap) == pytest.approx(pixel, abs=1e-6) or (pixel + 0.5) % 8 < 1e-6


@given(st.floats(-20, 70), st.floats(0, 2))
def test_gaps_belong_to_no_pixel(focal, gap):
    pixel = from_focal(focal, gap)
    back = to_focal(pixel, gap)
    assert abs(back - focal) <= gap + 1e-6
    if abs(back - focal) > 1e-6:
        assert (pixel + 0.5) % 8 == pytest.approx(0, abs=1e-6)


def test_focal_coordinates_of_pixels():
    np.testing.assert_allclose(to_focal([0, 7, 8, 47]), [0, 7, 9, 52])
    np.testing.assert_allclose(from_focal([7.7, 8.0, 8.3], 1.0), 7.5)


def test_light_in_a_gap_is_lost():
    camera = build_camera(FIRST)
    sigma = np.array([camera.psf_px] * 3)
    inside, gap, outside = camera.shares(np.array([3.5, 8.0, -4.0]), sigma).sum(axis=-1)
    assert inside == pytest.approx(1, abs=1e-5)
    assert outside < 1e-3
    assert gap == pytest.approx(1 - erf(0.5 / np.sqrt(2) / camera.psf_px), abs=1e-5)


def test_error_function_is_good_to_a_millionth():
    x = np.linspace(-8, 8, 10_001, dtype=np.float32)
    np.testing.assert_allclose(2 * camera_module.half_erf(x), erf(x.astype(float)), atol=2e-6)


@pytest.mark.parametrize("world", WORLDS.values())
def test_the_camera_is_uneven(world):
    camera = build_camera(world)
    assert (camera.response == 0).mean() == pytest.approx(world.dead_share, abs=0.001)
    tubes = np.array([np.median(t) for row in np.split(camera.response, 6) for t in np.split(row, 6, axis=1)])
    assert 0.6 * world.tube_spread < tubes.std() / tubes.mean() < 2 * world.tube_spread
    edge = np.r_[camera.response[0], camera.response[-1]]
    assert np.median(edge) < np.median(camera.response[18:30, 18:30])
    assert (camera.offset > 0).sum() == world.hot_pixels


def test_bright_light_piles_up():
    camera = build_camera(FIRST)
    counts = camera.record(np.array([1e-3, 1.0, 1e3, 1e9])[:, None, None] * np.ones((48, 48)))
    y, x = np.argwhere((camera.response > 0) & (camera.offset == 0))[0]
    light = counts[:, y, x] / camera.response[y, x]
    assert light[0] == pytest.approx(1e-3, rel=1e-4)
    assert counts[3, y, x] == pytest.approx(
        1 / FIRST.dead_time_gtu, rel=1e-3
    )  # never more than one count per dead time
    assert (np.diff(counts[:, y, x]) > 0).all()


def test_noise_is_that_of_counted_photons():
    frames, truth = simulate_session(1024, 0, rng=0, sky=EMPTY)
    background = truth.background(0, 1024)
    ratio = (
        (frames - background)[:, background.min(axis=0) > 0] ** 2 / background[:, background.min(axis=0) > 0] * 128**2
    )
    assert ratio.mean() == pytest.approx(1, abs=0.005)
    np.testing.assert_allclose(ratio.mean(axis=0), 1, atol=0.25)
    dead = build_camera(FIRST).response == 0
    assert (frames[:, dead] == 0).all()
    assert frames.dtype == background.dtype == np.float32


def test_hot_pixels_switch():
    _, truth = stream(4000, 0, rng=0, sky=EMPTY)
    camera = build_camera(FIRST)
    counts = truth._background.extra(0, 4000)
    for (y, x), step in zip(camera.hot, camera.step, strict=True):
        assert set(np.unique(counts[:, y, x]).round(5)) <= {0.0, np.float32(step).round(5)}
    switched = (np.diff(counts, axis=0) != 0).sum(axis=0)
    assert switched.sum() > 0
    assert switched[camera.offset == 0].sum() == 0


# --- sky --------------------------------------------------------------------------------------------------------------


def test_moonless_sea_gives_about_one_count():
    _, truth = stream(500, 0, rng=0, sky=EMPTY)
    middle = truth.background(0, 500)[:, 16:32, 16:32].mean(axis=0)
    assert np.median(middle) == pytest.approx(1, abs=0.3)
    _, moonlit = stream(500, 0, rng=0, sky=replace(EMPTY, moon=6.0))
    brighter = moonlit.background(0, 500)[:, 16:32, 16:32].mean(axis=0)
    assert np.median(brighter) / np.median(middle) == pytest.approx(7, rel=0.1)


def test_a_city_drifts_with_the_ground():
    """A point that moves with v is brightest in pixel u at t = t₀ + (u − u₀)·v / v²: a plane, gaps and dead pixels or not."""
    sky = replace(EMPTY, land=1.0, cities=0.05, yaw_deg=37.0)
    for seed in range(100):
        _, truth = stream(1500, 0, rng=seed, sky=sky)
        if len(truth.confusers) == 1 and truth.confusers.t_first[0] > 0 and truth.confusers.t_last[0] < 1499:
            break
    city, sea = truth.confusers.iloc[0], stream(1500, 0, rng=seed, sky=replace(sky, cities=0.0))[1]
    times = np.arange(city.t_first, city.t_last, 4)
    light = np.stack([truth.background(t, t + 1)[0] - sea.background(t, t + 1)[0] for t in times])
    y, x = np.nonzero(light.max(axis=0) > 0.2 * light.max())
    assert len(y) > 10
    plane = np.linalg.lstsq(np.c_[to_focal(y), to_focal(x), np.ones(len(y))], times[light[:, y, x].argmax(axis=0)])[0]
    vy, vx = plane[:2] / (plane[:2] ** 2).sum()
    assert np.hypot(vy, vx) == pytest.approx(7.35 / 6.3 * 0.04096, rel=0.02)
    assert np.degrees(np.arctan2(vy, vx)) == pytest.approx(37, abs=2)


@pytest.mark.parametrize("cover", [0.2, 0.7])
def test_clouds_cover_their_share_and_hide_cities(cover):
    sky = replace(EMPTY, cloud_cover=cover, land=1.0, cities=20)
    _, truth = stream(20_000, 0, rng=2, sky=sky)
    lands = truth._background.ground
    y, x = np.meshgrid(lands.camera.centres[::6], lands.camera.centres[::6])
    time = np.repeat(np.arange(0, 20_000, 100), y.size)
    field = lands.cloud(lands.clouds.at(time, np.tile(y.ravel(), 200), np.tile(x.ravel(), 200)))
    assert field.mean() == pytest.approx(cover, abs=0.12)
    assert field.std() > 0.2
    dimming = lands.dimming(lands.cities.take(np.arange(len(lands.cities))), 640, 64)
    assert dimming.min() >= 1 - FIRST.cloud_opacity - 1e-6
    assert dimming.max() <= 1
    assert dimming.std() > 0.1


def test_cities_lie_on_land():
    _, truth = stream(20_000, 0, rng=2, sky=replace(EMPTY, land=0.4, cities=10))
    lands = truth._background.ground
    field = lands.land(lands.continents.at(lands.cities.t, lands.cities.y, lands.cities.x))
    assert field.mean() > 0.9
    assert len(field) > 50


@pytest.mark.parametrize("kind", ["static flash", "lightning", "large flash", "slow point"])
def test_confusers_shine_where_the_table_says(kind):
    rate = {"static flash": "static_flashes", "lightning": "lightning", "large flash": "large_flashes"}.get(
        kind, "slow_points"
    )
    _, truth = stream(1000, 0, rng=4, sky=replace(EMPTY, **{rate: 20.0}))
    _, quiet = stream(1000, 0, rng=4, sky=EMPTY)
    response = build_camera(FIRST).response
    table = truth.confusers
    assert set(table.kind) == {kind}
    table = table[table.t_peak.between(1, 998) & table.y.between(1, 46) & table.x.between(1, 46)]
    found = []
    for row in table.itertuples():
        light = (truth.background(row.t_peak, row.t_peak + 1) - quiet.background(row.t_peak, row.t_peak + 1))[0]
        near = np.s_[round(row.y) - 1 : round(row.y) + 2, round(row.x) - 1 : round(row.x) + 2]
        found.append((light[near] / np.maximum(response[near], 0.3)).max() / row.amplitude)
    assert len(found) > 3
    assert 0.5 < np.median(found) < 1.5


def test_transients_are_rare():
    _, truth = stream(20_000, 0, rng=0, sky=SKIES["first"][12])
    rate = truth.confusers[truth.confusers.kind != "city"].kind.value_counts() / 20
    assert (rate < 20).all()  # per 1000 frames
    assert len(rate) == 4


# --- meteors ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["first", "second"])
def population(request) -> tuple[meteors.Population, minieuso.World]:
    world = WORLDS[request.param]
    rng = np.random.default_rng(0)
    return meteors.draw_meteors(20_000, world, SKIES["first"][6], build_camera(world), 1000, rng), world


def test_zenith_angles(population):
    drawn, world = population
    z = np.radians(drawn.zenith_deg)
    top = np.sin(np.radians(world.greatest_zenith_deg)) ** 2
    assert kstest(np.sin(z) ** 2 / top, "uniform").pvalue > 1e-3  # p(z) ∝ sin z cos z


def test_population_index(population):
    drawn, world = population
    counts = np.histogram(drawn.magnitude, np.arange(2, 8))[0]
    assert np.exp(np.diff(np.log(counts)).mean()) == pytest.approx(world.population_index, rel=0.05)


def test_speeds(population):
    drawn, _ = population
    assert drawn.speed_km_s.min() >= 11.2
    assert drawn.speed_km_s.max() <= 72.8
    assert 30 < drawn.speed_km_s.mean() < 50


def test_apparent_motion_is_the_meteors_and_the_stations(population):
    drawn, _ = population
    across = drawn.speed_km_s * np.sin(np.radians(drawn.zenith_deg)) / 4.8 * 0.04096
    yaw = np.radians(SKIES["first"][6].yaw_deg)
    own = np.stack(
        [drawn.sources.vy - 7.31 / 4.8 * 0.04096 * np.sin(yaw), drawn.sources.vx - 7.31 / 4.8 * 0.04096 * np.cos(yaw)]
    )
    np.testing.assert_allclose(np.hypot(*own), across, rtol=1e-6, atol=1e-9)
    azimuth = np.radians(drawn.azimuth_deg)
    np.testing.assert_allclose(own, across * np.stack([np.sin(azimuth), np.cos(azimuth)]), atol=1e-9)


def test_light_lasts_as_long_as_the_fall_through_its_layer(population):
    drawn, world = population
    fwhm_s = (drawn.sources.rise + drawn.sources.fall) * np.sqrt(2 * np.log(2)) * 0.04096
    height = fwhm_s * drawn.speed_km_s * np.cos(np.radians(drawn.zenith_deg))
    assert np.median(height) == pytest.approx(world.extent_km, rel=0.02)


def test_a_bright_meteor_gives_the_counts_of_its_magnitude():
    camera = build_camera(FIRST)
    drawn = meteors.draw_meteors(200, FIRST, EMPTY, camera, 1000, np.random.default_rng(0))
    expected = 10 * 10 ** (-0.4 * drawn.magnitude)
    assert (drawn.sources.light <= expected * (1 + 1e-9)).all()
    near = np.hypot(drawn.sources.y - 26, drawn.sources.x - 26) < 8
    np.testing.assert_allclose(drawn.sources.light[near], expected[near], rtol=0.03)


def test_rendering_is_the_integral_over_pixels_and_time():
    """One meteor, brute force: 200 instants per frame, SciPy's error function pixel by pixel."""
    camera = build_camera(FIRST)
    drawn = meteors.draw_meteors(300, FIRST, EMPTY, camera, 1000, np.random.default_rng(4))
    fastest = int(np.argmax(np.hypot(drawn.sources.vy, drawn.sources.vx)))
    source = drawn.sources.take([fastest])
    frame = int(source.t[0])
    light = sources.render(source, camera, frame - 3, 7, meteors.METEOR_STEPS)
    width = np.sqrt(2) * camera.psf_px
    expected = np.zeros((7, 48, 48))
    for k in range(7):
        for instant in (np.arange(200) + 0.5) / 200 + frame - 3 + k:
            after = instant - source.t[0]
            bell = source.light[0] * np.exp(-0.5 * (after / (source.rise[0] if after < 0 else source.fall[0])) ** 2)
            y, x = source.y[0] + source.vy[0] * after, source.x[0] + source.vx[0] * after
            profiles = []
            for centre in (y, x):
                pixel = np.arange(48) + np.arange(48) // 8 * 1.0
                profiles.append((erf((pixel + 0.5 - centre) / width) - erf((pixel - 0.5 - centre) / width)) / 2)
            expected[k] += bell * np.outer(*profiles) / 200
    np.testing.assert_allclose(light, expected, atol=0.005 * expected.max())


@pytest.mark.parametrize("world", WORLDS)
def test_hit_voxels_follow_the_definition(world):
    """The rule in plain loops, on the noiseless sky with and without meteors."""
    _, truth = stream(3000, 8, rng=11, world=world, sky=SKIES[world][8])
    told, expected = set(), set()
    clear = truth.meteors[
        truth.meteors.t_first.diff().fillna(99).gt(60) & truth.meteors.t_first.diff(-1).fillna(-99).lt(-120)
    ]
    assert len(clear) >= 3
    for row in clear.itertuples():
        first, stop = max(row.t_first - 30, 0), min(row.t_last + 30, 3000)
        background = truth.background(first, stop).astype(float)
        signal = truth.mean(first, stop) - background
        sigma = np.sqrt(background / 16384)
        for y, x in np.argwhere(signal.max(axis=0) > 0):
            k = signal[:, y, x].argmax()
            if signal[k, y, x] >= 4 * sigma[k, y, x]:
                for step in (-1, 1):
                    j = k
                    while 0 <= j < len(signal) and signal[j, y, x] >= sigma[j, y, x]:
                        expected.add((first + j, int(y), int(x)))
                        j += step
        voxels = truth.voxels[truth.voxels.meteor == row.meteor]
        told |= set(zip(voxels.t, voxels.y, voxels.x, strict=True))
    assert len(told) > 50
    assert len(expected ^ told) <= 0.01 * len(told)  # single precision at the thresholds


def test_tables_agree(session):
    frames, truth, _ = session
    assert len(truth.meteors) == 60
    assert (truth.meteors.meteor == np.arange(60)).all()
    assert truth.meteors.t_first.is_monotonic_increasing
    groups = truth.voxels.groupby("meteor")
    table = truth.meteors.set_index("meteor")
    pd.testing.assert_series_equal(groups.t.min(), table.t_first, check_names=False)
    pd.testing.assert_series_equal(groups.t.max(), table.t_last, check_names=False)
    pd.testing.assert_series_equal(groups.counts.max(), table.amplitude, check_names=False, check_dtype=False)
    pd.testing.assert_series_equal(groups.t.nunique(), table.n_lit_frames, check_names=False)
    assert (truth.voxels.drop_duplicates(["meteor", "y", "x"]).groupby("meteor").size() == table.n_pixels).all()
    assert (table.n_pixels >= 1).all()
    assert groups.snr.max().min() >= 4
    assert truth.voxels.snr.min() >= 1
    assert truth.voxels[["t", "y", "x"]].max().le([len(frames) - 1, 47, 47]).all()
    assert (np.hypot(table.y - table.y_centre, table.x - table.x_centre) < 6).mean() > 0.9


def test_the_signal_is_in_the_frames(session):
    frames, truth, _ = session
    v = truth.voxels
    excess = frames - truth.background(0, len(frames))
    sigma = noise(truth.background(0, len(frames)))[v.t, v.y, v.x]
    seen = excess[v.t, v.y, v.x]
    assert np.sum(seen * v.counts / sigma**2) / np.sum(v.counts**2 / sigma**2) == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(v.counts / sigma, v.snr, rtol=2e-3)
    faint = v.counts < 10 * sigma
    assert np.std(((seen - v.counts) / sigma)[faint]) == pytest.approx(1, abs=0.12)


def test_fainter_meteors_than_those_tried_leave_no_hit():
    truth = stream(400, 0, rng=3, sky=EMPTY)[1]
    camera = build_camera(FIRST)
    drawn = meteors.draw_meteors(3000, FIRST, EMPTY, camera, 400, np.random.default_rng(1))
    left_out = np.flatnonzero(~meteors.may_be_hit(drawn, camera, EMPTY) & (drawn.magnitude < 6.3))
    assert len(left_out) > 100
    assert not any(len(meteors.find_hits(drawn, int(i), truth._background)) for i in left_out[:250])


def test_hit_pixels_per_meteor_are_the_published_ones():
    """5395 hit pixels of 1068 meteors, on a third of each session."""
    pixels: list[int] = []
    for name, n in SESSION_METEORS.items():
        truth = stream(4000, n // 3, rng=[7, name], sky=SKIES["first"][name])[1]
        pixels += truth.meteors.n_pixels.tolist()
    assert np.mean(pixels) == pytest.approx(5395 / 1068, abs=0.75)


# --- tracks, simulated and real ---------------------------------------------------------------------------------------


def line_of_light() -> np.ndarray:
    """A point that moves one pixel in two frames along x, from (5, 4) in frame 10, and brightens."""
    cube = np.random.default_rng(0).normal(0, 0.01, (256, 12, 20))
    for k in range(12):
        cube[10 + k, 5, 4 + k // 2] += 1 + k
    return cube


def test_track_statistics_of_a_known_track():
    voxels = cube_voxels(line_of_light(), [10, 21], [5, 5], [4, 9])
    assert set(zip(voxels.t, voxels.y, voxels.x, strict=True)) == {(10 + k, 5, 4 + k // 2) for k in range(12)}
    row = track_statistics(voxels).iloc[0]
    assert (row.n_frames, row.n_pixels, row.pixels_per_frame, row.peak_share) == (12, 6, 1, 1)
    brightest = track_statistics(voxels, one_instant=True).iloc[0]
    assert (brightest.n_frames, brightest.n_pixels) == (11, 6)  # frames 11, 13, … 21


def test_voxels_away_from_the_track_are_left_out():
    cube = line_of_light()
    cube[15, 11, 19] = 50
    assert len(cube_voxels(cube, [10, 21], [5, 5], [4, 9])) == 12
    assert len(cube_voxels(cube, [30, 35], [5, 5], [4, 9])) == 0


def test_a_track_of_one_frame_has_no_peak_share():
    table = track_statistics(pd.DataFrame({"meteor": [3], "t": [7], "y": [1], "x": [2], "counts": [0.5]}))
    assert table.meteor[0] == 3
    assert np.isnan(table.peak_share[0])
    assert len(track_statistics(pd.DataFrame({"meteor": [], "t": [], "y": [], "x": [], "counts": []}))) == 0


def test_bad_tracks_are_refused():
    with pytest.raises(ValueError, match="Add a time axis"):
        cube_voxels(np.zeros((4, 4)), [0, 1], [0, 1], [0, 1])
    for t, y in (([0], [0]), ([1, 0], [0, 1]), ([0, 1], [0, 1, 2])):
        with pytest.raises(ValueError, match="two or more instants, in order"):
            cube_voxels(np.zeros((4, 4, 4)), t, y, y)
    with pytest.raises(ValueError, match="lacks"):
        track_statistics(pd.DataFrame({"t": [1]}))


def test_simulated_tracks_resemble_real_pseudo_cubes(real_file):
    """Medians of the ten labelled tracks and of simulated ones above 10 σ, a pixel's brightest frame alone."""
    paths = real_file("gmn-ff")
    labels = pd.concat([gmn.read_ftpdetectinfo(path) for path in paths if path.name.startswith("FTPdetectinfo")])
    known = gmn.read_ff_labels().set_index("ff_file").label
    real = []
    for path in paths:
        if known.get(path.name) == "meteor":
            ff = gmn.read_ff(path)
            for row in labels[(labels.ff_file == path.name) & labels.label_ok].itertuples():
                cube, (y0, x0) = gmn.pseudo_cube(ff, (np.mean(row.y_px), np.mean(row.x_px)))
                y, x = ((np.asarray(p) - p0 + 0.5) / 15 - 0.5 for p, p0 in ((row.y_px, y0), (row.x_px, x0)))
                real.append(track_statistics(cube_voxels(cube, row.frame, y, x)))
    assert len(real) == 10
    real_median = pd.concat(real).median()
    truth = stream(4000, 120, rng=1)[1]
    simulated = track_statistics(truth.voxels, one_instant=True)[(truth.meteors.snr > 10).to_numpy()].median()
    for name in ("n_frames", "n_pixels", "pixels_per_frame"):
        assert 0.5 < simulated[name] / real_median[name] < 2
    assert abs(simulated.peak_share - real_median.peak_share) < 0.2


# --- requests ---------------------------------------------------------------------------------------------------------


def test_the_array_given_is_filled(tmp_path):
    expected, _ = simulate_session(100, 2, rng=0)
    out = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.float32, (100, 48, 48))
    frames, _ = simulate_session(100, 2, rng=0, out=out)
    assert frames is out
    np.testing.assert_array_equal(out, expected)


def test_one_frame_without_meteors_is_a_session():
    frames, truth = simulate_session(1, 0, rng=0)
    assert frames.shape == (1, 48, 48)
    assert len(truth.meteors) == len(truth.voxels) == 0
    assert "magnitude" in truth.meteors
    assert list(truth.voxels) == ["meteor", "t", "y", "x", "counts", "snr"]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"n_frames": 0}, "n_frames is 0; expected at least 1"),
        ({"n_meteors": -1}, "n_meteors is -1; expected 0 to 12"),
        ({"n_meteors": 13}, "Simulate more frames"),
        ({"world": "third"}, "expected one of first, second"),
        ({"out": np.empty((99, 48, 48), np.float32)}, r"expected \(100, 48, 48\) and float32"),
        ({"out": np.empty((100, 48, 48))}, "float64; expected"),
    ],
)
def test_bad_requests_are_refused(request_, message):
    with pytest.raises(ValueError, match=message):
        simulate_session(**({"n_frames": 100, "n_meteors": 3, "rng": 0} | request_))


@pytest.mark.parametrize("block", [0, -64, 100])
def test_bad_blocks_are_refused(block):
    with pytest.raises(ValueError, match="multiple of 64"):
        stream(100, 0, rng=0, block=block)


@pytest.mark.parametrize(("first", "stop"), [(-1, 5), (5, 5), (0, 101)])
def test_stretches_outside_are_refused(first, stop):
    with pytest.raises(ValueError, match="expected 0 <= first < stop <= 100"):
        stream(100, 0, rng=0)[1].background(first, stop)


def test_a_sky_too_bright_for_meteors_says_so(monkeypatch):
    monkeypatch.setattr(minieuso.truth, "MOST_BATCHES", 1)
    with pytest.raises(ValueError, match="expected a darker sky"):
        stream(100, 5, rng=0, sky=replace(EMPTY, moon=1e7))


# --- sessions on disk -------------------------------------------------------------------------------------------------


def test_sessions_leave_nothing_behind():
    iterator = sessions(rng=0, n_frames=600, names=[7, 5])
    first = next(iterator)
    path = Path(first.frames.filename)
    assert path.exists()
    assert first.frames.shape == (600, 48, 48)
    assert not first.frames.flags.writeable
    assert (first.name, len(first.truth.meteors), first.sky) == (7, 18, SKIES["first"][7])
    second = next(iterator)
    assert not path.exists()
    path = Path(second.frames.filename)
    iterator.close()
    assert not path.parent.exists()


def test_a_session_does_not_depend_on_the_others(tmp_path):
    alone = next(sessions(rng=0, n_frames=600, names=[5], folder=tmp_path))
    after = list(sessions(rng=0, n_frames=600, names=[7, 5], folder=tmp_path / "other"))[1]
    np.testing.assert_array_equal(alone.frames, after.frames)
    pd.testing.assert_frame_equal(alone.truth.voxels, after.truth.voxels)


def test_files_are_used_again_only_for_the_same_session(tmp_path):
    def make(**other) -> tuple[Path, int]:
        (session,) = sessions(**({"rng": 0, "n_frames": 200, "names": [7], "folder": tmp_path} | other))
        path = Path(session.frames.filename)
        return path, path.stat().st_mtime_ns

    first = make()
    assert make() == first
    others = {make(rng=1)[0], make(n_frames=201)[0], make(world="second")[0]}
    assert len(others - {first[0]}) == 3


def test_a_file_is_whole_or_not_there(tmp_path):
    def broken():
        yield np.zeros((64, 48, 48), np.float32)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _write(tmp_path / "a.npy", broken(), (128, 48, 48))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"names": [5, 9]}, r"names has \[9\]; expected some of 5, 6"),
        ({"n_frames": 100}, "expected at least 2240"),
        ({"world": "third"}, "expected one of first, second"),
    ],
)
def test_bad_sessions_are_refused_at_once(request_, message):
    with pytest.raises(ValueError, match=message):
        sessions(**({"rng": 0, "n_frames": 20_000} | request_))
