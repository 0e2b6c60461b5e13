"""Simulated sCMOS frames: the report's counts, labels that follow from the signal, a sensor that keeps its numbers."""

import gc
import hashlib
import weakref
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from meteortut.simulate.scmos import (
    KINDS,
    LABELLED,
    WORLDS,
    data_sets,
    labels,
    optics,
    satellites,
    scene,
    schedule,
    sensor,
    simulate_frames,
    trails,
    weather,
    worlds,
)
from meteortut.simulate.scmos import field as fields
from meteortut.simulate.scmos import frames as framing
from meteortut.simulate.scmos.worlds import FIRST, SECOND

#: Frozen before any classifier was judged. If this fails, a simulator was changed: that makes every score of chapter 5 void.
FROZEN = {"parameters": "208abc5ac67bec64", "first": "f7c4e64918670bce", "second": "919465921ecd961d"}
SMALL = (64, 64)
MIXED = {"trajectory": 6, "slew": 4, "cloud": 9, "obstruction": 7}
UNSEEN = dict.fromkeys(KINDS[4:], 3)


class Bare(sensor.Sensor):
    """A sensor that gives the expected electrons themselves."""

    def read(self, electrons, rng):
        return electrons.copy()


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def build(counts, n_frames=40, shape=(128, 128), world=FIRST, seed=5):
    """A scene whose frames come without noise."""
    rng = np.random.default_rng(seed)
    planned = schedule.plan(n_frames, counts, 0, world, rng)
    drawn = scene.draw_scene(shape, planned, world, rng)
    parts = {name: getattr(drawn.sensor, name) for name in ("world", "flat", "dark", "telegraph", "step")}
    return replace(drawn, sensor=Bare(**parts))


def expose(drawn, i, seed=1):
    return scene.expose(drawn, i, np.random.default_rng(seed))


@pytest.fixture(scope="module", params=["first", "second"])
def both(request):
    """All data sets of a world, at the smallest size: their truths in one table."""
    sets = data_sets(11, world=request.param, shape=SMALL, unseen=True)
    return WORLDS[request.param], pd.concat([s.truth.assign(name=s.name, frame=np.arange(100)) for s in sets])


@pytest.fixture(scope="module")
def mixed():
    return simulate_frames(40, rng=3, counts=MIXED)


# Frozen


def test_parameters_are_frozen():
    parts = [str(sorted(asdict(world).items())) for world in WORLDS.values()]
    for module in (fields, framing, labels, optics, satellites, scene, schedule, sensor, trails, weather, worlds):
        constants = {name: value for name, value in vars(module).items() if name.isupper()}
        parts += [
            f"{name}={value}" for name, value in sorted(constants.items()) if not isinstance(value, worlds.World | dict)
        ]
    assert digest("".join(parts)) == FROZEN["parameters"]


@pytest.mark.parametrize("name", ["first", "second"])
def test_worlds_are_frozen(name):
    counts = {"trajectory": 3, "slew": 2, "cloud": 4, "obstruction": 3} | dict.fromkeys(KINDS[4:], 2)
    frames, truth = simulate_frames(24, rng=2024, world=name, shape=(96, 128), counts=counts)
    # rounded: the last bit of a Fourier transform is the machine's own
    lines = [f"{m:.0f} {s:.0f}" for m, s in zip(frames.mean((1, 2)), frames.std((1, 2)), strict=True)]
    lines += [" ".join(f"{value:.3g}" for value in row) for row in truth.to_numpy(dtype=float)]
    assert digest("\n".join(lines)) == FROZEN[name]


def test_the_worlds_share_no_value():
    first, second = asdict(FIRST), asdict(SECOND)
    assert not [name for name in first if first[name] == second[name]]


# Shape, seeds, memory


def test_frames_are_what_a_camera_writes(mixed):
    frames, truth = mixed
    assert frames.shape == (40, 256, 256) and frames.dtype == np.uint16
    assert len(truth) == 40
    assert truth[list(KINDS)].dtypes.eq(bool).all() and truth.is_anomaly.dtype == bool
    assert truth[list(LABELLED)].sum().to_dict() == MIXED
    assert (truth[list(KINDS)].any(axis=1) == truth.is_anomaly).all()


