"""MMIA: the real label table, level-1 FITS files made here, and files that lie."""

from __future__ import annotations

import io
import struct
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from data_fetch.readers.errors import UnreadableFile
from data_fetch.readers.mmia import MAX_UNPACKED, read_mmia_fits, read_mmia_labels

NAME = "mmiatriggeredobservationtmlevel1_observation_time_2019-01-03_14-08-00_observation_id_10505.fits"
TABLE = [
    ["File Number", "File Name", "Frame Number", "Classification", None, "Possible Classes", "Acronym"],
    [0.0, NAME, 0.0, "HCLA", None, "High Correlation, High Activity", "HCHA"],
    [None, None, 1.0, "N"],
    [],
]
SHEET = "xl/worksheets/sheet1.xml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mmia")


def write(folder: Path, content: bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def workbook(rows: list[list[object]]) -> bytes:
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(buffer)
    return buffer.getvalue()


def repacked(content: bytes, changes: dict[str, bytes | None], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Change or drop members of a zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(buffer, "w", method) as target:
        members = {name: source.read(name) for name in source.namelist()} | changes
        for name, member in members.items():
            if member is not None:
                target.writestr(name, member)
    return buffer.getvalue()


def powers_of_two(content: bytes) -> list[bytes]:
    return [content[: 1 << k] for k in range(len(content).bit_length()) if 1 << k < len(content)]


WORKBOOK = workbook(TABLE)


# --------------------------------------------------------------------------------------------------------- label table


def test_the_real_table_has_the_published_counts(real_file):
    (path,) = real_file("mmia-labels")
    table = read_mmia_labels(path)
    assert table["classification"].value_counts().to_dict() == {
        "LCLA": 143,
        "N": 120,
        "HCLA": 115,
        "LCHA": 92,
        "HCHA": 85,
    }
    assert len(table) == 555 and table["file_name"].nunique() == 50 and not table.isna().any().any()
    assert table["file_number"].drop_duplicates().tolist() == list(range(50))
    # Within each file the slices are counted from 0 without a gap.
    assert (table.groupby("file_number")["frame_number"].transform(lambda n: n - np.arange(len(n))) == 0).all()
    assert (table["first_sample"] == 5000 * table["frame_number"]).all() and table["first_sample"].max() == 65_000
    assert table["observation_time"].min() == pd.Timestamp("2019-01-03T14:08:00Z")
    assert [str(kind) for kind in table.dtypes[["file_number", "frame_number", "observation_id"]]] == ["int64"] * 3


def test_names_are_carried_down(folder):
    table = read_mmia_labels(write(folder, WORKBOOK))
    assert table["file_name"].tolist() == [NAME, NAME] and table["classification"].tolist() == ["HCLA", "N"]
    assert table["observation_id"].tolist() == [10505, 10505] and table["first_sample"].tolist() == [0, 5000]


def changed(row: int, column: int, value: object) -> bytes:
    rows = [list(cells) for cells in TABLE]
    rows[row][column] = value
    return workbook(rows)


BAD_TABLES = {
    "no column": changed(0, 2, "Frame"),
    "no heading": workbook(TABLE[1:]),
    "no rows": workbook(TABLE[:1]),
    "no cells": workbook([]),
    "unknown class": changed(2, 3, "XCLA"),
    "no class": changed(2, 3, None),
    "no file": changed(1, 1, None),
    "another file": changed(1, 1, "image.fits"),
    "a number for a file": changed(1, 1, 3),
    "half a frame": changed(2, 2, 0.5),
    "no frame": changed(2, 2, None),
    "a negative frame": changed(2, 2, -1),
    "an endless frame": changed(2, 2, 1e300),
    "a word for a frame": changed(2, 2, "first"),
    "no file number": changed(1, 0, None),
}


@pytest.mark.parametrize("kind", BAD_TABLES)
def test_a_table_with_a_bad_cell_is_refused(folder, kind):
    with pytest.raises(UnreadableFile, match="expected"):
        read_mmia_labels(write(folder, BAD_TABLES[kind]))


def sheet_xml() -> bytes:
    with zipfile.ZipFile(io.BytesIO(WORKBOOK)) as archive:
        return archive.read(SHEET)


LAUGHS = "".join(f'<!ENTITY a{k} "{f"&a{k - 1};" * 10 if k else "ha" * 10}">' for k in range(10)).encode()
HOSTILE_BOOKS = {
    "empty": b"",
    "not zip": b"PK\x03\x04" + bytes(500),
    "old Excel": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000),
    "text": b"File Number,File Name\n" * 10,
    "no sheet part": repacked(WORKBOOK, {SHEET: None}),
    "no workbook part": repacked(WORKBOOK, {"xl/workbook.xml": None}),
    "no content types": repacked(WORKBOOK, {"[Content_Types].xml": None}),
    "broken sheet": repacked(WORKBOOK, {SHEET: sheet_xml()[:200]}),
    "billion laughs": repacked(WORKBOOK, {SHEET: b"<!DOCTYPE r [" + LAUGHS + b"]>" + sheet_xml()}),
    "external entity": repacked(WORKBOOK, {"xl/workbook.xml": b'<!DOCTYPE r SYSTEM "file:///etc/hostname"><r/>'}),
    "utf-16": repacked(WORKBOOK, {SHEET: sheet_xml().decode().encode("utf-16")}),
    "bzip2": repacked(WORKBOOK, {}, zipfile.ZIP_BZIP2),
    "zip bomb": repacked(WORKBOOK, {SHEET: bytes(MAX_UNPACKED + 1)}),
    "many members": repacked(WORKBOOK, {f"x/{k}": b"" for k in range(2000)} | {SHEET: b""}),
    "endless row number": repacked(WORKBOOK, {SHEET: sheet_xml().replace(b'<row r="2"', b'<row r="99999999999"')}),
    "far column": repacked(WORKBOOK, {SHEET: sheet_xml().replace(b'r="A1"', b'r="ZZZZZZZ1"')}),
}


@pytest.mark.parametrize("kind", HOSTILE_BOOKS)
def test_hostile_workbooks_are_refused(folder, kind):
    with pytest.raises(UnreadableFile, match="cannot be read"):
        read_mmia_labels(write(folder, HOSTILE_BOOKS[kind]))


def test_a_zip_bomb_that_lies_about_its_size_stays_small(folder):
    """The directory says 100 bytes; the stream holds 64 MB of zeros."""
    n = 64 << 20
    content = repacked(WORKBOOK, {"xl/theme/theme1.xml": bytes(n)})
    lying = content.replace(struct.pack("<I", n), struct.pack("<I", 100))
    path = write(folder, lying)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFile):
            read_mmia_labels(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_workbook_cut_anywhere_is_refused(folder):
    for part in powers_of_two(WORKBOOK):
        with pytest.raises(UnreadableFile):
            read_mmia_labels(write(folder, part))


@settings(max_examples=100, deadline=None)
@given(data=st.data(), inside=st.booleans())
def test_a_mutated_workbook_is_read_or_refused(folder, data, inside):
    """Bytes of the archive, or of the XML in it (where no checksum helps)."""
    part = data.draw(st.sampled_from([SHEET, "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml"]))
    with zipfile.ZipFile(io.BytesIO(WORKBOOK)) as archive:
        content = bytearray(archive.read(part) if inside else WORKBOOK)
    edits = st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), min_size=1, max_size=5)
    for place, value in data.draw(edits):
        content[place] = value
    try:
        table = read_mmia_labels(
            write(folder, repacked(WORKBOOK, {part: bytes(content)}) if inside else bytes(content))
        )
    except UnreadableFile:
        return
    assert len(table) and table["classification"].isin(["HCHA", "HCLA", "LCHA", "LCLA", "N"]).all()


