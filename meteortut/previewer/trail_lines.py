"""The best straight lines of a frame: sums along all of them, each against the scatter of its direction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from meteortut.previewer.radon import TURNS, line_sums, turned

#: Shortest segment that is summed, rows of the binned frame; chosen.
LEAST_ROWS = 32
#: Frames up to this size share what depends on their shape only, binned pixels; chosen.
MAX_KEPT_PX = 1 << 17


@dataclass(frozen=True)
class Line:
    """A segment that stands out, in a turned view of the frame.

    Attributes
    ----------
    snr : float
        Its sum over the scatter of the sums of its direction.
    noise : float
        That scatter over what white noise gives.
    turn : (bool, bool)
        See `radon.TURNS`.
    rows : int, pixels
        Height of the segment.
    start, slope : float, pixels and pixels per row
        Column at row 0 of the view, on the line's continuation, and its drift.
    """

    snr: float
    noise: float
    turn: tuple[bool, bool]
    rows: int
    start: float
    slope: float


def best_lines(image: np.ndarray) -> Iterator[Line]:
    """Give the best line of each octant and segment height.

    Parameters
    ----------
    image : ndarray of shape (height, width) float32
        Mean 0 and scatter 1 of the sums over the root of their length, as `trails.searched` has it; pixels that do not count
        are 0.

    Yields
    ------
    Line
        Segments of 32, 64, … rows, of which half or more is inside the frame. Those within a pixel of a row or a column are the
        sensor's and left out.
    """
    for turn in TURNS:
        view = turned(image, turn)
        roots = _kept_inverse_roots if image.size <= MAX_KEPT_PX else _inverse_roots
        for sums, root in zip(line_sums(view, LEAST_ROWS), roots(view.shape, LEAST_ROWS), strict=True):
            ratio = sums * root
            noise = _scatter(ratio)
            best = ratio.max(axis=(0, 2)) / noise
            shift = 2 + int(best[2:].argmax())
            strip, column = np.unravel_index(ratio[:, shift].argmax(), (ratio.shape[0], ratio.shape[2]))
            n = sums.shape[1]
            slope = shift / (n - 1)
            start = float(column) - n * sums.shape[0] - slope * float(strip) * n
            yield Line(float(best[shift]), float(noise[shift]), turn, n, start, slope)


def _scatter(ratio: np.ndarray) -> np.ndarray:
    """Scatter of the sums of each direction, clipped at 3, of every fourth column; at least 0.7 of what white noise gives."""
    clipped = np.clip(ratio[:, :, ::4], -3, 3)
    n = np.count_nonzero(clipped[:, :, ::2], axis=(0, 2)) * 2  # the empty ones are exactly 0
    square = np.einsum("isc,isc->s", clipped, clipped) / np.maximum(n, 1)
    return np.maximum(np.sqrt(square), 0.7).astype(np.float32)


def _inverse_roots(shape: tuple[int, int], least: int) -> Iterator[np.ndarray]:
    """1/√(pixels of a segment inside a frame of that shape), 0 for those less than half inside; per segment height."""
    for count in line_sums(np.ones(shape, np.float32), least):
        inside = count >= count.shape[1] / 2
        root = np.maximum(count, 1)
        np.sqrt(root, out=root)
        yield np.divide(inside, root, out=root, dtype=np.float32)


@lru_cache(maxsize=2)
def _kept_inverse_roots(shape: tuple[int, int], least: int) -> tuple[np.ndarray, ...]:
    """Keep them: they are the same for all frames of a data set; 5 MiB for 512 × 512. Only for small frames."""
    return tuple(_inverse_roots(shape, least))
