r"""The evidence lower bound, derived, and its Gaussian term in closed form.

We want a model :math:`p_\theta(x, z) = p_\theta(x|z)\,p(z)` under which the slices :math:`x` are likely. The integral over
:math:`z` cannot be done, so we bring in any density :math:`q_\phi(z|x)` and multiply and divide by it:

.. math:: \ln p_\theta(x) = \ln \mathbb{E}_{q}\!\left[\frac{p_\theta(x|z)\,p(z)}{q_\phi(z|x)}\right]
          \;\ge\; \mathbb{E}_{q}\!\left[\ln \frac{p_\theta(x|z)\,p(z)}{q_\phi(z|x)}\right]
          = \underbrace{\mathbb{E}_{q}[\ln p_\theta(x|z)]}_{\text{reconstruction}} -
          \underbrace{D_{KL}(q_\phi\,\|\,p)}_{\text{regularisation}}

by Jensen's inequality, as the logarithm is concave. What is lost is :math:`D_{KL}(q_\phi(z|x)\,\|\,p_\theta(z|x)) \ge 0`. For
:math:`q = \mathcal N(\mu, \operatorname{diag} \sigma^2)` and :math:`p = \mathcal N(0, 1)`, each dimension gives

.. math:: \int q \ln\frac{q}{p}\,dz = \mathbb{E}_q\!\left[-\ln\sigma - \frac{(z-\mu)^2}{2\sigma^2} + \frac{z^2}{2}\right]
          = \tfrac12\left(\mu^2 + \sigma^2 - \ln\sigma^2 - 1\right) \ge 0,

since :math:`\mathbb{E}[(z-\mu)^2] = \sigma^2` and :math:`\mathbb{E}[z^2] = \mu^2 + \sigma^2`. The bound is *maximised*,
and this term is *subtracted*: with a plus sign and without the ½, as the formula stands in Jørgensen and Engell (2020), a
large :math:`\mu` would be a virtue. A latent number that takes one of :math:`n` places, all as likely before, costs
:math:`\ln n` when :math:`q` puts all its weight on one of them.

Kingma and Welling 2014 (ICLR); Higgins et al. 2017 (ICLR) for the factor :math:`\beta` before the second term; Bowman et
al. 2016 (CoNLL) for letting it grow from 0 in the first epochs; Burda et al. 2016 (ICLR) for active units.
"""

from __future__ import annotations

import numpy as np
import torch


def gaussian_kl(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Divergence of N(mean, exp(log_variance)) from N(0, 1), per unit.

    Parameters
    ----------
    mean, log_variance : Tensor of shape (n, n_latent)
        Of the posterior of each slice.

    Returns
    -------
    Tensor of shape (n, n_latent), nats
        0 where mean = 0 and variance = 1, positive elsewhere.
    """
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)


def draw(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Draw z = mean + σ·ε with ε from N(0, 1), so that gradients reach the mean and σ; shapes (n, n_latent)."""
    return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)


def warm_up(step: int, n_warm: int, beta: float) -> float:
    """Give the weight of the KL term at a step: linear from 0 to ``beta`` over ``n_warm`` steps, then ``beta``."""
    return beta * min(1.0, step / n_warm) if n_warm > 0 else beta


def active_units(means: np.ndarray, threshold: float = 0.01) -> np.ndarray:
    """Tell which latent units carry anything: those whose posterior mean varies between slices.

    Parameters
    ----------
    means : ndarray of shape (n_slices, n_latent)
        Posterior means; at least 2 slices.
    threshold : float
        Variance from which a unit is active; 0.01 is that of Burda et al. 2016.

    Returns
    -------
    ndarray of bool of shape (n_latent,)

    Raises
    ------
    ValueError
        If there are fewer than 2 slices.
    """
    if means.ndim != 2 or len(means) < 2:
        raise ValueError(f"means has shape {means.shape}; expected (n_slices, n_latent) with at least 2 slices.")
    return np.asarray(means.var(axis=0) > threshold)