def test_a_seed_gives_the_same_frames_and_another_gives_others():
    frames, truth = simulate_frames(6, rng=8, shape=SMALL)
    again, truth_again = simulate_frames(6, rng=np.random.default_rng(8), shape=SMALL)
    np.testing.assert_array_equal(frames, again)
    pd.testing.assert_frame_equal(truth, truth_again)
    assert (simulate_frames(6, rng=9, shape=SMALL)[0] != frames).any()
    assert (simulate_frames(6, rng=8, world="second", shape=SMALL)[0] != frames).any()


def test_data_sets_do_not_depend_on_which_are_looked_at_and_are_not_kept():
    sets = data_sets(4, n_sets=3, n_frames=20, shape=SMALL)
    first = next(sets)
    gone = weakref.ref(first.frames)
    del first
    second = next(sets)
    gc.collect()
    assert gone() is None
    assert second.name == "set-02"
    again = list(data_sets(4, n_sets=3, n_frames=20, shape=SMALL))[1]
    np.testing.assert_array_equal(second.frames, again.frames)


def test_other_shapes_and_a_single_frame():
    assert simulate_frames(1, rng=1, shape=(64, 100))[0].shape == (1, 64, 100)
    frames, truth = simulate_frames(1, rng=1, counts={"cloud": 1}, shape=(512, 512))
    assert frames.shape == (1, 512, 512) and truth.cloud.all()


# Counts


def test_thirty_sets_hold_exactly_the_counts(both):
    world, truth = both
    labelled = truth[truth.name.str.startswith("set-")]
    assert len(labelled) == 3000
    assert tuple(labelled[list(LABELLED)].sum()) == world.counts
    per_frame = labelled[list(LABELLED)].sum(axis=1)
    assert (per_frame == 2).sum() == world.doubles and per_frame.max() == 2
    assert labelled.is_anomaly.sum() == sum(world.counts) - world.doubles
    assert not labelled[list(KINDS[4:])].any(axis=None)


def test_the_first_world_has_the_numbers_of_the_report():
    assert dict(zip(LABELLED, FIRST.counts, strict=True)) == {
        "trajectory": 237,
        "slew": 75,
        "cloud": 614,
        "obstruction": 233,
    }
    assert sum(FIRST.counts) - FIRST.doubles == 1131


def test_kinds_never_labelled_come_apart(both):
    _, truth = both
    unseen = truth[truth.name.str.startswith("unseen")]
    assert unseen.name.nunique() == 6
    assert (unseen[list(KINDS[4:])].sum() == 60).all()
    assert not unseen[list(LABELLED)].any(axis=None)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 120), st.sampled_from(list(WORLDS)), st.integers(0, 2**32))
def test_any_number_of_sets_shares_the_counts_out(n_sets, n_frames, name, seed):
    world = WORLDS[name]
    rng = np.random.default_rng(seed)
    counts, doubles = schedule.share_out(world, n_sets, n_frames, rng)
    for kind, total in zip(LABELLED, world.counts, strict=True):
        assert sum(c[kind] for c in counts) == round(total * n_sets * n_frames / 3000)
    for c, double in zip(counts[:3], doubles[:3], strict=True):
        planned = schedule.plan(n_frames, c, int(double), world, rng)
        assert {kind: int(planned.kinds[kind].sum()) for kind in LABELLED} == c
        per_frame = np.sum(list(planned.kinds.values()), axis=0)
        assert (per_frame == 2).sum() == double and per_frame.max() <= 2
        assert not (planned.faint & (per_frame > 0)).any()
        seen = np.sort(np.concatenate([*planned.passes, ()])).astype(int)
        np.testing.assert_array_equal(seen, np.flatnonzero(planned.kinds["trajectory"] | planned.faint))


def test_without_counts_the_average_is_the_share():
    rng = np.random.default_rng(0)
    total = np.zeros(4)
    for _ in range(400):
        counts, _ = schedule.share_out(FIRST, 30, 100, rng)
        total += [counts[int(rng.integers(30))][kind] for kind in LABELLED]
    np.testing.assert_allclose(total / 400, np.array(FIRST.counts) / 30, rtol=0.35)


