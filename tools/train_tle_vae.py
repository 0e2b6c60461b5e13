"""Train the autoencoders of chapter 4 on the first simulated world, judge them on the second, ship the first seed of ours.

    python tools/train_tle_vae.py [--n-train 3000] [--n-faithful 1500] [--faithful-epochs 8] [--seeds 3]
    python tools/train_tle_vae.py --only faithful ours        (any of: faithful, ours, ablations, novelty, radio, judge)

Writes ``tle_vae.safetensors`` and ``tle_vae.json``: what was measured, and how it came to be; each part stands in the file
by itself, and the others are kept. Hyperparameters, the weights of the embedding and the number of clusters for naming
were chosen on slices of the first world alone (seed 1 there); ``looks_at_second_world`` counts how often the second was
judged on.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

LIBRARIES = ("aeon", "numba", "numpy", "pandas", "safetensors", "scikit-learn", "scipy", "torch")
PARTS = ("faithful", "ours", "ablations", "novelty", "radio", "judge")
#: Epochs × slices of the report, at batches of 100: 34 500 steps.
REPORT_STEPS = 300 * 11_496 / 100
#: Clusters that get a name each for purity, beside one per class. Chosen on the first world.
NAMED_CLUSTERS = 120
#: Slices on which bits are counted for the Beta density, whose integral is slow.
N_BITS = 60


def slices(n: int, seed: int, world: str) -> tuple[np.ndarray, pd.DataFrame]:
    from meteortut.simulate.mmia import simulate_photometry

    return simulate_photometry(n, seed, world=world)


def embedded(network: Any, photometry: np.ndarray) -> np.ndarray:
    """Ours: the embedding; the report's: posterior means, (n, n_latent)."""
    from meteortut.tle_vae import PhotometryVAE, embed

    return embed(photometry, network) if isinstance(network, PhotometryVAE) else means_of(network, photometry)


def judge(network: Any, photometry: np.ndarray, truth: pd.DataFrame, seed: int) -> dict[str, float]:
    """All scores of one network on one set of slices."""
    from meteortut import tle_vae

    drawn = tle_vae.reconstruct(photometry, network)
    peaks = tle_vae.uv_peak_errors(drawn, truth)
    bits = tle_vae.bits_per_sample(network, photometry[:N_BITS])
    result = {
        "boundary_ratio": tle_vae.boundary_ratio(photometry, drawn),
        "boundary_ratios": tle_vae.boundary_ratios(photometry, drawn).round(3).to_dict("list"),
        "uv_peak_error_ms": float(peaks.time_error_ms.median()),
        "uv_height_ratio": float(peaks.height_ratio.median()),
        "bits_per_sample": float(bits.mean()),
        "active_units": int(tle_vae.active_units(means_of(network, photometry)).sum()),
    }
    return result | judge_points(embedded(network, photometry), truth, seed)


def means_of(network: Any, photometry: np.ndarray) -> np.ndarray:
    """Posterior means of the units, (n, n_latent)."""
    import torch

    with torch.no_grad():
        return torch.cat([network.encode(x)[0] for x in torch.from_numpy(photometry).split(50)]).numpy()


def judge_points(points: np.ndarray, truth: pd.DataFrame, seed: int) -> dict[str, float]:
    """Scores of an embedding or of features: clusters, purity, few labels."""
    from meteortut import tle_vae

    kind, five = truth.kind.to_numpy(str), truth.five_class.to_numpy(str)
    found = tle_vae.cluster_scores(points, kind, seed)
    dense = tle_vae.cluster_scores(points, kind, seed, "hdbscan")
    # Not the seed alone: slices simulated with the same one would be dealt by the same numbers that chose their kinds.
    naming = np.random.default_rng([seed, 777]).random(len(points)) < 0.5
    plain = tle_vae.purity_per_class(points, five, seed)
    named = tle_vae.purity_per_class(points, five, seed, NAMED_CLUSTERS, naming)
    return {
        "ari": found["ari"], "v_measure": found["v_measure"],
        "ari_hdbscan": dense["ari"], "clusters_hdbscan": dense["n_clusters"],
        "purity_mean_5_clusters": float(plain.mean()), "purity_min_5_clusters": float(plain.fillna(0).min()),
        "purity_mean": float(named.mean()), "purity_min": float(named.fillna(0).min()),
        "purity": {name: round(float(value), 4) for name, value in named.items()},
        "few_label_accuracy": float(tle_vae.few_label_accuracy(points, kind, seed).mean()),
        "few_label_accuracy_five_class": float(tle_vae.few_label_accuracy(points, five, seed).mean()),
    }  # fmt: skip


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and 95 % interval over seeds of every number; and each seed's."""
    from meteortut.tle_vae import interval

    names = [name for name, value in rows[0].items() if not isinstance(value, dict)]
    means = {name: [round(v, 4) for v in interval([row[name] for row in rows])] for name in names}
    return {"mean_low_high": means, "each_seed": [_rounded(row) for row in rows]}


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}


