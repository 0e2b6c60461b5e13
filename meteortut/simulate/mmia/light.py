"""Noise-free light of a slice: the sum of layers, each a train of like pulses that shines in one band or more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meteortut.simulate.mmia.cloud import scattered_pulse, source
from meteortut.simulate.mmia.worlds import N_SAMPLES, SAMPLE_MS


@dataclass(frozen=True, eq=False)
class Layer:
    """A train of pulses of one shape.

    Parameters
    ----------
    time_ms, peak : ndarray of shape (n_pulses,), ms from the slice's first sample, and µW/m²
        When a pulse starts at its source, and the peak of its light. Pulses outside the slice may still shine into it.
    rise_ms, decay_ms : float, ms
        Rise from 10 to 90 % and time of decay at the source (`cloud.source`).
    bands : (float, float, float)
        Light in 337, 180–230 and 777.4 nm over ``peak``.
    kernel : ndarray of shape (2048,) or None
        What the cloud does (`cloud.first_passage`); None for light from above the cloud.
    """

    time_ms: np.ndarray
    peak: np.ndarray
    rise_ms: float
    decay_ms: float
    bands: tuple[float, float, float]
    kernel: np.ndarray | None = None


def shine(layers: list[Layer], light: np.ndarray) -> None:
    """Add layers to the light of a slice, in place.

    Parameters
    ----------
    layers : list of Layer
    light : ndarray of shape (3, 5000), float32, µW/m²
        Axis order (band, sample).
    """
    for layer in layers:
        curve = np.zeros(N_SAMPLES, np.float32)
        if layer.kernel is None:
            for time, peak in zip(layer.time_ms, layer.peak, strict=True):
                _add_clear(curve, time, peak, layer)
        else:
            pulse = scattered_pulse(layer.rise_ms, layer.decay_ms, layer.kernel)
            for time, peak in zip(layer.time_ms, layer.peak, strict=True):
                _add_shifted(curve, pulse, time, peak)
        for band, share in enumerate(layer.bands):
            if share:
                light[band] += np.float32(share) * curve


def _add_clear(curve: np.ndarray, time_ms: float, peak: float, layer: Layer) -> None:
    """Add a pulse that no cloud has changed, followed as long as it lasts."""
    start = max(0, int(np.ceil(time_ms / SAMPLE_MS - 0.5)))  # the first sample whose middle is not before it
    if start >= N_SAMPLES:
        return
    time = (np.arange(start, N_SAMPLES) + 0.5) * SAMPLE_MS - time_ms
    curve[start:] += (peak * source(time, layer.rise_ms, layer.decay_ms)).astype(np.float32)


def _add_shifted(curve: np.ndarray, pulse: np.ndarray, time_ms: float, peak: float) -> None:
    """Add a pulse that starts between two samples: part of it goes to either."""
    place = time_ms / SAMPLE_MS
    first = int(np.floor(place))
    late = place - first
    for begin, share in ((first, 1 - late), (first + 1, late)):
        low, high = max(begin, 0), min(begin + len(pulse), N_SAMPLES)
        if low < high:
            curve[low:high] += np.float32(share * peak) * pulse[low - begin : high - begin]
