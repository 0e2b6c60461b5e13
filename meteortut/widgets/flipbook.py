"""Leaf through figures with a slider that moves without a kernel."""

from __future__ import annotations

from collections.abc import Iterable

import ipywidgets
from matplotlib.figure import Figure

from meteortut.widgets.figure_html import figure_html


def flipbook(pages: Iterable[tuple[Figure, str]], label: str = "page") -> ipywidgets.VBox:
    """Leaf through figures with a slider.

    The figures are drawn once; slider and pages are linked in the browser, so the widget works on a static page.

    Parameters
    ----------
    pages : iterable of (Figure, str)
        Each figure with its alt text.
    label : str
        What stands beside the slider.

    Returns
    -------
    VBox

    Raises
    ------
    ValueError
        If there is no page, or one has no alt text.
    """
    leaves = [ipywidgets.HTML(figure_html(figure, alt)) for figure, alt in pages]
    if not leaves:
        raise ValueError("a flipbook needs at least one page; got none.")
    stack = ipywidgets.Stack(children=leaves, selected_index=0)
    slider = ipywidgets.IntSlider(value=0, min=0, max=len(leaves) - 1, description=label, readout=False)
    link = ipywidgets.jslink((slider, "value"), (stack, "selected_index"))
    box = ipywidgets.VBox([slider, stack])
    box.link = link  # a link that nobody holds is forgotten when the page's widget state is saved
    return box
