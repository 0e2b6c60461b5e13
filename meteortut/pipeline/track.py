"""What a fit tells of a moving light: its parameters, their errors, and the voxels that it lights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meteortut.focal import from_focal
from meteortut.pipeline.fisher import motion_errors
from meteortut.pipeline.track_model import MovingLight


@dataclass(frozen=True, eq=False)
class Track:
    """The most likely moving light at a place.

    Attributes
    ----------
    light : MovingLight
        Its parameters, positions on the focal surface.
    covariance : ndarray of shape (9, 9)
        Of t, y, x, vy, vx, light, ln rise, ln fall, ln size (frames, focal pixels, counts per GTU); times chi2 where that is
        above 1. Infinite when the data do not tell.
    snr : float
        Noiseless signal of the brightest voxel in units of a quiet pixel's noise, as the truth has it.
    track_snr : float
        Significance of all voxels together: root of the sum of their squared noiseless signal over noise, lines and scenery taken
        away; a restless pixel, where a town drifts by, counts as a noisy one.
    chi2 : float
        Sum of squared residuals per degree of freedom, about 1 for a good fit.
    brightest : (int, int, int)
        Voxel (t, y, x) with the highest noiseless signal, in counts.
    voxels : ndarray of int of shape (n, 3)
        Lit voxels of hit pixels, (t, y, x): where the fitted light peaks at 4 σ of a quiet pixel or more, frames at 1 σ or more.
        Maybe none.
    converged : bool
        Whether the optimiser ended at a minimum inside the bounds of time and place, and the covariance is finite.
    gap : float
        Gap between tubes, pixels.
    """

    light: MovingLight
    covariance: np.ndarray
    snr: float
    track_snr: float
    chi2: float
    brightest: tuple[int, int, int]
    voxels: np.ndarray
    converged: bool
    gap: float = 1.0

    @property
    def errors(self) -> tuple[float, float]:
        """Standard deviations of apparent speed (focal pixels per frame) and direction (degrees)."""
        return motion_errors(self.light, self.covariance)

    @property
    def pixel(self) -> tuple[float, float]:
        """Place at the peak, array pixels (y, x)."""
        return float(from_focal(self.light.y, self.gap)), float(from_focal(self.light.x, self.gap))
