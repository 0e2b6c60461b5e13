"""Chapters 1 and 2: the networks of the Mini-EUSO meteor search (Keras on TensorFlow)."""

from meteortut.pipeline.quiet import import_tensorflow

import_tensorflow()  # before Keras does it

from meteortut.pipeline.networks import build_cnn  # noqa: E402
from meteortut.pipeline.training import fit, score_batches  # noqa: E402

__all__ = ["build_cnn", "fit", "score_batches"]
