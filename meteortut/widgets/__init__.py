"""Widgets: one that moves without a kernel, on the pages of the book, and six for a running notebook."""

from meteortut.widgets.astroview import AstroView, FitsFolder, open_astroview, open_folder
from meteortut.widgets.dials import dials
from meteortut.widgets.events import EventExplorer
from meteortut.widgets.explorer import explorer
from meteortut.widgets.flipbook import flipbook
from meteortut.widgets.latent import LatentExplorer
from meteortut.widgets.paintboard import PaintBoard

__all__ = [
    "AstroView",
    "EventExplorer",
    "FitsFolder",
    "LatentExplorer",
    "PaintBoard",
    "dials",
    "explorer",
    "flipbook",
    "open_astroview",
    "open_folder",
]
