"""Chapter 6: meteor light curves, from the raw records to what their shapes say."""

from meteortut.lightcurves.reading import (
    FIELD_PERIOD_S,
    MIN_SAMPLES,
    along_track,
    ledger,
    nightly,
    read_aop,
    seasonal_rate,
    undo_field_swap,
)

__all__ = [
    "FIELD_PERIOD_S",
    "MIN_SAMPLES",
    "along_track",
    "ledger",
    "nightly",
    "read_aop",
    "seasonal_rate",
    "undo_field_swap",
]
