"""One step: a small fully convolutional network in space and time that gives every pixel a score every four frames.

A stream is first turned into eight numbers per pixel and step (:mod:`meteortut.pipeline.step_features`); the network looks at
seven steps and 8 × 8 pixels of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from meteortut.chunking.grid import give_back
from meteortut.pipeline.frames import check_frames
from meteortut.pipeline.step_features import AFTER, ALIGNMENT, BEFORE, N_FEATURES, STEP, StepFeatures

#: Steps on either side of a step that the network looks at: one and two, by its two convolutions in time.
MARGIN = 3
#: Steps worked on together by :func:`apply_one_step`: 1024 frames. Chosen by timing.
BLOCK = 256


class OneStep(keras.Model):
    """The network; see :func:`build_one_step`."""

    def __init__(self, width: int, seed: int | None) -> None:
        super().__init__()
        seeds = iter(range(seed, seed + 5)) if seed is not None else iter([None] * 5)

        def conv(filters: int, size: tuple[int, int], **how: Any) -> keras.Layer:
            start = keras.initializers.GlorotUniform(next(seeds))
            return layers.Conv2D(filters, size, activation="relu", kernel_initializer=start, **how)

        self.near = conv(width, (4, 4), strides=2, padding="same")
        self.wide = conv(width, (3, 3), padding="same")
        self.soon = conv(width, (3, 1))
        self.late = conv(width, (3, 1), dilation_rate=(2, 1))
        # scores of the four pixels of a cell; meteors are rare, so it starts out with long odds
        self.head = layers.Dense(
            4,
            kernel_initializer=keras.initializers.GlorotUniform(next(seeds)),
            bias_initializer=keras.initializers.Constant(-5),
        )
        # traced once per model; the eager way takes half as long again
        self.graph = tf.function(
            self.cell_scores, input_signature=[tf.TensorSpec((None, None, None, N_FEATURES), tf.float32)]
        )

    def call(self, features: Any) -> Any:
        n, n_steps, height, width, _ = ops.shape(features)
        cells = ops.reshape(features, (n * n_steps, height, width, N_FEATURES))
        cells = self.wide(self.near(cells))  # (n · steps, height / 2, width / 2, width of the network)
        times = ops.reshape(cells, (n, n_steps, height * width // 4, cells.shape[-1]))
        times = self.late(self.soon(times))  # (n, steps − 6, height · width / 4, width of the network)
        scores = ops.reshape(self.head(times), (n * (n_steps - 2 * MARGIN), height // 2, width // 2, 4))
        return ops.reshape(tf.nn.depth_to_space(scores, 2), (n, n_steps - 2 * MARGIN, height, width))

    def cell_scores(self, features: Any) -> Any:
        """Score a stretch as :meth:`call` does, the four pixels of a cell side by side.

        Only to apply, not to train: Keras spreads a dilated convolution over copies, as its gradient is not to be had
        everywhere; the convolution itself can do without.

        Parameters
        ----------
        features : tensor of float32 of shape (steps, height, width, 8)

        Returns
        -------
        tensor of float32 of shape (steps − 6, height / 2, width / 2, 4)
        """
        n_steps, height, width, _ = ops.shape(features)
        cells = self.wide(self.near(features))
        times = self.soon(ops.reshape(cells, (1, n_steps, height * width // 4, cells.shape[-1])))
        times = tf.nn.conv2d(times, self.late.kernel, 1, "VALID", dilations=self.late.dilation_rate)
        times = tf.nn.relu(tf.nn.bias_add(times, self.late.bias))
        return ops.reshape(self.head(times), (n_steps - 2 * MARGIN, height // 2, width // 2, 4))


def build_one_step(width: int = 16, seed: int | None = None) -> OneStep:
    """Build the network.

    Two convolutions in space (4 × 4 at a stride of 2, 3 × 3), two in time (3 steps, and 3 steps at a distance of 2), and four
    scores for the 2 × 2 pixels of each cell.

    Parameters
    ----------
    width : int
        Filters of each convolution.
    seed : int, optional
        For the starting weights.

    Returns
    -------
    OneStep
        A keras.Model. Takes features of shape (n, steps, height, width, 8), height and width even, as :class:`StepFeatures`
        gives them, and gives log odds of "meteor" of shape (n, steps − 6, height, width): three steps less on either side.
        Compiled with Adam and :func:`voxel_loss`.

    Raises
    ------
    ValueError
        If ``width`` is not positive.
    """
    if width < 1:
        raise ValueError(f"width is {width}; expected at least 1.")
    model = OneStep(width, seed)
    model(np.zeros((1, 2 * MARGIN + 1, 4, 4, N_FEATURES), np.float32))
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss=voxel_loss)
    return model


def operations(width: int = 16) -> float:
    """Floating-point operations per pixel and frame, features included: a multiplication and an addition are two.

    Parameters
    ----------
    width : int
        Filters of each convolution.

    Returns
    -------
    float
    """
    per_cell = 16 * N_FEATURES * width + 9 * width**2 + 2 * 3 * width**2 + 4 * width
    return 2 * (per_cell / 4 + (BEFORE + AFTER) * N_FEATURES) / STEP


def voxel_loss(labels: Any, log_odds: Any) -> Any:
    """Cross-entropy of voxels: those of meteors count twenty times (chosen), those labelled −1 not at all; mean over all.

    Parameters
    ----------
    labels : tensor of shape (n, steps, height, width)
        1 meteor, 0 nothing, −1 neither.
    log_odds : tensor of the same shape

    Returns
    -------
    tensor, a scalar
    """
    labels = ops.cast(labels, log_odds.dtype)
    weight = ops.where(labels > 0.5, 20.0, ops.where(labels < -0.5, 0.0, 1.0))
    loss = ops.softplus(log_odds) - labels * log_odds
    return ops.mean(weight * loss)


def apply_one_step(frames: Any, model: OneStep) -> Iterator[np.ndarray]:
    """Score a stream of any length, block by block.

    Parameters
    ----------
    frames : ndarray, memmap or Zarr array of shape (n_frames, height, width), float, counts per GTU
        Axes (time, y, x); height and width even, at least 48 frames.
    model : OneStep
        As :func:`build_one_step` gives it, trained.

    Yields
    ------
    ndarray of float32 of shape (≤ 256, height, width)
        Log odds of "meteor" per pixel and step of four frames, in order; n_frames / 4 steps in all, rounded up. The stream is
        mirrored at its ends.

    Raises
    ------
    ValueError
        At once, if ``model`` is another, or ``frames`` has another shape, too few frames, integers, or its file has been cut
        short; when the block is reached, if a value is NaN or infinite.
    """
    if not isinstance(model, OneStep):
        raise ValueError(
            f"model is of type {type(model).__name__}; expected the network of build_one_step. For build_cnn: screen."
        )
    check_frames(frames, 48)
    if frames.shape[1] % 2 or frames.shape[2] % 2:
        raise ValueError(
            f"frames has {frames.shape[1]} × {frames.shape[2]} pixels; expected even numbers. Cut a row or column."
        )
    return _apply(frames, model, -(-len(frames) // STEP))


def _apply(frames: Any, model: OneStep, n_steps: int) -> Iterator[np.ndarray]:
    """One thread makes features while the network works on those of the block before."""
    source = StepFeatures(frames)

    def features(first: int) -> np.ndarray:
        made = source.steps(first - MARGIN, min(first + BLOCK, n_steps) + MARGIN)
        give_back(frames)
        return made

    firsts = range(0, n_steps, BLOCK)
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(features, 0)
        for first in firsts:
            made = upcoming.result()
            if first != firsts[-1]:
                upcoming = pool.submit(features, first + BLOCK)
            yield _to_pixels(model.graph(_to_tensor(made)).numpy())


def _to_tensor(features: np.ndarray) -> tf.Tensor:
    """The same memory as a tensor, where it begins as TensorFlow needs it, else a copy; it must not be written to afterwards."""
    if features.ctypes.data % ALIGNMENT:
        return tf.convert_to_tensor(features)
    return tf.experimental.dlpack.from_dlpack(features.__dlpack__())


def _to_pixels(cells: np.ndarray) -> np.ndarray:
    """Scores of cells, (steps, rows, columns, 4), as those of pixels, (steps, 2 rows, 2 columns)."""
    n_steps, rows, columns, _ = cells.shape
    pairs = cells.view(np.complex64).swapaxes(2, 3)  # two neighbours in a row move as one number: ten times as fast
    return np.ascontiguousarray(pairs).view(np.float32).reshape(n_steps, 2 * rows, 2 * columns)
