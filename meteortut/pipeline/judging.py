"""How the two networks do on a session that they have not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pandas as pd

from meteortut.chunking import AMBIGUOUS, METEOR, NOTHING, ChunkGrid, scale_chunks
from meteortut.focal import GTU_PER_FRAME
from meteortut.pipeline.examples import label_pixels
from meteortut.pipeline.screening import screen


def turned_scores(frames: Any, model: keras.Model, grid: ChunkGrid, turns: int = 4) -> np.ndarray:
    """Score all chunks, each as the mean over quarter turns of the focal surface.

    Parameters
    ----------
    frames : ndarray or memmap of shape (n_frames, 48, 48), counts per GTU
    model : keras.Model
        As for :func:`screen`.
    grid : ChunkGrid
        The same along both sides.
    turns : int
        1 to 4.

    Returns
    -------
    ndarray of float32 of shape (len(grid),)
    """
    if not np.array_equal(grid.starts[1], grid.starts[2]) or grid.shape[1] != grid.shape[2] or not 1 <= turns <= 4:
        raise ValueError(f"{grid!r} and {turns} turns; expected a grid alike in y and x, and 1 to 4 turns.")
    shape = [len(along) for along in grid.starts]
    total = np.zeros(shape, np.float32)
    for k in range(turns):
        scores = screen(np.rot90(frames, k, (1, 2)), model, grid).reshape(shape)
        total += np.rot90(scores, -k, (1, 2))
    return (total / turns).ravel()


def peak_scores(grid: ChunkGrid, scores: np.ndarray, meteors: pd.DataFrame) -> np.ndarray:
    """Highest score of the chunks that hold each meteor's peak: (n_meteors,). A meteor is lost when it is below the threshold."""
    peaks = meteors[["t_peak", "y", "x"]].to_numpy(int)
    return np.array([scores[grid.containing(*peak)].max() for peak in peaks])


def curve_areas(is_positive: np.ndarray, scores: np.ndarray, prevalence: float = 0.01) -> dict[str, float]:
    """Measure how well scores tell two kinds apart.

    Parameters
    ----------
    is_positive : ndarray of bool of shape (n,)
    scores : ndarray of shape (n,)
    prevalence : float
        Share of positives for which ``pr_auc_fixed`` is computed, by weighting.

    Returns
    -------
    dict
        ``roc_auc``, ``pr_auc`` (average precision at the test's own prevalence), ``pr_auc_fixed``, and ``mcc``, ``f1`` at 0.5.
    """
    from sklearn.metrics import average_precision_score, f1_score, matthews_corrcoef, roc_auc_score

    n_positive = int(is_positive.sum())
    weight = prevalence / (1 - prevalence) * (len(scores) - n_positive) / n_positive
    called = scores >= 0.5
    return {
        "roc_auc": float(roc_auc_score(is_positive, scores)),
        "pr_auc": float(average_precision_score(is_positive, scores)),
        "pr_auc_fixed": float(
            average_precision_score(is_positive, scores, sample_weight=np.where(is_positive, weight, 1.0))
        ),
        "mcc": float(matthews_corrcoef(is_positive, called)),
        "f1": float(f1_score(is_positive, called)),
    }


