"""Two worlds of meteor cameras: one to train on, one, with other cameras and skies, to be judged by. Frozen by a test.

"Measured" values come from the FF files of UK0006 and UK000F, 21 April 2023 (data set ``gmn-ff``): from their skies, their stars
and the extent of labelled tracks, never from a classifier's score. Where a value has no source beside it, it was chosen.
"""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]

#: Frames summed up in an image, as in FF files, and their rate per second.
N_FRAMES, FPS = 256, 25.0
#: Rows and columns of the frame out of which tiles are cut.
FRAME_SHAPE = (720, 1280)


@dataclass(frozen=True)
class World:
    """Cameras, skies, and what moves there. A pair is the range of a uniform draw, per image unless said otherwise.

    Attributes
    ----------
    arcmin_per_px : (low, high)
        Scale.
    sky_counts : (low, high)
        Sky at the darkest place of the frame, counts, log-uniform.
    twilight, twilight_counts : float and (low, high)
        Share of images in twilight or moonlight, and their sky.
    gradient : (low, high)
        How many times brighter the sky is at the bottom of the frame, less 1.
    vignetting : (low, high)
        Share of light lost in the corners.
    noise_at_40, noise_power : (low, high)
        Standard deviation of one frame's noise at 40 counts, and the power of the background with which it grows below that.
    raggedness : (low, high)
        Scatter of a track's light from pixel to pixel, relative: what the codec and the air do to it.
    noise_spread : (low, high)
        Standard deviation of the logarithm of the noise from place to place: the codec keeps some of it and drops the rest.
    effective_frames : (low, high)
        Independent frames among the 256.
    block_px, codec_share : int and (low, high)
        Side of the codec's transform, and the share of the noise's variance that comes in its patterns.
    pattern_counts : (low, high)
        Standard deviation of what stands still: fixed pattern and stars too faint to be drawn.
    psf_px, wing : (low, high)
        Standard deviation of the point spread, pixels, and the share of light in a wing three times as wide.
    stars_per_mpx, star_slope : (low, high) and float
        Stars of more than 20 counts in a million pixels; N(> A) goes with A to the power of minus the slope.
    scintillation : (low, high)
        Standard deviation of a star's brightness from frame to frame, relative.
    hot_per_mpx : (low, high)
        Hot pixels.
    clouds, moon, obstruction, overlay : float
        Share of tiles with each.
    cloud_drift_px : (low, high)
        How far clouds drift during the 256 frames, pixels.
    moon_px : (low, high)
        Radius of the saturated disc, which is glare more than Moon, pixels.
    satellites, aircraft : float
        Share of tiles with each.
    satellite_km, aircraft_km, aircraft_km_s : (low, high)
        Heights of orbits, log-uniform; slant distances of aircraft, log-uniform, and their speeds.
    speeds : tuple of (share, mean, standard deviation), km/s
        Entry speeds, a mixture of normals cut to 11–72 km/s.
    elevation_deg : (low, high)
        Where in the sky the camera looks.
    depth_km : (low, high)
        How far a meteor falls while it shines.
    brightness_slope : float
        Meteors per brightness: N(> E) goes with E to the power of minus this, 2.5 log r for the population index r.
    flares, wakes : float
        Shares of meteors with a flare and with a wake.
    saturation : (low, high)
        Greatest value that the camera gives, counts.
    """

    arcmin_per_px: Range
    sky_counts: Range
    twilight: float
    twilight_counts: Range
    gradient: Range
    vignetting: Range
    noise_at_40: Range
    noise_power: Range
    raggedness: Range
    noise_spread: Range
    effective_frames: Range
    block_px: int
    codec_share: Range
    pattern_counts: Range
    psf_px: Range
    wing: Range
    stars_per_mpx: Range
    star_slope: float
    scintillation: Range
    hot_per_mpx: Range
    clouds: float
    moon: float
    obstruction: float
    overlay: float
    cloud_drift_px: Range
    moon_px: Range
    satellites: float
    aircraft: float
    satellite_km: Range
    aircraft_km: Range
    aircraft_km_s: Range
    speeds: tuple[tuple[float, float, float], ...]
    elevation_deg: Range
    depth_km: Range
    brightness_slope: float
    flares: float
    wakes: float
    saturation: Range


