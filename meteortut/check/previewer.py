"""Chapter 5, the previewer."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from meteortut.check.verdict import Verdict, number, unanswered

#: Standard deviation over median absolute deviation, for normal noise.
MAD_TO_SIGMA = 1.4826
#: The area under the ROC curve from which a feature of the reader's own passes; chosen.
GOOD_AUC = 0.9


def f1_of(answer: Any, precision: float, recall: float) -> Verdict:
    """Check chapter 5, exercise 1: the F1 score that belongs to a precision and a recall.

    Parameters
    ----------
    answer : float
    precision, recall : float
        Between 0 and 1, not both 0.

    Returns
    -------
    Verdict
        Right within 0.005.
    """
    name = "f1_of"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a number between 0 and 1")
    right = 2 * precision * recall / (precision + recall)
    if abs(value - right) <= 0.005:
        return Verdict(name, True, "Right. A harmonic mean lies between the two numbers, always.")
    if abs(value - 100 * right) <= 0.5:
        return Verdict(name, False, "That is in percent. F1 lies between 0 and 1.")
    if abs(value - precision * recall) <= 0.005:
        return Verdict(name, False, "That is the product. What does F1 divide it by?")
    if abs(value - precision * recall / (precision + recall)) <= 0.005:
        return Verdict(name, False, "Half of it. Where precision and recall are both 1, F1 must be 1.")
    return Verdict(name, False, "Not that. F1 is the harmonic mean of precision and recall.")


def noise_of_sky(answer: Any, frame: np.ndarray) -> Verdict:
    """Check chapter 5, exercise 2: the noise of a pixel of sky, from one frame that is full of stars.

    Parameters
    ----------
    answer : float
        Counts.
    frame : ndarray of shape (height, width), counts

    Returns
    -------
    Verdict
        Right within 10 % of 1.4826 times the median absolute deviation from the median.
    """
    name = "noise_of_sky"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a number of counts")
    counts = np.asarray(frame, float)
    deviation = float(np.median(np.abs(counts - np.median(counts))))
    right = MAD_TO_SIGMA * deviation
    if math.isclose(value, right, rel_tol=0.1):
        return Verdict(name, True, "Right: stars are few, and a median does not mind a few.")
    quartiles = float(np.ptp(np.percentile(counts, [25, 75])))
    for wrong, hint in (
        (float(counts.std()), "That is the plain standard deviation: the stars are in it, squared."),
        (deviation, "Nearly: for normal noise the median absolute deviation is smaller than σ. By which factor?"),
        (quartiles, "The distance of the quartiles is robust, too. How many σ of a normal distribution is it?"),
        (float(np.abs(counts - counts.mean()).mean()), "A mean feels every star. Take medians."),
        (right**2, "That is the variance. The noise is its root."),
    ):
        if math.isclose(value, wrong, rel_tol=0.05):
            return Verdict(name, False, hint)
    return Verdict(name, False, "Not that. Find a typical distance from the typical count, both by medians.")


def trail_length(answer: Any, per_pixel: float, limit: float) -> Verdict:
    """Check chapter 5, exercise 3: how long a faint trail must be to be found by the sum along it.

    Parameters
    ----------
    answer : float
        Pixels.
    per_pixel : float
        The trail's light in one pixel, standard deviations of that pixel's noise.
    limit : float
        The signal-to-noise ratio that the sum has to reach.

    Returns
    -------
    Verdict
        Right within one pixel.
    """
    name = "trail_length"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a number of pixels")
    ratio = limit / per_pixel
    if abs(value - ratio**2) <= 1:
        return Verdict(name, True, "Right. Four times the length makes a trail of half the light as clear.")
    if abs(value - ratio) <= 1:
        return Verdict(name, False, "So long would do if only the light added up. The noise adds up, too, more slowly.")
    if abs(value - math.sqrt(ratio)) <= 0.5:
        return Verdict(name, False, "The root goes the other way: signal grows with n, noise with its root.")
    return Verdict(name, False, "Not that. Write down the sum's light and the sum's noise for n pixels, and divide.")


def error_of_share(answer: Any, is_anomaly: Sequence[bool], dataset: Sequence[Hashable]) -> Verdict:
    """Check chapter 5, exercise 4: the standard error of the share of anomalous frames, data sets being drawn as a whole.

    Parameters
    ----------
    answer : float
        Between 0 and 1.
    is_anomaly : sequence of bool, n_frames
    dataset : sequence of n_frames labels
        The data set of each frame; data sets of equal size.

    Returns
    -------
    Verdict
        Right within 15 % of the scatter of the data sets' shares over the root of their number: room for a bootstrap's own
        scatter.
    """
    name = "error_of_share"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a number between 0 and 1")
    odd = pd.Series(np.asarray(is_anomaly, float))
    shares = odd.groupby(np.asarray(dataset)).mean()
    right = float(shares.std(ddof=0)) / math.sqrt(len(shares))
    if math.isclose(value, right, rel_tol=0.15):
        return Verdict(
            name, True, f"Right. Thirty clouds are one cloud: {len(shares)} data sets count, not the frames."
        )
    for wrong, hint in (
        (
            float(odd.std()) / math.sqrt(len(odd)),
            "You drew frames. Frames of one data set share their cloud: draw sets.",
        ),
        (float(shares.std()), "That is the scatter of single data sets. How well do all of them fix the mean?"),
        (1.96 * right, "That is half of a 95 % interval. The standard error is the scatter of the draws."),
        (3.92 * right, "That is a whole 95 % interval. The standard error is the scatter of the draws."),
        (right**2, "That is the variance. Take its root."),
    ):
        if math.isclose(value, wrong, rel_tol=0.1):
            return Verdict(name, False, hint)
    return Verdict(
        name, False, "Not that. Draw as many data sets as there are, with replacement; take the mean; again."
    )


def slew_feature(answer: Any, frames: np.ndarray, is_slew: Sequence[bool]) -> Verdict:
    """Check chapter 5, exercise 5 (open-ended): a feature that tells slews from everything else.

    Parameters
    ----------
    answer : callable
        Takes one frame, ndarray of shape (height, width), counts; gives a number.
    frames : ndarray of shape (n_frames, height, width), counts
    is_slew : sequence of bool, n_frames

    Returns
    -------
    Verdict
        Passed from an area under the ROC curve of 0.9; small values may mean a slew, too.
    """
    from sklearn.metrics import roc_auc_score

    name = "slew_feature"
    if not callable(answer):
        return unanswered(name, answer, "a function of one frame")
    values = [number(answer(frame.copy())) for frame in frames]
    unusable = [k for k, value in enumerate(values) if value is None]
    if unusable:
        return Verdict(
            name, False, f"For frame {unusable[0]} it gives no finite number. One number per frame is needed."
        )
    auc = roc_auc_score(np.asarray(is_slew, bool), np.array(values, float))
    auc = max(auc, 1 - auc)
    said = f"The area under the ROC curve is {auc:.2f}."
    if auc >= GOOD_AUC:
        return Verdict(name, True, f"{said} That is good: the satellites' trails did not fool it.")
    return Verdict(name, False, f"{said} What do *all* stars do in a slew, that a single trail does not?")
