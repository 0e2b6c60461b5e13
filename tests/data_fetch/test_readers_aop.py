"""Armagh's R frame: the real file in numbers, and hostile files, which must never take the process down."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadr
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_fetch.readers import UnreadableFile, aop, read_aop

ARRAYS = ["magnitude", "ra_deg", "dec_deg"]


def records(n: int = 3, **columns: object) -> pd.DataFrame:
    """Make a frame as the file has it; keywords replace columns."""
    plain: dict[str, object] = {
        "fname": [f"M20130403_00355{i}_ARMAGH.XML" for i in range(n)],
        "cam": "CAM1",
        **{"year": 2013.0, "month": 4.0, "day": 3.0, "hour": 0.0, "minute": 35.0, "second": 56.0, "sN": 2.0},
        **{"mag": "+2.9;-0.5", "ra": "249.1;249.9", "dec": "40.1; 40.2", "io": "3"},
    }
    return pd.DataFrame({**plain, **columns}, index=range(n))


def written(place: Path, *frames: pd.DataFrame) -> Path:
    """Write frames as an ``.Rda`` file."""
    pyreadr.write_rdata(str(place), {f"frame{i}": frame for i, frame in enumerate(frames)})
    return place


@cache
def plain_bytes() -> bytes:
    """Give a small file, not compressed."""
    with tempfile.TemporaryDirectory() as folder:
        return written(Path(folder) / "x.Rda", records()).read_bytes()


def read(content: bytes) -> pd.DataFrame:
    """Read bytes as a file."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "x.Rda"
        place.write_bytes(content)
        return read_aop(place)


def assert_valid(table: pd.DataFrame) -> None:
    """Check what the docstring promises of every table."""
    assert list(table.columns) == ["id", "station", "start", "n_samples_stated", "io", *ARRAYS]
    assert table.start.dtype.kind == "M"
    assert table.n_samples_stated.dtype.kind == table.io.dtype.kind == "i"
    for arrays in table[ARRAYS].itertuples(index=False):
        assert len({array.shape for array in arrays}) == 1
        assert all(array.dtype == float and array.ndim == 1 and not np.isinf(array).any() for array in arrays)


def refused(content: bytes, said: str | None = None) -> None:
    """Check that bytes are refused with the documented error, soon."""
    start = time.perf_counter()
    with pytest.raises(UnreadableFile, match=said) as caught:
        read(content)
    assert "x.Rda cannot be read" in str(caught.value)
    assert "expected" in str(caught.value)
    assert time.perf_counter() - start < 5


# ---- the real file


@pytest.fixture(scope="module")
def real(real_file: Callable[..., list[Path]]) -> Path:
    return real_file("aop-lightcurves", ".Rda")[0]


def test_real_file(real: Path, record_property: Callable[[str, object], None]) -> None:
    start = time.perf_counter()
    table = read_aop(real)
    seconds = time.perf_counter() - start
    record_property("seconds", round(seconds, 2))
    assert seconds < 20  # 0.5 s on two quiet cores
    assert_valid(table)
    assert len(table) == 12_010
    assert table.station.value_counts().to_dict() == {"CAM1": 3724, "CAM2": 2425, "CAM3": 2264, "CAM4": 3597}
    assert (table.n_samples_stated == 0).sum() == 18
    assert (table.n_samples_stated == -1).sum() == 64
    assert table.io.value_counts().to_dict() == {3: 11_215, 1: 300, 2: 283, 0: 212}
    lengths = table.magnitude.map(len)
    single = table.n_samples_stated >= 0
    assert (lengths[single] == table.n_samples_stated[single]).all()
    assert lengths.sum() == 195_027
    assert not table.id.str.endswith(".XML").any()
    assert table.start.notna().all()
    assert table.start.dt.year.between(2011, 2015).all()
    for name, low, high in [("magnitude", -15, 15), ("ra_deg", 0, 360), ("dec_deg", -90, 90)]:
        values = np.concatenate(table[name].tolist())
        assert np.isfinite(values).all()
        assert low <= values.min() <= values.max() <= high, name


def test_real_file_truncated_at_every_power_of_two(real: Path) -> None:
    content = real.read_bytes()
    for n in range(len(content).bit_length()):
        refused(content[: 1 << n], "cut short|begins with")


# ---- values


