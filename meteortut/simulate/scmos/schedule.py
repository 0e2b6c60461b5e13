"""When what happens: frames per kind and data set, and their order within a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from meteortut.simulate.scmos.labels import FRAMES_PER_SET, HIDDEN_SHARE, KINDS, LABELLED, SETS
from meteortut.simulate.scmos.worlds import World

#: Of every data set this share at least is free of slews, clouds and obstructions; chosen.
FREE_SHARE = 0.1
#: A guest (trail or slew) is put where this much of the starlight of the frame comes through, if there is such a frame; chosen.
GUEST_LIGHT = 0.4
#: Of the frames with two labels, the share in which the telescope slews; a satellite crosses the others; chosen.
SLEWING_GUESTS = 0.25
#: Optical depth where a cloud begins and ends (a transmission of 0.82), and what haze around it takes of the light at most; chosen.
THIN_DEPTH, HAZE = 0.2, 0.05


@dataclass(frozen=True)
class Plan:
    """What befalls each frame of a data set.

    Attributes
    ----------
    kinds : dict of str to ndarray of shape (n_frames,), bool
        One entry per kind of `KINDS`.
    faint : ndarray of shape (n_frames,), bool
        Frames crossed by a satellite too faint for a label.
    transmission : ndarray of shape (n_frames,)
        Mean transmission of the clouds, 1 without.
    hidden : ndarray of shape (n_frames,)
        Share of the frame hidden by an obstacle, 0 without.
    passes : list of tuple of int
        The frames in which one and the same satellite is seen, faint and defocused ones included.
    """

    kinds: dict[str, np.ndarray]
    faint: np.ndarray
    transmission: np.ndarray
    hidden: np.ndarray
    passes: list[tuple[int, ...]]


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First and past-the-last index of each run of True in a mask of shape (n,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def share_out(
    world: World, n_sets: int, n_frames: int, rng: np.random.Generator
) -> tuple[list[dict[str, int]], np.ndarray]:
    """Divide a world's counts among data sets.

    Parameters
    ----------
    world : World
    n_sets, n_frames : int
        Data sets, and frames of each. For 30 of 100 the sums are exactly ``world.counts``; else they are in proportion, rounded.
    rng : Generator

    Returns
    -------
    counts : list of dict
        Frames with each of `LABELLED`, per data set.
    doubles : ndarray of shape (n_sets,), int
        Frames with two labels, per data set.
    """
    scale = n_sets * n_frames / (SETS * FRAMES_PER_SET)
    full = np.full(n_sets, n_frames)
    room = np.ceil((1 - FREE_SHARE) * full).astype(int)
    shares: dict[str, np.ndarray] = {}
    for kind in ("obstruction", "cloud", "slew", "trajectory"):
        k = LABELLED.index(kind)
        left = (full if kind == "trajectory" else room) - sum(shares.values(), np.zeros(n_sets, int))
        hosts = max(1, round(world.hosts[k] * n_sets / SETS))
        shares[kind] = _spread(round(world.counts[k] * scale), left, hosts, rng)
    possible = np.minimum(shares["obstruction"] + shares["cloud"], shares["slew"] + shares["trajectory"])
    doubles = _spread(min(round(world.doubles * scale), int(possible.sum())), possible, n_sets, rng)
    return [{kind: int(shares[kind][i]) for kind in LABELLED} for i in range(n_sets)], doubles


def _spread(total: int, room: np.ndarray, n_hosts: int, rng: np.random.Generator) -> np.ndarray:
    """Divide a number unevenly among the hosts, and among others only when these are full."""
    n = len(room)
    weight = rng.gamma(2.0, size=n)
    order = rng.permutation(n)
    host = np.isin(np.arange(n), order[:n_hosts])
    shares = np.minimum(np.where(host & (total >= n_hosts), 1, 0), room)
    while (left := total - shares.sum()) > 0:
        open_ = shares < room
        if not open_.any():
            raise ValueError(f"{total} frames do not fit into {room.sum()}; expected fewer anomalies or more frames.")
        p = weight * (open_ & host if (open_ & host).any() else open_)
        shares = np.minimum(shares + rng.multinomial(left, p / p.sum()), room)
    return shares


def plan(n_frames: int, counts: Mapping[str, int], doubles: int, world: World, rng: np.random.Generator) -> Plan:
    """Order a data set in time.

    Clouds, defocus, stray light and ghosts come in runs; obstructions last to the end of the data set (or, three times in ten,
    from its start); slews stand at the start, the end or between, and satellites come in one to three consecutive frames.

    Parameters
    ----------
    n_frames : int
    counts : mapping of kind to int
        Frames with each kind; kinds left out do not occur.
    doubles : int
        So many trails or slews fall on frames with cloud or obstruction; no other frame carries two labels.
    world : World
    rng : Generator

    Returns
    -------
    Plan
        Its counts are exactly those asked for.
    """
    todo = {kind: int(counts.get(kind, 0)) for kind in KINDS}
    slewing = min(int(rng.binomial(doubles, SLEWING_GUESTS)), todo["slew"])
    slewing = max(slewing, doubles - todo["trajectory"])
    kinds = _blocks(n_frames, todo | {"slew": todo["slew"] - slewing}, rng)
    transmission, hidden = _clouds(kinds["cloud"], world, rng), _obstacle(kinds["obstruction"], world, rng)
    free = ~np.any(list(kinds.values()), axis=0)
    wanted = {"slew": slewing, "trajectory": doubles - slewing}
    guests = _hosted(wanted, transmission * (1 - hidden) * (kinds["cloud"] | kinds["obstruction"]), kinds, rng)
    passes: list[tuple[int, ...]] = [(i,) for i in guests["trajectory"]]
    for kind in ("trajectory", "defocused_satellite"):
        for length in _passes(todo[kind] - len(guests.get(kind, ())), world, rng):
            seen = _place(length, free, rng)
            kinds[kind][np.concatenate(seen)] = True
            free &= ~kinds[kind]
            passes += [tuple(frames.tolist()) for frames in seen]
    # the law of brightness goes on below the limit, down to half of it
    share = min(1.0, float(np.log(2) / np.log(world.trail_snr[1] / world.trail_snr[0])))
    faint = np.isin(
        np.arange(n_frames), rng.permutation(np.flatnonzero(free))[: rng.binomial(todo["trajectory"], share)]
    )
    passes += [(i,) for i in np.flatnonzero(faint).tolist()]
    return Plan(kinds, faint, transmission, hidden, passes)


def _hosted(
    numbers: dict[str, int], light: np.ndarray, kinds: dict[str, np.ndarray], rng: np.random.Generator
) -> dict[str, list[int]]:
    """Choose frames with cloud or obstruction for guests, where enough light comes through, and mark them in `kinds`."""
    chosen = {}
    for kind, number in numbers.items():
        order = np.argsort(-light, kind="stable")[: max(number, int((light >= GUEST_LIGHT).sum()))]
        chosen[kind] = rng.permutation(order)[:number].tolist()
        kinds[kind][chosen[kind]] = True
        light[chosen[kind]] = 0
    return chosen


def _blocks(n_frames: int, counts: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Lay out what lasts; the frames between are divided at random."""
    slew = counts["slew"]
    first = int(rng.integers(0, min(slew, 3) + 1))
    last = int(rng.integers(0, min(slew - first, 3) + 1))
    head, tail = [("slew", first)], [("slew", last)]
    middle = [("slew", n) for n in _cut(slew - first - last, rng)]
    for kind in ("cloud", "out_of_focus", "background", "ghost"):
        middle += [(kind, n) for n in _cut(counts[kind], rng)]
    if rng.random() < 0.3:
        head.append(("obstruction", counts["obstruction"]))
    else:
        tail.insert(0, ("obstruction", counts["obstruction"]))
    middle = [middle[i] for i in rng.permutation(len(middle))]
    free = n_frames - sum(n for _, n in head + middle + tail)
    gaps = rng.multinomial(free, rng.dirichlet(np.ones(len(middle) + 1)))
    order = [*head, ("", gaps[0])]
    for block, gap in zip(middle, gaps[1:], strict=True):
        order += [block, ("", gap)]
    names = np.repeat([kind for kind, _ in order + tail], [n for _, n in order + tail])
    return {kind: names == kind for kind in KINDS}


