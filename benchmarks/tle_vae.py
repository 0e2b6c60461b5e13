"""Chapter 4: embeddings in batches beside a loop, and the discretised logistic beside differences of its distribution function."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import logistic

from meteortut import tle_vae
from meteortut.simulate.mmia import simulate_photometry
from meteortut.tle_vae.photometry import TOP


def pairs() -> list[tuple[str, str, Callable[[], object], Callable[[], object]]]:
    """Give name, peer's name, our call and the peer's; checks first that both give the same."""
    data, _ = simulate_photometry(200, 3)
    if not np.allclose(tle_vae.embed(data), _one_by_one(data), atol=1e-3):
        raise RuntimeError("embed and the loop disagree.")
    rng = np.random.default_rng(3)
    steps = rng.integers(0, TOP + 1, 200_000).astype(np.float64)
    location, scale = np.clip(steps + rng.normal(0, 3, steps.shape), 0, TOP), rng.uniform(0.3, 5, steps.shape)
    ours, theirs = _ours(steps, location, scale), _by_scipy(steps, location, scale)
    if (worst := float(np.abs(ours - theirs).max())) > 1e-6:
        raise RuntimeError(f"the two likelihoods differ by {worst:.1e} nats.")
    return [
        ("embed 200 slices", "a loop over the slices", lambda: tle_vae.embed(data), lambda: _one_by_one(data)),
        (
            "likelihood of 200 000 readings",
            "scipy.stats.logistic and cauchy",
            lambda: _ours(steps, location, scale),
            lambda: _by_scipy(steps, location, scale),
        ),
    ]


def _one_by_one(data: np.ndarray) -> np.ndarray:
    return np.concatenate([tle_vae.embed(own[None]) for own in data])


def _ours(steps: np.ndarray, location: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return tle_vae.discretised_logistic(*map(torch.from_numpy, (steps, location, scale))).numpy()


def _by_scipy(steps: np.ndarray, location: np.ndarray, scale: np.ndarray) -> np.ndarray:
    from scipy.stats import cauchy

    low, high = np.where(steps <= 0, -np.inf, steps - 0.5), np.where(steps >= TOP, np.inf, steps + 0.5)
    inside = logistic.cdf(high, location, scale) - logistic.cdf(low, location, scale)
    stray = cauchy.cdf(high, location, 4 * scale) - cauchy.cdf(low, location, 4 * scale)
    return np.log((1 - 1e-3) * inside + 1e-3 * stray)
