"""Training: from scratch on many simulated tiles, then gently on a few real ones."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn

from meteortut.gradcam.resnet import SMALL_WIDTH, ResNet34
from meteortut.gradcam.tiles import network_input, tile_probabilities
from meteortut.simulate.sky.exposures import LEAST_LENGTH_PX, LEAST_SNR

#: Parts that stay as they are in fine-tuning: edges and short lines look alike under every sky.
FROZEN = ("conv1", "bn1", "layer1")


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes
    ----------
    n_epochs, batch_size : int
        Rounds through the tiles, tiles per step.
    learning_rate, weight_decay : float
        Of AdamW (Loshchilov and Hutter 2019, ICLR).
    schedule : str
        ``"cosine"``: five hundredths of the steps up, then down to 0 along half a cosine (Loshchilov and Hutter 2017,
        ICLR);
        ``"constant"``.
    augment : bool
        Turn and mirror each tile at random (8 ways), change its contrast by up to a quarter, and add noise of up to
        0.15.
    frozen : sequence of str
        Parts of the network that stay as they are, also their normalisation.
    patience : int, optional
        Stop after so many epochs without a lower loss on the validation tiles, and keep the best; None trains to the
        end.
    """

    n_epochs: int = 10
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    schedule: str = "cosine"
    augment: bool = True
    frozen: Sequence[str] = ()
    patience: int | None = None


#: From scratch on simulated tiles; and a few minutes, or less, on real ones.
PRETRAINING = Recipe()
FINE_TUNING = Recipe(n_epochs=4, learning_rate=3e-4, frozen=FROZEN)


