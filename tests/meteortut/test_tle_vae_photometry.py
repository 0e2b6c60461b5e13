"""Checks before any work, flags, steps, cutting and padding."""

from __future__ import annotations

import numpy as np
import pytest

from meteortut import tle_vae
from meteortut.simulate.mmia import simulate_photometry
from meteortut.tle_vae.photometry import N_SAMPLES, TOP


@pytest.fixture(scope="module")
def slices() -> np.ndarray:
    return simulate_photometry(8, 5)[0]


def test_good_slices_pass_unchanged(slices: np.ndarray) -> None:
    assert tle_vae.check_photometry(slices) is slices
    assert tle_vae.check_photometry(slices.astype(np.float64)).dtype == np.float32
    assert len(tle_vae.check_photometry(np.zeros((0, 3, N_SAMPLES)))) == 0


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda x: x[0], r"photometry\[None\]"),
        (lambda x: x[:, :2], "2 bands"),
        (lambda x: x[:, :, :4000], "shorter than 5000"),
        (lambda x: np.concatenate([x, x], axis=2), "cut_slices"),
        (lambda x: np.where(np.arange(N_SAMPLES) == 7, np.nan, x), "24 readings in 8 slices are NaN"),
        (lambda x: np.where(np.arange(N_SAMPLES) == 7, np.inf, x), "NaN or infinite"),
        (lambda x: x - np.array([0, 0, 0.01])[:, None], "777.4 nm has a reading of -0.01"),
        (lambda x: x * 1e6, "beyond the photometer's"),
        (lambda x: x + 5.0, "beyond the photometer's"),
        (lambda x: x.astype(str), "dtype"),
        (lambda x: x[:, [1, 0, 2]], "another order"),
        (lambda x: x[:, [2, 1, 0]], "another order"),
        (lambda x: x[:, [0, 2, 1]], "another order"),
    ],
)
def test_bad_input_is_refused_with_advice(slices: np.ndarray, spoil, says: str) -> None:
    for call in (tle_vae.check_photometry, tle_vae.embed, tle_vae.reconstruct):
        with pytest.raises(ValueError, match=says):
            call(spoil(slices))


def test_the_order_shows_in_the_second_world_too() -> None:
    for seed in range(4):  # its steps drift by 6 % from slice to slice
        data, _ = simulate_photometry(6, seed, world="second")
        tle_vae.check_photometry(data)
        with pytest.raises(ValueError, match="another order"):
            tle_vae.check_photometry(data[:, [2, 1, 0]])


def test_without_steps_nothing_shows_and_nothing_is_claimed(slices: np.ndarray) -> None:
    smooth = slices + np.random.default_rng(0).uniform(0, 1e-5, slices.shape).astype(np.float32)
    swapped = 0.5 * smooth[:, [2, 1, 0]]
    assert np.isnan(tle_vae.steps_of(smooth)).all()
    assert tle_vae.check_photometry(swapped) is not None
    assert not tle_vae.quality_flags(smooth).in_steps.any()


def test_steps_are_those_of_the_instrument(slices: np.ndarray) -> None:
    np.testing.assert_allclose(tle_vae.steps_of(slices), np.tile(tle_vae.QUANTA, (8, 1)), rtol=1e-4)
    assert tle_vae.quality_flags(slices).in_steps.all()
    steps = tle_vae.counts(slices)
    np.testing.assert_allclose(steps * tle_vae.QUANTA[:, None], slices, atol=1e-6)


def test_dead_and_saturated_photometers_are_flagged_not_refused(slices: np.ndarray) -> None:
    odd = slices.copy()
    odd[0, 1] = 0.0
    odd[1, 0, 100:105] = TOP * tle_vae.QUANTA[0]
    odd[2, 2, 100] = TOP * tle_vae.QUANTA[2]  # one sample alone: a cosmic ray
    flags = tle_vae.quality_flags(tle_vae.check_photometry(odd))
    assert flags.constant_uv[0] and not flags.constant_uv[1:].any()
    assert flags.saturated_337[1] and not flags.saturated_337[2:].any()
    assert not flags.saturated_777[2]


def test_cutting_keeps_every_sample_in_order() -> None:
    record = np.arange(3 * 12_000, dtype=np.float32).reshape(3, 12_000)
    cut = tle_vae.cut_slices(record)
    assert cut.shape == (2, 3, N_SAMPLES)
    np.testing.assert_array_equal(np.concatenate(list(cut), axis=1), record[:, :10_000])
    with pytest.raises(ValueError, match="at least 5000"):
        tle_vae.cut_slices(record[:, :100])


def test_padding_lengthens_with_darkness() -> None:
    padded = tle_vae.zero_pad([np.ones((3, 10)), np.ones((3, 30))], 30)
    assert padded.sum(axis=(1, 2)).tolist() == [30, 90] and padded[0, :, 10:].max() == 0
    with pytest.raises(ValueError, match="at most 30"):
        tle_vae.zero_pad([np.ones((3, 31))], 30)
