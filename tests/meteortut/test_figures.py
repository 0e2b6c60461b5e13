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


def test_field_swap_shows_the_same_samples_twice(table):
    row = table.iloc[0]
    figure = plots.field_swap(row, row, [np.arange(row.n_samples), np.arange(row.n_samples)])
    assert len(figure.axes) == 4
    np.testing.assert_array_equal(figure.axes[3].lines[0].get_ydata(), row.magnitude)


def test_confusion_rows_add_up_to_a_hundred():
    figure = plots.confusion({"a": np.array([[3, 1], [0, 0]])}, ["x", "y"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["75 %", "25 %", "0 %", "0 %"]


def test_heights_and_lines_draw_what_they_are_given():
    pairs = pd.DataFrame(
        {"speed_km_s": [60.0], "begin_height_km": [110.0], "peak_height_km": [100.0], "end_height_km": [95.0]}
    )
    assert [line.get_ydata()[0] for line in plots.heights(pairs).axes[0].lines] == [110, 100, 95]
    axes = plots.lines(np.arange(3), {"a": np.arange(3), "b": np.arange(3) + 1}, "x", "y").axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]
    assert len({line.get_linestyle() for line in axes.lines}) == 2


@pytest.fixture
def explorer(table):
    features = pd.DataFrame({"length": table.n_samples, "peak": table.magnitude.map(np.min)})
    drawn: list[list[int]] = []

    def draw(rows):
        drawn.append(list(rows.index))
        return plots.records(rows.iloc[:1])

    shower = pd.Series(np.where(np.arange(len(table)) % 2, "PER", None), index=table.index, dtype="string")
    return widgets.explorer(table, features, shower, draw, n_neighbours=2), drawn, features


def test_the_explorer_shows_a_record_and_its_nearest_neighbours(explorer, table):
    box, drawn, features = explorer
    scaled = (features - features.mean()) / features.std(ddof=0)
    shown, *others = drawn[-1]
    distance = ((scaled - scaled.loc[shown]) ** 2).sum(axis=1).drop(shown)
    np.testing.assert_allclose(distance.loc[others], distance.nsmallest(2))
    assert "<img alt=" in box.children[-1].value


def test_the_explorer_offers_only_what_there_is(explorer, table):
    box, drawn, _ = explorer
    camera, shower, night, record, _image = box.children
    camera.value = camera.options[-1]
    shower.value = shower.options[-1]
    for value in night.options[:3]:
        night.value = value
        rows = table.iloc[[k for _, k in record.options]]
        assert len(rows) >= 1
        assert (rows.station == camera.value).all()
        assert ((rows.start - pd.Timedelta(hours=12)).dt.strftime("%Y-%m-%d") == value).all()
        assert drawn[-1][0] in rows.index


def test_the_explorer_refuses_tables_that_do_not_belong_together(table):
    features = pd.DataFrame({"length": table.n_samples})
    shower = pd.Series("PER", index=table.index)
    with pytest.raises(ValueError, match="same index"):
        widgets.explorer(table, features.iloc[:-1], shower, plots.records)
    with pytest.raises(ValueError, match="0 records have all their features"):
        widgets.explorer(table, features * np.nan, shower, plots.records)
