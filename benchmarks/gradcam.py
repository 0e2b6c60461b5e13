"""Chapter 3: Grad-CAM by hand beside captum's, and a frame's tiles beside a loop over them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from captum.attr import LayerGradCam

from meteortut import gradcam
from meteortut.gradcam.tiles import network_input, tile_probabilities
from meteortut.simulate.sky import simulate_sky


def pairs() -> list[tuple[str, str, Callable[[], object], Callable[[], object]]]:
    """Give name, peer's name, our call and the peer's; checks first that both give the same."""
    tiles, _ = simulate_sky(64, 3)
    network = gradcam.shipped_network()
    peer = LayerGradCam(network, network.layer4)
    frame = np.block([[tiles[8 * row + column] for column in range(8)] for row in range(8)])
    ours, theirs = gradcam.grad_cam(tiles, network, resize=False), _captum(peer, tiles)
    if (worst := float(np.abs(ours - theirs).max())) > 1e-5:
        raise RuntimeError(f"our Grad-CAM and captum's differ by {worst:.1e}.")
    if not np.allclose(gradcam.tile_scores(frame).score, _one_by_one(frame), atol=1e-4):
        raise RuntimeError("tile_scores and the loop disagree.")
    return [
        (
            "Grad-CAM of 64 tiles",
            "captum LayerGradCam",
            lambda: gradcam.grad_cam(tiles, network, resize=False),
            lambda: _captum(peer, tiles),
        ),
        (
            "score the 225 tiles of a 768×768 frame",
            "a loop over the tiles",
            lambda: gradcam.tile_scores(frame),
            lambda: _one_by_one(frame),
        ),
    ]


def _captum(peer: LayerGradCam, tiles: np.ndarray) -> np.ndarray:
    heat: torch.Tensor = peer.attribute(network_input(tiles), target=0, relu_attributions=True)
    return heat[:, 0].detach().numpy()


def _one_by_one(frame: np.ndarray) -> np.ndarray:
    tiles = gradcam.cut_tiles(frame, gradcam.tile_origins(frame.shape))
    return np.concatenate([tile_probabilities(tile[None]) for tile in tiles])
