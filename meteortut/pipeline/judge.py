"""Gradient-boosted trees that judge events by measured numbers: meteor or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from meteortut.states import read_arrays

#: Members, whose mean is taken (chosen).
MEMBERS = 2
#: Learning rate, L2 penalty on the values of leaves, and share of the features that a split may choose from (all chosen).
RATE, PENALTY, SHARE = 0.05, 1.0, 0.3
#: Numbers beyond this one say no more, infinite ones neither (chosen).
MOST = 1e9
#: Events that are led through all trees at once (chosen).
BLOCK = 512
#: Arrays of nodes, and their types.
NODES = {
    "feature": np.uint16,
    "threshold": np.float32,
    "low": np.uint8,
    "high": np.uint8,
    "unknown_low": np.bool_,
    "value": np.float32,
}


@dataclass(frozen=True, eq=False)
class Judge:
    """A few members, each the sum of many gradient-boosted decision trees; their mean probability counts.

    Attributes
    ----------
    features : tuple of str
        Names of the numbers that it weighs.
    start : ndarray of float32 of shape (n_members,)
        Log odds that a member starts from.
    feature : ndarray of uint16 of shape (n_members, n_trees, n_nodes)
        Which number a node asks for; node 0 is the root. The other arrays of nodes have the same shape.
    threshold : ndarray of float32
        An event goes to ``low`` when its number is at most this, to ``high`` otherwise.
    low, high : ndarray of uint8
        Nodes of the same tree, with higher numbers; a leaf leads to itself.
    unknown_low : ndarray of bool
        Whether an event whose number is NaN goes to ``low``.
    value : ndarray of float32
        What a leaf adds to the log odds.
    """

    features: tuple[str, ...]
    start: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    low: np.ndarray
    high: np.ndarray
    unknown_low: np.ndarray
    value: np.ndarray

    def probability(self, table: pd.DataFrame) -> np.ndarray:
        """Give the probability of "meteor".

        Parameters
        ----------
        table : DataFrame, a row per event
            With the features as columns, others are not used; infinite and NaN values are allowed.

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
        values = _numbers(table[list(self.features)])
        blocks = [self._probability(values[k : k + BLOCK]) for k in range(0, len(values), BLOCK)]
        return np.concatenate([np.empty(0, np.float32), *blocks])

    def _probability(self, values: np.ndarray) -> np.ndarray:
        n_members, n_trees, n_nodes = self.feature.shape
        feature, threshold, unknown_low, value = (
            own.ravel() for own in (self.feature, self.threshold, self.unknown_low, self.value)
        )
        root = n_nodes * np.arange(n_members * n_trees)  # nodes of all trees in one row
        low, high = ((own.reshape(-1, n_nodes) + root[:, None]).ravel() for own in (self.low, self.high))
        row, node = np.arange(len(values))[:, None], np.tile(root, (len(values), 1))
        while True:
            number = values[row, feature[node]]
            lower = np.where(np.isnan(number), unknown_low[node], number <= threshold[node])
            after = np.where(lower, low[node], high[node])
            if np.array_equal(after, node):
                break
            node = after
        log_odds = value[node].reshape(len(values), n_members, n_trees).sum(axis=2) + self.start
        return expit(log_odds).mean(axis=1).astype(np.float32)


