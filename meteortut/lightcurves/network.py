"""A small 1-D CNN for light curves of any length, in PyTorch; imported only when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from meteortut.lightcurves.smoothing import smooth

if TYPE_CHECKING:
    import torch

#: Channels of the input: the samples, the smoothed curve, place in the record, length of the record.
N_CHANNELS = 4
#: Longer records are averaged in blocks down to this many samples at most.
LONGEST = 64


def curve_channels(time_s: np.ndarray, magnitude: np.ndarray) -> np.ndarray:
    """Bring a light curve to what the network sees.

    Parameters
    ----------
    time_s, magnitude : ndarray of shape (n_samples,), seconds and magnitudes
        Growing times, finite magnitudes, n_samples ≥ 5.

    Returns
    -------
    ndarray of float32 of shape (4, n), n ≤ 64
        The samples and the smoothed curve (:func:`~meteortut.lightcurves.smoothing.smooth`): brightness below the smoothed peak in
        units of 2 mag, cut at −3 and 1; time from −1 at the first sample to 1 at the last; ln(n_samples) / 3 − 1 throughout. No
        absolute brightness, and no absolute time.
    """
    curve = smooth(time_s, magnitude)
    place = 2 * (time_s - time_s[0]) / (time_s[-1] - time_s[0]) - 1
    rows = np.stack([magnitude, curve, place])
    block = -(-len(magnitude) // LONGEST)
    if block > 1:
        starts = np.arange(0, len(magnitude), block)
        rows = np.add.reduceat(rows, starts, axis=1) / np.diff([*starts, len(magnitude)])
    bright = np.clip((curve.min() - rows[:2]) / 2, -3, 1)
    length = np.full(rows.shape[1], np.log(len(magnitude)) / 3 - 1)
    return np.stack([*bright, rows[2], length]).astype(np.float32)


def build_network(n_classes: int, width: int = 32, n_heads: int = 8) -> torch.nn.Module:
    """Build the network: three convolutions (width 5; dilation 1, 2, 4), pooling over the samples there are, two dense layers.

    Parameters
    ----------
    n_classes : int
        Number of classes.
    width : int
        Channels of the convolutions.
    n_heads : int
        Weighted means over the record; each head learns where to look, so that it can find the place of a peak or of a flank.

    Returns
    -------
    torch.nn.Module
        Called with float32 tensors of shape (batch, 4, n) and a mask (batch, n), 1 where there is a sample; gives logits
        (batch, n_classes). What stands beyond the mask changes nothing.
    """
    import torch
    from torch import nn

    class CurveNetwork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = [N_CHANNELS, width, width, width]
            self.convolutions = nn.ModuleList(
                nn.Conv1d(sizes[k], sizes[k + 1], 5, padding=2 * 2**k, dilation=2**k) for k in range(3)
            )
            self.look = nn.Conv1d(width + 1, n_heads, 1)
            self.head = nn.Sequential(
                nn.Linear((n_heads + 1) * (width + 1), 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, n_classes)
            )

        def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            inside = mask[:, None]
            hidden = x * inside
            for k, convolution in enumerate(self.convolutions):
                new = nn.functional.silu(convolution(hidden)) * inside
                hidden = new if k == 0 else hidden + new
            hidden = torch.cat([hidden, x[:, 2:3]], dim=1) * inside
            weight = torch.softmax(self.look(hidden).masked_fill(inside == 0, -1e9), dim=2)
            means = torch.einsum("bhn,bcn->bhc", weight, hidden).flatten(1)
            highest = hidden.masked_fill(inside == 0, -1e9).amax(dim=2)
            return self.head(torch.cat([means, highest], dim=1))

    return CurveNetwork()


def train_network(
    curves: list[np.ndarray],
    labels: np.ndarray,
    n_classes: int,
    rng: int | np.random.Generator,
    n_epochs: int = 40,
    batch_size: int = 64,
) -> torch.nn.Module:
    """Train the network; classes count alike, and every other curve is shown backwards.

    A curve read backwards is early if it was late, and the other way round; the rules behind the labels know no other direction.

    Parameters
    ----------
    curves : list of ndarray of shape (4, n)
        As :func:`curve_channels` gives them.
    labels : ndarray of int of shape (n_curves,)
        Class numbers; 0 is ``early`` and 1 is ``late``, as in :data:`meteortut.shapes.LABELS`.
    n_classes : int
        Number of classes.
    rng : int or Generator
        Seed or generator; draws the first weights, the order, the dropout. PyTorch's own generator is left as it was.
    n_epochs, batch_size : int
        Rounds through the curves, curves per step. 6000 curves and 40 rounds take about half a minute on one core.

    Returns
    -------
    torch.nn.Module
        In evaluation mode.

    Raises
    ------
    ValueError
        If there are no curves, or not as many labels.

    Notes
    -----
    AdamW (Loshchilov and Hutter 2019, ICLR), one-cycle learning rate (Smith and Topin 2019, Proc. SPIE 11006).
    """
    import torch

    if not curves or len(curves) != len(labels):
        raise ValueError(f"got {len(curves)} curves and {len(labels)} labels; expected as many, and at least one.")
    rng = np.random.default_rng(rng)
    count = np.bincount(labels, minlength=n_classes)
    weight = torch.tensor(len(labels) / (n_classes * np.maximum(count, 1)), dtype=torch.float32)
    with torch.random.fork_rng():
        torch.manual_seed(int(rng.integers(2**31)))
        network = build_network(n_classes)
        optimiser = torch.optim.AdamW(network.parameters(), lr=8e-3, weight_decay=1e-2)
        steps = n_epochs * -(-len(curves) // batch_size)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 8e-3, total_steps=steps)
        loss_of = torch.nn.CrossEntropyLoss(weight=weight, label_smoothing=0.02)
        for _ in range(n_epochs):
            for rows in _batches(curves, batch_size, rng):
                x, mask, y = _padded(curves, rows, labels, backwards=rng.random(len(rows)) < 0.5)
                loss = loss_of(network(x, mask), y)
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimiser.step()
                schedule.step()
    return network.eval()


def network_probabilities(network: torch.nn.Module, curves: list[np.ndarray], batch_size: int = 256) -> np.ndarray:
    """Give the probability of each class, (n_curves, n_classes), for curves (4, n) as :func:`curve_channels` gives them."""
    import torch

    order = np.argsort([curve.shape[1] for curve in curves], kind="stable")
    found = []
    with torch.no_grad():
        for first in range(0, len(order), batch_size):
            x, mask, _ = _padded(curves, order[first : first + batch_size])
            found.append(torch.softmax(network(x, mask), dim=1).numpy())
    n_classes = network.head[-1].out_features  # type: ignore[index, union-attr]
    result = np.empty((len(curves), n_classes), np.float32)
    result[order] = np.concatenate(found) if found else np.empty((0, n_classes))
    return result


def table_channels(table: pd.DataFrame) -> list[np.ndarray]:
    """Give the network's input (:func:`curve_channels`) for every record of a table of good ones."""
    return [
        curve_channels(np.asarray(time, float), np.asarray(magnitude, float))
        for time, magnitude in zip(table.time_s, table.magnitude, strict=True)
    ]


