"""Our network with the report's density, for comparison."""

from __future__ import annotations

import numpy as np
import torch

from meteortut.tle_vae.elbo import draw
from meteortut.tle_vae.likelihoods import CLIP, beta_bits, beta_log_density
from meteortut.tle_vae.networks import PhotometryVAE
from meteortut.tle_vae.photometry import TOP


class BetaPhotometryVAE(PhotometryVAE):
    """The same network with the report's density, for comparison: Beta on steps scaled to (0, 1), of the same mean and spread."""

    def log_likelihood(self, steps: torch.Tensor, location: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """Log-density of each scaled reading, nats, without an upper bound."""
        return beta_log_density((steps / TOP).clamp(CLIP, 1 - CLIP), *_beta_shape(location, scale))

    @torch.no_grad()
    def bits(self, photometry: torch.Tensor) -> np.ndarray:
        """Give bits of every sample (n, n_bands, n_samples) at one draw of z; the density is integrated over each step."""
        steps = self.steps(photometry)
        codes = self.codes(steps)
        shape = _beta_shape(*self.decode(draw(*self._posterior(steps, codes)), codes))
        return beta_bits(steps.numpy(), np.ones(self.n_bands), TOP, shape[0].numpy(), shape[1].numpy())


def _beta_shape(location: torch.Tensor, scale: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """α and β of the Beta distribution with this location and spread, steps of 0 … TOP brought to 0 … 1."""
    mean = (location / TOP).clamp(CLIP, 1 - CLIP)
    variance = (scale / TOP).square() * (np.pi**2 / 3)
    total = (mean * (1 - mean) / variance - 1).clamp_min(0.01)
    return mean * total, (1 - mean) * total
