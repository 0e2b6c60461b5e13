"""Kinds of anomaly and what a label means: limits on the signal before noise, the same in both worlds.

:func:`meteortut.simulate.scmos.frames.simulate_frames` states the rules in full.
"""

EXPOSURE_S = 5.0  # Zhai et al. 2021, JPL R21259: 5 s, 30 data sets of 100 frames
SETS, FRAMES_PER_SET = 30, 100

#: Kinds of anomaly; the first four are the ones that the report labels.
KINDS = ("trajectory", "slew", "cloud", "obstruction", "out_of_focus", "background", "ghost", "defocused_satellite")
LABELLED = KINDS[:4]

#: trajectory: signal-to-noise ratio of the brightest trail, summed over the frame, from here on; chosen.
TRAIL_SNR = 6.0
#: slew: the stars' path is at least this long, pixels; chosen.
SLEW_PX = 4.0
#: cloud: mean transmission below this, or standard deviation of the transmission above that; chosen.
CLOUD_TRANSMISSION, CLOUD_STRUCTURE = 0.85, 0.08
#: obstruction: at least this share of the pixels loses more than half of its light; chosen.
HIDDEN_SHARE = 0.02
#: out_of_focus: diameter of the blur over the seeing, from here on; chosen.
DEFOCUS_RATIO = 1.5
#: background: additional light over the usual sky, from here on; chosen.
BACKGROUND_RATIO = 0.5
#: ghost, defocused_satellite: signal-to-noise ratio, summed over the frame, from here on; chosen.
GHOST_SNR = BAND_SNR = 20.0
