"""Which satellites cross which frames of a data set, and how bright they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meteortut.simulate.scmos.labels import BAND_SNR, TRAIL_SNR
from meteortut.simulate.scmos.schedule import Plan
from meteortut.simulate.scmos.trails import Segment, draw_light, draw_pass
from meteortut.simulate.scmos.weather import Obstacle
from meteortut.simulate.scmos.worlds import World


@dataclass(frozen=True)
class Satellite:
    """One trail in one frame.

    Attributes
    ----------
    segment : Segment
    light : tuple of four floats
        How it varies, as :func:`meteortut.simulate.scmos.trails.draw_light` has it.
    snr : float
        Signal-to-noise ratio, summed over the frame.
    radius_px : float
        Of its blur; 0 in focus.
    """

    segment: Segment
    light: tuple[float, float, float, float]
    snr: float
    radius_px: float


def draw_satellites(
    shape: tuple[int, int], plan: Plan, obstacle: Obstacle, world: World, rng: np.random.Generator
) -> dict[int, list[Satellite]]:
    """Draw the satellites of a data set.

    Parameters
    ----------
    shape : (height, width), pixels
    plan : Plan
        Which frames they cross.
    obstacle : Obstacle
        What hides part of the sky; their ways lead beside it.
    world : World
    rng : Generator

    Returns
    -------
    dict of int to list of Satellite
        By frame, the brightest first.
    """
    satellites: dict[int, list[Satellite]] = {}
    for frames in plan.passes:
        defocused, faint = plan.kinds["defocused_satellite"][frames[0]], plan.faint[frames[0]]
        open_ = obstacle.opacity(float(plan.hidden[list(frames)].max())) < 0.5
        segments = draw_pass(shape, open_, len(frames), world, rng)
        light = draw_light(world.trail_flashing, rng)
        radius = float(rng.uniform(*world.band_px)) if defocused else 0.0
        snr = _draw_snr(world, faint, rng)
        least, most = (BAND_SNR if defocused else TRAIL_SNR), np.inf
        if defocused:
            snr = float(np.exp(rng.uniform(*np.log(world.band_snr))))
        elif faint:
            least, most = 0.0, 0.99 * TRAIL_SNR
        for frame, segment in zip(frames, segments, strict=True):
            seen = float(np.clip(snr * np.exp(0.1 * rng.normal()), least, most))
            satellites[frame] = [Satellite(segment, light, seen, radius)]
            if not (defocused or faint) and rng.random() < world.trail_several:
                satellites[frame] += _company(shape, satellites[frame][0], open_, world, rng)
    return satellites


def _draw_snr(world: World, faint: bool, rng: np.random.Generator) -> float:
    """Draw from a power law: between the world's limits, or for a faint one from half the lower limit to the label's."""
    low, high = world.trail_snr
    low, high = (low / 2, min(low, TRAIL_SNR)) if faint else (low, high)
    if world.trail_tilt == 0:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))
    a, b = low**world.trail_tilt, high**world.trail_tilt
    return float((a + rng.random() * (b - a)) ** (1 / world.trail_tilt))


def _company(
    shape: tuple[int, int], first: Satellite, open_: np.ndarray, world: World, rng: np.random.Generator
) -> list[Satellite]:
    """One or two fainter satellites in the same frame: beside the first, as in a train, or anywhere."""
    others = []
    for _ in range(int(rng.integers(1, 3))):
        segment = draw_pass(shape, open_, 1, world, rng)[0]
        if rng.random() < 0.6:
            dy, dx = np.subtract(first.segment.stop, first.segment.start)
            aside = rng.choice([-1, 1]) * rng.uniform(0.1, 0.35) * min(shape) / np.hypot(dy, dx)
            (y0, x0), (y1, x1) = first.segment.start, first.segment.stop
            shifted = Segment((y0 + aside * dx, x0 - aside * dy), (y1 + aside * dx, x1 - aside * dy))
            segment = shifted if shifted.length(shape) else segment
        others.append(Satellite(segment, draw_light(world.trail_flashing, rng), first.snr * rng.uniform(0.2, 1.0), 0.0))
    return others
