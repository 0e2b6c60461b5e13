"""Answers to the exercises: say what is wrong without giving the answer away.

A chapter calls ``check.busiest_night(answer, table)`` after the reader's cell. Three outcomes: not answered yet (the cell still
holds ``...``), not right (with a hint for the mistake that was probably made), right.
"""

from meteortut.check.chunking import chunks_per_voxel, fair_split, label_of_chunk, materialised_gib, own_scaling
from meteortut.check.gradcam import tile_statistic, tiles_of_frame, true_speed, weighted_map, worst_rate
from meteortut.check.lightcurves import busiest_night, chance_share, f_by_hand, field_time, new_feature
from meteortut.check.pipeline import (
    own_judge,
    own_speed,
    parameters_by_hand,
    rare_precision,
    stack_along,
    threshold_of,
)
from meteortut.check.previewer import error_of_share, f1_of, noise_of_sky, slew_feature, trail_length
from meteortut.check.tle_vae import code_bits, kl_by_hand, pairs_agreed, slice_statistic, uv_lead
from meteortut.check.verdict import Verdict

__all__ = [
    "Verdict",
    "busiest_night",
    "chance_share",
    "chunks_per_voxel",
    "code_bits",
    "error_of_share",
    "f1_of",
    "f_by_hand",
    "fair_split",
    "field_time",
    "kl_by_hand",
    "label_of_chunk",
    "materialised_gib",
    "new_feature",
    "noise_of_sky",
    "own_judge",
    "own_scaling",
    "own_speed",
    "pairs_agreed",
    "parameters_by_hand",
    "rare_precision",
    "slew_feature",
    "slice_statistic",
    "stack_along",
    "threshold_of",
    "tile_statistic",
    "tiles_of_frame",
    "trail_length",
    "true_speed",
    "uv_lead",
    "weighted_map",
    "worst_rate",
]
