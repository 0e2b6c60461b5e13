"""Chapter 6: meteor light curves, from the raw records to what their shapes say."""

from meteortut.lightcurves.clock import clock_offsets, field_period
from meteortut.lightcurves.events import accidental_pairs, event_numbers, find_events
from meteortut.lightcurves.geometry import fit_tracks, flag_not_meteors
from meteortut.lightcurves.reading import (
    FIELD_PERIOD_S,
    MIN_SAMPLES,
    SITES,
    along_track,
    ledger,
    nightly,
    read_aop,
    seasonal_rate,
    undo_field_swap,
)
from meteortut.lightcurves.stations import pair_ledger, triangulate
from meteortut.lightcurves.streams import assign_showers, count_showers, yearly_activity

__all__ = [
    "FIELD_PERIOD_S",
    "MIN_SAMPLES",
    "SITES",
    "accidental_pairs",
    "along_track",
    "assign_showers",
    "clock_offsets",
    "count_showers",
    "event_numbers",
    "field_period",
    "find_events",
    "fit_tracks",
    "flag_not_meteors",
    "ledger",
    "nightly",
    "pair_ledger",
    "read_aop",
    "seasonal_rate",
    "triangulate",
    "undo_field_swap",
    "yearly_activity",
]
