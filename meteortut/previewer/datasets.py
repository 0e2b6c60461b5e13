"""Data sets as numbers, and draws of whole data sets."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
import pandas as pd


def dataset_numbers(dataset: Iterable[Hashable]) -> np.ndarray:
    """Number the data sets in the order of their first frames.

    Parameters
    ----------
    dataset : iterable of n_frames labels

    Returns
    -------
    ndarray of int of shape (n_frames,)
        From 0.
    """
    return pd.factorize(pd.Series(list(dataset), dtype=object))[0]


def draw_datasets(n_sets: int, n_draws: int, rng: int | np.random.Generator) -> np.ndarray:
    """Draw as many data sets as there are, with replacement, many times: the bootstrap of whole data sets.

    Parameters
    ----------
    n_sets, n_draws : int
    rng : int or Generator

    Returns
    -------
    ndarray of int of shape (n_draws, n_sets)
        How often each was drawn.
    """
    return np.random.default_rng(rng).multinomial(n_sets, np.full(n_sets, 1 / n_sets), n_draws)
