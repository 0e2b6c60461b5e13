"""What moves through the picture: meteors, satellites and aircraft, at the speeds of their orbits and distances."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from meteortut.simulate.sky.camera import Camera
from meteortut.simulate.sky.tracks import Track
from meteortut.simulate.sky.worlds import FPS, N_FRAMES, World

#: Height at which meteors are brightest, km; Earth's radius, km; its gravity, km³/s².
METEOR_KM, EARTH_KM, GRAVITY_KM3_S2 = 95.0, 6371.0, 398600.0
#: Length of a wake, some 100 to 1000 m at 100 to 200 km, and its share of the light; chosen.
WAKE_PX, WAKE_SHARE = (0.7, 6.0), (0.05, 0.3)
#: No meteor is this many times as bright as the faintest that shows.
MOST_TIMES_FAINTEST = 3000.0
#: Counts per frame, summed over its pixels, of a source of magnitude 0: labelled meteors of magnitude 0 to 3 give 2000 to 8000.
ZERO_POINT = 4500.0


def draw_meteor(
    world: World, camera: Camera, through: tuple[float, float], level: float, rng: np.random.Generator, n_rows: int
) -> Track:
    """Draw a meteor whose track passes through a place, brighter than the noise there.

    Speed in the picture, duration and length follow from entry speed, radiant, elevation and distance:
    ω = v sin θ / R with R = 95 km / sin(elevation), and a fall of `World.depth_km`. Brightness is that of the faintest visible
    track, times a power-law number.

    Parameters
    ----------
    world, camera : World and Camera
    through : (y, x), pixels
        A place on the track.
    level : float, counts
        Background there.
    rng : Generator
    n_rows : int
        Rows of the frame.
    """
    share, mean, deviation = np.array(world.speeds).T
    part = rng.choice(len(share), p=share)
    speed_km_s = float(np.clip(rng.normal(mean[part], deviation[part]), 11.5, 72.0))
    distance_km = METEOR_KM / np.sin(np.radians(camera.elevation_deg))
    cos_zenith = float(np.sqrt(rng.uniform(0.02, 1.0)))  # p(z) ∝ sin z cos z
    sin_theta = float(np.sqrt(1 - rng.uniform(0.0, 0.95) ** 2))  # any angle from the line of sight, but the smallest
    frames = float(np.clip(rng.uniform(*world.depth_km) / (speed_km_s * cos_zenith) * FPS, 2.5, 75.0))
    speed = np.degrees(speed_km_s * sin_theta / distance_km) * 60 / camera.arcmin_per_px / FPS
    t0, angle = float(rng.uniform(0, N_FRAMES - frames)), rng.uniform(0, 2 * np.pi)
    slowing, passed = rng.uniform(0, 0.15) * speed / frames, rng.uniform(0.2, 0.9) * frames
    velocity = (speed * np.sin(angle), speed * np.cos(angle))
    ahead = speed * passed - slowing * passed**2 / 2
    start = (through[0] - ahead * np.sin(angle), through[1] - ahead * np.cos(angle))
    peak = faintest(camera, level) * min(rng.random() ** (-1 / world.brightness_slope), MOST_TIMES_FAINTEST)
    # frame k stands for the time k + row / n_rows, with the row where the meteor is halfway
    middle = np.clip((start[0] + velocity[0] * frames / 2) / n_rows, 0, 1)
    first = max(0, int(np.floor(t0 - middle)))
    times = np.arange(first, min(N_FRAMES, int(np.ceil(t0 + frames - middle)) + 1))
    light = light_curve((times + middle - t0) / frames, world.flares, rng)
    wake = (rng.uniform(*WAKE_PX), rng.uniform(*WAKE_SHARE)) if rng.random() < world.wakes else (0.0, 0.0)
    light *= peak * _spread(speed, camera) / (1 - wake[1])
    return Track("meteor", start, t0, velocity, slowing, first, light, wake)


def faintest(camera: Camera, level: float) -> float:
    """Counts in one frame that show well in the maximum: its mean, and 2.5 of its scatter."""
    return float(camera.noise(np.asarray(level)) * (camera.mean_maximum + 2.5 * camera.scatter_of_maximum))


def _spread(speed: float, camera: Camera) -> float:
    """Light per frame of a source whose brightest pixel gets 1 count from the core, counts."""
    blur = camera.psf_px
    return float(2 * np.pi * blur**2 * np.hypot(1, speed / (np.sqrt(2 * np.pi) * blur)) / (1 - camera.wing))


def magnitude(light: float) -> float:
    """Magnitude of a source of so many counts per frame, by `ZERO_POINT`."""
    return float(-2.5 * np.log10(light / ZERO_POINT))


def light_curve(phase: np.ndarray, flares: float, rng: np.random.Generator) -> np.ndarray:
    """Draw a meteor's light curve, greatest value 1, at phases of its duration (0 to 1; dark outside); (n,) to (n,)."""
    inside = np.clip(phase, 0, 1)
    rise, fall = rng.uniform(0.4, 2.5), rng.uniform(0.3, 1.5)
    curve = inside**rise * (1 - inside) ** fall
    curve /= (rise / (rise + fall)) ** rise * (fall / (rise + fall)) ** fall
    if rng.random() < flares:
        curve += (curve > 0) * rng.uniform(0.5, 4.0) * np.exp(-(((phase - rng.uniform(0.3, 0.95)) / 0.06) ** 2) / 2)
    most = curve.max() if len(curve) else 0.0
    return curve / most if most > 0 else np.full(len(curve), 1.0)


