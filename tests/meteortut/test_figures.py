"""Plots and widgets: what is on the axes, alt texts, links that live without a kernel."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from meteortut import lightcurves, plots, widgets
from meteortut.simulate.lightcurves import simulate_light_curves


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    raw, _ = simulate_light_curves(60, rng=3)
    table = lightcurves.undo_field_swap(raw)
    return table[table.usable]


def test_year_of_nights_has_a_point_per_meteor_within_the_axes(table):
    (axes,) = plots.year_of_nights(table).axes
    offsets = np.asarray(axes.collections[0].get_offsets())
    assert len(offsets) == len(table)
    assert ((offsets[:, 0] > -1) & (offsets[:, 0] < 368) & (np.abs(offsets[:, 1]) < 12)).all()


def test_records_draw_bright_up_and_east_left(table):
    figure = plots.records(table.iloc[:2])
    curve, sky = figure.axes[0], figure.axes[2]
    assert curve.yaxis_inverted()
    assert sky.xaxis_inverted()
    np.testing.assert_array_equal(curve.lines[0].get_ydata(), table.magnitude.iloc[0])


def test_a_track_across_the_meridian_is_drawn_in_one_piece():
    row = {"station": "CAM1", "start": pd.Timestamp("2015-08-12", tz="UTC"), "time_s": np.arange(3) * 0.02}
    row |= {"magnitude": np.array([2.0, 1, 2]), "ra_deg": np.array([359.0, 0.0, 1.0]), "dec_deg": np.zeros(3)}
    figure = plots.records(pd.DataFrame([row]))
    assert np.ptp(figure.axes[1].lines[0].get_xdata()) == pytest.approx(2)


def test_seasonal_rate_marks_the_showers():
    rate = pd.DataFrame({"solar_longitude_deg": np.arange(360.0), "meteors_per_night": np.ones(360)})
    (axes,) = plots.seasonal_rate(rate, {"Perseids": 140.0}).axes
    assert [text.get_text() for text in axes.texts] == ["Perseids"]


def test_figures_leave_no_style_and_no_open_figure_behind(table):
    before = dict(plt.rcParams)
    plots.year_of_nights(table)
    assert dict(plt.rcParams) == before
    assert plt.get_fignums() == []


def test_flipbook_links_the_slider_to_the_pages(table):
    box = widgets.flipbook([(plots.records(table.iloc[[k]]), f'record "{k}" <b>') for k in range(3)], label="meteor")
    slider, stack = box.children
    assert slider.max == 2
    assert len(stack.children) == 3
    assert 'alt="record &quot;1&quot; &lt;b&gt;"' in stack.children[1].value
    assert box.link.source == (slider, "value")
    assert box.link.target == (stack, "selected_index")


def test_flipbook_refuses_pages_without_alt_text_and_no_pages(table):
    with pytest.raises(ValueError, match="alt text"):
        widgets.flipbook([(plots.records(table.iloc[[0]]), " ")])
    with pytest.raises(ValueError, match="at least one page"):
        widgets.flipbook([])
