"""AstroView, the dashboard: time series, frame and labels, which move together."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
import traitlets

from meteortut.widgets.astroview import inputs, picture, words
from meteortut.widgets.astroview.controls import LABEL_KEYS, arrange, make_controls
from meteortut.widgets.astroview.label_file import KINDS, LabelFile, write_whole
from meteortut.widgets.astroview.series import Panel, marker_html, series_html


class AstroView(ipywidgets.VBox):
    """Look through frames, step from anomaly to anomaly, and label them by button or key.

    Works in JupyterLab and in Voilà, where ``make astroview`` starts it alone. On a static page it shows its first view.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, height, width), or sequence of ndarrays of shape (height, width), any unit
        In a list or a lazy sequence (`open_folder`) sizes may differ. One frame is read at a time, and only its picture is
        kept. NaN, infinite and masked pixels are drawn purple; a frame that cannot be read is shown as its reason.
    features : DataFrame, a row per frame, optional
        Any numeric columns; the others are left out. An index of text names the frames, if ``frames.names`` does not.
    scores : array-like of shape (n_frames,), optional
        The higher, the odder; NaN never counts as an anomaly. Default: the column ``score`` of ``features``, if there is one.
    labels : path-like, optional
        CSV file, read at the start and saved whole after every change. Without one, labels are lost with the process.

    Attributes
    ----------
    names : list of str
        Name of every frame; labels are kept by name, so that files of two folders never mix.
    controls : Controls
        The widgets it is made of.

    Raises
    ------
    TypeError, ValueError
        No frames, tables of another length, names that are not unique, or a label file that cannot be one.

    Notes
    -----
    After Zhai et al. (2021, JPL R21259), whose AstroView links the same three parts.
    """

    def __init__(
        self,
        frames: np.ndarray | Sequence[np.ndarray],
        features: pd.DataFrame | None = None,
        scores: Any = None,
        labels: str | os.PathLike[str] | None = None,
    ) -> None:
        n = inputs.check_frames(frames)
        self.features = inputs.numeric_features(features, n)
        self.names = inputs.frame_names(frames, None if features is None else features.index, n)
        self.scores = inputs.check_scores(scores, self.features, n)
        self.frames, self._file, self._here = frames, LabelFile(labels), set(self.names)
        self._image: np.ndarray | None = None
        self._seen, self._busy = "", False
        self.controls = make_controls(n, self.features.columns.tolist(), self.scores)
        super().__init__(children=arrange(self.controls))
        self.add_class("astroview")
        self._connect()
        self._show_series()
        self._show_frame()

    @property
    def index(self) -> int:
        """Number of the frame that is shown, from 0."""
        return int(self.controls.frame.value)

    @index.setter
    def index(self, k: int) -> None:
        self.controls.frame.value = k

    @property
    def is_anomaly(self) -> np.ndarray:
        """Frames whose score is above the threshold: ndarray of bool of shape (n_frames,)."""
        if self.scores is None:
            return np.zeros(len(self.names), bool)
        with np.errstate(invalid="ignore"):
            return self.scores > self.controls.threshold.value

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """Name to labels, of the labelled frames among those shown."""
        return {name: kinds for name, kinds in self._file.labels.items() if name in self._here}

    def table(self) -> pd.DataFrame:
        """Collect what is known of every frame.

        Returns
        -------
        DataFrame, a row per frame, index ``frame`` (names)
            ``labels`` (joined by ``|``, "" if there are none), a bool column per label, ``score`` and ``is_anomaly`` if there
            are scores, and the features.
        """
        labels = self.labels
        kinds = [labels.get(name, ()) for name in self.names]
        known: dict[str, Any] = {"labels": ["|".join(each) for each in kinds]}
        known |= {kind: [kind in each for each in kinds] for kind in KINDS}
        if self.scores is not None:
            known |= {"score": self.scores, "is_anomaly": self.is_anomaly}
        others = self.features.drop(columns=[name for name in known if name in self.features])
        index = pd.Index(self.names, name="frame")
        return pd.concat([pd.DataFrame(known, index=index), others.set_axis(index, axis=0)], axis=1)

    def export(self, path: str | os.PathLike[str]) -> Path:
        """Write `table` to a CSV file, whole or not at all.

        Parameters
        ----------
        path : path-like
            The file; one that exists is replaced.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        OSError
            It cannot be written.
        """
        target = Path(path).expanduser().resolve()
        write_whole(target, self.table().to_csv(lineterminator="\n"))
        return target

    def step(self, direction: int, anomaly: bool = False) -> None:
        """Go to the next frame that the filter lets through, or stay and say that there is none.

        Parameters
        ----------
        direction : 1 or -1
            Forwards or backwards.
        anomaly : bool
            Only to frames above the threshold.
        """
        wanted = np.flatnonzero(self._passing() & self.is_anomaly if anomaly else self._passing())
        ahead = wanted[wanted > self.index] if direction > 0 else wanted[wanted < self.index][::-1]
        if len(ahead):
            self.index = int(ahead[0])
        else:
            what = "anomaly" if anomaly else "frame"
            where = "after" if direction > 0 else "before"
            self._say(f"There is no {what} {where} this one among {self.controls.filter.value!r}.")

    def toggle(self, kind: str) -> None:
        """Give the frame a label or take it away, and save. "normal" drives out the others, and they drive out "normal".

        Parameters
        ----------
        kind : str
            One of the labels. If it cannot be saved, the widget says so, and the labels stay as they were.
        """
        name = self.names[self.index]
        kinds = set(self._file.labels.get(name, ()))
        if kind in kinds:
            kinds -= {kind}
        else:
            kinds = {kind} if kind == "normal" else (kinds - {"normal"}) | {kind}
        failed = ""
        try:
            self._file.put(name, kinds)
        except (OSError, ValueError) as error:
            failed = f"NOT SAVED: {error}"
        self._show_series()
        self._say(failed=failed)

    def _connect(self) -> None:
        """Tie every part to what it does."""
        parts = self.controls
        self._link = traitlets.link((parts.frame, "value"), (parts.number, "value"))
        parts.frame.observe(lambda _: self._show_frame(), "value")
        parts.feature.observe(lambda _: self._show_series(), "value")
        parts.threshold.observe(lambda _: self._show_series(), "value")
        parts.threshold.observe(lambda _: self._say(), "value")
        parts.filter.observe(lambda _: self._filtered(), "value")
        parts.stretch.observe(lambda _: self._draw(), "value")
        parts.limits.observe(lambda _: self._draw(), "value")
        for box in (parts.low, parts.high):
            box.observe(lambda _: self._by_hand(), "value")
        for name, button in parts.steps.items():
            direction, anomaly = 1 if name.startswith("next") else -1, name.endswith("anomaly")
            button.on_click(lambda _, direction=direction, anomaly=anomaly: self.step(direction, anomaly))
        for kind, button in parts.labels.items():
            button.on_click(lambda _, kind=kind: self.toggle(kind))
        parts.export.on_click(lambda _: self._export())

    def _passing(self) -> np.ndarray:
        """Frames that the filter lets through: ndarray of bool of shape (n_frames,)."""
        chosen, labels = self.controls.filter.value, self._file.labels
        if chosen == "all":
            return np.ones(len(self.names), bool)
        if chosen == "anomalies":
            return self.is_anomaly
        if chosen in ("labelled", "unlabelled"):
            return np.array([(name in labels) == (chosen == "labelled") for name in self.names])
        return np.array([chosen in labels.get(name, ()) for name in self.names])

    def _filtered(self) -> None:
        """Go to the nearest frame of the new filter, later ones first."""
        passing = np.flatnonzero(self._passing())
        if len(passing) and self.index not in passing:
            later = passing[passing > self.index]
            self.index = int(later[0] if len(later) else passing[-1])
        self._say()

    def _show_frame(self) -> None:
        """Read the frame and draw all that depends on it; the frame itself is let go at once."""
        self._image, self._seen = None, ""
        try:
            frame = self.frames[self.index]
            self._image, shape = picture.binned(frame), np.shape(frame)
        except Exception as error:  # readers of any kind raise anything; one bad frame must not stop the others
            self._seen = f"{type(error).__name__}: {error}"
        else:
            lost = 100 * float(np.isnan(self._image).mean())
            self._seen = f"{shape[1]} × {shape[0]} pixels" + (f", {lost:.2g} % without a value" if lost else "")
        self.controls.marker.value = marker_html(self.index, len(self.names))
        self._draw()
        self._say()

    def _draw(self) -> None:
        """Draw the picture with the limits and the stretch that are set."""
        parts, name = self.controls, self.names[self.index]
        if self._busy:
            return
        if self._image is None:
            parts.picture.value = words.alert_html([f"{name}: {self._seen}"])
            return
        try:
            low, high = parts.low.value, parts.high.value
            if parts.limits.value != "by hand":
                low, high = picture.limits(self._image, parts.limits.value)
            elif not low <= high:
                raise ValueError(f"the limits are {low:g} and {high:g}; expected low ≤ high.")
        except ValueError as error:
            parts.picture.value = words.alert_html([f"{name}: {error}"])
            return
        self._busy = True  # the numbers follow the rule here; they do not ask for limits by hand
        parts.low.value, parts.high.value = low, high
        self._busy = False
        data = base64.b64encode(picture.png(self._image, low, high, parts.stretch.value)).decode()
        alt = f"Frame {name}, {self._seen}, {parts.stretch.value} from {low:.6g} to {high:.6g}."
        if low == high:
            alt += " Every pixel has the same value."
        # Small frames are enlarged by a whole factor, so that their pixels stay alike.
        width = self._image.shape[1] * max(1, picture.LONGEST // max(self._image.shape))
        source = f"data:image/png;base64,{data}"
        parts.picture.value = f'<img alt="{words.escaped(alt)}" style="width: {width}px" src="{source}">'

    def _by_hand(self) -> None:
        if not self._busy:
            self._busy = True
            self.controls.limits.value = "by hand"
            self._busy = False
            self._draw()

    def _show_series(self) -> None:
        """Draw the curves anew; only when what they show has changed, not at every step."""
        parts, panels = self.controls, []
        if parts.feature.value is not None:
            panels.append(Panel(parts.feature.value, self.features[parts.feature.value].to_numpy()))
        if self.scores is not None:
            panels.append(Panel("outlier score", self.scores, parts.threshold.value))
        labels = self._file.labels
        labelled = np.array([name in labels for name in self.names])
        if panels:
            parts.series.value = series_html(panels, self.is_anomaly, labelled)

    def _export(self) -> None:
        path = self._file.path
        try:
            target = self.export(path.with_name(f"{path.stem}_table.csv") if path else "astroview_table.csv")
            self._say(f"Exported {len(self.names)} rows to {target}.")
        except OSError as error:
            self._say(failed=f"NOT EXPORTED: {error}")

    def _say(self, said: str = "", failed: str = "") -> None:
        """Bring the words and the label buttons up to date, with a remark, or with what went wrong."""
        parts, stored, name = self.controls, self._file.labels, self.names[self.index]
        kinds = stored.get(name, ())
        for kind, button in parts.labels.items():
            button.description = f"{'✓ ' if kind in kinds else ''}{kind.replace('_', ' ')} ({LABEL_KEYS[kind]})"
            button.button_style = "success" if kind in kinds else ""
        lines = [
            f"frame {self.index} of 0–{len(self.names) - 1}: {name}",
            self._seen[:200],
            f"labels: {', '.join(kinds).replace('_', ' ') or 'none'}",
            f"{self._passing().sum()} frames in “{parts.filter.value}”, {self.is_anomaly.sum()} anomalies",
            words.of_labels(self._file, self._here),
            words.of_ignored(getattr(self.frames, "ignored", [])),
            said,
        ]
        parts.status.value = words.lines_html(lines)
        parts.alert.value = words.alert_html([failed, *words.complaints(self._file)])
