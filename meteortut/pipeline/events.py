"""Tables of events: what is refused, and where in an event a track is to be fitted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from meteortut.focal import TUBE
from meteortut.pipeline.stacking import AWAY, WINDOW, stack_shifts

#: Columns of a box, first and last voxel.
BOX = ("t_first", "t_last", "y_first", "y_last", "x_first", "x_last")
#: Least sum, in units of its noise, of a second candidate in the box of one detection; most candidates of a box (chosen).
SECOND_SNR, MOST_IN_BOX = 6.0, 4


def check_events(events: pd.DataFrame, shape: tuple[int, ...]) -> None:
    """Refuse events that lack t, y or x, or lie, with or without their box, outside a stream.

    Parameters
    ----------
    events : DataFrame, a row per event
        ``t``, ``y``, ``x`` (frames and array pixels); the columns :data:`BOX` are its box, if all are there.
    shape : (int, int, int)
        Frames, rows and columns of the stream.

    Raises
    ------
    ValueError
        If a column is missing, or a place or a box lies outside.
    """
    missing = [name for name in ("t", "y", "x") if name not in events]
    if missing:
        raise ValueError(f"events lacks the columns {missing}; expected t, y and x.")
    for name, side in zip(("t", "y", "x"), shape, strict=True):
        values = events[name].to_numpy(float)
        # the middle of a last step of four frames may lie a frame beyond the end
        if not ((values >= -0.5) & (values <= side + (1.0 if name == "t" else -0.5))).all():
            raise ValueError(
                f"events has {name} from {values.min()} to {values.max()}; expected places inside the stream of shape "
                f"{tuple(shape)}. Were they found in another one?"
            )
        if _boxed(events):
            low, high = (events[f"{name}_{end}"].to_numpy(float) for end in ("first", "last"))
            if not ((low >= 0) & (low <= high) & (low < side)).all():
                raise ValueError(
                    f"events has boxes outside the stream of shape {tuple(shape)} along {name}; expected 0 ≤ first ≤ last."
                )


def _boxed(events: pd.DataFrame) -> bool:
    return all(name in events for name in BOX)


def places_to_fit(
    frames: Any, events: pd.DataFrame, gap: float
) -> Iterator[tuple[int, tuple[float, float, float], float]]:
    """Where tracks are to be fitted: at each event, or, where it has a box, at the highest sums along trial velocities inside.

    Parameters
    ----------
    frames : ndarray, memmap or Zarr array of shape (n_frames, height, width), counts per GTU
        Axes (time, y, x).
    events : DataFrame, a row per event
        As :func:`check_events` lets them pass; ``score`` or ``snr``, if there, is the score.
    gap : float
        Gap between tubes of 8 pixels, pixels.

    Yields
    ------
    event : int
        Row of ``events``, from 0.
    place : (float, float, float)
        t, y, x, frames and array pixels.
    score : float
        Of the event; NaN if it has none.
    """
    score = next((name for name in ("score", "snr") if name in events), None)
    boxed = _boxed(events)
    scores = events[score].to_numpy(float) if score else np.full(len(events), np.nan)
    for k, (event, own) in enumerate(zip(events.itertuples(), scores.tolist(), strict=True)):
        for place in _in_box(frames, event, gap) if boxed else [_centre(event, len(frames))]:
            yield k, place, own


def _centre(event: Any, n_frames: int) -> tuple[float, float, float]:
    return min(float(event.t), n_frames - 0.5), float(event.y), float(event.x)


def _in_box(frames: Any, event: Any, gap: float) -> list[tuple[float, float, float]]:
    """The highest sums along trial velocities inside a box; its centre if there is none."""
    n_frames, height, width = frames.shape
    first, stop = max(int(event.t_first) - AWAY - WINDOW, 0), min(int(event.t_last) + 1 + AWAY + WINDOW, n_frames)
    # whole tubes, so that gaps fall where they are
    y0, x0 = (max(int(start) // TUBE * TUBE - TUBE, 0) for start in (event.y_first, event.x_first))
    y1, x1 = (min((int(end) // TUBE + 2) * TUBE, side) for end, side in ((event.y_last, height), (event.x_last, width)))
    found = stack_shifts(frames[first:stop, y0:y1, x0:x1], threshold=4.0, gap=gap)
    found = found.assign(t=found.t + first, y=found.y + y0, x=found.x + x0)
    for name in ("t", "y", "x"):
        # frame k lasts from k to k + 1, pixel k from k - 0.5 to k + 0.5
        end = getattr(event, f"{name}_last") + (1.0 if name == "t" else 0.5)
        found = found[found[name].between(getattr(event, f"{name}_first") - 0.5, end)]
    found = found.sort_values("snr", ascending=False).head(MOST_IN_BOX)
    found = found[(found.snr >= SECOND_SNR) | (found.snr == found.snr.max())]
    return list(found[["t", "y", "x"]].itertuples(index=False, name=None)) or [_centre(event, n_frames)]
