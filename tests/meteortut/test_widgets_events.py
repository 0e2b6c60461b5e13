"""The event explorer: every way to an event, what is drawn and said of it, what truth says, the map that answers a click."""

from __future__ import annotations

import base64
import io
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from meteortut import widgets
from meteortut.focal import FRAME_S, METEOR_DRIFT_PX, SIDE, from_focal, to_focal
from meteortut.pipeline import fit_track, match_events
from meteortut.pipeline.track_model import MovingLight, render
from meteortut.plots.style import PAGE
from meteortut.widgets import event_panels, event_words

ROWS, N_FRAMES, LEVEL = np.arange(SIDE), 160, 1.2
METEORS = [
    MovingLight(40.3, 12.2, 11.7, 0.2, -0.31, 1.0, 3.0, 4.0),
    MovingLight(70.6, 30.1, 20.4, -0.25, 0.1, 0.8, 4.0, 3.0),
    MovingLight(115.2, 21.7, 40.3, 0.1, 0.4, 0.9, 3.0, 3.0),
]
FLASH = MovingLight(70.5, 40.0, 40.0, 0.0, 0.0, 8.0, 5.0, 5.0, 2.0)


def place(light: MovingLight) -> tuple[int, float, float]:
    """Frame of the peak, and the array pixels in the middle of it."""
    t = int(light.t)
    y, x = light.place(t + 0.5)
    return t, float(from_focal(y)), float(from_focal(x))


def sky(lights: list[MovingLight], rng: int | None = None) -> np.ndarray:
    frames = LEVEL + sum(render(light, 0, N_FRAMES, ROWS, ROWS) for light in lights)
    if rng is not None:
        frames += np.sqrt(LEVEL / 128**2) * np.random.default_rng(rng).standard_normal(frames.shape)
    return frames


def table(lights: list[MovingLight], flags: list[str]) -> pd.DataFrame:
    found = pd.DataFrame([place(light) for light in lights], columns=["t_peak", "y", "x"])
    return found.assign(
        speed_px=[light.speed_px for light in lights],
        direction_deg=[light.direction_deg for light in lights],
        t_first=found.t_peak - 6,
        t_last=found.t_peak + 6,
        snr=[8.0, 30.0, 12.0, 90.0][: len(lights)],
        flag=flags,
    )


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return sky([*METEORS, FLASH], 1)


@pytest.fixture(scope="module")
def catalogue() -> pd.DataFrame:
    return table([*METEORS, FLASH], ["none", "none", "none", "flash"])


def known(frames: np.ndarray, t: float, y: float, x: float, gap: float) -> Any:
    """A quick fit: whichever of the lights that were drawn is nearest."""
    lights = [*METEORS, FLASH]
    away = [np.hypot(*(to_focal([y, x]) - np.array(light.place(t)))) + abs(light.t - t) for light in lights]
    return fixed(lights[int(np.argmin(away))])(frames, t, y, x, gap)


@pytest.fixture(scope="module")
def drawn(frames, catalogue) -> widgets.EventExplorer:
    return widgets.EventExplorer(frames, catalogue, known, render)


@pytest.fixture
def board(drawn) -> widgets.EventExplorer:
    """The same for all tests, as drawing takes its time; at its first event."""
    Parts(drawn).kind.index = 0
    drawn.choose(0)
    return drawn


class Parts:
    """The controls as a reader meets them."""

    def __init__(self, board: widgets.EventExplorer) -> None:
        controls, pictures, self.said, self.click = board.box.children
        self.kind, self.previous, self.next, self.row = controls.children
        self.map, self.picture = pictures.children


def picture_of(text: str) -> np.ndarray:
    """The PNG in some HTML, ndarray of int of shape (height, width, 3)."""
    image = Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", text)[1])))
    return np.asarray(image.convert("RGB")).astype(int)


def fixed(light: MovingLight, converged: bool = True) -> Any:
    """A fit that always finds this light."""
    track = SimpleNamespace(light=light, converged=converged, errors=(0.01, 1.0), chi2=1.0)
    return lambda frames, t, y, x, gap: track