# Order in time


def test_clouds_and_obstructions_come_in_runs(both):
    _, truth = both
    for _, one in truth.groupby("name"):
        for kind, most in (("cloud", 3), ("obstruction", 1), ("out_of_focus", 3), ("ghost", 3), ("background", 3)):
            assert len(schedule.runs(one[kind].to_numpy())) <= most
    runs = [r for _, one in truth.groupby("name") for r in schedule.runs(one.cloud.to_numpy())]
    assert np.median([stop - start for start, stop in runs]) >= 5


def test_obstructions_creep_in_and_stay(both):
    _, truth = both
    for _, one in truth[truth.obstruction].groupby("name"):
        at_start, at_end = one.frame.min() <= 3, one.frame.max() >= 96  # a slew may come before or after
        assert at_start or at_end
        if len(one) >= 10 and at_start != at_end:
            share = one.hidden_share.to_numpy()[:: 1 if at_end else -1]
            assert share[:2].mean() < share[-2:].mean()


def test_satellites_in_consecutive_frames_are_one_and_the_same():
    many = replace(FIRST, passes=(0.0, 1.0, 0.0))
    rng = np.random.default_rng(2)
    planned = schedule.plan(60, {"trajectory": 20}, 0, many, rng)
    seen = satellites.draw_satellites((200, 200), planned, weather.Obstacle((200, 200), many, rng), many, rng)
    pairs = [p for p in planned.passes if len(p) == 2]
    assert len(pairs) == 10
    for a, b in pairs:
        assert b == a + 1
        assert seen[a][0].segment.stop == pytest.approx(seen[b][0].segment.start)


# Labels follow from what is measured


def test_every_label_follows_its_rule(both):
    _, t = both
    rules = {
        "trajectory": t.trail_snr >= labels.TRAIL_SNR,
        "slew": t.slew_px >= labels.SLEW_PX,
        "cloud": (t.transmission < labels.CLOUD_TRANSMISSION) | (t.cloud_structure > labels.CLOUD_STRUCTURE),
        "obstruction": t.hidden_share >= labels.HIDDEN_SHARE,
        "out_of_focus": t.defocus_px >= labels.DEFOCUS_RATIO * t.seeing_px,
        "background": t.background_ratio >= labels.BACKGROUND_RATIO,
        "ghost": t.ghost_snr >= labels.GHOST_SNR,
        "defocused_satellite": t.defocused_satellite_snr >= labels.BAND_SNR,
    }
    assert set(rules) == set(KINDS)
    for kind, rule in rules.items():
        assert (t[kind] == rule).all(), kind
    # what stays under a limit occurs: labels are not given away by a gap in which nothing happens
    assert (t.trail_snr[~t.trajectory] > 0).any()
    assert (t.transmission[~t.cloud] < 0.99).any()
    assert (t.hidden_share[~t.obstruction] > 0).any()


def test_stars_are_there_to_show_a_slew(both):
    _, truth = both
    assert truth.n_stars[truth.slew].min() >= 3


@pytest.mark.parametrize("world", [FIRST, SECOND])
def test_trail_ratios_are_those_of_the_signal(world):
    drawn = build({"trajectory": 12}, world=replace(world, trail_several=0.0))
    for i in np.flatnonzero(drawn.plan.kinds["trajectory"]):
        frame, severity = expose(drawn, i)
        without, _ = expose(replace(drawn, satellites={}), i)
        noise = np.sqrt(np.median(without / drawn.sensor.flat) + world.read_e**2 + 5 * world.dark_e_s)
        ratio = np.sqrt(np.sum((frame - without).astype(float) ** 2)) / noise
        assert ratio == pytest.approx(severity["trail_snr"], rel=0.1)
        assert severity["n_trails"] == 1


