"""How tracks look in frames: the same few numbers for simulated meteors and for real pseudo-cubes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


def cube_voxels(
    cube: np.ndarray, t: ArrayLike, y: ArrayLike, x: ArrayLike, reach: float = 3.0, n_sigma: float = 4.0
) -> pd.DataFrame:
    """Voxels of a cube that stand out along a known track.

    Parameters
    ----------
    cube : ndarray of shape (n_frames, height, width), any counts
        Axes (time, y, x); ``data_fetch.readers.gmn.pseudo_cube`` gives one.
    t, y, x : array-like of shape (n,), frames (ascending) and pixels
        Where the track is known to be, two instants or more.
    reach : float, pixels
        Voxels farther away are left out, as are frames more than one before the first instant or after the last.
    n_sigma : float
        Voxels must exceed their pixel's mean over time by this many of its standard deviations.

    Returns
    -------
    DataFrame, a row per voxel
        ``meteor`` (0), ``t``, ``y``, ``x``, ``counts`` (above the mean), ``snr``; maybe empty.

    Raises
    ------
    ValueError
        If ``cube`` has no time axis, or the track has less than two instants or unequal lengths.
    """
    t, y, x = (np.asarray(values, float) for values in (t, y, x))
    if cube.ndim != 3:
        raise ValueError(
            f"cube has shape {cube.shape}; expected (n_frames, height, width). Add a time axis: cube[None]."
        )
    if t.ndim != 1 or len(t) < 2 or not t.shape == y.shape == x.shape or (np.diff(t) < 0).any():
        raise ValueError(
            f"t, y and x have shapes {t.shape}, {y.shape} and {x.shape}; expected one of two or more instants, in order."
        )
    excess = cube - cube.mean(axis=0)
    spread = cube.std(axis=0)
    snr = np.divide(excess, spread, out=np.zeros(cube.shape), where=spread > 0)
    frames, rows, columns = np.nonzero(snr >= n_sigma)
    away = np.hypot(rows - np.interp(frames, t, y), columns - np.interp(frames, t, x))
    keep = (away <= reach) & (frames >= t[0] - 1) & (frames <= t[-1] + 1)
    frames, rows, columns = frames[keep], rows[keep], columns[keep]
    place = (frames, rows, columns)
    return pd.DataFrame({"meteor": 0, "t": frames, "y": rows, "x": columns, "counts": excess[place], "snr": snr[place]})


def track_statistics(voxels: pd.DataFrame, one_instant: bool = False) -> pd.DataFrame:
    """Duration, size and light curve of tracks.

    Parameters
    ----------
    voxels : DataFrame, a row per voxel
        ``Truth.voxels``, or what :func:`cube_voxels` gives; ``meteor``, ``t``, ``y``, ``x`` and ``counts`` are used.
    one_instant : bool
        Keep of each pixel its brightest frame alone, as the planes of an FF file do: then simulated tracks can be compared with
        pseudo-cubes.

    Returns
    -------
    DataFrame, a row per meteor
        ``meteor``, ``n_frames`` (from the first to the last), ``n_pixels``, ``pixels_per_frame`` (in frames with any),
        ``peak_share`` (where between first and last frame the light, summed over pixels, peaks: 0–1; NaN for one frame).

    Raises
    ------
    ValueError
        If a column is missing.
    """
    missing = {"meteor", "t", "y", "x", "counts"} - set(voxels)
    if missing:
        raise ValueError(f"voxels lacks {sorted(missing)}; expected a table like Truth.voxels.")
    if one_instant:
        voxels = voxels.reset_index(drop=True)
        voxels = voxels.loc[voxels.groupby(["meteor", "y", "x"]).counts.idxmax()]
    rows = []
    for meteor, own in voxels.groupby("meteor"):
        light = own.groupby("t").counts.sum()
        frames = light.index.to_numpy()
        first, last = frames[0], frames[-1]
        share = (frames[light.argmax()] - first) / (last - first) if last > first else np.nan
        n_pixels = len(own.drop_duplicates(["y", "x"]))
        rows.append((meteor, last - first + 1, n_pixels, len(own) / len(light), share))
    return pd.DataFrame(rows, columns=["meteor", "n_frames", "n_pixels", "pixels_per_frame", "peak_share"])
