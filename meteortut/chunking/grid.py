"""A grid of overlapping 3-D chunks over a stream of frames; chunks are cut when they are asked for and never held all at once."""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from meteortut.windows import window_starts

AXES = ("time", "y", "x")


class ChunkGrid:
    """Where the chunks of a stream lie.

    Along each axis chunks begin at 0, step, 2·step, …; one more, aligned to the end, is added where the last of these would leave
    voxels out. With steps no longer than the chunk every voxel is therefore covered; longer steps leave gaps between chunks.

    Parameters
    ----------
    shape : (int, int, int)
        Shape of the stream: frames, rows, columns.
    size : (int, int, int)
        Shape of a chunk: frames, rows, columns.
    step : (int, int, int)
        Distance between neighbouring chunks along each axis.

    Raises
    ------
    ValueError
        If one of the three is not three positive whole numbers, or a chunk is larger than the stream.

    Examples
    --------
    >>> grid = ChunkGrid((100, 48, 48))
    >>> len(grid), grid.origins[-1]
    (484, array([52, 40, 40]))
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        size: tuple[int, int, int] = (48, 8, 8),
        step: tuple[int, int, int] = (24, 4, 4),
    ) -> None:
        self.shape, self.size, self.step = (
            _triple(shape, "shape"),
            _triple(size, "size"),
            _triple(step, "step"),
        )
        for axis, whole, part in zip(AXES, self.shape, self.size, strict=True):
            if part > whole:
                raise ValueError(
                    f"a chunk is {part} long in {axis}, the stream only {whole}; expected chunks no larger than the stream."
                )

    @cached_property
    def starts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where chunks begin along time, y and x: three ndarrays of int, ascending."""
        starts = [window_starts(*each) for each in zip(self.shape, self.size, self.step, strict=True)]
        return starts[0], starts[1], starts[2]

    def __len__(self) -> int:
        return int(np.prod([len(along) for along in self.starts]))

    def __repr__(self) -> str:
        return f"ChunkGrid(shape={self.shape}, size={self.size}, step={self.step}): {len(self)} chunks"

    @property
    def origins(self) -> np.ndarray:
        """First voxel of every chunk: ndarray of int of shape (n_chunks, 3) as (t, y, x), x fastest."""
        return self.origin(np.arange(len(self)))

    def origin(self, index: int | np.ndarray) -> np.ndarray:
        """Give the first voxels of some chunks.

        Parameters
        ----------
        index : int or ndarray of int of shape (n,)
            Numbers of chunks, 0 … ``len(grid) - 1``.

        Returns
        -------
        ndarray of int of shape (3,) or (n, 3)
            As (t, y, x).
        """
        places = np.unravel_index(index, [len(along) for along in self.starts])
        return np.stack([along[place] for along, place in zip(self.starts, places, strict=True)], axis=-1)

    def containing(self, t: int, y: int, x: int) -> np.ndarray:
        """Give the numbers of all chunks that hold a voxel, ascending: ndarray of int, empty only in a gap.

        Raises
        ------
        ValueError
            If the voxel lies outside the stream.
        """
        along = []
        for value, axis, whole, part, starts in zip((t, y, x), AXES, self.shape, self.size, self.starts, strict=True):
            if not 0 <= value < whole:
                raise ValueError(f"{axis} is {value}; expected 0 to {whole - 1}.")
            along.append(np.flatnonzero((starts <= value) & (value < starts + part)))
        return np.ravel_multi_index(np.ix_(*along), [len(starts) for starts in self.starts]).ravel()

    def chunk(self, frames: Any, index: int) -> Any:
        """Cut one chunk.

        Parameters
        ----------
        frames : ndarray, memmap or Zarr array of shape ``grid.shape``
            The stream; axes (time, y, x), any dtype.
        index : int
            Number of the chunk.

        Returns
        -------
        ndarray of shape ``grid.size``
            A view of an array or a memmap, nothing is copied; what Zarr reads.
        """
        self._check(frames)
        return frames[
            tuple(slice(begin, begin + part) for begin, part in zip(self.origin(index), self.size, strict=True))
        ]

    def batches(self, frames: Any, batch_size: int = 1024) -> Iterator[np.ndarray]:
        """Cut all chunks, a batch at a time, in the order of ``origins``.

        Parameters
        ----------
        frames : ndarray, memmap or Zarr array of shape ``grid.shape``
            The stream; axes (time, y, x), any dtype.
        batch_size : int
            Chunks in a batch; the last batch may be smaller.

        Yields
        ------
        ndarray of shape (n, frames, rows, columns), the dtype of ``frames``
            Copies: changing them leaves the stream as it is.

        Raises
        ------
        ValueError
            If the stream has another shape than the grid, or ``batch_size`` is not positive.

        Notes
        -----
        Only the frames of one batch are looked at. Pages of a memmap are given back to the system after each batch (except in mode
        ``"c"``, where they may hold changes), so that the memory in use does not grow with the length of the stream.
        """
        self._check(frames)
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; expected at least 1.")
        return self.cut(frames, range(len(self)), batch_size)

    def cut(self, frames: Any, index: Sequence[int] | np.ndarray, batch_size: int = 1024) -> Iterator[np.ndarray]:
        """Cut some chunks, a batch at a time, as :meth:`batches` does with all of them.

        Parameters
        ----------
        frames : ndarray, memmap or Zarr array of shape ``grid.shape``
            The stream; axes (time, y, x), any dtype.
        index : ndarray of int of shape (n,), or a range
            Numbers of the chunks, ascending.
        batch_size : int
            Chunks in a batch.

        Yields
        ------
        ndarray of shape (n, frames, rows, columns), the dtype of ``frames``
        """
        self._check(frames)
        longest = 8 * self.size[0] + batch_size // (len(self.starts[1]) * len(self.starts[2])) * self.step[0]
        for part in self._parts(index, batch_size, longest):
            t, y, x = self.origin(part).T
            slab = np.asarray(frames[int(t[0]) : int(t[-1]) + self.size[0]])
            chunks = np.empty((len(part), *self.size), slab.dtype)
            for same_time in np.split(np.arange(len(part)), np.flatnonzero(np.diff(t)) + 1):
                begin = t[same_time[0]] - t[0]
                window = slab[begin : begin + self.size[0]]
                self._fill(chunks[same_time[0] : same_time[-1] + 1], window, y[same_time], x[same_time])
            yield chunks
            give_back(frames)

    def _fill(self, chunks: np.ndarray, window: np.ndarray, y: np.ndarray, x: np.ndarray) -> None:
        """Copy the chunks at (y, x) of one time window; a whole regular plane of them in one strided copy, twice as fast."""
        places = np.lib.stride_tricks.sliding_window_view(window, self.size)[0]
        regular = places[:: self.step[1], :: self.step[2]]
        if len(chunks) == len(self.starts[1]) * len(self.starts[2]) == regular.shape[0] * regular.shape[1]:
            chunks.reshape(regular.shape)[...] = regular
        else:
            chunks[...] = places[y, x]

    def _parts(self, index: Sequence[int] | np.ndarray, batch_size: int, longest: int) -> Iterator[np.ndarray]:
        """Split chunk numbers into batches that are neither too many nor too far apart in time."""
        plane = len(self.starts[1]) * len(self.starts[2])
        first = 0
        while first < len(index):
            begin = self.starts[0][int(index[first]) // plane]
            too_late = plane * int(np.searchsorted(self.starts[0], begin + longest))
            last = min(first + batch_size, bisect_left(index, too_late))
            yield np.asarray(index[first:last])
            first = last

    def _check(self, frames: Any) -> None:
        if tuple(np.shape(frames)) != self.shape:
            raise ValueError(
                f"frames has shape {tuple(np.shape(frames))}; this grid was made for {self.shape} (time, y, x)."
                " Make a grid with ChunkGrid(frames.shape)."
            )


def _triple(values: Any, name: str) -> tuple[int, int, int]:
    if np.shape(values) != (3,) or not all(isinstance(value, int | np.integer) for value in values):
        raise ValueError(f"{name} is {values!r}; expected three whole numbers (frames, rows, columns).")
    if min(values) < 1:
        raise ValueError(f"{name} is {tuple(values)}; expected positive numbers.")
    return int(values[0]), int(values[1]), int(values[2])


def give_back(frames: Any) -> None:
    """Let the system take back the pages of a memmap that have been read; other arrays stay as they are."""
    mapped: Any = frames
    open_ = isinstance(frames, np.memmap) and mapped._mmap is not None  # a copy keeps the class, not the file
    if open_ and frames.mode != "c" and hasattr(mmap, "MADV_DONTNEED"):
        mapped._mmap.madvise(mmap.MADV_DONTNEED)