def test_trails_lie_between_the_ends_that_truth_names(mixed):
    frames, truth = mixed
    drawn = build({"trajectory": 15}, world=replace(FIRST, trail_several=0.0, trail_flashing=0.0))
    for i in np.flatnonzero(drawn.plan.kinds["trajectory"]):
        frame, told = expose(drawn, i)
        trail = frame - expose(replace(drawn, satellites={}), i)[0]
        bright = np.argwhere(trail > 0.5 * trail.max())
        ends = np.array([[told["trail_y0"], told["trail_x0"]], [told["trail_y1"], told["trail_x1"]]])
        way = (ends[1] - ends[0]) / told["trail_length_px"]
        offset = bright - ends[0]
        assert np.abs(offset @ [-way[1], way[0]]).max() < 3  # no wider than the seeing
        assert (offset @ way).min() > -8 and (offset @ way).max() < told["trail_length_px"] + 8
        assert np.ptp(offset @ way) > 0.8 * told["trail_length_px"]
    strong = truth.trail_snr > 60
    assert strong.any()
    for frame, row in zip(frames[strong], truth[strong].itertuples(), strict=True):
        step = np.linspace(0.1, 0.9, 60)
        y, x = row.trail_y0 + step * (row.trail_y1 - row.trail_y0), row.trail_x0 + step * (row.trail_x1 - row.trail_x0)
        on = np.median(frame[np.rint(y).astype(int), np.rint(x).astype(int)].astype(float))
        assert on > np.median(frame)


def test_slews_draw_all_stars_out_alike():
    world = replace(
        FIRST, halo_share=0.0, moffat=8.0, slew_straight=1.0, slew_dwell=0.0, galaxies_per_mpx=0.0, drift_px=0.0
    )
    drawn = build({"slew": 6}, world=world, n_frames=12, seed=9)
    y, x, electrons = np.array([64.0]), np.array([64.0]), np.array([1e6])
    one = fields.Field(y, x, electrons, drawn.grid.points(y + optics.MARGIN_PX, x + optics.MARGIN_PX, electrons))
    drawn = replace(drawn, field=one, pointing=0 * drawn.pointing)
    dark = replace(drawn, field=replace(one, transform=0 * one.transform))
    for i in np.flatnonzero(drawn.plan.kinds["slew"]):
        image = np.maximum((expose(drawn, i)[0] - expose(dark, i)[0]) / drawn.sensor.flat, 0).astype(float)
        grid = np.argwhere(np.ones_like(image, bool))
        spread = np.linalg.eigvalsh(np.cov(grid.T, aweights=image.ravel(), bias=True))
        along = np.sqrt(12 * (spread[1] - spread[0]))
        assert image.sum() == pytest.approx(1e6, rel=0.01)  # light is neither made nor lost
        assert along == pytest.approx(expose(drawn, i)[1]["slew_px"], rel=0.05)


def test_the_length_of_an_even_straight_path_is_its_length():
    path = np.linspace(0, 1, 4001)[:, None] * np.array([3.0, 4.0])
    assert fields.path_length(path) == pytest.approx(5, rel=1e-3)
    assert fields.path_length(np.zeros((5, 2))) == 0


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([FIRST, SECOND]), st.integers(0, 2**32))
def test_paths_keep_within_their_limits(world, seed):
    rng = np.random.default_rng(seed)
    path = fields.slewed_path(world, rng)
    assert world.slew_px[0] * 0.999 <= fields.path_length(path) <= world.slew_px[1] * 1.001
    assert fields.path_length(fields.tracked_path(world, rng)) < labels.SLEW_PX


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 0.99), st.sampled_from([SMALL, (100, 131)]), st.integers(0, 2**32))
def test_clouds_let_through_what_they_should_and_drift(mean, shape, seed):
    clouds = weather.Clouds(shape, FIRST, np.random.default_rng(seed))
    through = clouds.transmission(3, mean)
    assert through.shape == shape and (0 <= through).all() and (through <= 1).all()
    assert through.mean() == pytest.approx(mean, abs=0.02)
    assert (clouds.transmission(3, mean) == through).all()
    assert not np.allclose(clouds.transmission(4, mean), through)
    assert (clouds.transmission(3, 1.0) == 1).all()


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 0.97), st.sampled_from([FIRST, SECOND]), st.integers(0, 2**32))
def test_obstacles_hide_the_share_they_should_from_an_edge(share, world, seed):
    obstacle = weather.Obstacle((96, 128), world, np.random.default_rng(seed))
    hidden = obstacle.opacity(share) > 0.5
    assert hidden.mean() == pytest.approx(share, abs=0.01)
    joined = np.pad(hidden, 1, constant_values=True)
    assert ndimage.label(joined, np.ones((3, 3)))[1] == 1  # it hangs together with the edge, there are no islands
    further = obstacle.opacity(min(share + 0.05, 1))
    assert (further >= obstacle.opacity(share)).all()  # it creeps, it does not jump about


