"""The latent explorer: every way to a slice, what a unit does to the decoded curve, the map that answers a click."""

from __future__ import annotations

import base64
import io
import re
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from meteortut import widgets
from meteortut.plots.tle_vae import COLOURS
from meteortut.tle_vae.networks import PhotometryVAE
from meteortut.widgets import latent_panels

N, BANDS, N_SAMPLES = 12, ("337 nm", "UV", "777 nm"), 800
AT = np.arange(N_SAMPLES)
KINDS = np.array(["elve", "jet", "noise"] * 4)


def pulse(means: np.ndarray) -> np.ndarray:
    """A decoder that can be checked by eye: unit 0 sets the height, unit 1 the width, unit 2 nothing."""
    one = np.exp(means[0]) * np.exp(-(((AT - 300) / (20 * np.exp(means[1]))) ** 2))
    return np.array([[1], [2], [4]]) * one


@pytest.fixture(scope="module")
def slices() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    means = rng.normal(0, [0.5, 0.2, 0], (N, 3)).astype(np.float32)
    readings = np.stack([pulse(each) for each in means]) + rng.normal(0, 0.01, (N, 3, N_SAMPLES))
    return {"photometry": readings, "places": rng.uniform(-5, 5, (N, 2)), "labels": KINDS, "means": means}


@pytest.fixture
def board(slices) -> widgets.LatentExplorer:
    return widgets.LatentExplorer(**slices, draw=lambda k, means: pulse(means), bands=BANDS)


class Parts:
    """The controls as a reader meets them, found by their words."""

    def __init__(self, board: widgets.LatentExplorer) -> None:
        first, second, pictures, self.said, self.click = board.box.children
        named = {part.description: part for part in (*first.children, *second.children)}
        self.kind, self.slice, self.unit, self.value = (named[k] for k in ("kind", "slice", "unit", "value"))
        self.previous, self.next, self.reset, self.whole = (
            named[k] for k in ("previous", "next", "reset", "the whole slice")
        )
        self.map, self.picture = pictures.children


def drawn(board: widgets.LatentExplorer) -> list[list[np.ndarray | None]]:
    """Values of the three lines of each panel; None for one that is hidden."""
    return [[line.get_ydata() if line.get_visible() else None for line in axes.lines] for axes in board.figure.axes]


