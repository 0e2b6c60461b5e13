"""Frames one at a time, checked: arrays, lists, masked arrays, lazily read folders, generators."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

#: The smallest side, pixels: below this there is no background to speak of.
MIN_SIDE_PX = 16

NO_FRAME = "frames holds no frame; expected at least one. Check the selection or the folder."

Frames = np.ndarray | Iterable[np.ndarray]


def iter_frames(frames: Frames) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Check frames and give them one by one as float32.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, height, width), or iterable of n_frames arrays of shape (height, width)
        Counts, integer or float; NaN, infinite and masked pixels are invalid. Of an iterable that reads lazily only one frame
        is held at a time.

    Yields
    ------
    frame : ndarray of shape (height, width) float32, counts
        A copy. Invalid pixels hold the median of the valid ones, or 0 if there is none.
    valid : ndarray of shape (height, width) bool, or None
        None: every pixel is valid.

    Raises
    ------
    ValueError, TypeError
        No frame, another number of axes, sides under 16 pixels, complex or other numbers than integer and float, unequal
        sizes. Arrays, lists and tuples are checked whole before any work; of lazy iterables each frame is checked when read.
    """
    _check_whole(frames)
    return _iterate(frames)


def _check_whole(frames: Any) -> None:
    sequence = hasattr(frames, "__getitem__") and hasattr(frames, "__len__")
    if isinstance(frames, str | bytes | dict) or not (sequence or isinstance(frames, Iterable)):
        raise TypeError(f"frames is a {type(frames).__name__}; expected an array or an iterable of 2-D arrays.")
    if isinstance(frames, np.ndarray) and frames.dtype != object and frames.ndim != 3:
        hint = "Add a time axis: frames[None]." if frames.ndim == 2 else "Give one 2-D image per frame."
        raise ValueError(f"frames has shape {frames.shape}; expected (n_frames, height, width). {hint}")
    if sequence and not len(frames):
        raise ValueError(NO_FRAME)
    shape = None
    if isinstance(frames, list | tuple):
        for i, frame in enumerate(frames):
            shape = _check_frame(frame, i, shape)
    elif isinstance(frames, np.ndarray):
        _check_frame(frames[0], 0, None)


def _check_frame(frame: Any, i: int, shape: tuple[int, int] | None) -> tuple[int, int]:
    if not isinstance(frame, np.ndarray):
        raise TypeError(
            f"frame {i} is a {type(frame).__name__}; expected a 2-D numpy array. Convert it: np.asarray(frame)."
        )
    if frame.ndim != 2:
        raise ValueError(f"frame {i} has shape {frame.shape}; expected (height, width). Give one 2-D image per frame.")
    if frame.dtype.kind not in "biuf":
        raise TypeError(
            f"frame {i} has dtype {frame.dtype}; expected integers or floats. Take the real part or convert it."
        )
    if min(frame.shape) < MIN_SIDE_PX:
        raise ValueError(f"frame {i} has shape {frame.shape}; expected at least {MIN_SIDE_PX} pixels along both axes.")
    if shape is not None and frame.shape != shape:
        raise ValueError(
            f"frame {i} has shape {frame.shape}; expected {shape} as the frames before it. "
            "Crop them, or extract each size in a call of its own."
        )
    return frame.shape[0], frame.shape[1]


def _iterate(frames: Any) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    shape = None
    source = frames if isinstance(frames, Iterable) else (frames[i] for i in range(len(frames)))
    for i, frame in enumerate(source):
        shape = _check_frame(frame, i, shape)
        yield prepare(frame)
    if shape is None:
        raise ValueError(NO_FRAME)


def prepare(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Copy a frame to float32 and fill its invalid pixels.

    Parameters
    ----------
    frame : ndarray or masked array of shape (height, width), counts

    Returns
    -------
    image : ndarray of shape (height, width) float32, counts
        Invalid pixels (NaN, infinite, beyond float32, masked) hold the median of the valid ones, or 0 if there is none.
    valid : ndarray of shape (height, width) bool, or None
        None: every pixel is valid.
    """
    mask = np.ma.getmaskarray(frame) if isinstance(frame, np.ma.MaskedArray) else None
    with np.errstate(over="ignore"):
        image = np.array(np.ma.getdata(frame), dtype=np.float32, order="C")
    limit = np.float32(1e18)  # squares of larger values leave float32
    largest = max(float(image.max()), -float(image.min()))
    if largest <= limit and (mask is None or not mask.any()):
        return image, None
    with np.errstate(invalid="ignore"):
        valid = np.abs(image) <= limit
    if mask is not None:
        valid &= ~mask
    image[~valid] = np.median(image[valid]) if valid.any() else 0
    return image, valid
