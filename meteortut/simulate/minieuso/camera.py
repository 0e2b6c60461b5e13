"""The focal surface: 6 × 6 tubes with gaps between them, their uneven response, and what they make of light."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from meteortut.focal import GTU_PER_FRAME, N_TUBES, SIDE, SIGMA_PER_FWHM, TUBE, to_focal
from meteortut.simulate.minieuso.worlds import World
from meteortut.simulate.shared import log_uniform

#: Values worked on at a time, so that they stay in the processor's cache.
_CACHED = 32_768


@dataclass(frozen=True, eq=False)
class Camera:
    """The one camera of a world.

    Attributes
    ----------
    gap_px, psf_px, dead_time_gtu : float
        Gap between tubes and standard deviation of the point spread, focal pixels; dead time after a count, GTU.
    response : ndarray of shape (48, 48), float32
        Counts per unit of light, axes (y, x): tube × pixel × vignetting; 0 where dead.
    offset : ndarray of shape (48, 48), float32, counts per GTU
        Of hot pixels.
    hot : ndarray of shape (n_hot, 2), int
        Their (y, x).
    step : ndarray of shape (n_hot,), counts per GTU
        Of their telegraph noise.
    dwell : ndarray of shape (n_hot,), frames
        Mean length of its states.
    """

    gap_px: float
    psf_px: float
    dead_time_gtu: float
    response: np.ndarray
    offset: np.ndarray
    hot: np.ndarray
    step: np.ndarray
    dwell: np.ndarray

    @property
    def width(self) -> float:
        """Side of the focal surface with its gaps, focal pixels; it spans −0.5 … width − 0.5."""
        return SIDE + (N_TUBES - 1) * self.gap_px

    @property
    def centres(self) -> np.ndarray:
        """Centres of the 48 pixels of a side, focal pixels, (48,)."""
        return to_focal(np.arange(SIDE), self.gap_px)

    def shares(self, position: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        """Light of blurred points that each pixel of a row (or column) receives.

        Parameters
        ----------
        position : ndarray of shape (…,), focal pixels
        sigma : ndarray that broadcasts with it, focal pixels
            Standard deviation of the Gaussian.

        Returns
        -------
        ndarray of shape (…, 48), float32
            Integrals over each pixel; what falls into gaps is lost.
        """
        tubes = np.arange(N_TUBES)[:, None] * (TUBE + self.gap_px)
        edges = (tubes + np.arange(TUBE + 1) - 0.5).astype(np.float32)
        scale = np.broadcast_to(np.sqrt(0.5) / sigma, position.shape)[..., None, None].astype(np.float32)
        reached = half_erf((edges - position[..., None, None].astype(np.float32)) * scale)
        return (reached[..., 1:] - reached[..., :-1]).reshape(*position.shape, SIDE)

    def record(self, light: np.ndarray, extra: np.ndarray | float = 0.0, part: tuple = np.s_[:, :]) -> np.ndarray:
        """Mean counts that light gives: response, hot pixels, pile-up.

        Parameters
        ----------
        light : ndarray of shape (n_frames, height, width), counts per GTU at a response of 1
        extra : ndarray of the same shape, counts per GTU
            Counts that do not come from light.
        part : (slice, slice)
            Which rows and columns of the focal surface these are.

        Returns
        -------
        ndarray of shape (n_frames, height, width), counts per GTU
        """
        counts = light * self.response[part] + self.offset[part] + extra
        return counts / (1 + self.dead_time_gtu * counts)


def half_erf(values: np.ndarray) -> np.ndarray:
    """Half the error function, good to 1e-6 (Abramowitz & Stegun 7.1.26); any shape, float32.

    SciPy's takes eight times as long, and cities would take most of a session's time.
    """
    result = np.empty(values.shape, np.float32)
    flat, out = np.ascontiguousarray(values).reshape(-1), result.reshape(-1)
    for start in range(0, len(flat), _CACHED):
        x = flat[start : start + _CACHED]
        size = np.abs(x)
        t = 1 / (1 + np.float32(0.3275911) * size)
        series = np.float32(1.061405429) * t
        for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
            series += np.float32(factor)
            series *= t
        series *= np.exp(-(size * size))
        out[start : start + _CACHED] = np.copysign(np.float32(0.5) - np.float32(0.5) * series, x)
    return result


def noise(mean: np.ndarray) -> np.ndarray:
    """Standard deviation of a frame's pixel, counts per GTU: photon counts of 16 384 GTU averaged; any shape."""
    return np.sqrt(mean / GTU_PER_FRAME)


@cache
def build_camera(world: World) -> Camera:
    """Draw a world's camera from its ``camera_seed``; the same one each time.

    Parameters
    ----------
    world : World

    Returns
    -------
    Camera
    """
    rng = np.random.default_rng(world.camera_seed)
    tubes = np.exp(world.tube_spread * rng.standard_normal((N_TUBES, N_TUBES))).repeat(TUBE, 0).repeat(TUBE, 1)
    pixels = np.exp(world.pixel_spread * rng.standard_normal((SIDE, SIDE)))
    away = (np.arange(SIDE) - (SIDE - 1) / 2) / ((SIDE - 1) / 2)
    lens = 1 - world.vignetting * (away[:, None] ** 2 + away**2) / 2
    order = rng.permutation(SIDE * SIDE)
    n_dead = round(world.dead_share * SIDE * SIDE)
    response = (tubes * pixels * lens).ravel()
    response[order[:n_dead]] = 0.0
    hot = order[n_dead : n_dead + world.hot_pixels]
    offset = np.zeros(SIDE * SIDE)
    offset[hot] = log_uniform(world.hot_counts, len(hot), rng)
    step = log_uniform(world.telegraph_counts, len(hot), rng)
    dwell = log_uniform(world.telegraph_frames, len(hot), rng)
    camera = Camera(
        gap_px=world.gap_px,
        psf_px=world.psf_fwhm_px * SIGMA_PER_FWHM,
        dead_time_gtu=world.dead_time_gtu,
        response=response.reshape(SIDE, SIDE).astype(np.float32),
        offset=offset.reshape(SIDE, SIDE).astype(np.float32),
        hot=np.stack(np.divmod(hot, SIDE), axis=1),
        step=step,
        dwell=dwell,
    )
    for array in (camera.response, camera.offset, camera.hot, camera.step, camera.dwell):
        array.flags.writeable = False  # shared by all sessions of a world
    return camera
