"""Figures of a previewer's results: tables of t values, scores with intervals, and what labels are worth (chapter 5)."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from meteortut.plots.style import BLUE, GREEN, GREY, ORANGE, styled

#: t values beyond this are drawn in nearly the same shade.
MOST_T = 20.0


@styled
def t_tables(tables: Mapping[str, pd.DataFrame], settled: Mapping[str, pd.DataFrame] | None = None) -> Figure:
    """Draw tables of t values side by side: the number in each cell, orange where it is positive, violet where it is negative.

    Parameters
    ----------
    tables : mapping
        Title → DataFrame of t values, a row per feature, a column per kind; all with the same rows and columns.
    settled : mapping, optional
        Title → DataFrame of bool, likewise: bold where true, grey where false. A table without one is set plainly.

    Returns
    -------
    Figure
    """
    first = next(iter(tables.values()))
    n_rows, n_columns = first.shape
    figure, row = plt.subplots(
        1, len(tables), figsize=(2.4 + 0.72 * n_columns * len(tables), 0.36 * n_rows + 1.5), sharey=True, squeeze=False
    )
    for axes, (title, table) in zip(row[0], tables.items(), strict=True):
        table = table.loc[first.index, first.columns]
        shade = np.arcsinh(table.to_numpy(float)) / np.arcsinh(MOST_T)
        axes.imshow(shade, cmap="PuOr_r", vmin=-1.6, vmax=1.6, aspect="auto")
        known = None if settled is None else settled.get(title)
        for (i, j), t in np.ndenumerate(table.to_numpy(float)):
            sure = known is None or bool(known.loc[first.index[i], first.columns[j]])
            axes.text(
                *(j, i, f"{t:.1f}"), ha="center", va="center", fontsize=8, color="black" if sure else GREY,
                fontweight="bold" if sure and known is not None else "normal",
            )  # fmt: skip
        axes.set_title(title)
        axes.set_xticks(
            range(n_columns), [str(name).replace("_", " ") for name in first.columns], rotation=40, ha="right"
        )
        axes.set_yticks(range(n_rows), [str(name).replace("_", " ") for name in first.index], fontsize="small")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    return figure


@styled
def intervals(values: Mapping[str, pd.DataFrame], xlabel: str, least: float | None = None) -> Figure:
    """Draw numbers with their intervals, a row per name and a marker per method.

    Parameters
    ----------
    values : mapping
        Method → DataFrame with columns ``value``, ``low``, ``high`` and the names as index; NaN is left out. ``low`` and ``high``
        may be NaN: a number without an interval.
    xlabel : str
        What the numbers are.
    least : float, optional
        A dotted line.

    Returns
    -------
    Figure
    """
    names = list(next(iter(values.values())).index)
    looks = [(GREY, "s"), (BLUE, "^"), (ORANGE, "o"), (GREEN, "D"), ("black", "v")]
    figure, axes = plt.subplots(figsize=(7.5, len(names) * (0.14 * len(values) + 0.22) + 1.0))
    step = 1 / (len(values) + 1.5)
    for k, ((method, table), (colour, marker)) in enumerate(zip(values.items(), looks, strict=False)):
        table = table.reindex(names)
        place = np.arange(len(names)) + (k - (len(values) - 1) / 2) * step
        spread = np.nan_to_num(np.abs(table[["low", "high"]].to_numpy().T - table.value.to_numpy()))
        axes.errorbar(
            table.value, place, xerr=spread, fmt=marker, color=colour, label=method, markersize=6, linewidth=1.6
        )
    if least is not None:
        axes.axvline(least, color="black", linestyle=":", linewidth=1)
    axes.set_yticks(range(len(names)), [str(name).replace("_", " ") for name in names])
    axes.set(xlabel=xlabel, ylim=(len(names) - 0.4, -0.6))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(values), fontsize="small")
    return figure


@styled
def label_curves(curves: Mapping[str, pd.DataFrame], target: float, xlabel: str, ylabel: str) -> Figure:
    """Draw how a score grows with the number of labels, a line and a band per way to choose them.

    Parameters
    ----------
    curves : mapping
        Way → DataFrame, index the number of labels, columns ``value``, ``low``, ``high``.
    target : float
        A dotted line.
    xlabel, ylabel : str

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(figsize=(7.5, 4))
    looks = [(BLUE, "s", "--"), (ORANGE, "o", "-"), (GREEN, "^", ":")]
    for (name, table), (colour, marker, style) in zip(curves.items(), looks, strict=False):
        axes.plot(table.index, table.value, color=colour, marker=marker, linestyle=style, label=name)
        axes.fill_between(table.index, table.low, table.high, color=colour, alpha=0.15, linewidth=0)
    axes.axhline(target, color="black", linestyle=":", linewidth=1)
    axes.set(xlabel=xlabel, ylabel=ylabel, xscale="log")
    ticks = sorted({int(n) for table in curves.values() for n in table.index})
    axes.set_xticks(ticks, [str(n) for n in ticks], rotation=45)
    axes.minorticks_off()
    axes.legend(loc="lower right")
    return figure


@styled
def flag_curves(
    curves: Mapping[str, pd.DataFrame], rules: Mapping[str, tuple[float, float]], everything: float
) -> Figure:
    """Draw F1 against the share of frames that are flagged, as an outlier finder's one parameter is turned.

    Parameters
    ----------
    curves : mapping
        Method → DataFrame with columns ``flagged`` (share, 0 to 1) and ``f1``.
    rules : mapping
        Name → (share flagged, F1): where a rule that needs no label ends up.
    everything : float
        F1 of flagging every frame: a dotted line.

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(figsize=(7.5, 4))
    for (name, table), (colour, style) in zip(
        curves.items(), [(BLUE, "-"), (ORANGE, "--"), (GREEN, ":")], strict=False
    ):
        axes.plot(100 * table.flagged, table.f1, color=colour, linestyle=style, label=name)
    for (name, (flagged, f1)), marker in zip(rules.items(), "oDs", strict=False):
        axes.plot(100 * flagged, f1, marker, color="black", markersize=8, label=name)
    axes.axhline(everything, color=GREY, linestyle=":", label="every frame flagged")
    axes.set(xlabel="frames flagged / %", ylabel="F1, any anomaly", xlim=(0, 100), ylim=(0, 1))
    axes.legend(fontsize="small", loc="lower right")
    return figure
