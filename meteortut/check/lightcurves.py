"""Chapter 6, meteor light curves."""

from __future__ import annotations

import datetime
import math
import re
from typing import Any

import numpy as np
import pandas as pd

from meteortut.check.verdict import Verdict, number, unanswered
from meteortut.shapes import f_parameter


def busiest_night(answer: Any, table: pd.DataFrame) -> Verdict:
    """Check chapter 6, exercise 1: the evening date of the night with most usable records.

    Parameters
    ----------
    answer : datetime.date, Timestamp or str
        The date on which the night began; text as year-month-day.
    table : DataFrame
        What ``lightcurves.read_aop`` gives.

    Returns
    -------
    Verdict
    """
    name = "busiest_night"
    if answer is ...:
        return unanswered(name, answer, "a date")
    date = _date(answer)
    if date is None:
        return Verdict(
            name, False, f"{answer!r} is no date that I can read. Write year-month-day, for instance `'2013-04-03'`."
        )
    start = table.start[table.usable]
    counts = (start - pd.Timedelta(hours=12)).dt.date.value_counts()
    right: Any = counts.idxmax()
    if date == right:
        return Verdict(name, True, f"Right: {counts.iloc[0]} records. The next night has {counts.iloc[1]}.")
    if date in (start.dt.date.value_counts().idxmax(), right + datetime.timedelta(days=1)):
        hint = (
            "A night goes on after midnight: shift the clock before you take the date, and name a night by its evening."
        )
        return Verdict(name, False, f"You counted calendar days, or named the night by its morning. {hint}")
    if date == (table.start - pd.Timedelta(hours=12)).dt.date.value_counts().idxmax():
        return Verdict(name, False, "Close: count only the records that are `usable`.")
    return Verdict(name, False, f"That night has {counts.get(date, 0)} usable records; another has more.")


def field_time(answer: Any, along_km: np.ndarray, speed_km_s: float) -> Verdict:
    """Check chapter 6, exercise 2: the time between two samples of one meteor of known speed.

    Parameters
    ----------
    answer : float
        Milliseconds.
    along_km : ndarray of shape (n_samples,), km
        Distance along the trajectory, sample by sample.
    speed_km_s : float
        The shower's speed before the air, km/s.

    Returns
    -------
    Verdict
        Right within 2 %.
    """
    name = "field_time"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a number of milliseconds")
    steps = len(along_km) - 1
    right = 1000 * float(np.polyfit(np.arange(steps + 1), along_km, 1)[0]) / speed_km_s
    if math.isclose(value, right, rel_tol=0.02):
        return Verdict(
            name, True, "Right. One meteor already tells a field from a frame, which would be twice as long."
        )
    for factor, hint in {
        0.001: "That looks like seconds. The answer is asked for in milliseconds.",
        2: "Twice too long: that would be the time of a whole frame. Each sample is one field.",
        steps: "That is the time of the whole track. Divide by the number of steps.",
    }.items():
        if math.isclose(value, right * factor, rel_tol=0.03):
            return Verdict(name, False, hint)
    return Verdict(name, False, "Not that. Kilometres per step, divided by kilometres per second, is seconds per step.")


def f_by_hand(answer: Any, time_s: np.ndarray, magnitude: np.ndarray) -> Verdict:
    """Check chapter 6, exercise 3: the F parameter of a smoothed curve, one magnitude below its peak.

    Parameters
    ----------
    answer : float
        F, between 0 and 1.
    time_s, magnitude : ndarray of shape (n_samples,), seconds and magnitudes
        The smoothed curve.

    Returns
    -------
    Verdict
        Right within 0.03.
    """
    name = "f_by_hand"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a number between 0 and 1")
    right = f_parameter(time_s, magnitude)
    whole = (time_s[np.argmin(magnitude)] - time_s[0]) / (time_s[-1] - time_s[0])
    if abs(value - right) <= 0.03:
        return Verdict(name, True, "Right.")
    if abs(value - (1 - right)) <= 0.03:
        return Verdict(name, False, "The other way round: F is 0 at the beginning and 1 at the end.")
    if abs(value - whole) <= 0.03:
        return Verdict(
            name, False, "You took the first and the last sample. Take the two moments one magnitude below the peak."
        )
    if not 0 <= value <= 1:
        return Verdict(name, False, "F lies between 0 and 1. Which two times do you divide?")
    return Verdict(
        name, False, "Not that. Faint is *large*: where does the curve rise above the peak's magnitude plus one?"
    )


def chance_share(answer: Any, counts: pd.DataFrame, shower: str) -> Verdict:
    """Check chapter 6, exercise 4: the share of a shower's members that chance alone explains.

    Parameters
    ----------
    answer : float
        A share between 0 and 1.
    counts : DataFrame
        As ``lightcurves.count_showers`` gives it.
    shower : str
        The shower's code.

    Returns
    -------
    Verdict
        Right within 0.02.
    """
    name = "chance_share"
    value = number(answer)
    if value is None:
        return unanswered(name, answer, "a share between 0 and 1")
    row = counts.set_index("shower").loc[shower]
    if abs(value - row.control / row.n) <= 0.02:
        return Verdict(name, True, "Right. That many would have come from a radiant where there is no shower.")
    if abs(value - row.control_tolerance_only / row.n_tolerance_only) <= 0.02:
        return Verdict(name, False, "That is the share before the speed is looked at. Use the columns after the gate.")
    if value > 1:
        return Verdict(name, False, "A share is at most 1 here. Did you turn the fraction round, or forget to divide?")
    if abs(value - (1 - row.control / row.n)) <= 0.02:
        return Verdict(name, False, "That is the share that chance does *not* explain.")
    return Verdict(name, False, "Not that. The control counts members of a radiant that was moved away.")


def new_feature(answer: Any, table: pd.DataFrame) -> Verdict:
    """Check chapter 6, exercise 5 (open-ended): a feature of the reader's own, judged by how well it tells cut starts.

    Parameters
    ----------
    answer : callable
        Takes a table, gives one number per row.
    table : DataFrame
        Usable records, with ``start_inside``.

    Returns
    -------
    Verdict
        Passed when the feature is a valid one; the message says how well it does alone (area under the ROC curve).
    """
    from sklearn.metrics import roc_auc_score

    name = "new_feature"
    if not callable(answer):
        return unanswered(name, answer, "a function of a table")
    values = np.asarray(answer(table), dtype=float)
    if values.shape != (len(table),):
        return Verdict(name, False, f"It gives shape {values.shape}; one number per row is needed, ({len(table)},).")
    finite = np.isfinite(values)
    if not finite.all():
        return Verdict(
            name, False, f"{int((~finite).sum())} values are not finite. What should such a record get instead?"
        )
    if np.ptp(values) == 0:
        return Verdict(name, False, "It is the same for every record, so it can tell nothing.")
    auc = roc_auc_score(~table.start_inside, values)
    advice = " It must see more than camera and length to be worth a place." if max(auc, 1 - auc) < 0.6 else ""
    return Verdict(
        name, True, f"A valid feature. Alone it tells cut starts with an AUC of {max(auc, 1 - auc):.2f}.{advice}"
    )


def _date(answer: Any) -> datetime.date | None:
    if isinstance(answer, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", answer.strip()):
        return None
    if not isinstance(answer, str | datetime.date | np.datetime64):
        return None
    date: Any = pd.to_datetime(answer, errors="coerce")
    return None if date is pd.NaT else date.date()
