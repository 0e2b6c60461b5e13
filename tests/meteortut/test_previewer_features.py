"""Features of frames: each answers to what it is named after, and to nothing else; real trails stand out, real fields do not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from data_fetch.readers import read_fits_image
from meteortut.previewer import RELATIVE, TABLE_1, extract_features, iter_measurements, measure, tabulate
from meteortut.previewer.background import measure_sky
from meteortut.previewer.blobs import axes_of, find_blobs
from meteortut.previewer.elongation import autocorrelation_features, star_features
from meteortut.previewer.field import field_features
from meteortut.previewer.focus import gradient, laplacian
from meteortut.previewer.frames import prepare
from meteortut.previewer.histogram import histogram_features
from meteortut.previewer.radon import TURNS, line_sums, turned, unturned
from meteortut.previewer.recurring import moved_image
from meteortut.previewer.trails import find_trail

NOISE = 10.0
REAL_TRAILS = ("bi327715", "m20211212UT", "long")
REAL_NORMAL = ("image.fits", "a8280271", "frame-i")


def star_field(
    seed: int = 0,
    shape: tuple[int, int] = (256, 256),
    n: int = 60,
    fwhm: float = 3.0,
    length: float = 0.0,
    angle: float = 0.0,
) -> np.ndarray:
    """Stars, Gaussian or drawn out to lines of a length and an angle (radians), without noise or sky."""
    rng = np.random.default_rng(seed)
    sigma, reach = fwhm / 2.355, int(4 * fwhm + length / 2 + 2)
    image = np.zeros((shape[0] + 2 * reach, shape[1] + 2 * reach))
    near = np.arange(-reach, reach + 1)
    for y, x, flux in zip(
        rng.uniform(0, shape[0], n), rng.uniform(0, shape[1], n), 2000 * (1 + rng.pareto(1.5, n)), strict=True
    ):
        dy, dx = near[:, None] + int(y) - y, near + int(x) - x
        along = dx * np.cos(angle) + dy * np.sin(angle)
        across = -dx * np.sin(angle) + dy * np.cos(angle)
        along = np.maximum(np.abs(along) - length / 2, 0)
        spot = np.exp(-(along**2 + across**2) / (2 * sigma**2))
        image[int(y) : int(y) + 2 * reach + 1, int(x) : int(x) + 2 * reach + 1] += flux * spot / spot.sum()
    return image[reach:-reach, reach:-reach]


def noisy(image: np.ndarray, seed: int = 0, sky: float = 1000.0) -> np.ndarray:
    return (image + sky + np.random.default_rng(seed + 1000).normal(0, NOISE, image.shape)).astype(np.float32)


def trail(shape: tuple[int, int], ends: tuple[float, float, float, float], snr: float, fwhm: float = 3.0) -> np.ndarray:
    """A line from (y0, x0) to (y1, x1) that a matched filter sees with this SNR."""
    y0, x0, y1, x1 = ends
    y, x = np.mgrid[: shape[0], : shape[1]]
    length = np.hypot(y1 - y0, x1 - x0)
    along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length
    across = ((x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)) / length
    line = np.exp(-(across**2) / (2 * (fwhm / 2.355) ** 2)) * ((along >= 0) & (along <= length))
    return snr * NOISE * line / np.sqrt((line**2).sum())


def alone(frame: np.ndarray) -> dict[str, float]:
    return {str(name): float(value) for name, value in extract_features([frame]).iloc[0].items()}


# --- the table -----------------------------------------------------------------------------------------------------------


def test_the_table_has_the_reports_features_and_a_row_per_frame():
    frames = np.stack([noisy(star_field(n=40), seed) for seed in range(3)])
    table = extract_features(frames)
    assert set(TABLE_1) <= set(table.columns)
    assert len(TABLE_1) == 15
    assert len(table) == 3
    assert (table.dtypes == np.float64).all()
    assert np.isfinite(table[list(TABLE_1)]).all(axis=None)


def test_arrays_lists_generators_and_lazy_sequences_give_the_same():
    frames = np.stack([noisy(star_field(n=30, shape=(64, 96)), seed) for seed in range(3)])

    class Lazy:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, i: int) -> np.ndarray:
            return frames[i]

    expected = extract_features(frames)
    for given_as in (list(frames), iter(frames), Lazy(), np.ma.masked_array(frames)):
        pd.testing.assert_frame_equal(extract_features(given_as), expected)


def test_only_one_frame_of_an_iterable_is_held():
    handed_out = []

    def folder() -> Iterator[np.ndarray]:
        for seed in range(4):
            handed_out.append(seed)
            yield noisy(star_field(n=10, shape=(64, 64)), seed)

    measured = iter_measurements(folder())
    assert handed_out == []
    next(measured)
    assert handed_out == [0]


def test_integers_and_floats_give_the_same():
    frame = np.rint(noisy(star_field()))
    expected = alone(frame.astype(np.float64))
    for dtype in (np.uint16, np.int32, np.float32, ">u2"):
        assert alone(frame.astype(dtype)) == pytest.approx(expected, nan_ok=True)


def test_relative_features_and_shares_do_not_depend_on_the_gain():
    frames = np.stack([noisy(star_field(seed=seed), seed) for seed in range(3)])
    one, other = extract_features(frames), extract_features(frames * 4)  # a power of two: no rounding
    same = [f"relative_{name}" for name in RELATIVE] + [
        *(
            "percent_low",
            "percent_mid",
            "percent_high",
            "shannon_entropy",
            "num_blobs",
            "trail_snr",
            "elongation",
            "transmission",
        ),
    ]
    pd.testing.assert_frame_equal(one[same], other[same], rtol=1e-4)
    np.testing.assert_allclose(other.mean_masked, 4 * one.mean_masked, rtol=1e-4)
    np.testing.assert_allclose(other.var_laplace, 16 * one.var_laplace, rtol=1e-4)


def test_relative_features_are_one_on_average_within_each_data_set():
    frames = np.stack([noisy(star_field(seed=seed, shape=(96, 96), n=20), seed) for seed in range(5)])
    names = ["north", "south", "north", "south", "south"]
    table = extract_features(frames, dataset=names)
    relative = table[["relative_num_blobs", "relative_masked_mean", "relative_var_sobel", "relative_trail_snr"]]
    np.testing.assert_allclose(relative.groupby(names).mean(), 1)
    expected = table.num_blobs / table.num_blobs.groupby(names).transform("mean")
    np.testing.assert_allclose(table.relative_num_blobs, expected)


def test_one_frame_alone_has_relative_features_of_one():
    table = extract_features(noisy(star_field())[None])
    relative = table.filter(like="relative_").iloc[0]
    assert (relative.dropna() == 1).all()
    assert relative[["relative_num_blobs", "relative_blob_centroid_distance", "relative_elongation"]].notna().all()
    assert table.transmission[0] == 1
    assert table.edge_changed_percent[0] == 0


# --- bad and broken input ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "error", "message"),
    [
        (np.zeros((64, 64)), ValueError, r"frames has shape \(64, 64\).*frames\[None\]"),
        (np.zeros(64), ValueError, "expected \\(n_frames, height, width\\)"),
        (np.zeros((2, 3, 64, 64)), ValueError, "expected \\(n_frames, height, width\\)"),
        (np.zeros((0, 64, 64)), ValueError, "holds no frame"),
        ([], ValueError, "holds no frame"),
        (iter([]), ValueError, "holds no frame"),
        (np.zeros((2, 8, 64)), ValueError, "at least 16 pixels"),
        (np.zeros((2, 64, 64), complex), TypeError, "complex128; expected integers or floats"),
        (np.full((2, 64, 64), "a"), TypeError, "expected integers or floats"),
        ([np.zeros((64, 64)), np.zeros((64, 65))], ValueError, r"frame 1 has shape \(64, 65\); expected \(64, 64\)"),
        (iter([np.zeros((64, 64)), np.zeros((64, 65))]), ValueError, r"frame 1 has shape"),
        ([[[1.0] * 64] * 64], TypeError, "frame 0 is a list"),
        ("frames.fits", TypeError, "frames is a str"),
        (3, TypeError, "frames is a int"),
    ],
)
def test_bad_frames_are_refused(frames, error, message):
    with pytest.raises(error, match=message):
        extract_features(frames)


@pytest.mark.parametrize("lazy", [False, True])
def test_labels_of_another_length_are_refused(lazy):
    frames = np.zeros((3, 32, 32))
    with pytest.raises(ValueError, match="dataset has 2 labels; expected one for each of the 3 frames"):
        extract_features(iter(frames) if lazy else frames, dataset=["a", "b"])


def test_a_table_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no frame"):
        tabulate([])


def test_invalid_pixels_are_counted_and_change_little():
    frame = noisy(star_field())
    holes = np.random.default_rng(5).random(frame.shape) < 0.02
    whole = alone(frame)
    with_nan = np.where(holes, np.nan, frame)
    with_nan[0, 0] = np.inf
    broken = alone(with_nan)
    assert broken["percent_invalid"] == pytest.approx(100 * holes.mean(), abs=0.01)
    for name, tolerance in {"median_masked": 1e-3, "percent_low": 0.05, "num_blobs": 0.2, "elongation": 0.2}.items():
        assert broken[name] == pytest.approx(whole[name], rel=tolerance)
    assert broken["max_laplace"] <= whole["max_laplace"]  # a hole makes no edge
    masked = alone(np.ma.masked_array(np.where(holes, 60000, frame), holes))
    assert masked["percent_invalid"] == pytest.approx(100 * holes.mean())
    assert masked["max_laplace"] == broken["max_laplace"] or not holes[0, 0]
    assert masked["num_blobs"] == broken["num_blobs"]


@pytest.mark.parametrize(
    "frame", [np.zeros((64, 64), np.uint16), np.full((64, 64), 65535, np.uint16), np.full((64, 64), -3.5)]
)
def test_a_frame_of_one_value_has_no_stars_no_noise_and_no_trail(frame):
    features = alone(frame)
    assert features["mean_masked"] == frame[0, 0]
    assert [
        features[name] for name in ("num_blobs", "num_streaks", "trail_snr", "var_sobel", "shannon_entropy", "noise")
    ] == [0] * 6
    assert features["percent_low"] == 100
    assert np.isnan(features["elongation"])
    assert np.isfinite(extract_features(frame[None])[list(TABLE_1)]).all(axis=None)


def test_a_frame_without_a_valid_pixel_is_said_to_be_one():
    frames = np.stack([noisy(star_field(shape=(64, 64))), np.full((64, 64), np.nan)])
    table = extract_features(frames)
    assert table.percent_invalid.tolist() == [0, 100]
    assert np.isnan(table.mean_masked[1])
    assert table.num_blobs[1] == 0


shapes = st.tuples(st.integers(16, 90), st.integers(16, 90))
kinds = st.sampled_from([np.uint8, np.int16, np.float32, np.float64])


@settings(max_examples=30, deadline=None)
@given(st.data(), shapes, kinds)
def test_any_frame_is_measured(data, shape, kind):
    finite = (
        {} if np.dtype(kind).kind == "u" or np.dtype(kind).kind == "i" else {"allow_nan": True, "allow_infinity": True}
    )
    values = hnp.from_dtype(np.dtype(kind), **finite)
    frame = data.draw(hnp.arrays(kind, shape, elements=values, fill=st.just(kind(7))))
    features = alone(frame)
    assert 0 <= features["percent_invalid"] <= 100
    if features["percent_invalid"] < 100:
        assert features["percent_low"] + features["percent_mid"] + features["percent_high"] == pytest.approx(100)
        assert 0 <= features["shannon_entropy"] <= 8
        assert features["trail_snr"] >= 0
        assert features["var_laplace"] >= 0


# --- kernels beside their definitions ------------------------------------------------------------------------------------


def test_laplacian_and_gradient_are_those_of_a_known_surface():
    y, x = np.mgrid[:40, :30].astype(float)
    np.testing.assert_allclose(laplacian((3 * x * x - y * y).astype(np.float32)), 4, atol=1e-2)
    np.testing.assert_allclose(gradient((3 * x + 4 * y).astype(np.float32)), 5, rtol=1e-5)


def test_focus_of_a_frame_in_strips_is_that_of_the_whole():
    frame = noisy(star_field(shape=(150, 70), n=20))
    features, whole = alone(frame), laplacian(frame.astype(np.float64))
    assert features["var_laplace"] == pytest.approx(whole.var(), rel=1e-4)
    assert features["max_laplace"] == pytest.approx(whole.max(), rel=1e-5)
    assert features["max_sobel"] == pytest.approx(gradient(frame).max(), rel=1e-5)


def test_entropy_of_a_uniform_frame_is_eight_bits():
    ramp = np.linspace(0, 1, 256 * 256, dtype=np.float32).reshape(256, 256)
    features = histogram_features(np.random.default_rng(0).permutation(ramp.ravel()).reshape(ramp.shape))
    assert features["shannon_entropy"] == pytest.approx(8, abs=0.01)
    assert features["percent_mid"] == pytest.approx(100 / 3, abs=0.2)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 20), st.integers(2, 20), st.integers(0, 2**31))
def test_line_sums_add_one_pixel_per_row_along_the_line(height, width, seed):
    image = np.random.default_rng(seed).integers(0, 9, (height, width)).astype(np.float32)
    n_rows = 1 << (height - 1).bit_length()
    for sums in line_sums(image):
        n = sums.shape[1]
        padded = np.zeros((n_rows, width + n_rows), np.float32)
        padded[:height, n_rows:] = image
        # a column of the frame itself, and the total over all lines of one drift: each pixel once
        strips = padded.reshape(-1, n, width + n_rows).sum(axis=1)
        np.testing.assert_array_equal(sums[:, 0], strips)
        total = image.sum(axis=1, keepdims=True).sum()
        np.testing.assert_array_equal(sums.sum(axis=(0, 2)), np.full(n, total))


@pytest.mark.parametrize("turn", TURNS)
def test_a_straight_line_is_one_of_the_lines(turn):
    image = np.zeros((64, 48), np.float32)
    view = turned(image, turn)
    rows = view.shape[0]
    shift = 20
    x = np.rint(2 + shift * np.arange(rows) / (rows - 1)).astype(int)
    for d in (-1, 0, 1):
        view[np.arange(rows), x + d] = 1
    best = [sums for sums in line_sums(view)][-1]
    assert best.max() > 0.95 * rows
    y, xs = unturned(np.arange(rows), x, image.shape, turn)
    assert (image[y, xs] == 1).all()


def test_axes_are_those_of_a_rotated_ellipse():
    rng = np.random.default_rng(0)
    along, across = 9 * rng.normal(size=40000), 3 * rng.normal(size=40000)
    x, y = along * np.cos(0.5) - across * np.sin(0.5), along * np.sin(0.5) + across * np.cos(0.5)
    major, minor, angle = axes_of(np.array([[y.var(), x.var(), (x * y).mean()]]))
    assert major[0] == pytest.approx(9, rel=0.02)
    assert minor[0] == pytest.approx(3, rel=0.02)
    assert angle[0] == pytest.approx(np.degrees(0.5), abs=1)


def test_the_background_follows_a_gradient_and_the_noise_is_the_noise():
    slope = np.linspace(0, 300, 256)[None, :].astype(np.float32)
    sky = measure_sky(noisy(star_field()) + slope)
    assert np.median(sky.noise) == pytest.approx(NOISE, rel=0.1)
    assert abs(np.median(sky.z)) < 0.1
    features = alone(noisy(star_field()) + slope)
    assert features["background_gradient"] == pytest.approx(300 / NOISE, rel=0.15)


def test_hot_pixels_are_counted_and_are_no_stars():
    frame = noisy(np.zeros((128, 128)))
    spots = np.random.default_rng(3).integers(5, 120, (15, 2))
    frame[spots[:, 0], spots[:, 1]] += 60 * NOISE
    features = alone(frame)
    assert features["num_blobs"] == 0
    assert features["percent_hot"] == pytest.approx(100 * 15 / 128**2, rel=0.1)


# --- what each statistic answers to --------------------------------------------------------------------------------------


def test_stars_are_counted_and_their_centroid_is_found():
    features = alone(noisy(star_field(n=50)))
    assert 35 <= features["num_blobs"] <= 52
    half = noisy(star_field(n=50) * (np.arange(256) > 128))
    assert alone(half)["blob_centroid_distance"] > features["blob_centroid_distance"] + 0.15


def test_no_stars_in_noise():
    features = alone(noisy(np.zeros((512, 512))))
    assert features["num_blobs"] <= 1
    assert features["num_streaks"] == 0


def test_defocus_widens_stars_dulls_the_frame_and_a_ring_is_hollow():
    sharp, dull = alone(noisy(star_field(fwhm=2.5))), alone(noisy(star_field(fwhm=7.0)))
    assert sharp["star_fwhm_px"] == pytest.approx(2.5, abs=0.6)
    assert dull["star_fwhm_px"] == pytest.approx(7.0, abs=1.2)
    assert dull["var_laplace"] < sharp["var_laplace"]
    y, x = np.mgrid[:256, :256]
    rings = sum(
        15 * NOISE * np.exp(-((np.hypot(y - cy, x - cx) - 8) ** 2) / 8)
        for cy in (50, 128, 200)
        for cx in (60, 130, 190)
    )
    assert alone(noisy(rings))["star_hollowness"] > 0.3
    assert sharp["star_hollowness"] < 0.1


@pytest.mark.parametrize("angle", [0.0, 0.6, 1.57, 2.5])
def test_a_slew_elongates_all_stars_alike(angle):
    still, slew = (
        star_features(find_blobs(measure_sky(noisy(star_field(length=length, angle=angle))))) for length in (0, 12)
    )
    assert still["elongation"] < 1.3
    assert still["coherent_ellipticity"] < 0.1
    assert slew["elongation"] > 1.8
    assert slew["coherent_ellipticity"] > 0.5
    assert slew["elongation_coherence"] > 0.9
    away = (slew["elongation_angle_deg"] - np.degrees(angle) + 90) % 180 - 90
    assert abs(away) < 5


def test_a_slew_too_long_for_its_stars_shows_in_the_autocorrelation():
    frames = [measure_sky(noisy(star_field(n=150, length=length, angle=0.4))).z for length in (0, 15, 40)]
    elongation, length = zip(*(autocorrelation_features(z).values() for z in frames), strict=True)
    assert elongation[0] < 1.3
    assert elongation[0] < elongation[1] < elongation[2]
    assert length[0] < length[1] < length[2]


def test_a_trail_is_no_slew():
    shape = (256, 256)
    features = alone(noisy(star_field() + trail(shape, (20, 0, 190, 255), 150)))
    assert features["trail_snr"] > 20
    assert features["elongation"] < 1.3
    slew = alone(noisy(star_field(length=15, angle=0.7)))
    assert slew["trail_snr"] < 10


@pytest.mark.parametrize(
    "ends", [(30, 10, 220, 150), (240, 20, 60, 180), (90, 0, 130, 255), (10, 100, 250, 60), (60, 60, 170, 190)]
)
def test_a_trail_that_no_pixel_shows_is_found_in_its_sum(ends):
    shape = (256, 256)
    line = trail(shape, ends, 14)
    assert line.max() < 1.3 * NOISE
    frame = noisy(star_field(n=40) + line)
    sky = measure_sky(frame)
    found = find_trail(sky.z, find_blobs(sky))
    expected = np.degrees(np.arctan2(ends[2] - ends[0], ends[3] - ends[1])) % 180
    assert abs((found.angle_deg - expected + 90) % 180 - 90) < 3
    assert 7.5 < found.snr < 15
    assert alone(frame)["num_streaks"] == 0
    along = np.hypot(ends[2] - ends[0], ends[3] - ends[1])
    assert 0.5 * along < found.length_px < 1.4 * along


def test_trails_of_line_snr_8_stand_out_on_average():
    shape = (256, 256)
    with_trail, without = [], []
    for seed in range(12):
        stars = star_field(seed, n=30)
        rng = np.random.default_rng(seed)
        (y0, y1), x0 = rng.uniform(10, 245, 2), rng.uniform(0, 30)
        for line, into in ((0, without), (trail(shape, (y0, x0, y1, x0 + 220), 8), with_trail)):
            sky = measure_sky(noisy(stars + line, seed))
            into.append(find_trail(sky.z, find_blobs(sky)).snr)
    assert np.mean(np.array(with_trail)[:, None] > np.array(without)) > 0.75  # the area under the ROC curve
    assert np.median(without) < 5.8


def test_trail_snr_grows_with_the_trail_and_saturates_by_clipping():
    shape = (256, 256)
    snr = [
        alone(noisy(star_field(n=30) + trail(shape, (40, 0, 200, 255), true)))["trail_snr"]
        for true in (0, 15, 40, 1000)
    ]
    assert snr == sorted(snr)
    assert snr[0] < 7 < snr[1]
    assert snr[3] < 3 * np.sqrt(300 * 3)


@pytest.mark.parametrize(
    "artefact", ["column", "half_column", "row", "banding", "edge", "slanted_edge", "gradient", "bright_star", "spikes"]
)
def test_artefacts_are_no_trails(artefact):
    image, rng = star_field(n=30), np.random.default_rng(2)
    y, x = np.mgrid[:256, :256]
    if artefact == "column":
        image[:, 100] += 300
    elif artefact == "half_column":
        image[90:, 100] += 300
    elif artefact == "row":
        image[77] += 300
    elif artefact == "banding":
        image += 10 * rng.normal(size=(256, 1))
    elif artefact == "edge":
        image[:, :30] -= 500
    elif artefact == "slanted_edge":
        image[x + 0.3 * y < 60] -= 300
    elif artefact == "gradient":
        image += 3 * x + 2 * y
    else:
        r = np.hypot(y - 120, x - 140)
        image += 3e4 * (1 + (r / 2) ** 2) ** -1.5
        if artefact == "spikes":
            image += 4000 * np.exp(-r / 15) * (np.exp(-((y - 120) ** 2) / 2) + np.exp(-((x - 140) ** 2) / 2))
    # a bad column that ends inside the frame is the worst; slanted and as bright, it would reach 30
    assert alone(noisy(image))["trail_snr"] < (9 if artefact == "half_column" else 8)


def test_bright_trails_are_streaks_too():
    features = alone(noisy(star_field(n=20) + trail((256, 256), (20, 0, 190, 255), 400)))
    assert features["num_streaks"] >= 1
    assert features["longest_streak_px"] > 150
    assert features["streak_pixels_percent"] > 0.5


# --- the data set as a judge ---------------------------------------------------------------------------------------------


def test_a_cloud_takes_the_light_of_the_stars():
    stars = star_field(n=60)
    through = [1, 1, 0.5, 0.25, 1, 1]
    table = extract_features(np.stack([noisy(stars * t, seed) for seed, t in enumerate(through)]))
    np.testing.assert_allclose(table.transmission, through, atol=0.12)
    assert (table.edge_changed_percent == 0).all()


def test_a_moved_field_is_followed():
    stars = star_field(n=60)
    frames = np.stack([noisy(np.roll(stars, (3 * k, -4 * k), (0, 1)), k) for k in range(4)])
    table = extract_features(frames)
    steps = np.rint(table.field_shift_px / 5).astype(int)  # against one of the four
    assert sorted(steps) in ([0, 1, 2, 3], [0, 1, 1, 2])
    np.testing.assert_allclose(table.field_shift_px, 5 * steps, atol=0.3)
    assert table.transmission.min() > 0.8


@pytest.mark.parametrize("light", [-200.0, 200.0])
def test_an_obstruction_that_creeps_in_changes_the_edge(light):
    stars, hidden = star_field(n=60), [0, 0, 0, 0, 0, 60, 120]
    frames = []
    for k, columns in enumerate(hidden):
        image = stars.copy()
        image[:, :columns] = light
        frames.append(noisy(image, k))
    table = extract_features(np.stack(frames))
    np.testing.assert_allclose(table.edge_changed_percent, 100 * np.array(hidden) / 256, atol=8)
    assert (table.edge_changed_percent[:5] == 0).all()


def test_a_brighter_sky_is_no_obstruction():
    stars = star_field(n=60)
    table = extract_features(np.stack([noisy(stars, k, sky=1000 + 200 * k) for k in range(5)]))
    assert (table.changed_percent == 0).all()
    assert table.relative_masked_mean.is_monotonic_increasing


def test_data_sets_are_judged_apart():
    a, b = star_field(1), star_field(2)
    frames = np.stack([noisy(a, 0), noisy(b, 1), noisy(a, 2), noisy(b, 3)])
    together, apart = extract_features(frames), extract_features(frames, ["a", "b", "a", "b"])
    assert apart.transmission.min() > 0.8
    assert together.transmission.min() < 0.5


def test_a_field_without_stars_has_full_transmission_and_no_shift():
    scenes = [measure(noisy(np.zeros((64, 64)), seed)).scene for seed in range(3)]
    features = field_features(scenes)
    assert (features["transmission"] == 1).all()
    assert np.isnan(features["field_shift_px"]).all()


# --- the field of a data set ---------------------------------------------------------------------------------------------


def field_frames(n: int, faint: bool = False) -> list[np.ndarray]:
    """Images of one field of stars, each moved by a pixel or two; no star leaves the frame."""
    stars = star_field(n=60 if faint else 150, shape=(236, 236))
    stars = np.pad(stars + 0.15 * star_field(1, n=200, shape=(236, 236)) if faint else stars, 10)
    steps = np.random.default_rng(5).integers(-2, 3, (n, 2))
    return [np.roll(stars, tuple(step), (0, 1)) for step in steps]


def test_a_data_set_shows_a_trail_that_its_frame_alone_hides():
    images = field_frames(24, faint=True)
    images[7] = images[7] + trail((256, 256), (30, 10, 220, 150), 12)
    images[15] = images[15] + trail((256, 256), (200, 5, 90, 250), 12)
    frames = np.stack([noisy(image, k) for k, image in enumerate(images)])
    snr = extract_features(frames).trail_snr
    assert set(snr.nlargest(2).index) == {7, 15}
    assert snr[[7, 15]].min() > 6.2 > snr.drop([7, 15]).max()
    apart = extract_features(frames, range(24)).trail_snr
    assert apart[[7, 15]].min() < apart.drop([7, 15]).max()


def test_a_trail_behind_clouds_is_found_and_the_field_leaves_none():
    images = field_frames(20)
    for k in range(10, 15):
        images[k] = 0.5 * images[k]
    images[12] = images[12] + trail((256, 256), (30, 10, 220, 150), 14)
    table = extract_features(np.stack([noisy(image, k) for k, image in enumerate(images)]))
    assert table.trail_snr.idxmax() == 12 and table.trail_snr[12] > 8
    assert table.trail_snr.drop(12).max() < 6.5


def test_a_flash_is_strange_and_a_star_that_was_hidden_is_not():
    y, x = np.mgrid[:256, :256]
    spot = 400 * np.exp(-((y - 128) ** 2 + (x - 77) ** 2) / 6)
    images = field_frames(24)
    images[3] = images[3] + spot
    late = field_frames(24)
    for k in range(18, 24):  # comes out from behind an obstacle
        late[k] = late[k] + spot
    once, hidden = (
        extract_features(np.stack([noisy(image, k) for k, image in enumerate(series)])).strange_px
        for series in (images, late)
    )
    assert once.idxmax() == 3 and once[3] > 30
    assert once.drop(3).max() < 10
    assert hidden[18:].max() < 20


def test_frames_that_are_too_few_or_alone_have_no_field():
    images = field_frames(9)
    frames = np.stack([noisy(image, k) for k, image in enumerate(images)])
    pd.testing.assert_series_equal(
        extract_features(frames).trail_snr, extract_features(frames, range(9)).trail_snr, check_exact=True
    )


def test_a_long_data_set_is_searched_block_by_block(monkeypatch):
    monkeypatch.setattr("meteortut.previewer.features.BLOCK_FRAMES", 12)
    images = field_frames(27)
    images[25] = images[25] + trail(
        (256, 256), (30, 10, 220, 150), 10
    )  # in the last three, too few for a field of their own
    snr = extract_features([noisy(image, k) for k, image in enumerate(images)]).trail_snr
    assert snr.idxmax() == 25 and snr[25] > 6.5
    assert snr.drop(25).max() < 6.5


@given(st.floats(-9, 9), st.floats(-9, 9))
@settings(max_examples=20, deadline=None)
def test_images_are_moved_as_scipy_moves_them(dy, dx):
    from scipy.ndimage import shift

    image = np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32)
    expected = shift(image, (dy, dx), order=1, mode="nearest")
    np.testing.assert_allclose(moved_image(image, np.array([dy, dx])), expected, atol=1e-4)


# --- real frames ---------------------------------------------------------------------------------------------------------


def read(path) -> np.ndarray:
    return read_fits_image(path)[0]


@pytest.mark.filterwarnings("ignore")
def test_real_trails_stand_out_and_real_fields_do_not(real_file):
    trails = {
        p.name: alone(read(p)) for p in real_file("telescope-trails") if any(name in p.name for name in REAL_TRAILS)
    }
    fields = [p for p in real_file("telescope-frames") if any(name in p.name for name in REAL_NORMAL)] + real_file(
        "m13-series"
    )
    normal = {p.name: alone(read(p)) for p in fields}
    assert (len(trails), len(normal)) == (3, 8)
    faintest = min(one["trail_snr"] for one in trails.values())
    highest = max(one["trail_snr"] for one in normal.values())
    assert faintest > 2 * highest
    assert highest < 8
    angles = {name: one["trail_angle_deg"] for name, one in trails.items()}
    by_eye = {"bi327715": 151, "m20211212UT": 30, "long": 175}  # read off the pictures
    for name, expected in by_eye.items():
        (found,) = [angle for file, angle in angles.items() if name in file]
        assert abs((found - expected + 90) % 180 - 90) < 4


def test_a_large_frame_is_measured_in_bounded_memory():
    import tracemalloc

    frame = np.random.default_rng(0).integers(900, 1100, (1500, 2000), dtype=np.uint16)
    tracemalloc.start()
    try:
        prepared = prepare(frame)
        del prepared
        tracemalloc.reset_peak()
        measure(frame)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (
        peak < 60 * frame.size
    )  # bytes; the bound of 1.2 GiB for 24 million pixels is 53, most of what this small frame needs is fixed