def _cut(total: int, rng: np.random.Generator) -> list[int]:
    """Cut a number of frames into one to three runs."""
    if total == 0:
        return []
    n = min(int(rng.integers(1, 4)), max(1, total // 8))
    return [int(k) for k in 1 + rng.multinomial(total - n, rng.dirichlet(np.full(n, 2.0)))]


def _passes(total: int, world: World, rng: np.random.Generator) -> list[int]:
    lengths: list[int] = []
    while (left := total - sum(lengths)) > 0:
        lengths.append(min(left, 1 + int(rng.choice(3, p=world.passes))))
    return sorted(lengths, reverse=True)


def _place(length: int, free: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Choose so many free frames, side by side if there are such, else one by one."""
    fits = np.convolve(free, np.ones(length, int), "valid") == length if length <= len(free) else np.zeros(1, bool)
    if fits.any():
        return [int(rng.choice(np.flatnonzero(fits))) + np.arange(length)]
    return list(rng.choice(np.flatnonzero(free), (length, 1), replace=False))


def _clouds(mask: np.ndarray, world: World, rng: np.random.Generator) -> np.ndarray:
    """Mean transmission of each frame; around a cloud are up to three frames of haze too thin for a label."""
    transmission = np.ones(len(mask))
    for start, stop in runs(mask):
        depth = float(np.exp(rng.uniform(*np.log(world.cloud_depth))))
        t = (np.arange(stop - start) + 0.5) / (stop - start)
        low, high = 0.35 * (start == 0), 1 - 0.35 * (stop == len(mask))
        swell = np.sqrt(np.sin(np.pi * (low + (high - low) * t)))
        swell *= np.exp(wander(stop - start, 0.25, 0.7, rng))
        transmission[start:stop] = np.exp(-np.clip(THIN_DEPTH + (depth - THIN_DEPTH) * swell, THIN_DEPTH, 4.6))
        for step, edge in ((-1, start), (1, stop - 1)):
            for k in range(1, 1 + int(rng.integers(0, 4))):
                i = edge + step * k
                if 0 <= i < len(mask) and not mask[i]:
                    transmission[i] = min(transmission[i], 1 - HAZE * rng.uniform(0.4, 1.0) / k)
    return transmission


def _obstacle(mask: np.ndarray, world: World, rng: np.random.Generator) -> np.ndarray:
    """Hidden share of each frame, growing from the labels' limit; up to two frames before show less than that."""
    hidden = np.zeros(len(mask))
    for start, stop in runs(mask):
        n, most = stop - start, rng.uniform(*world.hidden)
        slow = rng.uniform(0.3, 1.0)  # the share of the run after which the obstacle stays
        grown = np.minimum(1, (np.arange(n) + 1) / max(1.0, slow * n)) ** rng.uniform(0.7, 1.5)
        share = np.clip(1.1 * HIDDEN_SHARE + (most - HIDDEN_SHARE) * grown + wander(n, 0.01, 0.5, rng), None, 0.97)
        share = np.maximum(share, 1.1 * HIDDEN_SHARE)
        leaving = start < len(mask) - stop  # nearer to the beginning of the data set than to its end
        hidden[start:stop] = share[::-1] if leaving else share
        for k in range(1, 1 + int(rng.integers(0, 3))):
            i = stop - 1 + k if leaving else start - k
            if 0 <= i < len(mask):
                hidden[i] = HIDDEN_SHARE * rng.uniform(0.2, 0.5) / k
    return hidden


def wander(n: int, scale: float, memory: float, rng: np.random.Generator) -> np.ndarray:
    """Scatter about zero whose neighbours are correlated: shape (n,), standard deviation `scale`, correlation `memory`."""
    steps = rng.normal(size=n)
    for i in range(1, n):
        steps[i] = memory * steps[i - 1] + np.sqrt(1 - memory**2) * steps[i]
    return scale * steps
