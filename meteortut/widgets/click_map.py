"""A picture that can be clicked, and what the explorers share that have one: the ring about a place, and the next of some rows."""

from __future__ import annotations

import html

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from meteortut.widgets.figure_html import figure_html

#: Puts the place of a click, shares of width and height, into the box that the kernel watches. A script in an ``HTML`` widget
#: does not run; an inline handler does. Where a page forbids those, the other controls still work.
_CLICK = (
    "const r = this.getBoundingClientRect(), box = this.closest('.{0}').querySelector('.{0}-click input');"
    " box.value = (event.clientX - r.left) / r.width + ' ' + (event.clientY - r.top) / r.height;"
    " box.dispatchEvent(new Event('change', {{bubbles: true}}))"
)
_RING = (
    '<span style="position: absolute; left: {:.3f}%; top: {:.3f}%; width: {size}px; height: {size}px;'
    " margin: -{margin}px 0 0 -{margin}px; border: 2px solid #000; border-radius: 50%;"
    ' box-shadow: 0 0 0 2px #fff, inset 0 0 0 1px #fff; pointer-events: none"></span>'
)


def clickable(figure: Figure, axes: Axes, places: np.ndarray, alt: str, name: str) -> tuple[str, np.ndarray]:
    """Draw a figure as a picture that hears clicks.

    Parameters
    ----------
    figure, axes : Figure, Axes
        The latter is the one that the places are in.
    places : ndarray of shape (n, 2)
        x and y of the points that can be chosen, in units of the axes.
    alt : str
        What the figure shows, in words.
    name : str
        Class of the widget; its box for clicks has the class ``name-click``.

    Returns
    -------
    html : str
        Still open, for :func:`ring`.
    points : ndarray of shape (n, 2)
        Places on the picture, shares of width and height from the top left.
    """
    image = figure_html(figure, alt)  # lays the figure out, so that places are known
    across, up = (axes.transData.transform(places) / figure.bbox.size).T
    style = "position: relative; display: inline-block; line-height: 0; cursor: crosshair"
    click = html.escape(_CLICK.format(name))
    return f'<div style="{style}" onclick="{click}">{image}', np.column_stack([across, 1 - up])


def ring(point: np.ndarray, size: int) -> str:
    """A ring of so many pixels about a point (2,), shares from the top left, and the end of the picture's HTML."""
    x, y = 100 * point
    return f"{_RING.format(x, y, size=size, margin=size // 2 + 2)}</div>"


def next_of(passing: np.ndarray, index: int, direction: int) -> int:
    """Number of the next (1) or previous (-1) of the rows that pass, bool of shape (n,); after the last comes the first."""
    wanted = np.flatnonzero(passing)
    ahead = wanted[wanted > index] if direction > 0 else wanted[wanted < index][::-1]
    return int(ahead[0] if len(ahead) else wanted[0 if direction > 0 else -1])
