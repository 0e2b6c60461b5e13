"""How long light lasts and how alike two bands run: on slices made by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from meteortut import tle_vae

N = 5000


def slice_of(*lit: tuple[int, int, int], level: float = 20.0) -> torch.Tensor:
    """One dark slice of three bands, with light of ``level`` steps in band b from sample first to stop."""
    steps = torch.zeros(1, 3, N)
    for band, first, stop in lit:
        steps[0, band, first:stop] = level
    return steps


@settings(max_examples=30, deadline=None)
@given(first=st.integers(0, 2000), length=st.integers(20, 2500), band=st.integers(0, 2))
def test_lit_share_is_the_length_of_the_light(first: int, length: int, band: int) -> None:
    found = float(tle_vae.lit_share(slice_of((band, first, first + length)))[0])
    assert found == pytest.approx(length / N, abs=2 * 20 / N)


def test_light_in_two_bands_at_once_counts_once_and_one_after_the_other_twice() -> None:
    together = tle_vae.lit_share(slice_of((0, 1000, 1500), (2, 1000, 1500)))
    apart = tle_vae.lit_share(slice_of((0, 1000, 1500), (2, 3000, 3500)))
    assert float(apart) == pytest.approx(2 * float(together))


def test_noise_of_a_few_quanta_is_no_light() -> None:
    rng = np.random.default_rng(0)
    noise = torch.from_numpy(rng.poisson(0.05, (200, 3, N)).astype(np.float32))
    assert float(tle_vae.lit_share(noise).mean()) < 0.01
    assert float(tle_vae.lit_share(torch.zeros(1, 3, N))) == 0


def test_a_dark_level_is_no_light_either() -> None:
    assert float(tle_vae.lit_share(torch.full((1, 3, N), 7.0))) == 0
    bright = slice_of((0, 1000, 2000)) + 7
    assert float(tle_vae.lit_share(bright)) == pytest.approx(0.2)


def test_likeness_is_that_of_the_first_band_with_the_last() -> None:
    same = tle_vae.likeness(slice_of((0, 1000, 2000), (2, 1000, 2000)))
    assert float(same) == pytest.approx(1.0, abs=1e-5)
    assert float(tle_vae.likeness(slice_of((0, 1000, 2000), (1, 1000, 2000)))) == 0
    rng = np.random.default_rng(1)
    steps = rng.integers(0, 30, (4, 3, N)).astype(np.float32)
    means = steps.reshape(4, 3, -1, 20).mean(3)
    expected = [np.corrcoef(own[0], own[2])[0, 1] for own in means]
    np.testing.assert_allclose(tle_vae.likeness(torch.from_numpy(steps)).numpy(), expected, atol=1e-4)


def test_the_embedding_carries_both_where_its_columns_say() -> None:
    steps = torch.cat([slice_of((0, 1000, 1400), (2, 1000, 1400)), slice_of((0, 1000, 3000))])
    photometry = (steps * torch.as_tensor(tle_vae.QUANTA, dtype=torch.float32)[:, None]).numpy()
    points = tle_vae.embed(photometry, course=True)
    np.testing.assert_array_equal(points[:, :-2], tle_vae.embed(photometry))
    long, alike = points[:, tle_vae.COURSE].T
    assert long[1] - long[0] == pytest.approx(8 * np.log10(0.404 / 0.084), abs=0.1)
    assert alike == pytest.approx([8, 0], abs=0.02)
    assert (points[:, tle_vae.HEIGHTS] > 2).tolist() == [[True, False, True], [True, False, False]]


def test_less_than_a_bin_is_refused() -> None:
    for measure in (tle_vae.lit_share, tle_vae.likeness):
        with pytest.raises(ValueError, match="at least 20"):
            measure(torch.zeros(1, 3, 19))
