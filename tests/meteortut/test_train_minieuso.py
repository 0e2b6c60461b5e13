"""The eight-fold test of the published pair: its parts by their meaning, one small fold from end to end, and what was committed."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meteortut import pipeline
from meteortut.chunking import ChunkGrid, label_chunks, scale_chunks
from meteortut.pipeline import bells, examples, judging
from meteortut.pipeline.weights import load_weights, save_weights
from meteortut.simulate import minieuso

TOOL = Path(__file__).parents[2] / "tools" / "train_minieuso.py"
WEIGHTS = files("meteortut").joinpath("weights")
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def sky():
    """A short crowded session."""
    return minieuso.simulate_session(480, 40, 3)


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("train_minieuso", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def small_fold(tool, tmp_path_factory):
    """Session 5 judged by networks that have seen a little of session 11: seconds."""
    work = tmp_path_factory.mktemp("folds")
    arguments = ["--work", work, "--out", work / "out", "--sessions", 5, 11, "--folds", 5, "--ship", 5]
    arguments += ["--frames", 1600, "--examples", 0.1, "--epochs", 6]
    tool.main([str(each) for each in arguments])
    return [str(each) for each in arguments], work


# the parts


def test_a_network_on_bells_is_the_published_network_on_frames():
    chunks = RNG.standard_normal((20, 48, 8, 8)).astype(np.float32)
    small = pipeline.build_cnn(frames=24, seed=1)
    bells.start_at_bells(small, 1)
    full = bells.fold_bells(small, pipeline.build_cnn())
    assert full.count_params() == 125_465
    expected = small.predict(bells.to_bells(chunks), verbose=0)
    assert np.ptp(expected) > 1e-3  # not all the same
    np.testing.assert_allclose(full.predict(chunks, verbose=0), expected, atol=1e-5)


def test_each_bell_has_its_gain_and_its_place():
    rows = bells.bells()
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), bells.GAIN, rtol=1e-6)
    assert np.all(np.diff(rows @ np.arange(48) / rows.sum(axis=1)) > 0)
    assert np.argmax(rows[12]) in (24, 25)


def test_a_filter_starts_by_looking_for_light_at_its_own_time():
    small = pipeline.build_cnn(frames=24, seed=1)
    bells.start_at_bells(small, 1)
    kernel = small.layers[1].get_weights()[0]
    assert np.array_equal(kernel[1, 1].argmax(axis=0), np.arange(24))
    assert np.array_equal(kernel.reshape(9, 24, 24)[:, 5, 5].argsort()[-1:], [4])


@pytest.mark.parametrize("frames", [47, 0, -2])
def test_bells_need_an_even_number_of_frames(frames):
    with pytest.raises(ValueError, match="multiple of 2"):
        bells.bells(frames)
    with pytest.raises(ValueError, match="one bell per"):
        bells.fold_bells(pipeline.build_cnn(frames=48), pipeline.build_cnn())


def test_the_second_network_has_two_hidden_layers():
    model = pipeline.build_mlp(seed=1)
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Dropout", "Dense", "Dense"]
    assert model.count_params() == 48 * 64 + 64 + 64 * 32 + 32 + 32 + 1 == 5_249
    again = pipeline.build_mlp(seed=1).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again, strict=True))
    with pytest.raises(ValueError, match="two positive widths"):
        pipeline.build_mlp(hidden=(64, 0))


def test_the_second_network_learns_bells_in_a_pixel():
    pixels = RNG.standard_normal((2000, 48)).astype(np.float32)
    is_hit = np.arange(2000) % 4 == 0
    middle = RNG.uniform(10, 38, 500)[:, None]
    pixels[is_hit] += 5 * np.exp(-0.5 * ((np.arange(48) - middle) / 3) ** 2)
    model = pipeline.build_mlp(seed=1)
    losses = pipeline.fit_pixels(model, pixels, is_hit, 1, epochs=15, batch_size=64)
    assert losses[-1] < losses[0] / 2
    scores = model.predict(pixels, verbose=0)[:, 0]
    assert judging.curve_areas(is_hit, scores)["roc_auc"] > 0.97


@pytest.mark.parametrize(
    ("pixels", "is_hit", "message"),
    [
        (np.zeros((4, 48)), np.zeros(3, bool), "do not fit"),
        (np.zeros((4, 48, 1)), np.zeros(4, bool), "do not fit"),
        (np.zeros((4, 48)), np.zeros(4, bool), "all labels are the same"),
        (np.full((4, 48), np.nan), np.arange(4) > 1, "NaN"),
    ],
)
def test_bad_pixels_are_refused(pixels, is_hit, message):
    with pytest.raises(ValueError, match=message):
        pipeline.fit_pixels(pipeline.build_mlp(), pixels, is_hit, 1)


def test_weights_come_back_and_wrong_ones_do_not(tmp_path):
    model, path = pipeline.build_mlp(seed=1), tmp_path / "m.safetensors"
    save_weights(model, path)
    other = load_weights(pipeline.build_mlp(seed=2), path)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)
    with pytest.raises(ValueError, match="does not fit the network"):
        load_weights(pipeline.build_mlp(hidden=(32, 32)), path)
    with pytest.raises(FileNotFoundError, match="expected weights"):
        load_weights(model, tmp_path / "none.safetensors")
    path.write_bytes(b"no weights")
    with pytest.raises(ValueError, match="not safetensors"):
        load_weights(model, path)
    broken = model.get_weights()
    broken[0][0, 0] = np.nan
    model.set_weights(broken)
    save_weights(model, path)
    with pytest.raises(ValueError, match="not finite"):
        load_weights(model, path)


def test_pixels_are_labelled_by_what_is_inside_the_chunk():
    voxels = pd.DataFrame(
        [(0, t, 2, 3, snr) for t, snr in zip(range(44, 52), (2, 3, 3, 3, 5, 6, 3, 2), strict=True)],
        columns=["meteor", "t", "y", "x", "snr"],
    )
    grid = ChunkGrid((96, 12, 12))
    at = {tuple(first): k for k, first in enumerate(grid.origins)}
    first, second, right = (at[place] for place in ((0, 0, 0), (24, 0, 0), (24, 0, 4)))
    labels = examples.label_pixels(grid, np.array([first, second, right]), voxels)
    assert (labels[0, 2, 3], labels[1, 2, 3]) == (-1, 1)  # only the rise; the whole
    assert np.count_nonzero(labels) == 2  # the third does not hold that column


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.01, 0.5))
def test_areas_do_not_change_with_what_keeps_the_order(seed, prevalence):
    rng = np.random.default_rng(seed)
    is_positive, scores = np.arange(60) < 20, rng.random(60)
    scores[is_positive] += 0.3
    before, after = (judging.curve_areas(is_positive, s, prevalence) for s in (scores, scores**3))
    for name in ("roc_auc", "pr_auc", "pr_auc_fixed"):
        assert before[name] == pytest.approx(after[name])
    pairs = scores[:20, None] > scores[None, 20:]
    assert before["roc_auc"] == pytest.approx(pairs.mean())


def test_the_fixed_prevalence_is_what_it_says():
    is_positive, scores = np.arange(1000) < 100, RNG.random(1000)
    areas = judging.curve_areas(is_positive, np.zeros(1000), 0.03)
    assert (areas["pr_auc"], areas["pr_auc_fixed"]) == (pytest.approx(0.1), pytest.approx(0.03))
    areas = judging.curve_areas(is_positive, scores, 0.1)
    assert areas["pr_auc_fixed"] == pytest.approx(areas["pr_auc"])


def test_a_meteor_is_lost_when_no_chunk_around_its_peak_scores(sky):
    frames, truth = sky
    grid = ChunkGrid(frames.shape)
    meteor = truth.meteors.iloc[[0]]
    scores = np.ones(len(grid))
    scores[grid.containing(*meteor[["t_peak", "y", "x"]].iloc[0])] = 0.2
    assert judging.peak_scores(grid, scores, meteor) == 0.2
    scores[grid.containing(*meteor[["t_peak", "y", "x"]].iloc[0])[-1]] = 0.7
    assert judging.peak_scores(grid, scores, meteor) == 0.7


def test_a_sky_is_restless_where_it_leaves_a_straight_line():
    t = np.arange(200.0)[:, None, None]
    sky = 1 + 0.002 * t + np.zeros((200, 4, 6))
    sky[:, 1, 2] += 0.5 * np.exp(-0.5 * ((t[:, 0, 0] - 100) / 3) ** 2)
    unrest = judging.sky_unrest(lambda first, stop: sky[first:stop], np.arange(0, 153, 8))
    assert unrest.shape == (20, 4, 6) and unrest[:, 0].max() < 0.05
    seen = np.flatnonzero(unrest[:, 1, 2] > 5)  # windows that hold a part of the bell
    assert seen.min() * 8 + 48 > 92 and seen.max() * 8 < 108 and len(seen) >= 6
    window = sky[80:128, 1, 2]
    off = np.abs(window - np.polyval(np.polyfit(np.arange(48), window, 1), np.arange(48))).max()
    assert unrest[10, 1, 2] == pytest.approx(off / np.sqrt(window.mean() / 16384), rel=1e-3)


def test_turned_scores_are_the_mean_of_four_looks_at_the_same_chunk(sky):
    frames, _ = sky
    grid, model = ChunkGrid(frames.shape), pipeline.build_cnn(seed=4)
    scores = judging.turned_scores(frames, model, grid)
    some = np.array([0, 10, 11, 400, len(grid) - 1])
    chunks = scale_chunks(np.concatenate(list(grid.cut(frames, some))))
    expected = np.mean([model.predict(np.rot90(chunks, k, (2, 3)), verbose=0)[:, 0] for k in range(4)], axis=0)
    np.testing.assert_allclose(scores[some], expected, atol=1e-3)
    with pytest.raises(ValueError, match="alike in y and x"):
        judging.turned_scores(frames, model, ChunkGrid(frames.shape, step=(24, 4, 8)))


def test_brightness_is_what_scaled_chunks_show(sky):
    frames, _ = sky
    grid = ChunkGrid(frames.shape)
    some = np.array([3, 200, len(grid) - 1])
    chunks = scale_chunks(np.concatenate(list(grid.cut(frames, some))))
    expected = ((chunks[:, :-2] + chunks[:, 1:-1] + chunks[:, 2:]) / 3).max(axis=(1, 2, 3))
    np.testing.assert_allclose(examples.brightness(frames, grid)[some], expected, rtol=1e-4)


def test_examples_are_of_both_kinds_and_the_seed_decides(sky):
    frames, truth = sky
    one, two, other = (examples.session_examples(frames, truth, 300, 300, seed) for seed in (1, 1, 2))
    assert one.chunks.shape[1:] == (24, 8, 8)
    assert one.pixels.shape[1:] == (48,)
    assert 100 < one.is_meteor.sum() <= 300 + 300 // 8
    assert 100 < (~one.is_meteor).sum() <= 300
    assert 0.05 < one.is_hit.mean() < 0.5
    assert np.array_equal(one.chunks, two.chunks)
    assert np.array_equal(one.pixels, two.pixels)
    assert not np.array_equal(one.chunks, other.chunks)
    assert one.pixels[one.is_hit].max(axis=1).mean() > 1.5 * one.pixels[~one.is_hit].max(axis=1).mean()
    both = examples.join_examples([one, other])
    assert len(both.chunks) == len(both.is_meteor) == len(one.chunks) + len(other.chunks)


def test_a_meteor_with_a_meteor_chunk_is_not_faint(sky):
    frames, truth = sky
    grid = ChunkGrid(frames.shape, step=examples.DENSE_STEP)
    labels = label_chunks(grid, truth.voxels)
    assert len(examples.faint_chunks(grid, np.ones_like(labels), truth.meteors)) == 0
    faint = examples.faint_chunks(grid, labels, truth.meteors)
    assert not (labels[faint] == 1).any()


def test_a_judge_of_pixels_counts_each_hit_pixel_once(sky):
    frames, truth = sky
    grid = ChunkGrid(frames.shape)
    labels = label_chunks(grid, truth.voxels)
    mlp = pipeline.build_mlp(seed=1)
    last = mlp.layers[-1]
    for bias, lost in ((5.0, 0), (-5.0, None)):
        last.set_weights([np.zeros_like(last.get_weights()[0]), np.array([bias])])
        rows = judging.judge_pixels(frames, truth.voxels, grid, labels, mlp)
        assert rows["hit_pixels_lost"] == (rows["hit_pixels"] if lost is None else lost)
    assert 0 < rows["hit_pixels"] <= len(truth.voxels.groupby(["meteor", "y", "x"]))
    assert rows["n_hit_in_chunks"] > rows["hit_pixels"]  # chunks overlap


def test_hard_examples_are_shown_more_often_and_every_meteor_each_time(tool, monkeypatch):
    """A chunk's score is written on it, and training is watched."""
    rng, seen = np.random.default_rng(4), []
    labels = [np.arange(600) < 60, np.arange(900) < 140]
    chunks = [np.repeat(rng.random(len(own)), 24 * 64).reshape(-1, 24, 8, 8).astype(np.float16) for own in labels]
    monkeypatch.setattr(tool, "scores", lambda _, own: own[:, 0, 0, 0].astype(float) ** 4)
    monkeypatch.setattr(tool.pipeline, "fit", lambda _, own, is_meteor, *__: seen.append((own, is_meteor)) or [0.0])
    given = argparse.Namespace(seed=1, epochs=4)
    tool.train_cnn(chunks, labels, 5, given)
    assert len(seen) == 4
    assert all(is_meteor.sum() == 200 and 130 < (~is_meteor).sum() < 250 for _, is_meteor in seen)
    others = [own[~is_meteor][:, 0, 0, 0].astype(float) for own, is_meteor in seen]
    assert max(own.mean() for own in others[:2]) < 0.6 < 0.7 < min(own.mean() for own in others[2:])
    assert min(others[2]) < 0.5  # an easy one comes now and then
    seen.clear()
    tool.train_cnn(chunks, labels, 5, given, hard=False)
    assert max(own[~is_meteor][:, 0, 0, 0].mean() for own, is_meteor in seen) < 0.6


