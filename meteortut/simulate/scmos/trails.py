"""What crosses the frame or lies on it: satellites in focus and out of it, and ghosts of bright stars."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import special

from meteortut.simulate.scmos.worlds import World

#: Of a trail at least this share of the frame's shorter side shows; chosen.
LEAST_LENGTH = 0.2


@dataclass(frozen=True)
class Segment:
    """Where a satellite is during one exposure.

    Attributes
    ----------
    start, stop : (y, x), pixels
        Its places as the shutter opens and closes; they may lie outside the frame.
    """

    start: tuple[float, float]
    stop: tuple[float, float]

    def clipped(self, shape: tuple[int, int]) -> tuple[float, float, float, float]:
        """Ends (y0, x0, y1, x1) of the part inside a frame of shape (height, width), pixels; NaN if there is none."""
        low, high = 0.0, 1.0
        for begin, end, most in zip(self.start, self.stop, (shape[0] - 1, shape[1] - 1), strict=True):
            step = end - begin
            if abs(step) < 1e-9:
                low = low if 0 <= begin <= most else np.inf
                continue
            first, last = sorted(((0 - begin) / step, (most - begin) / step))
            low, high = max(low, first), min(high, last)
        if low >= high:
            return (np.nan,) * 4
        (y0, x0), (y1, x1) = self.start, self.stop
        return (
            *(y0 + low * (y1 - y0), x0 + low * (x1 - x0)),
            *(y0 + high * (y1 - y0), x0 + high * (x1 - x0)),
        )

    def length(self, shape: tuple[int, int]) -> float:
        """Length of the part inside a frame, pixels; 0 if there is none."""
        y0, x0, y1, x1 = self.clipped(shape)
        return 0.0 if np.isnan(y0) else float(np.hypot(y1 - y0, x1 - x0))


def draw_pass(
    shape: tuple[int, int], open_: np.ndarray, n: int, world: World, rng: np.random.Generator
) -> list[Segment]:
    """Draw the way of one satellite through n consecutive frames.

    Parameters
    ----------
    shape : (height, width)
    open_ : ndarray of shape (height, width), bool
        Where the sky is not hidden; the way leads through such a pixel.
    n : int
        Number of frames; each shows at least `LEAST_LENGTH` of the frame's shorter side, not counting what is hidden, unless
        two hundred ways were tried in vain: then the longest of these is taken.
    world : World
    rng : Generator

    Returns
    -------
    list of n Segment
    """
    least, size = LEAST_LENGTH * min(shape), float(np.hypot(*shape))
    pixels = np.flatnonzero(open_)
    best: tuple[float, list[Segment]] = (-1.0, [])
    for _ in range(200):
        y, x = divmod(int(rng.choice(pixels)), shape[1])
        angle = rng.uniform(0, 2 * np.pi)
        way = np.array([np.sin(angle), np.cos(angle)])
        begin, end = np.array([y, x]) - size * way, np.array([y, x]) + size * way
        y0, x0, y1, x1 = Segment(tuple(begin), tuple(end)).clipped(shape)
        chord = float(np.hypot(y1 - y0, x1 - x0))
        if not chord > least * n / 0.7:
            continue
        if n == 1 and rng.random() < world.trail_whole:
            first, speed = -0.2 * chord, 1.4 * chord
        elif n == 1:
            speed = rng.uniform(least / chord, 0.9) * chord
            first = rng.uniform(-0.3 * speed, chord - 0.7 * speed)
        else:
            speed = chord / n
            first = rng.uniform(-0.25, 0.25) * speed
        ends = [np.array([y0, x0]) + (first + k * speed) * way for k in range(n + 1)]
        segments = [Segment(tuple(a.tolist()), tuple(b.tolist())) for a, b in pairwise(ends)]
        shown = min(_open_length(segment, open_) for segment in segments)
        best = max(best, (shown, segments), key=lambda pair: pair[0])
        if shown >= least:
            break
    return best[1]


def _open_length(segment: Segment, open_: np.ndarray) -> float:
    """Length of the part of a segment that is inside the frame and not hidden, pixels."""
    length = segment.length(open_.shape)
    if not length:
        return 0.0
    y0, x0, y1, x1 = segment.clipped(open_.shape)
    y, x = (np.rint(np.linspace(*ends, 50)).astype(int) for ends in ((y0, y1), (x0, x1)))
    return length * float(open_[y, x].mean())


def draw_light(flashing: float, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Draw how a satellite varies along its trail.

    Parameters
    ----------
    flashing : float in [0, 1]
        Probability that it tumbles.
    rng : Generator

    Returns
    -------
    tuple of four floats
        Depth (0 for a steady one), period in pixels, phase as a share of the period, sharpness of the flashes.
    """
    depth = rng.uniform(0.4, 1.0) if rng.random() < flashing else 0.0
    return (
        depth,
        float(np.exp(rng.uniform(np.log(15), np.log(150)))),
        float(rng.uniform(0, 1)),
        float(rng.uniform(1, 8)),
    )


