"""The one-step network: features that know nothing of a still or drifting sky, blocks that fit together, labels, events."""

import gc
import weakref

import numpy as np
import pandas as pd
import pytest

from meteortut import pipeline
from meteortut.pipeline.one_step import OneStep, _to_pixels, _to_tensor, voxel_loss
from meteortut.pipeline.one_step_training import CROP_EDGE, _TurnedSteps
from meteortut.pipeline.step_features import feature_filters
from meteortut.simulate import minieuso


@pytest.fixture(scope="module")
def noise():
    return (2 + 0.01 * np.random.default_rng(0).standard_normal((400, 24, 24))).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    return pipeline.build_one_step(seed=1)


def test_filters_are_blind_to_lines_and_of_unit_length():
    filters = feature_filters()
    frames = np.arange(44)
    np.testing.assert_allclose(filters.T @ np.stack([np.ones(44), frames], axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(filters, axis=0), 1, rtol=1e-6)


def test_white_noise_gives_features_of_deviation_a_quarter(noise):
    features = pipeline.StepFeatures(noise).steps(8, 90)
    assert features.shape == (82, 24, 24, 8)
    np.testing.assert_allclose(features.std(axis=(0, 1, 2)), 0.25, rtol=0.1)
    np.testing.assert_allclose(features.mean(axis=(0, 1, 2)), 0, atol=0.02)


def test_a_slow_drift_adds_nothing_and_the_unit_of_counts_does_not_matter(noise):
    ramp = np.linspace(0, 0.1, 400, dtype=np.float32)[:, None, None] * np.linspace(0, 1, 24, dtype=np.float32)
    np.testing.assert_allclose(
        pipeline.StepFeatures(noise + ramp).steps(8, 90), pipeline.StepFeatures(noise).steps(8, 90), atol=0.03
    )
    np.testing.assert_allclose(
        pipeline.StepFeatures(noise * 64).steps(8, 90), pipeline.StepFeatures(noise).steps(8, 90), atol=1e-3
    )


def test_pixels_without_noise_give_zero(noise):
    frames = noise.copy()
    frames[:, 3, 4], frames[:, 5, 6] = 0, 7
    features = pipeline.StepFeatures(frames).steps(0, 100)
    assert not features[:, 3, 4].any() and not features[:, 5, 6].any()
    assert features[:, 3, 5].any()


def test_a_flash_is_seen_in_its_step_with_its_strength(noise):
    frames = noise.copy()
    frames[200:204, 10, 10] += 0.05  # five times the noise, for one step
    features = 4 * pipeline.StepFeatures(frames).steps(40, 60)[:, 10, 10]
    plain = 4 * pipeline.StepFeatures(noise).steps(40, 60)[:, 10, 10]
    assert (features - plain)[:, 2:4].sum(axis=1).argmax() == 10
    # frames 0-1 and 2-3 of the step: a mean of two frames has 1/√2 of the noise, and the line's own is small
    assert 5.5 < (features - plain)[10, 2] < 7.5 and 5.5 < (features - plain)[10, 3] < 7.5


def test_features_do_not_depend_on_where_the_stretch_is_cut(noise):
    whole = pipeline.StepFeatures(noise).steps(0, 100)
    for first, stop in ((0, 7), (13, 50), (93, 100)):
        np.testing.assert_array_equal(pipeline.StepFeatures(noise).steps(first, stop), whole[first:stop])


@pytest.mark.parametrize("n_frames", [48, 130, 401])
def test_features_are_what_their_definition_says(n_frames):
    rng = np.random.default_rng(8)
    frames = (3 + rng.gamma(2, 0.01, (n_frames, 4, 6))).astype(np.float32)
    frames[n_frames // 2, 2, 3] += 5  # both cuts are reached
    frames[n_frames // 2 + 9, 2, 3] -= 5
    n_steps = -(-n_frames // 4)
    mirrored = np.pad(frames.astype(float), ((96, 96), (0, 0), (0, 0)), "symmetric")
    features = pipeline.StepFeatures(frames).steps(-3, n_steps + 3)
    assert features.min() == -1 and features.max() == 3
    for own, first in zip(features, range(-12, 4 * n_steps + 12, 4), strict=True):
        around = mirrored[96 + first // 32 * 32 - 16 :][:64]
        steps = np.abs(np.diff(around.reshape(8, 8, 4, 6), axis=1)).mean(axis=1)
        noise = np.median(steps, axis=0) * np.sqrt(np.pi) / 2
        excess = np.einsum("tyx,tf->yxf", mirrored[96 + first - 20 : 96 + first + 24], feature_filters())
        np.testing.assert_allclose(own, np.clip(excess / noise[..., None], -4, 12) / 4, atol=2e-3)


def test_only_frames_near_the_steps_asked_for_are_read(noise):
    broken = noise.copy()
    broken[[155, 284]] = np.nan
    source = pipeline.StepFeatures(broken)
    np.testing.assert_array_equal(source.steps(50, 60), pipeline.StepFeatures(noise).steps(50, 60))
    with pytest.raises(ValueError, match="frame 155 holds"):
        source.steps(43, 60)


@pytest.mark.parametrize("n_steps", [7, 12])
def test_what_is_applied_is_the_network_that_was_trained(model, n_steps):
    features = np.random.default_rng(6).standard_normal((n_steps, 12, 16, 8)).astype(np.float32)
    applied = _to_pixels(model.graph(features).numpy())
    assert applied.shape == (n_steps - 6, 12, 16)
    np.testing.assert_allclose(applied, np.asarray(model(features[None]))[0], atol=1e-5)


def test_features_reach_the_network_whether_their_memory_suits_it_or_not(noise):
    features = pipeline.StepFeatures(noise).steps(3, 20)
    assert features.ctypes.data % 64 == 0
    room = np.empty(features.size + 17, np.float32)
    elsewhere = room[-room.ctypes.data % 64 // 4 + 1 :][: features.size].reshape(features.shape)
    elsewhere[...] = features
    for own in (features, elsewhere):
        np.testing.assert_array_equal(_to_tensor(own).numpy(), features)


@pytest.mark.parametrize("n_frames", [48, 49, 130, 400])
def test_blocks_are_those_of_the_whole_stream_at_once(noise, model, monkeypatch, n_frames):
    frames = noise[:n_frames]
    whole = np.concatenate(list(pipeline.apply_one_step(frames, model)))
    assert whole.shape == (-(-n_frames // 4), 24, 24)
    monkeypatch.setattr("meteortut.pipeline.one_step.BLOCK", 10)
    np.testing.assert_allclose(np.concatenate(list(pipeline.apply_one_step(frames, model))), whole, atol=1e-4)


def test_a_score_depends_on_three_steps_and_few_pixels_around_it(model):
    features = np.random.default_rng(2).standard_normal((1, 15, 16, 16, 8)).astype(np.float32)
    changed = features.copy()
    changed[0, 7, 8, 8] += 9
    moved = np.abs(model(changed) - model(features))[0] > 1e-6
    assert moved.shape == (9, 16, 16) and moved.any()
    steps, rows, columns = np.nonzero(moved)
    assert steps.min() + 3 >= 7 - 3 and steps.max() + 3 <= 7 + 3
    assert np.abs(rows - 8).max() <= 5 and np.abs(columns - 8).max() <= 5


def test_inside_its_edge_an_example_has_the_scores_of_the_whole_field(model):
    features = np.random.default_rng(3).standard_normal((1, 9, 40, 40, 8)).astype(np.float32)
    whole = np.asarray(model(features))[:, :, 12:32, 8:28]
    crop = np.asarray(model(features[:, :, 12:32, 8:28]))
    edge = CROP_EDGE
    inner = np.s_[..., edge:-edge, edge:-edge]
    np.testing.assert_allclose(crop[inner], whole[inner], atol=1e-4)
    beside = np.abs(crop - whole).max(axis=(0, 1))
    assert min(beside[edge - 1].max(), beside[-edge].max(), beside[:, edge - 1].max(), beside[:, -edge].max()) > 1e-3


def test_counted_operations_are_those_of_the_weights(model):
    assert isinstance(model, OneStep)
    shapes = [weight.shape for weight in model.weights if len(weight.shape) > 1]
    per_cell = sum(int(np.prod(shape)) for shape in shapes)  # each weight once per cell of 2 × 2 pixels and step
    assert pipeline.operations() == 2 * (per_cell / 4 + 44 * 8) / 4
    assert pipeline.operations(4) < pipeline.operations()


def test_labels_say_hit_beside_and_nothing():
    voxels = pd.DataFrame({"meteor": 0, "t": [20, 21, 24], "y": 5, "x": [6, 6, 7], "snr": [4.5, 9.0, 2.0]})
    labels = pipeline.label_steps(voxels, (101, 12, 12))
    assert labels.shape == (26, 12, 12)
    assert labels[5, 5, 6] == 1 and (labels == 1).sum() == 1
    assert labels[6, 5, 7] == -1 and labels[4, 4, 5] == -1 and labels[7, 6, 8] == -1
    assert labels[8, 5, 7] == 0 and labels[5, 5, 9] == 0
    assert not pipeline.label_steps(voxels[:0], (101, 12, 12)).any()


def test_examples_hold_their_centres_and_hide_their_edges(noise):
    voxels = pd.DataFrame({"meteor": [0, 1], "t": [200, 390], "y": [12, 0], "x": [13, 23], "snr": 8.0})
    labels = pipeline.label_steps(voxels, noise.shape)
    features, own = pipeline.one_step_examples(noise, labels, voxels[["t", "y", "x"]].to_numpy(), 3, rng=4)
    assert features.shape == (5, 22, 20, 20, 8) and features.dtype == np.float16
    assert own.shape == (5, 16, 20, 20)
    assert ((own == 1).sum(axis=(1, 2, 3))[:2] == 1).all()
    inner = own[:, :, 4:-4, 4:-4]
    assert (inner == 0).mean() > 0.9
    again = pipeline.one_step_examples(noise, labels, voxels[["t", "y", "x"]].to_numpy(), 3, rng=4)
    np.testing.assert_array_equal(features, again[0])


def test_it_learns_meteors_of_a_quiet_sky_and_finds_them_in_another_stretch():
    frames, truth = minieuso.simulate_session(2400, 150, rng=5, sky=minieuso.SKIES["first"][6])
    labels = pipeline.label_steps(truth.voxels, frames.shape)
    early = truth.meteors[truth.meteors.t_last < 1500]
    centres = early[["t_peak", "y", "x"]].to_numpy()
    features, own = pipeline.one_step_examples(frames[:1600], labels[:400], np.repeat(centres, 2, axis=0), 80, rng=1)
    model = pipeline.build_one_step(8, seed=1)
    losses = pipeline.fit_one_step(model, features, own, rng=1, epochs=6, batch_size=16)
    assert losses[-1] < losses[0] / 2
    scores = np.concatenate(list(pipeline.apply_one_step(frames[1600:], model)))
    late = truth.voxels[truth.voxels.t >= 1600]
    brightest = late.loc[late.groupby("meteor").snr.idxmax()].query("snr > 8")
    assert len(brightest) > 10
    at = scores[(brightest.t - 1600) // 4, brightest.y, brightest.x]
    assert np.median(at) > np.quantile(scores, 0.98)


def test_events_are_found_once_across_blocks_and_gaps():
    scores = np.full((40, 20, 20), -9.0, np.float32)
    for k in range(6):  # one track that jumps a gap and lies in two blocks
        scores[17 + k, 5 + k, 8 + k + (k > 2)] = k
    scores[18, 15, 15] = 2.5
    events = pipeline.voxel_events([scores[:20], scores[20:]], 0)
    assert len(events) == 2
    track = events.sort_values("n_voxels").iloc[-1]
    assert (track.t_first, track.t_last) == (68, 91)
    # the sixth voxel is brightest: step 22, that is frames 88 to 91, from t = 88 to t = 92
    assert (track.t, track.y, track.x, track.score, track.n_voxels) == (90, 10, 14, 5, 6)
    assert (track.y_first, track.y_last, track.x_first, track.x_last) == (5, 10, 8, 14)
    nothing = pipeline.voxel_events([scores], 99)
    assert len(nothing) == 0 and list(nothing) == list(events)


def test_bad_input_is_refused(noise, model):
    with pytest.raises(ValueError, match="47 frames"):
        pipeline.apply_one_step(noise[:47], model)
    with pytest.raises(ValueError, match="even numbers"):
        pipeline.apply_one_step(noise[:, :, :23], model)
    with pytest.raises(ValueError, match=r"frames / 16384"):
        pipeline.apply_one_step(noise.astype(int), model)
    broken = noise.copy()
    broken[100, 3, 3] = np.nan
    with pytest.raises(ValueError, match="frame 100 holds NaN or infinite"):
        list(pipeline.apply_one_step(broken, model))
    with pytest.raises(ValueError, match="NaN"):
        pipeline.voxel_events([np.full((2, 2, 2), np.nan)], 0)
    with pytest.raises(ValueError, match="do not fit together"):
        pipeline.fit_one_step(model, np.zeros((2, 22, 20, 20, 8)), np.zeros((2, 22, 20, 20)), 1)
    with pytest.raises(ValueError, match="labelled 1"):
        pipeline.fit_one_step(model, np.zeros((2, 22, 20, 20, 8)), np.zeros((2, 16, 20, 20)), 1)
    features = np.zeros((2, 22, 20, 20, 8), np.float16)
    features[1, 3, 4, 5, 6] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite; leave those examples out"):
        pipeline.fit_one_step(model, features, np.ones((2, 16, 20, 20)), 1)
    with pytest.raises(ValueError, match="labels has shape"):
        pipeline.one_step_examples(noise, np.zeros((3, 24, 24), np.int8), np.zeros((0, 3)), 1, 0)
    with pytest.raises(ValueError, match="width is 0"):
        pipeline.build_one_step(0)


@pytest.mark.parametrize("frame", [1, 100, 398])
def test_the_frame_of_a_bad_value_is_named_near_the_mirrored_ends_too(noise, model, frame):
    broken = noise.copy()
    broken[frame, 3, 3] = np.inf
    with pytest.raises(ValueError, match=f"frame {frame} holds"):
        list(pipeline.apply_one_step(broken, model))


def test_another_network_is_refused_at_once(noise):
    with pytest.raises(ValueError, match="expected the network of build_one_step"):
        pipeline.apply_one_step(noise, pipeline.build_cnn(seed=1))


def test_labels_refuse_voxels_of_another_session():
    voxels = pd.DataFrame({"meteor": 0, "t": [20], "y": 5, "x": 6, "snr": 9.0})
    for name, value in (("t", 101), ("t", -1), ("y", 12), ("x", -1)):
        with pytest.raises(ValueError, match=r"outside the stream of shape \(101, 12, 12\)"):
            pipeline.label_steps(voxels.assign(**{name: value}), (101, 12, 12))
    with pytest.raises(ValueError, match=r"lacks the columns \['snr'\]"):
        pipeline.label_steps(voxels.drop(columns="snr"), (101, 12, 12))


def test_examples_without_centres_lie_anywhere(noise):
    features, own = pipeline.one_step_examples(noise, np.zeros((100, 24, 24), np.int8), np.empty((0, 3)), 2, 0)
    assert features.shape == (2, 22, 20, 20, 8) and own.shape == (2, 16, 20, 20)


def test_examples_refuse_integers_and_centres_outside(noise):
    labels = np.zeros((100, 24, 24), np.int8)
    with pytest.raises(ValueError, match=r"frames / 16384"):
        pipeline.one_step_examples(noise.astype(int), labels, np.zeros((0, 3), int), 1, 0)
    with pytest.raises(ValueError, match="expected at least 64"):
        pipeline.one_step_examples(noise[:63], labels[:16], np.zeros((0, 3), int), 1, 0)
    for centre in ((400, 0, 0), (0, -1, 0), (0, 0, 24)):
        with pytest.raises(ValueError, match=r"outside the session of shape \(400, 24, 24\)"):
            pipeline.one_step_examples(noise, labels, np.array([centre]), 1, 0)


def test_after_training_the_learning_rate_is_back_and_the_features_are_let_go():
    features, labels = np.zeros((4, 22, 20, 20, 8), np.float16), np.ones((4, 16, 20, 20), np.int8)
    held = weakref.ref(features)
    model = pipeline.build_one_step(4, seed=1)
    before = float(model.optimizer.learning_rate)
    pipeline.fit_one_step(model, features, labels, rng=1, epochs=2, batch_size=2)
    assert float(model.optimizer.learning_rate) == before
    del features
    gc.collect()
    assert held() is None


def test_labels_are_turned_with_their_features():
    rng = np.random.default_rng(5)
    labels = rng.integers(-1, 2, (6, 16, 20, 20)).astype(np.int8)
    features = np.zeros((6, 22, 20, 20, 8), np.float16)
    features[:, 3:-3] = labels[..., None]
    data = _TurnedSteps(features, labels, 2, 2)
    seen = [data[k] for k in range(len(data))]
    for turned, own in seen:
        np.testing.assert_array_equal(turned[:, 3:-3, :, :, 0], own)
        assert turned.dtype == own.dtype == np.float32
    untouched = [(own == labels[np.sort(data.order[2 * k : 2 * k + 2])]).all() for k, (_, own) in enumerate(seen)]
    assert not all(untouched)


def test_a_meteors_voxel_weighs_as_twenty_others_and_a_doubtful_one_nothing():
    labels = np.array([1.0, 0.0, -1.0, -1.0], np.float32).reshape(1, 1, 2, 2)
    even = float(voxel_loss(labels, np.zeros_like(labels)))
    assert even == pytest.approx(21 * np.log(2) / 4, rel=1e-5)
    sure = np.array([30.0, -30.0, 5.0, -5.0], np.float32).reshape(labels.shape)
    assert float(voxel_loss(labels, sure)) == pytest.approx(0, abs=1e-6)
