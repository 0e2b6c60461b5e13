"""A meteor camera: what it is, its noise, and what is left of that noise in the maximum of 256 frames."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from scipy.ndimage import convolve1d
from scipy.special import log_ndtr, ndtri_exp

from meteortut.simulate.sky.worlds import N_FRAMES, World

#: The codec's noise grows up to this background and no further, counts (measured, see `worlds`).
NOISE_LEVELS_OFF = 45.0
#: Frames from one key frame of the codec to the next, and the share of maxima that fall on key frames beyond chance; both measured.
KEY_PERIOD, KEY_SHARE = 50, 0.015
#: Share of pixels that take their MAXFRAME with their whole block, by the side of the block in pixels: so that neighbours share it
#: as often as measured (0.11, 0.05, 0.02, 0.01 at 1, 2, 4, 8 pixels).
SHARED_MAXFRAME = {4: 0.33, 8: 0.16}
#: Share of smooth noise in the grain, and in the fixed pattern: neighbours correlate by 0.5 and 0.7, second ones by 0.24 and 0.38
#: (measured on MAXPIXEL - AVEPIXEL, and on AVEPIXEL).
GRAIN_COARSE, PATTERN_COARSE = 0.4, 0.75
_GRID = np.linspace(-6, 6, 1201)


@dataclass(frozen=True)
class Camera:
    """One camera on one night: values drawn from the `World`'s ranges of the same names, and the sky's counts."""

    arcmin_per_px: float
    gradient: float
    vignetting: float
    noise_at_40: float
    noise_power: float
    raggedness: float
    noise_spread: float
    effective_frames: float
    codec_share: float
    pattern_counts: float
    psf_px: float
    wing: float
    stars_per_mpx: float
    scintillation: float
    hot_per_mpx: float
    cloud_drift_px: float
    moon_px: float
    elevation_deg: float
    saturation: float
    sky_counts: float
    block_px: int

    def noise(self, background: np.ndarray) -> np.ndarray:
        """Standard deviation of one frame's noise, averaged over places; counts of background to counts, any shape."""
        level = np.clip(background, 1.0, NOISE_LEVELS_OFF) / 40
        return self.noise_at_40 * level**self.noise_power

    @property
    def mean_maximum(self) -> float:
        """Mean of the maximum of the noise of all frames, in units of `noise`."""
        return moments_of_maximum(self.effective_frames)[0]

    @property
    def scatter_of_maximum(self) -> float:
        """Standard deviation of that maximum from pixel to pixel, in units of `noise`."""
        mean, deviation = moments_of_maximum(self.effective_frames)
        return float(np.sqrt(np.exp(self.noise_spread**2) * (mean**2 + deviation**2) - mean**2))


def draw_camera(world: World, rng: np.random.Generator) -> Camera:
    """Draw a camera of a world, and how bright its sky is."""
    names = [field.name for field in fields(Camera) if field.name not in ("sky_counts", "block_px")]
    values = {name: float(rng.uniform(*getattr(world, name))) for name in names}
    bounds = world.twilight_counts if rng.random() < world.twilight else world.sky_counts
    return Camera(**values, sky_counts=float(np.exp(rng.uniform(*np.log(bounds)))), block_px=world.block_px)


def maximum_of_normals(normal: np.ndarray, n: float) -> np.ndarray:
    """Turn standard normal numbers into maxima of n standard normal numbers, rank by rank.

    Parameters
    ----------
    normal : ndarray of any shape
        Standard normal, possibly correlated with each other.
    n : float
        Numbers of which each is the maximum, at least 1; need not be whole.

    Returns
    -------
    ndarray of the same shape
        If F is the normal distribution's, the maximum of n has F^n; u = F(normal) becomes that one's quantile F⁻¹(u^(1/n)). Exact
        up to interpolation in a table.

    Raises
    ------
    ValueError
        If ``n`` is below 1.
    """
    if not n >= 1:
        raise ValueError(f"n is {n}; expected at least 1 number to take the maximum of.")
    return np.interp(normal, _GRID, _quantiles(n))


