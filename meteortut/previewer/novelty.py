"""Frames unlike any normal one: anomalies of kinds that nobody labelled."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from meteortut.previewer.classifier import Classifier
from meteortut.previewer.datasets import dataset_numbers

#: Share of the normal frames that may be flagged; chosen.
FALSE_ALARMS = 0.02


@dataclass(frozen=True)
class Novelty:
    """How far a frame is from the normal ones.

    Attributes
    ----------
    classifier : Classifier
        Whose standardised inputs are used.
    mean : ndarray of shape (n_columns,)
    precision : ndarray of shape (n_columns, n_columns)
        Inverse covariance of the normal frames' inputs.
    threshold : float
        Distance, over the median of its data set, that the stated share of the normal frames exceed.
    """

    classifier: Classifier
    mean: np.ndarray
    precision: np.ndarray
    threshold: float

    def distance(self, described: pd.DataFrame, dataset: Iterable[Hashable]) -> np.ndarray:
        """Give the Mahalanobis distance of frames from the normal ones, over the median distance in their data set.

        Parameters
        ----------
        described : DataFrame, a row per frame
        dataset : iterable of n_frames labels

        Returns
        -------
        ndarray of shape (n_frames,)
            1 for the middle frame of a data set: another camera moves all of its frames alike.
        """
        away = self.classifier.inputs(described) - self.mean
        square = pd.Series(np.einsum("ij,jk,ik->i", away, self.precision, away)).clip(lower=1e-12)
        groups = dataset_numbers(dataset)
        return np.sqrt((square / square.groupby(groups).transform("median")).to_numpy())

    def is_novel(self, described: pd.DataFrame, dataset: Iterable[Hashable]) -> np.ndarray:
        """Say of each frame whether it is farther away than the threshold, shape (n_frames,) bool."""
        return self.distance(described, dataset) > self.threshold


def learn_normal(
    described: pd.DataFrame,
    dataset: Iterable[Hashable],
    classifier: Classifier,
    false_alarms: float = FALSE_ALARMS,
) -> Novelty:
    """Learn what normal frames are like.

    Parameters
    ----------
    described : DataFrame, a row per frame
        Normal frames only, as from :func:`meteortut.previewer.describe`.
    dataset : iterable of n_frames labels
    classifier : Classifier
        Gives the inputs: its columns, standardised and limited.
    false_alarms : float in (0, 1)
        Share of these frames beyond the threshold.

    Returns
    -------
    Novelty

    Raises
    ------
    ValueError
        If there are fewer frames than columns, or the share is not between 0 and 1.

    Notes
    -----
    Covariance shrunk after Ledoit & Wolf 2004 (J. Multivar. Anal. 88, 365). The threshold holds for data sets of which most frames
    are normal, and for cameras like those seen: with another camera there are more false alarms than stated.
    """
    from sklearn.covariance import LedoitWolf

    if len(described) < len(classifier.columns) or not 0 < false_alarms < 1:
        raise ValueError(
            f"described has {len(described)} frames and false_alarms is {false_alarms}; "
            f"expected at least {len(classifier.columns)} frames and a share between 0 and 1."
        )
    inputs = classifier.inputs(described)
    estimate = LedoitWolf().fit(inputs)
    found = Novelty(classifier, estimate.location_, estimate.precision_, float("inf"))
    threshold = float(np.quantile(found.distance(described, dataset), 1 - false_alarms))
    return Novelty(classifier, estimate.location_, estimate.precision_, threshold)
