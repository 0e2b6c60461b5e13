"""Straight tracks among bright pixels: hypotheses from pairs, the best run along each, then a fit in space and time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from meteortut.gradcam.significance import Pixels

#: Half width of the strip that a hypothesis collects, and the strip beside it that must be dark, pixels.
_ON, _OFF = 1.5, (5.0, 8.0)
#: Pixels further than this from the fitted instant do not belong to the track, frames.
_LATE = 2.0
#: A track is scored in bins of 2 pixels, each worth at most 12 σ; each bin costs something, more when times do not
#: tell chance from track: they are unknown, or the object is so slow that any time would do.
_BIN, _CAP, _COST_TIMED, _COST_UNTIMED = 2.0, 12.0, 2.0, 4.0
_MAX_POINTS, _MAX_PEAKS, _FEWEST = 800, 60, 6


@dataclass(frozen=True)
class Line:
    """A straight track.

    Attributes
    ----------
    y, x : float, pixels
        A point on it, from which `begin` and `end` count.
    dy, dx : float
        Direction, a unit vector.
    begin, end : float, pixels
        Where the track begins and ends along the direction.
    t, slowness : float, frames and frames per pixel
        Instant at the point, and what a pixel along the direction adds to it; NaN when unknown.
    strength : float, σ
        Sum of the weights along the track, less what a dark line of its length costs.
    """

    y: float
    x: float
    dy: float
    dx: float
    begin: float
    end: float
    t: float
    slowness: float
    strength: float

    def along(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Give the distance along the line, pixels."""
        return (y - self.y) * self.dy + (x - self.x) * self.dx

    def across(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Give the distance from the line, pixels, with sign."""
        return (x - self.x) * self.dy - (y - self.y) * self.dx

    def late(self, pixels: Pixels) -> np.ndarray:
        """Give by how much each pixel's maximum comes later than the line says, frames; 0 when times are unknown."""
        if pixels.time is None or np.isnan(self.slowness):
            return np.zeros(len(pixels))
        return pixels.time - self.t - self.slowness * self.along(pixels.y, pixels.x)


def find_line(window: np.ndarray, pixels: Pixels, slowness: tuple[float, float] = (0.0, np.inf)) -> Line | None:
    """Find the strongest straight track through a window; it may reach out of it.

    Parameters
    ----------
    window : ndarray of float of shape (n,)
        How much each of the n pixels is trusted to belong to something, 0 (outside the window) to 1.
    pixels : Pixels
        Of the whole frame.
    slowness : (float, float), frames per pixel
        Range that is looked for, without sign; it matters only when times are known.

    Returns
    -------
    Line or None
        None when nothing in the window is longer than it is wide.
    """
    inside = np.flatnonzero(window > 0)
    inside = inside[np.argsort(-(pixels.weight * window)[inside], kind="stable")[:_MAX_POINTS]]
    some = pixels[inside]
    lines = _hypotheses(some, slowness)
    if not len(lines):
        return None
    strength = _strengths(lines, some, window[inside], _cost(pixels, slowness))
    best: Line | None = None
    for k in np.argsort(-strength, kind="stable")[:2]:
        y, x, dy, dx, t, slow = (float(value) for value in lines[k])
        start = Line(y, x, dy, dx, 0.0, 0.0, t, slow, float(strength[k]))
        line = _refined(start, pixels, window > 0, slowness)
        if line is not None and (best is None or line.strength > best.strength):
            best = line
    return best


def beside(line: Line, pixels: Pixels, margin: float = 6.0) -> np.ndarray:
    """Say which pixels lie on a track or within `margin` pixels of it, at whatever time: ndarray of bool of shape (n,)."""
    along = line.along(pixels.y, pixels.x)
    inside = (along >= line.begin - margin) & (along <= line.end + margin)
    return inside & (np.abs(line.across(pixels.y, pixels.x)) <= margin)


def _tolerance(line: Line) -> float:
    """Frames: a slow object stays in a pixel's point spread for long, and may be brightest at any time of that."""
    return _LATE if np.isnan(line.slowness) else _LATE + 3 * abs(line.slowness)


def _cost(pixels: Pixels, slowness: tuple[float, float]) -> float:
    return _COST_TIMED if pixels.time is not None and slowness[1] <= 1 else _COST_UNTIMED


def _hypotheses(pixels: Pixels, slowness: tuple[float, float]) -> np.ndarray:
    """Lines through pairs of the brightest separate pixels: (n, 6), columns y, x, dy, dx, t, slowness."""
    taken: list[int] = []
    free = np.ones(len(pixels), bool)
    for k in range(len(pixels)):  # they are sorted by weight
        if free[k] and len(taken) < _MAX_PEAKS:
            taken.append(k)
            free &= (pixels.y - pixels.y[k]) ** 2 + (pixels.x - pixels.x[k]) ** 2 > 4
    i, j = np.array(taken, int)[np.array(np.triu_indices(len(taken), 1))] if len(taken) > 1 else np.empty((2, 0), int)
    dy, dx = pixels.y[j] - pixels.y[i], pixels.x[j] - pixels.x[i]
    length = np.hypot(dy, dx)
    kept = (length >= 3) & (length <= 60)
    slow = np.full(len(i), np.nan)
    if pixels.time is not None:
        slow = (pixels.time[j] - pixels.time[i]) / length
        kept &= (np.abs(slow) >= slowness[0]) & (np.abs(slow) <= slowness[1])
    start = np.full(len(i), np.nan) if pixels.time is None else pixels.time[i]
    return np.stack([pixels.y[i], pixels.x[i], dy / length, dx / length, start, slow], axis=1)[kept]


def _strengths(lines: np.ndarray, pixels: Pixels, trust: np.ndarray, cost: float) -> np.ndarray:
    """Strength of the best run along each hypothesis."""
    y, x, dy, dx, t, slow = (column[:, None] for column in lines.T)
    along = (pixels.y - y) * dy + (pixels.x - x) * dx
    across = np.abs((pixels.x - x) * dy - (pixels.y - y) * dx)
    on, off = across <= _ON, (across > _OFF[0]) & (across <= _OFF[1])
    if pixels.time is not None:
        on &= np.abs(pixels.time - t - slow * along) <= _LATE + 3 * np.abs(slow)
        off[:] = False
    low = along.min()
    n_bins = int((along.max() - low) / _BIN) + 1
    index = ((along - low) / _BIN).astype(int) + np.arange(len(lines))[:, None] * n_bins

    def binned(chosen: np.ndarray) -> np.ndarray:
        weight = np.broadcast_to(pixels.weight * trust, chosen.shape)[chosen]
        return np.bincount(index[chosen], weight, len(lines) * n_bins).reshape(len(lines), n_bins)

    gain = np.minimum(binned(on), _CAP) - np.minimum(binned(off), _CAP) / 2 - cost
    best, run = np.zeros(len(lines)), np.zeros(len(lines))
    for k in range(n_bins):
        run = np.maximum(run + gain[:, k], 0)
        best = np.maximum(best, run)
    return best


def _refined(line: Line, pixels: Pixels, inside: np.ndarray, slowness: tuple[float, float]) -> Line | None:
    """Fit direction and timing anew to the pixels of the best run, three times, wider each time it helps."""
    for half_width in (_ON, 2.5, 2.5, 2.5):
        near = (np.abs(line.across(pixels.y, pixels.x)) <= half_width) & (np.abs(line.late(pixels)) <= _tolerance(line))
        along = line.along(pixels.y, pixels.x)[near]
        begin, end, strength = _best_run(along, pixels.weight[near], inside[near], _cost(pixels, slowness))
        line = replace(line, begin=begin, end=end, strength=strength)
        own = near & _between(line, pixels)
        if end - begin < 4 or np.count_nonzero(own) < _FEWEST:
            return None
        line = _fitted(line, pixels[own])
        if not (np.isnan(line.slowness) or slowness[0] <= abs(line.slowness) <= slowness[1]):
            return None
    return line if line.end - line.begin >= _length_needed(line, pixels) else None


def _length_needed(line: Line, pixels: Pixels) -> float:
    """A track is longer than wide: 6 pixels, and 1.5 times the width of what is bright around it at the same time."""
    near = (np.abs(line.across(pixels.y, pixels.x)) <= 8) & (np.abs(line.late(pixels)) <= _tolerance(line))
    own = pixels[near & _between(line, pixels)]
    width = 2.5 * np.sqrt(np.average(line.across(own.y, own.x) ** 2, weights=own.weight)) if len(own) else 0.0
    return float(max(6.0, 1.5 * width))


def _between(line: Line, pixels: Pixels) -> np.ndarray:
    along = line.along(pixels.y, pixels.x)
    return (along >= line.begin) & (along <= line.end)


def _best_run(along: np.ndarray, weight: np.ndarray, inside: np.ndarray, cost: float) -> tuple[float, float, float]:
    """Begin, end and strength of the best run that begins inside the window, and goes on beyond it as long as that pays."""
    if not inside.any():
        return 0.0, 0.0, 0.0
    low = along.min()
    index = ((along - low) / _BIN).astype(int)
    gain = np.minimum(np.bincount(index, weight), _CAP) - cost
    first, last = index[inside].min(), index[inside].max()
    # The largest sum of a run (Kadane's algorithm): how far each prefix lies above the lowest before it.
    total = np.concatenate([[0.0], np.cumsum(gain[first : last + 1])])
    end = int(np.argmax(total - np.minimum.accumulate(total)))
    begin = int(np.argmin(total[: end + 1]))
    begin, end = first + begin - _reach(gain[: first + begin][::-1]), first + end + _reach(gain[first + end :])
    own = along[(index >= begin) & (index < end)]
    return (float(own.min()), float(own.max()), float(gain[begin:end].sum())) if len(own) else (0.0, 0.0, 0.0)


def _reach(gain: np.ndarray) -> int:
    """How many further bins make the sum largest."""
    return int(np.argmax(np.concatenate([[0.0], np.cumsum(gain)])))


def _fitted(line: Line, own: Pixels) -> Line:
    """Total least squares in space (the first principal axis), then the instant as a straight line of the distance along it."""
    total = own.weight.sum()
    y, x = own.weight @ own.y / total, own.weight @ own.x / total
    spread = np.stack([own.y - y, own.x - x])
    _, axes = np.linalg.eigh((spread * own.weight) @ spread.T)
    dy, dx = axes[:, -1] * np.sign(axes[:, -1] @ [line.dy, line.dx] or 1)
    along = spread[0] * dy + spread[1] * dx
    begin, end = along.min(), along.max()
    t, slow = np.nan, np.nan
    if own.time is not None:
        # Blurred ends lie beyond where the object was in its first and last frame: they would make it too fast.
        blur = min(2.5, (end - begin) / 6)
        inner = (along >= begin + blur) & (along <= end - blur)
        inner |= np.count_nonzero(inner) < _FEWEST
        slow, t = _robust_line(along[inner], own.time[inner], own.weight[inner])
    return Line(float(y), float(x), float(dy), float(dx), float(begin), float(end), t, slow, line.strength)


def _robust_line(s: np.ndarray, t: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Slope and value at 0 of t(s), least squares with the weights of Tukey's biweight (4.7 σ), four rounds."""
    w = weight
    for _ in range(4):
        mean_s, mean_t = w @ s / w.sum(), w @ t / w.sum()
        slope = w @ ((s - mean_s) * (t - mean_t)) / max(w @ (s - mean_s) ** 2, 1e-9)
        residual = t - mean_t - slope * (s - mean_s)
        sigma = max(1.4826 * np.median(np.abs(residual)), 0.1)
        w = weight * np.clip(1 - (residual / (4.685 * sigma)) ** 2, 0, None) ** 2
    return float(slope), float(mean_t - slope * mean_s)
