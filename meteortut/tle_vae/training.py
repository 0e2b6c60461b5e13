"""Train any of the chapter's networks on the evidence lower bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import torch

from meteortut.tle_vae.elbo import warm_up

#: Slices that go through the network at a time.
PIECE = 25


class Autoencoder(Protocol):
    """What a network of this chapter offers; slices are Tensors of shape (n, 3, 5000), µW/m²."""

    n_latent: int

    def encode(self, photometry: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]: ...

    def bound_terms(self, photometry: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]: ...

    def reconstruct(self, photometry: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes
    ----------
    n_epochs, batch_size : int
        Rounds through the slices, slices per step.
    learning_rate : float
        Of Adam (Kingma and Ba 2015, ICLR); rises over a tenth of the steps, then falls along half a cosine.
    beta : float
        Weight of the KL term in the end.
    warm_up_share : float
        Share of the steps over which that weight grows from 0; 0 is none, as in the report.
    """

    n_epochs: int = 30
    batch_size: int = 100
    learning_rate: float = 1e-3
    beta: float = 1.0
    warm_up_share: float = 0.3


#: The report has 300 epochs of 11 496 slices, in batches of 100, and no warm-up. Small batches here, for more steps out of
#: few slices.
FAITHFUL = Recipe(n_epochs=8, batch_size=25, warm_up_share=0.0)
#: Ours. β and the rest chosen by scores on validation slices of the first world.
OURS = Recipe(n_epochs=16, batch_size=50, learning_rate=2e-3, beta=20.0)


def train(
    build: Callable[[], torch.nn.Module],
    photometry: np.ndarray,
    rng: int | np.random.Generator,
    recipe: Recipe,
    n_epochs: int | None = None,
) -> tuple[torch.nn.Module, pd.DataFrame]:
    """Build a network and train it.

    Parameters
    ----------
    build : callable
        Makes the network (:class:`~meteortut.tle_vae.faithful.FaithfulVAE`,
        :class:`~meteortut.tle_vae.networks.PhotometryVAE`, …).
    photometry : ndarray of float32 of shape (n, 3, 5000), µW/m²
        Slices, checked by :func:`~meteortut.tle_vae.photometry.check_photometry`; no labels.
    rng : int or Generator
        Seed or generator: first weights, order, draws of z. PyTorch's own generator is left as it was.
    recipe : Recipe
        How.
    n_epochs : int, optional
        Stop after so many of the recipe's rounds (for a short live training).

    Returns
    -------
    network : torch.nn.Module
        In evaluation mode.
    history : DataFrame, a row per epoch
        ``epoch``, ``log_likelihood``, ``kl`` (means per slice, nats), ``beta`` (weight of the KL term at the epoch's end).

    Raises
    ------
    ValueError
        If there are no slices, or the bound is no longer finite.
    """
    if len(photometry) == 0:
        raise ValueError("there are no slices to train on; expected (n, n_bands, n_samples) with n ≥ 1.")
    rng = np.random.default_rng(rng)
    data = torch.from_numpy(np.ascontiguousarray(photometry, np.float32))
    n_batches = -(-len(data) // recipe.batch_size)
    n_steps = recipe.n_epochs * n_batches
    rows: list[dict[str, float]] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        network = build().train()
        optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, n_steps))
        for epoch in range(recipe.n_epochs if n_epochs is None else min(n_epochs, recipe.n_epochs)):
            totals = np.zeros(2)
            for k, chosen in enumerate(np.array_split(rng.permutation(len(data)), n_batches)):
                step = epoch * n_batches + k + 1
                weight = warm_up(step, round(recipe.warm_up_share * n_steps), recipe.beta)
                totals += _step(network, data[torch.from_numpy(chosen)], weight, optimiser)
                schedule.step()
            if not np.isfinite(totals).all():
                raise ValueError(
                    f"the bound is not finite in epoch {epoch}; lower the learning rate or look at the input."
                )
            mean = totals / len(data)
            rows.append({"epoch": epoch, "log_likelihood": mean[0], "kl": mean[1], "beta": weight})
    return network.eval(), pd.DataFrame(rows)


def _step(
    network: torch.nn.Module, x: torch.Tensor, weight: float, optimiser: torch.optim.Optimizer
) -> tuple[float, float]:
    """One step up the bound; gives the sums of log-likelihood and KL over the batch, nats.

    The batch goes through in pieces that fit the processor's cache, which halves the time of the report's network;
    gradients add up.
    """
    optimiser.zero_grad(set_to_none=True)
    totals = [0.0, 0.0]
    for piece in x.split(PIECE):
        log_likelihood, kl = network.bound_terms(piece)  # type: ignore[operator]
        loss = (weight * kl.sum(1) - log_likelihood).sum() / x.numel()
        loss.backward()
        totals[0] += float(log_likelihood.sum().detach())
        totals[1] += float(kl.sum().detach())
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return totals[0], totals[1]


def _rate(step: int, n_steps: int) -> float:
    part = (step + 1) / (n_steps + 1)
    return part / 0.1 if part < 0.1 else float(0.5 * (1 + np.cos(np.pi * (part - 0.1) / 0.9)))
