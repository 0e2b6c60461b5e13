"""Figures of streams and chunks, and dials: what is on the axes, what a turn changes."""

import numpy as np
import pandas as pd
import pytest

from meteortut import plots, widgets


@pytest.fixture(scope="module")
def frames():
    frames = np.random.default_rng(0).normal(1, 0.01, (200, 12, 12)).astype(np.float32)
    frames[95:105, 4, 5] += 1
    return frames


def test_space_time_shows_what_flares_and_no_steady_light(frames):
    frames = frames.copy()
    frames[:, 8, 8] = 50
    (axes,) = plots.space_time(frames, [((80, 2, 2), (48, 8, 8))]).axes
    t, x, y = axes.collections[0]._offsets3d
    assert set(x) == {5} and set(y) == {4} and set(t) == set(range(95, 105))
    assert len(axes.lines) == 12  # edges of a box


def test_film_strip_draws_the_frames_asked_for(frames):
    figure = plots.film_strip(frames, [90, 100, 110], {"meteor": (2, 3, 8, 8)})
    strips = figure.axes[:3]
    for axes, t in zip(strips, (90, 100, 110), strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), frames[t])
        assert axes.patches[0].get_xy() == (2.5, 1.5)


def test_things_in_the_sky_draws_the_brightest_pixel_first(frames):
    figure = plots.things_in_the_sky({"meteor": frames, "again": frames})
    curves = [axes for axes in figure.axes if axes.lines]
    assert len(curves) == 2
    np.testing.assert_array_equal(curves[0].lines[0].get_ydata(), frames[:, 4, 5])


def test_chunk_sizes_draws_the_spread_and_the_published():
    rows = pd.DataFrame({"size": [8, 8, 48, 48], "pooling": ["local", "local", "local", "global"]})
    figure = plots.chunk_sizes(rows.assign(roc_auc=[0.9, 0.96, 0.6, 0.7]), {8: 0.994}, {48: 0.75})
    (axes,) = figure.axes
    assert axes.containers[0][0].get_ydata().tolist() == pytest.approx([0.93, 0.6])
    assert {text.get_text() for text in axes.get_legend().get_texts()} >= {"published", "published: at most"}


def test_dials_draw_anew_when_one_is_turned(frames):
    drawn = []

    def draw(side, step):
        drawn.append((side, step))
        return plots.film_strip(frames, [side]), f"side {side}, step {step}"

    box = widgets.dials(draw, side=[8, 4], step=[1, 2])
    side, _, image = box.children
    before = image.value
    side.value = 4
    assert drawn == [(8, 1), (4, 1)] and image.value != before and "side 4, step 1" in image.value


@pytest.mark.parametrize("options", [{}, {"side": []}])
def test_dials_need_choices(options):
    with pytest.raises(ValueError, match="something to choose from"):
        widgets.dials(lambda **_: None, **options)
