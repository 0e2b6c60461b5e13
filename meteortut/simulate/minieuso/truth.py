"""What a simulated session holds: meteors, their lit voxels, confusers, and the noiseless sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from meteortut.simulate.minieuso.background import Background, add_each
from meteortut.simulate.minieuso.meteors import METEOR_STEPS, draw_meteors, find_hits, may_be_hit, summary
from meteortut.simulate.minieuso.sources import Sources
from meteortut.simulate.minieuso.transients import concatenate
from meteortut.simulate.minieuso.worlds import World

INTEGERS = ("meteor", "t_first", "t_peak", "t_last", "y", "x", "n_pixels", "n_lit_frames")
COLUMNS = (
    *("meteor", "t_first", "t_peak", "t_last", "y", "x", "y_centre", "x_centre"),
    *("magnitude", "speed_km_s", "zenith_deg", "azimuth_deg", "direction_deg", "speed_px"),
    *("amplitude", "snr", "n_pixels", "n_lit_frames"),
)
#: Candidates drawn at a time, and how many are tried before a sky is called too bright for meteors.
BATCH, MOST_BATCHES = 2000, 500


@dataclass(frozen=True, eq=False)
class Truth:
    """Truth of a session. Rows of pixels are y, columns x, angles atan2(dy, dx) in degrees, frames count from 0.

    A pixel is hit by a meteor when the meteor's noiseless signal in it peaks at 4 σ or more, σ = √(mean counts without the
    meteor / 16 384) of that pixel in that frame. It is lit in the unbroken run of frames about the peak in which the signal is
    1 σ or more. A meteor belongs to a session when it has a hit pixel.

    Attributes
    ----------
    meteors : DataFrame, a row per meteor, in order of ``t_first``
        ``meteor`` (number), ``t_first``, ``t_peak``, ``t_last`` (first and last lit frame, frame of the brightest voxel), ``y``,
        ``x`` (pixel of the brightest voxel), ``y_centre``, ``x_centre`` (exact place at the peak of light, array pixels; outside
        −0.5 … 47.5 when that is not on the focal surface), ``magnitude``, ``speed_km_s``, ``zenith_deg``, ``azimuth_deg`` (of the
        meteor's own motion), ``direction_deg``, ``speed_px`` (apparent motion on the focal surface, ISS motion included, focal
        pixels per frame), ``amplitude`` (noiseless counts per GTU of the brightest voxel), ``snr`` (of that voxel),
        ``n_pixels`` (hit pixels), ``n_lit_frames`` (frames in which a hit pixel is lit).
    voxels : DataFrame, a row per lit frame of a hit pixel
        ``meteor``, ``t``, ``y``, ``x``, ``counts`` (noiseless signal, counts per GTU), ``snr``.
    confusers : DataFrame, a row per city, lightning flash, large flash, static flash or slow point
        ``kind``, ``t_first``, ``t_peak``, ``t_last`` (while it shines on the focal surface; a flash, above 1 % of its
        peak), ``y``, ``x`` (array pixels at ``t_peak``), ``amplitude`` (counts per GTU at the peak in a pixel of
        response 1 centred on it, clouds not counted), ``sigma_px`` (size; NaN for whole tubes), ``speed_px``, ``direction_deg``,
        ``whole_tube``.
    sources : Sources
        The meteors' light, in the order of ``meteors``.
    """

    meteors: pd.DataFrame
    voxels: pd.DataFrame
    confusers: pd.DataFrame
    _background: Background
    sources: Sources

    def background(self, first: int, stop: int) -> np.ndarray:
        """Mean counts without meteors and without noise.

        Parameters
        ----------
        first, stop : int
            First frame, and one past the last.

        Returns
        -------
        ndarray of shape (stop − first, 48, 48), float32, counts per GTU

        Raises
        ------
        ValueError
            If that is not a stretch of the session.
        """
        self._check(first, stop)
        return self._background.mean(first, stop - first)

    def mean(self, first: int, stop: int) -> np.ndarray:
        """Mean counts with meteors, without noise; as :meth:`background`."""
        self._check(first, stop)
        background = self._background
        light = background.light(first, stop - first)
        add_each(
            light,
            self.sources,
            self.sources.span(background.camera.width),
            background.camera,
            first,
            steps=METEOR_STEPS,
        )
        return background.camera.record(light, background.extra(first, stop - first))

    def _check(self, first: int, stop: int) -> None:
        n_frames = self._background.n_frames
        if not 0 <= first < stop <= n_frames:
            raise ValueError(f"first is {first} and stop is {stop}; expected 0 <= first < stop <= {n_frames} frames.")


def draw_truth(background: Background, world: World, n_meteors: int, rng: np.random.Generator) -> Truth:
    """Draw meteors until as many as wanted have a hit pixel.

    Parameters
    ----------
    background : Background
    world : World
    n_meteors : int
    rng : Generator

    Returns
    -------
    Truth

    Raises
    ------
    ValueError
        If a million meteors do not suffice: the sky is too bright.
    """
    found: list[tuple[dict, np.recarray, Sources]] = []
    for _ in range(MOST_BATCHES):
        if len(found) == n_meteors:
            break
        camera, sky = background.camera, background.sky
        population = draw_meteors(BATCH, world, sky, camera, background.n_frames, rng)
        for i in np.flatnonzero(may_be_hit(population, camera, sky)):
            own = find_hits(population, int(i), background)
            if len(own):
                found.append((summary(population, int(i), own, camera.gap_px), own, population.sources.take([i])))
            if len(found) == n_meteors:
                break
    if len(found) < n_meteors:
        raise ValueError(
            f"Only {len(found)} of {n_meteors} meteors could be seen among {BATCH * MOST_BATCHES} on {background.sky}; "
            "expected a darker sky. Lower airglow or moon."
        )
    found.sort(key=lambda item: item[0]["t_first"])
    meteors = pd.DataFrame([{"meteor": k, **row} for k, (row, _, _) in enumerate(found)], columns=COLUMNS)
    meteors = meteors.astype({name: int if name in INTEGERS else float for name in COLUMNS})
    voxels = pd.DataFrame(
        {name: pd.Series(dtype=int) for name in ("meteor", "t", "y", "x")} | {"counts": [], "snr": []}
    )
    if found:
        of_meteor = np.repeat(np.arange(n_meteors), [len(own) for _, own, _ in found])
        joined = np.concatenate([own for _, own, _ in found])
        voxels = pd.DataFrame({"meteor": of_meteor} | {name: joined[name] for name in joined.dtype.names})
    nothing = draw_meteors(0, world, background.sky, background.camera, 1, rng).sources
    sources = concatenate([nothing, *(source for _, _, source in found)])
    return Truth(meteors, voxels, background.confusers(), background, sources)
