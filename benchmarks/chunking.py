"""Chapter 1: cutting a stream into chunks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from meteortut.chunking import ChunkGrid


def pairs() -> list[tuple[str, str, Callable[[], object], Callable[[], object]]]:
    """Give name, peer's name, our call and the peer's; checks first that both give the same."""
    frames = np.random.default_rng(0).random((4_000, 48, 48), np.float32)
    grid = ChunkGrid(frames.shape)
    whole = np.concatenate(list(grid.batches(frames)))
    if not np.array_equal(whole[: len(_copied_windows(frames))], _copied_windows(frames)):
        raise RuntimeError("stride-trick windows and ChunkGrid disagree.")
    if not all(np.array_equal(chunk, one) for chunk, one in zip(whole, _loop(frames, grid), strict=True)):
        raise RuntimeError("the loop and ChunkGrid disagree.")
    name = f"go through {len(grid)} chunks of a stream"
    return [
        (name, "stride-trick windows, copied", lambda: _count(grid, frames), lambda: len(_copied_windows(frames))),
        (name, "a loop of copied slices", lambda: _count(grid, frames), lambda: sum(1 for _ in _loop(frames, grid))),
    ]


def _count(grid: ChunkGrid, frames: np.ndarray) -> int:
    return sum(len(batch) for batch in grid.batches(frames))


def _copied_windows(frames: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(frames, (48, 8, 8))[::24, ::4, ::4]
    return windows.reshape(-1, 48, 8, 8)


def _loop(frames: np.ndarray, grid: ChunkGrid) -> map:
    return map(
        lambda origin: frames[origin[0] : origin[0] + 48, origin[1] : origin[1] + 8, origin[2] : origin[2] + 8].copy(),
        grid.origins,
    )
