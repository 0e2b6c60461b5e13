"""Find the odd one: slices that a network has not learned to expect.

The reconstruction probability (An and Cho 2015, SNU Data Mining Center) asks how well a slice is drawn again. It ranks
*busy* slices first: thirty pulses of a common flash cost more bits than one pulse of an unknown kind. The bound has a
second half: where in the latent space the slice lies. The standard normal prior is a poor guide to that, as the slices
that the network was trained on fill only parts of it; a mixture of Gaussians fitted to them (the *aggregated posterior*;
Hoffman and Johnson 2016, NIPS workshop; Tomczak and Welling 2018, AISTATS) says how seldom a place is visited.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from meteortut.tle_vae.elbo import draw
from meteortut.tle_vae.likelihoods import discretised_logistic
from meteortut.tle_vae.networks import PhotometryVAE

#: Gaussians in the mixture, and what is added to their variances. Chosen on validation slices of the first world.
N_COMPONENTS, SOFTENING = 12, 1e-2
_BATCH = 50


def rank_novelty(
    network: PhotometryVAE,
    known: np.ndarray,
    photometry: np.ndarray,
    rng: int | np.random.Generator,
    n_components: int = N_COMPONENTS,
) -> pd.DataFrame:
    """Score slices by how unlikely they are after what the network knows.

    Parameters
    ----------
    network : PhotometryVAE
        Trained on ``known``, or slices like them.
    known : ndarray of shape (n_known, 3, 5000), µW/m²
        What is ordinary; at least as many slices as Gaussians.
    photometry : ndarray of shape (n, 3, 5000), µW/m²
        To be ranked.
    rng : int or Generator
        Seed or generator: draws of z, start of the mixture.
    n_components : int
        Gaussians in the mixture.

    Returns
    -------
    DataFrame, a row per slice of ``photometry``
        ``reconstruction_bits`` (−log₂ p(x|z) per sample at one draw of z; large where the slice is drawn badly),
        ``latent_bits`` (−log₂ of the mixture's density at the slice's shape and heights; large where few slices lie),
        ``rank`` (0 for the oddest by
        ``latent_bits``).

    Raises
    ------
    ValueError
        If there are fewer known slices than Gaussians.
    """
    from sklearn.mixture import GaussianMixture

    if len(known) < n_components:
        raise ValueError(f"{len(known)} known slices; expected at least {n_components}, one for each Gaussian.")
    seed = int(np.random.default_rng(rng).integers(2**31))
    mixture = GaussianMixture(n_components, reg_covar=SOFTENING, random_state=seed).fit(latent_places(network, known))
    places = latent_places(network, photometry)
    latent_bits = -mixture.score_samples(places) / np.log(2)
    table = pd.DataFrame(
        {"reconstruction_bits": reconstruction_bits(network, photometry, seed), "latent_bits": latent_bits}
    )
    table["rank"] = (-table.latent_bits).rank(method="first").astype(int) - 1
    return table


@torch.no_grad()
def latent_places(network: PhotometryVAE, photometry: np.ndarray) -> np.ndarray:
    """Shape's means and asinh of the heights, (n, n_latent + n_bands), for photometry (n, n_bands, n_samples), µW/m²."""
    found = []
    for x in _batches(photometry):
        mean, _ = network.encode(x)
        height = network.codes(network.steps(x)).height
        found.append(torch.cat([mean, torch.asinh(height)], dim=1).numpy())
    return np.concatenate(found)


@torch.no_grad()
def reconstruction_bits(network: PhotometryVAE, photometry: np.ndarray, rng: int | np.random.Generator) -> np.ndarray:
    """−log₂ p(x|z) per sample and band at one draw of z, (n,), for photometry (n, n_bands, n_samples), µW/m²."""
    found = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(np.random.default_rng(rng).integers(2**31)))
        for x in _batches(photometry):
            steps = network.steps(x)
            location, scale = network.decode(draw(*network.encode(x)), network.codes(steps))
            found.append(-discretised_logistic(steps, location, scale).mean((1, 2)).numpy() / np.log(2))
    return np.concatenate(found)


def _batches(photometry: np.ndarray) -> list[torch.Tensor]:
    return list(torch.from_numpy(np.ascontiguousarray(photometry, np.float32)).split(_BATCH))
