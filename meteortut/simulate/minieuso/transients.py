"""Things that flash or move and are no meteors: lightning, large flashes, static flashes, slow points."""

from __future__ import annotations

import numpy as np
import pandas as pd

from meteortut.focal import GROUND_DRIFT_PX, N_TUBES, SIGMA_PER_FWHM, TUBE, from_focal
from meteortut.simulate.minieuso.camera import Camera
from meteortut.simulate.minieuso.skies import Sky
from meteortut.simulate.minieuso.sources import Sources, steady
from meteortut.simulate.minieuso.worlds import World
from meteortut.simulate.shared import log_uniform

KINDS = ("lightning", "large flash", "static flash", "slow point")


def draw_transients(
    world: World, sky: Sky, camera: Camera, n_frames: int, rng: np.random.Generator
) -> tuple[Sources, np.ndarray, np.ndarray]:
    """Draw the transient confusers of a session.

    Parameters
    ----------
    world : World
    sky : Sky
    camera : Camera
    n_frames : int
    rng : Generator

    Returns
    -------
    sources : Sources
        One per stroke, flash or point.
    kind : ndarray of shape (n_sources,), str
        One of :data:`KINDS`.
    event : ndarray of shape (n_sources,), int
        Strokes of one flash share a number.

    Notes
    -----
    Numbers of events are Poisson with the sky's rates. All but slow points drift with the ground.
    """
    rngs = rng.spawn(4)
    rates = (sky.lightning / world.storm_flashes, sky.large_flashes, sky.static_flashes, sky.slow_points)
    counts = [int(own.poisson(rate * n_frames / 1000)) for own, rate in zip(rngs, rates, strict=True)]
    yaw = np.radians(sky.yaw_deg)
    drift = (GROUND_DRIFT_PX * np.sin(yaw), GROUND_DRIFT_PX * np.cos(yaw))
    strokes, flash = _lightning(world, camera, drift, n_frames, counts[0], rngs[0])
    parts = [
        strokes,
        _large(world, camera, drift, n_frames, counts[1], rngs[1]),
        _static(world, camera, drift, n_frames, counts[2], rngs[2]),
        _slow(world, camera, n_frames, counts[3], rngs[3]),
    ]
    kind = np.repeat(KINDS, [len(part) for part in parts])
    after = flash.max(initial=-1) + 1
    event = np.concatenate([flash, after + np.arange(sum(counts[1:]))])
    return concatenate(parts), kind, event


def concatenate(parts: list[Sources]) -> Sources:
    """Put tables of sources together."""
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return Sources(*(np.concatenate(column) for column in columns))


