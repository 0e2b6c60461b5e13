"""Scores mean what they say; baselines measure what is there; the odd one comes out on top; other light fits in."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pandas as pd
import pytest
import torch

from meteortut import tle_vae
from meteortut.simulate.mmia import simulate_photometry


@pytest.fixture(scope="module")
def world() -> tuple[np.ndarray, pd.DataFrame]:
    return simulate_photometry(150, 21)


def blobs(n: int = 30, k: int = 4, rng: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(rng)
    labels = np.repeat([f"class {i}" for i in range(k)], n)
    return random.normal(size=(n * k, 5)) * 0.1 + 3 * np.repeat(np.eye(k, 5), n, axis=0), labels


def test_boundary_ratio_sees_a_spike_at_an_end_and_nothing_else() -> None:
    data = np.random.default_rng(0).random((40, 3, 1000)).astype(np.float32)
    flat = np.full_like(data, 0.5)
    assert tle_vae.boundary_ratio(data, flat) == pytest.approx(1, abs=0.1)
    for at, row, column in ((np.s_[:, 0, :10], 0, "start"), (np.s_[:, 2, -10:], 2, "end")):
        spiked = flat.copy()
        spiked[at] = 3.0
        assert tle_vae.boundary_ratio(data, spiked) > 5
        assert tle_vae.boundary_ratios(data, spiked).stack().idxmax() == (row, column)
    inside = flat.copy()
    inside[:, 1, 400:410] = 3.0
    assert tle_vae.boundary_ratio(data, inside) == pytest.approx(1, abs=0.1)
    with pytest.raises(ValueError, match="same shape"):
        tle_vae.boundary_ratio(data, flat[:, :2])


def test_uv_errors_are_of_the_noise_free_peak() -> None:
    truth = pd.DataFrame(
        {
            "kind": ["elve"] * 3,
            "uv_snr": [10.0, 5.0, 1.0],
            "uv_peak_ms": [10.005, 20.005, 1.0],
            "peak_uv": [1.0, 2.0, 1.0],
        }
    )
    drawn = np.zeros((3, 3, 5000))
    drawn[0, 1, 1000], drawn[1, 1, 2030] = 1.0, 1.0
    found = tle_vae.uv_peak_errors(drawn, truth)
    assert len(found) == 2
    np.testing.assert_allclose(found.time_error_ms, [0, 0.3], atol=1e-9)
    np.testing.assert_allclose(found.height_ratio, [1, 0.5])


@pytest.mark.parametrize("method", ["kmeans", "hdbscan"])
def test_clusters_that_are_there_are_found(method: str) -> None:
    points, labels = blobs()
    found = tle_vae.cluster_scores(points, labels, 0, method)
    assert found["ari"] > 0.9 and found["v_measure"] > 0.9 and found["n_clusters"] == 4
    chance = tle_vae.cluster_scores(points, np.random.default_rng(1).permutation(labels), 0, method)
    assert abs(chance["ari"]) < 0.1
    with pytest.raises(ValueError, match="kmeans or hdbscan"):
        tle_vae.cluster_scores(points, labels, 0, "dbscan")


def test_purity_of_held_out_slices_does_not_flatter() -> None:
    random = np.random.default_rng(0)
    points, labels = random.normal(size=(120, 3)), random.choice(["a", "b"], 120)
    naming = random.random(120) < 0.5
    told = tle_vae.purity_per_class(points, labels, 0, 50).mean()
    honest = tle_vae.purity_per_class(points, labels, 0, 50, naming).mean()
    assert told > 0.75 > honest
    points, labels = blobs()
    assert tle_vae.purity_per_class(points, labels, 0).tolist() == [1, 1, 1, 1]
    with pytest.raises(ValueError, match="1 ≤ k ≤ n"):
        tle_vae.purity_per_class(points, labels, 0, 1000)


def test_few_labels_suffice_where_classes_are_apart() -> None:
    points, labels = blobs()
    assert tle_vae.few_label_accuracy(points, labels, 0, n_draws=5).min() > 0.98
    assert tle_vae.few_label_accuracy(points * 0, labels, 0, n_draws=5).max() < 0.5
    with pytest.raises(ValueError, match="more than 30"):
        tle_vae.few_label_accuracy(points, labels, 0, per_class=30)


def test_interval_is_students() -> None:
    mean, low, high = tle_vae.interval([1.0, 2.0, 3.0])
    assert (
        mean == 2
        and high - mean == pytest.approx(4.3027 / 3**0.5, abs=1e-3)
        and mean - low == pytest.approx(high - mean)
    )
    assert np.isnan(tle_vae.interval([1.0])[1])


def test_features_measure_what_is_there(world: tuple[np.ndarray, pd.DataFrame]) -> None:
    data, truth = world
    features = tle_vae.measured_features(data)
    assert len(features) == len(data) and np.isfinite(features.to_numpy()).all()
    red = features.log_peak_777
    assert red[truth.kind == "lightning"].median() > red[truth.kind == "blue_corona"].median() + 1
    width = features.log_width_uv
    assert width[truth.kind == "sprite"].median() > width[truth.kind == "elve"].median()
    standard = tle_vae.standardised(features.assign(constant=1.0))
    np.testing.assert_allclose(standard[:, :-1].std(axis=0), 1, rtol=1e-6)
    assert (standard[:, -1] == 0).all()


def test_principal_components_are_as_many_as_asked_for(world: tuple[np.ndarray, pd.DataFrame]) -> None:
    assert tle_vae.principal_components(world[0], 0, 7).shape == (150, 7)
    with pytest.raises(ValueError, match="at least 16"):
        tle_vae.principal_components(world[0][:5], 0)


def test_the_shipped_network_is_small_and_tells_kinds_apart() -> None:
    file = resources.files("meteortut") / "weights" / "tle_vae.safetensors"
    assert len(file.read_bytes()) <= 2 * 1024**2
    data, truth = simulate_photometry(300, 77)
    points = tle_vae.embed(data)
    assert points.dtype == np.float32 and points.shape[0] == 300
    np.testing.assert_allclose(points[:5], tle_vae.embed(data[:5]), atol=1e-4)
    assert tle_vae.cluster_scores(points, truth.kind.to_numpy(str), 0)["ari"] > 0.6
    assert tle_vae.embed(data[:0]).shape == (0, points.shape[1])
    drawn = tle_vae.reconstruct(data)
    assert tle_vae.uv_peak_errors(drawn, truth).time_error_ms.median() <= 0.1
    assert tle_vae.boundary_ratio(data, drawn) <= 1.2


def test_the_notes_beside_the_weights_name_their_source() -> None:
    notes = json.loads((resources.files("meteortut") / "weights" / "tle_vae.json").read_text())
    assert notes["script"] == "tools/train_tle_vae.py" and notes["looks_at_second_world"] >= 1
    assert notes["ours"]["recipe"]["beta"] == tle_vae.OURS.beta


def test_what_is_elsewhere_in_the_latent_space_comes_out_on_top(world: tuple[np.ndarray, pd.DataFrame]) -> None:
    data, truth = world
    lightning = data[(truth.kind == "lightning").to_numpy()]
    jets = simulate_photometry(5, 3, kinds=["blue_jet"])[0]
    ranks = tle_vae.rank_novelty(tle_vae.shipped_network(), lightning[5:], np.concatenate([lightning[:5], jets]), 0, 3)
    assert sorted(ranks["rank"]) == list(range(10))
    assert ranks["rank"][5:].median() < ranks["rank"][:5].median()
    with pytest.raises(ValueError, match="one for each Gaussian"):
        tle_vae.rank_novelty(tle_vae.shipped_network(), lightning[:2], jets, 0)


def test_mapper_flashes_shine_in_the_red_band_alone() -> None:
    flashes = pd.DataFrame({
        "time_s": [np.array([0.0, 0.002, 0.004]), np.array([0.0, 0.1])],
        "energy_j": [np.array([1e-15, 4e-15, 1e-15]), np.array([2e-15, 1e-15])],
    })  # fmt: skip
    dark = np.zeros((1, 3, 5000), np.float32)
    light = tle_vae.flash_photometry(flashes, dark, 0.3, 0)
    assert light.shape == (2, 3, 5000) and light[:, :2].max() == 0
    means = light[:, 2].reshape(2, 25, 200).mean(axis=2)
    assert means[0].argmax() == means[1].argmax() == 12  # the brightest group in the middle
    assert means[0, 12] / means[0, 11] == pytest.approx(4, rel=0.1)
    assert means[0, 12] / means[1, 12] == pytest.approx(2, rel=0.1) and np.median(means.max(axis=1)) == pytest.approx(
        0.3, rel=0.05
    )
    assert (means[1] > 0.01).sum() == 1  # the second group, 100 ms later, is outside
    with pytest.raises(ValueError, match="positive flux"):
        tle_vae.flash_photometry(flashes, dark, 0.0, 0)
    with pytest.raises(ValueError, match="no energy"):
        tle_vae.flash_photometry(flashes.assign(energy_j=[np.zeros(3), np.zeros(2)]), dark, 0.3, 0)


def test_one_band_of_radio_power_goes_through_the_same_network() -> None:
    series = np.random.default_rng(0).normal(size=(6, 1, 319))
    network = tle_vae.radio_network(319)
    places = tle_vae.radio_places(network, series)
    assert places.shape == (6, network.n_latent + 1) and np.isfinite(places).all()
    drawn = network.reconstruct(torch.from_numpy((series - series.min()).astype(np.float32)))
    assert drawn.shape == (6, 1, 319)
