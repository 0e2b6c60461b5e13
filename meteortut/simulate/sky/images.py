"""Tiles and full frames of simulated meteor cameras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from meteortut.simulate.shared import choose_world
from meteortut.simulate.sky.camera import Camera, draw_camera
from meteortut.simulate.sky.exposures import (
    COLUMNS,
    NOTHING,
    draw_noise,
    frame_plane,
    maximum_plane,
    mean_planes,
    truth_table,
    what_shows,
)
from meteortut.simulate.sky.movers import draw_aircraft, draw_meteor, draw_satellite
from meteortut.simulate.sky.scene import draw_scene
from meteortut.simulate.sky.tracks import Track, draw_light
from meteortut.simulate.sky.worlds import FPS, FRAME_SHAPE, WORLDS, World

#: What an image may hold besides stars and tracks.
CONTENTS = ("clouds", "moon", "obstruction", "overlay")
#: How many times as often a full frame has those, and the mean numbers of its satellites and aircraft, per share of a tile.
FRAME_CONTENTS, FRAME_TRACKS = {"clouds": 1.5, "moon": 3.0, "obstruction": 6.0, "overlay": 10.0}, 12.0
#: Smallest side of an image.
LEAST_SIDE = 32


@dataclass(frozen=True, eq=False)
class Frame:
    """Planes of 256 frames, as FF files have them, and their truth.

    Parameters
    ----------
    max_pixel, max_frame, ave_pixel, std_pixel : ndarray of shape (n_rows, n_columns), uint8
        Brightest value (counts), its frame, mean and standard deviation (counts). Axis order (y, x). Row y is read out late: the
        time is ``(max_frame + y / n_rows) / fps`` seconds.
    tracks : DataFrame, a row per track
        Columns of `simulate_sky`'s truth from ``kind`` to ``peak_counts``; also tracks of which nothing shows.
    contents : dict of str to bool
        Whether there are ``clouds``, ``moon``, ``obstruction``, ``overlay``.
    fps : float
        Frames per second.
    """

    max_pixel: np.ndarray
    max_frame: np.ndarray
    ave_pixel: np.ndarray
    std_pixel: np.ndarray
    tracks: pd.DataFrame
    contents: dict[str, bool]
    fps: float = FPS


def simulate_sky(
    n: int, rng: int | np.random.Generator, world: str = "first", size: int = 96, meteor_share: float = 0.5
) -> tuple[np.ndarray, pd.DataFrame]:
    """Simulate tiles of maximum images (MAXPIXEL of 256 frames, 10.24 s), each from another camera and night.

    Parameters
    ----------
    n : int
        Number of tiles, at least 1.
    rng : int or Generator
        Seed or generator.
    world : "first" or "second"
        The world to train on, or the one with other cameras and skies, to be judged by and never trained on.
    size : int
        Side of a tile, pixels, at least 32.
    meteor_share : float in [0, 1]
        Share of the tiles through which a meteor is sent; a few of these show too little of it to be called one.

    Returns
    -------
    images : ndarray of shape (n, size, size), uint8, counts
        Axis order (tile, y, x).
    truth : DataFrame, a row per tile
        ``kind`` of the main thing in it ("meteor" before others, then the one with the greatest ``snr``; "none" if nothing shows);
        ``is_meteor``; ``y0, x0, y1, x1`` (end points of what shows of it inside the tile, pixels, the earlier end first) and
        ``t0, t1`` (their times, frame + row / 720), NaN if nothing shows; ``length_px``; ``speed_px`` (pixels per frame); ``snr``;
        ``magnitude``; ``peak_counts``; ``n_tracks`` (tracks that show), ``clouds, moon, obstruction, overlay`` (bool),
        ``sky_counts``, ``noise_counts`` (median background, and scatter of the maximum there), ``psf_px``.

    Raises
    ------
    ValueError
        If ``n``, ``size`` or ``meteor_share`` is out of range, or there is no such world.

    Notes
    -----
    The label is a rule on the noise-free light: of a meteor at least 10 pixels show inside the tile, with an ``snr`` of at least 8.
    It shows where its light in one frame raises the noise-free maximum by at least the scatter of that maximum. A tile with less
    of a meteor has ``kind`` "meteor" and ``is_meteor`` False.
    """
    if n < 1:
        raise ValueError(f"n is {n}; expected at least 1 tile.")
    if not 0 <= meteor_share <= 1:
        raise ValueError(f"meteor_share is {meteor_share}; expected a share between 0 and 1.")
    chosen = choose_world(WORLDS, world)
    _check_shape((size, size))
    rng = np.random.default_rng(rng)
    images, rows = np.empty((n, size, size), np.uint8), []
    for i in range(n):
        images[i], row = _tile(chosen, size, bool(rng.random() < meteor_share), rng)
        rows.append(row)
    return images, pd.DataFrame(rows)


def simulate_frame(
    rng: int | np.random.Generator,
    world: str = "first",
    shape: tuple[int, int] = FRAME_SHAPE,
    n_meteors: int = 1,
) -> Frame:
    """Simulate one full frame with all planes of an FF file.

    Parameters
    ----------
    rng : int or Generator
        Seed or generator.
    world : "first" or "second"
        As in `simulate_sky`.
    shape : (n_rows, n_columns)
        Each at least 32.
    n_meteors : int
        Meteors in it; satellites and aircraft come as they come.

    Returns
    -------
    Frame

    Raises
    ------
    ValueError
        If ``shape`` is too small, ``n_meteors`` is negative, or there is no such world.
    """
    if n_meteors < 0:
        raise ValueError(f"n_meteors is {n_meteors}; expected 0 or more.")
    chosen = choose_world(WORLDS, world)
    _check_shape(shape)
    rng = np.random.default_rng(rng)
    camera = draw_camera(chosen, rng)
    contents = {name: bool(rng.random() < getattr(chosen, name) * FRAME_CONTENTS[name]) for name in CONTENTS}
    scene = draw_scene(chosen, camera, shape, (0, 0), contents, rng)
    tracks: list[Track] = []
    area = shape[0] * shape[1] / (FRAME_SHAPE[0] * FRAME_SHAPE[1]) * FRAME_TRACKS
    n_others = rng.poisson([chosen.satellites * area, chosen.aircraft * area])
    for kind, number in zip(("meteor", "satellite", "aircraft"), (n_meteors, *n_others), strict=True):
        for _ in range(number):
            tracks += _tracks(kind, chosen, camera, scene.mean, (0, 0), shape[0], rng)
    drawn = [draw_light(track, shape, (0, 0), shape[0], camera) for track in tracks]
    noise = draw_noise(camera, scene.mean, rng)
    plane, winner = maximum_plane(camera, scene, drawn, noise)
    frames = frame_plane(scene, drawn, winner, rng)
    truth = truth_table(
        [what_shows(camera, scene, track, light, (0, 0), shape[0]) for track, light in zip(tracks, drawn, strict=True)]
    )
    return Frame(plane, frames, *mean_planes(camera, scene, drawn, noise, rng), truth, contents)


def _check_shape(shape: tuple[int, int]) -> None:
    if len(shape) != 2 or min(shape) < LEAST_SIDE:
        raise ValueError(f"An image of {shape} pixels is asked for; expected two sides of at least {LEAST_SIDE} each.")


def _tile(world: World, size: int, with_meteor: bool, rng: np.random.Generator) -> tuple[np.ndarray, dict]:
    """One tile and its row of truth."""
    camera, shape = draw_camera(world, rng), (size, size)
    y, x = (int(rng.integers(max(1, full - size + 1))) for full in FRAME_SHAPE)
    where = (y, x)
    contents = {name: bool(rng.random() < getattr(world, name)) for name in CONTENTS}
    scene = draw_scene(world, camera, shape, where, contents, rng)
    kinds = ["meteor"] * with_meteor
    kinds += ["satellite"] * (rng.random() < world.satellites) + ["aircraft"] * (rng.random() < world.aircraft)
    tracks = [t for kind in kinds for t in _tracks(kind, world, camera, scene.mean, where, FRAME_SHAPE[0], rng)]
    drawn = [draw_light(track, shape, where, FRAME_SHAPE[0], camera) for track in tracks]
    image, _ = maximum_plane(camera, scene, drawn, draw_noise(camera, scene.mean, rng, single=bool(tracks)))
    found = [what_shows(camera, scene, *pair, where, FRAME_SHAPE[0]) for pair in zip(tracks, drawn, strict=True)]
    return image, _main_thing(found) | contents | _conditions(camera, scene.mean)


def _main_thing(found: list[dict]) -> dict:
    """The row of the meteor, or of the brightest other thing that shows, or one of nothing; columns in their order."""
    shown = [row for row in found if row["length_px"] > 0]
    best = max(shown, key=lambda row: (row["kind"] == "meteor", row["snr"]), default=NOTHING)
    return {name: best[name] for name in COLUMNS} | {"n_tracks": len(shown)}


def _conditions(camera: Camera, background: np.ndarray) -> dict:
    sky = float(np.median(background))
    scatter = float(camera.noise(np.asarray(sky)) * camera.scatter_of_maximum)
    return {"sky_counts": sky, "noise_counts": scatter, "psf_px": camera.psf_px}


def _tracks(
    kind: str,
    world: World,
    camera: Camera,
    background: np.ndarray,
    origin: tuple[int, int],
    n_rows: int,
    rng: np.random.Generator,
) -> list[Track]:
    """Tracks of one object through a random place of an image."""
    y, x = (float(rng.uniform(0, side - 1)) for side in background.shape)
    level = float(np.clip(background[int(y), int(x)], 1, 255))
    through = (y + origin[0], x + origin[1])
    if kind == "aircraft":
        return draw_aircraft(world, camera, through, level, rng)
    if kind == "satellite":
        return [draw_satellite(world, camera, through, level, rng)]
    return [draw_meteor(world, camera, through, level, rng, n_rows)]
