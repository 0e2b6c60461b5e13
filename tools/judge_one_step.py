"""Chapter 2: judge one step, two steps and the whole catalogue on all eight sessions, each by weights that have not seen
it.

    python tools/judge_one_step.py --work FOLDER [--folds FOLDER] [--out meteortut/weights]

``--work`` is the folder of ``tools/train_one_step.py``, ``--folds`` that of ``tools/train_minieuso.py``; without it the curves
of two steps stay as the last report has them, which is right while ``minieuso.json`` stays. Writes
``one_step.json`` (scores of chunks, lost meteors, recall against false alarms of both ways, and what of the recall is
chance) and ``catalogue.json`` (``find_meteors``: recall, precision, rows per meteor, which rows are false and which
meteors lost, errors of the motion, and what second judges come to that were taught under fewer skies, and the same
catalogue under more skies of the same kinds). About half an hour of a core.
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

import bound_catalogue as bound
import numpy as np
import pandas as pd
import train_one_step as training
from scipy.ndimage import maximum_filter
from train_minieuso import session, write_json

from meteortut import pipeline
from meteortut.chunking import AMBIGUOUS, METEOR, ChunkGrid, label_chunks, merge_detections
from meteortut.focal import FRAME_S, METEOR_KM_PX, off_ground, to_focal
from meteortut.metrics import exact_interval
from meteortut.pipeline import finding, judging
from meteortut.pipeline.matching import BRIGHT_SNR, near
from meteortut.pipeline.step_features import STEP
from meteortut.pipeline.weights import load_weights
from meteortut.simulate import minieuso

#: Meteors are moved in time by one, two, … of so many parts of a session, to see how many of them boxes hold by chance.
PARTS = 12
#: Log odds, and probabilities, at which the curves are read.
STEP_THRESHOLDS = np.arange(-3.0, 6.1, 0.5)
CHUNK_THRESHOLDS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
#: Two steps, their chunks joined or the pixels that they find.
TWO_STEPS = ("two_steps", "two_steps_by_pixel")
#: A rate of zero counts as this many false alarms per hour where curves are read off.
LOWEST_RATE = 0.1
#: Recalls at which the two ways are compared.
RECALLS = (0.80, 0.85, 0.90, 0.925, 0.95, 0.96)
#: Probabilities of the second judge at which its price is read.
JUDGE_THRESHOLDS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
#: Frames of a window in which a sky is restless when it leaves a straight line by so many times the noise.
WINDOW, RESTLESS_SIGMA = 48, 5.0
#: Crowded skies of each kind that second judges are taught under, beside all others, to see what more of them bring.
FEWER_SKIES = (0, 2, 5)
#: Sessions are drawn anew so often, for the intervals of ratios.
DRAWS = 500
LENGTHS = ((1, 2), (3, 4), (5, 6), (7, 10), (11, 99))
BRIGHTNESSES = ((4, 5), (5, 7), (7, 12), (12, 25), (25, 9999))
LIBRARIES = ("keras", "numpy", "pandas", "scikit-learn", "scipy", "tensorflow-cpu")


def chunk_scores(log_odds: np.ndarray, grid: ChunkGrid) -> np.ndarray:
    """Score of each chunk: the highest probability of a voxel whose step lies inside."""
    scores = np.empty([len(starts) for starts in grid.starts], np.float32)
    for row, first in zip(scores, grid.starts[0], strict=True):
        most = log_odds[-(-first // STEP) : (first + grid.size[0]) // STEP].max(axis=0)
        windows = np.lib.stride_tricks.sliding_window_view(most, grid.size[1:]).max(axis=(2, 3))
        row[...] = windows[np.ix_(grid.starts[1], grid.starts[2])]
    return 1 / (1 + np.exp(-scores.ravel().astype(float)))


def curve(tables: dict[float, pd.DataFrame], own: minieuso.Session) -> list[dict[str, float]]:
    """Recall, what of it may be chance, and false alarms, a row per threshold."""
    bright, hours = (own.truth.meteors.snr >= BRIGHT_SNR).to_numpy(), len(own.frames) * FRAME_S / 3600
    rows = []
    for threshold, events in tables.items():
        rows_of, false = in_boxes(events, own.truth)
        found = rows_of > 0
        rows.append(
            {
                "threshold": round(threshold, 4),
                "recall": round(float(found.mean()), 4),
                "recall_bright": round(float(found[bright].mean()), 4),
                "chance_bright": round(float(held_by_chance(events, own)[bright].mean()), 4),
                "false_per_hour": round(false / hours, 1),
                "rows_per_meteor": round(float(rows_of[found].mean()), 4) if found.any() else None,
            }
        )
    return rows


def in_boxes(events: pd.DataFrame, truth: Any) -> tuple[np.ndarray, int]:
    """How many events hold a lit voxel of each meteor in their box, and how many hold none; the same for both ways.

    A box may be missed by a step and two pixels. Boxes of the published pair are wide, those of one step are narrow.
    """
    low, high = (events[[f"{axis}_{end}" for axis in "tyx"]].to_numpy(float) for end in ("first", "last"))
    reach = np.array([STEP, 2, 2])
    rows_of, false = np.zeros(len(truth.meteors), int), np.ones(len(events), bool)
    for k, (_, part) in enumerate(truth.voxels.groupby("meteor")):
        places = part[["t", "y", "x"]].to_numpy(float)[:, None]
        holds = ((places >= low - reach) & (places <= high + reach)).all(axis=2).any(axis=0)
        rows_of[k], false = holds.sum(), false & ~holds
    return rows_of, int(false.sum())


def held_by_chance(events: pd.DataFrame, own: minieuso.Session) -> np.ndarray:
    """Share of the moves in which each meteor lies in some box, all meteors moved in time: float, (n_meteors,).

    What leaves the session at its end comes in at its beginning.
    """
    n, voxels, held = len(own.frames), own.truth.voxels, np.zeros(len(own.truth.meteors))
    for k in range(1, PARTS):
        moved = replace(own.truth, voxels=voxels.assign(t=(voxels.t + k * n // PARTS) % n))
        held += in_boxes(events, moved)[0] > 0
    return held / (PARTS - 1)


def two_steps(own: minieuso.Session, grid: ChunkGrid, given: argparse.Namespace) -> dict[str, Any]:
    """Events of the published pair in two ways, a table per threshold of the first network.

    ``two_steps``: chunks in which the second network finds a pixel, joined where they overlap. ``two_steps_by_pixel``: the pixels
    that it finds in them, joined where they lie within two pixels and in windows that overlap.
    """
    cnn = load_weights(pipeline.build_cnn(), given.folds / f"fold_{own.name}_cnn.safetensors")
    mlp = load_weights(pipeline.build_mlp(), given.folds / f"fold_{own.name}_mlp.safetensors")
    scores = judging.turned_scores(own.frames, cnn, grid)
    index = np.flatnonzero(scores >= min(CHUNK_THRESHOLDS))
    plane = len(grid.starts[1]) * len(grid.starts[2])
    windows, place = np.unique(index // plane, return_inverse=True)
    hit = judging.pixel_scores(own.frames, grid, mlp, windows) >= 0.5
    side_y, side_x = grid.size[1:]
    in_chunks = {t: np.zeros(hit.shape, bool) for t in CHUNK_THRESHOLDS}
    for k, window, (_, y, x) in zip(index, place, grid.origin(index), strict=True):
        own_pixels = np.s_[window, y : y + side_y, x : x + side_x]
        for t, inside in in_chunks.items():
            inside[own_pixels] |= scores[k] >= t
        if not hit[own_pixels].any():
            scores[k] = 0
    starts = grid.starts[0][windows]
    return {
        "two_steps": {t: merge_detections(grid.origins, scores, threshold=t) for t in CHUNK_THRESHOLDS},
        "two_steps_by_pixel": {t: pixel_events(hit & inside, starts, grid.size[0]) for t, inside in in_chunks.items()},
    }


def pixel_events(hit: np.ndarray, starts: np.ndarray, length: int) -> pd.DataFrame:
    """Boxes around pixels (n_windows, height, width) that lie within two of each other, in windows that share frames.

    The windows begin at ``starts``, each ``length`` frames long.
    """
    window, y, x = np.nonzero(hit)
    # chunks of three pixels share one when they begin within two of each other
    events = merge_detections(np.stack([starts[window], y, x], axis=1), np.ones(len(window)), (length, 3, 3))
    return events.assign(y_last=events.y_last - 2, x_last=events.x_last - 2)


def judge_networks(name: int, given: argparse.Namespace) -> dict[str, Any]:
    """One step and two steps on one session."""
    last = None if given.folds else last_two_steps(name, given)
    own = session(name, given)
    model = training.train(training.pair_of(name), given)
    blocks = list(pipeline.apply_one_step(own.frames, model))
    grid = ChunkGrid(own.frames.shape)
    labels, meteors = label_chunks(grid, own.truth.voxels), own.truth.meteors
    clear, scores = labels != AMBIGUOUS, chunk_scores(np.concatenate(blocks), grid)
    best, bright = judging.peak_scores(grid, scores, meteors), (meteors.snr >= BRIGHT_SNR).to_numpy()
    areas = judging.curve_areas(labels[clear] == METEOR, scores[clear])
    return {
        "session": name,
        "n_meteor_chunks": int((labels == METEOR).sum()),
        **{key: round(value, 4) for key, value in areas.items()},
        "meteors": len(meteors),
        "meteors_lost": int((best < 0.5).sum()),
        "meteors_of_snr_5": int(bright.sum()),
        "lost_of_snr_5": int((best[bright] < 0.5).sum()),
        "one_step": curve({float(t): pipeline.voxel_events(blocks, float(t)) for t in STEP_THRESHOLDS}, own),
        **(last or {way: curve(tables, own) for way, tables in two_steps(own, grid, given).items()}),
    }


def last_two_steps(name: int, given: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    """The curves of two steps on a session, from the last report, if that was made for the same sessions in the same way."""
    last = json.loads((given.out / "one_step.json").read_text())
    curves = {row["session"]: {way: row.get(way) for way in TWO_STEPS} for row in last["sessions"]}
    same = (last["seed"], last["frames_per_session"], last.get("moved_by_parts")) == (given.seed, given.frames, PARTS)
    if not same or not all(curves.get(name, {}).values() or [None]):
        raise SystemExit(f"{given.out / 'one_step.json'} has no curve of session {name} as asked for; give --folds.")
    return curves[name]


def pooled(rows: list[dict[str, Any]], which: str, given: argparse.Namespace) -> pd.DataFrame:
    """One curve of all sessions together."""
    hours = given.frames * FRAME_S / 3600
    parts = []
    for row in rows:
        part = pd.DataFrame(row[which])
        part["bright"], part["n_bright"] = part.recall_bright * row["meteors_of_snr_5"], row["meteors_of_snr_5"]
        part["chance"] = part.chance_bright * row["meteors_of_snr_5"]
        # of those not found chance puts a share into boxes, and the others are what lies in none
        part["missed"] = (part.n_bright - part.bright) / np.maximum(1 - part.chance_bright, 1e-9)
        part["found"], part["n"] = part.recall * row["meteors"], row["meteors"]
        part["false"], part["hours"] = part.false_per_hour * hours, hours
        parts.append(part)
    names = ["bright", "chance", "missed", "n_bright", "found", "n", "false", "hours"]
    total = pd.concat(parts).groupby("threshold")[names].sum()
    return pd.DataFrame(
        {
            "recall_bright": total.bright / total.n_bright,
            "chance_bright": total.chance / total.n_bright,
            "recall_beyond_chance": 1 - total.missed / total.n_bright,
            "recall": total.found / total.n,
            "false_per_hour": total.false / total.hours,
        }
    ).reset_index()


def at_recall(table: pd.DataFrame, recall: float, which: str) -> float:
    """Fewest false alarms per hour at which a curve has a recall, between thresholds along a straight line; NaN beyond.

    ``which``: column of the recall. Straight where the rate's axis is logarithmic, as it is drawn: thresholds are few, and
    elsewhere a straight line would tell too many. Thresholds that bring more false alarms and no higher recall are left out.
    """
    table = table.sort_values(["false_per_hour", which], ascending=[True, False])
    table = table[table[which] > table[which].cummax().shift(fill_value=-np.inf)]
    log_rate = np.log(np.maximum(table.false_per_hour, LOWEST_RATE))
    return float(np.exp(np.interp(recall, table[which], log_rate, left=np.nan, right=np.nan)))


def share(part: int, whole: int) -> dict[str, Any]:
    return {"lost": part, "of": whole, "interval": [round(value, 6) for value in exact_interval(part, whole)]}


def network_summary(rows: list[dict[str, Any]], given: argparse.Namespace) -> dict[str, Any]:
    total = {
        key: sum(row[key] for row in rows) for key in ("meteors", "meteors_lost", "meteors_of_snr_5", "lost_of_snr_5")
    }
    return {
        **{key: round(float(np.mean([row[key] for row in rows])), 4) for key in ("roc_auc", "pr_auc", "pr_auc_fixed")},
        "meteors": share(total["meteors_lost"], total["meteors"]),
        "meteors_of_snr_5": share(total["lost_of_snr_5"], total["meteors_of_snr_5"]),
        "at_equal_recall": {
            way: {
                which: at_equal_recall(rows, way, which, given) for which in ("recall_bright", "recall_beyond_chance")
            }
            for way in TWO_STEPS
        },
        "operations": {"one_step": round(pipeline.operations(), 1), "two_steps": round(two_step_operations(), 1)},
        **{way: pooled(rows, way, given).round(4).to_dict("records") for way in ("one_step", *TWO_STEPS)},
    }


def at_equal_recall(
    rows: list[dict[str, Any]], way: str, which: str, given: argparse.Namespace
) -> list[dict[str, Any]]:
    """False alarms per hour of one step and of a way of two where they have the same recall of bright meteors, and their ratio.

    The last recall is the one that two steps have at their threshold of one half. The interval of the ratio is told from
    sessions drawn anew.
    """
    two = pooled(rows, way, given)
    recalls = (*RECALLS, float(two.loc[two.threshold == 0.5, which].iloc[0]))

    def false_alarms(some: list[dict[str, Any]]) -> np.ndarray:
        tables = [pooled(some, own, given) for own in ("one_step", way)]
        return np.array([[at_recall(table, recall, which) for recall in recalls] for table in tables])

    rng, drawn = np.random.default_rng(0), []
    for _ in range(DRAWS):
        one_step, two_steps = false_alarms([rows[k] for k in rng.integers(len(rows), size=len(rows))])
        # a recall out of reach takes infinitely many
        ratio = np.where(np.isnan(two_steps), 0.0, one_step / two_steps)
        drawn.append(np.where(np.isnan(one_step), np.inf, ratio))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0, method="nearest")
    ours, theirs = false_alarms(rows)
    return [
        {
            "recall": round(recall, 4),
            "one_step": round(ours[k], 1),
            "two_steps": round(theirs[k], 1),
            "ratio": round(ours[k] / theirs[k], 3),
            "ratio_interval": [round(low[k], 3), round(high[k], 3)],
        }
        for k, recall in enumerate(recalls)
    ]


def two_step_operations(grid: ChunkGrid | None = None) -> float:
    """Operations per pixel and frame of the published network when all that chunks share is done once, on the 24-4-4 grid."""
    grid = ChunkGrid((20_000, 48, 48)) if grid is None else grid
    n_windows, plane = len(grid.starts[0]), len(grid.starts[1]) * len(grid.starts[2])
    convolution = 48 * 48 * 9 * 48 * 24
    dense = plane * (384 * 256 + 256 * 64 + 64)
    return 2 * n_windows * (convolution + dense) / np.prod(grid.shape)


def judge_catalogue(name: int, given: argparse.Namespace) -> dict[str, Any]:
    """The catalogue of one session, as find_meteors makes it with judges that have not seen it.

    Once with the response of the pixels and the direction of the drift known, once (``blind``) with neither.
    """
    own = session(name, given)
    second, second_blind = (
        training.judges(training.pair_of(name), given, which) for which in ("second", "second_blind")
    )
    (table, features, _), (blind, blind_features, _) = (
        training.tracks(name, given, blind=kind) for kind in (False, True)
    )
    table = table.assign(score=second.probability(features))
    blind = finding.reported(
        blind.assign(score=second_blind.probability(blind_features)), blind_features.trail, finding.THRESHOLD
    )
    events, _, _ = training.candidates(name, given)
    meteors, n = own.truth.meteors, len(own.frames)
    kept = finding.reported(table, features.trail, finding.THRESHOLD)
    matching = pipeline.match_events(kept, meteors, n)
    unruled = {
        "no flash rule": finding.reported(table.assign(flag="none"), features.trail, finding.THRESHOLD),
        "no trail rule": finding.reported(table, 0 * features.trail, finding.THRESHOLD),
    }
    stages, unrest = {"events": events, "first judge": table, "second judge": kept}, unrest_of(own)
    return {
        "session": name,
        **in_truth(meteors),
        **result(matching, meteors),
        "blind": result(pipeline.match_events(blind, meteors, n), meteors),
        "price": [
            {"threshold": t}
            | result(pipeline.match_events(finding.reported(table, features.trail, t), meteors, n), meteors)
            for t in JUDGE_THRESHOLDS
        ],
        "without": {rule: result(pipeline.match_events(rows, meteors, n), meteors) for rule, rows in unruled.items()},
        "kinds": {stage: count_kinds(kinds_of_false(rows, own, unrest)) for stage, rows in stages.items()},
        "stages": {stage: result(pipeline.match_events(rows, meteors, n), meteors) for stage, rows in stages.items()},
        "calibration": calibration(table, near(table, meteors).any(axis=1)),
        "lost": lost(own, stages, matching),
        "wrong": wrong(own, kept, unrest),
        "motion": motion(own, kept, matching),
        "near_ground": near_ground(own, matching),
    }


#: What loses a meteor that a stage is the first to have nothing on; none: its row was a neighbour's.
LOST_BY = {
    "events": "no event",
    "first judge": "first judge or fit",
    "second judge": "second judge or rule",
    "": "one row for two",
}


def lost(own: minieuso.Session, stages: dict[str, pd.DataFrame], matching: pipeline.Matching) -> list[dict[str, Any]]:
    """Bright meteors without a row: where they were, and what lost them: the first stage that has nothing on them."""
    meteors, rows = own.truth.meteors, []
    has = {stage: near(table, meteors).any(axis=0) for stage, table in stages.items()}
    for k in np.flatnonzero(meteors.snr >= BRIGHT_SNR):
        if k not in matching.meteor:
            stage = next((stage for stage in stages if not has[stage][k]), "")
            rows.append(noted(meteors.iloc[k]) | {"lost_by": LOST_BY[stage]})
    return rows


def wrong(own: minieuso.Session, kept: pd.DataFrame, unrest: np.ndarray) -> list[dict[str, Any]]:
    """Rows on no meteor: where, and what was there."""
    false = kept[~near(kept, own.truth.meteors).any(axis=1)]
    kinds = kinds_of_false(false, own, unrest)
    return [noted(row) | {"kind": str(kind)} for (_, row), kind in zip(false.iterrows(), kinds, strict=True)]


def noted(row: pd.Series) -> dict[str, Any]:
    """Where something was, and its peak SNR."""
    return {"t_peak": int(row.t_peak)} | {name: round(float(row[name]), 1) for name in ("y", "x", "snr")}


def learning(given: argparse.Namespace) -> list[dict[str, Any]]:
    """What second judges come to that were taught under fewer skies: a row per number of crowded ones, of each kind."""
    rows = []
    for n in (*FEWER_SKIES, len(training.EXTRAS["crowded"])):
        judged, n_rows = [], []
        for pair in training.PAIRS.values():
            kinds = [name for name in minieuso.SESSION_METEORS if name not in pair]
            names = [*training.skies(kinds, "tracks"), *training.crowded(kinds, n)]
            parts = [training.tracks(name, given) for name in names]
            n_rows.append(sum(len(labels) for *_, labels in parts))
            judge = training.taught(parts, given, "second")
            for name in set(pair) & set(given.sessions):
                table, features, is_meteor = training.tracks(name, given)
                score = judge.probability(features).astype(float)
                judged.append(
                    (table.assign(score=score), features.trail, is_meteor, session(name, given).truth.meteors)
                )
        row = {"crowded_skies_of_a_kind": n, "rows_per_judge": round(np.mean(n_rows))} | at_precision(
            judged, given.frames
        )
        rows.append(row | {"log_loss": log_loss(judged)})
        print("learning", rows[-1], flush=True)
    return rows


Judged = list[tuple[pd.DataFrame, pd.Series, np.ndarray, pd.DataFrame]]


def log_loss(judged: Judged) -> float:
    """Mean of −ln p over all rows, p being the probability given to what is true."""
    given = np.concatenate([np.where(is_meteor, table.score, 1 - table.score) for table, _, is_meteor, _ in judged])
    return round(float(-np.log(np.clip(given, 1e-7, 1)).mean()), 5)


def at_precision(judged: Judged, frames: int, least: float = 0.95) -> dict[str, Any]:
    """Most bright meteors found at any threshold of the price list at which so many of the rows are right."""
    bright, found = sum(int((meteors.snr >= BRIGHT_SNR).sum()) for *_, meteors in judged), 0
    for threshold in JUDGE_THRESHOLDS:
        counts = [
            result(pipeline.match_events(finding.reported(table, trail, threshold), meteors, frames), meteors)
            for table, trail, _, meteors in judged
        ]
        right, n_rows, bright_found = (sum(one[key] for one in counts) for key in ("found", "n_rows", "found_of_snr_5"))
        if n_rows and right >= least * n_rows:
            found = max(found, bright_found)
    return {
        "found": found,
        "of": bright,
        "recall_at_precision_95": round(found / bright, 4),
        "interval": [round(k, 4) for k in exact_interval(found, bright)],
    }


def in_truth(meteors: pd.DataFrame) -> dict[str, int]:
    """How many meteors there were, and how many bright ones."""
    return {"meteors": len(meteors), "meteors_of_snr_5": int((meteors.snr >= BRIGHT_SNR).sum())}


def result(matching: pipeline.Matching, meteors: pd.DataFrame) -> dict[str, Any]:
    """Counts that can be added up over sessions."""
    bright = (meteors.snr >= BRIGHT_SNR).to_numpy()
    return {
        "n_rows": matching.n_found,
        "found": len(matching.meteor),
        "found_of_snr_5": int(bright[matching.meteor].sum()),
        "false": matching.n_false,
        "recall": round(matching.recall, 4),
        "recall_bright": round(matching.recall_bright, 4),
        "precision": round(matching.precision, 4),
        "rows_per_meteor": round(matching.rows_per_meteor, 4),
        "false_per_hour": round(matching.false_per_hour, 1),
    }


def unrest_of(own: minieuso.Session) -> np.ndarray:
    """How restless the sky is within a pixel of each, in windows half a window apart: (n_windows, height, width), σ."""
    starts = np.arange(0, len(own.frames) - WINDOW + 1, WINDOW // 2)
    return maximum_filter(judging.sky_unrest(own.truth.background, starts, WINDOW), (1, 3, 3))


def kinds_of_false(rows: pd.DataFrame, own: minieuso.Session, unrest: np.ndarray) -> np.ndarray:
    """What each of the false ones among rows is: the confuser nearest to each, or else a sky that leaves a straight line there."""
    false = rows[~near(rows, own.truth.meteors).any(axis=1)]
    t = (false["t"] if "t" in false else false.t_peak + 0.5).to_numpy(float)
    y, x = (to_focal(false[axis].to_numpy(float), 1.0) for axis in ("y", "x"))
    kind, distance = np.full(len(false), "none listed", object), np.full(len(false), np.inf)
    for c in own.truth.confusers.itertuples():
        reach = np.inf if c.whole_tube else 3 * c.sigma_px + 2
        angle, later = np.radians(c.direction_deg), t - c.t_peak
        away = np.hypot(
            y - to_focal(c.y, 1.0) - later * c.speed_px * np.sin(angle),
            x - to_focal(c.x, 1.0) - later * c.speed_px * np.cos(angle),
        )
        here = (t >= c.t_first - STEP) & (t <= c.t_last + STEP + 1) & (away < reach) & (away < distance)
        kind[here], distance[here] = c.kind, away[here]
    if len(false):
        window = np.clip(np.rint(t / (WINDOW // 2) - 1).astype(int), 0, len(unrest) - 1)  # whose middle is nearest
        place = (np.rint(false[axis].to_numpy(float)).astype(int) for axis in ("y", "x"))
        kind[(kind == "none listed") & (unrest[(window, *place)] > RESTLESS_SIGMA)] = "cloud or coast"
    return kind


def count_kinds(kinds: np.ndarray) -> dict[str, int]:
    """How many there are of each."""
    return {str(key): int(count) for key, count in pd.Series(kinds).value_counts().items()}


def calibration(table: pd.DataFrame, is_meteor: np.ndarray) -> list[dict[str, float]]:
    """Rows and meteors by the probability given."""
    bins = np.clip((table.score.to_numpy() * 10).astype(int), 0, 9)
    return [
        {
            "from": k / 10,
            "n": int((bins == k).sum()),
            "meteors": int(is_meteor[bins == k].sum()),
            "sum": round(float(table.score[bins == k].sum()), 3),
        }
        for k in range(10)
    ]


def motion(own: minieuso.Session, kept: pd.DataFrame, matching: pipeline.Matching) -> list[dict[str, float]]:
    """Errors of speed and direction of the rows found, and the Cramér–Rao bound of each meteor's true light."""
    meteors, lights, rows = own.truth.meteors, dict(bound.lights(own.truth.sources)), []
    for row, k in zip(kept.iloc[matching.found].itertuples(), matching.meteor, strict=True):
        true = meteors.iloc[k]
        true_km_s = float(true.speed_km_s * np.sin(np.radians(true.zenith_deg)))
        bound_speed, bound_direction, covariance = bound.least_errors(lights[k], own.truth.background, len(own.frames))
        speed, azimuth = pipeline.remove_drift(row.vy, row.vx, own.sky.yaw_deg)
        rows.append(
            {
                "n_pixels": int(true.n_pixels),
                "snr": float(true.snr),
                "trusted": row.flag != "failed",
                "true_km_s": true_km_s,
                "km_s": float(speed),
                "azimuth_error_deg": float((azimuth - true.azimuth_deg + 180) % 360 - 180),
                "speed_error_px": float(row.speed_px - true.speed_px),
                "direction_error_deg": float((row.direction_deg - true.direction_deg + 180) % 360 - 180),
                "speed_bound_px": bound_speed,
                "direction_bound_deg": bound_direction,
                **own_bounds(covariance, true.azimuth_deg, true_km_s),
            }
        )
    return rows


