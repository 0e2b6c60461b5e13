"""A session as a stream of frames: any length in constant memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from meteortut.focal import SIDE
from meteortut.simulate.minieuso.background import Background
from meteortut.simulate.minieuso.camera import noise
from meteortut.simulate.minieuso.skies import SKIES, Sky
from meteortut.simulate.minieuso.truth import Truth, draw_truth
from meteortut.simulate.minieuso.worlds import WORLDS
from meteortut.simulate.shared import choose_world

#: Each stretch of this many frames has a generator of its own, so that frames do not depend on how they are cut into blocks.
NOISE_FRAMES = 64
#: A session holds at most one meteor in this many frames.
FRAMES_PER_METEOR = 8


def stream(
    n_frames: int,
    n_meteors: int,
    rng: int | np.random.Generator,
    world: str = "first",
    sky: Sky | None = None,
    block: int = 512,
) -> tuple[Iterator[np.ndarray], Truth]:
    """Simulate a session block by block.

    Parameters
    ----------
    n_frames : int
        Length of the session, at least 1; 40.96 ms each.
    n_meteors : int
        Meteors with at least one hit pixel; none to one in 8 frames.
    rng : int or Generator
        Seed or generator.
    world : "first" or "second"
        The world to train on, or the one to be judged by.
    sky : Sky, optional
        Conditions; by default the dark one of session 6 of that world.
    block : int
        Frames per block, a multiple of 64. The frames do not depend on it.

    Returns
    -------
    blocks : iterator of ndarray of shape (≤ block, 48, 48), float32, counts per GTU
        Axes (time, y, x), in order, each a new array.
    truth : Truth
        Of the whole session, known before the first block.

    Raises
    ------
    ValueError
        If a number is out of range, there is no such world, or the sky is too bright for meteors.
    """
    _check(n_frames, n_meteors, world, block)
    root = np.random.SeedSequence(int(np.random.default_rng(rng).integers(2**63)))
    seeds = root.spawn(3)
    sky = SKIES[world][6] if sky is None else sky
    background = Background(WORLDS[world], sky, n_frames, np.random.default_rng(seeds[0]))
    truth = draw_truth(background, WORLDS[world], n_meteors, np.random.default_rng(seeds[1]))
    return _blocks(truth, n_frames, seeds[2], block), truth


def _blocks(truth: Truth, n_frames: int, seed: np.random.SeedSequence, block: int) -> Iterator[np.ndarray]:
    for first in range(0, n_frames, block):
        frames = truth.mean(first, min(first + block, n_frames))
        for start in range(0, len(frames), NOISE_FRAMES):
            key = (*seed.spawn_key, (first + start) // NOISE_FRAMES)
            own = np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=key))
            part = frames[start : start + NOISE_FRAMES]
            part += noise(part) * own.standard_normal(part.shape, dtype=np.float32)
        yield frames


def simulate_session(
    n_frames: int,
    n_meteors: int,
    rng: int | np.random.Generator,
    world: str = "first",
    sky: Sky | None = None,
    out: np.ndarray | None = None,
) -> tuple[np.ndarray, Truth]:
    """Simulate a session of Mini-EUSO's D3 stream.

    Parameters
    ----------
    n_frames, n_meteors, rng, world, sky
        As for :func:`stream`.
    out : ndarray or memmap of shape (n_frames, 48, 48), float32, optional
        Filled and returned; by default a new array, 9 216 bytes a frame.

    Returns
    -------
    frames : ndarray of shape (n_frames, 48, 48), float32, counts per GTU
        Axes (time, y, x).
    truth : Truth

    Raises
    ------
    ValueError
        As for :func:`stream`, or if ``out`` has another shape or dtype.
    """
    _check(n_frames, n_meteors, world, 512)
    shape = (n_frames, SIDE, SIDE)
    if out is not None and (out.shape != shape or out.dtype != np.float32):
        raise ValueError(
            f"out has shape {out.shape} and dtype {out.dtype}; expected {shape} and float32. "
            f"Make it with np.empty({shape}, np.float32) or np.lib.format.open_memmap."
        )
    frames = np.empty(shape, np.float32) if out is None else out
    blocks, truth = stream(n_frames, n_meteors, rng, world, sky)
    first = 0
    for part in blocks:
        frames[first : first + len(part)] = part
        first += len(part)
    return frames, truth


def _check(n_frames: int, n_meteors: int, world: str, block: int) -> None:
    if n_frames < 1:
        raise ValueError(f"n_frames is {n_frames}; expected at least 1.")
    if not 0 <= n_meteors <= n_frames // FRAMES_PER_METEOR:
        raise ValueError(
            f"n_meteors is {n_meteors}; expected 0 to {n_frames // FRAMES_PER_METEOR} in {n_frames} frames "
            f"(at most one in {FRAMES_PER_METEOR}). Simulate more frames."
        )
    choose_world(WORLDS, world)
    if block < NOISE_FRAMES or block % NOISE_FRAMES:
        raise ValueError(f"block is {block}; expected a positive multiple of {NOISE_FRAMES} frames.")
