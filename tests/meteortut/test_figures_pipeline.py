"""Figures of the search: what is on the axes."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from meteortut import plots
from meteortut.plots.style import PAGE


def test_film_rows_marks_the_light_where_it_is():
    film = np.random.default_rng(0).random((3, 10, 12))
    places = {"one": np.array([[1.0, 2.0], [3.0, 4.0], [np.nan, np.nan]]), "two": np.full((3, 2), np.nan)}
    figure = plots.film_rows({"one": film, "two": film}, places, ["a", "b", "c"])
    first, second, third = figure.axes[:3]
    assert [axes.get_title() for axes in (first, second, third)] == ["a", "b", "c"]
    assert (first.lines[0].get_xdata()[0], first.lines[0].get_ydata()[0]) == (2.0, 1.0)
    assert second.lines and not third.lines and not figure.axes[3].lines
    assert figure.get_figwidth() <= PAGE


def test_small_pictures_share_one_scale_only_if_it_has_a_name():
    images = {"dark": np.zeros((4, 4)), "bright": np.full((4, 4), 5.0)}
    shared = plots.small_pictures(images, "light / σ")
    assert [axes.images[0].get_clim() for axes in shared.axes[:2]] == [(0, 5), (0, 5)]
    own = plots.small_pictures({"a": np.arange(16.0).reshape(4, 4), "b": np.arange(16.0).reshape(4, 4) * 9})
    assert own.axes[0].images[0].get_clim() != own.axes[1].images[0].get_clim()


def test_small_pictures_draw_tracks_beside_what_they_show():
    image, track = np.zeros((20, 20)), np.array([[5.0, 5.0], [5.0, 12.0]])
    figure = plots.small_pictures({"one": image}, tracks={"one": track}, places={"one": np.array([[5.0, 6.0]])})
    *rails, start, place = figure.axes[0].lines
    for rail in rails:  # never over the light
        assert np.all(np.abs(rail.get_ydata() - 5) == pytest.approx(2))
    assert start.get_xdata()[0] == 5 and start.get_ydata()[0] != 5
    assert (place.get_xdata()[0], place.get_ydata()[0]) == (6, 5)
    assert figure.axes[0].get_xlim() == (-0.5, 19.5)
    # a point of a track has no direction, and is no error
    plots.small_pictures({"one": image}, tracks={"one": track[:1]})


CURVE = pd.DataFrame(
    {"false_per_hour": [100.0, 10.0, 0.0], "recall": [0.9, 0.8, 0.1], "recall_bright": [1.0, 0.9, 0.2]}
)


def test_alarm_curves_leave_out_what_has_no_place_on_a_logarithmic_axis():
    (axes,) = plots.alarm_curves({"one": CURVE}, "recall_bright", {"star": (0.0, 0.95)}).axes
    assert axes.lines[0].get_xdata().tolist() == [10, 100]
    assert axes.lines[0].get_ydata().tolist() == [0.9, 1.0]
    assert axes.lines[1].get_xdata()[0] > 0  # drawn at the edge
    assert axes.get_xscale() == "log" and "bright" in axes.get_ylabel()


def test_alarm_curves_differ_by_more_than_colour():
    (axes,) = plots.alarm_curves({str(k): CURVE for k in range(5)}).axes
    assert len({(line.get_marker(), line.get_linestyle()) for line in axes.lines}) == 5


def test_reliability_draws_the_interval():
    table = pd.DataFrame({"score": [0.2, 0.8], "share": [0.1, 0.5], "low": [0.05, 0.4], "high": [0.2, 0.6]})
    (axes,) = plots.reliability({"chunks": table}).axes
    (bars,) = axes.containers
    segments = bars[2][0].get_segments()
    assert segments[0][:, 1].tolist() == pytest.approx([0.05, 0.2])
    assert axes.lines[0].get_ydata().tolist() == [0, 1]  # the diagonal


def test_kinds_before_after_says_the_numbers_and_stands_zero():
    (axes,) = plots.kinds_before_after({"town": (900, 20), "none": (0, 0)}, ("before", "after"), "rows").axes
    assert [bar.get_width() for bar in axes.patches] == [900, 0, 20, 0]
    assert {text.get_text().strip() for text in axes.texts} == {"900", "20", "0"}
    assert axes.patches[0].get_hatch() != axes.patches[2].get_hatch()
    assert to_hex(axes.patches[0].get_facecolor()) != to_hex(axes.patches[2].get_facecolor())


def test_motion_errors_draws_aims_and_the_number_of_meteors():
    table = pd.DataFrame(
        {
            "bin": ["1–2", "3–4"],
            "n": [30, 20],
            "speed_error_percent_median": [40.0, 8.0],
            "speed_low": [30.0, 6.0],
            "speed_high": [55.0, 10.0],
            "direction_error_deg_median": [20.0, 3.0],
            "speed_percent_at_bound": [30.0, 7.0],
            "direction_deg_at_bound": [15.0, 2.5],
        }
    )
    figure = plots.motion_errors({"length": table, "SNR": table}, aims=(10, 5), published=(17, 46))
    upper, _, lower, _ = figure.axes
    assert [line.get_ydata()[0] for line in upper.lines if line.get_linestyle() == "--"] == [10]
    assert [line.get_ydata()[0] for line in lower.lines if line.get_linestyle() == "--"] == [5]
    assert [line.get_ydata()[0] for line in lower.lines if line.get_linestyle() == ":"] == [46]
    assert [line.get_ydata().tolist() for line in upper.lines if line.get_linestyle() == "-."] == [[30.0, 7.0]]
    assert [text.get_text() for text in lower.get_xticklabels()] == ["1–2\n(30)", "3–4\n(20)"]
    assert figure.get_figwidth() <= PAGE
