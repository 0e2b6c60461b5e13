"""Where in the frame is the meteor? Tiles say where to look, Grad-CAM what to trust, bright pixels where the track is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import ndimage
from torch import nn

from meteortut.gradcam.cam import grad_cam
from meteortut.gradcam.lines import Line, beside, find_line
from meteortut.gradcam.significance import Pixels, bright_pixels, significance
from meteortut.gradcam.tiles import TILE, check_image, cut_tiles, tile_scores

#: A tile at or above this is looked into: more likely a meteor than not.
THRESHOLD = 0.5
#: An image whose best tile is at or above this is called a meteor. Of 1676 simulated tiles with nothing in them (first world,
#: seed 77) one in 364, which is one per frame, reaches 0.884.
IMAGE_THRESHOLD = 0.88
#: What moves less than this is a satellite, pixels per frame. At 25 frames per second and 4 arcminutes per pixel (GMN
#: cameras) that is 1.7°/s: above the 1.1°/s of the lowest satellites overhead (7.7 km/s at 400 km), below all but the
#: slowest meteors.
SLOWEST_METEOR = 1.0
#: The slowest trail that is looked for, frames per pixel: a star does not move at all.
_SLOWEST = 12.0
_MAX_GROUPS, _MAX_TRACKS, _MAX_CAMS = 5, 3, 24
#: A line weaker than this is left to chance, σ: in windows of 144×144 pixels of one camera's frames (UK0006), chance
#: stays below 65 in 95 of 100, with times known. The labelled meteors of that camera have 100 and more.
_WEAKEST = 65.0


@dataclass(frozen=True, eq=False)
class Track:
    """A track in one frame.

    Attributes
    ----------
    endpoints : ((y0, x0), (y1, x1)), float, pixels
        In the order of time when MAXFRAME is given; else the upper end first.
    heatmap : ndarray of float32 of shape (height, width), 0 to 1
        Grad-CAM of the image's 24 best tiles at or above the threshold, each divided by its largest value and
        multiplied by its tile's score; the largest where tiles overlap; 0 elsewhere. Tracks of one image share it.
    score : float
        Of the best tile around the middle of the track (:func:`~meteortut.gradcam.tile_scores`), from the maximum alone.
    strength : float, σ
        Brightness summed along the track, each 2 pixels counted up to 12 σ of the sky's noise, less what chance would
        give.
    kind : str
        ``"meteor"`` or ``"satellite"`` (or aircraft: anything slow) by the speed; ``"unknown"`` without MAXFRAME.
    frames : (float, float) or None
        Instants of the end points, frames, with the rolling shutter: ``MAXFRAME + row / height``. None without
        MAXFRAME.
    speed_px : float
        Pixels per frame, positive; NaN without MAXFRAME.
    """

    endpoints: tuple[tuple[float, float], tuple[float, float]]
    heatmap: np.ndarray
    score: float
    strength: float
    kind: str
    frames: tuple[float, float] | None
    speed_px: float

    @property
    def is_satellite(self) -> bool:
        """Whether the track is known to be too slow for a meteor; False without MAXFRAME."""
        return self.kind == "satellite"

    @property
    def length_px(self) -> float:
        """Distance between the end points, pixels."""
        return float(np.hypot(*np.subtract(self.endpoints[1], self.endpoints[0])))

    def along(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Give how far along the track points are, pixels from its first end; negative before it."""
        (y0, x0), (y1, x1) = self.endpoints
        dy, dx = (y1 - y0) / self.length_px, (x1 - x0) / self.length_px
        return (np.asarray(y, dtype=float) - y0) * dy + (np.asarray(x, dtype=float) - x0) * dx

    def distance(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Give the distance of points from the track, pixels: from the line between its end points, or the nearer end."""
        (y0, x0), (y1, x1) = self.endpoints
        dy, dx = (y1 - y0) / self.length_px, (x1 - x0) / self.length_px
        y, x = np.asarray(y, dtype=float), np.asarray(x, dtype=float)
        along = np.clip(self.along(y, x), 0, self.length_px)
        return np.hypot(y - y0 - along * dy, x - x0 - along * dx)


def locate(
    image: np.ndarray,
    max_frame: np.ndarray | None = None,
    network: nn.Module | None = None,
    threshold: float = THRESHOLD,
) -> Track | None:
    """Find the meteor of a frame.

    Parameters
    ----------
    image : ndarray of shape (height, width), integers or floats in any unit
        Maximum image, 32 pixels or more on a side.
    max_frame : ndarray of shape (height, width), frames, optional
        Frame in which each pixel was brightest, as MAXFRAME of FF files: tells meteors from satellites, and when it
        was where.
    network : torch.nn.Module, optional
        By default the network that ships.
    threshold : float
        Tiles at or above are looked into; 0 to 1.

    Returns
    -------
    Track or None
        The best track that may be a meteor: the strongest of those in the tiles around the best score. None when no
        tile reaches the threshold, when there is no line in those that do, or when MAXFRAME shows that only satellites
        are there; these :func:`find_tracks` lists.

    Raises
    ------
    TypeError, ValueError
        As :func:`~meteortut.gradcam.tiles.check_image`; if `max_frame` is of another shape, or not frame numbers; if
        `threshold` is not within 0 and 1.
    """
    tracks = [track for track in find_tracks(image, max_frame, network, threshold) if not track.is_satellite]
    return tracks[0] if tracks else None


def find_tracks(
    image: np.ndarray,
    max_frame: np.ndarray | None = None,
    network: nn.Module | None = None,
    threshold: float = THRESHOLD,
) -> list[Track]:
    """Find all tracks in the tiles that the network points at: meteors, and with MAXFRAME satellites, too.

    Parameters, errors: as for :func:`locate`.

    Returns
    -------
    list of Track
        Meteors first (or what may be one), then satellites, each by score × strength, falling. Empty when there is
        none.

    Notes
    -----
    Overlapping tiles at or above the threshold form a group. In each of the five best groups the pixels 3 σ above the
    sky, weighted by Grad-CAM, vote for lines through pairs of them; the best line is fitted to its pixels by total
    least squares, in space and, with MAXFRAME, in time, and may run on beyond the group. Its pixels are taken out, and
    the search goes on, up to three tracks.
    """
    image, max_frame = _checked(image, max_frame, threshold)
    tiles = tile_scores(image, network)
    groups = _groups(tiles, threshold)
    if not groups:
        return []
    heat = _heatmap(image, tiles, threshold, network)
    pixels = bright_pixels(significance(image), max_frame)
    trust = 0.25 + 0.75 * heat[pixels.y.astype(int), pixels.x.astype(int)]
    free = np.ones(len(pixels), bool)
    tracks: list[Track] = []
    for group in groups[:_MAX_GROUPS]:
        window = trust * _inside(tiles.iloc[group], pixels)
        for line in _lines(window, pixels, free):
            track = _track(line, tiles, heat, pixels.time is not None)
            if track.score >= threshold:
                tracks.append(track)
    return sorted(tracks, key=lambda track: (track.is_satellite, -track.score * track.strength))


def _checked(image: np.ndarray, max_frame: np.ndarray | None, threshold: float) -> tuple[np.ndarray, np.ndarray | None]:
    image = check_image(image)
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold is {threshold}; expected a probability, 0 to 1.")
    if max_frame is None:
        return image, None
    max_frame = np.asarray(max_frame)
    if max_frame.shape != image.shape:
        raise ValueError(f"max_frame has shape {max_frame.shape}; expected that of the image, {image.shape}.")
    if max_frame.dtype.kind not in "iuf":
        raise TypeError(f"max_frame has dtype {max_frame.dtype}; expected frame numbers.")
    if not np.isfinite(max_frame).all() or max_frame.min() < 0:
        raise ValueError("max_frame has values that are negative or not finite; expected frame numbers, 0 or more.")
    return image, max_frame.astype(np.float32)


def _groups(tiles: pd.DataFrame, threshold: float) -> list[np.ndarray]:
    """Rows of `tiles` at or above the threshold that touch each other, best group first."""
    shape = (tiles.y.nunique(), tiles.x.nunique())
    labels, n_groups = ndimage.label(tiles.score.to_numpy().reshape(shape) >= threshold, np.ones((3, 3)))
    groups = [np.flatnonzero(labels.ravel() == k + 1) for k in range(n_groups)]
    return sorted(groups, key=lambda group: -tiles.score.to_numpy()[group].max())


def _heatmap(image: np.ndarray, tiles: pd.DataFrame, threshold: float, network: nn.Module | None) -> np.ndarray:
    """Grad-CAM of the tiles at or above the threshold, in the place of each; see `Track.heatmap`."""
    heat = np.zeros(np.maximum(image.shape, TILE), np.float32)
    best = tiles[tiles.score >= threshold].nlargest(_MAX_CAMS, "score")
    maps = grad_cam(cut_tiles(image, best[["y", "x"]].to_numpy()), network)
    for y, x, score, cam in zip(best.y, best.x, best.score, maps, strict=True):
        if cam.max() > 0:
            part = heat[y : y + TILE, x : x + TILE]
            np.maximum(part, score * cam / cam.max(), out=part)
    return heat[: image.shape[0], : image.shape[1]]


def _inside(tiles: pd.DataFrame, pixels: Pixels) -> np.ndarray:
    """Which pixels lie in any of the tiles."""
    inside = np.zeros(len(pixels), bool)
    for y, x in zip(tiles.y, tiles.x, strict=True):
        inside |= (pixels.y >= y) & (pixels.y < y + TILE) & (pixels.x >= x) & (pixels.x < x + TILE)
    return inside


def _lines(window: np.ndarray, pixels: Pixels, free: np.ndarray) -> list[Line]:
    """Up to three lines through a window, strongest first; their pixels are marked as not free any more."""
    ranges = [(0.0, np.inf)] if pixels.time is None else [(0.0, 1 / SLOWEST_METEOR), (1 / SLOWEST_METEOR, _SLOWEST)]
    found: list[Line] = []
    for _ in range(_MAX_TRACKS):
        some = pixels[free]
        lines = [
            line for bounds in ranges if (line := find_line(window[free], some, bounds)) and line.strength >= _WEAKEST
        ]
        if not lines:
            break
        found.append(max(lines, key=lambda line: line.strength))
        free &= ~beside(found[-1], pixels)
    return found


def _track(line: Line, tiles: pd.DataFrame, heat: np.ndarray, timed: bool) -> Track:
    ends = [(line.y + s * line.dy, line.x + s * line.dx) for s in (line.begin, line.end)]
    frames = [line.t + s * line.slowness for s in (line.begin, line.end)]
    if frames[1] < frames[0] or (not timed and ends[1] < ends[0]):
        ends, frames = ends[::-1], frames[::-1]
    speed = 1 / max(abs(line.slowness), 1e-6) if timed else np.nan
    kind = "unknown" if not timed else "satellite" if speed < SLOWEST_METEOR else "meteor"
    y, x = np.mean(ends, axis=0)
    around = tiles[(tiles.y <= y) & (y < tiles.y + TILE) & (tiles.x <= x) & (x < tiles.x + TILE)]
    (y0, x0), (y1, x1) = ends
    return Track(
        endpoints=((float(y0), float(x0)), (float(y1), float(x1))),
        heatmap=heat,
        score=float(around.score.max()),
        strength=line.strength,
        kind=kind,
        frames=(float(frames[0]), float(frames[1])) if timed else None,
        speed_px=float(speed),
    )
