"""A figure as an HTML image that carries its alt text."""

from __future__ import annotations

import base64
import html
import io

from matplotlib.figure import Figure


def figure_html(figure: Figure, alt: str) -> str:
    """Draw a figure into an ``<img>`` element.

    Parameters
    ----------
    figure : Figure
        Drawn as PNG, 80 dots per inch.
    alt : str
        What the figure shows, in words.

    Returns
    -------
    str
        HTML that needs no other file.

    Raises
    ------
    ValueError
        If the alt text is empty.
    """
    if not alt.strip():
        raise ValueError("the figure has no alt text; expected words that say what it shows.")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=80)
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<img alt="{html.escape(alt, quote=True)}" style="max-width: 100%" src="data:image/png;base64,{data}">'