def fit_judge(
    table: pd.DataFrame,
    is_meteor: np.ndarray,
    rng: int,
    trees: int = 300,
    least: int = 20,
    leaves: int = 15,
    weight: np.ndarray | None = None,
) -> Judge:
    """Train a judge.

    Parameters
    ----------
    table : DataFrame, a row per event
        Its columns are the features; infinite and NaN values are allowed.
    is_meteor : ndarray of bool of shape (n,)
        Both kinds must occur.
    rng : int
        Seed of the first member; the others have the next ones.
    trees : int
        Trees of each member.
    least : int
        Events in a leaf, at least.
    leaves : int
        Leaves of a tree, at most; 2 to 128.
    weight : ndarray of float of shape (n,), optional
        How many events each stands for, above 0; one by default.

    Returns
    -------
    Judge

    Raises
    ------
    ValueError
        If they do not fit together, a weight is not above 0, leaves is not 2 to 128, only one kind occurs, there are no columns,
        or these have no proper names.

    Notes
    -----
    Gradient boosting (Friedman 2001, Ann. Stat. 29, 1189) by :class:`sklearn.ensemble.HistGradientBoostingClassifier`, twice.
    Its trees are copied from where it keeps them (private names; a test compares the answers), as it has no file format of its
    own but pickles, and a pickle runs whatever it holds.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    names = _columns(table)
    if len(set(names)) != len(names) or not all(isinstance(name, str) and name.split() == [name] for name in names):
        raise ValueError(f"table has the columns {names}; expected different names, each a text without blanks.")
    if not names:
        raise ValueError("table has no columns; expected the features.")
    values, labels = _numbers(table), np.asarray(is_meteor, bool)
    if len(values) != len(labels):
        raise ValueError(f"a table of shape {values.shape} and labels of shape {labels.shape} do not fit together.")
    if not 2 <= leaves <= 128:
        raise ValueError(f"leaves is {leaves}; expected 2 to 128, as nodes are numbered by single bytes.")
    if weight is not None and np.shape(weight) != labels.shape:
        raise ValueError(f"weight has shape {np.shape(weight)}; expected {labels.shape}, one per event.")
    if weight is not None and not (np.isfinite(weight) & (np.asarray(weight) > 0)).all():
        raise ValueError(f"weight has values down to {np.min(weight)}; expected finite ones, all above 0.")
    if len(np.unique(labels)) != 2:
        raise ValueError("all labels are the same; expected meteors and other events.")
    members = [
        HistGradientBoostingClassifier(
            learning_rate=RATE,
            max_iter=trees,
            max_leaf_nodes=leaves,
            min_samples_leaf=least,
            l2_regularization=PENALTY,
            max_features=SHARE,
            early_stopping=False,
            random_state=seed,
        ).fit(np.where(np.isnan(values).all(axis=0), 0, values), labels, weight)  # what is never known tells nothing
        for seed in range(rng, rng + MEMBERS)
    ]
    grown = [[_tree(predictor.nodes, 2 * leaves - 1) for (predictor,) in member._predictors] for member in members]
    start = np.array([member._baseline_prediction.item() for member in members], np.float32)
    return Judge(
        tuple(names), start, **{key: np.array([[tree[key] for tree in trees] for trees in grown]) for key in NODES}
    )


def _tree(nodes: np.ndarray, length: int) -> dict[str, np.ndarray]:
    """A tree of scikit-learn's in arrays of one length; what is missing are leaves that nothing leads to."""
    tree: dict[str, np.ndarray] = {key: np.zeros(length, kind) for key, kind in NODES.items()}
    tree["low"][:] = tree["high"][:] = np.arange(length)
    leaf = nodes["is_leaf"].astype(bool)
    inner = np.flatnonzero(~leaf)
    threshold = np.minimum(nodes["num_threshold"], 2 * MOST)  # infinite where only NaN goes high
    rounded = threshold.astype(np.float32)
    down = np.where(
        rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded
    )  # or a neighbour changes sides
    for key, values in (
        ("feature", nodes["feature_idx"]),
        ("threshold", down),
        ("low", nodes["left"]),
        ("high", nodes["right"]),
        ("unknown_low", nodes["missing_go_to_left"]),
    ):
        tree[key][inner] = values[inner]
    tree["value"][np.flatnonzero(leaf)] = nodes["value"][leaf]
    return tree


def _columns(table: Any) -> list[Any]:
    if not isinstance(table, pd.DataFrame):
        raise ValueError(f"table is of type {type(table).__name__}; expected a DataFrame with the features as columns.")
    return list(table)


def _numbers(table: pd.DataFrame) -> np.ndarray:
    """Finite or NaN, in single precision: so are thresholds kept, and many a threshold is the number of an event."""
    return np.clip(table.to_numpy(np.float64), -MOST, MOST).astype(np.float32)


def save_judge(judge: Judge, path: str | Path) -> None:
    """Write a judge as safetensors (``….safetensors``), the names of its features with it."""
    from safetensors.numpy import save_file

    arrays = {name: getattr(judge, name) for name in ("start", *NODES)}
    save_file(arrays, path, {"features": " ".join(judge.features)})


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
    found = {name: value.shape for name, value in given.items()}
    shape = found.get("feature", ())
    if len(shape) != 3 or 0 in shape or found != {"start": shape[:1]} | dict.fromkeys(NODES, shape):
        raise ValueError(f"{Path(path).name} holds {found}; expected a start and trees of one shape. Train it anew.")
    number = np.arange(shape[2])
    if (
        not all(np.isfinite(value).all() for value in given.values())
        or not (np.minimum(given["low"], given["high"]) >= number).all()
        or max(given["low"].max(), given["high"].max()) >= shape[2]
        or not 0 <= given["feature"].min() <= given["feature"].max() < len(names)
    ):
        raise ValueError(
            f"{Path(path).name} holds numbers that are not finite, or asks for nodes or features that it has not. Train it anew."
        )
    return Judge(names, given["start"], **{name: given[name].astype(kind) for name, kind in NODES.items()})
