"""Simulated sCMOS telescope frames: data sets of one field each, with satellites, slews, clouds, obstructions and more.

The public calls are :func:`simulate_frames` and :func:`data_sets`; :mod:`meteortut.simulate.scmos.frames` says what they stand in
for and where they break down.
"""

from meteortut.simulate.scmos.frames import DataSet, data_sets, simulate_frames
from meteortut.simulate.scmos.labels import KINDS, LABELLED
from meteortut.simulate.scmos.worlds import WORLDS

__all__ = ["KINDS", "LABELLED", "WORLDS", "DataSet", "data_sets", "simulate_frames"]
