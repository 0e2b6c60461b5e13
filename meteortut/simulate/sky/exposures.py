"""From a scene and its tracks to the 8-bit planes that a meteor camera's software keeps of 256 frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from meteortut.simulate.sky.camera import Camera, codec_noise, frames_of_noise, maximum_of_normals
from meteortut.simulate.sky.movers import magnitude
from meteortut.simulate.sky.scene import Scene
from meteortut.simulate.sky.tracks import Drawn, Track
from meteortut.simulate.sky.worlds import N_FRAMES

#: A track shows where it raises the noise-free maximum by at least its scatter; it is called a meteor if so much of it shows.
LEAST_LENGTH_PX, LEAST_SNR = 10.0, 8.0
#: The codec codes a block of so many pixels a side anew when something in it brightens by so many standard deviations of the noise,
#: and puts more noise there, in those units: around labelled tracks, half of the pixels 3 to 4 away have the track's MAXFRAME.
RENEWED_PX, RENEWED_BY, RENEWED_NOISE = 8, 4.0, 2.5

#: Columns of the truth about a track, and what it says of nothing.
COLUMNS = [
    "kind",
    "is_meteor",
    "y0",
    "x0",
    "y1",
    "x1",
    "t0",
    "t1",
    "length_px",
    "speed_px",
    "snr",
    "magnitude",
    "peak_counts",
]
NOTHING: dict[str, Any] = dict.fromkeys(COLUMNS, np.nan) | {
    "kind": "none",
    "is_meteor": False,
    "length_px": 0.0,
    "snr": 0.0,
}


@dataclass(frozen=True)
class Noise:
    """Noise of one image.

    Parameters
    ----------
    size : ndarray of shape (n_rows, n_columns), counts
        Standard deviation of each pixel's noise in one frame.
    maximum, single : ndarray of the same shape
        Greatest noise of all frames, and noise in the frame of a track's maximum, in units of ``size``.
    """

    size: np.ndarray
    maximum: np.ndarray
    single: np.ndarray


def draw_noise(camera: Camera, background: np.ndarray, rng: np.random.Generator, single: bool = True) -> Noise:
    """Draw the noise of an image over its background (n_rows, n_columns), counts; without tracks, none of a single frame."""
    shape = (background.shape[0], background.shape[1])
    place, maximum = (codec_noise(shape, camera.block_px, camera.codec_share, rng) for _ in range(2))
    spread = camera.noise_spread
    size = camera.noise(background) * np.exp(spread * place - spread**2 / 2)
    one = codec_noise(shape, camera.block_px, camera.codec_share, rng) if single else np.zeros(shape)
    return Noise(size, maximum_of_normals(maximum, camera.effective_frames), one)


def maximum_plane(camera: Camera, scene: Scene, drawn: list[Drawn], noise: Noise) -> tuple[np.ndarray, np.ndarray]:
    """Brightest value of each pixel, and which track gave it.

    Returns
    -------
    plane : ndarray of shape (n_rows, n_columns), uint8
    winner : ndarray of shape (n_rows, n_columns), int
        Index into ``drawn``; -1 where noise or the scene is brighter.
    """
    best = scene.top + noise.size * noise.maximum
    winner = np.full(best.shape, -1)
    for i, track in enumerate(drawn):
        at = (track.rows, track.columns)
        light = track.peak * scene.open[at]
        anew = _coded_anew(at, light > RENEWED_BY * noise.size[at], best.shape)
        ragged = light * (1 + camera.raggedness * noise.single[at])
        shown = scene.mean[at] + ragged + noise.size[at] * (noise.single[at] + RENEWED_NOISE * anew)
        brighter = (shown > best[at]) & (anew | (light > 0.5))
        winner[at] = np.where(brighter, i, winner[at])
        best[at] = np.where(brighter, shown, best[at])
    return to_counts(np.where(np.isnan(scene.paint), np.minimum(best, camera.saturation), scene.paint)), winner


def _coded_anew(at: tuple[np.ndarray, np.ndarray], bright: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Which of the pixels ``at`` lie in a block that holds a bright one of them; bool array like ``bright``."""
    blocks = np.zeros([-(-side // RENEWED_PX) for side in shape], bool)
    rows, columns = at[0] // RENEWED_PX, at[1] // RENEWED_PX
    blocks[rows[bright], columns[bright]] = True
    return blocks[rows, columns]


def frame_plane(scene: Scene, drawn: list[Drawn], winner: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Frame of each pixel's brightest value; ndarray of shape (n_rows, n_columns), uint8."""
    frames = frames_of_noise((winner.shape[0], winner.shape[1]), rng)
    cloudy = (scene.when >= 0) & (scene.top - scene.mean > 3)
    frames = np.where(cloudy, scene.when, frames)
    for i, track in enumerate(drawn):
        won = winner[track.rows, track.columns] == i
        frames[track.rows[won], track.columns[won]] = track.frame[won]
    return np.where(np.isnan(scene.paint), frames, 0).astype(np.uint8)


def mean_planes(
    camera: Camera, scene: Scene, drawn: list[Drawn], noise: Noise, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each pixel; two ndarrays of shape (n_rows, n_columns), uint8.

    Notes
    -----
    The files' software cuts the mean down to a whole number before it takes the variance about it, which adds up to one count of
    background to the variance: on real files STDPIXEL² is spread evenly between σ² and σ² + AVEPIXEL (measured), and so here.
    """
    error = rng.standard_normal(noise.size.shape) * noise.size / np.sqrt(camera.effective_frames)
    mean, variance = scene.mean + error, noise.size**2 + ((scene.top - scene.mean) / 2) ** 2 * (scene.when >= 0)
    for track in drawn:
        at = (track.rows, track.columns)
        total, square = track.total * scene.open[at] / N_FRAMES, track.square * scene.open[at] ** 2 / N_FRAMES
        mean[at] += total
        variance[at] += np.maximum(square - total**2, 0)
    painted = ~np.isnan(scene.paint)
    mean = np.clip(np.where(painted, scene.paint, np.minimum(mean, camera.saturation)), 0, 255)
    deviation = np.sqrt(np.where(painted, 0, variance) + mean % 1 * mean)
    return np.floor(mean).astype(np.uint8), np.clip(deviation, 1, 255).astype(np.uint8)


def to_counts(light: np.ndarray) -> np.ndarray:
    """Round to whole counts from 0 to 255; uint8 of the same shape."""
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def what_shows(camera: Camera, scene: Scene, track: Track, drawn: Drawn, origin: tuple[int, int], n_rows: int) -> dict:
    """Truth of a track in an image: where it shows above the noise, by a rule on the noise-free light.

    Returns
    -------
    dict
        ``kind``; ``y0 x0 y1 x1`` (pixels of the image, first end first) and ``t0 t1`` (frame + row / n_rows) of the part that
        shows, NaN if none does; ``length_px`` of that part; ``speed_px`` (pixels per frame, mean over it); ``snr`` (root of the
        sum of squares of the raised maximum over its scatter, pixel by pixel); ``magnitude``; ``peak_counts`` (one frame, above
        the background, not saturated); ``is_meteor``.
    """
    in_noise = _above_noise(camera, scene, drawn)
    row: dict[str, Any] = {
        "kind": track.kind,
        "snr": float(np.linalg.norm(in_noise)),
        "magnitude": magnitude(float(track.light.max())),
    }
    row |= {"peak_counts": float(drawn.peak.max(initial=0.0))}
    begin, stop = track.first_frame - 0.5, track.first_frame + len(track.light) + 0.5
    whole_px = float(np.ptp(track.along(np.array([begin, stop]))))
    time = np.linspace(begin, stop, int(4 * whole_px) + 2)  # every quarter of a pixel
    place = track.place(time) - np.array(origin)
    nearest = np.rint(place).astype(int)
    inside = np.flatnonzero(((nearest >= 0) & (nearest < in_noise.shape)).all(axis=1))
    shows = inside[in_noise[tuple(nearest[inside].T)] >= 1]
    if not len(shows):
        return NOTHING | row
    first, last = shows[0], shows[-1]
    length = float(np.linalg.norm(place[last] - place[first]))
    speed = length / (time[last] - time[first]) if last > first else np.nan
    row |= dict(zip(("y0", "x0", "y1", "x1"), (*place[first], *place[last]), strict=True))
    row |= {"t0": time[first], "t1": time[last], "length_px": length, "speed_px": speed}
    return row | {"is_meteor": track.kind == "meteor" and length >= LEAST_LENGTH_PX and row["snr"] >= LEAST_SNR}


def _above_noise(camera: Camera, scene: Scene, drawn: Drawn) -> np.ndarray:
    """How far a track raises the noise-free maximum, in units of its scatter; ndarray of shape (n_rows, n_columns)."""
    at = (drawn.rows, drawn.columns)
    noise = camera.noise(scene.mean[at])
    raised = np.minimum(scene.mean[at] + drawn.peak * scene.open[at], camera.saturation)
    raised = raised - scene.top[at] - noise * camera.mean_maximum
    image = np.zeros_like(scene.mean)
    image[at] = np.maximum(raised, 0) / (noise * camera.scatter_of_maximum)
    return image


def truth_table(rows: list[dict]) -> pd.DataFrame:
    """Rows of `what_shows` as a table with its columns in order, also when there is none."""
    return pd.DataFrame(rows, columns=COLUMNS)
