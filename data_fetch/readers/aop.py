"""Armagh Observatory's meteor records: one R data frame, light curves and positions as text."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from data_fetch.readers.errors import UnreadableFile
from data_fetch.readers.r_stream import check_r_file

#: Columns of the R data frame that this reader uses; the others repeat them (file names, first and last position).
REQUIRED = ["fname", "cam", "year", "month", "day", "hour", "minute", "second", "sN", "mag", "ra", "dec", "io"]
FORMAT = "an R data frame (.Rda) with the columns " + ", ".join(REQUIRED)
#: The real file is 3 MB, unpacks to 9 MB and holds 195 000 samples; more than this is not it.
MAX_BYTES = 32 << 20
MAX_SAMPLES = 2_000_000


def read_aop(path: str | Path) -> pd.DataFrame:
    """Read the records as the file gives them: nothing dropped, nothing reordered.

    Parameters
    ----------
    path : path-like
        ``meteor_data.Rda`` of the data set ``aop-lightcurves``.

    Returns
    -------
    DataFrame, a row per record, in the file's order
        ``id`` (name of the XML file without its ending), ``station`` (CAM1 … CAM4), ``start`` (UTC, whole seconds; NaT
        when malformed), ``n_samples_stated`` (the file's ``sN``; 0: no object, or no whole number; −1: several objects,
        their curves laid end to end), ``io`` (1: the start point is inside the field, 2: the end point is, 3: both,
        0: neither, −1: not stated), ``magnitude`` (ndarray of shape (n_samples,), mag), ``ra_deg`` and ``dec_deg`` (the
        same shape, degrees, J2000). What is no finite number is NaN; a record without samples has arrays of length 0.

    Raises
    ------
    UnreadableFile
        If the file is not an R data frame with these columns, or the arrays of a record differ in length.
    FileNotFoundError
        If there is no such file.

    Notes
    -----
    Columns as listed in the repository epn-ml/Meteor-Trajectories; ``io`` after the UFOAnalyzer V2 manual, p. 53.
    """
    path = Path(path)
    frame = _data_frame(path)
    return pd.DataFrame(
        {
            "id": frame["fname"].astype("string").str.replace(r"\.XML$", "", regex=True),
            "station": frame["cam"].astype("string"),
            "start": _times(frame),
            "n_samples_stated": _whole(frame["sN"], 0),
            "io": _whole(frame["io"], -1),
            **_samples(path, frame),
        }
    )


def _data_frame(path: Path) -> pd.DataFrame:
    import pyreadr

    broken = (pyreadr.LibrdataError, pyreadr.PyreadrError, ValueError, LookupError, TypeError, OverflowError)
    try:
        check_r_file(path, MAX_BYTES)
        with warnings.catch_warnings(action="ignore"):  # of a file without a frame: that is an error here
            objects = pyreadr.read_r(str(path))
    except broken as error:  # pyreadr trips over columns whose attributes contradict their type in as many ways
        raise UnreadableFile(path, str(error) or type(error).__name__, FORMAT) from error
    frames = [value for value in objects.values() if isinstance(value, pd.DataFrame)]
    if len(frames) != 1:
        raise UnreadableFile(path, f"it holds {len(frames)} data frames", "exactly one: " + FORMAT)
    missing = [name for name in REQUIRED if name not in frames[0].columns]
    if missing:
        raise UnreadableFile(path, f"it has no column {', '.join(missing)}", FORMAT)
    return frames[0].reset_index(drop=True)


def _times(frame: pd.DataFrame) -> pd.Series:
    parts = frame[["year", "month", "day", "hour", "minute", "second"]].apply(_number)
    whole = parts.where((parts % 1 == 0) & parts.ge(0) & parts.lt(3000))  # pandas refuses 1e300 in any mode
    return pd.to_datetime(whole, errors="coerce", utc=True)


def _number(column: pd.Series) -> pd.Series:
    """Read finite numbers of a column of any type; as text, since dates, say, have no conversion of their own."""
    values = pd.to_numeric(column.astype("string"), errors="coerce").to_numpy(float, na_value=np.nan)
    return pd.Series(np.where(np.isfinite(values), values, np.nan), index=column.index)


def _whole(column: pd.Series, otherwise: int) -> pd.Series:
    values = _number(column)
    return values.where((values % 1 == 0) & (values.abs() < 1e9), otherwise).astype(int)


def _samples(path: Path, frame: pd.DataFrame) -> dict[str, list[np.ndarray]]:
    """Split ``"+2.9;+3.0"`` of three columns into an array per record, all of a record equally long."""
    columns = {"magnitude": "mag", "ra_deg": "ra", "dec_deg": "dec"}
    texts = {name: frame[column].astype("string").fillna("").str.strip() for name, column in columns.items()}
    counts = {name: np.where(text == "", 0, text.str.count(";") + 1) for name, text in texts.items()}
    expected = counts["magnitude"]
    if expected.sum() > MAX_SAMPLES:
        raise UnreadableFile(path, f"it holds {expected.sum()} samples", f"at most {MAX_SAMPLES}")
    for name, count in counts.items():
        odd = np.flatnonzero(count != expected)
        if len(odd):
            found = f"record {odd[0]} has {expected[odd[0]]} values of magnitude and {count[odd[0]]} of {name}"
            raise UnreadableFile(path, found, "as many")
    return {name: _split(text, expected) for name, text in texts.items()}


def _split(text: pd.Series, counts: np.ndarray) -> list[np.ndarray]:
    """Split all records in one pass, since 12 000 small arrays are slow to parse one by one."""
    filled = text[counts > 0]
    tokens = ";".join(filled).split(";") if len(filled) else []
    try:
        values = np.array(tokens, dtype=float)
        values[~np.isfinite(values)] = np.nan
    except ValueError:  # some token is no number: slower, token by token
        values = _number(pd.Series(tokens, dtype="string").str.strip()).to_numpy()
    return np.split(values, np.cumsum(counts)[:-1]) if len(counts) else []
