"""AstroView on a reader's own folder, from paths alone; what `make astroview` calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import ipywidgets
import numpy as np
import pandas as pd

from meteortut.widgets.astroview.fits_folder import FitsFolder, open_folder
from meteortut.widgets.astroview.label_file import write_whole
from meteortut.widgets.astroview.view import AstroView
from meteortut.widgets.astroview.words import alert_html

#: Names of the files within the folder, if none are given.
USUAL_LABELS, USUAL_FEATURES = "astroview_labels.csv", "astroview_features.csv"

Measure = Callable[[Iterable[np.ndarray]], pd.DataFrame]


def open_astroview(
    folder: str | os.PathLike[str],
    labels: str | os.PathLike[str] | None = None,
    features: str | os.PathLike[str] | None = None,
    order: str = "name",
    measure: Measure | None = None,
) -> ipywidgets.Widget:
    """Open a folder of FITS files in AstroView.

    Parameters
    ----------
    folder : path-like
        The folder, see `open_folder`.
    labels : path-like, optional
        CSV file of the labels. Default: ``astroview_labels.csv`` in the folder.
    features : path-like, optional
        CSV file, a row per frame: file name, then numeric columns; ``score``, if there is one, is the outlier score. Frames
        without a row have no values. Default: ``astroview_features.csv`` in the folder, if it is there.
    order : "name" or "date"
        See `open_folder`.
    measure : callable, optional
        Takes an iterable of frames, ndarrays of one shape (height, width), and gives a DataFrame, a row per frame. With it, a
        folder without features gets a button that measures all frames, one at a time, and saves the table where it is looked
        for the next time. Files that cannot be read, or whose size is not that of the first, are passed over.

    Returns
    -------
    Widget
        An `AstroView`; with the button, a VBox of both; or, if the paths do not serve, a box that says why, since an application
        has nobody to raise to.
    """
    try:
        frames = open_folder(folder, order)
        place = frames.folder / USUAL_LABELS if labels is None else Path(labels)
        table = frames.folder / USUAL_FEATURES if features is None else Path(features)
        known = _read_features(table, frames) if features is not None or table.exists() else None
        view = AstroView(frames, known, labels=place)
    except (OSError, TypeError, ValueError) as error:
        return _refused(f"AstroView cannot start: {error}")
    return view if known is not None or measure is None else _with_button(view, frames, place, table, measure)


def _read_features(path: Path, frames: FitsFolder) -> pd.DataFrame:
    table = pd.read_csv(path, index_col=0, dtype={0: str}, encoding_errors="surrogateescape")
    if not table.index.is_unique:
        raise ValueError(f"{path} has two rows of the same frame: {table.index[table.index.duplicated()][0]!r}.")
    if not set(table.index) & set(frames.names):
        raise ValueError(
            f"{path} has no row of these frames: its first column begins with {list(table.index[:2])}, the frames with "
            f"{frames.names[:2]}. Expected file names in the first column."
        )
    return table.reindex(frames.names)


def _with_button(view: AstroView, frames: FitsFolder, labels: Path, table: Path, measure: Measure) -> ipywidgets.VBox:
    """The dashboard below a button, which puts one with curves and scores in its place."""
    text = f"Measure all {len(frames)} frames, for curves and outlier scores"
    button = ipywidgets.Button(description=text, layout={"width": "auto"})
    box = ipywidgets.VBox([button, view])

    def run(_button: object) -> None:
        bar = ipywidgets.IntProgress(0, 0, len(frames), description="measuring", layout={"width": "auto"})
        box.children = [bar]  # a label given meanwhile would wait for the end, unseen
        kept: list[str] = []
        try:
            measured = measure(_readable(frames, bar, kept))
            measured.index = pd.Index(kept, name="frame")
            write_whole(table, measured.to_csv(lineterminator="\n"))
            box.children = [AstroView(frames, measured.reindex(frames.names), labels=labels)]
        except (OSError, TypeError, ValueError) as error:
            box.children = [_refused(f"The frames could not be measured: {error}"), view]

    button.on_click(run)
    return box


def _readable(frames: FitsFolder, bar: ipywidgets.IntProgress, kept: list[str]) -> Iterator[np.ndarray]:
    """Frames that can be read and are as large as the first of them; their names are put into `kept`."""
    shape: tuple[int, ...] | None = None
    for k, name in enumerate(frames.names):
        bar.value = k
        try:
            frame = frames[k]
        except (OSError, ValueError):
            continue  # the dashboard says why, when its turn comes
        if shape in (None, frame.shape):
            shape = frame.shape
            kept.append(name)
            yield frame


def _refused(text: str) -> ipywidgets.HTML:
    box = ipywidgets.HTML(alert_html([text]))
    box.add_class("astroview-refused")
    return box
