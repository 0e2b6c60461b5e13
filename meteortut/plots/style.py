"""Colours, the style of a figure, and charts of no particular instrument."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

#: Colour-blind safe (Okabe and Ito 2008), of clearly different lightness.
BLUE, ORANGE, GREEN, SKY, GREY = "#0072b2", "#d55e00", "#009e73", "#56b4e9", "#777777"
NIGHT = "#0b1020"

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
    figure, row = plt.subplots(1, len(matrices), figsize=(3.3 * len(matrices), 3.4), squeeze=False, sharey=True)
    for axes, (name, matrix) in zip(row[0], matrices.items(), strict=True):
        share = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
        for i, j in np.ndindex(share.shape):
            axes.text(
                j, i, f"{share[i, j]:.0f}", ha="center", va="center", color="white" if share[i, j] > 55 else "black"
            )
        axes.set_title(name)
        axes.set_xticks(range(len(labels)), labels, rotation=60, ha="right")
        axes.set_yticks(range(len(labels)), labels)
        axes.set_xlabel("predicted")
    row[0, 0].set_ylabel("true")
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
