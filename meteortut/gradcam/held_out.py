"""Fine-tuning on real images, and judging on cameras that took no part in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from meteortut.gradcam.evaluation import label_tiles
from meteortut.gradcam.resnet import ResNet34, fused
from meteortut.gradcam.tiles import check_image, cut_tiles, tile_origins, tile_probabilities
from meteortut.gradcam.track import find_tracks
from meteortut.gradcam.training import FINE_TUNING, Recipe, fine_tune
from meteortut.gradcam.weights import shipped_network

Points = tuple[np.ndarray, np.ndarray]
#: Steps between the tiles that show one track, pixels: each is seen in many places of a tile.
_DENSE = 24


def all_tile_scores(
    images: Sequence[np.ndarray],
    tracks: Sequence[Points | None],
    network: ResNet34 | None = None,
    max_frames: Sequence[np.ndarray | None] | None = None,
) -> pd.DataFrame:
    """Score all tiles of labelled images.

    Parameters
    ----------
    images : sequence of ndarray of shape (height, width)
        Grey maximum images.
    tracks : sequence of ((n_points,), (n_points,)) or None
        Labelled points (y, x) of each image's meteor, pixels; None when it has none.
    network : ResNet34, optional
        By default the network that ships. Tiles are scored by a fused copy: the same scores but for rounding.
    max_frames : sequence of ndarray of shape (height, width) or None, optional
        Index of the maximum of each image, where there is one.

    Returns
    -------
    DataFrame, a row per tile
        ``frame`` (number of the image), ``y``, ``x``, ``label`` (:func:`~meteortut.gradcam.evaluation.label_tiles`),
        ``score``, ``slow`` (:func:`slow_tiles`; False without an index of the maximum).

    Raises
    ------
    TypeError, ValueError
        As :func:`~meteortut.gradcam.tiles.check_image`; if there are not as many tracks as images.
    """
    max_frames = [None] * len(images) if max_frames is None else max_frames
    if not len(images) == len(tracks) == len(max_frames):
        raise ValueError(
            f"got {len(images)} images, {len(tracks)} tracks and {len(max_frames)} indices of the maximum; expected as many, "
            "None where there is none."
        )
    network = shipped_network() if network is None else network
    quick, tables = fused(network), []  # Grad-CAM, which finds the slow tracks, needs the network as it is
    for k, (image, track, max_frame) in enumerate(zip(images, tracks, max_frames, strict=True)):
        image = check_image(image, f"images[{k}]")
        origins = tile_origins(image.shape)
        y, x = track if track is not None else (np.empty(0), np.empty(0))
        values = {"frame": k, "y": origins[:, 0], "x": origins[:, 1], "label": label_tiles(origins, y, x)}
        slow = False if max_frame is None else slow_tiles(image, max_frame, origins, network)
        score = tile_probabilities(cut_tiles(image, origins), quick)
        tables.append(pd.DataFrame(values | {"score": score, "slow": slow}))
    return pd.concat(tables, ignore_index=True)


def slow_tiles(
    image: np.ndarray, max_frame: np.ndarray, origins: np.ndarray, network: ResNet34 | None = None
) -> np.ndarray:
    """Say which tiles show a satellite by the clock, and nothing faster.

    Parameters
    ----------
    image, max_frame : ndarray of shape (height, width)
        As for :func:`~meteortut.gradcam.track.find_tracks`.
    origins : ndarray of int of shape (n_tiles, 2), pixels
        (y, x) of the upper left pixels.
    network : ResNet34, optional
        By default the network that ships.

    Returns
    -------
    ndarray of bool of shape (n_tiles,)
        A track slower than :data:`~meteortut.gradcam.SLOWEST_METEOR`, or the straight continuation of one, lies inside; no
        faster track does. No label is used.
    """
    slow, fast = np.zeros(len(origins), bool), np.zeros(len(origins), bool)
    for track in find_tracks(image, max_frame, network):
        y, x = np.array(track.endpoints).T
        if track.is_satellite:
            slow |= label_tiles(origins, y, x) != 0
        else:
            fast |= label_tiles(origins, y, x) == 1
    return slow & ~fast


def with_clock(scores: pd.DataFrame) -> pd.DataFrame:
    """Let the clock speak: tiles that are ``slow`` score 0.

    Parameters
    ----------
    scores : DataFrame, a row per tile
        From :func:`all_tile_scores` with ``max_frames``.

    Returns
    -------
    DataFrame
        A copy.
    """
    return scores.assign(score=scores.score.where(~scores.slow, 0.0))


def training_tiles(
    images: Sequence[np.ndarray],
    tracks: Sequence[Points | None],
    scores: pd.DataFrame,
    rng: int | np.random.Generator,
    n_random: int = 6,
    n_hard: int = 8,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose tiles to fine-tune on: every track in many places of a tile, some other tiles, and those that look most like a meteor.

    Parameters
    ----------
    images, tracks
        As for :func:`all_tile_scores`.
    scores : DataFrame
        From :func:`all_tile_scores` of the same images, by the network that is to be tuned. Tiles that are ``slow`` are left
        out: they show a streak, and are neither a meteor's nor empty.
    rng : int or Generator
        Seed or generator.
    n_random, n_hard : int
        Tiles without a meteor per image: drawn at random, and those with the highest scores.

    Returns
    -------
    tiles : ndarray of float32 of shape (n_tiles, 96, 96), unit of the images
    is_meteor : ndarray of bool of shape (n_tiles,)
    """
    rng = np.random.default_rng(rng)
    tiles, labels = [], []
    for k, (image, track) in enumerate(zip(images, tracks, strict=True)):
        image = check_image(image, f"images[{k}]")
        if track is not None:
            origins = tile_origins(image.shape, stride=_DENSE)
            shown = origins[label_tiles(origins, *track) == 1]
            tiles.append(cut_tiles(image, shown))
            labels.append(np.ones(len(shown), bool))
        others = scores[(scores.frame == k) & (scores.label == 0) & ~scores.slow].sort_values("score", ascending=False)
        chosen = np.union1d(np.arange(min(n_hard, len(others))), rng.permutation(len(others))[:n_random])
        tiles.append(cut_tiles(image, others[["y", "x"]].to_numpy()[chosen]))
        labels.append(np.zeros(len(chosen), bool))
    return np.concatenate(tiles), np.concatenate(labels)


