"""Figures of meteor pictures, of what a network looks at, and of tracks in time (chapter 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from meteortut.plots.scmos import NOISY_DPI, stretched
from meteortut.plots.style import BLUE, GREEN, GREY, ORANGE, PAGE, SKY, panels, rails, styled

#: Distance of the two rails between which a track lies, pixels per pixel of the picture's longer side.
_RAILS = 0.04
#: Bright on a dark sky.
YELLOW = "#ffd166"
_LOOKS = [(ORANGE, "-", "o"), (BLUE, "--", "s"), (GREEN, ":", "^"), ("black", "-.", "d"), (SKY, "-", "v")]


@styled
def sky_gallery(
    pictures: Mapping[str, np.ndarray],
    columns: int = 4,
    tracks: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
    linear: Sequence[str] = (),
) -> Figure:
    """Draw pictures side by side, row 0 on top, each on its own scale of grey.

    Parameters
    ----------
    pictures : mapping
        Title → ndarray of shape (height, width), counts.
    columns : int
        Pictures in a row.
    tracks : mapping, optional
        Title → points (y, x), pixels, of a track; dashed rails are drawn beside it, not over it.
    linear : sequence of str
        Titles of pictures that hold something else than light, frame numbers for example: drawn from least to most.

    Returns
    -------
    Figure
    """
    height, width = next(iter(pictures.values())).shape
    side = PAGE / columns
    figure, row = panels(len(pictures), columns, (side, side * height / width + 0.3), dpi=NOISY_DPI)
    for axes, (title, picture) in zip(row, pictures.items(), strict=True):
        if title in linear:
            axes.imshow(picture, cmap="viridis", interpolation="nearest")
        else:
            _sky(axes, picture)
        axes.set_title(title, fontsize="small")
        axes.set(xticks=[], yticks=[])
        if tracks and title in tracks:
            rails(axes, _ends(*tracks[title]), _RAILS * max(picture.shape), YELLOW)
    return figure


@styled
def sighting(
    image: np.ndarray, heat: np.ndarray, ends: np.ndarray, curve: pd.DataFrame, label: pd.DataFrame | None = None
) -> Figure:
    """Draw a picture, what the network looked at, the track that was found, and how it moved.

    Parameters
    ----------
    image, heat : ndarray of shape (height, width), counts and 0 to 1
        Maximum image and heat map.
    ends : ndarray of shape (2, 2), pixels
        Ends (y, x) of the track.
    curve : DataFrame
        ``time_s``, ``along_px``, as of ``gradcam.velocity_curve``.
    label : DataFrame, optional
        ``time_s``, ``along_px`` of somebody else's measurement.

    Returns
    -------
    Figure
    """
    tall = PAGE * image.shape[0] / image.shape[1]
    figure, (upper, lower) = plt.subplots(2, 1, figsize=(PAGE, tall + 2.4), height_ratios=[tall, 2.2])
    _sky(upper, image)
    _heat(upper, heat)
    rails(upper, np.asarray(ends, float), 0.02 * max(image.shape), YELLOW)
    upper.set(xticks=[], yticks=[])
    if label is not None:
        lower.plot(label.time_s, label.along_px, "s", mfc="none", color=BLUE, markersize=9, label="label")
    lower.plot(curve.time_s, curve.along_px, "o", color=ORANGE, markersize=4, label="this chapter")
    slope = np.polyfit(curve.time_s, curve.along_px, 1)
    lower.plot(curve.time_s, np.polyval(slope, curve.time_s), "-", color=GREY, linewidth=1, label="constant speed")
    lower.set(xlabel="time / s", ylabel="along the track / pixels")
    lower.legend(fontsize="small")
    return figure


@styled
def heat_maps(
    image: np.ndarray,
    maps: Mapping[str, np.ndarray],
    points: tuple[np.ndarray, np.ndarray] | None = None,
    columns: int = 4,
    peaks: bool = False,
) -> Figure:
    """Draw a tile, and heat maps over it.

    Parameters
    ----------
    image : ndarray of shape (height, width), counts
        Tile.
    maps : mapping
        Title → ndarray of the tile's shape; below 0 nothing is drawn.
    points : (y, x), optional
        Points of the track, pixels; rails are drawn beside it.
    columns : int
        Pictures in a row; the tile itself is the first.
    peaks : bool
        Mark the pixel where each map is largest with a cross.

    Returns
    -------
    Figure
    """
    side = PAGE / columns
    figure, row = panels(len(maps) + 1, columns, (side, side + 0.3), dpi=NOISY_DPI)
    for axes, (title, heat) in zip(row, {"the tile": None, **maps}.items(), strict=True):
        _sky(axes, image)
        axes.set_title(title, fontsize="small")
        axes.set(xticks=[], yticks=[])
        if points is not None:
            rails(axes, _ends(*points), 0.05 * max(image.shape), YELLOW)
        if heat is not None:
            _heat(axes, heat)
            if peaks:
                y, x = np.unravel_index(int(np.argmax(heat)), heat.shape)
                axes.plot(x, y, "+", color="white", markersize=14, markeredgewidth=2)
    return figure


@styled
def roc_curves(scores: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw hits against false alarms (on a logarithmic scale, for few are allowed), and precision against recall.

    Parameters
    ----------
    scores : mapping
        Method → DataFrame with ``label`` (1, 0; −1 is left out) and ``score``.

    Returns
    -------
    Figure
    """
    from sklearn.metrics import precision_recall_curve, roc_curve

    figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 3.8))
    for (name, table), (colour, style, _) in zip(scores.items(), _LOOKS, strict=False):
        table = table[table.label >= 0]
        false, hits, _ = roc_curve(table.label, table.score, drop_intermediate=False)
        left.plot(np.maximum(false, 0.5 / (table.label == 0).sum()), hits, style, color=colour, label=name)
        precision, recall, _ = precision_recall_curve(table.label, table.score)
        right.plot(recall, precision, style, color=colour)
    left.set(xscale="log", xlabel="share of other tiles above the threshold", ylabel="share of trail tiles found")
    right.set(xlabel="share of trail tiles found (recall)", ylabel="share of alarms that are right (precision)")
    left.legend(loc="lower right", fontsize="small")
    return figure


