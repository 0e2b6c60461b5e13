"""AstroView: look through frames, find the odd ones, label them; in JupyterLab and as an application of its own."""

from meteortut.widgets.astroview.fits_folder import FitsFolder, open_folder
from meteortut.widgets.astroview.own_folder import open_astroview
from meteortut.widgets.astroview.view import AstroView

__all__ = ["AstroView", "FitsFolder", "open_astroview", "open_folder"]
