"""Chapter 5: a previewer of sCMOS frames, from the pixels to what is wrong with them."""

from meteortut.previewer.classifier import KINDS, Classifier
from meteortut.previewer.clustering import ELEVEN, cluster_outliers, isolation_outliers
from meteortut.previewer.context import describe
from meteortut.previewer.evaluation import score_kinds
from meteortut.previewer.features import (
    RELATIVE,
    TABLE_1,
    Measurement,
    extract_features,
    iter_measurements,
    measure,
    tabulate,
)
from meteortut.previewer.learning_curve import labels_needed, learning_curve
from meteortut.previewer.naming import name_frames, preview, shipped_classifier, shipped_features
from meteortut.previewer.novelty import learn_normal
from meteortut.previewer.significance import published_table_1, welch_table
from meteortut.previewer.trails import Trail, find_trail
from meteortut.previewer.training import train

__all__ = [
    "ELEVEN",
    "KINDS",
    "RELATIVE",
    "TABLE_1",
    "Classifier",
    "Measurement",
    "Trail",
    "cluster_outliers",
    "describe",
    "extract_features",
    "find_trail",
    "isolation_outliers",
    "iter_measurements",
    "labels_needed",
    "learn_normal",
    "learning_curve",
    "measure",
    "name_frames",
    "preview",
    "published_table_1",
    "score_kinds",
    "shipped_classifier",
    "shipped_features",
    "tabulate",
    "train",
    "welch_table",
]
