"""The baseline without a network: the brightest excess, and shift-and-stack along trial velocities."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from meteortut.chunking.grid import give_back
from meteortut.focal import GTU_PER_FRAME, from_focal, to_focal
from meteortut.pipeline.frames import check_frames
from meteortut.pipeline.track_box import RESTLESS
from meteortut.pipeline.track_model import PSF_PX, shares

#: The background of a frame is the mean of two windows of so many frames, that begin so many frames before and after (chosen).
WINDOW, AWAY = 24, 20
#: Spans stacked by default, frames, and the most displacement over a span, pixels (chosen): long stacks are for slow lights.
SPANS, REACH_PX = (4, 8, 16, 32), 4
#: Fastest trial velocity along an axis, focal pixels per frame; the fastest meteor with the motion of the ISS.
FASTEST_PX = 0.75
#: An event is the highest of its surroundings: so many frames and pixels to each side (chosen).
NEAR_FRAMES, NEAR_PX = 20, 3
#: Weights along one axis for a pixel and its neighbours: what they receive of the point spread.
KERNEL = shares(np.array([-1.0, 0.0, 1.0]), 0.0, PSF_PX)[0].astype(np.float32)
COLUMNS = ("t", "y", "x", "snr", "vy", "vx", "n_stacked")


def stack_shifts(
    frames: Any, spans: tuple[int, ...] = SPANS, threshold: float = 6.0, gap: float = 1.0, block: int = 128
) -> pd.DataFrame:
    """Find moving lights: shift frames along trial velocities, add them, and take what stands out of the noise.

    Parameters
    ----------
    frames : ndarray, memmap or Zarr array of shape (n_frames, height, width), counts per GTU
        Any length, at least 4 frames; axes (time, y, x). Read ``block`` frames at a time.
    spans : tuple of int
        Frames added, powers of two. ``(1,)`` adds none: the plain threshold.
    threshold : float
        Least sum in units of its noise.
    gap : float
        Gap between tubes, rounded to whole pixels.
    block : int
        Frames worked on at a time.

    Returns
    -------
    DataFrame, a row per local maximum, in order of time
        ``t``, ``y``, ``x`` (middle of the stack: frame, array pixels), ``snr`` (sum in units of its noise), ``vy``, ``vx`` (trial
        velocity, focal pixels per frame), ``n_stacked`` (span). A maximum has no higher one within 20 frames and 3 pixels.

    Raises
    ------
    ValueError
        If frames has not three axes, less than 4 frames, integer counts, a file that was cut short, or NaN or infinite values; if
        spans are not powers of two or the block is shorter than the longest.

    Notes
    -----
    The excess of a pixel is what it has above the mean of two windows, 20–43 frames before and after: a steady drift leaves
    nothing. It is weighted by the point spread and divided by its noise: √(B / 16 384) with B that mean, or the standard deviation
    over the windows where that is 1.5 times as much, as in a pixel that a city passes. Sums over 2 n frames are
    two sums over n frames, one of them displaced (a fast discrete Radon transform, Brady 1998, SIAM J. Comput. 27, 107).
    Dead pixels and gaps count nothing. Within 44 frames of the stream's ends one window or none is left, and drifts show; lights
    longer than 20 frames raise their own background. A later peer, the
    refined STACK-CNN of Olivi et al. 2024, adds networks to the shift-and-stack.
    """
    check_frames(frames, 4)
    if not spans or any(span < 1 or span & (span - 1) for span in spans):
        raise ValueError(f"spans is {spans}; expected powers of two, for instance {SPANS}.")
    if block < max(spans):
        raise ValueError(f"block is {block}; expected at least the longest span, {max(spans)} frames.")
    if not np.isfinite(threshold):
        raise ValueError(f"threshold is {threshold}; expected a finite number.")
    found = [rows for part in _excess_blocks(frames, gap, block, max(spans)) for rows in _find(*part, spans, threshold)]
    table = pd.DataFrame(np.concatenate([np.empty((0, len(COLUMNS))), *found]), columns=COLUMNS)
    table = _highest(table)
    for name in ("y", "x"):
        table[name] = np.clip(from_focal(table[name], round(gap)), 0, frames.shape[1 if name == "y" else 2] - 1)
    return table.astype({"n_stacked": int}).sort_values(["t", "y", "x"], ignore_index=True)


def _excess_blocks(frames: Any, gap: float, block: int, longest: int) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Excess over noise and its variance, on the focal surface with its gaps; first frame. Blocks overlap by a span."""
    n_frames, height, width = frames.shape
    rows, columns = (to_focal(np.arange(side), round(gap)).astype(int) for side in (height, width))
    for start in range(0, n_frames, block):
        # a stack may begin half a span before the block and end half a span after it
        first, stop = max(start - longest // 2, 0), min(start + block + longest // 2, n_frames)
        excess, sigma = _excess(frames, first, stop)
        weight = (sigma > 0).astype(np.float32)
        excess = np.divide(excess, sigma, out=np.zeros_like(excess), where=sigma > 0)
        shape = (len(excess), rows[-1] + 1, columns[-1] + 1)
        surface = np.zeros((2, *shape), np.float32)
        surface[0][:, rows[:, None], columns] = excess
        surface[1][:, rows[:, None], columns] = weight
        yield _blurred(surface[0], KERNEL), _blurred(surface[1], KERNEL**2), first


def _excess(frames: Any, first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """What frames have above the windows before and after them, and its noise: two arrays (stop − first, height, width)."""
    n_frames = len(frames)
    low, high = max(first - AWAY - WINDOW, 0), min(stop + AWAY + WINDOW, n_frames)
    cube = np.array(frames[low:high], np.float32)  # a copy: the pages of a memmap go back
    give_back(frames)
    if not np.isfinite(cube).all():
        raise ValueError(
            f"frames {low} to {high - 1} hold NaN or infinite values; expected finite counts. Cut them out."
        )
    totals = [np.zeros((len(cube) + 1, *cube.shape[1:])) for _ in range(2)]
    for total, values in zip(totals, (cube, cube**2), strict=True):
        np.cumsum(values, axis=0, dtype=float, out=total[1:])
    time = np.arange(first, stop)
    edges = []
    for begin in (time - AWAY - WINDOW + 1, time + AWAY):  # windows that leave the stream shrink, then vanish
        a, b = (np.clip(edge - low, 0, len(cube)) for edge in (begin, begin + WINDOW))
        edges.append((a, np.where(b - a >= WINDOW // 3, b, a)))
    n = [(b - a)[:, None, None] for a, b in edges]
    n_windows = np.maximum(sum((count > 0).astype(float) for count in n), 1)
    means = [(totals[0][b] - totals[0][a]) / np.maximum(count, 1) for (a, b), count in zip(edges, n, strict=True)]
    level = sum(means) / n_windows
    squares = sum(totals[1][b] - totals[1][a] for a, b in edges) / np.maximum(sum(n), 1)
    alone = (sum(n) == 0) * np.median(cube, axis=0)  # a stream shorter than its windows
    level = level + alone
    photon, seen = np.maximum(level, 0) / GTU_PER_FRAME, squares - level**2
    variance = np.where(seen > RESTLESS**2 * photon, seen, photon)
    of_level = sum((count > 0) / np.maximum(count, 1) for count in n) / n_windows**2
    return (cube[first - low : stop - low] - level).astype(np.float32), np.sqrt(variance * (1 + of_level)).astype(
        np.float32
    )


def _blurred(surface: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    from scipy.ndimage import correlate1d  # slow to import

    return correlate1d(correlate1d(surface, kernel, axis=1, mode="constant"), kernel, axis=2, mode="constant")


@dataclass(frozen=True, eq=False)
class _Level:
    """Sums over ``span`` frames from every ``stride``-th frame on; by displacement over the span (dy, dx)."""

    span: int
    stride: int
    sums: dict[tuple[int, int], np.ndarray]
    weights: dict[tuple[int, int], np.ndarray]


def _find(
    excess: np.ndarray, power: np.ndarray, first: int, spans: tuple[int, ...], threshold: float
) -> Iterator[np.ndarray]:
    """Local maxima of one block per span, (n, 7) in the order of COLUMNS, places on the focal surface."""
    # the weights change little: those of one frame do for the block
    level = _Level(1, 1, {(0, 0): excess}, {(0, 0): power[len(power) // 2]})
    while True:
        if level.span in spans:
            yield _peaks(level, threshold, first)
        if level.span >= max(spans) or 2 * level.span > len(excess):
            return
        level = _double(level)


def _double(level: _Level) -> _Level:
    """From sums over a span to sums over twice the span: both halves move by half of the displacement.

    Sums over 8 frames are kept for every second frame, over 16 for every fourth: they change little meanwhile.
    """
    span = 2 * level.span
    stride = max(span // 4, 1)
    step, later = stride // level.stride, level.span // level.stride
    reach = min(math.ceil(FASTEST_PX * span), REACH_PX)
    sums, weights = {}, {}
    for dy, dx in itertools.product(range(-reach, reach + 1), repeat=2):
        half = (int(dy / 2), int(dx / 2))
        if dy**2 + dx**2 > (reach + 0.5) ** 2 or half not in level.sums:
            continue
        rest = (dy - half[0], dx - half[1])
        own = level.sums[half]
        sums[dy, dx] = own[: len(own) - later : step].copy()
        _add_shifted(sums[dy, dx], own[later::step], rest)
        weights[dy, dx] = level.weights[half].copy()
        _add_shifted(weights[dy, dx][None], level.weights[half][None], rest)
    return _Level(span, stride, sums, weights)


def _add_shifted(total: np.ndarray, other: np.ndarray, shift: tuple[int, int]) -> None:
    """total[t, y, x] += other[t, y + dy, x + dx] where that exists."""
    here, there = [], []
    for by, side in zip(shift, total.shape[1:], strict=True):
        here.append(slice(max(-by, 0), side - max(by, 0)))
        there.append(slice(max(by, 0), side - max(-by, 0)))
    total[:, here[0], here[1]] += other[:, there[0], there[1]]


def _scores(level: _Level, move: tuple[int, int]) -> np.ndarray:
    """Sums along one displacement over their noise; 0 where most of the path leaves the array."""
    weight = level.weights[move]
    enough = weight > 0.25 * level.span * (KERNEL**2).sum() ** 2
    return level.sums[move] * np.where(enough, 1 / np.sqrt(np.maximum(weight, 1e-9)), 0).astype(np.float32)


def _peaks(level: _Level, threshold: float, first: int) -> np.ndarray:
    """Local maxima of the best sum at each place, within 4 frames and 3 pixels."""
    from scipy.ndimage import maximum_filter  # slow to import

    moves = list(level.sums)
    best = _scores(level, moves[0])
    for move in moves[1:]:
        np.maximum(best, _scores(level, move), out=best)
    size = (2 * max(4 // level.stride, 1) + 1, 2 * NEAR_PX + 1, 2 * NEAR_PX + 1)
    high = best >= threshold
    if high.any():
        high &= best == maximum_filter(best, size)
    t, y, x = np.nonzero(high)
    which = np.zeros(len(t), int)
    for k, move in enumerate(moves):
        which[_scores(level, move)[t, y, x] == best[high]] = k
    dy, dx = np.array(moves)[which].T
    middle, steps = (level.span - 1) / 2, max(level.span - 1, 1)
    # frame k lasts from k to k + 1: the middle of a stack of one frame is at k + 0.5
    time = first + t * level.stride + middle + 0.5
    span = np.full(len(t), level.span)
    return np.stack([time, y + dy / 2, x + dx / 2, best[high], dy / steps, dx / steps, span], axis=1)


def _highest(table: pd.DataFrame) -> pd.DataFrame:
    """Keep maxima that have no higher one near them, over all spans and blocks."""
    from scipy.spatial import cKDTree  # slow to import

    table = table.drop_duplicates(["t", "y", "x", "n_stacked"]).sort_values("snr", ascending=False, kind="stable")
    places = table[["t", "y", "x"]].to_numpy() / [NEAR_FRAMES, NEAR_PX, NEAR_PX]
    kept = np.ones(len(table), bool)
    if len(table):
        near = cKDTree(places).query_ball_point(places, 1.0, p=np.inf)
        for k in range(len(table)):
            if kept[k]:
                later = [i for i in near[k] if i > k]
                kept[later] = False
    return table[kept]
