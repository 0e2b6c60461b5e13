"""Chapter 2: train the published CNN and MLP of the Mini-EUSO search on seven sessions and judge them on the eighth, eight times.

    python tools/train_minieuso.py --work FOLDER [--folds 5 6 7 8 11 12 13 14] [--epochs 14] [--seed 1] [--out meteortut/weights]

Works on the frozen first world. Examples come from the seven sessions and from five more, crowded skies of each of the
seven kinds; nothing of the session that is judged takes part, nor another sky of its kind. The first network is shown
hard examples more often. The recipe was chosen on the fold of session 12. Every part is kept in FOLDER and found again,
so that a run may be stopped and resumed, and folds may be trained by several processes. Writes ``minieuso.json`` for
the folds that are done, and the two networks of the fold of ``--ship``. ``seconds`` are of the processor. About twelve
minutes of a core per fold and one per session for its examples, 11 GiB of memory, 6 GB on disk.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from meteortut import pipeline
from meteortut.chunking import AMBIGUOUS, METEOR, ChunkGrid, label_chunks
from meteortut.metrics import exact_interval
from meteortut.pipeline import bells, examples, judging
from meteortut.pipeline.training import half_cosine
from meteortut.pipeline.weights import load_weights, save_weights
from meteortut.simulate import minieuso

LIBRARIES = ("keras", "numpy", "pandas", "scikit-learn", "scipy", "tensorflow-cpu")
#: Chunks of either kind at most from a session, and from each extra sky of its kind; how many of these, their frames and meteors.
OWN, EXTRA, EXTRA_SKIES, EXTRA_SKY = (8_000, 25_000), (8_000, 20_000), 5, (24_000, 1_200)
DROPOUT, RATE, BATCH, MLP_BATCH, MLP_EPOCHS = 0.05, 2e-3, 256, 512, 8
#: After so many passes all examples are scored anew; how likely a chunk without a meteor takes part in a pass is proportional to
#: its score, or to this one where that is lower (all chosen on the fold of session 12).
RESCORE, LEAST_CHANCE = 2, 0.03
#: Prevalence at which PR AUC is given besides the test's own.
PREVALENCE = 0.01
#: Zotov et al. 2023: session → measure.
PUBLISHED = {
    name: {
        "cnn": dict(zip(("roc_auc", "pr_auc", "mcc", "f1"), cnn, strict=True)),
        "mlp": dict(zip(("roc_auc", "pr_auc", "mcc"), mlp, strict=True)),
        "hit_pixels_lost": lost,
        "hit_pixels": hits,
    }
    for name, cnn, mlp, lost, hits in (
        (5, (0.992, 0.937, 0.872, 0.873), (0.992, 0.899, 0.790), 2, 422),
        (6, (0.994, 0.955, 0.894, 0.901), (0.995, 0.932, 0.841), 2, 1428),
        (7, (0.999, 0.876, 0.732, 0.718), (0.993, 0.877, 0.744), 0, 80),
        (8, (0.993, 0.933, 0.857, 0.863), (0.994, 0.916, 0.826), 7, 928),
        (11, (0.994, 0.946, 0.888, 0.892), (0.996, 0.932, 0.847), 5, 958),
        (12, (0.998, 0.973, 0.921, 0.922), (0.993, 0.887, 0.812), 0, 492),
        (13, (0.993, 0.931, 0.782, 0.776), (0.995, 0.936, 0.809), 0, 457),
        (14, (0.996, 0.956, 0.901, 0.904), (0.995, 0.928, 0.835), 2, 630),
    )
}


def session(name: int, given: argparse.Namespace) -> minieuso.Session:
    return next(minieuso.sessions(given.seed, given.frames, folder=given.work / "sessions", names=[name]))


def draw(name: int, given: argparse.Namespace) -> examples.Examples:
    """Examples of one session and of the extra skies of its kind, drawn once."""
    path = given.work / f"examples_{name}.npz"
    if not path.exists():
        own, sky = session(name, given), minieuso.SKIES["first"][name]
        of_own, of_extra, (n_frames, n_meteors) = (
            [round(n * given.examples) for n in some] for some in (OWN, EXTRA, EXTRA_SKY)
        )
        parts = [examples.session_examples(own.frames, own.truth, *of_own, [given.seed, name])]
        for k in range(EXTRA_SKIES):
            seeds = [[given.seed, first + name + 1000 * k] for first in (500, 600)]
            frames, truth = minieuso.simulate_session(n_frames, n_meteors, seeds[0], sky=sky)
            parts.append(examples.session_examples(frames, truth, *of_extra, seeds[1]))
        write(path, lambda part: np.savez(part, **vars(examples.join_examples(parts))))
    with np.load(path) as kept:
        return examples.Examples(**kept)


def write(path: Path, save: Any) -> None:
    """Write a file by another name until it is complete."""
    part = path.with_name(f"{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        save(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    write(path, lambda part: part.write_text(json.dumps(content, indent=1) + "\n"))


def train(name: int, given: argparse.Namespace) -> tuple[Any, Any, dict[str, Any]]:
    """Train both networks on all sessions but one."""
    begin = time.process_time()
    parts = [draw(other, given) for other in given.sessions if other != name]
    drawn = time.process_time()
    cnn, losses = train_cnn([part.chunks for part in parts], [part.is_meteor for part in parts], name, given)
    fitted = time.process_time()
    is_meteor = np.concatenate([part.is_meteor for part in parts])
    pixels, is_hit = (np.concatenate([getattr(part, key) for part in parts]) for key in ("pixels", "is_hit"))
    del parts
    mlp = pipeline.build_mlp(seed=given.seed)
    mlp_losses = pipeline.fit_pixels(mlp, pixels, is_hit, given.seed, MLP_EPOCHS, MLP_BATCH)
    notes = {
        "n_chunks": [int(is_meteor.sum()), int((~is_meteor).sum())],
        "n_pixels": [int(is_hit.sum()), int((~is_hit).sum())],
        "cnn_loss": [round(value, 4) for value in losses],
        "mlp_loss": [round(value, 4) for value in mlp_losses],
        "seconds": {
            "examples": round(drawn - begin, 1),
            "cnn": round(fitted - drawn, 1),
            "mlp": round(time.process_time() - fitted, 1),
        },
    }
    return cnn, mlp, notes


def train_cnn(
    chunks: list[np.ndarray], labels: list[np.ndarray], name: int, given: argparse.Namespace, hard: bool = True
) -> tuple[Any, list[float]]:
    """Train the first network: in each pass on all meteor chunks and on about as many others.

    ``hard``: of these the likelier, the more they look like a meteor to the network so far; otherwise all alike.
    """
    small = pipeline.build_cnn(frames=24, dropout=DROPOUT, seed=given.seed)
    bells.start_at_bells(small, given.seed)
    rng, losses, chance = np.random.default_rng([given.seed, name]), [], [np.ones(len(own)) for own in labels]
    for turn in range(given.epochs):
        if hard and turn and turn % RESCORE == 0:
            chance = [np.maximum(scores(small, own), LEAST_CHANCE) for own in chunks]
        others = sum(float(c[~own].sum()) for c, own in zip(chance, labels, strict=True))
        wanted = sum(int(own.sum()) for own in labels) / max(others, 1.0)  # a few come out above one
        rows = [own | (rng.random(len(own)) < wanted * c) for c, own in zip(chance, labels, strict=True)]
        small.optimizer.learning_rate = RATE * half_cosine(turn, given.epochs)
        some, of_some = (
            np.concatenate([own[row] for own, row in zip(part, rows, strict=True)]) for part in (chunks, labels)
        )
        losses += pipeline.fit(small, some, of_some, [given.seed, name, turn], 1, BATCH)
        print(name, turn, len(some), f"{losses[-1]:.4f} {time.process_time():.0f} s", flush=True)
    calibrate(small, np.concatenate([scores(small, own) for own in chunks]), np.concatenate(labels))
    return bells.fold_bells(small, pipeline.build_cnn()), losses


def scores(model: Any, chunks: np.ndarray) -> np.ndarray:
    """Probability of "meteor" of each example: (n,)."""
    batches = (chunks[k : k + 4096] for k in range(0, len(chunks), 4096))
    return pipeline.score_batches(model, batches, lambda own: own.astype(np.float32))


def calibrate(model: Any, probability: np.ndarray, is_meteor: np.ndarray) -> None:
    """Move the last bias until the mean scores of meteor chunks and of the others, among all examples, add up to one.

    So scores are right on average where both are equally many. Harder chunks than the examples are on average made them too low.
    One number mends the mean alone, and for the examples; it moves what a score of one half means, but no area.
    """
    log_odds = logit(np.clip(probability.astype(float), 1e-7, 1 - 1e-7))

    def excess(shift: float) -> float:
        score = expit(log_odds + shift)
        return float(score[is_meteor].mean() + score[~is_meteor].mean() - 1)

    *others, bias = model.get_weights()
    model.set_weights([*others, bias + np.float32(brentq(excess, -20, 20))])


def judge(name: int, cnn: Any, mlp: Any, given: argparse.Namespace) -> dict[str, Any]:
    """Judge both networks on the session that they have not seen: all meteor chunks and all others of the 24-4-4 grid."""
    begin = time.process_time()
    own = session(name, given)
    grid = ChunkGrid(own.frames.shape)
    labels = label_chunks(grid, own.truth.voxels)
    clear, meteors = labels != AMBIGUOUS, own.truth.meteors
    scores = judging.turned_scores(own.frames, cnn, grid)
    best = judging.peak_scores(grid, scores, meteors)
    has_chunk = judging.peak_scores(grid, labels.astype(float), meteors) == METEOR
    rows = {
        "cnn": rounded(judging.curve_areas(labels[clear] == METEOR, scores[clear], PREVALENCE)),
        "n_meteor_chunks": int((labels == METEOR).sum()),
        "n_other_chunks": int((labels == 0).sum()),
        "n_ambiguous_chunks": int((~clear).sum()),
        "false_chunks_at_half": int((scores[labels == 0] >= 0.5).sum()),
        "meteors": len(meteors),
        "meteors_lost": int((best < 0.5).sum()),
        "meteors_without_a_meteor_chunk": int((~has_chunk).sum()),
        "lost_among_those": int((best[~has_chunk] < 0.5).sum()),
        "lost_of_snr_5": int((best[meteors.snr >= 5] < 0.5).sum()),
        "meteors_of_snr_5": int((meteors.snr >= 5).sum()),
    }
    rows |= judging.judge_pixels(own.frames, own.truth.voxels, grid, labels, mlp, PREVALENCE)
    return rows | {"seconds_to_judge": round(time.process_time() - begin, 1)}


def rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}


def fold(name: int, given: argparse.Namespace) -> None:
    """Train and judge one fold, unless it is done."""
    path = given.work / f"fold_{name}.json"
    if path.exists():
        return
    cnn, mlp, notes = train(name, given)
    for kind, model in (("cnn", cnn), ("mlp", mlp)):
        kept = given.work / f"fold_{name}_{kind}.safetensors"
        save_weights(model, kept)
        load_weights(model, kept)  # judged as kept, rounded to 16 bits
    write_json(path, {"session": name} | judge(name, cnn, mlp, given) | notes)


def check_recipe(path: Path, recipe: dict[str, Any]) -> None:
    """Refuse a folder whose parts were made in another way; parts are found again by their names alone."""
    own = json.loads(json.dumps(recipe))
    if not path.exists():
        write_json(path, own)
    kept = json.loads(path.read_text())
    other = [name for name in own if kept.get(name) != own[name]]
    if other:
        raise SystemExit(f"{path.parent} holds parts made with other {', '.join(other)}; take an empty folder.")


def recipe_of(given: argparse.Namespace) -> dict[str, Any]:
    """How examples are drawn and networks trained."""
    return {
        "seed": given.seed,
        "frames_per_session": given.frames,
        "scaling": "pixel",
        "bells": {"step": bells.STEP, "sigma": bells.SIGMA, "gain": bells.GAIN},
        "examples": {
            "own": OWN,
            "extra": EXTRA,
            "extra_skies": EXTRA_SKIES,
            "extra_sky": EXTRA_SKY,
            "share": given.examples,
        },
        "training": {
            "epochs": given.epochs,
            "batch": BATCH,
            "rate": RATE,
            "dropout": DROPOUT,
            "rescore": RESCORE,
            "least_chance": LEAST_CHANCE,
            "mlp_epochs": MLP_EPOCHS,
            "mlp_batch": MLP_BATCH,
        },
    }


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means and sums over folds, with exact intervals."""

    def share(part: str, whole: str) -> dict[str, Any]:
        lost, n = (sum(row[key] for row in rows) for key in (part, whole))
        return {"lost": lost, "of": n, "interval": [round(value, 6) for value in exact_interval(lost, n)]}

    return {
        "cnn": {key: round(float(np.mean([row["cnn"][key] for row in rows])), 4) for key in rows[0]["cnn"]},
        "mlp": {key: round(float(np.mean([row["mlp"][key] for row in rows])), 4) for key in rows[0]["mlp"]},
        "meteors": share("meteors_lost", "meteors"),
        "meteors_of_snr_5": share("lost_of_snr_5", "meteors_of_snr_5"),
        "hit_pixels": share("hit_pixels_lost", "hit_pixels"),
    }


