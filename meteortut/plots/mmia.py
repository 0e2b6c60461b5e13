"""Figures of three-band light curves, and of camera pictures of sprites (chapter 4)."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.ndimage import uniform_filter1d

from meteortut.plots.scmos import NOISY_DPI
from meteortut.plots.style import BLUE, ORANGE, PAGE, panels, styled

#: Bands from above; their place tells them apart, the colour only helps.
BAND_NAMES = ("337 nm", "180–230 nm", "777.4 nm")
BAND_COLOURS = (BLUE, "#8b4a8b", ORANGE)
#: ms between samples of a slice.
SAMPLE_MS = 0.01
#: Curves of a cluster that are drawn: more would hide each other.
MOST_MEMBERS = 12


@styled
def three_bands(
    photometry: Mapping[str, np.ndarray],
    over: Mapping[str, np.ndarray] | None = None,
    spans_ms: Mapping[str, tuple[float, float]] | None = None,
    columns: int = 3,
    names: tuple[str, str] = ("readings", "noise-free light"),
) -> Figure:
    """Draw slices side by side, three bands one above the other, each band on its own scale.

    Parameters
    ----------
    photometry : mapping
        Title → ndarray of shape (3, n_samples), µW/m².
    over : mapping, optional
        Title → ndarray of the same shape, drawn as a dark line over the readings.
    spans_ms : mapping, optional
        Title → first and last instant that is drawn, ms; else the whole slice.
    columns : int
        Slices in a row.
    names : (str, str)
        What the readings and the dark line are called.

    Returns
    -------
    Figure
        With three axes per slice, row by row.
    """
    columns = min(columns, len(photometry))
    rows = -(-len(photometry) // columns)
    figure, grid = plt.subplots(3 * rows, columns, figsize=(PAGE, 2.6 * rows), squeeze=False)
    stacks = grid.reshape(rows, 3, columns).swapaxes(1, 2).reshape(-1, 3)
    for unused in stacks[len(photometry) :].flat:
        unused.axis("off")
    for stack, (title, slice_) in zip(stacks, photometry.items(), strict=False):
        span = spans_ms.get(title) if spans_ms else None
        draw_bands(list(stack), slice_, over.get(title) if over else None, span, names)
        stack[0].set_title(title.replace("_", " "), fontsize="small")
    for first in stacks[::columns]:
        for axes, name in zip(first, BAND_NAMES, strict=True):
            axes.set_ylabel(name, fontsize="x-small")
    if over:
        stacks[0, 0].legend(fontsize="xx-small", loc="upper right", borderpad=0)
    figure.supxlabel("time / ms", fontsize="small")
    figure.supylabel("flux / µW/m²", fontsize="small")
    figure.align_ylabels()
    return figure


@styled
def sprite_pictures(pictures: Mapping[str, tuple[np.ndarray, np.ndarray]], columns: int = 4) -> Figure:
    """Draw camera pictures with boxes.

    Parameters
    ----------
    pictures : mapping
        Title → (image of shape (height, width), grey levels; boxes of shape (n_boxes, 4), ``y0, x0, y1, x1``, pixels).
    columns : int
        Pictures in a row.

    Returns
    -------
    Figure
    """
    height, width = next(iter(pictures.values()))[0].shape
    columns = min(columns, len(pictures))
    side = PAGE / columns
    figure, row = panels(len(pictures), columns, (side, side * height / width + 0.25), dpi=NOISY_DPI)
    for axes, (title, (image, boxes)) in zip(row, pictures.items(), strict=True):
        axes.imshow(image, cmap="gray", vmin=0, vmax=max(float(np.percentile(image, 99.9)), 1.0))
        for y0, x0, y1, x1 in boxes:
            axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor="#ffd166", linestyle="--"))
        axes.set_title(title, fontsize="small")
        axes.set(xticks=[], yticks=[])
    return figure


@styled
def cluster_members(curves: np.ndarray, clusters: np.ndarray, step_ms: float, columns: int = 4) -> Figure:
    """Draw light curves of each cluster, one above the other, each over its own maximum.

    Parameters
    ----------
    curves : ndarray of shape (n, n_steps)
        Light in any unit; the first of each cluster are drawn.
    clusters : ndarray of int of shape (n,)
        Cluster of each curve; below 0, none.
    step_ms : float, ms
        Time between two values.
    columns : int
        Clusters in a row.

    Returns
    -------
    Figure
    """
    numbers = np.unique(clusters)
    columns = min(columns, len(numbers))
    figure, row = panels(len(numbers), columns, (PAGE / columns, 3.0), sharex=True)
    time = (np.arange(curves.shape[1]) + 0.5) * step_ms
    for axes, number in zip(row, numbers, strict=True):
        own = curves[clusters == number]
        for k, curve in enumerate(own[:MOST_MEMBERS]):
            lifted = 0.9 * curve / max(float(curve.max()), 1e-30)
            axes.fill_between(time, k, k + lifted, step="mid", color=BLUE, linewidth=0)
        name = "in no cluster" if number < 0 else f"cluster {number + 1}"
        axes.set_title(f"{name}: {len(own)}", fontsize="small")
        axes.set(yticks=[], xlim=(0, curves.shape[1] * step_ms), ylim=(0, MOST_MEMBERS))
        axes.spines["left"].set_visible(False)
    figure.supxlabel("time / ms", fontsize="small")
    return figure


def draw_bands(
    stack: list[Axes],
    slice_: np.ndarray,
    over: np.ndarray | None,
    span_ms: tuple[float, float] | None,
    names: tuple[str, str],
) -> None:
    """Draw the bands of a slice into three axes, within a span of time, another curve over them; single high readings are cut."""
    first, last = span_ms or (0.0, slice_.shape[1] * SAMPLE_MS)
    part = slice(max(round(first / SAMPLE_MS), 0), round(last / SAMPLE_MS))
    time = (np.arange(slice_.shape[1]) + 0.5)[part] * SAMPLE_MS
    for band, (axes, colour) in enumerate(zip(stack, BAND_COLOURS, strict=True)):
        axes.plot(time, slice_[band, part], color=colour, linewidth=0.7, label=names[0])
        if over is not None:
            axes.plot(time, over[band, part], color="black", linewidth=1.1, label=names[1])
        tops = [own[band, part] for own in (without_spikes(slice_), over) if own is not None]
        top = max([float(own.max()) for own in tops] + [float(np.percentile(slice_[band, part], 99.5)), 1e-12])
        axes.set(xlim=(first, last), ylim=(-0.05 * top, 1.15 * top))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.locator_params(axis="y", nbins=2)
        axes.locator_params(axis="x", nbins=4)
        axes.tick_params(labelsize="x-small", labelbottom=band == 2)


def busy_span_ms(photometry: np.ndarray, margin: float = 0.15, shortest: float = 1.0) -> tuple[float, float]:
    """Find the part of a slice in which something happens, for drawing.

    Parameters
    ----------
    photometry : ndarray of shape (3, n_samples), µW/m²
    margin : float
        How much is added on either side, over the length of the part.
    shortest : float, ms
        Length that is added at least.

    Returns
    -------
    (float, float), ms
        Where the running mean over 0.15 ms of any band exceeds a tenth of its peak, for bands whose peak stands ten times the
        scatter of the means (the brightest tenth left out) above their median; the whole slice if there is none.
    """
    smooth = uniform_filter1d(without_spikes(photometry), 15, axis=1)
    middle = np.median(smooth, axis=1, keepdims=True)
    # Where most readings are 0 a median deviation is 0, too; what is left below the brightest tenth is mostly noise.
    spread = np.minimum(smooth, np.percentile(smooth, 90, axis=1, keepdims=True)).std(axis=1, keepdims=True)
    above, whole = smooth - middle, photometry.shape[1] * SAMPLE_MS
    peak = above.max(axis=1, keepdims=True)
    lit = ((above > 0.1 * peak) & (peak > 10 * np.maximum(spread, 1e-9))).any(axis=0)
    if not lit.any():
        return 0.0, whole
    first, last = np.flatnonzero(lit)[[0, -1]] * SAMPLE_MS
    reach = max(margin * (last - first), shortest / 2)
    return float(max(first - reach, 0.0)), float(min(last + reach, whole))


def without_spikes(photometry: np.ndarray) -> np.ndarray:
    """Cut single samples of (3, n_samples) down to twice the higher of their neighbours, float64: cosmic rays."""
    near = np.pad(np.asarray(photometry, float), ((0, 0), (1, 1)), mode="edge")
    limited: np.ndarray = np.minimum(photometry, 2 * np.maximum(near[:, :-2], near[:, 2:]))
    return limited
