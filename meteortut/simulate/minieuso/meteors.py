"""Meteors: a population, their light on the focal surface, and what of it counts as a hit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meteortut.focal import (
    FRAME_S,
    GTU_PER_FRAME,
    METEOR_DRIFT_PX,
    METEOR_KM_PX,
    SIGMA_PER_FWHM,
    from_focal,
)
from meteortut.simulate.minieuso.background import Background
from meteortut.simulate.minieuso.camera import Camera, noise
from meteortut.simulate.minieuso.skies import Sky
from meteortut.simulate.minieuso.sources import Sources, render
from meteortut.simulate.minieuso.transients import central_share
from meteortut.simulate.minieuso.worlds import World

#: Faintest magnitude drawn; nothing fainter than +6.5 can be a hit.
FAINTEST_MAG = 7.0
#: Slowest and fastest entry of bodies bound to the Sun, km/s.
SPEED_RANGE = (11.2, 72.8)
#: Distance of meteors straight below the ISS, km.
DISTANCE_KM = 300.0
#: Meteors appear up to this far outside the focal surface, pixels.
MARGIN_PX = 3.0
#: Instants per frame that are averaged: the fastest meteor moves 0.7 pixels in a frame.
METEOR_STEPS = 6
#: A hit pixel peaks at 4 σ; it is lit while it reaches 1 σ.
HIT_SIGMA, FRAME_SIGMA = 4.0, 1.0


@dataclass(frozen=True, eq=False)
class Population:
    """Meteors as they are, seen or not; arrays of shape (n,).

    Attributes
    ----------
    magnitude, speed_km_s, zenith_deg, azimuth_deg : ndarray
        Absolute magnitude at the peak, entry speed, zenith angle, and direction of the meteor's own motion over the focal
        surface, atan2(dy, dx).
    sources : Sources
        Their light: apparent motion includes that of the ISS.
    """

    magnitude: np.ndarray
    speed_km_s: np.ndarray
    zenith_deg: np.ndarray
    azimuth_deg: np.ndarray
    sources: Sources

    def __len__(self) -> int:
        return len(self.magnitude)


def draw_meteors(n: int, world: World, sky: Sky, camera: Camera, n_frames: int, rng: np.random.Generator) -> Population:
    """Draw meteors over and around the field of view of a session, however faint.

    Parameters
    ----------
    n : int
    world : World
    sky : Sky
    camera : Camera
    n_frames : int
    rng : Generator

    Returns
    -------
    Population
        Peaks at any time within the session; p(z) ∝ sin z cos z; light falls as distance squared.
    """
    magnitude = FAINTEST_MAG + np.log(rng.random(n)) / np.log(world.population_index)
    speed = _draw_speeds(n, world, rng)
    zenith = np.arcsin(np.sqrt(rng.random(n)) * np.sin(np.radians(world.greatest_zenith_deg)))
    azimuth = rng.uniform(-np.pi, np.pi, n)
    y, x = rng.uniform(-0.5 - MARGIN_PX, camera.width - 0.5 + MARGIN_PX, (2, n))
    across = speed * np.sin(zenith) / METEOR_KM_PX * FRAME_S
    yaw = np.radians(sky.yaw_deg)
    vy = across * np.sin(azimuth) + METEOR_DRIFT_PX * np.sin(yaw)
    vx = across * np.cos(azimuth) + METEOR_DRIFT_PX * np.cos(yaw)
    extent = world.extent_km * np.exp(world.extent_spread * rng.standard_normal(n))
    fwhm = extent / (speed * np.cos(zenith)) / FRAME_S
    rise = np.clip(world.rise_share[0] + world.rise_share[1] * rng.standard_normal(n), 0.1, 0.9)
    away = np.hypot(y - (camera.width - 1) / 2, x - (camera.width - 1) / 2) * METEOR_KM_PX / DISTANCE_KM
    light = world.counts_at_zero * 10 ** (-0.4 * magnitude) / (1 + away**2)
    halves = (2 * fwhm * SIGMA_PER_FWHM * rise, 2 * fwhm * SIGMA_PER_FWHM * (1 - rise))
    t = rng.uniform(0, n_frames, n)
    sources = Sources(t, y, x, vy, vx, light, *halves, np.full(n, camera.psf_px), np.full(n, -1))
    return Population(magnitude, speed, np.degrees(zenith), np.degrees(azimuth), sources)


def _draw_speeds(n: int, world: World, rng: np.random.Generator) -> np.ndarray:
    from scipy.stats import truncnorm  # slow to import

    share, mean, width = np.array(world.speeds).T
    kind = rng.choice(len(share), n, p=share / share.sum())
    low, high = ((bound - mean[kind]) / width[kind] for bound in SPEED_RANGE)
    return truncnorm.rvs(low, high, loc=mean[kind], scale=width[kind], random_state=rng) if n else np.zeros(0)


def least_light(response: np.ndarray, sky: Sky) -> np.ndarray:
    """Light that makes a signal of 1 σ in a pixel on the darkest part of a sky: a lower bound, counts per GTU; any shape."""
    return np.sqrt(0.5 * (sky.airglow + sky.moon) / GTU_PER_FRAME / np.maximum(response, 1e-9))


def may_be_hit(population: Population, camera: Camera, sky: Sky) -> np.ndarray:
    """Meteors that may leave a hit pixel on this sky, a generous choice: bool, (n,)."""
    peak = population.sources.light * central_share(camera.psf_px) ** 2
    return peak >= HIT_SIGMA * least_light(camera.response.max(), sky)


def find_hits(population: Population, i: int, background: Background) -> np.recarray:
    """Sparse hit voxels of one meteor, from its noiseless signal.

    Parameters
    ----------
    population : Population
    i : int
        Which meteor.
    background : Background
        Sky of the session.

    Returns
    -------
    recarray of shape (n_voxels,)
        ``t``, ``y``, ``x``, ``counts`` (signal, counts per GTU), ``snr`` (signal / σ of the frame without the meteor). Empty if
        no pixel peaks at 4 σ.
    """
    camera = background.camera
    start, light = _lit(population.sources.take([i]), camera, background.n_frames)
    least = least_light(camera.response, background.sky)
    bright = light >= least
    if not (light >= HIT_SIGMA * least).any():
        return _voxels(np.zeros((3, 0), int), np.zeros(0), np.zeros(0))
    # on to the part that can be above 1 σ: computing the sky takes longest
    places = [np.flatnonzero(bright.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    time, rows, columns = (slice(int(place[0]), int(place[-1]) + 1) for place in places)
    light, part = light[time, rows, columns], (rows, columns)
    first, n_frames = start + time.start, len(light)
    still, extra = background.light(first, n_frames, part), background.extra(first, n_frames, part)
    mean = camera.record(still, extra, part)
    signal = camera.record(still + light, extra, part) - mean
    snr = np.divide(signal, noise(mean), out=np.zeros_like(signal), where=signal > 0)
    voxels = np.nonzero(hits(signal, snr))
    corner = np.array([[first], [rows.start], [columns.start]])
    return _voxels(np.stack(voxels) + corner, signal[voxels], snr[voxels])


def _lit(source: Sources, camera: Camera, n_frames: int) -> tuple[int, np.ndarray]:
    """First frame of a session in which one meteor shines, and its light from then on: (n, 48, 48), maybe no frames."""
    first, last = (float(end[0]) for end in source.span(camera.width))
    start = max(int(first), 0)
    n = max(min(int(last) + 1, n_frames) - start, 0) if last > first else 0
    return start, render(source, camera, start, n, METEOR_STEPS)


def hits(signal: np.ndarray, snr: np.ndarray) -> np.ndarray:
    """Hit voxels: in pixels whose noiseless signal peaks at 4 σ or more, the unbroken run of frames at 1 σ or more about the peak.

    Parameters
    ----------
    signal, snr : ndarray of shape (n_frames, height, width), counts per GTU and ratio
        Noiseless signal, and its ratio to the noise of that pixel and frame.

    Returns
    -------
    ndarray of the same shape, bool
    """
    peak = signal.argmax(axis=0)
    hit_pixel = np.take_along_axis(snr, peak[None], axis=0)[0] >= HIT_SIGMA
    frame = np.arange(len(signal))[:, None, None]
    weak = snr < FRAME_SIGMA
    before = np.where(weak & (frame < peak), frame, -1).max(axis=0)
    after = np.where(weak & (frame > peak), frame, len(signal)).min(axis=0)
    return hit_pixel & (frame > before) & (frame < after)


def _voxels(place: np.ndarray, counts: np.ndarray, snr: np.ndarray) -> np.recarray:
    kinds = [("t", int), ("y", int), ("x", int), ("counts", counts.dtype), ("snr", snr.dtype)]
    return np.rec.fromarrays([*place, counts, snr], dtype=kinds)


def summary(population: Population, i: int, voxels: np.recarray, gap_px: float) -> dict[str, float]:
    """One row of ``Truth.meteors``, without its number; ``voxels`` as :func:`find_hits` gives them, at least one."""
    source = population.sources
    brightest = voxels[int(voxels.counts.argmax())]
    return {
        "t_first": int(voxels.t.min()),
        "t_peak": int(brightest.t),
        "t_last": int(voxels.t.max()),
        "y": int(brightest.y),
        "x": int(brightest.x),
        "y_centre": float(from_focal(source.y[i], gap_px)),
        "x_centre": float(from_focal(source.x[i], gap_px)),
        "magnitude": float(population.magnitude[i]),
        "speed_km_s": float(population.speed_km_s[i]),
        "zenith_deg": float(population.zenith_deg[i]),
        "azimuth_deg": float(population.azimuth_deg[i]),
        "direction_deg": float(np.degrees(np.arctan2(source.vy[i], source.vx[i]))),
        "speed_px": float(np.hypot(source.vy[i], source.vx[i])),
        "amplitude": float(brightest.counts),
        "snr": float(brightest.snr),
        "n_pixels": len(set(zip(voxels.y.tolist(), voxels.x.tolist(), strict=True))),
        "n_lit_frames": len(np.unique(voxels.t)),
    }