@lru_cache(maxsize=64)
def _quantiles(n: float) -> np.ndarray:
    return np.asarray(ndtri_exp(log_ndtr(_GRID) / n))


@lru_cache(maxsize=64)
def moments_of_maximum(n: float) -> tuple[float, float]:
    """Mean and standard deviation of the maximum of ``n`` standard normal numbers."""
    weight = np.exp(-(_GRID**2) / 2)
    weight /= weight.sum()
    mean = float(weight @ _quantiles(n))
    return mean, float(np.sqrt(weight @ (_quantiles(n) - mean) ** 2))


def codec_noise(shape: tuple[int, int], block_px: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Draw noise as a block-transform codec leaves it: coarse cosines in blocks, and grain of two scales.

    Parameters
    ----------
    shape : (n_rows, n_columns)
        At least 2 × 2.
    block_px : int
        Side of the transform, pixels.
    share : float in [0, 1]
        Share of the variance that comes in cosines.
    rng : Generator

    Returns
    -------
    ndarray of shape (n_rows, n_columns), float32
        Mean near 0; standard deviation over the image 1.
    """
    rows, columns = (-(-side // block_px) for side in shape)
    basis, weight = _cosines(block_px)
    coefficients = rng.standard_normal((rows, columns, block_px, block_px), dtype=np.float32) * weight
    blocks = (basis @ coefficients @ basis.T).swapaxes(1, 2).reshape(rows * block_px, columns * block_px)
    patterns = smoothed(blocks[: shape[0], : shape[1]], 0.2)  # the codec's filter against visible blocks
    grain = two_scales(shape, GRAIN_COARSE, rng)
    noise = np.sqrt(share) * patterns / patterns.std() + np.sqrt(1 - share) * grain
    return noise / noise.std()


def two_scales(shape: tuple[int, int], coarse_share: float, rng: np.random.Generator) -> np.ndarray:
    """Draw noise, a share of its variance smooth over three pixels, the rest nearly white; of the shape, float32, deviation 1."""
    fine = smoothed(rng.standard_normal(shape, dtype=np.float32), 0.1)
    coarse = smoothed(smoothed(rng.standard_normal(shape, dtype=np.float32), 0.33), 0.33)
    noise = np.sqrt(1 - coarse_share) * fine / fine.std() + np.sqrt(coarse_share) * coarse / coarse.std()
    return noise / noise.std()


@lru_cache(maxsize=4)
def _cosines(block_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines by column (block_px, block_px), and how strong each pair of them is, falling with its frequency."""
    k = np.arange(block_px)
    basis = np.cos(np.pi * (k[:, None] + 0.5) * k / block_px)
    basis /= np.linalg.norm(basis, axis=0)
    return basis.astype(np.float32), (1.0 / (1 + k[:, None] + k)).astype(np.float32)


def smoothed(image: np.ndarray, give: float) -> np.ndarray:
    """Let each pixel give the share ``give`` to each neighbour, along rows and then along columns; the image's shape and unit."""
    weights = [give, 1 - 2 * give, give]
    return convolve1d(convolve1d(image, weights, axis=0), weights, axis=1)


def frames_of_noise(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw the frame in which each pixel's noise is greatest; ndarray of shape (n_rows, n_columns), int, 0 to 255.

    Blocks of pixels share it, and key frames have it more often than others, as on real FF files.
    """
    frames = _any_frame(shape, int(rng.integers(KEY_PERIOD)), rng)
    for side, share in SHARED_MAXFRAME.items():
        coarse = _any_frame((-(-shape[0] // side), -(-shape[1] // side)), int(rng.integers(KEY_PERIOD)), rng)
        with_block = np.repeat(np.repeat(coarse, side, axis=0), side, axis=1)[: shape[0], : shape[1]]
        frames = np.where(rng.random(shape) < share, with_block, frames)
    return frames


def _any_frame(shape: tuple[int, int], first_key: int, rng: np.random.Generator) -> np.ndarray:
    keys = np.arange(first_key, N_FRAMES, KEY_PERIOD)
    return np.where(rng.random(shape) < KEY_SHARE, rng.choice(keys, shape), rng.integers(N_FRAMES, size=shape))