def report(given: argparse.Namespace) -> None:
    """Gather the folds that are done."""
    done = [given.work / f"fold_{name}.json" for name in given.sessions]
    rows = [json.loads(path.read_text()) for path in done if path.exists()]
    if not rows:
        return
    shipped = {}
    for kind in ("cnn", "mlp"):
        kept = given.work / f"fold_{given.ship}_{kind}.safetensors"
        if kept.exists():
            content = kept.read_bytes()
            write(given.out / f"minieuso_{kind}.safetensors", lambda part, content=content: part.write_bytes(content))
            shipped[kind] = {"not_trained_on": given.ship, "sha256": hashlib.sha256(content).hexdigest()}
    content = {
        "script": "tools/train_minieuso.py",
        "world": "first",
        **recipe_of(given),
        "turns": 4,
        "prevalence": PREVALENCE,
        "recipe_chosen_on": 12,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "shipped": shipped,
        "summary": summary(rows),
        "folds": rows,
        "published": {str(name): row for name, row in PUBLISHED.items()},
    }
    write_json(given.out / "minieuso.json", content)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = list(minieuso.SESSION_METEORS)
    parser.add_argument("--work", type=Path, required=True, help="folder for sessions, examples and finished folds")
    parser.add_argument("--sessions", type=int, nargs="+", default=every, choices=every, help="that take part at all")
    parser.add_argument("--folds", type=int, nargs="*", default=None, choices=every)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--examples", type=float, default=1.0, help="share of the examples")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, help="of TensorFlow; its own choice by default")
    parser.add_argument("--ship", type=int, default=12, choices=every)
    parser.add_argument("--draw-only", action="store_true", help="examples alone")
    parser.add_argument("--out", type=Path, default=Path("meteortut/weights"))
    given = parser.parse_args(arguments)
    if given.threads:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(given.threads)
        tf.config.threading.set_inter_op_parallelism_threads(given.threads)
    given.work.mkdir(parents=True, exist_ok=True)
    given.out.mkdir(parents=True, exist_ok=True)
    check_recipe(given.work / "recipe_minieuso.json", recipe_of(given))
    for name in given.sessions if given.folds is None else given.folds:
        if given.draw_only:
            draw(name, given)
        else:
            fold(name, given)
            report(given)


if __name__ == "__main__":
    main()
