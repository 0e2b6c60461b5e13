"""Figures of latent spaces, of how networks learn, and of where they err (chapter 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from meteortut.plots.mmia import BAND_COLOURS, BAND_NAMES, draw_bands
from meteortut.plots.style import BLUE, GREEN, GREY, ORANGE, PAGE, SKY, panels, styled

#: Kinds differ in marker and colour, in the order of the alphabet.
MARKERS, COLOURS = "os^vDPX*", (BLUE, ORANGE, GREEN, "black", SKY, GREY, "#cc79a7", "#8a6d00")
_LOOKS = [(ORANGE, "-", "o"), (BLUE, "--", "s"), (GREEN, ":", "^"), ("black", "-.", "d")]


@styled
def latent_maps(places: Mapping[str, np.ndarray], labels: np.ndarray, columns: int = 2) -> Figure:
    """Draw maps of the same slices side by side, a marker and a colour for each kind.

    Parameters
    ----------
    places : mapping
        Title → ndarray of shape (n, 2), or (n, 3) for a map in space.
    labels : ndarray of str of shape (n,)
        Kinds, at most 8 different.
    columns : int
        Maps in a row.

    Returns
    -------
    Figure
    """
    columns = min(columns, len(places))
    rows = -(-len(places) // columns)
    figure = plt.figure(figsize=(PAGE, rows * PAGE / columns + 0.5))
    for k, (title, own) in enumerate(places.items(), 1):
        axes = figure.add_subplot(rows, columns, k, **({"projection": "3d"} if own.shape[1] == 3 else {}))
        scatter_kinds(axes, own, labels)
        axes.set_title(title, fontsize="small")
        axes.set(xticks=[], yticks=[])
        if own.shape[1] == 3:
            axes.set(zticks=[])
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 6), fontsize="small")
    return figure


def scatter_kinds(axes: Axes, places: np.ndarray, labels: np.ndarray, size: float = 16) -> None:
    """Draw points (n, 2) or (n, 3) of a size in points², a marker and a colour for each of at most 8 labels (n,), named."""
    kinds = np.unique(labels)
    draw: Any = axes.scatter  # axes in space take a third coordinate
    if len(kinds) > len(MARKERS):
        raise ValueError(f"there are {len(kinds)} different labels; expected at most {len(MARKERS)}.")
    for kind, marker, colour in zip(kinds, MARKERS, COLOURS, strict=False):
        name = str(kind).replace("_", " ")
        own = places[labels == kind].T
        draw(*own, s=size, marker=marker, c=colour, label=name, linewidths=0.3, edgecolors="white")


@styled
def kinds_around_map(
    places: np.ndarray,
    labels: np.ndarray,
    examples: Mapping[str, np.ndarray],
    spans_ms: Mapping[str, tuple[float, float]],
) -> Figure:
    """Draw a map of slices, and a slice of each kind in three bands to its left and right.

    Parameters
    ----------
    places : ndarray of shape (n, 2)
        The map.
    labels : ndarray of str of shape (n,)
        Kinds.
    examples : mapping
        Kind → ndarray of shape (3, n_samples), µW/m².
    spans_ms : mapping
        Kind → first and last instant that is drawn, ms.

    Returns
    -------
    Figure
        The first axes hold the map.
    """
    figure = plt.figure(figsize=(PAGE, 5.4))
    rows = -(-len(examples) // 2)
    grid = figure.add_gridspec(rows, 3, width_ratios=[1, 2.2, 1])
    middle = figure.add_subplot(grid[:, 1])
    scatter_kinds(middle, places, labels)
    middle.set(xticks=[], yticks=[])
    middle.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=3, fontsize="x-small")
    for k, (kind, slice_) in enumerate(examples.items()):
        inner = grid[k % rows, 0 if k < rows else 2].subgridspec(3, 1, hspace=0)
        stack = [figure.add_subplot(inner[band]) for band in range(3)]
        draw_bands(stack, slice_, None, spans_ms[kind], ("", ""))
        stack[0].set_title(kind.replace("_", " "), fontsize="small")
        for axes in stack:
            axes.set(yticks=[])
        stack[2].set_xlabel("ms", fontsize="x-small", labelpad=1)
    return figure


@styled
def feature_map(means: np.ndarray, labels: np.ndarray) -> Figure:
    """Draw latent numbers as a map: a column per slice, sorted by kind, a row per unit.

    Parameters
    ----------
    means : ndarray of shape (n, n_latent)
        Posterior means.
    labels : ndarray of str of shape (n,)
        Kinds.

    Returns
    -------
    Figure
    """
    order = np.argsort(labels, kind="stable")
    kinds, first = np.unique(labels[order], return_index=True)
    figure, axes = plt.subplots(figsize=(PAGE, 3.6))
    top = max(float(np.percentile(np.abs(means), 99)), 1e-9)
    drawn = axes.imshow(means[order].T, aspect="auto", cmap="cividis", vmin=-top, vmax=top, interpolation="nearest")
    for start in first[1:]:
        axes.axvline(start - 0.5, color="black", linewidth=1)
    ends = np.append(first[1:], len(labels))
    axes.set_xticks((first + ends) / 2, [str(kind).replace("_", " ") for kind in kinds], fontsize="small")
    axes.set(ylabel="latent unit")
    figure.colorbar(drawn, label="posterior mean")
    return figure


@styled
def joint_errors(errors: Mapping[str, np.ndarray], reach: int = 40) -> Figure:
    """Draw the error of reconstructions by sample, bands end to end, and around both joints and both ends.

    Parameters
    ----------
    errors : mapping
        Network → ndarray of shape (3, n_samples), mean absolute error of each sample over the slices, µW/m².
    reach : int
        Samples shown on each side of a joint.

    Returns
    -------
    Figure
        The upper axes show all samples, the four lower ones the start, the joints and the end.
    """
    figure, grid = plt.subplots(2, 4, figsize=(PAGE, 4.6), sharey=True)
    gridspec = grid[0, 0].get_gridspec()
    for axes in grid[0]:
        axes.remove()
    whole = figure.add_subplot(gridspec[0, :])
    n = next(iter(errors.values())).shape[1]
    places = {"start": 0, "337 | 180–230": n, "180–230 | 777.4": 2 * n, "end": 3 * n}
    for (name, error), (colour, style, _) in zip(errors.items(), _LOOKS, strict=False):
        flat = error.reshape(-1)
        whole.plot(flat, style, color=colour, linewidth=0.8, label=name)
        for axes, (title, place) in zip(grid[1], places.items(), strict=True):
            around = np.arange(max(place - reach, 0), min(place + reach, len(flat)))
            axes.plot(around - place, flat[around], style, color=colour, linewidth=1.3)
            axes.set_title(title, fontsize="small")
            axes.set(yscale="log")
    whole.set(yscale="log", xlabel="sample, bands end to end", ylabel="mean error / µW/m²")
    whole.legend(fontsize="small", ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    grid[1, 0].set_ylabel("mean error / µW/m²")
    figure.supxlabel("samples from the joint", fontsize="medium")
    return figure


@styled
def training_curves(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the two halves of the bound against the epoch, a row for each network, as their scales differ.

    Parameters
    ----------
    histories : mapping
        Network → DataFrame with ``epoch``, ``log_likelihood``, ``kl`` (nats per slice), as of ``tle_vae.train``.

    Returns
    -------
    Figure
    """
    figure, grid = plt.subplots(len(histories), 2, figsize=(PAGE, 2.3 * len(histories)), squeeze=False)
    columns = (("log_likelihood", "mean ln p(x|z) / nats"), ("kl", "mean KL / nats"))
    for row, (name, history) in zip(grid, histories.items(), strict=True):
        for axes, (column, label), (colour, style, marker) in zip(row, columns, _LOOKS, strict=False):
            axes.plot(history.epoch + 1, history[column], style, marker=marker, color=colour, markersize=4)
            axes.set(xlabel="epoch", ylabel=label)
            axes.set_title(name, fontsize="small")
    return figure