def streak_labels(truth: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Say which simulated tiles show a streak, and which say neither yes nor no.

    Parameters
    ----------
    truth : DataFrame, a row per tile
        As ``simulate.sky.simulate_sky`` gives it.

    Returns
    -------
    is_streak : ndarray of bool of shape (n_tiles,)
        Something that moves shows by the rule of the simulator's meteors: 10 pixels or more, ``snr`` 8 or more.
    is_clear : ndarray of bool of shape (n_tiles,)
        It is such a streak, or nothing that moves shows at all.

    Notes
    -----
    A satellite and a meteor of the same length look alike in a maximum image. A network that is to tell them apart there learns
    the simulator's habits, and loses streaks. So it learns what an image can say, and the index of the maximum says the rest.
    """
    is_streak = truth.is_meteor | (
        (truth.kind != "none") & (truth.length_px >= LEAST_LENGTH_PX) & (truth.snr >= LEAST_SNR)
    )
    return is_streak.to_numpy(), (is_streak | (truth.kind == "none")).to_numpy()


def pretrain(
    tiles: np.ndarray, is_meteor: np.ndarray, rng: int | np.random.Generator, recipe: Recipe = PRETRAINING
) -> tuple[ResNet34, pd.DataFrame]:
    """Train a new quarter-width network.

    Parameters
    ----------
    tiles : ndarray of shape (n_tiles, 96, 96), any unit
        Raw tiles.
    is_meteor : ndarray of bool of shape (n_tiles,)
        Labels.
    rng : int or Generator
        Seed or generator: first weights, order, augmentation. PyTorch's own generator is left as it was.
    recipe : Recipe
        How.

    Returns
    -------
    network : ResNet34
        In evaluation mode.
    history : DataFrame, a row per epoch
        As :func:`fine_tune`.

    Raises
    ------
    ValueError
        As :func:`fine_tune`.
    """
    rng = np.random.default_rng(rng)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        network = ResNet34(width=SMALL_WIDTH)
    return fine_tune(network, tiles, is_meteor, rng, recipe)


def fine_tune(
    network: ResNet34,
    tiles: np.ndarray,
    is_meteor: np.ndarray,
    rng: int | np.random.Generator,
    recipe: Recipe = FINE_TUNING,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[ResNet34, pd.DataFrame]:
    """Train a copy of a network further.

    Parameters
    ----------
    network : ResNet34
        Where to start; it is not changed.
    tiles, is_meteor, rng, recipe
        As for :func:`pretrain`.
    validation : (ndarray of shape (n, 96, 96), ndarray of bool of shape (n,)), optional
        Tiles and labels from another camera or night, for early stopping; never those that will judge.

    Returns
    -------
    network : ResNet34
        A new one, in evaluation mode.
    history : DataFrame, a row per epoch
        ``epoch``, ``loss`` (mean binary cross-entropy in training, natural units), ``validation_loss`` (NaN without
        validation).

    Raises
    ------
    ValueError
        Tiles and labels do not fit each other, all labels are the same, the recipe names an unknown schedule or part,
        or asks for early stopping without validation tiles.

    Notes
    -----
    Both classes count alike, however few meteors there are: each tile weighs half of what its class has. Forward
    passes run in bfloat16 with channels last in memory, twice as fast as plain float32 on processors that know it.
    """
    labels = _checked(network, tiles, is_meteor, recipe, validation)
    rng = np.random.default_rng(rng)
    network = copy.deepcopy(network)
    nn.Module.to(network, memory_format=torch.channels_last)  # type: ignore[call-overload]
    weight = 0.5 / np.where(labels, labels.mean(), 1 - labels.mean())
    inputs, target = network_input(tiles), torch.from_numpy(np.stack([labels, weight], axis=1)).float()
    trained = _freeze(network, recipe.frozen)
    optimiser = torch.optim.AdamW(trained, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    n_steps = recipe.n_epochs * -(-len(labels) // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, n_steps, recipe.schedule))
    rows: list[dict[str, float]] = []
    best, best_state, waited = np.inf, None, 0
    for epoch in range(recipe.n_epochs):
        _train_mode(network, recipe.frozen)
        loss = 0.0
        order = rng.permutation(len(labels))
        for chosen in np.array_split(order, -(-len(order) // recipe.batch_size)):
            x = _augmented(inputs[chosen], rng) if recipe.augment else inputs[chosen]
            loss += _step(network, x, target[chosen], optimiser) * len(chosen) / len(order)
            schedule.step()
        held = np.nan if validation is None else _loss(network, *validation)
        rows.append({"epoch": epoch, "loss": loss, "validation_loss": held})
        if recipe.patience is not None:
            if held < best:
                best, best_state, waited = held, copy.deepcopy(network.state_dict()), 0
            else:
                waited += 1
            if waited >= recipe.patience:
                break
    if best_state is not None:
        network.load_state_dict(best_state)
    network.requires_grad_(True)
    return network.eval(), pd.DataFrame(rows)


def _checked(
    network: nn.Module, tiles: np.ndarray, is_meteor: np.ndarray, recipe: Recipe, validation: object
) -> np.ndarray:
    labels = np.asarray(is_meteor, dtype=bool)
    if np.ndim(tiles) != 3 or labels.shape != (len(tiles),):
        raise ValueError(
            f"got tiles {np.shape(tiles)} and labels {labels.shape}; expected (n, height, width) and (n,)."
        )
    if labels.all() or not labels.any():
        raise ValueError(f"all {len(labels)} labels are the same; expected tiles with and without a meteor.")
    unknown = set(recipe.frozen) - {name for name, _ in network.named_children()}
    if unknown or recipe.schedule not in ("cosine", "constant"):
        raise ValueError(
            f"unknown part {sorted(unknown)} or schedule {recipe.schedule!r}; expected a child and cosine or constant."
        )
    if recipe.patience is not None and validation is None:
        raise ValueError("early stopping needs validation tiles; give validation=(tiles, labels) or patience=None.")
    return labels


def _freeze(network: nn.Module, frozen: Sequence[str]) -> list[nn.Parameter]:
    for name, part in network.named_children():
        part.requires_grad_(name not in frozen)
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def _train_mode(network: nn.Module, frozen: Sequence[str]) -> None:
    network.train()
    for name, part in network.named_children():
        if name in frozen:
            part.eval()


def _step(network: nn.Module, x: torch.Tensor, target: torch.Tensor, optimiser: torch.optim.Optimizer) -> float:
    with torch.autocast("cpu", torch.bfloat16):
        logit = network(x)[:, 0]
    loss = nn.functional.binary_cross_entropy_with_logits(logit.float(), target[:, 0], weight=target[:, 1])
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def _rate(step: int, n_steps: int, schedule: str) -> float:
    if schedule == "constant":
        return 1.0
    part = (step + 1) / (n_steps + 1)
    return part / 0.05 if part < 0.05 else 0.5 * (1 + np.cos(np.pi * (part - 0.05) / 0.95))


def _augmented(x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """One of eight turns and mirrors per quarter of the batch (cheap, and mixed anew each step); contrast and noise per tile."""
    parts = []
    for part in torch.tensor_split(x, 4):
        turned = torch.rot90(part, int(rng.integers(4)), (2, 3))
        parts.append(turned.flip(3) if rng.random() < 0.5 else turned)
    x = torch.cat(parts)
    contrast = rng.uniform(0.75, 1.25, (len(x), 1, 1, 1)).astype(np.float32)
    sigma = rng.uniform(0, 0.15, (len(x), 1, 1, 1)).astype(np.float32)
    noise = rng.standard_normal(x.shape, dtype=np.float32) * sigma
    return (x * torch.from_numpy(contrast) + torch.from_numpy(noise)).contiguous(memory_format=torch.channels_last)


def _loss(network: nn.Module, tiles: np.ndarray, is_meteor: np.ndarray) -> float:
    """Binary cross-entropy on the validation tiles, both classes alike."""
    labels = np.asarray(is_meteor, dtype=bool)
    score = np.clip(tile_probabilities(tiles, network), 1e-7, 1 - 1e-7)
    each = -np.log(np.where(labels, score, 1 - score))
    return float(np.mean([each[labels == value].mean() for value in np.unique(labels)]))