@styled
def times_along(tracks: Mapping[str, pd.DataFrame], n_rows: int = 720) -> Figure:
    """Draw when each bright pixel of a track was brightest, against its place along the track.

    Parameters
    ----------
    tracks : mapping
        Title → DataFrame with ``along_px``, ``frame``, and ``y`` (pixels, for the rolling shutter).
    n_rows : int
        Rows of the sensor.

    Returns
    -------
    Figure
    """
    figure, row = panels(len(tracks), 3, (PAGE / 3, 3.0), sharey=True)
    for axes, (title, table) in zip(row, tracks.items(), strict=True):
        axes.plot(table.along_px, table.frame + table.y / n_rows, ".", color=BLUE, markersize=4)
        axes.set(xlabel="distance along the track / pixels", ylim=(0, 256))
        axes.set_title(title, fontsize="small")
    row[0].set_ylabel("instant of the maximum / frames")
    return figure


@styled
def speed_curves(curves: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]], columns: int = 5) -> Figure:
    """Draw distance against time for several meteors: ours and somebody else's.

    Parameters
    ----------
    curves : mapping
        Title → (ours, theirs): DataFrames with ``time_s`` and ``along_px``.
    columns : int
        Panels in a row.

    Returns
    -------
    Figure
    """
    figure, row = panels(len(curves), columns, (PAGE / columns, 2.2))
    for axes, (title, (ours, theirs)) in zip(row, curves.items(), strict=True):
        start = min(ours.time_s.min(), theirs.time_s.min())
        axes.plot(theirs.time_s - start, theirs.along_px, "s", mfc="none", color=BLUE, markersize=7, label="label")
        axes.plot(ours.time_s - start, ours.along_px, ".", color=ORANGE, markersize=7, label="ours")
        axes.set_title(title, fontsize="small")
    row[0].legend(fontsize="x-small")
    figure.supxlabel("time / s", fontsize="medium")
    figure.supylabel("distance along the track / pixels", fontsize="medium")
    return figure


def _sky(axes: Axes, picture: np.ndarray) -> None:
    axes.imshow(
        stretched(np.asarray(picture, float)), cmap="gray", vmin=0, vmax=0.9, interpolation="antialiased", zorder=0
    )


def _heat(axes: Axes, heat: np.ndarray) -> None:
    """Orange where a map speaks, with a line around where it has half of its largest value: greyscale keeps the line."""
    top = float(np.max(heat))
    if top > 0:
        share = np.clip(heat / top, 0, 1)
        axes.imshow(share, cmap="inferno", vmin=0, vmax=1.1, alpha=0.55 * np.sqrt(share), zorder=1)
        axes.contour(share, levels=[0.5], colors="white", linewidths=1, zorder=2)


def _ends(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """First and last point, (2, 2)."""
    return np.array([[y[0], x[0]], [y[-1], x[-1]]], dtype=float)