def test_values(tmp_path: Path) -> None:
    table = read_aop(written(tmp_path / "x.Rda", records()))
    assert_valid(table)
    assert list(table.id) == [f"M20130403_00355{i}_ARMAGH" for i in range(3)]
    assert (table.start == pd.Timestamp("2013-04-03 00:35:56", tz="UTC")).all()
    np.testing.assert_array_equal(table.magnitude[2], [2.9, -0.5])
    np.testing.assert_array_equal(table.dec_deg[0], [40.1, 40.2])


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bzip2", "xz"])
def test_compressed(compress: Callable[[bytes], bytes]) -> None:
    assert len(read(compress(plain_bytes()))) == 3
    refused(compress(plain_bytes()[:-50]))
    refused(compress(plain_bytes())[:-9], "cut short")
    refused(compress(plain_bytes()) + b"more", "followed by others")


def test_garbage_and_missing_tokens(tmp_path: Path) -> None:
    mag = ["x;nan;;1e999;-inf; 5 ", "", None]
    ra = ["1;2;3;4;5;6", " ", None]
    table = read_aop(written(tmp_path / "x.Rda", records(mag=mag, ra=ra, dec=ra, io=["3", "x", None], sN=np.nan)))
    assert_valid(table)
    np.testing.assert_array_equal(table.magnitude[0], [np.nan] * 5 + [5])
    assert [len(array) for array in table.magnitude] == [6, 0, 0]
    assert list(table.io) == [3, -1, -1]
    assert list(table.n_samples_stated) == [0, 0, 0]


@pytest.mark.parametrize("month", [0.0, 13.0, 1.5, np.nan, np.inf, -1.0, 1e300, "x", ""])
def test_malformed_times(tmp_path: Path, month: object) -> None:
    assert read_aop(written(tmp_path / "x.Rda", records(month=month))).start.isna().all()


@pytest.mark.parametrize("value", [2.5, 1, True, pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-01").date(), None])
@pytest.mark.parametrize("column", aop.REQUIRED)
def test_columns_of_other_types(tmp_path: Path, column: str, value: object) -> None:
    frame = records(1, mag="1", ra="1", dec="1")
    frame[column] = pd.Series([value])
    try:
        assert_valid(read_aop(written(tmp_path / "x.Rda", frame)))
    except UnreadableFile as error:
        assert "values of magnitude and" in str(error)  # a missing text beside texts


def test_factor_and_date_as_r_writes_them(tmp_path: Path) -> None:
    frame = records(cam=pd.Categorical(["CAM1", "CAM2", "CAM1"]))
    frame["when"] = pd.Timestamp("2020-01-01")
    assert list(read_aop(written(tmp_path / "x.Rda", frame)).station) == ["CAM1", "CAM2", "CAM1"]


def test_no_records(tmp_path: Path) -> None:
    try:
        assert_valid(read_aop(written(tmp_path / "x.Rda", records(0))))
    except UnreadableFile:
        pass


def test_arrays_of_unequal_length(tmp_path: Path) -> None:
    place = written(tmp_path / "x.Rda", records(ra=["1;2", "1;2;3", "1;2"]))
    with pytest.raises(UnreadableFile, match="record 1 has 2 values of magnitude and 3 of ra_deg"):
        read_aop(place)


# ---- other files than this reader's


@pytest.mark.parametrize("missing", aop.REQUIRED)
def test_missing_column(tmp_path: Path, missing: str) -> None:
    with pytest.raises(UnreadableFile, match=f"it has no column {missing}; expected"):
        read_aop(written(tmp_path / "x.Rda", records().drop(columns=missing)))


def test_other_frames(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="it has no column fname, cam"):
        read_aop(written(tmp_path / "x.Rda", pd.DataFrame({"a": [1]})))
    with pytest.raises(UnreadableFile, match="it holds 2 data frames; expected exactly one"):
        read_aop(written(tmp_path / "x.Rda", records(), records()))
    pyreadr.write_rds(str(tmp_path / "x.rds"), records())
    with pytest.raises(UnreadableFile, match="it begins with"):
        read_aop(tmp_path / "x.rds")


@pytest.mark.parametrize("content", [b"", b"R", b"RDX2\nX\n", b"RDA2\nA\n2\n", b"PK\3\4", b"\x89PNG", b"\0" * 4096])
def test_no_r_file(content: bytes) -> None:
    refused(content)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_aop(tmp_path / "none.Rda")
    with pytest.raises(OSError):
        read_aop(tmp_path)


def test_too_many_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aop, "MAX_SAMPLES", 5)
    with pytest.raises(UnreadableFile, match="it holds 6 samples; expected at most 5"):
        read_aop(written(tmp_path / "x.Rda", records()))


# ---- attacks on the parser, each in R's own format


def integers(*values: int) -> bytes:
    return struct.pack(f">{len(values)}i", *values)


def text(value: bytes) -> bytes:
    return integers(9, len(value)) + value


def variable(value: bytes, version: int = 2) -> bytes:
    """Write a file with one variable; its list is not closed."""
    encoding = integers(5) + b"UTF-8" if version == 3 else b""
    return (
        b"RDX%d\nX\n" % version
        + integers(version, 0x30600, 0x30500)
        + encoding
        + integers(0x402, 1)
        + text(b"a")
        + value
    )


def attacks() -> Iterator[tuple[str, bytes]]:
    """Give small files that claim or nest too much; those called deep would end the process by themselves."""
    for kind in (2, 3, 4, 5, 6, 17, 19, 22, 238, 0x219):
        yield f"deep {kind}", gzip.compress(variable(integers(*[kind, 1][: 1 + (kind == 19)]) * 300_000))
    yield "deep attributes", gzip.compress(variable((integers(0x20E, 0, 0x402, 1) + text(b"x")) * 100_000))
    for kind in (9, 10, 13, 14, 16, 19):
        for length in (2**31 - 1, -1, -5, 2**28):
            yield f"claim {kind} {length}", variable(integers(kind, length, 1, 2**30))
    yield "many", variable(integers(19, 2_000_000) + integers(254) * 2_000_000)
    yield "long list", variable(integers(254) + (integers(0x402, 1) + text(b"b") + integers(254)) * 20_000)
    compact = (
        integers(238, 2, 1) + text(b"compact_intseq") + integers(2, 1) + text(b"base") + integers(2, 13, 1, 13, 254)
    )
    yield (
        "compact sequence",
        variable(compact + integers(14, 3) + struct.pack(">3d", 2e9, 1, 1) + integers(254, 254), 3),
    )
    yield "symbol", variable(integers(1, 9, 2**31 - 1))
    yield (
        "dimensions",
        variable(
            integers(0x20E, 1)
            + bytes(8)
            + integers(0x402, 1)
            + text(b"dim")
            + integers(13, 2, 2**31 - 1, 2**31 - 1, 254, 254)
        ),
    )
    for name, compress in (("gzip", gzip.compress), ("bzip2", bz2.compress), ("xz", lzma.compress)):
        yield f"{name} bomb", compress(variable(integers(14, 2**24) + bytes(2**26)))


ATTACKS = dict(attacks())


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_refused(name: str) -> None:
    refused(ATTACKS[name])


LIMITED = """
import resource, sys
from pathlib import Path
from data_fetch.readers import UnreadableFile, read_aop
import pyreadr
resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30))
for place in sorted(Path(sys.argv[1]).iterdir()):
    try:
        read_aop(place)
    except UnreadableFile:
        continue
    sys.exit(f"accepted {place}")
status = Path("/proc/self/status").read_text()  # a child's ru_maxrss begins with its parent's
print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""


def test_attacks_harm_no_process(tmp_path: Path) -> None:
    """The same in a process of its own, whose memory is limited: it must live, and stay small."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak memory of a process is read from /proc")
    for number, content in enumerate(ATTACKS.values()):
        (tmp_path / f"{number:03}.Rda").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 700  # MiB; pandas alone takes 100


