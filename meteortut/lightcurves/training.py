"""Three ways to learn the shapes of light curves: boosted trees on features, MiniRocket and a ridge, a small CNN."""

from __future__ import annotations

import numpy as np
import pandas as pd

from meteortut.lightcurves.classifiers import Classifier, cnn_classifier, one_hot
from meteortut.lightcurves.features import CURVE_FEATURES, shape_features
from meteortut.lightcurves.smoothing import smooth
from meteortut.shapes import LABELS

#: MiniRocket sees curves brought to this many equal steps, and so many kernels (2016 = 24 × 84).
ROCKET_STEPS, ROCKET_KERNELS = 64, 2016


def train_boosting(table: pd.DataFrame, labels: np.ndarray, rng: int | np.random.Generator) -> Classifier:
    """Train gradient-boosted trees on the features of the curve; classes count alike.

    Parameters
    ----------
    table : DataFrame, a row per record
        As for :func:`classify`; records that cannot be used are left out.
    labels : ndarray of str of shape (n_records,)
        True labels.
    rng : int or Generator
        Seed or generator.

    Returns
    -------
    Classifier
        Probabilistic. Of the track nothing is used, nor the peak's magnitude: how bright a meteor is depends on the camera.

    Raises
    ------
    ValueError
        If a label is unknown or missing, or no record can be used.

    Notes
    -----
    Friedman 2001, Ann. Stat. 29, 1189; scikit-learn's HistGradientBoostingClassifier.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    kept, codes = _training(table, labels)
    columns = [name for name in CURVE_FEATURES if name != "peak_magnitude"]
    model = HistGradientBoostingClassifier(
        learning_rate=0.06,
        max_iter=200,
        max_leaf_nodes=15,
        l2_regularization=1.0,
        max_features=0.5,
        class_weight="balanced",
        random_state=_seed(rng),
    ).fit(shape_features(kept)[columns].to_numpy(), codes)
    known = model.classes_

    def scores(other: pd.DataFrame) -> np.ndarray:
        result = np.zeros((len(other), len(LABELS)))
        result[:, known] = model.predict_proba(shape_features(other)[columns].to_numpy())
        return result

    return Classifier("features + boosting", scores, probabilistic=True, fitted=model)


def train_minirocket(table: pd.DataFrame, labels: np.ndarray, rng: int | np.random.Generator) -> Classifier:
    """Train MiniRocket and a ridge on curves brought to 64 equal steps (:func:`resampled`); classes count alike.

    Parameters, errors: as for :func:`train_boosting`.

    Returns
    -------
    Classifier
        Not probabilistic: a ridge gives distances from its boundaries.

    Notes
    -----
    Dempster, Schmidt and Webb 2021, KDD, 248, with fewer kernels: thousands of curves need no ten thousand features.
    """
    from meteortut.lightcurves.benchmark import fit_minirocket

    kept, codes = _training(table, labels)
    weight = len(codes) / np.bincount(codes, minlength=len(LABELS))[codes]
    transform, scaler, ridge = fit_minirocket(resampled(kept), codes, _seed(rng), weight, ROCKET_KERNELS)

    def scores(other: pd.DataFrame) -> np.ndarray:
        return one_hot(
            np.array(LABELS, dtype=object)[ridge.predict(scaler.transform(transform.transform(resampled(other))))]
        )

    return Classifier("MiniRocket + ridge", scores, probabilistic=False, fitted=(transform, scaler, ridge))


def train_cnn(
    table: pd.DataFrame, labels: np.ndarray, rng: int | np.random.Generator, n_epochs: int = 40
) -> Classifier:
    """Train the small CNN (:func:`meteortut.lightcurves.network.train_network`) on curves of any length.

    Parameters, errors: as for :func:`train_boosting`; ``n_epochs``, rounds through the curves.

    Returns
    -------
    Classifier
        Probabilistic; ``fitted`` is the network (``torch.nn.Module``).
    """
    from meteortut.lightcurves.network import table_channels, train_network

    kept, codes = _training(table, labels)
    return cnn_classifier(train_network(table_channels(kept), codes, len(LABELS), rng, n_epochs))


def resampled(table: pd.DataFrame, n_steps: int = ROCKET_STEPS) -> np.ndarray:
    """Bring curves to one length: brightness below the smoothed peak, linear between samples.

    Parameters
    ----------
    table : DataFrame, a row per record
        Good records: ``time_s`` and ``magnitude``, ndarrays of shape (n_samples,).
    n_steps : int
        Steps from the first to the last sample.

    Returns
    -------
    ndarray of float32 of shape (n_records, 2, n_steps), magnitudes
        Channel 0 the samples as they are, channel 1 smoothed; 0 at the smoothed peak, negative below it.
    """
    result = np.empty((len(table), 2, n_steps), np.float32)
    for k, (time, magnitude) in enumerate(zip(table.time_s, table.magnitude, strict=True)):
        curve = smooth(time, magnitude)
        at = np.linspace(time[0], time[-1], n_steps)
        result[k] = curve.min() - np.stack([np.interp(at, time, values) for values in (magnitude, curve)])
    return result


def _training(table: pd.DataFrame, labels: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Keep the good records; number their labels."""
    codes = pd.Index(LABELS).get_indexer(pd.Index(np.asarray(labels, dtype=object)))
    if len(codes) != len(table) or (codes < 0).any():
        raise ValueError(
            f"got {len(table)} records and {(codes >= 0).sum()} labels of {LABELS}; expected one per record."
        )
    good = shape_features(table).features_ok.to_numpy()
    if not good.any():
        raise ValueError(f"none of {len(table)} records can be used; expected records as read_aop gives them.")
    return table[good], codes[good]


def _seed(rng: int | np.random.Generator) -> int:
    return int(np.random.default_rng(rng).integers(2**31))
