"""Figures of chapter 4: what is on the axes."""

import numpy as np
import pandas as pd
import pytest

from meteortut import plots


@pytest.fixture
def pulse():
    """A slice with a pulse at 20 ms in two bands, and one cosmic ray at 40 ms."""
    time = (np.arange(5000) + 0.5) * 0.01
    slice_ = np.stack([np.exp(-(((time - 20) / width) ** 2)) for width in (0.3, 0.1, 0.5)])
    slice_[1] = 0
    slice_[2, 4000] = 900
    return slice_


def test_the_busy_span_holds_the_pulse_and_not_the_cosmic_ray(pulse):
    first, last = plots.busy_span_ms(pulse)
    assert 18 < first < 19.6 and 20.4 < last < 22
    assert plots.busy_span_ms(np.zeros((3, 5000))) == (0, 50)
    noise = np.random.default_rng(0).poisson(0.2, (3, 5000)).astype(float)
    assert plots.busy_span_ms(noise) == (0, 50)


def test_three_bands_draws_a_stack_per_slice_in_its_span(pulse):
    slices = {"blue_jet": pulse, "b": pulse, "c": pulse, "d": pulse}
    figure = plots.three_bands(slices, {"blue_jet": pulse / 2}, {"blue_jet": (19.0, 21.0)}, columns=3)
    first = [axes for axes in figure.axes if axes.get_title() == "blue jet"]
    assert len(first) == 1 and first[0].get_xlim() == (19, 21)
    time, values = first[0].lines[0].get_data()
    assert time[0] == pytest.approx(19.005) and len(time) == 200
    np.testing.assert_array_equal(values, pulse[0, 1900:2100])
    np.testing.assert_array_equal(first[0].lines[1].get_ydata(), pulse[0, 1900:2100] / 2)
    whole = next(axes for axes in figure.axes if axes.get_title() == "b")
    assert whole.get_xlim() == (0, 50) and len(whole.lines) == 1
    assert figure.get_size_inches()[0] <= 8.6


def test_a_cosmic_ray_does_not_press_the_light_to_the_floor(pulse):
    figure = plots.three_bands({"one": pulse})
    lowest = [axes for axes in figure.axes if axes.get_ylabel() == "777.4 nm"]
    assert lowest[0].get_ylim()[1] < 2


def test_sprite_pictures_draw_boxes_in_pixels():
    image = np.random.default_rng(0).integers(0, 255, (48, 64)).astype(np.uint8)
    box = np.array([[10.0, 20.0, 30.0, 50.0]])
    first, second = plots.sprite_pictures({"a": (image, box), "b": (image, np.zeros((0, 4)))}).axes
    (patch,) = first.patches
    assert (patch.get_xy(), patch.get_width(), patch.get_height()) == ((20, 10), 30, 20) and not second.patches


def test_cluster_members_are_those_of_the_cluster():
    curves = np.eye(6, 25)
    figure = plots.cluster_members(curves, np.array([0, 0, 1, -1, 1, 1]), step_ms=2.0)
    assert [axes.get_title() for axes in figure.axes] == ["in no cluster: 1", "cluster 1: 2", "cluster 2: 3"]
    assert [len(axes.collections) for axes in figure.axes] == [1, 2, 3]
    assert figure.axes[0].get_xlim() == (0, 50)


LABELS = np.repeat(["elve", "sprite", "noise"], 5)


def test_latent_maps_have_a_marker_for_each_kind_in_the_plane_and_in_space():
    rng = np.random.default_rng(0)
    figure = plots.latent_maps({"plane": rng.random((15, 2)), "space": rng.random((15, 3))}, LABELS)
    plane, space = figure.axes
    assert space.name == "3d" and len(plane.collections) == len(space.collections) == 3
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["elve", "noise", "sprite"]
    paths = {collection.get_paths()[0].vertices.tobytes() for collection in plane.collections}
    assert len(paths) == 3
    with pytest.raises(ValueError, match="9 different labels"):
        plots.latent_maps({"a": rng.random((9, 2))}, np.arange(9).astype(str))


def test_kinds_around_the_map(pulse):
    kinds = ("elve", "sprite", "noise")
    figure = plots.kinds_around_map(
        np.random.default_rng(0).random((15, 2)), LABELS, {kind: pulse for kind in kinds}, {k: (19, 21) for k in kinds}
    )
    assert len(figure.axes) == 1 + 3 * 3 and len(figure.axes[0].collections) == 3
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == list(kinds)


def test_feature_map_sorts_slices_by_kind():
    means = np.arange(30.0).reshape(15, 2)
    axes = plots.feature_map(means, LABELS).axes[0]
    drawn = np.asarray(axes.images[0].get_array())
    assert drawn.shape == (2, 15)
    np.testing.assert_array_equal(drawn[0], means[[*range(5), *range(10, 15), *range(5, 10)], 0])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["elve", "noise", "sprite"]


def test_joint_errors_show_the_samples_around_each_joint():
    error = np.ones((3, 1000))
    error[1, 0] = 50
    figure = plots.joint_errors({"one": error, "other": np.ones((3, 1000))}, reach=40)
    zooms = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    x, y = zooms["337 | 180–230"].lines[0].get_data()
    assert (x[0], x[-1]) == (-40, 39) and y[list(x).index(0)] == 50 and y.sum() == 129
    assert len(zooms["start"].lines[0].get_xdata()) == 40 == len(zooms["end"].lines[0].get_xdata())


def test_training_curves_and_views():
    history = pd.DataFrame({"epoch": [0, 1], "log_likelihood": [-5.0, -3.0], "kl": [1.0, 2.0]})
    left, right = plots.training_curves({"one": history}).axes
    np.testing.assert_array_equal(left.lines[0].get_data(), [[1, 2], [-5, -3]])
    np.testing.assert_array_equal(right.lines[0].get_ydata(), [1, 2])
    views = np.arange(9 * 128.0).reshape(9, 128)
    row = plots.sharpness_views(views, (0.01, 0.08, 0.8)).axes
    assert [axes.get_title() for axes in row] == ["bins of 0.01 ms", "bins of 0.08 ms", "bins of 0.8 ms"]
    np.testing.assert_array_equal(row[1].lines[2].get_ydata(), views[5])
    assert row[2].lines[0].get_xdata()[64] == 0
