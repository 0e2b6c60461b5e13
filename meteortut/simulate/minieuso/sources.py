"""Blurred points of light that move uniformly and shine with a bell-shaped light curve: cities, flashes, meteors alike."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from meteortut.focal import SIDE, TUBE
from meteortut.simulate.minieuso.camera import Camera

#: A point spread is followed this many standard deviations from its middle, a bell this many: fireballs have far tails.
REACH, BELL_REACH = 4.5, 6.0


@dataclass(frozen=True, eq=False)
class Sources:
    """n sources; every array has shape (n,).

    Attributes
    ----------
    t, y, x : ndarray, frames and focal pixels
        Instant of the peak (frame k lasts from k to k + 1) and position then.
    vy, vx : ndarray, focal pixels per frame
    light : ndarray, counts per GTU at a response of 1
        At the peak, over the whole point spread; for whole tubes (``tube`` ≥ 0), per pixel.
    rise, fall : ndarray, frames
        Standard deviations of the two halves of the bell; infinite for a steady light.
    sigma : ndarray, focal pixels
        Standard deviation of the image, point spread included.
    tube : ndarray of int
        Tube (6 · row + column) that shines as a whole, or −1.
    """

    t: np.ndarray
    y: np.ndarray
    x: np.ndarray
    vy: np.ndarray
    vx: np.ndarray
    light: np.ndarray
    rise: np.ndarray
    fall: np.ndarray
    sigma: np.ndarray
    tube: np.ndarray

    def __len__(self) -> int:
        return len(self.t)

    def take(self, index: np.ndarray | list[int]) -> Sources:
        """Some of the sources, by indices or mask."""
        return Sources(*(getattr(self, field.name)[index] for field in fields(self)))

    def span(self, width: float) -> tuple[np.ndarray, np.ndarray]:
        """Instants between which each shines on a focal surface of this width; two arrays (n,), frames, maybe empty spans."""
        first, last = self.t - BELL_REACH * self.rise, self.t + BELL_REACH * self.fall
        for place, speed in ((self.y, self.vy), (self.x, self.vx)):
            speed = np.where(np.abs(speed) < 1e-9, 1e-9, speed)
            low, high = -0.5 - REACH * self.sigma - place, width - 0.5 + REACH * self.sigma - place
            ends = np.sort(np.stack([low / speed, high / speed]), axis=0)
            outside = self.tube < 0
            first = np.where(outside, np.maximum(first, self.t + ends[0]), first)
            last = np.where(outside, np.minimum(last, self.t + ends[1]), last)
        return first, last

    def light_at(self, time: np.ndarray) -> np.ndarray:
        """Light at some instants (…, 1) or (…, n), frames: an array (…, n), counts per GTU at a response of 1."""
        after = time - self.t
        return self.light * np.exp(-0.5 * (after / np.where(after < 0, self.rise, self.fall)) ** 2)


def steady(n: int) -> np.ndarray:
    """Rise or fall of n sources that neither rise nor fall: (n,), infinite."""
    return np.full(n, np.inf)


def render(
    sources: Sources,
    camera: Camera,
    first: int,
    n_frames: int,
    steps: int,
    dimming: np.ndarray | None = None,
    part: tuple[slice, slice] = np.s_[:, :],
) -> np.ndarray:
    """Light of sources on the focal surface, averaged over each frame.

    Parameters
    ----------
    sources : Sources
    camera : Camera
    first, n_frames : int
        First frame, and how many.
    steps : int
        Instants per frame that are averaged: motion blur.
    dimming : ndarray of shape (n_frames, n_sources), optional
        Factor on each source's light.
    part : (slice, slice)
        Rows and columns wanted.

    Returns
    -------
    ndarray of shape (n_frames, n_rows, n_columns), float32, counts per GTU at a response of 1
        Zero where there are no sources.
    """
    time = first + (np.arange(n_frames * steps).reshape(n_frames, steps, 1) + 0.5) / steps
    light = sources.light_at(time) / steps
    if dimming is not None:
        light = light * dimming[:, None, :]
    after = time - sources.t
    rows = camera.shares(sources.y + sources.vy * after, sources.sigma)
    columns = camera.shares(sources.x + sources.vx * after, sources.sigma)
    lit = np.flatnonzero(sources.tube >= 0)
    if len(lit):
        tube_of_pixel = np.arange(SIDE) // TUBE
        row, column = np.divmod(sources.tube[lit], SIDE // TUBE)
        rows[:, :, lit] = tube_of_pixel == row[:, None]
        columns[:, :, lit] = tube_of_pixel == column[:, None]
    rows *= light[..., None].astype(np.float32)
    rows, columns = rows[..., part[0]], columns[..., part[1]]
    n = steps * len(sources)
    rows, columns = (side.reshape(n_frames, n, side.shape[-1]) for side in (rows, columns))
    return rows.transpose(0, 2, 1) @ columns
