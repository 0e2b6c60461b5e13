"""Train the small ResNet of chapter 3 on the first simulated sky, judge it on the second and on real images, ship it.

    python tools/train_gradcam.py [--n-train 16000] [--n-test 2000] [--epochs 10] [--seed 3] [--out meteortut/weights]
    python tools/train_gradcam.py --judge-only

Writes ``gradcam.safetensors`` and ``gradcam.json``: what was measured, and how it came to be. One thread; about 15
minutes of an idle core, most of it training. Neither the second simulated world nor any real image takes part in
training what ships. But both were looked at while the code was written, so that these are no sealed tests; that a network
should learn streaks, and leave satellites to the clock, was seen on the FF files. The real images are read from the cache
or mirror (``data_fetch``). Leave-one-camera-out fine-tunes a copy for each camera.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_fetch import fetch
from data_fetch.readers import read_slow_trails
from meteortut.gradcam.evaluation import TileJudgement, group_baseline, judge_tiles, trigger_speed
from meteortut.gradcam.held_out import leave_one_out, with_clock
from meteortut.gradcam.masks import paint_out, static_mask
from meteortut.gradcam.pictures import ff_pictures, trigger_pictures
from meteortut.gradcam.resnet import ResNet34
from meteortut.gradcam.tiles import tile_probabilities
from meteortut.gradcam.track import IMAGE_THRESHOLD, SLOWEST_METEOR, locate
from meteortut.gradcam.training import Recipe, pretrain, streak_labels
from meteortut.gradcam.weights import load_weights
from meteortut.metrics import exact_interval
from meteortut.simulate.sky import simulate_sky
from meteortut.states import save_weights

LIBRARIES = ("numpy", "pandas", "safetensors", "scikit-learn", "scipy", "torch")
#: An FF file whose label is known to be of another second.
BAD_LABEL = "20230421_235707"


def judge_simulated(network: ResNet34, n: int, seed: int) -> dict[str, Any]:
    """Judge on tiles of the second world: area under the curve, and how often each kind is called a streak."""
    from sklearn.metrics import roc_auc_score

    tiles, truth = simulate_sky(n, seed, world="second")
    truth["score"] = tile_probabilities(tiles, network)
    is_streak, is_clear = streak_labels(truth)
    called = truth.assign(streak=is_streak).groupby(["kind", "streak"]).score.agg(lambda own: (own >= 0.5).mean())
    empty = truth.score[truth.kind == "none"]
    return {
        "n": n,
        "score_of_one_empty_tile_in_364": round(float(empty.quantile(1 - 1 / 364)), 4),
        "roc_auc": round(float(roc_auc_score(is_streak[is_clear], truth.score[is_clear])), 4),
        "called_a_streak": {
            f"{kind}, {'clear' if yes else 'too little of it'}": round(float(share), 4)
            for (kind, yes), share in called.items()
            if kind != "none"
        }
        | {"nothing": round(float((empty >= 0.5).mean()), 4)},
    }


def real_images() -> pd.DataFrame:
    """All labelled real pictures, a row each, what stands still painted over in the triggers; ``source`` is ff or trigger."""
    ff, triggers = ff_pictures(fetch("gmn-ff")), trigger_pictures(fetch("ukmon-triggers"))
    for camera in triggers.camera.unique():
        own = triggers.index[triggers.camera == camera]
        mask = static_mask(list(triggers.image[own]))  # sees no label, only what stands still
        for k in own:
            triggers.at[k, "image"] = paint_out(triggers.image[k], mask)
    return pd.concat([ff.assign(source="ff"), triggers.assign(source="trigger")], ignore_index=True)


def rounded(judgement: TileJudgement) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(judgement).items()}


def judge_real(network: ResNet34, seed: int) -> dict[str, Any]:
    """Judge on real images: by the network itself, and by copies fine-tuned on the other cameras; without and with a clock."""
    every = real_images()
    images = every[~every.name.str.contains(BAD_LABEL)].reset_index(drop=True)
    scores, networks = leave_one_out(
        list(images.image), list(images.points), list(images.camera), network, seed, max_frames=list(images.max_frame)
    )
    in_ff = scores.frame.isin(images.index[images.source == "ff"])
    result: dict[str, Any] = {}
    for name, column, own in (("pre-trained", "before", {}), ("fine-tuned on other cameras", "score", networks)):
        table = scores.assign(score=scores[column])
        best = table.groupby("frame").score.max().to_numpy()
        called = best >= IMAGE_THRESHOLD
        moves = [
            bool(high) and not_slow(row, own.get(row.camera, network))
            for row, high in zip(images.itertuples(), called, strict=True)
        ]
        by_camera = {camera: part for camera, part in table[in_ff].groupby("group")}
        result[name] = {
            "tiles": {camera: rounded(judge_tiles(part)) for camera, part in by_camera.items()},
            "tiles_with_clock": {camera: rounded(judge_tiles(with_clock(part))) for camera, part in by_camera.items()},
            "images": judge_images(images, called),
            "images_with_clock": judge_images(images, np.array(moves)),
            "image_roc_auc_of_triggers": trigger_auc(images, best),
            "tracks": judge_tracks(every[every.source == "ff"], own),
        }
    triggers = images[images.source == "trigger"]
    result["night_only_accuracy"] = round(group_baseline(triggers.points.notna(), triggers.camera + triggers.night), 4)
    return result


def not_slow(row: Any, network: ResNet34) -> bool:
    """Whether the best track of a picture may be a meteor's, by the clock of its FF file or of its trigger's record."""
    track = locate(row.image, row.max_frame, network)
    if track is None:
        return False
    if row.detections is None:
        return True
    return not trigger_speed(row.detections, *np.array(track.endpoints).T) < SLOWEST_METEOR


def trigger_auc(images: pd.DataFrame, score: np.ndarray) -> float:
    """Area under the curve of the triggers' best tiles."""
    from sklearn.metrics import roc_auc_score

    own = (images.source == "trigger").to_numpy()
    return round(float(roc_auc_score(images.points.notna()[own], score[own])), 4)


