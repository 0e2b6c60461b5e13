"""GLM lightning flashes: the two real files, toy files, and files that lie or that make HDF5 hang."""

from __future__ import annotations

import tempfile
import warnings
import zlib
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hostile_files import changed, cuts, peak_mib, settles
from hypothesis import given, settings
from hypothesis import strategies as st

from data_fetch.readers import apart, glm
from data_fetch.readers.errors import UnreadableFile
from data_fetch.readers.glm import flash_light_curve, read_glm_flashes

SINCE = "milliseconds since 2018-07-02 04:33:00.000"
FIRST_ID = 65530  # numbers are unsigned 16-bit integers: as signed ones they are negative


def toy(path: Path, change: dict[str, object] | None = None) -> Path:
    """Write four flashes of 1, 3, 12 and 20 groups, packed as in the product; `change` replaces or (None) drops variables."""
    counts = np.array([1, 3, 12, 20])
    ids = (FIRST_ID + np.arange(4)).astype(np.uint16).view(np.int16)
    start = 100.0 * np.arange(4) - 50
    time = np.concatenate([start[k] + 4.0 * np.arange(n)[::-1] for k, n in enumerate(counts)])
    unsigned, f, g = {"_Unsigned": "true"}, "number_of_flashes", "number_of_groups"
    variables = {
        "flash_id": (f, ids, unsigned),
        "flash_lat": (f, np.linspace(-30, 40, 4, dtype=np.float32)),
        "flash_lon": (f, np.linspace(-80, -60, 4, dtype=np.float32)),
        "flash_area": (f, np.array([0, 1, 40_000, 2], np.uint16).view(np.int16), unsigned | {"units": "km2"}),
        "flash_time_offset_of_first_event": (f, (start / 2).astype(np.int16), {"units": SINCE}),
        "flash_time_offset_of_last_event": (f, ((start + 4.0 * counts) / 2).astype(np.int16), {"units": SINCE}),
        "group_parent_flash_id": (g, np.repeat(ids, counts), unsigned),
        "group_energy": (g, np.full(counts.sum(), 50_000, np.uint16).view(np.int16), unsigned),
        "group_time_offset": (g, (time / 2).astype(np.int16), {"units": SINCE}),
    }
    dataset = xr.Dataset({key: value for key, value in (variables | (change or {})).items() if value is not None})
    for name in ("flash_area", "group_energy"):
        if name in dataset and dataset[name].dtype == np.int16:
            dataset[name].attrs |= {
                "scale_factor": np.float32(1e-15 if "energy" in name else 0.5),
                "add_offset": np.float32(0),
            }
            dataset[name].attrs["_FillValue"] = np.int16(-1)
    for name in dataset:
        if "time_offset" in str(name) and dataset[name].dtype == np.int16:
            dataset[name].attrs["scale_factor"] = np.float32(2)
    dataset.to_netcdf(path, engine="h5netcdf")
    return path


with tempfile.TemporaryDirectory() as scratch:
    TOY = toy(Path(scratch) / "toy.nc").read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("glm")


def write(folder: Path, content: bytes) -> Path:
    path = folder / "file.nc"
    path.write_bytes(content)
    return path


def test_real_flashes_with_ten_groups_and_more(real_file):
    paths = real_file("glm-flashes", ".nc")
    flashes = read_glm_flashes(paths)
    # 571 over three files of this series, says the data set's description; these are two of them.
    assert flashes.groupby("file").size().tolist() == [204, 173] and len(flashes) == 377
    assert flashes["start"].between("2018-07-02 04:32:50Z", "2018-07-02 04:33:40Z").all()
    assert flashes["lat_deg"].between(-55, 55).all() and flashes["lon_deg"].between(-135, -20).all()
    assert flashes["area_km2"].between(60, 10_000).all() and flashes["duration_s"].max() < 5
    for flash in flashes.itertuples():
        assert flash.time_s.shape == flash.energy_j.shape == (flash.n_groups,) and flash.time_s[0] == 0
        np.testing.assert_allclose(flash.time_s % 0.002, 0, atol=1e-9 + 0.002 * (flash.time_s % 0.002 > 0.001).max())
        grid, curve = flash_light_curve(flash.time_s, flash.energy_j)
        assert curve.sum() == pytest.approx(flash.energy_j.sum()) and grid[-1] == pytest.approx(
            flash.duration_s, abs=1e-6
        )


def test_every_real_flash_and_its_energy_agree_with_the_file(real_file):
    paths = real_file("glm-flashes", ".nc")
    flashes = read_glm_flashes(paths, min_groups=1)
    peers = [xr.open_dataset(path, engine="h5netcdf") for path in paths]
    assert len(flashes) == 302 + 277 and flashes["n_groups"].sum() == sum(peer["group_id"].size for peer in peers)
    energy = np.concatenate([peer["flash_energy"].to_numpy() for peer in peers])
    total = np.array([curve.sum() for curve in flashes["energy_j"]])
    # The file rounds each energy to 1.5e-15 J, down or up.
    assert np.abs(total - energy).max() < 1.6e-15 * flashes["n_groups"].max()
    start = np.concatenate([peer["flash_time_offset_of_first_event"].to_numpy() for peer in peers])
    assert np.abs(flashes["start"].dt.tz_localize(None).to_numpy() - start).max() < np.timedelta64(1, "ms")
    for peer in peers:
        peer.close()


