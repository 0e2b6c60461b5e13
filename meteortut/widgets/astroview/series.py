"""Time series as SVG: small enough to send at once, with marks for anomalies and labelled frames."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT = 1000, 90
#: More frames than this are drawn as the lowest and the highest of each of that many groups, which looks the same.
MOST_GROUPS = 1000
#: Share of the height that is kept for the marks above and below the curve.
MARGIN = 0.14


@dataclass(frozen=True)
class Panel:
    """One curve.

    Attributes
    ----------
    name : str
        What it shows.
    values : ndarray of shape (n_frames,), any unit
        NaN and infinite values leave a gap.
    threshold : float or None
        Drawn as a dashed line, in the unit of the values.
    """

    name: str
    values: np.ndarray
    threshold: float | None = None


def series_html(panels: list[Panel], anomalies: np.ndarray, labelled: np.ndarray) -> str:
    """Draw curves above each other over the number of the frame.

    Parameters
    ----------
    panels : list of Panel
        At least one; all of one length.
    anomalies, labelled : ndarray of bool of shape (n_frames,)
        Marked above and below each curve.

    Returns
    -------
    str
        HTML. Frame k of n stands at (k + ½) / n of the width. Its size is bounded whatever n is: about 60 kB per panel.
    """
    n = len(anomalies)
    above, below = _ticks(anomalies, 0, 0.08 * HEIGHT), _ticks(labelled, 0.92 * HEIGHT, HEIGHT)
    return "".join(_panel(panel, n, above, below, anomalies, labelled) for panel in panels)


def marker_html(k: int, n: int) -> str:
    """Draw the line that marks frame k of n over the curves of `series_html`."""
    return f'<div class="astroview-line" style="left: {100 * (k + 0.5) / n:.3f}%"></div>'


def _panel(panel: Panel, n: int, above: str, below: str, anomalies: np.ndarray, labelled: np.ndarray) -> str:
    values = np.asarray(panel.values, float)
    finite = values[np.isfinite(values)]
    shown = np.append(finite, panel.threshold) if panel.threshold is not None else finite
    low, high = (float(shown.min()), float(shown.max())) if shown.size else (0.0, 0.0)
    span = high - low if high > low else 1.0

    def height(value: np.ndarray) -> np.ndarray:
        return HEIGHT * (1 - MARGIN - (1 - 2 * MARGIN) * (value - low) / span)

    x = WIDTH * (np.arange(n) + 0.5) / n
    parts = [f'<path d="{_curve(x, height(values))}" stroke="#222" fill="none" vector-effect="non-scaling-stroke"/>']
    if panel.threshold is not None:
        y = float(height(np.asarray(panel.threshold, float)))
        parts.append(
            f'<path d="M0 {y:.1f}H{WIDTH}" stroke="#b00" stroke-dasharray="6 4" vector-effect="non-scaling-stroke"/>'
        )
    style = 'stroke-width="2" fill="none" vector-effect="non-scaling-stroke"'
    parts += [f'<path d="{above}" stroke="#b00" {style}/>', f'<path d="{below}" stroke="#06c" {style}/>']
    say = (
        f"{panel.name} of {n} frames, from {low:.4g} to {high:.4g}; {int(anomalies.sum())} anomalies (ticks above), "
        f"{int(labelled.sum())} labelled (ticks below)."
    )
    return (
        f'<div class="astroview-panel"><span>{html.escape(panel.name)}</span><small>{high:.4g}</small>'
        f'<small style="bottom: 0">{low:.4g}</small>'
        f'<svg class="astroview-plot" data-frames="{n}" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" '
        f'role="img" aria-label="{html.escape(say, quote=True)}">{"".join(parts)}</svg></div>'
    )


def _curve(x: np.ndarray, y: np.ndarray) -> str:
    """Path through the points, broken where y is not finite."""
    if len(x) > 2 * MOST_GROUPS:
        x, y = _extremes(x, y)
    parts, pen = [], "M"
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        if np.isfinite(b):
            # A curve of one point alone would be invisible: each begins with a stroke of no length and a little width.
            parts.append(f"{pen}{a:.1f} {b:.1f}" + ("h.1" if pen == "M" else ""))
            pen = "L"
        else:
            pen = "M"
    return "".join(parts)


def _extremes(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest point of each group, in their order; a group of gaps stays a gap."""
    kept = []
    for group in np.array_split(np.arange(len(x)), MOST_GROUPS):
        finite = group[np.isfinite(y[group])]
        chosen = finite[[y[finite].argmin(), y[finite].argmax()]] if len(finite) else group[:1]
        kept += sorted({int(k) for k in chosen})
    return x[kept], y[kept]


def _ticks(marked: np.ndarray, top: float, bottom: float) -> str:
    """Path of vertical strokes; neighbours closer than the drawing can show are one."""
    n = len(marked)
    places = np.unique((WIDTH * (np.flatnonzero(marked) + 0.5) / n).round(0 if n > WIDTH else 1))
    return "".join(f"M{place:g} {top:.1f}V{bottom:.1f}" for place in places)