def test_calibrated_scores_are_right_where_both_kinds_are_equally_many(tool):
    model = pipeline.build_cnn(frames=24, seed=3)
    chunks = np.random.default_rng(1).normal(size=(400, 24, 8, 8)).astype(np.float16)
    is_meteor = np.arange(400) < 37
    before = tool.scores(model, chunks)
    assert np.allclose(before, model.predict(chunks.astype(np.float32), verbose=0)[:, 0], atol=1e-6)
    tool.calibrate(model, before, is_meteor)
    after = tool.scores(model, chunks)
    assert after[is_meteor].mean() + after[~is_meteor].mean() == pytest.approx(1, abs=1e-3)
    assert np.diff(after[np.argsort(before)]).min() > -1e-7


# one small fold


def test_a_fold_runs_from_end_to_end(small_fold):
    _, work = small_fold
    report = json.loads((work / "out" / "minieuso.json").read_text())
    (row,) = report["folds"]
    assert row["session"] == 5
    assert row["meteors"] == 65
    assert row["n_meteor_chunks"] + row["n_other_chunks"] + row["n_ambiguous_chunks"] == len(ChunkGrid((1600, 48, 48)))
    assert 0 <= row["meteors_lost"] <= 65
    assert row["lost_among_those"] <= row["meteors_without_a_meteor_chunk"] <= 65
    assert row["cnn"]["roc_auc"] > 0.6  # it learned something, from next to nothing
    assert row["mlp"]["roc_auc"] > 0.9
    assert row["cnn_loss"][-1] < row["cnn_loss"][2]  # from the third pass on examples are hard
    digest = hashlib.sha256((work / "out" / "minieuso_cnn.safetensors").read_bytes()).hexdigest()
    assert report["shipped"]["cnn"] == {"not_trained_on": 5, "sha256": digest}


