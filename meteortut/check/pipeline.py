"""Chapter 2, the CNN and MLP of the meteor search, and what comes after them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from meteortut.check.verdict import Verdict, area_of, number, unanswered
from meteortut.focal import FRAME_S, GROUND_DRIFT_PX, METEOR_DRIFT_PX, METEOR_KM_PX


def parameters_by_hand(answer: Any, frames: int, size: int, hidden: int = 256, filters: int = 24) -> Verdict:
    """Check chapter 2, exercise 1: parameters of the published network for chunks of another shape.

    Parameters
    ----------
    answer : int
    frames, size : int
        Frames of a chunk; its rows and columns, even.
    hidden, filters : int
        Width of the first dense layer; filters of the convolution.

    Returns
    -------
    Verdict
    """
    name = "parameters_by_hand"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a whole number")
    pooled = filters * (size // 2) ** 2
    parts = [(9 * frames + 1) * filters, (pooled + 1) * hidden, (hidden + 1) * 64, 64 + 1]
    if value == sum(parts):
        told = " + ".join(f"{part:,}" for part in parts)
        return Verdict(name, True, f"Right: {told}. Most of them sit where the picture becomes a list.")
    biases = filters + hidden + 64 + 1
    hints = {
        sum(parts) - biases: "Nearly: each filter and each dense unit has a bias, too.",
        sum(parts) + 3 * pooled * hidden: "You left out the pooling: 2×2 pixels become one before the dense layers.",
        sum(parts) - parts[0] + 10 * filters: "A filter of 3×3 looks at all channels. How many are there?",
        sum(parts) - parts[0]: "The convolution is missing.",
        125_465: "That is the published network. This one has chunks of another shape.",
    }
    fallback = "Not that. Layer by layer: inputs times outputs, and a bias for each output."
    return Verdict(name, False, hints.get(int(value), fallback) if value == int(value) else fallback)


def rare_precision(answer: Any, recall: float, false_share: float, prevalence: float) -> Verdict:
    """Check chapter 2, exercise 2: what share of the alarms is right when what is looked for is rare.

    Parameters
    ----------
    answer : float
        Precision, between 0 and 1.
    recall, false_share : float
        Shares of the meteor chunks and of the other chunks that raise an alarm.
    prevalence : float
        Share of meteor chunks among all.

    Returns
    -------
    Verdict
        Right within 2 %.
    """
    name = "rare_precision"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a number between 0 and 1")
    right, false = recall * prevalence, false_share * (1 - prevalence)
    precision = right / (right + false)
    if math.isclose(value, precision, rel_tol=0.02):
        return Verdict(name, True, "Right. The network is the same; the sky is emptier.")
    for mistake, hint in (
        (100 * precision, "Nearly: as a share, not in per cent."),
        (1 - precision, "That is the share of false ones among the alarms."),
        (recall / (recall + false_share), "That holds where both kinds are equally frequent. They are not."),
        (recall, "That is the recall: of the meteors, how many are found. Of the alarms, how many are meteors?"),
        (1 - false_share, "That is the share of the others that stays quiet. How many others are there?"),
        (right / false, "You divided by the false alarms alone. Divide by all alarms."),
    ):
        if math.isclose(value, mistake, rel_tol=0.003):
            return Verdict(name, False, hint)
    return Verdict(name, False, "Not that. Take 100 000 chunks: how many raise an alarm rightly, how many wrongly?")


def stack_along(answer: Any, rng: int | np.random.Generator = 0) -> Verdict:
    """Check chapter 2, exercise 3: a function that adds frames along a velocity.

    Parameters
    ----------
    answer : callable
        Takes (frames, vy, vx): ndarray of shape (n, height, width) and whole pixels per frame; gives ndarray of shape
        (height, width), the sum over k of what frame k shows at (y + k vy, x + k vx).
    rng : int or Generator
        Draws the frames and velocities that it is tried on.

    Returns
    -------
    Verdict
        Pixels from which the way leaves the array are not judged.
    """
    name = "stack_along"
    if not callable(answer):
        return unanswered(name, answer, "a function")
    rng = np.random.default_rng(rng)
    for vy, vx in ((0, 0), (1, 0), (0, -1), (2, -1), (-1, 2)):
        frames = rng.normal(size=(int(rng.integers(3, 6)), 20, 24))
        right = _stacked(frames, vy, vx)
        got = np.asarray(answer(frames.copy(), vy, vx))
        if got.shape != right.shape:
            return Verdict(name, False, f"It gives shape {got.shape}; expected that of a frame, {right.shape}.")
        judged = np.isfinite(right)
        if _same(got, right, judged):
            continue
        case = f"With vy = {vy}, vx = {vx}: "
        for mistake, hint in (
            (_stacked(frames, -vy, -vx), "it goes the other way. Where is the light that was at y, one frame later?"),
            (_stacked(frames, vx, vy), "y and x have changed places."),
            (right / len(frames), "that is the mean. The sum is asked for."),
            (frames.sum(axis=0), "it adds the frames as they are, without a shift."),
        ):
            if _same(got, mistake, judged & np.isfinite(mistake)):
                return Verdict(name, False, case + hint)
        return Verdict(name, False, case + "not that. Frame k has to be moved by k times the velocity.")
    return Verdict(
        name, True, "Right, for five velocities. Light that moves so is added up; noise grows as a root only."
    )


def _stacked(frames: np.ndarray, vy: int, vx: int) -> np.ndarray:
    """Sums along a velocity; NaN where the way leaves the array."""
    total, (height, width) = np.zeros(frames.shape[1:]), frames.shape[1:]
    rows, columns = np.indices(total.shape)
    for k, frame in enumerate(frames):
        y, x = rows + k * vy, columns + k * vx
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        total += np.where(inside, frame[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)], np.nan)
    return total


def _same(got: np.ndarray, right: np.ndarray, judged: np.ndarray) -> bool:
    return bool(judged.any() and np.allclose(got[judged], right[judged], rtol=1e-6, atol=1e-6))


def threshold_of(answer: Any, curve: pd.DataFrame, most_false: float) -> Verdict:
    """Check chapter 2, exercise 4: the threshold with the highest recall among those with few enough false alarms.

    Parameters
    ----------
    answer : float
    curve : DataFrame, a row per threshold
        ``threshold``, ``recall``, ``false_per_hour``.
    most_false : float
        False alarms per hour that are allowed; some row has no more.

    Returns
    -------
    Verdict
        Any threshold of the curve that allows no more, and has the highest recall of these, is right.
    """
    name = "threshold_of"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a threshold of the curve")
    allowed = curve[curve.false_per_hour <= most_false]
    on_curve = np.isclose(curve.threshold, value, rtol=1e-9, atol=1e-9)
    if not on_curve.any():
        return Verdict(name, False, "That is no threshold of the curve. Take one from its column `threshold`.")
    row = curve[on_curve].iloc[0]
    if row.false_per_hour > most_false:
        return Verdict(
            name, False, f"It gives {row.false_per_hour:.0f} false alarms an hour; {most_false:g} are allowed."
        )
    if row.recall < allowed.recall.max():
        return Verdict(name, False, "It is quiet enough, but another one that is, too, finds more meteors.")
    return Verdict(name, True, f"Right: recall {row.recall:.2f} at {row.false_per_hour:.0f} false alarms an hour.")


def own_speed(answer: Any, motion: tuple[float, float], yaw_deg: float) -> Verdict:
    """Check chapter 2, exercise 5: a meteor's own speed across the line of sight, from its apparent motion.

    Parameters
    ----------
    answer : float
        km/s.
    motion : (float, float)
        Apparent motion (vy, vx), focal pixels per frame.
    yaw_deg : float
        Direction in which the ground drifts, atan2(dy, dx), degrees.

    Returns
    -------
    Verdict
        Right within 1 %.
    """
    name = "own_speed"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a speed in km/s")
    yaw, per_px = math.radians(yaw_deg), METEOR_KM_PX / FRAME_S

    def speed(drift: float, scale: float = per_px, angle: float = yaw) -> float:
        return scale * math.hypot(motion[0] - drift * math.sin(angle), motion[1] - drift * math.cos(angle))

    if math.isclose(value, speed(METEOR_DRIFT_PX), rel_tol=0.01):
        return Verdict(name, True, "Right. What it does along the line of sight nobody sees from one telescope.")
    for mistake, hint in (
        (speed(0.0), "That is how fast it seems to go. The station moves, too."),
        (speed(-METEOR_DRIFT_PX), "The drift has the wrong sign: take away what a meteor at rest would seem to do."),
        (speed(METEOR_DRIFT_PX, METEOR_KM_PX), "That is km per frame. How long is a frame?"),
        (speed(METEOR_DRIFT_PX, 1.0), "That is pixels per frame. How wide is a pixel at 100 km, how long a frame?"),
        (speed(METEOR_DRIFT_PX, 6.3 / FRAME_S), "A pixel is 6.3 km on the ground. At a meteor's height it is less."),
        (speed(METEOR_DRIFT_PX, angle=math.pi / 2 - yaw), "Sine and cosine have changed places: y goes with the sine."),
        (speed(GROUND_DRIFT_PX), "Nearly: that is the drift of the ground. At 100 km a pixel is narrower."),
    ):
        if math.isclose(value, mistake, rel_tol=0.01):
            return Verdict(name, False, hint)
    return Verdict(name, False, "Not that. Take the drift at 100 km from each part, then the length, then the units.")


def own_judge(answer: Any, rows: pd.DataFrame, is_meteor: Sequence[bool], least: float = 0.9) -> Verdict:
    """Check chapter 2, exercise 6 (open-ended): a number of the reader's own that tells meteors from other rows of a catalogue.

    Parameters
    ----------
    answer : callable
        Takes one row as a dict, gives a number, large for a meteor.
    rows : DataFrame, a row per event
    is_meteor : sequence of bool of length n
        Both kinds occur.
    least : float
        Area under the ROC curve that passes.

    Returns
    -------
    Verdict
    """
    name = "own_judge"
    if not callable(answer):
        return unanswered(name, answer, "a function of one row")
    area = area_of(answer, rows.to_dict("records"), np.asarray(is_meteor, bool))  # type: ignore[arg-type]
    if area is None:
        return Verdict(
            name, False, "For some row it does not give a finite number. Are there rows without an error bar?"
        )
    told = f"The area under the ROC curve is {area:.2f}."
    if area >= least:
        return Verdict(name, True, f"{told} Now look at the rows that it gets wrong.")
    if area < 0.5:
        return Verdict(name, False, f"{told} It is larger for what is no meteor: turn it round.")
    return Verdict(
        name, False, f"{told} {least:g} passes. What do noise, a town and a flash have that a meteor has not?"
    )