@styled
def sharpness_views(views: np.ndarray, bin_ms: tuple[float, ...]) -> Figure:
    """Draw what an encoder sees of one slice: each band around its own peak, at several sharpnesses.

    Parameters
    ----------
    views : ndarray of shape (n_levels · 3, n_bins)
        As of ``PhotometryVAE.views``: band by band within each level.
    bin_ms : tuple of float, ms
        Width of a bin on each level.

    Returns
    -------
    Figure
    """
    n_bins = views.shape[1]
    figure, row = panels(len(bin_ms), 3, (PAGE / 3, 2.5), sharey=True)
    for axes, level, width in zip(row, views.reshape(len(bin_ms), 3, n_bins), bin_ms, strict=True):
        time = (np.arange(n_bins) - n_bins // 2) * width
        for curve, name, colour, style in zip(level, BAND_NAMES, BAND_COLOURS, ("-", ":", "--"), strict=True):
            axes.plot(time, curve, style, color=colour, linewidth=1.2, label=name)
        axes.set_title(f"bins of {width:g} ms", fontsize="small")
        axes.set_xlabel("after the band's peak / ms", fontsize="small")
    row[0].set_ylabel("arsinh(10 · light / height)", fontsize="small")
    row[0].legend(fontsize="x-small")
    return figure
