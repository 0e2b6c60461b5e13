"""Labelled pictures in one form: from FF files, from triggers of another camera software, or simulated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_fetch.readers import (
    read_ff,
    read_ftpdetectinfo,
    read_trigger_image,
    read_trigger_labels,
    read_ufo_xml,
)
from meteortut.gradcam.evaluation import trigger_track

#: Rows and columns of a trigger's image above its caption and within its borders.
TRIGGER_SKY = np.s_[:560, 6:706]
#: Columns of a table of pictures.
COLUMNS = ("name", "camera", "night", "image", "max_frame", "fps", "points", "label", "detections")


def ff_pictures(paths: Sequence[Path]) -> pd.DataFrame:
    """Read FF files with their labels.

    Parameters
    ----------
    paths : sequence of Path
        Files ``FF_….fits`` and ``FTPdetectinfo_….txt``, as ``data_fetch.fetch("gmn-ff")`` gives them; others are passed
        over.

    Returns
    -------
    DataFrame, a row per FF file in the order of the names
        ``name`` (file), ``camera``, ``night`` (date of its evening), ``image`` (MAXPIXEL, ndarray of shape (height, width),
        counts), ``max_frame`` (MAXFRAME, same shape, frames), ``fps``, ``points`` ((y, x), ndarrays of shape (n_points,),
        pixels; None without a usable label), ``label`` (DataFrame with ``frame, time_s, y, x, ra_deg, dec_deg``, a row per
        labelled point; None likewise), ``detections`` (None).

    Raises
    ------
    UnreadableFile
        As :func:`data_fetch.readers.read_ff` and :func:`data_fetch.readers.read_ftpdetectinfo`.
    ValueError
        If there is no FF file among the paths.
    """
    texts = [read_ftpdetectinfo(path) for path in paths if path.name.startswith("FTPdetectinfo")]
    labels = {row.ff_file: row for table in texts for row in table.itertuples()}
    rows = []
    for path in sorted(path for path in paths if path.name.startswith("FF_") and path.suffix == ".fits"):
        ff = read_ff(path)
        row = labels.get(ff.ff_file)
        label = None if row is None else _points(row)
        points = None if label is None else (label.y.to_numpy(), label.x.to_numpy())
        night = f"{ff.start - pd.Timedelta(hours=12):%Y-%m-%d}"
        rows.append((ff.ff_file, ff.station, night, ff.maxpixel, ff.maxframe, ff.fps, points, label, None))
    if not rows:
        raise ValueError(f"got {len(paths)} paths, none of an FF file; expected FF_….fits among them.")
    return pd.DataFrame(rows, columns=list(COLUMNS))


def trigger_pictures(paths: Sequence[Path]) -> pd.DataFrame:
    """Read the images of UFOCapture triggers that carry a sure label, without their captions and borders.

    Parameters
    ----------
    paths : sequence of Path
        As ``data_fetch.fetch("ukmon-triggers")`` gives them.

    Returns
    -------
    DataFrame, a row per image in order of time
        As of :func:`ff_pictures`; ``image`` has shape (560, 700), ``max_frame`` and ``label`` are None, ``fps`` is NaN.
        ``detections`` is the record beside the image (``data_fetch.readers.read_ufo_xml``), ``x_px`` counted from the image's
        first column; ``points`` come from it by :func:`~meteortut.gradcam.evaluation.trigger_track`.

    Raises
    ------
    UnreadableFile
        As :func:`data_fetch.readers.read_trigger_image` and :func:`data_fetch.readers.read_ufo_xml`.
    ValueError
        If an image or record that the labels name is not among the paths.
    """
    by_name = {path.name: path for path in paths}
    labels = read_trigger_labels()
    needed = {name for file in labels.file for name in (file, file.replace("P.jpg", ".xml"))}
    if missing := sorted(needed - by_name.keys()):
        raise ValueError(f"{len(missing)} files are missing, {missing[0]} first; expected all that the labels name.")
    rows = []
    row: Any
    for row in labels.itertuples():
        detections = read_ufo_xml(by_name[row.file.replace("P.jpg", ".xml")])[1]
        detections = detections.assign(x_px=detections.x_px - TRIGGER_SKY[1].start)
        points = trigger_track(detections) if row.label == "meteor" else None
        image = read_trigger_image(by_name[row.file])[TRIGGER_SKY]
        rows.append((row.file, row.camera, row.night, image, None, np.nan, points, None, detections))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def simulated_pictures(
    n: int, camera: str, rng: int | np.random.Generator, shape: tuple[int, int] = (360, 640)
) -> pd.DataFrame:
    """Simulate pictures that take the place of real ones where there are none to be had.

    Parameters
    ----------
    n : int
        Pictures, at least 1; every other one has a meteor of which at least 20 pixels show.
    camera : str
        What to call the camera. Each picture is simulated for a camera of its own, though.
    rng : int or Generator
        Seed or generator.
    shape : (int, int)
        Height and width, pixels.

    Returns
    -------
    DataFrame, a row per picture
        As of :func:`ff_pictures`; ``ra_deg`` and ``dec_deg`` are as if the camera had 4 arcminutes per pixel.

    Raises
    ------
    ValueError
        If `n` is less than 1, or as :func:`meteortut.simulate.sky.simulate_frame`.

    Notes
    -----
    From the second world of :mod:`meteortut.simulate.sky`, on which nothing is trained.
    """
    from meteortut.simulate.sky import simulate_frame

    if n < 1:
        raise ValueError(f"n is {n}; expected at least 1 picture.")
    rng = np.random.default_rng(rng)
    rows: list[tuple[Any, ...]] = []
    while len(rows) < n:
        wanted = len(rows) % 2 == 0
        frame = simulate_frame(rng, "second", shape, n_meteors=int(wanted))
        meteors = frame.tracks[(frame.tracks.kind == "meteor") & (frame.tracks.length_px >= 20)]
        if wanted and not len(meteors):
            continue
        label = _simulated_points(meteors.iloc[0], frame.fps, shape[0]) if wanted else None
        points = None if label is None else (label.y.to_numpy(), label.x.to_numpy())
        name = f"simulated_{camera}_{len(rows)}"
        rows.append((name, camera, "simulated", frame.max_pixel, frame.max_frame, frame.fps, points, label, None))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _points(row: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {"frame": row.frame, "time_s": row.time_s, "y": row.y_px, "x": row.x_px}
        | {"ra_deg": row.ra_deg, "dec_deg": row.dec_deg}
    )


def _simulated_points(track: pd.Series, fps: float, n_rows: int) -> pd.DataFrame:
    """A point per frame along the straight track."""
    frame = np.linspace(track.t0, track.t1, max(int(abs(track.t1 - track.t0)), 2))
    part = (frame - track.t0) / (track.t1 - track.t0)
    y, x = track.y0 + part * (track.y1 - track.y0), track.x0 + part * (track.x1 - track.x0)
    degrees = 4 / 60
    return pd.DataFrame(
        {
            "frame": frame,
            "time_s": frame / fps,
            "y": y,
            "x": x,
            "ra_deg": degrees * x,
            "dec_deg": degrees * (y - n_rows / 2),
        }
    )
