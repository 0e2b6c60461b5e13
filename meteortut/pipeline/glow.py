"""Light that spreads over many pixels and changes from frame to frame: told from what is about a point, and taken away."""

from __future__ import annotations

import numpy as np

#: Degree of the surface that stands for a glow in a frame, and passes of the robust fit (chosen).
DEGREE, PASSES = 2, 6
#: There is a glow where the pixels of a frame are off their lines by so many times the error of their mean, none of them counting
#: as more than so many σ (chosen).
SEEN_SIGMA, MOST_SIGMA = 10.0, 3.0
#: A pixel farther than this many σ from the surface pulls less (Huber's loss), one farther than that not at all (chosen).
OUTLIER_SIGMA, FAR_SIGMA = 1.5, 4.0
#: Added to the squares of a fit, relative to them, so that one of too few pixels has an answer.
RIDGE = 1e-9
#: Fewest pixels per term of the surface (chosen).
FEWEST = 4


def smooth_glow(left: np.ndarray, weight: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray | None:
    """Estimate a glow in the frames about a point of light.

    A glow is smooth over the focal surface: in each frame a paraboloid is fitted to all pixels, robustly. What sticks out
    of it, a bright point or a town, has no say, and a faint point little.

    Parameters
    ----------
    left : ndarray of shape (n_frames, height, width), counts per GTU at a response of 1
        Frames from which the line of each pixel has been taken.
    weight : ndarray of shape (height, width)
        One over the noise of a pixel, in the same unit; 0 where it is not used. A camera may be noisier than that.
    y, x : ndarray of shape (height,) and (width,), focal pixels

    Returns
    -------
    ndarray of shape (n_frames, height, width), counts per GTU at a response of 1, optional
        The glow; none if none stands out, or there are too few pixels to tell.
    """
    used = weight > 0
    n_terms = (DEGREE + 1) * (DEGREE + 2) // 2
    if np.count_nonzero(used) < FEWEST * n_terms:
        return None
    z = left[:, used] * weight[used]
    unit = max(1.0, 1.4826 * float(np.median(np.abs(z - np.median(z, axis=1, keepdims=True)))))
    z /= unit
    tame = np.clip(z, -MOST_SIGMA, MOST_SIGMA)  # towns and points of light count little
    noise = tame.std()
    if np.abs(tame.mean(axis=1)).max() <= SEEN_SIGMA * noise / np.sqrt(z.shape[1]):
        return None
    y, x = (2 * (place - place.mean()) / max(np.ptp(place), 1.0) for place in (y, x))
    terms = np.stack([np.outer(y**i, x**j) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)], axis=-1)
    design = terms[used] * weight[used, None]
    pull = np.ones(z.shape)
    for _ in range(PASSES):
        pulled = design.T * pull[:, None]
        normal = pulled @ design + RIDGE * (design**2).sum() * np.eye(n_terms)
        found = np.linalg.solve(normal, pulled @ z[..., None])[..., 0]
        off = np.abs(z - found @ design.T) / noise
        pull = np.minimum(1.0, OUTLIER_SIGMA / np.maximum(off, 1e-9)) * (off < FAR_SIGMA)
    return (terms @ found.T).transpose(2, 0, 1) * unit
