"""How well frames are flagged and named: precision, recall and F1, with intervals that draw whole data sets."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
import pandas as pd

from meteortut.previewer.classifier import KINDS
from meteortut.previewer.datasets import dataset_numbers, draw_datasets

#: Name of the row that counts a frame with any of the kinds.
ANY = "any"


def score_kinds(
    truth: pd.DataFrame,
    predicted: pd.DataFrame | np.ndarray,
    dataset: Iterable[Hashable],
    rng: int | np.random.Generator,
    n_boot: int = 1000,
) -> pd.DataFrame:
    """Score what was said of frames against the truth.

    Parameters
    ----------
    truth : DataFrame, a row per frame
        Boolean columns of `KINDS`.
    predicted : DataFrame of bool, a row per frame, or ndarray of shape (n_frames,) bool
        Columns of `KINDS`; or one flag per frame, "an outlier", which is then compared with each kind in turn.
    dataset : iterable of n_frames labels
        Drawn as a whole by the bootstrap: consecutive frames are not independent.
    rng : int or Generator
        Seed or generator.
    n_boot : int
        Bootstrap draws.

    Returns
    -------
    DataFrame
        A row per kind, then ``any`` (a frame with any of them), ``macro`` (of "any" and "none": mean of both F1): columns
        ``precision``, ``recall``, ``f1``, ``low``, ``high`` (95 % interval of F1), ``support`` (frames of the kind; for
        ``macro`` all). 0 where undefined.

    Raises
    ------
    ValueError
        If the lengths differ, or `truth` or `predicted` lacks a kind.
    """
    true = _columns(truth, "truth")
    given = _given(predicted)
    names = dataset_numbers(dataset)
    if not len(true) == len(given) == len(names) or not len(true):
        raise ValueError(
            f"truth has {len(true)} rows, predicted {len(given)}, dataset {len(names)} labels; "
            "expected the same number, at least 1."
        )
    counts = _counts(true, given, names)
    once = _scores(counts.sum(axis=0, keepdims=True))[0]
    weights = draw_datasets(len(counts), n_boot, rng)
    drawn = _scores(np.einsum("bs,skc->bkc", weights, counts))[:, :, 2]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    support = [*counts[:, :-1, [0, 2]].sum(axis=(0, 2)).astype(int), len(true)]
    table = pd.DataFrame(once, columns=["precision", "recall", "f1"], index=[*KINDS, ANY, "macro"])
    return table.assign(low=low, high=high, support=support)


def _columns(table: pd.DataFrame, name: str) -> np.ndarray:
    missing = sorted(set(KINDS) - set(table.columns))
    if missing:
        raise ValueError(f"{name} lacks {missing}; expected a boolean column for each of {', '.join(KINDS)}.")
    kinds = table[list(KINDS)].to_numpy(bool)
    return np.column_stack([kinds, kinds.any(axis=1)])


def _given(predicted: pd.DataFrame | np.ndarray) -> np.ndarray:
    if isinstance(predicted, pd.DataFrame):
        return _columns(predicted, "predicted")
    flag = np.asarray(predicted)
    if flag.ndim != 1 or flag.dtype != bool:
        raise ValueError(f"predicted has shape {flag.shape} and dtype {flag.dtype}; expected (n_frames,) bool.")
    return np.repeat(flag[:, None], len(KINDS) + 1, axis=1)


def _counts(true: np.ndarray, given: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Hits, false alarms and misses per data set and row; the last row is "none": shape (n_sets, n_kinds + 2, 3)."""
    true, given = (np.column_stack([part, ~part[:, -1]]) for part in (true, given))
    cases = np.stack([true & given, ~true & given, true & ~given], axis=2).astype(float)
    sums = np.zeros((names.max() + 1, *cases.shape[1:]))
    np.add.at(sums, names, cases)
    return sums


def _scores(counts: np.ndarray) -> np.ndarray:
    """Precision, recall and F1, shape (n, n_kinds + 2, 3); the last row becomes the mean of "any" and "none"."""
    hits, alarms, misses = np.moveaxis(counts, 2, 0)
    scores = np.stack(
        [
            hits / np.maximum(hits + alarms, 1),
            hits / np.maximum(hits + misses, 1),
            2 * hits / np.maximum(2 * hits + alarms + misses, 1),
        ],
        axis=2,
    )
    scores[:, -1] = scores[:, -2:].mean(axis=1)
    return scores