def _places(camera: Camera, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Places on the focal surface, y and x of shape (n,), focal pixels."""
    y, x = rng.uniform(-0.5, camera.width - 0.5, (2, n))
    return y, x


def _lightning(
    world: World,
    camera: Camera,
    drift: tuple[float, float],
    n_frames: int,
    n_storms: int,
    rng: np.random.Generator,
) -> tuple[Sources, np.ndarray]:
    """Storms of flashes of strokes; sources, and the number of each stroke's flash."""
    storm_t = rng.uniform(0, n_frames, n_storms)
    storm_y, storm_x = _places(camera, n_storms, rng)
    storm = np.repeat(np.arange(n_storms), rng.geometric(1 / world.storm_flashes, n_storms))
    n_flashes = len(storm)
    delay = world.storm_frames * rng.standard_normal(n_flashes)
    flash_y = storm_y[storm] + drift[0] * delay + world.storm_px * rng.standard_normal(n_flashes)
    flash_x = storm_x[storm] + drift[1] * delay + world.storm_px * rng.standard_normal(n_flashes)
    glow = log_uniform(world.glow_px, n_flashes, rng)
    length = log_uniform(world.flash_frames, n_flashes, rng)
    flash = np.repeat(np.arange(n_flashes), 1 + rng.poisson(world.strokes, n_flashes))
    n = len(flash)
    light = world.stroke_counts * np.exp(world.stroke_spread * rng.standard_normal(n))
    return Sources(
        (storm_t[storm] + delay)[flash] + length[flash] * rng.random(n),
        flash_y[flash],
        flash_x[flash],
        np.full(n, drift[0]),
        np.full(n, drift[1]),
        light,
        np.full(n, 0.1),  # a stroke rises at once
        log_uniform(world.stroke_frames, n, rng),
        np.hypot(glow, camera.psf_px)[flash],
        np.full(n, -1),
    ), flash


def _large(
    world: World, camera: Camera, drift: tuple[float, float], n_frames: int, n: int, rng: np.random.Generator
) -> Sources:
    """Flashes of large areas, or of a whole tube."""
    t = rng.uniform(0, n_frames, n)
    y, x = _places(camera, n, rng)
    sigma = log_uniform(world.large_px, n, rng)
    peak = log_uniform(world.large_counts, n, rng)
    half = log_uniform(world.large_frames, n, rng) * SIGMA_PER_FWHM
    whole = rng.random(n) < world.tube_flashes
    tube = np.where(whole, rng.integers(N_TUBES**2, size=n), -1)
    light = np.where(whole, peak, peak * 2 * np.pi * sigma**2)  # peak: of one pixel
    vy, vx = np.full(n, drift[0]), np.full(n, drift[1])
    return Sources(t, y, x, vy, vx, light, half, half * rng.uniform(0.7, 1.8, n), sigma, tube)


def _static(
    world: World, camera: Camera, drift: tuple[float, float], n_frames: int, n: int, rng: np.random.Generator
) -> Sources:
    """Flashes of one point on the ground."""
    t = rng.uniform(0, n_frames, n)
    y, x = _places(camera, n, rng)
    light = log_uniform(world.static_counts, n, rng)
    half = log_uniform(world.static_frames, n, rng) * SIGMA_PER_FWHM
    vy, vx = np.full(n, drift[0]), np.full(n, drift[1])
    return Sources(t, y, x, vy, vx, light, half, half, np.full(n, camera.psf_px), np.full(n, -1))


def _slow(world: World, camera: Camera, n_frames: int, n: int, rng: np.random.Generator) -> Sources:
    """Points that cross the field of view, half of them steady, half of them slowly waxing and waning."""
    t = rng.uniform(0, n_frames, n)
    y, x = _places(camera, n, rng)
    speed, direction = log_uniform(world.slow_px_frame, n, rng), rng.uniform(0, 2 * np.pi, n)
    light = log_uniform(world.slow_counts, n, rng)
    bell = np.where(rng.random(n) < 0.5, steady(n), camera.width / speed * rng.uniform(0.1, 0.5, n))
    vy, vx = speed * np.sin(direction), speed * np.cos(direction)
    return Sources(t, y, x, vy, vx, light, bell, bell, np.full(n, camera.psf_px), np.full(n, -1))


def describe(sources: Sources, kind: np.ndarray, event: np.ndarray, camera: Camera, n_frames: int) -> pd.DataFrame:
    """Tabulate confusers, a row per event: the columns are those of :class:`meteortut.simulate.minieuso.Truth`."""
    first, last = sources.span(camera.width)
    first, last = np.maximum(first, sources.t - 3 * sources.rise), np.minimum(last, sources.t + 3 * sources.fall)
    seen = np.flatnonzero((last > np.maximum(first, 0)) & (first < n_frames))
    sources, kind, event, first, last = sources.take(seen), kind[seen], event[seen], first[seen], last[seen]
    t = np.clip(np.clip(sources.t, first, last), 0, n_frames - 1e-6)
    y, x = sources.y + sources.vy * (t - sources.t), sources.x + sources.vx * (t - sources.t)
    tubes = sources.tube >= 0
    row, column = np.divmod(sources.tube, N_TUBES)
    middle = (TUBE - 1) / 2
    table = pd.DataFrame(
        {
            "kind": kind,
            "t_first": np.clip(first, 0, n_frames - 1).astype(int),
            "t_peak": t.astype(int),
            "t_last": np.clip(last, 0, n_frames - 1).astype(int),
            "y": np.where(tubes, row * TUBE + middle, from_focal(y, camera.gap_px)),
            "x": np.where(tubes, column * TUBE + middle, from_focal(x, camera.gap_px)),
            "amplitude": sources.light_at(t) * np.where(tubes, 1.0, central_share(sources.sigma) ** 2),
            "sigma_px": np.where(tubes, np.nan, sources.sigma),
            "speed_px": np.hypot(sources.vy, sources.vx),
            "direction_deg": np.degrees(np.arctan2(sources.vy, sources.vx)),
            "whole_tube": tubes,
            "event": event,
        }
    )
    groups = table.groupby("event")
    table["t_first"], table["t_last"] = groups.t_first.transform("min"), groups.t_last.transform("max")
    brightest = table.loc[groups.amplitude.idxmax()].drop(columns="event")
    return brightest.sort_values("t_first", kind="stable", ignore_index=True)


def central_share(sigma: np.ndarray | float) -> np.ndarray:
    """Share of a Gaussian's light, along one axis, that falls into the pixel it is centred on; shape of sigma (pixels)."""
    from scipy.special import erf  # slow to import

    return erf(0.5 / (np.sqrt(2) * np.asarray(sigma)))