def test_clouds_dim_stars_and_obstacles_hide_them():
    drawn = build({"cloud": 10, "obstruction": 10}, seed=4)
    told = pd.DataFrame([expose(drawn, i)[1] for i in range(40)])
    clear = ~(drawn.plan.kinds["cloud"] | drawn.plan.kinds["obstruction"])
    light = told.transmission * (1 - told.hidden_share)
    assert told.n_stars[light < 0.6].mean() < told.n_stars[clear].mean()
    assert np.corrcoef(light, told.n_stars)[0, 1] > 0.8


def test_kinds_never_labelled_show():
    drawn = build(UNSEEN, n_frames=40)
    plain = replace(
        drawn, satellites={}, blur_px=0 * drawn.blur_px, added=0 * drawn.added, ghost_snr=0 * drawn.ghost_snr
    )
    for kind in UNSEEN:
        for i in np.flatnonzero(drawn.plan.kinds[kind]):
            frame, told = expose(drawn, i)
            without, _ = expose(plain, i)
            if kind == "out_of_focus":
                assert frame.max() < without.max()
                assert frame.sum() == pytest.approx(without.sum(), rel=0.05)
            elif kind == "background":
                added = np.median((frame - without) / drawn.sensor.flat) / drawn.sky_e[i]
                assert added == pytest.approx(told["background_ratio"], rel=0.15)
            else:
                assert (frame - without).min() > -1 and (frame - without).max() > 1
                assert not told["n_trails"]


# The sensor


@pytest.mark.parametrize("world", [FIRST, SECOND])
@pytest.mark.parametrize("electrons", [0.0, 40.0, 2000.0])
def test_noise_is_photon_and_read_noise(world, electrons):
    still = replace(world, row_e=0.0, telegraph_share=0.0, hot_share=0.0)
    camera = sensor.draw_sensor((200, 200), still, np.random.default_rng(1))
    light = np.full((200, 200), electrons, np.float32)
    seen = (camera.read(light, np.random.default_rng(2)) - still.offset_adu) * still.gain_e_adu
    expected = electrons + still.dark_e_s * labels.EXPOSURE_S
    assert seen.mean() == pytest.approx(expected, abs=0.05 + 0.002 * electrons)
    rounding = still.gain_e_adu**2 / 12
    assert seen.var() == pytest.approx(expected + still.read_e**2 + rounding, rel=0.04)
    assert camera.noise(electrons) ** 2 == pytest.approx(expected + still.read_e**2)


def test_telegraph_pixels_have_two_levels():
    world = replace(FIRST, row_e=0.0, hot_share=0.0, read_e=0.1, telegraph_e=50.0)
    camera = sensor.draw_sensor((128, 128), world, np.random.default_rng(1))
    assert len(camera.telegraph) / 128**2 == pytest.approx(world.telegraph_share, rel=0.5)
    rng = np.random.default_rng(2)
    reads = np.stack([camera.read(np.zeros((128, 128), np.float32), rng).ravel() for _ in range(200)])
    which = np.argmax(camera.step)
    levels = (reads[:, camera.telegraph[which]] - world.offset_adu) * world.gain_e_adu
    upper = levels > camera.step[which] / 2
    assert upper.mean() == pytest.approx(world.telegraph_duty, abs=0.1)
    assert levels[upper].mean() == pytest.approx(camera.step[which], rel=0.02)
    assert levels[~upper].std() < 1
    others = np.setdiff1d(np.arange(128**2), camera.telegraph)
    assert reads[:, others].std(axis=0).max() < 3


