"""One data set in the making: what stays the same, what befalls each frame, and how a frame is exposed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meteortut.simulate.scmos.field import Field, draw_field, draw_pointing, path_length, slewed_path, tracked_path
from meteortut.simulate.scmos.labels import BACKGROUND_RATIO, DEFOCUS_RATIO, GHOST_SNR
from meteortut.simulate.scmos.optics import Grid, annulus, moffat, spikes
from meteortut.simulate.scmos.satellites import Satellite, draw_satellites
from meteortut.simulate.scmos.schedule import Plan, runs, wander
from meteortut.simulate.scmos.sensor import Sensor, draw_sensor
from meteortut.simulate.scmos.trails import draw_ghost, draw_trail
from meteortut.simulate.scmos.weather import Clouds, Obstacle, tilt
from meteortut.simulate.scmos.worlds import World

#: A star counts as visible from this signal-to-noise ratio on.
STAR_SNR = 5.0


@dataclass(frozen=True)
class Scene:
    """A data set before its frames are exposed.

    Attributes
    ----------
    world, grid, field, sensor, plan, clouds, obstacle
        What is pointed at, with what, and what befalls it.
    still : tuple of ndarray
        Transforms of the aureole and of the spikes.
    seeing_px : ndarray of shape (n_frames,), pixels
    pointing : ndarray of shape (n_frames, 2), pixels (y, x)
    sky_e : ndarray of shape (n_frames,), electrons per pixel
        Mean of the clear sky.
    sky_shape : ndarray of shape (height, width), float32
        The clear sky over its mean.
    blur_px, added, ghost_snr : ndarray of shape (n_frames,)
        Radius of the defocus, additional light over the sky, signal-to-noise ratio of the ghost; 0 without.
    added_shape : ndarray of shape (height, width), float32
        The additional light over its mean.
    ghost : ndarray of shape (height, width), float32
    satellites : dict of int to list of Satellite
        By frame.
    """

    world: World
    grid: Grid
    field: Field
    sensor: Sensor
    plan: Plan
    clouds: Clouds
    obstacle: Obstacle
    still: tuple[np.ndarray, np.ndarray]
    seeing_px: np.ndarray
    pointing: np.ndarray
    sky_e: np.ndarray
    sky_shape: np.ndarray
    blur_px: np.ndarray
    added: np.ndarray
    ghost_snr: np.ndarray
    added_shape: np.ndarray
    ghost: np.ndarray
    satellites: dict[int, list[Satellite]]


def draw_scene(shape: tuple[int, int], plan: Plan, world: World, rng: np.random.Generator) -> Scene:
    """Draw everything that a data set's frames have in common, and the satellites that cross them."""
    grid, n = Grid(shape), len(plan.faint)
    seeing = rng.uniform(*world.seeing_px) * np.exp(wander(n, world.seeing_wander, 0.8, rng))
    drift = 1 + world.sky_drift * rng.uniform(-1, 1) * np.linspace(-0.5, 0.5, n)
    sky = np.exp(rng.uniform(*np.log(world.sky_e))) * drift * np.exp(wander(n, 0.01, 0.5, rng))
    blur = _per_run(plan.kinds["out_of_focus"], world.defocus_px, 0.15, rng)
    ghost_radius = rng.uniform(*world.ghost_px)
    at = (rng.uniform(0.1, 0.9) * size for size in shape)
    obstacle = Obstacle(shape, world, rng)
    return Scene(
        *(world, grid, draw_field(grid, world, rng), draw_sensor(shape, world, rng), plan),
        *(Clouds(shape, world, rng), obstacle),
        still=(moffat(grid.radial, world.halo_px, 2.0), spikes(grid, world.halo_px, rng.uniform(0, np.pi / 2))),
        seeing_px=seeing,
        pointing=draw_pointing(n, world, rng),
        sky_e=sky,
        sky_shape=tilt(shape, world.sky_tilt, rng),
        blur_px=np.where(plan.kinds["out_of_focus"], np.maximum(blur, 0.51 * DEFOCUS_RATIO * seeing), 0),
        added=_per_run(plan.kinds["background"], world.background_ratio, 0.1, rng, BACKGROUND_RATIO),
        ghost_snr=_per_run(plan.kinds["ghost"], world.ghost_snr, 0.1, rng, GHOST_SNR),
        added_shape=tilt(shape, world.background_tilt, rng),
        ghost=draw_ghost(shape, ghost_radius, world.hole, *at),
        satellites=draw_satellites(shape, plan, obstacle, world, rng),
    )


def _per_run(
    mask: np.ndarray, limits: tuple[float, float], scatter: float, rng: np.random.Generator, least: float = 0.0
) -> np.ndarray:
    """One log-uniform value per run, changing a little from frame to frame, at least `least`; 0 outside the runs."""
    values = np.zeros(len(mask))
    for start, stop in runs(mask):
        value = np.exp(rng.uniform(*np.log(limits)))
        values[start:stop] = np.maximum(value * np.exp(wander(stop - start, scatter, 0.8, rng)), least)
    return values


