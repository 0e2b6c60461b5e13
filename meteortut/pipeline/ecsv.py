"""A catalogue as a file with units."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from meteortut.focal import FRAME_S

#: Columns of a catalogue and their units; t counts frames of 40.96 ms, speeds are per frame.
UNITS = {
    **dict.fromkeys(("t_first", "t_peak", "t_last"), f"{FRAME_S:.5f} s"),
    **dict.fromkeys(("y", "x"), "pix"),
    "n_pixels": "pix",
    "speed_px": f"{1 / FRAME_S:.6g} pix / s",
    "direction_deg": "deg",
    **dict.fromkeys(("score", "snr", "track_snr"), None),
    "speed_err_px": f"{1 / FRAME_S:.6g} pix / s",
    "direction_err_deg": "deg",
    **dict.fromkeys(("y_err", "x_err"), "pix"),
    **dict.fromkeys(("vy", "vx"), f"{1 / FRAME_S:.6g} pix / s"),
    "fwhm": f"{FRAME_S:.5f} s",
    "size_px": "pix",
    **dict.fromkeys(("chi2", "flag", "event"), None),
}
COLUMNS = tuple(UNITS)


def to_ecsv(table: pd.DataFrame, path: str | os.PathLike) -> Path:
    """Write a catalogue with its units as an ECSV file, whole or not at all.

    Parameters
    ----------
    table : DataFrame
        As :func:`build_catalogue` gives it; further columns are written without a unit.
    path : path
        An existing file is replaced.

    Returns
    -------
    Path
        The file. ``astropy.table.QTable.read`` reads it: one frame is a unit of 0.04096 s,
        a pixel per frame one of 24.4141 pix / s.

    Raises
    ------
    ValueError
        If a column of a catalogue is missing.
    IsADirectoryError, FileNotFoundError
        If the path is a folder, or its folder does not exist.
    """
    from astropy.table import Table  # slow to import

    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise ValueError(f"the catalogue lacks the columns {missing}; expected a table as build_catalogue() gives it.")
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; expected a file name, for instance {path / 'meteors.ecsv'}.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}; make it first.")
    written = Table.from_pandas(table.astype({"flag": str}))
    for name, unit in UNITS.items():
        written[name].unit = unit
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        written.write(part, format="ascii.ecsv")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