# --- ways to an event ---------------------------------------------------------------------------------------------------


def test_it_begins_with_the_first_event(frames, catalogue):
    board = widgets.EventExplorer(frames, catalogue, known, render)
    parts = Parts(board)
    assert board.index == 0 and board.said.startswith("Row 0 of 4")
    for text in (parts.map.value, parts.picture.value):
        assert "<img alt=" in text and picture_of(text).std() > 10  # a page without a kernel shows both
    assert parts.kind.options == ("all rows", "flagged rows")  # what is wrong is not known
    assert board.figure.get_figwidth() <= PAGE and "right" not in board.said


def test_every_way_to_an_event(board):
    parts = Parts(board)
    before = parts.picture.value, parts.map.value
    parts.row.value = 2
    assert board.index == 2 and "frame 115" in board.said
    assert parts.picture.value != before[0] and parts.map.value != before[1]  # the ring moves, too
    for wanted in (3, 0):  # round and round
        parts.next.click()
        assert board.index == wanted
    parts.previous.click()
    assert board.index == 3
    board.choose(1)
    assert parts.row.value == 1 and "frame 70 " in parts.said.value
    parts.kind.value = "flagged rows"
    assert board.index == 3
    parts.next.click()
    assert board.index == 3  # the only one


def test_a_click_on_an_event_chooses_it(board):
    parts = Parts(board)
    for k in (2, 3, 1, 0):
        x, y = board._points[k]
        parts.click.value = f"{x + 0.01} {y - 0.01}"
        assert board.index == k and parts.click.value == ""
    parts.click.value = "nonsense"
    assert board.index == 0


def test_events_that_are_not_there(board):
    for bad in (-1, 4):
        with pytest.raises(IndexError, match="expected 0 to 3"):
            board.choose(bad)
    assert board.index == 0


# --- what is drawn ------------------------------------------------------------------------------------------------------


def test_the_track_is_the_meteors_and_the_figure_shows_it(frames, catalogue):
    board = widgets.EventExplorer(frames, catalogue, fit_track, render)
    for k, light in enumerate(METEORS):
        board.choose(k)
        speed_err, direction_err = board.track.errors
        assert abs(board.track.light.speed_px - light.speed_px) < 5 * speed_err
        assert abs(board.track.light.direction_deg - light.direction_deg) < 5 * direction_err
        picture, motion, *curves = (
            axes for axes in board.figure.axes if axes.get_label() not in ("<colorbar>", "<frames>")
        )
        assert len(picture.lines) == 2 and len(motion.lines) == 1 and len(curves) == 3
        (x, y), (other_x, other_y) = (line.get_data() for line in picture.lines)
        middle = np.array([(to_focal(y) + to_focal(other_y)) / 2, (to_focal(x) + to_focal(other_x)) / 2])
        along = np.array([light.vy, light.vx]) / light.speed_px
        away = (middle.T - [light.y, light.x]) @ [along[1], -along[0]]
        assert np.abs(away).max() < 1.0  # gaps move an end by up to half a pixel
        seconds, way = motion.lines[0].get_data()
        assert np.ptp(way) / np.ptp(seconds) == pytest.approx(light.speed_px / FRAME_S, rel=0.1)


def test_light_curves_are_those_of_the_brightest_pixels(board, frames):
    light = METEORS[1]
    board.choose(1)
    curves = [axes for axes in board.figure.axes if axes.get_title(loc="right").startswith("y ")]
    shown = {tuple(map(int, re.findall(r"\d+", axes.get_title(loc="right")))) for axes in curves}
    peaks = render(light, 0, N_FRAMES, ROWS, ROWS).max(axis=0)
    wanted = np.stack(np.unravel_index(np.argsort(-peaks, axis=None)[:3], peaks.shape), axis=1)
    assert shown == set(map(tuple, wanted.tolist()))
    for axes in curves:
        y, x = map(int, re.findall(r"\d+", axes.get_title(loc="right")))
        measured, fitted = axes.lines
        t = np.rint(measured.get_xdata() / FRAME_S).astype(int) + 70
        assert np.array_equal(measured.get_ydata(), frames[t, y, x])
        truth = LEVEL + render(light, 0, N_FRAMES, ROWS, ROWS)[t, y, x]
        assert np.abs(fitted.get_ydata() - truth).max() < 0.1 * peaks.max()  # the line bears the noise


