"""Which features tell anomalous frames from others: Welch's t, corrected for many tests, and a bootstrap over data sets."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from importlib.resources import files

import numpy as np
import pandas as pd

from meteortut.previewer.classifier import KINDS
from meteortut.previewer.datasets import dataset_numbers, draw_datasets
from meteortut.previewer.evaluation import ANY
from meteortut.previewer.features import TABLE_1


def published_table_1() -> pd.DataFrame:
    """Read Table 1 of the report (Zhai et al. 2021, JPL R21259).

    Returns
    -------
    DataFrame, a row per feature and kind
        ``feature``, ``kind``, ``t``, ``p``, as printed: two digits. The sign is frames without the anomaly less frames with it, as
        that of the number of blobs behind obstructions (+30) says.
    """
    with (files("meteortut") / "previewer_table1.csv").open() as file:
        return pd.read_csv(file)


def welch_table(
    features: pd.DataFrame,
    truth: pd.DataFrame,
    dataset: Iterable[Hashable],
    rng: int | np.random.Generator,
    n_boot: int = 1000,
) -> pd.DataFrame:
    """Test for each feature of Table 1 and each kind whether the means with and without the anomaly differ.

    Parameters
    ----------
    features : DataFrame, a row per frame
        With the columns `TABLE_1`.
    truth : DataFrame, a row per frame
        Boolean columns of `KINDS`.
    dataset : iterable of n_frames labels
        Drawn as a whole by the bootstrap.
    rng : int or Generator
        Seed or generator.
    n_boot : int
        Bootstrap draws.

    Returns
    -------
    DataFrame, a row per feature and kind ("any" first)
        ``feature``, ``kind``; ``t``, ``p``: Welch's test, frames taken as independent; ``p_adjusted``: after Benjamini & Yekutieli
        2001 (Ann. Stat. 29, 1165), which allows for any dependence between the 75 tests; ``t_datasets``: the same difference
        over its scatter between draws of data sets; ``low``, ``high``: 95 % interval of the difference over the feature's standard
        deviation; ``differs``: that interval leaves out 0. Differences are without less with, as in the report. NaN where
        fewer than two frames have the anomaly, or fewer than two have it not.

    Raises
    ------
    ValueError
        If the lengths differ, or a column is missing.
    """
    missing = sorted(({*TABLE_1} - {*features.columns}) | ({*KINDS} - {*truth.columns}))
    groups = dataset_numbers(dataset)
    if missing or not len(features) == len(truth) == len(groups) or not len(groups):
        raise ValueError(
            f"features has {len(features)} rows, truth {len(truth)}, dataset {len(groups)} labels, missing: {missing}; "
            "expected the same number, at least 1, and no column missing."
        )
    weights = draw_datasets(int(groups.max()) + 1, n_boot, rng)
    kinds = {ANY: truth[list(KINDS)].any(axis=1)} | {kind: truth[kind] for kind in KINDS}
    rows = [
        {"feature": name, "kind": kind} | _test(features[name].to_numpy(float), has.to_numpy(bool), groups, weights)
        for name in TABLE_1
        for kind, has in kinds.items()
    ]
    table = pd.DataFrame(rows)
    table.insert(4, "p_adjusted", _adjusted(table.p.to_numpy()))
    return table


def _test(values: np.ndarray, has: np.ndarray, groups: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    from scipy.stats import ttest_ind

    known = np.isfinite(values)
    values, has, groups = values[known], has[known], groups[known]
    if min(has.sum(), (~has).sum()) < 2 or not values.std() > 0:
        return dict.fromkeys(("t", "p", "t_datasets", "low", "high"), float("nan")) | {"differs": False}
    values = (values - values.mean()) / values.std()
    t, p = ttest_ind(values[~has], values[has], equal_var=False)
    means = []
    for part in (~has, has):
        n, total = (np.bincount(groups[part], w, weights.shape[1]) for w in (None, values[part]))
        drawn = weights @ n
        means.append(np.divide(weights @ total, drawn, out=np.full(len(weights), np.nan), where=drawn > 0))
    difference = (means[0] - means[1])[np.isfinite(means[0] - means[1])]
    low, high = np.quantile(difference, [0.025, 0.975])
    once = values[~has].mean() - values[has].mean()
    row = {"t": t, "p": p, "t_datasets": once / difference.std(), "low": low, "high": high}
    return {name: float(value) for name, value in row.items()} | {"differs": bool(low > 0 or high < 0)}


def _adjusted(p: np.ndarray) -> np.ndarray:
    from scipy.stats import false_discovery_control

    adjusted = np.full(len(p), np.nan)
    known = np.isfinite(p)
    if known.any():
        adjusted[known] = false_discovery_control(p[known], method="by")
    return adjusted
