"""Probabilities add up, bounds have the right sign, and a density is not a probability."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta, norm

from meteortut import tle_vae
from meteortut.tle_vae.elbo import draw
from meteortut.tle_vae.photometry import TOP


@settings(max_examples=40, deadline=None)
@given(location=st.floats(-5, 1200), scale=st.floats(0.02, 60))
def test_probabilities_of_all_steps_add_up_to_one(location: float, scale: float) -> None:
    steps = torch.arange(TOP + 1, dtype=torch.float64)
    p = tle_vae.discretised_logistic(steps, torch.full_like(steps, location), torch.full_like(steps, scale)).exp()
    assert float(p.sum()) == pytest.approx(1, abs=1e-6)
    assert float(p.max()) <= 1 + 1e-9


def test_far_away_the_slope_still_points_to_the_reading() -> None:
    location = torch.tensor(2.0, requires_grad=True)
    tle_vae.discretised_logistic(torch.tensor(300.0), location, torch.tensor(0.3)).backward()
    assert float(location.grad) > 1e-3


def test_single_precision_agrees_with_double() -> None:
    steps, location, scale = (
        torch.rand(3, 1000, dtype=torch.float64) * torch.tensor([[1000.0], [1000.0], [20.0]])
    ).unbind()
    exact = tle_vae.discretised_logistic(steps.round(), location, scale + 0.05)
    single = tle_vae.discretised_logistic(steps.round().float(), location.float(), scale.float() + 0.05)
    np.testing.assert_allclose(single.double().numpy(), exact.numpy(), rtol=2e-3, atol=2e-3)


def test_kl_is_the_integral_that_it_stands_for() -> None:
    mean, variance = 0.7, 0.3
    q, p = norm(mean, variance**0.5), norm(0, 1)
    integral = quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), -10, 10)[0]
    found = tle_vae.gaussian_kl(torch.tensor([[mean]]), torch.tensor([[np.log(variance)]]))
    assert float(found) == pytest.approx(integral, rel=1e-5)
    assert float(tle_vae.gaussian_kl(torch.zeros(1, 1), torch.zeros(1, 1))) == 0


def test_draws_have_the_mean_and_the_spread() -> None:
    torch.manual_seed(0)
    z = draw(torch.full((20_000, 1), 3.0), torch.full((20_000, 1), float(np.log(0.25))))
    assert float(z.mean()) == pytest.approx(3, abs=0.02) and float(z.std()) == pytest.approx(0.5, abs=0.02)


def test_warm_up_grows_and_stays() -> None:
    weights = [tle_vae.warm_up(step, 10, 4.0) for step in (0, 5, 10, 99)]
    assert weights == [0, 2, 4, 4] and tle_vae.warm_up(0, 0, 4.0) == 4


def test_active_units_are_those_that_vary() -> None:
    means = np.stack([np.linspace(-1, 1, 50), np.zeros(50)], axis=1)
    assert tle_vae.active_units(means).tolist() == [True, False]
    with pytest.raises(ValueError, match="at least 2 slices"):
        tle_vae.active_units(means[:1])


def test_beta_log_density_is_scipys() -> None:
    x, a, b = (torch.rand(3, 200, dtype=torch.float64) + 0.01).unbind()
    x = x * 0.9
    np.testing.assert_allclose(tle_vae.beta_log_density(x, a, b), beta(a, b).logpdf(x), rtol=1e-9)


def test_a_density_grows_without_bound_where_a_probability_does_not() -> None:
    at, sharp = torch.tensor(1e-4), torch.tensor([1.0, 10.0, 1000.0])
    density = tle_vae.beta_log_density(at, sharp * 0.1, sharp * 1000)
    assert float(density[-1]) > 5  # nats: more than certain
    p = tle_vae.discretised_logistic(torch.zeros(3), torch.zeros(3), 1 / sharp)
    assert float(p.max()) <= 0


@settings(max_examples=25, deadline=None)
@given(a=st.floats(0.05, 50), b=st.floats(0.05, 50))
def test_beta_bits_are_those_of_a_distribution_on_steps(a: float, b: float) -> None:
    steps = np.tile(np.arange(101.0), (1, 3, 1))
    shape = steps.shape
    bits = tle_vae.beta_bits(steps, np.full(3, 0.01), 1.0, np.full(shape, a), np.full(shape, b))
    assert (bits >= 0).all()
    assert np.exp2(-bits).sum(axis=2) == pytest.approx(np.ones((1, 3)), abs=1e-3)
