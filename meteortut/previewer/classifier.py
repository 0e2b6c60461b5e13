"""A small network that gives the probability of each kind of anomaly of described frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

#: Kinds of anomaly that the report labels; the columns of a truth table.
KINDS = ("trajectory", "slew", "cloud", "obstruction")
#: What a classifier is made of.
ARRAYS = ("mean", "scale", "hidden", "output", "thresholds")
#: Standardised inputs are limited to this, so that no camera's strange value decides alone; chosen.
LIMIT = 5.0


@dataclass(frozen=True)
class Classifier:
    """A network with one hidden layer (ReLU) and one output per kind.

    Attributes
    ----------
    kinds, columns : tuple of str
        What it names, and the columns of :func:`meteortut.previewer.describe` that it uses.
    mean, scale : ndarray of shape (n_columns,)
        Of the frames it learned from; the inputs less the mean, over the scale, are limited to ±5, unknown ones 0.
    hidden : ndarray of shape (n_columns + 1, n_units)
        Weights of the hidden layer, the last row its bias.
    output : ndarray of shape (n_units + 1, n_kinds)
        Weights of the outputs, likewise.
    thresholds : ndarray of shape (n_kinds,)
        Probabilities from which a kind is named.
    """

    kinds: tuple[str, ...]
    columns: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    hidden: np.ndarray
    output: np.ndarray
    thresholds: np.ndarray

    def inputs(self, described: pd.DataFrame) -> np.ndarray:
        """Give what the network sees: ndarray of shape (n_frames, n_columns), standard deviations."""
        missing = sorted(set(self.columns) - set(described.columns))
        if missing:
            raise ValueError(f"described lacks {missing}; expected the columns that describe gives.")
        values = (described[list(self.columns)].to_numpy(float) - self.mean) / self.scale
        return np.clip(np.nan_to_num(values), -LIMIT, LIMIT)

    def probabilities(self, described: pd.DataFrame) -> pd.DataFrame:
        """Give the probability of each kind.

        Parameters
        ----------
        described : DataFrame, a row per frame
            As from :func:`meteortut.previewer.describe`.

        Returns
        -------
        DataFrame, a row per frame, a column per kind
            They do not add to 1: a frame may have several kinds or none.

        Raises
        ------
        ValueError
            If a column is missing.
        """
        units = np.maximum(self.inputs(described) @ self.hidden[:-1] + self.hidden[-1], 0)
        logit = np.clip(units @ self.output[:-1] + self.output[-1], -50, 50)
        return pd.DataFrame(1 / (1 + np.exp(-logit)), index=described.index, columns=list(self.kinds))

    def predict(self, described: pd.DataFrame) -> pd.DataFrame:
        """Say of each kind whether it is there.

        Parameters
        ----------
        described : DataFrame, a row per frame

        Returns
        -------
        DataFrame of bool, a row per frame, a column per kind
        """
        return self.probabilities(described) >= self.thresholds

    def to_json(self) -> dict[str, Any]:
        """Give plain lists and numbers, rounded to five digits, for a JSON file."""
        arrays = {name: getattr(self, name) for name in ARRAYS}
        plain = {name: np.vectorize(_rounded)(array).tolist() for name, array in arrays.items()}
        return {"kinds": list(self.kinds), "columns": list(self.columns)} | plain

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Classifier:
        """Make a classifier of what :meth:`to_json` gave."""
        arrays = {name: np.array(stored[name], float) for name in ARRAYS}
        return cls(kinds=tuple(stored["kinds"]), columns=tuple(stored["columns"]), **arrays)


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")
