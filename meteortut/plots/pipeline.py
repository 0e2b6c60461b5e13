"""Figures of a search: pictures of events, recall against false alarms, calibration, errors of motion (chapter 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from meteortut.plots.style import BLUE, GREEN, GREY, NIGHT, ORANGE, SKY, paired_panels, panels, styled

#: Looks of lines that can be told apart without colour: colour, marker, dashes.
LOOKS = ((ORANGE, "o", "-"), (BLUE, "s", "--"), (GREEN, "^", ":"), ("black", "d", "-."), (SKY, "v", "-"))
#: False alarms per hour below which a curve is not followed: the axis is logarithmic.
FEWEST_FALSE = 0.5


@styled
def film_rows(rows: Mapping[str, np.ndarray], places: Mapping[str, np.ndarray], titles: Sequence[str]) -> Figure:
    """Draw films one below the other, on dark ground, a light in them marked by the corners of a square.

    Parameters
    ----------
    rows : mapping
        Name → ndarray of shape (n, height, width), any unit; each film on a scale of its own, row 0 on top.
    places : mapping
        Name → ndarray of shape (n, 2): pixel (y, x) of the light in each picture; NaN: not marked.
    titles : sequence of str
        Above the n columns.

    Returns
    -------
    Figure
    """
    n = len(titles)
    figure, grid = plt.subplots(len(rows), n, figsize=(8.2, 8.2 / n * len(rows) + 0.5), facecolor=NIGHT, squeeze=False)
    for line, (name, film) in zip(grid, rows.items(), strict=True):
        low, high = np.percentile(film, [2, 99.9])
        for axes, picture, place in zip(line, film, places[name], strict=True):
            axes.imshow(picture, cmap="inferno", vmin=low, vmax=high)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if np.isfinite(place).all():
                axes.plot(place[1], place[0], "s", markersize=15, markerfacecolor="none", markeredgecolor="white")
        line[0].set_ylabel(name, color="white")
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, color="white", fontsize="small")
    return figure


@styled
def small_pictures(
    images: Mapping[str, np.ndarray],
    label: str = "",
    tracks: Mapping[str, np.ndarray] | None = None,
    places: Mapping[str, np.ndarray] | None = None,
    columns: int = 4,
) -> Figure:
    """Draw small pictures side by side, with lines and places marked beside what they show.

    Parameters
    ----------
    images : mapping
        Title → ndarray of shape (height, width).
    label : str
        What the values are, with unit: then all share one scale. Without it each has its own.
    tracks : mapping, optional
        Title → ndarray of shape (n, 2): points (y, x) of a track; its first is marked by a dot, and its two sides are drawn.
    places : mapping, optional
        Title → ndarray of shape (n, 2): places (y, x), marked by open squares.
    columns : int
        Most pictures in a row.

    Returns
    -------
    Figure
    """
    figure, grid = panels(len(images), columns, (8.2 / columns, 8.2 / columns + 0.25))
    ends = (min(image.min() for image in images.values()), max(image.max() for image in images.values()))
    for axes, (title, image) in zip(grid, images.items(), strict=True):
        low, high = ends if label else np.percentile(image, [1, 99.8])
        drawn = axes.imshow(image, cmap="gray", vmin=low, vmax=high, origin="lower")
        axes.set_title(title, fontsize="small")
        axes.set(xticks=[], yticks=[])
        if tracks is not None and title in tracks:
            _beside(axes, tracks[title])
        if places is not None and title in places:
            y, x = np.reshape(places[title], (-1, 2)).T
            axes.plot(x, y, "s", markersize=13, markerfacecolor="none", markeredgecolor=SKY, markeredgewidth=1.6)
    if label:
        figure.colorbar(drawn, ax=list(grid), label=label, shrink=0.7)
    return figure


def _beside(axes: Axes, points: np.ndarray, away: float = 2.0) -> None:
    """Draw two lines beside a track, two pixels from it, and a dot where it begins; the limits stay."""
    limits = axes.get_xlim(), axes.get_ylim()
    step = points[-1] - points[0]
    length = float(np.hypot(*step))
    across = np.array([-step[1], step[0]]) / length if length > 0 else np.array([0.0, 1.0])
    for side in (-away, away):
        y, x = (points + side * across).T
        axes.plot(x, y, color=ORANGE, linestyle="--", linewidth=1.4)
    axes.plot(*(points[0] + away * across)[::-1], "o", color=ORANGE, markersize=5)
    axes.set(xlim=limits[0], ylim=limits[1])


@styled
def alarm_curves(
    curves: Mapping[str, pd.DataFrame],
    recall: str = "recall",
    points: Mapping[str, tuple[float, float]] | None = None,
    least: float = 0.0,
) -> Figure:
    """Draw recall against false alarms per hour, one line for each method.

    Parameters
    ----------
    curves : mapping
        Name → DataFrame, a row per threshold: ``false_per_hour``, and the column of ``recall``. Five at most.
    recall : str
        Column of the ordinate: ``"recall"``, or ``"recall_bright"`` for meteors of peak SNR 5 and more.
    points : mapping, optional
        Name → (false alarms per hour, recall): single points, drawn as stars.
    least : float
        Where the ordinate begins.

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(figsize=(7.5, 4))
    for (name, curve), (colour, marker, style) in zip(curves.items(), LOOKS, strict=False):
        own = curve[curve.false_per_hour >= FEWEST_FALSE].sort_values("false_per_hour")
        axes.plot(
            own.false_per_hour, own[recall], color=colour, marker=marker, markersize=4, linestyle=style, label=name
        )
    for name, (false, share) in (points or {}).items():
        axes.plot(max(false, FEWEST_FALSE), share, "*", color="black", markersize=13, label=name)
    meteors = "bright meteors" if recall == "recall_bright" else "meteors"
    axes.set(xscale="log", xlabel="false alarms per hour", ylabel=f"share of {meteors} found")
    axes.set_ylim(least, 1 + 0.03 * (1 - least))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    return figure


