"""Figures of chapter 5: what is on the axes, and that nothing is left behind."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from meteortut import plots
from meteortut.plots.scmos import stretched


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """Ten frames of noise; frame 3 is brighter."""
    frames = np.random.default_rng(1).normal(500, 10, (10, 200, 300)).astype(np.float32)
    frames[3] += 200
    return frames


def table(values: list[float]) -> pd.DataFrame:
    value = np.array(values)
    return pd.DataFrame({"value": value, "low": value - 0.1, "high": value + 0.05}, index=["trail", "slew"])


def test_the_contact_sheet_frames_and_marks_what_is_odd(frames):
    marks = ["", "", "", "B", *[""] * 5, "TS"]
    (axes,) = plots.contact_sheet(frames, marks, columns=4).axes
    assert [text.get_text() for text in axes.texts] == ["B", "TS"]
    assert len(axes.patches) == 2
    sheet = np.asarray(axes.images[0].get_array())
    (x, y), width, height = axes.patches[0].xy, axes.patches[0].get_width(), axes.patches[0].get_height()
    inside = sheet[int(y) : int(y + height), int(x) : int(x + width)]
    assert inside.mean() > 2 * sheet[:40, :40].mean()  # the rectangle is around the bright frame
    assert max(width, height) <= 96


def test_the_contact_sheet_shows_row_zero_below():
    frames = np.zeros((1, 64, 64), np.float32)
    frames[0, :8] = 1000
    sheet = np.asarray(plots.contact_sheet(frames, [""], columns=1).axes[0].images[0].get_array())
    assert sheet[60].mean() > sheet[3].mean()


def test_a_sheet_of_odd_frames_alone_is_drawn(frames):
    assert plots.contact_sheet(frames, ["C"] * 10).axes


def test_the_stretch_rises_and_keeps_unknown_pixels_unknown():
    grey = stretched(np.array([[0.0, 1.0, 2.0, 50.0], [3.0, 4.0, 5.0, np.nan]]), np.array([0.0, 5.0]))
    known = np.sort(grey[np.isfinite(grey)])
    assert np.isnan(grey[1, 3])
    assert (np.diff(known) > 0).all()
    assert (known[0], known[-1]) == (0, 1)
    assert np.isfinite(stretched(np.full((4, 4), 7.0))).all()


def test_the_gallery_leaves_the_rest_of_the_grid_empty(frames):
    figure = plots.frame_gallery({str(k): frames[k] for k in range(5)}, columns=3)
    assert [axes.get_title() for axes in figure.axes[:5]] == list("01234")
    assert not figure.axes[5].axison


def test_lines_are_drawn_beside_their_trail(frames):
    ends = np.array([[0.0, 0.0], [199.0, 299.0]])
    axes, other = plots.frame_gallery({"a": frames[0], "b": frames[1]}, columns=2, lines={"a": ends}).axes
    assert len(axes.lines) == 2
    assert len(other.lines) == 0
    along = (ends[1] - ends[0]) / np.hypot(*(ends[1] - ends[0]))
    for line in axes.lines:
        x, y = line.get_data()
        away = np.abs(np.array(y) * along[1] - np.array(x) * along[0])
        np.testing.assert_allclose(away, 0.025 * 300)


def test_a_night_has_a_panel_per_feature_and_a_band_per_kind_that_occurs():
    features = pd.DataFrame({"num_blobs": np.arange(6.0), "noise": np.ones(6)})
    kinds = {"cloud": [0, 1, 1, 0, 0, 0], "slew": [0] * 6, "trajectory": [0, 0, 0, 0, 0, 1]}
    figure = plots.night(features, {kind: np.array(flags, bool) for kind, flags in kinds.items()})
    assert len(figure.axes) == 3
    assert [text.get_text() for text in figure.axes[-1].get_yticklabels()] == ["cloud", "trajectory"]
    np.testing.assert_array_equal(figure.axes[0].lines[2].get_xdata(), [1, 2, 5])
    assert len(plots.night(features, {}).axes) == 3


def test_the_sum_along_a_trail_stands_out_at_the_line():
    rng = np.random.default_rng(2)
    z = rng.normal(size=(128, 128))
    z[63:66, 10:118] += 1.0
    figure = plots.trail_evidence(z, np.array([[64.0, 10.0], [64.0, 117.0]]), reach_px=20)
    away, sums = figure.axes[2].lines[0].get_data()
    assert away[np.nanargmax(sums)] == 0
    assert np.nanmax(sums) == pytest.approx(np.sqrt(3 * 108), rel=0.2)
    assert np.nanstd(sums[np.abs(away) > 4]) == pytest.approx(1, rel=0.4)


def test_masked_stars_do_not_count_in_the_sums():
    z = np.zeros((64, 64))
    z[32, 20:40] = 50.0
    stars = z > 0
    figure = plots.trail_evidence(z, np.array([[32.0, 0.0], [32.0, 63.0]]), stars=stars, reach_px=10)
    assert np.nanmax(figure.axes[2].lines[0].get_ydata()) == 0


def test_sums_that_leave_the_frame_are_not_drawn():
    figure = plots.trail_evidence(np.zeros((64, 64)), np.array([[2.0, 0.0], [2.0, 63.0]]), reach_px=10)
    away, sums = figure.axes[2].lines[0].get_data()
    assert np.isnan(sums).any()
    assert np.isfinite(sums[away == 0]).all()


def test_tables_of_t_print_every_value_and_set_the_sure_ones_bold():
    t = pd.DataFrame({"any": [3.0, -25.0], "slew": [0.1, 1.0]}, index=["num_blobs", "noise"])
    figure = plots.t_tables({"report": t, "ours": -t}, {"ours": t.abs() > 2})
    left, right = figure.axes
    assert [text.get_text() for text in left.texts] == ["3.0", "0.1", "-25.0", "1.0"]
    assert {text.get_fontweight() for text in left.texts} == {"normal"}
    assert [text.get_fontweight() for text in right.texts] == ["bold", "normal", "bold", "normal"]
    assert [label.get_text() for label in left.get_yticklabels()] == ["num blobs", "noise"]


def test_intervals_are_as_long_as_they_should_be():
    lone = table([0.3, np.nan]).assign(low=np.nan, high=np.nan)
    (axes,) = plots.intervals({"ours": table([0.9, 0.8]), "report": lone}, "F1", least=0.9).axes
    ends = [path.vertices[:, 0] for path in axes.containers[0].lines[2][0].get_paths()]
    np.testing.assert_allclose(ends, [[0.8, 0.95], [0.7, 0.85]])
    assert axes.yaxis_inverted()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["ours", "report"]


def test_flag_curves_are_in_percent_and_mark_the_rules():
    curve = pd.DataFrame({"flagged": [0.0, 0.5, 1.0], "f1": [0.0, 0.8, 0.55]})
    (axes,) = plots.flag_curves({"DBSCAN": curve}, {"knee": (0.02, 0.1)}, 0.55).axes
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [0, 50, 100])
    assert axes.lines[1].get_xydata().tolist() == [[2.0, 0.1]]


def test_label_curves_have_a_tick_per_number_of_labels():
    curve = pd.DataFrame({"value": [0.5, 0.9], "low": [0.4, 0.8], "high": [0.6, 0.95]}, index=[50, 110])
    (axes,) = plots.label_curves({"random": curve, "unsure": curve}, 0.9, "labels", "F1").axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["50", "110"]
    assert len(axes.collections) == 2


def test_no_style_and_no_open_figure_is_left(frames):
    before = dict(plt.rcParams)
    plots.frame_gallery({"a": frames[0]}, columns=1)
    plots.contact_sheet(frames, [""] * 10)
    assert dict(plt.rcParams) == before
    assert plt.get_fignums() == []
