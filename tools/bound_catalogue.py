"""Chapter 2: how well meteors could be told from flashes and slow points, were each light alone and measured as well as
it can be.

    python tools/bound_catalogue.py [--draws 8] [--out meteortut/weights]

Draws the lights of the eight sessions of the frozen first world, again and again, as the simulator does: its meteors, and
its static flashes, slow points and large flashes. No frame is made. Each light is "measured" by adding to its nine true
parameters an error drawn from its Cramér–Rao bound over the sky behind it, and a judge of the same kind as the second one
of the catalogue (smaller, with the numbers that a track tells) learns meteors from the rest on half of the draws and judges
the other half.
Left out is whatever else disturbs: lights that nobody detects, neighbours, clouds, towns, lightning (taken to be told
apart without fail), lights that shine all the time. So it is a bound, for this set of numbers, on what a catalogue of
these skies could reach. Writes ``catalogue_bound.json``. About five minutes of a core.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from train_minieuso import write_json

from meteortut import pipeline
from meteortut.metrics import exact_interval
from meteortut.pipeline.judge import fit_judge
from meteortut.pipeline.matching import BRIGHT_SNR
from meteortut.pipeline.track_features import curve_features, motion_features
from meteortut.pipeline.track_model import MovingLight, from_vector, vector
from meteortut.simulate import minieuso
from meteortut.simulate.minieuso.background import Background
from meteortut.simulate.minieuso.sources import Sources
from meteortut.simulate.minieuso.truth import draw_truth

#: Kinds of lights that a meteor may be mistaken for.
KINDS = ("static flash", "slow point", "large flash")
#: Smallest response of a pixel that is used; the aims.
LEAST_RESPONSE, AIMS = 0.05, {"recall_bright": 0.98, "precision": 0.95}
#: Logarithms of rise, fall and size are kept in bounds: an error may be as large as the thing.
LOG_BOUNDS = (-4.0, 7.0)
LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy")


def lights(sources: Sources) -> Iterator[tuple[int, MovingLight]]:
    """Those that do not shine all the time and are no whole tube, with their places in the table."""
    for k in np.flatnonzero(np.isfinite(sources.rise) & (sources.tube < 0)):
        one = sources.take([k])
        values = (one.t, one.y, one.x, one.vy, one.vx, one.light, one.rise, one.fall, one.sigma)
        yield int(k), MovingLight(*(float(value[0]) for value in values))


def least_errors(
    light: MovingLight, mean: Callable[[int, int], np.ndarray], n_frames: int
) -> tuple[float, float, np.ndarray]:
    """Cramér–Rao bounds of a light, as :func:`meteortut.pipeline.cramer_rao` gives them, over the true sky behind it.

    The noise is that of the sky; what the light's own photons add to it is left out, so for the brightest the bound is a
    little too low. ``mean``: from the first frame and one past the last to the sky's mean counts.
    """
    response = minieuso.build_camera(minieuso.FIRST).response.astype(float)
    middle = int(np.clip(light.t, 0, n_frames - 1))
    level = mean(middle, middle + 1)[0].astype(float)
    # noise in units of the light, where a pixel responds
    level = np.where(response > LEAST_RESPONSE, level / np.maximum(response, LEAST_RESPONSE) ** 2, 0.0)
    return pipeline.cramer_rao(light, level, n_frames)


def measured(true: MovingLight, background: Background, rng: np.random.Generator) -> dict[str, float] | None:
    """What the track of a light would tell if it were fitted as well as possible; none if nothing can be told."""
    *_, covariance = least_errors(true, lambda first, stop: background.mean(first, stop - first), background.n_frames)
    if not np.isfinite(covariance).all():
        return None
    # of a wide flash hardly anything is known: its covariance is positive but for rounding
    values = rng.multivariate_normal(vector(true), covariance, check_valid="ignore", method="eigh")
    values[6:] = np.clip(values[6:], *LOG_BOUNDS)
    light = from_vector(values)
    nothing, snr = np.zeros((0, 3), int), abs(light.light) / np.sqrt(covariance[5, 5])
    track = pipeline.Track(light, covariance, snr, snr, 1.0, (0, 0, 0), nothing, True)
    return {
        "track_snr": snr,
        "speed_px": light.speed_px,
        "speed_err_px": track.errors[0],
        "fwhm": light.fwhm,
        "size_px": light.size,
        **motion_features(track, background.sky.yaw_deg),
        **curve_features(track),
    }


def draw(name: int, turn: int, given: argparse.Namespace) -> tuple[pd.DataFrame, dict[str, int]]:
    """Lights of one session, measured: a row each, with ``snr`` of the truth (NaN: no meteor); and how many cannot be."""
    world, sky = minieuso.FIRST, minieuso.SKIES["first"][name]
    seeds = np.random.default_rng([given.seed, 77, turn, name]).spawn(3)
    background = Background(world, sky, given.frames, seeds[0])
    truth = draw_truth(background, world, minieuso.SESSION_METEORS[name], seeds[1])
    others = background.transients.take(np.isin(background.kinds, KINDS))
    rows, lost = [], {"meteors": 0, "others": 0}
    for kind, sources in (("meteors", truth.sources), ("others", others)):
        for k, light in lights(sources):
            row = measured(light, background, seeds[2])
            if row is None:
                lost[kind] += 1
            else:
                rows.append(row | {"snr": truth.meteors.snr[k] if kind == "meteors" else np.nan})
    return pd.DataFrame(rows).assign(session=name, turn=turn), lost


def judged(table: pd.DataFrame, given: argparse.Namespace) -> np.ndarray:
    """Probability of "meteor" of each light, by a judge that learned from the other half of the draws."""
    features, is_meteor = table.drop(columns=["snr", "session", "turn"]), table.snr.notna().to_numpy()
    even, score = (table.turn % 2 == 0).to_numpy(), np.zeros(len(table))
    for half in (even, ~even):
        score[~half] = fit_judge(features[half], is_meteor[half], given.seed).probability(features[~half])
    return score


def reached(table: pd.DataFrame, score: np.ndarray, n_bright: int) -> list[dict[str, Any]]:
    """Recall of bright meteors, and precision, at some thresholds."""
    is_meteor, bright, rows = table.snr.notna().to_numpy(), (table.snr >= BRIGHT_SNR).to_numpy(), []
    for threshold in np.linspace(0.02, 0.98, 49):
        kept = score >= threshold
        if not kept.any():
            break
        found, right = int((kept & bright).sum()), int((kept & is_meteor).sum())
        rows.append(
            {
                "threshold": round(float(threshold), 2),
                "recall_bright": round(found / n_bright, 4),
                "recall_bright_interval": [round(k, 4) for k in exact_interval(found, n_bright)],
                "precision": round(right / int(kept.sum()), 4),
                "precision_interval": [round(k, 4) for k in exact_interval(right, int(kept.sum()))],
            }
        )
    return rows


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=8, help="of all eight sessions; at least two")
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("meteortut/weights"))
    given = parser.parse_args(arguments)
    if given.draws < 2:
        parser.error(f"--draws is {given.draws}; expected 2 or more, one to learn from and one to judge.")
    began, parts, lost = time.process_time(), [], {"meteors": 0, "others": 0}
    for turn in range(given.draws):
        for name in minieuso.SESSION_METEORS:
            part, unmeasured = draw(name, turn, given)
            parts.append(part)
            lost = {kind: lost[kind] + unmeasured[kind] for kind in lost}
        print(turn, f"{time.process_time() - began:.0f} s", flush=True)
    table = pd.concat(parts, ignore_index=True)
    n_bright = int((table.snr >= BRIGHT_SNR).sum())
    rows = reached(table, judged(table, given), n_bright)
    enough = [row["recall_bright"] for row in rows if row["precision"] >= AIMS["precision"]]
    exact = [row["precision"] for row in rows if row["recall_bright"] >= AIMS["recall_bright"]]
    content = {
        "script": "tools/bound_catalogue.py",
        "world": "first",
        "seed": given.seed,
        "draws": given.draws,
        "frames_per_session": given.frames,
        "kinds": KINDS,
        "n_meteors": int(table.snr.notna().sum()),
        "n_bright": n_bright,
        "n_others": int(table.snr.isna().sum()),
        "not_measured": lost,
        "recall_at_precision_95": max(enough, default=None),
        "precision_at_recall_98": max(exact, default=None),
        "at_one_half": next(row for row in rows if row["threshold"] == 0.5),
        "curve": rows,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "seconds": round(time.process_time() - began, 1),
    }
    write_json(given.out / "catalogue_bound.json", content)


if __name__ == "__main__":
    main()
