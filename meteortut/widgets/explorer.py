"""Walk through records, each beside its neighbours in feature space; for a running notebook."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from meteortut.widgets.figure_html import figure_html


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
            image.value = figure_html(draw(rows.iloc[chosen]), alt)

    for name in keys:
        pickers[name].observe(offer, "value")
    pickers["record"].observe(show, "value")
    offer()
    show()
    return ipywidgets.VBox([*pickers.values(), image])
