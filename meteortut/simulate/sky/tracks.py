"""Tracks: a source that moves through the frame, and the light that it leaves in the pixels, read out row by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from meteortut.simulate.sky.camera import Camera

#: A wing of the point spread is this many times as wide as its core.
WING_WIDTH = 3.0
#: Beyond this many standard deviations of the wing, light is left out.
REACH = 2.5
#: Frames drawn together; bounds the work on slow tracks.
FRAMES_AT_ONCE = 16


@dataclass(frozen=True)
class Track:
    """One moving source; a position is a row and a column of the frame at a time counted in frames.

    Parameters
    ----------
    kind : {"meteor", "satellite", "aircraft"}
    start : (y, x), pixels
        Position at ``t0``.
    t0 : float, frames
        When the track starts.
    velocity : (vy, vx), pixels per frame
        At ``t0``.
    deceleration : float, pixels per frame²
        Along the track.
    first_frame : int
        Frame of ``light[0]``.
    light : ndarray of shape (n_frames,), counts
        Light in each frame, summed over its pixels.
    wake : (length in pixels, share)
        A wake behind the head, and its share of the light.
    offset_px : float
        Shift across the track: the second lamp of an aircraft.
    """

    kind: str
    start: tuple[float, float]
    t0: float
    velocity: tuple[float, float]
    deceleration: float
    first_frame: int
    light: np.ndarray
    wake: tuple[float, float] = (0.0, 0.0)
    offset_px: float = 0.0

    @property
    def speed(self) -> float:
        """Pixels per frame at ``t0``."""
        return float(np.hypot(*self.velocity))

    def along(self, time: np.ndarray) -> np.ndarray:
        """Distance from ``start``, pixels, at times counted in frames; any shape."""
        since = time - self.t0
        return self.speed * since - self.deceleration * since**2 / 2

    def place(self, time: np.ndarray) -> np.ndarray:
        """Positions (..., 2) as (y, x) at times counted in frames, which are row-read times: frame + row / n_rows."""
        unit = np.array(self.velocity) / self.speed
        across = np.array([-unit[1], unit[0]]) * self.offset_px
        return np.array(self.start) + across + self.along(np.asarray(time, float))[..., None] * unit


@dataclass(frozen=True)
class Drawn:
    """Light that a track leaves in an image, pixel by pixel where there is any.

    Parameters
    ----------
    rows, columns : ndarray of shape (n_pixels,), int
    peak : ndarray of shape (n_pixels,), counts
        Most light in one frame.
    frame : ndarray of shape (n_pixels,), int
        The frame with the most.
    total, square : ndarray of shape (n_pixels,), counts and counts²
        Sums over frames of the light and of its square.
    """

    rows: np.ndarray
    columns: np.ndarray
    peak: np.ndarray
    frame: np.ndarray
    total: np.ndarray
    square: np.ndarray


def draw_light(track: Track, shape: tuple[int, int], origin: tuple[int, int], n_rows: int, camera: Camera) -> Drawn:
    """Draw a track into an image, frame by frame, each frame exposed until the next and row y read out late.

    Parameters
    ----------
    track : Track
    shape : (n_rows, n_columns) of the image
    origin : (y, x) of the image's first pixel in the frame
    n_rows : int
        Rows of the frame: row y stands for the time ``(frame + y / n_rows) / fps``, half an exposure before and after it.
    camera : Camera

    Returns
    -------
    Drawn
        Empty when the track passes by.
    """
    times = track.first_frame + np.arange(len(track.light))
    y, x = _pixels_near(track, times, shape, origin, camera)
    peak, total, square = np.zeros((3, len(y)))
    frame = np.full(len(y), track.first_frame)
    unit, late = np.array(track.velocity) / track.speed, (y + origin[0]) / n_rows
    dy, dx = y + origin[0] - track.start[0], x + origin[1] - track.start[1]
    across, along = dx * unit[0] - dy * unit[1] - track.offset_px, dy * unit[0] + dx * unit[1]
    reach = REACH * WING_WIDTH * camera.psf_px
    beside = np.abs(across) < reach
    for few in np.split(np.arange(len(times)), range(FRAMES_AT_ONCE, len(times), FRAMES_AT_ONCE)):
        ends = track.along(times[few[[0, -1]]] + np.array([-0.5, 1.5]))
        near = np.flatnonzero(beside & (along > ends[0] - reach - 3 * track.wake[0]) & (along < ends[1] + reach))
        light = _in_frames(track, across[near], along[near], late[near], times[few], camera) * track.light[few]
        best = light.argmax(axis=1)
        most = light[np.arange(len(near)), best]
        frame[near] = np.where(most > peak[near], times[few][best], frame[near])
        peak[near] = np.maximum(peak[near], most)
        total[near] += light.sum(axis=1)
        square[near] += (light**2).sum(axis=1)
    lit = total > 0
    return Drawn(y[lit], x[lit], peak[lit], frame[lit], total[lit], square[lit])


def _pixels_near(
    track: Track, times: np.ndarray, shape: tuple[int, int], origin: tuple[int, int], camera: Camera
) -> np.ndarray:
    """Rows and columns, (2, n_pixels), of the upright box of the image outside of which a track leaves no light."""
    reach = REACH * WING_WIDTH * camera.psf_px + 3 * track.wake[0]
    ends = track.place(times[[0, -1]] + np.array([-0.5, 1.5])) - np.array(origin)
    low, high = np.floor(ends.min(axis=0) - reach), np.ceil(ends.max(axis=0) + reach) + 1
    (top, left), (bottom, right) = (np.clip(edge, 0, shape).astype(int) for edge in (low, high))
    return np.mgrid[top:bottom, left:right].reshape(2, -1)


def _in_frames(
    track: Track, across: np.ndarray, along: np.ndarray, late: np.ndarray, times: np.ndarray, camera: Camera
) -> np.ndarray:
    """Share of a source's light in n pixels and m frames, (n, m): a segment per frame, spread by core, wing and wake."""
    begin, end = (track.along(times + late[:, None] + side) for side in (-0.5, 0.5))
    light = np.zeros(begin.shape)
    for sigma, share in ((camera.psf_px, 1 - camera.wing), (WING_WIDTH * camera.psf_px, camera.wing)):
        profile = np.exp(-((across / sigma) ** 2) / 2)[:, None] / (np.sqrt(2 * np.pi) * sigma)
        head = _segment(along[:, None], begin, end, sigma)
        length, in_wake = track.wake
        if in_wake:
            head = (1 - in_wake) * head + in_wake * _segment(along[:, None], begin - length, begin, sigma)
        light += share * profile * head
    return light


def _segment(u: np.ndarray, begin: np.ndarray, end: np.ndarray, sigma: float) -> np.ndarray:
    """Light per pixel at ``u`` along a blurred segment of light 1; arrays (n, m), pixels."""
    length = end - begin
    if length.size and length.max() < sigma:  # as good, and faster: a blur that is wider by the segment's own width
        wide = np.sqrt(sigma**2 + length**2 / 12)
        return np.exp(-(((u - (begin + end) / 2) / wide) ** 2) / 2) / (np.sqrt(2 * np.pi) * wide)
    return (ndtr((u - begin) / sigma) - ndtr((u - end) / sigma)) / np.maximum(length, 1e-6)
