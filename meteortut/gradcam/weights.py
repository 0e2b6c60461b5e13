"""Weights in and out of files: safetensors (plain numbers), and the one official pickle, checked before it is opened."""

from __future__ import annotations

import hashlib
import pickle
import re
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from meteortut.states import load_state, read_state

if TYPE_CHECKING:
    from meteortut.gradcam.resnet import ResNet34

_OFFICIAL_NAME = re.compile(r".+-([0-9a-f]{8})\.pth")


def load_weights(path: str | Path) -> ResNet34:
    """Read a :class:`~meteortut.gradcam.resnet.ResNet34` for grey images from safetensors.

    Parameters
    ----------
    path : path-like
        As :func:`~meteortut.states.save_weights` writes it. Width and number of classes are read off the shapes.

    Returns
    -------
    ResNet34
        In float32, in evaluation mode, a new one at each call.

    Raises
    ------
    ValueError
        The file is not safetensors, or its arrays are not those of this network.
    FileNotFoundError
        If there is no such file.
    """
    from meteortut.gradcam.resnet import ResNet34

    path = Path(path)
    state = read_state(path)
    first, last = state.get("conv1.weight"), state.get("fc.weight")
    if (
        first is None
        or last is None
        or first.ndim != 4
        or last.ndim != 2
        or 0 in first.shape[:2]
        or first.shape[0] > 512
    ):
        raise ValueError(f"{path.name} has no conv1.weight and fc.weight of a ResNet34; it has {sorted(state)[:4]} ….")
    with torch.random.fork_rng(devices=[]):
        network = ResNet34(last.shape[0], width=first.shape[0], in_channels=first.shape[1])
    load_state(network, state, path.name)
    nn.Module.to(network, memory_format=torch.channels_last)  # type: ignore[call-overload]  # a fifth faster on processors
    return network.eval()


@lru_cache(maxsize=1)
def shipped_network() -> ResNet34:
    """Give the quarter-width network of ``meteortut/weights/gradcam.safetensors``, read once. Do not train it: use a copy."""
    return load_weights(Path(str(resources.files("meteortut") / "weights" / "gradcam.safetensors")))


def official_state(path: str | Path) -> dict[str, torch.Tensor]:
    """Read the weights of a file of torchvision, after checking the hash in its name; errors as of ``load_official``."""
    path = Path(path)
    if not (match := _OFFICIAL_NAME.fullmatch(path.name)):
        raise ValueError(
            f"the file name is {path.name!r}; expected <model>-<8 digits of its sha256>.pth, as torchvision names it."
        )
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(match[1]):
        raise ValueError(
            f"the sha256 of {path.name} begins with {digest[:8]}; expected {match[1]}, as its name says. Download it again."
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(
            f"{path.name} holds no plain weights ({str(error)[:80]}); expected those of ResNet-34."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ValueError(f"{path.name} holds {type(state).__name__}; expected a table of arrays by name.")
    return dict(state)
