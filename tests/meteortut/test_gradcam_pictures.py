"""Chapter 3: labelled pictures in one form, and the ablation that the chapter shows."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")

from meteortut import gradcam
from meteortut.gradcam.pictures import COLUMNS
from tools import ablate_gradcam


@pytest.fixture(scope="module")
def ff(real_file) -> pd.DataFrame:
    return gradcam.ff_pictures(real_file("gmn-ff"))


def test_ff_pictures_have_their_labels(ff):
    assert list(ff) == list(COLUMNS) and len(ff) == 12 and ff.points.notna().sum() == 10
    assert (ff.fps == 25).all() and set(ff.camera) == {"UK0006", "UK000F"}
    assert set(ff.night) == {"2020-06-14", "2023-04-21"}  # after midnight it is still the night before
    for row in ff[ff.points.notna()].itertuples():
        assert row.image.shape == row.max_frame.shape == (720, 1280)
        np.testing.assert_allclose(row.label.time_s * 25, row.label.frame)
        # (y, x), not (x, y): along the track, the maximum came in the frames of the label
        y, x = (np.round(axis).astype(int) for axis in row.points)
        inside = (y >= 0) & (y < 720) & (x >= 0) & (x < 1280)
        late = row.max_frame[y[inside], x[inside]] + y[inside] / 720 - row.label.frame[inside]
        assert np.median(np.abs(late)) < 2, row.name


def test_trigger_pictures_have_no_caption_and_their_meteors(real_file):
    triggers = gradcam.trigger_pictures(real_file("ukmon-triggers"))
    assert list(triggers) == list(COLUMNS) and len(triggers) == 98 and triggers.points.notna().sum() == 12
    assert {image.shape for image in triggers.image} == {(560, 700)}
    assert gradcam.group_baseline(triggers.points.notna(), triggers.camera + triggers.night) > 0.97
    brighter = []
    for row in triggers[triggers.points.notna()].itertuples():
        y, x = (np.round(axis).astype(int) for axis in row.points)
        inside = (y >= 0) & (y < 560) & (x >= 0) & (x < 700)
        brighter.append(np.mean(row.image[y[inside], x[inside]]) - np.median(row.image))
    assert np.median(brighter) > 10
    with pytest.raises(ValueError, match="files are missing"):
        gradcam.trigger_pictures(real_file("ukmon-triggers")[:5])


def test_simulated_pictures_stand_in_for_both():
    pictures = gradcam.simulated_pictures(4, "A", rng=1, shape=(160, 240))
    assert list(pictures) == list(COLUMNS) and list(pictures.points.notna()) == [True, False, True, False]
    for row in pictures[pictures.points.notna()].itertuples():
        assert np.hypot(np.ptp(row.label.y), np.ptp(row.label.x)) >= 19
        assert row.label.frame.is_monotonic_increasing
        y, x = (np.round(axis).astype(int) for axis in row.points)
        assert np.mean(row.image[y, x]) > np.median(row.image)
        scale = gradcam.plate_scale(*row.points, row.label.ra_deg.to_numpy(), row.label.dec_deg.to_numpy())
        assert scale == pytest.approx(4 / 60, rel=0.05)


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match="none of an FF file"):
        gradcam.ff_pictures([tmp_path / "other.txt"])
    with pytest.raises(ValueError, match="n is 0"):
        gradcam.simulated_pictures(0, "A", rng=1)


@pytest.fixture(scope="module")
def ablation() -> dict:
    return json.loads((ablate_gradcam.WEIGHTS.parent / "gradcam_ablation.json").read_text(encoding="utf-8"))


def test_the_ablation_is_whole_and_of_the_weights_that_ship(ablation):
    rows = pd.DataFrame(ablation["rows"])
    assert ablation["weights_sha256"] == hashlib.sha256(ablate_gradcam.WEIGHTS.read_bytes()).hexdigest()
    assert ablation["seeds"] >= 3 and ablation["versions"]["torch"] and ablation["seconds"] > 0
    trained = rows[rows.n_epochs > 0].groupby(["recipe", "camera"]).seed.nunique()
    assert (trained == ablation["seeds"]).all() and set(rows.recipe) == set(ablate_gradcam.RECIPES)
    stopped = rows[rows.recipe.str.contains("early stopping")]
    assert (stopped.n_epochs <= ablate_gradcam.LONG.n_epochs).all()


def test_a_slice_of_the_ablation_comes_out_again(ablation, ff, real_file):
    known = ff[ff.points.notna() | ff.night.str.startswith("2020")].reset_index(drop=True)
    before = gradcam.all_tile_scores(list(known.image), list(known.points))
    material = ablate_gradcam.Material(known, before, (np.empty((0, 96, 96)), np.empty(0, bool)))
    rows = pd.DataFrame(ablation["rows"]).set_index(["recipe", "camera", "seed"])
    for name, tolerance in [("simulated sky only", 0.001), ("simulated sky, then real tiles", 0.005)]:
        again = ablate_gradcam.measure(material, name, "UK0006", 0)
        expected = rows.loc[(name, "UK0006", 0)]
        assert again["roc_auc"] == pytest.approx(expected.roc_auc, abs=tolerance)
        assert again["n_meteors"] == expected.n_meteors == 5


def test_along_a_track_counts_from_its_first_end():
    track = gradcam.Track(((10.0, 0.0), (10.0, 30.0)), np.zeros((40, 40)), 1.0, 99.0, "unknown", None, np.nan)
    np.testing.assert_allclose(track.along([10, 13, 10], [0, 30, -5]), [0, 30, -5])
    np.testing.assert_allclose(track.distance([13, 10], [30, -5]), [3, 5])
