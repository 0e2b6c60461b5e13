"""Walk through a catalogue: a map of its events, and the frames, light curves and track of one; for a running notebook."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd

from meteortut.plots.tle_vae import MARKERS
from meteortut.widgets.click_map import next_of, ring
from meteortut.widgets.event_map import MAP_INCHES, map_html
from meteortut.widgets.event_panels import event_figure, look
from meteortut.widgets.event_words import catalogued, fitted, motion
from meteortut.widgets.figure_html import figure_html

#: What can be gone through.
ALL, DOUBTFUL, WRONG = "all rows", "flagged rows", "wrong rows"


class EventExplorer:
    """A catalogue on the focal surface; choose an event, see its frames, its light curves, and its track, fitted anew.

    An event is chosen by a click on the map, by its number, or by stepping through all, the flagged or the wrong ones. Needs a
    running kernel: on a static page it shows the first event.

    Parameters
    ----------
    frames : ndarray or memmap of shape (n_frames, height, width), counts per GTU
        The stream that the catalogue was made from; only what is shown is read. Axes (time, y, x).
    catalogue : DataFrame, a row per event
        ``t_peak`` (frame), ``y``, ``x`` (array pixels). Told where there are such columns: ``flag`` ("none" if nothing speaks
        against a meteor), ``snr``, ``track_snr``, ``score``, ``n_pixels``, ``t_first`` and ``t_last``.
    fit : callable
        ``fit(frames, t, y, x, gap)`` gives a track: ``meteortut.pipeline.fit_track``. A ValueError of it is shown as words.
    render : callable
        ``render(track.light, first, n_frames, rows, columns, gap)`` gives the track's frames without noise:
        ``meteortut.pipeline.track_model.render``.
    truth : DataFrame, optional
        The meteors that are in the stream, as ``match`` wants them.
    match : callable, optional
        ``match(catalogue, truth, n_frames, gap)`` gives the rows that belong together, positions in ``found`` and ``meteor``:
        ``meteortut.pipeline.match_events``. Given with ``truth``, or not at all.
    gap : float, pixels
        Between two tubes; 0 for other cameras.

    Attributes
    ----------
    box : VBox
        Controls, map and figure, and a sentence.
    figure : Figure
        The chosen event: the brightest moment of each pixel, with dashed lines on both sides of the track; light near the track
        over time and way; measured and fitted light of the three brightest pixels.
    track : object or None
        What was fitted to the chosen event; None if nothing could be.
    said : str
        The chosen event in words.

    Raises
    ------
    ValueError
        If frames is no stream of floats; if the catalogue is empty, lacks a column, or has events that are not finite or outside
        the stream, or more than eight flags; if only one of truth and match is given.

    Notes
    -----
    A row without a flag is right when it is matched with a meteor, a flagged row when no meteor is left for it: rows without a flag
    are matched first. Speeds are apparent: at 100 km a pixel is 4.8 km, and 7.3 km/s of the motion may be that of the ISS.

    The fit starts at the row's place, not at the detection that the row was made from, and may end elsewhere, most of all for what
    is no meteor. Both motions are told.
    """

    def __init__(
        self,
        frames: Any,
        catalogue: pd.DataFrame,
        fit: Callable[..., Any],
        render: Callable[..., np.ndarray],
        truth: pd.DataFrame | None = None,
        match: Callable[..., Any] | None = None,
        gap: float = 1.0,
    ) -> None:
        _check(frames, catalogue)
        if (truth is None) != (match is None):
            raise ValueError(
                "only one of truth and match is given; expected both, or none: match=pipeline.match_events."
            )
        self._frames, self._table, self._gap = frames, catalogue.reset_index(drop=True), gap
        self._fit, self._render = fit, render
        self._flags = self._table.get("flag", pd.Series("none", self._table.index)).to_numpy().astype(str)
        self._truth, self._meteor = truth, None
        missed = np.empty((0, 2))
        if truth is not None and match is not None:
            self._meteor = self._matched(truth, match)
            left = ~np.isin(np.arange(len(truth)), self._meteor)
            missed = truth.loc[left, ["y", "x"]].to_numpy(float)
        self._map, self._points = map_html(self._table, self._flags, self._right(), missed, frames.shape[1:])
        self._make_controls()
        self._show()

    @property
    def index(self) -> int:
        """Number of the row that is shown, from 0."""
        return int(self._number.value)

    def choose(self, row: int) -> None:
        """Show a row of the catalogue, counted from 0."""
        if not 0 <= row < len(self._table):
            raise IndexError(f"there is no row {row}; expected 0 to {len(self._table) - 1}.")
        self._number.value = row

    def step(self, direction: int) -> None:
        """Go to the next (1) or previous (-1) of the rows that are gone through; after the last comes the first."""
        self.choose(next_of(self._passing(), self.index, direction))

    def _matched(self, truth: pd.DataFrame, match: Callable[..., Any]) -> np.ndarray:
        """Position of each row's meteor, -1 where there is none: ndarray of int of shape (n,)."""
        meteor, left = np.full(len(self._table), -1), np.arange(len(truth))
        for flagged in (False, True):  # a flagged row takes no meteor from one that claims it
            own = np.flatnonzero((self._flags != "none") == flagged)
            pairs = match(self._table.iloc[own], truth.iloc[left], len(self._frames), self._gap)
            meteor[own[pairs.found]] = left[pairs.meteor]
            left = np.setdiff1d(left, meteor)
        return meteor

    def _right(self) -> np.ndarray | None:
        return None if self._meteor is None else (self._flags == "none") == (self._meteor >= 0)

    def _passing(self) -> np.ndarray:
        """Rows that are gone through: ndarray of bool of shape (n,)."""
        right = self._right()
        passing = {
            ALL: np.ones(len(self._table), bool),
            DOUBTFUL: self._flags != "none",
            WRONG: np.zeros(len(self._table), bool) if right is None else ~right,
        }
        return passing[self._kind.value]

    def _make_controls(self) -> None:
        right = self._right()
        kinds = [ALL]
        if (self._flags != "none").any():
            kinds.append(DOUBTFUL)
        if right is not None and not right.all():
            kinds.append(WRONG)
        self._kind = ipywidgets.Dropdown(options=kinds, description="go through")
        self._number = ipywidgets.IntSlider(max=len(self._table) - 1, description="row", continuous_update=False)
        self._buttons = {
            name: ipywidgets.Button(description=name, layout={"width": "80px"}) for name in ("previous", "next")
        }
        self._click = ipywidgets.Text(continuous_update=False, layout={"display": "none"})
        self._click.add_class("event-explorer-click")
        self._place, self._picture, self._words = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        wrap = {"flex_flow": "row wrap", "align_items": "center"}
        controls = ipywidgets.HBox([self._kind, *self._buttons.values(), self._number], layout=wrap)
        pictures = ipywidgets.HBox([self._place, self._picture], layout=wrap)
        self.box = ipywidgets.VBox([controls, pictures, self._words, self._click])
        self.box.add_class("event-explorer")
        self._number.observe(lambda _: self._show(), "value")
        self._kind.observe(lambda _: self._sorted(), "value")
        self._click.observe(lambda _: self._clicked(), "value")
        self._buttons["previous"].on_click(lambda _: self.step(-1))
        self._buttons["next"].on_click(lambda _: self.step(1))

    def _sorted(self) -> None:
        """Other rows are to be gone through: go to the next one of them, unless one is shown already."""
        if not self._passing()[self.index]:
            self.step(1)

    def _clicked(self) -> None:
        """Choose the event that is nearest to the click on the screen."""
        try:
            x, y = map(float, self._click.value.split())
        except ValueError:  # the box was emptied below
            return
        self._click.value = ""  # so that a click on the same place is heard again
        away = (((self._points - (x, y)) * MAP_INCHES) ** 2).sum(axis=1)
        self.choose(int(away.argmin()))

    def _show(self) -> None:
        """Fit the event, draw it, and say in words what it is."""
        row = self._table.iloc[self.index]
        peak, why = (int(row.t_peak), float(row.y), float(row.x)), ""
        try:
            self.track = self._fit(self._frames, peak[0] + 0.5, peak[1], peak[2], self._gap)
            why = "" if self.track.converged else "the fit did not converge"
        except ValueError as error:
            self.track, why = None, f"no track could be fitted: {error}"
        view = look(self._frames, peak, self.track, self._render, self._gap)
        self.figure = event_figure(view)
        told = [f"Row {self.index} of {len(self._table)}, from 0: {catalogued(row)}", fitted(self.track, why)]
        told += self._judged()
        self.said = " ".join(told)
        drawn = "Brightest moment of each pixel, light along the track over time, light curves of three pixels, some frames."
        self._picture.value = figure_html(self.figure, f"{drawn} {self.said}")
        self._words.value = "".join(f"<p>{html.escape(each)}</p>" for each in told)
        self._place.value = self._map + ring(self._points[self.index], 18)

    def _judged(self) -> list[str]:
        """What truth says of the row that is shown; nothing when it is not known."""
        right = self._right()
        if right is None or self._truth is None or self._meteor is None:
            return []
        verdict = f"the row is {'right' if right[self.index] else 'wrong'}."
        if (k := int(self._meteor[self.index])) < 0:
            return [f"In truth no meteor, or one that another row has: {verdict}"]
        meteor = self._truth.iloc[k]
        moving = {"speed_px", "direction_deg"} <= set(meteor.index)
        known = f", {motion(meteor.speed_px, meteor.direction_deg)}" if moving else ""
        return [f"In truth a meteor{known}: {verdict}"]

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.box)


