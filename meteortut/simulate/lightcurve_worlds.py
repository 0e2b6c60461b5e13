"""Two worlds of meteors and cameras: one to train on, one, with other values throughout, to be judged by. Frozen by a test.

Where a value has no source beside it, it was chosen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meteortut.simulate.bodies import US_1976, Bodies
from meteortut.simulate.shared import log_uniform

#: Scale height of the air near 95 km, m (US Standard Atmosphere 1976).
SCALE_HEIGHT_M = 5800.0


@dataclass(frozen=True)
class World:
    """Meteoroids, and the cameras that watch them.

    Attributes
    ----------
    population_index : float
        r times as many meteors per magnitude fainter.
    speeds : tuple of (share, mean, standard deviation), km/s
        Entry speeds of sporadic meteors, a mixture of normals.
    materials : tuple of (share, sigma in s²/km², density in kg/m³)
        Kinds of meteoroids.
    eroding, flaring : float
        Share of meteoroids that erode, and that break up at once (each once or twice), independently.
    erosion_s2_km2, onset_j_m2, core, flare_pa, flare_share, grain_kg : (low, high)
        Ranges: erosion coefficient, onset, flare pressure and grain mass log-uniform, the two shares uniform.
    luminous_efficiency, zero_power_w : float
        τ, and P₀ in watts.
    limit_mag : tuple of four floats
        Faintest magnitude of CAM1, CAM2, CAM3, CAM4.
    noise_mag, floor_mag : float
        Scatter of a field at the limit (it shrinks as 10^(0.2 m), photon noise), and of a bright one.
    outliers, outlier_mag, scintillation_mag : float
        Share of fields hit by more scatter, and its size; slow scintillation (standard deviation, correlated by 0.8 per field).
    saturation_mag, compression : float
        How far above the limit a camera begins to saturate; what is left of a magnitude above that.
    notice_mag : float
        How far above the limit a track has to come, in three fields, to be noticed.
    hysteresis_mag, gap_fields : float and int
        A track is held this far below the limit at which it was found, and through this many fields fainter than that.
    position_deg : tuple of four floats
        Scatter of a position along and across the track, per camera; twice that at the limit.
    elevation_deg : (low, high)
        Where in the sky the cameras see meteors.
    cut_start, cut_end : float
        Share of tracks that begin, or end, outside the field of view.
    """

    population_index: float
    speeds: tuple[tuple[float, float, float], ...]
    materials: tuple[tuple[float, float, float], ...]
    eroding: float
    flaring: float
    erosion_s2_km2: tuple[float, float]
    onset_j_m2: tuple[float, float]
    core: tuple[float, float]
    flare_pa: tuple[float, float]
    flare_share: tuple[float, float]
    grain_kg: tuple[float, float]
    luminous_efficiency: float
    zero_power_w: float
    limit_mag: tuple[float, float, float, float]
    noise_mag: float
    floor_mag: float
    outliers: float
    outlier_mag: float
    scintillation_mag: float
    saturation_mag: float
    compression: float
    notice_mag: float
    hysteresis_mag: float
    gap_fields: int
    position_deg: tuple[float, float, float, float]
    elevation_deg: tuple[float, float]
    cut_start: float
    cut_end: float


FIRST = World(
    population_index=1.8,
    speeds=((1.0, 47.0, 15.0),),
    # Ceplecha et al. 1998, table XVII: groups I, II, IIIA, IIIB; shares chosen for faint, mostly cometary meteors
    materials=((0.10, 0.014, 3700.0), (0.30, 0.042, 2000.0), (0.40, 0.10, 750.0), (0.20, 0.21, 270.0)),
    eroding=0.70,
    flaring=0.40,
    erosion_s2_km2=(0.4, 3.0),  # Borovička et al. 2007: 15–30 times less energy than vaporisation takes, so η ≈ 15–30 σ
    onset_j_m2=(0.7e6, 3.0e6),  # about 10⁶ J/m² (ibid.)
    core=(0.0, 0.3),  # 30 % of the largest Draconid did not erode (ibid.)
    flare_pa=(5e2, 2e4),  # that part disrupted at 5 kPa (ibid.)
    flare_share=(0.2, 0.9),
    grain_kg=(1e-10, 1e-9),  # ibid.
    luminous_efficiency=0.007,  # Ceplecha et al. 1998
    zero_power_w=1500.0,  # ibid.
    limit_mag=(3.2, 2.05, 2.15, 3.05),  # where the real cameras' scatter reaches 0.5 mag
    noise_mag=0.48,  # real CAM4: 0.12 mag at magnitude 0, growing as 10^(0.2 m)
    floor_mag=0.05,  # real CAM4 between magnitudes −4 and −2
    outliers=0.03,  # the real scatter has a heavy tail: 0.2 by standard deviation where the median says 0.06
    outlier_mag=0.6,
    scintillation_mag=0.0,
    saturation_mag=4.0,
    compression=0.6,
    notice_mag=0.6,
    hysteresis_mag=0.5,
    gap_fields=2,
    # real medians of the scatter about a parabola: 0.027, 0.042, 0.034, 0.025°; a faint field has twice this
    position_deg=(0.014, 0.025, 0.020, 0.014),
    elevation_deg=(35.0, 85.0),
    cut_start=0.04,  # real CAM4: 5 and 4 %, the others 2
    cut_end=0.04,
)

SECOND = World(
    population_index=2.0,
    speeds=((0.55, 26.0, 7.0), (0.45, 58.0, 7.0)),  # antihelion and apex sources
    materials=((0.15, 0.02, 3000.0), (0.15, 0.05, 1600.0), (0.40, 0.08, 1000.0), (0.30, 0.16, 400.0)),
    eroding=0.60,
    flaring=0.50,
    erosion_s2_km2=(0.2, 1.2),
    onset_j_m2=(1.5e6, 6.0e6),
    core=(0.05, 0.45),
    flare_pa=(3e2, 1e4),
    flare_share=(0.1, 0.7),
    grain_kg=(3e-11, 5e-9),
    luminous_efficiency=0.01,
    zero_power_w=840.0,
    limit_mag=(2.7, 2.2, 2.2, 2.6),
    noise_mag=0.40,
    floor_mag=0.08,
    outliers=0.05,
    outlier_mag=0.4,
    scintillation_mag=0.10,
    saturation_mag=3.0,
    compression=0.4,
    notice_mag=0.5,
    hysteresis_mag=0.3,
    gap_fields=1,
    position_deg=(0.02, 0.02, 0.02, 0.02),
    elevation_deg=(20.0, 70.0),
    cut_start=0.06,
    cut_end=0.05,
)

WORLDS = {"first": FIRST, "second": SECOND}


def draw_bodies(
    world: World, speed_km_s: np.ndarray, cos_zenith: np.ndarray, faintest_mag: np.ndarray, rng: np.random.Generator
) -> Bodies:
    """Draw meteoroids of a world that come with given speeds and slopes.

    Parameters
    ----------
    world : World
    speed_km_s, cos_zenith : ndarray of shape (n,), km/s and cosine
    faintest_mag : ndarray of shape (n,), magnitudes
        Absolute magnitude that the faintest body would reach if it fell as a single solid one.
    rng : Generator

    Returns
    -------
    Bodies
        n bodies with two possible flares and two kinds of grains each, starting where hardly any light is given yet.
    """
    n = len(speed_km_s)
    v, h = speed_km_s * 1e3, SCALE_HEIGHT_M
    faintest_w = world.zero_power_w * 10 ** (-0.4 * faintest_mag)
    # brightest moment of a single body: dm/dt = 4/9 m v cos z / H
    least_kg = faintest_w / (world.luminous_efficiency * v**2 / 2 * 4 / 9 * v * cos_zenith / h)
    mass = least_kg * rng.random(n) ** (-1 / (2.5 * np.log10(world.population_index)))
    share, sigma, density = np.array(world.materials).T
    kind = rng.choice(len(share), n, p=share / share.sum())
    eroding, flaring = rng.random(n) < world.eroding, rng.random(n) < world.flaring
    onset = log_uniform(world.onset_j_m2, n, rng)
    flare_share = rng.uniform(*world.flare_share, (n, 2)) * flaring[:, None]
    flare_share[:, 1] *= rng.random(n) < 0.5
    grain = np.sort(log_uniform(world.grain_kg, 2 * n, rng).reshape(n, 2), axis=1)
    core, flare_pa = rng.uniform(*world.core, n), log_uniform(world.flare_pa, 2 * n, rng).reshape(n, 2)
    first = 1.2 * onset * cos_zenith / (v**2 * h)  # kg/m³: three fifths of the way to the onset
    heights, densities = np.array(US_1976[0], float), np.log(US_1976[1])
    height = np.interp(-np.log(first), -densities, heights) + 0.02 * speed_km_s * cos_zenith * rng.random(n)
    erosion = np.where(eroding, log_uniform(world.erosion_s2_km2, n, rng), 0.0)
    return Bodies(
        *(mass, speed_km_s, cos_zenith, density[kind], height, sigma[kind]),
        *(erosion, onset, core, flare_pa, flare_share, grain),
    )
