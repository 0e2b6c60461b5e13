"""How many labels are enough: frames chosen at random, or those of which the classifier is least sure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from meteortut.previewer.classifier import KINDS
from meteortut.previewer.training import fit

#: Labels at which the classifier is judged; chosen: each about half as many again.
STEPS = (50, 75, 110, 170, 250, 375, 560, 840, 1260)


def learning_curve(
    pool: tuple[pd.DataFrame, pd.DataFrame],
    judged: tuple[pd.DataFrame, pd.DataFrame],
    rng: int | np.random.Generator,
    active: bool,
    steps: Sequence[int] = STEPS,
) -> pd.DataFrame:
    """Label more and more frames of a pool, train, and judge on data sets apart.

    Parameters
    ----------
    pool, judged : (DataFrame, DataFrame), a row per frame each
        Described frames (:func:`meteortut.previewer.describe`) and their truth, with boolean columns of `KINDS`. No data set may be
        in both. A label of the pool is only read once its frame is chosen.
    rng : int or Generator
        Seed or generator.
    active : bool
        Whether the frames after the first step's are those of which the classifier so far is least sure: the probability of one of
        the kinds is nearest to 0.5 (uncertainty sampling, Lewis & Gale 1994, SIGIR, 3). False: at random, without replacement.
    steps : sequence of int
        Numbers of labelled frames, rising; the first are always drawn at random.

    Returns
    -------
    DataFrame, a row per step
        ``n_labels``, ``macro_f1`` (mean over the four kinds, on `judged`, at probability 0.5), ``f1_any``.

    Raises
    ------
    ValueError
        If the steps do not rise, or ask for more frames than the pool has.
    """
    described, truth = pool
    if not steps or list(steps) != sorted(set(steps)) or steps[0] < 1 or steps[-1] > len(described):
        raise ValueError(
            f"steps is {tuple(steps)}; expected rising numbers from 1 to the pool's {len(described)} frames."
        )
    rng = np.random.default_rng(rng)
    order = rng.permutation(len(described))
    chosen = order[: steps[0]]
    rows = []
    for n, following in zip(steps, [*steps[1:], 0], strict=True):
        model = fit(described.iloc[chosen], truth.iloc[chosen], list(described.columns), n_networks=1)
        rows.append({"n_labels": n} | _scores(judged[1], model.predict(judged[0])))
        if following:
            left = order[~np.isin(order, chosen)]
            if active:
                unsure = np.abs(model.probabilities(described.iloc[left]).to_numpy() - 0.5).min(axis=1)
                left = left[np.argsort(unsure, kind="stable")]
            chosen = np.append(chosen, left[: following - n])
    return pd.DataFrame(rows)


def labels_needed(curve: pd.DataFrame, f1: float = 0.9, column: str = "f1_any") -> float:
    """Give the number of labels from which a learning curve stays at F1 or above.

    Parameters
    ----------
    curve : DataFrame
        As from :func:`learning_curve`.
    f1 : float
    column : "f1_any" or "macro_f1"
        Of any anomaly, or the mean over the kinds.

    Returns
    -------
    float
        Infinite if the last step does not reach it.
    """
    below = np.flatnonzero(curve[column].to_numpy() < f1)
    first = int(below[-1]) + 1 if len(below) else 0
    return float(curve.n_labels.iloc[first]) if first < len(curve) else float("inf")


def _scores(truth: pd.DataFrame, predicted: pd.DataFrame) -> dict[str, float]:
    from sklearn.metrics import f1_score

    true, given = truth[list(KINDS)].to_numpy(bool), predicted[list(KINDS)].to_numpy(bool)
    return {
        "macro_f1": float(f1_score(true, given, average="macro", zero_division=0)),
        "f1_any": float(f1_score(true.any(axis=1), given.any(axis=1), zero_division=0)),
    }
