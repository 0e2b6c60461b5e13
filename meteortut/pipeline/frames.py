"""What can be a stream of counts: checked before any work."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

from meteortut.chunking.grid import give_back


def check_frames(frames: Any, n_least: int) -> None:
    """Refuse what cannot be a stream of counts, before any work.

    Parameters
    ----------
    frames : ndarray, memmap or Zarr array
        Should be of shape (n_frames, height, width), float.
    n_least : int
        Frames it must have.

    Raises
    ------
    ValueError
        If ``frames`` is no array, has another shape or fewer frames, holds integers, or its file has been cut short.
    """
    if not hasattr(frames, "dtype"):
        raise ValueError(
            f"frames is of type {type(frames).__name__}; expected an array of floats: np.asarray(frames, float)."
        )
    shape = tuple(np.shape(frames))
    if len(shape) != 3 or min(shape[1:]) < 2:
        raise ValueError(f"frames has shape {shape}; expected (n_frames, height, width). A single frame: frames[None].")
    if shape[0] < n_least:
        raise ValueError(f"frames holds {shape[0]} frames; expected at least {n_least}.")
    if not np.issubdtype(frames.dtype, np.floating):
        raise ValueError(
            f"frames has dtype {frames.dtype}; expected float, counts per GTU averaged over a frame. "
            "Divide summed counts by the number of GTU: frames / 16384."
        )
    mapped: Any = frames
    if isinstance(frames, np.memmap) and mapped._mmap is not None:
        needed = frames.offset - frames.offset % mmap.ALLOCATIONGRANULARITY + len(mapped._mmap)
        if mapped._mmap.size() < needed:
            raise ValueError(
                f"the file behind frames has {mapped._mmap.size()} bytes; expected {needed}. It was cut short after it "
                "was opened: fetch or write it again."
            )


def check_finite(frames: Any, block: int = 1024) -> None:
    """Refuse a stream with NaN or infinite values; it is read once, block by block.

    Parameters
    ----------
    frames : ndarray, memmap or Zarr array of shape (n_frames, height, width), counts per GTU
    block : int
        Frames read at a time.

    Raises
    ------
    ValueError
        With the first frame of the block where one is.
    """
    for first in range(0, len(frames), block):
        if not np.isfinite(frames[first : first + block]).all():
            raise ValueError(
                f"frames hold NaN or infinite values after frame {first}; expected finite counts. Cut them out."
            )
        give_back(frames)
