"""Small networks that judge events by measured numbers: meteor or not."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
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
    mean, spread : ndarray of float32 of shape (n_features,)
        Of the features, in sign(x) · log(1 + abs(x)), over the events learnt from.
    weights : list of ndarray of float32 of shape (n_members, n_in, n_out)
        One array per layer; ReLU between layers.
    biases : list of ndarray of float32 of shape (n_members, 1, n_out)
    """

    mean: np.ndarray
    spread: np.ndarray
    weights: list[np.ndarray]
    biases: list[np.ndarray]

    def probability(self, features: np.ndarray) -> np.ndarray:
        """Give the probability of "meteor".

        Parameters
        ----------
        features : array-like of shape (n, n_features)
            In the order learnt; infinite values are allowed, NaN counts as the mean.

        Returns
        -------
        ndarray of float32 of shape (n,)
            Mean of the members.

        Raises
        ------
        ValueError
            If there are more or less features than learnt.
        """
        values = np.asarray(features, np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.mean):
            raise ValueError(f"features has shape {values.shape}; expected (n, {len(self.mean)}).")
        layer = _scaled(values, self.mean, self.spread)[None]
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            layer = (np.maximum(layer, 0) if k else layer) @ weight + bias
        return expit(layer[:, :, 0]).mean(axis=0).astype(np.float32)


def fit_judge(features: np.ndarray, is_meteor: np.ndarray, rng: int, decay: float = 1.0, epochs: int = 40) -> Judge:
    """Train a judge.

    Parameters
    ----------
    features : array-like of shape (n, n_features)
        Infinite values are allowed.
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
        If the two do not fit together, or only one kind occurs.

    Notes
    -----
    :class:`sklearn.neural_network.MLPClassifier`, five times. As good as a forest of extremely random trees on the same events,
    and its weights are plain numbers.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    values, labels = np.asarray(features, np.float64), np.asarray(is_meteor, bool)
    if values.ndim != 2 or len(values) != len(labels):
        raise ValueError(f"features of shape {values.shape} and labels of shape {labels.shape} do not fit together.")
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
    return Judge(mean, spread, weights, biases)


def _logarithm(values: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.clip(np.sign(values) * np.log1p(np.abs(values)), -MOST_LOG, MOST_LOG)


def _scaled(values: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    scaled = (_logarithm(values) - mean) / np.where(spread > 0, spread, 1)
    return np.nan_to_num(np.clip(scaled, -MOST_DEVIATIONS, MOST_DEVIATIONS)).astype(np.float32)


def save_judge(judge: Judge, path: str | Path) -> None:
    """Write a judge as safetensors (``….safetensors``)."""
    from safetensors.numpy import save_file

    layers = {f"{k}.weight": weight for k, weight in enumerate(judge.weights)}
    layers |= {f"{k}.bias": bias for k, bias in enumerate(judge.biases)}
    save_file({"mean": judge.mean, "spread": judge.spread} | layers, path)


def load_judge(path: str | Path, n_features: int) -> Judge:
    """Read a judge of so many features.

    Raises
    ------
    ValueError
        If the file is not safetensors, or not a judge of that kind.
    FileNotFoundError
        If there is no such file.
    """
    given = read_arrays(path)
    sizes = (n_features, *HIDDEN, 1)
    expected: dict[str, tuple[int, ...]] = {"mean": (n_features,), "spread": (n_features,)}
    for k, (n_in, n_out) in enumerate(pairwise(sizes)):
        expected |= {f"{k}.weight": (MEMBERS, n_in, n_out), f"{k}.bias": (MEMBERS, 1, n_out)}
    found = {name: value.shape for name, value in given.items()}
    if found != expected or not all(np.isfinite(value).all() for value in given.values()):
        raise ValueError(f"{Path(path).name} holds {found}; expected {expected}, all finite.")
    layers = range(len(sizes) - 1)
    return Judge(
        given["mean"], given["spread"], [given[f"{k}.weight"] for k in layers], [given[f"{k}.bias"] for k in layers]
    )
