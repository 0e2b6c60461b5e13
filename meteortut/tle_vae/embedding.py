"""From slices to points: the call that readers make."""

from __future__ import annotations

import numpy as np
import torch

from meteortut.tle_vae.networks import PhotometryVAE
from meteortut.tle_vae.photometry import check_photometry
from meteortut.tle_vae.weights import shipped_network

#: Slices at a time: 6 MB of photometry.
BATCH = 100


def embed(photometry: np.ndarray, network: PhotometryVAE | None = None, course: bool = False) -> np.ndarray:
    """Give each slice its place in the latent space.

    Parameters
    ----------
    photometry : ndarray of shape (n, 3, 5000), µW/m²
        Bands in the order 337, 180–230, 777.4 nm; 10 µs per sample.
    network : PhotometryVAE, optional
        By default the shipped one, trained on the first simulated world.
    course : bool
        Whether to add how the slice went to what is in it. *What* flashed is told without; the follow-up's five classes, of
        activity and correlation, ask for the course. With it, K-means splits kinds by how long they last.

    Returns
    -------
    ndarray of float32 of shape (n, 3 + n_latent), or (n, 5 + n_latent) with ``course``
        The heights of the three bands, 0 (no light) to 4; the posterior means of the shape's units; how long light lasts and
        how alike 337 and 777.4 nm run (:mod:`~meteortut.tle_vae.course`). Each part has its weight. Hardly changes when an
        event comes earlier or later, as long as all of it is in the slice. No slices give no rows.

    Raises
    ------
    ValueError
        As :func:`~meteortut.tle_vae.photometry.check_photometry`.
    """
    values = check_photometry(photometry)
    chosen = shipped_network() if network is None else network
    found = np.empty((len(values), chosen.n_bands + chosen.n_latent + 2 * course), np.float32)
    for first in range(0, len(values), BATCH):
        batch = torch.from_numpy(np.ascontiguousarray(values[first : first + BATCH]))
        found[first : first + BATCH] = chosen.embedding(batch, course).numpy()
    return found


def reconstruct(photometry: np.ndarray, network: torch.nn.Module | None = None) -> np.ndarray:
    """Encode slices and decode them again.

    Parameters
    ----------
    photometry : ndarray of shape (n, 3, 5000), µW/m²
        As for :func:`embed`.
    network : PhotometryVAE or FaithfulVAE, optional
        By default the shipped one.

    Returns
    -------
    ndarray of float32 of shape (n, 3, 5000), µW/m²
        The expected readings at the posterior's mean.

    Raises
    ------
    ValueError
        As for :func:`embed`.
    """
    values = check_photometry(photometry)
    chosen = shipped_network() if network is None else network
    found = np.empty_like(values)
    for first in range(0, len(values), BATCH):
        batch = torch.from_numpy(np.ascontiguousarray(values[first : first + BATCH]))
        found[first : first + BATCH] = chosen.reconstruct(batch).numpy()  # type: ignore[operator]
    return found