# ---- mutations


def test_truncated_anywhere() -> None:
    content = plain_bytes()
    for n in range(0, len(content) - 4, 7):
        refused(content[:n])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_bytes(data: st.DataObject) -> None:
    """Change bytes and big-endian integers, cut parts out or repeat them: the documented error, or a valid table."""
    content = bytearray(plain_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 4))
        match data.draw(st.sampled_from(["byte", "integer", "cut", "repeat"])):
            case "byte":
                content[at] = data.draw(st.integers(0, 255))
            case "integer":
                small = st.integers(-3, 300) | st.sampled_from([2**31 - 1, -(2**31), 0x313, 0x20D, 0x402, 100_000])
                content[at : at + 4] = integers(data.draw(small))
            case "cut":
                del content[at : at + data.draw(st.integers(1, 40))]
            case "repeat":
                content[at:at] = content[at : at + data.draw(st.integers(1, 400))]
        if len(content) < 8:
            break
    try:
        assert_valid(read(bytes(content)))
    except UnreadableFile:
        return


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet="0123456789+-.;eENaninf x_,\0é", max_size=30), min_size=1, max_size=5))
def test_any_text_in_the_columns(texts: list[str]) -> None:
    texts = [value.replace("\0", "") for value in texts]
    frame = records(len(texts), mag=texts, ra=texts, dec=texts, io=texts, sN=texts, year=texts, fname=texts)
    with tempfile.TemporaryDirectory() as folder:
        table = read_aop(written(Path(folder) / "x.Rda", frame))
    assert_valid(table)
    assert [len(array) for array in table.magnitude] == [
        value.count(";") + 1 if value.strip() else 0 for value in texts
    ]
