"""From frames of any size and scale to the 96×96 tiles that the network sees, and back to one score per frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import nn

from meteortut.gradcam.weights import shipped_network
from meteortut.windows import window_starts

#: Side of a tile, and steps from one to the next, pixels: a track of up to 48 px lies whole in at least one tile.
TILE, STRIDE = 96, 48
#: Shortest side of a frame, pixels. Smaller ones have less than one output pixel of the last stage.
SMALLEST = 32
_BATCH = 64


def check_image(image: np.ndarray, name: str = "image") -> np.ndarray:
    """Refuse what is no grey frame.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Integers or floats in any unit, axis order (y, x).
    name : str
        What to call it in the error.

    Returns
    -------
    ndarray of float32 of shape (height, width)
        The same numbers; those of 64 bits after subtracting the median, so that small signals survive the rounding.

    Raises
    ------
    TypeError
        Not numbers, or complex ones.
    ValueError
        Colour or another number of axes; a side shorter than 32; values that are not finite; all values the same.
    """
    image = np.asarray(image)
    if image.dtype.kind not in "iuf":
        raise TypeError(f"{name} has dtype {image.dtype}; expected integers or floats.")
    if image.ndim != 2:
        hint = "Take the mean of the colours: image.mean(axis=-1)." if image.ndim == 3 else "Give one grey frame."
        raise ValueError(f"{name} has shape {image.shape}; expected (height, width). {hint}")
    if min(image.shape) < SMALLEST:
        raise ValueError(
            f"{name} has shape {image.shape}; expected at least {SMALLEST} × {SMALLEST} grey pixels: "
            "a smaller cut does not show whether a streak ends."
        )
    if not np.isfinite(image).all():
        n_bad = int((~np.isfinite(image)).sum())
        raise ValueError(f"{name} has {n_bad} values that are not finite; replace them, for example by the median.")
    if image.min() == image.max():
        raise ValueError(f"{name} is {image.flat[0]} everywhere; expected a frame with something in it, if only noise.")
    if image.dtype.itemsize > 4:
        image = image - np.median(image)
    return image.astype(np.float32)


def tile_origins(shape: tuple[int, int], stride: int = STRIDE) -> np.ndarray:
    """Say where the tiles of a frame begin; the last of a row or column is aligned to the edge.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the frame.
    stride : int
        Steps, pixels.

    Returns
    -------
    ndarray of int of shape (n_tiles, 2), pixels
        (y, x) of each tile's upper left pixel, row by row. (720, 1280) has 14 × 26 = 364 tiles. A side of up to 96
        pixels has one.
    """
    starts = [window_starts(max(side, TILE), TILE, stride) for side in shape]
    return np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, 2)


def cut_tiles(image: np.ndarray, origins: np.ndarray) -> np.ndarray:
    """Cut tiles out of a frame; one that is smaller than a tile is continued by its mirror image.

    Parameters
    ----------
    image : ndarray of shape (height, width), any unit
        Frame.
    origins : ndarray of int of shape (n_tiles, 2)
        As :func:`tile_origins` gives them.

    Returns
    -------
    ndarray of shape (n_tiles, 96, 96), unit and dtype of the frame
    """
    missing = [max(TILE - side, 0) for side in image.shape]
    if any(missing):
        image = np.pad(image, [(0, n) for n in missing], mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(image, (TILE, TILE))
    return windows[origins[:, 0], origins[:, 1]]


def normalise(tiles: np.ndarray) -> np.ndarray:
    """Bring tiles to a common scale: sky at 0, its noise about ⅓, and what is much brighter compressed.

    Parameters
    ----------
    tiles : ndarray of shape (n_tiles, height, width), any unit
        Raw tiles.

    Returns
    -------
    ndarray of float32 of the same shape, no unit
        ``asinh(z / 3)`` with z = (value − median) / σ per tile, σ the distance between the 10th and 90th percentile divided by
        2.56 (what it is for normal noise). Where more than 80 % of the pixels agree, σ is the standard deviation; a
        constant tile is 0.

    Notes
    -----
    Neither an offset nor a factor changes the result: 8 bits, 16 bits and floats look alike. asinh is linear below 3 σ
    and logarithmic above, so that a star of 200 counts does not drown a track of 20. The 3 is chosen.
    """
    flat = np.asarray(tiles, dtype=np.float32).reshape(len(tiles), -1)
    ranked = np.partition(flat, [flat.shape[1] // 10, flat.shape[1] // 2, flat.shape[1] * 9 // 10], axis=1)
    low, middle, high = (ranked[:, flat.shape[1] * tenths // 10, None] for tenths in (1, 5, 9))
    sigma = (high - low) / 2.56
    sigma = np.where(sigma > 0, sigma, flat.std(axis=1, keepdims=True))
    result = np.arcsinh((flat - middle) / np.where(sigma > 0, sigma, 1) / 3)
    return result.reshape(tiles.shape).astype(np.float32, copy=False)


def network_input(tiles: np.ndarray) -> torch.Tensor:
    """Normalise raw tiles (n, height, width) into a float32 tensor (n, 1, height, width), channels last in memory."""
    return torch.from_numpy(normalise(tiles))[:, None].contiguous(memory_format=torch.channels_last)


def tile_probabilities(tiles: np.ndarray, network: nn.Module | None = None) -> np.ndarray:
    """Give each raw tile its probability of showing the streak of a meteor, or one that looks like it in a maximum.

    Parameters
    ----------
    tiles : ndarray of shape (n_tiles, 96, 96), any unit
        Raw tiles; see :func:`normalise`.
    network : torch.nn.Module, optional
        One logit per image of one channel; by default the network that ships.

    Returns
    -------
    ndarray of float64 of shape (n_tiles,)
        0 to 1.
    """
    network = (shipped_network() if network is None else network).eval()
    with torch.inference_mode():
        logits = [network(network_input(tiles[k : k + _BATCH]))[:, 0] for k in range(0, len(tiles), _BATCH)]
        return torch.sigmoid(torch.cat(logits).double()).numpy() if logits else np.empty(0)


def tile_scores(image: np.ndarray, network: nn.Module | None = None) -> pd.DataFrame:
    """Score every tile of a frame.

    Parameters
    ----------
    image : ndarray of shape (height, width), integers or floats in any unit
        Grey maximum image, 32 pixels or more on a side.
    network : torch.nn.Module, optional
        By default the network that ships.

    Returns
    -------
    DataFrame, a row per tile
        ``y``, ``x`` (upper left pixel), ``score`` (as :func:`tile_probabilities`).

    Raises
    ------
    TypeError, ValueError
        As :func:`check_image`.
    """
    image = check_image(image)
    origins = tile_origins(image.shape)
    score = tile_probabilities(cut_tiles(image, origins), network)
    return pd.DataFrame({"y": origins[:, 0], "x": origins[:, 1], "score": score})


def classify(images: np.ndarray | Sequence[np.ndarray], network: nn.Module | None = None) -> np.ndarray:
    """Give the probability of a meteor's streak in each frame, or of one that looks like it: the score of its best tile.

    Parameters
    ----------
    images : ndarray of shape (n, height, width), or sequence of n ndarrays of shape (height, width)
        Grey maximum images of any size from 32×32 and any scale; sizes, dtypes and scales may differ from one to the
        next. Burnt-in captions and dead borders should be cut off first.
    network : torch.nn.Module, optional
        By default the network that ships.

    Returns
    -------
    ndarray of float64 of shape (n,)
        0 to 1; shape (0,) when there are no images.

    Raises
    ------
    TypeError, ValueError
        As :func:`check_image`, for the first frame that cannot be used, before any is scored.

    Notes
    -----
    Of many tiles the best is taken: the larger the frame, the higher its score by chance. A maximum image does not
    tell a meteor from a satellite of the same length; :func:`~meteortut.gradcam.locate` does, given the index of the
    maximum.
    """
    if isinstance(images, np.ndarray) and images.ndim == 2:
        raise ValueError(f"images has shape {images.shape}; expected (n, height, width). Add an axis: images[None].")
    if isinstance(images, np.ndarray) and images.ndim == 4:
        raise ValueError(f"images has shape {images.shape}; expected (n, height, width), grey: images.mean(axis=-1).")
    checked = [check_image(image, f"images[{k}]") for k, image in enumerate(images)]
    return np.array([tile_scores(image, network).score.max() for image in checked], dtype=float)