def own_bounds(covariance: np.ndarray, azimuth_deg: float, km_s: float) -> dict[str, float]:
    """Least standard deviations of a meteor's own speed (per cent) and direction (degrees), the drift taken away."""
    away = np.array([np.sin(np.radians(azimuth_deg)), np.cos(np.radians(azimuth_deg))])
    px = km_s * FRAME_S / METEOR_KM_PX
    along, across = (np.sqrt(way @ covariance[3:5, 3:5] @ way) / px for way in (away, away[::-1] * [1, -1]))
    return {"own_speed_bound_percent": float(100 * along), "own_direction_bound_deg": float(np.degrees(across))}


def near_ground(own: minieuso.Session, matching: pipeline.Matching) -> dict[str, int]:
    """How many bright meteors move within 3 σ of the ground's drift, how many others there are, and how many of each are found.

    σ is the Cramér–Rao bound of the speed of each meteor's light.
    """
    bright, sigmas = (own.truth.meteors.snr >= BRIGHT_SNR).to_numpy(), []
    for k, light in bound.lights(own.truth.sources):
        if bright[k]:
            least, *_ = bound.least_errors(light, own.truth.background, len(own.frames))
            sigmas.append(float(np.hypot(*off_ground(light.vy, light.vx, own.sky.yaw_deg)) / least))
    close = np.array(sigmas) < 3
    found = np.isin(np.flatnonzero(bright), matching.meteor)
    return {
        "within_3_sigma": int(close.sum()),
        "of": len(close),
        "found_within": int((close & found).sum()),
        "found_others": int((~close & found).sum()),
    }


