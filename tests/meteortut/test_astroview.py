"""AstroView without a browser: label files, folders of FITS files, pictures, curves, and what the buttons do."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Sequence
from pathlib import Path

import ipywidgets
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from meteortut import widgets
from meteortut.widgets.astroview import picture
from meteortut.widgets.astroview.label_file import HEADER, KINDS, LabelFile, write_whole
from meteortut.widgets.astroview.series import Panel, series_html

N = 40


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(0).normal(100, 5, (N, 24, 32)).astype(np.float32)


@pytest.fixture
def features() -> pd.DataFrame:
    values = np.random.default_rng(1).normal(size=(N, 2))
    return pd.DataFrame(values, columns=["sharpness", "blobs"]).assign(comment="text", clear=True)


@pytest.fixture
def scores() -> np.ndarray:
    scores = np.random.default_rng(2).uniform(0, 1, N)
    scores[[7, 20, 33]] = 10
    return scores


def shown(view: widgets.AstroView) -> np.ndarray:
    """The picture in the browser: ndarray of shape (height, width, 3), row 0 at the bottom."""
    data = re.search(r"base64,([^\"]+)", view.controls.picture.value)
    assert data, view.controls.picture.value
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data[1]))).convert("RGB"))[::-1]


# --- label files --------------------------------------------------------------------------------------------------------


def test_labels_are_there_after_a_restart(tmp_path):
    path = tmp_path / "labels.csv"
    file = LabelFile(path)
    file.put("a.fits", ["cloud", "trajectory"])
    file.put('odd, "name".fits', ["normal"])
    file.put("c.fits", ["ghost"])
    file.put("c.fits", [])
    assert LabelFile(path).labels == {"a.fits": ("trajectory", "cloud"), 'odd, "name".fits': ("normal",)}
    assert path.read_text().splitlines()[:2] == ["frame,labels", "a.fits,trajectory|cloud"]
    assert list(tmp_path.iterdir()) == [path], "temporary files are left"
    assert dict(pd.read_csv(path).to_numpy())["a.fits"] == "trajectory|cloud"


names = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=()), min_size=1).filter(str.strip)
kinds = st.sets(st.sampled_from(KINDS[:-1])) | st.just({"normal"})


@settings(max_examples=40, deadline=None)
@given(puts=st.lists(st.tuples(names, kinds), max_size=12))
def test_any_name_comes_back(tmp_path_factory, puts):
    """Also with quotes, commas, line separators of other alphabets, and bytes that are no UTF-8 (lone surrogates)."""
    puts = [(os.fsdecode(name.encode("utf-8", "replace")), kinds) for name, kinds in puts]
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    expected: dict[str, tuple[str, ...]] = {}
    for name, chosen in puts:
        LabelFile(path).put(name, chosen)
        expected.pop(name, None) if not chosen else expected.update({name: tuple(k for k in KINDS if k in chosen)})
    assert LabelFile(path).labels == expected
    assert LabelFile(path).problems == []


def test_a_file_name_that_is_no_utf8_comes_back(tmp_path):
    name = os.fsdecode(b"\xe9toile.fits")
    LabelFile(tmp_path / "l.csv").put(name, ["cloud"])
    assert LabelFile(tmp_path / "l.csv").labels == {name: ("cloud",)}
    assert b"\xe9toile.fits,cloud" in (tmp_path / "l.csv").read_bytes()


NONSENSE = [
    ("b.fits", "has 1 fields"),
    ("b.fits,cloud,ghost", "has 3 fields"),
    ("b.fits,clod", "unknown label 'clod'"),
    ("b.fits,", "no label"),
    (",cloud", "needs a name"),
    ('"b.fits,cloud', "cannot be read"),
    ("a.fits,ghost", "stands on line 2 already"),
    ("b.fits,normal|cloud", "not both"),
]


@pytest.mark.parametrize(("line", "reason"), NONSENSE)
def test_nonsense_is_named_and_kept_and_the_rest_holds(tmp_path, line, reason):
    path = tmp_path / "labels.csv"
    before = f"{HEADER}\na.fits,cloud\n{line}\nz.fits,normal\n"
    path.write_text(before)
    file = LabelFile(path)
    (problem,) = file.problems
    assert problem.startswith("line 3: ")
    assert reason in problem
    assert file.labels == {"a.fits": ("cloud",), "z.fits": ("normal",)}
    assert path.read_text() == before, "reading must not write"
    file.put("y.fits", ["slew"])
    assert path.read_text() == before + "y.fits,slew\n"
    assert file.problems == [problem]


def test_an_editor_may_leave_a_mark_other_line_ends_and_blank_lines(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes(b"\xef\xbb\xbfframe,labels\r\na.fits,cloud\r\n\r\nb.fits, ghost | slew\r\n\r\n")
    file = LabelFile(path)
    assert file.problems == []
    assert file.labels == {"a.fits": ("cloud",), "b.fits": ("slew", "ghost")}


@pytest.mark.parametrize("content", [b"time,flux\n1,2\n", b"frame;labels\na;cloud\n", b"\x89PNG\r\n\x1a\n\0\0"])
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="line 1 is"):
        LabelFile(path)
    assert path.read_bytes() == content


def test_an_empty_file_is_a_start(tmp_path):
    (tmp_path / "labels.csv").touch()
    LabelFile(tmp_path / "labels.csv").put("a", ["cloud"])
    assert LabelFile(tmp_path / "labels.csv").labels == {"a": ("cloud",)}


def test_two_windows_do_not_undo_each_other(tmp_path):
    one, two = LabelFile(tmp_path / "l.csv"), LabelFile(tmp_path / "l.csv")
    one.put("a", ["cloud"])
    two.put("b", ["slew"])
    one.put("c", ["ghost"])
    assert LabelFile(tmp_path / "l.csv").labels == one.labels
    assert one.labels == {"a": ("cloud",), "b": ("slew",), "c": ("ghost",)}


def test_a_file_that_is_removed_comes_back_whole(tmp_path):
    file = LabelFile(tmp_path / "l.csv")
    file.put("a", ["cloud"])
    (tmp_path / "l.csv").unlink()
    file.put("b", ["slew"])
    assert LabelFile(tmp_path / "l.csv").labels == {"a": ("cloud",), "b": ("slew",)}


def test_places_that_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match=r"a folder; expected a CSV file\. Take .*labels\.csv"):
        LabelFile(tmp_path)
    with pytest.raises(ValueError, match="there is no folder"):
        LabelFile(tmp_path / "no" / "labels.csv")
    if Path("/proc").is_dir():  # not writable for anybody, root included
        with pytest.raises(ValueError, match="cannot be written"):
            LabelFile("/proc/labels.csv")


def test_labels_that_make_no_sense_are_refused_before_writing(tmp_path):
    file = LabelFile(tmp_path / "l.csv")
    for frame, asked, reason in [
        ("a", ["clod"], "unknown"),
        ("a", ["normal", "slew"], "both"),
        ("a\nb", ["slew"], "one line"),
    ]:
        with pytest.raises(ValueError, match=reason):
            file.put(frame, asked)
    assert not (tmp_path / "l.csv").exists()


def test_saving_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    file = LabelFile(tmp_path / "l.csv")
    file.put("a", ["cloud"])

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        file.put("b", ["slew"])
    assert file.labels == {"a": ("cloud",)}
    assert (tmp_path / "l.csv").read_text() == f"{HEADER}\na,cloud\n"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.name != "posix", reason="links and permissions of POSIX")
def test_saving_keeps_permissions_and_links(tmp_path):
    real = tmp_path / "real.csv"
    real.write_text(f"{HEADER}\n")
    real.chmod(0o640)
    (tmp_path / "link.csv").symlink_to(real)
    LabelFile(tmp_path / "link.csv").put("a", ["cloud"])
    assert (tmp_path / "link.csv").is_symlink()
    assert real.read_text() == f"{HEADER}\na,cloud\n"
    assert real.stat().st_mode & 0o777 == 0o640


KILLED = """
import sys
from meteortut.widgets.astroview.label_file import LabelFile
file = LabelFile(sys.argv[1])
for k in range(100_000):
    file.put(f"frame {k}", ["cloud"])
    print(k, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_no_label_is_lost_when_the_process_is_killed(tmp_path):
    path = tmp_path / "labels.csv"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(30):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        said = 30 + len(process.stdout.readlines())
    file = LabelFile(path)
    assert file.problems == []
    assert len(file.labels) >= said
    assert list(file.labels) == [f"frame {k}" for k in range(len(file.labels))]


def test_write_whole_replaces_and_does_not_append(tmp_path):
    write_whole(tmp_path / "a", "long text")
    write_whole(tmp_path / "a", "short")
    assert (tmp_path / "a").read_text() == "short"


# --- a folder of FITS files ---------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path) -> Path:
    """Plain, gzipped and tile-compressed files of several sizes, one cut short, one no FITS at all, and other files."""
    folder = tmp_path / "night"
    folder.mkdir()
    dates = ["2026-03-01T00:00:05", "2026-03-01T00:00:00", None]
    for k, (name, date) in enumerate(zip(["f10.fits", "f2.FIT", "f1.fts"], dates, strict=True)):
        hdu = fits.PrimaryHDU(np.full((20 + k, 30), 100 + k, np.uint16))
        if date:
            hdu.header["DATE-OBS"] = date
        hdu.writeto(folder / name)
    packed = fits.CompImageHDU(np.arange(1200, dtype=np.int16).reshape(30, 40), compression_type="RICE_1")
    packed.header["DATE-OBS"] = "2026-03-01T00:00:02"
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(folder / "f4.fits.fz")
    (folder / "f3.fits.gz").write_bytes(gzip.compress((folder / "f10.fits").read_bytes()))
    (folder / "f5.fits").write_bytes((folder / "f10.fits").read_bytes()[:3000])
    (folder / "f6.fits").write_text("not FITS")
    for name in ("notes.txt", "preview.png", ".hidden.fits"):
        (folder / name).write_text("x")
    (folder / "sub.fits").mkdir()
    return folder


def test_a_folder_is_a_sequence_by_name(folder):
    frames = widgets.open_folder(folder)
    assert frames.names == ["f1.fts", "f2.FIT", "f3.fits.gz", "f4.fits.fz", "f5.fits", "f6.fits", "f10.fits"]
    assert frames.ignored == ["notes.txt", "preview.png"]
    assert frames[0].shape == (22, 30)
    assert frames[-1].shape == (20, 30)
    assert frames[3][1, 0] == 40
    assert frames[1:3].names == ["f2.FIT", "f3.fits.gz"]
    with pytest.raises(IndexError):
        frames[7]


def test_a_folder_by_date(folder):
    frames = widgets.open_folder(folder, order="date")
    assert frames.names[:4] == ["f2.FIT", "f4.fits.fz", "f3.fits.gz", "f5.fits"]
    assert frames.names[4] == "f10.fits"
    assert frames.names[5:] == ["f1.fts", "f6.fits"], "without a date: last, by name"


def test_folders_that_do_not_serve(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    for path, reason in [(folder / "no", "not there"), (folder / "f1.fts", "a file"), (tmp_path / "empty", "no FITS")]:
        with pytest.raises(ValueError, match=reason):
            widgets.open_folder(path)
    with pytest.raises(ValueError, match="'name' or 'date'"):
        widgets.open_folder(folder, order="size")


def test_files_that_cannot_be_read_say_why_and_the_others_are_shown(folder):
    view = widgets.AstroView(widgets.open_folder(folder))
    seen = []
    for k in range(len(view.names)):
        view.index = k
        seen.append("<img" in view.controls.picture.value)
    assert seen == [True, True, True, True, False, False, True]
    view.index = 4
    assert "claims" in view.controls.picture.value
    assert "f5.fits" in view.controls.picture.value
    view.index = 5
    assert "not FITS" in view.controls.picture.value
    assert "2 other files in the folder are ignored: notes.txt, preview.png" in view.controls.status.value
    view.toggle("obstruction")  # a file that cannot be read can still be labelled
    assert view.labels == {"f6.fits": ("obstruction",)}


def test_a_file_that_goes_away_is_said(folder):
    view = widgets.AstroView(widgets.open_folder(folder))
    (folder / "f2.FIT").unlink()
    view.step(1)
    assert "FileNotFoundError" in view.controls.picture.value


def test_frames_are_read_one_at_a_time_and_let_go():
    class Lazy(Sequence):
        def __init__(self):
            self.references, self.most = [], 0

        def __len__(self):
            return 3000

        def __getitem__(self, k):
            frame = np.full((50, 50), float(k))
            self.most = max(self.most, sum(r() is not None for r in self.references))
            self.references.append(weakref.ref(frame))
            return frame

    lazy = Lazy()
    view = widgets.AstroView(lazy)
    assert len(lazy.references) == 1, "only the first frame is read at the start"
    for _ in range(10):
        view.step(1)
    view.controls.stretch.value = "asinh"
    view.controls.limits.value = "full range"
    assert len(lazy.references) == 11, "another stretch reads nothing"
    assert lazy.most == 0, "a frame is still held when the next one is read"


# --- own folder, as the application opens it ----------------------------------------------------------------------------


def test_the_application_opens_a_folder(folder, tmp_path):
    table = tmp_path / "features.csv"
    table.write_text("frame,sharpness,score\nf2.FIT,1,5\nf1.fts,2,0.1\nelsewhere.fits,3,0.2\n")
    view = widgets.open_astroview(folder, features=table)
    assert view.features.sharpness.iloc[:2].tolist() == [2, 1], "rows follow the files"
    assert np.isnan(view.scores[2:]).all()
    view.toggle("cloud")
    assert (folder / "astroview_labels.csv").read_text() == f"{HEADER}\nf1.fts,cloud\n"
    assert widgets.open_astroview(folder).labels == {"f1.fts": ("cloud",)}


def test_the_application_measures_when_it_is_asked_to(folder):
    def measure(frames):
        brightness = [float(frame.mean()) for frame in frames]
        return pd.DataFrame({"brightness": brightness, "score": np.abs(np.subtract(brightness, 100))})

    box = widgets.open_astroview(folder, measure=measure)
    button, view = box.children
    view.toggle("cloud")
    button.click()
    (view,) = box.children
    expected = [102, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan]  # the others are cut short or of other sizes
    np.testing.assert_array_equal(view.features.brightness, expected)
    assert view.labels == {"f1.fts": ("cloud",)}
    again = widgets.open_astroview(folder, measure=measure)
    np.testing.assert_array_equal(again.scores, view.scores)
    assert again.names == [*view.names]


def test_frames_that_cannot_be_measured_can_still_be_labelled(folder):
    def measure(frames):
        raise ValueError("too dark")

    box = widgets.open_astroview(folder, measure=measure)
    box.children[0].click()
    refused, view = box.children
    assert "too dark" in refused.value
    view.toggle("cloud")
    assert view.labels == {"f1.fts": ("cloud",)}


def test_the_application_says_why_it_cannot_start(folder, tmp_path):
    table = tmp_path / "features.csv"
    table.write_text("a,b\nx.fits,1\n")
    (tmp_path / "other.csv").write_text("time,flux\n")
    for arguments, reason in [
        ({"folder": folder / "no"}, "not there"),
        ({"folder": folder, "features": table}, "no row of these frames"),
        ({"folder": folder, "features": tmp_path / "none.csv"}, "none.csv"),
        ({"folder": folder, "labels": tmp_path / "other.csv"}, "no file of labels"),
        ({"folder": folder, "order": "size"}, "order is"),
    ]:
        box = widgets.open_astroview(**arguments)
        assert not isinstance(box, widgets.AstroView)
        assert "AstroView cannot start" in box.value
        assert reason in box.value


# --- pictures and curves ------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    longest=st.integers(1, 70),
    holes=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_bins_are_means_of_the_pixels_with_a_value(height, width, longest, holes, seed):
    rng = np.random.default_rng(seed)
    frame = np.where(rng.uniform(size=(height, width)) < holes, np.nan, rng.normal(1000, 30, (height, width)))
    image = picture.binned(frame, longest)
    k = -(-max(height, width) // longest)
    assert max(image.shape) <= longest
    assert image.shape == (-(-height // k), -(-width // k))
    for y in range(image.shape[0]):
        block = frame[y * k : (y + 1) * k, :k]
        expected = np.nanmean(block) if np.isfinite(block).any() else np.nan
        np.testing.assert_allclose(image[y, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64, bool, ">i2"])
def test_any_kind_of_number_is_drawn(dtype):
    frame = np.arange(12).reshape(3, 4).astype(dtype)
    image = picture.binned(frame)
    np.testing.assert_array_equal(image, frame.astype(float))
    assert picture.png(image, *picture.limits(image, "zscale"), "asinh").startswith(b"\x89PNG")


def test_sums_of_small_integers_do_not_overflow():
    assert picture.binned(np.full((100, 100), 60000, np.uint16), longest=10).max() == 60000


def test_numbers_beyond_all_measure_have_no_value():
    frame = np.array([[1, 2, 3], [4, 1e300, -1e38], [np.inf, -np.inf, np.nan]])
    assert np.isnan(picture.binned(frame)).sum() == 5
    assert np.isnan(picture.binned(frame, longest=1)).sum() == 0


def test_masked_pixels_have_no_value():
    frame = np.ma.masked_equal(np.array([[1, 2], [3, 4]]), 4)
    assert np.isnan(picture.binned(frame)).tolist() == [[False, False], [False, True]]


@pytest.mark.parametrize(
    "frame", [np.zeros(5), np.zeros((2, 2, 2)), np.zeros((0, 5)), np.zeros((2, 2), complex), np.full((2, 2), "a")]
)
def test_what_is_no_frame(frame):
    with pytest.raises((ValueError, TypeError), match="expected"):
        picture.binned(frame)


def test_stretches_rise_and_clip_and_nan_is_a_colour_of_its_own():
    ramp = np.linspace(-10, 110, 100, dtype=np.float32)[None]
    ramp[0, 50] = np.nan
    for stretch in picture.STRETCHES:
        drawn = np.asarray(Image.open(io.BytesIO(picture.png(ramp, 0, 100, stretch))).convert("RGB")).astype(int)[0]
        grey = np.delete(drawn, 50, axis=0)
        assert (np.diff(grey[:, 0]) >= 0).all()
        assert grey[0].tolist() == [0, 0, 0]
        assert grey[-1].tolist() == [255, 255, 255]
        assert len(set(drawn[50].tolist())) > 1, "grey is taken by values"
    linear, asinh = (
        np.asarray(Image.open(io.BytesIO(picture.png(ramp, 0, 100, how))).convert("L")).astype(int)[0]
        for how in picture.STRETCHES
    )
    assert asinh[20] > linear[20], "asinh lifts the faint end"


def test_limits_follow_their_rules():
    image = np.random.default_rng(0).normal(100, 5, (200, 200)).astype(np.float32)
    image[0, 0] = 60000
    assert picture.limits(image, "full range")[1] == pytest.approx(60000, rel=1e-3)
    low, high = picture.limits(image, "percentile")
    assert low < 90 < 110 < high < 130
    assert picture.limits(image, "zscale")[1] < 200
    assert picture.limits(np.full((5, 5), 7.0), "zscale") == (7, 7)
    spot = np.zeros((100, 100), np.float32)
    spot[5, 5] = 1
    for how in ("zscale", "percentile", "full range"):
        assert picture.limits(spot, how) == (0, 1), "one pixel that differs is still seen"
    with pytest.raises(ValueError, match="no pixel has a value"):
        picture.limits(np.full((2, 2), np.nan), "zscale")


def points(path: str) -> np.ndarray:
    return np.array(re.findall(r"[ML]([\d.-]+) ([\d.-]+)", path), float)


def test_curves_keep_their_extremes_and_their_gaps():
    n = 5000
    values = np.zeros(n)
    values[1234], values[4000], values[2000:2050] = 9, -9, np.nan
    drawn = series_html([Panel("a", values)], np.zeros(n, bool), np.zeros(n, bool))
    curve = points(re.search(r'<path d="([^"]+)" stroke="#222"', drawn)[1])
    assert curve[curve[:, 1].argmin(), 0] == pytest.approx(1000 * 1234.5 / n, abs=0.1), "SVG counts downwards"
    assert curve[curve[:, 1].argmax(), 0] == pytest.approx(1000 * 4000.5 / n, abs=0.1)
    assert not ((curve[:, 0] > 400.5) & (curve[:, 0] < 409.5)).any()


@pytest.mark.parametrize("values", [np.full(10, np.nan), np.full(10, 3.0), np.array([1.0]), np.array([np.inf, 1, 2])])
def test_curves_of_little(values):
    none = np.zeros(len(values), bool)
    drawn = series_html([Panel("<b>", values, 2.0)], none, ~none)
    assert "&lt;b&gt;" in drawn
    assert "nan" not in re.sub(r'aria-label="[^"]*"', "", drawn)


# --- the dashboard ------------------------------------------------------------------------------------------------------


def test_the_first_view(frames, features, scores):
    view = widgets.AstroView(frames, features, scores)
    assert view.index == 0
    assert view.controls.feature.options == ("sharpness", "blobs", "clear"), "text is left out"
    assert view.is_anomaly.nonzero()[0].tolist() == [7, 20, 33]
    drawn = shown(view)
    assert drawn.shape == (24, 32, 3)
    brighter = frames[0] > np.median(frames[0])
    assert drawn[brighter].mean() > drawn[~brighter].mean() + 50


def test_steps_move_the_picture_and_the_marker_and_stop_at_the_ends(frames, scores):
    view = widgets.AstroView(frames, scores=scores)
    steps, before = view.controls.steps, (view.controls.picture.value, view.controls.marker.value)
    steps["next"].click()
    assert view.index == view.controls.number.value == 1
    assert view.controls.picture.value != before[0]
    assert view.controls.marker.value != before[1]
    steps["next anomaly"].click()
    steps["next anomaly"].click()
    assert view.index == 20
    steps["previous anomaly"].click()
    assert view.index == 7
    steps["previous anomaly"].click()
    assert view.index == 7
    assert "There is no anomaly before" in view.controls.status.value
    view.controls.number.value = N - 1
    assert view.index == N - 1
    steps["next"].click()
    assert view.index == N - 1
    assert "There is no frame after" in view.controls.status.value


def test_the_threshold_decides_what_an_anomaly_is(frames, scores):
    view = widgets.AstroView(frames, scores=np.where(np.arange(N) == 3, np.nan, scores))
    marks = view.controls.series.value
    view.controls.threshold.value = 0.0
    assert view.controls.threshold.value == np.delete(scores, 3).min(), "the scale begins at the lowest score"
    assert view.is_anomaly.sum() == N - 2, "neither NaN nor the lowest score is above"
    assert view.controls.series.value != marks
    view.controls.threshold.value = 10
    assert view.is_anomaly.sum() == 0


def test_another_feature_draws_another_curve(frames, features):
    view = widgets.AstroView(frames, features)
    before = view.controls.series.value
    view.controls.feature.value = "blobs"
    assert view.controls.series.value != before
    assert view.controls.steps["next anomaly"].disabled, "there are no scores"


def test_a_step_does_not_draw_the_curves_again(frames, features, scores):
    view = widgets.AstroView(frames, features, scores)
    changes = []
    view.controls.series.observe(changes.append, "value")
    view.step(1)
    assert changes == []
    view.toggle("cloud")
    assert len(changes) == 1, "a labelled frame is marked"


def test_several_labels_or_normal(frames, tmp_path):
    view = widgets.AstroView(frames, labels=tmp_path / "l.csv")
    for kind in ("cloud", "ghost", "cloud", "slew"):
        view.controls.labels[kind].click()
    assert view.labels == {"frame 00000": ("slew", "ghost")}
    assert "✓" in view.controls.labels["ghost"].description
    assert "✓" not in view.controls.labels["cloud"].description
    view.toggle("normal")
    assert view.labels == {"frame 00000": ("normal",)}
    view.toggle("background")
    assert view.labels == {"frame 00000": ("background",)}
    view.step(1)
    assert "✓" not in view.controls.labels["background"].description
    again = widgets.AstroView(frames, labels=tmp_path / "l.csv")
    assert again.labels == view.labels
    assert "✓" in again.controls.labels["background"].description


def test_filters_rule_the_steps(frames, scores):
    view = widgets.AstroView(frames, scores=scores)
    for k, kind in [(5, "cloud"), (7, "cloud"), (9, "ghost")]:
        view.index = k
        view.toggle(kind)
    view.controls.filter.value = "cloud"
    assert view.index == 7, "none after frame 9: the nearest before"
    view.step(-1)
    assert view.index == 5
    view.controls.filter.value = "unlabelled"
    assert view.index == 6
    view.step(1)
    assert view.index == 8
    view.index = 0
    view.step(1, anomaly=True)
    assert view.index == 20, "frame 7 is labelled already"
    view.controls.filter.value = "anomalies"
    view.step(-1)
    assert view.index == 7
    view.controls.filter.value = "slew"
    assert view.index == 7, "no frame passes: stay"
    view.step(1)
    assert "There is no frame" in view.controls.status.value


def test_limits_by_hand(frames):
    view = widgets.AstroView(frames)
    automatic = (view.controls.low.value, view.controls.high.value)
    assert view.controls.limits.value == "zscale"
    view.controls.high.value = 101
    assert view.controls.limits.value == "by hand"
    assert view.controls.low.value == automatic[0]
    np.testing.assert_array_equal(shown(view)[frames[0] >= 101], 255)
    view.step(1)
    assert (view.controls.low.value, view.controls.high.value) == (automatic[0], 101), "they hold for the next frame"
    view.controls.low.value = 500
    assert "expected low ≤ high" in view.controls.picture.value
    view.controls.limits.value = "zscale"
    assert "<img" in view.controls.picture.value


def test_odd_frames_are_shown_as_what_they_are():
    odd = [np.full((5, 5), np.nan), np.full((5, 5), 3), np.eye(4), np.zeros(7), np.array([[1, np.nan], [np.inf, 2]])]
    view = widgets.AstroView(odd)
    assert "no pixel has a value" in view.controls.picture.value
    view.step(1)
    assert "Every pixel has the same value" in view.controls.picture.value
    view.step(1)
    assert shown(view).shape == (4, 4, 3), "sizes may differ"
    view.step(1)
    assert "expected (height, width)" in view.controls.picture.value
    view.step(1)
    assert "50 % without a value" in view.controls.status.value


def test_row_0_is_at_the_bottom():
    frame = np.zeros((1, 10, 10))
    frame[0, 0] = 1
    view = widgets.AstroView(frame)
    assert shown(view)[0].min() > shown(view)[1:].max()


def test_the_table_has_all_there_is(frames, features, scores, tmp_path):
    view = widgets.AstroView(frames, features.assign(score=0.0), scores, labels=tmp_path / "l.csv")
    view.toggle("cloud")
    view.toggle("slew")
    table = view.table()
    assert len(table) == N
    assert table.labels.iloc[0] == "slew|cloud"
    assert table.loc["frame 00000", ["cloud", "slew", "ghost"]].tolist() == [True, True, False]
    assert table.columns.is_unique
    np.testing.assert_array_equal(table.score, scores)
    view.controls.export.click()
    written = pd.read_csv(tmp_path / "l_table.csv", index_col="frame", keep_default_na=False)
    assert written.labels.iloc[0] == "slew|cloud"
    np.testing.assert_allclose(written.sharpness.astype(float), features.sharpness)


def test_labels_go_with_the_name_and_not_with_the_place(frames, features, tmp_path):
    named = features.set_axis([f"night{k}" for k in range(N)])
    view = widgets.AstroView(frames, named, labels=tmp_path / "l.csv")
    view.index = 4
    view.toggle("cloud")
    turned = widgets.AstroView(frames[::-1], named[::-1], labels=tmp_path / "l.csv")
    assert turned.labels == {"night4": ("cloud",)}
    others = widgets.AstroView(frames, labels=tmp_path / "l.csv")
    assert others.labels == {}
    assert "1 rows in there are of frames that are not here" in others.controls.status.value
    others.toggle("slew")
    assert LabelFile(tmp_path / "l.csv").labels == {"night4": ("cloud",), "frame 00000": ("slew",)}


def test_a_label_that_cannot_be_saved_is_said_and_not_shown(frames, tmp_path):
    path = tmp_path / "l.csv"
    view = widgets.AstroView(frames, labels=path)
    view.toggle("cloud")
    path.write_text("somebody wrote over it\n")
    view.toggle("slew")
    assert "NOT SAVED" in view.controls.alert.value
    assert "line 1" in view.controls.alert.value
    assert view.labels == {"frame 00000": ("cloud",)}
    assert path.read_text() == "somebody wrote over it\n"


def test_lines_of_nonsense_are_named_on_the_dashboard(frames, tmp_path):
    path = tmp_path / "l.csv"
    path.write_text(f"{HEADER}\nframe 00000,cloud\n<b>,clod\n")
    view = widgets.AstroView(frames, labels=path)
    assert "line 3" in view.controls.alert.value
    assert "&lt;b&gt;" in view.controls.alert.value
    assert view.labels == {"frame 00000": ("cloud",)}
    path.write_text(f"{HEADER}\n" + "nonsense\n" * 500)
    assert "and 492 lines more" in widgets.AstroView(frames, labels=path).controls.alert.value


class Named(list):
    names = ("a", "b")


@pytest.mark.parametrize(
    ("arguments", "error", "reason"),
    [
        (("folder",), TypeError, "open_folder"),
        ((np.zeros((5, 5)),), ValueError, r"Add a time axis: frames\[None\]"),
        ((np.zeros((5, 5, 5, 3)),), ValueError, "expected \\(n_frames, height, width\\)"),
        ((np.zeros((0, 5, 5)),), ValueError, "no frame to show"),
        (([],), ValueError, "no frame to show"),
        ((iter([np.eye(2)]),), TypeError, "Take list"),
        (({"a": np.eye(2)},), TypeError, "sequence"),
        (([np.eye(2)] * 2, pd.DataFrame({"x": [1.0]})), ValueError, "1 rows for 2 frames"),
        (([np.eye(2)] * 2, pd.DataFrame({"x": ["a", "b"]})), ValueError, "no numeric column"),
        (([np.eye(2)] * 2, [[1], [2]]), TypeError, "expected a DataFrame"),
        (([np.eye(2)] * 2, pd.DataFrame([[1, 2]] * 2, columns=["x", "x"])), ValueError, "same name"),
        (([np.eye(2)] * 2, pd.DataFrame({"x": [1, 2]}, index=["a", "a"])), ValueError, "frames of one name"),
        ((Named([np.eye(2)] * 2), pd.DataFrame({"x": [1, 2]}, index=["b", "a"])), ValueError, "another order"),
        ((Named([np.eye(2)] * 3),), ValueError, "2 names for 3 frames"),
        (([np.eye(2)] * 2, None, [1.0]), ValueError, r"expected \(2,\)"),
        (([np.eye(2)] * 2, None, ["a", "b"]), TypeError, "expected numbers"),
    ],
)
def test_bad_input_is_refused(arguments, error, reason):
    with pytest.raises(error, match=reason):
        widgets.AstroView(*arguments)


def test_labels_on_a_folder_are_refused_before_a_frame_is_read(tmp_path):
    with pytest.raises(ValueError, match="a folder"):
        widgets.AstroView([np.eye(2)], labels=tmp_path)


def test_the_saved_state_of_a_page_stays_small():
    """Noise is the worst for PNG; marks and curves of 20 000 frames are the worst for the series."""
    n, rng = 20_000, np.random.default_rng(0)
    frame = rng.integers(0, 60000, (3000, 3000)).astype(np.uint16)
    features = pd.DataFrame(rng.normal(size=(n, 20))).add_prefix("feature_")
    manager = ipywidgets.Widget.get_manager_state
    before = len(json.dumps(manager()))
    view = widgets.AstroView([frame] * n, features, rng.normal(size=n))
    view.controls.threshold.value = 0
    grown = len(json.dumps(manager())) - before
    assert grown < 1_000_000


def test_the_first_view_of_3000_frames_takes_less_than_5_seconds(tmp_path):
    hdu = fits.PrimaryHDU(np.random.default_rng(0).normal(1000, 10, (512, 512)).astype(np.float32))
    hdu.writeto(tmp_path / "f0.fits")
    for k in range(1, 3000):
        os.link(tmp_path / "f0.fits", tmp_path / f"f{k}.fits")
    features = pd.DataFrame(np.random.default_rng(1).normal(size=(3000, 15))).add_prefix("feature_")
    start = time.perf_counter()
    view = widgets.AstroView(widgets.open_folder(tmp_path), features, features.feature_0, tmp_path / "labels.csv")
    first = time.perf_counter() - start
    start = time.perf_counter()
    view.toggle("cloud")
    view.step(1)
    assert first < 5
    assert time.perf_counter() - start < 1
