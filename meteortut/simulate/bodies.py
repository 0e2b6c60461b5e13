"""Bodies that fall through the air: what they are, and one step of their fall."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

#: US Standard Atmosphere 1976: heights, km, and densities, kg/m³ (NOAA-S/T 76-1562, table I).
US_1976 = (
    (0, 40, 50, 60, 70, 80, 86, 90, 95, 100, 105, 110, 115, 120, 130, 140, 150),
    (
        *(1.225, 3.996e-3, 1.027e-3, 3.097e-4, 8.283e-5, 1.846e-5, 6.958e-6, 3.416e-6, 1.393e-6),
        *(5.604e-7, 2.325e-7, 9.708e-8, 4.289e-8, 2.222e-8, 8.152e-9, 3.831e-9, 2.076e-9),
    ),
)
#: Drag coefficient Γ (1, free molecular flow) times the shape factor A of a sphere.
DRAG_SHAPE = 1.21
#: A body is gone when a thousandth of its mass, a tenth of its radius, is left.
LEFT_RADIUS = 0.1


@dataclass(frozen=True)
class Bodies:
    """Meteoroids entering the air; every array has the shape (n,) unless said otherwise.

    Attributes
    ----------
    mass_kg, speed_km_s, cos_zenith, density_kg_m3, height_km : ndarray
        Mass, speed, cosine of the angle between track and vertical (0–1], bulk density, and height at time 0.
    sigma_s2_km2 : ndarray, s²/km²
        Ablation coefficient σ.
    erosion_s2_km2 : ndarray, s²/km²
        Erosion coefficient η of a body that has no core; 0 for one that does not erode.
    onset_j_m2 : ndarray, J/m²
        Energy received per cross-section at which ablation and erosion set in; until then the body is only heated and slowed.
    core : ndarray, share in [0, 1]
        Share of the mass at which erosion has ceased; until then it slackens as 1 − m_core / m (chosen).
    flare_pa, flare_share : ndarray of shape (n, n_flares), Pa and share in [0, 1]
        Dynamic pressure ρv² at which that share of the mass then left becomes grains at once; share 0 for no flare.
    grain_kg : ndarray of shape (n, n_kinds), kg
        Masses of the grains; each kind gets an equal part of what is set free (a mass distribution index of 2).
    """

    mass_kg: np.ndarray
    speed_km_s: np.ndarray
    cos_zenith: np.ndarray
    density_kg_m3: np.ndarray
    height_km: np.ndarray
    sigma_s2_km2: np.ndarray
    erosion_s2_km2: np.ndarray
    onset_j_m2: np.ndarray
    core: np.ndarray
    flare_pa: np.ndarray
    flare_share: np.ndarray
    grain_kg: np.ndarray

    def take(self, rows: np.ndarray) -> Bodies:
        """Give the bodies of these rows (an index or mask, shape (n_rows,))."""
        return Bodies(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def check_bodies(bodies: Bodies) -> None:
    """Refuse bodies with arrays of different length, or without mass, speed, density or slope (ValueError)."""
    n = np.shape(bodies.mass_kg)
    for field in fields(bodies):
        values = np.asarray(getattr(bodies, field.name))
        if values.shape[:1] != n or len(n) != 1 or not n[0]:
            raise ValueError(
                f"{field.name} has shape {values.shape}; expected one entry per mass, of which there are {n}."
            )
        if field.name in ("mass_kg", "speed_km_s", "density_kg_m3", "cos_zenith") and not (values > 0).all():
            raise ValueError(f"{field.name} has the least value {values.min()}; expected all positive.")


def fall(
    radius: np.ndarray,
    speed: np.ndarray,
    height: np.ndarray,
    cos_zenith: np.ndarray,
    density: np.ndarray,
    loss: np.ndarray,
    step: float,
    air: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Advance bodies by one Runge–Kutta step.

    Parameters
    ----------
    radius, speed, height, cos_zenith, density, loss : ndarray of shape (n,)
        m^(1/3) in kg^(1/3), m/s, m, cosine, kg/m³, and σ + η in s²/m².
    step : float, seconds
    air : tuple of two ndarrays of shape (n_heights,)
        Heights, m, and logarithms of the densities there, kg/m³.

    Returns
    -------
    tuple of four ndarrays of shape (n,)
        m^(1/3), speed and height after the step, never below 0 (the first two), and the air's density before it, kg/m³.
    """
    drag = DRAG_SHAPE * density ** (-2 / 3)
    least = LEFT_RADIUS / 2 * radius
    dy = dv = dh = np.zeros_like(radius)
    sums = [np.zeros_like(radius) for _ in range(3)]
    air_before = dy
    for stage, (reach, weight) in enumerate(((0.0, 1 / 6), (0.5, 1 / 3), (0.5, 1 / 3), (1.0, 1 / 6))):
        y, v = np.maximum(radius + reach * step * dy, least), np.maximum(speed + reach * step * dv, 1.0)
        rho = np.exp(np.interp(height + reach * step * dh, *air))
        air_before = rho if stage == 0 else air_before
        dv = -drag * rho * v**2 / y
        dy = loss / 3 * dv * v * y  # dm/dt = loss · m v dv/dt
        dh = -v * cos_zenith
        sums = [total + weight * step * rate for total, rate in zip(sums, (dy, dv, dh), strict=True)]
    return np.maximum(radius + sums[0], 0.0), np.maximum(speed + sums[1], 0.0), height + sums[2], air_before
