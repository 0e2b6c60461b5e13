"""Networks: the report's sizes, a latent space that forgets when, no edges, and training that climbs the bound."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from meteortut import tle_vae
from meteortut.simulate.mmia import simulate_photometry
from meteortut.states import save_weights
from meteortut.tle_vae.networks import N_DARK, N_HEIGHTS
from meteortut.tle_vae.photometry import N_SAMPLES
from meteortut.tle_vae.training import _step

TINY = tle_vae.Recipe(n_epochs=2, batch_size=10, learning_rate=2e-3)


@pytest.fixture(scope="module")
def slices() -> np.ndarray:
    return simulate_photometry(20, 11)[0]


@pytest.fixture(scope="module")
def trained(slices: np.ndarray) -> tle_vae.PhotometryVAE:
    return tle_vae.train(tle_vae.PhotometryVAE, slices, 0, TINY)[0]


def pulse(at: int, n: int = 1) -> np.ndarray:
    """A flash without noise in all bands, peaking at a sample."""
    t = np.arange(N_SAMPLES) - at
    shape = np.exp(-0.5 * (t / 12.0) ** 2)
    return np.tile(np.rint(40 * shape) * tle_vae.QUANTA[:, None], (n, 1, 1)).astype(np.float32)


def test_the_reports_network_has_the_reports_sizes() -> None:
    network = tle_vae.FaithfulVAE()
    with torch.no_grad():
        x = network.scaled(torch.zeros(1, 3, N_SAMPLES))
        lengths = []
        for layer in network.encoder:
            x = layer(x)
            lengths.append(x.shape[-1])
        assert lengths[0] == 14_997 and [layer.in_channels for layer in network.encoder if hasattr(layer, "in_channels")] == [
            1, 3, 15, 9,
        ]  # fmt: skip
        alpha, beta = network.shape_parameters(torch.zeros(2, 50))
    assert alpha.shape == beta.shape == (2, 1, 3 * N_SAMPLES) and bool((alpha > 0).all())


def test_bands_lie_end_to_end_in_the_reports_network() -> None:
    x = torch.zeros(1, 3, N_SAMPLES)
    x[0, 1, 0] = 0.5
    scaled = tle_vae.FaithfulVAE().scaled(x)
    assert int(scaled.argmax()) == N_SAMPLES


def test_codes_find_time_height_and_darkness() -> None:
    network = tle_vae.PhotometryVAE()
    data = pulse(3210)
    data[0, 1, 100] = 0.03  # a cosmic ray, far above the flash
    codes = network.codes(network.steps(torch.from_numpy(data)))
    assert (codes.tau - 3210).abs().max() <= 1
    np.testing.assert_allclose(codes.height.numpy(), 39, rtol=0.1)
    assert codes.dark.abs().max() == 0


def test_codes_take_few_values(slices: np.ndarray) -> None:
    network = tle_vae.PhotometryVAE()
    codes = network.codes(network.steps(torch.from_numpy(slices)))
    eighths, hundredths = 8 * torch.asinh(codes.height), 100 * codes.dark
    for values, n in ((eighths, N_HEIGHTS), (hundredths, N_DARK)):
        assert (values - values.round()).abs().max() < 1e-3 and 0 <= values.min() and values.max() <= n - 1 + 1e-3


def test_the_latent_space_forgets_when(trained: tle_vae.PhotometryVAE) -> None:
    places = [tle_vae.embed(pulse(at), trained)[0] for at in (900, 2500, 4100)]
    spread = np.ptp(np.stack(places), axis=0).max()
    without_uv = tle_vae.embed(pulse(2500) * np.array([[1], [0], [1]]), trained)[0]
    assert spread < 1e-3
    assert np.abs(without_uv - places[1]).max() > 0.5  # but not that a band is missing


def test_the_reconstruction_remembers_when(trained: tle_vae.PhotometryVAE) -> None:
    one, other = (tle_vae.reconstruct(pulse(at), trained)[0] for at in (1500, 1700))
    np.testing.assert_allclose(one[:, 1000:2000], other[:, 1200:2200], atol=1e-5)


def test_training_looks_at_few_samples_but_at_the_right_sum(trained: tle_vae.PhotometryVAE, slices: np.ndarray) -> None:
    x = torch.from_numpy(slices[:6])
    network = tle_vae.PhotometryVAE().eval()
    tau = network.codes(network.steps(x)).tau
    torch.manual_seed(0)
    light = torch.rand(6, 3, N_SAMPLES)
    sums = []
    for _ in range(200):
        samples, weight = network._thinned(tau)
        sums.append((light.gather(2, samples) * weight).sum(2))
    mean, spread = torch.stack(sums).mean(0), torch.stack(sums).std(0) / 200**0.5
    assert ((mean - light.sum(2)).abs() < 5 * spread + 0.05).all()


def test_the_bound_rises_and_repeats(slices: np.ndarray) -> None:
    before = torch.get_rng_state()
    histories = [tle_vae.train(tle_vae.PhotometryVAE, slices, 3, TINY)[1] for _ in range(2)]
    assert torch.equal(before, torch.get_rng_state())
    assert histories[0].equals(histories[1])
    assert histories[0].log_likelihood.is_monotonic_increasing
    assert (histories[0].kl > 0).all()


def test_pieces_add_up_to_the_batch(slices: np.ndarray) -> None:
    x, gradients = torch.from_numpy(slices), []
    for pieces in (7, 20):
        torch.manual_seed(0)
        network = tle_vae.FaithfulVAE(n_latent=4)
        network.bound_terms = lambda x, own=network: (  # type: ignore[method-assign]
            own.encode(x)[0].sum(1), own.encode(x)[1].exp()
        )  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("meteortut.tle_vae.training.PIECE", pieces)
            _step(network, x, 1.0, torch.optim.SGD(network.parameters(), lr=0.0))
        gradients.append(network.to_latent[4].bias.grad)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-8)


def test_a_short_live_training_follows_the_recipe(slices: np.ndarray) -> None:
    _, history = tle_vae.train(tle_vae.PhotometryVAE, slices, 3, TINY, n_epochs=1)
    full = tle_vae.train(tle_vae.PhotometryVAE, slices, 3, TINY)[1]
    assert history.log_likelihood[0] == full.log_likelihood[0]
    with pytest.raises(ValueError, match="no slices"):
        tle_vae.train(tle_vae.PhotometryVAE, slices[:0], 0, TINY)


@pytest.mark.parametrize("build", [tle_vae.PhotometryVAE, tle_vae.BetaPhotometryVAE, tle_vae.FaithfulVAE])
def test_bits_are_counted_on_the_same_steps(build, slices: np.ndarray) -> None:
    network = build().eval()
    bits = network.bits(torch.from_numpy(slices[:2]))
    assert bits.shape == (2, 3, N_SAMPLES) and np.isfinite(bits).all() and bits.min() >= 0
    total = tle_vae.bits_per_sample(network, slices[:2])
    assert (total > bits.mean(axis=(1, 2)) * 0.5).all()


def test_levels_must_reach_over_the_slice() -> None:
    with pytest.raises(ValueError, match="must reach over"):
        tle_vae.PhotometryVAE(levels=(1, 8))


def test_weights_survive_the_file(trained: tle_vae.PhotometryVAE, slices: np.ndarray, tmp_path) -> None:
    path = tmp_path / "own.safetensors"
    save_weights(trained, path)
    again = tle_vae.load_network(path)
    np.testing.assert_allclose(tle_vae.embed(slices, again), tle_vae.embed(slices, trained), atol=0.05)
    with pytest.raises(FileNotFoundError, match="no file"):
        tle_vae.load_network(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="not safetensors"):
        tle_vae.load_network(tmp_path / "bad.safetensors")
