"""Two worlds below the ISS: one to train on, one, with other values throughout, to be judged by. Frozen by a test.

Where a value has no source beside it, it was chosen; a value with † was not checked against its source. Brightnesses of
confusers are chosen so that each kind is met often enough to matter.
"""

from __future__ import annotations

from dataclasses import dataclass

from meteortut.focal import (
    FRAME_S,
    GROUND_DRIFT_PX,
    GROUND_KM_PX,
    GROUND_KM_S,
    GTU_PER_FRAME,
    METEOR_DRIFT_PX,
    METEOR_ISS_KM_S,
    METEOR_KM_PX,
    SIDE,
    TUBE,
)

# The numbers of the instrument belong to the worlds and are frozen with them.
__all__ = [
    "FIRST",
    "FRAME_S",
    "GROUND_DRIFT_PX",
    "GROUND_KM_PX",
    "GROUND_KM_S",
    "GTU_PER_FRAME",
    "METEOR_DRIFT_PX",
    "METEOR_ISS_KM_S",
    "METEOR_KM_PX",
    "SECOND",
    "SIDE",
    "TUBE",
    "WORLDS",
    "Range",
    "World",
]

Range = tuple[float, float]


@dataclass(frozen=True)
class World:
    """An instrument, and the kinds of light below it.

    A range (low, high) is drawn log-uniformly unless said otherwise; lights are counts per GTU at a response of 1.

    Attributes
    ----------
    camera_seed : int
        All sessions of a world are seen by the one camera that this seed draws.
    gap_px, psf_fwhm_px : float
        Dark gap between tubes, and width of the point spread (a Gaussian), focal pixels.
    tube_spread, pixel_spread, vignetting : float
        Standard deviations of the tubes' and of the pixels' response, relative; share of light lost in the far corner.
    dead_share, hot_pixels, hot_counts, telegraph_counts, telegraph_frames
        Share of pixels that count nothing; number of hot ones, their offset, the step of their telegraph noise (both counts per
        GTU) and the mean length of its states.
    dead_time_gtu : float
        Dead time after a count, GTU (non-paralysable).
    cloud_spectrum, cloud_waves_px, cloud_edge, cloud_drift : float, (low, high), float, float
        Power ∝ k^−spectrum in two dimensions, between these wavelengths; softness of edges; drift relative to the ground's.
    cloud_opacity, cloud_albedo, cloud_moon : float
        Share of city light that thick cloud takes; how much cloud adds to airglow and to moonlight, relative to dark sea.
    land_spectrum, land_waves_px, land_edge, land_albedo, land_moon
        The same for land.
    airglow_waves_px, airglow_rms
        Wavelengths and relative size of waves in the airglow.
    city_slope, city_counts, city_size_px, city_growth
        N(> light) ∝ light^−slope between these lights; standard deviation in pixels of a city of 1 count, and its power of light.
    storm_flashes, storm_frames, storm_px
        Mean number of flashes of a storm; its spread in time and in place.
    stroke_counts, stroke_spread, strokes, stroke_frames, flash_frames, glow_px
        Median light of a stroke and its standard deviation in ln; mean number of strokes after the first; their decay; length of
        a flash; size of its glow.
    large_counts, large_frames, large_px, tube_flashes
        Large flashes: peak per pixel, FWHM in frames, size; share of them that lights whole tubes instead.
    static_counts, static_frames
        Static flashes: light and FWHM.
    slow_counts, slow_px_frame
        Slow points: light and speed. Hypothetical debris: none was ever found in Mini-EUSO.
    population_index, counts_at_zero
        r times as many meteors per magnitude fainter; counts per GTU of magnitude 0, over the point spread, 300 km below the ISS.
    speeds : tuple of (share, mean, standard deviation), km/s
        Mixture of normals, cut to 11.2–72.8 km/s.
    greatest_zenith_deg : float
        p(z) ∝ sin z cos z up to this.
    extent_km, extent_spread
        FWHM of the light curve in height: median, and standard deviation in ln.
    rise_share : (mean, standard deviation)
        Share of the FWHM that lies before the peak, normal.
    """

    camera_seed: int
    gap_px: float
    psf_fwhm_px: float
    tube_spread: float
    pixel_spread: float
    vignetting: float
    dead_share: float
    hot_pixels: int
    hot_counts: Range
    telegraph_counts: Range
    telegraph_frames: Range
    dead_time_gtu: float
    cloud_spectrum: float
    cloud_waves_px: Range
    cloud_edge: float
    cloud_drift: float
    cloud_opacity: float
    cloud_albedo: float
    cloud_moon: float
    land_spectrum: float
    land_waves_px: Range
    land_edge: float
    land_albedo: float
    land_moon: float
    airglow_waves_px: Range
    airglow_rms: float
    city_slope: float
    city_counts: Range
    city_size_px: float
    city_growth: float
    storm_flashes: float
    storm_frames: float
    storm_px: float
    stroke_counts: float
    stroke_spread: float
    strokes: float
    stroke_frames: Range
    flash_frames: Range
    glow_px: Range
    large_counts: Range
    large_frames: Range
    large_px: Range
    tube_flashes: float
    static_counts: Range
    static_frames: Range
    slow_counts: Range
    slow_px_frame: Range
    population_index: float
    counts_at_zero: float
    speeds: tuple[tuple[float, float, float], ...]
    greatest_zenith_deg: float
    extent_km: float
    extent_spread: float
    rise_share: Range


