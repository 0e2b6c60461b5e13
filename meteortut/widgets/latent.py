"""Walk through a latent space: a map of slices, the bands of one, and a decoder whose units slide; for a running notebook."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

import ipywidgets
import numpy as np

from meteortut.plots.tle_vae import MARKERS
from meteortut.widgets.click_map import next_of, ring
from meteortut.widgets.figure_html import figure_html
from meteortut.widgets.latent_panels import empty_panels, event, limits, map_html, stretches

Draw = Callable[[int, np.ndarray], np.ndarray]
#: The choice that lets every kind through.
ANY = -1
#: A unit is slid over this many standard deviations on both sides of its mean over the slices.
N_SIGMA = 3.0
#: The nearest that the view comes, ms. Chosen.
SHORTEST_MS = 1.0


class LatentExplorer:
    """A map of slices; choose one, see its bands and the decoded curve over them, and slide a latent unit.

    A slice is chosen by a click on the map, by its number, or by stepping through one kind. The view is on the brightest
    light of the bands, or on the whole slice. Needs a running kernel: on a static page it shows the first slice.

    Parameters
    ----------
    photometry : ndarray of shape (n, n_bands, n_samples), µW/m²
        The slices.
    places : ndarray of shape (n, 2)
        Where each stands on the map; any embedding in the plane.
    labels : array-like of shape (n,)
        Kind of each, shown as text; at most eight different ones.
    means : ndarray of shape (n, n_latent)
        Latent numbers of each slice that can be slid: for a variational autoencoder the posterior means.
    draw : callable
        Takes the number of a slice and latent numbers, ndarray of float32 of shape (n_latent,); gives the curve that is
        decoded from them, ndarray of shape (n_bands, n_samples), µW/m². Whatever else the decoder needs stays that slice's own.
    bands : sequence of str
        Name of each band.
    sample_ms : float, ms
        Time between readings.

    Attributes
    ----------
    box : VBox
        Map and figure side by side, a sentence, and the controls.
    figure : Figure
        The bands as they stand now; changes with the choice.
    means : ndarray of float32 of shape (n_latent,)
        Latent numbers of the slice as they stand now.
    curve : ndarray of shape (n_bands, n_samples), µW/m²
        What is decoded from them.

    Raises
    ------
    ValueError
        If the arrays are not aligned, not finite, or of another number of axes; if there are more than eight kinds; or if
        what ``draw`` gives has not the shape of a slice or is not finite.
    """

    def __init__(
        self,
        photometry: np.ndarray,
        places: np.ndarray,
        labels: Sequence[str] | np.ndarray,
        means: np.ndarray,
        draw: Draw,
        bands: Sequence[str],
        sample_ms: float = 0.01,
    ) -> None:
        self._labels = np.asarray(labels).astype(str)
        self._kinds = sorted(set(self._labels.ravel().tolist()))
        _check(photometry, places, self._labels, means, bands, sample_ms)
        self._photometry, self._all_means = np.asarray(photometry), np.asarray(means, np.float32)
        self._draw, self._bands, self._ms = draw, tuple(bands), float(sample_ms)
        self._sigma = self._all_means.std(axis=0)
        self._map, self._points = map_html(np.asarray(places, float), self._labels, self._kinds)
        self.figure, self._lines = empty_panels(bands)
        self._make_controls()
        self._connect()
        self._begin()

    @property
    def index(self) -> int:
        """Number of the slice that is shown, from 0."""
        return int(self._number.value)

    def choose(self, index: int) -> None:
        """Show a slice as it was encoded."""
        if not 0 <= index < len(self._photometry):
            raise IndexError(f"there is no slice {index}; expected 0 to {len(self._photometry) - 1}.")
        if index == self.index:  # nothing would tell the slider
            self._begin()
        self._number.value = index

    def move(self, unit: int, value: float) -> None:
        """Give a latent unit another value, within what the slider allows; the others stay as they stand."""
        if not 0 <= unit < len(self._sigma):
            raise IndexError(f"there is no unit {unit}; expected 0 to {len(self._sigma) - 1}.")
        self._unit.value = unit
        self._value.value = value

    def reset(self) -> None:
        """Put all units back to what the slice was encoded as."""
        self._begin()

    def step(self, direction: int) -> None:
        """Go to the next (1) or previous (-1) slice of the kind that is set; after the last comes the first."""
        self.choose(next_of(self._passing(), self.index, direction))

    def _passing(self) -> np.ndarray:
        """Slices of the kind that is set: ndarray of bool of shape (n,)."""
        kind = self._kind.value
        return np.ones(len(self._labels), bool) if kind == ANY else self._labels == self._kinds[kind]

    def _make_controls(self) -> None:
        n = len(self._photometry)
        kinds = [
            ("any", ANY),
            *((kind, k) for k, kind in enumerate(self._kinds)),
        ]  # a list set to None would look empty
        self._kind = ipywidgets.Dropdown(options=kinds, description="kind")
        self._number = ipywidgets.IntSlider(max=n - 1, description="slice", continuous_update=False)
        order = np.argsort(-self._sigma, kind="stable")
        units = [(f"{k} (spread {self._sigma[k]:.2f})", int(k)) for k in order]
        self._unit = ipywidgets.Dropdown(options=units, description="unit")
        self._value = ipywidgets.FloatSlider(description="value", continuous_update=False)
        self._whole = ipywidgets.Checkbox(description="the whole slice", indent=False)
        names = ("previous", "next", "reset")
        self._buttons = {name: ipywidgets.Button(description=name, layout={"width": "80px"}) for name in names}
        self._click = ipywidgets.Text(continuous_update=False, layout={"display": "none"})
        self._click.add_class("latent-explorer-click")
        self._place, self._said, self._picture = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        rows = (
            (self._kind, self._buttons["previous"], self._buttons["next"], self._number),
            (self._unit, self._value, self._buttons["reset"], self._whole),
            (self._place, self._picture),
        )
        wrap = {"flex_flow": "row wrap", "align_items": "center"}
        self.box = ipywidgets.VBox([*(ipywidgets.HBox(row, layout=wrap) for row in rows), self._said, self._click])
        self.box.add_class("latent-explorer")

    def _connect(self) -> None:
        self._busy = False
        self._number.observe(lambda _: self._begin(), "value")
        self._kind.observe(lambda _: self._sorted(), "value")
        self._unit.observe(lambda _: self._offer(), "value")
        self._value.observe(lambda _: self._moved(), "value")
        self._whole.observe(lambda _: self._show(), "value")
        self._click.observe(lambda _: self._clicked(), "value")
        self._buttons["previous"].on_click(lambda _: self.step(-1))
        self._buttons["next"].on_click(lambda _: self.step(1))
        self._buttons["reset"].on_click(lambda _: self.reset())

    def _begin(self) -> None:
        """Start with the slice as it was encoded."""
        self.means = self._all_means[self.index].copy()
        self._own = self.curve = self._decoded()
        self._place.value = self._map + ring(self._points[self.index], 16)
        self._offer()
        self._show()

    def _decoded(self) -> np.ndarray:
        curve = np.asarray(self._draw(self.index, self.means.copy()))
        wanted = self._photometry.shape[1:]
        if curve.shape != wanted or not np.isfinite(curve).all():
            what = "has NaN or infinite values" if curve.shape == wanted else f"has the shape {curve.shape}"
            raise ValueError(f"what draw gives {what}; expected finite numbers of shape {wanted}, as a slice has.")
        return curve

    def _offer(self) -> None:
        """Set the ends of the slider for the unit, wide enough for where it stands, without moving anything."""
        unit = self._unit.value
        middle, here = float(self._all_means[:, unit].mean()), float(self.means[unit])
        reach = N_SIGMA * (float(self._sigma[unit]) or 1.0)  # a unit without any spread: that of its prior
        low, high = min(middle - reach, here), max(middle + reach, here)
        self._busy = True
        with self._value.hold_trait_notifications():  # ends and value change together
            self._value.min, self._value.max, self._value.value = low, high, here
        self._value.step = (high - low) / 100
        self._busy = False

    def _moved(self) -> None:
        if not self._busy:
            self.means[self._unit.value] = self._value.value
            self.curve = self._decoded()
            self._show()

    def _sorted(self) -> None:
        """A kind was set: go to its next slice, unless one is shown already."""
        if not self._passing()[self.index]:
            self.step(1)

    def _clicked(self) -> None:
        """Choose the slice that is nearest to the click on the screen; the map is as wide as it is high."""
        try:
            x, y = map(float, self._click.value.split())
        except ValueError:  # the box was emptied below
            return
        self._click.value = ""  # so that a click on the same place is heard again
        self.choose(int(np.argmin(((self._points - (x, y)) ** 2).sum(axis=1))))

    def _show(self) -> None:
        """Draw the bands, and say in words what stands there."""
        readings, n_samples = self._photometry[self.index], self._photometry.shape[2]
        first, last = (0, n_samples) if self._whole.value else event(readings, SHORTEST_MS / self._ms)
        changed = np.flatnonzero(self.means != self._all_means[self.index])
        for axes, lines, *curves in zip(self.figure.axes, self._lines, readings, self._own, self.curve, strict=True):
            for line, curve in zip(lines, curves, strict=True):
                at, values = stretches(curve, first, last)
                line.set_data(at * self._ms, values)
            lines[2].set_visible(len(changed) > 0)
            axes.set(xlim=(first * self._ms, last * self._ms), ylim=limits(*(each[first:last] for each in curves)))
        moved = "; ".join(f"unit {k} from {self._all_means[self.index, k]:.2f} to {self.means[k]:.2f}" for k in changed)
        said = f"Slice {self.index}, {self._labels[self.index]}. " + (
            f"Moved: {moved}." if moved else "No unit is moved."
        )
        span = f"{first * self._ms:.2f} to {last * self._ms:.2f} ms"
        alt = f"{said} {', '.join(self._bands)}: readings and the decoded curve, {span}."
        self._picture.value = figure_html(self.figure, alt)
        self._said.value = f"<p>{html.escape(said)}</p>"

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.box)


def _check(
    photometry: np.ndarray, places: np.ndarray, labels: np.ndarray, means: np.ndarray, bands: Sequence[str], ms: float
) -> None:
    """Refuse what does not fit together, before anything is drawn."""
    shapes = {"photometry": np.shape(photometry), "places": np.shape(places), "means": np.shape(means)}
    n = len(labels) if labels.ndim else 0
    fits = n > 0 and labels.ndim == 1 and [len(s) for s in shapes.values()] == [3, 2, 2]
    if not fits or {s[0] for s in shapes.values()} != {n} or shapes["places"][1] != 2 or 0 in shapes["means"]:
        raise ValueError(
            f"photometry, places and means have the shapes {list(shapes.values())}, labels {labels.shape}; expected "
            "(n, n_bands, n_samples), (n, 2), (n, n_latent) and (n,), the same n ≥ 1. Take the same slices from each."
        )
    if isinstance(bands, str) or len(bands) != shapes["photometry"][1]:
        raise ValueError(f"bands is {bands!r}; expected {shapes['photometry'][1]} names, one for each band.")
    if shapes["photometry"][2] < 2 or not ms > 0:
        raise ValueError(
            f"slices have {shapes['photometry'][2]} readings, {ms} ms apart; expected at least 2, above 0 ms."
        )
    for name, values in (("photometry", photometry), ("places", places), ("means", means)):
        if (kind := np.asarray(values).dtype).kind not in "fiu":
            raise ValueError(f"{name} has dtype {kind}; expected numbers.")
        if not np.isfinite(np.asarray(values)).all():
            raise ValueError(f"{name} has NaN or infinite values; leave those slices out, in all arrays alike.")
    if len(kinds := set(labels.tolist())) > len(MARKERS):
        raise ValueError(
            f"labels have {len(kinds)} kinds; expected {len(MARKERS)} at most. Put the rare ones together."
        )
