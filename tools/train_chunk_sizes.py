"""Chapter 1: how large may a chunk be? Train the published network on chunks of several sizes and test it on unseen sessions.

    python tools/train_chunk_sizes.py [--sizes 4 8 16 24 48] [--repeats 2] [--frames 20000] [--epochs 12] [--out FILE]

Every size gets as many meteor chunks and others, drawn from the same simulated sessions of the first world, and a
network of about 125 000 parameters (the first dense layer is made wider or narrower). Size 48 is trained a second time with a
global maximum instead of 2×2 pooling. Writes ``meteortut/weights/chunk_sizes.json``. Takes about ten
minutes on two cores and 5 GiB.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from meteortut import pipeline
from meteortut.chunking import ChunkGrid, draw_examples, label_chunks, scale_chunks
from meteortut.simulate.minieuso import SESSION_METEORS, sessions

TEST_SESSIONS = (6, 12)
#: Width of the first dense layer that brings each size nearest to the published 125 465 parameters.
HIDDEN = {4: 714, 8: 256, 16: 72, 24: 33, 48: 8}
LIBRARIES = ("keras", "numpy", "pandas", "scikit-learn", "scipy", "tensorflow-cpu")


def grid_of(shape: tuple[int, ...], size: int) -> ChunkGrid:
    """Chunks of 48 frames and size × size pixels, overlapping by half along every axis."""
    return ChunkGrid((shape[0], shape[1], shape[2]), (48, size, size), (24, size // 2, size // 2))


def draw_all(sizes: list[int], n_frames: int, n_meteor: int, n_nothing: int, seed: int) -> dict[int, dict[str, Any]]:
    """Draw scaled examples of every size: size → session → (chunks, labels); sessions are simulated once and forgotten."""
    drawn: dict[int, dict[str, Any]] = {size: {} for size in sizes}
    for session in sessions(seed, n_frames=n_frames):
        side = [n for name, n in SESSION_METEORS.items() if (name in TEST_SESSIONS) == (session.name in TEST_SESSIONS)]
        share = SESSION_METEORS[session.name] / sum(side)
        for size in sizes:
            grid = grid_of(session.frames.shape, size)
            labels = label_chunks(grid, session.truth.voxels)
            chunks, is_meteor = draw_examples(
                grid, session.frames, labels, round(n_meteor * share), round(n_nothing / len(side)), seed
            )
            drawn[size][session.name] = (scale_chunks(chunks).astype(np.float16), is_meteor)
    return drawn


def score(by_session: dict[str, Any], size: int, pooling: str, epochs: int, seed: int) -> dict[str, Any]:
    """Train on six sessions and test on two."""
    train = [part for name, part in by_session.items() if name not in TEST_SESSIONS]
    chunks, is_meteor = np.concatenate([c for c, _ in train]), np.concatenate([m for _, m in train])
    hidden = 256 if pooling == "global" else HIDDEN[size]
    model = pipeline.build_cnn(size, hidden=hidden, pooling=pooling, seed=seed)
    begin = time.perf_counter()
    pipeline.fit(model, chunks, is_meteor, seed, epochs, batch_size=32)
    seconds = time.perf_counter() - begin
    test = [by_session[name] for name in TEST_SESSIONS]
    found = np.concatenate([model.predict(c.astype(np.float32), verbose=0, batch_size=256)[:, 0] for c, _ in test])
    truth = np.concatenate([m for _, m in test])
    return {
        "size": size,
        "pooling": pooling,
        "seed": seed,
        "roc_auc": round(float(roc_auc_score(truth, found)), 4),
        "pr_auc": round(float(average_precision_score(truth, found)), 4),
        "parameters": model.count_params(),
        "n_train": [int(is_meteor.sum()), int((~is_meteor).sum())],
        "n_test": [int(truth.sum()), int((~truth).sum())],
        "seconds": round(seconds, 1),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[4, 8, 16, 24, 48], choices=sorted(HIDDEN))
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--meteor-chunks", type=int, default=1000, help="in training, and as many in the test")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("meteortut/weights/chunk_sizes.json"))
    given = parser.parse_args(arguments)
    begin = time.perf_counter()
    rows = []
    drawn = draw_all(given.sizes, given.frames, given.meteor_chunks, 2 * given.meteor_chunks, given.seed)
    for size in given.sizes:
        for repeat in range(given.repeats):
            for pooling in ("local", "global") if size == 48 else ("local",):
                rows.append(score(drawn[size], size, pooling, given.epochs, given.seed + repeat))
    report = {
        "script": "tools/train_chunk_sizes.py",
        "seed": given.seed,
        "frames_per_session": given.frames,
        "epochs": given.epochs,
        "scaling": "pixel",
        "test_sessions": list(TEST_SESSIONS),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "seconds": round(time.perf_counter() - begin, 1),
        "rows": rows,
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
