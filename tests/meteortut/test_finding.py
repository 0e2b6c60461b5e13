"""From frames to a catalogue: what is measured of an event, how it is judged, and the whole of it on a short sky."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from meteortut import pipeline
from meteortut.focal import GROUND_DRIFT_PX, from_focal
from meteortut.pipeline import finding
from meteortut.pipeline import judge as judging
from meteortut.pipeline.ecsv import COLUMNS
from meteortut.pipeline.event_features import FEATURES, event_features
from meteortut.pipeline.judge import fit_judge, load_judge, save_judge
from meteortut.pipeline.track_model import MovingLight, render
from meteortut.simulate import minieuso

WEIGHTS = files("meteortut").joinpath("weights")
ROWS = np.arange(48)


def sky(*lights: MovingLight, n_frames: int = 300) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal((n_frames, 48, 48)) / 128
    return (1 + noise + sum(render(light, 0, n_frames, ROWS, ROWS) for light in lights)).astype(np.float32)


def events(*places: tuple[float, int, int]) -> pd.DataFrame:
    rows = [(t - 6, t + 5, y - 1, y + 1, x - 1, x + 1, t, y, x, 9, 3.0, 20.0) for t, y, x in places]
    return pd.DataFrame(
        rows, columns=[*"t_first t_last y_first y_last x_first x_last t y x n_voxels score sum_score".split()]
    )


# --- features ---------------------------------------------------------------------------------------------------------


def test_a_light_is_measured_for_what_it_is():
    drift = GROUND_DRIFT_PX * np.array([np.sin(0.5), np.cos(0.5)])
    frames = sky(
        MovingLight(100.5, 12.0, 12.0, 0.0, 0.2, 0.5, 4, 4),  # moves along a row
        MovingLight(180.5, 30.0, 30.0, *drift, 0.5, 4, 4),  # moves with the ground
        MovingLight(240.5, 40.0, 12.0, 0.0, 0.0, 40.0, 1, 1, 4.0),  # a wide flash
    )
    found = event_features(frames, events((100, 12, 11), (180, 28, 28), (240, 37, 11), (60, 30, 8)))
    meteor, city, flash, nothing = found.itertuples(index=False)
    # moments of what stands out of the noise fall short of the true speed
    assert 0.13 < meteor.speed < 0.21 and meteor.off_ground > 0.1
    assert city.off_ground < 0.02 and meteor.width < meteor.length and flash.width > 1.5 * meteor.width
    assert meteor.duration == pytest.approx(4, abs=1)
    assert flash.ring > 10 > 3 > meteor.ring and flash.ring_share > 0.5 > meteor.ring_share
    assert nothing.peak < 5 < 15 < meteor.peak and nothing.n_hit == 0 and meteor.n_hit >= 3
    assert meteor.unrest < 1.5
    assert list(found) == list(FEATURES) and np.isfinite(found.to_numpy()).all()


def test_other_events_are_counted():
    frames = sky(n_frames=4000)
    found = event_features(frames, events((100, 12, 12), (102, 40, 40), (1500, 12, 13), (140, 16, 16), (3700, 12, 12)))
    assert found.same_pixel.tolist() == [1, 0, 2, 0, 1]
    assert found.at_once.tolist() == [1, 1, 0, 0, 0]
    assert found.close.tolist() == [1, 0, 0, 1, 0]
    assert found.edge.tolist() == [12, 7, 12, 16, 12]


def test_what_flares_along_a_slow_line_is_a_trail():
    # straight on the focal surface, past two gaps between tubes: in array pixels it stops there
    creeping = [(100 + 40 * k, 10, round(float(from_focal(11.0 + 3 * k)))) for k in range(6)]
    alone, quick = (120, 30, 45), [(300, 40, 20), (320, 40, 26)]
    found = event_features(sky(n_frames=500), events(*creeping, alone, *quick))
    assert found.trail.tolist() == [5] * 6 + [0, 0, 0]
    apart = [(100 + 40 * k, 10, 10 + 2 * k + 8 * (k % 2)) for k in range(6)]  # two lines side by side
    assert event_features(sky(n_frames=500), events(*apart), gap=0.0).trail.tolist() == [2] * 6
    assert event_features(sky(), events((100, 9, 9), (105, 9, 9))).trail.tolist() == [0, 0]  # of the same flash
    late = event_features(sky(n_frames=700), events((100, 9, 9), (350, 9, 9), (601, 9, 9)))
    assert late.trail.tolist() == [1, 1, 0]  # 250 frames away, and 251


def test_edges_of_the_stream_and_of_the_focal_surface_do_not_matter():
    frames = sky(MovingLight(3.5, 0.0, 47.0, 0.1, -0.1, 0.5, 4, 4))
    found = event_features(frames, events((2, 0, 42), (298, 47, 0)))
    assert np.isfinite(found.to_numpy()).all() and found.peak[0] > 10 > found.peak[1]


def test_features_refuse_what_is_no_table_of_events():
    with pytest.raises(ValueError, match=r"lacks the columns \['sum_score'\]"):
        event_features(sky(), events((100, 3, 3)).drop(columns="sum_score"))
    with pytest.raises(ValueError, match="65"):
        event_features(sky(n_frames=60), events((30, 3, 3)))
    with pytest.raises(ValueError, match="inside the stream"):
        event_features(sky(), events((100, 3, 300)))
    broken = sky()
    broken[90, 4, 4] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        event_features(broken, events((100, 3, 3)))


# --- judges -----------------------------------------------------------------------------------------------------------


def test_a_judge_learns_a_curved_border_and_survives_the_file(tmp_path):
    rng = np.random.default_rng(1)
    values = rng.standard_normal((3000, 4)) * [1, 1, 1e3, 1]
    labels = values[:, 0] ** 2 + values[:, 1] ** 2 < 1
    table = pd.DataFrame(values, columns=list("abcd"))
    judge = fit_judge(table[:2000], labels[:2000], 1)
    right = (judge.probability(table[2000:]) >= 0.5) == labels[2000:]
    assert right.mean() > 0.93
    save_judge(judge, tmp_path / "judge.safetensors")
    kept = load_judge(tmp_path / "judge.safetensors", "abcd")
    assert np.array_equal(kept.probability(table[list("dacb")]), judge.probability(table))  # by name, not by place
    strange = pd.DataFrame([[np.inf, -np.inf, np.nan, 0.0]], columns=list("abcd"))
    assert 0 <= kept.probability(strange)[0] <= 1
    with pytest.raises(ValueError, match=r"what differs: \['e'\]"):
        load_judge(tmp_path / "judge.safetensors", "abcde")
    with pytest.raises(ValueError, match="what differs: the order"):
        load_judge(tmp_path / "judge.safetensors", "abdc")
    with pytest.raises(ValueError, match=r"lacks the features \['d'\]"):
        kept.probability(table[list("abc")])


def test_a_judge_says_what_the_trees_it_was_copied_from_say(tmp_path):
    rng = np.random.default_rng(2)
    values = rng.standard_normal((3000, 6))
    values[rng.random(values.shape) < 0.1] = np.nan
    values[::50, 2] = np.inf
    values[:, 4] = np.round(values[:, 4])  # numbers that are thresholds, too
    values[:, 5] = np.isnan(values[:, 1])
    labels = np.nan_to_num(values[:, 0]) ** 2 + np.nan_to_num(values[:, 4]) + np.isnan(values[:, 3]) > 1
    table = pd.DataFrame(values, columns=list("abcdef")).astype({"f": bool})
    given = np.clip(values, -judging.MOST, judging.MOST).astype(np.float32)
    members = [
        HistGradientBoostingClassifier(
            learning_rate=judging.RATE,
            max_iter=40,
            max_leaf_nodes=31,
            min_samples_leaf=200,  # so that some trees stay small
            l2_regularization=judging.PENALTY,
            max_features=judging.SHARE,
            early_stopping=False,
            random_state=seed,
        ).fit(given, labels)
        for seed in range(7, 7 + judging.MEMBERS)
    ]
    expected = np.mean([member.predict_proba(given)[:, 1] for member in members], axis=0)
    judge = fit_judge(table, labels, 7, 40, 200, 31)
    assert judge.probability(table) == pytest.approx(expected, abs=1e-6)
    assert (judge.threshold == 2 * judging.MOST).any()  # some nodes ask only whether a number is known
    assert len(judge.probability(table[:0])) == 0
    save_judge(judge, tmp_path / "judge.safetensors")
    kept = load_judge(tmp_path / "judge.safetensors", "abcdef")
    assert np.array_equal(kept.probability(table), judge.probability(table))


def test_neighbouring_numbers_are_kept_apart():
    for low in (1.0, 3.0000002, -5.0000005):  # half-way between them rounds to the one or the other
        pair = np.float32(low), np.nextafter(np.float32(low), np.float32(np.inf))
        table = pd.DataFrame({"a": np.repeat(np.array(pair, float), 100)})
        below, above = fit_judge(table, np.arange(200) > 99, 1).probability(table)[[0, -1]]
        assert below < 0.1 and above > 0.9


def test_too_few_events_and_what_is_never_known_give_the_share_of_meteors():
    table = pd.DataFrame({"a": np.arange(30.0), "never": np.nan})
    assert fit_judge(table, np.arange(30) % 3 == 0, 1).probability(table) == pytest.approx(1 / 3, abs=1e-6)


def test_not_to_be_known_tells_something_too():
    rng = np.random.default_rng(2)
    values, labels = rng.standard_normal((2000, 2)), rng.random(2000) < 0.5
    values[labels & (rng.random(2000) < 0.8), 0] = np.nan
    judge = fit_judge(pd.DataFrame(values, columns=["0", "1"]), labels, 1)
    unknown, known = judge.probability(pd.DataFrame([[np.nan, 0.0], [0.0, 0.0]], columns=["0", "1"]))
    assert unknown > 0.9 > 0.4 > known


def test_a_file_that_is_no_judge_is_refused(tmp_path):
    path, table = tmp_path / "judge.safetensors", pd.DataFrame(np.arange(200.0)[:, None] * [1, -1], columns=["a", "b"])
    judge = fit_judge(table, np.arange(200) > 99, 1, 3)
    # the third node leads beyond the last, or back to the second, for ever
    for name, worth in (("feature", 2), ("low", 250), ("high", 1), ("value", np.nan)):
        broken = getattr(judge, name).copy()
        broken[0, 1, 2] = worth
        save_judge(replace(judge, **{name: broken}), path)
        with pytest.raises(ValueError, match="not finite, or asks for nodes or features"):
            load_judge(path, ["a", "b"])
    save_judge(replace(judge, feature=judge.feature.astype(np.float32) - 1), path)
    with pytest.raises(ValueError, match="features that it has not"):
        load_judge(path, ["a", "b"])
    nobody = {name: getattr(judge, name)[:0] for name in ("start", *judging.NODES)}
    for broken in ({"threshold": judge.threshold[:, :2]}, nobody):
        save_judge(replace(judge, **broken), path)
        with pytest.raises(ValueError, match=r"expected a start and trees of one shape. Train it anew."):
            load_judge(path, ["a", "b"])
    path.write_text("trees")
    with pytest.raises(ValueError, match="is not safetensors"):
        load_judge(path, ["a", "b"])


def test_an_event_may_stand_for_many():
    rng = np.random.default_rng(3)
    values = rng.random(4000)
    labels, weight = rng.random(4000) < values, np.ones(4000)
    weight[labels] = 9.0  # odds nine times as high
    judge = fit_judge(pd.DataFrame({"a": values}), labels, 1, 40, 200, weight=weight)
    at = pd.DataFrame({"a": np.linspace(0.05, 0.95, 19)})
    odds = 9 * at.a / (1 - at.a)
    off, off_without = (np.abs(judge.probability(at) - own).mean() for own in (odds / (1 + odds), at.a))
    assert off < 0.06 < 0.2 < off_without
    for wrong, why in (
        *((weight[1:], "one per event"), (-weight, "all above 0"), (0 * weight, "all above 0")),
        *((np.nan * weight, "all above 0"), (np.inf * weight, "all above 0")),
    ):
        with pytest.raises(ValueError, match=why):
            fit_judge(pd.DataFrame({"a": values}), labels, 1, weight=wrong)


def test_a_judge_needs_both_kinds():
    with pytest.raises(ValueError, match="all labels are the same"):
        fit_judge(pd.DataFrame(np.zeros((5, 2)), columns=["a", "b"]), np.ones(5, bool), 1)
    with pytest.raises(ValueError, match="do not fit together"):
        fit_judge(pd.DataFrame(np.zeros((5, 2)), columns=["a", "b"]), np.ones(4, bool), 1)
    with pytest.raises(ValueError, match="expected 2 to 128"):
        fit_judge(pd.DataFrame({"a": np.arange(5.0)}), np.arange(5) > 2, 1, leaves=129)
    with pytest.raises(ValueError, match="no columns"):
        fit_judge(pd.DataFrame(index=range(5)), np.arange(5) > 2, 1)


@pytest.mark.parametrize("columns", [[0, 1], ["a", "a"], ["a", "b c"], ["a", ""]])
def test_a_judge_needs_names(columns):
    with pytest.raises(ValueError, match="each a text without blanks"):
        fit_judge(pd.DataFrame(np.zeros((5, 2)), columns=columns), np.arange(5) > 2, 1)
    with pytest.raises(ValueError, match="ndarray; expected a DataFrame"):
        fit_judge(np.zeros((5, 2)), np.arange(5) > 2, 1)


# --- the whole --------------------------------------------------------------------------------------------------------


def test_two_meteors_that_come_near_each_other_stay_two():
    scores = np.full((20, 20, 20), -9.0, np.float32)
    scores[4:12, 10, 4:12] = np.array([2, 5, 4, 1.5, 1.5, 4, 6, 2])[:, None] - 6.0 * ~np.eye(8, dtype=bool)
    found = pipeline.voxel_events([scores], 0)
    assert len(found) == 2 and sorted(found.score) == [5, 6]
    for pass_, n_events in ((3.8, 2), (4.2, 1)):  # the way between them leads down by 1.2, and by 0.8
        scores[8, 10, 8] = scores[7, 10, 7] = pass_
        assert len(pipeline.voxel_events([scores], 0)) == n_events


def test_meteors_are_found_once_each_with_their_motion():
    frames, truth = minieuso.simulate_session(3000, 40, 77, sky=minieuso.SKIES["first"][12])
    found = pipeline.find_meteors(frames, yaw_deg=minieuso.SKIES["first"][12].yaw_deg)
    matching = pipeline.match_events(found, truth.meteors, len(frames))
    assert matching.recall_bright > 0.85 and matching.precision > 0.85 and matching.rows_per_meteor < 1.1
    blind = pipeline.match_events(pipeline.find_meteors(frames), truth.meteors, len(frames))
    assert blind.recall_bright > 0.8 and blind.precision > 0.7
    assert list(found) == list(COLUMNS) and (found.score >= finding.THRESHOLD).all()
    both = truth.meteors.iloc[matching.meteor]
    slow = np.abs(found.speed_px.to_numpy()[matching.found] - both.speed_px.to_numpy())
    assert np.median(slow) < 0.03


def test_neither_flashes_nor_trails_are_reported_however_sure_the_judge_is():
    flags = ["none", "flash", "none", "faint", "none"]
    judged = pd.DataFrame({"score": [0.9, 0.9, 0.4, 0.5, 0.9], "flag": flags, "speed_px": 0.09, "speed_err_px": 0.01})
    trail = pd.Series([finding.LONG_TRAIL - 1, 0, 0, 0, finding.LONG_TRAIL])
    assert finding.reported(judged, trail, 0.5).index.tolist() == [0, 3]
    for speed, error, kept in ((0.3, 0.03, [0, 3, 4]), (0.3, 0.05, [0, 3]), (0.3, np.inf, [0, 3])):
        own = judged.assign(speed_px=speed, speed_err_px=error)  # surely faster than what creeps, or perhaps
        assert finding.reported(own, trail, 0.5).index.tolist() == kept


def test_a_row_is_judged_by_the_clearest_event_on_its_light():
    # a light that crosses a gap between tubes; the events are seen along it, but for the last three
    events = pd.DataFrame(
        [(100, 20, 5.0), (110, 20, 9.0), (118, 20, 12.0), (110, 24, 9.0), (140, 20, 20.0), (109, 20, 9.0)],
        columns=["t", "y", "x"],
    )
    row = {"t_first": 95, "t_peak": 100, "t_last": 118, "y": 20.0, "x": 5.2, "vy": 0.0, "vx": 0.44, "flag": "none"}
    own = {"t_first": 108, "t_peak": 109, "t_last": 110, "y": 20.0, "x": 9.0, "vy": 0.0, "vx": 0.0, "flag": "none"}
    table = pd.DataFrame([row | {"event": 0}, own | {"event": 5}])
    probability = np.array([0.1, 0.3, 0.2, 0.9, 0.9, 0.8])
    assert finding.events_of_rows(table, events, probability, 1.0).tolist() == [1, 5]  # 5 has a row of its own
    assert finding.events_of_rows(table, events, probability[::-1], 1.0)[0] == 1
    assert finding.events_of_rows(table.assign(flag="failed"), events, probability, 1.0).tolist() == [0, 5]
    assert finding.events_of_rows(table[:0], events, probability, 1.0).tolist() == []


def test_a_sky_with_nothing_gives_an_empty_table():
    found = pipeline.find_meteors(sky(n_frames=120))
    assert len(found) == 0 and list(found) == list(COLUMNS)


def test_a_file_that_ends_within_a_step_is_searched_like_an_array(tmp_path):
    frames = sky(MovingLight(196.5, 20.0, 20.0, 0.1, 0.25, 0.5, 4, 4), n_frames=203)
    np.save(tmp_path / "stream.npy", frames)
    there = pipeline.find_meteors(np.load(tmp_path / "stream.npy", mmap_mode="r"))
    assert len(there) == 1 and abs(there.t_peak[0] - 196) <= 1
    pd.testing.assert_frame_equal(there, pipeline.find_meteors(frames))


def test_bad_input_is_refused_before_any_work(monkeypatch, tmp_path):
    frames = sky(n_frames=120)
    with pytest.raises(ValueError, match="even"):
        pipeline.find_meteors(frames[:, :47])
    monkeypatch.setattr(finding, "apply_one_step", lambda *_: pytest.fail("work was done"))
    with pytest.raises(ValueError, match="yaw_deg is nan"):
        pipeline.find_meteors(frames, yaw_deg=np.nan)
    with pytest.raises(ValueError, match="gap is -1"):
        pipeline.find_meteors(frames, gap=-1)
    with pytest.raises(ValueError, match="65"):
        pipeline.find_meteors(frames[:50])
    with pytest.raises(ValueError, match="16384"):
        pipeline.find_meteors((frames * 16384).astype(int))
    broken = frames.copy()
    broken[100, 3, 3] = np.inf
    with pytest.raises(ValueError, match="NaN or infinite"):
        pipeline.find_meteors(broken)
    with pytest.raises(ValueError, match=r"type list; expected an array of floats"):
        pipeline.find_meteors(frames.tolist())
    with pytest.raises(ValueError, match=r"flat has shape \(48, 47\)"):
        pipeline.find_meteors(frames, flat=np.ones((48, 47)))
    np.save(tmp_path / "frames.npy", frames)
    mapped = np.load(tmp_path / "frames.npy", mmap_mode="r")
    with open(tmp_path / "frames.npy", "r+b") as file:
        file.truncate(frames.nbytes // 2)
    with pytest.raises(ValueError, match="cut short"):
        pipeline.find_meteors(mapped)


# --- what was committed -----------------------------------------------------------------------------------------------


def test_the_committed_numbers_hang_together():
    one, rows = (json.loads(WEIGHTS.joinpath(f"{name}.json").read_text()) for name in ("one_step", "catalogue"))
    assert [row["session"] for row in one["sessions"]] == list(minieuso.SESSION_METEORS)
    summary = one["summary"]
    assert summary["meteors"]["of"] == sum(minieuso.SESSION_METEORS.values())
    assert summary["meteors"]["lost"] == sum(row["meteors_lost"] for row in one["sessions"])
    assert summary["pr_auc"] == pytest.approx(np.mean([row["pr_auc"] for row in one["sessions"]]), abs=1e-4)
    for which in ("one_step", "two_steps", "two_steps_by_pixel"):
        table = pd.DataFrame(summary[which])
        assert table.false_per_hour.is_monotonic_decreasing
        assert table.chance_bright.between(0, 1).all()
        assert (table.recall_beyond_chance <= table.recall_bright).all()
    for way, compared in summary["at_equal_recall"].items():
        usual = pd.DataFrame(summary[way]).set_index("threshold").loc[0.5]
        for recall, rows_of in compared.items():
            assert rows_of[-1]["recall"] == pytest.approx(usual[recall])  # where two steps have their threshold
            assert rows_of[-1]["two_steps"] == pytest.approx(usual.false_per_hour, abs=0.06)
            for row in rows_of:
                assert row["ratio"] == pytest.approx(row["one_step"] / row["two_steps"], rel=0.01)
                assert row["ratio_interval"][0] <= row["ratio"] <= row["ratio_interval"][1]
    assert summary["operations"]["one_step"] == pipeline.operations()
    total = rows["summary"]["all"]
    assert total["n_rows"] == sum(row["n_rows"] for row in rows["sessions"])
    assert total["precision"] == pytest.approx(total["found"] / total["n_rows"], abs=1e-4)
    assert rows["threshold"] == finding.THRESHOLD and rows["floor"] == finding.FLOOR
    assert rows["worth_a_fit"] == finding.WORTH_A_FIT
    alike = rows["summary"]["near_ground"]
    assert alike["found_within"] + alike["found_others"] == total["found_of_snr_5"]
    assert alike["of"] == sum(row["meteors_of_snr_5"] for row in rows["sessions"])
    for row in rows["sessions"]:
        assert len(row["lost"]) == row["meteors_of_snr_5"] - row["found_of_snr_5"] and len(row["wrong"]) == row["false"]
    learning = pd.DataFrame(rows["learning"])
    assert learning.rows_per_judge.is_monotonic_increasing and (learning.of == alike["of"]).all()
    price = pd.DataFrame(rows["summary"]["price"])
    enough = price[price.precision >= 0.95].found_of_snr_5.max()
    assert learning.found.iloc[-1] == enough  # the same judges, the same thresholds
    assert rows["second_world"]["n_rows"] == sum(row["n_rows"] for row in rows["second_world"]["sessions"])
    assert price.found_of_snr_5.is_monotonic_decreasing and price["false"].is_monotonic_decreasing
