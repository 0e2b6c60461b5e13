"""Score every chunk of a stream of any length: the same scores as chunk by chunk, with the work that chunks share done once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
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

#: Time windows that a thread scores in one go. Chosen: more brings no speed.
WINDOWS = 8
#: Threads at most; each holds about 7 MB.
MOST_THREADS = 4


def screen(frames: Any, model: keras.Model, grid: ChunkGrid | None = None) -> np.ndarray:
    """Score every chunk of a stream.

    Parameters
    ----------
    frames : ndarray, memmap or Zarr array of shape (n_frames, 48, 48), float, counts per GTU
        Axes (time, y, x). Read window by window; with ``grid``, of shape ``grid.shape``.
    model : keras.Model
        As :func:`build_cnn` gives it with ``pooling="local"``, trained on chunks scaled with "pixel".
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
    pixel of the window with each of the nine parts of its kernel once; a chunk adds up what comes from its own pixels, as
    for it there are zeros beyond its edge. Pooled and dense layers are each chunk's own. Memory does not grow with the
    stream, but for the scores.
    """
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
    """Scores time windows, one at a time, in arrays of its own: getting memory anew for each takes as long as the work.

    Parameters
    ----------
    network : list of (kernel, bias)
        The convolution, then the dense layers.
    grid : ChunkGrid
    """

    def __init__(self, network: list[tuple[np.ndarray, np.ndarray]], grid: ChunkGrid) -> None:
        (n_frames, rows, columns), (height, width) = grid.size, grid.shape[1:]
        (kernel, self.bias), *self.dense = network
        n_filters, n_y, n_x = kernel.shape[-1], len(grid.starts[1]), len(grid.starts[2])
        # all nine parts of the kernel side by side: one product is faster than nine
        self.grid, self.kernel = grid, kernel.transpose(2, 0, 1, 3).reshape(n_frames, -1)
        self.excess = np.empty((n_frames, height * width), np.float32)
        self.steps = np.empty((height * width, n_frames - 1), np.float32)
        self.parts = np.empty((height, width, 3, 3, n_filters), np.float32)
        self.across = np.empty((3, height, n_x, columns, n_filters), np.float32)
        self.own = np.empty((rows, n_x, columns, n_filters), np.float32)
        self.pooled = np.empty((n_y, n_x, rows // 2, columns // 2, n_filters), np.float32)

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

        Every pixel is multiplied by each of the nine parts of the kernel once, for all chunks; a chunk then adds up what comes
        from its own pixels.
        """
        (y, x), (rows, columns) = self.grid.starts[1:], self.grid.size[1:]
        np.matmul(self.excess.T, self.kernel, out=self.parts.reshape(-1, self.kernel.shape[1]))
        parts = self.parts.transpose(2, 3, 0, 1, 4)
        for k, first in enumerate(x):
            own = self.across[:, :, k]
            own[...] = parts[:, 1, :, first : first + columns]
            own[:, :, 1:] += parts[:, 0, :, first : first + columns - 1]
            own[:, :, :-1] += parts[:, 2, :, first + 1 : first + columns]
        own, across = self.own, self.across
        for k, first in enumerate(y):
            own[...] = across[1, first : first + rows]
            own[1:] += across[0, first : first + rows - 1]
            own[:-1] += across[2, first + 1 : first + rows]
            most = np.maximum(own[0 : rows - 1 : 2], own[1:rows:2])
            most = np.maximum(most[:, :, 0 : columns - 1 : 2], most[:, :, 1:columns:2])
            self.pooled[k] = np.maximum(most + self.bias, 0).transpose(1, 0, 2, 3)
        return self.pooled.reshape(len(y) * len(x), -1)


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
    np.subtract(excess[1:], excess[:-1], out=steps.T)
    np.abs(steps, out=steps)
    steps.sort(axis=1)
    middle = (steps[:, (n_frames - 2) // 2] + steps[:, (n_frames - 1) // 2]) / 2
    noise = middle / np.float32(0.6745 * np.sqrt(2))
    excess *= 1 / (2 * np.where(noise > 1e-6 * np.abs(level), noise, np.float32(np.inf)))
    np.clip(excess, -5, 10, out=excess)
    return True
