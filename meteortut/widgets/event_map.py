"""The map of a catalogue in the event explorer: its rows on the focal surface, and its clicks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from meteortut.focal import TUBE
from meteortut.plots.style import BLUE, ORANGE
from meteortut.plots.tle_vae import COLOURS, MARKERS
from meteortut.widgets.click_map import clickable

#: Width and height of the map, inches.
MAP_INCHES = (4.4, 4.9)
#: The largest marker stands for this peak SNR (chosen); also the size when there is none.
GREATEST_SNR, USUAL_SNR = 150.0, 5.0


def map_html(
    table: pd.DataFrame, flags: np.ndarray, right: np.ndarray | None, missed: np.ndarray, shape: tuple[int, int]
) -> tuple[str, np.ndarray]:
    """Draw a catalogue on the focal surface once.

    Parameters
    ----------
    table : DataFrame, a row per event
        ``y``, ``x``, pixels; ``snr`` sets the size where there is one.
    flags : ndarray of str of shape (n,)
        Set the marker; at most eight different ones.
    right : ndarray of bool of shape (n,), optional
        Right rows are filled, wrong ones open; without it each flag has a colour.
    missed : ndarray of shape (n_missed, 2), pixels
        Places (y, x) of meteors that were not found.
    shape : (int, int)
        Rows and columns of the array.

    Returns
    -------
    html : str
        Still open for the ring.
    points : ndarray of shape (n, 2)
        Places of the rows, shares of width and height from the top left.
    """
    figure = Figure(figsize=MAP_INCHES, layout="constrained")
    axes = figure.subplots()
    places = table[["x", "y"]].to_numpy(float)
    _scatter(axes, places, _sizes(table), flags, right)
    if len(missed):
        axes.scatter(missed[:, 1], missed[:, 0], s=45, marker="+", color="black", linewidths=1.2, label="missed")
    for draw, side in ((axes.axvline, shape[1]), (axes.axhline, shape[0])):
        for edge in range(TUBE, side, TUBE):
            draw(edge - 0.5, color="#dddddd", linewidth=0.6, zorder=0)
    axes.set(xlim=(-0.5, shape[1] - 0.5), ylim=(-0.5, shape[0] - 0.5), aspect="equal")
    axes.set(xlabel="x / pixel", ylabel="y / pixel")
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize="small", handletextpad=0.2)
    words = ", ".join(f"{np.count_nonzero(flags == flag)} {flag}" for flag in np.unique(flags))
    judged = "" if right is None else f" {np.count_nonzero(right)} are right; {len(missed)} meteors are missed."
    alt = f"The focal surface with {len(table)} events, a marker for each flag: {words}.{judged}"
    return clickable(figure, axes, places, alt, "event-explorer")


def _sizes(table: pd.DataFrame) -> np.ndarray:
    """Areas of the markers, points²: ndarray of shape (n,)."""
    snr = table["snr"].to_numpy(float) if "snr" in table else np.full(len(table), USUAL_SNR)
    return 12 + 10 * np.sqrt(np.clip(np.nan_to_num(snr), 0, GREATEST_SNR))


def _scatter(axes: Axes, places: np.ndarray, sizes: np.ndarray, flags: np.ndarray, right: np.ndarray | None) -> None:
    draw: Any = axes.scatter
    for flag, marker, colour in zip(np.unique(flags), MARKERS, COLOURS, strict=False):
        for name, own, colours in _groups(str(flag), flags == flag, colour, right):
            if own.any():
                draw(*places[own].T, s=sizes[own], marker=marker, label=name, alpha=0.85, **colours)


def _groups(
    flag: str, own: np.ndarray, colour: str, right: np.ndarray | None
) -> Iterator[tuple[str, np.ndarray, dict[str, Any]]]:
    """Name, rows and look of what is drawn alike; right and wrong differ in more than colour."""
    if right is None:
        yield flag, own, {"facecolors": colour, "edgecolors": "white", "linewidths": 0.4}
    else:
        yield f"{flag}, right", own & right, {"facecolors": BLUE, "edgecolors": "white", "linewidths": 0.4}
        yield f"{flag}, wrong", own & ~right, {"facecolors": "none", "edgecolors": ORANGE, "linewidths": 1.5}
