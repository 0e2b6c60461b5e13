"""What a frame is among its neighbours: features on scales that do not depend on the camera, and the same in time."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
import pandas as pd

from meteortut.previewer.backdrop import clear_frames
from meteortut.previewer.datasets import dataset_numbers
from meteortut.previewer.elongation import MAX_STARS

#: What a frame says of itself, without counts, pixels of the sensor or exposure: (feature, scale). "log": of 1 + x; these are
#: ratios, angles' coherence, SNR, and lengths in pixels of an image whose stars are a few pixels wide.
OF_ITSELF = {
    **dict.fromkeys(("trail_snr", "longest_streak_px", "num_streaks", "streak_pixels_percent"), "log"),
    **dict.fromkeys(("acf_elongation", "acf_length_px", "elongation", "star_fwhm_px"), "log"),
    **dict.fromkeys(("background_gradient", "background_structure"), "log"),
    **dict.fromkeys(("coherent_ellipticity", "star_hollowness"), "as it is"),
    "blob_centroid_distance": "as it is",
}
#: Compared with the clear frames of the data set: difference of the logarithms of feature and of its median there.
AGAINST_CLEAR = (
    *("trail_snr", "acf_elongation", "acf_length_px", "elongation", "star_fwhm_px", "noise", "std_masked"),
    *("background_gradient", "background_structure", "var_laplace", "var_sobel"),
    *("percent_low", "percent_mid", "percent_high", "shannon_entropy"),
)
#: Counts: compared likewise, in standard deviations of a Poisson count.
COUNTS = ("num_blobs", "num_stars")
#: Compared with the data set already, by `field.field_features`, `backdrop.backdrop_features` and
#: `recurring.seen_without_field`: (feature, scale).
OF_THE_FIELD = {
    **dict.fromkeys(("transmission", "stars_lost", "light_of_clearest", "light_spread", "staying"), "as it is"),
    **dict.fromkeys(("edge_changed_percent", "changed_percent", "dark_percent", "bright_percent", "strange_px"), "log"),
}
#: Columns of `describe` that one frame alone has.
ALONE = (
    *OF_ITSELF,
    *("trail_excess", "trail_length", "trail_excess_by_length", "trail_among_round_stars", "streak_among_round_stars"),
    *("alignment", "aligned_ellipticity"),
)
#: Followed in time: their mean over the frames before and after.
FOLLOWED = (
    *("set_num_stars", "set_noise", "set_level", "set_star_fwhm_px", "set_background_structure", "set_acf_length_px"),
    *("set_trail_snr", "set_var_sobel", "transmission", "edge_changed_percent", "background_structure"),
    *("dark_percent", "bright_percent", "stars_lost", "light_of_clearest", "staying"),
    *("background_gradient", "coherent_ellipticity", "longest_streak_px"),
)
#: SNR of the best line of most empty frames, and the longest streak of two stars in a row, pixels; chosen on the first world.
EMPTY_SNR, STAR_STREAK_PX = 5.5, 20.0
#: Lines are the same if their directions differ by less, degrees, and their distance is less, pixels; chosen.
SAME_LINE = (4.0, 6.0)
#: Frames before and after in which a satellite may still be seen; chosen.
PASS_FRAMES = 3


def describe(features: pd.DataFrame, dataset: Iterable[Hashable] | None = None) -> pd.DataFrame:
    """Describe frames to a classifier: themselves, against their data set, and against the frames before and after.

    Parameters
    ----------
    features : DataFrame, a row per frame
        As from :func:`meteortut.previewer.extract_features`, the frames of each data set in order of time.
    dataset : iterable of n_frames labels, optional
        None: all frames are of one data set.

    Returns
    -------
    DataFrame, a row per frame, float64, index of `features`
        The features of `OF_ITSELF` and `OF_THE_FIELD`, on the scale stated there.
        ``set_…``: against the clear frames of the data set (`AGAINST_CLEAR`, `COUNTS`); ``set_level``: the background less
        that of the clear frames, over their noise.
        ``around_…``: mean of the frame before and the one after (`FOLLOWED`).
        ``alignment``, ``aligned_ellipticity``: logarithm of 1 + Rayleigh's statistic of the stars' directions, and that times
        their coherent ellipticity.
        ``trail_excess``: logarithm of 1 + the SNR above what empty frames show; ``trail_length``; ``trail_excess_by_length``;
        ``trail_among_round_stars``, ``streak_among_round_stars``: times one less the stars' coherent ellipticity, as a slew
        draws lines too; ``trail_over_set``: SNR above that of the clear frames.
        ``passing``: largest excess of the frames up to three before or after whose best line is the same, 0 without.
        ``line_repeats``, ``direction_repeats``: share of all farther frames whose best line, or its direction, is the same:
        what stands on the sensor or in the field, or is a star's spike, is no satellite.
        One frame alone: ``set_…`` and repeats are 0, ``around_…`` are its own values. NaN where the feature is NaN.

    Raises
    ------
    ValueError
        If `features` has no rows or lacks a column, or `dataset` another length.
    """
    groups = group_numbers(features, dataset)
    clear = _clear(features, groups)
    logs = pd.DataFrame(np.log(features[list(AGAINST_CLEAR)].clip(lower=0) + 1e-3))
    scales = OF_ITSELF | OF_THE_FIELD
    table = {name: np.log1p(features[name]) if scale == "log" else features[name] for name, scale in scales.items()}
    for name in AGAINST_CLEAR:
        table[f"set_{name}"] = logs[name] - _level(logs[name], clear, groups)
    for name in COUNTS:
        root = pd.Series(2 * np.sqrt(features[name] + 0.375))  # Anscombe 1948, Biometrika 35, 246: variance 1
        table[f"set_{name}"] = root - _level(root, clear, groups)
    noise = _level(features.noise, clear, groups)
    change = (features.median_masked - _level(features.median_masked, clear, groups)) / noise.where(noise > 0, 1)
    table["set_level"] = np.arcsinh(change)
    for name in FOLLOWED:
        table[f"around_{name}"] = _around(table[name], groups)
    usual = _level(features.trail_snr, clear, groups)
    table |= _slews(features) | _trails(features) | _passes(features, groups)
    table["trail_over_set"] = np.log1p((features.trail_snr - usual - 1).clip(lower=0))
    return pd.DataFrame(table, index=features.index)


def group_numbers(features: pd.DataFrame, dataset: Iterable[Hashable] | None) -> np.ndarray:
    """Number the data sets.

    Parameters
    ----------
    features : DataFrame, a row per frame
    dataset : iterable of n_frames labels, or None

    Returns
    -------
    ndarray of shape (n_frames,) int

    Raises
    ------
    ValueError
        As :func:`describe`.
    """
    needed = {*OF_ITSELF, *AGAINST_CLEAR, *COUNTS, *OF_THE_FIELD, "median_masked", "elongation_coherence"}
    needed |= {"trail_x", "trail_y", "trail_angle_deg", "trail_length_px"}
    missing = sorted(needed - set(features.columns))
    if not len(features) or missing:
        raise ValueError(
            f"features has {len(features)} rows and lacks {missing or 'no column'}; expected at least one row, "
            "and the columns that extract_features gives."
        )
    if dataset is None:
        return np.zeros(len(features), int)
    labels = list(dataset)
    if len(labels) != len(features):
        raise ValueError(f"dataset has {len(labels)} labels; expected one for each of the {len(features)} frames.")
    return dataset_numbers(labels)


def _clear(features: pd.DataFrame, groups: np.ndarray) -> np.ndarray:
    """Which frames are among the clear ones of their data set, shape (n_frames,) bool."""
    chosen = np.zeros(len(features), bool)
    n_stars, structure = features.num_stars.to_numpy(), features.background_structure.to_numpy()
    for number in np.unique(groups):
        here = np.flatnonzero(groups == number)
        chosen[here[clear_frames(n_stars[here], structure[here])]] = True
    return chosen


def _level(values: pd.Series, clear: np.ndarray, groups: np.ndarray) -> pd.Series:
    """Median of the clear frames of each frame's data set; where none of them is known, of all."""
    grouped = values.where(clear).groupby(groups).transform("median")
    return grouped.fillna(values.groupby(groups).transform("median"))