@settings(max_examples=40, deadline=None)
@given(
    st.floats(-0.6, 0.6),
    st.floats(-0.6, 0.6),
    st.floats(5, 45),
    st.floats(5, 45),
    st.floats(0.5, 6),
    st.integers(0, 159),
)
def test_light_moves_along_the_way_as_it_was_fitted(vy, vx, y, x, sigma, t):
    light = MovingLight(t + 0.5, y, x, vy, vx, 5.0, sigma, sigma)
    cube = LEVEL + render(light, 0, N_FRAMES, ROWS, ROWS)
    view = event_panels.look(cube, place(light), fixed(light)(cube, 0, 0, 0, 1.0), render, 1.0)
    np.testing.assert_allclose(view.line, LEVEL, atol=1e-9)  # all the rest is the track's
    way, moving = event_panels.along_track(view)
    assert moving.shape == (len(view.cube), len(way)) and not np.isinf(moving).any()
    row = moving[t - view.first]
    if np.nanmax(row, initial=0) > 0.3:  # not in a gap then
        assert abs(way[np.nanargmax(row)]) <= 1.5  # the light is where it was fitted at its peak
    for frame in range(len(moving)):
        far = np.abs(way - light.speed_px * (view.first + frame - t)) > 4 + light.speed_px
        assert not (np.nan_to_num(moving[frame, far]) > 0.05).any()


@pytest.mark.parametrize(("vy", "vx"), [(0.5, 0.3), (0.5, -0.3), (-0.3, 0.5), (-0.5, -0.3)])
def test_the_strip_follows_the_light_in_any_direction(vy, vx):
    light = MovingLight(60.5, 24.0, 24.0, vy, vx, 5.0, 8.0, 8.0)
    cube = LEVEL + render(light, 0, N_FRAMES, ROWS, ROWS, 0.0)
    view = event_panels.look(cube, (60, 24.0, 24.0), fixed(light)(cube, 0, 0, 0, 0.0), render, 0.0)
    way, moving = event_panels.along_track(view)
    for frame in range(46, 75):  # of a bell from 44 to 77
        row = np.nan_to_num(moving[frame - view.first])
        assert abs(way[row.argmax()] - light.speed_px * (frame - 60)) < 1.0


def test_what_hardly_moves_has_a_ring_and_no_arrow(board):
    for k, (n_lines, n_arrows) in {0: (2, 1), 3: (1, 0)}.items():
        board.choose(k)
        picture = board.figure.axes[0]
        assert (len(picture.lines), len(picture.texts)) == (n_lines, n_arrows)
    x, y = picture.lines[0].get_data()
    np.testing.assert_allclose([from_focal(FLASH.y), from_focal(FLASH.x)], [np.mean(y[:-1]), np.mean(x[:-1])], atol=0.3)


def test_gaps_hold_no_light():
    light = MovingLight(60.5, 3.0, 20.0, 0.0, 0.5, 5.0, 5.0, 5.0)
    view = event_panels.look(sky([light]), place(light), fixed(light)(0, 0, 0, 0, 1.0), render, 1.0)
    way, moving = event_panels.along_track(view)
    dark = way[np.isnan(moving).all(axis=0)] + light.x
    between = [edge for edge in (8, 17, 26, 35, 44) if way[0] + light.x <= edge <= way[-1] + light.x]
    assert dark.tolist() == between and len(between) >= 2