def kinematics(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Median errors by length and by brightness; scatter (68 % from the median size) over the Cramér–Rao bound."""
    found = []
    groups = [("pixels", low, high, rows[rows.n_pixels.between(low, high)]) for low, high in LENGTHS]
    groups += [("SNR", low, high, rows[(rows.snr >= low) & (rows.snr < high)]) for low, high in BRIGHTNESSES]
    groups.append(("pixels", 5, 99, rows[rows.n_pixels >= 5]))
    for what, low, high, part in groups:
        if not len(part):
            continue
        error = 100 * (part.km_s / part.true_km_s - 1).abs()
        ratio = [
            float((part[f"{kind}_error_{unit}"] / part[f"{kind}_bound_{unit}"]).abs().median() / 0.6745)
            for kind, unit in (("speed", "px"), ("direction", "deg"))
        ]
        rng = np.random.default_rng(0)
        draws = np.median(error.to_numpy()[rng.integers(len(part), size=(2000, len(part)))], axis=1)
        found.append(
            {
                "by": what,
                "from": low,
                "to": high,
                "n": len(part),
                "trusted": round(float(part.trusted.mean()), 4),
                "speed_error_percent_median": round(float(error.median()), 2),
                "speed_interval": [round(float(k), 2) for k in np.quantile(draws, [0.025, 0.975])],
                "true_km_s_median": round(float(part.true_km_s.median()), 2),
                "speed_error_km_s_median": round(float((part.km_s - part.true_km_s).abs().median()), 3),
                "direction_error_deg_median": round(float(part.azimuth_error_deg.abs().median()), 2),
                "speed_over_bound": round(ratio[0], 2),
                "direction_over_bound": round(ratio[1], 2),
                # medians, were all errors normal and as small as can be
                "speed_percent_at_bound": round(median_at_bound(part.own_speed_bound_percent), 2),
                "direction_deg_at_bound": round(median_at_bound(part.own_direction_bound_deg), 2),
            }
        )
    return found


def median_at_bound(sigma: pd.Series) -> float:
    """Median size of normal errors of these standard deviations."""
    draws = np.random.default_rng(0).standard_normal((1000, len(sigma)))
    return float(np.median(np.abs(draws * sigma.to_numpy())))


def totals(parts: list[dict[str, Any]], rows: list[dict[str, Any]], frames: int) -> dict[str, Any]:
    """Counts of all sessions (:func:`result`) and their rates; the rows say how many meteors there were."""
    n = {key: sum(part[key] for part in parts) for key in ("n_rows", "found", "found_of_snr_5", "false")}
    bright, meteors = (sum(row[key] for row in rows) for key in ("meteors_of_snr_5", "meteors"))
    return n | {
        "recall": round(n["found"] / meteors, 4),
        "recall_bright": round(n["found_of_snr_5"] / bright, 4),
        "recall_bright_interval": [round(k, 4) for k in exact_interval(n["found_of_snr_5"], bright)],
        "precision": round(n["found"] / n["n_rows"], 4),
        "precision_interval": [round(k, 4) for k in exact_interval(n["found"], n["n_rows"])],
        "rows_per_meteor": round((n["n_rows"] - n["false"]) / n["found"], 4),
        "false_per_hour": round(n["false"] / (len(rows) * frames * FRAME_S / 3600), 1),
    }


def catalogue_summary(rows: list[dict[str, Any]], frames: int) -> dict[str, Any]:
    """All sessions together."""

    def total(parts: list[dict[str, Any]]) -> dict[str, Any]:
        return totals(parts, rows, frames)

    stages, rules = list(rows[0]["stages"]), list(rows[0]["without"])
    motions = pd.DataFrame([one for row in rows for one in row["motion"]])
    kinds = {
        s: pd.DataFrame([row["kinds"][s] for row in rows]).fillna(0).sum().astype(int).sort_values(ascending=False)
        for s in stages
    }
    bins = range(len(rows[0]["calibration"]))
    return {
        "all": total(rows),
        "blind": total([row["blind"] for row in rows]),
        "price": [{"threshold": t} | total([row["price"][k] for row in rows]) for k, t in enumerate(JUDGE_THRESHOLDS)],
        "without": {rule: total([row["without"][rule] for row in rows]) for rule in rules},
        "stages": {stage: total([row["stages"][stage] for row in rows]) for stage in stages},
        "kinds": {stage: counts.to_dict() for stage, counts in kinds.items()},
        "calibration": [
            {"from": rows[0]["calibration"][k]["from"]}
            | {key: round(sum(row["calibration"][k][key] for row in rows), 3) for key in ("n", "meteors", "sum")}
            for k in bins
        ],
        "kinematics": kinematics(motions),
        # those whose true motion lies so near the ground's that a static flash cannot be told from them by it
        "near_ground": {key: sum(row["near_ground"][key] for row in rows) for key in rows[0]["near_ground"]},
    }


def other_skies(given: argparse.Namespace) -> dict[str, Any]:
    """The catalogue under other skies of the sessions' kinds, by judges that have seen no sky of the kind.

    They have taught the judges of the other kinds, but nothing was chosen by how they were judged themselves. Response and drift
    are known.
    """
    rows, why = [], []
    for name in training.skies(given.sessions, "tracks"):
        if name < training.EXTRA:
            continue
        second = training.judges(training.pair_of(name), given, "second")
        events, _, _ = training.candidates(name, given)
        table, features, _ = training.tracks(name, given)
        own = training.kept_sky(name, given)
        kept = finding.reported(table.assign(score=second.probability(features)), features.trail, finding.THRESHOLD)
        matching = pipeline.match_events(kept, own.truth.meteors, given.frames)
        rows.append({"sky": name} | in_truth(own.truth.meteors) | result(matching, own.truth.meteors))
        why += lost(own, {"events": events, "first judge": table, "second judge": kept}, matching)
    counts = {key: sum(row[key] for row in rows) for key in ("meteors", "meteors_of_snr_5")}
    kinds = pd.DataFrame(rows).groupby([row["sky"] % training.EXTRA for row in rows])
    by_kind = kinds[["meteors_of_snr_5", "found_of_snr_5", "found", "false"]].sum()
    # every kind has as many meteors here, while most of the sessions' are under the dark ocean of session 6
    share = [minieuso.SESSION_METEORS[kind] for kind in by_kind.index]
    return {
        "skies": len(rows),
        **counts,
        **totals(rows, rows, given.frames),
        "recall_bright_at_the_mix": round(
            float(np.average(by_kind.found_of_snr_5 / by_kind.meteors_of_snr_5, weights=share)), 4
        ),
        "kinds": by_kind.rename_axis("kind").reset_index().to_dict("records"),
        "lost_by": count_kinds(np.array([one["lost_by"] for one in why], object)),
    }


def looks(path: Path) -> int:
    """How many versions of the weights were shown to the second world, by the report of the last one."""
    return json.loads(path.read_text())["looks_at_second_world"] if path.exists() else 0


def second_world(given: argparse.Namespace) -> dict[str, Any]:
    """The shipped finder on the eight skies of the second world, that no setting was chosen on."""
    rows = []
    for own in minieuso.sessions(given.seed, given.frames, world="second"):
        meteors = own.truth.meteors
        flat = pipeline.estimate_flat(own.frames)
        found = pipeline.find_meteors(own.frames, yaw_deg=own.sky.yaw_deg, flat=flat)
        matching = pipeline.match_events(found, meteors, len(own.frames))
        rows.append({"session": own.name} | in_truth(meteors) | result(matching, meteors))
        print("second world", rows[-1], flush=True)
    return totals(rows, rows, given.frames) | {"sessions": rows}


def provenance(given: argparse.Namespace, began: float) -> dict[str, Any]:
    return {
        "scripts": ["tools/train_one_step.py", "tools/judge_one_step.py"],
        "world": "first",
        "seed": given.seed,
        "frames_per_session": given.frames,
        "pairs": {str(first): list(pair) for first, pair in training.PAIRS.items()},
        "shipped_not_trained_on": list(training.PAIRS[11]),
        "rounds": training.ROUNDS,
        "judges": training.HOW,
        "trees": training.TREES,
        "extra_skies": [training.EXTRAS, training.EXTRA_METEORS],
        "thinned": [training.SURE, training.UNLIKELY],
        "moved_by_parts": PARTS,
        "settings_chosen_on": "these sessions, as they judge each other",
        "matching": {
            "one_step.json": "boxes, many to one",
            "catalogue.json": "one to one, within 3 pixels and 8 frames",
        },
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "seconds": round(time.process_time() - began, 1),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder of tools/train_one_step.py")
    parser.add_argument("--folds", type=Path, help="folder of tools/train_minieuso.py")
    parser.add_argument("--sessions", type=int, nargs="+", default=list(minieuso.SESSION_METEORS))
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", choices=("networks", "catalogue", "second-world", "all"), default="all")
    parser.add_argument("--out", type=Path, default=Path("meteortut/weights"))
    given = parser.parse_args(arguments)
    for part, judge, summarise, name in (
        ("networks", judge_networks, lambda rows: network_summary(rows, given), "one_step.json"),
        ("catalogue", judge_catalogue, lambda rows: catalogue_summary(rows, given.frames), "catalogue.json"),
    ):
        if given.part not in (part, "all"):
            continue
        began, rows = time.process_time(), []
        for name_of in given.sessions:
            rows.append(judge(name_of, given))
            print(part, name_of, f"{time.process_time() - began:.0f} s", flush=True)
        content = provenance(given, began) | {"summary": summarise(rows), "sessions": rows}
        if part == "catalogue":
            content |= {"threshold": finding.THRESHOLD, "worth_a_fit": finding.WORTH_A_FIT, "floor": finding.FLOOR}
            content |= {"looks_at_second_world": looks(given.out / name), "learning": learning(given)}
            content["other_skies"] = other_skies(given)
            for row in rows:
                del row["motion"]
        write_json(given.out / name, content)
    if given.part in ("second-world", "all"):
        path = given.out / "catalogue.json"
        counted = {"looks_at_second_world": looks(path) + 1, "second_world": second_world(given)}
        write_json(path, json.loads(path.read_text()) | counted)


if __name__ == "__main__":
    main()
