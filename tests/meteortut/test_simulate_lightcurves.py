"""The simulated worlds: their truth holds in their data, the same seed gives the same world, and nobody tunes them any more."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from meteortut import lightcurves, shapes
from meteortut.lightcurves.reading import along_track
from meteortut.simulate import ablation, bodies, lightcurve_sky, lightcurve_worlds
from meteortut.simulate import lightcurves as simulated
from meteortut.simulate.lightcurve_worlds import FIRST, SECOND, WORLDS
from meteortut.simulate.lightcurves import simulate_light_curves

#: Frozen before any classifier was judged. If this fails, a simulator was changed: that makes every score of chapter 6 void.
FROZEN = {
    "parameters": "c2a8655628c27d3d",
    "first": "66e920cfadb55eec",
    "second": "e9665dcd843c653e",
}


@pytest.fixture(scope="module", params=["first", "second"])
def world(request) -> tuple[pd.DataFrame, pd.DataFrame]:
    return simulate_light_curves(400, rng=1, world=request.param)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_parameters_are_frozen():
    parts = [str(sorted(asdict(world).items())) for world in WORLDS.values()]
    for module in (ablation, bodies, lightcurve_sky, lightcurve_worlds, simulated, shapes):
        constants = {name: value for name, value in vars(module).items() if name.isupper() and name != "WORLDS"}
        parts.append(str(sorted(constants.items())))
    assert digest("".join(parts)) == FROZEN["parameters"]


@pytest.mark.parametrize("name", ["first", "second"])
def test_worlds_are_frozen(name):
    data, truth = simulate_light_curves(60, rng=2024, world=name)
    lines = [
        f"{m:.2f} {r:.2f} {d:.2f}"
        for row in zip(data.magnitude, data.ra_deg, data.dec_deg, strict=True)
        for m, r, d in zip(*row, strict=True)
    ]
    lines += [f"{row.shower} {row.label} {row.peak_magnitude:.2f} {row.swapped}" for row in truth.itertuples()]
    assert digest("\n".join(lines)) == FROZEN[name]


def test_the_same_seed_gives_the_same_world():
    first, second = simulate_light_curves(20, rng=5)[0], simulate_light_curves(20, rng=np.random.default_rng(5))[0]
    for name in ["magnitude", "ra_deg"]:
        np.testing.assert_array_equal(np.concatenate(first[name].tolist()), np.concatenate(second[name].tolist()))


def test_it_has_the_shape_of_the_archive(world, real_file):
    (path,) = real_file("aop-lightcurves")
    real = lightcurves.read_aop(path, true_order=False)
    assert list(world[0].columns) == list(real.columns)


def test_swapped_records_are_the_ones_that_truth_names(world):
    data, truth = world
    found = lightcurves.undo_field_swap(data).was_swapped
    long = data.n_samples >= 8
    assert (found == truth.swapped)[long].mean() > 0.99
    assert not truth.swapped[data.station == "CAM4"].any()
    assert truth.swapped.any()


def test_nothing_is_much_fainter_than_the_camera_sees(world):
    data, truth = world
    assert np.concatenate(data.magnitude.tolist()).max() < 6
    assert (truth.peak_magnitude < max(*FIRST.limit_mag, *SECOND.limit_mag)).all()


def test_the_worlds_share_no_value_that_matters():
    first, second = asdict(FIRST), asdict(SECOND)
    assert not [name for name in first if first[name] == second[name]]


def test_every_label_occurs(world):
    share = world[1].label.value_counts(normalize=True)
    assert set(share.index) == set(shapes.LABELS)
    assert share.min() > 0.05


def test_truth_describes_the_noise_free_curve(world):
    _, truth = world
    f = truth.f_parameter
    assert f.notna().all()
    assert f[truth.label == "early"].max() < 0.4
    assert f[truth.label == "late"].min() > 0.6
    assert f[truth.label == "symmetric"].between(0.4, 0.6).all()
    assert (truth.snr > 1).all()
    assert truth.snr.corr(-truth.peak_magnitude) > 0.3


def test_cut_tracks_are_flagged(world):
    data, truth = world
    assert (data.start_inside == ~truth.truncated_start).all()
    assert (data.end_inside == ~truth.truncated_end).all()
    assert 0 < truth.truncated_start.mean() < 0.15
    assert 0 < truth.truncated_end.mean() < 0.15


def test_angular_speeds_are_those_of_bodies_at_meteor_heights(world):
    data, truth = world
    speed = [
        abs(np.polyfit(time, along_track(ra, dec), 1)[0])
        for time, ra, dec in zip(data.time_s, data.ra_deg, data.dec_deg, strict=True)
    ]
    fastest = np.degrees(truth.speed_km_s / 60)  # seen from the side, 60 km away
    assert (np.array(speed) < fastest)[data.n_samples >= 12].mean() > 0.99
    assert 5 < np.median(speed) < 25


def test_tracks_of_a_shower_lead_back_to_its_radiant():
    data, truth = simulate_light_curves(400, rng=3, swapped_share=0.0)
    geminids = data[(truth.shower == "GEM") & (data.n_samples >= 15)]
    radiant = _unit(np.array([112.5]), np.array([32.3]))[0]
    away = []
    for ra, dec in zip(geminids.ra_deg, geminids.dec_deg, strict=True):
        unit = _unit(ra, dec)
        pole = np.linalg.svd(unit)[2][2]
        away.append(np.degrees(np.arcsin(abs(pole @ radiant))))
    assert len(away) > 20
    assert np.median(away) < 3  # their arcs are short: the pole is uncertain by degrees


def _unit(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)


def test_a_camera_without_noise_shows_the_curve():
    still = replace(FIRST, noise_mag=0.0, floor_mag=0.0, outliers=0.0, compression=1.0)
    rng = np.random.default_rng(0)
    curve = np.linspace(-4, 4, 50)
    shown = simulated._noisy(curve, 3.0, still, rng)
    np.testing.assert_allclose(shown, curve)
    dull = simulated._noisy(curve, 3.0, replace(still, compression=0.5), rng)
    assert dull[0] == pytest.approx(-2.5)  # saturation from −1 on: three magnitudes become one and a half


def test_nights_are_dark(world):
    hour = world[0].start.dt.hour
    assert ((hour >= 15) | (hour <= 9)).all()


def test_without_swapping_no_record_is_swapped():
    _, truth = simulate_light_curves(50, rng=2, swapped_share=0.0)
    assert not truth.swapped.any()


@pytest.mark.parametrize(("n", "share"), [(0, 0.5), (-3, 0.5), (5, 1.5), (5, -0.1)])
def test_bad_requests_are_refused(n, share):
    with pytest.raises(ValueError, match="expected"):
        simulate_light_curves(n, rng=1, swapped_share=share)


def test_there_is_no_third_world():
    with pytest.raises(ValueError, match="expected one of first, second"):
        simulate_light_curves(5, rng=1, world="third")


def test_one_record_is_a_world_too():
    data, truth = simulate_light_curves(1, rng=8)
    assert len(data) == len(truth) == 1
