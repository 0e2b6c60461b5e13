"""The tools behind chapter 2's committed numbers: their parts by their meaning, and a small run from end to end."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from meteortut import pipeline
from meteortut.chunking import ChunkGrid
from meteortut.simulate import minieuso

TOOLS = Path(__file__).parents[2] / "tools"
WEIGHTS = files("meteortut").joinpath("weights")


@pytest.fixture(scope="module")
def tools():
    """The scripts as modules; the later ones import the first by their names."""
    found = {}
    for name in ("train_minieuso", "train_one_step", "judge_one_step", "explain_minieuso"):
        spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
        found[name] = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found[name])
    yield argparse.Namespace(**found)
    for name in found:
        del sys.modules[name]


def test_no_session_is_judged_by_what_has_seen_it(tools):
    train = tools.train_one_step
    assert sorted(name for pair in train.PAIRS.values() for name in pair) == list(minieuso.SESSION_METEORS)
    for name in minieuso.SESSION_METEORS:
        assert name in train.PAIRS[train.pair_of(name)]
        assert train.pair_of(name + train.EXTRA) == train.pair_of(name)  # nor its kind of sky


def test_a_chunk_scores_as_its_highest_voxel(tools):
    log_odds = np.random.default_rng(0).standard_normal((30, 48, 48)).astype(np.float32)
    grid = ChunkGrid((120, 48, 48))
    scores = tools.judge_one_step.chunk_scores(log_odds, grid)
    for k in (0, 130, len(grid) - 1):
        t, y, x = grid.origins[k]
        own = log_odds[-(-t // 4) : (t + 48) // 4, y : y + 8, x : x + 8].max()
        assert scores[k] == pytest.approx(1 / (1 + np.exp(-own)))


def test_boxes_hold_meteors_or_nothing(tools):
    truth = argparse.Namespace(
        meteors=pd.DataFrame({"meteor": [0, 1]}),
        voxels=pd.DataFrame({"meteor": [0, 0, 1], "t": [50, 51, 90], "y": [10, 11, 30], "x": [10, 10, 30]}),
    )
    boxes = [(44, 46, 8, 9, 9, 12), (52, 60, 12, 13, 10, 10), (80, 85, 30, 30, 30, 30), (90, 93, 33, 34, 30, 30)]
    events = pd.DataFrame(boxes, columns=[*"t_first t_last y_first y_last x_first x_last".split()])
    rows_of, false = tools.judge_one_step.in_boxes(events, truth)
    assert rows_of.tolist() == [2, 0] and false == 2


def test_false_alarms_are_read_off_between_thresholds_and_not_beyond(tools):
    table = pd.DataFrame({"recall_bright": [0.9, 0.8, 0.5], "false_per_hour": [300.0, 100.0, 10.0]})
    assert tools.judge_one_step.at_recall(table, 0.85) == pytest.approx(200)
    assert np.isnan(tools.judge_one_step.at_recall(table, 0.95))


def test_a_false_row_is_named_after_the_light_it_lies_on(tools):
    frames, truth = minieuso.simulate_session(2000, 5, 4, sky=minieuso.SKIES["first"][12])
    own = argparse.Namespace(frames=frames, truth=truth)
    kinds = truth.confusers[truth.confusers.kind == "static flash"].query("0 <= y <= 47 and 0 <= x <= 47")
    rows = kinds.assign(t=kinds.t_peak + 0.5)[["t", "y", "x"]]
    rows = rows[~pipeline.matching.near(rows, truth.meteors).any(axis=1)]
    counts = tools.judge_one_step.count_kinds(rows, own)
    assert len(rows) > 2 and counts.get("static flash", 0) >= len(rows) - 1


def test_a_quiet_sky_has_meteors_and_no_confusers(tools):
    given = argparse.Namespace(seed=1, frames=600)
    _, truth = tools.explain_minieuso.sky(7, True, given)
    assert len(truth.confusers) == 0 and len(truth.meteors) == minieuso.SESSION_METEORS[7]


def test_one_round_of_training_from_end_to_end(tools, tmp_path, monkeypatch):
    train = tools.train_one_step
    monkeypatch.setattr(train, "ROUNDS", ((1, 3e-3), (1, 2e-3)))
    monkeypatch.setattr(train, "PAIRS", {5: (5, 6), 7: (7,)})
    monkeypatch.setattr(train.minieuso, "SESSION_METEORS", {5: 6, 6: 6, 7: 8})
    given = argparse.Namespace(work=tmp_path, seed=1, frames=400)
    first = train.train(5, given)
    assert (tmp_path / "one_step_5.safetensors").is_file() and (tmp_path / "steps_7.npz").is_file()
    assert not (tmp_path / "steps_5.npz").exists()  # the judged sessions are not even drawn
    again = train.train(5, given)  # found again, not trained again
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), again.get_weights(), strict=True))


def test_what_was_measured_of_the_fault_hangs_together():
    why = json.loads(WEIGHTS.joinpath("minieuso_why.json").read_text())
    assert why["test"] not in why["learn"]
    by_share = [row["n_chunks"] for row in why["learning"]]
    assert by_share == sorted(by_share)
    assert why["learning"][-1]["roc_auc"] == next(r["roc_auc"] for r in why["scalings"] if r["scaling"] == "pixel")
    folds = json.loads(WEIGHTS.joinpath("minieuso.json").read_text())["folds"]
    for row, fold in zip(why["cut_off"], folds, strict=True):
        assert row["inside"]["n"] + row["cut_off"]["n"] == fold["n_meteor_chunks"]
    clear = sum(fold["n_meteor_chunks"] + fold["n_other_chunks"] for fold in folds)
    assert sum(row["n"] for row in why["calibration"]) == clear
