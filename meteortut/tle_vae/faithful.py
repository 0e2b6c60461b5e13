"""The report's network, as it is described: three bands end to end in one channel, and a Beta density.

Jørgensen and Engell (2020), after Memarzadeh et al. (2020, Aerospace 7, 115). The sizes fit together in one way only:
15 000 → 14 997 → 7 498 → 3 748 → 1 874 → 936 → 468 → 233 samples, three channels of 233 into the dense layers, and back, where
twice 7 498 is one short of the 14 997 that the report writes in by hand. What its text does not say and is chosen here, in its
favour: leaky ReLU between layers (with plain ReLU the encoder's last layer died in trial runs, and all slices came out alike),
the learning rate, and that each slice is scaled to [0, 1] by its own highest reading, the same for all three bands. That fits
its figures: peaks drawn up to 1, and a UV band too weak to be drawn at all.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from meteortut.tle_vae.elbo import draw, gaussian_kl
from meteortut.tle_vae.likelihoods import CLIP, beta_bits, beta_log_density
from meteortut.tle_vae.photometry import N_SAMPLES, QUANTA, TOP, counts


class FaithfulVAE(nn.Module):
    """The report's convolutional variational autoencoder.

    Parameters
    ----------
    n_latent : int
        Latent units.

    Notes
    -----
    The decoder's last layer doubles the length; the first half is α, the second β, as in the report.
    """

    def __init__(self, n_latent: int = 50) -> None:
        super().__init__()
        self.n_latent = n_latent
        sizes, strides = (1, 3, 15, 9, 3), (1, 2, 2, 2)
        down: list[nn.Module] = []
        for k in range(4):
            down += [nn.Conv1d(sizes[k], sizes[k + 1], 4, strides[k]), nn.LeakyReLU(0.1)]
            down += [nn.MaxPool1d(2)] if k < 3 else []
        self.encoder = nn.Sequential(*down, nn.Flatten())
        flat = self.encoder(torch.zeros(1, 1, 3 * N_SAMPLES)).shape[1]
        self.to_latent = nn.Sequential(
            nn.Linear(flat, 500),
            nn.LeakyReLU(0.1),
            nn.Linear(500, 250),
            nn.LeakyReLU(0.1),
            nn.Linear(250, 2 * n_latent),
        )
        self.from_latent = nn.Sequential(
            nn.Linear(n_latent, 250),
            nn.LeakyReLU(0.1),
            nn.Linear(250, 500),
            nn.LeakyReLU(0.1),
            nn.Linear(500, flat),
            nn.LeakyReLU(0.1),
        )
        self.decoder = nn.Sequential(
            nn.Unflatten(1, (3, flat // 3)),
            nn.ConvTranspose1d(3, 9, 4, 2), nn.LeakyReLU(0.1), nn.Upsample(scale_factor=2),
            nn.ConvTranspose1d(9, 15, 4, 2), nn.LeakyReLU(0.1), nn.Upsample(scale_factor=2),
            nn.ConvTranspose1d(15, 3, 4, 2), nn.LeakyReLU(0.1), nn.Upsample(size=3 * N_SAMPLES - 3),
            nn.ConvTranspose1d(3, 1, 4, 1), nn.LeakyReLU(0.1), nn.ConvTranspose1d(1, 1, 4, 2, padding=1),
        )  # fmt: skip

    def full(self, photometry: torch.Tensor) -> torch.Tensor:
        """Highest reading of each slice in any band, (n, 1, 1), µW/m²; of a dark slice, the smallest step."""
        return photometry.amax((1, 2), keepdim=True).clamp_min(float(QUANTA.min()))

    def scaled(self, photometry: torch.Tensor) -> torch.Tensor:
        """Scale (n, 3, 5000) in µW/m² to (n, 1, 15000) in (0, 1), bands end to end."""
        return (photometry / self.full(photometry)).flatten(1)[:, None].clamp(CLIP, 1 - CLIP)

    def encode(self, photometry: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give mean and log-variance of the posterior, (n, n_latent), for (n, 3, 5000) in µW/m²."""
        hidden: torch.Tensor = self.to_latent(self.encoder(self.scaled(photometry)))
        mean, log_variance = hidden.chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 6)

    def shape_parameters(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give α and β, each (n, 1, 15000), for z of shape (n, n_latent)."""
        alpha, beta = nn.functional.softplus(self.decoder(self.from_latent(z))).clamp_min(1e-3).chunk(2, dim=2)
        return alpha, beta

    def bound_terms(self, photometry: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give one draw's log-density (n,) and KL (n, n_latent + 1), nats; the density is that of readings scaled to [0, 1].

        The last column is the price of each slice's scale, one of the instrument's readings.
        """
        mean, log_variance = self.encode(photometry)
        alpha, beta = self.shape_parameters(draw(mean, log_variance))
        scale = torch.full((len(photometry), 1), float(np.log(len(QUANTA) * (TOP + 1))))
        kl = torch.cat([gaussian_kl(mean, log_variance), scale], dim=1)
        return beta_log_density(self.scaled(photometry), alpha, beta).sum((1, 2)), kl

    @torch.no_grad()
    def reconstruct(self, photometry: torch.Tensor) -> torch.Tensor:
        """Give the mean of the Beta distribution at the posterior's mean, (n, 3, 5000), µW/m²."""
        alpha, beta = self.shape_parameters(self.encode(photometry)[0])
        return (alpha / (alpha + beta)).reshape(photometry.shape) * self.full(photometry)

    @torch.no_grad()
    def bits(self, photometry: torch.Tensor, quanta: np.ndarray = QUANTA) -> np.ndarray:
        """Give bits of every sample (n, 3, 5000) at one draw of z, in the instrument's steps; the KL comes on top."""
        alpha, beta = self.shape_parameters(draw(*self.encode(photometry)))
        shape = tuple(photometry.shape)
        steps = counts(photometry.numpy(), quanta)
        return beta_bits(
            steps, quanta, self.full(photometry).numpy(), alpha.numpy().reshape(shape), beta.numpy().reshape(shape)
        )
