"""Chapter 3: a ResNet-34 that says "a streak, like a meteor's", Grad-CAM that says why, and tracks that say where and how fast."""

from meteortut.gradcam.cam import fused_cam, grad_cam, occlusion, recorded
from meteortut.gradcam.evaluation import (
    TileJudgement,
    group_baseline,
    judge_tiles,
    label_tiles,
    trigger_speed,
    trigger_track,
)
from meteortut.gradcam.held_out import all_tile_scores, leave_one_out, slow_tiles, training_tiles, with_clock
from meteortut.gradcam.kinematics import plate_scale, velocity_curve
from meteortut.gradcam.masks import paint_out, static_mask
from meteortut.gradcam.pictures import TRIGGER_SKY, ff_pictures, simulated_pictures, trigger_pictures
from meteortut.gradcam.resnet import LAYERS, BasicBlock, ResNet34, count_parameters, load_official
from meteortut.gradcam.tiles import STRIDE, TILE, classify, cut_tiles, normalise, tile_origins, tile_scores
from meteortut.gradcam.track import IMAGE_THRESHOLD, SLOWEST_METEOR, THRESHOLD, Track, find_tracks, locate
from meteortut.gradcam.training import FINE_TUNING, FROZEN, PRETRAINING, Recipe, fine_tune, pretrain, streak_labels
from meteortut.gradcam.weights import load_weights, shipped_network

__all__ = [
    "FINE_TUNING",
    "FROZEN",
    "IMAGE_THRESHOLD",
    "LAYERS",
    "PRETRAINING",
    "SLOWEST_METEOR",
    "STRIDE",
    "THRESHOLD",
    "TILE",
    "TRIGGER_SKY",
    "BasicBlock",
    "Recipe",
    "ResNet34",
    "TileJudgement",
    "Track",
    "all_tile_scores",
    "classify",
    "count_parameters",
    "cut_tiles",
    "ff_pictures",
    "find_tracks",
    "fine_tune",
    "fused_cam",
    "grad_cam",
    "group_baseline",
    "judge_tiles",
    "label_tiles",
    "leave_one_out",
    "load_official",
    "load_weights",
    "locate",
    "normalise",
    "occlusion",
    "paint_out",
    "plate_scale",
    "pretrain",
    "recorded",
    "shipped_network",
    "simulated_pictures",
    "slow_tiles",
    "static_mask",
    "streak_labels",
    "tile_origins",
    "tile_scores",
    "training_tiles",
    "trigger_pictures",
    "trigger_speed",
    "trigger_track",
    "velocity_curve",
    "with_clock",
]
