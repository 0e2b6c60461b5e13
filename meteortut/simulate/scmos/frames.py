"""Simulated frames of an sCMOS survey telescope: data sets of one field each, with the report's anomalies and their truth.

*Stands in for* the frames behind Zhai et al. 2021 (JPL R21259), which are not public, and gives a truth that no archive has.
*Breaks down*: real sensors have 9576 × 6388 pixels, these frames 256 × 256, so that clouds, obstacles and trails are large beside
stars as they would be in a frame binned 25 times, while stars are sampled as in an unbinned cut. One point spread serves the whole
frame (no coma, no field rotation); the field does not change after a slew but comes back from the other side of a margin;
satellites are Gaussian across; photon noise is normal; every label's limit is sharp, where an observer's is not. Colours, cosmic
rays, bleeding, guiding failures other than slews, gaps between leaves, aeroplanes' lights and meteors are missing, and obstacles
that are as bright as the sky. Which values have a source, :mod:`meteortut.simulate.scmos.worlds` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from meteortut.simulate.scmos.labels import FRAMES_PER_SET, KINDS, LABELLED, SETS
from meteortut.simulate.scmos.scene import draw_scene, expose
from meteortut.simulate.scmos.schedule import plan, share_out
from meteortut.simulate.scmos.worlds import WORLDS, World
from meteortut.simulate.shared import choose_world

#: The shorter side of a frame, pixels, is at least this.
LEAST_SIZE = 64
#: So many labelled data sets come with one of kinds never labelled; chosen.
SETS_PER_UNSEEN = 5
#: In a data set of kinds never labelled, the share of frames with each of the four; chosen.
UNSEEN_SHARE = 0.1


@dataclass(frozen=True)
class DataSet:
    """Consecutive frames of one field.

    Attributes
    ----------
    name : str
    frames : ndarray of shape (n_frames, height, width), uint16, ADU
    truth : DataFrame, a row per frame
        As :func:`simulate_frames` gives it.
    """

    name: str
    frames: np.ndarray
    truth: pd.DataFrame


def simulate_frames(
    n_frames: int,
    rng: int | np.random.Generator,
    world: str = "first",
    shape: tuple[int, int] = (256, 256),
    counts: Mapping[str, int] | None = None,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Simulate one data set: consecutive 5 s exposures of one field.

    Parameters
    ----------
    n_frames : int
        Number of frames, at least 1; the report has 100.
    rng : int or Generator
        Seed or generator.
    world : "first" or "second"
        The world to train on, or the one with another telescope, camera and sky, to be judged by and never trained on.
    shape : (height, width), pixels
        At least 64 each.
    counts : mapping of kind to int, optional
        So many frames of each kind of `KINDS`, none with two; kinds left out do not occur. Without it, the counts of a data set
        drawn from the thirty that together hold the world's: the report's share on average, unevenly spread, some frames with two.

    Returns
    -------
    frames : ndarray of shape (n_frames, height, width), uint16, ADU
        As the camera writes them: 16 bits, neither flat-fielded nor dark-subtracted. Axis order (time, y, x).
    truth : DataFrame, a row per frame
        Boolean labels, each an observable rule on the signal before noise and saturation:

        ``trajectory``
            ``trail_snr`` ≥ 6. The ratio is √(Σ s²) / σ over the frame, s the electrons of the brightest trail, clouds and
            obstacles in front of it, and σ the noise of an ordinary pixel of sky: what a perfectly matched filter would reach.
            Faint satellites of 3 to 6 occur and carry no label.
        ``slew``
            ``slew_px`` ≥ 4: √12 times the largest standard deviation, over the exposure, of the stars' path (the length, for an
            even straight motion).
        ``cloud``
            Mean ``transmission`` < 0.85 or its standard deviation ``cloud_structure`` > 0.08; thinner haze carries no label.
        ``obstruction``
            ``hidden_share`` ≥ 0.02: pixels that lose more than half of their light. Less than that carries no label.
        ``out_of_focus``
            ``defocus_px`` (diameter of the blur) ≥ 1.5 ``seeing_px``.
        ``background``
            ``background_ratio`` (additional light over the clear sky's) ≥ 0.5.
        ``ghost``
            ``ghost_snr`` ≥ 20, the ratio as for trails.
        ``defocused_satellite``
            ``defocused_satellite_snr`` ≥ 20, likewise; such a frame has no ``trajectory``.
        ``is_anomaly``
            Any of these.

        Further columns: ``n_trails`` (in focus, faint ones included), ``trail_length_px`` and the ends ``trail_y0 trail_x0
        trail_y1 trail_x1`` of the brightest trail or the defocused satellite inside the frame (pixels; NaN without),
        ``seeing_px`` (full width at half maximum), ``sky_e`` (clear sky, electrons per pixel), ``n_stars`` (stars in the
        frame whose signal-to-noise ratio reaches 5).

    Raises
    ------
    ValueError
        If ``n_frames`` is not positive, a shape too small, there is no such world or kind, a count is negative, or the counts
        do not fit.
    """
    n_frames, shape = _checked_size(n_frames, shape)
    chosen = choose_world(WORLDS, world)
    if counts is not None:
        counts = _checked_counts(counts, n_frames)
    rng = np.random.default_rng(rng)
    doubles = 0
    if counts is None:
        shares, doubled = share_out(chosen, SETS, n_frames, rng)
        drawn = int(rng.integers(SETS))
        counts, doubles = shares[drawn], int(doubled[drawn])
    return _simulate(n_frames, shape, counts, doubles, chosen, rng)


