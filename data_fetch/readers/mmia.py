"""ASIM/MMIA: the public table of labelled slices of 50 level-1 files; the files themselves need an account.

:func:`read_mmia_fits`, for who has them, is in :mod:`data_fetch.readers.mmia_fits`.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pandas as pd

from data_fetch.readers.errors import UnreadableFile
from data_fetch.readers.mmia_fits import read_mmia_fits

__all__ = ["read_mmia_fits", "read_mmia_labels"]

SLICE = 5000
CLASSES = ("HCHA", "HCLA", "LCHA", "LCLA", "N")
HEADINGS = ["File Number", "File Name", "Frame Number", "Classification"]
TABLE_FORMAT = "an Excel file (.xlsx) whose first sheet has the columns " + ", ".join(HEADINGS)
#: The real table has 17 kB and unpacks to 126 kB; its sheet has 1000 rows.
MAX_XLSX_BYTES, MAX_UNPACKED, MAX_ROWS = 4 << 20, 32 << 20, 10_000

_NAME = re.compile(
    r".*observation_time_(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)_observation_id_(\d{1,15})(?:_group_id_\d+)?\.fits", re.ASCII
)
_FAULTS = (OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
_ZIP_FAULTS = (RuntimeError, AssertionError, MemoryError, zlib.error, zipfile.BadZipFile)


def read_mmia_labels(path: str | Path) -> pd.DataFrame:
    """Read the labelled slices of 50 MMIA files.

    Parameters
    ----------
    path : path-like
        ``GroundTruth_Table.xlsx`` of the data set ``mmia-labels``.

    Returns
    -------
    DataFrame, a row per slice, in the table's order
        ``file_number`` (0 to 49), ``file_name`` (the level-1 FITS file), ``frame_number`` (counted from 0 within the
        file), ``classification`` (correlation between bands and activity, each high or low: ``HCHA``, ``HCLA``,
        ``LCHA``, ``LCLA``; ``N`` noise), ``observation_time`` (UTC, whole seconds) and ``observation_id`` from the file
        name, ``first_sample`` (``5000 * frame_number``). 555 rows: LCLA 143, N 120, HCLA 115, LCHA 92, HCHA 85.

    Raises
    ------
    UnreadableFile
        If the file is no such table, or would unpack to more than 32 MiB.
    FileNotFoundError
        If there is no such file.

    Notes
    -----
    **A "frame" here is a slice of 5 000 samples (50 ms), not a frame of the FITS table**: the repository's
    scripts lay all frames of a file end to end, count slices, drop the last one even when it is full, and join the
    labels on that count; they also reverse each slice in time. Table: RCJoergensen/Synthesis_CVAE_ASIM (2021).
    """
    path = Path(path)
    rows = _sheet(path)
    if [str(cell).strip().lower() for cell in rows[0]] != [name.lower() for name in HEADINGS]:
        raise UnreadableFile(path, f"its first row is {str(rows[0])[:200]}", TABLE_FORMAT)
    table = pd.DataFrame(
        [row for row in rows[1:] if any(cell is not None for cell in row)], columns=HEADINGS, dtype=object
    )
    table.columns = pd.Index([name.lower().replace(" ", "_") for name in HEADINGS])
    names = table["file_name"] = table["file_name"].ffill()
    table["file_number"] = table["file_number"].ffill()
    if table.empty or not names.map(lambda name: isinstance(name, str) and bool(_NAME.fullmatch(name))).all():
        raise UnreadableFile(
            path, "a row has no MMIA file name", "names …observation_time_<date>_<time>_observation_id_<n>.fits"
        )
    if not table["classification"].isin(CLASSES).all():
        raise UnreadableFile(path, "a row has no known class", f"one of {', '.join(CLASSES)} in every row")
    for column in ("file_number", "frame_number"):
        numbers = pd.to_numeric(table[column], errors="coerce")
        if not (numbers.between(0, 10**9) & (numbers % 1 == 0)).all():
            raise UnreadableFile(path, f"a row has no whole number in {column}", TABLE_FORMAT)
        table[column] = numbers.astype("int64")
    parts = names.str.extract(_NAME)
    table["observation_time"] = pd.to_datetime(parts[0], format="%Y-%m-%d_%H-%M-%S", utc=True, errors="coerce")
    table["observation_id"] = parts[1].astype("int64")
    table["first_sample"] = SLICE * table["frame_number"]
    return table.astype({"file_name": "str", "classification": "str"})


def _sheet(path: Path) -> list[tuple[Any, ...]]:
    """Give the first four cells of the rows of the first sheet."""
    import openpyxl

    try:
        packed = _honest_copy(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl's remarks about styles
            book = openpyxl.load_workbook(packed, read_only=True, data_only=True, keep_links=False)
            if not book.worksheets:
                raise UnreadableFile(path, "it has no sheet", TABLE_FORMAT)
            # Both limits are needed: a row may claim any number, and openpyxl fills the gap.
            rows = list(book.worksheets[0].iter_rows(max_row=MAX_ROWS, max_col=len(HEADINGS), values_only=True))
    except (UnreadableFile, FileNotFoundError, PermissionError):
        raise
    except (*_FAULTS, *_ZIP_FAULTS) as error:
        raise UnreadableFile(path, f"{type(error).__name__}: {error}"[:300], TABLE_FORMAT) from error
    if not rows:
        raise UnreadableFile(path, "its first sheet is empty", TABLE_FORMAT)
    return rows


def _honest_copy(path: Path) -> io.BytesIO:
    """Unpack in small steps up to a limit, as a zip directory may lie about sizes; refuse XML with entities."""
    size = path.stat().st_size
    if not (path.is_file() and 0 < size <= MAX_XLSX_BYTES):
        raise UnreadableFile(path, f"it has {size} bytes or is a folder", TABLE_FORMAT)
    copy, left = io.BytesIO(), MAX_UNPACKED
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
        for member in source.infolist()[:1000]:
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.file_size > left:
                raise UnreadableFile(path, f"{member.filename[:80]} unpacks to {member.file_size} bytes", TABLE_FORMAT)
            with source.open(member) as stream:
                content = b"".join(iter(lambda: stream.read(1 << 16), b""))
            left -= len(content)
            if b"<!DOCTYPE" in content or b"<!ENTITY" in content or content.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise UnreadableFile(path, f"{member.filename[:80]} defines entities or is UTF-16", TABLE_FORMAT)
            target.writestr(member.filename, content)
    copy.seek(0)
    return copy