def _check(frames: Any, table: pd.DataFrame) -> None:
    """Refuse what does not fit together, before anything is drawn."""
    shape, kind = np.shape(frames), getattr(frames, "dtype", np.dtype(object))
    if len(shape) != 3 or 0 in shape or not np.issubdtype(kind, np.floating):
        raise ValueError(
            f"frames has shape {shape} and dtype {kind}; expected (n_frames, height, width), floats, counts per GTU."
        )
    if missing := [name for name in ("t_peak", "y", "x") if name not in table]:
        raise ValueError(f"catalogue lacks the columns {missing}; expected t_peak, y and x, as build_catalogue gives.")
    if not len(table):
        raise ValueError("catalogue has no row; expected at least one event to show.")
    for name, side in zip(("t_peak", "y", "x"), shape, strict=True):
        values = table[name].to_numpy(float)
        if not ((values > -0.5 - 1e-9) & (values < side - 0.5 + 1e-9)).all():  # NaN is refused, too
            raise ValueError(
                f"catalogue has {name} from {values.min()} to {values.max()}; expected places inside the stream of shape "
                f"{tuple(shape)}. Was it made from another one?"
            )
    flags = set(table["flag"].astype(str)) if "flag" in table else set()
    if len(flags) > len(MARKERS):
        raise ValueError(
            f"catalogue has {len(flags)} flags; expected {len(MARKERS)} at most. Put the rare ones together."
        )
