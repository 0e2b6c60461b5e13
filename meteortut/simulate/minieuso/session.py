"""The eight sessions, one at a time, each in a file that is read as a memmap."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from meteortut.focal import SIDE
from meteortut.simulate.minieuso.skies import SESSION_METEORS, SKIES, Sky
from meteortut.simulate.minieuso.streaming import FRAMES_PER_METEOR, stream
from meteortut.simulate.minieuso.truth import Truth
from meteortut.simulate.minieuso.worlds import WORLDS
from meteortut.simulate.shared import choose_world


@dataclass(frozen=True, eq=False)
class Session:
    """One session.

    Attributes
    ----------
    name : int
        5, 6, 7, 8, 11, 12, 13 or 14.
    frames : memmap of shape (n_frames, 48, 48), float32, counts per GTU
        Axes (time, y, x), read-only.
    truth : Truth
    sky : Sky
    """

    name: int
    frames: np.ndarray
    truth: Truth
    sky: Sky


def sessions(
    rng: int | np.random.Generator,
    n_frames: int = 20_000,
    world: str = "first",
    folder: str | os.PathLike | None = None,
    names: Sequence[int] | None = None,
) -> Iterator[Session]:
    """Simulate the eight sessions, with the published numbers of meteors under different skies, one at a time.

    Parameters
    ----------
    rng : int or Generator
        Seed or generator; a session depends on it and on its name, not on which others are asked for.
    n_frames : int
        Length of each session, at least 2 240 for all eight (280 meteors). 9 216 bytes a frame on disk.
    world : "first" or "second"
    folder : path, optional
        Where to keep the files; made if missing. A file is used again when seed, world and length are the same. By default a
        temporary folder that is removed when the next session is asked for, or the iterator is closed.
    names : sequence of int, optional
        Sessions wanted, in this order; by default all eight.

    Yields
    ------
    Session

    Raises
    ------
    ValueError
        At once, if a session is unknown, a world is, or the meteors do not fit.
    """
    wanted = list(SESSION_METEORS) if names is None else list(names)
    unknown = [name for name in wanted if name not in SESSION_METEORS]
    if unknown:
        raise ValueError(f"names has {unknown}; expected some of {', '.join(map(str, SESSION_METEORS))}.")
    choose_world(WORLDS, world)
    least = FRAMES_PER_METEOR * max((SESSION_METEORS[name] for name in wanted), default=0)
    if n_frames < max(least, 1):
        raise ValueError(
            f"n_frames is {n_frames}; expected at least {least} for sessions {wanted}. Ask for more frames."
        )
    seed = int(np.random.default_rng(rng).integers(2**63))
    return _sessions(seed, n_frames, world, folder, wanted)


def _sessions(
    seed: int, n_frames: int, world: str, folder: str | os.PathLike | None, names: list[int]
) -> Iterator[Session]:
    for name in names:
        if folder is not None:
            yield _session(seed, n_frames, world, Path(folder), name)
            continue
        with tempfile.TemporaryDirectory(prefix="minieuso-", ignore_cleanup_errors=True) as scratch:
            yield _session(seed, n_frames, world, Path(scratch), name)


def _session(seed: int, n_frames: int, world: str, folder: Path, name: int) -> Session:
    """Simulate a session into a file, or find it there."""
    sky, n_meteors = SKIES[world][name], SESSION_METEORS[name]
    own = np.random.default_rng([seed, name])
    blocks, truth = stream(n_frames, n_meteors, own, world, sky)
    recipe = repr((seed, n_frames, n_meteors, WORLDS[world], sky))
    path = folder / f"minieuso-{world}-{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}.npy"
    if not path.exists():  # complete files alone have this name
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, blocks, (n_frames, SIDE, SIDE))
    return Session(name, np.load(path, mmap_mode="r"), truth, sky)


def _write(path: Path, blocks: Iterator[np.ndarray], shape: tuple[int, int, int]) -> None:
    """Write blocks as one .npy file, by another name until it is complete."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            header = {
                "descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)),
                "fortran_order": False,
                "shape": shape,
            }
            np.lib.format.write_array_header_1_0(file, header)
            for block in blocks:
                file.write(block.tobytes())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
