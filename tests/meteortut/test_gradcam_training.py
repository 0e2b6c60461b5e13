"""Chapter 3: training, and judging on labelled images."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from meteortut import gradcam  # noqa: E402
from meteortut.gradcam.tiles import tile_probabilities  # noqa: E402


def streaks(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Tiles of noise, every other one with a bright line of 40 pixels; size 32 for speed."""
    rng = np.random.default_rng(seed)
    tiles = rng.normal(20, 2, (n, 32, 32))
    for tile in tiles[::2]:
        y, x = np.indices(tile.shape, sparse=True)
        angle = rng.uniform(0, np.pi)
        tile += 25 * np.exp(-(((y - 16) * np.cos(angle) - (x - 16) * np.sin(angle)) ** 2) / 2)
    return tiles.astype(np.float32), np.arange(n) % 2 == 0


@pytest.fixture(scope="module")
def trained() -> tuple[gradcam.ResNet34, pd.DataFrame]:
    return gradcam.pretrain(*streaks(256, 0), rng=1, recipe=gradcam.Recipe(n_epochs=4, batch_size=32))


def test_training_learns_lines(trained):
    network, history = trained
    tiles, labels = streaks(80, 9)
    score = tile_probabilities(tiles, network)
    ranks = score[labels][:, None] > score[~labels]  # after 32 steps the running means of the normalisation still lag
    assert ranks.mean() > 0.95
    assert list(history) == ["epoch", "loss", "validation_loss"] and history.loss.iloc[-1] < 0.7 * history.loss.iloc[0]
    assert not network.training


def test_training_repeats_and_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    recipe = gradcam.Recipe(n_epochs=1, batch_size=16)
    one, two = (gradcam.pretrain(*streaks(32, 0), rng=3, recipe=recipe)[0] for _ in range(2))
    assert torch.rand(1) == expected
    for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b)


def test_fine_tuning_changes_a_copy_and_keeps_what_is_frozen(trained):
    network = trained[0]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    tuned, _ = gradcam.fine_tune(
        network, *streaks(64, 2), rng=0, recipe=gradcam.Recipe(n_epochs=1, frozen=gradcam.FROZEN)
    )
    after = tuned.state_dict()
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
        if name.split(".")[0] in gradcam.FROZEN:
            assert torch.equal(after[name], before[name]), name
    assert not torch.equal(after["layer4.0.conv1.weight"], before["layer4.0.conv1.weight"])
    assert all(parameter.requires_grad for parameter in tuned.parameters())


def test_early_stopping_keeps_the_best_epoch(trained):
    rng = np.random.default_rng(0)
    tiles, labels = streaks(64, 3)
    wrong = rng.permutation(labels)  # what is learnt from these can only hurt
    held = streaks(60, 4)
    recipe = gradcam.Recipe(n_epochs=30, learning_rate=3e-3, schedule="constant", augment=False, patience=2)
    network, history = gradcam.fine_tune(trained[0], tiles, wrong, 0, recipe, held)
    assert len(history) < 30 and history.validation_loss.idxmin() == len(history) - 3
    score = np.clip(tile_probabilities(held[0], network), 1e-7, 1 - 1e-7)
    each = -np.log(np.where(held[1], score, 1 - score))
    loss = (each[held[1]].mean() + each[~held[1]].mean()) / 2
    assert loss == pytest.approx(history.validation_loss.min(), rel=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"is_meteor": np.ones(8, bool)}, "all 8 labels are the same"),
        ({"is_meteor": np.arange(7) > 2}, r"labels \(7,\)"),
        ({"recipe": gradcam.Recipe(schedule="linear")}, "schedule 'linear'"),
        ({"recipe": gradcam.Recipe(frozen=("layer7",))}, "layer7"),
        ({"recipe": gradcam.Recipe(patience=1)}, "needs validation tiles"),
    ],
)
def test_bad_training_input_is_refused(trained, change, message):
    tiles, labels = streaks(8, 0)
    arguments = {"tiles": tiles, "is_meteor": labels, "rng": 0} | change
    with pytest.raises(ValueError, match=message):
        gradcam.fine_tune(trained[0], **arguments)


# --- labels of tiles --------------------------------------------------------------------------------------------------


def test_a_tile_shows_a_track_from_eight_pixels_on():
    y, x = np.full(20, 50.0), np.linspace(90, 128, 20)
    origins = np.array([[0, 0], [0, 29], [0, 34], [0, 121], [0, 190], [100, 60], [300, 90], [0, 100]])
    labels = gradcam.label_tiles(origins, y, x)
    # 6 px inside; all; all; 7.75 px; on its continuation; 50 px below; far; part
    assert labels.tolist() == [-1, 1, 1, -1, 0, 0, 0, 1] or labels.tolist() == [-1, 1, 1, -1, -1, 0, 0, 1]
    assert gradcam.label_tiles(np.array([[0, 170]]), y, x) == [-1]  # begins 42 px behind the end, on the continuation
    assert gradcam.label_tiles(np.array([[0, 185]]), y, x) == [0]


