"""Examples of one session to learn from: chunks for the first network, pixels for the second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from meteortut.chunking import AMBIGUOUS, METEOR, NOTHING, ChunkGrid, label_chunks, scale_chunks
from meteortut.pipeline.bells import to_bells
from meteortut.pipeline.screening import scale_window

#: Meteor chunks to learn from begin every so many frames: the same meteor is seen at eight places of a chunk.
DENSE_STEP = (6, 4, 4)
#: Meteors too faint for a meteor chunk are shown with their peak at least this far from a chunk's ends, frames (chosen).
INSIDE = 6
#: Chunks without a meteor are drawn by how bright they get (3-frame mean of the scaled excess, in units of 2 σ): bounds of the
#: four classes, and what share each gets. Chosen: most false alarms come from the brightest, 8 % of all.
BRIGHTNESS, SHARES = (0.0, 1.6, 2.5, 5.0, np.inf), (0.2, 0.25, 0.2, 0.35)


@dataclass(frozen=True, eq=False)
class Examples:
    """What networks learn from.

    Attributes
    ----------
    chunks : ndarray of float16 of shape (n, 24, 8, 8)
        Scaled chunks as bells (:func:`meteortut.pipeline.bells.to_bells`).
    is_meteor : ndarray of bool of shape (n,)
    pixels : ndarray of float16 of shape (m, 48)
        Scaled pixels of meteor chunks.
    is_hit : ndarray of bool of shape (m,)
    """

    chunks: np.ndarray
    is_meteor: np.ndarray
    pixels: np.ndarray
    is_hit: np.ndarray


def join_examples(parts: list[Examples]) -> Examples:
    """Put examples of several sessions together."""
    return Examples(*(np.concatenate([getattr(part, name) for part in parts]) for name in Examples.__annotations__))


def session_examples(
    frames: Any, truth: Any, n_meteor: int, n_nothing: int, rng: int | np.random.Generator, n_pixels: int = 6
) -> Examples:
    """Draw examples from a session.

    Parameters
    ----------
    frames : ndarray or memmap of shape (n_frames, 48, 48), counts per GTU
    truth : Truth
        Of :mod:`meteortut.simulate.minieuso`.
    n_meteor, n_nothing : int
        Chunks of either kind at most. Besides the meteor chunks, up to an eighth as many are chunks around meteors that have none.
    rng : int or Generator
    n_pixels : int
        Other pixels drawn per meteor chunk; hit ones are all taken.

    Returns
    -------
    Examples
    """
    rng = np.random.default_rng(rng)
    dense = ChunkGrid(frames.shape, step=DENSE_STEP)
    labels = label_chunks(dense, truth.voxels)
    meteor = draw_some(np.flatnonzero(labels == METEOR), n_meteor, rng)
    faint = draw_some(faint_chunks(dense, labels, truth.meteors), n_meteor // 8, rng)
    grid = ChunkGrid(frames.shape)
    nothing = draw_by_brightness(brightness(frames, grid), label_chunks(grid, truth.voxels) == NOTHING, n_nothing, rng)
    scaled = scale_cut(dense, frames, meteor)
    hits = label_pixels(dense, meteor, truth.voxels)
    other = (hits == 0) & (rng.random(hits.shape) < n_pixels / 64)
    pixels = scaled.transpose(0, 2, 3, 1)
    chunks = [to_bells(part).astype(np.float16) for part in (scaled, scale_cut(dense, frames, faint))]
    chunks.append(to_bells(scale_cut(grid, frames, nothing)).astype(np.float16))
    return Examples(
        np.concatenate(chunks),
        np.arange(sum(map(len, chunks))) < len(meteor) + len(faint),
        np.concatenate([pixels[hits == 1], pixels[other]]),
        np.arange(int((hits == 1).sum() + other.sum())) < int((hits == 1).sum()),
    )


def draw_some(index: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n of some numbers of shape (m,), in order; all when there are not more."""
    return index if len(index) <= n else np.sort(rng.choice(index, n, replace=False))


