"""meteortut: machine learning on meteors and transient light.

One module per chapter of the book, a few shared rooms (``report``, ``check``, ``plots``, ``widgets``) and nothing else.
Importing the package itself is cheap on purpose: import the module that you need, ``from meteortut import lightcurves``.
"""

from importlib.metadata import version

__version__ = version("meteortut")