def expose(scene: Scene, i: int, rng: np.random.Generator) -> tuple[np.ndarray, dict[str, float]]:
    """Expose frame ``i``.

    Returns
    -------
    frame : ndarray of shape (height, width), uint16, ADU
    severity : dict
        What :func:`meteortut.simulate.scmos.frames.simulate_frames` tells of a frame beside its labels.
    """
    world, plan, flat = scene.world, scene.plan, scene.sensor.flat
    path = slewed_path(world, rng) if plan.kinds["slew"][i] else tracked_path(world, rng)
    spread = _point_spread(scene, i, path)
    through = scene.clouds.transmission(i, float(plan.transmission[i]))
    opacity = scene.obstacle.opacity(float(plan.hidden[i]))
    sky_e = float(scene.sky_e[i])
    sky = sky_e * (scene.sky_shape * (1 + scene.clouds.glow * (1 - through)) + scene.added[i] * scene.added_shape)
    open_ = 1 - opacity
    light = scene.grid.image(scene.field.transform * spread) * through + sky
    light *= open_
    light += opacity * np.float32(scene.obstacle.lit * sky_e)
    noise = scene.sensor.noise(float((sky * open_).mean() + (opacity * scene.obstacle.lit * sky_e).mean()))
    satellites = scene.satellites.get(i, [])
    for satellite in satellites:
        light += _at_snr(_image_of(scene, i, satellite) * through * open_, flat, satellite.snr * noise)
    if scene.ghost_snr[i]:
        light += _at_snr(scene.ghost, flat, scene.ghost_snr[i] * noise)
    severity = _trails_of(scene.grid.shape, satellites) | {
        "slew_px": path_length(path),
        "transmission": float(through.mean()),
        "cloud_structure": float(through.std()),
        "hidden_share": float((opacity > 0.5).mean()),
        "defocus_px": 2 * float(scene.blur_px[i]),
        "background_ratio": float(scene.added[i]),
        "ghost_snr": float(scene.ghost_snr[i]),
        "seeing_px": float(scene.seeing_px[i]),
        "sky_e": sky_e,
        "n_stars": _visible(scene, i, spread, through * open_, noise),
    }
    return scene.sensor.read(light * flat, rng), severity


def _point_spread(scene: Scene, i: int, path: np.ndarray) -> np.ndarray:
    """Transform of what frame i makes of a point: optics, air, motion."""
    world, grid = scene.world, scene.grid
    rest = 1 - world.halo_share - world.spike_share
    spread = rest * moffat(grid.radial, float(scene.seeing_px[i]), world.moffat)
    spread += world.halo_share * scene.still[0] + world.spike_share * scene.still[1]
    spread *= grid.pixel
    if scene.blur_px[i]:
        spread *= annulus(grid.radial, float(scene.blur_px[i]), world.hole)
    at = path + scene.pointing[i]
    return spread * grid.points(at[:, 0], at[:, 1], np.full(len(at), 1 / len(at)))


def _image_of(scene: Scene, i: int, satellite: Satellite) -> np.ndarray:
    radius = float(np.hypot(satellite.radius_px, scene.blur_px[i]))
    return draw_trail(
        scene.grid.shape, satellite.segment, float(scene.seeing_px[i]), satellite.light, radius, scene.world.hole
    )


def _at_snr(image: np.ndarray, flat: np.ndarray, wanted_e: float) -> np.ndarray:
    """Scale an image until the square root of the sum of its squares, as the sensor records it, is the electrons wanted."""
    norm = np.sqrt(np.sum((image * flat) ** 2, dtype=np.float64))
    return image * np.float32(wanted_e / norm)


def _trails_of(shape: tuple[int, int], satellites: list[Satellite]) -> dict[str, float]:
    names = ("trail_y0", "trail_x0", "trail_y1", "trail_x1")
    in_focus = [s for s in satellites if not s.radius_px]
    if not satellites:
        return dict.fromkeys(names, np.nan) | {
            "n_trails": 0,
            "trail_snr": 0.0,
            "trail_length_px": 0.0,
            "defocused_satellite_snr": 0.0,
        }
    main = satellites[0]
    return dict(zip(names, main.segment.clipped(shape), strict=True)) | {
        "n_trails": len(in_focus),
        "trail_snr": main.snr if in_focus else 0.0,
        "trail_length_px": main.segment.length(shape),
        "defocused_satellite_snr": 0.0 if in_focus else main.snr,
    }


def _visible(scene: Scene, i: int, spread: np.ndarray, through: np.ndarray, noise: float) -> int:
    """Stars inside the frame whose signal-to-noise ratio, best weighted, reaches `STAR_SNR`."""
    height, width = scene.grid.shape
    y, x = (np.rint(p + o).astype(int) for p, o in zip((scene.field.y, scene.field.x), scene.pointing[i], strict=True))
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    power = np.abs(spread) ** 2
    twice = 2 * power.sum(dtype=np.float64) - power[:, 0].sum(dtype=np.float64)  # the half not stored
    sharpness = np.sqrt(twice / (scene.grid.size[0] * scene.grid.size[1]))
    reach = scene.field.electrons[inside] * through[y[inside], x[inside]] * sharpness / noise
    return int((reach >= STAR_SNR).sum())
