"""What stands before the sky: clouds that drift, obstacles that creep in, light that does not belong there."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage, special

from meteortut.simulate.scmos.worlds import World

#: Clouds are drawn on a grid that is coarser by this factor.
COARSE = 4


def texture(shape: tuple[int, int], exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Random texture without seams, of power spectrum ∝ k^−exponent.

    Parameters
    ----------
    shape : (height, width)
    exponent : float
        2.6 is rough, 4 smooth.
    rng : Generator

    Returns
    -------
    ndarray of shape (height, width)
        Mean 0, standard deviation 1.
    """
    k = np.hypot(fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])[None, :])
    k[0, 0] = np.inf
    noise = fft.irfft2(fft.rfft2(rng.standard_normal(shape)) * k ** (-exponent / 2), s=shape)
    return (noise - noise.mean()) / noise.std()


class Clouds:
    """A deck of clouds that drifts over the frame at constant speed.

    Parameters
    ----------
    shape : (height, width)
        Of the frame, pixels.
    world : World
    rng : Generator
    """

    def __init__(self, shape: tuple[int, int], world: World, rng: np.random.Generator) -> None:
        self.shape = shape
        size = tuple(2 * -(-n // COARSE) for n in shape)
        self._thickness = np.exp(0.6 * texture((size[0], size[1]), world.cloud_slope, rng))
        speed, angle = rng.uniform(*world.cloud_drift_px), rng.uniform(0, 2 * np.pi)
        self._speed = speed / COARSE * np.array([np.sin(angle), np.cos(angle)])
        self.glow = float(rng.uniform(*world.cloud_glow))

    def transmission(self, frame: int, mean: float) -> np.ndarray:
        """Transmission over one frame.

        Parameters
        ----------
        frame : int
            Number of the frame, which says how far the deck has drifted.
        mean : float in (0, 1]
            Mean transmission over the frame; the optical depth, proportional to the deck's thickness, is chosen to give it.

        Returns
        -------
        ndarray of shape (height, width), float32
        """
        if mean >= 1:
            return np.ones(self.shape, np.float32)
        rows, columns = (-(-n // COARSE) + 1 for n in self.shape)
        origin = frame * self._speed
        whole = np.floor(origin).astype(int)
        patch = np.take(self._thickness, whole[0] + np.arange(rows + 1), axis=0, mode="wrap")
        patch = np.take(patch, whole[1] + np.arange(columns + 1), axis=1, mode="wrap")
        fy, fx = origin - whole
        patch = (1 - fy) * patch[:-1] + fy * patch[1:]
        patch = (1 - fx) * patch[:, :-1] + fx * patch[:, 1:]
        fine = _enlarged(patch, self.shape)
        low, high = 0.0, 60.0
        for _ in range(22):  # the mean falls as the depth grows: halve the interval
            depth = (low + high) / 2
            low, high = (depth, high) if np.exp(-depth * fine[::4, ::4]).mean() > mean else (low, depth)
        return np.exp(-depth * fine)


class Obstacle:
    """A dome, a roof or a tree at one edge or corner of the frame, out of focus.

    Parameters
    ----------
    shape : (height, width)
        Of the frame, pixels.
    world : World
    rng : Generator
    """

    def __init__(self, shape: tuple[int, int], world: World, rng: np.random.Generator) -> None:
        y, x = np.mgrid[: shape[0], : shape[1]]
        self._edge_px = float(rng.uniform(*world.edge_px))
        skyline = texture((1, 2 * sum(shape)), 2.0, rng)[0]  # a Brownian one, but no finer than the defocus
        skyline = ndimage.gaussian_filter1d(skyline, self._edge_px, mode="wrap")
        skyline *= rng.uniform(*world.ragged) * min(shape) / skyline.std()
        angle, corner = rng.uniform(0, 2 * np.pi), rng.random() < 0.3  # a roof shows two edges three times in ten
        edges = []
        for turned in (angle, angle + 1.9) if corner else (angle,):
            along = x * np.sin(turned) - y * np.cos(turned)
            height = np.interp(along, np.arange(len(skyline)), skyline, period=len(skyline))
            edges.append(y * np.sin(turned) + x * np.cos(turned) + height)
        self._inward = np.min(edges, axis=0).astype(np.float32)
        self._sorted = np.sort(self._inward, axis=None)
        steep = np.hypot(*np.gradient(self._inward))  # over this, differences of level are distances
        self._softness = self._edge_px * np.maximum(ndimage.uniform_filter(steep, 9), 0.3).astype(np.float32)
        self.lit = float(rng.uniform(*world.lit))

    def opacity(self, share: float) -> np.ndarray:
        """Opacity over the frame, shape (height, width), float32, when this share of the pixels is more than half hidden."""
        if share <= 0:
            return np.zeros(self._inward.shape, np.float32)
        level = np.interp(share * (len(self._sorted) - 1), np.arange(len(self._sorted)), self._sorted)
        return special.ndtr((np.float32(level) - self._inward) / self._softness)


def tilt(shape: tuple[int, int], change: float, rng: np.random.Generator) -> np.ndarray:
    """Plane of mean 1 in a random direction that changes by at most ``change`` over the frame; shape (height, width), float32."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    angle = rng.uniform(0, 2 * np.pi)
    plane = (y / (shape[0] - 1) - 0.5) * np.sin(angle) + (x / (shape[1] - 1) - 0.5) * np.cos(angle)
    return (1 + change * rng.uniform(0.2, 1.0) * plane / (abs(np.sin(angle)) + abs(np.cos(angle)))).astype(np.float32)


def _enlarged(coarse: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Interpolate a coarse map linearly to a shape; float32."""
    factors = shape[0] / coarse.shape[0], shape[1] / coarse.shape[1]
    return ndimage.zoom(coarse.astype(np.float32), factors, order=1, mode="nearest")
