"""Chapter 3, Grad-CAM."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from meteortut.check.verdict import Verdict, area_of, number, unanswered


def tiles_of_frame(answer: Any, shape: tuple[int, int], size: int, stride: int) -> Verdict:
    """Check chapter 3, exercise 1: how many tiles a frame has, when the last of a row or column is aligned to the edge.

    Parameters
    ----------
    answer : int
        The number of tiles.
    shape : (int, int)
        Height and width of the frame, pixels, neither less than `size`.
    size, stride : int
        Side of a tile, and steps from one to the next, pixels.

    Returns
    -------
    Verdict
    """
    name = "tiles_of_frame"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a whole number")
    whole = [(side - size) // stride + 1 for side in shape]
    full = [-(-(side - size) // stride) + 1 for side in shape]
    if value == math.prod(full):
        return Verdict(name, True, "Right. As many chances for a false alarm has every frame.")
    if value == math.prod(whole):
        return Verdict(
            name, False, "You have lost an edge: a side that is no multiple of the step needs one more tile."
        )
    if value == sum(full):
        return Verdict(name, False, "You added rows and columns. Each row of tiles has all the columns.")
    if value in full:
        return Verdict(name, False, "That is one axis alone.")
    if value == math.prod(side // size for side in shape) or value == math.prod(-(-side // size) for side in shape):
        return Verdict(name, False, "That is for tiles side by side. Here they overlap: what is the step?")
    if value == math.prod(side // stride for side in shape) or value == math.prod(-(-side // stride) for side in shape):
        return Verdict(name, False, "Nearly: the last tile begins a whole tile before the edge, not a step before it.")
    return Verdict(
        name, False, "Not that. Begin with one axis: where does the last tile begin, and how many steps is that?"
    )


def weighted_map(answer: Any, activation: np.ndarray, gradient: np.ndarray) -> Verdict:
    """Check chapter 3, exercise 2: Grad-CAM from what a layer gives and from the gradient of the logit there.

    Parameters
    ----------
    answer : array-like of shape (height, width)
        The map, in the resolution of the layer.
    activation, gradient : ndarray of shape (n_channels, height, width)
        Of one tile.

    Returns
    -------
    Verdict
        Right when it is a positive multiple of the map, within one part in a thousand of its largest value.
    """
    name = "weighted_map"
    if answer is ...:
        return unanswered(name, answer, "an array")
    try:
        given = np.asarray(answer, dtype=float)
    except (TypeError, ValueError):
        return unanswered(name, answer, "an array of numbers")
    if given.shape != activation.shape[1:]:
        hint = "Add up over the channels." if given.shape == activation.shape else "One number per pixel of the layer."
        return Verdict(name, False, f"It has shape {given.shape}; expected {activation.shape[1:]}. {hint}")
    if not np.isfinite(given).all():
        return Verdict(name, False, "Some values are not finite.")
    weight = gradient.mean(axis=(1, 2))[:, None, None]
    total = (weight * activation).sum(axis=0)
    if _alike(given, np.maximum(total, 0)):
        return Verdict(name, True, "Right. A common factor does not matter: only where the map is large.")
    for mistake, hint in [
        (total, "Nearly: what speaks against a meteor is cut off at 0."),
        (activation.sum(axis=0), "You gave every channel the same weight. Some speak for a meteor, some against it."),
        (
            np.maximum((gradient * activation).sum(axis=0), 0),
            "You weighed every pixel by its own gradient. That is another method; Grad-CAM takes one weight per channel.",
        ),
        (
            np.maximum((np.abs(weight) * activation).sum(axis=0), 0),
            "A weight has a sign: a channel may speak against a meteor.",
        ),
        (
            (np.maximum(weight, 0) * activation).sum(axis=0),
            "You cut off the weights. Cut off the sum, after channels for and against have been weighed up.",
        ),
    ]:
        if _alike(given, mistake):
            return Verdict(name, False, hint)
    return Verdict(name, False, "Not that. One weight per channel, the mean of its gradient; then a sum over channels.")


def worst_rate(answer: Any, n: int, level: float = 0.95) -> Verdict:
    """Check chapter 3, exercise 3: the upper end of the exact interval of a rate, after no error in n trials.

    Parameters
    ----------
    answer : float
        Between 0 and 1.
    n : int
        Trials.
    level : float
        Of the interval, between 0 and 1.

    Returns
    -------
    Verdict
        Right within 2 %.
    """
    name = "worst_rate"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a number between 0 and 1")
    right = 1 - ((1 - level) / 2) ** (1 / n)
    if math.isclose(value, right, rel_tol=0.02):
        return Verdict(
            name, True, f"Right: after {n} trials without an error, {100 * right:.0f} % errors are still possible."
        )
    if value == 0:
        return Verdict(name, False, "No error seen is not the same as no error possible.")
    if math.isclose(value, 100 * right, rel_tol=0.02):
        return Verdict(name, False, "That is in per cent. Give a number between 0 and 1.")
    if math.isclose(value, 1 - right, rel_tol=0.02):
        return Verdict(name, False, "That is the rate of successes at that end. Which error rate is it?")
    if math.isclose(value, 1 - (1 - level) ** (1 / n), rel_tol=0.02):
        return Verdict(name, False, "Nearly: the interval has two ends, and half of the doubt belongs to each.")
    return Verdict(
        name,
        False,
        "Not that. At which error rate are n trials without an error as rare as the doubt allows at one end?",
    )


def true_speed(answer: Any, apparent: float, n_rows: int) -> Verdict:
    """Check chapter 3, exercise 4: speed of a meteor that falls straight down a sensor with a rolling shutter.

    Parameters
    ----------
    answer : float
        Rows per frame time.
    apparent : float
        Rows from one frame to the next, as seen in the frames.
    n_rows : int
        Rows of the sensor, read one after the other within one frame time.

    Returns
    -------
    Verdict
        Right within 0.5 %.
    """
    name = "true_speed"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a number of rows per frame time")
    late = apparent / n_rows
    if math.isclose(value, apparent / (1 + late), rel_tol=0.005):
        return Verdict(
            name,
            True,
            f"Right. Who forgets the rows finds a meteor {100 * late:.0f} % too fast here, and one that climbs too slow.",
        )
    if math.isclose(value, apparent, rel_tol=0.005):
        return Verdict(name, False, "That is what the frames show. But its lower position was also read out later.")
    if math.isclose(value, apparent * (1 + late), rel_tol=0.005) or math.isclose(
        value, apparent / (1 - late), rel_tol=0.005
    ):
        return Verdict(name, False, "The other way: it took longer than one frame time for these rows.")
    if math.isclose(value, apparent * (1 - late), rel_tol=0.005):
        return Verdict(name, False, "Nearly: divide the rows by the time that they took; do not take a share off.")
    return Verdict(name, False, "Not that. Rows, divided by the time between the two readings, in frame times.")


def tile_statistic(answer: Any, tiles: np.ndarray, is_streak: np.ndarray) -> Verdict:
    """Check chapter 3, exercise 5 (open-ended): a number of the reader's own that is large for tiles with a streak.

    Parameters
    ----------
    answer : callable
        Takes one tile, ndarray of shape (96, 96), counts; gives a number.
    tiles : ndarray of shape (n, 96, 96), counts
        Tiles to try it on.
    is_streak : ndarray of bool of shape (n,)
        Their labels, ``gradcam.streak_labels``.

    Returns
    -------
    Verdict
        Passed when the area under the ROC curve is 0.75 or more.
    """
    name = "tile_statistic"
    if not callable(answer):
        return unanswered(name, answer, "a function of one tile")
    auc = area_of(answer, tiles, is_streak)
    if auc is None:
        return Verdict(
            name, False, "It does not give a finite number for every tile. What does it do on a tile without noise?"
        )
    if auc >= 0.75:
        return Verdict(name, True, f"An area of {auc:.2f}. Which kind of tile does it still mistake for a streak?")
    if auc <= 0.25:
        return Verdict(name, False, f"An area of {auc:.2f}: it is large for tiles *without* a streak. Turn it round.")
    return Verdict(
        name, False, f"An area of {auc:.2f}, where 0.5 is a coin. What has a streak that stars and clouds have not?"
    )


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two maps agree but for a positive factor; a map of zeros agrees with nothing else."""
    tops = [float(np.abs(values).max()) for values in (one, other)]
    if min(tops) <= 0:
        return tops[0] == tops[1]
    return bool(np.allclose(one / tops[0], other / tops[1], atol=1e-3))
