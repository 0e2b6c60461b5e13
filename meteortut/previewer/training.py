"""Training of the classifier: by data set, with thresholds from predictions for data sets that were not seen."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import pandas as pd

from meteortut.previewer.classifier import KINDS, Classifier
from meteortut.previewer.datasets import dataset_numbers

#: Hidden units of a network, its penalty on the weights (L2), passes over the frames; chosen.
HIDDEN, PENALTY, EPOCHS = 24, 0.3, 80
#: Fewest steps of the optimiser, of up to 200 frames each: a few frames are passed over more often; chosen.
LEAST_STEPS, BATCH_FRAMES = 1600, 200
#: Networks, from other random beginnings, whose logits are averaged; chosen.
N_NETWORKS = 3
#: Folds, by data set, whose predictions set the thresholds; chosen.
N_FOLDS = 6


def train(
    described: pd.DataFrame,
    truth: pd.DataFrame,
    dataset: Iterable[Hashable],
    columns: Sequence[str] | None = None,
    kinds: Sequence[str] = KINDS,
) -> Classifier:
    """Train a classifier, and set its thresholds on predictions for data sets that its folds did not see.

    Parameters
    ----------
    described : DataFrame, a row per frame
        As from :func:`meteortut.previewer.describe`.
    truth : DataFrame, a row per frame
        Boolean columns of `KINDS`.
    dataset : iterable of n_frames labels
        The data set of each frame: a fold takes data sets whole, as their frames resemble each other.
    columns : sequence of str, optional
        Columns to use; all by default.
    kinds : sequence of str
        Of `KINDS`, those to name.

    Returns
    -------
    Classifier
        Each threshold is the one with the largest F1 of the folds' predictions.

    Raises
    ------
    ValueError
        Other lengths than that of `described`, fewer data sets than two, or a kind of which there is no example.
    """
    labels, groups = checked(described, truth, dataset)
    chosen = tuple(described.columns if columns is None else columns)
    held_out = out_of_fold(described, truth, groups, chosen)
    best = {kind: best_threshold(labels[:, k], held_out[:, k]) for k, kind in enumerate(KINDS)}
    return fit(described, truth, chosen, np.array([best[kind] for kind in kinds]), kinds)


def fit(
    described: pd.DataFrame,
    truth: pd.DataFrame,
    columns: Sequence[str],
    thresholds: np.ndarray | float = 0.5,
    kinds: Sequence[str] = KINDS,
    n_networks: int = N_NETWORKS,
) -> Classifier:
    """Train the network with thresholds given.

    Parameters
    ----------
    described, truth : DataFrame, a row per frame
    columns : sequence of str
    thresholds : ndarray of shape (n_kinds,), or float
    kinds : sequence of str
    n_networks : int
        How many to average.

    Returns
    -------
    Classifier
        Several networks side by side are one: its outputs are the mean of theirs, before the sigmoid.

    Notes
    -----
    scikit-learn's `MLPClassifier` (Adam, multi-label cross-entropy), seeds 0, 1, …: the same frames give the same weights.
    """
    mean, scale = _moments(described[list(columns)].to_numpy(float))
    limits = np.broadcast_to(thresholds, len(kinds)).astype(float)
    none = np.zeros((0, 0))
    inputs = Classifier(tuple(kinds), tuple(columns), mean, scale, none, none, limits).inputs(described)
    layers = [_network(inputs, truth[list(kinds)].to_numpy(int), seed) for seed in range(n_networks)]
    hidden = np.concatenate([hidden for hidden, _ in layers], axis=1)
    output = np.vstack([output[:-1] for _, output in layers] + [sum(output[-1:] for _, output in layers)]) / n_networks
    return Classifier(tuple(kinds), tuple(columns), mean, scale, hidden, output, limits)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the columns, unknown values left out; 1 for a constant column."""
    known = np.isfinite(values)
    n_known = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0).sum(axis=0) / n_known
    scale = np.sqrt(np.where(known, (values - mean) ** 2, 0).sum(axis=0) / n_known)
    return mean, np.where(scale < 1e-9, 1.0, scale)


def _network(inputs: np.ndarray, labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights and biases of both layers of one trained network."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    passes = max(EPOCHS, -(-LEAST_STEPS // -(-len(inputs) // BATCH_FRAMES)))
    model = MLPClassifier((HIDDEN,), alpha=PENALTY, max_iter=passes, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped on purpose
        model.fit(inputs, labels)
    first, second = (np.vstack([w, b]) for w, b in zip(model.coefs_, model.intercepts_, strict=True))
    return first, second


def out_of_fold(
    described: pd.DataFrame, truth: pd.DataFrame, dataset: Iterable[Hashable], columns: Sequence[str]
) -> np.ndarray:
    """Predict every frame by a classifier that saw no frame of its data set.

    Parameters
    ----------
    described, truth : DataFrame, a row per frame
    dataset : iterable of n_frames labels
    columns : sequence of str

    Returns
    -------
    ndarray of shape (n_frames, n_kinds)
        Probabilities, in the order of `KINDS`. Six folds, fewer if there are fewer data sets.
    """
    from sklearn.model_selection import GroupKFold

    groups = dataset_numbers(dataset)
    n_folds = min(N_FOLDS, int(groups.max()) + 1)
    predicted = np.zeros((len(described), len(KINDS)))
    for seen, aside in GroupKFold(n_folds).split(described, groups=groups):
        model = fit(described.iloc[seen], truth.iloc[seen], columns, n_networks=1)
        predicted[aside] = model.probabilities(described.iloc[aside]).to_numpy()
    return predicted


def best_threshold(is_kind: np.ndarray, probability: np.ndarray) -> float:
    """Give the threshold with the largest F1.

    Parameters
    ----------
    is_kind : ndarray of shape (n_frames,) bool
    probability : ndarray of shape (n_frames,)

    Returns
    -------
    float
        Halfway between two of the probabilities; 0.5 if none is of the kind.
    """
    if not is_kind.any():
        return 0.5
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(is_kind[order])
    f1 = 2 * hits / (np.arange(len(order)) + 1 + is_kind.sum())
    ordered = np.append(probability[order], 0.0)
    f1[ordered[:-1] == ordered[1:]] = 0  # no threshold separates equal values
    best = int(f1.argmax())
    return float((ordered[best] + ordered[best + 1]) / 2)


def checked(described: pd.DataFrame, truth: pd.DataFrame, dataset: Iterable[Hashable]) -> tuple[np.ndarray, np.ndarray]:
    """Check what is to be learned from: labels of shape (n_frames, n_kinds) bool and the numbers of the data sets."""
    missing = sorted(set(KINDS) - set(truth.columns))
    if missing:
        raise ValueError(f"truth lacks {missing}; expected a boolean column for each of {', '.join(KINDS)}.")
    names = list(dataset)
    if not len(described) == len(truth) == len(names):
        raise ValueError(
            f"described has {len(described)} rows, truth {len(truth)}, dataset {len(names)} labels; expected the same."
        )
    groups = dataset_numbers(names)
    if not len(groups) or groups.max() < 1:
        raise ValueError("dataset names fewer than two data sets; expected some to learn from and others to judge by.")
    labels = truth[list(KINDS)].to_numpy(bool)
    none = [kind for k, kind in enumerate(KINDS) if not labels[:, k].any()]
    if none:
        raise ValueError(f"truth has no example of {', '.join(none)}; expected at least one of each kind.")
    return labels, groups
