"""Our network: bands as channels, time, height and darkness as latent numbers of their own, three sharpnesses, and no edges.

An event may come at any time in its slice and with any brightness, and the troubles of the report begin there: a network
that has to learn every place and every height anew spends its latent units on them. Here they are latent numbers of their
own, for each band: *when* (τ, the sample in which a short running mean peaks), *how bright* (that peak) and *how dark*
(the mean reading where nothing happens). Their posterior puts all weight on one of 5 000, 64 and 128 values, all as likely
before, which costs ln 5 000 + ln 64 + ln 128 nats per band in the bound (:mod:`~meteortut.tle_vae.elbo`). What is left,
the *shape*, is seen from τ, relative to the height: 128 bins of 10 µs, of 80 µs and of 0.8 ms around it. It does not
change when the event moves, and hardly when it brightens. The decoder draws the three sharpnesses again, adds them up, and
puts them back at τ.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from meteortut.tle_vae.course import likeness, lit_share
from meteortut.tle_vae.elbo import draw, gaussian_kl
from meteortut.tle_vae.likelihoods import discretised_logistic
from meteortut.tle_vae.photometry import N_SAMPLES, QUANTA, TOP

#: Bins on each level. Chosen: a power of two, for halving.
N_BINS = 128
#: Samples per bin on each level; the last reaches from any τ to both ends of the slice: 64 · 80 > 5 000.
LEVELS = (1, 8, 80)
#: Values that the height (an eighth of a unit of asinh apart) and the dark reading (0.01 steps apart) can take.
N_HEIGHTS, N_DARK = 64, 128
#: Samples of the running mean that finds τ. Chosen: 70 µs, about an elve's rise.
TAU_WIDTH = 7
#: In training, one of so many samples far from τ is looked at.
THINNING = 8
#: A share of the height at which the shapes that the encoder sees turn from linear to logarithmic, so that faint tails
#: show. Chosen.
KNEE = 0.1


#: Scales of the parts of the embedding. Those of heights and shape were chosen by the adjusted Rand index, those of the
#: course (decades of the lit share, correlation) by purity, both on validation slices of the first world.
HEIGHT_WEIGHT, SHAPE_WEIGHT, COURSE_WEIGHTS = 4.0, 0.25, (8.0, 8.0)
#: Added to the lit share before its logarithm: one bin of 250.
LEAST_SHARE = 0.004
#: Columns of an embedding of three bands: the heights; the course, where it was asked for.
HEIGHTS, COURSE = slice(0, 3), slice(-2, None)


class Codes(NamedTuple):
    """Latent numbers that are read off the slice, each of shape (n, n_bands).

    ``tau`` (sample, int), ``height`` and ``dark`` (steps, rounded to their values).
    """

    tau: torch.Tensor
    height: torch.Tensor
    dark: torch.Tensor


class PhotometryVAE(nn.Module):
    """Variational autoencoder of shapes, with time, height and darkness per band, and a likelihood on the instrument's steps.

    Parameters
    ----------
    n_latent : int
        Latent units of the shape.
    quanta : sequence of float, one per band, µW/m²
        Steps of the readings.
    n_samples : int
        Samples of a slice.
    levels : tuple of int
        Samples per bin on each level, growing; the last times 64 must reach over the slice.
    width : int
        Channels of the first layer; the next two have 1.5 and 2 times as many.
    """

    quanta: torch.Tensor

    def __init__(
        self,
        n_latent: int = 12,
        quanta: np.ndarray = QUANTA,
        n_samples: int = N_SAMPLES,
        levels: tuple[int, ...] = LEVELS,
        width: int = 32,
    ) -> None:
        super().__init__()
        if levels[-1] * N_BINS // 2 < n_samples:
            raise ValueError(
                f"levels end with {levels[-1]} samples per bin; 64 of them must reach over {n_samples} samples."
            )
        self.n_latent, self.levels, self.n_samples, self.n_bands = n_latent, levels, n_samples, len(quanta)
        self.register_buffer("quanta", torch.as_tensor(np.asarray(quanta), dtype=torch.float32)[:, None])
        channels = self.n_bands * len(levels)
        sizes = (channels, width, width * 3 // 2, width * 2)
        flat = sizes[3] * N_BINS // 8
        self.encoder = nn.Sequential(*(part for k in range(3) for part in _down(sizes[k], sizes[k + 1])), nn.Flatten())
        self.to_latent = nn.Sequential(nn.Linear(flat + self.n_bands, 128), nn.SiLU(), nn.Linear(128, 2 * n_latent))
        self.from_latent = nn.Sequential(nn.Linear(n_latent, 128), nn.SiLU(), nn.Linear(128, flat), nn.SiLU())
        self.decoder = nn.Sequential(
            nn.Unflatten(1, (sizes[3], N_BINS // 8)),
            *_up(sizes[3], sizes[2]), *_up(sizes[2], sizes[1]), *_up(sizes[1], width),
            nn.Conv1d(width, 2 * channels, 5, padding=2, padding_mode="replicate"),
        )  # fmt: skip
        self.darkness = nn.Sequential(nn.Linear(1, 8), nn.SiLU(), nn.Linear(8, 2))

    def steps(self, photometry: torch.Tensor) -> torch.Tensor:
        """Readings as whole steps of the instrument, (n, n_bands, n_samples), from 0 to the highest."""
        return (photometry / self.quanta).round().clamp(0, TOP)

    def codes(self, steps: torch.Tensor) -> Codes:
        """Read time, height and darkness off the steps (n, n_bands, n_samples)."""
        calm = _without_spikes(steps)
        means = functional.avg_pool1d(calm, self.levels[-1])
        dark = means.kthvalue(-(-means.shape[2] // 4), dim=2).values
        dark = (100 * dark).round().clamp(max=N_DARK - 1) / 100
        mean = functional.avg_pool1d(calm, TAU_WIDTH, 1, TAU_WIDTH // 2, count_include_pad=False)
        peak, tau = mean.max(dim=2)
        height = torch.sinh((8 * torch.asinh((peak - dark).clamp_min(0))).round() / 8)
        return Codes(tau, height, dark)

    def views(self, steps: torch.Tensor, codes: Codes) -> torch.Tensor:
        """Look from τ: mean light per bin over the height, faint tails lifted, (n, n_bands · n_levels, 128)."""
        total = functional.pad(_without_spikes(steps).cumsum(2), (1, 0))
        bins = torch.arange(N_BINS) - N_BINS // 2
        views = []
        for step in self.levels:  # a bin beyond an end of the slice shows what the last full one does
            first = (codes.tau[..., None] + bins * step - step // 2).clamp(0, self.n_samples - step)
            light = (total.gather(2, first + step) - total.gather(2, first)) / step - codes.dark[..., None]
            views.append(light / codes.height[..., None].clamp_min(1))
        return torch.asinh(torch.cat(views, dim=1) / KNEE)

    def encode(self, photometry: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give mean and log-variance of the shape, (n, n_latent), for photometry (n, n_bands, n_samples), µW/m²."""
        steps = self.steps(photometry)
        return self._posterior(steps, self.codes(steps))

    @torch.no_grad()
    def embedding(self, photometry: torch.Tensor, course: bool = False) -> torch.Tensor:
        """Give what tells slices apart, (n, n_bands + n_latent): heights on a scale that saturates, then the shape's means.

        A flash twice as bright is of the same kind, so that the height counts as present or absent with a short way
        between. When it came and how dark it was are left out. With ``course``, two columns follow: how long light lasts
        (logarithm of the lit share) and whether the bands run together (:mod:`~meteortut.tle_vae.course`).
        """
        steps = self.steps(photometry)
        codes = self.codes(steps)
        there = torch.tanh((torch.asinh(codes.height) - 1).clamp_min(0) / 2)
        parts = [HEIGHT_WEIGHT * there, SHAPE_WEIGHT * self._posterior(steps, codes)[0]]
        if course:
            calm = _without_spikes(steps)
            long = COURSE_WEIGHTS[0] * torch.log10(lit_share(calm) + LEAST_SHARE)
            parts += [long[:, None], COURSE_WEIGHTS[1] * likeness(calm)[:, None]]
        return torch.cat(parts, dim=1)

    def _posterior(self, steps: torch.Tensor, codes: Codes) -> tuple[torch.Tensor, torch.Tensor]:
        seen = torch.cat([self.encoder(self.views(steps, codes)), torch.asinh(codes.height)], dim=1)
        mean, log_variance = self.to_latent(seen).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 6)

    def decode(
        self, z: torch.Tensor, codes: Codes, samples: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Give location and scale of readings, steps, for z (n, n_latent) and codes.

        Both have the shape (n, n_bands, n_samples), or that of ``samples`` (n, n_bands, n_asked), which of the readings
        are asked for.
        """
        drawn = self.decoder(self.from_latent(z)).unflatten(1, (len(self.levels), 2 * self.n_bands))
        place = (torch.arange(self.n_samples) if samples is None else samples) - codes.tau[..., None]
        place = place.repeat(1, 2, 1).float()
        curve = _interpolated(drawn[:, -1], place / self.levels[-1])
        for k, step in enumerate(self.levels[:-1]):
            at = place / step
            fading = torch.cos(
                at.clamp(-N_BINS / 2, N_BINS / 2) * (np.pi / N_BINS)
            ).square()  # to 0, so that no edge shows
            curve = curve + fading * _interpolated(drawn[:, k], at)
        shape, spread = curve.chunk(2, dim=1)
        light = codes.height[..., None] * functional.softplus(shape - 3)
        base, calm = self.darkness(codes.dark[..., None]).chunk(2, dim=2)
        # The variance of n quanta is n; that of the logistic distribution is π²/3 times the square of its scale.
        return light + base, (calm.exp() + 0.3 * light).sqrt() * spread.clamp(-3, 4).exp()

    def bound_terms(self, photometry: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give one draw's log-probability (n,) and the KL (n, n_latent + n_bands), nats; the last are those of the codes.

        In training mode the log-probability is an unbiased estimate: all samples near τ, and every eighth elsewhere,
        counted eightfold.
        """
        steps = self.steps(photometry)
        codes = self.codes(steps)
        mean, log_variance = self._posterior(steps, codes)
        places = float(np.log(self.n_samples) + np.log(N_HEIGHTS) + np.log(N_DARK))
        kl = torch.cat([gaussian_kl(mean, log_variance), torch.full((len(steps), self.n_bands), places)], dim=1)
        z = draw(mean, log_variance)
        if not self.training:
            return self.log_likelihood(steps, *self.decode(z, codes)).sum((1, 2)), kl
        samples, weight = self._thinned(codes.tau)
        each = self.log_likelihood(steps.gather(2, samples), *self.decode(z, codes, samples))
        return (weight * each).sum((1, 2)), kl

    def log_likelihood(self, steps: torch.Tensor, location: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """Log-probability of each reading, nats; see :func:`~meteortut.tle_vae.likelihoods.discretised_logistic`."""
        return discretised_logistic(steps, location, scale)

    def _thinned(self, tau: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Choose samples (n, n_bands, n_asked) and their weights: the finest level's bins, and a comb with a random start."""
        near = tau[..., None] + torch.arange(N_BINS) - N_BINS // 2
        inside = (near >= 0) & (near < self.n_samples)
        far = torch.arange(int(torch.randint(THINNING, ())), self.n_samples, THINNING).expand(*tau.shape, -1)
        outside = (far < near[..., :1]) | (far > near[..., -1:])
        samples = torch.cat([near.clamp(0, self.n_samples - 1), far], dim=2)
        return samples, torch.cat([inside.float(), THINNING * outside.float()], dim=2)

    @torch.no_grad()
    def reconstruct(self, photometry: torch.Tensor) -> torch.Tensor:
        """Give the location at the posterior's mean, not below 0, (n, n_bands, n_samples), µW/m²."""
        steps = self.steps(photometry)
        codes = self.codes(steps)
        location, _ = self.decode(self._posterior(steps, codes)[0], codes)
        return location.clamp_min(0) * self.quanta

    @torch.no_grad()
    def bits(self, photometry: torch.Tensor) -> np.ndarray:
        """Give bits of every sample (n, n_bands, n_samples) at one draw of z; the KL comes on top."""
        steps = self.steps(photometry)
        codes = self.codes(steps)
        location, scale = self.decode(draw(*self._posterior(steps, codes)), codes)
        return -discretised_logistic(steps, location, scale).numpy() / np.log(2)


def _without_spikes(steps: torch.Tensor) -> torch.Tensor:
    """Cut single samples that stand far above both neighbours: cosmic rays, as no light is that short."""
    near = functional.pad(steps, (1, 1), mode="replicate")
    return torch.minimum(steps, 2 * torch.maximum(near[..., :-2], near[..., 2:]) + 5)


def _interpolated(bins: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    """Read bins (n, n_channels, 128) at places (n, n_channels, n_asked), counted from the middle one, linearly between centres."""
    at = (at + N_BINS // 2).clamp(0, N_BINS - 1.001)
    first = at.long()
    left, right = bins.gather(2, first), bins.gather(2, first + 1)
    return left + (at - first) * (right - left)


def _down(n_in: int, n_out: int) -> list[nn.Module]:
    return [nn.Conv1d(n_in, n_out, 5, stride=2, padding=2, padding_mode="replicate"), nn.SiLU()]


def _up(n_in: int, n_out: int) -> list[nn.Module]:
    return [
        nn.Upsample(scale_factor=2, mode="linear"),
        nn.Conv1d(n_in, n_out, 5, padding=2, padding_mode="replicate"),
        nn.SiLU(),
    ]
