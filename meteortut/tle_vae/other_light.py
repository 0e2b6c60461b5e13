"""Real light that other instruments labelled or timed: GOES lightning mapper flashes, and radio power of lightning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data_fetch.readers import flash_light_curve
from meteortut.lightning7 import deal_again, dtw_distances, nearest, read_series
from meteortut.tle_vae.networks import PhotometryVAE
from meteortut.tle_vae.photometry import N_SAMPLES, QUANTA, SAMPLE_MS, TOP
from meteortut.tle_vae.training import Recipe, train

#: Seconds of a group of the lightning mapper.
GROUP_S = 0.002
#: For 70 series: many rounds, small steps, few latent units. Chosen, not tuned.
SMALL_RECIPE = Recipe(n_epochs=150, batch_size=35, learning_rate=3e-3, beta=1.0)
#: One step of the scaled radio power: its series come with mean 0 and deviation 1.
RADIO_STEP = 0.05


def flash_photometry(
    flashes: pd.DataFrame, dark: np.ndarray, peak: float, rng: int | np.random.Generator
) -> np.ndarray:
    """Make slices of three bands of lightning mapper flashes: their light at 777.4 nm, and noise in the other two.

    Parameters
    ----------
    flashes : DataFrame, a row per flash
        As of :func:`data_fetch.readers.read_glm_flashes`.
    dark : ndarray of shape (n_dark, 3, 5000), µW/m²
        Slices of noise (``simulate_photometry(…, kinds=["noise"])``), taken in turn: the mapper gives no readings where it
        sees nothing.
    peak : float, µW/m²
        What the median flash's brightest group becomes. Energies at the aperture of another telescope, in another orbit,
        per 2 ms, are no flux at the station; this brings them to the range there, and keeps their ratios.
    rng : int or Generator
        Seed or generator: light comes in quanta.

    Returns
    -------
    ndarray of float32 of shape (n_flashes, 3, 5000), µW/m²
        The 25 groups around the brightest, each of 200 equal samples; what is faster than 2 ms is not there to be seen.

    Raises
    ------
    ValueError
        If there are no dark slices, ``peak`` is not positive, or a flash has no finite energy.
    """
    if len(dark) == 0 or not peak > 0:
        raise ValueError(f"{len(dark)} dark slices, peak {peak}; expected at least one, and a positive flux.")
    rng = np.random.default_rng(rng)
    group = round(GROUP_S * 1000 / SAMPLE_MS)
    n_groups = N_SAMPLES // group
    curves = np.zeros((len(flashes), n_groups))
    for row, time, energy in zip(curves, flashes.time_s, flashes.energy_j, strict=True):
        _, curve = flash_light_curve(time, energy, GROUP_S)
        if not curve.max() > 0:
            raise ValueError("a flash has no energy in any group; leave it out.")
        padded = np.pad(curve, n_groups)
        first = int(curve.argmax()) + n_groups - n_groups // 2
        row[:] = padded[first : first + n_groups]
    flux = curves / np.median(curves.max(axis=1)) * peak if len(curves) else curves
    photometry = dark[np.arange(len(curves)) % len(dark)].astype(np.float32)
    quanta = rng.poisson(np.repeat(flux, group, axis=1) / QUANTA[2])
    photometry[:, 2] = np.minimum(photometry[:, 2] + quanta * QUANTA[2], TOP * QUANTA[2])
    return photometry


@dataclass(frozen=True)
class RadioScores:
    """What :func:`radio_benchmark` measured: share of test series named right by their nearest neighbour.

    ``vae``, ``dtw`` on the public split; ``resampled`` (n_resamples, 2), both on the same splits dealt anew; ``n_test``.
    """

    vae: float
    dtw: float
    resampled: np.ndarray
    n_test: int


def radio_benchmark(
    paths: list[Path] | tuple[Path, ...],
    rng: int | np.random.Generator,
    n_resamples: int = 5,
    recipe: Recipe = SMALL_RECIPE,
) -> RadioScores:
    """Train the same autoencoder on ``lightning7``, without labels, and name test series by the nearest in its latent space.

    Parameters
    ----------
    paths : list of path-like
        The two files of ``fetch("lightning7")``.
    rng : int or Generator
        Seed or generator.
    n_resamples : int
        Splits dealt anew, each with a network of its own.
    recipe : Recipe
        How to train.

    Returns
    -------
    RadioScores
        The neighbour under dynamic time warping beside it, on the same splits.

    Raises
    ------
    ValueError
        As :func:`meteortut.lightning7.read_series`.
    """
    series, labels, n_train = read_series(paths)
    rng = np.random.default_rng(rng)
    splits = [(np.arange(n_train), np.arange(n_train, len(labels)))]
    splits += [deal_again(labels, n_train, rng) for _ in range(n_resamples)]
    ours = [(_neighbour(series, labels, known, asked, rng, recipe) == labels[asked]).mean() for known, asked in splits]
    # Last, as numba sets the number of PyTorch's threads, too: what is trained after it crawls on a busy machine.
    distances = dtw_distances(series)
    theirs = [(labels[known][nearest(distances, known, asked)] == labels[asked]).mean() for known, asked in splits]
    scores = np.stack([ours, theirs], axis=1)
    return RadioScores(float(scores[0, 0]), float(scores[0, 1]), scores[1:], len(labels) - n_train)


def radio_network(n_samples: int) -> PhotometryVAE:
    """Build the network for one band of scaled radio power: levels of 1 and 5 samples, 8 latent units."""
    return PhotometryVAE(8, np.array([RADIO_STEP]), n_samples, levels=(1, -(-n_samples // 64)), width=16)


def radio_places(network: PhotometryVAE, series: np.ndarray) -> np.ndarray:
    """Shape's means and asinh of the heights, (n, n_latent + 1), of series (n, 1, n_samples) above their lowest sample."""
    from meteortut.tle_vae.novelty import latent_places

    return latent_places(network, series - series.min(axis=2, keepdims=True))


def _neighbour(
    series: np.ndarray,
    labels: np.ndarray,
    known: np.ndarray,
    asked: np.ndarray,
    rng: np.random.Generator,
    recipe: Recipe,
) -> np.ndarray:
    """Train on the known series and give the label of the nearest of them to each that is asked about."""
    lifted = (series - series.min(axis=2, keepdims=True)).astype(np.float32)
    network, _ = train(lambda: radio_network(series.shape[2]), lifted[known], rng, recipe)
    assert isinstance(network, PhotometryVAE)
    places = radio_places(network, series)
    spread = places[known].std(axis=0).clip(1e-6)
    apart = ((places[asked][:, None] - places[known][None]) / spread) ** 2
    return np.asarray(labels[known][apart.sum(2).argmin(1)])
