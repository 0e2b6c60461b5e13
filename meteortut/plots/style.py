"""Colours, the style of a figure, and charts of no particular instrument."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Colour-blind safe (Okabe and Ito 2008), of clearly different lightness.
BLUE, ORANGE, GREEN, SKY, GREY = "#0072b2", "#d55e00", "#009e73", "#56b4e9", "#777777"
NIGHT = "#0b1020"
#: Width of a page, inches: what is wider is shrunk, its letters too.
PAGE = 8.4

_STYLE: dict[Any, Any] = {
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "legend.frameon": False,
}
_P = ParamSpec("_P")


def styled(draw: Callable[_P, Figure]) -> Callable[_P, Figure]:
    """Give a figure the style of the book while it is drawn, and close it, so that a notebook shows it once."""

    @wraps(draw)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> Figure:
        with plt.rc_context(_STYLE):
            figure = draw(*args, **kwargs)
        plt.close(figure)  # the notebook shows the returned figure once; pyplot must not keep and show it again
        return figure

    return wrapper


def panels(n: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Figure, np.ndarray]:
    """Give a figure of n panels in rows, none wider than a page: a page shows some 8 inches, and shrinks what is wider.

    Parameters
    ----------
    n : int
        How many; the rest of the last row stays empty.
    columns : int
        Most panels in a row.
    size : (float, float)
        Width and height of one panel, inches.
    **options
        For ``matplotlib.pyplot.subplots``.

    Returns
    -------
    figure : Figure
    axes : ndarray of Axes of shape (n,)
    """
    columns = min(n, columns)
    rows = -(-n // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(columns * size[0], rows * size[1]), squeeze=False, **options)
    for axes in grid.flat[n:]:
        axes.axis("off")
    return figure, grid.ravel()[:n]


def paired_panels(n: int, columns: int, size: tuple[float, float]) -> tuple[Figure, np.ndarray]:
    """Give a figure of n pairs of panels, one above the other, in rows no wider than a page.

    Parameters
    ----------
    n : int
        Pairs.
    columns : int
        Most pairs in a row.
    size : (float, float)
        Width and height of one pair, inches.

    Returns
    -------
    figure : Figure
    axes : ndarray of Axes of shape (n, 2)
        Upper and lower.
    """
    columns = min(n, columns)
    rows = -(-n // columns)
    figure, grid = plt.subplots(2 * rows, columns, figsize=(columns * size[0], rows * size[1]), squeeze=False)
    pairs = grid.reshape(rows, 2, columns).swapaxes(1, 2).reshape(-1, 2)
    for axes in pairs[n:].flat:
        axes.axis("off")
    return figure, pairs[:n]


def rails(axes: Axes, ends: np.ndarray, away: float, colour: str = ORANGE) -> None:
    """Draw two dashed lines, one on each side of a line, not over it; the limits of the axes stay.

    Parameters
    ----------
    axes : Axes
    ends : ndarray of shape (2, 2), pixels
        Ends (y, x) of the line.
    away : float, pixels
        From the line to each rail.
    colour : str
    """
    limits = axes.get_xlim(), axes.get_ylim()
    along = (ends[1] - ends[0]) / max(float(np.hypot(*(ends[1] - ends[0]))), 1e-9)
    for side in (-1, 1):
        y, x = (ends + side * away * np.array([-along[1], along[0]])).T
        axes.plot(x, y, color=colour, linestyle="--", linewidth=1.4, zorder=3)
    axes.set(xlim=limits[0], ylim=limits[1])


@styled
def confusion(matrices: dict[str, np.ndarray], labels: list[str]) -> Figure:
    """Draw confusion matrices side by side: rows are the truth, each row adds up to 100 %.

    Parameters
    ----------
    matrices : dict
        Name → ndarray of shape (n_labels, n_labels), counts, rows true, columns predicted.
    labels : list of str
        Names of the classes.

    Returns
    -------
    Figure
    """
    figure, row = panels(len(matrices), 2, (3.6, 3.6), sharey=True)
    for axes, (name, matrix) in zip(row, matrices.items(), strict=True):
        share = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
        for i, j in np.ndindex(share.shape):
            axes.text(
                j, i, f"{share[i, j]:.0f} %", ha="center", va="center", color="white" if share[i, j] > 55 else "black"
            )
        axes.set_title(name)
        axes.set_xticks(range(len(labels)), labels, rotation=60, ha="right")
        axes.set_yticks(range(len(labels)), labels)
        axes.set_xlabel("predicted")
    row[0].set_ylabel("true")
    return figure


@styled
def lines(x: np.ndarray, series: dict[str, np.ndarray], xlabel: str, ylabel: str) -> Figure:
    """Draw a few lines that can be told apart without colour.

    Parameters
    ----------
    x : ndarray of shape (n,)
        Abscissa.
    series : dict
        Name → ndarray of shape (n,); NaN leaves a gap.
    xlabel, ylabel : str
        What the axes show, with units.

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(figsize=(7.5, 4))
    looks = [(ORANGE, "o", "-"), (BLUE, "s", "--"), (GREEN, "^", ":"), ("black", "d", "-."), (SKY, "v", "-")]
    for (name, values), (colour, marker, style) in zip(series.items(), looks, strict=False):
        axes.plot(x, values, marker=marker, linestyle=style, color=colour, label=name)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.legend()
    return figure
