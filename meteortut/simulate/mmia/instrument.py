"""The photometers: stray quanta, readout, steps, cosmic rays and saturation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meteortut.simulate.mmia.events import log_uniform, uniform
from meteortut.simulate.mmia.worlds import BANDS, N_SAMPLES, SATURATION_COUNTS, STEPS, World
from meteortut.simulate.shared import log_uniform as log_uniforms

#: Light below this many quanta per sample is left to the background.
FAINT = 1e-3
#: Dark readings are tabulated from this many quanta below zero to three times as many above, with chances in steps of 2⁻¹⁶.
_REACH, _RANGE = 8, 1 << 16
_NUMBERS = np.arange(2 * _REACH + 1)
_LOG_FACTORIAL = np.cumsum(np.log(np.maximum(_NUMBERS, 1)))


@dataclass(frozen=True, eq=False)
class Photometers:
    """Three photometers during a slice.

    Parameters
    ----------
    step : ndarray of shape (3,), µW/m²
        One quantum.
    background, readout : ndarray of shape (3,), quanta per sample
        Mean number of stray quanta, and standard deviation of the readout before it is rounded.
    """

    step: np.ndarray
    background: np.ndarray
    readout: np.ndarray

    @property
    def sigma(self) -> np.ndarray:
        """Standard deviation of a dark sample before it is cut off at zero, ndarray of shape (3,), µW/m²."""
        return self.step * np.sqrt(self.background + self.readout**2 + 1 / 12)


def draw_photometers(world: World, rng: np.random.Generator) -> Photometers:
    """Draw the state of the instrument during a slice."""
    drift = 1 + world.step_drift * np.clip(rng.standard_normal(3), -3, 3)
    background = np.array([log_uniform(world.background, rng) for _ in BANDS])
    readout = np.array([uniform(world.readout, rng) for _ in BANDS])
    return Photometers(np.array(STEPS) * drift, background, readout)


def observe(
    light: np.ndarray, photometers: Photometers, world: World, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """Give what the photometers report.

    Parameters
    ----------
    light : ndarray of shape (3, 5000), µW/m²
        Noise-free.
    photometers : Photometers
    world : World
        For the rate and height of cosmic rays.
    rng : Generator

    Returns
    -------
    data : ndarray of shape (3, 5000), float32, µW/m²
        Whole multiples of the bands' steps, from 0 to 1023 of them. Quanta arrive at random (Poisson), light's like stray ones;
        the readout adds whole quanta of either sign.
    n_spikes : int
        Number of samples hit by cosmic rays.
    """
    counts = np.stack([_dark(*pair, rng) for pair in zip(photometers.background, photometers.readout, strict=True)])
    n_spikes = _hit(counts, world, rng)
    step = photometers.step[:, None].astype(np.float32)
    quanta = np.minimum(light / step, 4 * SATURATION_COUNTS)  # as good as more, and fits into 16 bits
    lit = quanta > FAINT
    counts[lit] += rng.poisson(quanta[lit]).astype(np.int16)
    np.clip(counts, 0, SATURATION_COUNTS, out=counts)
    return counts * step, n_spikes


def _dark(background: float, readout: float, rng: np.random.Generator) -> np.ndarray:
    """Readings without light: Poisson quanta and a rounded normal readout; ndarray of shape (5000,), int16."""
    from scipy.special import ndtr  # slow to import

    stray = np.exp(_NUMBERS * np.log(background) - background - _LOG_FACTORIAL)
    readings = np.diff(ndtr((np.arange(-_REACH, _REACH + 2) - 0.5) / readout))
    chance = np.cumsum(np.convolve(stray, readings))
    widths = np.diff(np.round(chance / chance[-1] * _RANGE), prepend=0.0).astype(int)
    table = np.repeat(np.arange(-_REACH, len(widths) - _REACH, dtype=np.int16), widths)
    return table[rng.integers(_RANGE, size=N_SAMPLES)]


def _hit(counts: np.ndarray, world: World, rng: np.random.Generator) -> int:
    """Let cosmic rays hit single samples, in place; give their number."""
    rate = log_uniform(world.spikes, rng) * (world.belt_factor if rng.random() < world.belt_share else 1.0)
    number = int(rng.poisson(rate * len(counts)))
    band, sample = rng.integers(len(counts), size=number), rng.integers(N_SAMPLES, size=number)
    np.add.at(counts, (band, sample), log_uniforms(world.spike_quanta, number, rng).astype(np.int16))
    return number
