"""The parts of AstroView and their places; what they do is in `meteortut.widgets.astroview.view`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ipywidgets
import numpy as np

from meteortut.widgets.astroview.inputs import usual_threshold
from meteortut.widgets.astroview.keys import keys_html
from meteortut.widgets.astroview.label_file import KINDS
from meteortut.widgets.astroview.picture import LIMITS, STRETCHES

LABEL_KEYS = dict(zip(KINDS, "tscofbgdn", strict=True))
STEPS = {
    "previous anomaly": ("j", "j ◀◀ anomaly"),
    "previous": ("ArrowLeft", "← previous"),
    "next": ("ArrowRight", "next →"),
    "next anomaly": ("k", "anomaly ▶▶ k"),
}
FILTERS = ("all", "anomalies", "unlabelled", "labelled", *KINDS)
LEGEND = (
    "Curves: red ticks above are anomalies, blue ticks below labelled frames, the dashed line is the threshold, the green line "
    "this frame; click to go there. Keys, while the border is blue (click into the picture): ← → frame, j k anomaly, "
    + ", ".join(f"{key} {kind.replace('_', ' ')}" for kind, key in LABEL_KEYS.items())
    + "."
)


@dataclass
class Controls:
    """Every widget of the dashboard, by what it is for."""

    frame: ipywidgets.IntSlider
    number: ipywidgets.BoundedIntText
    steps: dict[str, ipywidgets.Button]
    labels: dict[str, ipywidgets.Button]
    feature: ipywidgets.Dropdown
    threshold: ipywidgets.FloatSlider
    filter: ipywidgets.Dropdown
    limits: ipywidgets.Dropdown
    low: ipywidgets.FloatText
    high: ipywidgets.FloatText
    stretch: ipywidgets.Dropdown
    export: ipywidgets.Button
    series: ipywidgets.HTML
    marker: ipywidgets.HTML
    picture: ipywidgets.HTML
    status: ipywidgets.HTML
    alert: ipywidgets.HTML


def make_controls(n: int, features: list[str], scores: np.ndarray | None) -> Controls:
    """Make the parts.

    Parameters
    ----------
    n : int
        Number of frames.
    features : list of str
        Columns to choose from.
    scores : ndarray of shape (n,) or None
        Set the range of the threshold; without them nothing can be an anomaly.

    Returns
    -------
    Controls
    """
    wide, narrow = ipywidgets.Layout(width="auto", flex="1 1 180px"), ipywidgets.Layout(width="230px")
    steps = {name: _button(text, key, "auto") for name, (key, text) in STEPS.items()}
    for name in ("previous anomaly", "next anomaly"):
        steps[name].disabled = scores is None
    return Controls(
        frame=ipywidgets.IntSlider(0, min=0, max=n - 1, readout=False, layout=wide),
        number=_classed(ipywidgets.BoundedIntText(0, min=0, max=n - 1, layout={"width": "90px"}), "astroview-index"),
        steps=steps,
        labels={kind: _button("", key, "165px") for kind, key in LABEL_KEYS.items()},
        feature=_dropdown(features, "feature", _shown(bool(features))),
        threshold=_threshold(scores),
        filter=_dropdown(FILTERS, "step through", {"width": "250px"}),
        limits=ipywidgets.Dropdown(options=LIMITS, description="limits", layout=narrow),
        low=ipywidgets.FloatText(description="low", layout=narrow),
        high=ipywidgets.FloatText(description="high", layout=narrow),
        stretch=ipywidgets.Dropdown(options=STRETCHES, description="stretch", layout=narrow),
        export=ipywidgets.Button(description="Export table", layout=narrow),
        series=ipywidgets.HTML(),
        marker=_classed(ipywidgets.HTML(), "astroview-marker"),
        picture=_classed(ipywidgets.HTML(), "astroview-frame"),
        status=ipywidgets.HTML(),
        alert=ipywidgets.HTML(),
    )


def arrange(parts: Controls) -> list[ipywidgets.Widget]:
    """Put the parts into rows that wrap on a narrow screen.

    Parameters
    ----------
    parts : Controls
        From `make_controls`.

    Returns
    -------
    list of Widget
        From top to bottom.
    """
    s = parts.steps
    series = _classed(ipywidgets.Box([parts.series, parts.marker]), "astroview-series")
    series.layout.display = "block" if parts.feature.options or not s["next anomaly"].disabled else "none"
    back, on = [s["previous anomaly"], s["previous"]], [s["next"], s["next anomaly"]]
    side = ipywidgets.VBox(
        [
            parts.status,
            _row([*parts.labels.values()]),
            parts.limits,
            parts.low,
            parts.high,
            parts.stretch,
            parts.export,
        ],
        layout={"flex": "1 1 320px", "width": "auto", "min_width": "0"},
    )
    return [
        parts.alert,
        _row([parts.feature, parts.threshold, parts.filter]),
        series,
        _row([*back, parts.frame, parts.number, *on]),
        _row([parts.picture, side], align_items="flex-start"),
        ipywidgets.HTML(keys_html(LEGEND)),
    ]


def _button(text: str, key: str, width: str) -> ipywidgets.Button:
    button = ipywidgets.Button(description=text, layout={"width": width})
    return _classed(button, f"astroview-key-{key}")


def _threshold(scores: np.ndarray | None) -> ipywidgets.FloatSlider:
    finite = np.zeros(1) if scores is None else scores[np.isfinite(scores)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    return ipywidgets.FloatSlider(
        value=usual_threshold(finite),
        min=low,
        max=high if high > low else low + 1,
        step=((high - low) or 1) / 500,
        description="anomaly above",
        readout_format=".3g",
        continuous_update=False,
        style={"description_width": "initial"},
        layout=_shown(scores is not None),
    )


def _dropdown(options: Sequence[str], text: str, layout: object) -> ipywidgets.Dropdown:
    return ipywidgets.Dropdown(options=options, description=text, layout=layout, style={"description_width": "initial"})


def _classed(widget: ipywidgets.DOMWidget, name: str) -> ipywidgets.DOMWidget:
    widget.add_class(name)
    return widget


def _row(children: list[ipywidgets.Widget], **layout: str) -> ipywidgets.Box:
    return ipywidgets.Box(children, layout={"flex_flow": "row wrap", "align_items": "center", **layout})


def _shown(shown: bool) -> ipywidgets.Layout:
    return ipywidgets.Layout(display=None if shown else "none", width="300px")
