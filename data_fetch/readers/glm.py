"""Lightning flashes of the Geostationary Lightning Mapper (GOES-R series): light curves at 777.4 nm in 2 ms steps.

Files are the product "GLM L2 LCFA" (lightning cluster-filter algorithm): NetCDF-4, one every 20 s, with events (pixels
lit in one 2 ms frame), groups (neighbouring events of one frame) and flashes (groups near in space and time). Format:
GOES-R Product Definition and Users' Guide, volume 5; Goodman et al. 2013, Atmospheric Research 125-126, 34.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_fetch.readers.apart import run_apart
from data_fetch.readers.errors import UnreadableFile

__all__ = ["flash_light_curve", "read_glm_flashes"]

#: Real files hold 0.2 to 5 MB; more than this is not one of them.
MAX_FILE_BYTES = 1 << 26
#: The product itself allows at most 630 000 events in a file, and a flash or a group has one or more events.
MAX_ROWS = 630_000
#: Longest light curve that is laid out on a grid; a flash lasts a few seconds at most.
MAX_STEPS = 1_000_000

_FLASH = ("flash_id", "flash_lat", "flash_lon", "flash_area")
_FLASH_TIMES = ("flash_time_offset_of_first_event", "flash_time_offset_of_last_event")
_GROUP = ("group_parent_flash_id", "group_energy")
_NEEDED = (*_FLASH, *_FLASH_TIMES, *_GROUP, "group_time_offset")
_PLACE = ("lat_deg", "lon_deg", "area_km2")
_COLUMNS = ["flash_id", "start", "time_s", "energy_j", *_PLACE, "n_groups", "duration_s", "file"]
_EXPECTED = "a GOES GLM L2 LCFA file (NetCDF-4)"
#: Seconds after which a file is given up; a real one takes half a second.
TIMEOUT_S = 30.0

#: One frame of the instrument.
_FRAME_S = 0.002
#: A file spans 20 s; times further than a day from its instant are damage.
_MAX_OFFSET_S = 86_400.0
_YEARS = (2016, 2100)
_TIME_UNITS = {"milliseconds": 1e-3, "seconds": 1.0}
_AREA_UNITS = {"km2": 1.0, "m2": 1e-6}


def read_glm_flashes(paths: str | Path | Sequence[str | Path], min_groups: int = 10) -> pd.DataFrame:
    """Read flashes with their light curves.

    Parameters
    ----------
    paths : path-like or sequence of path-like
        ``OR_GLM-L2-LCFA_*.nc`` files.
    min_groups : int
        Keep flashes with at least so many groups: fewer make no curve. 1 keeps all.

    Returns
    -------
    DataFrame, a row per flash, in the order of `paths` and of the flashes in them
        ``flash_id`` (unique within a file only), ``start`` (UTC, first event), ``time_s`` (ndarray of shape
        (n_groups,), seconds after ``start``, ascending; groups of one 2 ms frame have the same time), ``energy_j`` (the
        same shape, J at the instrument's aperture; NaN where the file gives none), ``lat_deg``, ``lon_deg``
        (energy-weighted centre, degrees North and East), ``area_km2``, ``n_groups``, ``duration_s`` (first to last
        event), ``file`` (name). Position or area that the file does not give is NaN.
        No file, or none with such a flash, gives no rows.

    Raises
    ------
    UnreadableFile
        Not NetCDF-4, empty, damaged, without a variable that is needed (it is named), with a variable of other than one
        axis or of more than ``MAX_ROWS`` values, with flash numbers that repeat, with groups that belong to no flash,
        or not read within ``TIMEOUT_S``.
    ValueError
        `min_groups` is below 1.
    FileNotFoundError, IsADirectoryError, PermissionError
        As from `open`.
    """
    if min_groups < 1:
        raise ValueError(f"min_groups is {min_groups}; expected 1 or more: a flash without groups has no light curve.")
    if isinstance(paths, (str, Path)):
        paths = [paths]
    rows = [row for path in paths for row in _flashes(Path(path), min_groups)]
    types: dict[Any, Any] = dict.fromkeys((*_PLACE, "duration_s"), "float64")
    types |= {"flash_id": "int64", "start": "datetime64[ns, UTC]", "n_groups": "int64", "file": "string"}
    return pd.DataFrame(rows, columns=_COLUMNS).astype(types)


def flash_light_curve(time_s: np.ndarray, energy_j: np.ndarray, step_s: float = 0.002) -> tuple[np.ndarray, np.ndarray]:
    """Sum a flash's groups on a regular grid of time.

    Parameters
    ----------
    time_s : ndarray of shape (n_groups,)
        Seconds after the start, in any order, none negative; a row's ``time_s``.
    energy_j : ndarray of shape (n_groups,)
        Energy of each group, J; NaN adds nothing.
    step_s : float
        Step of the grid, seconds; the instrument's frames last 2 ms.

    Returns
    -------
    grid_s : ndarray of shape (n_steps,), float64
        0, step_s, 2 step_s ... to the last group.
    curve_j : ndarray of shape (n_steps,), float64
        Energy of the groups nearest to each instant, J; 0 where there is none. No groups give two empty arrays.

    Raises
    ------
    ValueError
        Shapes differ, a time is negative or not finite, `step_s` is not positive, or the curve would have more than
        ``MAX_STEPS`` steps.
    """
    time_s, energy_j = np.asarray(time_s, dtype=float), np.asarray(energy_j, dtype=float)
    if time_s.ndim != 1 or time_s.shape != energy_j.shape:
        raise ValueError(f"time_s has shape {time_s.shape}, energy_j {energy_j.shape}; expected (n_groups,) for both.")
    if not 0 < step_s < np.inf:
        raise ValueError(f"step_s is {step_s}; expected a positive number of seconds.")
    if time_s.size == 0:
        return np.zeros(0), np.zeros(0)
    if not (np.isfinite(time_s).all() and time_s.min() >= 0 and time_s.max() / step_s < MAX_STEPS):
        raise ValueError(
            f"time_s goes from {time_s.min()} to {time_s.max()} s; expected finite seconds after the start, 0 or more, "
            f"and fewer than {MAX_STEPS} steps of {step_s} s."
        )
    index = np.rint(time_s / step_s).astype(np.intp)
    curve = np.bincount(index, weights=np.nan_to_num(energy_j, nan=0.0))
    return np.arange(curve.size) * step_s, curve


def _flashes(path: Path, min_groups: int) -> list[dict[str, Any]]:
    """Rows of one file."""
    values, epoch = _variables(path)
    flash, counts = _owners(path, values["flash_id"], values["group_parent_flash_id"])
    start, end = (values[name] for name in _FLASH_TIMES)
    time = values["group_time_offset"] - start[flash]
    if time.size and time.min() < -_FRAME_S:
        raise UnreadableFile(path, f"a group lies {-time.min():.3f} s before its flash begins", _EXPECTED)
    order = np.lexsort((time, flash))
    # The file stores times in steps of its own; a group in the flash's first frame may come out a rounding error early.
    time, energy = np.maximum(time[order], 0.0), values["group_energy"][order]
    first = np.concatenate([[0], np.cumsum(counts)])
    rows = []
    for k in np.flatnonzero(counts >= min_groups):
        mine = slice(first[k], first[k + 1])
        rows.append(
            {
                "flash_id": int(values["flash_id"][k]),
                "start": epoch + pd.Timedelta(start[k], unit="s"),
                "time_s": time[mine].copy(),
                "energy_j": energy[mine].copy(),
                "lat_deg": values["flash_lat"][k],
                "lon_deg": values["flash_lon"][k],
                "area_km2": values["flash_area"][k],
                "n_groups": int(counts[k]),
                "duration_s": end[k] - start[k],
                "file": path.name,
            }
        )
    return rows


def _owners(path: Path, flash_id: np.ndarray, parent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Position of each group's flash, shape (n_groups,), and number of groups of each flash, shape (n_flashes,)."""
    order = np.argsort(flash_id)
    ids = flash_id[order]
    if (np.diff(ids) == 0).any():
        raise UnreadableFile(path, "a flash_id comes twice", f"{_EXPECTED}, where each flash has its own number")
    at = np.searchsorted(ids, parent)
    orphan = np.ones(parent.shape, dtype=bool) if not ids.size else ids[np.minimum(at, ids.size - 1)] != parent
    if orphan.any():
        found = f"{orphan.sum()} of {parent.size} groups have a group_parent_flash_id that is no flash_id"
        raise UnreadableFile(path, found, f"{_EXPECTED}, where each group belongs to a flash of the file")
    flash = order[at] if parent.size else np.zeros(0, dtype=np.intp)
    return flash, np.bincount(flash, minlength=ids.size)


def _variables(path: Path) -> tuple[dict[str, np.ndarray], pd.Timestamp]:
    """The needed variables in s, J, degrees and km2, and the instant from which the file counts its seconds."""
    with open(path, "rb") as file:
        head = file.read(8)
        n_bytes = file.seek(0, io.SEEK_END)
    if head != b"\x89HDF\r\n\x1a\n" or n_bytes > MAX_FILE_BYTES:
        found = f"it has {n_bytes} bytes and begins with {head!r}" if n_bytes else "it is empty"
        raise UnreadableFile(path, found, f"{_EXPECTED} of at most {MAX_FILE_BYTES} bytes")
    # HDF5 loops for ever on some damaged files; see `apart`.
    script = Path(__file__).with_name("_hdf5_child.py")
    content = run_apart(script, [str(path.absolute()), str(MAX_ROWS), *_NEEDED], path, _EXPECTED, TIMEOUT_S)
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        raw = dict(archive)
    try:
        values, units = _decoded(raw)
    except (ValueError, TypeError, ArithmeticError) as error:  # an attribute that says nothing sensible
        raise UnreadableFile(path, f"its values cannot be scaled ({error})", _EXPECTED) from error
    return values, _checked(path, values, units)


def _decoded(raw: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Values with _Unsigned, _FillValue, scale_factor and add_offset applied, float64, and the units of the file."""
    import xarray as xr

    units = {name: str(raw.pop(f"{name}@units", "")) for name in _NEEDED}
    attributes: dict[str, dict[str, Any]] = {name: {} for name in _NEEDED}
    for key in [key for key in raw if "@" in key]:
        name, _, attribute = key.partition("@")
        attributes[name][attribute] = raw.pop(key).ravel()[0]
    # An axis each: that lengths agree is checked later, with a better message.
    packed = xr.Dataset({name: (f"n_{name}", array, attributes[name]) for name, array in raw.items()})
    decoded = xr.decode_cf(packed, decode_times=False)
    return {name: decoded[name].to_numpy().astype(np.float64) for name in _NEEDED}, units


def _checked(path: Path, values: dict[str, np.ndarray], units: dict[str, str]) -> pd.Timestamp:
    """Turn the values into our units, in place; returns the instant from which times count. Refuses what cannot be."""
    for prefix in ("flash", "group"):
        if len({values[name].size for name in _NEEDED if name.startswith(prefix)}) != 1:
            raise UnreadableFile(path, f"its {prefix} variables differ in length", _EXPECTED)
    epochs: set[Any] = set()
    for name in (*_FLASH_TIMES, "group_time_offset"):
        unit, _, since = units[name].partition(" since ")
        epochs.add(pd.to_datetime(since, utc=True, errors="coerce"))
        values[name] *= _TIME_UNITS.get(unit, np.nan)
        if not (np.abs(values[name]) < _MAX_OFFSET_S).all():
            raise UnreadableFile(path, f"{name} [{units[name]}] is not within a day of its instant", _EXPECTED)
    epoch: Any = epochs.pop()
    if epochs or pd.isna(epoch) or not _YEARS[0] <= epoch.year < _YEARS[1]:
        found = f"its times count from {epoch} {sorted(map(str, epochs))}"
        raise UnreadableFile(path, found, f"{_EXPECTED}, with one instant")
    for name in ("flash_id", "group_parent_flash_id"):
        if not (np.abs(values[name]) < 2**53).all():
            raise UnreadableFile(path, f"{name} has values that are no whole numbers", _EXPECTED)
        values[name] = values[name].astype(np.int64)
    values["flash_area"] *= _AREA_UNITS.get(units["flash_area"], np.nan)
    return epoch
