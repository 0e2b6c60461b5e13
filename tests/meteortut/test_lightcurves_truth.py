"""Chapter 6: tests on real labels, agreement of stations, the public benchmark."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from meteortut import lightcurves
from meteortut.lightcurves.benchmark import Lightning7


@pytest.fixture(scope="module")
def cut_records() -> pd.DataFrame:
    """Made-up records of forty nights, a fifth of them without their rise, as the label says."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(800):
        place = np.linspace(-1, 1, 30)
        cut = rng.random() < 0.2
        magnitude = (2 + 3 * place**2 + rng.normal(0, 0.4, 30))[10 if cut else 0 :]
        n = len(magnitude)
        rows.append(
            {
                "station": f"CAM{1 + i % 2}",
                "start": pd.Timestamp("2014-01-01 22:00", tz="UTC") + pd.Timedelta(days=int(rng.integers(40))),
                "time_s": 0.02 * np.arange(n),
                "magnitude": magnitude,
                "ra_deg": np.full(n, 10.0),
                "dec_deg": 40 + 0.3 * np.arange(n),
                "start_inside": not cut,
                "usable": True,
            }
        )
    return pd.DataFrame(rows)


def test_a_cut_that_shows_is_found_and_one_that_does_not_is_not(cut_records):
    found = lightcurves.truncation_auc(cut_records, 0, n_repeats=1, n_boot=30)
    assert found.index.tolist() == ["CAM1", "CAM2", "all"]
    assert found.auc.min() > 0.95 and (found.auc_low <= found.auc).all() and (found.auc <= found.auc_high).all()
    blind = cut_records.assign(start_inside=np.random.default_rng(1).permutation(cut_records.start_inside))
    assert 0.35 < lightcurves.truncation_auc(blind, 0, n_repeats=1, n_boot=5).auc["all"] < 0.65


def test_positions_do_not_help_to_tell_a_cut(cut_records):
    moved = cut_records.assign(
        dec_deg=[dec + 20 * cut for dec, cut in zip(cut_records.dec_deg, cut_records.start_inside, strict=True)]
    )
    one, other = (lightcurves.truncation_auc(t, 0, n_repeats=1, n_boot=2) for t in (cut_records, moved))
    pd.testing.assert_frame_equal(one, other)


def test_cut_starts_need_their_label_and_enough_nights(cut_records):
    with pytest.raises(ValueError, match="no column start_inside"):
        lightcurves.truncation_auc(cut_records.drop(columns="start_inside"), 0)
    one_night = cut_records.assign(start=cut_records.start.iloc[0])
    with pytest.raises(ValueError, match="1 nights hold a cut start"):
        lightcurves.truncation_auc(one_night, 0)


def test_real_cut_starts_show_in_the_light_more_than_in_camera_peak_and_length(real_file):
    (path,) = real_file("aop-lightcurves")
    row = lightcurves.truncation_auc(lightcurves.read_aop(path), 0, n_boot=200).loc["all"]
    assert row.auc >= 0.78
    assert row.gain >= 0.08 and row.gain_low > 0.05


def test_agreement_knows_full_none_and_chance():
    rng = np.random.default_rng(0)
    labels, strata = rng.choice(["early", "middle", "late"], 400), np.zeros(400)
    assert lightcurves.station_agreement(labels, labels, strata, 0, 50, 50).kappa == 1
    chance = lightcurves.station_agreement(labels, rng.permutation(labels), strata, 0, 200, 200)
    assert chance.low < 0 < chance.high and abs(chance.null_mean) < 0.03
    blurred = np.where(rng.random(400) < 0.5, labels, rng.permutation(labels))
    found = lightcurves.station_agreement(labels, blurred, strata, 0, 200, 200)
    assert found.null_high < found.low < found.kappa < found.high
    assert found.kappa == pytest.approx(0.5, abs=0.12)
    assert found == lightcurves.station_agreement(labels, blurred, strata, 0, 200, 200)


def test_kappa_is_that_of_scikit_learn():
    from sklearn.metrics import cohen_kappa_score

    a, b = np.random.default_rng(1).integers(0, 3, (2, 200))
    b[:90] = a[:90]
    assert lightcurves.station_agreement(a, b, a, 0, 2, 2).kappa == pytest.approx(cohen_kappa_score(a, b))


def test_agreement_by_strata_alone_is_seen_through():
    strata = np.repeat([0, 1, 2], 100)
    labels = np.array(["early", "middle", "late"], object)[strata]
    found = lightcurves.station_agreement(labels, labels, strata, 0, 20, 20)
    assert found.kappa == 1 and found.null_high == 1  # the null does as well: nothing was shown


def test_missing_labels_are_left_out_and_degenerate_cases_are_nan():
    a, b = np.array(["x", "y", None, "", "x"], object), np.array(["x", "y", "x", "x", np.nan], object)
    assert lightcurves.station_agreement(a, b, np.zeros(5), 0, 5, 5).n_pairs == 2
    assert np.isnan(lightcurves.station_agreement(np.array([]), np.array([]), np.array([]), 0).kappa)
    assert np.isnan(lightcurves.station_agreement(np.array(["x"] * 3), np.array(["x"] * 3), np.zeros(3), 0, 5, 5).kappa)
    with pytest.raises(ValueError, match="expected three arrays"):
        lightcurves.station_agreement(a, b[:3], np.zeros(5), 0)


def test_strata_hold_like_events():
    rng = np.random.default_rng(0)
    duration, peak = rng.exponential(0.3, 400), rng.normal(0, 1, 400)
    peak[3] = np.nan
    strata = lightcurves.duration_peak_strata(duration, peak, 4)
    assert strata[3] == -1 and set(strata) == {-1, *range(16)}
    assert duration[strata // 4 == 0].max() <= duration[strata // 4 == 3].min()
    with pytest.raises(ValueError, match="n_bins 0"):
        lightcurves.duration_peak_strata(duration, peak, 0)


def test_lightning7_beats_the_archives_baseline_on_the_public_split(real_file):
    found = lightcurves.lightning7_benchmark(real_file("lightning7"), 0, n_resamples=3, n_seeds=2)
    assert isinstance(found, Lightning7) and found.n_test == 73
    assert found.dtw_accuracy == pytest.approx(0.726, abs=0.001)  # as the archive has it
    assert found.accuracy > found.dtw_accuracy
    assert found.interval[0] < found.accuracy < found.interval[1]
    assert round((found.accuracy - found.dtw_accuracy) * 73) == found.only_ours - found.only_dtw
    assert found.resampled.shape == (3, 2) and 0 < found.mcnemar_p <= 1


def test_lightning7_needs_both_files(tmp_path):
    with pytest.raises(ValueError, match=r"expected one …TRAIN\.ts"):
        lightcurves.lightning7_benchmark([tmp_path / "Lightning7_TRAIN.ts"], 0)
    with pytest.raises(ValueError, match="n_seeds is 0"):
        lightcurves.lightning7_benchmark([], 0, n_seeds=0)
