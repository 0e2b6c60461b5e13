"""Faint trails: the sum along every line of the frame against that line's own noise.

A frame alone has stars in it, and a row of stars sums up as a trail does. In a data set the field's stars recur and a satellite
does not: what recurs is subtracted (`recurring`), and a much fainter trail stands out from what is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter

from meteortut.previewer.blobs import Blobs, axes_of
from meteortut.previewer.elongation import star_features
from meteortut.previewer.trail_lines import best_lines
from meteortut.previewer.trail_profile import LEAST_STRETCH, measure_line

#: Frames up to this side are searched pixel by pixel, larger ones in bins of 2 × 2 or so many that the longer side has at most
#: `MAX_SIDE_PX`; chosen.
UNBINNED_PX, MAX_SIDE_PX = 256, 2048
#: Marks a frame's own stars in the reduced frame.
OWN_STAR = 127
#: Limits of a pixel, standard deviations; chosen: what is left of a star counts little more than its area.
CLIP_SIGMA = (-3.0, 3.0)
#: Blobs less long for their width than this are stars, and masked; those of this many pixels or more have halos; chosen.
STAR_AXIS_RATIO, BRIGHT_STAR_PX = 3.0, 150
#: Faint light of a star outside its blob: from so many pixels on, the blob is masked with so many pixels around it; chosen.
STAR_REACH_PX = ((1, 1), (50, 3))
#: Side of the square whose mean is subtracted, binned pixels; chosen: what is wider is no trail.
WIDE_PX = 25
#: Width of a star where it is not known, and limits where it is (a slew draws it out), pixels; chosen.
USUAL_FWHM_PX, FWHM_LIMITS_PX = 3.5, (2.0, 6.0)
#: Standard deviation of the smoothing over that of a star; chosen: narrower than matched, as the sums stray by a pixel.
SMOOTHING = 0.85
#: Least smoothing, binned pixels; chosen: less does nothing.
LEAST_SIGMA_PX = 0.5
#: Lines of each length that are looked at closely; chosen.
N_CLOSELY = 2


@dataclass(frozen=True)
class Reduced:
    """What is kept of a frame for the search for trails: a byte per bin.

    Attributes
    ----------
    tenths : ndarray of shape (height // bin_px, width // bin_px) int8
        Tenths of the standard deviation of a bin's noise, limited to ±12.6; 127 for its own stars and their surroundings.
    bin_px : int, pixels
        Side of a bin.
    fwhm_px : float, pixels
        Width of its stars; NaN where it is not known.
    """

    tenths: np.ndarray
    bin_px: int
    fwhm_px: float


@dataclass(frozen=True)
class Trail:
    """The best line of a frame.

    Attributes
    ----------
    snr : float
        Its sum over the noise of such a sum; see `find_trail`.
    y, x : float, pixels
        Middle of the line.
    angle_deg : float, degrees in [0, 180)
        From +x (along the rows) towards +y (down the columns).
    length_px : float, pixels
    """

    snr: float
    y: float
    x: float
    angle_deg: float
    length_px: float


#: What a frame without any line gives.
NO_TRAIL = Trail(0.0, float("nan"), float("nan"), float("nan"), float("nan"))


def find_trail(z: np.ndarray, blobs: Blobs) -> Trail:
    """Find the line that stands out most from the noise of its direction, in a frame of which nothing else is known.

    Parameters
    ----------
    z : ndarray of shape (height, width) float32, standard deviations
        The frame less its background, in units of its noise.
    blobs : Blobs
        Those that are not long (three times longer than wide) are masked, with their surroundings.

    Returns
    -------
    Trail
        Its SNR is about 5 in a frame without trails: the best of very many lines. A frame under 48 bins or without noise: SNR
        0, the rest NaN. As `best_trail`, evenly.
    """
    return trail_alone(reduce_frame(z, blobs, star_features(blobs)["star_fwhm_px"]))


def trail_alone(frame: Reduced) -> Trail:
    """Find the line of a reduced frame, as :func:`find_trail` does."""
    return best_trail(unpacked(frame), frame.tenths == OWN_STAR, frame.fwhm_px, frame.bin_px, evenly=True)


def reduce_frame(z: np.ndarray, blobs: Blobs, fwhm_px: float) -> Reduced:
    """Keep of a frame what the search for trails needs.

    Parameters
    ----------
    z : ndarray of shape (height, width) float32, standard deviations
    blobs : Blobs
    fwhm_px : float, pixels
        Width of its stars; NaN where it is not known.

    Returns
    -------
    Reduced
    """
    longer = max(z.shape)
    factor = 1 if longer <= UNBINNED_PX else max(2, -(-longer // MAX_SIDE_PX))
    height, width = z.shape[0] // factor, z.shape[1] // factor
    binned = np.zeros((height, width), np.float32)
    for i in range(factor):
        for j in range(factor):
            binned += z[i : height * factor : factor, j : width * factor : factor]
    binned *= 10 / factor
    np.clip(binned, 1 - OWN_STAR, OWN_STAR - 1, out=binned)
    np.rint(binned, out=binned)
    binned[_stars(blobs, factor, binned.shape)] = OWN_STAR
    return Reduced(binned.astype(np.int8), factor, fwhm_px)


def unpacked(frame: Reduced) -> np.ndarray:
    """Give a reduced frame in standard deviations, shape (height // bin_px, width // bin_px), float32."""
    result: np.ndarray = frame.tenths / np.float32(10)
    return result


def best_trail(image: np.ndarray, mask: np.ndarray, fwhm_px: float, bin_px: int, evenly: bool) -> Trail:
    """Find the line that stands out most from the noise of its direction.

    Parameters
    ----------
    image : ndarray of shape (height, width) float32, standard deviations
        A reduced frame, or what is left of it when the field is subtracted.
    mask : ndarray of shape (height, width) bool
        Pixels that do not count.
    fwhm_px : float, pixels of the frame
        Width of a star; NaN where it is not known.
    bin_px : int, pixels
    evenly : bool
        Whether stars may be left, see `trail_profile.measure_line`.

    Returns
    -------
    Trail
        SNR 0 and the rest NaN where no line is found.

    Notes
    -----
    After Nir, Zackay & Ofek 2018 (AJ 156, 229): a trail too faint for any pixel to stand out does so in the sum along it, and the
    fast Radon transform gives all these sums. In order:

    1. The frame is clipped at 3 standard deviations (a bright trail has 3 √pixels at most), freed from what is wide and from the
       means of its rows and columns, and smoothed to the width of a star: the sum along a line is then weighted across it.
    2. Sums along all segments over the root of their number of pixels, over the scatter of all such sums of the same direction: a
       direction in which the frame is noisy (banding, a grid of stars) has to show more (`trail_lines.best_lines`).
    3. The two best of each length again, as profiles (`trail_profile.measure_line`): an edge has a bright side; and, evenly,
       stars in a row fill few pieces of a line, while a trail is bright throughout.

    A trail along a row or a column of the sensor, to within a pixel or two from end to end, is taken for an artefact and not found.
    A bright bad column that ends inside the frame can still reach 8 or 9.
    """
    sharp = _flattened(image, mask)
    if min(sharp.shape) < LEAST_STRETCH or not sharp.any():
        return NO_TRAIL
    usual = USUAL_FWHM_PX if np.isnan(fwhm_px) else float(np.clip(fwhm_px, *FWHM_LIMITS_PX))
    smooth = searched(sharp, usual / bin_px)
    if evenly:
        sharp[mask] = np.nan
    best_first = sorted(best_lines(smooth), key=lambda line: (line.rows, -line.snr))
    of_length = groupby(best_first, key=lambda line: line.rows)
    looked_at = [line for _, group in of_length for line in islice(group, N_CLOSELY)]
    found = [measure_line(sharp if evenly else smooth, line, evenly) for line in looked_at]
    snr, ends = max(found, key=lambda one: one[0])
    if not snr > 0:
        return NO_TRAIL
    (dy, dx), (y, x) = (ends[1] - ends[0]) * bin_px, (ends.mean(axis=0) + 0.5) * bin_px - 0.5
    return Trail(snr, float(y), float(x), float(np.degrees(np.arctan2(dy, dx)) % 180), float(np.hypot(dy, dx)))


def searched(image: np.ndarray, fwhm: float) -> np.ndarray:
    """Smooth a frame to the width of a star.

    Parameters
    ----------
    image : ndarray of shape (height, width) float32, standard deviations
    fwhm : float, pixels of this image

    Returns
    -------
    ndarray of shape (height, width) float32
        White noise of scatter 1 gives sums along n pixels of scatter √n.
    """
    sigma = max(SMOOTHING * fwhm / 2.3548, LEAST_SIGMA_PX)
    result: np.ndarray = gaussian_filter(image, sigma, mode="constant", truncate=3.0)
    result *= np.float32(np.sqrt(2 * np.sqrt(np.pi) * sigma))
    return result


def trail_features(trail: Trail) -> dict[str, float]:
    """Give the best line of a frame as features.

    Parameters
    ----------
    trail : Trail

    Returns
    -------
    dict
        ``trail_snr``, ``trail_angle_deg``, ``trail_length_px``, ``trail_y``, ``trail_x`` as `Trail` has them.
    """
    return {
        "trail_snr": trail.snr,
        "trail_angle_deg": trail.angle_deg,
        "trail_length_px": trail.length_px,
        "trail_y": trail.y,
        "trail_x": trail.x,
    }


def _flattened(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Clip, and free from what is wide and from the means of rows and columns; masked pixels 0."""
    flat = np.clip(image, *CLIP_SIGMA)
    flat[mask] = 0
    flat -= uniform_filter(flat, WIDE_PX, mode="nearest")
    for axis in (0, 1):
        flat[mask] = 0
        known = np.maximum(np.count_nonzero(~mask, axis=axis, keepdims=True), 1)
        flat -= (flat.sum(axis=axis, keepdims=True) / known).astype(np.float32)
    flat[mask] = 0
    return flat


def _stars(blobs: Blobs, factor: int, shape: tuple[int, int]) -> np.ndarray:
    """Binned pixels that belong to stars: all blobs that are not long, and a wider disc about the large ones."""
    major, minor, _ = axes_of(blobs.outline)
    round_ones = major < STAR_AXIS_RATIO * minor
    size = np.append(0, np.where(round_ones, blobs.n_px, 0))  # of each label
    steps = np.searchsorted([least for least, _ in STAR_REACH_PX], size, side="right").astype(np.uint8)
    step = _binned_max(steps, blobs.labels, factor, shape)
    mask = np.zeros(shape, bool)
    for i, (_, reach) in enumerate(STAR_REACH_PX):
        mask |= grown(step > i, -(-reach // factor))
    for k in np.flatnonzero(round_ones & (blobs.n_px >= BRIGHT_STAR_PX)):
        y, x, radius = blobs.y[k], blobs.x[k], 1.5 * np.sqrt(blobs.n_px[k] / np.pi)
        rows, columns = (slice(max(int((c - radius) / factor), 0), int((c + radius) / factor) + 2) for c in (y, x))
        part = mask[rows, columns]
        dy = (np.arange(part.shape[0]) + rows.start) * factor - y
        dx = (np.arange(part.shape[1]) + columns.start) * factor - x
        part |= dy[:, None] ** 2 + dx**2 < radius**2
    return mask


def _binned_max(value: np.ndarray, labels: np.ndarray, factor: int, shape: tuple[int, int]) -> np.ndarray:
    """Largest value of the labels in each bin; `value` has an entry for each label, 0 included."""
    result = np.zeros(shape, value.dtype)
    for i in range(factor):
        for j in range(factor):
            np.maximum(result, value[labels[i::factor, j::factor][: shape[0], : shape[1]]], out=result)
    return result


def grown(mask: np.ndarray, by: int) -> np.ndarray:
    """Grow a mask of shape (height, width) by so many pixels to all sides; slices take a twentieth of binary_dilation's time."""
    for _ in range(by):
        rows = np.pad(mask, 1)
        rows = rows[:-2] | rows[1:-1] | rows[2:]
        mask = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    return mask
