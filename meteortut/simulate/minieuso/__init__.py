"""A simulated Mini-EUSO sky: frames of 48 × 48 pixels, 40.96 ms each, seen from the ISS, and the truth behind them.

No Mini-EUSO frame is public. *Stands in for* its D3 stream (Zotov et al. 2023; Barghini et al. 2024): counts per GTU
averaged over 128 × 128 GTU, on a moonless or moonlit night, above clouds, land, sea and cities, neither cleaned nor
flat-fielded. The parameters are in :mod:`meteortut.simulate.minieuso.worlds` and :mod:`meteortut.simulate.minieuso.skies`,
each with its source or chosen; a test keeps them. One range was set from a published result: the height over which meteors
shine, so that a meteor has 5395/1068 = 5.05 hit pixels (the eight sessions, four seeds: 4.97, 5.33, 5.06, 5.00).

This is the second draft. In the first, clouds, coasts and cities were so busy that a chunk of 8 × 8 × 48 without meteors
was seldom quiet (no pixel of the noiseless sky changes by 5 σ: 2 to 32 % of chunks of the first world, by session; now 28
to 61 %). Networks had been tried on it when cloud and land texture, airglow waves and city density of both worlds were
changed; meteors, camera and transients were not.

*Breaks down*: a session of 20 000 frames, 14 minutes, holds the meteors of twelve hours, and confusers are as crowded;
there is no twilight, no aurora, no airglow structure below 40 pixels, no flicker of city light, no stray light, no glint of
the Moon. Clouds and land are Gaussian fields cut by a level; they drift without changing. The point spread is the same
everywhere, Gaussian and without tails. Meteors are points without wake, train, flare or fragments; their light curves are
two half Gaussians, their speed is constant. Perspective is left out: the image of a meteor that sinks by 28 km/s shrinks
towards the centre, at the edge of the field by two pixels per second. Beside the ten labelled pseudo-cubes of the Global
Meteor Network (:mod:`meteortut.simulate.minieuso.tracks`; medians, of each pixel its brightest frame alone, simulated ones
above 10 σ): real tracks last 8 frames, cover 5.5 pixels at 0.25 pixels per frame and peak at 0.55 of their length;
simulated ones 8, 6, 0.22 and 0.50. Real ones light 1.65 pixels in a frame, simulated ones 1.12: real images are wider and
their noise joins in.
"""

from meteortut.focal import from_focal, to_focal
from meteortut.simulate.minieuso.camera import build_camera, noise
from meteortut.simulate.minieuso.session import Session, sessions
from meteortut.simulate.minieuso.skies import SESSION_METEORS, SKIES, Sky
from meteortut.simulate.minieuso.streaming import simulate_session, stream
from meteortut.simulate.minieuso.tracks import cube_voxels, track_statistics
from meteortut.simulate.minieuso.truth import Truth
from meteortut.simulate.minieuso.worlds import FIRST, SECOND, WORLDS, World

__all__ = [
    "FIRST",
    "SECOND",
    "SESSION_METEORS",
    "SKIES",
    "WORLDS",
    "Session",
    "Sky",
    "Truth",
    "World",
    "build_camera",
    "cube_voxels",
    "from_focal",
    "noise",
    "sessions",
    "simulate_session",
    "stream",
    "to_focal",
    "track_statistics",
]
