"""Weights of networks in and out of safetensors: plain numbers, no code that a file could run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import nn


def save_weights(network: nn.Module, path: str | Path) -> None:
    """Write the weights of a PyTorch network as safetensors, in 16 bits: half the size, and errors of 0.05 % at most.

    Parameters
    ----------
    network : torch.nn.Module
        Its ``state_dict`` is written; counters of the batches seen are left out, as nothing reads them.
    path : path-like
        ``….safetensors``.
    """
    from safetensors.torch import save_file

    save_file({name: value.half().contiguous() for name, value in _arrays(network.state_dict()).items()}, path)


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Read the arrays of a file in safetensors.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict of str to ndarray of float32

    Raises
    ------
    ValueError
        The file is not safetensors.
    FileNotFoundError
        If there is no such file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; expected weights in safetensors.")
    try:
        return {name: value.astype(np.float32) for name, value in load_file(path).items()}
    except SafetensorError as error:
        raise ValueError(
            f"{path.name} is not safetensors ({error}); expected weights as save_weights writes them. Pickles are not read."
        ) from error


def check_arrays(own: Mapping[str, Any], given: Mapping[str, Any], source: str) -> None:
    """Refuse weights that are not those of a network.

    Parameters
    ----------
    own, given : mapping of str to ndarray or torch.Tensor
        Weights of the network, and those that are to take their place.
    source : str
        What to call the latter in an error.

    Raises
    ------
    ValueError
        Names the first array that is missing, unknown, of another shape, or not finite.
    """
    for name in sorted(own.keys() | given.keys()):
        found = tuple(given[name].shape) if name in given else "missing"
        expected = tuple(own[name].shape) if name in own else "no such array"
        if found != expected:
            raise ValueError(f"{source} does not fit the network: {name} is {found}; expected {expected}.")
        if not np.isfinite(np.asarray(given[name])).all():
            raise ValueError(f"{source} holds values in {name} that are not finite; expected numbers.")


def read_state(path: str | Path) -> dict[str, torch.Tensor]:
    """Read the arrays of a file for a PyTorch network: as :func:`read_arrays`, but tensors of float32."""
    import torch

    return {name: torch.from_numpy(value) for name, value in read_arrays(path).items()}


def load_state(network: nn.Module, state: Mapping[str, Any], source: str) -> None:
    """Put weights into a PyTorch network.

    Parameters
    ----------
    network : torch.nn.Module
        It is changed.
    state : mapping of str to torch.Tensor
        By the names of its ``state_dict``.
    source : str
        What to call the weights in an error.

    Raises
    ------
    ValueError
        As :func:`check_arrays`.
    """
    given = _arrays(state)
    check_arrays(_arrays(network.state_dict()), given, source)
    network.load_state_dict(given, strict=False)


def _arrays(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
