"""What the latent explorer draws: the map with its clicks, a panel for each band, and which part of a slice to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.ndimage import uniform_filter1d

from meteortut.plots.mmia import without_spikes
from meteortut.plots.style import BLUE, ORANGE
from meteortut.plots.tle_vae import scatter_kinds
from meteortut.widgets.click_map import clickable

#: A line is drawn as the least and greatest reading of so many stretches, about one per pixel of the panel.
N_STRETCHES = 500
#: The view is set by a running mean of so many samples: it ends where the mean falls to this share of its peak, and a peak
#: counts from this many times the scatter. Chosen.
SMOOTHED, SHARE, SIGNIFICANT = 15, 0.05, 10.0


def map_html(places: np.ndarray, labels: np.ndarray, kinds: Sequence[str]) -> tuple[str, np.ndarray]:
    """Draw the map once; give its HTML, still open for the ring, and the slices' places on it, shares from the top left."""
    figure = Figure(figsize=(4.4, 4.4), layout="constrained")
    axes = figure.subplots()
    scatter_kinds(axes, places, labels, 22)
    axes.set(xticks=[], yticks=[])
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize="small", handletextpad=0.2)
    alt = f"Map of {len(labels)} slices, a marker for each kind: {', '.join(kinds)}."
    return clickable(figure, axes, places, alt, "latent-explorer")


def empty_panels(bands: Sequence[str]) -> tuple[Figure, list[list[Line2D]]]:
    """Lay out a panel per band, each with lines for readings, the decoded curve, and the one after moving."""
    figure = Figure(figsize=(6.6, 1.2 + 1.2 * len(bands)))
    panels = figure.subplots(len(bands), sharex=True, squeeze=False)[:, 0]
    looks = {
        "readings": {"color": "#aaaaaa", "linewidth": 0.8},
        "decoded": {"color": BLUE, "linewidth": 1.4, "linestyle": "--"},
        "decoded after moving": {"color": ORANGE, "linewidth": 1.8},
    }
    lines = [[axes.plot([], [], label=name, **look)[0] for name, look in looks.items()] for axes in panels]
    for axes, band in zip(panels, bands, strict=True):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(band, loc="right", y=0.8, fontsize="medium")
        axes.set_ylabel("µW/m²")
        axes.ticklabel_format(axis="y", scilimits=(-2, 3))
    panels[-1].set_xlabel("time in the slice (ms)")
    figure.legend(handles=lines[0], loc="upper center", ncols=3, frameon=False)
    figure.subplots_adjust(left=0.12, right=0.97, bottom=0.12, top=0.88, hspace=0.28)
    figure.align_ylabels()
    return figure, lines


def limits(readings: np.ndarray, *decoded: np.ndarray) -> tuple[float, float]:
    """Ends of the axis for lines of shape (n_shown,): all that is decoded, and the readings but for their spikes."""
    calm = without_spikes(readings[None])
    high = max(1.2 * float(calm.max()), float(np.percentile(readings, 99)), *(float(each.max()) for each in decoded))
    low = min(float(each.min()) for each in (readings, *decoded))
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room


def event(readings: np.ndarray, shortest: float) -> tuple[int, int]:
    """First and last sample of the brightest light of each band that has any, with room; the whole slice if none has.

    Taken from the readings (n_bands, n_samples), not from the decoded curve, which may be somewhere else.
    """
    calm, n_samples = without_spikes(readings), readings.shape[1]
    light = uniform_filter1d(calm, SMOOTHED, axis=1, mode="reflect", output=float)
    scatter = (calm - light).std(axis=1) / np.sqrt(SMOOTHED)
    light -= np.median(light, axis=1, keepdims=True)
    ends: list[int] = []
    for band in light[light.max(axis=1) > SIGNIFICANT * scatter]:
        peak, dark = int(band.argmax()), np.flatnonzero(band <= SHARE * band.max())
        ends += [*dark[dark < peak][-1:], peak, *dark[dark > peak][:1]]
    if not ends:
        return 0, n_samples
    first, last = int(min(ends)), int(max(ends))
    room = max(0.3 * (last - first), (shortest - (last - first)) / 2)
    return max(0, int(first - room)), min(n_samples, int(last + room) + 1)


def stretches(curve: np.ndarray, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Thin a line for drawing: samples and values, the least and the greatest reading of each stretch, so that no peak is lost."""
    size = max(1, (last - first) // N_STRETCHES)
    if size == 1:
        return np.arange(first, last), curve[first:last]
    starts = np.arange(first, last, size)
    ends = [
        np.minimum.reduceat(curve[first:last], starts - first),
        np.maximum.reduceat(curve[first:last], starts - first),
    ]
    return np.repeat(starts, 2), np.stack(ends, axis=1).ravel()