def test_the_view_holds_the_whole_track_and_reads_no_more():
    slow = MovingLight(80.5, 24.0, 24.0, 0.05, 0.3, 2.0, 15.0, 12.0)
    small = event_panels.look(sky([slow]), place(slow), None, render, 1.0)
    assert small.cube.shape == (41, 16, 16) and small.model is None
    whole = event_panels.look(sky([slow]), place(slow), fixed(slow)(0, 0, 0, 0, 1.0), render, 1.0)
    for y, x in zip(*slow.place(np.array(slow.span(2.0))), strict=True):
        assert (
            whole.rows[0] <= from_focal(y) <= whole.rows[-1] and whole.columns[0] <= from_focal(x) <= whole.columns[-1]
        )
    assert whole.first <= slow.span(2.0)[0] and whole.first + len(whole.cube) >= slow.span(2.0)[1]
    asked = []

    class Stream:
        shape, dtype = (10**6, SIDE, SIDE), np.dtype(np.float32)

        def __getitem__(self, part: tuple[slice, ...]) -> np.ndarray:
            asked.append(part[0])
            return np.ones([k.stop - k.start for k in part])

    endless = MovingLight(500_000.5, 24.0, 24.0, 0.0, 0.0, 2.0, 900.0, 900.0)
    for track in (None, fixed(endless)(0, 0, 0, 0, 1.0), fixed(endless, False)(0, 0, 0, 0, 1.0)):
        event_panels.look(Stream(), (500_000, 23.0, 23.0), track, render, 1.0)
    assert [part.stop - part.start for part in asked] == [41, 2 * 100 + 11, 41]


@pytest.mark.parametrize("corner", [(0, 0.0, 0.0), (N_FRAMES - 1, 47.0, 47.0)])
def test_events_at_the_ends_of_the_stream(frames, catalogue, corner):
    at_end = catalogue.iloc[:1].assign(t_peak=corner[0], y=corner[1], x=corner[2])
    board = widgets.EventExplorer(frames, at_end, fit_track, render)
    assert "Row 0 of 1" in board.said and picture_of(Parts(board).picture.value).std() > 10


# --- what is said -------------------------------------------------------------------------------------------------------


def test_what_rests_at_meteor_height_moves_with_the_iss():
    assert "(7.3 km/s at 100 km)" in event_words.motion(METEOR_DRIFT_PX, 10.0)
    assert "0.341 px per frame (40.0 km/s at 100 km) towards -57°" in event_words.motion(0.34133, -57.2)


def test_the_words_tell_what_there_is_to_tell(board, frames, catalogue):
    board.choose(1)
    for part in ("frame 70 (2.87 s)", "flag none", f"lit for {13 * FRAME_S:.2f} s (frames 64 to 76)", "peak SNR 30"):
        assert part in board.said
    width = np.sqrt(2 * np.log(2)) * 7 * FRAME_S  # rise 4, fall 3
    assert f"FWHM {width:.2f} s" in board.said
    bare = widgets.EventExplorer(frames, catalogue[["t_peak", "y", "x"]], known, render)
    assert not any(word in bare.said for word in ("flag", "SNR", "lit")) and "Fitted anew: " in bare.said
    assert Parts(bare).kind.options == ("all rows",)
    gone = widgets.EventExplorer(frames, catalogue.assign(snr=np.nan), known, render)
    assert "SNR" not in gone.said


def test_a_fit_that_fails_is_said(frames, catalogue):
    def never(*_: object) -> None:
        raise ValueError("the place is <odd>")

    board = widgets.EventExplorer(frames, catalogue, never, render)
    assert board.track is None and "No track: no track could be fitted: the place is <odd>" in board.said
    assert "&lt;odd&gt;" in Parts(board).said.value
    assert any(text.get_text() == "no track" for axes in board.figure.axes for text in axes.texts)
    loose = widgets.EventExplorer(frames, catalogue, fixed(METEORS[0], converged=False), render)
    assert "Not to be trusted: the fit did not converge." in loose.said
    assert {line.get_linestyle() for line in loose.figure.axes[0].lines} == {":"}


