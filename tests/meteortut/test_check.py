"""The exercises' checks: right, each expected mistake, and not answered."""

from __future__ import annotations

import datetime

import pandas as pd
import pytest

from meteortut import check
from meteortut.report import MIME


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
    return pd.DataFrame({"start": start, "usable": [True] * len(usable) + [False] * len(unusable)})


@pytest.mark.parametrize("answer", ["2015-08-12", datetime.date(2015, 8, 12), pd.Timestamp("2015-08-12 21:00")])
def test_right(answer, table):
    verdict = check.busiest_night(answer, table)
    assert verdict
    assert verdict.passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ("2015-08-13", "calendar days"),
        ("2015-08-20", "usable"),
        ("2015-08-01", "Group by night"),
        ("last Tuesday", "a date is needed"),
        (42.5j, "a date is needed"),
        (None, "a date is needed"),
    ],
)
def test_each_mistake_has_its_hint_and_no_answer(answer, hint, table):
    verdict = check.busiest_night(answer, table)
    assert verdict.passed is False
    assert hint in verdict.message
    assert "2015-08-12" not in verdict.message


def test_not_answered_yet(table):
    verdict = check.busiest_night(..., table)
    assert verdict.passed is None
    assert not verdict


def test_a_verdict_tells_the_runner(table):
    bundle = check.busiest_night("2015-08-12", table)._repr_mimebundle_()
    assert bundle[MIME] == {"check": {"name": "busiest_night", "passed": True}}
    assert bundle["text/markdown"].startswith("✓")
