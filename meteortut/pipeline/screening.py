"""Score every chunk of a stream of any length: the same scores as chunk by chunk, with the work that chunks share done once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from queue import SimpleQueue
from typing import Any

import keras
import numpy as np
from scipy.special import expit
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from meteortut.chunking import ChunkGrid
from meteortut.chunking.grid import give_back
from meteortut.focal import SIDE
from meteortut.pipeline.frames import check_frames
from meteortut.pipeline.networks import build_cnn
from meteortut.pipeline.weights import WEIGHTS, load_weights

#: Time windows that a thread scores in one go. Chosen: more brings no speed.
WINDOWS = 8
#: Pages of a file are given back after every so many of these, about 14 MB: what is read again must be mapped again. Chosen.
GIVEN_BACK = 8
#: Threads at most; each holds about 8 MB.
MOST_THREADS = 4


@cache
def shipped_cnn() -> keras.Model:
    """The published network with the weights shipped with the package, not trained on session 12 of the first world."""
    return load_weights(build_cnn(), WEIGHTS / "minieuso_cnn.safetensors")


def screen(frames: Any, model: keras.Model | None = None, grid: ChunkGrid | None = None) -> np.ndarray:
    """Score every chunk of a stream.

    Parameters
    ----------
    frames : ndarray, memmap or Zarr array of shape (n_frames, 48, 48), float, counts per GTU
        Axes (time, y, x). Read window by window; with ``grid``, of shape ``grid.shape``.
    model : keras.Model, optional
        As :func:`build_cnn` gives it with ``pooling="local"``, trained on chunks scaled with "pixel"; by default the shipped one,
        that has not seen session 12 of the first world.
    grid : ChunkGrid, optional
        Chunks of the model's input shape; by default 48 frames × 8 × 8 pixels in steps of 24, 4, 4.

    Returns
    -------
    ndarray of float32 of shape (len(grid),)
        Probability of "meteor", in the order of ``grid.origins``; as ``model.predict`` gives it for the chunks of the grid
        scaled by ``scale_chunks(chunks, "pixel")``, to rounding (see Notes).

    Raises
    ------
    ValueError
        If ``frames`` has another shape or another number of pixels, holds fewer frames than a chunk, integers, NaN or
        infinite values (found when their window is reached), or its file has been cut short; if the model is not of that
        kind, or the grid not of its size.

    Notes
    -----
    What chunks share: scaling is done by pixel, so once for all chunks of a time window. The convolution multiplies every
    pixel of the window with each of the nine parts of its kernel once. Their sums are shared, too, but for a chunk's first and
    last row and column: for it there are zeros beyond its edge. Pooled and dense layers are each chunk's own. Memory does not
    grow with the stream, but for the scores.
    """
    model = shipped_cnn() if model is None else model
    network = _read_model(model)
    size = tuple(model.input_shape[1:])
    check_frames(frames, size[0])
    grid = _check_grid(tuple(frames.shape), size, grid)
    starts = grid.starts[0]
    scores = np.empty((len(starts), len(grid.starts[1]) * len(grid.starts[2])), np.float32)

    n_threads = min(os.cpu_count() or 1, MOST_THREADS)
    idle: SimpleQueue[_Scorer] = SimpleQueue()
    for _ in range(n_threads):
        idle.put(_Scorer(network, grid))

    def work(first: int) -> None:
        wanted = starts[first : first + WINDOWS]
        slab = np.asarray(frames[int(wanted[0]) : int(wanted[-1]) + size[0]], np.float32)
        scorer = idle.get()
        try:
            for k, begin in enumerate(wanted):
                samples = slab[begin - wanted[0] :][: size[0]].reshape(size[0], -1)
                scores[first + k] = scorer.score(samples, int(begin))
        finally:
            idle.put(scorer)
        if first // WINDOWS % GIVEN_BACK == 0:
            give_back(frames)

    # windows side by side keep the processor busier than threads inside each small matrix product
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(n_threads) as pool:
        for _ in pool.map(work, range(0, len(starts), WINDOWS)):
            pass
    return scores.ravel()


def _read_model(model: keras.Model) -> list[tuple[np.ndarray, np.ndarray]]:
    """Kernel and bias of the convolution and of the dense layers."""
    kinds = [type(layer).__name__ for layer in model.layers]
    layers = [layer for layer, kind in zip(model.layers, kinds, strict=True) if kind in ("Conv2D", "Dense")]
    does = [layer.activation.__name__ for layer in layers]
    if (
        kinds[:4] != ["Permute", "Conv2D", "MaxPooling2D", "Flatten"]
        or set(kinds[4:]) > {"Dropout", "Dense"}
        or does != ["relu"] * (len(does) - 1) + ["sigmoid"]
        or (layers[0].kernel_size, layers[0].padding) != ((3, 3), "same")
        or model.input_shape[1] < 2
    ):
        raise ValueError(
            f"the model has the layers {kinds}; expected those of build_cnn(pooling='local'), with two frames or more. "
            "Use score_batches for another model."
        )
    return [(np.asarray(layer.kernel), np.asarray(layer.bias)) for layer in layers]


def _check_grid(shape: tuple[int, ...], size: tuple[int, ...], grid: ChunkGrid | None) -> ChunkGrid:
    """The grid, if stream, model and grid fit together."""
    if grid is None:
        if shape[1:] != (SIDE, SIDE):
            raise ValueError(
                f"frames has {shape[1]} × {shape[2]} pixels; expected {SIDE} × {SIDE}. Bin or cut them, or give a grid."
            )
        grid = ChunkGrid((shape[0], SIDE, SIDE), (size[0], size[1], size[2]))
    if grid.shape != shape:
        raise ValueError(f"frames has shape {shape}; the grid was made for {grid.shape}. Use ChunkGrid(frames.shape).")
    if grid.size != size:
        raise ValueError(f"the grid's chunks are {grid.size}, the model takes {size}; make them the same.")
    return grid


class _Scorer:
    """Scores time windows, one at a time, in large arrays of its own: getting their memory anew for each would take long.

    Parameters
    ----------
    network : list of (kernel, bias)
        The convolution, then the dense layers.
    grid : ChunkGrid
    """

    def __init__(self, network: list[tuple[np.ndarray, np.ndarray]], grid: ChunkGrid) -> None:
        (n_frames, *sizes), sides = grid.size, grid.shape[1:]
        (kernel, self.bias), *self.dense = network
        n_filters = kernel.shape[-1]
        n_y, n_x = (side + 2 * len(starts) for side, starts in zip(sides, grid.starts[1:], strict=True))
        # all nine parts of the kernel one below the other: one product is faster than nine
        self.grid, self.kernel = grid, kernel.transpose(0, 1, 3, 2).reshape(-1, n_frames)
        self.pairs = [_pairs(*axis) for axis in zip(grid.starts[1:], sizes, sides, strict=True)]
        self.excess = np.empty((n_frames, sides[0] * sides[1]), np.float32)
        self.steps = np.empty((sides[0] * sides[1], n_frames - 1), np.float32)
        self.parts = np.empty((3, 3 * n_filters, *sides), np.float32)
        self.sums_y = np.empty((3 * n_filters, n_y, sides[1]), np.float32)
        self.turned = np.empty((3, sides[1], n_y, n_filters), np.float32)
        self.sums = np.empty((1, n_x, n_y * n_filters), np.float32)

    def score(self, samples: np.ndarray, begin: int) -> np.ndarray:
        """Score the chunks of a window: samples of shape (n_frames, height · width), counts → float32 of shape (n_chunks,).

        ``begin`` is the first frame, for the error raised when a value is NaN or infinite.
        """
        if not scale_window(samples, self.excess, self.steps):
            raise ValueError(
                f"frames {begin} to {begin + len(samples) - 1} hold NaN or infinite values; screen the parts before and after."
            )
        values = self._convolve()
        for kernel, bias in self.dense[:-1]:
            values = np.maximum(values @ kernel + bias, 0)
        return expit(values @ self.dense[-1][0] + self.dense[-1][1])[:, 0]

    def _convolve(self) -> np.ndarray:
        """Convolve all chunks, each with zeros around it; the 2×2 maxima, ndarray of float32 of shape (n_chunks, features).

        Every pixel is multiplied by each of the nine parts of the kernel once, for all chunks, and what comes from three rows,
        then from three columns, is summed once, too.
        """
        (y, x), (rows, columns), n_filters = self.grid.starts[1:], self.grid.size[1:], len(self.bias)
        np.matmul(self.kernel, self.excess, out=self.parts.reshape(len(self.kernel), -1))
        _sum_neighbours(self.parts, y, rows, self.sums_y)
        # columns first, filters last, so that what follows runs along memory
        np.copyto(self.turned, self.sums_y.reshape(3, n_filters, *self.sums_y.shape[1:]).transpose(0, 3, 2, 1))
        _sum_neighbours(self.turned.reshape(3, 1, self.turned.shape[1], -1), x, columns, self.sums)
        (upper, lower), (left, right) = self.pairs
        most = np.maximum(self.sums[0].take(left, 0), self.sums[0].take(right, 0))
        most = most.reshape(len(left), -1, n_filters)
        most = np.maximum(most.take(upper, 1), most.take(lower, 1))
        most += self.bias
        np.maximum(most, 0, out=most)
        most = most.reshape(len(x), columns // 2, len(y), rows // 2, n_filters)
        return most.transpose(2, 0, 3, 1, 4).reshape(len(y) * len(x), -1)


def _sum_neighbours(parts: np.ndarray, starts: np.ndarray, size: int, out: np.ndarray) -> None:
    """Sum what reaches each place of an axis from the place before, from itself and from the one after.

    Parameters
    ----------
    parts : ndarray of float32 of shape (3, n, side, m)
        What a place gives to the one after it, keeps, and gives to the one before it. Axis 2 is the one summed along.
    starts : ndarray of int of shape (n_chunks,)
        First places of the chunks along the axis.
    size : int
        Places of a chunk; two or more.
    out : ndarray of float32 of shape (n, side + 2 · n_chunks, m)
        Filled: the sums of all places, as if there were no chunks; then those of the first place of every chunk, which gets
        nothing from before; then those of the last, which gets nothing from after.
    """
    before, own, after = parts
    side, last = own.shape[1], starts + size - 1
    inner, firsts, lasts = np.split(out, [side, side + len(starts)], axis=1)
    inner[...] = own
    inner[:, 1:] += before[:, :-1]
    inner[:, :-1] += after[:, 1:]
    firsts[...] = own.take(starts, 1)
    firsts += after.take(starts + 1, 1)
    lasts[...] = own.take(last, 1)
    lasts += before.take(last - 1, 1)


def _pairs(starts: np.ndarray, size: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Which two sums of :func:`_sum_neighbours` the chunks pool along an axis: two of shape (n_chunks · (size // 2),)."""
    chunk = np.arange(len(starts))
    place = starts[:, None] + np.arange(size)
    place[:, 0], place[:, -1] = side + chunk, side + len(starts) + chunk
    return place[:, 0 : size - 1 : 2].ravel(), place[:, 1:size:2].ravel()


