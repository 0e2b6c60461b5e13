"""Figures of telescope frames (chapter 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.ndimage import map_coordinates

from meteortut.plots.style import BLUE, GREY, NIGHT, ORANGE, PAGE, panels, rails, styled

#: A thumbnail of the contact sheet has this many pixels at most along a side; those of real cameras are larger.
THUMBNAIL_PX = 96
#: Resolution of pictures that are mostly noise, which no format compresses: a page has many of them.
NOISY_DPI = 85
#: Width of the strips whose sums are drawn, pixels: about that of a trail.
STRIP_PX = 3


@styled
def contact_sheet(frames: np.ndarray, marks: Sequence[str], columns: int = 12) -> Figure:
    """Draw all frames of a night as thumbnails, in order, on one scale; those with a mark get a frame and the mark.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, height, width), counts
    marks : sequence of n_frames str
        A letter or two for a frame that is not normal, "" for one that is.
    columns : int
        Thumbnails in a row.

    Returns
    -------
    Figure
    """
    small = _binned(frames, -(-max(frames.shape[1:]) // THUMBNAIL_PX))
    n, height, width = small.shape
    normal = [k for k, mark in enumerate(marks) if not mark] or range(n)
    grey = stretched(small, np.percentile(small[list(normal)], [1, 99.7]))[:, ::-1]  # row 0 below, as for FITS
    tall, wide = height + 2, width + 2
    sheet = np.zeros((-(-n // columns) * tall, columns * wide))
    for k in range(n):
        row, column = divmod(k, columns)
        sheet[row * tall : row * tall + height, column * wide : column * wide + width] = grey[k]
    figure = plt.figure(figsize=(PAGE, PAGE * sheet.shape[0] / sheet.shape[1]), facecolor=NIGHT, dpi=NOISY_DPI)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=1)
    axes.axis("off")
    for k, mark in enumerate(marks):
        if mark:
            row, column = divmod(k, columns)
            y, x = row * tall, column * wide
            axes.add_patch(Rectangle((x, y), width - 1, height - 1, fill=False, edgecolor="#ff9a3c", linewidth=1.6))
            axes.text(x + 5, y + 8, mark, color="#ffb469", fontsize=9, fontweight="bold", va="top")
    return figure


def stretched(image: np.ndarray, limits: np.ndarray | None = None) -> np.ndarray:
    """Map counts to grey as an eye would: steep for faint light, flat for bright.

    Parameters
    ----------
    image : ndarray, counts
        NaN stays NaN.
    limits : (low, high), counts, optional
        Counts of black, and of a middling grey. Default: the frame's own 15th and 99.6th percentile.

    Returns
    -------
    ndarray of the same shape
        0 to 1: arsinh of the counts above black (Lupton et al. 2004, PASP 116, 133).
    """
    low, high = np.nanpercentile(image, [15, 99.6]) if limits is None else limits
    scaled = np.clip((image - low) / max(float(high - low), 1e-9), 0, 3)
    grey: np.ndarray = np.arcsinh(6 * scaled) / np.arcsinh(18)
    return grey


@styled
def frame_gallery(
    pictures: Mapping[str, np.ndarray], columns: int = 4, lines: Mapping[str, np.ndarray] | None = None
) -> Figure:
    """Draw frames side by side, each on its own scale.

    Parameters
    ----------
    pictures : mapping
        Title → ndarray of shape (height, width), counts.
    columns : int
        Frames in a row.
    lines : mapping, optional
        Title → ndarray of shape (2, 2): ends (y, x), pixels, of a line that was found. It is drawn beside its trail, not over it.

    Returns
    -------
    Figure
    """
    side = PAGE / columns
    figure, row = panels(len(pictures), columns, (side, side + 0.25), dpi=NOISY_DPI)
    for axes, (title, picture) in zip(row, pictures.items(), strict=True):
        axes.imshow(stretched(picture), cmap="gray", vmin=0, vmax=1, origin="lower", interpolation="antialiased")
        axes.set_title(title, fontsize="small")
        axes.set(xticks=[], yticks=[])
        if lines and title in lines:
            rails(axes, np.asarray(lines[title], float), 0.025 * max(picture.shape))
    return figure


@styled
def night(table: pd.DataFrame, kinds: Mapping[str, Sequence[bool]]) -> Figure:
    """Draw features of one data set against the number of the frame, with the anomalies as bands below each other.

    Parameters
    ----------
    table : DataFrame, a row per frame
        A column per panel, any unit: its name is the panel's label.
    kinds : mapping
        Kind of anomaly → n_frames bool. Kinds that do not occur are left out.

    Returns
    -------
    Figure
    """
    present = {kind: np.asarray(flags, bool) for kind, flags in kinds.items() if np.any(flags)}
    n_panels = table.shape[1] + 1
    heights = [1.0] * table.shape[1] + [0.24 * max(len(present), 1) + 0.15]
    figure, column = plt.subplots(
        n_panels, 1, figsize=(PAGE, 1.35 * sum(heights) + 0.6), sharex=True, squeeze=False, height_ratios=heights
    )
    odd = np.any([np.zeros(len(table), bool), *present.values()], axis=0)
    frame = np.arange(len(table))
    for axes, name in zip(column[:-1, 0], table.columns, strict=True):
        values = table[name].to_numpy()
        axes.plot(frame, values, color=GREY, linewidth=0.8)
        axes.plot(frame[~odd], values[~odd], "o", color=BLUE, markersize=3, label="normal")
        axes.plot(frame[odd], values[odd], "D", color=ORANGE, markersize=4, label="anomalous")
        axes.set_ylabel(name.replace("_", " "), rotation=0, ha="right", va="center", fontsize="small")
    column[0, 0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize="small")
    for row, flags in enumerate(present.values()):
        column[-1, 0].broken_barh([(k - 0.5, 1) for k in frame[flags]], (row - 0.4, 0.8), color=ORANGE)
    column[-1, 0].set_yticks(range(len(present)), [kind.replace("_", " ") for kind in present], fontsize="small")
    column[-1, 0].set(xlabel="frame", ylim=(max(len(present), 1) - 0.5, -0.5))
    return figure


@styled
def trail_evidence(z: np.ndarray, ends: np.ndarray, stars: np.ndarray | None = None, reach_px: int = 40) -> Figure:
    """Draw a faint trail: the frame, the same with the line that was found, and the sums along strips parallel to it.

    Parameters
    ----------
    z : ndarray of shape (height, width), standard deviations
        The frame less its background, in units of a pixel's noise.
    ends : ndarray of shape (2, 2), pixels
        Ends (y, x) of the line.
    stars : ndarray of shape (height, width) bool, optional
        Pixels that the sums leave out.
    reach_px : int
        How far to both sides strips are drawn, each 3 pixels wide.

    Returns
    -------
    Figure
    """
    figure, row = plt.subplots(1, 3, figsize=(PAGE, 3.0), width_ratios=[1, 1, 1.15])
    for axes, title in zip(row, ("the frame", "between the dashes: a trail"), strict=False):
        axes.imshow(np.clip(z, -2, 6), cmap="gray", origin="lower")
        axes.set_title(title)
        axes.set(xticks=[], yticks=[])
    rails(row[1], np.asarray(ends, float), 0.025 * max(z.shape))
    away = np.arange(-reach_px, reach_px + 1)
    clipped = np.clip(z, -3, 3) if stars is None else np.where(stars, np.nan, np.clip(z, -3, 3))
    sums = _parallel_sums(clipped, np.asarray(ends, float), away)
    row[2].step(away, sums, where="mid", color=BLUE)
    row[2].axvline(0, color=ORANGE, linestyle="--", linewidth=1)
    row[2].set(xlabel="distance from the line / pixel", ylabel="sum along a strip / its noise")
    return figure


def _parallel_sums(z: np.ndarray, ends: np.ndarray, away: np.ndarray) -> np.ndarray:
    """Sum of z in strips along lines parallel to the one with these ends, over the root of the number of pixels; NaN outside."""
    n = int(np.hypot(*(ends[1] - ends[0]))) + 1
    along = (ends[1] - ends[0]) / max(n - 1, 1)
    across = np.array([-along[1], along[0]])
    y, x = (ends[0] + np.arange(n)[:, None] * along).T[:, None] + across[:, None, None] * away[:, None]
    values = map_coordinates(z, [y, x], order=0, cval=np.nan)
    known = np.isfinite(values).sum(axis=1)
    strip = np.ones(STRIP_PX)
    total, n_summed = (np.convolve(part, strip, "same") for part in (np.nansum(values, axis=1), known))
    sums: np.ndarray = np.where(known >= n / 2, total / np.sqrt(np.maximum(n_summed, 1)), np.nan)
    return sums


def _binned(frames: np.ndarray, factor: int) -> np.ndarray:
    """Means of squares of pixels; what is left over at the edges is cut off."""
    n, height, width = frames.shape
    height, width = height // factor, width // factor
    cut = frames[:, : height * factor, : width * factor]
    means: np.ndarray = cut.reshape(n, height, factor, width, factor).mean(axis=(2, 4), dtype=np.float32)
    return means
