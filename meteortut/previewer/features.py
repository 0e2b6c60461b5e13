"""Frames to a table of features: the report's five groups, our own statistics, and both relative to the data set."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from meteortut.previewer.backdrop import backdrop_features
from meteortut.previewer.background import measure_sky
from meteortut.previewer.blobs import blob_features, find_blobs
from meteortut.previewer.datasets import dataset_numbers
from meteortut.previewer.elongation import autocorrelation_features, star_features
from meteortut.previewer.field import Scene, field_features, scene_of
from meteortut.previewer.focus import focus_features
from meteortut.previewer.frames import Frames, iter_frames
from meteortut.previewer.histogram import histogram_features
from meteortut.previewer.recurring import LEAST_CONTEXT, Recurring, field_of, seen_alone, seen_without_field
from meteortut.previewer.statistics import sky_statistics
from meteortut.previewer.streaks import streak_features
from meteortut.previewer.trails import Reduced, reduce_frame

#: The 15 features of the report's Table 1.
TABLE_1 = (
    *(
        "max_laplace",
        "max_sobel",
        "mean_masked",
        "median_masked",
        "num_streaks",
        "percent_high",
        "percent_low",
        "percent_mid",
    ),
    *("relative_blob_centroid_distance", "relative_masked_mean", "relative_num_blobs", "relative_shannon_entropy"),
    *("streak_pixels_percent", "var_laplace", "var_sobel"),
)
#: Features by which the clearest frames of a data set are chosen.
CLEARNESS = ("num_stars", "background_structure")
#: So many frames of a data set at most are searched for trails together; chosen: the report's data set.
BLOCK_FRAMES = 100
#: Features that are also given relative to the data set: name of the relative one without "relative_" → name of the feature.
RELATIVE = {
    "blob_centroid_distance": "blob_centroid_distance",
    "masked_mean": "mean_masked",
    "num_blobs": "num_blobs",
    "shannon_entropy": "shannon_entropy",
    **{
        name: name
        for name in (
            *("max_laplace", "max_sobel", "var_laplace", "var_sobel", "median_masked", "std_masked", "noise"),
            *("background_gradient", "background_structure", "percent_high", "percent_mid", "percent_low"),
            *("num_stars", "star_fwhm_px", "elongation", "acf_length_px", "trail_snr"),
        )
    },
}


@dataclass(frozen=True)
class Measurement:
    """A frame, measured.

    Attributes
    ----------
    features : dict of str to float
        What can be said of the frame alone, but for trails: `tabulate` searches for them.
    scene : Scene
        What is kept for the comparison with the other frames of its data set.
    reduced : Reduced
        What is kept for the search for trails until a hundred frames of the data set are there.
    """

    features: dict[str, float]
    scene: Scene
    reduced: Reduced


def extract_features(frames: Frames, dataset: Iterable[Hashable] | None = None) -> pd.DataFrame:
    """Extract the features of frames.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, height, width), or iterable of n_frames arrays of shape (height, width)
        Counts, integer or float. Masked arrays, NaN and infinite pixels are allowed. An iterable may read its frames when
        asked: one is held at a time.
    dataset : iterable of n_frames labels, optional
        Which frames belong together: one field, one night. None: all of them.

    Returns
    -------
    DataFrame
        A row per frame, in order; columns float64. The 15 of the report's Table 1 (`TABLE_1`) and more; formula, unit and
        degenerate case of each stand with the function that computes it: `statistics.sky_statistics`,
        `histogram.histogram_features`, `focus.focus_features`, `blobs.blob_features`, `streaks.streak_features`,
        `elongation.star_features`, `elongation.autocorrelation_features`, `trails.trail_features`, `field.field_features`.
        ``relative_…``: the feature over its mean over the frames of its data set (the report's sixth group;
        ``relative_masked_mean`` is that of ``mean_masked``). 1 for one frame alone, and for data sets whose mean is 0; NaN
        where the feature is.
        Finite but for: the shape of the stars where fewer than three are bright enough, the place of the trail where there is no
        line, ``field_shift_px`` where stars cannot be matched; and nearly all of a frame without a valid pixel
        (``percent_invalid`` 100).

    Raises
    ------
    ValueError, TypeError
        No frame; other shapes than the above; sides under 16 pixels; complex numbers; unequal sizes; a dataset of another
        length. Before any work, but for what a lazy iterable only shows when it is read.
    """
    labels = None if dataset is None else list(dataset)
    if labels is not None and isinstance(frames, Sized) and len(labels) != len(frames):
        raise ValueError(f"dataset has {len(labels)} labels; expected one for each of the {len(frames)} frames.")
    return tabulate(iter_measurements(frames), labels)


def iter_measurements(frames: Frames) -> Iterator[Measurement]:
    """Measure frames one by one, for those who show progress or stop early.

    Parameters
    ----------
    frames : as in `extract_features`

    Yields
    ------
    Measurement
        In order. `tabulate` makes the table of them.

    Raises
    ------
    ValueError, TypeError
        As `extract_features`.
    """
    checked = iter_frames(frames)
    return (_measure(image, valid) for image, valid in checked)


def measure(frame: np.ndarray) -> Measurement:
    """Measure one frame.

    Parameters
    ----------
    frame : ndarray or masked array of shape (height, width), counts

    Returns
    -------
    Measurement

    Raises
    ------
    ValueError, TypeError
        As `extract_features`.
    """
    return next(iter_measurements([frame]))


def _measure(image: np.ndarray, valid: np.ndarray | None) -> Measurement:
    n_valid = image.size if valid is None else int(np.count_nonzero(valid))
    features = histogram_features(image, valid) | focus_features(image, valid)
    sky = measure_sky(image, valid)
    features |= sky_statistics(sky)
    blobs = find_blobs(sky)
    features |= blob_features(blobs, image.shape) | streak_features(blobs, n_valid) | star_features(blobs)
    features |= autocorrelation_features(sky.z)
    return Measurement(features, scene_of(sky, blobs), reduce_frame(sky.z, blobs, features["star_fwhm_px"]))


def tabulate(measurements: Iterable[Measurement], dataset: Sequence[Hashable] | None = None) -> pd.DataFrame:
    """Make the table of measured frames, with the features that compare the frames of a data set.

    Parameters
    ----------
    measurements : iterable of n_frames Measurement
    dataset : sequence of n_frames labels, optional
        None: all frames belong together.

    Returns
    -------
    DataFrame
        As from `extract_features`.

    Raises
    ------
    ValueError
        No measurement, or another number of labels.
    """
    labels = None if dataset is None else list(dataset)
    rows: dict[int, dict[str, float]] = {}
    scenes: dict[int, Scene] = {}
    known: dict[Hashable, Recurring | None] = {}
    for label, block in _blocks(measurements, labels):
        found, known[label] = _search(list(block.values()), known.get(label))
        rows |= {i: one.features | found[k] for k, (i, one) in enumerate(block.items())}
        scenes |= {i: one.scene for i, one in block.items()}
    if not rows:
        raise ValueError("measurements holds no frame; expected at least one.")
    if labels is not None and len(labels) != len(rows):
        raise ValueError(f"dataset has {len(labels)} labels; expected one for each of the {len(rows)} frames.")
    table = pd.DataFrame([rows[i] for i in range(len(rows))])
    groups = np.zeros(len(rows), int) if labels is None else dataset_numbers(labels)
    parts = []
    for number in np.unique(groups):
        here = np.flatnonzero(groups == number)
        own = [scenes[i] for i in here]
        stars, structure = (table[name].to_numpy()[here] for name in CLEARNESS)
        parts.append(pd.DataFrame(field_features(own) | backdrop_features(own, stars, structure), index=here))
    return pd.concat([table, pd.concat(parts).sort_index(), _relative(table, groups)], axis=1)


def _blocks(
    measurements: Iterable[Measurement], labels: Sequence[Hashable] | None
) -> Iterator[tuple[Hashable, dict[int, Measurement]]]:
    """Give label and frames, by their number, of up to `BLOCK_FRAMES` frames of one data set at a time."""
    waiting: dict[Hashable, dict[int, Measurement]] = {}
    for i, one in enumerate(measurements):
        label = labels[i] if labels is not None and i < len(labels) else None
        block = waiting.setdefault(label, {})
        block[i] = one
        if len(block) == BLOCK_FRAMES:
            yield label, waiting.pop(label)
    yield from waiting.items()


def _search(block: list[Measurement], known: Recurring | None) -> tuple[list[dict[str, float]], Recurring | None]:
    """Search frames of a data set for trails; and its field, which serves for the frames that follow if they are too few."""
    frames, stars = [one.reduced for one in block], [one.scene.stars for one in block]
    if len(block) >= LEAST_CONTEXT:
        clearness = (np.array([one.features[name] for one in block]) for name in CLEARNESS)
        known = field_of(frames, stars, *clearness)
    return seen_alone(frames) if known is None else seen_without_field(frames, stars, known), known


def _relative(table: pd.DataFrame, groups: np.ndarray) -> pd.DataFrame:
    """Each feature over its mean in its data set."""
    chosen: Any = table[list(RELATIVE.values())]
    mean = chosen.groupby(groups).transform("mean")
    ratio = (chosen / mean.where(mean != 0)).mask(mean == 0, 1.0)
    return ratio.set_axis([f"relative_{name}" for name in RELATIVE], axis=1)
