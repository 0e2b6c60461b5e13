"""Frames against the clearest of their data set: what is dimmed, where, and whether it stays. Clouds drift, obstructions stand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from meteortut.previewer.field import FOLLOWED_STARS, Scene, _match

#: Share of a data set's frames, those with most stars, that serve as its clear sky; chosen: few data sets have no clear tenth.
CLEAR_SHARE = 0.1
#: A star that keeps less than this of its light is lost; chosen.
LOST = 0.5
#: Scatter of a cell of the mesh against which a pattern counts, in a pixel's noise; chosen: about that of its median.
CELL_SIGMA = 0.15


def clear_frames(n_stars: np.ndarray) -> np.ndarray:
    """Choose the frames of a data set that show its sky best.

    Parameters
    ----------
    n_stars : ndarray of shape (n_frames,)
        Stars found in each frame: whatever spoils a frame hides some.

    Returns
    -------
    ndarray of int
        Indices of the tenth (at least one) with the most stars.
    """
    n_chosen = max(1, round(CLEAR_SHARE * len(n_stars)))
    return np.sort(np.argsort(-np.asarray(n_stars), kind="stable")[:n_chosen])


def backdrop_features(scenes: Sequence[Scene]) -> dict[str, np.ndarray]:
    """Compare background and stars of each frame with those of the clearest frames.

    Parameters
    ----------
    scenes : sequence of Scene
        Of the frames of one data set, in order of time.

    Returns
    -------
    dict of ndarray of shape (n_frames,)
        ``dark_percent``, ``bright_percent``: share of the mesh's cells fainter or brighter than in the clear frames by more
        than the noise of a pixel, after the brightest decile (for dark) or the faintest (for bright) of the cells is set to 0.
        ``level_change``: median change of the cells, standard deviations of a pixel's noise.
        ``staying``: likeness of the pattern of changes to that of the frames before and after, −1 to 1: 2 cov / (var + var +
        scatter²), mean of both; near 1 for an obstacle, near 0 for drifting clouds and where nothing changes.
        ``stars_lost``: share of the 25 brightest stars of the clearest frame that keep less than half of their light.
        ``light_of_clearest``, ``light_spread``: upper quintile of the light that these stars keep (behind clouds most of them are
        dimmed, beside an obstacle none), and difference of the quintiles.
        ``dark_where_lost``: mean change of the cells with lost stars less that of the cells with the others, standard
        deviations: negative behind an obstacle, positive behind clouds that send light back; 0 if all or none are lost.

    Notes
    -----
    The clear frames are the tenth with the most stars (`clear_frames`); of their levels the median counts. A frame alone:
    light 1, all else 0. A data set without stars: light 1, nothing lost.
    """
    clear = clear_frames(np.array([len(scene.stars) for scene in scenes]))
    noise = max(float(np.median([scenes[i].noise for i in clear])), 1e-30)
    change = np.stack([scene.level for scene in scenes]).astype(np.float64)
    change = (change - np.median(change[clear], axis=0)) / noise
    cells = change.reshape(len(scenes), -1)
    top, bottom = (np.percentile(cells, q, axis=1, keepdims=True) for q in (90, 10))
    light, places = _light(scenes, clear)
    table = {
        "dark_percent": 100 * (cells - top < -1).mean(axis=1),
        "bright_percent": 100 * (cells - bottom > 1).mean(axis=1),
        "level_change": np.median(cells, axis=1),
        "staying": _staying(cells),
    }
    if not light.shape[1]:
        zero = np.zeros(len(scenes))
        return table | {"stars_lost": zero, "light_of_clearest": zero + 1, "light_spread": zero, "dark_where_lost": zero}
    low, high = np.percentile(light, [20, 80], axis=1)
    lost = light < LOST
    table |= {"stars_lost": lost.mean(axis=1), "light_of_clearest": high, "light_spread": high - low}
    return table | {"dark_where_lost": _dark_where_lost(change, lost, places, scenes[0].shape)}


def _light(scenes: Sequence[Scene], clear: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Light that the reference stars keep, at most 1.5, shape (n_frames, n_stars), and their places (y, x), pixels."""
    reference = scenes[int(clear[np.argmax([len(scenes[i].stars) for i in clear])])].stars[:FOLLOWED_STARS]
    flux = np.array([_match(reference, scene.stars)[1] for scene in scenes]).reshape(len(scenes), len(reference))
    usual = np.nanmedian(np.vstack([flux[clear], reference[:, 2]]), axis=0)
    return np.clip(np.nan_to_num(flux / usual), 0, 1.5), reference[:, :2]


def _staying(cells: np.ndarray) -> np.ndarray:
    pattern = cells - cells.mean(axis=1, keepdims=True)
    variance = (pattern**2).mean(axis=1)
    likeness = 2 * (pattern[1:] * pattern[:-1]).mean(axis=1) / (variance[1:] + variance[:-1] + CELL_SIGMA**2)
    both = np.stack([np.append(np.nan, likeness), np.append(likeness, np.nan)])
    known = np.isfinite(both)
    return np.where(known, both, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)


def _dark_where_lost(change: np.ndarray, lost: np.ndarray, places: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    rows, columns = ((places[:, k] * change.shape[k + 1] / shape[k]).astype(int) for k in (0, 1))
    here = change[:, np.clip(rows, 0, change.shape[1] - 1), np.clip(columns, 0, change.shape[2] - 1)]
    n_lost = lost.sum(axis=1)
    some = (n_lost > 0) & (n_lost < lost.shape[1])
    difference = np.where(lost, here, 0).sum(axis=1) / np.maximum(n_lost, 1)
    difference -= np.where(~lost, here, 0).sum(axis=1) / np.maximum(lost.shape[1] - n_lost, 1)
    return np.where(some, difference, 0.0)
