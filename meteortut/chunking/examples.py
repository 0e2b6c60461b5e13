"""Draw labelled chunks from a session to learn from."""

from __future__ import annotations

from typing import Any

import numpy as np

from meteortut.chunking.grid import ChunkGrid
from meteortut.chunking.labels import METEOR, NOTHING


def draw_examples(
    grid: ChunkGrid,
    frames: Any,
    labels: np.ndarray,
    n_meteor: int | None,
    n_nothing: int | None,
    rng: int | np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a random choice of a session's chunks; ambiguous ones are never chosen.

    Parameters
    ----------
    grid : ChunkGrid
    frames : ndarray, memmap or Zarr array of shape ``grid.shape``
        The session; axes (time, y, x).
    labels : ndarray of int8 of shape (n_chunks,)
        As :func:`label_chunks` gives them.
    n_meteor, n_nothing : int or None
        How many of either; all when there are fewer, or when it is None.
    rng : int or Generator
        Seed or generator.

    Returns
    -------
    chunks : ndarray of shape (n, frames, rows, columns), the dtype of ``frames``
        In the order of the grid.
    is_meteor : ndarray of bool of shape (n,)

    Raises
    ------
    ValueError
        If ``labels`` does not fit the grid.
    """
    if np.shape(labels) != (len(grid),):
        raise ValueError(f"labels has shape {np.shape(labels)}; this grid has {len(grid)} chunks.")
    rng = np.random.default_rng(rng)
    chosen = []
    for label, n in ((METEOR, n_meteor), (NOTHING, n_nothing)):
        found = np.flatnonzero(labels == label)
        chosen.append(found if n is None or n >= len(found) else rng.choice(found, n, replace=False))
    index = np.sort(np.concatenate(chosen))
    parts = list(grid.cut(frames, index))
    chunks = np.concatenate(parts) if parts else np.empty((0, *grid.size), np.float32)
    return chunks, labels[index] == METEOR
