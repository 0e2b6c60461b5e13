"""Everything but meteors, without noise: any stretch of a session, any part of the focal surface, at any time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from meteortut.focal import SIDE
from meteortut.simulate.minieuso.camera import Camera, build_camera
from meteortut.simulate.minieuso.ground import DIMMING_FRAMES, Ground
from meteortut.simulate.minieuso.skies import Sky
from meteortut.simulate.minieuso.sources import REACH, Sources, render
from meteortut.simulate.minieuso.transients import describe, draw_transients
from meteortut.simulate.minieuso.worlds import World

#: Instants per frame that are averaged for what drifts with the ground, and for what flashes.
CITY_STEPS, FLASH_STEPS = 1, 4


class Background:
    """The sky of one session without its meteors.

    Parameters
    ----------
    world : World
    sky : Sky
    n_frames : int
    rng : Generator

    Attributes
    ----------
    camera : Camera
    transients : Sources
        What flashes or moves.
    kinds : ndarray of shape (n_transients,), str
        What each of them is.
    """

    def __init__(self, world: World, sky: Sky, n_frames: int, rng: np.random.Generator) -> None:
        self.n_frames, self.sky = n_frames, sky
        self.camera = build_camera(world)
        seeds = rng.spawn(3)
        self.ground = Ground(world, sky, self.camera, n_frames, seeds[0])
        self.transients, self.kinds, self._event = draw_transients(world, sky, self.camera, n_frames, seeds[1])
        self._switches = [_switches(dwell, n_frames, seeds[2]) for dwell in self.camera.dwell]
        self._city_span = self.ground.cities.span(self.camera.width)
        self._span = self.transients.span(self.camera.width)

    def light(self, first: int, n_frames: int, part: tuple[slice, slice] = np.s_[:, :]) -> np.ndarray:
        """Light of scene, cities and transients.

        Parameters
        ----------
        first, n_frames : int
            First frame, and how many.
        part : (slice, slice)
            Rows and columns wanted.

        Returns
        -------
        ndarray of shape (n_frames, n_rows, n_columns), float32, counts per GTU at a response of 1
        """
        light = self.ground.light(first, n_frames, *part)
        start, stop = first, first + n_frames
        while start < stop:  # few frames at a time, few cities in view
            end = min(start - start % DIMMING_FRAMES + DIMMING_FRAMES, stop)
            self._add_cities(light[start - first : end - first], start, part)
            start = end
        add_each(light, self.transients, self._span, self.camera, first, part)
        return light

    def _add_cities(self, light: np.ndarray, first: int, part: tuple[slice, slice]) -> None:
        n_frames = len(light)
        cities = self.ground.cities.take(_active(self._city_span, first, n_frames))
        cities = cities.take(_near(cities, self.camera, first, n_frames, part))
        if len(cities):
            dimming = self.ground.dimming(cities, first, n_frames)
            light += render(cities, self.camera, first, n_frames, CITY_STEPS, dimming, part)

    def mean(self, first: int, n_frames: int, part: tuple[slice, slice] = np.s_[:, :]) -> np.ndarray:
        """Mean counts of each pixel: ndarray of shape (n_frames, n_rows, n_columns), float32, counts per GTU; as :meth:`light`."""
        return self.camera.record(self.light(first, n_frames, part), self.extra(first, n_frames, part), part)

    def extra(self, first: int, n_frames: int, part: tuple[slice, slice] = np.s_[:, :]) -> np.ndarray:
        """Telegraph noise of hot pixels: ndarray of shape (n_frames, n_rows, n_columns), float32, counts per GTU."""
        counts = np.zeros((n_frames, SIDE, SIDE), np.float32)
        frames = first + np.arange(n_frames)
        for (y, x), step, switches in zip(self.camera.hot, self.camera.step, self._switches, strict=True):
            counts[:, y, x] = step * (np.searchsorted(switches, frames, side="right") % 2)
        return counts[:, part[0], part[1]]

    def confusers(self) -> pd.DataFrame:
        """Table of cities and transients, a row each: see :class:`meteortut.simulate.minieuso.Truth`."""
        cities = self.ground.cities
        n = len(cities)
        return pd.concat(
            [
                describe(cities, np.repeat("city", n), np.arange(n), self.camera, self.n_frames),
                describe(self.transients, self.kinds, self._event, self.camera, self.n_frames),
            ],
            ignore_index=True,
        )


def add_each(
    light: np.ndarray,
    sources: Sources,
    span: tuple[np.ndarray, np.ndarray],
    camera: Camera,
    first: int,
    part: tuple[slice, slice] = np.s_[:, :],
    steps: int = FLASH_STEPS,
) -> None:
    """Add short-lived sources to the light of a stretch, each only while it shines.

    Parameters
    ----------
    light : ndarray of shape (n_frames, n_rows, n_columns), counts per GTU at a response of 1
        Changed in place; its first frame is ``first``.
    sources : Sources
    span : (ndarray, ndarray) of shape (n_sources,), frames
        From ``sources.span``.
    camera : Camera
    first : int
    part : (slice, slice)
        Rows and columns that ``light`` covers.
    steps : int
        Instants per frame that are averaged.
    """
    for i in np.flatnonzero(_active(span, first, len(light))):
        start = max(int(span[0][i]), first)
        stop = min(int(span[1][i]) + 1, first + len(light))
        light[start - first : stop - first] += render(sources.take([i]), camera, start, stop - start, steps, None, part)


def _active(span: tuple[np.ndarray, np.ndarray], first: int, n_frames: int) -> np.ndarray:
    return (span[1] > np.maximum(span[0], first)) & (span[0] < first + n_frames)


def _near(sources: Sources, camera: Camera, first: int, n_frames: int, part: tuple[slice, slice]) -> np.ndarray:
    """Sources whose light may fall on a part of the focal surface within a stretch of frames: bool, (n_sources,)."""
    middle, half = first + n_frames / 2, n_frames / 2
    near = np.ones(len(sources), bool)
    for place, speed, wanted in ((sources.y, sources.vy, part[0]), (sources.x, sources.vx, part[1])):
        pixels = camera.centres[wanted]
        reach = REACH * sources.sigma + np.abs(speed) * half + 0.5
        then = place + speed * (middle - sources.t)
        near &= (then > pixels[0] - reach) & (then < pixels[-1] + reach)
    return near


def _switches(dwell: float, n_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Frames at which telegraph noise switches: (n,), frames."""
    return np.cumsum(rng.exponential(dwell, int(n_frames / dwell + 6 * np.sqrt(n_frames / dwell)) + 10))