@styled
def reliability(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw how often what scores so high is what it is said to be.

    Parameters
    ----------
    tables : mapping
        Name → DataFrame, a row per bin: ``score`` (mean), ``share`` (of positives), ``low``, ``high`` (its interval). Five at most.

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(figsize=(5.2, 4.6))
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="as it says")
    for (name, table), (colour, marker, style) in zip(tables.items(), LOOKS, strict=False):
        errors = [table["share"] - table["low"], table["high"] - table["share"]]
        axes.errorbar(
            table["score"], table["share"], errors, color=colour, marker=marker, linestyle=style, capsize=2, label=name
        )
    axes.set(xlabel="score", ylabel="share of positives", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.legend(loc="upper left")
    return figure


@styled
def kinds_before_after(kinds: Mapping[str, tuple[float, float]], names: tuple[str, str], xlabel: str) -> Figure:
    """Draw two bars for each kind, one below the other, on a logarithmic axis.

    Parameters
    ----------
    kinds : mapping
        Kind → its two values, before and after; 0 has no bar.
    names : (str, str)
        What the two are.
    xlabel : str
        What is counted.

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(figsize=(7.5, 0.55 * len(kinds) + 1.3))
    place = np.arange(len(kinds))
    values = np.array(list(kinds.values()), float)
    for k, (colour, hatch) in enumerate(((BLUE, ""), (ORANGE, "///"))):
        own = axes.barh(
            place + 0.4 * k, values[:, k], 0.38, color=colour, hatch=hatch, edgecolor="white", label=names[k]
        )
        axes.bar_label(
            own, [f" {value:,.3g}" if value < 100 else f" {value:,.0f}" for value in values[:, k]], fontsize="small"
        )
    axes.set_yticks(place + 0.2, list(kinds))
    axes.invert_yaxis()
    axes.set_xscale("symlog", linthresh=1)
    axes.set(xlabel=xlabel, xlim=(0, 3 * max(values.max(), 1)))
    figure.legend(loc="outside upper center", ncols=2)
    return figure


@styled
def motion_errors(
    bins: Mapping[str, pd.DataFrame], aims: tuple[float, float], published: tuple[float, float] | None = None
) -> Figure:
    """Draw median errors of speed and direction against what the bins are of.

    Parameters
    ----------
    bins : mapping
        Name of the abscissa → DataFrame, a row per bin: ``bin`` (text), ``n``, ``speed_error_percent_median``, ``speed_low``,
        ``speed_high`` (its interval), ``direction_error_deg_median``, and what these medians would be at the Cramér–Rao bound,
        ``speed_percent_at_bound``, ``direction_deg_at_bound``.
    aims : (float, float)
        Of the medians: speed / %, direction / degrees; drawn as dashed lines.
    published : (float, float), optional
        Published residuals in the same units, drawn as dotted lines.

    Returns
    -------
    Figure
    """
    figure, pairs = paired_panels(len(bins), 2, (4.1, 5.4))
    for (upper, lower), (name, table) in zip(pairs, bins.items(), strict=True):
        place = np.arange(len(table))
        middle = table.speed_error_percent_median
        upper.errorbar(
            place, middle, [middle - table.speed_low, table.speed_high - middle], color=BLUE, marker="o", capsize=3
        )
        lower.plot(place, table.direction_error_deg_median, color=BLUE, marker="o")
        upper.plot(place, table.speed_percent_at_bound, color=GREEN, linestyle="-.", label="Cramér–Rao bound")
        lower.plot(place, table.direction_deg_at_bound, color=GREEN, linestyle="-.")
        for k, axes in enumerate((upper, lower)):
            axes.axhline(aims[k], color=GREY, linestyle="--", linewidth=1, label="aim")
            if published is not None:
                axes.axhline(published[k], color=ORANGE, linestyle=":", linewidth=1.5, label="published")
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
        upper.set_xticks(place, [""] * len(table))
        lower.set_xticks(place, [f"{row.bin}\n({row.n})" for row in table.itertuples()], fontsize="small")
        lower.set_xlabel(name)
    pairs[0][0].set_ylabel("median speed error / %")
    pairs[0][1].set_ylabel("median direction error / °")
    pairs[0][0].legend()
    return figure
