"""Is a classifier of simulated curves true on real meteors? A label that the records bring along, and a second pair of eyes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from meteortut.lightcurves.features import CURVE_FEATURES, shape_features
from meteortut.lightcurves.reading import require_columns

#: What tells a cut start from a whole one without looking at the shape: which camera, how bright, how long.
BASELINE = ("station", "peak_magnitude", "duration_s")
#: Samples at either end that the trees see one by one; the shortest usable record has five.
N_EDGE = 4


@dataclass(frozen=True)
class Agreement:
    """What :func:`station_agreement` found: κ, its 95 % interval, the null's 97.5 % quantile and its mean, and the pairs used."""

    kappa: float
    low: float
    high: float
    null_high: float
    null_mean: float
    n_pairs: int


def truncation_auc(
    table: pd.DataFrame, rng: int | np.random.Generator, n_folds: int = 5, n_repeats: int = 5, n_boot: int = 500
) -> pd.DataFrame:
    """Tell records whose start was cut off by the field's edge from whole ones, by shape; nights are never split.

    Gradient-boosted trees see :data:`~meteortut.lightcurves.features.CURVE_FEATURES`, the camera, and how far the first and the
    last four samples, unsmoothed, lie below the peak; the baseline, the same trees, sees :data:`BASELINE` alone. No position,
    no length of arc, no angular speed: the edge of the field must show in the light.

    Parameters
    ----------
    table : DataFrame, a row per record
        As :func:`meteortut.lightcurves.read_aop` gives it: also ``station``, ``start`` and ``start_inside``.
    rng : int or Generator
        Seed or generator.
    n_folds : int
        Groups of nights, each predicted by trees that saw the others.
    n_repeats : int
        Times the nights are dealt anew; a record's score is the mean of its ranks.
    n_boot : int
        Bootstrap draws of whole nights.

    Returns
    -------
    DataFrame, a row per station, and ``all``
        ``n``, ``n_cut``, ``auc``, ``auc_low``, ``auc_high`` (95 %), the same of ``baseline``, and of ``gain`` (the difference of
        the two AUCs on the same draws); index ``station``. ``all`` ranks all stations' records together. NaN for a station with
        fewer than two records of either kind.

    Raises
    ------
    ValueError
        If a column is missing, or fewer nights than ``n_folds`` hold a record with a cut start.

    Notes
    -----
    The label: ``io`` of UFOAnalyzer V2 (manual, p. 53).
    """
    require_columns(table, ["station", "start", "start_inside"])
    rng = np.random.default_rng(rng)
    features = shape_features(table)
    keep = features.features_ok.to_numpy()
    chosen, cut = features[keep], ~table.start_inside.to_numpy(bool)[keep]
    station = table.station.to_numpy(str)[keep]
    night = (table.start[keep] - pd.Timedelta(hours=12)).dt.floor("D").to_numpy()
    if len(np.unique(night[cut])) < n_folds:
        raise ValueError(
            f"{len(np.unique(night[cut]))} nights hold a cut start; expected at least {n_folds}, one per fold."
        )
    camera = np.unique(station, return_inverse=True)[1]
    inputs = {
        "auc": np.column_stack([camera, chosen[list(CURVE_FEATURES)], _edges(table[keep], chosen)]),
        "baseline": np.column_stack([camera, chosen[[name for name in BASELINE if name != "station"]]]),
    }
    seeds = rng.integers(0, 2**31, n_repeats)
    scores = {name: _out_of_fold(x, cut, night, n_folds, seeds) for name, x in inputs.items()}
    groups = {name: station == name for name in np.unique(station)} | {"all": np.ones(len(cut), bool)}
    rows = [_row(cut[m], {k: s[m] for k, s in scores.items()}, night[m], rng, n_boot) for m in groups.values()]
    return pd.DataFrame(rows, index=pd.Index(list(groups), name="station"))


def _edges(table: pd.DataFrame, features: pd.DataFrame) -> np.ndarray:
    """How far the first and last samples lie below the smoothed peak, mag, (n_records, 2 N_EDGE); short records overlap."""
    edges = np.array([[*values[:N_EDGE], *values[-N_EDGE:]] for values in table.magnitude])
    return edges - features.peak_magnitude.to_numpy()[:, None]