FIRST = World(
    arcmin_per_px=(3.6, 4.8),  # measured: 3.8 to 4.0, once 4.7
    sky_counts=(10.0, 40.0),  # measured: 10 to 15 counts in the darkest part, 38 on the night of 14 June 2020
    twilight=0.12,
    twilight_counts=(40.0, 120.0),
    gradient=(0.3, 3.5),  # measured: 15 counts on top, 40 to 65 at the bottom
    vignetting=(0.05, 0.35),
    noise_at_40=(1.9, 2.9),  # measured: (mean maximum - mean) / 2.8 = 2.1 to 2.6 between 35 and 45 counts
    noise_power=(0.6, 1.1),  # measured: 0.7 counts at 12, 1.0 at 17, 1.6 at 25, 2.2 at 35, no more growth above 45
    raggedness=(0.05, 0.13),  # measured: along labelled tracks light scatters by 0.15, of which noise explains 0.12
    noise_spread=(0.30, 0.42),  # measured: MAXPIXEL - AVEPIXEL scatters by 0.35 to 0.40 of its mean at one level
    effective_frames=(150.0, 256.0),  # in the video of `fireball-video`, neighbouring frames correlate by 0.16
    block_px=4,  # measured: neighbours share their MAXFRAME less often across every fourth column, 0.08 against 0.12
    codec_share=(0.3, 0.6),
    pattern_counts=(0.5, 1.0),  # measured, with faint stars: 0.8 to 1.3
    psf_px=(0.8, 1.25),  # measured: 0.90 to 1.03 for stars
    wing=(0.10, 0.30),  # measured: 0.02 of a star's peak at 3.5 pixels, 0.007 at 4.5
    stars_per_mpx=(20.0, 150.0),  # measured: 43 to 115
    star_slope=1.05,  # measured: 165 above 10 counts, 37 above 40
    scintillation=(0.12, 0.22),  # measured: in MAXPIXEL stars are 1.45 to 1.55 times as bright as in AVEPIXEL
    hot_per_mpx=(0.0, 60.0),
    clouds=0.20,
    moon=0.04,
    obstruction=0.10,
    overlay=0.05,
    cloud_drift_px=(2.0, 25.0),
    moon_px=(6.0, 25.0),
    satellites=0.15,
    aircraft=0.06,
    satellite_km=(400.0, 1500.0),
    aircraft_km=(8.0, 80.0),
    aircraft_km_s=(0.12, 0.26),
    speeds=((0.6, 27.0, 8.0), (0.4, 60.0, 6.0)),
    elevation_deg=(10.0, 65.0),  # measured: labelled meteors at 9 to 65, median 37
    depth_km=(4.0, 20.0),
    brightness_slope=0.8,  # r = 2.1
    flares=0.3,
    wakes=0.5,
    saturation=(245.0, 255.0),  # measured: the brightest pixels pile up at 250 to 255
)

SECOND = World(
    arcmin_per_px=(2.4, 7.0),
    sky_counts=(18.0, 60.0),
    twilight=0.18,
    twilight_counts=(60.0, 150.0),
    gradient=(0.0, 2.5),
    vignetting=(0.10, 0.50),
    noise_at_40=(1.2, 3.6),
    noise_power=(0.4, 0.8),  # 0.5 is photon noise
    raggedness=(0.0, 0.20),
    noise_spread=(0.15, 0.35),
    effective_frames=(60.0, 200.0),
    block_px=8,
    codec_share=(0.2, 0.8),
    pattern_counts=(0.3, 1.6),
    psf_px=(0.65, 1.8),
    wing=(0.05, 0.40),
    stars_per_mpx=(10.0, 250.0),
    star_slope=1.2,
    scintillation=(0.05, 0.30),
    hot_per_mpx=(0.0, 150.0),
    clouds=0.30,
    moon=0.06,
    obstruction=0.14,
    overlay=0.08,
    cloud_drift_px=(1.0, 40.0),
    moon_px=(4.0, 35.0),
    satellites=0.20,
    aircraft=0.08,
    satellite_km=(350.0, 2000.0),
    aircraft_km=(5.0, 100.0),
    aircraft_km_s=(0.10, 0.28),
    speeds=((0.5, 24.0, 6.0), (0.2, 40.0, 5.0), (0.3, 64.0, 4.0)),
    elevation_deg=(15.0, 75.0),
    depth_km=(4.0, 30.0),
    brightness_slope=0.95,
    flares=0.45,
    wakes=0.3,
    saturation=(220.0, 255.0),
)

WORLDS = {"first": FIRST, "second": SECOND}
