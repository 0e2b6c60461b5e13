"""Chapter 2: scores of every chunk of a stream, with the work that chunks share done once, beside ``predict`` on copies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from meteortut import pipeline
from meteortut.chunking import ChunkGrid, scale_chunks


def pairs() -> list[tuple[str, str, Callable[[], object], Callable[[], object]]]:
    """Give name, peer's name, our call and the peer's; checks first that both give the same."""
    n_frames = 2_400
    frames = 1 + 0.008 * np.random.default_rng(0).standard_normal((n_frames, 48, 48), np.float32)
    grid, model = ChunkGrid(frames.shape), pipeline.build_cnn(seed=0)
    chunks = np.concatenate(list(grid.batches(frames)))
    scaled = scale_chunks(chunks)
    peer = model.predict(scaled, verbose=0)[:, 0]
    if (worst := float(np.abs(pipeline.screen(frames, model) - peer).max())) > 1e-3:
        raise RuntimeError(f"screen and predict differ by {worst:.1e}.")
    name = f"score {len(grid)} chunks of {n_frames} frames"
    return [
        (
            name,
            "predict on copies, scaled",
            lambda: pipeline.screen(frames, model),
            lambda: model.predict(scale_chunks(chunks), verbose=0),
        ),
        (
            name,
            "predict on copies scaled before",
            lambda: pipeline.screen(frames, model),
            lambda: model.predict(scaled, verbose=0),
        ),
    ]
