"""Chapter 6: reading the archive, and putting its fields back in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadr

from data_fetch import fetch
from meteortut import lightcurves
from meteortut.lightcurves import reading


def pairs() -> list[tuple[str, str, Callable[[], object], Callable[[], object]]]:
    """Give name, peer's name, our call and the peer's; checks first that both give the same."""
    (path,) = fetch("aop-lightcurves")
    raw = lightcurves.read_aop(path, true_order=False)
    some = raw[raw.usable].iloc[::10].reset_index(drop=True)  # the loop is slow; both sides get the same tenth
    by_loop, by_length = _loop_undo(some), lightcurves.undo_field_swap(some).was_swapped
    if not np.array_equal(by_loop, by_length):
        raise RuntimeError(f"the loop and undo_field_swap disagree about {int((by_loop != by_length).sum())} records.")
    return [
        (
            "read 12 010 records into arrays",
            "pyreadr, then float() in a loop",
            lambda: lightcurves.read_aop(path, true_order=False),
            lambda: _loop_read(path),
        ),
        (
            f"put the fields of {len(some)} records in order",
            "a loop over the records",
            lambda: lightcurves.undo_field_swap(some),
            lambda: _loop_undo(some),
        ),
    ]


def _loop_read(path: Path) -> list[list[np.ndarray]]:
    frame = next(iter(pyreadr.read_r(str(path)).values()))
    columns = [frame[name] for name in ("mag", "ra", "dec")]
    return [[np.array([float(token) for token in text.split(";") if token]) for text in column] for column in columns]


def _loop_undo(table: pd.DataFrame) -> np.ndarray:
    swapped = []
    for row in table.itertuples():
        along = lightcurves.along_track(row.ra_deg, row.dec_deg)
        ways = [np.abs(np.diff(along[order])).sum() for order in reading._orders(row.n_samples)]
        swapped.append(int(np.argmin(ways)) > 0)
    return np.array(swapped)
