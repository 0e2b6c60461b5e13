"""Naming the shape of a light curve: with the network that ships, with the rules themselves, or with a model just trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from meteortut.lightcurves.features import shape_features
from meteortut.lightcurves.reading import require_columns
from meteortut.lightcurves.smoothing import smooth
from meteortut.shapes import LABELS, curve_label

#: The weights that :func:`classify` uses when it is given no model (made by ``tools/train_lightcurves.py``).
WEIGHTS = Path(__file__).parent.parent / "weights" / "lightcurves.safetensors"


@dataclass(frozen=True)
class Classifier:
    """A way to name light curves.

    Attributes
    ----------
    name : str
        For tables and figures.
    scores : callable
        Takes a table of good records, n of them; gives an ndarray of shape (n, 5), in the order of :data:`meteortut.shapes.LABELS`:
        the largest names the curve.
    probabilistic : bool
        Whether the scores are probabilities.
    fitted : object
        What was fitted, for whoever wants to look inside; None for the rules.
    """

    name: str
    scores: Callable[[pd.DataFrame], np.ndarray]
    probabilistic: bool
    fitted: Any = None


def classify(table: pd.DataFrame, model: Classifier | None = None) -> pd.DataFrame:
    """Name the shape of every light curve.

    Parameters
    ----------
    table : DataFrame, a row per record
        As :func:`meteortut.lightcurves.shape_features` takes it: fields in true order.
    model : Classifier, optional
        The shipped network by default (needs PyTorch).

    Returns
    -------
    DataFrame, with the table's index
        ``label`` (one of :data:`meteortut.shapes.LABELS`), ``p_early`` … ``p_symmetric`` (probabilities, adding up to 1; NaN from a
        model that has none). A record whose ``features_ok`` is False has an empty label and NaN.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    good = shape_features(table).features_ok.to_numpy()
    label = np.full(len(table), "", dtype=object)
    probabilities = np.full((len(table), len(LABELS)), np.nan)
    if good.any():
        model = shipped_classifier() if model is None else model
        scores = model.scores(table[good])
        label[good] = np.array(LABELS, dtype=object)[scores.argmax(axis=1)]
        if model.probabilistic:
            probabilities[good] = scores
    result = pd.DataFrame(probabilities, index=table.index, columns=[f"p_{name}" for name in LABELS])
    result.insert(0, "label", label)
    return result


def split_by_night(table: pd.DataFrame, rng: int | np.random.Generator, share: float = 0.2) -> np.ndarray:
    """Choose nights, noon to noon UTC, to validate on.

    Parameters
    ----------
    table : DataFrame, a row per record
        With ``start`` (UTC).
    rng : int or Generator
        Seed or generator.
    share : float
        Share of the nights.

    Returns
    -------
    ndarray of bool of shape (n_records,)
        True for the records of the nights chosen.

    Raises
    ------
    ValueError
        If there is no ``start``, or ``share`` is not between 0 and 1.
    """
    require_columns(table, ["start"])
    if not 0 < share < 1:
        raise ValueError(f"share is {share}; expected something between 0 and 1.")
    night = (table.start - pd.Timedelta(hours=12)).dt.floor("D").to_numpy()
    nights = np.unique(night)
    chosen = np.random.default_rng(rng).choice(nights, round(share * len(nights)), replace=False)
    return np.isin(night, chosen)


def rules() -> Classifier:
    """Give the baseline: the rules behind the labels (:func:`meteortut.shapes.curve_label`) on the smoothed noisy curve."""

    def scores(table: pd.DataFrame) -> np.ndarray:
        curves = zip(table.time_s, table.magnitude, strict=True)
        return one_hot(
            np.array([curve_label(time, smooth(time, magnitude)) for time, magnitude in curves], dtype=object)
        )

    return Classifier("rules", scores, probabilistic=False)


def shipped_classifier(path: Path | str | None = None) -> Classifier:
    """Load a network that ``tools/train_lightcurves.py`` wrote, the shipped one by default.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    ModuleNotFoundError
        If PyTorch is not installed.
    """
    from meteortut.lightcurves.network import build_network
    from meteortut.states import load_state, read_state

    path = WEIGHTS if path is None else Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"there are no weights at {path}. Run tools/train_lightcurves.py, or pass a trained model."
        )
    network = build_network(len(LABELS))
    load_state(network, read_state(path), path.name)
    return cnn_classifier(network.eval())


def cnn_classifier(network: Any) -> Classifier:
    """Wrap a trained network (:func:`meteortut.lightcurves.network.build_network`) as a classifier."""

    def scores(table: pd.DataFrame) -> np.ndarray:
        from meteortut.lightcurves.network import network_probabilities, table_channels

        return network_probabilities(network, table_channels(table))

    return Classifier("1-D CNN", scores, probabilistic=True, fitted=network)


def one_hot(labels: np.ndarray) -> np.ndarray:
    """Turn labels (n,) into scores (n, 5): 1 for the label, else 0."""
    return (labels[:, None] == np.array(LABELS, dtype=object)).astype(float)
