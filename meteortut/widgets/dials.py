"""A figure with dials: turn one, and it is drawn anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
from matplotlib.figure import Figure

from meteortut.widgets.figure_html import figure_html


def dials(draw: Callable[..., tuple[Figure, str]], **options: Sequence[Any]) -> ipywidgets.VBox:
    """Draw a figure that depends on a few choices.

    Needs a running kernel: on a static page it shows the first choices.

    Parameters
    ----------
    draw : callable
        Takes one keyword argument per dial; gives the figure and its alt text.
    **options : sequence
        Name of a dial → what it can be set to, in order; it starts at the first.

    Returns
    -------
    VBox
        The dials in the order given, and the figure.

    Raises
    ------
    ValueError
        If a dial has nothing to choose from, or there is no dial.
    """
    if not options or any(not len(choices) for choices in options.values()):
        raise ValueError(f"dials are {options}; expected at least one, each with something to choose from.")
    sliders = {
        name: ipywidgets.SelectionSlider(options=list(choices), description=name, continuous_update=False)
        for name, choices in options.items()
    }
    image = ipywidgets.HTML()

    def show(_change: object = None) -> None:
        image.value = figure_html(*draw(**{name: slider.value for name, slider in sliders.items()}))

    for slider in sliders.values():
        slider.observe(show, "value")
    show()
    return ipywidgets.VBox([*sliders.values(), image])
