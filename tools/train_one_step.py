"""Chapter 2: train the one-step network and the judges of its events under six kinds of sky, four times, for the two others.

    python tools/train_one_step.py --work FOLDER [--pairs 5 7 11 13] [--seed 1] [--out meteortut/weights]

Works on the frozen first world. Three rounds for the network: examples around meteors, around known confusers and
anywhere; then those joined by examples around what the network of the round before reported or missed in its own
training sessions, twice. Of each kind of sky two more are simulated for the networks and seven for the judges.
Nothing of the two sessions that are judged is an example, nor another sky of their kind. The judges of a pair learn
from the events of the other skies, found by the network that had not seen that kind (but had seen those of the pair,
and so had the first judge that says which tracks to fit: so much of these sessions reaches their second judges at
second hand). Tracks are fitted under six of the eight skies of a kind, with the response of the pixels and the
direction of the drift known, and under three of them once more with neither. The second judges learn from fourteen
more skies of each kind, with three times as many meteors: what is rare, a meteor that looks like none or something
else that looks like one, takes many skies to learn. There, tracks are fitted to a share of the plain cases only; each
counts for several, and a meteor for a third. Every part is kept in FOLDER and found again, so that a run may be
stopped and resumed; pairs may be worked on by several processes, one stage after the other (``--until``). Writes the
weights of the pair of ``--ship``; ``tools/judge_one_step.py`` judges them all. About six hours of a core in all, 7
GiB of memory, 18 GB of disk.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from train_minieuso import check_recipe, session, write

from meteortut import pipeline
from meteortut.pipeline import finding, voxels
from meteortut.pipeline.camera import Camera
from meteortut.pipeline.event_features import FEATURES, event_features
from meteortut.pipeline.judge import MEMBERS, PENALTY, RATE, SHARE, Judge, fit_judge, load_judge, save_judge
from meteortut.pipeline.matching import near
from meteortut.pipeline.weights import load_weights, save_weights
from meteortut.simulate import minieuso

#: Sessions that are judged together, by the first of each pair.
PAIRS = {5: (5, 6), 7: (7, 8), 11: (11, 12), 13: (13, 14)}
#: Epochs and learning rate of the three rounds.
ROUNDS = ((6, 3e-3), (5, 2e-3), (8, 2e-3))
#: Examples around each meteor, around confusers of each kind, anywhere, and around false events of a round, per session.
PER_METEOR, PER_KIND, ANYWHERE, FALSE = 2, 60, 100, 250
#: Log odds from which an event is false enough to learn from.
HARD = -2.0
#: Other skies of the kind of each session, by who learns from them: sky 300 + name is the third of session ``name``. Meteors in
#: each: for the judges as many as a session has on average. Tracks take longest, so they are fitted under fewer skies. Blind:
#: where they are fitted once more with nothing known.
EXTRA = 100
EXTRAS = {
    "networks": (3, 4),
    "judges": (1, 2, 5, 6, 7, 8, 9),
    "tracks": (1, 2, 5, 6, 7),
    "tracks, blind": (1, 2),
    "crowded": tuple(range(10, 24)),
}
EXTRA_METEORS = {"networks": 250, "judges": 130, "crowded": 390}
#: Under a crowded sky tracks are fitted to a share of the events only (probability of the first judge, share): of those on a
#: meteor, from that probability on; of the others, below it. Each stands for those left out, and a meteor for a third.
SURE, UNLIKELY = (0.5, 0.2), (0.03, 0.25)
#: Trees of the judges' members, least events in a leaf, and leaves (chosen on the eight sessions as they judge each other).
HOW = {"first": (250, 30, 15), "second": (600, 20, 31), "second_blind": (600, 20, 31)}
#: How a tree is grown, for the reports.
TREES = {"members": MEMBERS, "rate": RATE, "penalty": PENALTY, "share_of_features": SHARE}
STAGES = ("networks", "candidates", "tracks", "judges")
#: What is shipped: name in the folder, name in the package.
SHIPPED = {
    "one_step": "one_step.safetensors",
    "first_judge": "one_step_first_judge.safetensors",
    "second_judge": "one_step_second_judge.safetensors",
    "second_blind_judge": "one_step_second_judge_blind.safetensors",
}


def confusers(own: minieuso.Session, rng: np.random.Generator) -> np.ndarray:
    """Places (t, y, x) of some confusers of each kind."""
    table = own.truth.confusers
    inside = [
        table[axis].between(0, side - 1) for axis, side in zip(("t_peak", "y", "x"), own.frames.shape, strict=True)
    ]
    table = table[np.logical_and.reduce(inside)]
    chosen = table.groupby("kind").sample(frac=1, random_state=int(rng.integers(2**31))).groupby("kind").head(PER_KIND)
    return chosen[["t_peak", "y", "x"]].to_numpy(int)


def first_examples(name: int, given: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Examples of the first round from one sky, drawn once."""
    path = given.work / f"steps_{name}.npz"
    if not path.exists():
        own, rng = kept_sky(name, given), np.random.default_rng([given.seed, name])
        meteors = own.truth.meteors[["t_peak", "y", "x"]].to_numpy(int)
        centres = np.concatenate([np.repeat(meteors, PER_METEOR, axis=0), confusers(own, rng)])
        labels = pipeline.label_steps(own.truth.voxels, own.frames.shape)
        features, labels = pipeline.one_step_examples(own.frames, labels, centres, ANYWHERE, rng)
        write(path, lambda part: np.savez(part, features=features, labels=labels))
    with np.load(path) as kept:
        return kept["features"], kept["labels"]


