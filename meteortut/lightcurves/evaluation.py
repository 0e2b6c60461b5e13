"""How good a classifier of light curves is: macro F1 with its interval, confusion, calibration, accuracy against noise."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from meteortut.metrics import exact_interval
from meteortut.shapes import LABELS


@dataclass(frozen=True)
class Evaluation:
    """What :func:`evaluate` found.

    Attributes
    ----------
    macro_f1, low, high : float
        Mean over the classes of F1, and its 95 % bootstrap interval.
    accuracy : float
        Share of records named rightly.
    confusion : DataFrame of shape (n_classes, n_classes + 1)
        Records by true label (rows) and given label (columns; the last, ``none``, are those not named at all).
    by_snr : DataFrame
        A row per bin of signal-to-noise: ``snr_low``, ``snr_high``, ``n``, ``accuracy``, ``low``, ``high`` (exact binomial 95 %).
        Empty if no signal-to-noise was given.
    calibration_error : float
        Expected calibration error: mean distance of confidence from accuracy over the bins of ``reliability``, weighted by
        records. NaN without probabilities.
    reliability : DataFrame
        A row per bin of the given label's probability: ``confidence`` (mean), ``accuracy``, ``n``. Empty without probabilities.
    """

    macro_f1: float
    low: float
    high: float
    accuracy: float
    confusion: pd.DataFrame
    by_snr: pd.DataFrame
    calibration_error: float
    reliability: pd.DataFrame


def evaluate(
    truth: np.ndarray,
    result: pd.DataFrame,
    rng: int | np.random.Generator,
    snr: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    n_boot: int = 1000,
    n_bins: int = 10,
) -> Evaluation:
    """Judge labels, and probabilities if there are any, against the truth.

    Parameters
    ----------
    truth : ndarray of str of shape (n_records,)
        True labels, of :data:`meteortut.shapes.LABELS`.
    result : DataFrame, a row per record
        As :func:`meteortut.lightcurves.classify` gives it: ``label`` and ``p_…``. A record without label counts as wrong.
    rng : int or Generator
        Seed or generator.
    snr : ndarray of shape (n_records,), optional
        Signal-to-noise of each record, for accuracy against it in four bins of equal counts.
    groups : ndarray of shape (n_records,), optional
        What the bootstrap draws as a whole (nights, events); records by default.
    n_boot, n_bins : int
        Bootstrap draws; bins of probability.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        If the lengths differ, there are no records, or a true label is unknown.

    Notes
    -----
    F1 of a class = 2 TP / (2 TP + FP + FN), 0 where that is undefined. Calibration: Guo et al. 2017, ICML (PMLR 70, 1321).
    """
    true, given = _codes(truth, "truth"), _given(result, len(np.asarray(truth)))
    drawn = _drawn_f1(true, given[:, None], np.random.default_rng(rng), groups, n_boot)[:, 0]
    low, high = np.quantile(drawn, [0.025, 0.975])
    k = len(LABELS)
    counts = np.bincount(true * (k + 1) + given, minlength=k * (k + 1)).reshape(k, k + 1)
    confusion = pd.DataFrame(counts, index=pd.Index(LABELS, name="truth"), columns=[*LABELS, "none"])
    reliability = _reliability(true, given, result, n_bins)
    gap = (reliability.confidence - reliability.accuracy).abs()
    error = float((gap * reliability.n).sum() / reliability.n.sum()) if len(reliability) else float("nan")
    return Evaluation(
        macro_f1=float(_macro_f1(counts)),
        low=float(low),
        high=float(high),
        accuracy=float((true == given).mean()),
        confusion=confusion,
        by_snr=_by_snr(true == given, snr),
        calibration_error=error,
        reliability=reliability,
    )


def macro_f1_gain(
    truth: np.ndarray,
    result: pd.DataFrame,
    baseline: pd.DataFrame,
    rng: int | np.random.Generator,
    groups: np.ndarray | None = None,
    n_boot: int = 1000,
) -> tuple[float, float, float]:
    """Say by how much one way beats another on the same records: difference of macro F1, with its paired 95 % bootstrap interval.

    Parameters are those of :func:`evaluate`; ``baseline`` is a second result.

    Returns
    -------
    tuple of float
        Gain, lower and upper bound.

    Raises
    ------
    ValueError
        As :func:`evaluate` does.
    """
    true = _codes(truth, "truth")
    given = np.stack([_given(r, len(true)) for r in (result, baseline)], axis=1)
    drawn = _drawn_f1(true, given, np.random.default_rng(rng), groups, n_boot)
    once = _drawn_f1(true, given, None, None, 1)[0]
    low, high = np.quantile(drawn[:, 0] - drawn[:, 1], [0.025, 0.975])
    return float(once[0] - once[1]), float(low), float(high)


def _codes(labels: np.ndarray, name: str) -> np.ndarray:
    codes = pd.Index(LABELS).get_indexer(pd.Index(np.asarray(labels, dtype=object)))
    if not len(codes) or (codes < 0).any():
        raise ValueError(
            f"{name} has {len(codes)} labels, {(codes < 0).sum()} of them unknown; expected some of {LABELS}."
        )
    return codes


def _given(result: pd.DataFrame, n: int) -> np.ndarray:
    """Number the labels given; one more than the last class for none."""
    if "label" not in result or len(result) != n:
        raise ValueError(f"result has {len(result)} rows, columns {list(result)}; expected {n} rows with a label.")
    codes = pd.Index(LABELS).get_indexer(pd.Index(result.label.to_numpy(object)))
    return np.where(codes < 0, len(LABELS), codes)


def _macro_f1(counts: np.ndarray) -> np.ndarray:
    """Macro F1 of confusion matrices (..., n_classes, n_classes + 1); classes that neither side has are left out."""
    k = counts.shape[-2]
    hit = np.diagonal(counts, axis1=-2, axis2=-1)
    total = counts.sum(axis=-1) + counts[..., :k].sum(axis=-2)
    f1 = np.divide(2.0 * hit, total, out=np.zeros(hit.shape), where=total > 0)
    return f1.sum(axis=-1) / np.maximum((total > 0).sum(axis=-1), 1)


def _drawn_f1(
    true: np.ndarray, given: np.ndarray, rng: np.random.Generator | None, groups: np.ndarray | None, n_boot: int
) -> np.ndarray:
    """Macro F1 of several results (n_records, n_results) on bootstrap draws of groups, (n_boot, n_results); none: no draw."""
    group = np.arange(len(true)) if groups is None else pd.factorize(np.asarray(groups))[0]
    if len(group) != len(true):
        raise ValueError(f"groups has {len(group)} entries; expected one per record, {len(true)}.")
    k, n_groups = len(LABELS), group.max() + 1
    out = np.empty((n_boot, given.shape[1]))
    for draw in range(n_boot):
        picked = np.arange(n_groups) if rng is None else rng.integers(0, n_groups, n_groups)
        weight = np.bincount(picked, minlength=n_groups)[group]
        for j in range(given.shape[1]):
            counts = np.bincount(true * (k + 1) + given[:, j], weights=weight, minlength=k * (k + 1))
            out[draw, j] = _macro_f1(counts.reshape(1, k, k + 1))[0]
    return out


def _reliability(true: np.ndarray, given: np.ndarray, result: pd.DataFrame, n_bins: int) -> pd.DataFrame:
    columns = [f"p_{name}" for name in LABELS]
    named = given < len(LABELS)
    has = [name for name in columns if name in result]
    if len(has) < len(columns) or not np.isfinite(result[columns].to_numpy(float)[named]).all() or not named.any():
        return pd.DataFrame(columns=["confidence", "accuracy", "n"], dtype=float)
    sure = result[columns].to_numpy(float)[named, given[named]]
    table = pd.DataFrame({"confidence": sure, "accuracy": (true == given)[named]})
    bins = table.groupby(np.minimum((sure * n_bins).astype(int), n_bins - 1))
    return bins.mean().assign(n=bins.size()).reset_index(drop=True)


def _by_snr(right: np.ndarray, snr: np.ndarray | None) -> pd.DataFrame:
    if snr is None:
        return pd.DataFrame(columns=["snr_low", "snr_high", "n", "accuracy", "low", "high"], dtype=float)
    values = np.asarray(snr, float)
    edges = np.quantile(values[np.isfinite(values)], [0, 0.25, 0.5, 0.75, 1])
    rows = []
    for k, (low, high) in enumerate(pairwise(edges)):
        inside = (values >= low) & ((values < high) | ((k == 3) & (values <= high)))
        if inside.any():
            n, hits = int(inside.sum()), int(right[inside].sum())
            rows.append([low, high, n, hits / n, *exact_interval(hits, n)])
    return pd.DataFrame(rows, columns=["snr_low", "snr_high", "n", "accuracy", "low", "high"])
