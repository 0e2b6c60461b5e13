"""The .ts text format: the two real files, and files that lie."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_fetch.readers.errors import UnreadableFile
from data_fetch.readers.ts import MAX_LINE, read_ts

HEADER = """# a comment
@problemName Toy
@timeStamps false
@missing false
@univariate false
@dimensions 2
@equalLength true
@seriesLength 3
@classLabel true 0 1
@data
"""
TOY = HEADER + "1,2,3:4,5,6:0\n-1.5,2e3,.5:7,8,9:1\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ts")


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "toy.ts"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(("part", "n_series"), [("TRAIN", 70), ("TEST", 73)])
def test_lightning7_has_the_published_shape(real_file, part, n_series):
    (path,) = real_file("lightning7", f"_{part}.ts")
    series, labels = read_ts(path)
    assert series.shape == (n_series, 1, 319) and series.dtype == np.float64 and np.isfinite(series).all()
    assert (
        labels.dtype == np.int64 and set(labels) == set(range(7)) and sum(Counter(labels.tolist()).values()) == n_series
    )
    # Each series was scaled to mean 0 and deviation 1 by its publishers.
    np.testing.assert_allclose(series.mean(axis=2), 0, atol=1e-6)
    np.testing.assert_allclose(series.std(axis=2, ddof=1), 1, atol=1e-6)


def test_every_file_of_the_data_set_is_read(real_file):
    assert len(real_file("lightning7")) == 2


def test_channels_and_labels_keep_their_order(folder):
    series, labels = read_ts(write(folder, TOY))
    assert series.tolist() == [[[1, 2, 3], [4, 5, 6]], [[-1.5, 2000, 0.5], [7, 8, 9]]] and labels.tolist() == [0, 1]


def test_labels_that_are_words_stay_words(folder):
    text = TOY.replace("true 0 1", "true cat 1").replace(":0\n", ":cat\n")
    _, labels = read_ts(write(folder, text))
    assert labels.tolist() == ["cat", "1"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_byte_order_mark_and_capitals_do_not_matter(folder, end):
    text = TOY.replace("\n", end).replace("@data", "@DATA").replace("@classLabel true", "@CLASSLABEL True")
    assert read_ts(write(folder, b"\xef\xbb\xbf" + text.encode()))[0].shape == (2, 2, 3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("@equalLength true", "@equalLength false", "unequal"),
        ("4,5,6:0", "4,5:0", "unequal|do not fit"),
        ("7,8,9:1", "7,8:1", "unequal"),
        ("7,8,9:1", "7,8,9,10:1", "unequal"),
        ("7,8,9:1", "1", "channels"),
        ("@missing false", "@missing true", "missing"),
        ("-1.5", "?", "missing"),
        ("-1.5", "NaN", "NaN"),
        ("-1.5", "-inf", "infinity"),
        ("-1.5", "", "missing"),
        ("-1.5", "1.2.3", "numbers"),
        ("-1.5", "\uff11\uff12", "."),
        ("@timeStamps false", "@timeStamps true", "time stamps"),
        ("1,2,3:", "(0,1),(1,2),(2,3):", "samples"),
        ("@classLabel true 0 1", "@classLabel false", "class"),
        ("@classLabel true 0 1", "@classLabel true", "classes"),
        ("@classLabel true 0 1", "@classLabel", "classes"),
        ("@classLabel true 0 1\n", "", "classes"),
        ("@classLabel true 0 1", "@targetLabel true", "classes"),
        (":1\n", ":2\n", "label"),
        ("@seriesLength 3", "@seriesLength 4", "samples"),
        ("@seriesLength 3", "@seriesLength 99999999999999999999", "seriesLength"),
        ("@seriesLength 3", "@seriesLength 99999999", "do not fit"),
        ("@seriesLength 3", "@seriesLength -3", "seriesLength"),
        ("@data\n", "", "@data"),
        ("@missing false", "missing false", "before @data"),
        ("1,2,3:4,5,6:0\n-1.5,2e3,.5:7,8,9:1\n", "", "0 series"),
        ("Toy", "Z\u00fcrich", ""),
    ],
)
def test_what_the_reader_cannot_use_is_refused_with_its_reason(folder, old, new, message):
    assert old in TOY
    changed = write(folder, TOY.replace(old, new))
    if not message or new == "\uff11\uff12":  # harmless: a name in UTF-8, digits that Python reads too
        assert read_ts(changed)[0].shape == (2, 2, 3)
        return
    with pytest.raises(UnreadableFile, match=message):
        read_ts(changed)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        bytes(3000),
        b"\xff\xd8\xff\xe0" + bytes(100),
        TOY.replace("Toy", "Z\u00fcrich").encode("latin-1"),
        TOY.encode("utf-16"),
        HEADER.encode() + b"1," * (MAX_LINE // 2) + b"1:0\n",
        HEADER.encode() + b"1:2:0\n" * 200_001,
        HEADER.encode() + b":" * 1_000_000,
        b"@data\n1:0\n",
        b"@\n@data\n1:0\n",
    ],
    ids=["empty", "newline", "zeros", "jpeg", "latin-1", "utf-16", "endless line", "many", "colons", "bare", "at"],
)
def test_hostile_files_are_refused(folder, content):
    with pytest.raises(UnreadableFile, match="cannot be read"):
        read_ts(write(folder, content))


def test_a_file_cut_anywhere_is_refused_or_shorter(folder):
    content = TOY.encode()
    for k in range(len(content).bit_length()):
        if len(part := content[: 1 << k]) < len(content):
            with pytest.raises(UnreadableFile):
                read_ts(write(folder, part))


def test_a_real_file_cut_short_never_gives_half_a_series(folder, real_file):
    content = real_file("lightning7", "_TRAIN.ts")[0].read_bytes()
    for k in range(len(content).bit_length()):
        try:
            series, labels = read_ts(write(folder, content[: 1 << k]))
        except UnreadableFile:
            continue
        assert series.shape[1:] == (1, 319) and len(series) == len(labels) == 70


def test_a_folder_is_refused_and_a_missing_file_is_missing(folder):
    with pytest.raises(UnreadableFile, match="not a file"):
        read_ts(folder)
    with pytest.raises(FileNotFoundError):
        read_ts(folder / "nothing.ts")


@settings(max_examples=100, deadline=None)
@given(start=st.integers(0, len(TOY)), length=st.integers(1, 60), again=st.booleans())
def test_a_file_with_a_piece_lost_or_doubled_is_read_or_refused(folder, start, length, again):
    piece = TOY[start : start + length]
    try:
        series, labels = read_ts(write(folder, TOY[:start] + piece * 2 * again + TOY[start + length :]))
    except UnreadableFile:
        return
    assert series.ndim == 3 and len(series) == len(labels) and np.isfinite(series).all()


@settings(max_examples=100, deadline=None)
@given(edits=st.lists(st.tuples(st.integers(0, len(TOY) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_mutated_file_is_read_or_refused(folder, edits):
    content = bytearray(TOY.encode())
    for place, value in edits:
        content[place] = value
    try:
        series, labels = read_ts(write(folder, bytes(content)))
    except UnreadableFile:
        return
    assert series.ndim == 3 and len(series) == len(labels) and np.isfinite(series).all()