def test_numbers_are_unsigned_scaled_and_in_true_order(folder):
    flashes = read_glm_flashes(write(folder, TOY))
    assert flashes["flash_id"].tolist() == [FIRST_ID + 2, FIRST_ID + 3] and flashes["n_groups"].tolist() == [12, 20]
    assert flashes["area_km2"].tolist() == [20_000, 1]
    np.testing.assert_allclose(flashes["energy_j"][0], 5e-11, rtol=1e-6)
    np.testing.assert_allclose(flashes["time_s"][1], 0.004 * np.arange(20), atol=1e-9)
    assert flashes["start"][0] == pd.Timestamp("2018-07-02 04:33:00.150", tz="UTC")
    assert flashes["duration_s"].tolist() == pytest.approx([0.048, 0.08])


@pytest.mark.parametrize(("min_groups", "n_flashes"), [(1, 4), (3, 3), (13, 1), (21, 0)])
def test_flashes_with_few_groups_are_left_out(folder, min_groups, n_flashes):
    flashes = read_glm_flashes([write(folder, TOY)], min_groups)
    assert len(flashes) == n_flashes and (flashes.dtypes == read_glm_flashes([]).dtypes).all()


def test_a_fill_value_is_nan_and_adds_nothing(folder):
    energy = np.full(36, 5, np.int16)
    energy[-1] = -1
    change = {"group_energy": ("number_of_groups", energy, {"_Unsigned": "true"})}
    flash = read_glm_flashes(toy(folder / "fill.nc", change)).iloc[1]
    assert np.isnan(flash["energy_j"]).sum() == 1
    assert flash_light_curve(flash["time_s"], flash["energy_j"])[1].sum() == pytest.approx(19 * 5e-15)


def test_a_file_without_flashes_gives_no_rows(folder):
    with xr.open_dataset(write(folder, TOY), engine="h5netcdf", decode_cf=False) as full:
        full.isel(number_of_flashes=slice(0), number_of_groups=slice(0)).to_netcdf(
            folder / "none.nc", engine="h5netcdf"
        )
    assert len(read_glm_flashes(folder / "none.nc")) == 0


def test_areas_in_square_metres_are_converted(folder):
    change = {"flash_area": ("number_of_flashes", np.full(4, 2.5e8), {"units": "m2"})}
    assert read_glm_flashes(toy(folder / "m2.nc", change))["area_km2"].tolist() == [250, 250]


@pytest.mark.parametrize(
    ("times", "energies", "step", "wanted"),
    [
        ([0, 0.002, 0.002, 0.006], [1, 2, 3, 4], 0.002, [1, 5, 0, 4]),
        ([0.0039, 0.0001], [2, 1], 0.002, [1, 0, 2]),
        ([0, 0.004], [np.nan, 2], 0.004, [0, 2]),
        ([], [], 0.002, []),
    ],
)
def test_a_light_curve_keeps_the_energy(times, energies, step, wanted):
    grid, curve = flash_light_curve(np.array(times), np.array(energies), step)
    assert curve.tolist() == wanted
    np.testing.assert_allclose(grid, step * np.arange(len(wanted)))


@pytest.mark.parametrize(
    ("times", "energies", "step", "message"),
    [
        ([0, 1], [1], 0.002, "shape"),
        ([[0]], [[1]], 0.002, "shape"),
        ([-1], [1], 0.002, "finite seconds"),
        ([np.nan], [1], 0.002, "finite seconds"),
        ([1e9], [1], 0.002, "fewer than"),
        ([1], [1], 0, "positive"),
        ([1], [1], np.nan, "positive"),
    ],
)
def test_a_light_curve_that_makes_no_sense_is_refused(times, energies, step, message):
    with pytest.raises(ValueError, match=message):
        flash_light_curve(np.array(times), np.array(energies), step)


def test_min_groups_below_one_is_refused():
    with pytest.raises(ValueError, match="min_groups is 0"):
        read_glm_flashes([], min_groups=0)


