"""Frames in, names of what is wrong with them out: with the weights that ship."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pandas as pd

from meteortut.previewer.classifier import KINDS, Classifier
from meteortut.previewer.context import describe
from meteortut.previewer.features import iter_measurements, tabulate
from meteortut.previewer.frames import Frames
from meteortut.previewer.recurring import LEAST_CONTEXT

#: The weights, and what was measured with them (made by ``tools/train_previewer.py``).
WEIGHTS = Path(__file__).parent.parent / "weights" / "previewer.json"
#: Features and labels of the first world's data sets, for the chapter (made by the same).
FEATURES = WEIGHTS.with_name("previewer_features.csv.gz")


def preview(frames: Frames) -> pd.DataFrame:
    """Say what is wrong with each frame.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, height, width), or iterable of n_frames arrays of shape (height, width)
        Counts, of one field, in order of time; as :func:`meteortut.previewer.extract_features` takes them.

    Returns
    -------
    DataFrame, a row per frame
        ``score``: from 0 to 1, 0.5 or more for an anomaly. ``is_anomaly``. ``labels``: tuple of "trajectory", "slew", "cloud"
        and "obstruction", empty for a normal frame. Then ``p_…``: the probability of each of the four,
        NaN where it was not asked.
        Ten frames or more are compared with each other. Fewer, or one alone, are judged each by itself: its relative features are
        1, it has no frames before and after, and only "trajectory" and "slew" are ever named, for without comparison nobody
        knows a cloud from a field with few stars.

    Raises
    ------
    ValueError, TypeError
        As `extract_features`: before any work, but for what a lazy iterable only shows when it is read.
    """
    measured = iter_measurements(frames)
    few = list(islice(measured, LEAST_CONTEXT))
    if len(few) == LEAST_CONTEXT:
        return name_frames(tabulate(chain(few, measured)))
    alone = tabulate(few, range(len(few)))
    named = name_frames(alone, shipped_classifier("alone"), range(len(alone)))
    return named.reindex(columns=[*named.columns[:3], *(f"p_{kind}" for kind in KINDS)])


def name_frames(
    features: pd.DataFrame, model: Classifier | None = None, dataset: Iterable[Hashable] | None = None
) -> pd.DataFrame:
    """Name what is wrong with frames whose features are known.

    Parameters
    ----------
    features : DataFrame, a row per frame
        As from :func:`meteortut.previewer.extract_features`.
    model : Classifier, optional
        The shipped one for frames of a data set by default.
    dataset : iterable of n_frames labels, optional
        None: all frames are of one data set.

    Returns
    -------
    DataFrame, a row per frame
        As from :func:`preview`.

    Raises
    ------
    ValueError
        As :func:`meteortut.previewer.describe`.

    Notes
    -----
    The score is the largest over the kinds of the probability, its logit less that of the kind's threshold.
    """
    model = shipped_classifier("together") if model is None else model
    probability = model.probabilities(describe(features, dataset))
    named = probability.to_numpy() >= model.thresholds
    with np.errstate(divide="ignore"):
        logit = _logit(probability.to_numpy()) - _logit(model.thresholds)
    labels = [tuple(kind for kind, there in zip(model.kinds, row, strict=True) if there) for row in named]
    table = pd.DataFrame(
        {
            "score": 1 / (1 + np.exp(-logit.max(axis=1))),
            "is_anomaly": named.any(axis=1),
            "labels": pd.Series(labels, dtype=object, index=features.index),
        },
        index=features.index,
    )
    return table.join(probability.add_prefix("p_"))


def _logit(p: np.ndarray) -> np.ndarray:
    inside = np.clip(p, 1e-12, 1 - 1e-12)
    result: np.ndarray = np.log(inside / (1 - inside))
    return result


@lru_cache(maxsize=2)
def shipped_classifier(name: str = "together") -> Classifier:
    """Read the shipped weights.

    Parameters
    ----------
    name : "together" or "alone"
        For frames of a data set, or for a frame of which nothing else is known.

    Returns
    -------
    Classifier

    Raises
    ------
    ValueError
        If there is no such classifier.
    """
    stored = json.loads(WEIGHTS.read_text(encoding="utf-8"))["classifiers"]
    if name not in stored:
        raise ValueError(f"name is {name!r}; expected one of {', '.join(stored)}.")
    return Classifier.from_json(stored[name])


def shipped_features() -> pd.DataFrame:
    """Read the features of the first simulated world: 30 labelled data sets of 100 frames, and 6 of kinds never labelled.

    Returns
    -------
    DataFrame, a row per frame
        The columns of :func:`meteortut.previewer.extract_features` to four digits; ``dataset``, "set-01" to "set-30" and
        "unseen-01" to "unseen-06"; a
        boolean column for each of :data:`meteortut.simulate.scmos.KINDS`.
    """
    return pd.read_csv(FEATURES)
