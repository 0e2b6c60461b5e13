"""Teach a network chunks that are turned at random, and let it score many chunks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import keras
import numpy as np


def fit(
    model: keras.Model,
    chunks: np.ndarray,
    is_meteor: np.ndarray,
    rng: int | np.random.Generator,
    epochs: int = 20,
    batch_size: int = 128,
) -> list[float]:
    """Train a compiled model on scaled chunks, each turned by a random multiple of 90° every time it is seen.

    Parameters
    ----------
    model : keras.Model
        As :func:`build_cnn` gives it; changed in place.
    chunks : ndarray of float16 or float32 of shape (n, frames, size, size)
        Scaled chunks. Only one batch at a time is turned and copied.
    is_meteor : ndarray of bool of shape (n,)
        Labels; both kinds must occur.
    rng : int or Generator
        Order and turns.
    epochs, batch_size : int
        As in Keras. The learning rate falls from the model's own to a hundredth of it along half a cosine.

    Returns
    -------
    list of float
        Mean loss of each epoch.

    Raises
    ------
    ValueError
        If the two do not fit together, a value is not finite, or only one kind of label occurs.
    """
    if len(chunks) != len(is_meteor) or np.ndim(chunks) != 4:
        raise ValueError(f"{np.shape(chunks)} chunks and {np.shape(is_meteor)} labels do not fit together.")
    if len(np.unique(is_meteor)) != 2:
        raise ValueError("all labels are the same; expected meteor chunks and others.")
    if not all(np.isfinite(chunks[k : k + batch_size]).all() for k in range(0, len(chunks), batch_size)):
        raise ValueError("some chunks hold NaN or infinite values; leave those chunks out.")
    labels = np.asarray(is_meteor, np.float32)[:, None]
    return fit_cosine(model, _Turned(chunks, labels, rng, batch_size), epochs)


def fit_pixels(
    model: keras.Model,
    pixels: np.ndarray,
    is_hit: np.ndarray,
    rng: int | np.random.Generator,
    epochs: int = 8,
    batch_size: int = 512,
) -> list[float]:
    """Train a compiled model on scaled pixels, as :func:`fit` does on chunks, but for the turns.

    Parameters
    ----------
    model : keras.Model
        As :func:`build_mlp` gives it; changed in place.
    pixels : ndarray of float16 or float32 of shape (n, frames)
        Scaled samples of single pixels.
    is_hit : ndarray of bool of shape (n,)
        Labels; both kinds must occur.
    rng : int or Generator
        Order.
    epochs, batch_size : int
        As for :func:`fit`.

    Returns
    -------
    list of float
        Mean loss of each epoch.

    Raises
    ------
    ValueError
        As for :func:`fit`.
    """
    if len(pixels) != len(is_hit) or np.ndim(pixels) != 2:
        raise ValueError(f"{np.shape(pixels)} pixels and {np.shape(is_hit)} labels do not fit together.")
    if len(np.unique(is_hit)) != 2:
        raise ValueError("all labels are the same; expected hit pixels and others.")
    if not np.isfinite(pixels).all():
        raise ValueError("some pixels hold NaN or infinite values; leave them out.")
    return fit_cosine(model, Shuffled(pixels, np.asarray(is_hit, np.float32)[:, None], rng, batch_size), epochs)


def fit_cosine(model: keras.Model, data: Shuffled, epochs: int) -> list[float]:
    """Train a compiled model; the learning rate falls to a hundredth along half a cosine and is put back at the end.

    Parameters
    ----------
    model : keras.Model
        Compiled; changed in place.
    data : Shuffled
        Emptied at the end: Keras keeps its last data set, and would keep the examples with it.
    epochs : int
        As in Keras.

    Returns
    -------
    list of float
        Mean loss of each epoch.
    """
    most = float(model.optimizer.learning_rate)
    slower = keras.callbacks.LearningRateScheduler(lambda epoch: most * half_cosine(epoch, epochs))
    # the data set shuffles by its own generator; Keras would shuffle once more, by a global one
    history = model.fit(data, epochs=epochs, verbose=0, callbacks=[slower], shuffle=False).history
    data.examples = data.labels = np.empty(0, np.float32)
    model.optimizer.learning_rate = most  # so that training can go on
    return [float(loss) for loss in history["loss"]]


def half_cosine(epoch: int, epochs: int) -> float:
    """Share of the learning rate that an epoch has, from 0: from 1 down towards a hundredth."""
    return 0.01 + 0.99 * (1 + math.cos(math.pi * epoch / epochs)) / 2


def score_batches(
    model: keras.Model, batches: Iterable[np.ndarray], scale: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Score a stream of batches of chunks.

    Parameters
    ----------
    model : keras.Model
        Takes scaled chunks.
    batches : iterable of ndarray of shape (n, frames, size, size), counts
        For instance ``grid.batches(frames)``.
    scale : callable
        Scales a batch, for instance :func:`meteortut.chunking.scale_chunks`.

    Returns
    -------
    ndarray of float32 of shape (n_chunks,)
        Probability of "meteor".
    """
    scores = [np.asarray(model.predict_on_batch(scale(batch)))[:, 0] for batch in batches]
    return np.concatenate(scores) if scores else np.empty(0, np.float32)


class Shuffled(keras.utils.PyDataset):
    """Batches in random order, another in every epoch.

    Parameters
    ----------
    examples : ndarray of shape (n, …), float
        What the model takes. One batch at a time is copied, as float32.
    labels : ndarray of shape (n, …)
        In the shape that the loss takes.
    rng : int or Generator
        Order.
    batch_size : int
        Examples in a batch; the last one may be smaller.
    """

    def __init__(
        self, examples: np.ndarray, labels: np.ndarray, rng: int | np.random.Generator, batch_size: int
    ) -> None:
        super().__init__()
        self.examples, self.labels = examples, labels
        self.rng, self.batch_size = np.random.default_rng(rng), batch_size
        self.order = self.rng.permutation(len(examples))

    def __len__(self) -> int:
        return -(-len(self.examples) // self.batch_size)

    def __getitem__(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.sort(self.order[k * self.batch_size : (k + 1) * self.batch_size])
        return self.examples[rows].astype(np.float32), self.labels[rows]

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(len(self.examples))


class _Turned(Shuffled):
    """The same, each batch turned by a random multiple of 90°."""

    def __getitem__(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        chunks, labels = super().__getitem__(k)
        return np.rot90(chunks, int(self.rng.integers(4)), axes=(2, 3)), labels
