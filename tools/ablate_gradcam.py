"""What do pre-training, augmentation, freezing, a learning-rate schedule and early stopping buy? Measured on real tiles.

    python tools/ablate_gradcam.py [--seeds 3] [--out meteortut/weights]

Writes ``gradcam_ablation.json``, which chapter 3 shows. Two cameras of FF files take turns: each network is tuned on the
tiles of one of them, a few hundred with five meteors, and judged on those of the other. Tiles that the index of the maximum
shows to hold a satellite are left out of tuning, and score 0 (``image_…``: judged without this). Early stopping looks at the
triggers of a third camera, which take no other part. One thread; about ten minutes of an idle core. The real images come from
the cache or mirror (``data_fetch``).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import time
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from data_fetch import fetch
from meteortut import gradcam

LIBRARIES = ("numpy", "pandas", "safetensors", "scikit-learn", "scipy", "torch")
WEIGHTS = Path(gradcam.__file__).parents[1] / "weights" / "gradcam.safetensors"
LONG = replace(gradcam.FINE_TUNING, n_epochs=16)
#: Name → recipe; the first is not tuned at all, the second begins with random weights.
RECIPES: dict[str, gradcam.Recipe | None] = {
    "simulated sky only": None,
    "real tiles only, from scratch": gradcam.Recipe(n_epochs=20),
    "simulated sky, then real tiles": gradcam.FINE_TUNING,
    "… without augmentation": replace(gradcam.FINE_TUNING, augment=False),
    "… with nothing frozen": replace(gradcam.FINE_TUNING, frozen=()),
    "… at a constant learning rate": replace(gradcam.FINE_TUNING, schedule="constant"),
    "… four times as long": LONG,
    "… four times as long, early stopping": replace(LONG, patience=3),
}


@dataclass(frozen=True)
class Material:
    """FF pictures (``gradcam.ff_pictures``), their scores by the shipped network, and tiles that only early stopping sees."""

    pictures: pd.DataFrame
    before: pd.DataFrame
    validation: tuple[np.ndarray, np.ndarray]


def read_material() -> Material:
    """Read the eleven FF files with a known content, and tiles of the triggers of camera E."""
    pictures = gradcam.ff_pictures(fetch("gmn-ff"))
    known = pictures.points.notna() | pictures.night.str.startswith("2020")
    pictures = pictures[known].reset_index(drop=True)
    before = gradcam.all_tile_scores(list(pictures.image), list(pictures.points), max_frames=list(pictures.max_frame))
    triggers = gradcam.trigger_pictures(fetch("ukmon-triggers"))
    own = triggers[triggers.camera == "E"]
    mask = gradcam.static_mask(list(own.image))
    images, points = [gradcam.paint_out(image, mask) for image in own.image], list(own.points)
    validation = gradcam.training_tiles(images, points, gradcam.all_tile_scores(images, points), rng=0)
    return Material(pictures, before, validation)


def measure(material: Material, name: str, held: str, seed: int) -> dict[str, Any]:
    """Tune by a recipe on all cameras but one, and judge on that one."""
    recipe, begin, n_epochs = RECIPES[name], time.perf_counter(), 0
    network = gradcam.shipped_network()
    own = material.pictures.camera == held
    if recipe is not None:
        kept = np.flatnonzero(~own)
        scores = material.before[material.before.frame.isin(kept)]
        scores = scores.assign(frame=np.searchsorted(kept, scores.frame))
        images, points = (list(material.pictures[name].iloc[kept]) for name in ("image", "points"))
        tiles, labels = gradcam.training_tiles(images, points, scores, seed)
        if "scratch" in name:
            network, history = gradcam.pretrain(tiles, labels, seed, recipe)
        else:
            validation = material.validation if recipe.patience else None
            network, history = gradcam.fine_tune(network, tiles, labels, seed, recipe, validation)
        n_epochs = len(history)
    judged = material.pictures[own]
    scores = gradcam.all_tile_scores(list(judged.image), list(judged.points), network, list(judged.max_frame))
    by_image, by_clock = gradcam.judge_tiles(scores), gradcam.judge_tiles(gradcam.with_clock(scores))
    return {
        "recipe": name, "camera": held, "seed": seed, "n_epochs": n_epochs,
        "roc_auc": round(by_clock.roc_auc, 5), "pr_auc": round(by_clock.pr_auc, 5),
        "n_found": by_clock.n_found, "n_meteors": by_clock.n_meteors,
        "image_roc_auc": round(by_image.roc_auc, 5), "image_pr_auc": round(by_image.pr_auc, 5),
        "seconds": round(time.perf_counter() - begin, 1),
    }  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=WEIGHTS.parent)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    begin = time.perf_counter()
    material = read_material()
    rows = [
        measure(material, name, held, seed)
        for name in RECIPES
        for held in sorted(material.pictures.camera.unique())
        for seed in range(given.seeds if RECIPES[name] else 1)
    ]
    report = {
        "script": "tools/ablate_gradcam.py",
        "weights_sha256": hashlib.sha256(WEIGHTS.read_bytes()).hexdigest(),
        "seeds": given.seeds,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "seconds": round(time.perf_counter() - begin, 1),
        "rows": rows,
    }
    (given.out / "gradcam_ablation.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
