"""Which records show the same meteor: pairs in time, events, and how many pairs are chance."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from meteortut.lightcurves.reading import require_columns

_PAIR = ["event", "first", "second", "station_first", "station_second", "dt_s", "night"]


def find_events(table: pd.DataFrame, window_s: float = 3.0) -> pd.DataFrame:
    """Pair the records of different cameras that began at the same time.

    Parameters
    ----------
    table : DataFrame
        With ``station``, ``start`` (UTC) and ``usable``, as :func:`~meteortut.lightcurves.read_aop` gives it; the index is unique.
    window_s : float
        Largest difference of the two start stamps, seconds.

    Returns
    -------
    DataFrame, a row per pair
        ``event`` (int; records joined by any chain of pairs are one event), ``first`` and ``second`` (index of the two records in
        the table, stations in alphabetical order), ``station_first``, ``station_second``, ``dt_s`` (second minus first, seconds),
        ``night`` (date of the evening). A record belongs to at most one pair per combination of cameras: the closest stamps are
        paired first. Records that are not usable or have no start are left out; no pair at all gives no row.

    Raises
    ------
    ValueError
        If a column is missing, the index is not unique, or the window is negative or not finite.
    """
    frames = []
    for (a, first), (b, second) in combinations(_seconds(table, window_s).items(), 2):
        i, j = _match(first.to_numpy(), second.to_numpy(), window_s)
        dt = second.to_numpy()[j] - first.to_numpy()[i]
        one = {"first": first.index[i], "second": second.index[j], "station_first": a, "station_second": b, "dt_s": dt}
        frames.append(pd.DataFrame(one))
    pairs = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=_PAIR[1:6])
    start = table.start.loc[pairs["first"]]
    pairs["night"] = (start - pd.Timedelta(hours=12)).dt.floor("D").dt.tz_localize(None).to_numpy()
    pairs["event"] = event_numbers(table, pairs).loc[pairs["first"]].to_numpy()
    return pairs[_PAIR].sort_values(["event", "station_first", "station_second"], ignore_index=True)


def event_numbers(table: pd.DataFrame, pairs: pd.DataFrame) -> pd.Series:
    """Number the events: records joined by pairs share a number, every other record has its own.

    Parameters
    ----------
    table : DataFrame
        Records; the index is unique.
    pairs : DataFrame
        With ``first`` and ``second``, as :func:`find_events` gives it.

    Returns
    -------
    Series of int, aligned with the table
        Numbers from 0, in the order in which the events' first records stand in the table.

    Raises
    ------
    ValueError
        If a column is missing, or a pair names a record that the table does not have.
    """
    require_columns(pairs, ["first", "second"])
    rows, columns = _rows(table, pairs["first"]), _rows(table, pairs["second"])
    graph = coo_matrix((np.ones(len(pairs)), (rows, columns)), shape=(len(table), len(table)))
    return pd.Series(pd.factorize(connected_components(graph, directed=False)[1])[0], index=table.index, name="event")


def accidental_pairs(table: pd.DataFrame, window_s: float = 3.0) -> pd.DataFrame:
    """Count how many pairs chance alone makes: the same search with one camera's clock put wrong on purpose.

    Parameters
    ----------
    table : DataFrame
        As for :func:`find_events`.
    window_s : float
        As for :func:`find_events`.

    Returns
    -------
    DataFrame, a row per combination of cameras
        ``station_first``, ``station_second``, ``pairs``, ``accidental`` (mean number of pairs over 40 shifts of 5 to 25 windows
        either way) and ``share`` (``accidental / pairs``, NaN without pairs).

    Raises
    ------
    ValueError
        As :func:`find_events`.
    """
    steps = np.arange(5, 25) * (2 * window_s + 1)  # no shifted window overlaps another, nor the true one
    rows = []
    for (a, first), (b, second) in combinations(_seconds(table, window_s).items(), 2):
        x, y = first.to_numpy(), second.to_numpy()
        chance = np.mean([len(_match(x, y + shift, window_s)[0]) for shift in np.r_[-steps, steps]])
        n = len(_match(x, y, window_s)[0])
        rows.append((a, b, n, float(chance), float(chance) / n if n else np.nan))
    return pd.DataFrame(rows, columns=["station_first", "station_second", "pairs", "accidental", "share"])


def _seconds(table: pd.DataFrame, window_s: float) -> dict[str, pd.Series]:
    """Give the start times of each camera's usable records, s since 1970, under the table's index."""
    require_columns(table, ["station", "start", "usable"])
    if not table.index.is_unique:
        raise ValueError(
            "the table's index holds a label twice; expected unique labels. Use table.reset_index(drop=True)."
        )
    if not 0 <= window_s < np.inf:
        raise ValueError(f"window_s is {window_s}; expected a number of seconds, 0 or more.")
    known = table[table.usable.astype(bool) & table.start.notna()]
    times = pd.Series(_unix(known.start), index=known.index)
    return {str(station): group for station, group in times.groupby(known.station.astype(str))}


def _match(first: np.ndarray, second: np.ndarray, window_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Pair two lists of times one to one, the closest first; indices into both."""
    order = np.argsort(second, kind="stable")
    low = np.searchsorted(second[order], first - window_s, "left")
    counts = np.searchsorted(second[order], first + window_s, "right") - low
    i = np.repeat(np.arange(len(first)), counts)
    j = order[np.arange(len(i)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(low, counts)]
    free_first, free_second = np.ones(len(first), bool), np.ones(len(second), bool)
    kept = []
    for k in np.lexsort((j, i, np.abs(second[j] - first[i]))):
        if free_first[i[k]] and free_second[j[k]]:
            free_first[i[k]] = free_second[j[k]] = False
            kept.append(k)
    return i[kept], j[kept]


def _rows(table: pd.DataFrame, labels: pd.Series) -> np.ndarray:
    """Give the rows that labels name."""
    rows = table.index.get_indexer(pd.Index(labels))
    if (rows < 0).any():
        raise ValueError(
            f"the table has no record {labels.iloc[int(np.argmin(rows))]}; expected the table that gave the pairs."
        )
    return rows


def _unix(start: pd.Series) -> np.ndarray:
    return ((start - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)).to_numpy(float)
