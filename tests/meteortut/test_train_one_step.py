"""The tools behind chapter 2's committed numbers: their parts by their meaning, and a small run from end to end."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from meteortut import pipeline
from meteortut.chunking import ChunkGrid
from meteortut.focal import FRAME_S, METEOR_KM_PX
from meteortut.pipeline import MovingLight
from meteortut.pipeline.weights import load_weights
from meteortut.simulate import minieuso
from meteortut.simulate.minieuso.background import Background
from meteortut.simulate.minieuso.truth import Truth

TOOLS = Path(__file__).parents[2] / "tools"
WEIGHTS = files("meteortut").joinpath("weights")


@pytest.fixture(scope="module")
def tools():
    """The scripts as modules; the later ones import the first by their names."""
    found = {}
    for name in (
        *("train_minieuso", "train_one_step", "bound_catalogue"),
        *("judge_one_step", "explain_minieuso", "draw_real_films"),
    ):
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
        for other in (*train.skies([name], "networks"), *train.skies([name], "judges")):
            assert train.pair_of(other) == train.pair_of(name)  # nor by what has seen its kind of sky
    networks, judges = (set(train.skies(minieuso.SESSION_METEORS, learner)) for learner in ("networks", "judges"))
    assert networks & judges == set(minieuso.SESSION_METEORS)  # judges meet events as new skies have them


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


def test_meteors_moved_in_time_lie_in_boxes_by_chance_alone(tools):
    voxels = pd.DataFrame({"meteor": [0], "t": [2300], "y": [10], "x": [10]})
    truth = Truth(pd.DataFrame({"meteor": [0]}), voxels, None, None, None)
    own = argparse.Namespace(frames=np.empty((2400, 1, 1)), truth=truth)

    def by_chance(first, last):
        box = pd.DataFrame(
            {"t_first": first, "t_last": last, "y_first": 9, "y_last": 11, "x_first": 9, "x_last": 11}, [0]
        )
        return tools.judge_one_step.held_by_chance(box, own).tolist()

    assert by_chance(2290, 2310) == [0]  # its own time is no chance
    assert by_chance(95, 105) == [1 / 11]  # moved by one part it is past the end, and comes in at the beginning
    assert by_chance(0, 1199) == [6 / 11]  # at 100, 300, … 1100
    assert tools.judge_one_step.held_by_chance(pd.DataFrame(columns=pipeline.voxels.COLUMNS), own).tolist() == [0]


def test_what_is_found_beyond_chance_is_asked_by_session(tools):
    def row(n, recall, chance):
        point = {
            "threshold": 0.5,
            "recall": recall,
            "recall_bright": recall,
            "chance_bright": chance,
            "false_per_hour": 9.0,
        }
        return {"meteors": n, "meteors_of_snr_5": n, "one_step": [point]}

    given = argparse.Namespace(frames=20_000)
    # six of ten lie in boxes, where a fifth would anyhow: half are found; of thirty all lie in boxes: all are found
    both = tools.judge_one_step.pooled([row(10, 0.6, 0.2), row(30, 1.0, 0.9)], "one_step", given).iloc[0]
    assert both.recall_beyond_chance == pytest.approx((5 + 30) / 40)
    assert both.chance_bright == pytest.approx((2 + 27) / 40)


def test_two_steps_give_events_of_chunks_and_of_pixels(tools, tmp_path):
    for kind in ("cnn", "mlp"):
        shipped = files("meteortut").joinpath("weights", f"minieuso_{kind}.safetensors").read_bytes()
        (tmp_path / f"fold_12_{kind}.safetensors").write_bytes(shipped)
    frames, truth = minieuso.simulate_session(2400, 25, 4, sky=minieuso.SKIES["first"][12])
    own = minieuso.Session(12, frames, truth, minieuso.SKIES["first"][12])
    both = tools.judge_one_step.two_steps(own, ChunkGrid(frames.shape), argparse.Namespace(folds=tmp_path))
    bright = (truth.meteors.snr >= 7).to_numpy()
    for tables in both.values():
        assert list(tables) == list(tools.judge_one_step.CHUNK_THRESHOLDS)
        rows_of, _ = tools.judge_one_step.in_boxes(tables[0.5], truth)
        assert (rows_of > 0)[bright].mean() >= 0.8
        assert len(tables[0.99]) < len(tables[0.5])

    def widths(way):
        return (both[way][0.5].y_last - both[way][0.5].y_first + 1).to_numpy(float)

    assert widths("two_steps").min() == 8 and np.median(widths("two_steps_by_pixel")) < 4
    # every box around pixels lies in one around chunks, whose frames its own are
    chunks, pixels = (both[way][0.5].iloc[:, :6].to_numpy(float) for way in both)  # t_first, t_last, y_first, …
    inside = (pixels[:, None, 0::2] >= chunks[:, 0::2]) & (pixels[:, None, 1::2] <= chunks[:, 1::2])
    assert inside.all(axis=2).any(axis=1).mean() > 0.95  # two chunks that only touch may hold one run of pixels


def test_pixels_are_one_event_when_near_and_in_windows_that_share_frames(tools):
    hit = np.zeros((3, 10, 10), bool)
    hit[0, 2, 3] = hit[0, 4, 5] = hit[1, 4, 4] = True  # no more than two apart, the second window overlaps the first
    hit[1, 8, 8] = hit[2, 8, 8] = True  # the third begins where the second ends
    boxes = tools.judge_one_step.pixel_events(hit, np.array([0, 24, 72]), 48).iloc[:, :6].to_numpy().tolist()
    assert sorted(boxes) == [[0, 71, 2, 4, 3, 5], [24, 71, 8, 8, 8, 8], [72, 119, 8, 8, 8, 8]]
    assert not len(tools.judge_one_step.pixel_events(hit[:, :2], np.array([0, 24, 72]), 48))


def test_ratios_at_equal_recall_have_intervals_over_sessions(tools, monkeypatch):
    monkeypatch.setattr(tools.judge_one_step, "DRAWS", 40)

    def row(times):
        def points(most):
            shares = np.linspace(0.5, 1, 11)
            return [
                {"threshold": t, "recall": r, "recall_bright": r, "chance_bright": 0.0, "false_per_hour": most * r}
                for t, r in zip(np.linspace(1, 0.5, 11), shares, strict=True)
            ]

        return {"meteors": 10, "meteors_of_snr_5": 10, "one_step": points(100 * times), "two_steps": points(200)}

    given = argparse.Namespace(frames=20_000)
    asked = tools.judge_one_step.at_equal_recall
    same = asked([row(1), row(1)], "two_steps", "recall_bright", given)
    assert [one["recall"] for one in same] == [*tools.judge_one_step.RECALLS, 1.0]
    assert all(one["ratio"] == 0.5 and one["ratio_interval"] == [0.5, 0.5] for one in same)
    other = asked([row(1), row(3)], "two_steps", "recall_bright", given)
    assert all(one["ratio"] == 1 and one["ratio_interval"] == [0.5, 1.5] for one in other)


def test_false_alarms_are_read_off_between_thresholds_and_not_beyond(tools):
    at_recall = tools.judge_one_step.at_recall
    table = pd.DataFrame({"found": [0.9, 0.8, 0.5], "false_per_hour": [300.0, 100.0, 10.0]})
    assert at_recall(table, 0.85, "found") == pytest.approx(np.sqrt(100 * 300))  # halfway on a logarithmic axis
    assert at_recall(table, 0.8, "found") == pytest.approx(100)
    assert np.isnan(at_recall(table, 0.95, "found"))
    # where boxes grow together, more alarms may bring no more meteors: the fewest count
    folded = pd.DataFrame({"found": [0.9, 0.85, 0.9, 0.8], "false_per_hour": [500.0, 400.0, 300.0, 100.0]})
    assert at_recall(folded, 0.85, "found") == pytest.approx(np.sqrt(100 * 300))
    assert at_recall(folded, 0.9, "found") == pytest.approx(300)


def test_the_last_curves_of_two_steps_are_refused_before_any_work_when_made_otherwise(tools, tmp_path):
    given = argparse.Namespace(out=tmp_path, folds=None, seed=1, frames=20_000)
    last = {"seed": 1, "frames_per_session": 20_000, "sessions": [{"session": 5, "two_steps": []}]}
    (tmp_path / "one_step.json").write_text(json.dumps(last))  # of before meteors were moved
    with pytest.raises(SystemExit, match="give --folds"):
        tools.judge_one_step.judge_networks(5, given)


def test_a_false_row_is_named_after_the_light_it_lies_on(tools):
    frames, truth = minieuso.simulate_session(2000, 5, 4, sky=minieuso.SKIES["first"][12])
    own = argparse.Namespace(frames=frames, truth=truth)
    kinds = truth.confusers[truth.confusers.kind == "static flash"].query("0 <= y <= 47 and 0 <= x <= 47")
    rows = kinds.assign(t=kinds.t_peak + 0.5)[["t", "y", "x"]]
    rows = rows[~pipeline.matching.near(rows, truth.meteors).any(axis=1)]
    unrest = tools.judge_one_step.unrest_of(own)
    counts = tools.judge_one_step.count_kinds(tools.judge_one_step.kinds_of_false(rows, own, unrest))
    assert len(rows) > 2 and counts.get("static flash", 0) >= len(rows) - 1
    listed = tools.judge_one_step.wrong(own, rows.assign(t_peak=rows.t.astype(int), snr=7.0), unrest)
    assert len(listed) == len(rows) and sum(row["kind"] == "static flash" for row in listed) == counts["static flash"]


def test_a_lost_meteor_is_listed_with_the_stage_that_lost_it(tools):
    _, truth = minieuso.simulate_session(2000, 12, 5, sky=minieuso.SKIES["first"][6])
    bright = truth.meteors[truth.meteors.snr >= 5]
    assert len(bright) >= 3
    events, rows = bright.iloc[:2][["t_peak", "y", "x"]], bright.iloc[:1][["t_peak", "y", "x"]]
    matching = pipeline.match_events(rows, truth.meteors, 2000)
    stages = {"events": events, "second judge": rows}
    listed = tools.judge_one_step.lost(argparse.Namespace(truth=truth), stages, matching)
    assert [row["lost_by"] for row in listed] == ["second judge or rule"] + ["no event"] * (len(bright) - 2)
    assert [row["t_peak"] for row in listed] == bright.t_peak.iloc[1:].tolist()


def test_recall_is_read_where_enough_of_the_rows_are_right(tools):
    _, truth = minieuso.simulate_session(2000, 12, 5, sky=minieuso.SKIES["first"][6])
    bright = truth.meteors[truth.meteors.snr >= 5][["t_peak", "y", "x"]].iloc[:2]
    nowhere = pd.DataFrame({"t_peak": [0], "y": [0.0], "x": [0.0]})
    rows = pd.concat([bright, nowhere]).assign(flag="none", speed_px=0.3, speed_err_px=0.01, score=[0.9, 0.25, 0.26])
    rows, is_meteor = rows.reset_index(drop=True), np.array([True, True, False])
    judged = [(rows, pd.Series([0, 0, 0]), is_meteor, truth.meteors)]
    n_bright = int((truth.meteors.snr >= 5).sum())
    for worst, found in ((0.26, 1), (0.21, 2)):  # the false row before, or behind, the second meteor
        judged[0] = (rows.assign(score=[0.9, 0.25, worst]), *judged[0][1:])
        row = tools.judge_one_step.at_precision(judged, 2000)
        assert row["found"] == found and row["recall_at_precision_95"] == pytest.approx(found / n_bright, abs=1e-4)
    assert tools.judge_one_step.at_precision(judged, 2000, least=1.01)["found"] == 0
    expected = -np.log([0.9, 0.25, 1 - 0.21]).mean()
    assert tools.judge_one_step.log_loss(judged) == pytest.approx(expected, abs=1e-5)


def test_the_bound_of_a_meteors_own_motion_is_that_of_its_apparent_one_in_other_units(tools):
    covariance = np.zeros((9, 9))
    covariance[3:5, 3:5] = np.diag([0.01, 0.03]) ** 2  # vy, vx
    own = tools.judge_one_step.own_bounds(covariance, 0.0, 30.0)  # along x
    px = 30.0 * FRAME_S / METEOR_KM_PX
    assert own["own_speed_bound_percent"] == pytest.approx(100 * 0.03 / px)
    assert own["own_direction_bound_deg"] == pytest.approx(np.degrees(0.01 / px))
    assert tools.judge_one_step.median_at_bound(pd.Series([2.0] * 400)) == pytest.approx(2 * 0.6745, rel=0.01)


def test_an_event_of_a_crowded_sky_stands_for_those_left_out(tools):
    rng = np.random.default_rng(0)
    probability, on_meteor = pd.Series(rng.random(40_000) ** 3), rng.random(40_000) < 0.3
    weight = tools.train_one_step.thinned(probability, on_meteor, 1)
    sure, unlikely = on_meteor & (probability >= 0.5), ~on_meteor & (probability < 0.03)
    for part, stands_for in ((sure, 5), (unlikely, 4)):
        assert set(weight[part]) == {0, stands_for} and weight[part].mean() == pytest.approx(1, abs=0.1)
    assert (weight[~(sure | unlikely)] == 1).all()


def test_a_quiet_sky_has_meteors_and_no_confusers(tools):
    given = argparse.Namespace(seed=1, frames=600)
    _, truth = tools.explain_minieuso.sky(7, True, given)
    assert len(truth.confusers) == 0 and len(truth.meteors) == minieuso.SESSION_METEORS[7]


def test_lights_are_measured_with_the_errors_of_the_bound(tools):
    bound, rng = tools.bound_catalogue, np.random.default_rng(0)
    background = Background(minieuso.FIRST, minieuso.SKIES["first"][6], 400, np.random.default_rng(5))
    light = MovingLight(200.5, 20.0, 22.0, 0.2, 0.1, 0.4, 4.0, 5.0)
    rows = pd.DataFrame([bound.measured(light, background, rng) for _ in range(300)])
    assert rows.speed_px.std() == pytest.approx(rows.speed_err_px.median(), rel=0.15)
    assert rows.speed_px.mean() == pytest.approx(light.speed_px, abs=3 * rows.speed_px.std() / np.sqrt(300))
    assert bound.measured(replace(light, y=200.0), background, rng) is None
    steady = background.transients.take(np.flatnonzero(background.kinds == "slow point"))
    assert all(np.isfinite(own.rise) for _, own in bound.lights(steady))


def test_what_a_perfect_fit_would_reach_is_counted_over_all_bright_meteors(tools):
    table = pd.DataFrame({"snr": [9.0, 6.0, 4.5, np.nan, np.nan]})
    rows = tools.bound_catalogue.reached(table, np.array([0.9, 0.3, 0.9, 0.9, 0.1]), 4)
    half = next(row for row in rows if row["threshold"] == 0.5)
    assert half["recall_bright"] == 0.25 and half["precision"] == pytest.approx(2 / 3, abs=1e-4)
    assert rows[0]["recall_bright"] == 0.5 and rows[0]["precision"] == pytest.approx(3 / 5)


def test_a_search_of_the_real_films_is_counted(tools):
    kinds = ["meteor", "satellite", "meteor", "meteor", "meteor"]
    table = pd.DataFrame({"kind": kinds, "found": [True, False, False, True, False], "n_other": [1, 2, 0, 4, 8]})
    assert tools.draw_real_films.counts(table) == {
        "ff_found": 1,
        "ff": 2,
        "satellites_reported": 0,
        "satellites": 1,
        "film_found": 1,
        "film_found_binned_3": 0,
        "rows_elsewhere": 7,
    }
    draws = json.loads(WEIGHTS.joinpath("real_films.json").read_text())["draws"]
    assert [row["draw"] for row in draws] == list(range(1, len(draws) + 1)) and len(draws) >= 5
    assert all((row["ff"], row["satellites"]) == (10, 2) for row in draws)


@pytest.fixture
def little(tools, tmp_path, monkeypatch):
    """The tool with three short sessions and one more sky of each kind."""
    train = tools.train_one_step
    monkeypatch.setattr(train, "ROUNDS", ((1, 3e-3), (1, 2e-3)))
    monkeypatch.setattr(train, "PAIRS", {5: (5, 6), 7: (7,)})
    monkeypatch.setattr(train, "EXTRAS", {"networks": (2,), "judges": (1,), "crowded": ()})
    monkeypatch.setattr(train, "EXTRA_METEORS", {"networks": 10, "judges": 5})
    monkeypatch.setattr(train.minieuso, "SESSION_METEORS", {5: 6, 6: 6, 7: 8})
    return argparse.Namespace(train=train, given=argparse.Namespace(work=tmp_path, seed=1, frames=400))


def test_one_round_of_training_from_end_to_end(little):
    train, given = little.train, little.given
    first = train.train(5, given)
    kept = {path.name for path in given.work.glob("*.*")}
    assert {"one_step_5.safetensors", "steps_7.npz", "steps_207.npz"} <= kept
    assert not kept & {"steps_5.npz", "steps_6.npz", "steps_205.npz", "steps_107.npz"}  # not even drawn
    again = train.train(5, given)  # found again, not trained again
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), again.get_weights(), strict=True))


def test_another_sky_is_kept_with_its_truth(little):
    train, given = little.train, little.given
    own, again = train.kept_sky(107, given), train.kept_sky(107, given)
    assert len(own.truth.meteors) == 5 and len(train.kept_sky(207, given).truth.meteors) == 10
    assert np.array_equal(own.frames, again.frames) and own.truth.meteors.equals(again.truth.meteors)
    assert own.sky == minieuso.SKIES["first"][7]
    brightest = own.truth.voxels.nlargest(1, "snr").iloc[0]
    t, y, x = (int(brightest[axis]) for axis in "tyx")
    about = own.frames[max(t - 20, 0) : t + 20, y, x]
    assert abs(about.argmax() - min(t, 20)) <= 3


def test_a_folder_of_another_recipe_is_refused(little):
    train, given, path = little.train, little.given, little.given.work / "recipe.json"
    train.check_recipe(path, train.recipe_of(given))
    train.check_recipe(path, train.recipe_of(given))
    with pytest.raises(SystemExit, match="seed"):
        other = argparse.Namespace(**vars(given) | {"seed": 2})
        train.check_recipe(path, train.recipe_of(other))


def test_rows_and_features_survive_the_file(little, monkeypatch):
    train, given = little.train, little.given
    rng = np.random.default_rng(0)
    names, second = train.FEATURES, train.finding.SECOND_FEATURES
    table = pd.DataFrame({"t_peak": [3, 5], "flag": ["none", "flash"], "speed_err_px": [np.inf, 0.1]})
    features = pd.DataFrame(rng.standard_normal((2, len(second))), columns=list(second)).astype(float)
    features.iloc[0, 3], features.iloc[1, 4] = np.inf, np.nan
    lit = pd.Series([True, False], name="on_meteor")
    train.keep(pd.concat([table.add_prefix("row_"), features, lit], axis=1), given.work / "tracks_7.csv")
    rows, kept, on_meteor = train.tracks(7, given)
    pd.testing.assert_frame_equal(rows, table)
    pd.testing.assert_frame_equal(kept, features)
    assert on_meteor.tolist() == [True, False] and set(names) < set(kept)


def test_tracks_of_a_crowded_sky_are_fitted_to_a_share_of_the_events(little, monkeypatch):
    train, given = little.train, little.given
    skies = {"networks": (2,), "judges": (1,), "tracks": (), "tracks, blind": (), "crowded": (10,)}
    monkeypatch.setattr(train, "EXTRAS", skies)
    monkeypatch.setattr(train, "EXTRA_METEORS", {"networks": 10, "judges": 5, "crowded": 15})
    network = load_weights(pipeline.build_one_step(), Path(str(WEIGHTS)) / "one_step.safetensors")
    monkeypatch.setattr(train, "train", lambda *_: network)
    unsure = argparse.Namespace(probability=lambda table: expit(table.score.to_numpy() - 4.0))
    monkeypatch.setattr(train, "judges", lambda *_: unsure)
    events, _, _ = train.candidates(1007, given)
    rows, features, on_meteor = train.tracks(1007, given)
    assert tuple(features) == train.finding.SECOND_FEATURES and len(rows) == len(features) < len(events)
    assert on_meteor.any() and not on_meteor.all()
    once = 5 / 15  # a meteor of a sky with three times as many
    assert set(rows.weight[on_meteor].round(6)) <= {round(k * once, 6) for k in (1, 4, 5)}
    assert set(rows.weight[~on_meteor]) <= {1.0, 4.0, 5.0} and (rows.weight == 4).any()
    assert not (given.work / "sky_1007.npy").exists()  # large, and needed no more
    again, _, _ = train.tracks(1007, given)
    pd.testing.assert_frame_equal(again, rows)


def test_more_skies_add_up():
    other = json.loads(WEIGHTS.joinpath("catalogue.json").read_text())["other_skies"]
    kinds = pd.DataFrame(other["kinds"]).set_index("kind")
    assert list(kinds.index) == list(minieuso.SESSION_METEORS) and other["skies"] % len(kinds) == 0
    for key in ("meteors_of_snr_5", "found_of_snr_5", "found", "false"):
        assert kinds[key].sum() == other[key]
    share = kinds.found_of_snr_5 / kinds.meteors_of_snr_5
    assert other["recall_bright"] == round(other["found_of_snr_5"] / other["meteors_of_snr_5"], 4)
    assert share.min() < other["recall_bright_at_the_mix"] < share.max()
    assert sum(other["lost_by"].values()) == other["meteors_of_snr_5"] - other["found_of_snr_5"]


def test_what_was_measured_of_the_fault_hangs_together():
    why = json.loads(WEIGHTS.joinpath("minieuso_why.json").read_text())
    assert why["test"] not in why["learn"]
    by_share = [row["n_chunks"] for row in why["learning"]]
    assert by_share == sorted(by_share)
    tried = {(row["bells"], row["evenly"]) for row in why["recipes"]}
    assert tried == {(False, False), (True, True), (False, True)}  # one change, the other, and both
    assert {row["meteors"] for row in (*why["recipes"], why["without_hard"])} == {minieuso.SESSION_METEORS[why["test"]]}
    assert why["learning"][-1]["roc_auc"] == next(r["roc_auc"] for r in why["scalings"] if r["scaling"] == "pixel")
    folds = json.loads(WEIGHTS.joinpath("minieuso.json").read_text())["folds"]
    for row, fold in zip(why["cut_off"], folds, strict=True):
        assert row["inside"]["n"] + row["cut_off"]["n"] == fold["n_meteor_chunks"]
    clear = sum(fold["n_meteor_chunks"] + fold["n_other_chunks"] for fold in folds)
    assert sum(row["n"] for row in why["calibration"]) == clear
