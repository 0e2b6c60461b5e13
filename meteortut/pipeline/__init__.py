"""Chapters 1 and 2: the networks of the Mini-EUSO meteor search (Keras on TensorFlow)."""

from meteortut.pipeline.quiet import import_tensorflow

import_tensorflow()  # before Keras does it

from meteortut.pipeline.catalogue import build_catalogue  # noqa: E402
from meteortut.pipeline.ecsv import to_ecsv  # noqa: E402
from meteortut.pipeline.event_features import event_features  # noqa: E402
from meteortut.pipeline.finding import Finder, find_meteors, shipped_finder  # noqa: E402
from meteortut.pipeline.fisher import cramer_rao  # noqa: E402
from meteortut.pipeline.kinematics import fit_track, remove_drift  # noqa: E402
from meteortut.pipeline.matching import Matching, match_events, recall_curve  # noqa: E402
from meteortut.pipeline.networks import build_cnn, build_mlp  # noqa: E402
from meteortut.pipeline.one_step import apply_one_step, build_one_step, operations  # noqa: E402
from meteortut.pipeline.one_step_training import fit_one_step, label_steps, one_step_examples  # noqa: E402
from meteortut.pipeline.screening import screen, shipped_cnn  # noqa: E402
from meteortut.pipeline.stacking import stack_shifts  # noqa: E402
from meteortut.pipeline.step_features import StepFeatures  # noqa: E402
from meteortut.pipeline.track import Track  # noqa: E402
from meteortut.pipeline.track_box import estimate_flat  # noqa: E402
from meteortut.pipeline.track_model import MovingLight  # noqa: E402
from meteortut.pipeline.training import fit, fit_pixels, score_batches  # noqa: E402
from meteortut.pipeline.voxels import voxel_events  # noqa: E402

__all__ = [
    "Finder",
    "Matching",
    "MovingLight",
    "StepFeatures",
    "Track",
    "apply_one_step",
    "build_catalogue",
    "build_cnn",
    "build_mlp",
    "build_one_step",
    "cramer_rao",
    "estimate_flat",
    "event_features",
    "find_meteors",
    "fit",
    "fit_one_step",
    "fit_pixels",
    "fit_track",
    "label_steps",
    "match_events",
    "one_step_examples",
    "operations",
    "recall_curve",
    "remove_drift",
    "score_batches",
    "screen",
    "shipped_cnn",
    "shipped_finder",
    "stack_shifts",
    "to_ecsv",
    "voxel_events",
]
