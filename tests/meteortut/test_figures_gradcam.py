"""Figures of chapter 3: what is on the axes."""

import numpy as np
import pandas as pd
import pytest

from meteortut import plots


@pytest.fixture(scope="module")
def picture():
    picture = np.random.default_rng(0).normal(20, 2, (60, 100))
    picture[30, 20:70] += 40
    return picture


def test_sky_gallery_has_row_0_on_top_and_rails_beside_the_track(picture):
    points = np.full(50, 30.0), np.arange(20.0, 70)
    figure = plots.sky_gallery(
        {"a": picture, "b": picture, "c": picture}, columns=2, tracks={"b": points}, linear=["c"]
    )
    a, b, c, rest = figure.axes
    assert a.get_ylim()[0] > a.get_ylim()[1] and not a.lines and not rest.axison
    rails = [line.get_ydata() for line in b.lines]
    assert len(rails) == 2 and sorted(float(np.mean(y)) for y in rails) == pytest.approx([26, 34])
    np.testing.assert_array_equal(c.images[0].get_array(), picture)
    assert figure.get_size_inches()[0] <= 8.6


def test_heat_maps_mark_the_largest_value(picture):
    heat = np.zeros_like(picture)
    heat[12, 34] = 2
    figure = plots.heat_maps(picture, {"one": heat, "nothing": np.zeros_like(picture)}, peaks=True)
    tile, one, nothing, *_ = figure.axes
    assert len(tile.images) == 1 and len(one.images) == 2 and len(nothing.images) == 1
    assert (one.lines[0].get_xdata()[0], one.lines[0].get_ydata()[0]) == (34, 12)
    assert float(one.images[1].get_array().max()) == 1


def test_sighting_draws_both_measurements(picture):
    curve = pd.DataFrame({"time_s": [0.0, 0.04, 0.08], "along_px": [0.0, 10.0, 20.0]})
    ends = np.array([[30, 20], [30, 70]])
    upper, lower = plots.sighting(picture, np.zeros_like(picture), ends, curve, label=curve).axes
    assert len(upper.lines) == 2
    names = [text.get_text() for text in lower.get_legend().get_texts()]
    assert names == ["label", "this chapter", "constant speed"]
    np.testing.assert_allclose(lower.lines[2].get_ydata(), curve.along_px, atol=1e-9)
    assert len(plots.sighting(picture, np.zeros_like(picture), ends, curve).axes[1].lines) == 2


def test_roc_curves_leave_out_what_is_neither():
    table = pd.DataFrame({"label": [1, 1, 0, 0, 0, -1], "score": [0.9, 0.8, 0.85, 0.2, 0.1, 0.99]})
    left, right = plots.roc_curves({"one": table, "two": table.assign(score=-table.score)}).axes
    assert len(left.lines) == len(right.lines) == 2
    false, hits = left.lines[0].get_data()
    assert dict(zip(np.round(hits, 3), np.round(false, 3), strict=True))[1.0] == 1.0 and false.min() == pytest.approx(
        0.5 / 3
    )
    at = np.flatnonzero(np.isclose(hits, 0.5))
    assert at.size and left.get_xscale() == "log"


def test_times_along_adds_the_row():
    table = pd.DataFrame({"along_px": [0, 5], "frame": [10, 12], "y": [360, 720]})
    figure = plots.times_along({"a": table, "b": table})
    assert figure.axes[0].lines[0].get_ydata().tolist() == [10.5, 13.0]
    assert figure.axes[0].get_ylabel() and not figure.axes[1].get_ylabel()


def test_speed_curves_begin_together():
    ours = pd.DataFrame({"time_s": [1.0, 1.04], "along_px": [0.0, 5.0]})
    theirs = pd.DataFrame({"time_s": [0.96, 1.0], "along_px": [-5.0, 0.0]})
    (axes, *_) = plots.speed_curves({"one": (ours, theirs)}).axes
    assert min(line.get_xdata().min() for line in axes.lines) == 0
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {"ours", "label"}
