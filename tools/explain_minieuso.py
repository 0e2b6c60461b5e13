"""Chapter 2: why the published network scores what it does on the simulated sky: labels, training or world?

    python tools/explain_minieuso.py --work FOLDER --folds FOLDER [--out meteortut/weights]

``--folds`` is the folder of ``tools/train_minieuso.py``. Smaller trainings than there, all of one size and judged on
all chunks of session 12, which takes no part: three ways of scaling, fewer and more examples, single frames instead of
bells, chunks without a meteor drawn evenly, and the same network on a sky without clouds, land, cities and transients.
The fold of session 12 once more, as it was trained, but for the choice of hard examples. The networks of the eight
folds, as they are: chunks that hold a meteor's peak well inside against those that cut it off, and how often a score
means what it says. Writes ``minieuso_why.json``. About half an hour of a core, 11 GiB of memory.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import train_minieuso as folds_of
from train_minieuso import session, write_json

from meteortut import pipeline
from meteortut.chunking import AMBIGUOUS, METEOR, NOTHING, ChunkGrid, label_chunks, scale_chunks
from meteortut.pipeline import bells, examples, judging
from meteortut.pipeline.weights import load_weights
from meteortut.simulate import minieuso

#: Sessions to learn from, session to judge on; chunks of either kind from each, passes over them, and dropout.
LEARN, TEST = (5, 6, 8, 11, 14), 12
N_METEOR, N_NOTHING, EPOCHS, DROPOUT = 5000, 8000, 6, 0.1
SHARES = (0.05, 0.15, 0.4, 1.0)
#: A peak is well inside a chunk when it is this far from its ends and sides, frames and pixels.
INSIDE = np.array([8, 1, 1])
LIBRARIES = ("keras", "numpy", "pandas", "scikit-learn", "scipy", "tensorflow-cpu")
Cut = tuple[np.ndarray, np.ndarray]


def sky(name: int, quiet: bool, given: argparse.Namespace) -> tuple[Any, Any]:
    """A session, or one of its kind without anything that flashes, drifts or shines through."""
    if not quiet:
        own = session(name, given)
        return own.frames, own.truth
    none = dict.fromkeys("moon cloud_cover land cities lightning large_flashes static_flashes slow_points".split(), 0.0)
    quiet_sky = replace(minieuso.SKIES["first"][name], **none)
    n_meteors = minieuso.SESSION_METEORS[name]
    return minieuso.simulate_session(given.frames, n_meteors, [given.seed, 900 + name], sky=quiet_sky)


def cut(name: int, quiet: bool, given: argparse.Namespace, evenly: bool = False) -> Cut:
    """Chunks in counts to learn from, and which hold a meteor; the others drawn by how bright they get, or evenly."""
    (frames, truth), rng = sky(name, quiet, given), np.random.default_rng([given.seed, name])
    dense, grid = ChunkGrid(frames.shape, step=examples.DENSE_STEP), ChunkGrid(frames.shape)
    meteor = np.flatnonzero(label_chunks(dense, truth.voxels) == METEOR)
    nothing = label_chunks(grid, truth.voxels) == NOTHING
    parts = [(dense, examples.draw_some(meteor, N_METEOR, rng))]
    if evenly:
        parts.append((grid, examples.draw_some(np.flatnonzero(nothing), N_NOTHING, rng)))
    else:
        bright = examples.brightness(frames, grid)
        parts.append((grid, examples.draw_by_brightness(bright, nothing, N_NOTHING, rng)))
    chunks = [np.asarray(part, np.float32) for which, index in parts for part in which.cut(frames, index)]
    return np.concatenate(chunks), np.arange(sum(map(len, chunks))) < len(parts[0][1])


def trained(
    cuts: list[Cut], how: str, share: float, given: argparse.Namespace, on_bells: bool = True
) -> tuple[Any, int]:
    """The published network, trained on a share of the examples in one way of scaling, on bells or on single frames."""
    rng = np.random.default_rng(given.seed)
    kept = [rng.random(len(chunks)) < share for chunks, _ in cuts]
    change = bells.to_bells if on_bells else np.asarray
    chunks = [
        change(scale_chunks(part[own], how)).astype(np.float16) for (part, _), own in zip(cuts, kept, strict=True)
    ]
    labels = np.concatenate([is_meteor[own] for (_, is_meteor), own in zip(cuts, kept, strict=True)])
    small = pipeline.build_cnn(frames=chunks[0].shape[1], dropout=DROPOUT, seed=given.seed)
    if on_bells:
        bells.start_at_bells(small, given.seed)
    # as many steps for each share, but for the smallest, which would repeat its examples more than 40 times
    pipeline.fit(small, np.concatenate(chunks), labels, given.seed, min(round(EPOCHS / share), 40))
    return bells.fold_bells(small, pipeline.build_cnn()) if on_bells else small, len(labels)


def scored(model: Any, frames: Any, truth: Any, how: str) -> dict[str, Any]:
    """Areas over all clear chunks of a sky, and meteors lost."""
    grid = ChunkGrid(frames.shape)
    scores = pipeline.score_batches(model, grid.batches(frames, 2048), lambda batch: scale_chunks(batch, how))
    return judged(scores, grid, truth)


def judged(scores: np.ndarray, grid: ChunkGrid, truth: Any) -> dict[str, Any]:
    """Areas over all clear chunks, and meteors lost, by the scores of all chunks."""
    labels = label_chunks(grid, truth.voxels)
    clear, best = labels != AMBIGUOUS, judging.peak_scores(grid, scores, truth.meteors)
    areas = judging.curve_areas(labels[clear] == METEOR, scores[clear])
    return {key: round(value, 4) for key, value in areas.items()} | {
        "lost": int((best < 0.5).sum()),
        "meteors": len(best),
        "lost_of_snr_5": int((best[truth.meteors.snr >= 5] < 0.5).sum()),
        "meteors_of_snr_5": int((truth.meteors.snr >= 5).sum()),
    }


def experiments(given: argparse.Namespace) -> dict[str, Any]:
    """Scalings, numbers of examples, and a quiet sky."""
    cuts, test = [cut(name, False, given) for name in LEARN], sky(TEST, False, given)
    scalings, learning = [], []
    for how in ("standard", "robust", "pixel"):
        model, n = trained(cuts, how, 1.0, given)
        scalings.append({"scaling": how, "n_chunks": n} | scored(model, *test, how))
        say(scalings[-1])
    for share in SHARES[:-1]:
        model, n = trained(cuts, "pixel", share, given)
        learning.append({"share": share, "n_chunks": n} | scored(model, *test, "pixel"))
        say(learning[-1])
    learning.append({"share": 1.0} | {key: value for key, value in scalings[-1].items() if key != "scaling"})
    recipes = []
    for on_bells, evenly in ((False, False), (True, True), (False, True)):
        if on_bells:
            cuts = [cut(name, False, given, evenly) for name in LEARN]
        model, n = trained(cuts, "pixel", 1.0, given, on_bells)
        recipes.append({"bells": on_bells, "evenly": evenly, "n_chunks": n} | scored(model, *test, "pixel"))
        say(recipes[-1])
    del cuts
    model, n = trained([cut(name, True, given) for name in LEARN], "pixel", 1.0, given)
    quiet = {"n_chunks": n} | scored(model, *sky(TEST, True, given), "pixel")
    say(quiet)
    return {"scalings": scalings, "learning": learning, "recipes": recipes, "quiet_sky": quiet}


def without_hard(given: argparse.Namespace) -> dict[str, Any]:
    """The fold of session 12 as it was trained, but with every chunk of a kind as likely in a pass as any other."""
    epochs = len(json.loads((given.folds / f"fold_{TEST}.json").read_text())["cnn_loss"])
    own = argparse.Namespace(work=given.folds, frames=given.frames, seed=given.seed, examples=1.0, epochs=epochs)
    parts = [folds_of.draw(name, own) for name in minieuso.SESSION_METEORS if name != TEST]
    chunks, labels = [part.chunks for part in parts], [part.is_meteor for part in parts]
    del parts
    model, _ = folds_of.train_cnn(chunks, labels, TEST, own, hard=False)
    (frames, truth), n_chunks = sky(TEST, False, given), sum(map(len, labels))
    grid = ChunkGrid(frames.shape)
    found = judged(judging.turned_scores(frames, model, grid), grid, truth)
    say(found)
    return {"epochs": epochs, "n_chunks": n_chunks} | found


def folds(given: argparse.Namespace) -> dict[str, Any]:
    """Chunks that cut a meteor off, and calibration, of the networks of the folds."""
    rows, counts = [], np.zeros((10, 3))
    for name in minieuso.SESSION_METEORS:
        frames, truth = sky(name, False, given)
        model = load_weights(pipeline.build_cnn(), given.folds / f"fold_{name}_cnn.safetensors")
        grid = ChunkGrid(frames.shape)
        labels, scores = label_chunks(grid, truth.voxels), judging.turned_scores(frames, model, grid)
        inside = np.zeros(len(grid), bool)
        for peak in truth.meteors[["t_peak", "y", "x"]].to_numpy(int):
            own = grid.containing(*peak)
            into = peak - grid.origin(own)
            inside[own[((into >= INSIDE) & (into < np.array(grid.size) - INSIDE)).all(axis=1)]] = True
        row = {"session": name}
        for key, chosen in (("inside", inside), ("cut_off", ~inside)):
            used = (labels == NOTHING) | ((labels == METEOR) & chosen)
            areas = judging.curve_areas(labels[used] == METEOR, scores[used])
            row[key] = {"n": int(((labels == METEOR) & chosen).sum())} | {
                k: round(areas[k], 4) for k in ("roc_auc", "pr_auc", "pr_auc_fixed")
            }
        rows.append(row)
        say(row)
        clear = labels != AMBIGUOUS
        bins = np.clip((scores[clear] * 10).astype(int), 0, 9)
        for k, values in enumerate((np.ones(clear.sum()), labels[clear] == METEOR, scores[clear])):
            counts[:, k] += np.bincount(bins, values, 10)
    names = ("n", "meteors", "sum")
    return {
        "cut_off": rows,
        "calibration": [
            {"from": k / 10} | dict(zip(names, map(float, counts[k].round(3)), strict=True)) for k in range(10)
        ],
    }


def say(row: dict[str, Any]) -> None:
    print(row, f"{time.process_time():.0f} s", flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder with the sessions")
    parser.add_argument("--folds", type=Path, required=True, help="folder of tools/train_minieuso.py")
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("meteortut/weights"))
    given = parser.parse_args(arguments)
    content = {
        "script": "tools/explain_minieuso.py",
        "world": "first",
        "seed": given.seed,
        "learn": LEARN,
        "test": TEST,
        "epochs": EPOCHS,
        "without_hard": without_hard(given),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        **folds(given),
        **experiments(given),
    }
    write_json(given.out / "minieuso_why.json", content | {"seconds": round(time.process_time(), 1)})


if __name__ == "__main__":
    main()