# --------------------------------------------------------------------------------------------------------- level 1 FITS


def level1(
    n_samples: list[int], form: str = "P", unit: str | None = None, rename: dict[str, str] | None = None
) -> bytes:
    """A file as public code describes it: a row per frame, a ramp in each photometer. Form P: variable length."""
    frames = [np.arange(n, dtype=np.float32) for n in n_samples]
    names = rename or {}
    columns = [
        fits.Column("observation_id", "J", array=np.full(len(frames), 10505)),
        fits.Column("frame_number", "J", array=np.arange(len(frames))),
        fits.Column(
            "frame_time_phot", "32A", array=[f"2019-01-03T14:08:0{i}.250000+00:00" for i in range(len(frames))]
        ),
        fits.Column("PHOT1Data_exists", "L", array=np.ones(len(frames), dtype=bool)),
    ]
    for i in (1, 2, 3):
        kind = "PE()" if form == "P" else f"{n_samples[0]}{form}"
        array = np.empty(len(frames), dtype=object) if form == "P" else np.stack(frames) * i
        if form == "P":
            array[:] = [frame * i for frame in frames]
        name = f"PHOT{i}_photon_flux"
        columns.append(fits.Column(names.get(name, name), kind, unit=unit, array=array))
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = fits.BinTableHDU.from_columns(columns)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(buffer)
    return buffer.getvalue()


