"""Chapter 3: a ResNet-34 that says "meteor", Grad-CAM that says why, and tracks that say where and how fast."""

from meteortut.gradcam.cam import fused_cam, grad_cam, occlusion, recorded
from meteortut.gradcam.evaluation import (
    TileJudgement,
    exact_interval,
    group_baseline,
    judge_tiles,
    label_tiles,
    trigger_track,
)
from meteortut.gradcam.held_out import all_tile_scores, leave_one_out, training_tiles
from meteortut.gradcam.kinematics import plate_scale, velocity_curve
from meteortut.gradcam.masks import paint_out, static_mask
from meteortut.gradcam.resnet import LAYERS, BasicBlock, ResNet34, count_parameters, load_official
from meteortut.gradcam.tiles import STRIDE, TILE, classify, cut_tiles, normalise, tile_origins, tile_scores
from meteortut.gradcam.track import IMAGE_THRESHOLD, SLOWEST_METEOR, THRESHOLD, Track, find_tracks, locate
from meteortut.gradcam.training import FINE_TUNING, FROZEN, PRETRAINING, Recipe, fine_tune, pretrain
from meteortut.gradcam.weights import load_weights, save_weights, shipped_network

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
    "BasicBlock",
    "Recipe",
    "ResNet34",
    "TileJudgement",
    "Track",
    "all_tile_scores",
    "classify",
    "count_parameters",
    "cut_tiles",
    "exact_interval",
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
    "save_weights",
    "shipped_network",
    "static_mask",
    "tile_origins",
    "tile_scores",
    "training_tiles",
    "trigger_track",
    "velocity_curve",
]
