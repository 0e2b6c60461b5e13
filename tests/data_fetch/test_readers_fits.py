"""FITS images: every file of four data sets, the ways to store numbers, and files that lie."""

from __future__ import annotations

import gzip
import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hostile_files import changed, cuts, peak_mib, settles, with_card
from hypothesis import given, settings
from hypothesis import strategies as st

from data_fetch.readers import fits_open
from data_fetch.readers.errors import UnreadableFile
from data_fetch.readers.fits_image import read_fits_image

IMAGE = np.random.default_rng(1).integers(0, 1000, (20, 30)).astype(np.uint16)

# Data set -> number of files, {part of a name: shape, kind of numbers}
REAL = {
    "m13-series": (5, {"M13_blue": ((1040, 1392), "uint16")}),
    "telescope-frames": (
        5,
        {"calexp": ((400, 217), "float32"), "a8280271": ((520, 536), "uint16"), "image.fits": ((256, 256), "float32")},
    ),
    "telescope-trails": (3, {"long": ((512, 512), "int16"), "m20211212UT": ((200, 200), "float64")}),
    "allsky-clouds": (4, {"cloudy": ((480, 640), "uint16"), "20180816": ((1040, 1392), "float32")}),
    "gmn-ff": (12, {"FF_": ((720, 1280), "uint8")}),
}


def content_of(*hdus: fits.hdu.base._BaseHDU) -> bytes:
    stream = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(stream)
    return stream.getvalue()


def compressed(image: np.ndarray, kind: str) -> bytes:
    return content_of(fits.PrimaryHDU(), fits.CompImageHDU(image, compression_type=kind, tile_shape=(10, 10)))


PLAIN = content_of(fits.PrimaryHDU(IMAGE))
RICE = compressed(IMAGE, "RICE_1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fits")


def write(folder: Path, content: bytes, name: str = "toy.fits") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("dataset", REAL)
def test_every_real_file_is_read_as_astropy_reads_it(real_file, dataset):
    n_files, expected = REAL[dataset]
    paths = real_file(dataset, ".fits")
    assert len(paths) == n_files
    for path in paths:
        image, header = read_fits_image(path)
        assert image.ndim == 2 and image.dtype.isnative and np.isfinite(image).all() and len(header) > 5
        for part, (shape, dtype) in expected.items():
            if part in path.name:
                assert (image.shape, image.dtype) == (shape, dtype)
        with warnings.catch_warnings(action="ignore"), fits.open(path) as hdus:
            peer = next(hdu.data for hdu in hdus if hdu.is_image and hdu.data is not None)
            np.testing.assert_allclose(image.astype(float), peer.astype(float), rtol=1e-6)


def test_header_is_completed_by_the_primary_header_and_says_nothing_that_was_applied(folder):
    primary = fits.PrimaryHDU()
    primary.header["EXPTIME"], primary.header["OBJECT"] = 5.0, "sky"
    primary.header.add_history("one")
    primary.header.add_history("two")
    image = fits.ImageHDU(IMAGE)
    image.header["OBJECT"] = "trail"
    _, header = read_fits_image(write(folder, content_of(primary, image)))
    assert (header["EXPTIME"], header["OBJECT"], header["HISTORY"]) == (5.0, "trail", "one\ntwo")
    assert not {"BZERO", "BSCALE", "BLANK"} & set(header)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_every_type_of_number_comes_back_exactly_and_native(folder, dtype):
    kind = np.dtype(dtype)
    image = np.arange(12).reshape(3, 4).astype(kind)
    image[0, :2] = (np.iinfo(kind).min, np.iinfo(kind).max) if kind.kind in "iu" else (np.nan, np.inf)
    result, _ = read_fits_image(write(folder, content_of(fits.PrimaryHDU(image))))
    np.testing.assert_array_equal(result, image)
    assert result.dtype == kind and result.dtype.isnative


@pytest.mark.parametrize(("dtype", "zero"), [("i2", 0), ("i2", 32768), ("u1", 0), ("i4", 0)])
@pytest.mark.parametrize("blank", [0, 7])
def test_blank_pixels_become_nan(folder, dtype, zero, blank):
    hdu = fits.PrimaryHDU(np.arange(12).reshape(3, 4).astype(dtype))
    content = content_of(hdu).replace(b"END" + b" " * 77, f"BLANK   = {blank:>20}".ljust(80).encode(), 1)
    at = content.index(b"BLANK   =") + 80
    content = content[:at] + f"BZERO   = {zero:>20}".ljust(80).encode() + b"END".ljust(80) + content[at + 160 :]
    image, _ = read_fits_image(write(folder, content))
    wanted = np.arange(12.0).reshape(3, 4) + zero
    wanted[wanted == blank + zero] = np.nan
    np.testing.assert_array_equal(image, wanted)
    assert image.dtype == (np.float64 if dtype == "i4" else np.float32)


