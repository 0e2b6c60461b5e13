"""The frames and pixels that tell a track: read, weighted by their noise, and a first guess of the track in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from meteortut.chunking.grid import give_back
from meteortut.focal import GTU_PER_FRAME, TUBE, from_focal, to_focal
from meteortut.pipeline.camera import Camera
from meteortut.pipeline.frames import check_frames
from meteortut.pipeline.glow import smooth_glow
from meteortut.pipeline.scenery import drifting_scenery
from meteortut.pipeline.track_model import PSF_PX, MovingLight, frames_about, near_track, render, shares, without_lines

#: Trial velocities along an axis (focal pixels per frame), places about the given one (focal pixels), peaks after the given
#: frame and standard deviations of bells (frames) from which the fit starts; all chosen. 0.78: the fastest meteors, and the ISS.
VELOCITIES = np.linspace(-0.78, 0.78, 13)
PLACES = np.linspace(-1.5, 1.5, 7)
PEAKS = np.arange(-6.0, 7.0, 2.0)
BELLS = np.array([1.0, 2.0, 4.0, 8.0])
#: Shares of the light and of its peak below this one count as nothing while a start is looked for (chosen).
TAIL = 1e-6
#: Half widths of the box that the start is looked for in, frames and pixels (chosen).
START_FRAMES, START_PX = 32, 9
#: Pixels about a box from which a glow is told, beside its own (chosen).
GLOW_PX = 5
#: A pixel varies more than its noise above this ratio, told from at least so many frames without the light (chosen).
RESTLESS, FEWEST_DARK = 1.5, 10
#: A pixel with less noise than this part of the others' is taken for dead, so that weights stay finite (chosen).
DEAD = 1e-6


@dataclass(frozen=True, eq=False)
class Box:
    """Voxels used, and what is known of them.

    Attributes
    ----------
    first : int
        First frame.
    rows, columns : ndarray of int of shape (height,) and (width,)
    data : ndarray of shape (n_frames, height, width)
        Counts over their noise; known lights, a glow, lines and scenery taken away.
    weight : ndarray of shape (height, width)
        Response over noise, 0 where a pixel is not used; the noise of a restless pixel is larger.
    response, unrest : ndarray of shape (height, width)
        The response alone, 0 where a pixel is not used, and by how much its noise was made larger.
    scenery : ndarray of shape (n_frames, height, width), optional
        A curve per pixel, as :func:`~meteortut.pipeline.scenery.drifting_scenery` gives it, that is taken from data and model
        alike; none where the direction of the drift is not known.
    """

    first: int
    rows: np.ndarray
    columns: np.ndarray
    data: np.ndarray
    weight: np.ndarray
    response: np.ndarray
    unrest: np.ndarray
    scenery: np.ndarray | None

    @property
    def place(self) -> tuple[int, int, np.ndarray, np.ndarray]:
        """First frame, how many, rows and columns: the arguments of a rendering."""
        return self.first, len(self.data), self.rows, self.columns


def read_box(
    frames: Any,
    span: tuple[int, int],
    rows: np.ndarray,
    columns: np.ndarray,
    camera: Camera,
    lit: tuple[float, float],
    around: int = GLOW_PX,
) -> Box:
    """Read frames ``span[0]`` to ``span[1] - 1`` of some pixels; ``lit``: instants between which the light is expected.

    A glow is told from these pixels and from ``around`` more to each side, and taken away; so are the camera's ``others``.
    """
    first, stop = span
    y, x = _widened(rows, around, frames.shape[1]), _widened(columns, around, frames.shape[2])
    cube = np.array(frames[first:stop, y[0] : y[-1] + 1, x[0] : x[-1] + 1], float)  # a copy: it is changed
    if not np.isfinite(cube).all():
        raise ValueError(
            f"frames {first} to {stop - 1} hold NaN or infinite values; expected finite counts. Cut them out."
        )
    part = np.ix_(y, x)
    flat = np.ones(cube.shape[1:]) if camera.flat is None else camera.flat[part]
    for light in camera.others:
        cube -= render(light, first, len(cube), y, x, camera.gap) * flat
    level = np.median(cube, axis=0)
    sigma = np.sqrt(np.maximum(level, 0) / GTU_PER_FRAME) if camera.noise is None else camera.noise[part]
    # a pixel that never changes is dead, whatever it shows
    shines = sigma > DEAD * (np.median(sigma[sigma > 0]) if (sigma > 0).any() else 0.0)
    alive = shines & (flat > 0) & (np.ptp(cube, axis=0) > 0)
    sigma, response = np.where(alive, sigma, 1.0), np.where(alive, flat, 1.0)
    place = to_focal(y, camera.gap), to_focal(x, camera.gap)
    inner = np.s_[..., rows[0] - y[0] : rows[-1] + 1 - y[0], columns[0] - x[0] : columns[-1] + 1 - x[0]]
    scenery, weight = None, alive * response / sigma
    glow = smooth_glow(without_lines(cube) / response, weight, *place)
    if camera.drift is not None:
        if glow is None:
            scenery = drifting_scenery(frames, span, rows, columns, camera, lit)
        else:  # it may be the ground that drifts by
            scenery = drifting_scenery(frames, span, y, x, camera, lit)
            glow = smooth_glow(without_lines(cube, scenery) / response, weight, *place)
            scenery = scenery[inner]
    if glow is not None:
        cube -= flat * glow
    cube, sigma, flat, alive = (values[inner] for values in (cube, sigma, flat, alive))
    unrest = _unrest(cube, scenery, sigma, first, lit)
    weight = alive / (sigma * unrest)
    return Box(
        first, rows, columns, without_lines(cube, scenery) * weight, weight * flat, flat * alive, unrest, scenery
    )


def _widened(pixels: np.ndarray, around: int, side: int) -> np.ndarray:
    """Pixels of an axis and so many more before and after them, as far as there are any."""
    return np.arange(max(int(pixels[0]) - around, 0), min(int(pixels[-1]) + around + 1, side))


def _unrest(
    cube: np.ndarray, scenery: np.ndarray | None, sigma: np.ndarray, first: int, lit: tuple[float, float]
) -> np.ndarray:
    """How much more than noise each pixel varies about line and scenery before and after the light: (height, width), at least 1.

    A city that drifts through makes a pixel vary; what such a pixel says of the light counts less.
    """
    middle = first + np.arange(len(cube)) + 0.5
    dark = (middle < lit[0]) | (middle > lit[1])
    if np.count_nonzero(dark) < FEWEST_DARK:
        return np.ones(sigma.shape)
    ramp = np.stack([np.ones(len(middle)), middle - middle.mean()], axis=1)[dark]
    left = _off_ramp(cube[dark], ramp)
    if scenery is not None:
        curves = _off_ramp(scenery[dark], ramp)
        left -= curves * ((curves * left).sum(axis=0) / np.maximum((curves**2).sum(axis=0), 1e-12))
    spread = np.sqrt((left**2).sum(axis=0) / (len(ramp) - 2)).reshape(sigma.shape) / sigma
    return np.where(spread > RESTLESS, spread, 1.0)


def _off_ramp(cube: np.ndarray, ramp: np.ndarray) -> np.ndarray:
    """What a ramp (n_frames, 2) does not explain of a cube (n_frames, height, width): (n_frames, height · width)."""
    flat = cube.reshape(len(cube), -1)
    return flat - ramp @ np.linalg.lstsq(ramp, flat, rcond=None)[0]


def cut(frames: Any, light: MovingLight, camera: Camera) -> Box:
    """Read the frames and the pixels that tell a light and the background about it."""
    n_frames, height, width = frames.shape
    first, stop = frames_about(light, n_frames)
    near = near_track(light, np.arange(height), np.arange(width), camera.gap)
    if not near.any():
        near[
            tuple(np.clip(np.rint(from_focal([light.y, light.x], camera.gap)), 0, [height - 1, width - 1]).astype(int))
        ] = True
    rows, columns = (np.arange(k.min(), k.max() + 1) for k in np.nonzero(near))
    box = read_box(frames, (first, stop), rows, columns, camera, light.span(3.0))
    used = near[np.ix_(rows, columns)]
    return replace(box, data=box.data * used, weight=box.weight * used, response=box.response * used)


def first_guess(frames: Any, t: float, y: float, x: float, camera: Camera, near: bool = False) -> MovingLight:
    """The best of many trial tracks through about one place, all at once: rows, columns and time are separate factors.

    With ``near``, only places within half a pixel, peaks within two frames and bells of up to four frames are tried.
    """
    places, peaks, bells = (PLACES[2:5], PEAKS[2:5], BELLS[:3]) if near else (PLACES, PEAKS, BELLS)
    n_frames, height, width = frames.shape
    middle = int(np.clip(np.floor(t), 0, n_frames - 1))
    first, stop = max(middle - START_FRAMES, 0), min(middle + START_FRAMES + 1, n_frames)
    rows, columns = (
        np.arange(max(round(place) - START_PX, 0), min(round(place) + START_PX + 1, side))
        for place, side in ((y, height), (x, width))
    )
    # a start need not be exact: the scenery would cost more than it tells
    box = read_box(frames, (first, stop), rows, columns, replace(camera, yaw_deg=None), (t - 10, t + 10), 0)
    time = np.arange(first, stop) + 0.5 - t
    start_y, start_x = float(to_focal(y, camera.gap)), float(to_focal(x, camera.gap))
    peaks, bells = (part.ravel() for part in np.meshgrid(peaks, bells))
    curves = _flushed(np.exp(-0.5 * ((time[:, None] - peaks) / bells) ** 2))
    down, across = (
        _trial_shares(to_focal(pixels, camera.gap), start + places, time)
        for pixels, start in ((rows, start_y), (columns, start_x))
    )
    weight = box.weight.astype(np.float32)
    # (frames, places and velocities down, the same across), then each with all light curves
    signal = (down @ (box.data.astype(np.float32) * weight)) @ across.transpose(0, 2, 1)
    power = (down**2 @ weight**2) @ across.transpose(0, 2, 1) ** 2
    signal, norm = (values.T @ part.reshape(len(time), -1) for values, part in ((curves, signal), (curves**2, power)))
    score = signal / np.sqrt(np.maximum(norm, 1e-3 * norm.max() + 1e-30))
    best = int(score.argmax())
    n_places, n_speeds = len(places), len(VELOCITIES)
    k, i, a, j, b = np.unravel_index(best, (len(peaks), n_places, n_speeds, n_places, n_speeds))
    light = max(float(signal.flat[best] / max(norm.flat[best], 1e-30)), 1e-6)
    vy, vx, peak, bell = (float(value) for value in (VELOCITIES[a], VELOCITIES[b], peaks[k], bells[k]))
    return MovingLight(
        t + peak, start_y + places[i] + vy * peak, start_x + places[j] + vx * peak, vy, vx, light, bell, bell
    )


def _trial_shares(pixels: np.ndarray, places: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Light that pixels of an axis receive from points at all places with all trial velocities: (n_frames, n_trials, n_pixels)."""
    middle = places[:, None] + VELOCITIES * time[:, None, None]
    return _flushed(shares(pixels, middle.reshape(len(time), -1), PSF_PX)[0])


