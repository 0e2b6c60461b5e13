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
from meteortut.plots.mmia import busy_span_ms, cluster_members, sprite_pictures, three_bands
from meteortut.plots.pipeline import (
    alarm_curves,
    film_rows,
    kinds_before_after,
    motion_errors,
    reliability,
    small_pictures,
)
from meteortut.plots.previewer import flag_curves, intervals, label_curves, t_tables
from meteortut.plots.scmos import contact_sheet, frame_gallery, night, trail_evidence
from meteortut.plots.style import BLUE, GREEN, GREY, NIGHT, ORANGE, SKY, confusion, lines
from meteortut.plots.tle_vae import (
    feature_map,
    joint_errors,
    kinds_around_map,
    latent_maps,
    sharpness_views,
    training_curves,
)

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "NIGHT",
    "ORANGE",
    "SKY",
    "alarm_curves",
    "busy_span_ms",
    "chunk_plan",
    "chunk_sizes",
    "cluster_members",
    "confusion",
    "contact_sheet",
    "coverage",
    "feature_map",
    "field_swap",
    "film_rows",
    "film_strip",
    "flag_curves",
    "frame_gallery",
    "heat_maps",
    "heights",
    "intervals",
    "joint_errors",
    "kinds_around_map",
    "kinds_before_after",
    "label_curves",
    "latent_maps",
    "lines",
    "motion_errors",
    "night",
    "records",
    "reliability",
    "roc_curves",
    "scaled_chunk",
    "seasonal_rate",
    "sharpness_views",
    "sighting",
    "sky_gallery",
    "small_pictures",
    "space_time",
    "speed_curves",
    "sprite_pictures",
    "t_tables",
    "things_in_the_sky",
    "three_bands",
    "times_along",
    "trail_evidence",
    "training_curves",
    "year_of_nights",
]
