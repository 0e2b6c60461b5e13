"""Chapter 3: ResNet-34, its weights in files, tiles, Grad-CAM and its check."""

from __future__ import annotations

import copy
import gc
import hashlib
import pickle
import shutil
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from meteortut import gradcam  # noqa: E402
from meteortut.gradcam.resnet import fused  # noqa: E402
from meteortut.gradcam.tiles import check_image, network_input, tile_probabilities  # noqa: E402
from meteortut.states import save_weights  # noqa: E402


@pytest.fixture(scope="module")
def network() -> gradcam.ResNet34:
    """Untrained: what is tested with it must hold for any weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return gradcam.ResNet34().eval()


@pytest.fixture(scope="module")
def tiles() -> np.ndarray:
    return np.random.default_rng(0).normal(30, 3, (3, 96, 96)).astype(np.float32)


# --- the network ------------------------------------------------------------------------------------------------------


def test_full_width_has_the_published_number_of_parameters():
    network = gradcam.ResNet34(1000, width=64, in_channels=3)
    assert gradcam.count_parameters(network) == 21_797_672
    convolutions = [part for part in network.modules() if isinstance(part, torch.nn.Conv2d)]
    assert (
        sum(part.kernel_size != (1, 1) for part in convolutions) + 1 == 34
    )  # and the dense layer; ways round do not count
    names = set(network.state_dict())
    assert {
        "conv1.weight",
        "layer1.0.bn2.running_var",
        "layer2.0.downsample.0.weight",
        "layer4.2.conv2.weight",
        "fc.bias",
    } <= names
    assert len(names) == 218  # as resnet34-b627a593.pth, with its 36 counters


def test_layers_halve_the_image(network, tiles):
    for layer, pixels in gradcam.LAYERS.items():
        assert gradcam.grad_cam(tiles, network, layer, resize=False).shape == (3, 96 // pixels, 96 // pixels)


def test_a_fused_copy_scores_alike_and_leaves_the_network_alone(network, tiles):
    trained, generator = copy.deepcopy(network).train(), torch.Generator().manual_seed(2)
    for module in trained.modules():  # statistics as training leaves them
        if isinstance(module, torch.nn.BatchNorm2d):
            for values, low in (
                (module.running_mean, -0.5),
                (module.running_var, 0.5),
                (module.weight, 0.5),
                (module.bias, -0.5),
            ):
                values.data.copy_(low + torch.rand(values.shape, generator=generator))
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    quick = fused(trained)
    assert trained.training and not quick.training
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in quick.modules())
    assert all(torch.equal(value, before[name]) for name, value in trained.state_dict().items())
    with torch.inference_mode():
        given = network_input(tiles)
        torch.testing.assert_close(quick(given), trained.eval()(given), rtol=1e-3, atol=1e-4)


def test_a_block_without_weights_passes_its_input_on():
    block = gradcam.BasicBlock(4, 4).eval()
    torch.nn.init.zeros_(block.bn2.weight)
    x = torch.rand(2, 4, 8, 8)
    torch.testing.assert_close(block(x), x)


# --- weights ----------------------------------------------------------------------------------------------------------


def official_file(folder: Path, content: object) -> Path:
    path = folder / "file"
    torch.save(content, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path.rename(folder / f"resnet34-{digest[:8]}.pth")


def test_official_weights_load_and_grey_is_colour_three_times(tmp_path):
    colour = gradcam.ResNet34(1000, width=64, in_channels=3).eval()
    path = official_file(tmp_path, colour.state_dict())
    same = gradcam.load_official(path, n_classes=1000, in_channels=3)
    grey = gradcam.load_official(path, n_classes=1000)
    x = torch.rand(1, 1, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(same(x.expand(-1, 3, -1, -1)), colour(x.expand(-1, 3, -1, -1)))
        torch.testing.assert_close(grey(x), colour(x.expand(-1, 3, -1, -1)), rtol=1e-3, atol=1e-4)
    assert gradcam.load_official(path).fc.weight.shape == (1, 512)
    changed = path.with_name("resnet34-00000000.pth")
    shutil.copy(path, changed)
    with pytest.raises(ValueError, match=r"sha256 .* expected 00000000"):
        gradcam.load_official(changed)
    with pytest.raises(ValueError, match="in_channels is 2"):
        gradcam.load_official(path, in_channels=2)


class Trap:
    """A pickle of this runs code when it is opened without care."""

    opened = False

    def __reduce__(self):
        return (setattr, (Trap, "opened", True))


def test_the_official_file_cannot_run_code(tmp_path):
    path = official_file(tmp_path, {"conv1.weight": Trap()})
    with pytest.raises(ValueError, match="holds no plain weights"):
        gradcam.load_official(path)
    assert not Trap.opened


def test_official_weights_of_another_network_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"does not fit the network: bn1\.bias is \(16,\); expected \(64,\)"):
        gradcam.load_official(official_file(tmp_path, gradcam.ResNet34(1000, in_channels=3).state_dict()))
    with pytest.raises(ValueError, match="holds list"):
        gradcam.load_official(official_file(tmp_path, [1, 2]))
    plain = tmp_path / "resnet34.pth"
    plain.write_bytes(b"")
    with pytest.raises(ValueError, match="8 digits of its sha256"):
        gradcam.load_official(plain)


def test_weights_survive_the_file(network, tiles, tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(network, path)
    assert path.stat().st_size < 3e6
    np.testing.assert_allclose(
        tile_probabilities(tiles, gradcam.load_weights(path)), tile_probabilities(tiles, network), atol=0.01
    )


def test_bad_weights_are_refused_by_name(network, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*none\.safetensors"):
        gradcam.load_weights(tmp_path / "none.safetensors")
    path = tmp_path / "w.safetensors"
    path.write_bytes(pickle.dumps({"conv1.weight": Trap()}))
    with pytest.raises(ValueError, match=r"w\.safetensors is not safetensors"):
        gradcam.load_weights(path)
    assert not Trap.opened
    save_file({"other": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match=r"has no conv1\.weight and fc\.weight"):
        gradcam.load_weights(path)
    state = {name: value for name, value in network.state_dict().items() if not name.endswith("tracked")}
    for name, value, message in [
        ("layer3.1.conv1.weight", torch.zeros(64, 64, 1, 1), r"is \(64, 64, 1, 1\); expected \(64, 64, 3, 3\)"),
        ("layer3.1.conv1.weight", torch.full((64, 64, 3, 3), torch.nan), "not finite"),
        ("layer9.weight", torch.zeros(1), "expected no such array"),
    ]:
        save_file(state | {name: value}, path)
        with pytest.raises(ValueError, match=message):
            gradcam.load_weights(path)


def test_the_shipped_network_is_small_and_loads_once():
    network = gradcam.shipped_network()
    assert network is gradcam.shipped_network() and not network.training
    assert gradcam.count_parameters(network) == 1_333_809
    weights = Path(gradcam.__file__).parents[1] / "weights" / "gradcam.safetensors"
    assert weights.stat().st_size <= 3_000_000 and weights.with_suffix(".json").exists()


# --- tiles ------------------------------------------------------------------------------------------------------------


@given(height=st.integers(32, 300), width=st.integers(32, 300))
@settings(max_examples=40, deadline=None)
def test_tiles_cover_every_pixel_and_stay_inside(height, width):
    origins = gradcam.tile_origins((height, width))
    covered = np.zeros((height, width), bool)
    for y, x in origins:
        covered[y : y + 96, x : x + 96] = True
        assert y + 96 <= max(height, 96) and x + 96 <= max(width, 96)
    assert covered.all() and len(np.unique(origins, axis=0)) == len(origins)


def test_a_frame_has_364_tiles():
    assert len(gradcam.tile_origins((720, 1280))) == 364


@given(factor=st.floats(1e-3, 1e3), offset=st.floats(-1e3, 1e3))
@settings(max_examples=25, deadline=None)
def test_scale_and_offset_do_not_matter(factor, offset):
    tiles = np.random.default_rng(2).normal(0, 1, (2, 96, 96))
    changed = (tiles * factor + offset * factor).astype(np.float32)
    np.testing.assert_allclose(gradcam.normalise(changed), gradcam.normalise(tiles), atol=2e-3)


def test_normalised_sky_has_mean_zero_and_noise_one_third():
    tile = gradcam.normalise(np.random.default_rng(3).normal(100, 7, (1, 96, 96)))
    assert abs(np.median(tile)) < 1e-3 and tile.std() == pytest.approx(1 / 3, rel=0.1)
    assert (gradcam.normalise(np.full((1, 96, 96), 5.0)) == 0).all()
    mostly = np.zeros((1, 96, 96))
    mostly[0, 40:44, 40:60] = 9.0
    assert np.isfinite(gradcam.normalise(mostly)).all() and gradcam.normalise(mostly).max() > 1


def test_scores_do_not_depend_on_the_number_format(network):
    eight = np.random.default_rng(4).integers(0, 200, (130, 170)).astype(np.uint8)
    forms = [
        eight,
        eight.astype(np.uint16) * 257,
        eight / 255.0,
        eight.astype(np.int64) + 10**9,
        np.asfortranarray(eight),
    ]
    scores = gradcam.classify(forms, network)
    assert scores.shape == (5,) and np.ptp(scores) < 1e-4
    assert scores[0] == gradcam.tile_scores(eight, network).score.max()


def test_lists_may_mix_sizes(network):
    rng = np.random.default_rng(5)
    frames = [rng.normal(size=(32, 40)), rng.normal(size=(96, 96)), rng.normal(size=(100, 250))]
    together = gradcam.classify(frames, network)
    np.testing.assert_allclose(together, [gradcam.classify([frame], network)[0] for frame in frames], atol=1e-6)
    assert gradcam.classify([], network).shape == (0,)
    assert ((together > 0) & (together < 1)).all()


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (np.ones((64, 64, 3)), ValueError, r"shape \(64, 64, 3\); expected \(height, width\).*mean of the colours"),
        (np.ones(64), ValueError, r"shape \(64,\)"),
        (np.ones((31, 64)), ValueError, r"\(31, 64\); expected at least 32 × 32"),
        (np.full((64, 64), 7), ValueError, "is 7 everywhere"),
        (np.where(np.eye(64) > 0, np.nan, 1.0), ValueError, "64 values that are not finite"),
        (np.ones((64, 64), complex), TypeError, "dtype complex128"),
        (np.ones((64, 64), bool), TypeError, "dtype bool"),
        (np.array([["a"]]), TypeError, "expected integers or floats"),
    ],
)
@pytest.mark.parametrize(
    "call", [lambda image: gradcam.classify([image]), gradcam.tile_scores, gradcam.locate, gradcam.occlusion]
)
def test_bad_images_are_refused(image, error, message, call):
    with pytest.raises(error, match=message):
        call(image)


def test_the_error_names_the_image_and_the_axis():
    good = np.random.default_rng(6).normal(size=(40, 40))
    with pytest.raises(ValueError, match=r"images\[1\] is 0.0 everywhere"):
        gradcam.classify([good, good * 0])
    with pytest.raises(ValueError, match=r"Add an axis: images\[None\]"):
        gradcam.classify(good)
    with pytest.raises(ValueError, match=r"expected \(n, height, width\), grey"):
        gradcam.classify(np.ones((2, 64, 64, 3)))


def test_wide_integers_keep_small_signals():
    image = np.full((40, 40), 2**40, dtype=np.int64)
    image[3, 4] += 5
    assert np.ptp(check_image(image)) == 5


# --- Grad-CAM ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", list(gradcam.LAYERS))
def test_grad_cam_agrees_with_captum(network, tiles, layer):
    from captum.attr import LayerGradCam

    theirs = LayerGradCam(network, getattr(network, layer)).attribute(
        network_input(tiles), target=0, relu_attributions=True
    )
    ours = gradcam.grad_cam(tiles, network, layer, resize=False)
    assert np.abs(ours - theirs[:, 0].detach().numpy()).max() < 1e-5


def test_grad_cam_is_the_logit_where_the_head_is_a_mean(tiles):
    """With one channel of weight w, α = w / n_pixels and the map sums to the logit: Grad-CAM is exact there."""

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer4 = torch.nn.AvgPool2d(8)

        def forward(self, x):
            return 3.0 * torch.relu(self.layer4(x)).mean(dim=(2, 3))

    heat = gradcam.grad_cam(tiles, Plain(), resize=False)
    logit = Plain()(network_input(tiles))[:, 0].numpy()
    assert heat.shape == (3, 12, 12)
    # α averages the gradient over the map, also over the pixels that the ReLU cuts: a known blur of the method.
    assert (heat.sum(axis=(1, 2)) <= logit + 1e-6).all() and (heat > 0).any()


def test_hooks_are_freed_also_after_an_error(tiles):
    network = gradcam.ResNet34().eval()
    gradcam.grad_cam(tiles, network)
    gradcam.fused_cam(tiles, network)
    with pytest.raises(RuntimeError, match="on purpose"), gradcam.recorded(network.layer4):
        raise RuntimeError("on purpose")
    assert not any(part._forward_hooks or part._backward_hooks for part in network.modules())
    with gradcam.recorded(network.layer4) as record, torch.inference_mode():
        network(network_input(tiles))
    kept = weakref.ref(record["activation"])
    del record
    gc.collect()
    assert kept() is None


def test_grad_cam_leaves_no_gradient_and_works_on_a_frozen_network(tiles):
    network = gradcam.ResNet34().eval().requires_grad_(False)
    assert gradcam.grad_cam(tiles, network).shape == (3, 96, 96)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_fusion_is_scaled_to_one(network, tiles):
    fused = gradcam.fused_cam(tiles, network)
    assert fused.shape == (3, 96, 96) and (fused >= 0).all() and set(fused.max(axis=(1, 2)).round(5)) <= {0.0, 1.0}


class Spot(torch.nn.Module):
    """Looks at one pixel only."""

    def forward(self, x):
        return x[:, :, 40, 60] - 1


def test_occlusion_finds_the_pixel_that_counts(tiles):
    tile = tiles[0].copy()
    tile[40, 60] += 300
    fall = gradcam.occlusion(tile, Spot(), size=8, step=4)
    assert np.unravel_index(fall.argmax(), fall.shape)[0] in range(33, 48)
    assert fall[40, 60] == fall.max() > 0.5 and fall[:30].max() < 1e-6
    with pytest.raises(ValueError, match="step is 9"):
        gradcam.occlusion(tile, Spot(), size=8, step=9)


def test_unknown_layers_and_shapes_are_refused(network, tiles):
    with pytest.raises(ValueError, match="no layer 'layer5'"):
        gradcam.grad_cam(tiles, network, "layer5")
    with pytest.raises(ValueError, match=r"One tile: tiles\[None\]"):
        gradcam.grad_cam(tiles[0], network)
