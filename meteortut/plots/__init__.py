"""Figures that chapters share: same colours, readable in greyscale, one style set for each figure and never globally."""

from meteortut.plots.gradcam import heat_maps, roc_curves, sighting, sky_gallery, speed_curves, times_along
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
from meteortut.plots.previewer import flag_curves, intervals, label_curves, t_tables
from meteortut.plots.scmos import contact_sheet, frame_gallery, night, trail_evidence
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
    "contact_sheet",
    "coverage",
    "field_swap",
    "film_strip",
    "flag_curves",
    "frame_gallery",
    "heat_maps",
    "heights",
    "intervals",
    "label_curves",
    "lines",
    "night",
    "records",
    "roc_curves",
    "scaled_chunk",
    "seasonal_rate",
    "sighting",
    "sky_gallery",
    "space_time",
    "speed_curves",
    "t_tables",
    "things_in_the_sky",
    "times_along",
    "trail_evidence",
    "year_of_nights",
]
