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
    data = _Turned(chunks, np.asarray(is_meteor, np.float32)[:, None], np.random.default_rng(rng), batch_size)
    most = float(model.optimizer.learning_rate)
    slower = keras.callbacks.LearningRateScheduler(
        lambda epoch: most * (0.01 + 0.99 * (1 + math.cos(math.pi * epoch / epochs)) / 2)
    )
    # the data set shuffles by its own generator; Keras would shuffle once more, by a global one
    history = model.fit(data, epochs=epochs, verbose=0, callbacks=[slower], shuffle=False).history
    data.chunks = data.labels = np.empty(0)  # Keras keeps its last data set, and would keep the chunks with it
    return [float(loss) for loss in history["loss"]]


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


class _Turned(keras.utils.PyDataset):
    """Batches in random order, each turned by a random multiple of 90°."""

    def __init__(self, chunks: np.ndarray, labels: np.ndarray, rng: np.random.Generator, batch_size: int) -> None:
        super().__init__()
        self.chunks, self.labels, self.rng, self.batch_size = chunks, labels, rng, batch_size
        self.order = rng.permutation(len(chunks))

    def __len__(self) -> int:
        return -(-len(self.chunks) // self.batch_size)

    def __getitem__(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.sort(self.order[k * self.batch_size : (k + 1) * self.batch_size])
        return np.rot90(self.chunks[rows].astype(np.float32), int(self.rng.integers(4)), axes=(2, 3)), self.labels[rows]

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(len(self.chunks))
