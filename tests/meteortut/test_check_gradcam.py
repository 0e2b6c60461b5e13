"""The checks of chapter 3: right, each expected mistake, and not answered."""

import numpy as np
import pytest

from meteortut import check
from meteortut.metrics import exact_interval

RNG = np.random.default_rng(3)
ACTIVATION = RNG.uniform(0, 1, (5, 4, 6))
GRADIENT = RNG.normal(0, 1, (5, 4, 6)) + np.array([1.0, -1.0, 0.5, -0.2, 0.0])[:, None, None]


@pytest.mark.parametrize(
    ("answer", "passed", "words"),
    [
        (22 * 39, True, "every frame"),
        (22 + 39, False, "added"),
        (22, False, "one axis"),
        (11 * 20, False, "side by side"),
        (12 * 20, False, "side by side"),
        (23 * 40, False, "before the edge"),
        (17, False, "Not that"),
        (..., None, "three dots"),
        ("many", False, "whole number"),
    ],
)
def test_tiles_of_frame(answer, passed, words):
    verdict = check.tiles_of_frame(answer, (1080, 1920), 96, 48)
    assert verdict.passed is passed and words in verdict.message


def test_tiles_of_frame_agrees_with_the_package():
    tiles = pytest.importorskip("meteortut.gradcam.tiles")
    for shape in [(720, 1280), (1080, 1920), (96, 97), (480, 640)]:
        assert check.tiles_of_frame(len(tiles.tile_origins(shape)), shape, tiles.TILE, tiles.STRIDE).passed


def test_tiles_of_frame_tells_a_lost_edge():
    verdict = check.tiles_of_frame(2 * 3, (150, 200), 96, 48)
    assert verdict.passed is False and "lost an edge" in verdict.message


def weighted(alpha, cut=True):
    total = (alpha * ACTIVATION).sum(axis=0)
    return np.maximum(total, 0) if cut else total


ALPHA = GRADIENT.mean(axis=(1, 2))[:, None, None]


@pytest.mark.parametrize(
    ("answer", "passed", "words"),
    [
        (weighted(ALPHA), True, "Right"),
        (7.5 * weighted(ALPHA), True, "Right"),
        (weighted(ALPHA, cut=False), False, "cut off at 0"),
        (weighted(np.ones((5, 1, 1))), False, "same weight"),
        (weighted(GRADIENT), False, "own gradient"),
        (weighted(np.abs(ALPHA)), False, "sign"),
        (weighted(np.maximum(ALPHA, 0)), False, "cut off the weights"),
        (weighted(ALPHA).T, False, "shape"),
        (ACTIVATION, False, "Add up"),
        (np.full((4, 6), np.nan), False, "not finite"),
        (np.zeros((4, 6)), False, "Not that"),
        (np.arange(24.0).reshape(4, 6), False, "Not that"),
        ("a map", False, "array"),
        (..., None, "three dots"),
    ],
)
def test_weighted_map(answer, passed, words):
    verdict = check.weighted_map(answer, ACTIVATION, GRADIENT)
    assert verdict.passed is passed and words in verdict.message


def test_weighted_map_is_what_the_package_computes():
    torch = pytest.importorskip("torch")
    from meteortut import gradcam
    from meteortut.gradcam.tiles import network_input

    tile = RNG.normal(20, 2, (1, 96, 96))
    tile[0, 40:43, 20:70] += 30
    network = gradcam.shipped_network()
    with gradcam.recorded(network.layer3) as record:
        logit = network(network_input(tile))
    (gradient,) = torch.autograd.grad(logit.sum(), record["activation"])
    ours = gradcam.grad_cam(tile, network, "layer3", resize=False)[0]
    assert check.weighted_map(ours, record["activation"][0].detach().numpy(), gradient[0].numpy()).passed


@pytest.mark.parametrize(
    ("answer", "passed", "words"),
    [
        (1 - 0.025**0.5, True, "Right"),
        (0, False, "no error possible"),
        (100 * (1 - 0.025**0.5), False, "per cent"),
        (0.025**0.5, False, "successes"),
        (1 - 0.05**0.5, False, "two ends"),
        (0.5, False, "Not that"),
        (..., None, "three dots"),
    ],
)
def test_worst_rate(answer, passed, words):
    verdict = check.worst_rate(answer, 2)
    assert verdict.passed is passed and words in verdict.message


@pytest.mark.parametrize("n", [1, 2, 22, 109])
def test_worst_rate_is_the_exact_interval(n):
    assert check.worst_rate(exact_interval(0, n)[1], n).passed


@pytest.mark.parametrize(
    ("answer", "passed", "words"),
    [
        (80, True, "too fast"),
        (90, False, "later"),
        (90 * 1.125, False, "other way"),
        (90 / 0.875, False, "other way"),
        (90 * 0.875, False, "do not take a share off"),
        (60, False, "Not that"),
        (..., None, "three dots"),
    ],
)
def test_true_speed(answer, passed, words):
    verdict = check.true_speed(answer, 90, 720)
    assert verdict.passed is passed and words in verdict.message


def test_true_speed_is_that_of_a_rolling_shutter():
    """A meteor at row y(t) = v t is seen in frame k where k + y / 720 = t."""
    v, k = 50.0, np.array([2.0, 3.0])
    seen = v * k / (1 - v / 720)
    assert check.true_speed(v, seen[1] - seen[0], 720).passed


def test_tile_statistic():
    rng = np.random.default_rng(1)
    tiles, is_meteor = rng.normal(20, 2, (40, 96, 96)), np.arange(40) % 2 == 0
    tiles[is_meteor, 40, 20:60] += 20
    assert check.tile_statistic(np.max, tiles, is_meteor).passed
    assert "round" in check.tile_statistic(lambda tile: -tile.max(), tiles, is_meteor).message
    assert check.tile_statistic(lambda tile: tile[0, 0], tiles, is_meteor).passed is False
    assert "finite" in check.tile_statistic(lambda tile: np.nan, tiles, is_meteor).message
    assert check.tile_statistic(..., tiles, is_meteor).passed is None
    assert check.tile_statistic(3, tiles, is_meteor).passed is False
