"""What a check answers, and how an answer is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from meteortut.report import MIME


@dataclass(frozen=True)
class Verdict:
    """What a check found; shows itself as a line of text in a notebook.

    Attributes
    ----------
    name : str
        The exercise.
    passed : bool or None
        ``None``: not answered yet.
    message : str
        Markdown for the reader.
    """

    name: str
    passed: bool | None
    message: str

    def __bool__(self) -> bool:
        return self.passed is True

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        mark = {True: "✓ ", False: "✗ ", None: "… "}[self.passed]
        text = mark + self.message
        return {"text/markdown": text, "text/plain": text, MIME: {"check": {"name": self.name, "passed": self.passed}}}


def unanswered(name: str, answer: Any, wanted: str) -> Verdict:
    """Say that an answer is missing, or is not of the kind that was asked for."""
    if answer is ...:
        return Verdict(name, None, f"Not answered yet: replace the three dots with {wanted}.")
    return Verdict(name, False, f"This is a {type(answer).__name__}; {wanted} is needed.")


def number(answer: Any) -> float | None:
    """Read an answer as a finite number, or give None."""
    try:
        value = float(answer)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def area_of(answer: Any, examples: np.ndarray, is_wanted: np.ndarray) -> float | None:
    """Try a reader's statistic on examples.

    Parameters
    ----------
    answer : callable
        Takes one example, gives a number; it gets a copy each time.
    examples : ndarray of shape (n, …)
    is_wanted : ndarray of bool of shape (n,)
        Both kinds occur.

    Returns
    -------
    float or None
        Area under the ROC curve; None when it does not give a finite number for every example.
    """
    from sklearn.metrics import roc_auc_score

    values = [number(answer(example.copy())) for example in examples]
    if any(value is None for value in values):
        return None
    return float(roc_auc_score(is_wanted, np.array(values, dtype=float)))