def test_what_is_not_there_or_no_file_is_told_as_such(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_glm_flashes(tmp_path / "none.nc")
    with pytest.raises(IsADirectoryError):
        read_glm_flashes(tmp_path)


@pytest.mark.parametrize(
    "name", ["flash_id", "flash_area", "group_energy", "group_time_offset", "group_parent_flash_id"]
)
def test_a_missing_variable_is_named(folder, name):
    with pytest.raises(UnreadableFile, match=f"no variable {name}"):
        read_glm_flashes(toy(folder / "missing.nc", {name: None}))


F, G = "number_of_flashes", "number_of_groups"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"flash_id": (F, np.zeros(4, np.int16))}, "comes twice"),
        ({"group_parent_flash_id": (G, np.zeros(36, np.int16))}, "36 of 36 groups"),
        ({"flash_id": ("other", np.arange(5))}, "differ in length"),
        ({"group_energy": (("a", "b"), np.zeros((6, 6)))}, "2 axes"),
        ({"group_energy": (G, np.array(["x"] * 36))}, "1 axes|0 axes"),
        ({"group_time_offset": (G, np.full(36, np.nan), {"units": SINCE})}, "not within a day"),
        ({"group_time_offset": (G, np.full(36, 1e12), {"units": SINCE})}, "not within a day"),
        ({"group_time_offset": (G, np.zeros(36), {"units": "fortnights since 2018-07-02"})}, "not within a day"),
        ({"group_time_offset": (G, np.zeros(36), {"units": "milliseconds since 2018-07-03"})}, "times count from"),
        ({"group_time_offset": (G, np.full(36, -500.0), {"units": SINCE})}, "before its flash"),
        ({"flash_id": (F, np.full(4, np.nan))}, "no whole numbers"),
        ({"group_energy": (G, np.ones(36, np.int32), {"scale_factor": "much"})}, "cannot be scaled"),
    ],
)
def test_values_that_make_no_sense_are_refused(folder, change, message):
    with warnings.catch_warnings(action="ignore"):
        path = toy(folder / "odd.nc", change)
    with pytest.raises(UnreadableFile, match=message):
        read_glm_flashes(path)


@pytest.mark.parametrize(("shape", "chunks"), [(2**40, 2**16), (2**20, 2**10), (10, 2**24)])
def test_absurd_sizes_are_refused_before_anything_is_reserved(folder, shape, chunks):
    path = toy(folder / "absurd.nc", {"group_energy": None})
    with h5py.File(path, "a") as file:
        file.create_dataset(
            "group_energy", (shape,), np.float64, chunks=(chunks,), maxshape=(None,), compression="gzip"
        )
    assert path.stat().st_size < 2**20
    with pytest.raises(UnreadableFile, match="group_energy claims"):
        read_glm_flashes(path)
    assert peak_mib(read_glm_flashes, path) < 8


def test_a_bomb_in_a_chunk_is_refused(folder):
    packer = zlib.compressobj(1)
    start, again = (packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    path = toy(folder / "bomb.nc", {"group_energy": None})
    with h5py.File(path, "a") as file:
        variable = file.create_dataset("group_energy", (36,), np.float64, chunks=(36,), compression="gzip")
        variable.id.write_direct_chunk((0,), start + 99 * again)  # 1.6 GiB of zeros
    assert path.stat().st_size < glm.MAX_FILE_BYTES
    assert settles(read_glm_flashes, path) is None and peak_mib(read_glm_flashes, path) < 8


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "empty"), (b"CDF\x01" + bytes(100), "begins with"), (b"hello", "begins with")]
)
def test_what_is_no_netcdf_4_is_refused(folder, content, message):
    with pytest.raises(UnreadableFile, match=message):
        read_glm_flashes(write(folder, content))


def test_a_file_of_absurd_length_is_refused(folder, monkeypatch):
    monkeypatch.setattr(glm, "MAX_FILE_BYTES", 1000)
    with pytest.raises(UnreadableFile, match="at most 1000 bytes"):
        read_glm_flashes(write(folder, TOY))


def test_a_file_cut_short_is_refused(folder):
    assert all(settles(read_glm_flashes, write(folder, part)) is None for part in cuts(TOY))


@settings(max_examples=50, deadline=None)
@given(content=st.one_of(changed(TOY, 8, 4000), changed(TOY)))
def test_changed_bytes_settle(folder, content):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(glm, "TIMEOUT_S", 5.0)
        flashes = settles(read_glm_flashes, write(folder, content))
    assert flashes is None or len(flashes) <= 4


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("while True: pass", "did not end within 0.5 s"),
        ("import os; os.abort()", "crashed .signal 6"),
        ("raise OSError('no such tree')", "OSError: no such tree"),
        ("import sys; sys.exit('odd')", "odd"),
        ("import sys; sys.exit(3)", "no reason"),
    ],
)
def test_a_read_that_hangs_or_crashes_is_reported_like_any_other(tmp_path, script, message):
    (tmp_path / "child.py").write_text(script)
    with pytest.raises(UnreadableFile, match=message):
        apart.run_apart(tmp_path / "child.py", [], tmp_path / "file.nc", "a file", timeout_s=0.5)


def test_a_read_apart_gives_what_the_script_writes(tmp_path):
    (tmp_path / "child.py").write_text("import sys\nsys.stdout.buffer.write(sys.argv[1].encode() + bytes(3))")
    assert apart.run_apart(
        tmp_path / "child.py", ["ä"], tmp_path / "file.nc", "a file", timeout_s=30
    ) == "ä".encode() + bytes(3)