def test_frames_that_are_not_finite_are_shown_and_said(catalogue):
    frames = sky(METEORS, 2)
    frames[44] = np.nan
    frames[38, 12, 12] = np.inf
    board = widgets.EventExplorer(frames, catalogue, fit_track, render)
    assert "NaN or infinite" in board.said and board.track is None
    assert picture_of(Parts(board).picture.value).std() > 10


# --- truth --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    lost = MovingLight(140.5, 5.0, 45.0, 0.1, 0.1, 1.0, 3.0, 3.0)
    return table([*METEORS, lost], ["none"] * 4)


@pytest.fixture(scope="module")
def judged(frames, catalogue, truth) -> widgets.EventExplorer:
    """A right row, one that was flagged wrongly, a right one, a right flag; a flagged second row of the first; a false row."""
    rows = catalogue.assign(flag=["none", "faint", "none", "flash"])
    second = rows.iloc[:1].assign(flag="faint", y=rows.y[0] + 0.1)
    false = rows.iloc[:1].assign(t_peak=20, y=40.0, x=5.0)
    return widgets.EventExplorer(frames, pd.concat([rows, second, false]), known, render, truth, match_events)


def test_truth_tells_right_rows_from_wrong_ones(judged, truth):
    right = []
    for k in range(6):
        judged.choose(k)
        right.append(judged.said.endswith("the row is right."))
        assert right[-1] or judged.said.endswith("the row is wrong.")
    assert right == [True, False, True, True, True, False]
    judged.choose(1)
    assert f"In truth a meteor, {event_words.motion(truth.speed_px[1], truth.direction_deg[1])}" in judged.said
    parts = Parts(judged)
    parts.kind.value = "wrong rows"
    seen = []
    for _ in range(2):
        parts.next.click()
        seen.append(judged.index)
    assert seen == [5, 1]
    assert "4 are right; 1 meteors are missed" in parts.map.value


def test_right_and_wrong_differ_without_colour(judged):
    picture = picture_of(Parts(judged).map.value).mean(axis=2)
    height, width = picture.shape
    middle = [picture[round(y * height), round(x * width)] for x, y in judged._points]
    assert max(middle[k] for k in (2, 3)) < 160 and min(middle[k] for k in (1, 5)) > 225


def test_all_right_offers_nothing_wrong(frames, catalogue, truth):
    board = widgets.EventExplorer(frames, catalogue, known, render, truth, match_events)
    assert "wrong rows" not in Parts(board).kind.options and "right." in board.said


# --- the map ------------------------------------------------------------------------------------------------------------


def test_events_stand_on_the_map_where_the_click_looks_for_them(frames, catalogue):
    for k in (0, 2):
        one = catalogue.iloc[k : k + 1].assign(snr=400.0)
        board = widgets.EventExplorer(frames, one, fixed(METEORS[0]), render)
        picture = picture_of(Parts(board).map.value)
        height, width, _ = picture.shape
        y, x = np.nonzero(np.abs(picture - [0, 114, 178]).max(axis=2) < 60)  # BLUE, let through
        inside = y > 0.15 * height  # the legend is above
        assert inside.sum() > 20
        found = x[inside].mean() / width, y[inside].mean() / height
        np.testing.assert_allclose(board._points[0], found, atol=1.5 / width)


def test_the_map_writes_the_place_of_a_click_into_its_box(board, browser):
    """In a browser, with the same HTML and a bare box: what the inline handler does."""
    parts = Parts(board)
    assert "event-explorer" in board.box._dom_classes and "event-explorer-click" in parts.click._dom_classes
    page_html = (
        f'<div class="event-explorer">{parts.map.value}<div class="event-explorer-click" style="display: none">'
        "<input onchange=\"document.title = 'changed'\"></div></div>"
    )
    page = browser.new_page(viewport={"width": 300, "height": 600})  # narrower than the picture
    page.set_content(page_html)
    shown, ring = (page.locator(what).bounding_box() for what in ("img", "span"))
    page.mouse.click(ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2)  # through the ring
    written, title = page.locator("input").input_value(), page.title()
    page.close()
    assert shown["width"] <= 300 and title == "changed"
    np.testing.assert_allclose([float(share) for share in written.split()], board._points[0], atol=1.5 / shown["width"])
    parts.row.value = 2
    parts.click.value = written
    assert board.index == 0


