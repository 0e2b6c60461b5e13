"""Point spreads in Fourier space: seeing, aureole, spikes, defocus, and the path of the stars over the sensor.

Images are rendered by multiplying transforms on a grid larger than the frame: sub-pixel positions are exact, and stars
outside send their light in. Frequencies are in cycles per pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft, special

#: The grid reaches this far beyond the frame on each side, pixels; what leaves the grid comes back at its other side.
MARGIN_PX = 48
#: From this frequency (cycles per pixel) on, transforms are tapered to nothing, or sharp stars would ring along rows and columns.
TAPER = 0.38


@dataclass(frozen=True)
class Grid:
    """The grid of a frame.

    Attributes
    ----------
    shape : (height, width)
        Of the frame, pixels.
    """

    shape: tuple[int, int]

    @cached_property
    def size(self) -> tuple[int, int]:
        """Height and width of the grid, pixels."""
        height, width = (int(fft.next_fast_len(n + 2 * MARGIN_PX, real=True)) for n in self.shape)
        return height, width

    @cached_property
    def frequency(self) -> tuple[np.ndarray, np.ndarray]:
        """Frequencies along y, shape (size[0], 1), and x, shape (1, size[1] // 2 + 1), cycles per pixel."""
        return fft.fftfreq(self.size[0])[:, None], fft.rfftfreq(self.size[1])[None, :]

    @cached_property
    def radial(self) -> np.ndarray:
        """Absolute frequency, shape (size[0], size[1] // 2 + 1), cycles per pixel."""
        return np.hypot(*self.frequency)

    @cached_property
    def pixel(self) -> np.ndarray:
        """Transform of a square pixel, tapered near the highest frequencies; shape as `radial`, float32."""
        ky, kx = self.frequency
        taper = [np.cos(np.pi / 2 * np.clip((np.abs(k) - TAPER) / (0.5 - TAPER), 0, 1)) ** 2 for k in (ky, kx)]
        return (np.sinc(ky) * np.sinc(kx) * taper[0] * taper[1]).astype(np.float32)

    def points(self, y: np.ndarray, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Transform of points.

        Parameters
        ----------
        y, x : ndarray of shape (n,), pixels
            Positions; for stars in the grid's own coordinates, for a path relative to the pointing.
        weight : ndarray of shape (n,)
            Light of each point.

        Returns
        -------
        ndarray of shape (size[0], size[1] // 2 + 1), complex64
        """
        ky, kx = self.frequency
        rows = np.exp(-2j * np.pi * ky * y[None, :]).astype(np.complex64)
        columns = (np.exp(-2j * np.pi * kx.T * x[None, :]) * weight[None, :]).astype(np.complex64)
        return rows @ columns.T

    def image(self, transform: np.ndarray) -> np.ndarray:
        """Frame of shape (height, width), float32, not negative, of a transform of shape (size[0], size[1] // 2 + 1)."""
        whole = fft.irfft2(transform, s=self.size, overwrite_x=True)
        height, width = self.shape
        return np.maximum(whole[MARGIN_PX : MARGIN_PX + height, MARGIN_PX : MARGIN_PX + width], 0)


def moffat(radial: np.ndarray, fwhm_px: float, exponent: float) -> np.ndarray:
    """Transform of a Moffat profile of unit light.

    Parameters
    ----------
    radial : ndarray, cycles per pixel
        Absolute frequencies.
    fwhm_px, exponent : float
        Full width at half maximum, and β > 1 in (1 + r²/α²)^−β (Moffat 1969, A&A 3, 455).

    Returns
    -------
    ndarray of the shape of ``radial``, float32
        2 (x/2)^(β−1) K_{β−1}(x) / Γ(β−1) with x = 2π α k, read from a table of 2000 entries.
    """
    alpha = fwhm_px / (2 * np.sqrt(2 ** (1 / exponent) - 1))
    x = np.linspace(1e-6, 2 * np.pi * alpha * 0.75, 2000)
    order = exponent - 1
    table = 2 * (x / 2) ** order * special.kv(order, x) / special.gamma(order)
    return np.interp(2 * np.pi * alpha * radial, x, table).astype(np.float32)


def annulus(radial: np.ndarray, radius_px: float, hole: float) -> np.ndarray:
    """Transform of an evenly lit disc of unit light with a round hole, as a star far out of focus looks.

    Parameters
    ----------
    radial : ndarray, cycles per pixel
    radius_px : float
        Outer radius; 0 gives a point.
    hole : float in [0, 1)
        Inner radius over the outer.

    Returns
    -------
    ndarray of the shape of ``radial``, float32
    """

    def disc(radius: float) -> np.ndarray:
        x = np.maximum(2 * np.pi * radius * radial, 1e-9)
        return 2 * special.j1(x) / x

    return ((disc(radius_px) - hole**2 * disc(hole * radius_px)) / (1 - hole**2)).astype(np.float32)


def spikes(grid: Grid, length_px: float, angle_rad: float) -> np.ndarray:
    """Transform of a cross of two fading lines of unit light, 1.5 pixels wide, as the vanes of a secondary mirror make it.

    Parameters
    ----------
    grid : Grid
    length_px : float
        Light falls by e over this length.
    angle_rad : float
        Of one line, from the x axis.

    Returns
    -------
    ndarray of the shape of ``grid.radial``, float32
    """
    ky, kx = grid.frequency
    across = np.exp(-2 * (np.pi * 0.64 * grid.radial) ** 2)  # 1.5 pixels wide at half maximum
    lines = 0.0
    for angle in (angle_rad, angle_rad + np.pi / 2):
        along = 2 * np.pi * length_px * (kx * np.cos(angle) + ky * np.sin(angle))
        lines = lines + 1 / (1 + along**2)  # transform of exp(−|u| / length)
    return (0.5 * across * lines).astype(np.float32)
