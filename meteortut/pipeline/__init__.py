"""Chapters 1 and 2: the networks of the Mini-EUSO meteor search (Keras on TensorFlow)."""

from meteortut.pipeline.networks import build_cnn
from meteortut.pipeline.training import fit, score_batches

__all__ = ["build_cnn", "fit", "score_batches"]
