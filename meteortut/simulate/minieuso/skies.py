"""The eight sessions: how many meteors, and under what sky. Frozen by a test, as the worlds are.

Conditions and rates of confusers are chosen: each kind is met often enough to matter, most chunks are quiet background.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sky:
    """Conditions of one session; all chosen.

    Parameters
    ----------
    airglow, moon : float
        Light of dark sea from airglow, and what the Moon adds to it, counts per GTU.
    cloud_cover, land : float
        Shares of the surface.
    cities : float
        Cities per 1000 square pixels of land.
    lightning, large_flashes, static_flashes, slow_points : float
        Events per 1000 frames.
    yaw_deg : float
        Direction in which the ground drifts over the focal surface, atan2(dy, dx).
    """

    airglow: float = 1.0
    moon: float = 0.0
    cloud_cover: float = 0.3
    land: float = 0.3
    cities: float = 10.0
    lightning: float = 2.0
    large_flashes: float = 2.0
    static_flashes: float = 3.0
    slow_points: float = 0.5
    yaw_deg: float = 0.0


#: Meteors of each session (Zotov et al. 2023).
SESSION_METEORS = {5: 65, 6: 280, 7: 18, 8: 186, 11: 193, 12: 106, 13: 90, 14: 130}

#: The sky of each session, per world. Session 6 is the quiet dark one.
SKIES = {
    "first": {
        5: Sky(1.1, 0.0, 0.45, 0.40, 4, 2.0, 2.0, 3.0, 0.5, 20),  # broken cloud
        6: Sky(0.9, 0.0, 0.20, 0.15, 2, 0.5, 1.5, 2.0, 0.5, 200),  # dark ocean
        7: Sky(1.0, 6.0, 0.40, 0.30, 3, 2.0, 2.0, 3.0, 0.4, 95),  # moonlit
        8: Sky(1.2, 0.0, 0.20, 0.75, 12, 1.0, 2.5, 3.0, 0.5, 310),  # cities
        11: Sky(0.95, 0.0, 0.15, 0.50, 5, 1.0, 2.0, 2.5, 0.6, 140),  # clear
        12: Sky(1.05, 0.0, 0.75, 0.25, 3, 6.0, 3.0, 3.0, 0.4, 255),  # overcast, storms
        13: Sky(1.3, 0.8, 0.50, 0.65, 9, 3.0, 2.5, 4.0, 0.5, 45),  # cities below cloud, a thin Moon
        14: Sky(1.0, 0.0, 0.55, 0.45, 3, 12.0, 4.0, 3.5, 0.5, 170),  # tropical storms
    },
    "second": {
        5: Sky(0.9, 0.0, 0.35, 0.55, 5, 1.5, 3.0, 4.0, 0.3, 75),
        6: Sky(1.05, 0.1, 0.25, 0.20, 3, 1.0, 2.5, 3.0, 0.2, 290),
        7: Sky(1.2, 9.0, 0.55, 0.35, 4, 1.0, 3.0, 4.0, 0.3, 10),
        8: Sky(1.0, 0.2, 0.30, 0.85, 15, 2.0, 3.5, 4.0, 0.3, 225),
        11: Sky(1.1, 0.1, 0.10, 0.60, 7, 2.0, 3.0, 3.5, 0.4, 330),
        12: Sky(0.85, 0.1, 0.85, 0.35, 5, 9.0, 4.0, 4.0, 0.2, 110),
        13: Sky(1.4, 1.5, 0.60, 0.50, 7, 5.0, 3.5, 5.0, 0.3, 185),
        14: Sky(1.25, 0.1, 0.65, 0.30, 2, 16.0, 5.0, 4.5, 0.3, 250),
    },
}