@pytest.mark.parametrize("world", [FIRST, SECOND])
def test_full_wells_saturate_within_sixteen_bits(world):
    camera = sensor.draw_sensor(SMALL, world, np.random.default_rng(1))
    seen = camera.read(np.full(SMALL, 1e7, np.float32), np.random.default_rng(2))
    expected = min(world.offset_adu + world.full_well_e / world.gain_e_adu, 65535)
    assert (seen == round(expected)).all()


def test_hot_pixels_are_the_same_in_all_frames():
    frames, _ = simulate_frames(20, rng=6, counts={}, shape=(128, 128))
    middle = np.median(frames.astype(float), axis=0)
    sharp = middle - np.maximum.reduce([np.roll(middle, s, a) for s in (-1, 1) for a in (0, 1)])
    assert (sharp > 60).sum() >= 5  # lone pixels, sharper than the seeing allows, in every frame


# Optics


def test_point_spreads_hold_unit_light_and_their_width():
    grid = optics.Grid((128, 128))
    at = grid.points(np.array([64.0 + optics.MARGIN_PX]), np.array([64.0 + optics.MARGIN_PX]), np.array([1.0]))
    image = grid.image(at * optics.moffat(grid.radial, 5.0, 3.0) * grid.pixel)
    assert image.sum() == pytest.approx(1, abs=0.02)
    half = np.interp(0.5, (image[64, 64:80] / image[64, 64])[::-1], np.arange(16)[::-1])
    assert 2 * half == pytest.approx(5.1, abs=0.2)  # the pixel widens it a little
    ring = grid.image(at * optics.annulus(grid.radial, 12.0, 0.4) * optics.moffat(grid.radial, 2.6, 3.0))
    assert ring[64, 64] < 0.4 * ring[64, 72]
    assert ring[64, 72] == pytest.approx(1 / (np.pi * 144 * (1 - 0.16)), rel=0.1)
    assert optics.spikes(grid, 20.0, 0.3)[0, 0] == pytest.approx(1)


def test_a_shift_by_half_a_pixel_is_one():
    grid = optics.Grid(SMALL)
    seeing = optics.moffat(grid.radial, 3.0, 3.0) * grid.pixel
    margin = optics.MARGIN_PX
    image = grid.image(grid.points(np.array([30.5 + margin]), np.array([20.0 + margin]), np.array([1.0])) * seeing)
    y, x = np.mgrid[:64, :64]
    near = (abs(y - 30.5) < 8) & (abs(x - 20) < 8)
    assert (y * image)[near].sum() / image[near].sum() == pytest.approx(30.5, abs=0.05)
    assert (x * image)[near].sum() / image[near].sum() == pytest.approx(20, abs=0.05)


def test_a_segment_is_cut_at_the_frame():
    inside = trails.Segment((-10.0, -10.0), (90.0, 90.0)).clipped((50, 60))
    assert inside == pytest.approx((0, 0, 49, 49))
    assert trails.Segment((10.0, 10.0), (20.0, 10.0)).length((50, 60)) == pytest.approx(10)
    assert trails.Segment((-5.0, -5.0), (-5.0, 80.0)).length((50, 60)) == 0


# Bad input


@pytest.mark.parametrize(
    "bad",
    [
        {"n_frames": 0},
        {"n_frames": -2},
        {"n_frames": 2.5},
        {"shape": (32, 256)},
        {"shape": (256,)},
        {"shape": (1, 256, 256)},
        {"world": "third"},
        {"counts": {"meteor": 1}},
        {"counts": {"cloud": -1}},
        {"counts": {"cloud": 1.5}},
        {"counts": {"cloud": 5, "slew": 6}},
    ],
)
def test_bad_requests_are_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        simulate_frames(**({"n_frames": 10, "rng": 1} | bad))


@pytest.mark.parametrize(
    "bad",
    [
        {"n_sets": 0},
        {"n_sets": 1.5},
        {"n_frames": 0},
        {"world": "third"},
        {"shape": (8, 8)},
        {"unseen": True, "n_frames": 3},
    ],
)
def test_bad_data_sets_are_refused_at_once(bad):
    with pytest.raises(ValueError, match="expected"):
        data_sets(1, **bad)
