"""Simulated skies over meteor cameras: tiles and full frames of 256 video frames, with their truth.

*Stands in for* FF files of the Global Meteor Network and their like, with a truth that no archive has. Beside the eleven real
frames of one night, twelve cloudless frames of the first world have (medians; real first): a maximum 5.0 and 5.5 counts above the
mean where the sky has 20 to 30 counts; neighbours correlated by 0.50 and 0.53; the same MAXFRAME in 11 and 9 % of neighbours; 81
and 96 stars of more than 20 counts per million pixels; tracks 30 and 34 pixels long, in 7.0 and 7.4 frames, at 5.0 and 3.9 pixels
per frame, ragged by 0.15 and 0.15.

*Breaks down*: the real noise reaches a little farther (three pixels apart 0.11 against 0.06; the fixed pattern's neighbours 0.70
against 0.61) and comes in streaks, here in grains; a codec's noise is drawn, not computed: no smearing of weak moving light, no
ringing around it. Each track is a straight line: no breakup into pieces, no lasting train. No birds, insects, lightning, dew or
headlights; no change of gain; no distortion by the lens; trees do not move. Magnitudes are good to a factor of two in light.
Satellites are slow (median 0.15 pixels per frame; the two labelled trails 0.15 and 0.55). A few tiles in a thousand are all one
value: saturated sky or Moon. The second world is not meant to agree.
"""

from meteortut.simulate.sky.images import Frame, simulate_frame, simulate_sky

__all__ = ["Frame", "simulate_frame", "simulate_sky"]
