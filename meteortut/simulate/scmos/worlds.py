"""Two worlds of a survey telescope and its sCMOS camera: one to train on, one to be judged by. Frozen by a test.

Where a value has no source beside it, it was chosen.
"""

from __future__ import annotations

from dataclasses import dataclass

from meteortut.simulate.scmos.labels import TRAIL_SNR


@dataclass(frozen=True)
class World:
    """A telescope, its camera, its sky and its troubles. Electrons are per pixel and exposure unless said otherwise.

    Attributes
    ----------
    counts : four ints
        Frames with each of `labels.LABELLED` in 30 data sets of 100 frames.
    doubles : int
        Frames among these that carry two labels.
    hosts : four ints
        How many of 30 data sets have each of `labels.LABELLED`.
    gain_e_adu, read_e, offset_adu, full_well_e, dark_e_s : float
        Electrons per ADU, read noise, bias level, full well, dark current per second.
    hot_share, hot_e_s : float
        Share of hot pixels and the mean of their (exponential) dark current.
    telegraph_share, telegraph_e, telegraph_duty : float
        Share of pixels with random telegraph noise, mean of the (exponential) step between their two levels, probability of the
        upper.
    row_e, prnu, vignetting, dust : float
        Noise common to a row; pixel-to-pixel and low-frequency ripple of the flat; loss in the corners; number of dust rings.
    sky_e : (low, high), electrons
        Sky of a data set, log-uniform.
    sky_tilt, sky_drift : float
        Relative change of the sky from edge to edge, and over a data set, at most.
    stars_per_mpx, star_slope, star_e
        Stars per 10⁶ pixels (low, high; log-uniform per field), slope of the cumulative counts, and range of their electrons.
    galaxies_per_mpx, galaxy_px
        Galaxies per 10⁶ pixels and (low, high) of their scale lengths.
    seeing_px, seeing_wander : (low, high) and float
        Full width at half maximum of a data set, and its relative scatter from frame to frame (correlated by 0.8).
    moffat, halo_share, halo_px, spike_share : float
        Exponent of the Moffat profile; share and width (FWHM) of the aureole; share of light in diffraction spikes.
    jitter_px, drift_px : float
        Scatter of the pointing from frame to frame, and the most that stars move within an exposure.
    trail_snr, trail_tilt : (low, high) and float
        Signal-to-noise ratios of trails are (low/2 to high), density ∝ SNR^(tilt − 1); those under `labels.TRAIL_SNR` carry no
        label.
    trail_whole, trail_flashing, trail_several : float
        Shares of trails that cross the frame from edge to edge, that vary, and of frames with more than one.
    passes : three floats
        Shares of satellites seen in one, two and three consecutive frames.
    slew_px, slew_straight, slew_dwell
        Lengths (low, high; log-uniform), share of straight ones, the most of an exposure that a telescope stands still before
        or after.
    cloud_depth, cloud_slope, cloud_drift_px, cloud_glow
        Optical depth at a cloud's densest (low, high; log-uniform), exponent of its power spectrum, speed (low, high) in pixels per
        frame, and light that it sends back, over the sky that it hides (low, high).
    hidden, edge_px, ragged, lit
        Share of the frame hidden in the end (low, high), softness of the edge (low, high), its raggedness over the frame's size
        (low, high), brightness of the obstacle over that of the sky (low, high).
    defocus_px, hole : (low, high) and float
        Radius of the blur, and of the secondary mirror's shadow in it, relative.
    background_ratio, background_tilt : (low, high) and float
        Additional light over the usual sky, and its relative change from edge to edge, at most.
    ghost_snr, ghost_px : (low, high)
        Signal-to-noise ratio and radius of a ghost.
    band_snr, band_px : (low, high)
        Signal-to-noise ratio and radius of a defocused satellite.
    """

    counts: tuple[int, int, int, int]
    doubles: int
    hosts: tuple[int, int, int, int]
    gain_e_adu: float
    read_e: float
    offset_adu: float
    full_well_e: float
    dark_e_s: float
    hot_share: float
    hot_e_s: float
    telegraph_share: float
    telegraph_e: float
    telegraph_duty: float
    row_e: float
    prnu: float
    vignetting: float
    dust: float
    sky_e: tuple[float, float]
    sky_tilt: float
    sky_drift: float
    stars_per_mpx: tuple[float, float]
    star_slope: float
    star_e: tuple[float, float]
    galaxies_per_mpx: float
    galaxy_px: tuple[float, float]
    seeing_px: tuple[float, float]
    seeing_wander: float
    moffat: float
    halo_share: float
    halo_px: float
    spike_share: float
    jitter_px: float
    drift_px: float
    trail_snr: tuple[float, float]
    trail_tilt: float
    trail_whole: float
    trail_flashing: float
    trail_several: float
    passes: tuple[float, float, float]
    slew_px: tuple[float, float]
    slew_straight: float
    slew_dwell: float
    cloud_depth: tuple[float, float]
    cloud_slope: float
    cloud_drift_px: tuple[float, float]
    cloud_glow: tuple[float, float]
    hidden: tuple[float, float]
    edge_px: tuple[float, float]
    ragged: tuple[float, float]
    lit: tuple[float, float]
    defocus_px: tuple[float, float]
    hole: float
    background_ratio: tuple[float, float]
    background_tilt: float
    ghost_snr: tuple[float, float]
    ghost_px: tuple[float, float]
    band_snr: tuple[float, float]
    band_px: tuple[float, float]