def test_a_finished_fold_is_not_trained_again(small_fold, tool, monkeypatch):
    arguments, work = small_fold
    monkeypatch.setattr(tool, "train", lambda *_: pytest.fail("it was trained again"))
    before = (work / "out" / "minieuso.json").read_bytes()
    tool.main(arguments)
    assert (work / "out" / "minieuso.json").read_bytes() == before
    with pytest.raises(SystemExit, match="other training"):
        tool.main([*arguments, "--epochs", "5"])
    assert not list(work.glob("*.part*"))


# what was committed


def test_the_published_tables_are_the_published_ones(tool):
    assert list(tool.PUBLISHED) == list(minieuso.SESSION_METEORS)
    rows = pd.DataFrame(tool.PUBLISHED).T
    assert rows.hit_pixels.sum() == 5395
    assert rows.hit_pixels_lost.sum() == 18
    assert np.mean([row["roc_auc"] for row in rows.cnn]) == pytest.approx(0.994875)


def test_the_committed_report_is_that_of_the_frozen_world(tool):
    report = json.loads(WEIGHTS.joinpath("minieuso.json").read_text())
    assert (report["world"], report["frames_per_session"], report["examples"]["share"]) == ("first", 20_000, 1.0)
    rows = report["folds"]
    assert {row["session"]: row["meteors"] for row in rows}.items() <= minieuso.SESSION_METEORS.items()
    summary = tool.summary(rows)
    assert summary == report["summary"]
    low, high = summary["meteors"]["interval"]
    assert low <= summary["meteors"]["lost"] / summary["meteors"]["of"] <= high
    for kind, build in (("cnn", pipeline.build_cnn), ("mlp", pipeline.build_mlp)):
        path = WEIGHTS.joinpath(f"minieuso_{kind}.safetensors")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == report["shipped"][kind]["sha256"]
        load_weights(build(), path)