FITS = level1([6, 4])
FIXED = level1([5, 5], form="E")


def test_frames_become_rows_in_band_order(folder):
    table = read_mmia_fits(write(folder, FITS))
    assert list(table.columns) == ["observation_id", "frame_number", "centre", "photometry", "time_s"]
    first, second = table["photometry"]
    assert first.shape == (3, 6) and first.dtype == np.float32 and second.shape == (3, 4)
    assert first[:, 2].tolist() == [2, 4, 6]
    np.testing.assert_allclose(np.concatenate(list(table["time_s"])), 1e-5 * np.arange(10))
    assert table["centre"].tolist() == [pd.Timestamp(f"2019-01-03T14:08:0{i}.25Z") for i in (0, 1)]
    assert table["observation_id"].tolist() == [10505, 10505] and table["frame_number"].tolist() == [0, 1]


@pytest.mark.parametrize(("form", "kind"), [("E", np.float32), ("D", np.float64), ("J", np.int32), ("I", np.int16)])
def test_fixed_lengths_of_any_number_type_are_read(folder, form, kind):
    table = read_mmia_fits(write(folder, level1([5, 5], form=form)))
    assert [frame.shape for frame in table["photometry"]] == [(3, 5)] * 2 and np.dtype(kind)
    assert table["photometry"][0].dtype == np.float32 and table["photometry"][1][2].tolist() == [0, 3, 6, 9, 12]


@pytest.mark.parametrize("unit", [None, "uW/m^2", "uW m-2", "microW/m**2"])
def test_units_that_mean_microwatt_change_nothing(folder, unit):
    assert read_mmia_fits(write(folder, level1([3], unit=unit)))["photometry"][0][0, 2] == 2


def test_watt_become_microwatt_and_an_unknown_unit_is_refused_unless_a_factor_is_given(folder):
    assert read_mmia_fits(write(folder, level1([3], unit="W/m^2")))["photometry"][0][0, 2] == 2e6
    strange = write(folder, level1([3], unit="furlong"))
    with pytest.raises(UnreadableFile, match="furlong"):
        read_mmia_fits(strange)
    assert read_mmia_fits(strange, to_microwatt=0.5)["photometry"][0][0, 2] == 1


def test_column_names_are_tolerated_in_variants_and_listed_when_missing(folder):
    variant = {f"PHOT{i}_photon_flux": f"phot{i} Photon Flux" for i in (1, 2, 3)}
    assert read_mmia_fits(write(folder, level1([3], rename=variant)))["photometry"][0].shape == (3, 3)
    with pytest.raises(UnreadableFile, match="frame_time_phot, .*PHOT2_photon_flux, brightness"):
        read_mmia_fits(write(folder, level1([3], rename={"PHOT3_photon_flux": "brightness"})))
    level0 = {f"PHOT{i}_photon_flux": f"PHOT{i}Data" for i in (1, 2, 3)}
    with pytest.raises(UnreadableFile, match="level-0"):
        read_mmia_fits(write(folder, level1([3], rename=level0)))


def edited(content: bytes, change) -> bytes:
    """Change header or data of the table of a file, as a writer of FITS would."""
    with fits.open(io.BytesIO(content)) as hdus:
        change(hdus[1])
        buffer = io.BytesIO()
        hdus.writeto(buffer)
    return buffer.getvalue()


def test_frames_without_photometer_data_are_empty_and_nan_is_kept(folder):
    def change(hdu):
        hdu.data["PHOT1Data_exists"] = [True, False]
        hdu.data["PHOT2_photon_flux"][0][1] = np.nan

    table = read_mmia_fits(write(folder, edited(FIXED, change)))
    assert [frame.shape for frame in table["photometry"]] == [(3, 5), (3, 0)] and len(table["time_s"][1]) == 0
    assert np.isnan(table["photometry"][0][1, 1]) and np.isnan(table["photometry"][0]).sum() == 1


def test_a_file_without_any_sample_is_refused(folder):
    def change(hdu):
        hdu.data["PHOT1Data_exists"] = [False, False]

    for content in (edited(FIXED, change), level1([0, 0])):
        with pytest.raises(UnreadableFile, match="no photometer samples"):
            read_mmia_fits(write(folder, content))


def test_a_time_that_is_none_is_nat(folder):
    def change(hdu):
        hdu.data["frame_time_phot"] = ["yesterday", "2019-01-03T14:08:01+00:00"]

    assert read_mmia_fits(write(folder, edited(FIXED, change)))["centre"].isna().tolist() == [True, False]