def _batches(curves: list[np.ndarray], size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Deal the curves into batches of like lengths (little padding), in random order."""
    lengths = np.array([curve.shape[1] for curve in curves])
    order = np.argsort(lengths * rng.uniform(0.8, 1.25, len(lengths)))
    batches = [order[first : first + size] for first in range(0, len(order), size)]
    return [batches[k] for k in rng.permutation(len(batches))]


def _padded(
    curves: list[np.ndarray], rows: np.ndarray, labels: np.ndarray | None = None, backwards: np.ndarray | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Lay curves of different lengths side by side: inputs (batch, 4, n), mask (batch, n), labels (batch,)."""
    import torch

    backwards = np.zeros(len(rows), bool) if backwards is None else backwards
    longest = max(curves[i].shape[1] for i in rows)
    x, mask = np.zeros((len(rows), N_CHANNELS, longest), np.float32), np.zeros((len(rows), longest), np.float32)
    y = np.zeros(len(rows), int) if labels is None else labels[rows].copy()
    for k, i in enumerate(rows):
        n = curves[i].shape[1]
        x[k, :, :n] = curves[i]
        mask[k, :n] = 1
        if backwards[k]:
            x[k, :, :n] = curves[i][:, ::-1]
            x[k, 2, :n] *= -1
            y[k] = {0: 1, 1: 0}.get(y[k], y[k])
    return torch.from_numpy(x), torch.from_numpy(mask), torch.from_numpy(y)