def judge_images(images: pd.DataFrame, called: np.ndarray) -> dict[str, Any]:
    """Count misses and false alarms per image, with exact intervals."""
    meteor = images.points.notna().to_numpy()
    right = int((meteor == called).sum())
    return {
        "n": len(images),
        "misses": list(images.name[meteor & ~called]),
        "false_alarms": list(images.name[~meteor & called]),
        "accuracy": round(right / len(images), 4),
        "interval": [round(value, 4) for value in exact_interval(right, len(images))],
        "by_camera": {
            str(camera): [int((meteor & ~called)[own].sum()), int((~meteor & called)[own].sum()), int(own.sum())]
            for camera in images.camera.unique()
            for own in [(images.camera == camera).to_numpy()]
        },
    }


def judge_tracks(pictures: pd.DataFrame, networks: dict[str, ResNet34]) -> dict[str, Any]:
    """Locate the meteors of the FF files: distances of the labelled points, end points, speeds; and what is made of satellites."""
    rows, satellites = [], []
    trails = read_slow_trails()
    for row in pictures.itertuples():
        network = networks.get(row.camera)
        for trail in trails[[row.name.startswith(stem) for stem in trails.ff_stem]].itertuples():
            top, left = (max(int(centre) - 96, 0) for centre in (trail.y, trail.x))
            cut = np.s_[top : top + 192, left : left + 192]
            satellites.append(locate(row.image[cut], row.max_frame[cut], network) is not None)
        if row.points is None:
            continue
        y, x = row.points
        speed = np.polyfit(row.label.frame, np.hypot(y - y[0], x - x[0]), 1)[0]
        ends = np.array([[y[k], x[k]] for k in (0, -1)])
        for how, clock in (("with MAXFRAME", row.max_frame), ("without", None)):
            if (track := locate(row.image, clock, network)) is not None:
                away = [np.hypot(*(np.array(track.endpoints)[order] - ends).T) for order in ([0, 1], [1, 0])]
                found = {
                    "points": track.distance(y, x),
                    "ends": min(away, key=sum),
                    "speed": track.speed_px / speed - 1,
                }
                rows.append({"how": how, "name": row.name} | found)
    result: dict[str, Any] = {"satellites_called_meteors": int(sum(satellites)), "satellites": len(satellites)}
    for how, own in pd.DataFrame(rows).groupby("how"):
        points, ends = np.concatenate(list(own.points)), np.concatenate(list(own.ends))
        result[str(how)] = {
            "found": len(own),
            "of": int(pictures.points.notna().sum()),
            "points_px_median": round(float(np.median(points)), 3),
            "points_px_p90": round(float(np.quantile(points, 0.9)), 3),
            "endpoint_px_median": round(float(np.median(ends)), 2),
        }
        if how == "with MAXFRAME":
            result[str(how)]["speed_error_of_each"] = [round(float(value), 4) for value in own.speed]
            result[str(how)]["speed_error_percent_median"] = round(100 * float(np.median(np.abs(own.speed))), 2)
    return result


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-train", type=int, default=16_000)
    parser.add_argument("--n-test", type=int, default=2_000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--judge-only", action="store_true", help="keep the weights, measure anew")
    parser.add_argument("--out", type=Path, default=Path("meteortut/weights"))
    given = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    weights, notes = given.out / "gradcam.safetensors", given.out / "gradcam.json"
    recipe = Recipe(n_epochs=given.epochs)
    begin = time.perf_counter()
    if given.judge_only:
        report = json.loads(notes.read_text())
    else:
        tiles, truth = simulate_sky(given.n_train, given.seed)
        simulated = time.perf_counter()
        is_streak, is_clear = streak_labels(truth)
        network, history = pretrain(tiles[is_clear], is_streak[is_clear], given.seed, recipe)
        save_weights(network, weights)
        report = {
            "script": "tools/train_gradcam.py",
            "seed": given.seed,
            "n_train": given.n_train,
            "recipe": asdict(recipe),
            "loss": [round(value, 4) for value in history.loss],
            "seconds": {
                "simulation": round(simulated - begin, 1),
                "training": round(time.perf_counter() - simulated, 1),
            },
        }
        notes.write_text(json.dumps(report, indent=1) + "\n")
    report["versions"] = {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
    network = load_weights(weights)  # as shipped, rounded to 16 bits
    report["second_world"] = judge_simulated(network, given.n_test, given.seed + 1)
    report["real"] = judge_real(network, given.seed)
    notes.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
