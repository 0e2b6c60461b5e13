"""Basic statistics of the sky: level without the stars, and how uneven it is."""

from __future__ import annotations

import numpy as np

from meteortut.previewer.background import Sky

#: Pixels further than this from the background are masked, standard deviations; chosen.
MASK_SIGMA = 3.0


def sky_statistics(sky: Sky) -> dict[str, float]:
    """Statistics of a frame whose stars are masked, and the shape of its background.

    Parameters
    ----------
    sky : Sky

    Returns
    -------
    dict
        ``mean_masked``, ``median_masked``, ``std_masked`` (counts): mean, median and standard deviation of the valid pixels that
        lie within 3 standard deviations of the local background. The report names the first two and "masking" (Zhai et al.
        2021, group 1) and gives no rule; this one is ours.
        ``background_gradient`` (standard deviations of a pixel's noise): size of the plane fitted to the mesh of levels, from
        end to end along its steepest direction across the frame's diagonal.
        ``background_structure`` (the same unit): standard deviation of the mesh about that plane: clouds, not a gradient.
        ``noise`` (counts): median over the mesh of a pixel's noise.
        ``percent_hot``, ``percent_invalid``: share of hot pixels among the valid ones, of invalid pixels in the frame.

    Notes
    -----
    Without a valid pixel all but ``percent_invalid`` are NaN; without noise gradient and structure are 0.
    """
    n_valid = sky.z.size if sky.valid is None else int(np.count_nonzero(sky.valid))
    invalid = 100 * (1 - n_valid / sky.z.size)
    names = (
        "mean_masked",
        "median_masked",
        "std_masked",
        "background_gradient",
        "background_structure",
        "noise",
        "percent_hot",
    )
    if not n_valid:
        return dict.fromkeys(names, float("nan")) | {"percent_invalid": invalid}
    unmasked = np.abs(sky.z) < MASK_SIGMA
    kept = sky.image[unmasked if sky.valid is None else unmasked & sky.valid]
    mean = float(kept.mean(dtype=np.float64))
    median = _median(kept)
    kept -= np.float32(mean)
    pieces = (kept[i : i + (1 << 18)] for i in range(0, kept.size, 1 << 18))
    spread = float(np.sqrt(sum(float(piece @ piece) for piece in pieces) / kept.size))
    gradient, structure = _shape_of(sky.level, float(np.median(sky.noise)))
    values = (mean, median, spread, gradient, structure, float(np.median(sky.noise)), 100 * sky.n_hot / n_valid)
    return dict(zip(names, values, strict=True)) | {"percent_invalid": invalid}


def _median(values: np.ndarray, most: int = 1 << 16) -> float:
    """Median of every k-th value: 65 536 of them give it to half a percent of their spread."""
    return float(np.median(values[:: max(1, len(values) // most)]))


def _shape_of(level: np.ndarray, noise: float) -> tuple[float, float]:
    """Size of the plane through the mesh, and what is left about it, in units of the noise."""
    if not noise > 0:
        return 0.0, 0.0
    y, x = ((np.arange(n) + 0.5) / n - 0.5 for n in level.shape)  # middles of the cells
    heights = (level - level.mean(dtype=np.float64)).astype(np.float64)
    slope_y = float((heights.mean(axis=1) @ y) / max(y @ y / len(y), 1e-12)) / len(y)
    slope_x = float((heights.mean(axis=0) @ x) / max(x @ x / len(x), 1e-12)) / len(x)
    left = heights - slope_y * y[:, None] - slope_x * x
    return float(np.hypot(slope_y, slope_x)) / noise, float(left.std()) / noise
