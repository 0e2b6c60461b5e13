"""What AstroView is given, checked before anything is drawn."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd


def check_frames(frames: Any) -> int:
    """Refuse what is no sequence of frames; no frame is read.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, height, width), or sequence of arrays of shape (height, width)
        A lazy sequence needs ``len(frames)`` and ``frames[k]``; sizes may then differ.

    Returns
    -------
    int
        Number of frames.

    Raises
    ------
    TypeError, ValueError
        It is no such thing, or there is no frame.
    """
    if isinstance(frames, str | os.PathLike):
        raise TypeError(f"frames is the path {str(frames)!r}; expected frames. Take widgets.open_folder(path).")
    if (
        not hasattr(frames, "__len__")
        or not hasattr(frames, "__getitem__")
        or isinstance(frames, Mapping | pd.DataFrame)
    ):
        raise TypeError(
            f"frames is a {type(frames).__name__}; expected an array of shape (n_frames, height, width) or a sequence "
            "with len(frames) and frames[k]. Take list(frames) if they fit into memory."
        )
    shape = getattr(frames, "shape", None)
    if shape is not None and len(shape) != 3:
        do = "Add a time axis: frames[None]." if len(shape) == 2 else "Take one channel."
        raise ValueError(f"frames has shape {tuple(shape)}; expected (n_frames, height, width). {do}")
    if len(frames) == 0 or (shape is not None and 0 in shape):
        raise ValueError(f"there is no frame to show: frames has {shape or 'length 0'}; expected at least one.")
    return len(frames)


def numeric_features(features: pd.DataFrame | None, n: int) -> pd.DataFrame:
    """Take the numeric columns of a table, a row per frame.

    Parameters
    ----------
    features : DataFrame or None
        Columns that are not numeric are left out.
    n : int
        Number of frames.

    Returns
    -------
    DataFrame of n rows
        Without columns if there are no features.

    Raises
    ------
    TypeError, ValueError
        It is no table, has another length, or no numeric column.
    """
    if features is None:
        return pd.DataFrame(index=range(n))
    if not isinstance(features, pd.DataFrame):
        raise TypeError(f"features is a {type(features).__name__}; expected a DataFrame, a row per frame.")
    if len(features) != n:
        raise ValueError(f"features has {len(features)} rows for {n} frames; expected a row per frame, in their order.")
    table = features.select_dtypes(["number", "bool"])
    if table.shape[1] == 0:
        raise ValueError(
            f"features has no numeric column among {list(map(str, features))[:10]}; expected one at least."
        )
    table = table.astype(float)
    table.columns = [str(column) for column in table]
    if not table.columns.is_unique:
        raise ValueError(f"features has columns of the same name: {sorted(table.columns[table.columns.duplicated()])}.")
    return table


def frame_names(frames: Any, index: pd.Index | None, n: int) -> list[str]:
    """Name the frames: by ``frames.names``, else by the table's index if that is text, else by their number.

    Parameters
    ----------
    frames : sequence
        The frames.
    index : Index of length n, or None
        Of the features.
    n : int
        Number of frames.

    Returns
    -------
    list of str
        A name each, no two alike; labels are kept under these.

    Raises
    ------
    ValueError
        Two are alike, their number is wrong, or the table's index names other frames or another order.
    """
    text = None if index is None or not all(isinstance(name, str) for name in index) else list(index)
    own = getattr(frames, "names", None)
    names = list(own) if own is not None else (text or [f"frame {k:05d}" for k in range(n)])
    if len(names) != n:
        raise ValueError(f"frames.names has {len(names)} names for {n} frames; expected a name per frame.")
    if len(set(names)) != n:
        alike = sorted(name for name in set(names) if names.count(name) > 1)[:5]
        raise ValueError(f"frames of one name: {alike}; labels are kept by name, so each frame needs its own.")
    if own is not None and text is not None and text != names:
        other = next(k for k, (a, b) in enumerate(zip(names, text, strict=True)) if a != b)
        raise ValueError(
            f"features belong to other frames or stand in another order: row {other} is {text[other]!r}, "
            f"frame {other} is {names[other]!r}. Take features.reindex(frames.names)."
        )
    return names


def check_scores(scores: Any, features: pd.DataFrame, n: int) -> np.ndarray | None:
    """Outlier scores as an array: those given, else the column "score" of the features, else None.

    Parameters
    ----------
    scores : array-like of shape (n,) or None
        The higher, the odder; NaN where there is none.
    features : DataFrame
        From `numeric_features`.
    n : int
        Number of frames.

    Returns
    -------
    ndarray of shape (n,), float64, or None

    Raises
    ------
    TypeError, ValueError
        They are no numbers or of another length.
    """
    if scores is None:
        return features["score"].to_numpy() if "score" in features else None
    values = np.asarray(scores)
    if values.dtype.kind not in "buif":
        raise TypeError(f"scores hold {values.dtype}; expected numbers, one per frame.")
    if values.shape != (n,):
        raise ValueError(f"scores has shape {values.shape}; expected ({n},), one per frame.")
    return values.astype(float)


def usual_threshold(scores: np.ndarray) -> float:
    """Score above which frames count as anomalies at first: median + 5 robust standard deviations; chosen.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        NaN is left out.

    Returns
    -------
    float
        Within the range of the scores; 0 if there are none.
    """
    finite = scores[np.isfinite(scores)]
    if finite.size == 0:
        return 0.0
    middle = np.median(finite)
    robust = 1.4826 * np.median(np.abs(finite - middle))
    return float(np.clip(middle + 5 * robust, finite.min(), finite.max()))