def card(content: bytes, keyword: str, value: object) -> bytes:
    """Overwrite the last card of that keyword, whatever it then means."""
    place = content.rindex(f"{keyword:8}= ".encode())
    return content[:place] + f"{keyword:8}= {value!s:>20}".ljust(80).encode() + content[place + 80 :]


HOSTILE_FITS = {
    "empty": b"",
    "short": FITS[:2879],
    "zeros": bytes(6000),
    "text": b"SIMPLE  = " + b"x" * 6000,
    "gzip": b"\x1f\x8b" + FITS,
    "CDF": b"\xcd\xf3\x00\x01\x00\x00\xff\xff" + bytes(4000),
    "no table": FITS[:2880],
    "billion columns": card(FITS, "TFIELDS", 999_999_999),
    "no columns": card(FITS, "TFIELDS", 0),
    "columns in words": card(FITS, "TFIELDS", "'many'"),
    "billion rows": card(FITS, "NAXIS2", 999_999_999_999),
    "no rows": card(FITS, "NAXIS2", 0),
    "negative rows": card(FITS, "NAXIS2", -1),
    "endless rows of nothing": card(card(FITS, "NAXIS1", 0), "NAXIS2", 10**15),
    "a wide row": card(FIXED, "NAXIS1", 10**12),
    "a narrow row": card(FIXED, "NAXIS1", 3),
    "a wide column": card(FIXED, "TFORM5", "'999999999999E'"),
    "many wide columns": card(card(FIXED, "TFORM5", "'99999999E'"), "TFORM6", "'99999999E'"),
    "text for flux": card(FIXED, "TFORM6", "'20A'"),
    "complex flux": card(FIXED, "TFORM6", "'5C'"),
    "unequal bands": card(card(FIXED, "TFORM6", "'4E'"), "TFORM7", "'6E'"),
    "a lost form": card(FIXED, "TFORM6", "''"),
    "endless heap": card(FITS, "PCOUNT", 10**12),
    "negative heap": card(FITS, "PCOUNT", -5),
    "no heap": card(FITS, "PCOUNT", 0),
}


@pytest.mark.parametrize("kind", HOSTILE_FITS)
def test_hostile_fits_is_refused(folder, kind):
    path = write(folder, HOSTILE_FITS[kind])
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFile, match="cannot be read"):
            read_mmia_fits(path)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_rows_that_share_an_endless_array_are_refused(folder):
    """Each of 2000 rows claims the same 100 kB: 200 MB from a small file."""
    content = bytearray(level1([1] * 2000))
    start = content.index(b"END".ljust(80), 2880) // 2880 * 2880 + 2880
    width = 4 + 4 + 32 + 1 + 3 * 8
    for row in range(2000):
        for band in range(3):
            place = start + row * width + 41 + 8 * band
            content[place : place + 8] = struct.pack(">ii", 6000, 0)
    with pytest.raises(UnreadableFile, match="claims"):
        read_mmia_fits(write(folder, bytes(content)))


@pytest.mark.parametrize("whole", [FITS, FIXED, level1([2000, 2000])], ids=["variable", "fixed", "long"])
def test_a_fits_file_cut_anywhere_is_refused_or_lost_only_padding(folder, whole):
    expected = read_mmia_fits(write(folder, whole))
    for part in powers_of_two(whole):
        try:
            table = read_mmia_fits(write(folder, part))
        except UnreadableFile:
            continue
        assert len(part) > len(whole) - 2880
        pd.testing.assert_frame_equal(table, expected)


@pytest.mark.parametrize("reader", [read_mmia_labels, read_mmia_fits])
def test_a_folder_is_refused_and_a_missing_file_is_missing(folder, reader):
    with pytest.raises(UnreadableFile):
        reader(folder)
    with pytest.raises(FileNotFoundError):
        reader(folder / "nothing")


@settings(max_examples=100, deadline=None)
@given(data=st.data(), fixed=st.booleans())
def test_a_mutated_fits_file_is_read_or_refused(folder, data, fixed):
    content = bytearray(FIXED if fixed else FITS)
    # Only what is not padding matters: the cards of the table's header, its rows and its heap.
    used = [k for k in range(len(content)) if content[k] not in (0, 32)]
    edits = st.lists(st.tuples(st.sampled_from(used), st.integers(0, 255)), min_size=1, max_size=5)
    for place, value in data.draw(edits):
        content[place] = value
    try:
        table = read_mmia_fits(write(folder, bytes(content)))
    except UnreadableFile:
        return
    assert all(frame.ndim == 2 and len(frame) == 3 for frame in table["photometry"])
