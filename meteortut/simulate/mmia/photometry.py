"""Slices of simulated photometry and their truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, overload

import numpy as np
import pandas as pd

from meteortut.simulate.mmia.events import DRAWS, Event
from meteortut.simulate.mmia.instrument import draw_photometers, observe
from meteortut.simulate.mmia.labels import SHOWS_SIGMA, describe
from meteortut.simulate.mmia.light import shine
from meteortut.simulate.mmia.worlds import KINDS, N_SAMPLES, WORLDS, World
from meteortut.simulate.shared import choose_world

#: Slices whose noise-free light is held at a time.
BATCH = 64


@overload
def simulate_photometry(
    n: int,
    rng: int | np.random.Generator,
    world: str = "first",
    kinds: Sequence[str] | None = None,
    clean: Literal[False] = False,
) -> tuple[np.ndarray, pd.DataFrame]: ...


@overload
def simulate_photometry(
    n: int,
    rng: int | np.random.Generator,
    world: str = "first",
    kinds: Sequence[str] | None = None,
    *,
    clean: Literal[True],
) -> tuple[np.ndarray, pd.DataFrame, np.ndarray]: ...


def simulate_photometry(
    n: int,
    rng: int | np.random.Generator,
    world: str = "first",
    kinds: Sequence[str] | None = None,
    clean: bool = False,
) -> tuple[np.ndarray, pd.DataFrame] | tuple[np.ndarray, pd.DataFrame, np.ndarray]:
    """Simulate slices of 50 ms of three photometers over thunderstorms, each from another storm.

    Parameters
    ----------
    n : int
        Number of slices, at least 1.
    rng : int or Generator
        Seed or generator.
    world : "first" or "second"
        The world to train on, or the one with other storms and photometers, to be judged by and never trained on.
    kinds : sequence of str, optional
        Only slices of these kinds, in their shares of the world; by default all six.
    clean : bool
        Whether to give the noise-free light too.

    Returns
    -------
    data : ndarray of shape (n, 3, 5000), float32, µW/m² at the instrument
        Axis order (slice, band, sample); bands 337, 180–230 and 777.4 nm; 0.01 ms per sample.
    truth : DataFrame, a row per slice
        ``kind``: "lightning", "blue_corona", "blue_jet" (its onset), "elve", "sprite" or "noise". ``has_lightning`` (777.4 nm
        shows, as nothing else does there), ``has_corona``, ``has_jet``, ``has_elve``, ``has_sprite`` (bool).
        By rules on the noise-free light (`labels.describe`): ``five_class``, ``correlation``, ``activity``, ``t0_ms``,
        ``duration_ms``, ``uv_peak_ms``, ``snr_337``, ``uv_snr``, ``snr_777``, ``peak_337``, ``peak_uv``, ``peak_777`` (µW/m²).
        From the draw: ``onset_ms`` (when the main emission starts at its source: strongest pulse of a flash, first corona
        discharge, jet's onset, elve, sprite), ``parent_ms`` (stroke of an elve or sprite, before 0 if the slice missed it; NaN if
        hidden), ``depth_km`` (below the cloud top, NaN without cloud), ``n_pulses`` (in the cloud, that start in the slice),
        ``noise_337``, ``noise_uv``, ``noise_777`` and ``step_337``, ``step_uv``, ``step_777`` (sigma of a dark sample and
        quantisation step, µW/m²), ``n_spikes`` (samples hit by cosmic rays).
    light : ndarray of shape (n, 3, 5000), float32, µW/m²
        The noise-free light; only with ``clean=True``.

    Raises
    ------
    ValueError
        If ``n`` is below 1, there is no such world, or ``kinds`` is empty, repeats one or has an unknown one.
    """
    chosen = _check(n, world, kinds)
    rng = np.random.default_rng(rng)
    names = [kind for kind in KINDS if kinds is None or kind in kinds]
    shares = np.array([share for kind, share in zip(KINDS, chosen.shares, strict=True) if kind in names])
    drawn = rng.choice(names, size=n, p=shares / shares.sum())
    seeds = rng.integers(2**63, size=n)
    data = np.empty((n, 3, N_SAMPLES), np.float32)
    light = np.empty((n if clean else min(n, BATCH), 3, N_SAMPLES), np.float32)
    tables = []
    for start in range(0, n, BATCH):
        stop = min(start + BATCH, n)
        held = light[start:stop] if clean else light[: stop - start]
        tables.append(_batch(chosen, drawn[start:stop], seeds[start:stop], data[start:stop], held))
    truth = pd.concat(tables, ignore_index=True)
    return (data, truth, light) if clean else (data, truth)


def _check(n: int, world: str, kinds: Sequence[str] | None) -> World:
    if n < 1:
        raise ValueError(f"n is {n}; expected at least 1 slice.")
    if kinds is not None and (
        isinstance(kinds, str) or not kinds or len(set(kinds)) < len(kinds) or not set(kinds) <= set(KINDS)
    ):
        raise ValueError(f"kinds is {kinds!r}; expected a list of some of {', '.join(KINDS)}, each once.")
    return choose_world(WORLDS, world)


def _batch(world: World, kinds: np.ndarray, seeds: np.ndarray, data: np.ndarray, light: np.ndarray) -> pd.DataFrame:
    """Fill data and light, both of shape (n, 3, 5000), with slices of the given kinds; give their truth."""
    light[:] = 0.0
    events: list[Event] = []
    sigma, step, n_spikes = np.empty((len(kinds), 3)), np.empty((len(kinds), 3)), np.empty(len(kinds), int)
    for i, kind in enumerate(kinds):
        rng = np.random.default_rng(seeds[i])  # its own, so that no slice depends on those before it
        events.append(DRAWS[kind](world, rng))
        shine(events[i].layers, light[i])
        photometers = draw_photometers(world, rng)
        data[i], n_spikes[i] = observe(light[i], photometers, world, rng)
        sigma[i], step[i] = photometers.sigma, photometers.step
    shown = describe(light, sigma)
    table = {"kind": kinds.astype(object), "has_lightning": shown["snr_777"] >= SHOWS_SIGMA}
    for name, holders in (
        ("corona", ["blue_corona"]),
        ("jet", ["blue_jet"]),
        ("elve", ["elve", "blue_jet"]),
        ("sprite", ["sprite"]),
    ):
        table[f"has_{name}"] = np.isin(kinds, holders)
    table |= shown
    for name in ("onset_ms", "parent_ms", "depth_km", "n_pulses"):
        table[name] = np.array([getattr(event, name) for event in events])
    for name, values in (("noise", sigma), ("step", step)):
        table |= {f"{name}_{band}": values[:, i] for i, band in enumerate(("337", "uv", "777"))}
    return pd.DataFrame(table | {"n_spikes": n_spikes})
