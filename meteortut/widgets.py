"""Widgets: one that moves without a kernel, on the pages of the book, and one for a running notebook."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Iterable

import ipywidgets
import numpy as np
import pandas as pd
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


def explorer(
    table: pd.DataFrame,
    features: pd.DataFrame,
    shower: pd.Series,
    draw: Callable[[pd.DataFrame], Figure],
    n_neighbours: int = 3,
) -> ipywidgets.VBox:
    """Walk through records by camera, shower and night, each beside its neighbours in feature space.

    Needs a running kernel: on a static page it shows the record that it began with.

    Parameters
    ----------
    table : DataFrame, a row per record
        With ``station`` and ``start``, and what ``draw`` needs.
    features : DataFrame, aligned with ``table``
        Numbers that measure likeness; columns are scaled to unit spread. Rows with a NaN are not offered.
    shower : Series of str, aligned with ``table``
        Shower code of every record; missing is shown as "?".
    draw : callable
        Draws a few rows of the table side by side, ``plots.records``.
    n_neighbours : int
        Neighbours beside the record.

    Returns
    -------
    VBox
        Its children: camera, shower, night, record (pickers), and the figure.

    Raises
    ------
    ValueError
        If the three are not aligned, or no record has all its features.
    """
    if not (table.index.equals(features.index) and table.index.equals(shower.index)):
        raise ValueError(
            "table, features and shower have different rows; expected the same index. Take .loc[table.index]."
        )
    whole = np.isfinite(features.to_numpy(float)).all(axis=1)
    if whole.sum() <= n_neighbours:
        raise ValueError(f"{whole.sum()} records have all their features; expected more than {n_neighbours}.")
    scaled = features[whole].to_numpy(float)
    scaled = (scaled - scaled.mean(axis=0)) / np.maximum(scaled.std(axis=0), 1e-12)
    rows = table[whole]
    night = (rows.start - pd.Timedelta(hours=12)).dt.strftime("%Y-%m-%d")
    keys = pd.DataFrame(
        {"camera": rows.station.astype(str), "shower": shower[whole].fillna("?").astype(str), "night": night}
    )
    pickers = {name: ipywidgets.Dropdown(description=name) for name in (*keys, "record")}
    image = ipywidgets.HTML()

    def offer(_change: object = None) -> None:
        """Fill each picker with what the ones before it leave; the record is drawn when its picker changes."""
        left = pd.Series(True, index=keys.index)
        for name in keys:
            options = sorted(keys[name][left].unique())
            if list(pickers[name].options) != options:
                pickers[name].options = options
                pickers[name].index = 0  # a Dropdown forgets its choice with its options
            left &= keys[name] == pickers[name].value
        found = np.flatnonzero(left)
        pickers["record"].options = [(f"{rows.start.iloc[k]:%H:%M:%S}", int(k)) for k in found]
        pickers["record"].index = 0 if len(found) else None

    def show(_change: object = None) -> None:
        k = pickers["record"].value
        if k is not None:
            order = np.argsort(((scaled - scaled[k]) ** 2).sum(axis=1), kind="stable")
            chosen = [k, *[int(i) for i in order if i != k][:n_neighbours]]
            what = f"{rows.start.iloc[k]:%Y-%m-%d %H:%M:%S} on {rows.station.iloc[k]}"
            alt = f"The record of {what}, and its {n_neighbours} neighbours."
            image.value = _image(draw(rows.iloc[chosen]), alt)

    for name in keys:
        pickers[name].observe(offer, "value")
    pickers["record"].observe(show, "value")
    offer()
    show()
    return ipywidgets.VBox([*pickers.values(), image])


def _image(figure: Figure, alt: str) -> str:
    if not alt.strip():
        raise ValueError("a page has no alt text; say in words what the figure shows.")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=80)
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<img alt="{html.escape(alt, quote=True)}" style="max-width: 100%" src="data:image/png;base64,{data}">'
