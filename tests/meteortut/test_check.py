"""The exercises' checks: right, each expected mistake, and not answered."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from meteortut import check
from meteortut.report import MIME
from meteortut.shapes import f_parameter

TIME = np.linspace(0, 1, 101)
CURVE = 2 + 8 * (TIME - 0.3) ** 2 * np.where(TIME < 0.3, 4, 1)  # falls faster before its peak, at 0.3, than after
ALONG = np.arange(11) * 1.2
COUNTS = pd.DataFrame(
    {"shower": ["KCG"], "n_tolerance_only": [50], "n": [28], "control_tolerance_only": [60.0], "control": [7.0]}
)


@pytest.fixture
def table() -> pd.DataFrame:
    """The night of 12 August holds 5 usable records, 4 after midnight; 20 August is busier with unusable ones counted."""
    usable = [
        "2015-08-12 23:00",
        *[f"2015-08-13 0{k}:00" for k in range(1, 5)],
        *[f"2015-08-20 2{k}:00" for k in (1, 2, 3)],
    ]
    unusable = [f"2015-08-20 22:1{k}" for k in range(4)]
    start = pd.to_datetime([*usable, *unusable], utc=True)
    flags = [True] * len(usable) + [False] * len(unusable)
    return pd.DataFrame({"start": start, "usable": flags, "start_inside": [True, False] * 6})


@pytest.mark.parametrize(
    "answer",
    ["2015-08-12", datetime.date(2015, 8, 12), pd.Timestamp("2015-08-12 21:00"), np.datetime64("2015-08-12")],
)
def test_the_busiest_night_is_right(answer, table):
    verdict = check.busiest_night(answer, table)
    assert verdict
    assert verdict.passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ("2015-08-13", "calendar days"),
        ("2015-08-20", "usable"),
        ("2015-08-01", "has 0 usable records"),
        ("last Tuesday", "Write year-month-day"),
        ("12/08/2015", "Write year-month-day"),
        ("2015-13-40", "Write year-month-day"),
        (20150812, "Write year-month-day"),
        (42.5j, "Write year-month-day"),
        (None, "Write year-month-day"),
    ],
)
def test_each_mistake_about_the_night_has_its_hint_and_no_answer(answer, hint, table):
    verdict = check.busiest_night(answer, table)
    assert verdict.passed is False
    assert hint in verdict.message
    assert "2015-08-12" not in verdict.message


@pytest.mark.parametrize(
    ("answer", "passed", "hint"),
    [
        (20.0, True, ""),
        (20.3, True, ""),
        (0.02, False, "seconds"),
        (40.0, False, "frame"),
        (200.0, False, "whole track"),
        (7.0, False, "Kilometres"),
        ("twenty", False, "number"),
        (float("nan"), False, "number"),
    ],
)
def test_field_time(answer, passed, hint):
    verdict = check.field_time(answer, ALONG, 60.0)
    assert verdict.passed is passed
    assert hint in verdict.message


@pytest.mark.parametrize(
    ("answer", "passed", "hint"),
    [
        (f_parameter(TIME, CURVE), True, ""),
        (1 - f_parameter(TIME, CURVE), False, "other way round"),
        (0.3, False, "first and the last sample"),
        (3.0, False, "between 0 and 1"),
        (0.95, False, "Faint is"),
        ([1, 2], False, "number"),
    ],
)
def test_f_by_hand(answer, passed, hint):
    verdict = check.f_by_hand(answer, TIME, CURVE)
    assert verdict.passed is passed
    assert hint in verdict.message


def test_the_ends_of_the_curve_are_not_its_shape():
    long_tail = np.concatenate([CURVE, np.full(100, 9.0)])
    verdict = check.f_by_hand(0.3 / 2.0, np.linspace(0, 2, 201), long_tail)
    assert "first and the last sample" in verdict.message


@pytest.mark.parametrize(
    ("answer", "passed", "hint"),
    [
        (0.25, True, ""),
        (1.2, False, "before the speed"),
        (0.75, False, "does *not*"),
        (4.0, False, "at most 1"),
        (0.5, False, "moved away"),
        (None, False, "share"),
    ],
)
def test_chance_share(answer, passed, hint):
    verdict = check.chance_share(answer, COUNTS, "KCG")
    assert verdict.passed is passed
    assert hint in verdict.message


@pytest.mark.parametrize(
    ("answer", "passed", "hint"),
    [
        (lambda table: table.start_inside.astype(float), True, "AUC of 1.00"),
        (lambda table: np.arange(len(table)), True, "AUC of"),
        (lambda table: np.ones(len(table)), False, "the same for every record"),
        (lambda table: np.ones(3), False, "one number per row"),
        (lambda table: np.full(len(table), np.nan), False, "not finite"),
        (7, False, "a function of a table is needed"),
    ],
)
def test_new_feature(answer, passed, hint, table):
    verdict = check.new_feature(answer, table)
    assert verdict.passed is passed
    assert hint in verdict.message


@pytest.mark.parametrize(
    "verdict",
    [
        check.busiest_night(..., pd.DataFrame()),
        check.field_time(..., ALONG, 60.0),
        check.f_by_hand(..., TIME, CURVE),
        check.chance_share(..., COUNTS, "KCG"),
        check.new_feature(..., pd.DataFrame()),
    ],
)
def test_not_answered_yet(verdict):
    assert verdict.passed is None
    assert not verdict
    assert verdict._repr_mimebundle_()[MIME]["check"]["passed"] is None


def test_a_verdict_tells_the_runner(table):
    bundle = check.busiest_night("2015-08-12", table)._repr_mimebundle_()
    assert bundle[MIME] == {"check": {"name": "busiest_night", "passed": True}}
    assert bundle["text/markdown"].startswith("✓")
