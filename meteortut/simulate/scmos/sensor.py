"""An sCMOS sensor: pixels of their own sensitivity, hot and telegraph pixels, noise, saturation, sixteen bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from meteortut.simulate.scmos.labels import EXPOSURE_S
from meteortut.simulate.scmos.worlds import World


@dataclass(frozen=True)
class Sensor:
    """The fixed pattern of one camera, the same in all frames of a data set.

    Attributes
    ----------
    world : World
    flat : ndarray of shape (height, width), float32
        Relative sensitivity: vignetting, dust, ripple, pixels.
    dark : ndarray of shape (height, width), float32, electrons per exposure
        Dark current, hot pixels included.
    telegraph : ndarray of shape (n,), int
        Indices of the telegraph pixels in a flattened frame.
    step : ndarray of shape (n,), float32, electrons
        Difference between the two levels of each.
    """

    world: World
    flat: np.ndarray
    dark: np.ndarray
    telegraph: np.ndarray
    step: np.ndarray

    def read(self, electrons: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Read an exposure out.

        Parameters
        ----------
        electrons : ndarray of shape (height, width), float32
            Expected electrons of the light, the flat applied; the dark current is added here.
        rng : Generator

        Returns
        -------
        ndarray of shape (height, width), uint16, ADU
            Photon noise is taken as normal: its variance is right, its slight skewness is missing.
        """
        world = self.world
        expected = electrons + self.dark
        noise = rng.standard_normal(expected.shape, dtype=np.float32)
        noise *= np.sqrt(expected + np.float32(world.read_e**2))
        noise += expected
        noise += np.float32(world.row_e) * rng.standard_normal((expected.shape[0], 1), dtype=np.float32)
        upper = rng.random(len(self.telegraph)) < world.telegraph_duty
        noise.reshape(-1)[self.telegraph] += np.where(upper, self.step, 0).astype(np.float32)
        adu = np.minimum(noise, np.float32(world.full_well_e)) / np.float32(world.gain_e_adu) + np.float32(
            world.offset_adu
        )
        return np.clip(np.rint(adu), 0, 65535).astype(np.uint16)

    def noise(self, sky_e: float) -> float:
        """Standard deviation of an empty, ordinary pixel that collects ``sky_e`` electrons of sky, electrons."""
        world = self.world
        return float(np.sqrt(sky_e + world.dark_e_s * EXPOSURE_S + world.read_e**2))


def draw_sensor(shape: tuple[int, int], world: World, rng: np.random.Generator) -> Sensor:
    """Draw a camera of a world, for frames of a shape (height, width)."""
    height, width = shape
    y, x = np.ogrid[:height, :width]
    r2 = ((y / (height - 1) - 0.5) ** 2 + (x / (width - 1) - 0.5) ** 2) / 0.5
    flat = 1 - world.vignetting * r2
    ripple = ndimage.zoom(rng.standard_normal((6, 6)), (height / 6, width / 6), order=3)
    flat *= 1 + world.prnu * (0.5 * ripple + rng.standard_normal(shape))
    for _ in range(rng.poisson(world.dust)):
        at = np.hypot(y - rng.uniform(0, height), x - rng.uniform(0, width))
        radius = rng.uniform(6, 16)
        flat *= 1 - rng.uniform(0.01, 0.04) * np.exp(-(((at - 0.7 * radius) / (0.25 * radius)) ** 2))
    hot = rng.random(shape) < world.hot_share
    dark = world.dark_e_s + np.where(hot, rng.exponential(world.hot_e_s, shape), 0)
    telegraph = np.flatnonzero(rng.random(shape) < world.telegraph_share)
    step = rng.exponential(world.telegraph_e, len(telegraph)).astype(np.float32)
    return Sensor(world, flat.astype(np.float32), (EXPOSURE_S * dark).astype(np.float32), telegraph, step)