def _around(values: pd.Series, groups: np.ndarray) -> pd.Series:
    """Mean of the values before and after in the data set; where both are unknown, the value itself."""
    grouped = values.groupby(groups)
    return pd.concat([grouped.shift(1), grouped.shift(-1)], axis=1).mean(axis=1).fillna(values)


def _slews(features: pd.DataFrame) -> dict[str, pd.Series]:
    """Whether the directions of the stars agree better than by chance: three knots of a cloud often do, forty stars never."""
    n = features.num_stars.clip(upper=MAX_STARS)
    alignment = np.log1p(
        n * features.elongation_coherence.fillna(0) ** 2
    )  # Rayleigh's statistic: mean 1 for random directions
    return {"alignment": alignment, "aligned_ellipticity": alignment * features.coherent_ellipticity.fillna(0)}


def _trails(features: pd.DataFrame) -> dict[str, pd.Series]:
    """What is brighter than the best line of an empty frame, and whether the stars beside it are round."""
    excess = _excess(features.trail_snr)
    round_stars = 1 - features.coherent_ellipticity.fillna(0)
    length = np.log1p(features.trail_length_px.fillna(0))
    streak = np.log1p((features.longest_streak_px - STAR_STREAK_PX).clip(lower=0))
    return {
        "trail_excess": excess,
        "trail_length": length,
        "trail_excess_by_length": excess * length,
        "trail_among_round_stars": excess * round_stars,
        "streak_among_round_stars": streak * round_stars,
    }


def _excess(snr: pd.Series) -> pd.Series:
    return np.log1p((snr - EMPTY_SNR).clip(lower=0))


def _passes(features: pd.DataFrame, groups: np.ndarray) -> dict[str, np.ndarray]:
    """Where else in the data set the best line of each frame is the best line."""
    excess = _excess(features.trail_snr).to_numpy()
    passing, repeats, directions = (np.zeros(len(features)) for _ in range(3))
    for number in np.unique(groups):
        here = np.flatnonzero(groups == number)
        same, alike = _same_line(features.iloc[here])
        apart = np.abs(here - here[:, None])
        close, far = (apart > 0) & (apart <= PASS_FRAMES), apart > PASS_FRAMES
        passing[here] = np.where(same & close, excess[here], 0).max(axis=1)
        n_far = np.maximum(far.sum(axis=1), 1)
        repeats[here], directions[here] = (same & far).sum(axis=1) / n_far, (alike & far).sum(axis=1) / n_far
    return {"passing": passing, "line_repeats": repeats, "direction_repeats": directions}


def _same_line(features: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Which lines of a data set's frames are one, and which have one direction: two of (n, n) bool; False without a line."""
    angle = np.radians(features.trail_angle_deg.to_numpy())
    turned = np.degrees(np.abs((angle - angle[:, None] + np.pi / 2) % np.pi - np.pi / 2))
    y, x = features.trail_y.to_numpy(), features.trail_x.to_numpy()
    away = np.abs((y - y[:, None]) * np.cos(angle)[:, None] - (x - x[:, None]) * np.sin(angle)[:, None])
    alike = turned < SAME_LINE[0]
    return alike & (np.maximum(away, away.T) < SAME_LINE[1]), alike
