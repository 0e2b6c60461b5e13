"""Lightning flashes of the Geostationary Lightning Mapper (GOES-R series): light curves at 777.4 nm in 2 ms steps.

Files are the product "GLM L2 LCFA" (lightning cluster-filter algorithm): NetCDF-4, one every 20 s, with events (pixels lit in
one 2 ms frame), groups (neighbouring events of one frame) and flashes (groups near in space and time). Format: GOES-R Product
Definition and Users' Guide, volume 5 (416-R-PUG-L2+), section 5.26; Goodman et al. 2013, Atmospheric Research 125-126, 34.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

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
_EXPECTED = "a GOES GLM L2 LCFA file (NetCDF-4)"
#: One frame of the instrument.
_FRAME_S = 0.002
#: A file spans 20 s; times further than a day from its instant are damage.
_MAX_OFFSET_S = 86_400.0
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
        ``flash_id`` (unique within a file only), ``start`` (UTC, first event), ``time_s`` (ndarray of shape (n_groups,),
        seconds after ``start``, ascending; groups of one 2 ms frame have the same time), ``energy_j`` (the same shape, J at
        the instrument's aperture; NaN where the file gives none), ``lat_deg``, ``lon_deg`` (energy-weighted centre,
        degrees North and East), ``area_km2``, ``n_groups``, ``duration_s`` (first to last event), ``file`` (name).
        No file, or none with such a flash, gives no rows.

    Raises
    ------
    UnreadableFile
        Not NetCDF-4, empty, damaged, without a variable that is needed (it is named), with a variable of other than one axis
        or of more than ``MAX_ROWS`` values, with flash numbers that repeat, or with groups that belong to no flash.
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
    columns = [
        "flash_id",
        "start",
        "time_s",
        "energy_j",
        "lat_deg",
        "lon_deg",
        "area_km2",
        "n_groups",
        "duration_s",
        "file",
    ]
    types: dict[Any, Any] = dict.fromkeys(("lat_deg", "lon_deg", "area_km2", "duration_s"), "float64")
    types |= {"flash_id": "int64", "start": "datetime64[ns, UTC]", "n_groups": "int64", "file": "string"}
    return pd.DataFrame(rows, columns=columns).astype(types)


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
        n_bytes = file.seek(0, 2)
    if head != b"\x89HDF\r\n\x1a\n" or n_bytes > MAX_FILE_BYTES:
        found = f"it has {n_bytes} bytes and begins with {head!r}" if n_bytes else "it is empty"
        raise UnreadableFile(path, found, f"{_EXPECTED} of at most {MAX_FILE_BYTES} bytes")
    try:
        _check_claims(path)
        values, units = _load(path)
    except UnreadableFile:
        raise
    except Exception as error:  # HDF5, h5netcdf and xarray raise many types on a damaged file
        raise UnreadableFile(path, f"NetCDF says {type(error).__name__}: {str(error)[:200]}", _EXPECTED) from error
    return _checked(path, values, units)


def _check_claims(path: Path) -> None:
    """Refuse missing variables, and claims that would allocate much, while only the headers have been read."""
    import h5py

    with h5py.File(path, "r") as file:
        missing = [name for name in _NEEDED if not isinstance(file.get(name), h5py.Dataset)]
        if missing:
            raise UnreadableFile(path, f"it has no variable {', '.join(missing)}", _EXPECTED)
        for name, item in file.items():
            if not isinstance(item, h5py.Dataset):
                continue
            largest = max(item.size or 0, int(np.prod(item.chunks or (0,), dtype=float)))
            if largest > MAX_ROWS:
                raise UnreadableFile(
                    path, f"{name} claims {largest} values", f"at most {MAX_ROWS}, as the product allows"
                )
            if name in _NEEDED and (item.ndim != 1 or item.dtype.kind not in "iuf"):
                raise UnreadableFile(
                    path, f"{name} is {item.dtype} with {item.ndim} axes", f"{_EXPECTED}: numbers on one axis"
                )


def _load(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Values with _Unsigned, scale_factor, add_offset and _FillValue applied (xarray), in the file's units, and those."""
    import xarray as xr

    # Times are left to `_checked`: decoded by xarray they would be rounded to dates before differences are taken.
    with xr.open_dataset(path, engine="h5netcdf", decode_times=False, decode_coords=False) as dataset:
        values = {name: dataset[name].values for name in _NEEDED}
        units = {name: str(dataset[name].attrs.get("units", "")) for name in _NEEDED}
    return values, units


def _checked(
    path: Path, raw: dict[str, np.ndarray], units: dict[str, str]
) -> tuple[dict[str, np.ndarray], pd.Timestamp]:
    """Values in our units; times must be finite and count from one instant, numbers of flashes must be whole."""
    values = {name: array.astype(np.float64) for name, array in raw.items()}
    epochs: set[Any] = set()
    for name in (*_FLASH_TIMES, "group_time_offset"):
        unit, _, since = units[name].partition(" since ")
        epochs.add(pd.to_datetime(since, utc=True, errors="coerce"))
        values[name] *= _TIME_UNITS.get(unit, np.nan)
        if not (np.abs(values[name]) < _MAX_OFFSET_S).all():
            raise UnreadableFile(path, f"{name} [{units[name]}] is not within a day of its instant", _EXPECTED)
    if len(epochs) != 1 or pd.isna(min(epochs)):
        raise UnreadableFile(
            path, f"its times count from {sorted(map(str, epochs))}", f"{_EXPECTED}, one instant for all"
        )
    for name in ("flash_id", "group_parent_flash_id"):
        if not np.isfinite(values[name]).all():
            raise UnreadableFile(path, f"{name} has values that are not numbers", _EXPECTED)
        values[name] = values[name].astype(np.int64)
    values["flash_area"] *= _AREA_UNITS.get(units["flash_area"], np.nan)
    lengths = {
        prefix: {values[name].size for name in _NEEDED if name.startswith(prefix)} for prefix in ("flash", "group")
    }
    if any(len(sizes) != 1 for sizes in lengths.values()):
        raise UnreadableFile(path, f"its variables have different lengths ({lengths})", _EXPECTED)
    return values, epochs.pop()