def leave_one_out(
    images: Sequence[np.ndarray],
    tracks: Sequence[Points | None],
    groups: Sequence[str],
    network: ResNet34,
    rng: int | np.random.Generator,
    recipe: Recipe = FINE_TUNING,
    max_frames: Sequence[np.ndarray | None] | None = None,
    progress: bool = False,
) -> tuple[pd.DataFrame, dict[str, ResNet34]]:
    """Fine-tune on all groups but one, and score that one; once for each group that has a meteor.

    Parameters
    ----------
    images, tracks
        As for :func:`all_tile_scores`.
    groups : sequence of str
        Camera, or camera and night, of each image.
    network : ResNet34
        Where each fine-tuning starts.
    rng : int or Generator
        Seed or generator.
    recipe : Recipe
        How to fine-tune.
    max_frames
        As for :func:`all_tile_scores`.
    progress : bool
        Show a bar that moves with each group.

    Returns
    -------
    scores : DataFrame, a row per tile of every group
        As of :func:`all_tile_scores`, and ``group``; ``before`` is the score of `network` itself.
    networks : dict of str to ResNet34
        The network by which each group was scored; it saw no image of that group.

    Raises
    ------
    ValueError
        If there are fewer than two groups, or lengths differ.
    """
    named = np.asarray(groups, dtype=object)
    if len(named) != len(images) or len(set(named)) < 2:
        raise ValueError(
            f"got {len(named)} groups of {len(images)} images, {len(set(named))} different; expected at least two."
        )
    rng = np.random.default_rng(rng)
    max_frames = [None] * len(images) if max_frames is None else max_frames
    before = all_tile_scores(images, tracks, network, max_frames)
    parts, networks = [], {}
    for group in tqdm(sorted(set(named)), desc="held out", disable=not progress):
        kept, held = (np.flatnonzero(mask) for mask in (named != group, named == group))
        chosen = before[before.frame.isin(kept)]
        chosen = chosen.assign(frame=np.searchsorted(kept, chosen.frame))
        tiles, labels = training_tiles([images[k] for k in kept], [tracks[k] for k in kept], chosen, rng)
        networks[group], _ = fine_tune(network, tiles, labels, rng, recipe)
        own = all_tile_scores(
            [images[k] for k in held], [tracks[k] for k in held], networks[group], [max_frames[k] for k in held]
        )
        parts.append(
            own.assign(frame=held[own.frame], group=group, before=before.score[before.frame.isin(held)].to_numpy())
        )
    return pd.concat(parts).sort_values(["frame", "y", "x"]).reset_index(drop=True), networks
