"""Paint squares over a picture, and see how a score falls and a heat map moves; for a running notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ipywidgets
import numpy as np

from meteortut.plots import heat_maps
from meteortut.widgets.figure_html import figure_html

Heat = Callable[[np.ndarray], np.ndarray]


class PaintBoard:
    """A tile, its score, and a heat map of one layer after the other; squares of sky can be painted over it.

    Needs a running kernel: on a static page it shows the tile as it was given.

    Parameters
    ----------
    image : ndarray of shape (height, width), counts
        The tile.
    score : callable
        Takes an array of the tile's shape, gives a probability.
    maps : mapping
        Name of a layer → function that takes such an array and gives a heat map of the same shape.

    Attributes
    ----------
    box : VBox
        Layer, row, column and side of the square, buttons to paint and to clear, the sentence, and the figure.
    image : ndarray of shape (height, width), counts
        The tile with what has been painted.

    Raises
    ------
    ValueError
        If the tile is no grey picture, or there is no map.
    """

    def __init__(self, image: np.ndarray, score: Callable[[np.ndarray], float], maps: Mapping[str, Heat]) -> None:
        if np.ndim(image) != 2 or not maps:
            raise ValueError(
                f"image has shape {np.shape(image)} and there are {len(maps)} maps; expected (height, width) and at least one."
            )
        self._clean = np.asarray(image)
        self.image = self._clean.copy()
        self._score, self._maps = score, dict(maps)
        self._before = float(score(self._clean))
        height, width = self.image.shape
        self._layer = ipywidgets.SelectionSlider(options=list(maps), description="layer", continuous_update=False)
        self._y, self._x = (
            ipywidgets.IntSlider(value=side // 2, max=side - 1, description=name, continuous_update=False)
            for name, side in (("row", height), ("column", width))
        )
        self._side = ipywidgets.IntSlider(
            value=min(16, height, width), min=1, max=min(height, width), description="side", continuous_update=False
        )
        buttons = {name: ipywidgets.Button(description=name) for name in ("paint", "clear")}
        buttons["paint"].on_click(lambda _: self.paint(self._y.value, self._x.value, self._side.value))
        buttons["clear"].on_click(lambda _: self.clear())
        self._layer.observe(lambda _: self._show(), "value")
        self._said, self._figure = ipywidgets.HTML(), ipywidgets.HTML()
        controls = (self._layer, self._y, self._x, self._side, ipywidgets.HBox(list(buttons.values())))
        self.box = ipywidgets.VBox([*controls, self._said, self._figure])
        self._show()

    @property
    def score(self) -> float:
        """Probability of what is on the board now."""
        return float(self._score(self.image))

    def paint(self, y: int, x: int, side: int) -> None:
        """Paint a square of the tile's median around (y, x), pixels; what reaches over the edge is cut off."""
        top, left = y - side // 2, x - side // 2
        self.image[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = np.median(self._clean)
        self._show()

    def clear(self) -> None:
        """Take all paint away."""
        self.image = self._clean.copy()
        self._show()

    def _show(self) -> None:
        name = self._layer.value
        n_hidden = int(np.count_nonzero(self.image != self._clean))
        said = f"Score {self.score:.3f}; {self._before:.3f} without paint. {n_hidden} pixels are changed."
        self._said.value = f"<p>{said}</p>"
        heat = np.asarray(self._maps[name](self.image))
        alt = f"The tile, and beside it the tile with the heat map of {name}. {said}"
        self._figure.value = figure_html(heat_maps(self.image, {name: heat}, columns=2), alt)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.box)