def test_short_tracks_and_no_track():
    origins = gradcam.tile_origins((96, 192))
    assert (gradcam.label_tiles(origins, np.empty(0), np.empty(0)) == 0).all()
    assert gradcam.label_tiles(origins, np.array([40.0, 42.0]), np.array([20.0, 22.0])).tolist() == [1, -1, 0]


def test_tile_judgement_counts_what_it_says():
    table = pd.DataFrame(
        [
            ("a", 1, 0.9),
            ("a", 1, 0.2),
            ("a", 0, 0.5),
            ("a", 0, 0.3),
            ("a", -1, 1.0),
            ("b", 1, 0.45),
            ("b", 0, 0.4),
            ("b", 0, 0.1),
        ],
        columns=["frame", "label", "score"],
    )
    judged = gradcam.judge_tiles(table)
    # Two frames, so the two highest others (0.5, 0.4) may lie above the threshold: it is the third, 0.3.
    assert (judged.threshold, judged.n_found, judged.n_meteors) == (0.3, 2, 2)
    assert judged.roc_auc == pytest.approx((4 + 3 + 1) / 12) and (judged.n_tiles, judged.n_trail_tiles) == (7, 3)
    with pytest.raises(ValueError, match="with \\(1\\) and without"):
        gradcam.judge_tiles(table[table.label == 0])


def test_group_baseline_is_the_majority_of_each_group():
    assert gradcam.group_baseline([True, True, False, False, False], list("aaabb")) == 0.8
    assert gradcam.group_baseline([True, False], ["a", "a"]) == 0.5


def test_trigger_track_leaves_stray_patches_out():
    detections = pd.DataFrame({
        "frame": [30, 31, 32, 33, 31, 60], "y_px": [10.0, 20, 30, 40, 200, 5], "x_px": [5.0, 15, 25, 35, 9, 300],
        "n_pixels": [9, 12, 12, 9, 2, 2],
    })  # fmt: skip
    y, x = gradcam.trigger_track(detections)
    assert y.tolist() == [10, 20, 30, 40] and x.tolist() == [5, 15, 25, 35]


# --- cameras that took no part ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def labelled() -> tuple[list[np.ndarray], list, list[str]]:
    rng = np.random.default_rng(6)
    images = [rng.normal(20, 2, (96, 144)) for _ in range(6)]
    y, x = np.full(30, 40.0), np.linspace(30, 70, 30)
    for image in images[::2]:
        image[39:42, 30:71] += 20
    return images, [(y, x), None] * 3, list("aabbcc")


def test_leave_one_out_never_trains_on_the_held_group(labelled, trained, monkeypatch):
    images, tracks, groups = labelled
    from meteortut.gradcam import held_out

    seen = []

    def chosen(own, *arguments):
        seen.append([next(k for k, image in enumerate(images) if image is other) for other in own])
        return gradcam.training_tiles(own, *arguments)

    monkeypatch.setattr(held_out, "training_tiles", chosen)
    scores, networks = gradcam.leave_one_out(images, tracks, groups, trained[0], 0, gradcam.Recipe(n_epochs=1))
    assert seen == [[2, 3, 4, 5], [0, 1, 4, 5], [0, 1, 2, 3]] and list(networks) == ["a", "b", "c"]
    assert scores.groupby("frame").size().tolist() == [2] * 6 and scores.group.tolist() == list("aaaabbbbcccc")
    one = gradcam.all_tile_scores(images[:2], tracks[:2], networks["a"])
    np.testing.assert_allclose(scores.score[:4], one.score)
    np.testing.assert_allclose(scores.before, gradcam.all_tile_scores(images, tracks, trained[0]).score)


def test_training_tiles_are_tracks_in_many_places_and_the_hardest_others(labelled, trained):
    images, tracks, _ = labelled
    scores = gradcam.all_tile_scores(images, tracks, trained[0])
    tiles, labels = gradcam.training_tiles(images, tracks, scores, 0, n_random=1, n_hard=1)
    assert tiles.shape == (len(labels), 96, 96) and labels.sum() >= 6 and (~labels).sum() >= 3
    with pytest.raises(ValueError, match="6 images, 5 tracks"):
        gradcam.all_tile_scores(images, tracks[:5])
    with pytest.raises(ValueError, match="1 different"):
        gradcam.leave_one_out(images, tracks, ["a"] * 6, trained[0], 0)