def timed(build: Callable[[], Any], photometry: np.ndarray, seed: int, recipe: Any) -> tuple[Any, dict[str, Any]]:
    """Train; give the network and a note of how."""
    from meteortut.tle_vae import train

    wall, cpu = time.perf_counter(), time.process_time()
    network, history = train(build, photometry, seed, recipe)
    note = {
        "seconds_wall": round(time.perf_counter() - wall, 1),
        "seconds_cpu": round(time.process_time() - cpu, 1),
        "log_likelihood": [round(value, 1) for value in history.log_likelihood],
        "kl": [round(value, 2) for value in history.kl],
    }
    return network, note


def part_faithful(given: argparse.Namespace, data: np.ndarray) -> dict[str, Any]:
    """The report's network, seeds × epochs; weights stay in the working folder."""
    import torch

    from meteortut.tle_vae import FAITHFUL, FaithfulVAE

    recipe = replace(FAITHFUL, n_epochs=given.faithful_epochs)
    data = data[: given.n_faithful]
    notes = []
    for seed in range(given.seeds):
        network, note = timed(FaithfulVAE, data, seed, recipe)
        torch.save(network.state_dict(), given.work / f"faithful_{seed}.pt")
        notes.append(note)
    steps = recipe.n_epochs * -(-len(data) // recipe.batch_size)
    return {
        "n_train": len(data), "recipe": asdict(recipe), "steps": steps,
        "scaled_down_by": round(REPORT_STEPS / steps, 1), "training": notes,
    }  # fmt: skip


def part_ours(given: argparse.Namespace, data: np.ndarray) -> dict[str, Any]:
    """Our network; the first seed ships."""
    from meteortut.states import save_weights
    from meteortut.tle_vae import OURS, PhotometryVAE

    notes = []
    for seed in range(given.seeds):
        network, note = timed(PhotometryVAE, data, seed, OURS)
        save_weights(network, given.work / f"ours_{seed}.safetensors")
        notes.append(note)
    (given.out / "tle_vae.safetensors").write_bytes((given.work / "ours_0.safetensors").read_bytes())
    return {"n_train": len(data), "recipe": asdict(OURS), "training": notes}


def part_ablations(given: argparse.Namespace, data: np.ndarray) -> dict[str, Any]:
    """Change one thing at a time, on half the slices and half the rounds; judged on the first world's validation slices."""
    from meteortut.tle_vae import OURS, QUANTA, BetaPhotometryVAE, PhotometryVAE

    class HeavyUv(PhotometryVAE):
        """Readings at 180–230 nm count ten times in training; bits are counted as ever."""

        def log_likelihood(self, steps: Any, location: Any, scale: Any) -> Any:
            each = super().log_likelihood(steps, location, scale)
            return each * each.new_tensor([1.0, 10.0, 1.0])[:, None] if self.training else each

    base = replace(OURS, n_epochs=OURS.n_epochs // 2)
    half, (held, truth) = data[: len(data) // 2], slices(600, 1, "first")
    common = np.full(3, QUANTA[2])
    ways: dict[str, tuple[Callable[[], Any], Any]] = {
        "as shipped": (PhotometryVAE, base),
        "one step for all bands": (lambda: PhotometryVAE(quanta=common), base),
        "UV step 8 times as coarse": (lambda: PhotometryVAE(quanta=QUANTA * np.array([1, 8, 1])), base),
        "UV counted tenfold": (HeavyUv, base),
        "Beta density": (BetaPhotometryVAE, base),
        "no warm-up": (PhotometryVAE, replace(base, warm_up_share=0.0)),
        "beta 1": (PhotometryVAE, replace(base, beta=1.0)),
        "beta 5": (PhotometryVAE, replace(base, beta=5.0)),
        "beta 100": (PhotometryVAE, replace(base, beta=100.0)),
    }
    found = {}
    for name, (build, recipe) in ways.items():
        found[name] = _rounded(judge(timed(build, half, 0, recipe)[0], held, truth, 0))
    found |= {f"records: {name}": row for name, row in records(half, held, truth, base).items()}
    return {"n_train": len(half), "epochs": base.n_epochs, "judged_on": "600 slices of the first world", "ways": found}


def records(photometry: np.ndarray, held: np.ndarray, truth: pd.DataFrame, recipe: Any) -> dict[str, dict[str, float]]:
    """Whole slices against records cut to 1 500 to 5 000 samples, filled up with noise or, as the report tried, with zeros.

    A cut may take the event away and leave its label. So the adjusted Rand index is also given for those slices alone
    whose event begins 1 ms or more before the cut, the same ones in every row.
    """
    from meteortut.simulate.mmia import simulate_photometry
    from meteortut.tle_vae import PhotometryVAE, bits_per_sample, cluster_scores, reconstruct, uv_peak_errors, zero_pad

    rng = np.random.default_rng(0)
    lengths = [rng.integers(1500, 5001, len(own)) for own in (photometry, held)]
    dark, _ = simulate_photometry(400, 3, world="first", kinds=["noise"])

    def filled(own: np.ndarray, length: np.ndarray, noise: bool) -> np.ndarray:
        short = zero_pad([slice_[:, :n] for slice_, n in zip(own, length, strict=True)])
        if noise:
            for k, n in enumerate(length):
                short[k, :, n:] = dark[k % len(dark), :, n:]
        return short

    kind = truth.kind.to_numpy(str)
    kept = ((kind == "noise") | (truth.onset_ms < 0.01 * lengths[1] - 1)).to_numpy()
    rows = {}
    for name, noise in (("whole slices", None), ("cut, filled with noise", True), ("cut, filled with zeros", False)):
        trained, judged = (photometry, held) if noise is None else (
            filled(own, length, noise) for own, length in zip((photometry, held), lengths, strict=True)
        )  # fmt: skip
        network = timed(PhotometryVAE, trained, 0, recipe)[0]
        points = embedded(network, judged)
        rows[name] = _rounded({
            "uv_peak_error_ms": float(uv_peak_errors(reconstruct(judged[kept], network), truth[kept]).time_error_ms.median()),
            "ari": cluster_scores(points, kind, 0)["ari"],
            "ari_event_kept": cluster_scores(points[kept], kind[kept], 0)["ari"],
            "bits_per_sample": float(bits_per_sample(network, judged).mean()),
            "share_event_lost": float(1 - kept.mean()),
        })  # fmt: skip
    return rows


def part_novelty(given: argparse.Namespace, data: np.ndarray, truth: pd.DataFrame) -> dict[str, Any]:
    """Leave one class out of training, and see whether it comes out on top in the second world."""
    from sklearn.metrics import roc_auc_score

    from meteortut.tle_vae import OURS, PhotometryVAE, rank_novelty

    recipe = replace(OURS, n_epochs=OURS.n_epochs // 2)
    judged, other = slices(1000, 2, "second")
    found: dict[str, Any] = {}
    for kind, seeds in (("blue_jet", given.seeds), ("elve", 1), ("sprite", 1), ("blue_corona", 1), ("lightning", 1)):
        keep, rows = (truth.kind != kind).to_numpy(), []
        for seed in range(seeds):
            network = timed(PhotometryVAE, data[keep], seed, recipe)[0]
            ranks = rank_novelty(network, data[keep], judged, seed)
            new = (other.kind == kind).to_numpy()
            rows.append({name: round(float(roc_auc_score(new, ranks[name])), 4) for name in ("latent_bits",
            "reconstruction_bits")}
                        | {"of_first_20": int(new[ranks["rank"] < 20].sum())})  # fmt: skip
        found[kind] = rows
    return {"epochs": recipe.n_epochs, "auc_by_class_left_out": found}


def part_radio(given: argparse.Namespace) -> dict[str, Any]:
    """Lightning7: nearest neighbour in the latent space beside dynamic time warping."""
    from data_fetch import fetch
    from meteortut.tle_vae import radio_benchmark

    began = time.perf_counter()
    scores = radio_benchmark(fetch("lightning7"), 0, n_resamples=5)
    return {
        "vae": round(scores.vae, 4), "dtw": round(scores.dtw, 4), "n_test": scores.n_test,
        "resampled_vae_dtw": scores.resampled.round(4).tolist(), "seconds_wall": round(time.perf_counter() - began, 1),
    }  # fmt: skip


def part_judge(given: argparse.Namespace) -> dict[str, Any]:
    """Second world: baselines, the report's network, ours."""
    import torch

    from meteortut import tle_vae

    photometry, truth = slices(given.n_test, 2, "second")
    result: dict[str, Any] = {"n": len(photometry)}
    points = {
        "principal components": tle_vae.principal_components(photometry, 0),
        "measured features": tle_vae.standardised(tle_vae.measured_features(photometry)),
    }
    ours = [tle_vae.load_network(given.work / f"ours_{seed}.safetensors") for seed in range(given.seeds)]
    whole = tle_vae.embed(photometry, ours[0], course=True)
    heights, course = whole[:, tle_vae.HEIGHTS], whole[:, tle_vae.COURSE]
    points |= {"heights alone": heights, "course alone": course, "heights and course": np.hstack([heights, course])}
    for name, own in points.items():
        result[name] = summary([judge_points(own, truth, seed) for seed in range(given.seeds)])
    result["ours"] = summary([judge(network, photometry, truth, seed) for seed, network in enumerate(ours)])
    courses = [tle_vae.embed(photometry, network, course=True) for network in ours]
    result["ours with course"] = summary([judge_points(own, truth, seed) for seed, own in enumerate(courses)])
    rows = []
    for seed in range(given.seeds):
        path = given.work / f"faithful_{seed}.pt"
        if path.is_file():
            network = tle_vae.FaithfulVAE().eval()
            network.load_state_dict(torch.load(path, weights_only=True))
            rows.append(judge(network, photometry, truth, seed))
    if rows:
        result["faithful"] = summary(rows)
    tle_vae.embed(photometry[:200], ours[0])
    times = []
    for _ in range(3):
        began = time.perf_counter()
        tle_vae.embed(photometry[:1000], ours[0])
        times.append(time.perf_counter() - began)
    result["embed_per_second"] = round(min(1000, len(photometry)) / min(times))
    return result


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-train", type=int, default=3_000)
    parser.add_argument("--n-test", type=int, default=3_000)
    parser.add_argument("--n-faithful", type=int, default=1_500)
    parser.add_argument("--faithful-epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--out", type=Path, default=Path("meteortut/weights"))
    parser.add_argument("--work", type=Path, default=Path("_build/tle_vae"), help="networks of all seeds, not shipped")
    given = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(given.threads)
    for folder in (given.out, given.work):
        folder.mkdir(parents=True, exist_ok=True)
    path = given.out / "tle_vae.json"
    data, truth = slices(given.n_train, 0, "first")
    steps: dict[str, Callable[[], dict[str, Any]]] = {
        "faithful": lambda: part_faithful(given, data),
        "ours": lambda: part_ours(given, data),
        "ablations": lambda: part_ablations(given, data),
        "novelty": lambda: part_novelty(given, data, truth),
        "radio": lambda: part_radio(given),
        "judge": lambda: part_judge(given),
    }
    for name in (part for part in PARTS if part in given.only):
        part = steps[name]()
        # Read only now, as another run may have written its part meanwhile.
        report = json.loads(path.read_text()) if path.is_file() else {"script": "tools/train_tle_vae.py"}
        if name in ("novelty", "judge"):
            report["looks_at_second_world"] = report.get("looks_at_second_world", 0) + 1
        report[name] = part | {
            "versions": {"python": platform.python_version()} | {each: version(each) for each in LIBRARIES},
            "peak_rss_mib_of_the_run": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
        path.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
