"""The published networks of the Mini-EUSO meteor search, in Keras."""

from __future__ import annotations

import keras
from keras import layers


def build_cnn(
    size: int = 8,
    frames: int = 48,
    hidden: int = 256,
    pooling: str = "local",
    dropout: float = 0.2,
    seed: int | None = None,
) -> keras.Model:
    """Build the convolutional network that tells meteor chunks from others.

    The frames of a chunk are the channels of one small image. One convolution (24 filters of 3×3, "same", ReLU, L2 of 0.1), 2×2
    max-pooling, dropout, two dense layers, one sigmoid.

    Parameters
    ----------
    size : int
        Rows and columns of a chunk, at least 2.
    frames : int
        Frames of a chunk.
    hidden : int
        Width of the first dense layer; 256 is the published one.
    pooling : "local" or "global"
        2×2 max-pooling, as published; or the maximum over the whole chunk, which makes the place of the meteor irrelevant.
    dropout : float
        Share of features dropped in training; not published, chosen.
    seed : int, optional
        For the starting weights and the dropout.

    Returns
    -------
    keras.Model
        Takes chunks of shape (n, frames, size, size), scaled, axes (chunk, time, y, x); gives (n, 1), the probability of
        "meteor". Compiled with Adam and binary cross-entropy. With the default arguments it has 125 465 parameters.

    Raises
    ------
    ValueError
        If a number is out of range, or there is no such pooling.

    Notes
    -----
    Zotov et al. 2023, Algorithms 16(9), 448, arXiv:2311.14983.
    """
    if size < 2 or frames < 1 or hidden < 1:
        raise ValueError(f"size {size}, frames {frames}, hidden {hidden}: expected at least 2, 1 and 1.")
    if pooling not in ("local", "global"):
        raise ValueError(f"pooling is {pooling!r}; expected 'local' or 'global'.")
    seeds = iter(range(seed, seed + 5)) if seed is not None else iter([None] * 5)

    def start() -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(next(seeds))

    pool = [layers.MaxPooling2D(2), layers.Flatten()] if pooling == "local" else [layers.GlobalMaxPooling2D()]
    model = keras.Sequential(
        [
            keras.Input((frames, size, size)),  # (n, 48, 8, 8)
            layers.Permute((2, 3, 1)),  # (n, 8, 8, 48): time becomes the channels
            layers.Conv2D(
                24,
                3,
                padding="same",
                activation="relu",
                kernel_regularizer=keras.regularizers.L2(0.1),
                kernel_initializer=start(),
            ),  # (n, 8, 8, 24)
            *pool,  # (n, 384)
            layers.Dropout(dropout, seed=next(seeds)),
            layers.Dense(hidden, activation="relu", kernel_initializer=start()),
            layers.Dense(64, activation="relu", kernel_initializer=start()),
            layers.Dense(1, activation="sigmoid", kernel_initializer=start()),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy")
    return model


def build_mlp(
    frames: int = 48, hidden: tuple[int, int] = (64, 32), dropout: float = 0.1, seed: int | None = None
) -> keras.Model:
    """Build the network that tells the pixels that a meteor hits from the other pixels of a meteor chunk.

    Two hidden layers with ReLU on the samples of one pixel, dropout after the first, one sigmoid.

    Parameters
    ----------
    frames : int
        Samples of a pixel: frames of a chunk.
    hidden : (int, int)
        Widths of the hidden layers. Two layers are published, their widths are not: chosen.
    dropout : float
        Share of features dropped in training; chosen.
    seed : int, optional
        For the starting weights and the dropout.

    Returns
    -------
    keras.Model
        Takes pixels of shape (n, frames), scaled; gives (n, 1), the probability of "hit". Compiled with Adam and binary
        cross-entropy. With the default arguments it has 5 249 parameters.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Zotov et al. 2023, Algorithms 16(9), 448, arXiv:2311.14983.
    """
    if frames < 1 or len(hidden) != 2 or min(hidden) < 1:
        raise ValueError(f"frames {frames}, hidden {hidden}: expected at least one frame, and two positive widths.")
    seeds = iter(range(seed, seed + 4)) if seed is not None else iter([None] * 4)

    def dense(width: int, activation: str) -> layers.Dense:
        return layers.Dense(width, activation, kernel_initializer=keras.initializers.GlorotUniform(next(seeds)))

    model = keras.Sequential(
        [
            keras.Input((frames,)),
            dense(hidden[0], "relu"),
            layers.Dropout(dropout, seed=next(seeds)),
            dense(hidden[1], "relu"),
            dense(1, "sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy")
    return model
