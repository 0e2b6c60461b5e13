"""Answers to the exercises: say what is wrong without giving the answer away.

A chapter calls ``check.busiest_night(answer, table)`` after the reader's cell. Three outcomes: not answered yet (the cell still
holds ``...``), not right (with a hint for the mistake that was probably made), right.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

import pandas as pd

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


def busiest_night(answer: Any, table: pd.DataFrame) -> Verdict:
    """Check chapter 6, exercise 1: the evening date of the night with most usable records.

    Parameters
    ----------
    answer : datetime.date, Timestamp or str
        The date on which the night began.
    table : DataFrame
        What ``lightcurves.read_aop`` gives.

    Returns
    -------
    Verdict
    """
    name = "busiest_night"
    if answer is ...:
        return Verdict(name, None, "Not answered yet: replace the three dots by a date.")
    try:
        date: Any = pd.Timestamp(answer).date()
    except (TypeError, ValueError):
        date = pd.NaT
    if date is pd.NaT:
        return Verdict(
            name, False, f"This is a {type(answer).__name__}; a date is needed, for instance `'2013-04-03'`."
        )
    start = table.start[table.usable]
    right = _busiest(start - pd.Timedelta(hours=12))
    if date == right:
        return Verdict(name, True, "Right. And did you notice how far ahead of the second night it is?")
    if date in (_busiest(start), right + datetime.timedelta(days=1)):
        hint = (
            "A night goes on after midnight: shift the clock before you take the date, and name a night by its evening."
        )
        return Verdict(name, False, f"You counted calendar days, or named the night by its morning. {hint}")
    if date == _busiest(table.start - pd.Timedelta(hours=12)):
        return Verdict(name, False, "Close: count only the records that are `usable`.")
    return Verdict(name, False, "Not that night. Group by night, count, and take the largest count.")


def _busiest(times: pd.Series) -> datetime.date:
    return times.dt.date.value_counts().idxmax()
