"""Light diffusing out of a cloud: it comes late and broad, the more so the deeper its source."""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft, rfft

from meteortut.simulate.mmia.worlds import SAMPLE_MS

#: Speed of light, km/ms.
LIGHT_KM_MS = 299.792
#: Mean cosine of the scattering angle (chosen: cloud particles much larger than the wavelength have 0.85 to 0.9).
ASYMMETRY = 0.87
#: Rise from 10 to 90 % of half a normal curve, in its sigmas.
RISE_SIGMAS = 1.687
#: Samples over which a pulse is followed (chosen: 20 ms, more than ten times the longest time of absorption).
RESPONSE = 2048
#: The kernel's first samples are summed from steps this many times finer, as shallow sources are seen within a few samples.
_FINE_SAMPLES, _FINE_STEPS = 64, 16
_FINE_MS = (np.arange(_FINE_SAMPLES * _FINE_STEPS) + 0.5) * SAMPLE_MS / _FINE_STEPS
_TIME_MS = (np.arange(RESPONSE) + 0.5) * SAMPLE_MS
_COARSE_MS = (np.arange(_FINE_SAMPLES, RESPONSE) + 0.5) * SAMPLE_MS


def diffusion_ms(depth_km: float, free_path_m: float) -> float:
    """Give the time of diffusion τ_D = L² / 4D of light from a depth L.

    Parameters
    ----------
    depth_km : float, km
        Depth L of the source below the cloud top.
    free_path_m : float, metres
        Mean free path Λ between two scatterings.

    Returns
    -------
    float, ms
        With D = Λ c / 3 (1 − g), scattering being forward (g = 0.87). Grey: ice crystals are much larger than the wavelengths.

    Notes
    -----
    Koshak et al. 1994, JGR 99, 14361; Luque et al. 2020, Geosci. Model Dev. 13, 5549. The light of a depth of 2 km in a cloud with
    Λ = 16 m has τ_D = 0.08 ms.
    """
    diffusivity = free_path_m / 1000 * LIGHT_KM_MS / (3 * (1 - ASYMMETRY))
    return depth_km**2 / (4 * diffusivity)


def first_passage(tau_ms: float, absorption_ms: float) -> np.ndarray:
    """Give the light at the top of a deep cloud after a short flash in it.

    Parameters
    ----------
    tau_ms : float, ms
        Time of diffusion. 0 means no cloud: all light comes in the first sample.
    absorption_ms : float, ms
        Time after which 1/e of the light is left.

    Returns
    -------
    ndarray of shape (2048,), float64
        Share of the light per sample of 0.01 ms; adds up to 1.

    Notes
    -----
    Photons leave at their first passage through the top, f(t) ∝ t^(-3/2) exp(−τ_D/t − t/τ_A): an inverse Gaussian density
    (Luque et al. 2020 for a source under a plane top; used on blue discharges seen by MMIA in JGR Atmospheres 125, e2020JD032708).
    It peaks at 2 τ_D / 3, or before that where light is absorbed.
    """
    kernel = np.zeros(RESPONSE)
    if tau_ms <= 0:
        kernel[0] = 1.0
        return kernel
    fine, coarse = (t**-1.5 * np.exp(-tau_ms / t - t / absorption_ms) for t in (_FINE_MS, _COARSE_MS))
    kernel[:_FINE_SAMPLES] = fine.reshape(_FINE_SAMPLES, _FINE_STEPS).mean(axis=1)
    kernel[_FINE_SAMPLES:] = coarse
    total = kernel.sum()
    if total <= 0 or tau_ms < SAMPLE_MS / (2 * _FINE_STEPS):  # all of it within the first sample
        kernel[:] = 0.0
        kernel[0] = total = 1.0
    return kernel / total


def source(time_ms: np.ndarray, rise_ms: float, decay_ms: float) -> np.ndarray:
    """Give a pulse at its source: half a normal curve up, an exponential down.

    Parameters
    ----------
    time_ms : ndarray, ms
        Since its start, three sigmas of the rise before its peak; before that there is no light.
    rise_ms, decay_ms : float, ms
        Rise from 10 to 90 % of the peak, and time in which the light falls to 1/e.

    Returns
    -------
    ndarray of the same shape
        1 at the peak.
    """
    sigma = rise_ms / RISE_SIGMAS
    late = time_ms - 3 * sigma
    curve = np.exp(np.where(late < 0, -0.5 * (late / sigma) ** 2, -late / decay_ms))
    return np.where(time_ms < 0, 0.0, curve)


def scattered_pulse(rise_ms: float, decay_ms: float, kernel: np.ndarray) -> np.ndarray:
    """Give one pulse as it leaves the cloud.

    Parameters
    ----------
    rise_ms, decay_ms : float, ms
        As in `source`.
    kernel : ndarray of shape (2048,)
        As `first_passage` gives it.

    Returns
    -------
    ndarray of shape (2048,), float32
        Light from the source's start on, 0.01 ms per sample; its maximum is 1.
    """
    before = source(_TIME_MS, rise_ms, decay_ms)
    pulse = irfft(rfft(before, 2 * RESPONSE) * rfft(kernel, 2 * RESPONSE), 2 * RESPONSE)[:RESPONSE]
    pulse = np.maximum(pulse, 0.0)  # of the transform's rounding
    return (pulse / pulse.max()).astype(np.float32)
