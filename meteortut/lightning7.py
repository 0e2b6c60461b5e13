"""Lightning7, a public benchmark of radio flashes: its split, its own baseline, and splits dealt anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_fetch.readers import read_ts


def read_series(paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray, int]:
    """Read the published split.

    Parameters
    ----------
    paths : sequence of path-like
        The two files of ``data_fetch.fetch("lightning7")``.

    Returns
    -------
    series : ndarray of shape (n_series, 1, n_times), scaled power
    labels : ndarray of str of shape (n_series,)
    n_train : int
        The first so many are the training set, the rest is the test set.

    Raises
    ------
    ValueError
        If there is not exactly one TRAIN and one TEST file. UnreadableFile (a ``ValueError``) if one is no ``.ts`` file.
    """
    named = {kind: [p for p in paths if Path(p).stem.upper().endswith(kind)] for kind in ("TRAIN", "TEST")}
    if [len(found) for found in named.values()] != [1, 1]:
        raise ValueError(f"got {[Path(p).name for p in paths]}; expected one …TRAIN.ts and one …TEST.ts.")
    (train, y_train), (test, y_test) = (read_ts(found[0]) for found in named.values())
    return np.concatenate([train, test]), np.concatenate([y_train, y_test]), len(y_train)


def dtw_distances(series: np.ndarray) -> np.ndarray:
    """Give the dynamic time warping distances of all series, full window: the archive's baseline.

    Parameters
    ----------
    series : ndarray of shape (n_series, 1, n_times)

    Returns
    -------
    ndarray of shape (n_series, n_series)

    Notes
    -----
    Dau et al. 2019, IEEE/CAA J. Autom. Sinica 6, 1293; by aeon.
    """
    import warnings

    from aeon.distances import dtw_pairwise_distance

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba remarks on aeon's integer types
        return np.asarray(dtw_pairwise_distance(series))


def nearest(distances: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Give the place in `train` of the nearest neighbour of each of `test`.

    Parameters
    ----------
    distances : ndarray of shape (n_series, n_series)
    train, test : ndarray of int of shape (n_train,), (n_test,)
        Numbers of series.

    Returns
    -------
    ndarray of int of shape (n_test,)
    """
    return np.asarray(distances[np.ix_(test, train)].argmin(axis=1))


def deal_again(labels: np.ndarray, n_train: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Deal a split anew, with as many of each class in the training set as the published one has.

    Parameters
    ----------
    labels : ndarray of shape (n_series,)
        Classes, the published training set first.
    n_train : int
    rng : Generator

    Returns
    -------
    train, test : ndarray of int
        Numbers of series.

    Notes
    -----
    Bagnall et al. 2017, Data Min. Knowl. Discov. 31, 606.
    """
    counts = {name: int((labels[:n_train] == name).sum()) for name in np.unique(labels)}
    dealt = {name: rng.permutation(np.flatnonzero(labels == name)) for name in counts}
    train = np.concatenate([dealt[name][: counts[name]] for name in counts])
    return train, np.concatenate([dealt[name][counts[name] :] for name in counts])
