"""Figures of frame streams and chunks (chapters 1 and 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from meteortut.plots.style import BLUE, GREEN, GREY, NIGHT, ORANGE, SKY, paired_panels, panels, styled

Box = tuple[tuple[int, int, int], tuple[int, int, int]]


@styled
def space_time(frames: np.ndarray, boxes: Sequence[Box], threshold: float = 6.0, title: str = "") -> Figure:
    """Draw a stretch of stream as a cloud of points in space and time, with chunks as boxes in it.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, height, width), counts per GTU
        A few hundred frames.
    boxes : sequence of (origin, size)
        Chunks, each as ((t, y, x), (frames, rows, columns)).
    threshold : float
        A voxel is drawn when it is this many deviations above its own pixel 40 frames earlier and 40 frames later.
    title : str
        Text above the figure.

    Returns
    -------
    Figure
    """
    significance = _significance(frames)
    t, y, x = np.nonzero(significance > threshold)
    bright = np.clip(np.log10(significance[t, y, x] / threshold), 0, 1.5) / 1.5
    figure = plt.figure(figsize=(8, 4.4), facecolor=NIGHT)
    axes: Any = figure.add_subplot(projection="3d", facecolor=NIGHT, computed_zorder=False)
    axes.scatter(
        t, x, y, s=2 + 10 * bright, c=bright, cmap="inferno", vmin=-0.6, vmax=1, linewidths=0, depthshade=False
    )
    for origin, size in boxes:
        corners = [(start, start + length) for start, length in zip(origin, size, strict=True)]
        for a, b in product(product((0, 1), repeat=3), repeat=2):
            if sum(i != j for i, j in zip(a, b, strict=True)) == 1 and a < b:
                ends = np.array([[corners[k][i] for k, i in enumerate(corner)] for corner in (a, b)])
                axes.plot(ends[:, 0], ends[:, 2], ends[:, 1], color="white", linewidth=1.1)
    axes.set(
        xlim=(0, len(frames)),
        ylim=(0, frames.shape[2]),
        zlim=(0, frames.shape[1]),
    )
    axes.set_xlabel("frame", color="white", labelpad=18)
    axes.set_ylabel("x / pixel", color="white")
    axes.set_zlabel("y / pixel", color="white")
    axes.set_title(title, color="white", loc="left")
    axes.tick_params(colors="white")
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((0, 0, 0, 0))
        axis._axinfo["grid"]["color"] = (1, 1, 1, 0.12)
    axes.view_init(22, -62)
    figure.set_layout_engine("none")
    axes.set_position((0, 0, 1, 1))
    axes.set_box_aspect((2.6, 1, 1), zoom=1.45)
    return figure


@styled
def film_strip(
    frames: np.ndarray, times: Sequence[int], boxes: Mapping[str, tuple[int, int, int, int]] | None = None
) -> Figure:
    """Draw single frames side by side, on one scale.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, height, width), counts per GTU
        The stream.
    times : sequence of int
        Which frames.
    boxes : mapping, optional
        Name → (y, x, rows, columns): rectangles drawn into every frame.

    Returns
    -------
    Figure
    """
    shown = np.asarray(frames[min(times) : max(times) + 1])[np.array(times) - min(times)]
    low, high = np.percentile(shown, [2, 99.7])
    figure, grid = panels(len(times), 4, (2.0, 2.0), sharex=True, sharey=True)
    for axes, frame, t in zip(grid, shown, times, strict=True):
        picture = axes.imshow(frame, cmap="gray", vmin=low, vmax=high, origin="lower")
        axes.set_title(f"frame {t}", fontsize="small")
        for y, x, rows, columns in (boxes or {}).values():
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), columns, rows, fill=False, edgecolor=ORANGE, linewidth=1.3))
    figure.colorbar(picture, ax=figure.axes, label="counts per GTU", shrink=0.75)
    return figure


@styled
def things_in_the_sky(cuts: Mapping[str, np.ndarray]) -> Figure:
    """Draw what passed through a cut of the stream.

    Above: the brightest moment of every pixel. Below: the light of the three pixels near the middle that rise most.

    Parameters
    ----------
    cuts : mapping
        Name → ndarray of shape (n_frames, rows, columns), counts per GTU; six rows and columns or more.

    Returns
    -------
    Figure
    """
    figure, pairs = paired_panels(len(cuts), 3, (2.6, 4.6))
    for (upper, lower), (name, cut) in zip(pairs, cuts.items(), strict=True):
        excess = cut - np.median(cut, axis=0)
        upper.imshow(excess.max(axis=0), cmap="gray", origin="lower")
        upper.set(title=name, xticks=[], yticks=[])
        rows, columns = (slice(length // 2 - 3, length // 2 + 3) for length in excess.shape[1:])
        curves = cut[:, rows, columns].reshape(len(cut), -1)
        brightest = np.argsort((curves - np.median(curves, axis=0)).max(axis=0))[::-1][:3]
        for pixel, colour, style in zip(brightest, (ORANGE, BLUE, "black"), ("-", "--", ":"), strict=True):
            lower.plot(curves[:, pixel], color=colour, linestyle=style, linewidth=0.9)
        lower.set_xlabel("frame")
    for _, lower in pairs[::3]:
        lower.set_ylabel("counts per GTU")
    return figure


@styled
def coverage(counts: np.ndarray, grid_lines: Sequence[int] = ()) -> Figure:
    """Draw how many chunks hold each pixel, and each frame.

    Parameters
    ----------
    counts : ndarray of int of shape (n_frames, height, width)
        Chunks per voxel.
    grid_lines : sequence of int
        Pixels between which the edges of tubes run.

    Returns
    -------
    Figure
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), width_ratios=(1, 1.5))
    middle = counts[len(counts) // 2]
    picture = left.imshow(middle, cmap="viridis", origin="lower", vmin=0)
    for line in grid_lines:
        left.axhline(line - 0.5, color="white", linewidth=0.3)
        left.axvline(line - 0.5, color="white", linewidth=0.3)
    left.set(xlabel="x / pixel", ylabel="y / pixel", title="chunks per pixel, one frame")
    figure.colorbar(picture, ax=left)
    right.step(np.arange(len(counts)), counts[:, counts.shape[1] // 2, counts.shape[2] // 2], color=BLUE, where="mid")
    right.set(xlabel="frame", ylabel="chunks per voxel", ylim=(0, None), title="along time, a pixel in the middle")
    return figure


@styled
def scaled_chunk(versions: Mapping[str, np.ndarray], meteor: tuple[int, int], city: tuple[int, int]) -> Figure:
    """Draw the light of two pixels of one chunk as several scalings leave it.

    Parameters
    ----------
    versions : mapping
        Name → ndarray of shape (frames, rows, columns).
    meteor, city : (y, x)
        The two pixels.

    Returns
    -------
    Figure
    """
    figure, grid = panels(len(versions), 3, (2.7, 2.6))
    for axes, (name, chunk) in zip(grid, versions.items(), strict=True):
        axes.plot(chunk[:, city[0], city[1]], color=GREY, linestyle="--", label="city pixel")
        axes.plot(chunk[:, meteor[0], meteor[1]], color=ORANGE, label="meteor pixel")
        axes.set(title=name, xlabel="frame of the chunk")
    grid[0].set_ylabel("value")
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


@styled
def chunk_sizes(rows: pd.DataFrame, published: Mapping[int, float], bounds: Mapping[int, float]) -> Figure:
    """Draw the area under the ROC curve against the size of the chunks.

    Parameters
    ----------
    rows : DataFrame, a row per training
        ``size`` (pixels), ``pooling`` ("local" or "global"), ``roc_auc``.
    published : mapping
        Size → published area.
    bounds : mapping
        Size → published upper bound.

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(figsize=(7.5, 4))
    local = rows[rows.pooling == "local"].groupby("size").roc_auc.agg(["mean", "min", "max"])
    errors = [local["mean"] - local["min"], local["max"] - local["mean"]]
    axes.errorbar(
        local.index, local["mean"], errors, color=BLUE, marker="o", capsize=3, label="here: 2×2 pooling, as published"
    )
    pooled = rows[rows.pooling == "global"].groupby("size").roc_auc.agg(["mean", "min", "max"])
    errors = [pooled["mean"] - pooled["min"], pooled["max"] - pooled["mean"]]
    axes.errorbar(
        pooled.index,
        pooled["mean"],
        errors,
        color=GREEN,
        marker="s",
        capsize=3,
        linestyle="",
        label="here: global maximum",
    )
    axes.plot(list(published), list(published.values()), "*", color=ORANGE, markersize=13, label="published")
    axes.plot(list(bounds), list(bounds.values()), "v", color=ORANGE, markersize=9, label="published: at most")
    axes.set_xscale("log")
    axes.set_xticks(local.index, [str(size) for size in local.index])
    axes.minorticks_off()
    axes.axhline(0.5, color=GREY, linewidth=0.8, linestyle=":")
    axes.set(xlabel="pixels along a chunk's side", ylabel="area under the ROC curve", ylim=(0.45, 1.02))
    axes.legend(loc="lower left")
    return figure


@styled
def chunk_plan(track: pd.DataFrame, shape: tuple[int, int, int], boxes: pd.DataFrame, lines: Sequence[str]) -> Figure:
    """Draw the pixels that a meteor lights with the chunks that hold it, on the focal plane and in time; and facts in words.

    Parameters
    ----------
    track : DataFrame, a row per lit voxel
        ``t``, ``y``, ``x``, ``snr``.
    shape : (int, int, int)
        Frames, rows, columns of the stream.
    boxes : DataFrame, a row per chunk
        ``t``, ``y``, ``x`` (first voxel), ``frames``, ``rows``, ``columns``, ``label`` (1 or −1).
    lines : sequence of str
        What stands beside the drawing.

    Returns
    -------
    Figure
    """
    figure, ((plane, time), (words, below)) = plt.subplots(
        2, 2, figsize=(8, 4.8), width_ratios=(1, 1.2), height_ratios=(3, 1)
    )
    _squares(plane, track, "x", "y", boxes, "columns", "rows")
    plane.set(
        xlim=(-0.5, shape[2] - 0.5), ylim=(-0.5, shape[1] - 0.5), xlabel="x / pixel", ylabel="y / pixel", aspect="equal"
    )
    _squares(time, track, "t", "y", boxes, "frames", "rows")
    longest = max(boxes.frames.max() if len(boxes) else 0, 60)
    time.set(xlim=(track.t.min() - longest, track.t.max() + longest), ylim=(-0.5, shape[1] - 0.5), xlabel="frame")
    for axes, some in ((words, lines[: -(-len(lines) // 2)]), (below, lines[-(-len(lines) // 2) :])):
        axes.axis("off")
        axes.text(0, 1, "\n".join(some), va="top", linespacing=1.6)
    return figure


def _squares(
    axes: Axes, track: pd.DataFrame, across: str, up: str, boxes: pd.DataFrame, width: str, height: str
) -> None:
    drawn = boxes.drop_duplicates([across, up, width, height, "label"]) if len(boxes) else boxes
    for row in drawn.to_dict("records"):
        look: Any = {"edgecolor": BLUE, "linestyle": "-"} if row["label"] == 1 else {"edgecolor": SKY, "linestyle": ":"}
        axes.add_patch(
            Rectangle((row[across] - 0.5, row[up] - 0.5), row[width], row[height], fill=False, alpha=0.7, **look)
        )
    axes.scatter(track[across], track[up], c=track.snr, cmap="inferno_r", s=14, marker="s", linewidths=0)


def _significance(frames: np.ndarray, apart: int = 40) -> np.ndarray:
    """How many deviations each voxel lies above its own pixel some frames before and after, whichever is brighter.

    What stays or drifts slowly cancels; what comes and goes within ``apart`` frames is left. The ends of the stretch are zero.
    """
    spread = np.median(np.abs(np.diff(frames, axis=0)), axis=0) / 0.6745  # of a difference of two frames
    brighter = np.maximum(frames[: -2 * apart], frames[2 * apart :])
    significance = np.zeros_like(frames)
    significance[apart:-apart] = (frames[apart:-apart] - brighter) / np.where(spread > 0, spread, np.inf)
    return significance