def draw_satellite(
    world: World, camera: Camera, through: tuple[float, float], level: float, rng: np.random.Generator
) -> Track:
    """Draw a satellite on a circular orbit that passes through a place, in sunlight all the time or fading; may tumble.

    Parameters are those of `draw_meteor`.
    """
    height = float(np.exp(rng.uniform(*np.log(world.satellite_km))))
    speed_km_s = np.sqrt(GRAVITY_KM3_S2 / (EARTH_KM + height))
    sin_up = np.sin(np.radians(camera.elevation_deg))
    distance_km = np.sqrt((EARTH_KM * sin_up) ** 2 + 2 * EARTH_KM * height + height**2) - EARTH_KM * sin_up
    seen_from_side = rng.uniform(max(0.3, sin_up), 1.0)
    speed = np.degrees(speed_km_s * seen_from_side / distance_km) * 60 / camera.arcmin_per_px / FPS
    peak = 0.7 * faintest(camera, level) * min(rng.random() ** -0.8, 30.0)
    times = np.arange(N_FRAMES)
    light = 1 + rng.uniform(-0.5, 0.5) * np.linspace(-1, 1, N_FRAMES)  # slowly brighter or fainter
    if rng.random() < 0.3:  # it tumbles
        period, depth = rng.uniform(8, 120), rng.uniform(0.3, 1.0)
        light *= 1 - depth * np.abs(np.sin(np.pi * times / period + rng.uniform(0, np.pi)))
    if rng.random() < 0.15:  # into or out of the Earth's shadow
        light *= ndtr((times - rng.uniform(0, N_FRAMES)) * rng.choice([-1, 1]) / 15)
    return _steady("satellite", speed, through, light * peak * _spread(speed, camera), rng)


def draw_aircraft(
    world: World, camera: Camera, through: tuple[float, float], level: float, rng: np.random.Generator
) -> list[Track]:
    """Draw an aircraft that passes through a place: one or two lamps, steady and flashing about once a second.

    Parameters are those of `draw_meteor`.
    """
    distance_km = float(np.exp(rng.uniform(*np.log(world.aircraft_km))))
    speed = np.degrees(rng.uniform(*world.aircraft_km_s) * rng.uniform(0.3, 1) / distance_km) * 60
    speed /= camera.arcmin_per_px * FPS
    span_px = float(np.degrees(rng.uniform(0.01, 0.04) / distance_km) * 60 / camera.arcmin_per_px)
    seed, lamps = int(rng.integers(2**63)), int(rng.integers(1, 3))
    tracks = []
    for lamp in range(lamps):
        steady = faintest(camera, level) * rng.uniform(0.0, 4.0)
        flash = faintest(camera, level) * np.exp(rng.uniform(np.log(3), np.log(40)))
        period, phase = rng.uniform(10, 38), rng.uniform(0, 38)
        flashing = (np.arange(N_FRAMES) + phase) % period < rng.integers(1, 4)
        light = (steady + flash * flashing) * _spread(speed, camera)
        path = np.random.default_rng(seed)  # both lamps go the same way
        tracks.append(_steady("aircraft", speed, through, light, path, span_px * (lamp - (lamps - 1) / 2)))
    return tracks


def _steady(
    kind: str,
    speed: float,
    through: tuple[float, float],
    light: np.ndarray,
    rng: np.random.Generator,
    offset_px: float = 0.0,
) -> Track:
    """A straight track at constant speed, through a place at some time of the 256 frames."""
    angle, when = rng.uniform(0, 2 * np.pi), rng.uniform(0, N_FRAMES)
    velocity = (speed * np.sin(angle), speed * np.cos(angle))
    start = (through[0] - velocity[0] * when, through[1] - velocity[1] * when)
    return Track(kind, start, 0.0, velocity, 0.0, 0, light, offset_px=offset_px)
