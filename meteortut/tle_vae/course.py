"""How long light lasts, and whether two bands run together: what the five classes of the follow-up ask.

Jørgensen (2021) sorted slices by hand into high or low correlation between bands and high or low activity. Heights and shape
tell *what* flashed; these two numbers tell *how the slice went*. They are measured, not learned.
"""

from __future__ import annotations

import torch
from torch.nn import functional

#: Samples of a bin: 0.2 ms, so that a few quanta of noise in a bin are no light. Chosen.
BIN = 20
#: A bin is lit from this many standard deviations of a dark one above the dark reading, and from this many steps. Chosen.
LIT_SIGMA, LIT_STEPS = 3.0, 0.5


def lit_share(steps: torch.Tensor) -> torch.Tensor:
    """Share of the slice in which some band is brighter than its dark reading.

    Parameters
    ----------
    steps : Tensor of shape (n, n_bands, n_samples), whole steps of the instrument
        At least 20 samples.

    Returns
    -------
    Tensor of shape (n,), 0 … 1
        In bins of 0.2 ms. The dark reading is the quartile of a band's bins, its noise that of counting; a slice that is lit
        for more than three quarters of its time therefore passes for darker than it is. 0 without light.

    Raises
    ------
    ValueError
        If there are fewer than 20 samples.
    """
    mean = _binned(steps)
    n_dark = -(-mean.shape[2] // 4)
    dark = mean.kthvalue(n_dark, dim=2, keepdim=True).values
    limit = (LIT_SIGMA * (dark.clamp_min(0) / BIN).sqrt()).clamp_min(LIT_STEPS)
    return (mean - dark > limit).any(dim=1).float().mean(dim=1)


def likeness(steps: torch.Tensor) -> torch.Tensor:
    """Pearson correlation of the first band with the last (337 and 777.4 nm) in bins of 0.2 ms.

    Parameters
    ----------
    steps : Tensor of shape (n, n_bands, n_samples), whole steps of the instrument
        At least 20 samples.

    Returns
    -------
    Tensor of shape (n,), −1 … 1
        0 where one of the two never changes.

    Raises
    ------
    ValueError
        If there are fewer than 20 samples.
    """
    mean = _binned(steps)
    first, last = (mean[:, k] - mean[:, k].mean(dim=1, keepdim=True) for k in (0, -1))
    norm = (first.square().sum(1) * last.square().sum(1)).sqrt()
    return torch.where(norm > 0, (first * last).sum(1) / norm.clamp_min(1e-12), 0.0)


def _binned(steps: torch.Tensor) -> torch.Tensor:
    if steps.shape[-1] < BIN:
        raise ValueError(f"slices have {steps.shape[-1]} samples; expected at least {BIN}, one bin of 0.2 ms.")
    return functional.avg_pool1d(steps, BIN)