def scale_window(samples: np.ndarray, excess: np.ndarray, steps: np.ndarray) -> bool:
    """Scale a time window as ``scale_chunks(…, "pixel")`` scales its chunks.

    Parameters
    ----------
    samples : ndarray of float32 of shape (n_frames, n_pixels), counts
    excess : ndarray of float32 of the same shape
        Filled: the straight line through each pixel's samples is taken away, the rest divided by twice its noise and cut at −5
        and 10.
    steps : ndarray of float32 of shape (n_pixels, n_frames − 1)
        Room to work in.

    Returns
    -------
    bool
        False, and the arrays are of no use, when a value is NaN or infinite.
    """
    n_frames = len(samples)
    ramp = np.linspace(-1, 1, n_frames, dtype=np.float32)
    level = samples.mean(axis=0)
    if not np.isfinite(level).all():
        return False
    np.subtract(samples, level, out=excess)
    slope = ramp @ excess / (ramp @ ramp)
    for row, along in zip(excess, ramp, strict=True):
        row -= along * slope
    # a pixel's steps side by side: sorting them all is faster than a search for the middle
    np.copyto(steps, (excess[1:] - excess[:-1]).T)  # turning them once is faster than writing them turned
    np.abs(steps, out=steps)
    steps.sort(axis=1)
    middle = (steps[:, (n_frames - 2) // 2] + steps[:, (n_frames - 1) // 2]) / 2
    noise = middle / np.float32(0.6745 * np.sqrt(2))
    excess *= 1 / (2 * np.where(noise > 1e-6 * np.abs(level), noise, np.float32(np.inf)))
    np.clip(excess, -5, 10, out=excess)
    return True
