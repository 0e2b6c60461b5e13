"""Teach the one-step network voxels, and turn its scores into events."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import pandas as pd
from scipy.ndimage import binary_dilation
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from meteortut.pipeline.one_step import MARGIN
from meteortut.pipeline.step_features import STEP, StepFeatures

#: Steps and pixels of a training example; its outermost pixels, whose surroundings the network does not see, do not count.
CROP_STEPS, CROP_SIDE, CROP_EDGE = 16, 20, 3
#: Voxels are of one event when they are no further apart than this: steps, rows, columns. A track jumps a gap between tubes.
LINK = np.array([2, 2, 2])


def label_steps(voxels: pd.DataFrame, shape: tuple[int, int, int], hit_snr: float = 4.0) -> np.ndarray:
    """Label every pixel in every step of four frames.

    Parameters
    ----------
    voxels : DataFrame, a row per voxel that a meteor lights
        ``t``, ``y``, ``x``, ``snr``, as for :func:`meteortut.chunking.label_chunks`.
    shape : (int, int, int)
        Frames, rows and columns of the session.
    hit_snr : float
        A voxel of at least this makes its step a meteor's.

    Returns
    -------
    ndarray of int8 of shape (steps, height, width)
        1 meteor; −1 lit less than that, or beside a lit one in space or time; 0 nothing.
    """
    n_steps = -(-shape[0] // STEP)
    lit = np.zeros((n_steps, *shape[1:]), bool)
    lit[voxels.t // STEP, voxels.y, voxels.x] = True
    labels = -binary_dilation(lit, np.ones((3, 3, 3), bool)).astype(np.int8)
    hit = voxels[voxels.snr >= hit_snr]
    labels[hit.t // STEP, hit.y, hit.x] = 1
    return labels


def one_step_examples(
    frames: Any,
    labels: np.ndarray,
    centres: np.ndarray,
    n_random: int,
    rng: int | np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Cut training examples out of a session: around given voxels, shifted at random, and anywhere.

    Parameters
    ----------
    frames : ndarray or memmap of shape (n_frames, height, width), float, counts per GTU
    labels : ndarray of int8 of shape (steps, height, width)
        As :func:`label_steps` gives them.
    centres : ndarray of int of shape (n, 3)
        Voxels (t, y, x) that the examples should hold: of meteors, of confusers, of false alarms.
    n_random : int
        Examples more, anywhere.
    rng : int or Generator

    Returns
    -------
    features : ndarray of float16 of shape (n + n_random, 22, 20, 20, 8)
    labels : ndarray of int8 of shape (n + n_random, 16, 20, 20)
        −1 also within 3 pixels of the edge of an example, where that is not the edge of the session.

    Raises
    ------
    ValueError
        If labels and frames do not fit together, or the session is smaller than an example.
    """
    rng = np.random.default_rng(rng)
    n_steps = -(-len(frames) // STEP)
    limits = np.array([n_steps, *frames.shape[1:]])
    size = np.array([CROP_STEPS, CROP_SIDE, CROP_SIDE])
    if labels.shape != tuple(limits) or (limits < size).any():
        raise ValueError(
            f"labels has shape {labels.shape}, frames {tuple(frames.shape)}; expected labels of shape {tuple(limits)}, "
            f"{tuple(size)} or more."
        )
    wanted = np.concatenate([np.reshape(centres, (-1, 3)) // [STEP, 1, 1], rng.integers(0, limits, (n_random, 3))])
    shift = rng.integers(CROP_EDGE, size - CROP_EDGE, wanted.shape)
    corners = np.clip(wanted - shift, 0, limits - size)
    features, kept = [], []
    for t, y, x in corners:
        part = frames[:, y : y + CROP_SIDE, x : x + CROP_SIDE]
        features.append(StepFeatures(part).steps(t - MARGIN, t + CROP_STEPS + MARGIN).astype(np.float16))
        own = labels[t : t + CROP_STEPS, y : y + CROP_SIDE, x : x + CROP_SIDE].copy()
        own[:, : CROP_EDGE * (y > 0)] = -1
        own[:, :, : CROP_EDGE * (x > 0)] = -1
        own[:, CROP_SIDE - CROP_EDGE * (y < limits[1] - CROP_SIDE) :] = -1
        own[:, :, CROP_SIDE - CROP_EDGE * (x < limits[2] - CROP_SIDE) :] = -1
        kept.append(own)
    return np.array(features), np.array(kept)


def fit_one_step(
    model: keras.Model,
    features: np.ndarray,
    labels: np.ndarray,
    rng: int | np.random.Generator,
    epochs: int = 15,
    batch_size: int = 32,
) -> list[float]:
    """Train the network on examples, each turned and mirrored at random every time it is seen.

    Parameters
    ----------
    model : keras.Model
        As :func:`build_one_step` gives it; changed in place.
    features : ndarray of float16 of shape (n, 22, side, side, 8)
    labels : ndarray of int8 of shape (n, 16, side, side)
        As :func:`one_step_examples` gives them.
    rng : int or Generator
        Order, turns and mirrors.
    epochs, batch_size : int
        As in Keras. The learning rate falls from the model's own to a hundredth of it along half a cosine.

    Returns
    -------
    list of float
        Mean loss of each epoch.

    Raises
    ------
    ValueError
        If the two do not fit together, or no voxel is a meteor's.
    """
    if np.ndim(features) != 5 or np.shape(labels) != (
        len(features),
        features.shape[1] - 2 * MARGIN,
        *features.shape[2:4],
    ):
        raise ValueError(
            f"features of shape {np.shape(features)} and labels of shape {np.shape(labels)} do not fit together."
        )
    if not (labels == 1).any():
        raise ValueError("no voxel is labelled 1; expected examples with meteors.")
    data = _Turned(features, labels, np.random.default_rng(rng), batch_size)
    most = float(model.optimizer.learning_rate)
    slower = keras.callbacks.LearningRateScheduler(
        lambda epoch: most * (0.01 + 0.99 * (1 + math.cos(math.pi * epoch / epochs)) / 2)
    )
    history = model.fit(data, epochs=epochs, verbose=0, callbacks=[slower], shuffle=False).history
    model.optimizer.learning_rate = most  # so that training can go on
    return [float(loss) for loss in history["loss"]]


class _Turned(keras.utils.PyDataset):
    """Batches in random order, each turned by a random multiple of 90° and mirrored or not."""

    def __init__(self, features: np.ndarray, labels: np.ndarray, rng: np.random.Generator, batch_size: int) -> None:
        super().__init__()
        self.features, self.labels, self.rng, self.batch_size = features, labels, rng, batch_size
        self.order = rng.permutation(len(features))

    def __len__(self) -> int:
        return -(-len(self.features) // self.batch_size)

    def __getitem__(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.order[k * self.batch_size : (k + 1) * self.batch_size]
        turns, mirror = int(self.rng.integers(4)), int(self.rng.choice([-1, 1]))
        features, labels = (
            np.rot90(part[rows], turns, axes=(2, 3))[:, :, ::mirror] for part in (self.features, self.labels)
        )
        return features.astype(np.float32), labels.astype(np.float32)

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(len(self.features))


def voxel_events(blocks: Iterable[np.ndarray], threshold: float) -> pd.DataFrame:
    """Put voxels that score high and lie together into events, one per meteor.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (steps, height, width)
        Log odds of a stream in order, as :func:`apply_one_step` yields them. Only voxels above the threshold are kept.
    threshold : float
        Log odds that a voxel needs; 0 is even odds.

    Returns
    -------
    DataFrame, a row per event, in order of time
        ``t_first``, ``t_last``, ``y_first``, ``y_last``, ``x_first``, ``x_last`` (the box around its voxels, last included),
        ``t``, ``y``, ``x`` (first frame of the step, row and column of the highest score), ``n_voxels``, ``score`` (highest
        log odds). Frames for t, pixels for y and x. No row when no voxel reaches the threshold.

    Raises
    ------
    ValueError
        If a score is NaN.

    Notes
    -----
    Voxels are of one event when steps, rows and columns differ by two at most, directly or through others.
    """
    places, scores, first = [], [], 0
    for block in blocks:
        if np.isnan(block).any():
            raise ValueError(f"some scores of steps {first} to {first + len(block) - 1} are NaN; expected numbers.")
        found = np.nonzero(block >= threshold)
        places.append(np.stack(found, axis=1) + np.array([first, 0, 0]))
        scores.append(block[found])
        first += len(block)
    if not sum(map(len, scores)):
        return pd.DataFrame(columns=_COLUMNS)
    place, score = np.concatenate(places), np.concatenate(scores)
    near = cKDTree(place / LINK).query_pairs(1 + 1e-9, p=np.inf, output_type="ndarray")
    graph = coo_array((np.ones(len(near), bool), (near[:, 0], near[:, 1])), shape=(len(place), len(place)))
    table = pd.DataFrame(place * [STEP, 1, 1], columns=["t", "y", "x"])
    table["score"], table["event"] = score, connected_components(graph, directed=False)[1]
    by_event = table.groupby("event")
    rows = table.loc[by_event.score.idxmax()].set_index("event")
    for axis, longer in (("t", STEP - 1), ("y", 0), ("x", 0)):
        rows[f"{axis}_first"], rows[f"{axis}_last"] = by_event[axis].min(), by_event[axis].max() + longer
    rows["n_voxels"] = by_event.size()
    return rows.sort_values(["t_first", "y_first", "x_first"], ignore_index=True)[_COLUMNS]


_COLUMNS = [*"t_first t_last y_first y_last x_first x_last t y x n_voxels score".split()]
