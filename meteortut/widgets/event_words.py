"""What the event explorer says: a row of a catalogue and a fitted track as sentences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from meteortut.focal import FRAME_S, METEOR_ISS_KM_S, METEOR_KM_PX


def catalogued(row: pd.Series) -> str:
    """Tell a row: ``t_peak`` (frame), ``y`` and ``x`` (pixels), and of the optional columns those that are there and finite."""
    told = [f"frame {int(row.t_peak)} ({row.t_peak * FRAME_S:.2f} s), y {row.y:.1f}, x {row.x:.1f}"]
    told += [f"flag {row.flag}"] if "flag" in row else []
    if {"t_first", "t_last"} <= set(row.index):
        n_lit = int(row.t_last - row.t_first) + 1
        told.append(f"lit for {n_lit * FRAME_S:.2f} s (frames {int(row.t_first)} to {int(row.t_last)})")
    names = {"snr": "peak SNR", "track_snr": "SNR of all its light", "score": "score", "n_pixels": "hit pixels"}
    known = {name: row[name] for name in names if name in row and np.isfinite(row[name])}
    if {"speed_px", "direction_deg"} <= set(row.index):
        told.append(motion(row.speed_px, row.direction_deg))
    return "; ".join([*told, *(f"{names[name]} {value:.3g}" for name, value in known.items())]) + "."


def motion(speed_px: float, direction_deg: float) -> str:
    """Tell an apparent motion: focal pixels per frame and degrees; km/s at 100 km, where a pixel is 4.8 km wide."""
    km_s = speed_px * METEOR_KM_PX / FRAME_S
    return f"{speed_px:.3f} px per frame ({km_s:.1f} km/s at 100 km) towards {direction_deg:.0f}°"


def fitted(track: Any, why: str) -> str:
    """Tell a track as ``meteortut.pipeline.Track``, or None; ``why`` it is none or is not to be trusted, empty if it is."""
    if track is None:
        return f"No track: {why}"
    light = track.light
    told = [f"{motion(light.speed_px, light.direction_deg)}, up to {METEOR_ISS_KM_S:.1f} km/s of it the ISS's own"]
    if np.isfinite(track.errors).all():
        told.append(f"errors {track.errors[0]:.3f} px per frame and {track.errors[1]:.0f}°")
    told += [f"FWHM {light.fwhm * FRAME_S:.2f} s", f"chi² {track.chi2:.2f} per degree of freedom"]
    doubt = f"Not to be trusted: {why}. " if why else ""
    return f"{doubt}Fitted anew: {'; '.join(told)}."
