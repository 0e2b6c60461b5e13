"""ResNet-34 written out: 33 convolutions and a dense layer, in blocks that only learn what to *add* to their input.

He et al. 2016, CVPR, 770 (arXiv:1512.03385), Table 1. Parameters carry torchvision's names, so that its ImageNet
weights load.
"""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from meteortut.gradcam.weights import official_state
from meteortut.states import load_state

#: Blocks per stage of ResNet-34.
STAGES = (3, 4, 6, 3)
#: Names of the layers whose activation can be looked at, from the first to the last, and pixels of the input per pixel
#: there.
LAYERS = {"conv1": 2, "layer1": 4, "layer2": 8, "layer3": 16, "layer4": 32}
#: Channels of the first stage of the network that ships: a quarter of the published 64.
SMALL_WIDTH = 16


class BasicBlock(nn.Module):
    """Two 3×3 convolutions, and a way round them.

    Parameters
    ----------
    n_in, n_out : int
        Channels before and after.
    stride : int
        2 halves height and width, once per stage; 1 keeps them.

    Notes
    -----
    ``relu(x + f(x))``: with f = 0 the block passes its input on, so that 16 of them in a row can still be trained. Where
    the shape changes, a 1×1 convolution (``downsample``) brings x to the new one. The convolutions have no bias: the
    normalisation behind each subtracts the mean anyway.
    """

    def __init__(self, n_in: int, n_out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.downsample: nn.Module | None = None
        if stride != 1 or n_in != n_out:
            self.downsample = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, n_in, height, width) to (batch, n_out, height / stride, width / stride)."""
        way_round = x if self.downsample is None else self.downsample(x)
        hidden = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(way_round + self.bn2(self.conv2(hidden)))


class ResNet34(nn.Module):
    """The network: a stem, four stages of basic blocks (3, 4, 6, 3), a mean over the image, one dense layer.

    Parameters
    ----------
    n_classes : int
        Outputs. 1 (one logit: meteor or not) for this chapter, 1000 for ImageNet.
    width : int
        Channels of the first stage; the others have 2, 4, 8 times as many. 64 is the published network, with 21 797 672
        parameters for 1000 classes and 3 input channels; 16 is the one that ships, with 1.3 million.
    in_channels : int
        1 for grey images, 3 for colour.

    Notes
    -----
    Called with float tensors of shape (batch, in_channels, height, width), 32 pixels or more on a side; gives logits of
    shape (batch, n_classes). Weights start as in He et al. 2015 (ICCV, 1026): normal, variance 2 / (outputs of the
    layer), drawn from PyTorch's own generator.
    """

    def __init__(self, n_classes: int = 1, width: int = SMALL_WIDTH, in_channels: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _stage(width, width, STAGES[0], stride=1)
        self.layer2 = _stage(width, 2 * width, STAGES[1], stride=2)
        self.layer3 = _stage(2 * width, 4 * width, STAGES[2], stride=2)
        self.layer4 = _stage(4 * width, 8 * width, STAGES[3], stride=2)
        self.fc = nn.Linear(8 * width, n_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give logits of shape (batch, n_classes) for images of shape (batch, in_channels, height, width)."""
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))


def _stage(n_in: int, n_out: int, n_blocks: int, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(n_in, n_out, stride), *(BasicBlock(n_out, n_out) for _ in range(n_blocks - 1)))


def fused(network: ResNet34) -> ResNet34:
    """Copy a network for scoring: each normalisation becomes part of the convolution before it, which saves its time.

    Parameters
    ----------
    network : ResNet34
        It is not changed.

    Returns
    -------
    ResNet34
        In evaluation mode, channels last in memory; the same logits but for rounding.
    """
    network = copy.deepcopy(network).eval()
    pairs: list[tuple[nn.Module, str, str]] = [(network, "conv1", "bn1")]
    for module in network.modules():
        if isinstance(module, BasicBlock):
            pairs += [(module, "conv1", "bn1"), (module, "conv2", "bn2")]
            pairs += [(module.downsample, "0", "1")] if module.downsample is not None else []
    for parent, convolution, normalisation in pairs:
        before, after = parent.get_submodule(convolution), parent.get_submodule(normalisation)
        assert isinstance(before, nn.Conv2d) and isinstance(after, nn.BatchNorm2d)
        setattr(parent, convolution, fuse_conv_bn_eval(before, after))
        setattr(parent, normalisation, nn.Identity())
    nn.Module.to(network, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def count_parameters(network: nn.Module) -> int:
    """Count the numbers that training changes: 21 797 672 for ``ResNet34(1000, width=64, in_channels=3)``."""
    return sum(parameter.numel() for parameter in network.parameters())


def load_official(path: str | Path, n_classes: int = 1, in_channels: int = 1) -> ResNet34:
    """Load the official ImageNet weights, and make them ready for grey images of other things.

    Parameters
    ----------
    path : path-like
        ``resnet34-b627a593.pth`` (https://download.pytorch.org/models/resnet34-b627a593.pth, 87 MB). The eight digits
        in its name are the first of its sha256, which is checked before anything is unpacked.
    n_classes : int
        1000 keeps the dense layer of ImageNet; any other number replaces it by a new one with small random weights.
    in_channels : int
        3 keeps the first convolution; 1 adds up its three filters. That gives the same as repeating the grey image
        three times, at a third of the work.

    Returns
    -------
    ResNet34
        Full width, in evaluation mode.

    Raises
    ------
    ValueError
        The name carries no hash, the hash does not match, the file does not hold these weights, or `in_channels` is
        not 1 or 3.
    FileNotFoundError
        If there is no such file.

    Notes
    -----
    The file is a pickle, the one that this package opens: after the check, and with ``weights_only=True``, which
    refuses code.
    """
    if in_channels not in (1, 3):
        raise ValueError(f"in_channels is {in_channels}; expected 1 (grey) or 3 (colour).")
    state = official_state(path)
    whole = ResNet34(1000, width=64, in_channels=3)
    load_state(whole, state, Path(path).name)
    if in_channels == 1:
        state["conv1.weight"] = state["conv1.weight"].sum(dim=1, keepdim=True)
    network = ResNet34(n_classes, width=64, in_channels=in_channels)
    if n_classes != 1000:
        state["fc.weight"], state["fc.bias"] = network.fc.weight.detach(), network.fc.bias.detach()
    load_state(network, state, Path(path).name)
    return network.eval()
