"""Chapter 4, the variational autoencoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from meteortut.check.verdict import Verdict, area_of, number, unanswered

#: ms between samples of a slice.
_SAMPLE_MS = 0.01


def kl_by_hand(answer: Any, mean: np.ndarray, sigma: np.ndarray) -> Verdict:
    """Check chapter 4, exercise 1: divergence of N(mean, sigma²) from N(0, 1), per unit.

    Parameters
    ----------
    answer : array-like of the shape of ``mean``
        Nats.
    mean, sigma : ndarray of shape (n_slices, n_latent)
        Of the posterior; sigma > 0.

    Returns
    -------
    Verdict
        Right within 1e-4 of the largest value, everywhere.
    """
    name = "kl_by_hand"
    if answer is ...:
        return unanswered(name, answer, "an array")
    try:
        given = np.asarray(answer, dtype=float)
    except (TypeError, ValueError):
        return unanswered(name, answer, "an array of numbers")
    mean, sigma = np.asarray(mean, float), np.asarray(sigma, float)
    if given.shape != mean.shape:
        return Verdict(name, False, f"It has shape {given.shape}; expected {mean.shape}: a number for each unit.")
    if not np.isfinite(given).all():
        return Verdict(name, False, "Some values are not finite.")
    right = 0.5 * (mean**2 + sigma**2 - 2 * np.log(sigma) - 1)
    near = 1e-4 * float(right.max())
    if np.allclose(given, right, rtol=0, atol=near):
        return Verdict(name, True, "Right. It is never below 0, and 0 only where the posterior is the prior.")
    for mistake, hint in [
        (2 * right, "Twice too large: where does the ½ of a Gaussian's exponent go?"),
        (-right, "The sign is turned round. How far one distribution is from another is never negative."),
        (right + np.log(sigma) / 2, "Nearly: sigma is not the variance. Look at the logarithm."),
        (0.5 * (mean**2 + sigma - np.log(sigma) - 1), "You took sigma for the variance."),
        (right + 0.5, "It is not 0 where the posterior is the prior. Which constant is missing?"),
        (0.5 * (sigma**2 - 2 * np.log(sigma) - 1), "A posterior that sits elsewhere costs something, too: the mean."),
    ]:
        if np.allclose(given, mistake, rtol=0, atol=near):
            return Verdict(name, False, hint)
    return Verdict(name, False, "Not that. Try a unit with mean 0 and sigma 1 first: what must come out?")


def pairs_agreed(answer: Any, first: Sequence[Any], second: Sequence[Any]) -> Verdict:
    """Check chapter 4, exercise 2: on how many pairs of points two clusterings agree.

    Parameters
    ----------
    answer : int
        Pairs that are together in both clusterings, or apart in both.
    first, second : sequence of n labels
        The two clusterings.

    Returns
    -------
    Verdict
    """
    name = "pairs_agreed"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a whole number")
    pairs = list(combinations(range(len(first)), 2))
    both = sum(first[i] == first[j] and second[i] == second[j] for i, j in pairs)
    neither = sum(first[i] != first[j] and second[i] != second[j] for i, j in pairs)
    if value == both + neither:
        return Verdict(
            name, True, f"Right, of {len(pairs)} pairs. Chance alone would agree on many of them: hence *adjusted*."
        )
    hints = {
        both: "Those are the pairs that are together in both. Pairs that both keep apart count as well.",
        neither: "Those are the pairs that both keep apart. Pairs that are together in both count as well.",
        len(pairs) - both - neither: "Those are the pairs on which they disagree.",
        len(pairs): "Those are all the pairs.",
        2 * (both + neither): "You counted each pair twice: (a, b) is (b, a).",
        2 * (both + neither) + len(first): "You counted each pair twice, and each point with itself.",
        sum(a == b for a, b in zip(first, second, strict=True)): "You compared names. Names of clusters mean nothing.",
    }
    fallback = "Not that. Go through the pairs: together in the first? Together in the second?"
    return Verdict(name, False, hints.get(int(value), fallback) if value == int(value) else fallback)


def code_bits(answer: Any, n_values: Sequence[int]) -> Verdict:
    """Check chapter 4, exercise 3: what it costs to say which of several values, all as likely before.

    Parameters
    ----------
    answer : float
        Bits.
    n_values : sequence of int
        How many values each number can take.

    Returns
    -------
    Verdict
        Right within 0.5 %.
    """
    name = "code_bits"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a number of bits")
    nats = sum(math.log(n) for n in n_values)
    bits = nats / math.log(2)
    if math.isclose(value, bits, rel_tol=0.005):
        return Verdict(
            name, True, "Right. That is cheap beside thousands of readings, and the network need not learn it."
        )
    if math.isclose(value, nats, rel_tol=0.005):
        return Verdict(name, False, "That is in nats. A bit is ln 2 of them.")
    if math.isclose(value, math.log2(sum(n_values)), rel_tol=0.005):
        return Verdict(name, False, "You chose one of all values. But each of the numbers is told.")
    if math.isclose(value, nats / math.log(10), rel_tol=0.005):
        return Verdict(name, False, "Those are decimal digits. A bit is one of two.")
    if any(math.isclose(value, math.log2(n), rel_tol=0.005) for n in n_values):
        return Verdict(name, False, "That is one of the numbers alone.")
    return Verdict(name, False, "Not that. How many yes-or-no questions find one of 8 things? And then the next thing?")


def uv_lead(answer: Any, light: np.ndarray) -> Verdict:
    """Check chapter 4, exercise 4: by how much the light at 180–230 nm leads that at 777.4 nm.

    Parameters
    ----------
    answer : callable
        Takes one slice, ndarray of shape (3, n_samples), µW/m², noise-free; gives ms from the first sample at or above 10 % of
        the peak at 180–230 nm to the same at 777.4 nm.
    light : ndarray of shape (n, 3, n_samples), µW/m²
        Slices with light in both bands.

    Returns
    -------
    Verdict
        Right when every slice is right within half a sample.
    """
    name = "uv_lead"
    if not callable(answer):
        return unanswered(name, answer, "a function of one slice")
    given = [number(answer(slice_.copy())) for slice_ in light]
    if any(value is None for value in given):
        return Verdict(name, False, "It does not give a finite number for every slice.")
    values = np.array(given, dtype=float)
    starts = (light >= 0.1 * light.max(axis=2, keepdims=True)).argmax(axis=2)
    peaks = light.argmax(axis=2)
    right = (starts[:, 2] - starts[:, 1]) * _SAMPLE_MS
    if np.allclose(values, right, rtol=0, atol=_SAMPLE_MS / 2):
        return Verdict(name, True, f"Right: {1000 * np.median(right):.0f} µs in the median of these slices.")
    for mistake, hint in [
        (-right, "The sign: the time is positive when the ultraviolet comes first."),
        (right / _SAMPLE_MS, "That is in samples. How long is one?"),
        (1000 * right, "That is in microseconds; give milliseconds."),
        ((peaks[:, 2] - peaks[:, 1]) * _SAMPLE_MS, "That is from peak to peak. Light begins before it peaks."),
        ((starts[:, 2] - starts[:, 0]) * _SAMPLE_MS, "That is from 337 nm. Which row is 180–230 nm?"),
        ((starts[:, 0] - starts[:, 1]) * _SAMPLE_MS, "That is to 337 nm. Which row is 777.4 nm?"),
    ]:
        if np.allclose(values, mistake, rtol=0, atol=_SAMPLE_MS / 2):
            return Verdict(name, False, hint)
    return Verdict(name, False, "Not that. Each band has a peak of its own, and so 10 % of its own.")


def slice_statistic(answer: Any, photometry: np.ndarray, is_wanted: np.ndarray) -> Verdict:
    """Check chapter 4, exercise 5 (open-ended): a number of the reader's own that is large for one kind of slice.

    Parameters
    ----------
    answer : callable
        Takes one slice, ndarray of shape (3, n_samples), µW/m²; gives a number.
    photometry : ndarray of shape (n, 3, n_samples), µW/m²
        Slices to try it on.
    is_wanted : ndarray of bool of shape (n,)
        Which are of that kind.

    Returns
    -------
    Verdict
        Passed when the area under the ROC curve is 0.85 or more.
    """
    name = "slice_statistic"
    if not callable(answer):
        return unanswered(name, answer, "a function of one slice")
    auc = area_of(answer, photometry, is_wanted)
    if auc is None:
        return Verdict(
            name, False, "It does not give a finite number for every slice. What does it do where it is dark?"
        )
    if auc >= 0.85:
        more = "Nearly no fault." if auc >= 0.99 else "Which other kind does it still take for this one?"
        return Verdict(name, True, f"An area of {auc:.2f}. {more}")
    if auc <= 0.15:
        return Verdict(name, False, f"An area of {auc:.2f}: it is *small* for this kind. Turn it round.")
    return Verdict(name, False, f"An area of {auc:.2f}, where 0.5 is a coin. What has this kind that the others lack?")
