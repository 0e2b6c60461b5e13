"""Train the small ResNet of chapter 3 on the first simulated sky, judge it on the second and on real images, ship it.

    python tools/train_gradcam.py [--n-train 8000] [--n-test 2000] [--epochs 10] [--seed 3] [--out meteortut/weights]
    python tools/train_gradcam.py --judge-only

Writes ``gradcam.safetensors`` and ``gradcam.json``: what was measured, and how it came to be. One thread; about 15
minutes of an idle core, most of it training. Neither the second simulated world nor any real image takes part in
training what ships; both were looked at while
the code was written, so that these are no sealed tests. The real images are read from the cache or mirror (``data_fetch``).
Leave-one-camera-out fine-tunes a copy for each camera.
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
from data_fetch.readers import (
    read_ff,
    read_ftpdetectinfo,
    read_slow_trails,
    read_trigger_image,
    read_trigger_labels,
    read_ufo_xml,
)
from meteortut.gradcam.evaluation import TileJudgement, exact_interval, group_baseline, judge_tiles, trigger_track
from meteortut.gradcam.held_out import leave_one_out
from meteortut.gradcam.masks import paint_out, static_mask
from meteortut.gradcam.resnet import ResNet34
from meteortut.gradcam.tiles import tile_probabilities
from meteortut.gradcam.track import IMAGE_THRESHOLD, locate
from meteortut.gradcam.training import Recipe, pretrain
from meteortut.gradcam.weights import load_weights, save_weights
from meteortut.simulate.sky import simulate_sky

LIBRARIES = ("numpy", "pandas", "safetensors", "scikit-learn", "scipy", "torch")
#: Rows and columns of a trigger's image above its caption and within its borders.
TRIGGER_SKY = np.s_[:560, 6:706]


def judge_simulated(network: ResNet34, n: int, seed: int) -> dict[str, Any]:
    """Judge on tiles of the second world: area under the curve, and how often each kind is called a meteor."""
    from sklearn.metrics import roc_auc_score

    tiles, truth = simulate_sky(n, seed, world="second")
    truth["score"] = tile_probabilities(tiles, network)
    called = truth.groupby(["kind", "is_meteor"]).score.agg(lambda own: float((own >= 0.5).mean()))
    empty = truth.score[truth.kind == "none"]
    return {
        "n": n,
        "score_of_one_empty_tile_in_364": round(float(empty.quantile(1 - 1 / 364)), 4),
        "roc_auc": round(float(roc_auc_score(truth.is_meteor, truth.score)), 4),
        "called_meteor": {
            f"{kind}, {'' if yes else 'no '}meteor": round(share, 4) for (kind, yes), share in called.items()
        },
    }


def real_images() -> pd.DataFrame:
    """Read all labelled real images, a row each: image, max_frame, points (y, x) or None, camera, night, uncut label."""
    labels = pd.concat([read_ftpdetectinfo(path) for path in fetch("gmn-ff") if path.name.startswith("FTP")])
    labels = labels.set_index("ff_file")
    rows: list[dict[str, Any]] = []
    for path in (path for path in fetch("gmn-ff") if path.suffix == ".fits"):
        ff = read_ff(path)
        label = labels.loc[ff.ff_file] if ff.ff_file in labels.index else None
        rows.append({
            "name": ff.ff_file, "source": "ff", "camera": ff.station, "night": f"{ff.start:%Y-%m}", "image": ff.maxpixel,
            "max_frame": ff.maxframe, "points": None if label is None else (label.y_px, label.x_px), "label": label,
        })  # fmt: skip
    paths = {path.name: path for path in fetch("ukmon-triggers")}
    for row in read_trigger_labels().itertuples():
        points = None
        if row.label == "meteor":
            y, x = trigger_track(read_ufo_xml(paths[row.file.replace("P.jpg", ".xml")])[1])
            points = (y, x - TRIGGER_SKY[1].start)
        rows.append({
            "name": row.file, "source": "trigger", "camera": row.camera, "night": row.night, "max_frame": None,
            "image": read_trigger_image(paths[row.file])[TRIGGER_SKY], "points": points, "label": None,
        })  # fmt: skip
    images = pd.DataFrame(rows)
    for camera in images.camera[images.source == "trigger"].unique():
        own = images.index[images.camera == camera]
        mask = static_mask(list(images.image[own]))  # sees no label, only what stands still
        for k in own:
            images.at[k, "image"] = paint_out(images.image[k], mask)
    return images


def rounded(judgement: TileJudgement) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(judgement).items()}


def judge_real(network: ResNet34, seed: int) -> dict[str, Any]:
    """Judge on real images: by the network itself, and by copies fine-tuned on the other cameras."""
    images = real_images()
    usable = images[~images.name.str.contains("20230421_235707")].reset_index(drop=True)
    scores, networks = leave_one_out(list(usable.image), list(usable.points), list(usable.camera), network, seed)
    ff = usable.index[usable.source == "ff"]
    result: dict[str, Any] = {}
    for name, column, own in (("pre-trained", "before", {}), ("fine-tuned on other cameras", "score", networks)):
        table = scores.assign(score=scores[column])
        best = table.groupby("frame").score.max().to_numpy()
        found = [
            locate(row.image, row.max_frame, own.get(row.camera, network)) is not None if high else False
            for row, high in zip(usable.itertuples(), best >= IMAGE_THRESHOLD, strict=True)
        ]
        result[name] = {
            "tiles": {
                camera: rounded(judge_tiles(part)) for camera, part in table[table.frame.isin(ff)].groupby("group")
            },
            "all_ff_tiles": rounded(judge_tiles(table[table.frame.isin(ff)])),
            "images_by_score": judge_images(usable, best >= IMAGE_THRESHOLD),
            "images_by_track": judge_images(usable, np.array(found)),
            "image_roc_auc_of_triggers": trigger_auc(usable, best),
            "tracks": judge_tracks(images, own),
        }
    triggers = usable[usable.source == "trigger"]
    result["night_only_accuracy"] = round(group_baseline(triggers.points.notna(), triggers.camera + triggers.night), 4)
    return result


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


def judge_tracks(images: pd.DataFrame, networks: dict[str, ResNet34]) -> dict[str, Any]:
    """Locate the meteors of the FF files: distances of the labelled points, end points, speeds; and what is made of satellites."""
    rows, satellites = [], []
    trails = read_slow_trails()
    for row in images[images.source == "ff"].itertuples():
        network = networks.get(row.camera)
        track = locate(row.image, row.max_frame, network)
        for trail in trails[[row.name.startswith(stem) for stem in trails.ff_stem]].itertuples():
            top, left = (max(int(centre) - 96, 0) for centre in (trail.y, trail.x))
            cut = np.s_[top : top + 192, left : left + 192]
            found = locate(row.image[cut], row.max_frame[cut], network)
            satellites.append(found is not None)
        if row.label is None:
            continue
        untimed = locate(row.image, None, network)
        speed = np.polyfit(
            row.label.frame, np.hypot(row.label.y_px - row.label.y_px[0], row.label.x_px - row.label.x_px[0]), 1
        )[0]
        for how, own in (("with MAXFRAME", track), ("without", untimed)):
            if own is not None:
                ends = np.array([[row.label.y_px[k], row.label.x_px[k]] for k in (0, -1)])
                away = [np.hypot(*(np.array(own.endpoints)[order] - ends).T) for order in ([0, 1], [1, 0])]
                rows.append({"how": how, "name": row.name, "points": own.distance(row.label.y_px, row.label.x_px),
                    "ends": min(away, key=sum), "speed": own.speed_px / speed - 1})  # fmt: skip
    table = pd.DataFrame(rows)
    result: dict[str, Any] = {"satellites_called_meteors": int(sum(satellites)), "satellites": len(satellites)}
    for how, own in table.groupby("how"):
        points, ends = np.concatenate(list(own.points)), np.concatenate(list(own.ends))
        result[str(how)] = {
            "found": len(own), "of": int(images.label.notna().sum()),
            "points_px_median": round(float(np.median(points)), 3), "points_px_p90": round(float(np.quantile(points, 0.9)), 3),
            "endpoint_px_median": round(float(np.median(ends)), 2),
            "points_px_of_each": {name[3:25]: round(float(np.median(d)), 2) for name, d in zip(own.name, own.points, strict=True)},
        }  # fmt: skip
        if how == "with MAXFRAME":
            result[str(how)] |= {
                "speed_error_of_each": [round(float(value), 4) for value in own.speed],
                "speed_error_percent_median": round(100 * float(np.median(np.abs(own.speed))), 2),
            }
    return result


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-train", type=int, default=8_000)
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
        network, history = pretrain(tiles, truth.is_meteor.to_numpy(), given.seed, recipe)
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
