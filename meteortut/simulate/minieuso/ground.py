"""What lies below and drifts through: airglow, clouds, land and sea, cities."""

from __future__ import annotations

import numpy as np

from meteortut.focal import GROUND_DRIFT_PX, METEOR_DRIFT_PX
from meteortut.simulate.minieuso.camera import Camera
from meteortut.simulate.minieuso.skies import Sky
from meteortut.simulate.minieuso.sources import Sources, steady
from meteortut.simulate.minieuso.worlds import Range, World
from meteortut.simulate.shared import log_uniform

#: Plane waves that make up a texture.
N_WAVES = 64
#: Textures are computed every so many frames and interpolated; they move a tenth of a pixel meanwhile.
TEXTURE_STEP = 2
#: What clouds leave of a city is computed every so many frames and interpolated.
DIMMING_FRAMES = 64


class Texture:
    """A random field that drifts without changing, standard normal at each point.

    A sum of plane waves with wavelengths drawn log-uniformly and a power-law spectrum (random Fourier features), so that it
    can be computed at any time and place alone.

    Parameters
    ----------
    spectrum : float
        Power ∝ k^−spectrum in two dimensions.
    waves_px : (low, high), focal pixels
    drift : (vy, vx), focal pixels per frame
    blur_px : float
        Standard deviation of the point spread, which damps short waves.
    rng : Generator
    """

    def __init__(
        self, spectrum: float, waves_px: Range, drift: tuple[float, float], blur_px: float, rng: np.random.Generator
    ) -> None:
        number = 2 * np.pi / log_uniform(waves_px, N_WAVES, rng)
        angle, phase = rng.uniform(0, 2 * np.pi, (2, N_WAVES))
        self.ky, self.kx = number * np.sin(angle), number * np.cos(angle)
        size = number ** (1 - spectrum / 2)  # power per ln k is k² P(k)
        size *= np.sqrt(2 / np.sum(size**2)) * np.exp(-0.5 * (number * blur_px) ** 2)
        self.size, self.phase = size, phase
        self.rate = self.ky * drift[0] + self.kx * drift[1]

    def on_grid(self, time: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Values at times (n,), frames, on rows y (h,) and columns x (w,), focal pixels: (n, h, w), float32."""
        wave = self.size * np.exp(1j * (self.phase - np.multiply.outer(time, self.rate)))
        rows = np.exp(1j * np.multiply.outer(y, self.ky)).astype(np.complex64)
        columns = np.exp(1j * np.multiply.outer(self.kx, x)).astype(np.complex64)
        left = wave.astype(np.complex64)[:, None, :] * rows
        left = np.concatenate([left.real, left.imag], axis=-1).reshape(-1, 2 * N_WAVES)
        right = np.concatenate([columns.real, -columns.imag])
        return (left @ right).reshape(len(time), len(y), len(x))

    def at(self, time: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Values at single points: times, y and x of the same shape, frames and focal pixels; that shape."""
        phase = np.multiply.outer(y, self.ky) + np.multiply.outer(x, self.kx) - np.multiply.outer(time, self.rate)
        return np.cos(phase + self.phase) @ self.size


class Ground:
    """Light of the extended scene and of cities, at any time.

    Parameters
    ----------
    world : World
    sky : Sky
    camera : Camera
    n_frames : int
        Length of the session: cities are drawn along the strip that it crosses.
    rng : Generator
    """

    def __init__(self, world: World, sky: Sky, camera: Camera, n_frames: int, rng: np.random.Generator) -> None:
        self.world, self.sky, self.camera = world, sky, camera
        yaw = np.radians(sky.yaw_deg)
        self.drift = (GROUND_DRIFT_PX * np.sin(yaw), GROUND_DRIFT_PX * np.cos(yaw))
        higher = (self.drift[0] * world.cloud_drift, self.drift[1] * world.cloud_drift)
        glow_drift = (METEOR_DRIFT_PX * np.sin(yaw), METEOR_DRIFT_PX * np.cos(yaw))
        seeds = rng.spawn(4)
        psf = camera.psf_px
        self.clouds = Texture(world.cloud_spectrum, world.cloud_waves_px, higher, psf, seeds[0])
        self.continents = Texture(world.land_spectrum, world.land_waves_px, self.drift, psf, seeds[1])
        self.airglow = Texture(3.0, world.airglow_waves_px, glow_drift, psf, seeds[2])  # long waves: any spectrum does
        self.cities = self._build_cities(n_frames, seeds[3])

    def cloud(self, texture: np.ndarray) -> np.ndarray:
        """Thickness of cloud, 0–1, from the values of its texture; the same shape."""
        return _share(texture, self.sky.cloud_cover, self.world.cloud_edge)

    def land(self, texture: np.ndarray) -> np.ndarray:
        """Share of land, 0–1, from the values of its texture; the same shape."""
        return _share(texture, self.sky.land, self.world.land_edge)

    def light(self, first: int, n_frames: int, rows: slice, columns: slice) -> np.ndarray:
        """Light of the extended scene, ndarray of shape (n_frames, n_rows, n_columns), counts per GTU at a response of 1."""
        start = first // TEXTURE_STEP
        nodes = np.arange(start, (first + n_frames - 1) // TEXTURE_STEP + 2)
        y, x = self.camera.centres[rows], self.camera.centres[columns]
        time = nodes * float(TEXTURE_STEP)
        cloud = self.cloud(self.clouds.on_grid(time, y, x))
        bare_land = self.land(self.continents.on_grid(time, y, x)) * (1 - cloud)
        glow = 1 + self.world.airglow_rms * np.clip(self.airglow.on_grid(time, y, x), -4, 4)
        world, sky = self.world, self.sky
        light = sky.airglow * glow * (1 + world.cloud_albedo * cloud + world.land_albedo * bare_land)
        if sky.moon:
            light += sky.moon * (1 + world.cloud_moon * cloud + world.land_moon * bare_land)
        place = (first + np.arange(n_frames) + 0.5) / TEXTURE_STEP - start
        node = place.astype(int)
        part = (place - node).astype(np.float32)[:, None, None]
        return light[node] + part * (light[node + 1] - light[node])

    def dimming(self, cities: Sources, first: int, n_frames: int) -> np.ndarray:
        """What cloud leaves of each city's light: (n_frames, n_cities), 0–1.

        The frames lie between two multiples of 64, where it is computed: clouds and cities move little against each other.
        """
        start = first - first % DIMMING_FRAMES
        ends = np.array([[start], [start + DIMMING_FRAMES]], float)
        after = ends - cities.t
        y, x = cities.y + cities.vy * after, cities.x + cities.vx * after
        left = 1 - self.world.cloud_opacity * self.cloud(self.clouds.at(np.broadcast_to(ends, y.shape), y, x))
        part = (first - start + np.arange(n_frames)[:, None] + 0.5) / DIMMING_FRAMES
        return left[0] * (1 - part) + left[1] * part

    def _build_cities(self, n_frames: int, rng: np.random.Generator) -> Sources:
        """Scatter cities over the land of the strip that drifts through the field of view."""
        world, camera = self.world, self.camera
        middle = (camera.width - 1) / 2
        half = camera.width / np.sqrt(2) + 12  # a corner, and large cities beyond it
        length = n_frames * GROUND_DRIFT_PX
        n = rng.poisson(self.sky.cities / 1000 * (length + 2 * half) * 2 * half)
        along, across = rng.uniform(-half - length, half, n), rng.uniform(-half, half, n)
        dy, dx = np.array(self.drift) / GROUND_DRIFT_PX
        y, x = middle + along * dy + across * dx, middle + along * dx - across * dy  # at instant 0
        low, high = (bound**-world.city_slope for bound in world.city_counts)
        light = rng.uniform(high, low, n) ** (-1 / world.city_slope)
        sigma = np.hypot(camera.psf_px, world.city_size_px * light**world.city_growth)
        on_land = rng.random(n) < self.land(self.continents.at(np.zeros(n), y, x))
        t = -along / GROUND_DRIFT_PX  # passes the middle
        y, x = y + self.drift[0] * t, x + self.drift[1] * t
        vy, vx = (np.full(n, speed) for speed in self.drift)
        cities = Sources(t, y, x, vy, vx, light, steady(n), steady(n), sigma, np.full(n, -1)).take(on_land)
        first, last = cities.span(camera.width)
        return cities.take((last > np.maximum(first, 0)) & (first < n_frames))


def _share(texture: np.ndarray, share: float, edge: float) -> np.ndarray:
    """Smooth step of a standard normal field that leaves about this share of it near 1."""
    if share <= 0 or share >= 1:
        return np.full_like(texture, float(share >= 1))
    from scipy.special import ndtri  # slow to import

    return 0.5 * (1 + np.tanh((texture + np.float32(ndtri(share))) / np.float32(edge)))
