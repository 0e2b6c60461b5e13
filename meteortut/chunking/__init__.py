"""Chapter 1: cut a stream of frames into overlapping 3-D chunks, label and scale them, and put what was found together again."""

from meteortut.chunking.examples import draw_examples
from meteortut.chunking.grid import ChunkGrid
from meteortut.chunking.labels import AMBIGUOUS, METEOR, NOTHING, label_chunks
from meteortut.chunking.merging import merge_detections
from meteortut.chunking.scaling import scale_chunks

__all__ = [
    "AMBIGUOUS",
    "METEOR",
    "NOTHING",
    "ChunkGrid",
    "draw_examples",
    "label_chunks",
    "merge_detections",
    "scale_chunks",
]