def test_scale_and_zero_are_applied(folder):
    content = content_of(fits.PrimaryHDU(np.arange(6, dtype="i2").reshape(2, 3)))
    content = content.replace(b"END".ljust(80), b"BSCALE  =                  0.5".ljust(80), 1)
    at = content.index(b"BSCALE") + 80
    content = content[:at] + b"BZERO   =                 10.0".ljust(80) + b"END".ljust(80) + content[at + 160 :]
    image, _ = read_fits_image(write(folder, content))
    assert image.tolist() == [[10, 10.5, 11], [11.5, 12, 12.5]] and image.dtype == np.float32


@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_1", "GZIP_2", "PLIO_1"])
def test_tiles_are_unpacked(folder, kind):
    wanted = IMAGE.astype(np.int16) if kind == "PLIO_1" else IMAGE
    image, header = read_fits_image(write(folder, compressed(wanted, kind), "toy.fits.fz"))
    np.testing.assert_array_equal(image, wanted)
    assert image.dtype == wanted.dtype and header["NAXIS1"] == 30


def test_floating_point_tiles_keep_their_nan(folder):
    image = IMAGE.astype(np.float32) / 7
    image[3, 4] = np.nan
    result, _ = read_fits_image(write(folder, compressed(image, "GZIP_2"), "toy.fits.fz"))
    assert np.isnan(result[3, 4]) and np.nanmax(np.abs(result - image)) < 5  # quantised: lossy by design


@pytest.mark.parametrize("content", [PLAIN, RICE])
def test_a_file_gzipped_as_a_whole_is_read(folder, content):
    image, _ = read_fits_image(write(folder, gzip.compress(content), "toy.fits.gz"))
    np.testing.assert_array_equal(image, IMAGE)


def test_the_first_image_with_two_axes_is_taken(folder):
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=np.arange(3))])
    cube, slab = fits.ImageHDU(np.zeros((2, 3, 4))), fits.ImageHDU(IMAGE[None])
    image, _ = read_fits_image(write(folder, content_of(fits.PrimaryHDU(np.zeros(5)), table, cube, slab)))
    np.testing.assert_array_equal(image, IMAGE)
    thin, _ = read_fits_image(write(folder, content_of(fits.PrimaryHDU(np.zeros((1, 5))))))
    assert thin.shape == (1, 5)


def test_what_is_not_there_or_no_file_is_told_as_such(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_fits_image(tmp_path / "none.fits")
    with pytest.raises(IsADirectoryError):
        read_fits_image(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n" + PLAIN, "begins with"),
        (b"hello", "begins with"),
        (gzip.compress(b""), "empty"),
        (gzip.compress(b"hello"), "begins with"),
        (gzip.compress(PLAIN)[:-20], "gzip"),
        (b"\x1f\x8b" + PLAIN, "gzip"),
        (content_of(fits.PrimaryHDU()), "none of its 1 HDUs"),
        (content_of(fits.PrimaryHDU(np.zeros((2, 3, 4)))), "2-D image"),
        (with_card(PLAIN, "NAXIS1", 2**31), "claims"),
        (with_card(PLAIN, "NAXIS1", 2**40), "astropy says"),
        (with_card(PLAIN, "NAXIS2", 2**62), "astropy says"),
        (with_card(PLAIN, "NAXIS1", -30), "claims"),
        (with_card(PLAIN, "NAXIS1", 0), "2-D image"),
        (with_card(PLAIN, "NAXIS", 999), "astropy says"),
        (with_card(PLAIN, "BITPIX", 7), "astropy says|claims"),
        (with_card(PLAIN, "NAXIS1", "'wide'"), "astropy says"),
        (PLAIN[:2880], "claims"),
        (PLAIN[:3000], "claims"),
        (with_card(RICE, "ZNAXIS1", 2**30), "unpack"),
        (with_card(RICE, "ZTILE1", 2**40), "unpack"),
        (with_card(RICE, "ZCMPTYPE", "'LZMA_9'  "), "funpack"),
        (compressed(IMAGE.astype(np.int32), "HCOMPRESS_1"), "funpack"),
    ],
)
def test_refused(folder, content, message):
    path = write(folder, content)
    with pytest.raises(UnreadableFile, match=message):
        read_fits_image(path)
    assert peak_mib(read_fits_image, path) < 8


