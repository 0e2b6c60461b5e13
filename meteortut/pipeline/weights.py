"""Weights of Keras networks in and out of safetensors; see :mod:`meteortut.states` for those of PyTorch."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from meteortut.states import check_arrays, read_arrays

#: Folder of the weights that are shipped with the package.
WEIGHTS = Path(__file__).parents[1] / "weights"


def save_weights(model: keras.Model, path: str | Path) -> None:
    """Write the weights as safetensors, in 16 bits: half the size, and errors of 0.05 % at most.

    Parameters
    ----------
    model : keras.Model
    path : path-like
        ``….safetensors``.
    """
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(value, np.float16) for name, value in _arrays(model).items()}, path)


def load_weights(model: keras.Model, path: str | Path) -> keras.Model:
    """Put weights from a file into a network.

    Parameters
    ----------
    model : keras.Model
        Of the architecture that was written; changed in place.
    path : path-like
        As :func:`save_weights` writes it.

    Returns
    -------
    keras.Model
        ``model``.

    Raises
    ------
    ValueError
        If the file is not safetensors, or an array is missing, unknown, of another shape, or not finite.
    FileNotFoundError
        If there is no such file.
    """
    path = Path(path)
    given, own = read_arrays(path), _arrays(model)
    check_arrays(own, given, path.name)
    model.set_weights([given[name] for name in own])
    return model


def _arrays(model: keras.Model) -> dict[str, np.ndarray]:
    """Weights by place and kind of layer, in the order of ``get_weights``."""
    layers = [layer for layer in model.layers if layer.weights and type(layer).__name__ != "Dropout"]
    return {
        f"{k}.{type(layer).__name__.lower()}.{weight.name}": np.asarray(weight)
        for k, layer in enumerate(layers)
        for weight in layer.weights
    }
