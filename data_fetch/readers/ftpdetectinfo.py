"""Meteors of the Global Meteor Network as text (FTPdetectinfo), and our labels of its images.

Labels that are wrong are dropped here, with the reason from our own table ``labels/gmn_ff_labels.csv``, so that no
chapter has to know. Format: RMS, ``Formats/FTPdetectinfo.py`` (github.com/CroatianMeteorNetwork/RMS).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_fetch.readers.errors import UnreadableFile

__all__ = ["parse_ff_name", "read_ff_labels", "read_ftpdetectinfo", "read_slow_trails"]

#: Longest text that is read, 64 MiB: about 2 000 times that of a good night.
MAX_BYTES = 1 << 26
#: Our name of each column, and the file's.
COLUMNS = {
    "frame": "Frame#",
    "x_px": "Col",
    "y_px": "Row",
    "ra_deg": "RA",
    "dec_deg": "Dec",
    "azimuth_deg": "Azim",
    "elevation_deg": "Elev",
    "intensity": "Inten",
    "magnitude": "Mag",
}
_CALIBRATED = ("ra_deg", "dec_deg", "azimuth_deg", "elevation_deg", "magnitude")
_SCALARS = ("id", "ff_file", "station", "start", "fps", "label_ok", "label_note")
_EXPECTED = "an FTPdetectinfo file as RMS writes it"
_FF_NAME = re.compile(r"FF_([A-Za-z0-9]+)_((?:19|20)\d{6}_\d{6}_\d{3})_\d+\.fits(\.gz)?", re.ASCII)
_HEAD_LINE = re.compile(
    r"\S+ +(?P<number>\d{1,9}) +(?P<segments>\d{1,9}) +(?P<fps>\d{1,9}(\.\d{0,9})?)( .*)?", re.ASCII
)


def read_ftpdetectinfo(path: str | Path, include_bad: bool = False) -> pd.DataFrame:
    """Read the meteors of one station and night.

    Parameters
    ----------
    path : path-like
        ``FTPdetectinfo_<station>_<date>_<time>_<us>.txt``.
    include_bad : bool
        Keep records whose label is known to be wrong (``label_ok`` false, reason in ``label_note``) instead of dropping
        them.

    Returns
    -------
    DataFrame, a row per meteor in the order of the file
        ``id``, ``ff_file``, ``station`` (str), ``start`` (UTC, time of frame 0 of the FF file), ``fps`` (per second),
        ``label_ok`` (bool), ``label_note`` (str), and arrays of shape (n_segments,), float64, one value per measured
        frame: ``frame`` (fractional: row / n_rows of the rolling shutter is included), ``time_s`` (= frame / fps,
        seconds after ``start``), ``x_px`` (column), ``y_px`` (row), ``ra_deg``, ``dec_deg`` (J2000), ``azimuth_deg``
        (North to East), ``elevation_deg``, ``intensity`` (counts), ``magnitude``. Frames may be missing in between. A
        magnitude that is not finite is NaN, and so are sky positions and magnitudes of records marked
        ``Uncalibrated``. A file with ``Meteor Count = 0`` gives no rows.

    Raises
    ------
    UnreadableFile
        Empty, not UTF-8, without the line that names the columns or one of the nine columns, with another number of
        meteors or segments than it states, or with a value that is not a number.
    FileNotFoundError, IsADirectoryError, PermissionError
        As from `open`.
    """
    lines = _text_lines(path)
    stated = re.fullmatch(r"Meteor Count\s*=\s*(\d{1,9})", lines[0])
    heads = [number for number, line in enumerate(lines) if line.startswith("Per segment:")]
    if stated is None or not heads:
        expected = f"{_EXPECTED}: 'Meteor Count = ...', then 'Per segment: ...'"
        raise UnreadableFile(path, f"it begins with {lines[0][:60]!r}", expected)
    names = lines[heads[0]].split()[2:]
    missing = [name for name in COLUMNS.values() if name not in names]
    if missing:
        expected = f"the columns {' '.join(COLUMNS.values())}"
        raise UnreadableFile(path, f"it has no column {', '.join(missing)}", expected)
    columns = [names.index(name) for name in COLUMNS.values()]
    body = [line for line in lines[heads[0] + 1 :] if line.strip("-")]
    records = list(_records(path, body, columns))
    if len(records) != int(stated[1]):
        raise UnreadableFile(path, f"it holds {len(records)} meteors", f"{int(stated[1])}, as its first line says")
    table = _table(records)
    return table if include_bad else table[table["label_ok"]].reset_index(drop=True)


def parse_ff_name(path: str | Path, name: str) -> tuple[str, pd.Timestamp]:
    """Station and start of an FF file, from its name.

    Parameters
    ----------
    path : path-like
        The file that is read, for the message.
    name : str
        ``FF_<station>_<yyyymmdd>_<hhmmss>_<ms>_<frame>.fits``.

    Returns
    -------
    station : str
    start : pandas.Timestamp
        Time of frame 0, UTC, to the millisecond.

    Raises
    ------
    UnreadableFile
        The name is not of that form, or its time does not exist.
    """
    match = _FF_NAME.fullmatch(name)
    stamp = match[2] + "000" if match else ""
    start = pd.to_datetime(stamp, format="%Y%m%d_%H%M%S_%f", utc=True, errors="coerce")
    if match is None or pd.isna(start):
        expected = "FF_<station>_<yyyymmdd>_<hhmmss>_<ms>_<frame>.fits, which holds the time"
        raise UnreadableFile(path, f"{name[:80]!r} names no FF file", expected)
    return match[1], start


def read_ff_labels() -> pd.DataFrame:
    """Our labels of the FF files of the data set ``gmn-ff``.

    Returns
    -------
    DataFrame, a row per FF file
        ``ff_file`` (name), ``label`` (``meteor``: the label of the network is good; ``artefact``: it marks no meteor;
        ``none``: the network gives none, and no meteor is seen), ``note`` (the reason, what else the image shows).
    """
    return _label_table("gmn_ff_labels.csv")


def read_slow_trails() -> pd.DataFrame:
    """Slow satellites in two of the FF files: hard negatives for a meteor detector.

    Returns
    -------
    DataFrame, a row per trail
        ``ff_stem`` (name without ``.fits``), ``x`` and ``y`` (column and row of its middle, pixels), ``length_px``,
        ``frame_p5`` and ``frame_p95`` (5th and 95th percentile of MAXFRAME on it), ``class``.
    """
    return _label_table("ff_slow_trails.csv")


def _label_table(name: str) -> pd.DataFrame:
    with resources.as_file(resources.files("data_fetch") / "labels" / name) as path:
        return pd.read_csv(path, keep_default_na=False)


def _text_lines(path: str | Path) -> list[str]:
    """Lines of the file without the empty ones; at least one."""
    with open(path, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UnreadableFile(path, f"it is longer than {MAX_BYTES} bytes", _EXPECTED)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableFile(path, f"byte {error.start} is not UTF-8", _EXPECTED) from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise UnreadableFile(path, "it is empty", _EXPECTED)
    return lines


def _records(path: str | Path, body: list[str], columns: list[int]) -> Iterator[dict[str, Any]]:
    """Meteors one after the other: FF name, calibration, head line, then as many segments as the head line says."""
    at = 0
    while at < len(body):
        ff_file = body[at]
        station, start = parse_ff_name(path, ff_file)
        head = _HEAD_LINE.fullmatch(body[at + 2] if at + 2 < len(body) else "")
        if head is None or float(head["fps"]) <= 0:
            expected = f"{_EXPECTED}: station, number, segments, fps ..."
            raise UnreadableFile(path, f"no usable head line follows {ff_file}", expected)
        stated = int(head["segments"])
        segments = body[at + 3 : at + 3 + stated]
        if len(segments) < max(stated, 1):
            found = f"{len(segments)} segments follow {ff_file}"
            raise UnreadableFile(path, found, f"{stated}, as its head line says, and 1 or more")
        values = _values(path, ff_file, segments, columns)
        if body[at + 1].startswith("Uncalibrated"):  # RMS then writes zeros, which would look like a place in the sky
            values |= {name: np.full(len(segments), np.nan) for name in _CALIBRATED}
        identity = f"{ff_file.partition('.')[0]}_{int(head['number']):04d}"
        known = {"id": identity, "ff_file": ff_file, "station": station, "start": start, "fps": float(head["fps"])}
        yield known | values
        at += 3 + len(segments)


def _values(path: str | Path, ff_file: str, segments: list[str], columns: list[int]) -> dict[str, np.ndarray]:
    """One array per column; frame and pixel must be finite, whatever else is not finite becomes NaN."""
    try:
        rows = [[float(tokens[k]) for k in columns] for tokens in map(str.split, segments)]
    except (ValueError, IndexError) as error:
        found = f"a segment of {ff_file} is not {len(columns)} numbers ({error})"
        raise UnreadableFile(path, found, _EXPECTED) from error
    table = np.array(rows)
    table[~np.isfinite(table)] = np.nan
    if np.isnan(table[:, :3]).any():
        raise UnreadableFile(path, f"a frame, column or row of {ff_file} is not finite", _EXPECTED)
    return {name: table[:, k].copy() for k, name in enumerate(COLUMNS)}


def _table(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Records with their labels, a row each; the column types do not depend on how many there are."""
    labels = read_ff_labels()
    bad = labels[labels["label"] != "meteor"].set_index("ff_file")["note"]
    for record in records:
        record["time_s"] = record["frame"] / record["fps"]
        record["label_ok"] = record["ff_file"] not in bad.index
        record["label_note"] = str(bad.get(record["ff_file"], ""))
    table = pd.DataFrame(records, columns=[*_SCALARS[:5], "time_s", *COLUMNS, *_SCALARS[5:]])
    types: dict[Any, Any] = dict.fromkeys(("id", "ff_file", "station", "label_note"), "string")
    return table.astype(types | {"start": "datetime64[ns, UTC]", "fps": "float64", "label_ok": "bool"})