def draw_trail(
    shape: tuple[int, int],
    segment: Segment,
    width_px: float,
    light: tuple[float, float, float, float],
    radius_px: float = 0.0,
    hole: float = 0.0,
) -> np.ndarray:
    """Image of a trail of unit light per pixel of length.

    Parameters
    ----------
    shape : (height, width)
    segment : Segment
    width_px : float
        Full width at half maximum of the point spread, taken as Gaussian here.
    light : tuple of four floats
        As :func:`draw_light` gives it.
    radius_px, hole : float
        Radius of the blur of a satellite out of focus, and its hole; the profile is then that of a swept ring.

    Returns
    -------
    ndarray of shape (height, width), float32
    """
    (y0, x0), (y1, x1) = segment.start, segment.stop
    length = np.hypot(y1 - y0, x1 - x0)
    dy, dx = (y1 - y0) / length, (x1 - x0) / length
    y, x = np.ogrid[: shape[0], : shape[1]]
    along = ((y - y0) * dy + (x - x0) * dx).astype(np.float32)
    across = ((x - x0) * dy - (y - y0) * dx).astype(np.float32)
    sigma = np.float32(width_px / 2.3548)
    near = np.abs(across) < 4 * sigma + radius_px
    u, v = along[near], across[near]
    if radius_px:
        steps = np.linspace(-radius_px - 4 * sigma, radius_px + 4 * sigma, 400)
        ring = np.sqrt(np.maximum(radius_px**2 - steps**2, 0)) - np.sqrt(
            np.maximum((hole * radius_px) ** 2 - steps**2, 0)
        )
        ring = np.convolve(ring, np.exp(-0.5 * (steps / sigma) ** 2), "same")
        profile = np.interp(v, steps, ring / ring.sum() / (steps[1] - steps[0]))
    else:
        profile = np.exp(-0.5 * (v / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma)
    soft = max(float(sigma), 0.6 * radius_px)
    profile = profile * (special.ndtr(u / soft) - special.ndtr((u - length) / soft))
    depth, period, phase, sharpness = light
    if depth:
        profile = profile * (1 - depth + depth * (0.5 + 0.5 * np.cos(2 * np.pi * (u / period + phase))) ** sharpness)
    trail = np.zeros(shape, np.float32)
    trail[near] = profile
    return trail


def draw_ghost(shape: tuple[int, int], radius_px: float, hole: float, y: float, x: float) -> np.ndarray:
    """Image of a ghost: an evenly lit ring with soft edges.

    Parameters
    ----------
    shape : (height, width)
    radius_px, hole : float
        Outer radius, and the inner over the outer.
    y, x : float, pixels
        Its centre.

    Returns
    -------
    ndarray of shape (height, width), float32
        1 on the ring, 0 off it.
    """
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    r = np.hypot(rows - y, columns - x).astype(np.float32)
    return (special.ndtr((radius_px - r) / 1.0) * special.ndtr((r - hole * radius_px) / 1.0)).astype(np.float32)
