"""Armagh Observatory's meteor records: one R data frame, light curves and positions as text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from data_fetch.readers.errors import UnreadableFile

#: Columns of the R data frame that this reader uses; the others repeat them (file names, first and last position).
REQUIRED = ["fname", "cam", "year", "month", "day", "hour", "minute", "second", "sN", "mag", "ra", "dec", "io"]
FORMAT = "an R data frame (.Rda) with the columns " + ", ".join(REQUIRED)
#: The real file is 3 MB and unpacks to about 16 MB; more than this is not it.
MAX_BYTES = 64 << 20


def read_aop(path: str | Path) -> pd.DataFrame:
    """Read the records as the file gives them: nothing dropped, nothing reordered.

    Parameters
    ----------
    path : path-like
        ``meteor_data.Rda`` of the data set ``aop-lightcurves``.

    Returns
    -------
    DataFrame, a row per record, in the file's order
        ``id`` (name of the XML file without its ending), ``station`` (CAM1 … CAM4), ``start`` (UTC, whole seconds; NaT when
        malformed), ``n_samples_stated`` (the file's ``sN``; 0: no object, −1: several objects, their curves laid end to end),
        ``io`` (1: the start point is inside the field, 2: the end point is, 3: both, 0: neither),
        ``magnitude`` (ndarray of shape (n_samples,), mag), ``ra_deg`` and ``dec_deg`` (the same shape, degrees, J2000).
        A token that is no number is NaN; a record without samples has arrays of length 0.

    Raises
    ------
    UnreadableFile
        If the file is not an R data frame with these columns.
    FileNotFoundError
        If there is no such file.

    Notes
    -----
    Columns as listed in the repository epn-ml/Meteor-Trajectories; ``io`` after the UFOAnalyzer V2 manual, p. 53.
    """
    path = Path(path)
    frame = _data_frame(path)
    missing = [name for name in REQUIRED if name not in frame.columns]
    if missing:
        raise UnreadableFile(path, f"it has no column {', '.join(missing)}", FORMAT)
    parts = ["year", "month", "day", "hour", "minute", "second"]
    stamps = frame[parts].apply(pd.to_numeric, errors="coerce")
    return pd.DataFrame(
        {
            "id": frame["fname"].astype("string").str.replace(r"\.XML$", "", regex=True),
            "station": frame["cam"].astype("string"),
            "start": pd.to_datetime(stamps, errors="coerce", utc=True),
            "n_samples_stated": pd.to_numeric(frame["sN"], errors="coerce").fillna(0).astype(int),
            "io": pd.to_numeric(frame["io"], errors="coerce").fillna(-1).astype(int),
            "magnitude": _numbers(frame["mag"]),
            "ra_deg": _numbers(frame["ra"]),
            "dec_deg": _numbers(frame["dec"]),
        }
    )


def _data_frame(path: Path) -> pd.DataFrame:
    import pyreadr

    size = path.stat().st_size
    if not 0 < size <= MAX_BYTES:
        raise UnreadableFile(path, f"it has {size} bytes", FORMAT)
    try:
        objects = pyreadr.read_r(str(path))
    except (pyreadr.LibrdataError, pyreadr.PyreadrError, ValueError, UnicodeError, OverflowError, MemoryError) as error:
        raise UnreadableFile(path, str(error) or type(error).__name__, FORMAT) from error
    frames = [value for value in objects.values() if isinstance(value, pd.DataFrame)]
    if len(frames) != 1:
        raise UnreadableFile(path, f"it holds {len(frames)} data frames", "exactly one: " + FORMAT)
    return frames[0].reset_index(drop=True)


def _numbers(column: pd.Series) -> list[np.ndarray]:
    """Split ``"+2.9;+3.0"`` into an array per record; all records in one pass, since 12 000 small ones are slow."""
    text = column.astype("string").fillna("")
    empty = text.str.strip() == ""
    counts = np.where(empty, 0, text.str.count(";") + 1)
    tokens = ";".join(text[~empty]).split(";") if (~empty).any() else []
    values = pd.to_numeric(pd.Series(tokens, dtype="string").str.strip(), errors="coerce").to_numpy(
        float, na_value=np.nan
    )
    return np.split(values, np.cumsum(counts)[:-1]) if len(counts) else []
