"""What all simulators share: a world by its name, and numbers drawn log-uniformly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def choose_world(worlds: Mapping[str, T], name: str) -> T:
    """Give the world of a name.

    Parameters
    ----------
    worlds : mapping of str to World
        "first" and "second", of one simulator.
    name : str

    Returns
    -------
    World

    Raises
    ------
    ValueError
        If there is no such world.
    """
    if name not in worlds:
        raise ValueError(f"world is {name!r}; expected one of {', '.join(worlds)}.")
    return worlds[name]


def log_uniform(bounds: tuple[float, float], n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n values log-uniformly between two bounds: ndarray of shape (n,), the bounds' unit."""
    return np.exp(rng.uniform(np.log(bounds[0]), np.log(bounds[1]), n))
