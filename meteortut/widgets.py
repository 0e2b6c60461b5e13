"""Widgets that move without a kernel too, on the pages of the book."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable

import ipywidgets
from matplotlib.figure import Figure


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
    leaves = [ipywidgets.HTML(_image(figure, alt)) for figure, alt in pages]
    if not leaves:
        raise ValueError("a flipbook needs at least one page; got none.")
    stack = ipywidgets.Stack(children=leaves, selected_index=0)
    slider = ipywidgets.IntSlider(value=0, min=0, max=len(leaves) - 1, description=label, readout=False)
    link = ipywidgets.jslink((slider, "value"), (stack, "selected_index"))
    box = ipywidgets.VBox([slider, stack])
    box.link = link  # a link that nobody holds is forgotten when the page's widget state is saved
    return box


def _image(figure: Figure, alt: str) -> str:
    if not alt.strip():
        raise ValueError("a page has no alt text; say in words what the figure shows.")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=80)
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<img alt="{html.escape(alt, quote=True)}" style="max-width: 100%" src="data:image/png;base64,{data}">'
