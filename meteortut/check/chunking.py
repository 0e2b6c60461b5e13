"""Chapter 1, chunking."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from meteortut.check.verdict import Verdict, number, unanswered


def chunks_per_voxel(answer: Any, size: tuple[int, int, int], step: tuple[int, int, int]) -> Verdict:
    """Check chapter 1, exercise 1: how many chunks hold a voxel far from all edges.

    Parameters
    ----------
    answer : int
        The number of chunks.
    size, step : (int, int, int)
        Frames, rows, columns; the size is a multiple of the step.

    Returns
    -------
    Verdict
    """
    name = "chunks_per_voxel"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a whole number")
    per_axis = [part // along for part, along in zip(size, step, strict=True)]
    if value == math.prod(per_axis):
        return Verdict(
            name, True, "Right. A copy of all chunks would hold every number that often, but for those near the edges."
        )
    if value == sum(per_axis):
        return Verdict(
            name, False, "You added the axes. Each choice along one axis goes with every choice along another."
        )
    if value in per_axis:
        return Verdict(name, False, "That is one axis alone. How many along time, how many along y, how many along x?")
    if value == math.prod(step):
        return Verdict(
            name, False, "That is the volume of a step. Along one axis: how many starts lie within one size?"
        )
    return Verdict(name, False, "Not that. Begin with one axis: a chunk is how many steps long?")


def materialised_gib(answer: Any, n_chunks: int, size: tuple[int, int, int], itemsize: int = 4) -> Verdict:
    """Check chapter 1, exercise 2: memory that a copy of all chunks of a stream would take.

    Parameters
    ----------
    answer : float
        GiB (2³⁰ bytes).
    n_chunks : int
        Number of chunks.
    size : (int, int, int)
        Shape of a chunk.
    itemsize : int
        Bytes of one number.

    Returns
    -------
    Verdict
        Right within 1 %.
    """
    name = "materialised_gib"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a number of GiB")
    right = n_chunks * math.prod(size) * itemsize / 2**30
    if math.isclose(value, right, rel_tol=0.01):
        return Verdict(name, True, "Right. That is why chunks are cut when they are needed, and then forgotten.")
    for factor, hint in {
        2**30: "That looks like bytes.",
        2**10: "That looks like MiB.",
        2**30 / 1e9: "Nearly: that is GB, 10⁹ bytes. A GiB has 2³⁰.",
        1 / itemsize: "You counted numbers as if each took one byte.",
        2: f"Twice too much: each number takes {itemsize} bytes.",
    }.items():
        if math.isclose(value, right * factor, rel_tol=0.005):
            return Verdict(name, False, hint)
    return Verdict(name, False, "Not that. Chunks, times numbers in a chunk, times bytes in a number.")


def label_of_chunk(answer: Any) -> Verdict:
    """Check chapter 1, exercise 3: a function that labels one chunk from the hit frames of its pixels.

    Parameters
    ----------
    answer : callable
        Takes a dict (y, x) → list of hit frames inside the chunk, all of one meteor; gives 1, −1 or 0.

    Returns
    -------
    Verdict
    """
    name = "label_of_chunk"
    if not callable(answer):
        return unanswered(name, answer, "a function")
    cases: list[tuple[dict, int, str]] = [
        ({}, 0, "A chunk without any hit frame holds nothing: 0."),
        ({(2, 3): [7, 8, 9]}, 1, "Three hit frames of one pixel make a meteor chunk: 1."),
        ({(2, 3): [7, 8]}, -1, "Two hit frames are too few for a meteor and too many for nothing: −1."),
        (
            {(2, 3): [7], (2, 4): [8], (2, 5): [9]},
            -1,
            "Three frames, but of three pixels: no single pixel has three. −1.",
        ),
        ({(2, 3): [7], (4, 4): [3, 4, 5, 6]}, 1, "One pixel with four hit frames is enough, whatever the others have."),
        ({(0, 0): [0, 1, 2, 3, 4, 5]}, 1, "More than three is fine, too."),
    ]
    for pixels, right, hint in cases:
        got = answer(dict(pixels))
        if got != right:
            return Verdict(name, False, f"For `{pixels}` it gives {got!r}. {hint}")
    return Verdict(name, True, "Right, in all six cases.")


def fair_split(answer: Any, sessions: Sequence[int | str], session_of: np.ndarray) -> Verdict:
    """Check chapter 1, exercise 4: numbers of the examples to train on and to test on.

    Parameters
    ----------
    answer : (ndarray of int, ndarray of int)
        Training and test examples.
    sessions : sequence of int or str
        The sessions that are to be tested on.
    session_of : ndarray of int or str of shape (n_examples,)
        The session that each example was cut from.

    Returns
    -------
    Verdict
    """
    name = "fair_split"
    if answer is ...:
        return unanswered(name, answer, "a pair of index arrays")
    names = ", ".join(map(str, sessions))
    try:
        if any(np.asarray(part).dtype == bool for part in answer):
            hint = "`np.flatnonzero` makes numbers of examples from a mask."
            return Verdict(name, False, f"These are masks. {hint}")
        train, test = (np.asarray(part).astype(int, casting="same_kind") for part in answer)
    except (TypeError, ValueError):
        return Verdict(
            name, False, "Give two arrays of whole numbers: `train, test`. `np.flatnonzero` makes them from a mask."
        )
    if not len(train) or not len(test):
        return Verdict(name, False, "One side is empty. An example must be on one side or the other.")
    given = np.concatenate([train, test])
    if given.min() < 0 or given.max() >= len(session_of):
        return Verdict(name, False, f"Examples have the numbers 0 to {len(session_of) - 1}.")
    if np.intersect1d(train, test).size:
        return Verdict(name, False, f"{np.intersect1d(train, test).size} examples are on both sides.")
    if len(np.unique(given)) < len(given):
        return Verdict(name, False, "Some example is there twice.")
    both = np.intersect1d(session_of[train], session_of[test])
    if both.size:
        return Verdict(name, False, f"Session {both[0]} is on both sides: chunks that overlap can be on either.")
    if set(session_of[test]) != set(sessions):
        return Verdict(name, False, f"The test side should hold the sessions {names}, and only those.")
    if len(train) + len(test) != len(session_of):
        return Verdict(name, False, f"{len(session_of) - len(train) - len(test)} examples are on neither side.")
    return Verdict(name, True, "Right: no session is on both sides, and nothing is lost.")


def own_scaling(answer: Any, chunks: np.ndarray, is_meteor: np.ndarray) -> Verdict:
    """Check chapter 1, exercise 5 (open-ended): a scaling of the reader's own, judged by how far the brightest voxel stands out.

    Parameters
    ----------
    answer : callable
        Takes chunks of shape (n, frames, rows, columns), gives the same shape.
    chunks : ndarray of shape (n, frames, rows, columns), counts
        Examples.
    is_meteor : ndarray of bool of shape (n,)
        Their labels.

    Returns
    -------
    Verdict
        Passed when the scaling is a valid one; the message says how well the largest scaled voxel alone tells meteor chunks from
        others (area under the ROC curve).
    """
    from sklearn.metrics import roc_auc_score

    name = "own_scaling"
    if not callable(answer):
        return unanswered(name, answer, "a function of chunks")
    scaled = np.asarray(answer(chunks.copy()))
    if scaled.shape != chunks.shape:
        return Verdict(name, False, f"It gives shape {scaled.shape}; the shape must stay {chunks.shape}.")
    if not np.isfinite(scaled).all():
        return Verdict(name, False, "Some values are not finite. What does it divide by when a pixel is dead?")
    alone = np.asarray(answer(chunks[:1].copy()))
    if not np.allclose(alone, scaled[:1], rtol=1e-3, atol=1e-3):
        return Verdict(
            name, False, "A chunk comes out differently alone than among others: it would change with the night's sky."
        )
    auc = roc_auc_score(is_meteor, scaled.reshape(len(scaled), -1).max(axis=1))
    return Verdict(
        name, True, f"A valid scaling. Its largest voxel alone tells meteor chunks with an AUC of {auc:.2f}."
    )
