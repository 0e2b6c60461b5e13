"""Small networks that judge events by measured numbers: meteor or not."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from meteortut.states import read_arrays

#: Widths of the hidden layers, and members of the ensemble (chosen).
HIDDEN, MEMBERS = (32, 16), 5
#: Logarithms beyond this many, and deviations beyond this many, say no more (chosen).
MOST_LOG, MOST_DEVIATIONS = 12.0, 6.0


@dataclass(frozen=True, eq=False)
class Judge:
    """An ensemble of perceptrons with two hidden layers.

    Attributes
    ----------
    features : tuple of str
        Names of the numbers that it weighs.
    mean, spread : ndarray of float32 of shape (n_features,)
        Of the features, in sign(x) · log(1 + abs(x)), over the events learnt from.
    weights : list of ndarray of float32 of shape (n_members, n_in, n_out)
        One array per layer; ReLU between layers.
    biases : list of ndarray of float32 of shape (n_members, 1, n_out)
    """

    features: tuple[str, ...]
    mean: np.ndarray
    spread: np.ndarray
    weights: list[np.ndarray]
    biases: list[np.ndarray]

    def probability(self, table: pd.DataFrame) -> np.ndarray:
        """Give the probability of "meteor".

        Parameters
        ----------
        table : DataFrame, a row per event
            With the features as columns, others are not used; infinite values are allowed, NaN counts as the mean.

        Returns
        -------
        ndarray of float32 of shape (n,)
            Mean of the members.

        Raises
        ------
        ValueError
            If the table is no DataFrame, or lacks a feature.
        """
        missing = [name for name in self.features if name not in _columns(table)]
        if missing:
            raise ValueError(f"the table lacks the features {missing}, which this judge has learnt from.")
        values = table[list(self.features)].to_numpy(np.float64)
        layer = _scaled(values, self.mean, self.spread)[None]
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            layer = (np.maximum(layer, 0) if k else layer) @ weight + bias
        return expit(layer[:, :, 0]).mean(axis=0).astype(np.float32)


def fit_judge(table: pd.DataFrame, is_meteor: np.ndarray, rng: int, decay: float = 1.0, epochs: int = 40) -> Judge:
    """Train a judge.

    Parameters
    ----------
    table : DataFrame, a row per event
        Its columns are the features; infinite values are allowed, NaN counts as the mean.
    is_meteor : ndarray of bool of shape (n,)
        Both kinds must occur.
    rng : int
        Seed of the first member; the others have the next ones.
    decay : float
        Weight decay, scikit-learn's ``alpha``.
    epochs : int
        Passes over the events.

    Returns
    -------
    Judge

    Raises
    ------
    ValueError
        If the two do not fit together, only one kind occurs, or the columns have no proper names.

    Notes
    -----
    :class:`sklearn.neural_network.MLPClassifier`, five times. As good as a forest of extremely random trees on the same events,
    and its weights are plain numbers.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    names = _columns(table)
    if len(set(names)) != len(names) or not all(isinstance(name, str) and name.split() == [name] for name in names):
        raise ValueError(f"table has the columns {names}; expected different names, each a text without blanks.")
    values, labels = table.to_numpy(np.float64), np.asarray(is_meteor, bool)
    if len(values) != len(labels):
        raise ValueError(f"a table of shape {values.shape} and labels of shape {labels.shape} do not fit together.")
    if len(np.unique(labels)) != 2:
        raise ValueError("all labels are the same; expected meteors and other events.")
    logs = _logarithm(values)
    mean, spread = np.nanmean(logs, axis=0).astype(np.float32), np.nanstd(logs, axis=0).astype(np.float32)
    scaled = _scaled(values, mean, spread)
    members = []
    for seed in range(rng, rng + MEMBERS):
        member = MLPClassifier(HIDDEN, alpha=decay, max_iter=epochs, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is chosen
            members.append(member.fit(scaled, labels))
    weights = [np.stack(layer).astype(np.float32) for layer in zip(*(member.coefs_ for member in members), strict=True)]
    biases = [
        np.stack(layer)[:, None].astype(np.float32) for layer in zip(*(m.intercepts_ for m in members), strict=True)
    ]
    return Judge(tuple(names), mean, spread, weights, biases)


def _columns(table: Any) -> list[Any]:
    if not isinstance(table, pd.DataFrame):
        raise ValueError(f"table is of type {type(table).__name__}; expected a DataFrame with the features as columns.")
    return list(table)


def _logarithm(values: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.clip(np.sign(values) * np.log1p(np.abs(values)), -MOST_LOG, MOST_LOG)


def _scaled(values: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    scaled = (_logarithm(values) - mean) / np.where(spread > 0, spread, 1)
    return np.nan_to_num(np.clip(scaled, -MOST_DEVIATIONS, MOST_DEVIATIONS)).astype(np.float32)


def save_judge(judge: Judge, path: str | Path) -> None:
    """Write a judge as safetensors (``….safetensors``), the names of its features with it."""
    from safetensors.numpy import save_file

    layers = {f"{k}.weight": weight for k, weight in enumerate(judge.weights)}
    layers |= {f"{k}.bias": bias for k, bias in enumerate(judge.biases)}
    names = {"features": " ".join(judge.features)}
    save_file({"mean": judge.mean, "spread": judge.spread} | layers, path, names)


def load_judge(path: str | Path, features: Sequence[str]) -> Judge:
    """Read a judge of these features.

    Raises
    ------
    ValueError
        If the file is not safetensors, or not a judge of these features in this order.
    FileNotFoundError
        If there is no such file.
    """
    from safetensors import safe_open

    given = read_arrays(path)
    with safe_open(path, "np") as file:
        names = tuple((file.metadata() or {}).get("features", "").split())
    if names != tuple(features):
        other = sorted(set(names) ^ set(features)) or "the order"
        raise ValueError(f"{Path(path).name} is a judge of other features; what differs: {other}. Train it anew.")
    sizes = (len(names), *HIDDEN, 1)
    expected: dict[str, tuple[int, ...]] = {"mean": (len(names),), "spread": (len(names),)}
    for k, (n_in, n_out) in enumerate(pairwise(sizes)):
        expected |= {f"{k}.weight": (MEMBERS, n_in, n_out), f"{k}.bias": (MEMBERS, 1, n_out)}
    found = {name: value.shape for name, value in given.items()}
    if found != expected or not all(np.isfinite(value).all() for value in given.values()):
        raise ValueError(f"{Path(path).name} holds {found}; expected {expected}, all finite.")
    layers = range(len(sizes) - 1)
    weights, biases = ([given[f"{k}.{kind}"] for k in layers] for kind in ("weight", "bias"))
    return Judge(names, given["mean"], given["spread"], weights, biases)
