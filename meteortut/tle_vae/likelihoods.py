"""How likely a reading is: the report's Beta density, and a distribution on the readings' own steps.

A photometer counts in steps (quanta). A density on [0, 1] can grow without bound on values that repeat exactly, and most
readings repeat 0: the training then rewards infinitely sharp spikes. A *discretised* likelihood gives each step a
probability ≤ 1. Both are compared in bits per sample on the same integers: the Beta density is integrated over the width
of each step.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import softplus

from meteortut.tle_vae.photometry import TOP

#: How near to 0 and 1 a scaled reading may come, where the Beta density has no bound. Chosen.
CLIP = 1e-4
#: Smallest probability that a step gets when bits are counted: log2 of it is the largest cost of a sample, −1000 bits.
SMALLEST_LOG2 = -1000.0


def discretised_logistic(
    steps: torch.Tensor, location: torch.Tensor, scale: torch.Tensor, stray: float = 1e-3
) -> torch.Tensor:
    """Log-probability of integer readings: a logistic distribution summed over each step, and a few strays with long tails.

    Parameters
    ----------
    steps : Tensor of any shape, integers as float, quanta
        Readings from 0 to :data:`~meteortut.tle_vae.photometry.TOP`; the end steps take the tails.
    location, scale : Tensor of the same shape, quanta
        Of the logistic distribution; scale > 0.
    stray : float
        Share of a Cauchy distribution of the same location and four times the scale: cosmic rays hit single samples, and a
        network that has not yet found a pulse must still feel where it is (far away a flat floor has no slope). Chosen: 1
        in 1000.

    Returns
    -------
    Tensor of the same shape, nats, ≤ 0
        Of the step from k − ½ to k + ½; the probabilities of all steps add up to 1.

    Notes
    -----
    F(b) − F(a) = F(b)(1 − F(a))(1 − e^{−(b−a)}) for the logistic F, which does not cancel. The distribution on steps:
    Salimans et al. 2017 (ICLR, PixelCNN++).
    """
    a, b = (steps - 0.5 - location) / scale, (steps + 0.5 - location) / scale
    lowest, highest = steps <= 0, steps >= TOP
    below, above = -softplus(-b), -softplus(a)
    inside = below + above + torch.log(-torch.expm1(-1 / scale))
    inside = torch.where(lowest, below, torch.where(highest, above, inside))
    a, b = a / 4, b / 4
    upper = torch.where(highest, torch.full_like(b, torch.pi / 2), torch.atan(b))
    lower = torch.where(lowest, torch.full_like(a, -torch.pi / 2), torch.atan(a))
    # atan(b) − atan(a) cancels far out, where a and b have the same sign; this form does not.
    apart = torch.where(lowest | highest | (a * b < 0), upper - lower, torch.atan((b - a) / (1 + (a * b).clamp_min(0))))
    tail = apart.clamp_min(1e-20).log() + float(np.log(stray / np.pi))
    return torch.logaddexp(inside + float(np.log1p(-stray)), tail)


def beta_log_density(x: torch.Tensor, alpha: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
    """Log-density of the Beta distribution, as the report has it.

    Parameters
    ----------
    x : Tensor of any shape, dimensionless
        In (0, 1), ends excluded.
    alpha, beta : Tensor of the same shape
        Shape parameters, > 0.

    Returns
    -------
    Tensor of the same shape, nats
        Without an upper bound.
    """
    norm = torch.lgamma(alpha) + torch.lgamma(beta) - torch.lgamma(alpha + beta)
    return (alpha - 1) * x.log() + (beta - 1) * torch.log1p(-x) - norm


def beta_bits(
    steps: np.ndarray, quantum: np.ndarray, full: float | np.ndarray, alpha: np.ndarray, beta: np.ndarray
) -> np.ndarray:
    """Bits that a Beta density spends on integer readings: its integral over each step, as −log2.

    Parameters
    ----------
    steps : ndarray of shape (n, 3, n_samples), quanta
        Integer readings; what lies outside 0 … full is counted into the end steps.
    quantum : ndarray of shape (3,), µW/m²
        Width of a step in each band.
    full : float or ndarray of shape (n, 1, 1), µW/m²
        What was scaled to 1.
    alpha, beta : ndarray of shape (n, 3, n_samples)
        Shape parameters.

    Returns
    -------
    ndarray of float64 of shape (n, 3, n_samples), bits
        At most 1000 for one sample.
    """
    from scipy.special import betainc, betaincc, betaln

    width = np.asarray(quantum, np.float64)[:, None] / np.asarray(full, np.float64)
    lower, upper = ((np.asarray(steps, np.float64) + side) * width for side in (-0.5, 0.5))
    lower, upper = np.minimum(lower, 1 - width / 2), np.maximum(upper, width / 2)  # beyond the ends: the end steps
    low_tail = betainc(alpha, beta, np.clip(upper, 0, 1)) - betainc(alpha, beta, np.clip(lower, 0, 1))
    high_tail = betaincc(alpha, beta, np.clip(lower, 0, 1)) - betaincc(alpha, beta, np.clip(upper, 0, 1))
    mass = np.where(np.asarray(alpha) / (np.asarray(alpha) + beta) > np.clip(lower, 0, 1), low_tail, high_tail)
    # Narrow steps: the two tails agree to all digits, but the density hardly changes within the step.
    middle = np.clip((lower + upper) / 2, 1e-12, 1 - 1e-12)
    flat = np.exp((alpha - 1) * np.log(middle) + (beta - 1) * np.log1p(-middle) - betaln(alpha, beta)) * (upper - lower)
    mass = np.where(mass > 1e-10, mass, np.minimum(flat, 1))
    return -np.log2(np.clip(mass, 2.0**SMALLEST_LOG2, 1))
