"""Chapter 6: meteor light curves, from the raw records to what their shapes say."""

from meteortut.lightcurves.benchmark import lightning7_benchmark
from meteortut.lightcurves.classifiers import Classifier, classify, rules, shipped_classifier, split_by_night
from meteortut.lightcurves.clock import clock_offsets, field_period
from meteortut.lightcurves.evaluation import Evaluation, evaluate, macro_f1_gain
from meteortut.lightcurves.events import accidental_pairs, event_numbers, find_events
from meteortut.lightcurves.features import CURVE_FEATURES, TRACK_FEATURES, feature_uncertainty, shape_features
from meteortut.lightcurves.geometry import fit_tracks, flag_not_meteors
from meteortut.lightcurves.reading import (
    FIELD_PERIOD_S,
    MIN_SAMPLES,
    SITES,
    along_track,
    ledger,
    nightly,
    read_aop,
    read_ftpdetectinfo,
    seasonal_rate,
    undo_field_swap,
)
from meteortut.lightcurves.smoothing import smooth
from meteortut.lightcurves.stations import pair_ledger, triangulate
from meteortut.lightcurves.streams import assign_showers, count_showers, yearly_activity
from meteortut.lightcurves.training import train_boosting, train_cnn, train_minirocket
from meteortut.lightcurves.truth_tests import duration_peak_strata, station_agreement, truncation_auc

__all__ = [
    "CURVE_FEATURES",
    "FIELD_PERIOD_S",
    "MIN_SAMPLES",
    "SITES",
    "TRACK_FEATURES",
    "Classifier",
    "Evaluation",
    "accidental_pairs",
    "along_track",
    "assign_showers",
    "classify",
    "clock_offsets",
    "count_showers",
    "duration_peak_strata",
    "evaluate",
    "event_numbers",
    "feature_uncertainty",
    "field_period",
    "find_events",
    "fit_tracks",
    "flag_not_meteors",
    "ledger",
    "lightning7_benchmark",
    "macro_f1_gain",
    "nightly",
    "pair_ledger",
    "read_aop",
    "read_ftpdetectinfo",
    "rules",
    "seasonal_rate",
    "shape_features",
    "shipped_classifier",
    "smooth",
    "split_by_night",
    "station_agreement",
    "train_boosting",
    "train_cnn",
    "train_minirocket",
    "triangulate",
    "truncation_auc",
    "undo_field_swap",
    "yearly_activity",
]
