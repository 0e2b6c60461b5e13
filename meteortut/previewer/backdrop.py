"""Frames against the clearest of their data set: what is dimmed, where, and whether it stays. Clouds drift, obstructions stand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from meteortut.previewer.field import FOLLOWED_STARS, Scene, match_stars

#: Share of a data set's frames, those with most stars on the evenest background, that serve as its clear sky; chosen: few data
#: sets have no clear tenth.
CLEAR_SHARE = 0.1
#: So many of the brighter half of the stars are followed at least: the faint half comes and goes with the noise; chosen.
LEAST_FOLLOWED = 5
#: A star that keeps less than this of its light is lost; chosen.
LOST = 0.5
#: Scatter of a cell of the mesh against which a pattern counts, in a pixel's noise; chosen: about that of its median.
CELL_SIGMA = 0.15


def clear_first(n_stars: np.ndarray, structure: np.ndarray) -> np.ndarray:
    """Order the frames of a data set by how well they show its sky: many stars on an even background.

    Parameters
    ----------
    n_stars : ndarray of shape (n_frames,)
        Stars found in each frame: whatever spoils a frame hides some.
    structure : ndarray of shape (n_frames,)
        Unevenness of its background: knots of a cloud pass for stars, but not evenly.

    Returns
    -------
    ndarray of shape (n_frames,) int
        Indices, the least sum of both ranks first.
    """
    from scipy.stats import rankdata  # looks for array frameworks when it is imported

    rank = rankdata(-np.asarray(n_stars)) + rankdata(structure)
    return np.argsort(rank, kind="stable")


def clear_frames(n_stars: np.ndarray, structure: np.ndarray) -> np.ndarray:
    """Choose the clearest tenth (at least one) of the frames of a data set.

    Parameters
    ----------
    n_stars, structure : ndarray of shape (n_frames,)
        As :func:`clear_first` takes them.

    Returns
    -------
    ndarray of int
        Indices, rising.
    """
    return np.sort(clear_first(n_stars, structure)[: max(1, round(CLEAR_SHARE * len(n_stars)))])


def backdrop_features(scenes: Sequence[Scene], n_stars: np.ndarray, structure: np.ndarray) -> dict[str, np.ndarray]:
    """Compare background and stars of each frame with those of the clearest frames.

    Parameters
    ----------
    scenes : sequence of Scene
        Of the n_frames frames of one data set, in order of time.
    n_stars : ndarray of shape (n_frames,)
        ``num_stars`` of the frames (a scene keeps no more than 100 of them).
    structure : ndarray of shape (n_frames,)
        ``background_structure`` of the frames.

    Returns
    -------
    dict of ndarray of shape (n_frames,)
        ``dark_percent``, ``bright_percent``: share of the mesh's cells fainter or brighter than in the clear frames by more
        than the noise of a pixel, after the brightest decile (for dark) or the faintest (for bright) of the cells is set to 0.
        ``level_change``: median change of the cells, standard deviations of a pixel's noise.
        ``staying``: likeness of the pattern of changes to that of the frames before and after, −1 to 1: 2 cov / (var + var +
        scatter²), mean of both; near 1 for an obstacle, near 0 for drifting clouds and where nothing changes.
        ``stars_lost``: share of the brightest stars of the clearest frame (the brighter half, 5 to 25) that keep less than half of
        their light.
        ``light_of_clearest``, ``light_spread``: upper quintile of the light that these stars keep (behind clouds most of them are
        dimmed, beside an obstacle none), and difference of the quintiles.

    Notes
    -----
    Of the levels of the clear frames (`clear_frames`) the median counts. A frame alone:
    light 1, all else 0. A data set without stars: light 1, nothing lost.
    """
    clear = clear_frames(n_stars, structure)
    noise = max(float(np.median([scenes[i].noise for i in clear])), 1e-30)
    change = np.stack([scene.level for scene in scenes]).astype(np.float64)
    change = (change - np.median(change[clear], axis=0)) / noise
    cells = change.reshape(len(scenes), -1)
    top, bottom = (np.percentile(cells, q, axis=1, keepdims=True) for q in (90, 10))
    light = _light(scenes, clear)
    table = {
        "dark_percent": 100 * (cells - top < -1).mean(axis=1),
        "bright_percent": 100 * (cells - bottom > 1).mean(axis=1),
        "level_change": np.median(cells, axis=1),
        "staying": _staying(cells),
    }
    if not light.shape[1]:
        light = np.ones((len(scenes), 1))
    low, high = np.percentile(light, [20, 80], axis=1)
    return table | {
        "stars_lost": (light < LOST).mean(axis=1),
        "light_of_clearest": high,
        "light_spread": high - low,
    }


def _light(scenes: Sequence[Scene], clear: np.ndarray) -> np.ndarray:
    """Light that the reference stars keep, at most 1.5; shape (n_frames, n_reference_stars)."""
    stars = scenes[int(clear[np.argmax([len(scenes[i].stars) for i in clear])])].stars
    reference = stars[: min(FOLLOWED_STARS, max(LEAST_FOLLOWED, len(stars) // 2))]
    flux = np.array([match_stars(reference, scene.stars)[1] for scene in scenes]).reshape(len(scenes), len(reference))
    usual = np.nanmedian(np.vstack([flux[clear], reference[:, 2]]), axis=0)
    return np.clip(np.nan_to_num(flux / usual), 0, 1.5)


def _staying(cells: np.ndarray) -> np.ndarray:
    pattern = cells - cells.mean(axis=1, keepdims=True)
    variance = (pattern**2).mean(axis=1)
    likeness = 2 * (pattern[1:] * pattern[:-1]).mean(axis=1) / (variance[1:] + variance[:-1] + CELL_SIGMA**2)
    both = np.stack([np.append(np.nan, likeness), np.append(likeness, np.nan)])
    known = np.isfinite(both)
    return np.where(known, both, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