def scale_cut(grid: ChunkGrid, frames: Any, index: np.ndarray) -> np.ndarray:
    """Cut and scale chunks of a grid, ascending ``index``: ndarray of float16 of shape (n, 48, 8, 8)."""
    parts = [scale_chunks(part).astype(np.float16) for part in grid.cut(frames, index)]
    return np.concatenate(parts) if parts else np.empty((0, *grid.size), np.float16)


def faint_chunks(grid: ChunkGrid, labels: np.ndarray, meteors: pd.DataFrame) -> np.ndarray:
    """Chunks that hold the peak, well inside in time, of a meteor that is not in any meteor chunk: ndarray of int, ascending."""
    found = [np.empty(0, int)]
    for t, y, x in meteors[["t_peak", "y", "x"]].to_numpy(int):
        own = grid.containing(t, y, x)
        if not (labels[own] == METEOR).any():
            after = t - grid.origin(own)[:, 0]
            found.append(own[(after >= INSIDE) & (after < grid.size[0] - INSIDE)])
    return np.unique(np.concatenate(found))


def brightness(frames: Any, grid: ChunkGrid) -> np.ndarray:
    """Largest mean of three frames of the scaled excess in each chunk.

    Parameters
    ----------
    frames : ndarray or memmap of shape (n_frames, height, width), counts per GTU
    grid : ChunkGrid

    Returns
    -------
    ndarray of float32 of shape (n_chunks,), units of 2 σ
    """
    length, side = grid.size[0], grid.shape[1:]
    excess = np.empty((length, side[0] * side[1]), np.float32)
    steps = np.empty((side[0] * side[1], length - 1), np.float32)
    found = np.empty((len(grid.starts[0]), len(grid.starts[1]), len(grid.starts[2])), np.float32)
    for row, first in zip(found, grid.starts[0], strict=True):
        samples = np.asarray(frames[first : first + length], np.float32).reshape(length, -1)
        if not scale_window(samples, excess, steps):
            raise ValueError(f"frames {first} to {first + length - 1} hold NaN or infinite values; cut them out.")
        most = (excess[:-2] + excess[1:-1] + excess[2:]).max(axis=0).reshape(side) / 3
        windows = np.lib.stride_tricks.sliding_window_view(most, grid.size[1:]).max(axis=(2, 3))
        row[...] = windows[np.ix_(grid.starts[1], grid.starts[2])]
    return found.ravel()


def draw_by_brightness(bright: np.ndarray, usable: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n of the usable chunks by how bright they get (n_chunks,): numbers, in order; see :data:`SHARES`."""
    kind = np.digitize(bright, BRIGHTNESS[1:-1])
    parts = [draw_some(np.flatnonzero(usable & (kind == k)), round(n * share), rng) for k, share in enumerate(SHARES)]
    return np.sort(np.concatenate(parts))


def label_pixels(grid: ChunkGrid, index: np.ndarray, voxels: pd.DataFrame, hit_snr: float = 4.0) -> np.ndarray:
    """Label the pixels of some chunks.

    Parameters
    ----------
    grid : ChunkGrid
    index : ndarray of int of shape (n,)
        Numbers of chunks, as a rule meteor chunks.
    voxels : DataFrame
        As for :func:`meteortut.chunking.label_chunks`.
    hit_snr : float
        A pixel is hit in a chunk when its ``snr`` reaches this there.

    Returns
    -------
    ndarray of int8 of shape (n, rows, columns)
        1 hit, −1 a hit pixel of which the chunk holds only what is fainter, 0 all others.
    """
    labels = np.zeros((len(index), *grid.size[1:]), np.int8)
    table = voxels.sort_values("t")
    places = table[["t", "y", "x"]].to_numpy()
    snr = table.snr.to_numpy()
    for own, first in zip(labels, grid.origin(np.asarray(index)), strict=True):
        low, high = np.searchsorted(places[:, 0], [first[0], first[0] + grid.size[0]])
        at = places[low:high, 1:] - first[1:]
        inside = ((at >= 0) & (at < grid.size[1:])).all(axis=1)
        (y, x), bright = at[inside].T, snr[low:high][inside] >= hit_snr
        own[y, x] = AMBIGUOUS
        own[y[bright], x[bright]] = METEOR
    return labels