def _flushed(values: np.ndarray) -> np.ndarray:
    """In single precision, without the far tails: processors multiply numbers of 1e-40 a hundred times more slowly."""
    return np.where(values > TAIL, values, 0).astype(np.float32)


def estimate_flat(frames: Any, n_sampled: int = 500) -> np.ndarray:
    """Estimate the relative response of the pixels from the sky that drifts over all of them.

    Parameters
    ----------
    frames : ndarray, memmap or Zarr array of shape (n_frames, height, width), counts per GTU
        A long stretch, over which the sky moves by many times its own structures; axes (time, y, x).
    n_sampled : int
        Frames used, evenly spaced.

    Returns
    -------
    ndarray of shape (height, width)
        Median over time of each pixel over the median of all pixels. A pixel with twice the median of the live ones of its tube is
        hot, not sensitive: it gets that median. 0 in dead pixels: not used.

    Raises
    ------
    ValueError
        As :func:`check_frames`; if values are NaN or infinite, n_sampled is not positive, or nothing shines.
    """
    check_frames(frames, 4)
    if n_sampled < 1:
        raise ValueError(f"n_sampled is {n_sampled}; expected at least 1.")
    chosen = np.unique(np.linspace(0, len(frames) - 1, n_sampled).astype(int))
    level = np.median([frames[k] for k in chosen], axis=0)
    give_back(frames)
    if not np.isfinite(level).all() or not np.median(level) > 0:
        raise ValueError("frames hold NaN, infinite values or no light; expected counts per GTU. Cut such frames out.")
    flat = level / np.median(level)
    for y in range(0, flat.shape[0], TUBE):
        for x in range(0, flat.shape[1], TUBE):
            tube = flat[y : y + TUBE, x : x + TUBE]
            if (tube > 0).any():
                usual = np.median(tube[tube > 0])
                tube[tube > 2 * usual] = usual
    return flat
