"""Chapter 5: a previewer of sCMOS frames, from the pixels to what is wrong with them."""

from meteortut.previewer.features import (
    RELATIVE,
    TABLE_1,
    Measurement,
    extract_features,
    iter_measurements,
    measure,
    tabulate,
)
from meteortut.previewer.trails import Trail, find_trail

__all__ = [
    "RELATIVE",
    "TABLE_1",
    "Measurement",
    "Trail",
    "extract_features",
    "find_trail",
    "iter_measurements",
    "measure",
    "tabulate",
]
