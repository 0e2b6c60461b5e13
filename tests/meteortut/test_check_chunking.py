"""The checks of chapter 1: right, each expected mistake, and not answered."""

import numpy as np
import pytest

from meteortut import check

SIZE, STEP = (48, 8, 8), (16, 4, 2)
SESSION_OF = np.repeat([5, 6, 7], 4)
TRAIN, TEST = np.arange(4, 12), np.arange(4)


@pytest.mark.parametrize(
    ("answer", "passed", "words"),
    [
        (24, True, "near the edges"),
        (9, False, "added"),
        (3, False, "one axis"),
        (128, False, "volume of a step"),
        (7, False, "Not that"),
        (..., None, "three dots"),
        ("many", False, "whole number"),
    ],
)
def test_chunks_per_voxel(answer, passed, words):
    verdict = check.chunks_per_voxel(answer, SIZE, STEP)
    assert verdict.passed is passed and words in verdict.message


@pytest.mark.parametrize(
    ("factor", "passed", "words"),
    [
        (1, True, "forgotten"),
        (2**30, False, "bytes"),
        (2**10, False, "MiB"),
        (2**30 / 1e9, False, "10⁹"),
        (0.25, False, "one byte"),
        (2, False, "4 bytes"),
        (17, False, "Not that"),
    ],
)
def test_materialised_gib(factor, passed, words):
    verdict = check.materialised_gib(factor * 1000 * 3072 * 4 / 2**30, 1000, SIZE)
    assert verdict.passed is passed and words in verdict.message
    assert check.materialised_gib(..., 1000, SIZE).passed is None


def label(pixels):
    most = max((len(hits) for hits in pixels.values()), default=0)
    return 1 if most >= 3 else -1 if most else 0


def test_label_of_chunk():
    assert check.label_of_chunk(label).passed
    assert check.label_of_chunk(...).passed is None
    together = check.label_of_chunk(lambda pixels: 1 if sum(map(len, pixels.values())) >= 3 else -1 if pixels else 0)
    assert together.passed is False and "three pixels" in together.message
    assert "0" in check.label_of_chunk(lambda pixels: 1).message


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((TRAIN, np.array([], int)), "empty"),
        ((np.arange(12), TEST), "both sides"),
        ((np.arange(3, 12), np.arange(3)), "Session 5 is on both sides"),
        ((TEST, TRAIN), "should hold the sessions 5"),
        ((TRAIN[:-1], TEST), "neither side"),
        ((TRAIN + 1, TEST), "0 to 11"),
        ((np.append(TRAIN, 4), TEST), "twice"),
        ((SESSION_OF != 5, SESSION_OF == 5), "masks"),
        (17, "two arrays"),
    ],
)
def test_an_unfair_split_is_told_why(answer, words):
    verdict = check.fair_split(answer, (5,), SESSION_OF)
    assert verdict.passed is False and words in verdict.message


def test_a_fair_split_passes():
    assert check.fair_split((TRAIN, TEST), (5,), SESSION_OF).passed
    assert check.fair_split(..., (5,), SESSION_OF).passed is None


def test_own_scaling():
    rng = np.random.default_rng(0)
    chunks, is_meteor = rng.normal(1, 0.01, (40, 12, 4, 4)), np.arange(40) % 2 == 0
    chunks[is_meteor, 6, 2, 2] += 1
    own = check.own_scaling(lambda some: some - some.mean(axis=(1, 2, 3), keepdims=True), chunks, is_meteor)
    assert own.passed and "1.00" in own.message
    assert check.own_scaling(..., chunks, is_meteor).passed is None
    for wrong, words in [
        (lambda some: some[:, 0], "shape"),
        (lambda some: some * np.nan, "finite"),
        (lambda some: some - some.mean(axis=0), "alone"),
    ]:
        verdict = check.own_scaling(wrong, chunks, is_meteor)
        assert verdict.passed is False and words in verdict.message