FIRST = World(
    camera_seed=48,
    gap_px=1.0,  # "about one pixel" (Zotov et al. 2023)
    psf_fwhm_px=1.2,  # about 1.2 pixels† (Barghini et al. 2024)
    tube_spread=0.15,
    pixel_spread=0.08,
    vignetting=0.35,
    dead_share=0.01,
    hot_pixels=6,
    hot_counts=(0.3, 3.0),
    telegraph_counts=(0.03, 0.4),
    telegraph_frames=(20, 3000),
    dead_time_gtu=0.0024,  # 6 ns
    cloud_spectrum=3.2,
    cloud_waves_px=(8, 250),
    cloud_edge=0.1,
    cloud_drift=400 / 390,  # tops at 10 km, seen from 400
    cloud_opacity=0.8,
    cloud_albedo=0.3,
    cloud_moon=2.5,
    land_spectrum=3.0,
    land_waves_px=(30, 400),
    land_edge=0.05,
    land_albedo=0.15,
    land_moon=0.5,
    airglow_waves_px=(40, 400),
    airglow_rms=0.05,
    city_slope=1.0,  # Zipf's law of populations
    city_counts=(0.1, 150),
    city_size_px=0.6,
    city_growth=0.25,
    storm_flashes=12,
    storm_frames=250,
    storm_px=4,
    stroke_counts=8,
    stroke_spread=1.2,
    strokes=2,
    stroke_frames=(0.3, 2),
    flash_frames=(2.5, 20),  # 0.1–0.8 s
    glow_px=(0.7, 3.5),
    large_counts=(0.02, 1),
    large_frames=(4, 20),
    large_px=(6, 25),
    tube_flashes=0.3,
    static_counts=(0.1, 2),
    static_frames=(5, 40),
    slow_counts=(0.08, 0.8),
    slow_px_frame=(0.02, 0.25),
    population_index=2.3,  # †Barghini et al. 2024
    counts_at_zero=10,  # estimate: limit near magnitude +6† (Barghini et al. 2024)
    speeds=((0.55, 28, 9), (0.45, 57, 9)),
    greatest_zenith_deg=80,
    extent_km=9.0,  # set, within 6–10 km, so that a meteor has 5.05 hit pixels (5395/1068, Zotov et al. 2023)
    extent_spread=0.35,
    rise_share=(0.52, 0.10),
)

SECOND = World(
    camera_seed=2304,
    gap_px=0.85,
    psf_fwhm_px=1.45,
    tube_spread=0.22,
    pixel_spread=0.05,
    vignetting=0.25,
    dead_share=0.02,
    hot_pixels=10,
    hot_counts=(0.1, 1.5),
    telegraph_counts=(0.05, 0.25),
    telegraph_frames=(10, 1000),
    dead_time_gtu=0.0032,
    cloud_spectrum=2.9,
    cloud_waves_px=(6, 180),
    cloud_edge=0.15,
    cloud_drift=400 / 387,
    cloud_opacity=0.65,
    cloud_albedo=0.45,
    cloud_moon=1.8,
    land_spectrum=2.7,
    land_waves_px=(20, 300),
    land_edge=0.1,
    land_albedo=0.25,
    land_moon=0.3,
    airglow_waves_px=(30, 250),
    airglow_rms=0.07,
    city_slope=0.85,
    city_counts=(0.07, 100),
    city_size_px=0.45,
    city_growth=0.3,
    storm_flashes=7,
    storm_frames=400,
    storm_px=6,
    stroke_counts=5,
    stroke_spread=1.5,
    strokes=3,
    stroke_frames=(0.5, 3),
    flash_frames=(4, 15),
    glow_px=(1, 5),
    large_counts=(0.03, 0.6),
    large_frames=(3, 30),
    large_px=(8, 20),
    tube_flashes=0.15,
    static_counts=(0.07, 3),
    static_frames=(4, 30),
    slow_counts=(0.06, 1.0),
    slow_px_frame=(0.03, 0.2),
    population_index=2.1,
    counts_at_zero=8,
    speeds=((0.4, 24, 7), (0.35, 40, 8), (0.25, 61, 6)),
    greatest_zenith_deg=77,
    extent_km=7.5,
    extent_spread=0.45,
    rise_share=(0.58, 0.12),
)

WORLDS = {"first": FIRST, "second": SECOND}
