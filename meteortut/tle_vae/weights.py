"""The shipped network in and out of safetensors."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from pathlib import Path

import torch

from meteortut.gradcam.weights import load_state, save_weights
from meteortut.tle_vae.networks import PhotometryVAE

__all__ = ["load_network", "save_weights", "shipped_network"]


def load_network(path: str | Path) -> PhotometryVAE:
    """Read a :class:`~meteortut.tle_vae.networks.PhotometryVAE` for MMIA slices, as ``save_weights`` wrote it.

    Parameters
    ----------
    path : path-like
        ``….safetensors``; number of latent units and width are read off the shapes.

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
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; expected weights in safetensors.")
    try:
        state = {name: value.float() for name, value in load_file(path).items()}
    except SafetensorError as error:
        raise ValueError(
            f"{path.name} is not safetensors ({error}); expected weights as save_weights writes them."
        ) from error
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