def test_a_size_that_points_backwards_does_not_loop(folder):
    content = with_card(content_of(fits.PrimaryHDU(np.zeros(4000)), fits.ImageHDU(IMAGE)), "NAXIS1", -360)
    with pytest.raises(UnreadableFile, match="claims -"):
        read_fits_image(write(folder, content))


@pytest.mark.parametrize("n_bytes", [2**20, 2**25])
def test_a_gzip_bomb_is_refused_at_the_limit(folder, monkeypatch, n_bytes):
    monkeypatch.setattr(fits_open, "MAX_UNPACKED_BYTES", 2**18)
    path = write(folder, gzip.compress(PLAIN + bytes(n_bytes)), "bomb.fits.gz")
    with pytest.raises(UnreadableFile, match="unzips to more than"):
        read_fits_image(path)
    assert peak_mib(read_fits_image, path) < 4


@pytest.mark.parametrize("kind", ["GZIP_1", "GZIP_2"])
def test_a_bomb_in_a_tile_is_refused(folder, kind):
    packed = gzip.compress(bytes(2**26))
    table = fits.BinTableHDU.from_columns(
        [fits.Column("COMPRESSED_DATA", "1PB()", array=np.array([np.frombuffer(packed, np.uint8)], dtype=object))]
    )
    table.header.update(
        {"ZIMAGE": True, "ZBITPIX": 16, "ZNAXIS": 2, "ZNAXIS1": 9, "ZNAXIS2": 7, "ZTILE1": 9, "ZTILE2": 7}
    )
    table.header["ZCMPTYPE"] = kind
    path = write(folder, content_of(fits.PrimaryHDU(), table), "bomb.fits.fz")
    with pytest.raises(UnreadableFile, match="a tile of HDU .* unpacks to more than 504 bytes"):
        read_fits_image(path)
    assert peak_mib(read_fits_image, path) < 4


def test_tiles_that_overlap_are_refused(folder):
    content = bytearray(compressed(IMAGE, "GZIP_1"))
    heap = content.index(b"\x1f\x8b")
    rows = np.frombuffer(content, ">i4", count=12, offset=heap - 48).reshape(6, 2).copy()
    assert rows[0, 1] == 0 and rows[1, 1] == rows[0, 0]  # length and place of each of the six tiles
    rows[:, 0], rows[:, 1] = rows[:, 0].sum(), 0
    content[heap - 48 : heap] = rows.tobytes()
    with pytest.raises(UnreadableFile, match="claim .* bytes in all"):
        read_fits_image(write(folder, bytes(content)))


@pytest.mark.parametrize("content", [PLAIN, RICE, gzip.compress(PLAIN)], ids=["plain", "tiles", "gzip"])
def test_a_file_cut_short_is_refused(folder, content):
    whole = 0
    for part in cuts(content):
        result = settles(read_fits_image, write(folder, part))
        if result is not None:  # only the padding after the last pixel is gone
            whole += 1
            np.testing.assert_array_equal(result[0], IMAGE)
    assert whole <= 1 and settles(read_fits_image, write(folder, content[: len(content) // 2])) is None


@settings(max_examples=100, deadline=None)
@given(content=st.one_of(changed(PLAIN, last=2880), changed(PLAIN)))
def test_changed_bytes_of_a_plain_file_settle(folder, content):
    result = settles(read_fits_image, write(folder, content))
    assert result is None or result[0].ndim == 2


@settings(max_examples=100, deadline=None)
@given(content=st.one_of(changed(RICE, 2880, 8640), changed(RICE), changed(compressed(IMAGE / 7, "GZIP_2"))))
def test_changed_bytes_of_a_compressed_file_settle(folder, content):
    result = settles(read_fits_image, write(folder, content))
    assert result is None or result[0].ndim == 2


@settings(max_examples=50, deadline=None)
@given(content=st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda rest: PLAIN[:9] + rest)))
def test_noise_settles(folder, content):
    assert settles(read_fits_image, write(folder, content)) is None