def test_flags_are_text_and_no_html(frames, catalogue):
    board = widgets.EventExplorer(frames, catalogue.assign(flag="<b>&"), known, render)
    parts = Parts(board)
    assert "&lt;b&gt;&amp;" in parts.said.value
    assert "<b>" not in parts.said.value + parts.picture.value + parts.map.value


# --- bad input ----------------------------------------------------------------------------------------------------------


def test_bad_input_is_refused_before_any_work(frames, catalogue, truth):
    def never(*_: object) -> Any:
        raise AssertionError("work was begun")

    def refuses(words: str, frames: Any = frames, rows: pd.DataFrame = catalogue, **other: Any) -> None:
        with pytest.raises(ValueError, match=words):
            widgets.EventExplorer(frames, rows, never, never, **other)

    refuses("frames has shape \\(48, 48\\)", frames[0])
    refuses("dtype int64", np.ones((5, 48, 48), int))
    refuses("frames has shape \\(0, 48, 48\\)", frames[:0])
    refuses("lacks the columns \\['y'\\]", rows=catalogue.drop(columns="y"))
    refuses("no row", rows=catalogue.iloc[:0])
    refuses("t_peak from 40.0 to 115.0", frames[:100])
    refuses("x from", rows=catalogue.assign(x=48.0))
    refuses("y from nan", rows=catalogue.assign(y=np.nan))
    refuses("9 flags; expected 8", rows=pd.concat([catalogue] * 3).iloc[:9].assign(flag=list("abcdefghi")))
    refuses("only one of truth and match", truth=truth)
    refuses("only one of truth and match", match=match_events)


def test_what_was_given_is_left_alone(frames, catalogue, truth):
    kept = frames.copy(), catalogue.copy(), truth.copy()
    odd = catalogue.set_index(pd.Index([7, 7, 2, 1]))  # any index will do
    board = widgets.EventExplorer(frames, odd, known, render, truth.set_index(pd.Index([3, 3, 3, 3])), match_events)
    board.choose(3)
    assert np.array_equal(frames, kept[0])
    pd.testing.assert_frame_equal(catalogue, kept[1])
    pd.testing.assert_frame_equal(truth, kept[2])


def test_a_file_of_frames_is_enough(tmp_path, frames, catalogue):
    path = tmp_path / "frames.npy"
    np.save(path, frames.astype(np.float32))
    board = widgets.EventExplorer(np.load(path, mmap_mode="r"), catalogue, fit_track, render)
    assert board.track.light.speed_px == pytest.approx(METEORS[0].speed_px, rel=0.1)


def test_the_frames_shown_are_those_in_which_the_light_shines(frames, catalogue):
    board = widgets.EventExplorer(frames, catalogue, fit_track, render)
    for k, light in enumerate(METEORS):
        board.choose(k)
        (axes,) = (own for own in board.figure.axes if own.get_label() == "<frames>")
        shown = np.array([int(tick.get_text()) for tick in axes.get_xticklabels()])
        first, last = light.span(2.0)
        assert len(shown) > 2 and (np.diff(shown) > 0).all() and first - 2 <= shown[0] < shown[-1] <= last + 2
        image = np.asarray(axes.images[0].get_array(), float)
        width = (image.shape[1] + 1) // len(shown)
        brightest = [np.nanmax(image[:, n * width : (n + 1) * width]) for n in range(len(shown))]
        assert abs(shown[int(np.argmax(brightest))] - light.t) < 4