def picture_of(text: str) -> np.ndarray:
    """The PNG in some HTML, ndarray of shape (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", text)[1]))).convert("RGB"))


def test_it_begins_with_the_first_slice_as_it_was_encoded(board, slices):
    parts = Parts(board)
    assert board.index == 0 and np.array_equal(board.means, slices["means"][0])
    np.testing.assert_allclose(board.curve, pulse(slices["means"][0]))
    assert "Slice 0, elve. No unit is moved." in parts.said.value
    assert (parts.kind.label, parts.kind.index) == ("any", 0)
    for text in (parts.map.value, parts.picture.value):
        assert "<img alt=" in text and picture_of(text).std() > 10  # a page without a kernel shows both
    first, last = (round(end / 0.01) for end in board.figure.axes[0].get_xlim())
    for band, (readings, decoded, moved) in enumerate(drawn(board)):
        assert np.array_equal(readings, slices["photometry"][0, band, first:last])
        assert np.array_equal(decoded, board.curve[band, first:last]) and moved is None


def test_every_way_to_a_slice(board, slices):
    parts = Parts(board)
    before = parts.picture.value, parts.map.value
    parts.slice.value = 5
    assert board.index == 5 and "Slice 5, noise" in parts.said.value
    assert np.array_equal(board.means, slices["means"][5])
    assert parts.picture.value != before[0] and parts.map.value != before[1]  # the ring moves, too
    parts.next.click()
    assert board.index == 6
    parts.kind.label = "jet"
    assert board.index == 7
    seen = []
    for _ in range(4):
        parts.next.click()
        seen.append(board.index)
    assert seen == [10, 1, 4, 7]  # round and round
    parts.previous.click()
    assert board.index == 4
    parts.kind.index = 0  # what the list sends when "any" is taken
    assert board.index == 4 and parts.kind.index == 0  # with None it would look empty
    parts.previous.click()
    assert board.index == 3
    board.choose(11)
    assert parts.slice.value == 11


def test_a_unit_moves_the_curve_and_reset_brings_it_back(board, slices):
    parts = Parts(board)
    board.choose(3)
    own = slices["means"][3]
    board.move(0, float(own[0]) + 0.5)
    np.testing.assert_allclose(board.curve, np.exp(0.5) * pulse(own), rtol=1e-5, atol=1e-12)
    decoded, moved = drawn(board)[1][1:]
    assert moved.max() / decoded.max() == pytest.approx(np.exp(0.5), rel=1e-5)
    assert f"Moved: unit 0 from {own[0]:.2f} to {own[0] + 0.5:.2f}." in parts.said.value
    shown = parts.picture.value
    parts.unit.value = 1  # only a look at another unit: nothing moves
    assert parts.picture.value == shown and parts.value.value == pytest.approx(own[1])
    parts.value.value = parts.value.max
    np.testing.assert_allclose(board.means, [own[0] + 0.5, parts.value.max, own[2]], rtol=1e-5)
    assert "unit 0" in parts.said.value and "unit 1" in parts.said.value
    parts.reset.click()
    assert np.array_equal(board.means, own) and "No unit is moved" in parts.said.value
    assert parts.value.value == pytest.approx(own[1]) and drawn(board)[0][2] is None
    board.move(0, 0.9)
    board.choose(4)
    assert np.array_equal(board.means, slices["means"][4])


def test_a_unit_that_does_nothing_leaves_the_curve(board):
    before = board.curve
    board.move(2, 2.5)
    assert np.array_equal(board.curve, before) and board.means[2] == 2.5


def test_a_unit_slides_three_standard_deviations_and_the_widest_comes_first(slices):
    means = slices["means"].copy()
    means[1, 0] = 40.0  # further out than three standard deviations
    board = widgets.LatentExplorer(
        **(slices | {"means": means}), draw=lambda k, z: pulse(slices["means"][k]), bands=BANDS
    )
    parts = Parts(board)
    assert [unit for _, unit in parts.unit.options] == [0, 1, 2]
    middle, spread = means[:, 0].mean(), means[:, 0].std()
    assert (parts.value.min, parts.value.max) == pytest.approx((middle - 3 * spread, middle + 3 * spread), rel=1e-5)
    board.choose(1)
    assert parts.value.value == parts.value.max == 40.0
    parts.unit.value = 2  # no spread at all
    assert (parts.value.min, parts.value.value, parts.value.max) == (-3, 0, 3)
    board.move(2, 99)
    assert board.means[2] == 3


def test_the_view_is_on_the_light_or_on_all(board):
    parts, axes = Parts(board), board.figure.axes[0]
    first, last = axes.get_xlim()
    assert first < 3.0 < last and last - first < 4  # the pulse peaks at 300 · 10 µs
    parts.whole.value = True
    assert axes.get_xlim() == (0, 8)
    board.choose(7)
    assert axes.get_xlim() == (0, 8) and "0.00 to 8.00 ms" in parts.picture.value


@settings(max_examples=30, deadline=None)
@given(st.integers(0, N_SAMPLES - 1), st.integers(2, 60), st.integers(0, 10**6))
def test_the_view_holds_the_peak_and_no_spike_or_noise_opens_it(peak, width, seed):
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, (3, N_SAMPLES))
    assert latent_panels.event(noise, 100) == (0, N_SAMPLES)
    spiky = noise.copy()
    spiky[rng.integers(3), rng.integers(N_SAMPLES)] = 1e4
    assert latent_panels.event(spiky, 100) == (0, N_SAMPLES)
    light = spiky.copy()
    light[rng.integers(3)] += 200 * np.exp(-(((AT - peak) / width) ** 2))
    first, last = latent_panels.event(light, 100)
    assert 0 <= first <= peak < last <= N_SAMPLES
    assert last - first >= min(50, N_SAMPLES - 1) and last - first < 100 + 15 * width
    assert latent_panels.event(np.zeros((3, N_SAMPLES)), 100) == (0, N_SAMPLES)


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(float, st.integers(2, 4000), elements=st.floats(-100, 100)),
    st.floats(0, 0.9),
)
def test_thinning_loses_no_peak(curve, share):
    first = int(share * len(curve))
    at, values = latent_panels.stretches(curve, first, len(curve))
    shown = curve[first:]
    assert (values.min(), values.max()) == (shown.min(), shown.max())
    assert at[0] == first and at[-1] < len(curve) and (np.diff(at) >= 0).all()
    assert len(at) == len(values) <= max(4 * latent_panels.N_STRETCHES, 2)


def test_a_spike_does_not_set_the_scale_but_the_decoded_curve_does():
    readings = np.ones(200)
    readings[::2] = 0
    low, high = latent_panels.limits(readings, np.full(200, 0.5))
    assert low < 0 and 1 < high < 2
    readings[77] = 500
    assert latent_panels.limits(readings, np.full(200, 0.5))[1] < 2
    assert latent_panels.limits(readings, np.full(200, 7.0))[1] > 7
    low, high = latent_panels.limits(np.zeros(5), np.zeros(5))
    assert low < 0 < high


def test_a_click_on_a_slice_chooses_it(board):
    parts = Parts(board)
    for k in (7, 2, 11, 0):
        x, y = board._points[k]
        parts.click.value = f"{x + 0.002} {y - 0.002}"
        assert board.index == k and parts.click.value == ""
    x, y = board._points[5]
    for _ in range(2):  # the same place again, after another way was taken
        parts.click.value = f"{x} {y}"
        assert board.index == 5
        parts.next.click()
    parts.click.value = "nonsense"
    assert board.index == 6


def test_slices_stand_on_the_picture_where_the_click_looks_for_them(slices):
    places = np.array([[0.0, 0.0], [2.0, 6.5], [10.0, 0.0], [3.0, 10.0]])
    few = {name: values[:4] for name, values in slices.items()} | {"places": places, "labels": ["a", "b", "c", "d"]}
    board = widgets.LatentExplorer(**few, draw=lambda k, means: pulse(means), bands=BANDS)
    picture = picture_of(Parts(board).map.value).astype(int)
    height, width, _ = picture.shape
    assert height == width
    colour = [int(COLOURS[1][i : i + 2], 16) for i in (1, 3, 5)]  # of b, alone at the left
    y, x = np.nonzero(np.abs(picture - colour).max(axis=2) < 12)
    inside = y > 0.2 * height  # the legend is above
    assert inside.sum() > 4
    np.testing.assert_allclose(
        board._points[1], [x[inside].mean() / width, y[inside].mean() / height], atol=1.5 / width
    )


def test_the_map_writes_the_place_of_a_click_into_its_box(board, browser):
    """In a browser, with the same HTML and a bare box: what the inline handler does."""
    parts = Parts(board)
    assert "latent-explorer" in board.box._dom_classes and "latent-explorer-click" in parts.click._dom_classes
    page_html = (
        f'<div class="latent-explorer">{parts.map.value}<div class="latent-explorer-click" style="display: none">'
        "<input onchange=\"document.title = 'changed'\"></div></div>"
    )
    page = browser.new_page(viewport={"width": 300, "height": 600})  # narrower than the picture
    page.set_content(page_html)
    place, ring = (page.locator(what).bounding_box() for what in ("img", "span"))
    assert place["width"] <= 300
    page.mouse.click(ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2)  # through the ring
    found = np.array([float(share) for share in page.locator("input").input_value().split()])
    assert page.title() == "changed"
    page.close()
    np.testing.assert_allclose(found, board._points[0], atol=1.5 / place["width"])


def test_labels_are_text_and_no_html(slices):
    odd = {**slices, "labels": np.where(KINDS == "elve", "<b>&", "$x")}
    board = widgets.LatentExplorer(**odd, draw=lambda k, means: pulse(means), bands=BANDS)
    parts = Parts(board)
    assert (
        "&lt;b&gt;&amp;" in parts.said.value and "<b>" not in parts.said.value + parts.picture.value + parts.map.value
    )


def test_what_was_given_is_left_alone(slices):
    kept = {name: values.copy() for name, values in slices.items()}

    def draw(k: int, means: np.ndarray) -> np.ndarray:
        assert means.dtype == np.float32 and means.shape == (3,)
        means += 7  # a decoder may use it up
        return pulse(means - 7)

    board = widgets.LatentExplorer(**slices, draw=draw, bands=BANDS)
    board.choose(2)
    board.move(0, 0.3)
    assert board.means[0] == np.float32(0.3)
    board.choose(2)  # the one that is shown: as it was encoded
    assert np.array_equal(board.means, slices["means"][2].astype(np.float32))
    board.reset()
    for name, values in kept.items():
        assert np.array_equal(slices[name], values)


def test_one_slice_of_one_band_is_enough(slices):
    board = widgets.LatentExplorer(
        slices["photometry"][:1, :1],
        [[0.0, 0.0]],
        ["x"],
        [[0.5]],
        lambda k, z: np.full((1, N_SAMPLES), z[0]),
        ["a"],
        2.0,
    )
    board.step(1)
    assert board.index == 0
    board.move(0, 1.25)
    assert (board.curve == 1.25).all()


def test_the_network_of_chapter_4_goes_in_with_a_few_lines():
    torch.manual_seed(0)
    network = PhotometryVAE()
    rng = np.random.default_rng(1)
    readings = network.quanta.numpy() * rng.poisson(3, (4, 3, 5000)).astype(np.float32)
    batch = torch.from_numpy(readings.astype(np.float32))
    with torch.no_grad():
        codes, means = network.codes(network.steps(batch)), network.encode(batch)[0].numpy()

    @torch.no_grad()
    def draw(k: int, means: np.ndarray) -> np.ndarray:
        own = type(codes)(*(each[k : k + 1] for each in codes))
        location, _ = network.decode(torch.from_numpy(means)[None], own)
        return (location[0].clamp_min(0) * network.quanta).numpy()

    board = widgets.LatentExplorer(readings, rng.normal(size=(4, 2)), ["noise"] * 4, means, draw, BANDS)
    board.choose(3)
    np.testing.assert_allclose(board.curve, network.reconstruct(batch)[3].numpy(), rtol=1e-4, atol=1e-9)
    taken = []
    for k in (0, 1, 2, 3, 0, 1):
        start = time.process_time()
        board.choose(k)
        taken.append(time.process_time() - start)
    assert min(taken) < 0.2  # of the processor, which the machine's other work does not count in


def test_bad_input_is_refused_before_any_work(slices):
    def never(k: int, means: np.ndarray) -> np.ndarray:
        raise AssertionError("the decoder was asked")

    def refuses(match: str, bands: object = BANDS, **other: object) -> None:
        with pytest.raises(ValueError, match=match):
            widgets.LatentExplorer(**(slices | other), draw=never, bands=bands)

    nan = slices["photometry"].copy()
    nan[3, 1, 7] = np.nan
    refuses("photometry has NaN", photometry=nan)
    refuses("photometry has dtype", photometry=slices["photometry"].astype(str))
    refuses("places has NaN", places=np.full((N, 2), np.inf))
    for name in ("photometry", "places", "labels", "means"):
        refuses("same n ≥ 1", **{name: slices[name][:-1]})
        refuses("same n ≥ 1", **{name: slices[name][0]})
    refuses("same n ≥ 1", places=np.zeros((N, 3)))
    refuses("same n ≥ 1", means=np.zeros((N, 0)))
    refuses("same n ≥ 1", **{name: values[:0] for name, values in slices.items()})
    refuses("expected 3 names", bands=BANDS[:2])
    refuses("expected 3 names", bands="abc")
    refuses("9 kinds; expected 8", labels=np.arange(N) % 9)
    refuses("0 ms apart", sample_ms=0)
    refuses("expected at least 2", photometry=slices["photometry"][:, :, :1])


def test_a_decoder_that_gives_something_else_is_refused(slices):
    with pytest.raises(ValueError, match=r"has the shape \(3, 799\); expected .*\(3, 800\)"):
        widgets.LatentExplorer(**slices, draw=lambda k, means: pulse(means)[:, 1:], bands=BANDS)
    with pytest.raises(ValueError, match="NaN or infinite"):
        widgets.LatentExplorer(**slices, draw=lambda k, means: pulse(means) * np.nan, bands=BANDS)


def test_slices_and_units_that_are_not_there(board):
    for bad in (-1, N):
        with pytest.raises(IndexError, match="expected 0 to 11"):
            board.choose(bad)
    for bad in (-1, 3):
        with pytest.raises(IndexError, match="expected 0 to 2"):
            board.move(bad, 0.0)
    assert board.index == 0