def hard_examples(name: int, model: Any, given: argparse.Namespace, turn: int) -> tuple[np.ndarray, np.ndarray]:
    """Examples around the highest false events of a training session, and around meteors that were missed."""
    own, rng = kept_sky(name, given), np.random.default_rng([given.seed, name, turn])
    events = pipeline.voxel_events(pipeline.apply_one_step(own.frames, model), HARD)
    on_meteor, found = on_meteors(events, own.truth.meteors)
    worst = events[~on_meteor].nlargest(FALSE, "score")[["t", "y", "x"]].to_numpy().astype(int)
    missed = own.truth.meteors[~found][["t_peak", "y", "x"]].to_numpy(int)
    centres = np.clip(np.concatenate([worst, missed]), 0, np.array(own.frames.shape) - 1)
    labels = pipeline.label_steps(own.truth.voxels, own.frames.shape)
    return pipeline.one_step_examples(own.frames, labels, centres, 0, rng)


def on_meteors(events: pd.DataFrame, meteors: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Which events lie on a meteor, and which meteors have an event."""
    close = near(events, meteors)
    return close.any(axis=1), close.any(axis=0)


def train(pair: int, given: argparse.Namespace) -> Any:
    """Train under all kinds of sky but the two of a pair."""
    path = given.work / f"one_step_{pair}.safetensors"
    model = pipeline.build_one_step(seed=given.seed)
    if path.exists():
        return load_weights(model, path)
    others = skies([name for name in minieuso.SESSION_METEORS if name not in PAIRS[pair]], "networks")
    parts = [first_examples(name, given) for name in others]
    for turn, (epochs, rate) in enumerate(ROUNDS):
        if turn:
            parts += [hard_examples(name, model, given, turn) for name in others]
        features, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
        model.optimizer.learning_rate = rate
        losses = pipeline.fit_one_step(model, features, labels, [given.seed, pair, turn], epochs)
        print(
            pair, turn, len(features), [round(value, 5) for value in losses], f"{time.process_time():.0f} s", flush=True
        )
    write(path, lambda part: save_weights(model, part))
    return load_weights(model, path)  # judged as kept, rounded to 16 bits


def kept_sky(name: int, given: argparse.Namespace) -> minieuso.Session:
    """A session, or, from 100 on, another sky of the kind of session ``name % 100``; its frames in a file, written once."""
    if name < EXTRA:
        return session(name, given)
    sky = minieuso.SKIES["first"][name % EXTRA]
    learner = next((own for own in ("networks", "crowded") if name // EXTRA in EXTRAS[own]), "judges")
    blocks, truth = minieuso.stream(given.frames, EXTRA_METEORS[learner], [given.seed, 600 + name], sky=sky)
    path = given.work / f"sky_{name}.npy"
    if not path.exists():
        write(path, lambda part: np.save(part, np.concatenate(list(blocks))))
    return minieuso.Session(name, np.load(path, mmap_mode="r"), truth, sky)


def skies(names: Sequence[int], learner: str) -> list[int]:
    """These sessions and the other skies of their kinds that a learner has."""
    return [name + EXTRA * k for name in names for k in (0, *EXTRAS[learner])]


def crowded(names: Sequence[int], n: int | None = None) -> list[int]:
    """The crowded skies of the kinds of these sessions; the first n of each kind, or all."""
    return [name + EXTRA * k for name in names for k in EXTRAS["crowded"][:n]]


def candidates(name: int, given: argparse.Namespace) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Events of a sky, their features, and which are on a meteor; by the network that has not seen its session."""
    path = given.work / f"candidates_{name}.csv"
    if not path.exists():
        own = kept_sky(name, given)
        events = pipeline.voxel_events(pipeline.apply_one_step(own.frames, train(pair_of(name), given)), finding.FLOOR)
        features = event_features(own.frames, events).drop(columns=["score", "sum_score", "n_voxels"])
        on_meteor = near(events, own.truth.meteors).any(axis=1)
        keep(pd.concat([events, features, pd.Series(on_meteor, name="on_meteor")], axis=1), path)
    table = pd.read_csv(path)
    return table[voxels.COLUMNS], table[list(FEATURES)], table.on_meteor.to_numpy(bool)


def camera_of(own: minieuso.Session) -> Camera:
    """What is known of a sky: the response of the pixels, told from the stream, and the direction of the drift."""
    return Camera(flat=pipeline.estimate_flat(own.frames), yaw_deg=own.sky.yaw_deg)


def tracks(name: int, given: argparse.Namespace, blind: bool = False) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Rows of a sky's catalogue, their features, and which are on a meteor; by a judge that has not seen its session.

    ``blind``: neither the response of the pixels nor the direction of the drift is known. The rows of a crowded sky have a
    ``weight``.
    """
    path = given.work / f"{'blind' if blind else 'tracks'}_{name}.csv"
    if not path.exists():
        own = kept_sky(name, given)
        first, (events, features, _) = judges(pair_of(name), given, "first"), candidates(name, given)
        events, features = finding.worth_a_fit(events, features, first)
        weight, is_crowded = np.ones(len(events)), name // EXTRA in EXTRAS["crowded"]
        if is_crowded:
            weight = thinned(features.first_probability, near(events, own.truth.meteors).any(axis=1), given.seed + name)
            events, features = (part[weight > 0].reset_index(drop=True) for part in (events, features))
            weight = weight[weight > 0]
        table, features = finding.judged_tracks(own.frames, events, features, Camera() if blind else camera_of(own))
        on_meteor = pd.Series(near(table, own.truth.meteors).any(axis=1), name="on_meteor")
        if is_crowded:
            usual = EXTRA_METEORS["judges"] / EXTRA_METEORS["crowded"]
            table["weight"] = weight[table.event] * np.where(on_meteor, usual, 1.0)
        keep(pd.concat([table.add_prefix("row_"), features, on_meteor], axis=1), path)
        if is_crowded:
            (given.work / f"sky_{name}.npy").unlink()  # 184 MB that nobody needs again
    kept = pd.read_csv(path, keep_default_na=False, na_values=[""])
    table = kept.filter(regex="^row_").rename(columns=lambda column: column.removeprefix("row_"))
    return table, kept[list(finding.SECOND_FEATURES)], kept.on_meteor.to_numpy(bool)


def thinned(probability: pd.Series, on_meteor: np.ndarray, seed: int) -> np.ndarray:
    """How many events of a crowded sky each stands for, 0 for those that are left out: float, (n,).

    Events are drawn one by one, so a meteor that is several events may stay with the fainter ones, and count for more.
    """
    share = np.where(on_meteor & (probability >= SURE[0]), SURE[1], 1.0)
    share[~on_meteor & (probability < UNLIKELY[0])] = UNLIKELY[1]
    return (np.random.default_rng(seed).random(len(share)) < share) / share


def judges(pair: int, given: argparse.Namespace, which: str) -> Judge:
    """First or second judge for the two sessions of a pair; the blind one learns from tracks of both sorts."""
    path = given.work / f"{which}_judge_{pair}.safetensors"
    names = FEATURES if which == "first" else finding.SECOND_FEATURES
    if not path.exists():
        kinds = [name for name in minieuso.SESSION_METEORS if name not in PAIRS[pair]]
        measured, learner = (candidates, "judges") if which == "first" else (tracks, "tracks")
        parts = [measured(name, given) for name in skies(kinds, learner)]
        if which != "first":
            parts += [tracks(name, given) for name in crowded(kinds)]
        if which == "second_blind":
            parts += [tracks(name, given, blind=True) for name in skies(kinds, "tracks, blind")]
        write(path, lambda part: save_judge(taught(parts, given, which), part))
    return load_judge(path, names)


def taught(parts: list[tuple[pd.DataFrame, pd.DataFrame, np.ndarray]], given: argparse.Namespace, which: str) -> Judge:
    """A judge that has learned from these skies, as :func:`candidates` or :func:`tracks` give them."""
    rows, features, is_meteor = zip(*parts, strict=True)
    weight = np.concatenate([own["weight"] if "weight" in own else np.ones(len(own)) for own in rows])
    return fit_judge(pd.concat(features), np.concatenate(is_meteor), given.seed, *HOW[which], weight=weight)


def recipe_of(given: argparse.Namespace) -> dict[str, Any]:
    """How parts are made."""
    return {
        "seed": given.seed,
        "frames": given.frames,
        "rounds": ROUNDS,
        "examples": [PER_METEOR, PER_KIND, ANYWHERE, FALSE, HARD],
        "skies": [EXTRAS, EXTRA_METEORS, SURE, UNLIKELY],
        "floors": [finding.FLOOR, finding.WORTH_A_FIT],
        "judges": HOW,
        "trees": TREES,
    }


def pair_of(name: int) -> int:
    return next(first for first, pair in PAIRS.items() if name % EXTRA in pair)


def keep(table: pd.DataFrame, path: Path) -> None:
    write(path, lambda part: table.to_csv(part, index=False))


def ship(given: argparse.Namespace) -> None:
    """Copy the weights of a pair into the package."""
    for kind, name in SHIPPED.items():
        content = (given.work / f"{kind}_{given.ship}.safetensors").read_bytes()
        write(given.out / name, lambda part, content=content: part.write_bytes(content))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for sessions, examples and finished networks")
    parser.add_argument("--pairs", type=int, nargs="*", default=list(PAIRS), choices=list(PAIRS))
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, help="of TensorFlow; its own choice by default")
    parser.add_argument("--until", choices=STAGES, default="judges", help="stop after this, for several processes")
    parser.add_argument("--ship", type=int, default=11, choices=list(PAIRS))
    parser.add_argument("--out", type=Path, default=Path("meteortut/weights"))
    given = parser.parse_args(arguments)
    if given.threads:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(given.threads)
        tf.config.threading.set_inter_op_parallelism_threads(given.threads)
    given.work.mkdir(parents=True, exist_ok=True)
    check_recipe(given.work / "recipe.json", recipe_of(given))
    for stage in STAGES[: STAGES.index(given.until) + 1]:
        for pair in given.pairs:
            if stage == "networks":
                train(pair, given)
            elif stage == "judges":
                for which in ("second", "second_blind"):
                    judges(pair, given, which)
            else:
                measured, learner = (candidates, "judges") if stage == "candidates" else (tracks, "tracks")
                for name in skies(PAIRS[pair], learner):
                    measured(name, given)
                if stage == "tracks":
                    for name in skies(PAIRS[pair], "tracks, blind"):
                        tracks(name, given, blind=True)
                    for name in crowded(PAIRS[pair]):
                        tracks(name, given)
    if given.until == "judges":
        ship(given)


if __name__ == "__main__":
    main()
