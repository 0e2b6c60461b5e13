"""Naming of anomalies: tests of significance, clustering, context, classifier, learning curves, kinds never labelled."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meteortut.previewer import TABLE_1
from meteortut.previewer.backdrop import backdrop_features, clear_frames
from meteortut.previewer.classifier import KINDS, Classifier
from meteortut.previewer.clustering import ELEVEN, PUBLISHED, cluster_outliers, isolation_outliers, knee, standardise
from meteortut.previewer.context import ALONE, describe
from meteortut.previewer.evaluation import score_kinds
from meteortut.previewer.features import iter_measurements, tabulate
from meteortut.previewer.field import Scene
from meteortut.previewer.learning_curve import labels_needed, learning_curve
from meteortut.previewer.novelty import learn_normal
from meteortut.previewer.significance import published_table_1, welch_table
from meteortut.previewer.training import PENALTY, best_threshold, fit, out_of_fold, train
from meteortut.simulate.scmos import data_sets


@pytest.fixture(scope="module")
def world():
    """Features, truth and data sets of a small first world."""
    features, truth = [], []
    for one in data_sets(3, n_sets=6, n_frames=30, shape=(128, 128)):
        features.append(tabulate(iter_measurements(one.frames)).assign(dataset=one.name))
        truth.append(one.truth)
    return pd.concat(features, ignore_index=True), pd.concat(truth, ignore_index=True)


@pytest.fixture(scope="module")
def described(world):
    return describe(world[0], world[0].dataset)


def flags(**columns: list[bool]) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    return pd.DataFrame({kind: columns.get(kind, [False] * n) for kind in KINDS})


# --- scores --------------------------------------------------------------------------------------------------------------


def test_scores_are_scikit_learns():
    from sklearn.metrics import precision_recall_fscore_support

    rng = np.random.default_rng(0)
    true, given_ = (pd.DataFrame(rng.random((90, 4)) < 0.3, columns=list(KINDS)) for _ in range(2))
    table = score_kinds(true, given_, np.repeat(range(9), 10), 0, n_boot=50)
    expected = precision_recall_fscore_support(true, given_, zero_division=0)
    np.testing.assert_allclose(table.loc[list(KINDS), ["precision", "recall", "f1"]].T, expected[:3])
    macro = precision_recall_fscore_support(true.any(axis=1), given_.any(axis=1), average="macro")
    np.testing.assert_allclose(table.loc["macro", ["precision", "recall", "f1"]].astype(float), macro[:3])
    assert (table.low <= table.f1).all() and (table.f1 <= table.high).all()


def test_an_interval_that_draws_data_sets_is_wider_than_one_that_draws_frames():
    true = flags(cloud=[True] * 100 + [False] * 100)
    found = flags(cloud=([True] * 20 + [False] * 20) * 5)  # whole data sets right or wrong
    wide = score_kinds(true, found, np.repeat(range(10), 20), 0).loc["cloud"]
    narrow = score_kinds(true, found, range(200), 0).loc["cloud"]
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_one_flag_is_compared_with_every_kind():
    true = flags(slew=[True, False, False], cloud=[False, True, False])
    table = score_kinds(true, np.array([True, True, False]), [1, 1, 2], 0)
    assert table.f1["any"] == 1
    assert table.f1["slew"] == pytest.approx(2 / 3)


def test_scores_refuse_other_lengths_and_numbers_for_flags():
    true = flags(slew=[True, False])
    with pytest.raises(ValueError, match="expected the same number"):
        score_kinds(true, true, [1], 0)
    with pytest.raises(ValueError, match="expected \\(n_frames,\\) bool"):
        score_kinds(true, np.array([0.5, 0.1]), [1, 2], 0)
    with pytest.raises(ValueError, match="lacks \\['cloud'\\]"):
        score_kinds(true.drop(columns="cloud"), true, [1, 2], 0)


# --- Table 1 -------------------------------------------------------------------------------------------------------------


def test_the_reports_table_says_what_the_report_says():
    table = published_table_1()
    assert len(table) == 75
    assert set(table.feature) == set(TABLE_1)
    counted = (table.p < 0.05).groupby(table.kind).sum()  # with 0.05 printed as "5.E-02" left out but for the slew's
    assert [counted[kind] for kind in ("trajectory", "cloud", "obstruction")] == [8, 13, 14]
    assert (table.p[table.kind == "slew"] <= 0.05).sum() == 9


def test_welch_agrees_with_its_formula_and_data_sets_are_fewer_than_frames():
    rng = np.random.default_rng(1)
    names = np.repeat(range(12), 25)
    truth = flags(cloud=(names < 5).tolist())
    features = pd.DataFrame(rng.normal(size=(300, 15)), columns=list(TABLE_1))
    features["var_sobel"] += rng.normal(size=12)[names]  # data sets differ, and the clouds come in five of them
    features["mean_masked"] -= 3.0 * truth.cloud
    table = welch_table(features, truth, names, 0).set_index(["feature", "kind"])
    x, y = (features.mean_masked[part] for part in (~truth.cloud, truth.cloud))
    expected = (x.mean() - y.mean()) / np.sqrt(x.var() / len(x) + y.var() / len(y))
    assert table.t["mean_masked", "cloud"] == pytest.approx(expected)
    assert table.differs["mean_masked", "cloud"] and table.p_adjusted["mean_masked", "cloud"] < 1e-6
    apart = table.loc[("var_sobel", "cloud")]
    assert abs(apart.t_datasets) < abs(apart.t) / 2  # 300 frames are 12 data sets
    assert np.isnan(table.t["mean_masked", "slew"])
    known = table.p.dropna()
    assert (table.p_adjusted[known.index] >= known).all()


def test_welch_refuses_what_does_not_fit():
    features = pd.DataFrame(np.zeros((2, 15)), columns=list(TABLE_1))
    with pytest.raises(ValueError, match="expected the same number"):
        welch_table(features, flags(cloud=[True, False]), [1], 0)


# --- clustering ----------------------------------------------------------------------------------------------------------


def test_eleven_features_of_the_reports_fifteen():
    assert len(ELEVEN) == 11
    assert set(ELEVEN) < set(TABLE_1)
    row = PUBLISHED[PUBLISHED.method == "Isolation Forest"].iloc[0]
    of_one_class = 2 * row.precision * row.recall / (row.precision + row.recall)
    assert of_one_class == pytest.approx(0.55)
    assert row.f1 < of_one_class  # the report's figures do not fit together


@given(st.floats(0.5, 50), st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_the_knee_scales_with_the_distances(factor, seed):
    distances = np.random.default_rng(seed).pareto(2, 200)
    assert knee(distances * factor) == pytest.approx(knee(distances) * factor)


def test_the_knee_is_where_a_bent_line_bends():
    assert knee(np.append(np.linspace(1, 2, 91), np.linspace(3, 30, 10))) == pytest.approx(2, abs=0.1)
    assert knee(np.ones(5)) == 1


def test_both_find_a_far_group_and_leave_the_crowd():
    rng = np.random.default_rng(2)
    features = pd.DataFrame(rng.normal(size=(300, 11)), columns=list(ELEVEN))
    features.iloc[:6] += 12 * rng.normal(size=(6, 11))
    outlier, eps = cluster_outliers(features)
    isolated, score = isolation_outliers(features, 0)
    assert outlier[:6].all() and outlier[6:].mean() < 0.1 and eps > 0
    assert isolated[:6].all() and isolated[6:].mean() < 0.1
    assert score[:6].min() > np.quantile(score[6:], 0.95)


def test_unknown_and_constant_features_do_not_matter():
    features = pd.DataFrame(np.random.default_rng(0).normal(size=(5, 11)), columns=list(ELEVEN))
    features["num_streaks"], features.loc[2, "max_sobel"] = 3.0, np.nan
    values = standardise(features)
    assert np.isfinite(values).all()
    assert (values[:, ELEVEN.index("num_streaks")] == 0).all()
    with pytest.raises(ValueError, match="lacks \\['max_sobel'\\]"):
        standardise(features.drop(columns="max_sobel"))


# --- context -------------------------------------------------------------------------------------------------------------


def test_clear_frames_have_many_stars_and_an_even_background():
    n_stars = np.r_[np.full(10, 30), np.full(10, 40), np.full(10, 5)]
    structure = np.r_[
        np.full(10, 0.1), np.full(10, 0.9), np.full(10, 0.05)
    ]  # clear; a rough cloud's knots; a thick cloud
    assert set(clear_frames(n_stars, structure)) < set(range(10))
    assert len(clear_frames(n_stars[:1], structure[:1])) == 1


def scene(level: np.ndarray, stars: np.ndarray | None = None) -> Scene:
    rows = np.stack([np.linspace(20, 230, 12), np.linspace(230, 20, 12), np.full(12, 500.0)], axis=1)
    return Scene(rows if stars is None else stars, level.astype(np.float32), 10.0)


def test_an_obstacle_stays_and_darkens_a_cloud_drifts_and_brightens():
    flat, rng = np.full((8, 8), 1000.0), np.random.default_rng(0)
    dark = flat.copy()
    dark[:, :3] -= 80
    cloudy = [flat + 60 * np.abs(rng.normal(size=(8, 8))) for _ in range(4)]
    scenes = [scene(flat)] * 8 + [scene(dark)] * 4 + [scene(level) for level in cloudy]
    table = backdrop_features(scenes, np.r_[np.full(8, 12), np.full(8, 9)], np.r_[np.zeros(8), np.ones(8)])
    assert (table["dark_percent"][8:12] == pytest.approx(37.5)) and (table["dark_percent"][:8] == 0).all()
    assert table["staying"][9:11].min() > 0.9
    assert np.abs(table["staying"][13:15]).max() < 0.5
    assert (table["level_change"][12:] > 1).all()
    assert (table["stars_lost"] == 0).all() and (table["light_of_clearest"] == 1).all()


def test_lost_stars_are_counted():
    level = np.full((8, 8), 1000.0)
    half = scene(level).stars[:6]
    table = backdrop_features([scene(level)] * 10 + [scene(level, half)], np.r_[np.full(10, 12), 6], np.zeros(11))
    assert table["stars_lost"][:10].max() == 0
    none = backdrop_features([scene(level, half[:0])] * 2, np.zeros(2), np.zeros(2))
    assert (none["light_of_clearest"] == 1).all() and (none["stars_lost"] == 0).all()


def test_a_frame_alone_differs_from_nothing(world):
    one = describe(world[0].iloc[:1])
    compared = [name for name in one if name.startswith("set_")]
    assert (one[compared].fillna(0).to_numpy() == 0).all()
    assert one.passing.item() == 0 and one.line_repeats.item() == 0
    for name in (n for n in one if n.startswith("around_")):
        np.testing.assert_equal(one[name].to_numpy(), one[name.removeprefix("around_")].to_numpy())


def test_a_data_set_is_described_without_the_others(world, described):
    features = world[0]
    second = features.dataset == features.dataset.unique()[1]
    pd.testing.assert_frame_equal(describe(features[second]), described[second])


def test_what_is_described_does_not_depend_on_the_gain(world):
    frames = next(iter(data_sets(1, n_sets=1, n_frames=12, shape=(96, 96)))).frames.astype(np.float32)
    one, other = (describe(tabulate(iter_measurements(frames * gain))) for gain in (1, 4))
    pd.testing.assert_frame_equal(one, other, atol=0.02, rtol=0.02)


def test_the_same_line_in_the_next_frame_is_a_pass_and_in_all_frames_an_artefact(world):
    features = world[0].iloc[:20].copy()
    lines = pd.DataFrame(
        {"trail_snr": 5.0, "trail_y": np.arange(20) * 9.0, "trail_x": 50.0, "trail_angle_deg": np.arange(20) * 8.7}
    )
    lines.loc[7:8] = [20.0, 60.0, 60.0, 45.0]
    features[lines.columns] = lines.to_numpy()
    passes = describe(features)
    assert (passes.passing[[7, 8]] > 2).all() and passes.line_repeats[7] == 0
    features[lines.columns] = [20.0, 60.0, 60.0, 45.0]
    assert (describe(features).line_repeats == 1).all()


def test_describe_says_what_is_missing(world):
    with pytest.raises(ValueError, match="lacks \\['stars_lost'\\]"):
        describe(world[0].drop(columns="stars_lost"))
    with pytest.raises(ValueError, match="expected one for each"):
        describe(world[0], ["a"])


# --- classifier ----------------------------------------------------------------------------------------------------------


def test_it_learns_and_is_stored_and_read_back(world, described):
    model = fit(described, world[1], list(described.columns), n_networks=2)
    assert score_kinds(world[1], model.predict(described), world[0].dataset, 0, n_boot=20).f1["any"] > 0.9
    back = Classifier.from_json(json.loads(json.dumps(model.to_json())))
    np.testing.assert_allclose(back.probabilities(described), model.probabilities(described), atol=2e-3)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_network_is_scikit_learns_network(world, described):
    from sklearn.neural_network import MLPClassifier

    model = fit(described, world[1], list(ALONE), n_networks=1)
    peer = MLPClassifier((24,), alpha=PENALTY, max_iter=1600, random_state=0)  # 180 frames are one step per pass
    peer.fit(model.inputs(described), world[1][list(KINDS)].to_numpy(int))
    np.testing.assert_allclose(model.probabilities(described), peer.predict_proba(model.inputs(described)), atol=1e-6)


def test_folds_keep_data_sets_whole(world, described, monkeypatch):
    seen = []

    def spy(part, truth, columns, **kwargs):
        seen.append(set(world[0].dataset[part.index]))
        return fit(part, truth, columns, **kwargs)

    monkeypatch.setattr("meteortut.previewer.training.fit", spy)
    out_of_fold(described, world[1], world[0].dataset, list(ALONE))
    everything = set(world[0].dataset)
    left_out = [everything - names for names in seen]
    assert set.union(*left_out) == everything and sum(map(len, left_out)) == len(everything)


@given(st.integers(0, 1000), st.integers(5, 60))
@settings(max_examples=30, deadline=None)
def test_no_threshold_has_a_larger_f1(seed, n):
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(seed)
    is_kind, p = rng.random(n) < 0.4, rng.random(n).round(1)
    if is_kind.any():
        best = f1_score(is_kind, p >= best_threshold(is_kind, p))
        assert best >= max(f1_score(is_kind, p >= t, zero_division=0) for t in np.linspace(0.05, 1, 20)) - 1e-12
    else:
        assert best_threshold(is_kind, p) == 0.5


def test_training_refuses_one_data_set_and_missing_kinds(world, described):
    truth = world[1]
    with pytest.raises(ValueError, match="fewer than two data sets"):
        train(described, truth, ["a"] * len(truth))
    with pytest.raises(ValueError, match="no example of slew"):
        train(described, truth.assign(slew=False), world[0].dataset)
    with pytest.raises(ValueError, match="expected the same"):
        train(described, truth[:-1], world[0].dataset)


# --- learning, and kinds never labelled ----------------------------------------------------------------------------------


def test_learning_curves_begin_alike_and_ask_each_frame_once(world, described):
    first = (world[0].dataset < "set-05").to_numpy()
    pool, judged = (tuple(part[chosen] for part in (described, world[1])) for chosen in (first, ~first))
    random, active = (learning_curve(pool, judged, 0, flag, (30, 60, 120)) for flag in (False, True))
    pd.testing.assert_series_equal(random.iloc[0], active.iloc[0])
    assert random.macro_f1.iloc[-1] == pytest.approx(active.macro_f1.iloc[-1])  # the whole pool, in another order
    with pytest.raises(ValueError, match="expected rising numbers"):
        learning_curve(pool, judged, 0, True, (30, 500))


def test_labels_needed_is_where_the_curve_stays_above():
    curve = pd.DataFrame({"n_labels": [10, 20, 30, 40], "f1_any": [0.5, 0.91, 0.89, 0.95], "macro_f1": 0.7})
    assert labels_needed(curve) == 40
    assert labels_needed(curve, 0.4) == 10
    assert labels_needed(curve, 0.99) == labels_needed(curve, 0.9, "macro_f1") == np.inf


def test_far_frames_are_novel_and_normal_ones_as_often_as_stated(world, described):
    model = fit(described, world[1], list(ALONE), n_networks=1)
    is_normal = ~world[1].is_anomaly
    normal, names = described[is_normal], world[0].dataset[is_normal]
    novelty = learn_normal(normal, names, model, 0.05)
    assert novelty.is_novel(normal, names).mean() == pytest.approx(0.05, abs=0.02)
    strange = normal.copy()
    strange.iloc[::9] = normal.iloc[::9].assign(star_hollowness=5.0, star_fwhm_px=9.0)
    assert novelty.is_novel(strange, names)[::9].all()
    with pytest.raises(ValueError, match="a share between 0 and 1"):
        learn_normal(normal, names, model, 1.5)


def test_simulator_classifier_and_dashboard_name_the_kinds_alike():
    from meteortut.previewer.classifier import KINDS
    from meteortut.simulate.scmos import KINDS as SIMULATED
    from meteortut.widgets.astroview.label_file import KINDS as LABELS

    assert SIMULATED[: len(KINDS)] == KINDS
    assert (*SIMULATED, "normal") == LABELS
