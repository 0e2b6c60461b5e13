"""Teach the one-step network voxels: labels, examples, training."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd
from scipy.ndimage import binary_dilation

from meteortut.chunking.labels import check_voxels
from meteortut.pipeline.frames import check_frames
from meteortut.pipeline.one_step import MARGIN
from meteortut.pipeline.step_features import STEP, StepFeatures
from meteortut.pipeline.training import Shuffled, fit_cosine

#: Steps and pixels of a training example; its outermost pixels, whose surroundings the network does not see, do not count:
#: a cell of 2 × 2 pixels sees 3 to its left, 4 from its first to its right.
CROP_STEPS, CROP_SIDE, CROP_EDGE = 16, 20, 4


def label_steps(voxels: pd.DataFrame, shape: tuple[int, int, int], hit_snr: float = 4.0) -> np.ndarray:
    """Label every pixel in every step of four frames.

    Parameters
    ----------
    voxels : DataFrame, a row per voxel that a meteor lights
        ``meteor``, ``t``, ``y``, ``x``, ``snr``, as for :func:`meteortut.chunking.label_chunks`.
    shape : (int, int, int)
        Frames, rows and columns of the session.
    hit_snr : float
        A voxel of at least this makes its step a meteor's.

    Returns
    -------
    ndarray of int8 of shape (steps, height, width)
        1 meteor; −1 lit less than that, or beside a lit one in space or time; 0 nothing.

    Raises
    ------
    ValueError
        If columns are missing, or a voxel lies outside the session.
    """
    check_voxels(voxels, shape)
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
        −1 also within 4 pixels of the edge of an example, where that is not the edge of the session.

    Raises
    ------
    ValueError
        If frames are not a stream of 64 or more, labels and frames do not fit together, the session is smaller than an example,
        or a centre lies outside it; also if a value is NaN or infinite.
    """
    check_frames(frames, CROP_STEPS * STEP)
    rng = np.random.default_rng(rng)
    n_steps = -(-len(frames) // STEP)
    limits = np.array([n_steps, *frames.shape[1:]])
    size = np.array([CROP_STEPS, CROP_SIDE, CROP_SIDE])
    if labels.shape != tuple(limits) or (limits < size).any():
        raise ValueError(
            f"labels has shape {labels.shape}, frames {tuple(frames.shape)}; expected labels of shape {tuple(limits)}, "
            f"{tuple(size)} or more."
        )
    centres = np.reshape(centres, (-1, 3))
    if not ((centres >= 0) & (centres < frames.shape)).all():
        raise ValueError(
            f"centres lie outside the session of shape {tuple(frames.shape)}; were they cut from the same one?"
        )
    wanted = np.concatenate([centres.astype(int) // [STEP, 1, 1], rng.integers(0, limits, (n_random, 3))])
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
    """Train the network on examples; each batch is turned and mirrored at random, as a whole.

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
        If the two do not fit together, no voxel is a meteor's, or a feature is NaN or infinite.
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
    if not all(np.isfinite(part).all() for part in features):
        raise ValueError("some features are NaN or infinite; leave those examples out.")
    return fit_cosine(model, _TurnedSteps(features, labels, rng, batch_size), epochs)


class _TurnedSteps(Shuffled):
    """Batches in random order, each turned as a whole by a random multiple of 90° and mirrored or not."""

    def __getitem__(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        turns, mirror = int(self.rng.integers(4)), int(self.rng.choice([-1, 1]))
        features, labels = (np.rot90(part, turns, axes=(2, 3))[:, :, ::mirror] for part in super().__getitem__(k))
        return features, labels.astype(np.float32)
