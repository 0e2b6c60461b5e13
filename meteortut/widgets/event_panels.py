"""What the event explorer draws of one event: a picture, its way over time, light curves and some of its frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from meteortut.focal import FRAME_S, from_focal, to_focal
from meteortut.plots.style import BLUE, GREY, ORANGE, styled

#: An event is shown over so many frames before and after its peak, and over a square of so many pixels about it; over more where
#: a fitted track shines over more, yet never over more than the longest. Chosen.
HALF_FRAMES, HALF_PX, LONGEST_FRAMES = 20, 8, 100
#: A track is drawn while its light is above the share exp(-2) of its peak: so many standard deviations of the bell.
TRACK_SIGMA = 2.0
#: Half width of the strip whose light is followed along the track, focal pixels: 3 standard deviations of the point spread.
ACROSS_PX = 1.5
#: Light curves of so many pixels are drawn; without a track, the brightest within so many pixels and frames of the peak. Chosen.
N_PIXELS, NEAR = 3, 2
#: So many frames are shown, evenly spaced over the time that the light shines; without a track, over so many before and after
#: the peak. Chosen.
N_FRAMES, AROUND_FRAMES = 8, 4
#: What moves less while it is drawn has no direction that the eye could see, focal pixels. Chosen.
SHORTEST_WAY_PX = 1.0


@dataclass(frozen=True, eq=False)
class View:
    """The frames and pixels about an event.

    Attributes
    ----------
    peak : (int, float, float)
        Frame, row and column of the event.
    first : int
        First frame.
    rows, columns : ndarray of int of shape (height,) and (width,)
        Pixels of the array.
    cube : ndarray of shape (n_frames, height, width), counts per GTU
        As measured.
    line : ndarray of the same shape, counts per GTU
        Background: with a track, the straight line in time that fits each pixel best beside the track's light; without one, or
        where values are not finite, the pixel's median.
    track : object or None
        What was fitted, as ``meteortut.pipeline.Track``.
    model : ndarray of the same shape or None, counts per GTU
        The fitted light without background.
    gap : float, pixels
        Between two tubes.
    """

    peak: tuple[int, float, float]
    first: int
    rows: np.ndarray
    columns: np.ndarray
    cube: np.ndarray
    line: np.ndarray
    track: Any
    model: np.ndarray | None
    gap: float

    @property
    def time(self) -> np.ndarray:
        """Middle of each frame, s after the middle of the frame of the peak."""
        return (self.first + np.arange(len(self.cube)) - self.peak[0]) * FRAME_S

    @property
    def shining(self) -> np.ndarray:
        """Instants at which the track is drawn, ndarray of shape (60,), frames; needs a track."""
        start, end = self.track.light.span(TRACK_SIGMA)
        return np.linspace(max(start, self.first), min(end, self.first + len(self.cube)), 60)


def look(
    frames: Any, peak: tuple[int, float, float], track: Any, render: Callable[..., np.ndarray], gap: float
) -> View:
    """Cut out the frames and pixels about an event; ``peak`` in frames and array pixels."""
    t = peak[0]
    low = np.array([t - HALF_FRAMES, *(round(place) - HALF_PX for place in peak[1:])])
    high = np.array([t + HALF_FRAMES + 1, *(round(place) + HALF_PX for place in peak[1:])])
    if track is not None and track.converged:
        ends = np.clip(track.light.span(TRACK_SIGMA), t - LONGEST_FRAMES, t + LONGEST_FRAMES)
        y, x = (np.clip(np.rint(from_focal(way, gap)), 0, None) for way in track.light.place(ends))
        low = np.minimum(low, [ends.min() - 5, y.min() - 3, x.min() - 3])
        high = np.maximum(high, [ends.max() + 6, y.max() + 4, x.max() + 4])
    shape = np.array(frames.shape)
    low, high = np.clip(low, 0, shape - 1).astype(int), np.clip(high, 1, shape).astype(int)
    first, rows, columns = int(low[0]), np.arange(low[1], high[1]), np.arange(low[2], high[2])
    cube = np.asarray(frames[low[0] : high[0], low[1] : high[1], low[2] : high[2]], float)
    model = None if track is None else render(track.light, first, len(cube), rows, columns, gap)
    return View(peak, first, rows, columns, cube, _line(cube, model), track, model, gap)


def _line(cube: np.ndarray, model: np.ndarray | None) -> np.ndarray:
    if model is None or not np.isfinite(cube).all():
        level = np.ma.median(np.ma.masked_invalid(cube if model is None else cube - model), axis=0)
        return np.broadcast_to(np.ma.filled(level, 0.0), cube.shape)
    ramp = np.stack([np.ones(len(cube)), np.linspace(-1, 1, len(cube))], axis=1)
    left = (cube - model).reshape(len(cube), -1)
    return (ramp @ np.linalg.lstsq(ramp, left, rcond=None)[0]).reshape(cube.shape)


def brightest(view: View) -> np.ndarray:
    """Pixels with the highest light, in the order in which they peak: indices into the view, ndarray of int of shape (n, 2)."""
    if view.model is not None and view.model.max() > 0:
        light = view.model
    else:
        away_t, away_y, away_x = (
            np.abs(place - at) <= NEAR
            for place, at in zip(
                (view.first + np.arange(len(view.cube)), view.rows, view.columns), view.peak, strict=True
            )
        )
        near = away_t[:, None, None] & away_y[:, None] & away_x
        light = np.where(near, np.nan_to_num(view.cube - view.line, nan=-np.inf, posinf=-np.inf), -np.inf)
    pixels = np.argsort(-light.max(axis=0), axis=None, kind="stable")[:N_PIXELS]
    found = np.stack(np.unravel_index(pixels, light.shape[1:]), axis=1)
    return found[np.argsort([light[:, y, x].argmax() for y, x in found], kind="stable")]


def some_frames(view: View) -> np.ndarray:
    """Frames to show, evenly spaced while the light shines: ndarray of int of shape (8,) or fewer, indices into the view."""
    if view.track is not None and view.track.converged:
        start, end = view.shining[[0, -1]] - view.first
    else:
        start, end = view.peak[0] - view.first + np.array([-AROUND_FRAMES, AROUND_FRAMES])
    chosen = np.linspace(np.floor(start), np.ceil(end), N_FRAMES)
    return np.unique(np.clip(np.rint(chosen), 0, len(view.cube) - 1).astype(int))


def along_track(view: View) -> tuple[np.ndarray, np.ndarray]:
    """Light near the track over time and way; needs a track.

    Returns
    -------
    way : ndarray of int of shape (n_steps,), focal pixels
        Along the track, 0 at the peak; pixels are put to the nearest.
    light : ndarray of shape (n_frames, n_steps), counts per GTU
        Mean over the pixels within 1.5 focal pixels of the track, background taken away; NaN where there is none (gaps).
    """
    light = view.track.light
    y, x = (to_focal(pixels, view.gap) - place for pixels, place in ((view.rows, light.y), (view.columns, light.x)))
    angle = np.radians(light.direction_deg)
    along = y[:, None] * np.sin(angle) + x * np.cos(angle)
    across = y[:, None] * np.cos(angle) - x * np.sin(angle)
    near = np.abs(across) <= ACROSS_PX
    if not near.any():
        return np.zeros(1, int), np.full((len(view.cube), 1), np.nan)
    steps = np.rint(along[near]).astype(int)
    way = np.arange(steps.min(), steps.max() + 1)
    member = (steps[:, None] == way).astype(float)
    n_pixels = member.sum(axis=0)
    total = (view.cube - view.line)[:, near] @ member
    return way, np.divide(total, n_pixels, out=np.full(total.shape, np.nan), where=n_pixels > 0)


@styled
def event_figure(view: View) -> Figure:
    """Draw an event: brightest moment of each pixel, light near the track over time, light curves, and some frames."""
    figure = Figure(figsize=(6.6, 6.0))
    figure.set_layout_engine("none")  # places are fixed: to lay them out takes as long as to draw
    left = figure.add_gridspec(2, 1, left=0.1, right=0.46, bottom=0.31, top=0.96, hspace=0.42)
    right = figure.add_gridspec(N_PIXELS, 1, left=0.63, right=0.98, bottom=0.31, top=0.96, hspace=0.32)
    _picture(figure.add_subplot(left[0]), view)
    _motion(figure.add_subplot(left[1]), view)
    panels: list[Axes] = []
    for k, (row, column) in enumerate(brightest(view)):
        axes = figure.add_subplot(right[k], sharex=panels[0] if panels else None)
        axes.plot(view.time, view.cube[:, row, column], ".-", color=GREY, linewidth=0.8, markersize=3)
        if view.model is not None:
            curve = (view.line + view.model)[:, row, column]
            axes.plot(view.time, curve, color=BLUE, linewidth=1.6)
        axes.set_title(f"y {view.rows[row]}, x {view.columns[column]}", loc="right", fontsize="small")
        axes.tick_params(labelbottom=False)
        panels.append(axes)
    words = "dots measured" if view.model is None else "dots measured, line fitted"
    panels[0].set_title(words, loc="left", fontsize="small")
    panels[len(panels) // 2].set_ylabel("counts per GTU")
    panels[-1].tick_params(labelbottom=True)
    panels[-1].set_xlabel(f"s after frame {view.peak[0]}")
    _cube(figure.add_axes((0.1, 0.06, 0.88, 0.12), label="<frames>"), view)
    return figure


def _cube(axes: Axes, view: View) -> None:
    """Some frames side by side, background taken away."""
    chosen = some_frames(view)
    height, width = view.cube.shape[1:]
    beside = np.full((len(chosen), height, width + 1), np.nan)  # a column between two frames
    beside[..., :-1] = (view.cube - view.line)[chosen]
    axes.imshow(beside.transpose(1, 0, 2).reshape(height, -1)[:, :-1], cmap="gray", origin="lower", aspect="auto")
    axes.set_xticks((width + 1) * np.arange(len(chosen)) + (width - 1) / 2, view.first + chosen)
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.set_title("frames", fontsize="small", loc="left")


def _picture(axes: Axes, view: View) -> None:
    excess = view.cube - view.line
    shown = np.where(np.isfinite(excess), excess, -np.inf).max(axis=0)
    edges = (view.columns[0] - 0.5, view.columns[-1] + 0.5, view.rows[0] - 0.5, view.rows[-1] + 0.5)
    image = axes.imshow(np.where(np.isfinite(shown), shown, np.nan), cmap="gray", origin="lower", extent=edges)
    axes.figure.colorbar(image, ax=axes, shrink=0.85).set_label("counts per GTU", fontsize="small")
    if view.track is not None:
        _beside(axes, view)
    axes.set(xlim=edges[:2], ylim=edges[2:], xlabel="x / pixel", ylabel="y / pixel")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_title("brightest moment", fontsize="small", loc="left")


def _beside(axes: Axes, view: View) -> None:
    """Draw the track beside its light: a line on each side and an arrow where it goes; a ring about what hardly moves."""
    light = view.track.light
    place, angle = np.stack(light.place(view.shining)), np.radians(light.direction_deg)
    if np.hypot(*(place[:, -1] - place[:, 0])) < SHORTEST_WAY_PX:
        turn = np.linspace(0, 2 * np.pi, 60)
        y, x = from_focal(place.mean(axis=1)[:, None] + ACROSS_PX * np.stack([np.sin(turn), np.cos(turn)]), view.gap)
        axes.plot(x, y, **_look_of(view))
        return
    along, across = np.array([[np.sin(angle)], [np.cos(angle)]]), np.array([[np.cos(angle)], [-np.sin(angle)]])
    for side in (-ACROSS_PX, ACROSS_PX):
        y, x = from_focal(place + side * across, view.gap)
        axes.plot(x, y, **_look_of(view))
    (y, end_y), (x, end_x) = from_focal(place[:, -1:] + along * [0.5, 2.5], view.gap)
    arrow = {"arrowstyle": "->", "color": ORANGE, "linewidth": 1.6, "path_effects": _look_of(view)["path_effects"]}
    axes.annotate("", (end_x, end_y), (x, y), arrowprops=arrow)


def _look_of(view: View) -> dict[str, Any]:
    """Look of a track: dotted when it is not to be trusted; with a dark rim, to be seen on any grey."""
    rim = [withStroke(linewidth=3.2, foreground="black", alpha=0.8)]
    return {"color": ORANGE, "linewidth": 1.4, "linestyle": "--" if view.track.converged else ":", "path_effects": rim}


def _motion(axes: Axes, view: View) -> None:
    axes.set_title("light near the track (pale: gaps)", fontsize="small", loc="left")
    if view.track is None:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "no track", ha="center", va="center", transform=axes.transAxes)
        return
    way, light = along_track(view)
    time, half = view.time, FRAME_S / 2
    edges = (time[0] - half, time[-1] + half, way[0] - 0.5, way[-1] + 0.5)
    axes.set_facecolor("#cfe3f2")  # where there is no pixel
    axes.imshow(light.T, cmap="gray", origin="lower", extent=edges, aspect="auto", interpolation="nearest")
    fitted = view.track.light.speed_px * (view.shining - view.track.light.t)
    axes.plot((view.shining - view.peak[0] - 0.5) * FRAME_S, fitted, **_look_of(view))
    if not view.track.converged:
        axes.set_title("not converged", fontsize="small", loc="right")
    axes.set(xlim=edges[:2], ylim=edges[2:], xlabel=f"s after frame {view.peak[0]}", ylabel="way / focal pixels")
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