def data_sets(
    rng: int | np.random.Generator,
    n_sets: int = SETS,
    n_frames: int = FRAMES_PER_SET,
    world: str = "first",
    shape: tuple[int, int] = (256, 256),
    unseen: bool = False,
) -> Iterator[DataSet]:
    """Simulate data sets, one at a time.

    Parameters
    ----------
    rng : int or Generator
        Seed or generator.
    n_sets, n_frames : int
        Data sets, and frames of each. Thirty of 100 of the first world hold exactly the report's 237 trajectories, 75 slews, 614
        clouds and 233 obstructions on 1131 frames, 28 of which carry two; other sizes hold numbers in proportion, rounded.
    world, shape
        As for :func:`simulate_frames`.
    unseen : bool
        After these come further data sets, one for each five (rounded up), of the kinds that the report does not label: every
        tenth frame (at least one) out of focus, with additional background, with a ghost, crossed by a defocused satellite; no
        other anomaly.

    Yields
    ------
    DataSet
        Named "set-01" and so on, then "unseen-01". Only the one asked for is held in memory, and each has a seed of its own.

    Raises
    ------
    ValueError
        As :func:`simulate_frames`, at once.
    """
    n_frames, shape = _checked_size(n_frames, shape)
    if n_sets != int(n_sets) or n_sets < 1:
        raise ValueError(f"n_sets is {n_sets}; expected at least 1 data set.")
    chosen = choose_world(WORLDS, world)
    if unseen and n_frames < len(KINDS) - len(LABELLED):
        raise ValueError(f"n_frames is {n_frames}; expected at least 4 with unseen=True, one of each kind.")
    return _data_sets(np.random.default_rng(rng), int(n_sets), n_frames, chosen, shape, unseen)


def _data_sets(
    rng: np.random.Generator, n_sets: int, n_frames: int, world: World, shape: tuple[int, int], unseen: bool
) -> Iterator[DataSet]:
    counts, doubles = share_out(world, n_sets, n_frames, rng)
    seeds = rng.integers(2**63, size=2 * n_sets)
    for i in range(n_sets):
        own = np.random.default_rng(seeds[i])
        yield DataSet(f"set-{i + 1:02d}", *_simulate(n_frames, shape, counts[i], int(doubles[i]), world, own))
    each = max(1, round(UNSEEN_SHARE * n_frames))
    for i in range(-(-n_sets // SETS_PER_UNSEEN) if unseen else 0):
        own = np.random.default_rng(seeds[n_sets + i])
        never = dict.fromkeys(KINDS[len(LABELLED) :], each)
        yield DataSet(f"unseen-{i + 1:02d}", *_simulate(n_frames, shape, never, 0, world, own))


def _simulate(
    n_frames: int,
    shape: tuple[int, int],
    counts: Mapping[str, int],
    doubles: int,
    world: World,
    rng: np.random.Generator,
) -> tuple[np.ndarray, pd.DataFrame]:
    planned = plan(n_frames, counts, doubles, world, rng)
    scene = draw_scene(shape, planned, world, rng)
    frames = np.empty((n_frames, *shape), np.uint16)
    rows = []
    for i in range(n_frames):
        frames[i], severity = expose(scene, i, rng)
        rows.append({kind: bool(planned.kinds[kind][i]) for kind in KINDS} | severity)
    truth = pd.DataFrame(rows)
    truth.insert(len(KINDS), "is_anomaly", truth[list(KINDS)].any(axis=1))
    return frames, truth


def _checked_size(n_frames: int, shape: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    if n_frames != int(n_frames) or n_frames < 1:
        raise ValueError(f"n_frames is {n_frames}; expected at least 1 frame.")
    if len(shape) != 2 or min(shape) < LEAST_SIZE:
        raise ValueError(f"shape is {tuple(shape)}; expected (height, width) of at least {LEAST_SIZE} pixels each.")
    return int(n_frames), (int(shape[0]), int(shape[1]))


def _checked_counts(counts: Mapping[str, int], n_frames: int) -> dict[str, int]:
    for kind, number in counts.items():
        if kind not in KINDS:
            raise ValueError(f"counts has {kind!r}; expected kinds among {', '.join(KINDS)}.")
        if number != int(number) or number < 0:
            raise ValueError(f"counts has {number} for {kind!r}; expected a whole number, 0 or more.")
    if sum(counts.values()) > n_frames:
        raise ValueError(f"counts add up to {sum(counts.values())}; expected at most n_frames = {n_frames}.")
    return {kind: int(number) for kind, number in counts.items()}