def test_the_committed_networks_find_a_meteor_and_not_the_dark():
    frames, truth = minieuso.simulate_session(480, 30, 11)
    cnn = load_weights(pipeline.build_cnn(), WEIGHTS.joinpath("minieuso_cnn.safetensors"))
    grid = ChunkGrid(frames.shape)
    scores = judging.turned_scores(frames, cnn, grid)
    labels = label_chunks(grid, truth.voxels)
    assert judging.curve_areas(labels[labels != -1] == 1, scores[labels != -1])["roc_auc"] > 0.9
    mlp = load_weights(pipeline.build_mlp(), WEIGHTS.joinpath("minieuso_mlp.safetensors"))
    assert judging.judge_pixels(frames, truth.voxels, grid, labels, mlp)["mlp"]["roc_auc"] > 0.95


def test_a_committed_fold_comes_out_again(tool, tmp_path):
    """Both shipped networks are asked about the whole of the session that they have not seen."""
    report = json.loads(WEIGHTS.joinpath("minieuso.json").read_text())
    name = report["shipped"]["cnn"]["not_trained_on"]
    committed = next(row for row in report["folds"] if row["session"] == name)
    cnn = load_weights(pipeline.build_cnn(), WEIGHTS / "minieuso_cnn.safetensors")
    mlp = load_weights(pipeline.build_mlp(), WEIGHTS / "minieuso_mlp.safetensors")
    given = argparse.Namespace(work=tmp_path, frames=report["frames_per_session"], seed=report["seed"])
    again = tool.judge(name, cnn, mlp, given)
    for network in ("cnn", "mlp"):
        assert again[network] == pytest.approx(committed[network], abs=2e-3)
    counts = [key for key in again if isinstance(again[key], int)]
    assert {"meteors_lost", "n_meteor_chunks", "hit_pixels_lost"} <= set(counts)
    assert {key: again[key] for key in counts} == pytest.approx(
        {key: committed[key] for key in counts}, rel=5e-3, abs=1
    )
