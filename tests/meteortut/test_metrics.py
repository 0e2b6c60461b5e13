"""The shared intervals."""

import numpy as np
import pytest

from meteortut.metrics import exact_interval, mean_interval


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (10, 10), (3, 12), (58, 73)])
def test_exact_interval_is_where_the_binomial_tails_are_two_and_a_half_percent(hits, n):
    from scipy.stats import binom

    low, high = exact_interval(hits, n)
    assert low == 0 if hits == 0 else binom.sf(hits - 1, n, low) == pytest.approx(0.025)
    assert high == 1 if hits == n else binom.cdf(hits, n, high) == pytest.approx(0.025)
    with pytest.raises(ValueError, match="expected 0 ≤ n_hits ≤ n"):
        exact_interval(n + 1, n)


def test_mean_interval_holds_the_true_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    draws = rng.normal(3.0, 0.5, (2000, 8))
    inside = [low < 3.0 < high for low, high in map(mean_interval, draws)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.02)
    low, high = mean_interval([1.0, 2.0], 0.5)
    assert (low, high) == pytest.approx((1.0, 2.0))  # half of Student's t with one degree of freedom lies within one
    for wrong in ([1.0], [1.0, np.nan], [[1.0, 2.0]]):
        with pytest.raises(ValueError, match="two finite values or more"):
            mean_interval(wrong)
