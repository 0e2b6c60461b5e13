"""The classifier of chapter 6 on a public benchmark, beside the archive's own baseline in the same run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from meteortut.lightning7 import deal_again, dtw_distances, nearest, read_series
from meteortut.metrics import exact_interval

#: Strengths of the ridge that cross-validation chooses from, as in Dempster et al. 2021.
RIDGE_ALPHAS = np.logspace(-3, 3, 10)


@dataclass(frozen=True)
class Lightning7:
    """What :func:`lightning7_benchmark` measured: accuracies, intervals, and the comparison of the two methods.

    ``n_test`` series; ``accuracy`` and ``dtw_accuracy`` with exact binomial 95 % intervals; ``seed_accuracies`` (n_seeds,), the
    first of which is ``accuracy``; ``only_ours`` and ``only_dtw``, test series that one method alone gets right, and McNemar's
    exact ``mcnemar_p``; ``resampled`` (n_resamples, 2), accuracies of MiniRocket and of DTW on the same resampled splits;
    ``predicted``, ``dtw_predicted`` and ``truth`` (n_test,).
    """

    n_test: int
    accuracy: float
    interval: tuple[float, float]
    dtw_accuracy: float
    dtw_interval: tuple[float, float]
    seed_accuracies: np.ndarray
    only_ours: int
    only_dtw: int
    mcnemar_p: float
    resampled: np.ndarray
    predicted: np.ndarray
    dtw_predicted: np.ndarray
    truth: np.ndarray


def lightning7_benchmark(
    paths: list[Path] | tuple[Path, ...], rng: int | np.random.Generator, n_resamples: int = 30, n_seeds: int = 5
) -> Lightning7:
    """Classify ``lightning7`` with MiniRocket and a ridge, beside the nearest neighbour under dynamic time warping.

    The distances between all series are computed once, so that the neighbour costs nothing more on the resampled splits: those keep
    the sizes of the public split and the counts of every class in it, dealt anew.

    Parameters
    ----------
    paths : list of path-like
        The two files of ``fetch("lightning7")``; ``TRAIN`` and ``TEST`` are told by their names.
    rng : int or Generator
        Seed or generator.
    n_resamples : int
        Resampled splits; 0 for the public one alone.
    n_seeds : int
        Draws of MiniRocket's biases on the public split, at least 1.

    Returns
    -------
    Lightning7

    Raises
    ------
    ValueError
        If there is not exactly one TRAIN and one TEST file, or ``n_seeds`` is below 1. UnreadableFile (a ``ValueError``) if one is
        no ``.ts`` file.

    Notes
    -----
    MiniRocket: Dempster, Schmidt and Webb 2021, KDD, 248. The archive's baseline (full window): Dau et al. 2019, IEEE/CAA J. Autom.
    Sinica 6, 1293. Resamples: Bagnall et al. 2017, Data Min. Knowl. Discov. 31, 606. Exact interval: Clopper and Pearson 1934;
    McNemar 1947.
    """
    from scipy.stats import binomtest

    if n_seeds < 1:
        raise ValueError(f"n_seeds is {n_seeds}; expected at least 1.")
    series, labels, n_train = read_series(paths)
    rng = np.random.default_rng(rng)
    distances = dtw_distances(series)
    train, test = np.arange(n_train), np.arange(n_train, len(labels))
    seeds = rng.integers(0, 2**31, n_seeds)
    predictions = [minirocket_ridge(series[train], labels[train], series[test], int(seed)) for seed in seeds]
    ours, dtw, truth = predictions[0], labels[train][nearest(distances, train, test)], labels[test]
    right, dtw_right = ours == truth, dtw == truth
    only_ours, only_dtw = int((right & ~dtw_right).sum()), int((~right & dtw_right).sum())
    differ = only_ours + only_dtw
    return Lightning7(
        n_test=len(truth),
        accuracy=float(right.mean()),
        interval=exact_interval(int(right.sum()), len(right)),
        dtw_accuracy=float(dtw_right.mean()),
        dtw_interval=exact_interval(int(dtw_right.sum()), len(dtw_right)),
        seed_accuracies=np.array([(p == truth).mean() for p in predictions]),
        only_ours=only_ours,
        only_dtw=only_dtw,
        mcnemar_p=float(binomtest(only_ours, differ).pvalue) if differ else 1.0,
        resampled=_resampled(series, labels, n_train, distances, rng, n_resamples),
        predicted=ours,
        dtw_predicted=dtw,
        truth=truth,
    )


def minirocket_ridge(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, seed: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Train MiniRocket and a ridge classifier on series of one length, and name other series.

    Parameters
    ----------
    train, test : ndarray of shape (n_series, n_channels, n_times)
        Any unit; at least 9 times.
    labels : ndarray of shape (n_train,)
        Classes of the training series.
    seed : int
        Draws MiniRocket's biases.
    weights : ndarray of shape (n_train,), optional
        What each training series counts; all the same by default.

    Returns
    -------
    ndarray of shape (n_test,)
        Labels.

    Raises
    ------
    ValueError
        If a series is shorter than 9 samples (raised by aeon).
    """
    transform, scaler, ridge = fit_minirocket(train, labels, seed, weights)
    return np.asarray(ridge.predict(scaler.transform(transform.transform(test.astype(np.float32)))))


def fit_minirocket(
    train: np.ndarray, labels: np.ndarray, seed: int, weights: np.ndarray | None = None, n_kernels: int = 10_000
) -> tuple[Any, Any, Any]:
    """Fit the three steps of :func:`minirocket_ridge`, same parameters; ``n_kernels`` rounds down to a multiple of 84.

    Returns
    -------
    tuple
        ``MiniRocket`` (aeon), ``StandardScaler`` and ``RidgeClassifierCV`` (scikit-learn), fitted.
    """
    from aeon.transformations.collection.convolution_based import MiniRocket
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.preprocessing import StandardScaler

    transform = MiniRocket(n_kernels=n_kernels, random_state=seed, n_jobs=1)
    inputs = np.asarray(transform.fit_transform(train.astype(np.float32)))
    scaler = StandardScaler().fit(inputs)
    ridge = RidgeClassifierCV(RIDGE_ALPHAS).fit(scaler.transform(inputs), labels, sample_weight=weights)
    return transform, scaler, ridge


def _resampled(
    series: np.ndarray, labels: np.ndarray, n_train: int, distances: np.ndarray, rng: np.random.Generator, n: int
) -> np.ndarray:
    """Accuracies of both methods on splits dealt anew within each class, (n, 2)."""
    out = np.empty((n, 2))
    for k in range(n):
        train, test = deal_again(labels, n_train, rng)
        ours = minirocket_ridge(series[train], labels[train], series[test], int(rng.integers(2**31)))
        out[k] = (ours == labels[test]).mean(), (labels[train][nearest(distances, train, test)] == labels[test]).mean()
    return out
