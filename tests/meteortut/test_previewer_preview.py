"""The previewer with the weights that ship: simulated and real frames, one alone, bad input; what was recorded comes out."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from data_fetch.readers import read_fits_image
from meteortut.previewer import (
    KINDS,
    describe,
    iter_measurements,
    name_frames,
    preview,
    score_kinds,
    shipped_classifier,
    shipped_features,
    tabulate,
)
from meteortut.previewer.naming import WEIGHTS
from meteortut.simulate.scmos import KINDS as ALL_KINDS
from meteortut.simulate.scmos import data_sets, simulate_frames

REAL_TRAILS = ("bi327715", "m20211212UT", "long")
REAL_NORMAL = ("image.fits", "a8280271", "frame-i")


@pytest.fixture(scope="module")
def recorded() -> dict:
    return json.loads(WEIGHTS.read_text(encoding="utf-8"))


def test_a_data_set_is_named():
    counts = {"trajectory": 4, "cloud": 8, "obstruction": 8, "slew": 3}
    frames, truth = simulate_frames(40, 77, counts=counts)
    table = preview(frames)
    assert list(table) == ["score", "is_anomaly", "labels", *(f"p_{kind}" for kind in KINDS)]
    assert ((table.score >= 0.5) == table.is_anomaly).all()
    assert (table.labels.map(len).gt(0) == table.is_anomaly).all()
    named = pd.DataFrame({kind: table.labels.map(lambda labels, kind=kind: kind in labels) for kind in KINDS})
    assert score_kinds(truth, named, range(40), 0, n_boot=20).f1["any"] > 0.85


def test_a_generator_gives_the_same():
    frames, _ = simulate_frames(12, 5, shape=(96, 96), counts={"cloud": 4})
    pd.testing.assert_frame_equal(preview(frames), preview(frame for frame in frames))


def test_one_frame_alone_is_judged_by_itself():
    frames, truth = simulate_frames(9, 1, counts={"slew": 2})
    together = preview(frames)
    for i in range(9):
        pd.testing.assert_frame_equal(preview(frames[i : i + 1]), together.iloc[i : i + 1].reset_index(drop=True))
    assert together[["p_cloud", "p_obstruction"]].isna().all(axis=None)
    assert set(together.labels[truth.slew]) == {("slew",)}


def test_frames_without_anything_are_judged():
    table = preview(np.zeros((11, 64, 64), np.uint16))
    assert np.isfinite(table.score).all()
    assert np.isfinite(preview(np.full((1, 64, 64), np.nan)).score).all()


@pytest.mark.parametrize(
    ("frames", "error", "message"),
    [
        (np.zeros((64, 64)), ValueError, "Add a time axis"),
        (np.zeros((0, 64, 64)), ValueError, "holds no frame"),
        ([np.zeros((64, 64)), np.zeros((64, 65))], ValueError, "expected \\(64, 64\\)"),
        (np.zeros((2, 64, 64), complex), TypeError, "expected integers or floats"),
        ("folder", TypeError, "frames is a str"),
    ],
)
def test_bad_input_is_refused(frames, error, message):
    with pytest.raises(error, match=message):
        preview(frames)


def test_there_are_two_classifiers():
    assert shipped_classifier("alone").kinds == ("trajectory", "slew")
    assert shipped_classifier().kinds == KINDS
    with pytest.raises(ValueError, match="expected one of together, alone"):
        shipped_classifier("neither")


@pytest.mark.filterwarnings("ignore")
def test_all_real_trails_are_found_and_no_real_field_is_flagged(real_file, recorded):
    trails = [p for p in real_file("telescope-trails") if any(name in p.name for name in REAL_TRAILS)]
    normal = [p for p in real_file("telescope-frames") if any(name in p.name for name in REAL_NORMAL)]
    series = [read_fits_image(p)[0] for p in real_file("m13-series")]
    found = sum("trajectory" in preview([read_fits_image(p)[0]]).labels[0] for p in trails)
    flagged = sum(preview([read_fits_image(p)[0]]).is_anomaly[0] for p in normal) + preview(series).is_anomaly.sum()
    assert (found, len(trails), flagged, len(normal) + len(series)) == (3, 3, 0, 8)
    for name in ("real_trails_found", "real_trails_total", "real_normal_flagged", "real_normal_total"):
        assert recorded["real"][name] in (found, len(trails), flagged, len(normal) + len(series))


def test_the_features_that_ship_are_the_simulators(recorded):
    shipped = shipped_features()
    assert shipped.dataset.nunique() == 36
    assert shipped[list(KINDS)][shipped.dataset.str.startswith("set")].sum().tolist() == [237, 75, 614, 233]
    one = next(iter(data_sets(recorded["seed"])))
    features = tabulate(iter_measurements(one.frames[:12])).filter(regex="^(?!relative_)")
    alone = [
        "num_blobs",
        "noise",
        "mean_masked",
        "background_structure",
        "coherent_ellipticity",
        "acf_length_px",
    ]
    part = shipped[shipped.dataset == one.name].iloc[:12]
    np.testing.assert_allclose(part[alone], features[alone], rtol=2e-3)
    assert (part[list(ALL_KINDS)].to_numpy() == one.truth[list(ALL_KINDS)].iloc[:12].to_numpy()).all()


def test_one_data_set_of_the_second_world_is_named_as_recorded(recorded):
    one = next(iter(data_sets(recorded["judged_seed"], world="second")))
    named = preview(one.frames)
    predicted = pd.DataFrame({kind: named.labels.map(lambda labels, kind=kind: kind in labels) for kind in KINDS})
    scores = score_kinds(one.truth, predicted, range(len(named)), 0, n_boot=10)
    assert scores.f1["any"] > recorded["second_world"]["supervised"]["any"]["low"] - 0.15


def test_what_ships_still_fits_its_training_data():
    shipped = shipped_features()
    labelled = shipped[shipped.dataset.str.startswith("set")]
    predicted = shipped_classifier().predict(describe(labelled, labelled.dataset))
    scores = score_kinds(labelled, predicted, labelled.dataset, 0, n_boot=20)
    assert scores.f1["any"] > 0.95
    assert (scores.f1[list(KINDS)] > 0.85).all()
    named = name_frames(labelled, dataset=labelled.dataset)
    assert (named.is_anomaly.to_numpy() == predicted.any(axis=1).to_numpy()).all()
