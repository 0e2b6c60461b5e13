"""Train the published network on bells instead of single frames; its kernel takes the bells in afterwards.

A convolution is linear in its channels. So a network trained on 24 smooth sums of 48 frames is, once the sums are folded into its
kernel, the published network on the 48 frames. Nothing is added; learning is faster, for the noise of single frames is
averaged first.
"""

from __future__ import annotations

import keras
import numpy as np

#: Bells are this many frames apart, have this standard deviation (frames), and this length as vectors. Chosen on the
#: fold of session 12.
STEP, SIGMA, GAIN = 2, 1.5, 4.0
#: Standard deviation over pixels of a filter at the start, its height, its noise and its bias (chosen).
START_PX, START_HEIGHT, START_NOISE, START_BIAS = 0.65, 0.07, 0.004, -0.1


def bells(frames: int = 48) -> np.ndarray:
    """Give the sums of frames that training is done on.

    Parameters
    ----------
    frames : int
        Frames of a chunk, even.

    Returns
    -------
    ndarray of float32 of shape (frames // 2, frames)
        A Gaussian bell per row, two frames from the next.

    Raises
    ------
    ValueError
        If ``frames`` is odd or not positive.
    """
    if frames < STEP or frames % STEP:
        raise ValueError(f"frames is {frames}; expected a positive multiple of {STEP}.")
    middles = np.arange((STEP - 1) / 2, frames, STEP)
    rows = np.exp(-0.5 * ((np.arange(frames) - middles[:, None]) / SIGMA) ** 2)
    return (GAIN * rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def to_bells(chunks: np.ndarray) -> np.ndarray:
    """Turn scaled chunks into bells.

    Parameters
    ----------
    chunks : ndarray of shape (n, frames, rows, columns)
        Scaled chunks.

    Returns
    -------
    ndarray of float32 of shape (n, frames // 2, rows, columns)
    """
    n, frames, rows, columns = np.shape(chunks)
    flat = np.asarray(chunks, np.float32).reshape(n, frames, rows * columns)
    return (bells(frames) @ flat).reshape(n, -1, rows, columns)


def start_at_bells(model: keras.Model, rng: int | np.random.Generator) -> None:
    """Set the convolution of a network to look for a point of light at one time with each filter.

    Parameters
    ----------
    model : keras.Model
        As ``build_cnn(frames=24)`` gives it, changed in place. Filter k begins as a small blob in channel k (modulo the number of
        channels), with a little noise.
    rng : int or Generator
    """
    layer = model.layers[1]
    kernel, bias = layer.get_weights()
    blob = np.exp(-0.5 * (np.arange(-1, 2) / START_PX) ** 2)
    filters = np.arange(kernel.shape[3])
    start = START_NOISE * np.random.default_rng(rng).standard_normal(kernel.shape)
    start[:, :, filters % kernel.shape[2], filters] += START_HEIGHT * np.outer(blob, blob)[:, :, None]
    layer.set_weights([start, np.full_like(bias, START_BIAS)])


def fold_bells(model: keras.Model, full: keras.Model) -> keras.Model:
    """Put the weights of a network for bells into the network for frames that scores the same.

    Parameters
    ----------
    model : keras.Model
        Trained on :func:`to_bells` of chunks.
    full : keras.Model
        The same for chunks themselves; changed in place.

    Returns
    -------
    keras.Model
        ``full``. Scores agree to rounding.

    Raises
    ------
    ValueError
        If the two do not fit together.
    """
    frames = full.input_shape[1]
    if model.input_shape[1] * STEP != frames:
        raise ValueError(
            f"the networks take {model.input_shape[1]} and {frames} channels; expected one bell per {STEP} frames."
        )
    kernel, *rest = model.get_weights()
    full.set_weights([np.einsum("bf,yxbo->yxfo", bells(frames), kernel), *rest])
    return full