def _out_of_fold(x: np.ndarray, cut: np.ndarray, night: np.ndarray, n_folds: int, seeds: np.ndarray) -> np.ndarray:
    """Rank all records (0 to 1) by trees that never saw their night; the mean over the seeds. Column 0 is a category."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedGroupKFold

    total = np.zeros(len(cut))
    for seed in seeds:
        for train, test in StratifiedGroupKFold(n_folds, shuffle=True, random_state=int(seed)).split(x, cut, night):
            model = HistGradientBoostingClassifier(
                learning_rate=0.05,
                max_iter=120,
                max_leaf_nodes=8,
                min_samples_leaf=40,
                l2_regularization=5.0,
                max_features=0.3,
                categorical_features=[0],
                random_state=int(seed),
            )
            score = model.fit(x[train], cut[train]).predict_proba(x[test])[:, 1]
            total[test] += pd.Series(score).rank(pct=True).to_numpy() / len(seeds)
    return total


def _row(
    cut: np.ndarray, scores: dict[str, np.ndarray], night: np.ndarray, rng: np.random.Generator, n_boot: int
) -> dict[str, float]:
    nights, group = np.unique(night, return_inverse=True)
    draws = []
    for _ in range(n_boot):
        weight = np.bincount(rng.integers(0, len(nights), len(nights)), minlength=len(nights))[group]
        draws.append([_auc(cut, score, weight) for score in scores.values()])
    drawn = np.array(draws)
    row: dict[str, float] = {"n": len(cut), "n_cut": int(cut.sum())}
    one = np.ones(len(cut))
    for k, (name, score) in enumerate(scores.items()):
        row |= _interval(name, _auc(cut, score, one), drawn[:, k])
    return row | _interval("gain", row["auc"] - row["baseline"], drawn[:, 0] - drawn[:, 1])


def _auc(positive: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    """Area under the ROC curve of weighted records, ties counted half; NaN with fewer than two records of either kind."""
    if min(weight[positive].sum(), weight[~positive].sum()) < 2:
        return float("nan")
    values, place = np.unique(score, return_inverse=True)
    yes = np.bincount(place, weights=weight * positive, minlength=len(values))
    no = np.bincount(place, weights=weight * ~positive, minlength=len(values))
    return float((yes * (np.cumsum(no) - no / 2)).sum() / (yes.sum() * no.sum()))


def _interval(name: str, value: float, drawn: np.ndarray) -> dict[str, float]:
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
    return {name: value, f"{name}_low": float(low), f"{name}_high": float(high)}


def station_agreement(
    labels_a: np.ndarray,
    labels_b: np.ndarray,
    strata: np.ndarray,
    rng: int | np.random.Generator,
    n_boot: int = 2000,
    n_permutations: int = 2000,
) -> Agreement:
    r"""Measure how far two stations agree on the shape of the same meteors, and how far mere alikeness would take them.

    Cohen's :math:`\kappa = (p_o - p_e) / (1 - p_e)` with :math:`p_o` the share of equal labels and :math:`p_e` the share that the
    two stations' label counts would give by chance.

    Parameters
    ----------
    labels_a, labels_b : ndarray of shape (n_pairs,)
        Labels of the two views of each event; a missing one is NaN, None or an empty string, and its pair is left out.
    strata : ndarray of shape (n_pairs,)
        Pairs of one stratum are alike (:func:`duration_peak_strata`); in the null, ``labels_b`` is permuted within each. Meteors
        that are equally long and bright would agree to some degree without being the same: that is the bar.
    rng : int or Generator
        Seed or generator.
    n_boot, n_permutations : int
        Bootstrap draws of pairs, and permutations.

    Returns
    -------
    Agreement
        NaN where κ is not defined: no pairs, or a single label on both sides.

    Raises
    ------
    ValueError
        If the arrays are not of one shape (n_pairs,).

    Notes
    -----
    Cohen 1960, Educ. Psychol. Meas. 20, 37; percentile bootstrap.
    """
    a, b, within = (np.asarray(values, dtype=object) for values in (labels_a, labels_b, strata))
    if a.ndim != 1 or not a.shape == b.shape == within.shape:
        raise ValueError(f"got shapes {a.shape}, {b.shape} and {within.shape}; expected three arrays (n_pairs,).")
    known = ~(pd.isna(a) | pd.isna(b) | (a == "") | (b == ""))
    a, b, within = a[known], b[known], within[known]
    n = len(a)
    if n == 0:
        nan = float("nan")
        return Agreement(nan, nan, nan, nan, nan, 0)
    rng = np.random.default_rng(rng)
    names, codes = np.unique(np.concatenate([a, b]).astype(str), return_inverse=True)
    a, b, k = codes[:n], codes[n:], len(names)
    within = np.unique(within.astype(str), return_inverse=True)[1]
    order = np.argsort(within, kind="stable")
    drawn = [_kappa(a[i], b[i], k) for i in rng.integers(0, n, (n_boot, n))]
    # sorting by stratum, then by a random number, permutes within strata
    null = [_kappa(a[order], b[np.lexsort((rng.random(n), within))], k) for _ in range(n_permutations)]
    low, high = np.nanquantile(drawn, [0.025, 0.975]) if np.isfinite(drawn).any() else (np.nan, np.nan)
    usable = np.isfinite(null).any()
    null_high, mean = (np.nanquantile(null, 0.975), np.nanmean(null)) if usable else (np.nan, np.nan)
    return Agreement(_kappa(a, b, k), float(low), float(high), float(null_high), float(mean), n)


def duration_peak_strata(duration_s: np.ndarray, peak_magnitude: np.ndarray, n_bins: int = 4) -> np.ndarray:
    """Sort events into strata of like duration and like peak: quantile bins of the one × of the other.

    Parameters
    ----------
    duration_s, peak_magnitude : ndarray of shape (n_events,), seconds and magnitudes
        Of one view, or the mean of both.
    n_bins : int
        Bins each way, at least 1.

    Returns
    -------
    ndarray of int of shape (n_events,)
        Number of the stratum, 0 to n_bins² − 1; −1 where either value is NaN.

    Raises
    ------
    ValueError
        If the shapes differ or ``n_bins`` is not positive.
    """
    values = [np.asarray(v, float) for v in (duration_s, peak_magnitude)]
    if values[0].ndim != 1 or values[0].shape != values[1].shape or n_bins < 1:
        raise ValueError(
            f"got shapes {values[0].shape}, {values[1].shape}, n_bins {n_bins}; expected (n_events,) twice, ≥ 1."
        )
    bins = [pd.Series(v).rank(pct=True).sub(1e-9).mul(n_bins).fillna(-1).astype(int).to_numpy() for v in values]
    return np.where(np.isfinite(values).all(axis=0), bins[0] * n_bins + bins[1], -1)


def _kappa(a: np.ndarray, b: np.ndarray, n_labels: int) -> float:
    """Cohen's κ of integer labels; NaN where chance alone gives full agreement."""
    counts = np.bincount(a * n_labels + b, minlength=n_labels**2).reshape(n_labels, n_labels) / len(a)
    expected = float(counts.sum(axis=1) @ counts.sum(axis=0))
    return float((np.trace(counts) - expected) / (1 - expected)) if expected < 1 else float("nan")
