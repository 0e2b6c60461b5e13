"""What an event looks like in the frames about it, in numbers that a judge can weigh."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from meteortut.chunking.grid import give_back
from meteortut.focal import GROUND_DRIFT_PX, to_focal
from meteortut.pipeline.events import check_events
from meteortut.pipeline.frames import check_frames

#: Frames before and after an event, and pixels to either side, that are looked at (chosen).
FRAMES, PIXELS = 32, 5
#: An event shines for so many frames before and after its peak at most; what lies farther away tells the background (chosen).
SHINES = 10
#: Voxels of the light, and hit ones, exceed the background by so many times its noise.
LIT_SIGMA, HIT_SIGMA = 2.5, 4.0
#: Neighbours of an event: in the same pixel (frames), at the same time (frames), and close by (frames, pixels); chosen.
SAME_PIXEL, AT_ONCE, CLOSE = 3000, 4, (60, 6)
#: Neighbours on a trail, one slow straight line through the event: at most so many frames away (ten seconds), at least so many (or
#: they are of the same flash), so many focal pixels per frame at most (faster than the ground), give or take so many focal pixels;
#: all chosen. For n events in that time it takes n² steps.
TRAIL_FRAMES, TRAIL_APART, TRAIL_SPEED, TRAIL_PX = 250, 12, 0.1, 1.0
#: Columns, in order.
FEATURES = (
    *"score sum_score n_voxels n_steps n_rows n_columns same_pixel at_once close trail edge".split(),
    *"peak raw_peak n_hit n_lit total duration skewness kurtosis speed off_ground width length".split(),
    *"ring ring_mean ring_share before after steady steps_up above_half pixel_above_half".split(),
    *"pixel_share instant_share second_pixel unrest own_unrest level slope curvature".split(),
)


def event_features(frames: Any, events: pd.DataFrame, gap: float = 1.0) -> pd.DataFrame:
    """Measure each event.

    Parameters
    ----------
    frames : ndarray, memmap or Zarr array of shape (n_frames, height, width), counts per GTU
        Axes (time, y, x).
    events : DataFrame, a row per event
        As :func:`voxel_events` gives them.
    gap : float
        Gap between tubes of 8 pixels, pixels.

    Returns
    -------
    DataFrame, a row per event in the same order
        Of the event: ``score``, ``sum_score``, ``n_voxels``, ``n_steps``, ``n_rows``, ``n_columns`` (of its box). Of
        the other events: ``same_pixel`` (within one pixel and 3 000 frames), ``at_once`` (within 4 frames, anywhere),
        ``close`` (within 6 pixels and 60 frames), ``trail`` (the most that lie on one line through this event, 12 to
        250 frames away: that of a light of at most 0.1 focal pixels per frame, give or take a pixel. Does something
        creep or drift along, seen again and again?). ``edge``: array pixels to the nearest edge, 0 in the outermost. Of
        the voxels within 3 pixels and 12 frames, in units of the noise of their pixel about a parabola through the
        frames before and after: ``peak`` and ``raw_peak`` (highest; raw: the noise of neighbouring frames alone),
        ``n_hit`` (pixels that reach 4), ``n_lit`` (voxels above 2.5), ``total`` (root of the sum of squares), and the
        moments of the lit ones: ``duration`` (frames), ``skewness``, ``kurtosis``, ``speed`` (focal pixels per frame),
        ``off_ground`` (how far from the speed of the ground's drift, the same unit), ``width`` and ``length`` (root
        mean square distance from the moving and from the resting middle, focal pixels; all −1 if nothing is lit; 0.3 is
        added to the square of the duration, as a light of one frame has no speed). ``ring``, ``ring_mean``,
        ``ring_share``: light 4 to 5 pixels away (highest and mean in a frame, share of lit voxels about the peak).
        ``before``, ``after``, ``steady``: light 11 to 23 frames away, and the fifth highest frame. ``steps_up``
        (largest step of the light curve, over its peak), ``above_half`` and ``pixel_above_half`` (frames above half the
        peak, of 5 × 5 pixels and of the brightest), ``pixel_share``, ``instant_share`` (of the brightest pixel, in all
        and at its peak), ``second_pixel`` (second brightest over brightest). Of the background: ``unrest``,
        ``own_unrest`` (deviation of the dark frames over the noise, largest of 3 × 3 pixels, and in the middle),
        ``level`` (logarithm of counts per GTU), ``slope``, ``curvature`` (over the noise).

    Raises
    ------
    ValueError
        If frames are not a stream of 65 or more, or hold NaN or infinite values about an event; if events lack columns or lie
        outside.
    """
    check_frames(frames, 2 * FRAMES + 1)
    needed = [*"t y x score sum_score n_voxels t_first t_last y_first y_last x_first x_last".split()]
    missing = [name for name in needed if name not in events]
    if missing:
        raise ValueError(f"events lacks the columns {missing}; expected those of voxel_events.")
    check_events(events[["t", "y", "x"]], frames.shape)
    rows = []
    for k, (t, y, x) in enumerate(events[["t", "y", "x"]].itertuples(index=False, name=None)):
        rows.append(_measure(frames, t, y, x, gap))
        if k % 256 == 255:
            give_back(frames)
    own = pd.DataFrame(rows, index=events.index, columns=[name for name in FEATURES if name not in _OWN], dtype=float)
    own = own.assign(**{name: events[name] for name in ("score", "sum_score", "n_voxels")})
    for name, axis, longer in (("n_steps", "t", 4), ("n_rows", "y", 1), ("n_columns", "x", 1)):
        own[name] = (events[f"{axis}_last"] - events[f"{axis}_first"] + 1) / longer
    sides = [(events[axis], side - 1 - events[axis]) for axis, side in zip("yx", frames.shape[1:], strict=True)]
    edge = np.min([distance for pair in sides for distance in pair], axis=0)
    return own.assign(**_neighbours(events), trail=_trail(events, gap), edge=edge.astype(float))[list(FEATURES)]


_OWN = FEATURES[:11]


def _neighbours(events: pd.DataFrame) -> dict[str, np.ndarray]:
    """Other events in the same pixel, at the same time, and close by."""
    t, y, x = (events[name].to_numpy(float) for name in ("t", "y", "x"))
    order = np.argsort(t, kind="stable")
    ordered = t[order]
    counts = np.zeros((3, len(events)))
    for row, (frames, pixels) in enumerate(((SAME_PIXEL, 1), (AT_ONCE, np.inf), CLOSE)):
        low, high = np.searchsorted(ordered, t - frames), np.searchsorted(ordered, t + frames, "right")
        for k, (first, stop) in enumerate(zip(low, high, strict=True)):
            others = order[first:stop]
            counts[row, k] = ((np.abs(y[others] - y[k]) <= pixels) & (np.abs(x[others] - x[k]) <= pixels)).sum() - 1
    return dict(zip(("same_pixel", "at_once", "close"), counts, strict=True))


def _trail(events: pd.DataFrame, gap: float) -> np.ndarray:
    """The most other events on one slow straight line through each event: float, (n,)."""
    t = events.t.to_numpy(float)
    places = np.stack([to_focal(events[axis].to_numpy(float), gap) for axis in ("y", "x")], axis=1)
    order = np.argsort(t, kind="stable")
    low, high = np.searchsorted(t[order], t - TRAIL_FRAMES), np.searchsorted(t[order], t + TRAIL_FRAMES, "right")
    most = np.zeros(len(t))
    for k, (first, stop) in enumerate(zip(low, high, strict=True)):
        others = order[first:stop]
        after, off = t[others] - t[k], places[others] - places[k]
        slow = (np.abs(after) >= TRAIL_APART) & (np.hypot(*off.T) <= TRAIL_SPEED * np.abs(after) + TRAIL_PX)
        after, off = after[slow], off[slow]
        if len(after):  # each of them gives a line to try
            way = off[:, None] / after[:, None, None] * after[:, None]
            most[k] = (np.hypot(*(off - way).transpose(2, 0, 1)) <= TRAIL_PX).sum(axis=1).max()
    return most


def _measure(frames: Any, t: float, y: int, x: int, gap: float) -> dict[str, float]:
    """Numbers of the voxels about an event."""
    cube, inside, after, rows, columns = _cut(frames, t, int(y), int(x))
    dark = np.abs(after) > SHINES
    curve = np.stack([np.ones(len(after)), after / FRAMES, (after / FRAMES) ** 2], axis=1)
    flat = cube.reshape(len(after), -1)
    weights = np.linalg.lstsq(curve[dark], flat[dark], rcond=None)[0]
    noise = np.median(np.abs(np.diff(flat, axis=0)), axis=0) / (0.6745 * np.sqrt(2))
    noise = np.where(noise > 1e-6, noise, np.inf)
    left = (flat - curve @ weights) / noise
    unrest = left[dark].std(axis=0).reshape(inside.shape)
    raw = left.reshape(cube.shape) * inside
    z = raw / np.maximum(unrest, 1)
    place = (
        to_focal(rows.astype(float), gap) - to_focal(float(y), gap),
        to_focal(columns.astype(float), gap) - to_focal(float(x), gap),
    )
    middle = np.s_[PIXELS - 1 : PIXELS + 2, PIXELS - 1 : PIXELS + 2]
    steep = np.abs(weights[1:] / noise).reshape(2, *inside.shape)
    return {
        **_light(z, after, place),
        **_surroundings(z, after, inside),
        **_shape(z, after),
        "raw_peak": raw[np.abs(after) <= 6][:, PIXELS - 2 : PIXELS + 3, PIXELS - 2 : PIXELS + 3].max(),
        "unrest": unrest[middle].max(),
        "own_unrest": unrest[PIXELS, PIXELS],
        "level": np.log(max(cube[:, inside].mean(), 1e-3)),
        "slope": steep[0][middle].max(),
        "curvature": steep[1][middle].max(),
    }


def _cut(frames: Any, t: float, y: int, x: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Frames about an event, 0 beyond the edge; which pixels are inside, frames after the event, rows and columns."""
    n_frames, height, width = frames.shape
    middle = int(np.clip(t, FRAMES, n_frames - FRAMES - 1))
    rows, columns = (np.arange(k - PIXELS, k + PIXELS + 1) for k in (y, x))
    ok_y, ok_x = ((k >= 0) & (k < side) for k, side in ((rows, height), (columns, width)))
    inside = np.outer(ok_y, ok_x)
    cube = np.zeros((2 * FRAMES + 1, len(rows), len(columns)))
    part = frames[
        middle - FRAMES : middle + FRAMES + 1, max(rows[0], 0) : rows[-1] + 1, max(columns[0], 0) : columns[-1] + 1
    ]
    cube[:, inside] = np.asarray(part, float).reshape(len(cube), -1)
    if not np.isfinite(cube).all():
        raise ValueError(f"frames {middle - FRAMES} to {middle + FRAMES} hold NaN or infinite values; cut them out.")
    return cube, inside, np.arange(middle - FRAMES, middle + FRAMES + 1) + 0.5 - t, rows, columns


