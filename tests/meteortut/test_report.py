"""What a chapter says and records, as a kernel would send it."""

from __future__ import annotations

import numpy as np
import pytest

from meteortut import report


@pytest.fixture
def shown(monkeypatch) -> list[dict]:
    bundles: list[dict] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: bundles.append(bundle))
    return bundles


def test_say_shows_the_sentence_and_records_plain_values(shown):
    report.say("**{n:,}** of {share:.0%}", n=np.int64(12010), share=np.float64(0.5), unseen=True)
    (bundle,) = shown
    assert bundle["text/markdown"] == "**12,010** of 50%"
    assert bundle[report.MIME] == {"record": {"n": 12010, "share": 0.5, "unseen": True}}
    assert type(bundle[report.MIME]["record"]["n"]) is int


def test_record_is_silent(shown):
    report.record(used_fallback=np.bool_(False), note=None)
    (bundle,) = shown
    assert bundle == {report.MIME: {"record": {"used_fallback": False, "note": None}}}


def test_a_field_without_a_value_is_an_error_before_anything_is_shown(shown):
    with pytest.raises(ValueError, match=r"\['auc'\].*\['acu'\]"):
        report.say("AUC {auc:.2f}", acu=0.9)
    assert shown == []


@pytest.mark.parametrize("value", [float("nan"), np.inf, np.float32("nan")])
def test_a_number_that_is_not_finite_is_an_error(value, shown):
    with pytest.raises(ValueError, match="auc is"):
        report.record(auc=value)
    assert shown == []


@pytest.mark.parametrize("value", [[1, 2], np.zeros(3), {"a": 1}, object()])
def test_only_scalars_are_recorded(value, shown):
    with pytest.raises(TypeError, match="expected a number"):
        report.record(auc=value)
    assert shown == []


def test_fallback_shows_a_note(shown, monkeypatch):
    monkeypatch.delenv("METEORTUT_REQUIRE_REAL", raising=False)
    assert report.fallback(RuntimeError("no network\nsecond line")) is True
    assert "simulated" in shown[0]["text/markdown"]
    assert "no network" in shown[0]["text/markdown"]
    assert "second line" not in shown[0]["text/markdown"]


def test_fallback_is_a_failure_where_real_data_are_required(shown, monkeypatch):
    monkeypatch.setenv("METEORTUT_REQUIRE_REAL", "1")
    with pytest.raises(RuntimeError, match="no network"):
        report.fallback(RuntimeError("no network"))
    assert shown == []