FIRST = World(
    counts=(237, 75, 614, 233),  # Zhai et al. 2021
    doubles=28,  # 1159 labels on 1131 frames (ibid.)
    hosts=(27, 12, 14, 7),
    gain_e_adu=0.25,
    read_e=1.5,  # 1 to 3.5 e⁻, depending on the gain: the maker's figures for this sensor
    offset_adu=500.0,
    full_well_e=16000.0,
    dark_e_s=0.003,
    hot_share=1e-3,
    hot_e_s=6.0,
    telegraph_share=3e-3,
    telegraph_e=8.0,
    telegraph_duty=0.3,
    row_e=0.3,
    prnu=0.006,
    vignetting=0.15,
    dust=2.0,
    sky_e=(25.0, 110.0),
    sky_tilt=0.08,
    sky_drift=0.12,
    stars_per_mpx=(2500.0, 9000.0),
    star_slope=0.80,
    star_e=(60.0, 3e6),
    galaxies_per_mpx=60.0,
    galaxy_px=(1.5, 6.0),
    seeing_px=(2.6, 4.0),
    seeing_wander=0.06,
    moffat=3.0,
    halo_share=0.04,
    halo_px=18.0,
    spike_share=0.0,
    jitter_px=0.35,
    drift_px=1.0,
    trail_snr=(TRAIL_SNR, 1500.0),
    trail_tilt=0.0,
    trail_whole=0.65,
    trail_flashing=0.20,
    trail_several=0.10,
    passes=(0.75, 0.15, 0.10),
    slew_px=(5.0, 60.0),
    slew_straight=0.60,
    slew_dwell=0.5,
    cloud_depth=(0.30, 4.0),
    cloud_slope=3.0,
    cloud_drift_px=(15.0, 90.0),
    cloud_glow=(0.2, 2.0),
    hidden=(0.10, 0.95),
    edge_px=(3.0, 20.0),
    ragged=(0.0, 0.15),
    lit=(0.05, 0.7),
    defocus_px=(3.0, 12.0),
    hole=0.40,
    background_ratio=(0.6, 8.0),
    background_tilt=0.6,
    ghost_snr=(30.0, 600.0),
    ghost_px=(12.0, 40.0),
    band_snr=(40.0, 3000.0),
    band_px=(5.0, 12.0),
)

SECOND = World(
    counts=(261, 84, 552, 270),
    doubles=33,
    hosts=(29, 14, 11, 9),
    gain_e_adu=0.78,
    read_e=3.5,
    offset_adu=300.0,
    full_well_e=51000.0,  # the maker's 51.4 ke⁻ at the lowest gain, over 16 bits: 0.78 e⁻ per ADU
    dark_e_s=0.02,
    hot_share=2.5e-3,
    hot_e_s=12.0,
    telegraph_share=6e-3,
    telegraph_e=14.0,
    telegraph_duty=0.2,
    row_e=0.8,
    prnu=0.010,
    vignetting=0.28,
    dust=4.0,
    sky_e=(60.0, 320.0),
    sky_tilt=0.15,
    sky_drift=0.20,
    stars_per_mpx=(1500.0, 14000.0),
    star_slope=0.95,
    star_e=(90.0, 6e6),
    galaxies_per_mpx=110.0,
    galaxy_px=(2.0, 8.0),
    seeing_px=(2.9, 5.2),
    seeing_wander=0.09,
    moffat=2.5,
    halo_share=0.07,
    halo_px=26.0,
    spike_share=0.02,
    jitter_px=0.55,
    drift_px=1.4,
    trail_snr=(1.1 * TRAIL_SNR, 900.0),
    trail_tilt=-0.15,
    trail_whole=0.50,
    trail_flashing=0.30,
    trail_several=0.16,
    passes=(0.65, 0.20, 0.15),
    slew_px=(5.5, 50.0),
    slew_straight=0.45,
    slew_dwell=0.6,
    cloud_depth=(0.26, 3.0),
    cloud_slope=2.6,
    cloud_drift_px=(8.0, 60.0),
    cloud_glow=(-0.2, 3.0),
    hidden=(0.08, 0.85),
    edge_px=(5.0, 30.0),
    ragged=(0.02, 0.25),
    lit=(0.0, 0.8),
    defocus_px=(3.5, 10.0),
    hole=0.30,
    background_ratio=(0.8, 5.0),
    background_tilt=0.9,
    ghost_snr=(35.0, 400.0),
    ghost_px=(9.0, 30.0),
    band_snr=(50.0, 2000.0),
    band_px=(4.0, 15.0),
)

WORLDS = {"first": FIRST, "second": SECOND}
