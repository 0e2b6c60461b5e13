"""What recurs in every frame of a data set: the field, seen deeper than in one frame, and the frames freed from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter

from meteortut.previewer.backdrop import clear_first
from meteortut.previewer.field import match_stars
from meteortut.previewer.trails import OWN_STAR, Reduced, best_trail, grown, trail_alone, trail_features, unpacked

#: Fewer frames than this have no clear tenth to be compared with: each is judged alone; chosen.
LEAST_CONTEXT = 10
#: Share of the frames, the clearest, whose median is the field, and limits of their number; chosen.
FIELD_SHARE, FIELD_FRAMES = 0.3, (LEAST_CONTEXT, 30)
#: Light of the field from which a pixel is masked, standard deviations of one frame; fainter light is subtracted; chosen.
MASKED_SIGMA = 1.5
#: Smoothing before that limit is asked, pixels; chosen: less than a star.
MASK_SMOOTHING_PX = 0.8
#: Frames in which a bright spot must be at the same place of the field to be one of its stars; chosen: a satellite is seen in
#: three at most, and seldom twice at one place.
STAR_FRAMES = 4
#: So near to a star of the field no spot is strange, pixels; chosen: the stars' outlines change with the seeing.
STAR_REACH_PX = 4
#: Light of the field by which its brightness in a frame is measured, standard deviations, and the fewest such pixels; chosen:
#: three times the noise of the median.
FAINT_SIGMA, LEAST_FAINT_PX = 0.8, 50
#: Brightest stars by which frames are laid upon each other; chosen.
ALIGNED_STARS = 40


@dataclass(frozen=True)
class Recurring:
    """The field of a data set.

    Attributes
    ----------
    faint : ndarray of shape (height, width) float32, standard deviations
        Median of the clearest frames, laid upon each other; 0 where it is masked.
    masked : ndarray of shape (height, width) float32
        1 for stars and their surroundings, 0 elsewhere: where the median is bright, and where four frames have a star, which an
        obstacle may hide from the others.
    stars : ndarray of shape (n, 3)
        Of the frame upon which the others were laid: y, x (pixels), flux (counts).
    fwhm_px : float, pixels
        Width of a star, median of the clearest frames; NaN if none is known.
    """

    faint: np.ndarray
    masked: np.ndarray
    stars: np.ndarray
    fwhm_px: float


def field_of(
    frames: Sequence[Reduced], stars: Sequence[np.ndarray], n_stars: np.ndarray, structure: np.ndarray
) -> Recurring | None:
    """See the field of a data set, deeper than one frame shows it.

    Parameters
    ----------
    frames : sequence of n_frames Reduced
    stars : sequence of n_frames ndarray of shape (n, 3)
        As `field.Scene` has them.
    n_stars, structure : ndarray of shape (n_frames,)
        As `backdrop.clear_first` takes them.

    Returns
    -------
    Recurring, or None
        None if fewer than ten frames can be laid upon each other.

    Notes
    -----
    The median of 30 frames has a quarter of a frame's noise; what is in under half of them (a satellite, even a slow one) leaves
    nothing in it.
    """
    order = clear_first(n_stars, structure)
    brightest = stars[int(order[0])][:ALIGNED_STARS]
    most = int(np.clip(FIELD_SHARE * len(frames), *FIELD_FRAMES))
    laid: list[np.ndarray] = []
    widths = []
    n_seen = np.zeros(frames[0].tenths.shape, np.int32)
    for i in order:
        moved, _ = match_stars(brightest, stars[i])
        if np.isfinite(moved).all():
            back = -moved / frames[i].bin_px
            n_seen += np.roll(frames[i].tenths == OWN_STAR, np.rint(back).astype(int), axis=(0, 1))
            if len(laid) < most:
                laid.append(moved_image(unpacked(frames[i]), back))
                widths.append(frames[i].fwhm_px)
    if len(laid) < LEAST_CONTEXT:
        return None
    median = np.median(laid, axis=0, overwrite_input=True)
    masked = binary_dilation((gaussian_filter(median, MASK_SMOOTHING_PX) > MASKED_SIGMA) | (n_seen >= STAR_FRAMES))
    known = [width for width in widths if np.isfinite(width)]
    fwhm_px = float(np.median(known)) if known else float("nan")
    return Recurring(np.where(masked, 0, median).astype(np.float32), masked.astype(np.float32), brightest, fwhm_px)


def seen_without_field(
    frames: Sequence[Reduced], stars: Sequence[np.ndarray], field: Recurring
) -> list[dict[str, float]]:
    """Search what the field does not explain.

    Parameters
    ----------
    frames : sequence of n_frames Reduced
    stars : sequence of n_frames ndarray of shape (n, 3)
    field : Recurring

    Returns
    -------
    list of n_frames dict
        The best line (`trails.trail_features`); ``strange_px``: pixels of bright round spots where the field has no star, as a
        tumbling satellite makes that flashes once, and the knots of a cloud.
    """
    moved = np.array([match_stars(field.stars, own)[0] for own in stars])
    known = np.flatnonzero(np.isfinite(moved).all(axis=1))
    if len(known):  # where stars are hidden: between the frames before and after
        moved = np.stack([np.interp(np.arange(len(moved)), known, part[known]) for part in moved.T], axis=1)
    rows = []
    for frame, by in zip(frames, np.nan_to_num(moved), strict=True):
        left, is_star = without_field(frame, by, field)
        own = frame.tenths == OWN_STAR
        strange = own & ~grown(is_star, STAR_REACH_PX)
        trail = best_trail(left, is_star | own, field.fwhm_px, frame.bin_px, evenly=False)
        rows.append(trail_features(trail) | {"strange_px": float(strange.sum()) * frame.bin_px**2})
    return rows


def seen_alone(frames: Sequence[Reduced]) -> list[dict[str, float]]:
    """Search frames of which nothing else is known: as `seen_without_field`, but any spot may be a star and none is strange."""
    return [trail_features(trail_alone(frame)) | {"strange_px": 0.0} for frame in frames]


def without_field(frame: Reduced, moved: np.ndarray, field: Recurring) -> tuple[np.ndarray, np.ndarray]:
    """Subtract the field from a frame.

    Parameters
    ----------
    frame : Reduced
    moved : ndarray of shape (2,), pixels (y, x)
        Shift of its stars against the field's.
    field : Recurring

    Returns
    -------
    left : ndarray of shape (height // bin_px, width // bin_px) float32, standard deviations
        The field's faint light is subtracted as bright as the frame shows it: clouds dim it.
    is_star : ndarray of the same shape, bool
        Where the field has stars.
    """
    image, by = unpacked(frame), moved / frame.bin_px
    is_star = moved_image(field.masked, by) > 0.1
    faint = moved_image(field.faint, by)
    seen = (faint > FAINT_SIGMA) & ~is_star & (frame.tenths < OWN_STAR)
    light = 1.0
    if np.count_nonzero(seen) >= LEAST_FAINT_PX:
        light = float(np.clip(image[seen] @ faint[seen] / (faint[seen] @ faint[seen]), 0, 1.5))
    return image - np.float32(light) * faint, is_star


def moved_image(image: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Shift an image by parts of a pixel, linearly, in a fifth of scipy.ndimage.shift's time.

    Parameters
    ----------
    image : ndarray of shape (height, width) float32, any unit
    by : ndarray of shape (2,), pixels (y, x)

    Returns
    -------
    ndarray of shape (height, width) float32, the same unit
        The border is repeated.
    """
    for axis in (0, 1):
        whole = int(np.floor(by[axis]))
        share = np.float32(by[axis] - whole)
        place = np.arange(image.shape[axis]) - whole
        here, before = (np.take(image, np.clip(at, 0, len(place) - 1), axis=axis) for at in (place, place - 1))
        image = (1 - share) * here + share * before
    return image