def sky_unrest(background: Callable[[int, int], np.ndarray], starts: np.ndarray, n_frames: int = 48) -> np.ndarray:
    """Tell how far the sky without noise leaves a straight line, as at the edge of a cloud.

    Parameters
    ----------
    background : callable
        First frame and one past the last → ndarray of shape (n, height, width), counts per GTU: that of the truth.
    starts : ndarray of int of shape (n_windows,)
        First frames of time windows, in order.
    n_frames : int
        Frames of a window.

    Returns
    -------
    ndarray of float32 of shape (n_windows, height, width)
        The largest distance from the line of least squares through a window, over the noise of photons in a frame.
    """
    ramp = np.stack([np.ones(n_frames), np.linspace(-1, 1, n_frames)], axis=1)
    keep = (np.eye(n_frames) - ramp @ np.linalg.pinv(ramp)).astype(np.float32)  # takes straight lines away
    found = []
    for some in np.array_split(starts, -(-len(starts) // 64)):  # the windows of each share their frames
        sky = np.asarray(background(int(some[0]), int(some[-1]) + n_frames), np.float32)
        for first in some - some[0]:
            window = sky[first : first + n_frames].reshape(n_frames, -1)
            sigma = np.sqrt(np.maximum(window.mean(axis=0), 1e-9) / GTU_PER_FRAME)
            found.append((np.abs(keep @ window).max(axis=0) / sigma).reshape(sky.shape[1:]))
    return np.stack(found)


def pixel_scores(frames: Any, grid: ChunkGrid, mlp: keras.Model, windows: np.ndarray) -> np.ndarray:
    """Score every pixel of some time windows of a grid: a pixel is scaled by itself, so overlapping chunks share it.

    Parameters
    ----------
    frames : ndarray or memmap of shape ``grid.shape``, counts per GTU
    grid : ChunkGrid
    mlp : keras.Model
        As :func:`build_mlp` gives it.
    windows : ndarray of int of shape (n,)
        Numbers of time windows, places in ``grid.starts[0]``.

    Returns
    -------
    ndarray of float32 of shape (n, height, width)
    """
    scores = np.empty((len(windows), *grid.shape[1:]), np.float32)
    for own, first in zip(scores, grid.starts[0][windows], strict=True):
        scaled = scale_chunks(np.asarray(frames[first : first + grid.size[0]])[None])[0]
        own[...] = np.asarray(mlp(scaled.reshape(len(scaled), -1).T))[:, 0].reshape(own.shape)
    return scores


def judge_pixels(
    frames: Any, voxels: pd.DataFrame, grid: ChunkGrid, labels: np.ndarray, mlp: keras.Model, prevalence: float = 0.1
) -> dict[str, Any]:
    """Judge the second network on all pixels of all meteor chunks.

    Parameters
    ----------
    frames : ndarray or memmap of shape ``grid.shape``, counts per GTU
    voxels : DataFrame
        Truth.
    grid : ChunkGrid
    labels : ndarray of int8 of shape (n_chunks,)
        Of the chunks.
    mlp : keras.Model
    prevalence : float
        As for :func:`curve_areas`.

    Returns
    -------
    dict
        ``mlp`` (as :func:`curve_areas`; pixels of which a chunk holds only a faint part are left out), ``n_hit_in_chunks``,
        ``n_other_in_chunks``; ``hit_pixels`` (of a meteor: those whose brightest voxel is in a meteor chunk) and
        ``hit_pixels_lost`` (no such chunk gives them 0.5).
    """
    index = np.flatnonzero(labels == METEOR)
    plane = len(grid.starts[1]) * len(grid.starts[2])
    windows, place = np.unique(index // plane, return_inverse=True)
    scores = pixel_scores(frames, grid, mlp, windows)
    kind = label_pixels(grid, index, voxels)
    own = np.empty(kind.shape, np.float32)
    for k, (window, first) in enumerate(zip(place, grid.origin(index), strict=True)):
        own[k] = scores[window, first[1] : first[1] + grid.size[1], first[2] : first[2] + grid.size[2]]
    clear = kind != AMBIGUOUS
    best = []
    peaks = voxels.loc[voxels.groupby(["meteor", "y", "x"]).snr.idxmax(), ["t", "y", "x"]].to_numpy(int)
    for t, y, x in peaks:
        near = grid.containing(t, y, x)
        near = near[labels[near] == METEOR]
        if len(near):
            best.append(float(scores[np.searchsorted(windows, near // plane), y, x].max()))
    return {
        "mlp": {k: round(v, 4) for k, v in curve_areas(kind[clear] == METEOR, own[clear], prevalence).items()},
        "n_hit_in_chunks": int((kind == METEOR).sum()),
        "n_other_in_chunks": int((kind == NOTHING).sum()),
        "hit_pixels": len(best),
        "hit_pixels_lost": sum(value < 0.5 for value in best),
    }
