"""Figures of meteor light curves and their showers (chapter 6)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from meteortut.plots.style import BLUE, GREY, NIGHT, ORANGE, SKY, paired_panels, styled


@styled
def year_of_nights(table: pd.DataFrame, title: str = "") -> Figure:
    """Draw every meteor as a point: the night of the year across, the hour of the night down, brighter is larger.

    Parameters
    ----------
    table : DataFrame
        Usable records with ``start`` (UTC) and ``magnitude`` (ndarrays of shape (n_samples,), mag).
    title : str
        Text above the figure.

    Returns
    -------
    Figure
    """
    evening = table.start - pd.Timedelta(hours=12)
    hour = (evening - evening.dt.floor("D")).dt.total_seconds().to_numpy() / 3600 - 12
    peak = table.magnitude.map(np.min).to_numpy()
    order = np.argsort(-peak)
    bright = np.clip((4 - peak) / 8, 0, 1)[order]
    figure, axes = plt.subplots(figsize=(8, 4.2), facecolor=NIGHT)
    axes.set_facecolor(NIGHT)
    day = evening.dt.day_of_year.to_numpy()[order] + np.linspace(-0.45, 0.45, len(order))  # spread over the day's width
    size = 0.7 + 32 * bright**2.5
    axes.scatter(day, hour[order], s=size, c=bright, cmap="inferno", vmin=-0.35, vmax=1, linewidths=0, alpha=0.9)
    first = pd.date_range("2013-01-01", periods=12, freq="MS")
    axes.set_xticks(first.day_of_year + 14, first.strftime("%b"))
    axes.set_yticks([-6, -3, 0, 3, 6], ["18 h", "21 h", "midnight", "3 h", "6 h"])
    axes.set(xlim=(-1, 368), ylim=(8.2, -8.2))
    axes.tick_params(colors="white", length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title, color="white", loc="left")
    return figure


@styled
def records(table: pd.DataFrame, titles: Sequence[str] | None = None) -> Figure:
    """Draw light curves above their tracks, a column per record.

    Parameters
    ----------
    table : DataFrame
        Up to about five rows with ``time_s``, ``magnitude``, ``ra_deg``, ``dec_deg`` (ndarrays of shape (n_samples,)),
        ``station`` and ``start``.
    titles : sequence of str, optional
        What stands above each record; station and time by default.

    Returns
    -------
    Figure
    """
    figure, pairs = paired_panels(len(table), 3 if len(table) in (3, 5, 6) else 4, (2.4, 5.0))
    named = (
        titles if titles is not None else [f"{row.station}\n{row.start:%Y-%m-%d %H:%M}" for row in table.itertuples()]
    )
    for (curve, sky), (_, row), title in zip(pairs, table.iterrows(), named, strict=True):
        curve.plot(row.time_s, row.magnitude, ".-", color=BLUE, linewidth=0.8)
        curve.invert_yaxis()
        curve.set(title=title, xlabel="time / s")
        _track(sky, row.ra_deg, row.dec_deg)
    pairs[0, 0].set_ylabel("magnitude (bright is up)")
    pairs[0, 1].set_ylabel("declination / °")
    return figure


@styled
def field_swap(as_recorded: pd.Series, true_order: pd.Series, along_deg: Sequence[np.ndarray]) -> Figure:
    """Draw one record before and after its fields were put back: how far along the track, and how bright, sample by sample.

    Parameters
    ----------
    as_recorded, true_order : Series
        The same record with ``time_s`` and ``magnitude`` (ndarrays of shape (n_samples,); seconds, mag).
    along_deg : sequence of two ndarrays of shape (n_samples,), degrees
        Distance along the track of either.

    Returns
    -------
    Figure
    """
    figure, grid = plt.subplots(2, 2, figsize=(8, 4.8), sharex=True, sharey="row")
    sides = [(as_recorded, "as recorded", ORANGE), (true_order, "true order", BLUE)]
    for (upper, lower), (record, name, colour), along in zip(grid.T, sides, along_deg, strict=True):
        upper.plot(record.time_s, along, ".-", color=colour, linewidth=0.9)
        lower.plot(record.time_s, record.magnitude, ".-", color=colour, linewidth=0.9)
        upper.set_title(name)
        lower.set_xlabel("time / s")
    grid[0, 0].set_ylabel("along the track / °")
    grid[1, 0].set_ylabel("magnitude (bright is up)")
    grid[1, 0].invert_yaxis()
    return figure


@styled
def seasonal_rate(rate: pd.DataFrame, marks: dict[str, float]) -> Figure:
    """Draw the mean number of meteors per night against the Sun's ecliptic longitude.

    Parameters
    ----------
    rate : DataFrame, a row per degree
        ``solar_longitude_deg`` (lower edge) and ``meteors_per_night``.
    marks : dict
        Labels and the longitudes (degrees) that they point at.

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(figsize=(8, 3.6))
    axes.fill_between(rate.solar_longitude_deg, rate.meteors_per_night, step="post", color=SKY, alpha=0.6)
    axes.step(rate.solar_longitude_deg, rate.meteors_per_night, where="post", color=BLUE, linewidth=0.8)
    top = rate.meteors_per_night.max()
    for label, longitude in marks.items():
        near = (rate.solar_longitude_deg - longitude).abs() < 3
        height = rate.meteors_per_night[near].max() + 0.03 * top
        axes.annotate(
            label, (longitude, height), (0, 12), textcoords="offset points", ha="center", arrowprops={"arrowstyle": "-"}
        )
    axes.set(xlabel="solar longitude / °", ylabel="records per night", xlim=(0, 360), ylim=(0, 1.2 * top))
    axes.set_xticks(range(0, 361, 30))
    return figure


@styled
def heights(triangulated: pd.DataFrame) -> Figure:
    """Draw where triangulated meteors begin, peak and end against their speed.

    Parameters
    ----------
    triangulated : DataFrame, a row per pair
        With ``speed_km_s``, ``begin_height_km``, ``peak_height_km``, ``end_height_km``.

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(figsize=(8, 4.4))
    parts = {"begin": (SKY, "^"), "peak": (ORANGE, "o"), "end": ("black", "v")}
    for name, (colour, marker) in parts.items():
        axes.plot(
            triangulated.speed_km_s,
            triangulated[f"{name}_height_km"],
            marker,
            color=colour,
            markersize=3,
            alpha=0.5,
            label=name,
        )
    axes.set(xlabel="speed / km/s", ylabel="height / km", ylim=(40, 135))
    axes.legend(markerscale=2, loc="lower right")
    return figure


def _track(axes: Axes, ra_deg: np.ndarray, dec_deg: np.ndarray) -> None:
    """Draw a track on the sky with east to the left and an open circle at its first sample."""
    ra = np.degrees(np.unwrap(np.radians(ra_deg)))
    axes.plot(ra, dec_deg, ".-", color=GREY, linewidth=0.8)
    axes.plot(ra[0], dec_deg[0], "o", markerfacecolor="none", color=ORANGE, markersize=9)
    axes.set_aspect(1 / max(np.cos(np.radians(dec_deg.mean())), 0.05), adjustable="datalim")
    axes.invert_xaxis()
    axes.set_xlabel("right ascension / °")
