"""What only the whole data set shows: the same stars and the same background, frame after frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import label
from scipy.spatial import cKDTree

from meteortut.previewer.background import Sky
from meteortut.previewer.blobs import Blobs

#: Stars kept of each frame; those of the reference frame whose light is followed; chosen.
KEPT_STARS, FOLLOWED_STARS = 100, 25
#: Largest shift between frames of a field, and how far a star may be from its place after the shift, pixels; chosen.
MAX_SHIFT_PX, SAME_STAR_PX = 60.0, 4.0
#: Difference of a cell from its place's median, in the frame's pixel noise, from which it is another background; chosen.
OTHER_SIGMA = 1.0


@dataclass(frozen=True)
class Scene:
    """What is kept of a frame for the comparison with the others: a few kilobytes.

    Attributes
    ----------
    stars : ndarray of shape (n, 3)
        y, x (pixels) and flux (counts) of its brightest blobs inside the frame, brightest first.
    level : ndarray of shape (n_cells_y, n_cells_x) float32, counts
        Background in the cells of the mesh.
    noise : float, counts
        Noise of a pixel, median over the mesh.
    """

    stars: np.ndarray
    level: np.ndarray
    noise: float


def scene_of(sky: Sky, blobs: Blobs) -> Scene:
    """Keep what the comparison with other frames needs.

    Parameters
    ----------
    sky : Sky
    blobs : Blobs

    Returns
    -------
    Scene
    """
    chosen = np.flatnonzero(~blobs.at_edge)
    chosen = chosen[np.argsort(-blobs.flux[chosen], kind="stable")[:KEPT_STARS]]
    stars = np.stack([blobs.y[chosen], blobs.x[chosen], blobs.flux[chosen]], axis=1)
    return Scene(stars, sky.level, float(np.median(sky.noise)))


def field_features(scenes: Sequence[Scene]) -> dict[str, np.ndarray]:
    """Compare the frames of one data set.

    Parameters
    ----------
    scenes : sequence of Scene
        Of frames of one field and one size.

    Returns
    -------
    dict of ndarray of shape (n_frames,)
        ``transmission``: light of the field's 25 brightest stars over the upper quartile of what the frames show of them, median
        over the stars; a star that is not found gives 0. Clouds lower it, and so does whatever tears the stars apart.
        ``field_shift_px``: distance that the stars moved against the reference frame; NaN without three common stars.
        ``edge_changed_percent``: share of the mesh's cells that differ from the median frame by more than the noise of one pixel
        and hang together with the frame's border: an obstruction, dark or lit. ``changed_percent``: of all cells that do.

    Notes
    -----
    Reference is the frame whose number of stars is the data set's upper quartile. One frame alone: 1, 0, 0 and 0; a data set
    without stars: transmission 1, shift NaN.
    """
    return _star_features(scenes) | _level_features(scenes)


def _star_features(scenes: Sequence[Scene]) -> dict[str, np.ndarray]:
    n = np.array([len(scene.stars) for scene in scenes])
    by_count = np.argsort(n, kind="stable")
    reference = scenes[by_count[min(int(0.75 * len(n)), len(n) - 1)]].stars[:FOLLOWED_STARS]
    shift = np.full(len(scenes), np.nan)
    if not len(reference):
        return {"transmission": np.ones(len(scenes)), "field_shift_px": shift}
    flux = np.full((len(scenes), len(reference)), np.nan)
    for i, scene in enumerate(scenes):
        moved, flux[i] = match_stars(reference, scene.stars)
        shift[i] = np.hypot(*moved)
    found = np.isfinite(flux)
    clear = np.array([np.percentile(column[known], 75) for column, known in zip(flux.T, found.T, strict=True)])
    ratio = np.where(found, flux / clear, 0.0)
    return {"transmission": np.median(ratio, axis=1), "field_shift_px": shift}


def match_stars(reference: np.ndarray, stars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find stars again in another frame.

    Parameters
    ----------
    reference, stars : ndarray of shape (n, 3)
        As `Scene` has them.

    Returns
    -------
    shift : ndarray of shape (2,), pixels (y, x)
        Of the stars against the reference; NaN without three common stars.
    flux : ndarray of shape (n_reference,), counts
        Of each star of the reference, NaN when it is not found.
    """
    flux = np.full(len(reference), np.nan)
    if not len(stars):
        return np.full(2, np.nan), flux
    pairs = (stars[None, :, :2] - reference[:, None, :2]).reshape(-1, 2)
    near = pairs[np.abs(pairs).max(axis=1) <= MAX_SHIFT_PX]
    if not len(near):
        return np.full(2, np.nan), flux
    # the most crowded place among all differences of positions
    crowd = np.array([len(group) for group in cKDTree(near).query_ball_point(near, SAME_STAR_PX / 2)])
    best = near[np.flatnonzero(crowd == crowd.max())]
    guess = best[np.hypot(*best.T).argmin()]
    distance, which = cKDTree(stars[:, :2]).query(reference[:, :2] + guess, distance_upper_bound=SAME_STAR_PX)
    found = np.isfinite(distance)
    flux[found] = stars[which[found], 2]
    if np.count_nonzero(found) < min(3, len(reference)):
        return np.full(2, np.nan), flux
    return np.median(stars[which[found], :2] - reference[found, :2], axis=0), flux


def _level_features(scenes: Sequence[Scene]) -> dict[str, np.ndarray]:
    level = np.stack([scene.level for scene in scenes])
    noise = np.array([scene.noise for scene in scenes])
    median = np.median(level, axis=0)
    changed, hanging = np.zeros(len(scenes)), np.zeros(len(scenes))
    for i in range(len(scenes)):
        difference = level[i] - median
        # the sky as a whole may be brighter: the shift that most cells share is not a change of shape
        other = np.abs(difference - _mode(difference)) > OTHER_SIGMA * max(float(np.median(noise)), 1e-30)
        groups, _ = label(other)
        border = np.unique(np.concatenate([groups[0], groups[-1], groups[:, 0], groups[:, -1]]))
        changed[i], hanging[i] = 100 * other.mean(), 100 * np.isin(groups, border[border > 0]).mean()
    return {"edge_changed_percent": hanging, "changed_percent": changed}


def _mode(values: np.ndarray) -> float:
    """Middle of the shortest interval that holds half of the values."""
    ordered = np.sort(values, axis=None)
    half = (len(ordered) + 1) // 2
    start = int((ordered[half - 1 :] - ordered[: len(ordered) - half + 1]).argmin())
    return float(ordered[start : start + half].mean())
