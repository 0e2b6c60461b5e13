"""What happens in a slice: lightning, corona discharges, jets' onsets, elves and sprites, drawn as layers of light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from meteortut.simulate import shared
from meteortut.simulate.mmia.cloud import diffusion_ms, first_passage
from meteortut.simulate.mmia.light import Layer
from meteortut.simulate.mmia.worlds import N_SAMPLES, SAMPLE_MS, Range, World

#: Length of a slice, ms, and the part of it in which the main emission starts (chosen, so that none is cut off unseen).
SLICE_MS = N_SAMPLES * SAMPLE_MS
ONSET_MS = (1.0, 45.0)
#: How long a flash may have lasted when the slice begins, ms (chosen).
BEFORE_MS = 15.0
#: Rise of a continuing current's glow, ms (chosen).
GLOW_RISE_MS = 0.8


@dataclass
class Event:
    """The layers of a slice, and what is told of them in its truth (times in ms from the slice's first sample)."""

    layers: list[Layer] = field(default_factory=list)
    onset_ms: float = np.nan
    parent_ms: float = np.nan
    depth_km: float = np.nan
    n_pulses: int = 0


def uniform(span: Range, rng: np.random.Generator) -> float:
    """Draw evenly from a range."""
    return float(span[0] + (span[1] - span[0]) * rng.random())


def log_uniform(span: Range, rng: np.random.Generator) -> float:
    """Draw one number from a range of positive ones, evenly in the logarithm."""
    return float(shared.log_uniform(span, 1, rng)[0])


def _cloud(world: World, depth_km: float, rng: np.random.Generator) -> np.ndarray:
    tau = diffusion_ms(depth_km, log_uniform(world.free_path_m, rng))
    return first_passage(tau, log_uniform(world.absorption_ms, rng))


def _train(number: int, gap: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """Start times of pulses from 0 on, ms; the gaps between them lognormal (median, sigma)."""
    return np.append(0.0, np.cumsum(gap[0] * np.exp(gap[1] * rng.standard_normal(number - 1))))


def _heights(number: int, rng: np.random.Generator) -> np.ndarray:
    """Peaks of a train over its strongest, which may be any of them."""
    heights = rng.uniform(0.1, 1.0, number)
    return heights / heights.max()


def _flash(
    world: World, time: np.ndarray, peak: np.ndarray, depth: float, rise: float, glow: float, rng: np.random.Generator
) -> list[Layer]:
    """Pulses of lightning at 777.4 and 337 nm and, with ``glow`` above 0, the continuing current after the strongest."""
    kernel, number = _cloud(world, depth, rng), len(time)
    ratio = world.blue_to_red[0] * np.exp(world.blue_to_red[1] * rng.standard_normal() - depth / world.blue_depth_km)
    blue = peak * ratio * np.exp(world.pulse_scatter * rng.standard_normal(number))
    blue_rise, leak = rise * uniform(world.blue_rise, rng), uniform(world.leak, rng)
    layers = [
        Layer(time, peak, rise, uniform(world.red_decay_ms, rng), (0.0, 0.0, 1.0), kernel),
        Layer(time, blue, blue_rise, uniform(world.blue_decay_ms, rng), (1.0, leak, 0.0), kernel),
    ]
    if glow:
        start = time[np.argmax(peak)]  # its rise is slow beside the cloud's delay, which is left out
        decay = uniform(world.current_decay_ms, rng)
        layers.append(Layer(np.array([start]), np.array([glow]), GLOW_RISE_MS, decay, (0.0, 0.0, 1.0)))
    return layers


def lightning(world: World, rng: np.random.Generator) -> Event:
    """A flash: one pulse or many, some followed by a continuing current. It may have begun before the slice."""
    number = int(log_uniform((world.lightning_pulses[0], world.lightning_pulses[1] + 1), rng))
    time = _train(number, world.lightning_gap_ms, rng)
    heights = _heights(number, rng)
    strongest = int(np.argmax(heights))
    # The strongest pulse is the one that triggers the instrument: it lies within the slice.
    time += uniform(ONSET_MS, rng) - time[strongest]
    kept = time > -BEFORE_MS
    peak = log_uniform(world.lightning_peak, rng)
    depth = uniform(world.lightning_depth_km, rng)
    glow = peak * uniform(world.current_peak, rng) * (rng.random() < world.current_share)
    layers = _flash(world, time[kept], peak * heights[kept], depth, uniform(world.red_rise_ms, rng), glow, rng)
    return Event(layers, float(time[strongest]), np.nan, depth, _inside(time))


def _inside(time: np.ndarray) -> int:
    return int(((time >= 0) & (time < SLICE_MS)).sum())


def blue_corona(world: World, rng: np.random.Generator) -> Event:
    """Corona discharges, one or a train of them, shallow or deep."""
    depth = uniform(world.shallow_km if rng.random() < world.shallow_share else world.deep_km, rng)
    number = int(log_uniform((world.corona_pulses[0], world.corona_pulses[1] + 1), rng))
    time = _train(number, world.corona_gap_ms, rng)
    heights = _heights(number, rng)
    heights[0] = 1.0  # the first is the strongest, and triggers
    time += uniform(ONSET_MS, rng)
    layer = Layer(
        time,
        log_uniform(world.corona_peak, rng) * heights,
        uniform(world.streamer_rise_ms, rng),
        uniform(world.streamer_decay_ms, rng),
        (1.0, uniform(world.leak, rng), uniform(world.red_leak, rng)),
        _cloud(world, depth, rng),
    )
    return Event([layer], float(time[0]), np.nan, depth, _inside(time))


def _elve(world: World, time_ms: float, rng: np.random.Generator) -> Layer:
    return Layer(
        np.array([time_ms]),
        np.array([log_uniform(world.elve_peak, rng)]),
        uniform(world.elve_rise_ms, rng),
        uniform(world.elve_decay_ms, rng),
        (uniform(world.elve_blue, rng), 1.0, 0.0),
    )


def blue_jet(world: World, rng: np.random.Generator) -> Event:
    """A jet's onset with its elve and, in a share of slices, the glow of the jet itself, with pulses on it."""
    onset, depth = uniform(ONSET_MS, rng), uniform(world.jet_depth_km, rng)
    kernel, peak = _cloud(world, depth, rng), log_uniform(world.jet_peak, rng)
    bands = (1.0, uniform(world.leak, rng), uniform(world.red_leak, rng))
    shape = (uniform(world.streamer_rise_ms, rng), uniform(world.streamer_decay_ms, rng))
    layers = [Layer(np.array([onset]), np.array([peak]), *shape, bands, kernel), _elve(world, onset, rng)]
    number = 1
    if rng.random() < world.jet_glow_share:
        glow, start = peak * uniform(world.jet_glow_peak, rng), onset + uniform((0.1, 2.0), rng)
        rise, decay = uniform(world.jet_glow_rise_ms, rng), uniform(world.jet_glow_decay_ms, rng)
        layers.append(Layer(np.array([start]), np.array([glow]), rise, decay, (1.0, 0.0, bands[2])))
        more = start + _train(1 + int(rng.integers(8)), world.corona_gap_ms, rng)[1:]
        layers.append(Layer(more, glow * rng.uniform(0.3, 1.5, len(more)), *shape, bands, kernel))
        number += _inside(more)
    return Event(layers, onset, np.nan, depth, number)


def elve(world: World, rng: np.random.Generator) -> Event:
    """An elve and the lightning whose current pulse made it, if that is not hidden."""
    onset, depth = uniform(ONSET_MS, rng), uniform(world.stroke_depth_km, rng)
    event = Event([_elve(world, onset, rng)], onset, np.nan, np.nan, 0)
    if rng.random() >= world.hidden_share:
        number = 1 + int(rng.integers(6))
        time = onset + uniform(world.elve_lead_ms, rng) + _train(number, world.lightning_gap_ms, rng)
        low, high = world.lightning_peak
        heights = _heights(number, rng)
        heights[0] = 1.0
        peak = log_uniform(((low * high) ** 0.5, high), rng)  # strong strokes make elves
        event.layers += _flash(world, time, peak * heights, depth, uniform(world.stroke_rise_ms, rng), 0.0, rng)
        event.parent_ms, event.depth_km, event.n_pulses = float(time[0]), depth, _inside(time)
    return event


def sprite(world: World, rng: np.random.Generator) -> Event:
    """A sprite and its parent stroke, which the slice may have missed."""
    onset, depth = uniform(ONSET_MS, rng), uniform(world.stroke_depth_km, rng)
    parent = onset - log_uniform(world.sprite_delay_ms, rng)
    low, high = world.lightning_peak
    peak = log_uniform(((low * high) ** 0.5, high), rng)  # strong strokes make sprites
    glow = peak * uniform(world.current_peak, rng) * (rng.random() < world.parent_current_share)
    rise = uniform(world.stroke_rise_ms, rng)
    layers = _flash(world, np.array([parent]), np.array([peak]), depth, rise, glow, rng)
    number = int(uniform((world.sprite_elements[0], world.sprite_elements[1] + 1), rng))
    time = onset + np.append(0.0, rng.uniform(0, world.sprite_spread_ms, number - 1))
    layers.append(
        Layer(
            time,
            log_uniform(world.sprite_peak, rng) * _heights(number, rng),
            uniform(world.sprite_rise_ms, rng),
            uniform(world.sprite_decay_ms, rng),
            (1.0, uniform(world.sprite_uv, rng), 0.0),
        )
    )
    return Event(layers, onset, parent, depth, int(0 <= parent))


def noise(world: World, rng: np.random.Generator) -> Event:
    """No light at all."""
    return Event()


#: How slices of each of `worlds.KINDS` are drawn.
DRAWS: dict[str, Callable[[World, np.random.Generator], Event]] = {
    "lightning": lightning,
    "blue_corona": blue_corona,
    "blue_jet": blue_jet,
    "elve": elve,
    "sprite": sprite,
    "noise": noise,
}
