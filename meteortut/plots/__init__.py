"""Figures that chapters share: same colours, readable in greyscale, one style set for each figure and never globally."""

from meteortut.plots.lightcurves import field_swap, heights, records, seasonal_rate, year_of_nights
from meteortut.plots.minieuso import (
    chunk_plan,
    chunk_sizes,
    coverage,
    film_strip,
    scaled_chunk,
    space_time,
    things_in_the_sky,
)
from meteortut.plots.style import BLUE, GREEN, GREY, NIGHT, ORANGE, SKY, confusion, lines

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "NIGHT",
    "ORANGE",
    "SKY",
    "chunk_plan",
    "chunk_sizes",
    "confusion",
    "coverage",
    "field_swap",
    "film_strip",
    "heights",
    "lines",
    "records",
    "scaled_chunk",
    "seasonal_rate",
    "space_time",
    "things_in_the_sky",
    "year_of_nights",
]
