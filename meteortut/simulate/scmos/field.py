"""A field of stars and galaxies, where the telescope points, and how far the stars move in an exposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meteortut.simulate.scmos.optics import MARGIN_PX, Grid
from meteortut.simulate.scmos.schedule import wander
from meteortut.simulate.scmos.worlds import World

#: Every frame has at least so many stars of at least so many electrons, so that a slew can be seen; chosen.
LEAST_STARS, LEAST_STAR_E = 8, 4000.0


@dataclass(frozen=True)
class Field:
    """What a telescope points at.

    Attributes
    ----------
    y, x : ndarray of shape (n_stars,), pixels
        Positions in the frame's coordinates, up to `MARGIN_PX` beyond its edges.
    electrons : ndarray of shape (n_stars,), electrons per exposure
    transform : ndarray, complex64
        Of stars and galaxies, on the grid.
    """

    y: np.ndarray
    x: np.ndarray
    electrons: np.ndarray
    transform: np.ndarray


def draw_field(grid: Grid, world: World, rng: np.random.Generator) -> Field:
    """Draw stars with power-law counts, and exponential galaxies.

    Parameters
    ----------
    grid : Grid
    world : World
    rng : Generator

    Returns
    -------
    Field
        The density is one field's, log-uniform between the world's limits; if too few bright stars fall inside the frame, the
        brightest of those inside are made as bright as `LEAST_STAR_E` asks.
    """
    area = grid.size[0] * grid.size[1] / 1e6
    density = float(np.exp(rng.uniform(*np.log(world.stars_per_mpx))))
    n = max(int(rng.poisson(density * area)), 3 * LEAST_STARS)
    y, x = (rng.uniform(0, size, n) - MARGIN_PX for size in grid.size)
    least, most = world.star_e
    u = rng.random(n)
    electrons = least * (1 - u * (1 - (most / least) ** -world.star_slope)) ** (-1 / world.star_slope)
    inside = np.flatnonzero((y >= 0) & (y < grid.shape[0]) & (x >= 0) & (x < grid.shape[1]))
    brightest = inside[np.argsort(-electrons[inside], kind="stable")[:LEAST_STARS]]
    electrons[brightest] = np.maximum(electrons[brightest], LEAST_STAR_E)
    transform = grid.points(y + MARGIN_PX, x + MARGIN_PX, electrons)
    for _ in range(rng.poisson(world.galaxies_per_mpx * area)):
        transform += _galaxy(grid, world, rng)
    return Field(y, x, electrons, transform)


def _galaxy(grid: Grid, world: World, rng: np.random.Generator) -> np.ndarray:
    """Transform of a tilted exponential disc of random light; its scale length squared times 40 electrons is the least unit."""
    ky, kx = grid.frequency
    scale, axes = float(np.exp(rng.uniform(*np.log(world.galaxy_px)))), rng.uniform(0.3, 1.0)
    angle = rng.uniform(0, np.pi)
    along = kx * np.cos(angle) + ky * np.sin(angle)
    across = ky * np.cos(angle) - kx * np.sin(angle)
    light = 40.0 * scale**2 * rng.pareto(1.5)
    disc = (1 + (2 * np.pi * scale) ** 2 * (along**2 + (axes * across) ** 2)) ** -1.5
    y, x = (rng.uniform(0, size, 1) for size in grid.size)
    return (light * disc * grid.points(y, x, np.ones(1))).astype(np.complex64)


def draw_pointing(n_frames: int, world: World, rng: np.random.Generator) -> np.ndarray:
    """Draw the offsets of the pointing: scatter from frame to frame on a slow drift.

    Parameters
    ----------
    n_frames : int
    world : World
    rng : Generator

    Returns
    -------
    ndarray of shape (n_frames, 2), pixels (y, x)
        The drift is up to 3 pixels along each axis from the first to the last frame.
    """
    drift = rng.uniform(-3, 3, 2) * np.linspace(-0.5, 0.5, n_frames)[:, None]
    scatter = np.stack([wander(n_frames, world.jitter_px, 0.3, rng) for _ in range(2)], axis=1)
    return drift + scatter


def tracked_path(world: World, rng: np.random.Generator) -> np.ndarray:
    """Path of the stars over the sensor in a tracked exposure, shape (5, 2), pixels (y, x) about its mean: a slight drift."""
    length, angle = world.drift_px * rng.random() ** 2, rng.uniform(0, 2 * np.pi)
    return np.linspace(-0.5, 0.5, 5)[:, None] * length * np.array([np.sin(angle), np.cos(angle)])


def slewed_path(world: World, rng: np.random.Generator) -> np.ndarray:
    """Path of the stars in an exposure during which the telescope moves, straight or with a corner.

    Returns
    -------
    ndarray of shape (n_points, 2), pixels (y, x) about its mean
        One point per equal share of the exposure; :func:`path_length` of it is log-uniform between the world's limits.
    """
    first, angle = rng.uniform(0.25, 0.75), rng.uniform(0, 2 * np.pi)
    straight = rng.random() < world.slew_straight
    turn = 0.0 if straight else rng.choice([-1, 1]) * rng.uniform(np.pi / 4, 3 * np.pi / 4)
    legs = np.array([[np.sin(a), np.cos(a)] for a in (angle, angle + turn)]) * np.array([[first], [1 - first]])
    corners = np.vstack([np.zeros(2), np.cumsum(legs, axis=0)])
    moving = np.linspace(0, 1, 160)
    stands = rng.uniform(0, world.slew_dwell) * (rng.random() < 0.5)
    moving = np.clip((moving - stands) / (1 - stands), 0, 1)
    if rng.random() < 0.5:
        moving = 1 - moving[::-1]
    path = np.stack([np.interp(moving, [0, first, 1], corners[:, axis]) for axis in range(2)], axis=1)
    path -= path.mean(axis=0)
    return path * np.exp(rng.uniform(*np.log(world.slew_px))) / path_length(path)


def path_length(path: np.ndarray) -> float:
    """Length of the even straight line with the same spread in time as a path.

    Parameters
    ----------
    path : ndarray of shape (n_points, 2), pixels
        One point per equal share of the exposure.

    Returns
    -------
    float
        √12 times the path's standard deviation along its longest extent, pixels.
    """
    return float(np.sqrt(12 * np.linalg.eigvalsh(np.cov(path.T, bias=True))[-1]))
