"""The shared intervals."""

import pytest

from meteortut.metrics import exact_interval


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (10, 10), (3, 12), (58, 73)])
def test_exact_interval_is_where_the_binomial_tails_are_two_and_a_half_percent(hits, n):
    from scipy.stats import binom

    low, high = exact_interval(hits, n)
    assert low == 0 if hits == 0 else binom.sf(hits - 1, n, low) == pytest.approx(0.025)
    assert high == 1 if hits == n else binom.cdf(hits, n, high) == pytest.approx(0.025)
    with pytest.raises(ValueError, match="expected 0 ≤ n_hits ≤ n"):
        exact_interval(n + 1, n)
