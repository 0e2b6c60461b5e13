"""Grad-CAM by hand: which pixels made the network say "meteor"? And its check by hiding pixels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from meteortut.gradcam.tiles import check_image, network_input, tile_probabilities
from meteortut.gradcam.weights import shipped_network
from meteortut.windows import window_starts


@contextmanager
def recorded(layer: nn.Module) -> Iterator[dict[str, torch.Tensor]]:
    """Record what a layer gives while the block runs.

    Parameters
    ----------
    layer : torch.nn.Module
        Part of a network, ``network.layer4``.

    Yields
    ------
    dict of str to torch.Tensor of shape (batch, channels, height, width)
        ``"activation"`` after a forward pass, still part of the graph through which a gradient can come back to it.

    Notes
    -----
    The hook is taken off when the block ends, also by an error: a hook left behind keeps every later activation alive.
    """
    record: dict[str, torch.Tensor] = {}

    def keep(_module: nn.Module, _input: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        record["activation"] = output

    handle = layer.register_forward_hook(keep)
    try:
        yield record
    finally:
        handle.remove()


def grad_cam(
    tiles: np.ndarray, network: nn.Module | None = None, layer: str = "layer4", resize: bool = True
) -> np.ndarray:
    """Compute Grad-CAM: the channels of a layer, weighted by how much each pushes the logit, added up, negative parts cut.

    Parameters
    ----------
    tiles : ndarray of shape (n_tiles, height, width), any unit
        Raw tiles.
    network : torch.nn.Module, optional
        By default the network that ships.
    layer : str
        One of :data:`meteortut.gradcam.LAYERS`, ``"layer4"`` as published.
    resize : bool
        Bring the map to the size of the tiles (bilinear), or leave it as the layer gives it: 3×3 for ``layer4`` of a
        96×96 tile.

    Returns
    -------
    ndarray of float32 of shape (n_tiles, height, width), unit: that of the logit, per pixel of the layer
        0 where nothing speaks for a meteor, so all 0 on a tile where nothing does.

    Raises
    ------
    ValueError
        If the tiles are not (n_tiles, height, width), or the network has no such layer.

    Notes
    -----
    Selvaraju et al. 2017, ICCV, 618: α_c = mean over (y, x) of ∂logit/∂A_c; map = relu(Σ_c α_c A_c).
    """
    network = (shipped_network() if network is None else network).eval()
    part = _layer(network, layer, tiles)
    inputs = network_input(tiles)
    with recorded(part) as record, torch.enable_grad():
        # The input asks for a gradient, so that there is one also in a network whose weights are frozen.
        logit = network(inputs.requires_grad_())[:, 0]
        activation = record["activation"]
        (gradient,) = torch.autograd.grad(logit.sum(), activation)  # back to the layer, and no further
    alpha = gradient.mean(dim=(2, 3), keepdim=True)
    heat = torch.relu((alpha * activation.detach()).sum(dim=1, keepdim=True))
    return (_resized(heat, tiles) if resize else heat)[:, 0].numpy()


def fused_cam(tiles: np.ndarray, network: nn.Module | None = None) -> np.ndarray:
    """Multiply Grad-CAM of the last layer with the first layer's activation, as Peña-Asensio et al. (2023) find the pixel.

    Parameters
    ----------
    tiles : ndarray of shape (n_tiles, height, width), any unit
        Raw tiles.
    network : torch.nn.Module, optional
        By default the network that ships.

    Returns
    -------
    ndarray of float32 of shape (n_tiles, height, width), no unit, 0 to 1
        Each map divided by its largest value; its maximum is the method's pixel of the meteor.

    Notes
    -----
    arXiv:2310.16826 does not say how the channels of the first layer are joined: here they are rectified as the
    network does (after ``bn1``) and averaged.
    """
    network = (shipped_network() if network is None else network).eval()
    with recorded(_layer(network, "bn1", tiles)) as record:
        coarse = grad_cam(tiles, network)
    fine = _resized(torch.relu(record["activation"].detach()).mean(dim=1, keepdim=True), tiles)[:, 0].numpy()
    fused = coarse * fine
    top = fused.max(axis=(1, 2), keepdims=True)
    return fused / np.where(top > 0, top, 1)


def occlusion(image: np.ndarray, network: nn.Module | None = None, size: int = 12, step: int = 6) -> np.ndarray:
    """Hide one square of a tile after the other, and see how much the score falls: no gradient needed.

    Parameters
    ----------
    image : ndarray of shape (height, width), any unit
        One tile, 32 pixels or more on a side.
    network : torch.nn.Module, optional
        By default the network that ships.
    size, step : int
        Side of the square and distance to the next, pixels.

    Returns
    -------
    ndarray of float64 of shape (height, width), probability
        Fall of the score, averaged over the squares that hide the pixel; negative where hiding helps. A hidden pixel
        has the tile's median, which is what sky looks like to the network.

    Raises
    ------
    TypeError, ValueError
        As :func:`~meteortut.gradcam.tiles.check_image`; or if `size` or `step` do not fit.
    """
    image = check_image(image)
    if not 1 <= step <= size <= min(image.shape):
        raise ValueError(f"size is {size} and step is {step}; expected 1 ≤ step ≤ size ≤ {min(image.shape)}.")
    corners = [window_starts(side, size, step) for side in image.shape]
    squares = [np.s_[y : y + size, x : x + size] for y in corners[0] for x in corners[1]]
    hidden = np.repeat(image[None], len(squares) + 1, axis=0)
    for tile, square in zip(hidden, squares, strict=False):
        tile[square] = np.median(image)
    score = tile_probabilities(hidden, network)
    fall, count = np.zeros(image.shape), np.zeros(image.shape)
    for square, value in zip(squares, score[:-1], strict=True):
        fall[square] += score[-1] - value
        count[square] += 1
    return fall / count


def _layer(network: nn.Module, layer: str, tiles: np.ndarray) -> nn.Module:
    if np.ndim(tiles) != 3 or min(np.shape(tiles)) < 1:
        raise ValueError(
            f"tiles has shape {np.shape(tiles)}; expected (n_tiles, height, width). One tile: tiles[None]."
        )
    parts = dict(network.named_modules())
    if layer not in parts:
        raise ValueError(f"the network has no layer {layer!r}; expected conv1, layer1, layer2, layer3 or layer4.")
    return parts[layer]


def _resized(heat: torch.Tensor, tiles: np.ndarray) -> torch.Tensor:
    return nn.functional.interpolate(heat, size=tiles.shape[1:], mode="bilinear", align_corners=False)
