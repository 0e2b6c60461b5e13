"""A board on which one paints: what a square hides, what the score and the map then are."""

import numpy as np
import pytest

from meteortut import widgets


@pytest.fixture
def board():
    image = np.random.default_rng(0).normal(20, 1, (48, 64))
    image[20, 10:50] += 50
    return widgets.PaintBoard(
        image, score=lambda tile: float((tile > 40).mean()), maps={"all": abs, "none": np.zeros_like}
    )


def test_paint_hides_a_square_of_sky_and_the_score_falls(board):
    before, first = board.image.copy(), board.score
    board.paint(20, 30, side=9)
    changed = board.image != before
    assert changed.sum() == 81 and changed[16:25, 26:35].all()
    assert np.unique(board.image[changed]) == np.median(before)
    assert board.score == pytest.approx(first * 31 / 40)
    board.paint(20, 12, side=9)
    assert board.score == pytest.approx(first * (31 - 7) / 40)
    board.clear()
    assert np.array_equal(board.image, before) and board.score == first


def test_paint_at_an_edge_is_cut_off(board):
    before = board.image.copy()
    board.paint(0, 63, side=6)
    changed = board.image != before
    assert changed[:3, 60:].all() and changed.sum() == 3 * 4  # of the 6 by 6 pixels around (0, 63)
    board.clear()
    for outside in [(-30, 5), (5, -30), (100, 5), (5, 100)]:
        board.paint(*outside, side=6)
    assert np.array_equal(board.image, before)


def test_controls_do_what_they_say(board):
    layer, row, column, side, buttons, said, figure = board.box.children
    shown = figure.value
    row.value, column.value, side.value = 20, 30, 4
    buttons.children[0].click()
    assert "16 pixels" in said.value and figure.value != shown and "<img" in figure.value
    buttons.children[1].click()
    assert "0 pixels" in said.value
    layer.value = "none"
    assert "none" in figure.value


def test_the_given_image_is_left_alone():
    image = np.random.default_rng(0).normal(20, 1, (48, 48))
    kept = image.copy()
    widgets.PaintBoard(image, score=lambda tile: 0.0, maps={"a": abs}).paint(10, 10, 8)
    assert np.array_equal(image, kept)


def test_bad_input():
    with pytest.raises(ValueError, match="expected \\(height, width\\)"):
        widgets.PaintBoard(np.zeros((3, 4, 4)), score=lambda tile: 0.0, maps={"a": abs})
    with pytest.raises(ValueError, match="0 maps"):
        widgets.PaintBoard(np.zeros((4, 4)), score=lambda tile: 0.0, maps={})
