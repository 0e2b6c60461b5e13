"""The shipped network in and out of safetensors."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from pathlib import Path

import torch

from meteortut.states import load_state, read_state
from meteortut.tle_vae.networks import PhotometryVAE


def load_network(path: str | Path) -> PhotometryVAE:
    """Read a :class:`~meteortut.tle_vae.networks.PhotometryVAE` for MMIA slices.

    Parameters
    ----------
    path : path-like
        ``….safetensors``, as :func:`~meteortut.states.save_weights` writes it. Latent units and width are read off the
        shapes.

    Returns
    -------
    PhotometryVAE
        In float32, in evaluation mode, a new one at each call.

    Raises
    ------
    ValueError
        The file is not safetensors, or its arrays are not those of this network.
    FileNotFoundError
        If there is no such file.
    """
    path = Path(path)
    state = read_state(path)
    first, last = state.get("encoder.0.weight"), state.get("from_latent.0.weight")
    if first is None or last is None or first.ndim != 3 or last.ndim != 2 or not 0 < first.shape[0] <= 512:
        raise ValueError(
            f"{path.name} has no encoder.0.weight and from_latent.0.weight of a PhotometryVAE; it has {sorted(state)[:4]} …."
        )
    with torch.random.fork_rng(devices=[]):
        network = PhotometryVAE(n_latent=last.shape[1], width=first.shape[0])
    # Steps of 0.00003 µW/m² lose digits in 16 bits; they are constants of the instrument, not learned.
    state["quanta"] = network.quanta.clone()
    load_state(network, state, path.name)
    return network.eval()


@lru_cache(maxsize=1)
def shipped_network() -> PhotometryVAE:
    """Give the network of ``meteortut/weights/tle_vae.safetensors``, read once. Do not train it: use a copy."""
    return load_network(Path(str(resources.files("meteortut") / "weights" / "tle_vae.safetensors")))
