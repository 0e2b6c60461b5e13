"""Global Meteor Network: the twelve FF files, their pseudo-cubes, text and masks; and files that lie."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from hostile_files import changed, cuts, peak_mib, settles, with_card
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_fetch.readers import gmn
from data_fetch.readers.errors import UnreadableFile
from data_fetch.readers.gmn import pseudo_cube, read_ff, read_ftpdetectinfo, read_mask

NAME = "FF_XX0001_20230421_212224_982_0115712.fits"
ARRAYS = [
    "time_s",
    "frame",
    "x_px",
    "y_px",
    "ra_deg",
    "dec_deg",
    "azimuth_deg",
    "elevation_deg",
    "intensity",
    "magnitude",
]
BAD = "FF_UK0006_20230421_235707_829_0346880.fits"

HEAD = """Meteor Count = 000002
-----------------------------------------------------
Processed with RMS 1.0
-----------------------------------------------------
FF  folder = C:/night
CAL folder = /night
-----------------------------------------------------
FF  file processed
CAL file processed
Cam# Meteor# #Segments fps hnr mle bin Pix/fm Rho Phi
Per segment:  Frame# Col Row RA Dec Azim Elev Inten Mag
"""
METEOR = f"""-------------------------------------------------------
{NAME}
Recalibrated with RMS on: 2023-04-22 04:25:35 UTC
XX0001 0001 0002 0025.00 000.0 000.0  00.0 008.3 0229.2 -164.5
181.5648 0416.03 0406.68 139.4958 +08.4746 219.3214 +40.3624 001066 2.34
182.5764 0418.08 0414.99 139.0999 +08.0927 219.5951 +39.8568 000703 2.79
"""
TEXT = HEAD + METEOR + METEOR.replace("XX0001 0001", "XX0001 0002")


def ff_content(planes: dict[str, np.ndarray] | None = None, **header: object) -> bytes:
    """FF file of 6 x 8 pixels, or of the planes given."""
    primary = fits.PrimaryHDU()
    for key, value in ({"NFRAMES": 256, "FPS": 25.0} | header).items():
        if value is not None:
            primary.header[key] = value
    rng = np.random.default_rng(3)
    planes = planes or {name: rng.integers(0, 256, (6, 8)).astype(np.uint8) for name in gmn.PLANES}
    stream = io.BytesIO()
    fits.HDUList([primary, *(fits.ImageHDU(plane, name=name) for name, plane in planes.items())]).writeto(stream)
    return stream.getvalue()


def toy_planes(shape: tuple[int, int] = (6, 8), **changes: np.ndarray | None) -> dict[str, np.ndarray]:
    planes = dict.fromkeys(gmn.PLANES, np.ones(shape, dtype=np.uint8)) | changes
    return {name: plane for name, plane in planes.items() if plane is not None}


def mask_content(mode: str = "L") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.tile(np.array([0, 255, 255, 1], dtype=np.uint8), (3, 1))).convert(mode).save(stream, "BMP")
    return stream.getvalue()


FF = ff_content()
MASK = mask_content()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gmn")


def write(folder: Path, content: bytes | str, name: str = NAME) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def ftp(folder: Path, text: str | bytes) -> Path:
    return write(folder, text, "FTPdetectinfo_toy.txt")


@pytest.fixture(scope="module")
def meteors(real_file) -> pd.DataFrame:
    """All records of the two real text files, the bad one flagged."""
    return pd.concat([read_ftpdetectinfo(path, include_bad=True) for path in real_file("gmn-ff", ".txt")])


# ------------------------------------------------------------------------------------------------------ real files


def test_every_ff_file_is_read(real_file):
    paths = real_file("gmn-ff", ".fits")
    assert len(paths) == 12
    for path in paths:
        ff = read_ff(path)
        assert (ff.shape, ff.fps, ff.n_frames, ff.ff_file) == ((720, 1280), 25.0, 256, path.name)
        assert ff.station in path.name and ff.start.strftime("%Y%m%d_%H%M%S") in path.name
        assert all(getattr(ff, name.lower()).dtype == np.uint8 for name in gmn.PLANES)
        assert (ff.maxpixel >= ff.avepixel).all() and ff.maxframe.max() == 255


def test_the_pseudo_cube_of_each_good_file_shows_its_track(real_file, meteors):
    good = meteors[meteors["label_ok"]].set_index("ff_file")
    paths = [path for path in real_file("gmn-ff", ".fits") if path.name in good.index]
    assert len(paths) == 10
    for path in paths:
        ff, meteor = read_ff(path), good.loc[path.name]
        cube, (y0, x0) = pseudo_cube(ff, (meteor["y_px"].mean(), meteor["x_px"].mean()))
        assert cube.shape == (256, 48, 48) and cube.dtype == np.float32 and y0 == 0 and 0 <= x0 <= 560
        window = np.s_[y0 : y0 + 720, x0 : x0 + 720]
        assert cube.sum(dtype=float) == (ff.maxpixel[window].astype(float) - ff.avepixel[window]).sum()
        first, last = int(meteor["frame"][0]), int(meteor["frame"][-1])
        y, x = np.unravel_index(cube[first : last + 1].sum(axis=0).argmax(), (48, 48))
        apart = np.hypot((meteor["y_px"] - y0 + 0.5) / 15 - 0.5 - y, (meteor["x_px"] - x0 + 0.5) / 15 - 0.5 - x)
        assert apart.min() < 1, f"the brightest pseudo-pixel of {path.name} is not on the labelled track"


@pytest.mark.parametrize(("station", "n_all", "n_good"), [("UK0006", 23, 22), ("UK000F", 29, 29)])
def test_the_text_files_hold_their_meteors(real_file, station, n_all, n_good):
    (path,) = (path for path in real_file("gmn-ff", ".txt") if station in path.name)
    everything, good = read_ftpdetectinfo(path, include_bad=True), read_ftpdetectinfo(path)
    assert (len(everything), len(good), everything["label_ok"].sum()) == (n_all, n_good, n_good)
    assert good["id"].is_unique and (everything["station"] == station).all() and good.index.tolist() == [*range(n_good)]
    for row in everything.itertuples():
        assert len({getattr(row, name).shape for name in ARRAYS}) == 1 and row.fps == 25
        # The rolling shutter is in the fractional frame, to the four decimals that are written.
        np.testing.assert_allclose(row.frame % 1, row.y_px / 720, atol=1e-4)
        np.testing.assert_allclose(row.time_s, row.frame / 25)
        assert (np.diff(row.frame) > 0).all() and np.isfinite(row.magnitude).all()


def test_the_bad_label_is_dropped_for_a_stated_reason(meteors):
    bad = meteors[~meteors["label_ok"]]
    assert bad["ff_file"].tolist() == [BAD] and "edge" in bad["label_note"].item() and bad["x_px"].item().max() < 3
    assert (meteors.loc[meteors["label_ok"], "label_note"] == "").all()


def test_label_tables_fit_the_data_set(real_file):
    labels, trails = gmn.read_ff_labels(), gmn.read_slow_trails()
    assert sorted(labels["ff_file"]) == sorted(path.name for path in real_file("gmn-ff", ".fits"))
    assert labels["label"].value_counts().to_dict() == {"meteor": 10, "artefact": 1, "none": 1}
    assert (labels["note"].str.len() > 10).all() and len(trails) == 2
    for trail in trails.itertuples():
        (path,) = real_file("gmn-ff", f"{trail.ff_stem}.fits")
        ff, around = read_ff(path), np.s_[trail.y - 8 : trail.y + 9, trail.x - 8 : trail.x + 9]
        bright = ff.maxpixel[around].astype(int) - ff.avepixel[around] > 60
        assert np.ptp(ff.maxframe[around][bright]) > 20  # slow: it stays near one place for a second and more


def test_masks_are_read(real_file):
    masks = [read_mask(path) for path in real_file("gmn-ff", "mask.bmp")]
    assert [mask.shape for mask in masks] == [(720, 1280)] * 2 and all(0.9 < mask.mean() < 1 for mask in masks)


# ------------------------------------------------------------------------------------------------- FF files and cubes


def test_an_ff_file_comes_back_as_written(folder):
    planes = {name: np.full((6, 8), k, dtype=np.uint8) for k, name in enumerate(gmn.PLANES)}
    ff = read_ff(write(folder, ff_content(planes, FPS=29.97)))
    assert ff.start == pd.Timestamp("2023-04-21 21:22:24.982", tz="UTC") and ff.station == "XX0001"
    assert (ff.fps, ff.maxpixel[0, 0], ff.maxframe[0, 0], ff.avepixel[0, 0], ff.stdpixel[0, 0]) == (29.97, 0, 1, 2, 3)


@pytest.mark.parametrize(
    ("center", "origin"), [((0, 0), (0, 0)), ((3, 4), (1, 2)), ((5, 7), (2, 4)), ((2.6, 0.2), (1, 0))]
)
def test_a_pseudo_cube_is_what_its_definition_says(folder, center, origin):
    ff = read_ff(write(folder, FF))
    cube, (y0, x0) = pseudo_cube(ff, center, size=4, n_pixels=2)
    wanted = np.zeros((256, 2, 2))
    for y in range(4):
        for x in range(4):
            at = y0 + y, x0 + x
            wanted[ff.maxframe[at], y // 2, x // 2] += int(ff.maxpixel[at]) - int(ff.avepixel[at])
    np.testing.assert_array_equal(cube, wanted)
    assert (y0, x0) == origin


@pytest.mark.parametrize(
    ("center", "size", "n_pixels", "message"),
    [
        ((7, 3), 4, 2, "exchanged"),
        ((np.nan, 3), 4, 2, "exchanged"),
        ((3, 3), 8, 2, "shorter side"),
        ((3, 3), 5, 2, "multiple"),
        ((3, 3), 4, 0, "multiple"),
    ],
)
def test_a_window_that_does_not_fit_is_refused(folder, center, size, n_pixels, message):
    with pytest.raises(ValueError, match=message):
        pseudo_cube(read_ff(write(folder, FF)), center, size, n_pixels)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"II*\x00" + FF, "begins with"),
        (ff_content(toy_planes(AVEPIXEL=None)), "AVEPIXEL is missing"),
        (ff_content(toy_planes(MAXPIXEL=None)), "MAXPIXEL is missing"),
        (ff_content(toy_planes(STDPIXEL=np.full((6, 8), np.nan))), "STDPIXEL is >f8"),
        (ff_content(toy_planes(MAXFRAME=np.ones((6, 7), np.uint8))), "MAXFRAME is uint8"),
        (ff_content(toy_planes(MAXFRAME=np.ones((1, 6, 8), np.uint8))), "MAXFRAME is uint8"),
        (ff_content(toy_planes(MAXFRAME=np.full((6, 8), 99, np.uint8)), NFRAMES=64), "goes up to 99"),
        (ff_content(NFRAMES=10**9), "NFRAMES is 1e"),
        (ff_content(NFRAMES="many"), "NFRAMES = 'many'"),
        (ff_content(FPS=None), "FPS = None"),
        (ff_content(FPS=0.0), "FPS = 0.0"),
        (ff_content(FPS=True), "FPS = True"),
        (with_card(FF, "NAXIS1", 2**31), "claims"),
        (with_card(FF, "NAXIS2", 2**40, nth=2), "claims|astropy"),
    ],
)
def test_an_ff_file_that_cannot_be_used_is_refused(folder, content, message):
    path = write(folder, content)
    with pytest.raises(UnreadableFile, match=message):
        read_ff(path)
    assert peak_mib(read_ff, path) < 8


@pytest.mark.parametrize(
    "name",
    ["image.fits", "FF_XX0001_20231321_212224_982_0115712.fits", "FF_XX0001_99990421_212224_982_1.fits", "FF_.fits"],
)
def test_a_name_without_a_time_is_refused(folder, name):
    with pytest.raises(UnreadableFile, match="names no FF file"):
        read_ff(write(folder, FF, name))


def test_an_ff_file_cut_short_is_refused(folder):
    assert all(settles(read_ff, write(folder, part)) is None for part in [*cuts(FF), FF[: len(FF) - 2880]])


@settings(max_examples=100, deadline=None)
@given(content=st.one_of(changed(FF, last=2880), changed(FF)))
def test_changed_bytes_of_an_ff_file_settle(folder, content):
    ff = settles(read_ff, write(folder, content))
    assert ff is None or pseudo_cube(ff, (0, 0), size=1, n_pixels=1)[0].shape == (ff.n_frames, 1, 1)


# ------------------------------------------------------------------------------------------------------------- text


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_text_comes_back_as_written(folder, end):
    table = read_ftpdetectinfo(ftp(folder, TEXT.replace("\n", end)))
    assert table["id"].tolist() == [f"{NAME[:-5]}_0001", f"{NAME[:-5]}_0002"]
    assert table["start"][0] == pd.Timestamp("2023-04-21 21:22:24.982", tz="UTC")
    assert table["dec_deg"][1].tolist() == [8.4746, 8.0927] and table["intensity"][0].tolist() == [1066, 703]


def test_newer_files_with_more_columns_and_nights_without_meteors_are_read(folder):
    newer = TEXT.replace("Inten Mag", "Inten Mag Bcknd SNR NSatPx").replace(" 2.34", " 2.34 50 3.1 0")
    assert read_ftpdetectinfo(ftp(folder, newer))["magnitude"][0].tolist() == [2.34, 2.79]
    empty = read_ftpdetectinfo(ftp(folder, HEAD.replace("000002", "000000")))
    full = read_ftpdetectinfo(ftp(folder, TEXT))
    assert len(empty) == 0 and (empty.dtypes == full.dtypes).all()


def test_what_was_not_measured_is_nan(folder):
    table = read_ftpdetectinfo(ftp(folder, TEXT.replace("2.34", "inf", 1).replace("139.0999", "nan", 1)))
    assert np.isnan(table["magnitude"][0]).tolist() == [True, False] and np.isnan(table["ra_deg"][0][1])
    table = read_ftpdetectinfo(ftp(folder, TEXT.replace("Recalibrated with RMS on", "Uncalibrated")))
    assert np.isnan(table["ra_deg"][0]).all() and np.isfinite(table["x_px"][0]).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        ("<html>not found</html>", "begins with"),
        (TEXT.encode("utf-16"), "not UTF-8"),
        (TEXT.encode() + b"\xff", "not UTF-8"),
        (TEXT.replace("000002", "000003"), "holds 2 meteors"),
        (TEXT.replace("000002", "many"), "begins with"),
        (TEXT.replace("Per segment", "Each"), "begins with"),
        (TEXT.replace("Elev Inten Mag", "Elev Inten"), "no column Mag"),
        (TEXT.replace("Frame# Col", "Frame# Column"), "no column Col"),
        (TEXT.replace("139.4958", "139.49.58"), "not 9 numbers"),
        (TEXT.replace("001066 2.34", "001066"), "not 9 numbers"),
        (TEXT.replace("0416.03", "nan"), "not finite"),
        (TEXT.replace("181.5648", "inf"), "not finite"),
        (TEXT.replace("0002 0025.00", "0003 0025.00"), "not 9 numbers"),
        (TEXT.replace("0002 0025.00", "999999999 0025.00"), "expected 999999999"),
        (TEXT.replace("0002 0025.00", "0000 0025.00"), "0 segments|1 or more"),
        (TEXT.replace("0025.00", "0000.00"), "head line"),
        (TEXT.replace("0025.00", "fast"), "head line"),
        (TEXT.replace(NAME, "image.jpg"), "names no FF file"),
        (TEXT[:-60], "not 9 numbers"),
        (TEXT[: TEXT.rindex("182.")], "segments follow"),
    ],
)
def test_text_that_cannot_be_used_is_refused(folder, text, message):
    with pytest.raises(UnreadableFile, match=message):
        read_ftpdetectinfo(ftp(folder, text))


def test_text_of_absurd_length_is_refused(folder, monkeypatch):
    monkeypatch.setattr("data_fetch.readers.ftpdetectinfo.MAX_BYTES", 1000)
    with pytest.raises(UnreadableFile, match="longer than"):
        read_ftpdetectinfo(ftp(folder, TEXT + "\n" * 1000))


def test_text_cut_short_is_refused(folder):
    assert all(settles(read_ftpdetectinfo, ftp(folder, part)) is None for part in cuts(TEXT.encode()))


@settings(max_examples=100, deadline=None)
@given(content=st.one_of(changed(TEXT.encode()), st.binary(max_size=200).map(lambda tail: HEAD.encode() + tail)))
def test_changed_text_settles(folder, content):
    table = settles(read_ftpdetectinfo, ftp(folder, content))
    assert table is None or len(table) in (0, 2)


# ------------------------------------------------------------------------------------------------------------ masks


@pytest.mark.parametrize("mode", ["L", "RGB", "1"])
def test_a_mask_is_true_where_the_sky_is_used(folder, mode):
    mask = read_mask(write(folder, mask_content(mode), "mask.bmp"))
    assert mask.dtype == bool and mask.shape == (3, 4) and mask[0, :3].tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n", "begins with"),
        (MASK[:18] + (2**20).to_bytes(4, "little") * 2 + MASK[26:], "claims 1048576 x 1048576|Decompression"),
        (MASK[:18] + (2**12).to_bytes(4, "little") * 2 + MASK[26:], "claims 4096 x 4096"),
    ],
)
def test_a_mask_that_cannot_be_used_is_refused(folder, content, message):
    path = write(folder, content, "mask.bmp")
    with pytest.raises(UnreadableFile, match=message):
        read_mask(path)
    assert peak_mib(read_mask, path) < 8


def test_a_mask_cut_short_or_changed_settles(folder):
    assert all(settles(read_mask, write(folder, part, "mask.bmp")) is None for part in cuts(MASK))


@settings(max_examples=50, deadline=None)
@given(content=st.one_of(changed(MASK, last=60), changed(MASK)))
def test_changed_bytes_of_a_mask_settle(folder, content):
    mask = settles(read_mask, write(folder, content, "mask.bmp"))
    assert mask is None or mask.ndim == 2


@pytest.mark.parametrize("read", [read_ff, read_ftpdetectinfo, read_mask])
def test_what_is_not_there_or_no_file_is_told_as_such(tmp_path, read):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / NAME)
    (tmp_path / NAME).mkdir()
    with pytest.raises(IsADirectoryError):
        read(tmp_path / NAME)