def _light(z: np.ndarray, after: np.ndarray, place: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    """Moments of the lit voxels."""
    near, inner = np.abs(after) <= SHINES + 2, slice(PIXELS - 3, PIXELS + 4)
    box = z[near][:, inner, inner]
    light = np.where(box > LIT_SIGMA, box, 0.0)
    found = {
        "peak": z[np.abs(after) <= 6][:, PIXELS - 2 : PIXELS + 3, PIXELS - 2 : PIXELS + 3].max(),
        "n_hit": (box > HIT_SIGMA).any(axis=0).sum(),
        "n_lit": (light > 0).sum(),
        "total": np.sqrt((np.where(box > 2, box, 0) ** 2).sum()),
    }
    total = light.sum()
    if total == 0:
        return found | dict.fromkeys("duration skewness kurtosis speed off_ground width length".split(), -1.0)
    share = light / total
    t, y, x = (
        values - (values * share.sum(axis=others)).sum()
        for values, others in ((after[near], (1, 2)), (place[0][inner], (0, 2)), (place[1][inner], (0, 1)))
    )
    t, y, x = np.meshgrid(t, y, x, indexing="ij")
    spread = (share * t**2).sum() + 0.3  # a light of one frame has no speed
    vy, vx = (share * t * y).sum() / spread, (share * t * x).sum() / spread
    speed = np.hypot(vy, vx)
    return found | {
        "duration": np.sqrt(spread),
        "skewness": (share * t**3).sum() / spread**1.5,
        "kurtosis": (share * t**4).sum() / spread**2,
        "speed": speed,
        "off_ground": abs(speed - GROUND_DRIFT_PX),
        "width": np.sqrt((share * ((y - vy * t) ** 2 + (x - vx * t) ** 2)).sum()),
        "length": np.sqrt((share * (y**2 + x**2)).sum()),
    }


def _surroundings(z: np.ndarray, after: np.ndarray, inside: np.ndarray) -> dict[str, float]:
    """Light farther away in space, and before and after."""
    away = np.abs(np.arange(-PIXELS, PIXELS + 1))
    ring = inside & (np.maximum(away[:, None], away) >= 4)
    profile = z[np.abs(after) <= SHINES + 2][:, ring].mean(axis=1)
    core = z[:, PIXELS - 1 : PIXELS + 2, PIXELS - 1 : PIXELS + 2].max(axis=(1, 2))
    far = (np.abs(after) > SHINES) & (np.abs(after) < 24)
    return {
        "ring": profile.max(),
        "ring_mean": profile.mean(),
        "ring_share": (z[np.abs(after) <= 2.5][:, ring] > 3).mean(),
        "before": core[far & (after < 0)].max(initial=0.0),
        "after": core[far & (after > 0)].max(initial=0.0),
        "steady": np.sort(core[np.abs(after) > SHINES])[-5],
    }


def _shape(z: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """How the light rises and falls, and how it is shared out between pixels."""
    part = z[np.abs(after) <= SHINES + 2][:, PIXELS - 2 : PIXELS + 3, PIXELS - 2 : PIXELS + 3]
    curve = part.sum(axis=(1, 2))
    k, y, x = np.unravel_index(part.argmax(), part.shape)
    pixel, most = part[:, y, x], np.clip(part.max(axis=0), 0, None)
    return {
        "steps_up": np.abs(np.diff(curve)).max() / max(curve.max(), 1e-9),
        "above_half": (curve > curve.max() / 2).sum(),
        "pixel_above_half": (pixel > pixel.max() / 2).sum(),
        "pixel_share": most.max() / max(most.sum(), 1e-9),
        "instant_share": part[k].max() / max(np.clip(part[k], 0, None).sum(), 1e-9),
        "second_pixel": np.sort(most.ravel())[-2] / max(most.max(), 1e-9),
    }
