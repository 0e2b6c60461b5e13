"""Chapter 6: classifiers of light curves, how they are judged, and the network that ships."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from meteortut import lightcurves
from meteortut.lightcurves.classifiers import WEIGHTS, Classifier
from meteortut.lightcurves.training import resampled
from meteortut.shapes import LABELS
from tools.train_lightcurves import main, usable_world

torch = pytest.importorskip("torch")

PROBABILITIES = [f"p_{name}" for name in LABELS]


@pytest.fixture(scope="module")
def first() -> tuple[pd.DataFrame, pd.DataFrame]:
    return usable_world(1000, 101, "first")


@pytest.fixture(scope="module")
def second() -> tuple[pd.DataFrame, pd.DataFrame]:
    return usable_world(1200, 102, "second")


def given(labels: list[str], probability: float | None = None) -> pd.DataFrame:
    """A result with these labels, each given that probability."""
    frame = pd.DataFrame(np.nan, index=range(len(labels)), columns=PROBABILITIES)
    if probability is not None:
        for i, name in enumerate(labels):
            frame.loc[i] = (1 - probability) / 4
            frame.loc[i, f"p_{name}"] = probability
    return frame.assign(label=labels)


def test_the_package_is_imported_without_heavy_libraries():
    code = "import meteortut.lightcurves, sys; print([m for m in ('torch', 'aeon', 'sklearn', 'numba') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_classify_is_aligned_and_flags_what_it_cannot_use(first):
    table = first[0].iloc[:6].copy()
    table.index = [9, 4, 2, 7, 0, 1]
    table.at[2, "magnitude"] = np.full(len(table.magnitude[2]), np.nan)
    result = lightcurves.classify(table)
    assert result.index.tolist() == table.index.tolist() and list(result) == ["label", *PROBABILITIES]
    assert result.label[2] == "" and result.loc[2, PROBABILITIES].isna().all()
    good = result.drop(2)
    assert good.label.isin(LABELS).all()
    np.testing.assert_allclose(good[PROBABILITIES].sum(axis=1), 1, atol=1e-5)
    pd.testing.assert_frame_equal(lightcurves.classify(table.iloc[[0]]), result.iloc[[0]], rtol=1e-4)
    assert len(lightcurves.classify(table.iloc[:0])) == 0
    with pytest.raises(ValueError, match="no column time_s"):
        lightcurves.classify(table.drop(columns="time_s"))


def test_the_shipped_network_beats_the_rules_on_the_second_world(second):
    data, truth = second
    labels = truth.label.to_numpy(object)
    ours, baseline = (lightcurves.classify(data, model) for model in (None, lightcurves.rules()))
    gain, low, _ = lightcurves.macro_f1_gain(labels, ours, baseline, 0, n_boot=200)
    assert gain >= 0.03 and low > 0  # a small slice; the whole set is in lightcurves.json


def test_the_weights_reproduce_the_score_that_came_with_them(second):
    report = json.loads(WEIGHTS.with_suffix(".json").read_text())
    committed = report["second_world"]["cnn"]
    assert committed["macro_f1"] - report["second_world"]["rules"]["macro_f1"] >= 0.05
    assert report["script"] == "tools/train_lightcurves.py" and report["versions"]["torch"]
    found = lightcurves.evaluate(second[1].label.to_numpy(object), lightcurves.classify(second[0]), 0, n_boot=200)
    assert found.macro_f1 == pytest.approx(committed["macro_f1"], abs=0.05)  # 1200 other records
    assert WEIGHTS.stat().st_size < 300_000


def test_a_slice_of_the_training_runs_and_says_where_it_comes_from(tmp_path):
    main(["--n-train", "400", "--n-test", "150", "--epochs", "2", "--out", str(tmp_path)])
    report = json.loads((tmp_path / "lightcurves.json").read_text())
    assert set(report["second_world"]) == {"rules", "boosting", "minirocket", "cnn"}
    assert report["seed"] == 6 and report["n_train"] + report["n_validation"] <= 400
    again = lightcurves.shipped_classifier(tmp_path / "lightcurves.safetensors")
    data, truth = usable_world(150, 7, "second")
    found = lightcurves.evaluate(truth.label.to_numpy(object), lightcurves.classify(data, again), 0, n_boot=5)
    assert found.macro_f1 == pytest.approx(report["second_world"]["cnn"]["macro_f1"], abs=2e-3)


@pytest.mark.parametrize("way", ["train_boosting", "train_minirocket", "train_cnn"])
def test_every_way_learns_something_and_the_same_from_the_same_seed(first, way):
    data, truth = first
    aside = lightcurves.split_by_night(data, 0)
    labels = truth.label.to_numpy(object)
    more = {"n_epochs": 9} if way == "train_cnn" else {}
    models = [getattr(lightcurves, way)(data[~aside], labels[~aside], 5, **more) for _ in range(2)]
    results = [lightcurves.classify(data[aside], model) for model in models]
    pd.testing.assert_frame_equal(*results)
    found = lightcurves.evaluate(labels[aside], results[0], 0, truth.snr.to_numpy()[aside], n_boot=50)
    assert found.macro_f1 > 0.25  # chance gives 0.2
    assert np.isfinite(found.calibration_error) == models[0].probabilistic


def test_nothing_is_trained_on_bad_labels_or_no_records(first):
    data, truth = first[0].iloc[:20], first[1].label.to_numpy(object)[:20]
    with pytest.raises(ValueError, match="expected one per record"):
        lightcurves.train_boosting(data, truth[:5], 0)
    with pytest.raises(ValueError, match="none of 20 records"):
        lightcurves.train_cnn(data.assign(usable=False), truth, 0)


def test_no_night_is_on_both_sides(first):
    aside = lightcurves.split_by_night(first[0], 0)
    night = (first[0].start - pd.Timedelta(hours=12)).dt.floor("D")
    assert not set(night[aside]) & set(night[~aside]) and 0.05 < aside.mean() < 0.4
    with pytest.raises(ValueError, match="share is 1"):
        lightcurves.split_by_night(first[0], 0, 1)


def test_padding_changes_nothing_and_reading_backwards_exchanges_early_and_late(first):
    from meteortut.lightcurves.network import build_network, curve_channels, network_probabilities

    data = first[0].iloc[:60]
    curves = [curve_channels(t, m) for t, m in zip(data.time_s, data.magnitude, strict=True)]
    assert max(c.shape[1] for c in curves) <= 64 and all(np.isfinite(c).all() for c in curves)
    network = build_network(5).eval()
    together = network_probabilities(network, curves)
    alone = np.concatenate([network_probabilities(network, [c]) for c in curves])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert network_probabilities(network, []).shape == (0, 5)
    turned = data.assign(magnitude=[m[::-1].copy() for m in data.magnitude])
    forth, back = (lightcurves.classify(t, lightcurves.rules()).label for t in (data, turned))
    assert (forth.map({"early": "late", "late": "early"}).fillna(forth) == back).mean() > 0.95


def test_resampled_curves_keep_their_peak_and_their_ends(first):
    curves = resampled(first[0].iloc[:5])
    assert curves.shape == (5, 2, 64) and (curves[:, 1] <= 0).all()
    record = first[0].iloc[0]
    smooth = lightcurves.smooth(record.time_s, record.magnitude)
    assert curves[0, 0, 0] == pytest.approx(smooth.min() - record.magnitude[0], abs=1e-5)


def test_a_perfect_result_and_a_useless_one():
    truth = np.array(list(LABELS) * 20, object)
    perfect = lightcurves.evaluate(truth, given(list(truth), 0.9), 0, np.arange(100.0), n_boot=20)
    assert perfect.macro_f1 == perfect.low == perfect.high == perfect.accuracy == 1
    assert perfect.calibration_error == pytest.approx(0.1)
    assert perfect.by_snr.n.tolist() == [25] * 4 and (perfect.by_snr.accuracy == 1).all()
    assert np.diag(perfect.confusion).tolist() == [20] * 5
    none = lightcurves.evaluate(truth, given([""] * 100), 0, n_boot=5)
    assert none.macro_f1 == 0 and none.confusion["none"].sum() == 100
    assert np.isnan(none.calibration_error) and none.by_snr.empty


def test_macro_f1_is_that_of_scikit_learn_and_gains_are_paired():
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(0)
    truth = rng.choice(LABELS, 300).astype(object)
    noisy = np.where(rng.random(300) < 0.5, truth, rng.choice(LABELS, 300)).astype(object)
    found = lightcurves.evaluate(truth, given(list(noisy)), 0, groups=np.arange(300) // 3, n_boot=200)
    assert found.macro_f1 == pytest.approx(f1_score(truth, noisy, average="macro"))
    assert found.low < found.macro_f1 < found.high
    assert lightcurves.macro_f1_gain(truth, given(list(noisy)), given(list(noisy)), 0, n_boot=20) == (0, 0, 0)
    gain, low, _ = lightcurves.macro_f1_gain(truth, given(list(truth)), given(list(noisy)), 0, n_boot=50)
    assert gain == pytest.approx(1 - found.macro_f1) and low > 0.2


def test_what_cannot_be_judged_is_an_error():
    with pytest.raises(ValueError, match="unknown"):
        lightcurves.evaluate(np.array(["flat"], object), given(["early"]), 0)
    with pytest.raises(ValueError, match="expected 2 rows"):
        lightcurves.evaluate(np.array(["early", "late"], object), given(["early"]), 0)
    with pytest.raises(FileNotFoundError, match=r"tools/train_lightcurves\.py"):
        lightcurves.shipped_classifier("nowhere.safetensors")
    assert isinstance(lightcurves.rules(), Classifier)
