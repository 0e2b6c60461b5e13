"""The checks of chapter 4: right, each expected mistake, and not answered."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.metrics import rand_score

from meteortut import check
from meteortut.simulate.mmia import simulate_photometry

RNG = np.random.default_rng(4)
MEAN, SIGMA = RNG.normal(0, 1, (4, 12)), RNG.uniform(0.05, 2, (4, 12))
RIGHT = 0.5 * (MEAN**2 + SIGMA**2 - np.log(SIGMA**2) - 1)


@pytest.mark.parametrize(
    ("answer", "passed", "words"),
    [
        (RIGHT, True, "never below 0"),
        (RIGHT.tolist(), True, "never below 0"),
        (2 * RIGHT, False, "½"),
        (-RIGHT, False, "sign"),
        (0.5 * (MEAN**2 + SIGMA**2 - np.log(SIGMA) - 1), False, "logarithm"),
        (0.5 * (MEAN**2 + SIGMA - np.log(SIGMA) - 1), False, "for the variance"),
        (RIGHT + 0.5, False, "constant"),
        (0.5 * (SIGMA**2 - np.log(SIGMA**2) - 1), False, "the mean"),
        (np.full_like(RIGHT, RIGHT.mean()), False, "Not that"),
        (RIGHT.sum(axis=1), False, "(4, 12)"),
        (np.full_like(RIGHT, np.nan), False, "finite"),
        ("much", False, "array of numbers"),
        (..., None, "three dots"),
    ],
)
def test_kl_by_hand(answer, passed, words):
    verdict = check.kl_by_hand(answer, MEAN, SIGMA)
    assert verdict.passed is passed and words in verdict.message


def test_kl_by_hand_agrees_with_drawing_numbers():
    mean, sigma = np.array([[0.7, -1.2]]), np.array([[0.5, 1.4]])
    z = mean + sigma * np.random.default_rng(0).standard_normal((400_000, 2))
    drawn = (-np.log(sigma) - (z - mean) ** 2 / (2 * sigma**2) + z**2 / 2).mean(axis=0)
    right = 0.5 * (mean**2 + sigma**2 - np.log(sigma**2) - 1)
    np.testing.assert_allclose(drawn, right[0], atol=0.01)
    assert check.kl_by_hand(right, mean, sigma).passed


FIRST, SECOND = list("aabbbcc"), [1, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("answer", "passed", "words"),
    [
        (17, True, "21 pairs"),
        (3, False, "keep apart count"),
        (14, False, "together in both count"),
        (4, False, "disagree"),
        (21, False, "all the pairs"),
        (34, False, "twice"),
        (41, False, "itself"),
        (0, False, "names"),
        (12, False, "Not that"),
        (16.5, False, "Not that"),
        (..., None, "three dots"),
        ("few", False, "whole number"),
    ],
)
def test_pairs_agreed(answer, passed, words):
    verdict = check.pairs_agreed(answer, FIRST, SECOND)
    assert verdict.passed is passed and words in verdict.message


def test_pairs_agreed_is_the_rand_index_times_the_pairs():
    first, second = (np.random.default_rng(seed).integers(3, size=12) for seed in (1, 2))
    n_pairs = len(list(combinations(range(12), 2)))
    assert check.pairs_agreed(round(rand_score(first, second) * n_pairs), first, second).passed


@pytest.mark.parametrize(
    ("answer", "passed", "words"),
    [
        (np.log2(5000 * 64 * 128), True, "Right"),
        (np.log(5000 * 64 * 128), False, "nats"),
        (np.log10(5000 * 64 * 128), False, "decimal"),
        (np.log2(5000 + 64 + 128), False, "each of the numbers"),
        (6, False, "alone"),
        (40, False, "Not that"),
        (..., None, "three dots"),
    ],
)
def test_code_bits(answer, passed, words):
    verdict = check.code_bits(answer, (5000, 64, 128))
    assert verdict.passed is passed and words in verdict.message


@pytest.fixture(scope="module")
def elves():
    _, truth, light = simulate_photometry(60, 3, kinds=["elve"], clean=True)
    return light[(truth.uv_snr > 3) & (truth.snr_777 > 3)]


def starts(slice_):
    return [int(np.argmax(band >= 0.1 * band.max())) for band in slice_]


@pytest.mark.parametrize(
    ("answer", "passed", "words"),
    [
        (lambda s: (starts(s)[2] - starts(s)[1]) * 0.01, True, "µs in the median"),
        (lambda s: (starts(s)[1] - starts(s)[2]) * 0.01, False, "sign"),
        (lambda s: starts(s)[2] - starts(s)[1], False, "samples"),
        (lambda s: (starts(s)[2] - starts(s)[1]) * 10, False, "microseconds"),
        (lambda s: (s[2].argmax() - s[1].argmax()) * 0.01, False, "peak to peak"),
        (lambda s: (starts(s)[2] - starts(s)[0]) * 0.01, False, "from 337 nm"),
        (lambda s: (starts(s)[0] - starts(s)[1]) * 0.01, False, "to 337 nm"),
        (lambda s: 0.07, False, "Not that"),
        (lambda s: np.nan, False, "finite"),
        (0.07, False, "function"),
        (..., None, "three dots"),
    ],
)
def test_uv_lead(elves, answer, passed, words):
    verdict = check.uv_lead(answer, elves)
    assert verdict.passed is passed and words in verdict.message


@pytest.mark.parametrize(
    ("answer", "passed", "words"),
    [
        (lambda s: s[0].max(), True, "Nearly no fault"),
        (lambda s: s[0].max() * (s[2, 0] > 0.1), True, "Which other kind"),
        (lambda s: -s[0].max(), False, "Turn it round"),
        (lambda s: 1.0, False, "coin"),
        (lambda s: s[2, 0], False, "coin"),
        (lambda s: np.inf, False, "dark"),
        (7, False, "function"),
        (..., None, "three dots"),
    ],
)
def test_slice_statistic(answer, passed, words):
    rng = np.random.default_rng(0)
    photometry, wanted = rng.random((40, 3, 50)), np.arange(40) % 2 == 0
    photometry[wanted, 0, 10] = 5
    verdict = check.slice_statistic(answer, photometry, wanted)
    assert verdict.passed is passed and words in verdict.message


def test_an_answer_cannot_change_the_slices(elves):
    def spoil(slice_):
        slice_[:] = 0
        return 0.0

    before = elves.copy()
    check.uv_lead(spoil, elves)
    check.slice_statistic(spoil, elves, np.arange(len(elves)) % 2 == 0)
    np.testing.assert_array_equal(elves, before)
