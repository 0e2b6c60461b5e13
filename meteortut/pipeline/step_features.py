"""From a stream to eight numbers per pixel and step of four frames, in units of the noise: what the one-step network sees."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Frames per step: scores come one per pixel and step. Chosen: half of what a middling meteor lasts.
STEP = 4
#: Frames before and after the first frame of a step that its features are made of, 44 in all.
BEFORE, AFTER = 20, 24
#: Features per pixel and step.
N_FEATURES = 8
#: Frames over which a pixel has one noise, and over which |differences| are averaged before the median is taken.
NOISE_FRAMES, GROUP = 32, 8
#: Mean |difference| of two Gaussian samples of deviation 1.
MEAN_STEP = 2 / np.sqrt(np.pi)
#: Frames whose noise is worked out and kept together. Chosen.
SEGMENT = 1024


def feature_filters() -> np.ndarray:
    """Filters along time that make the features of a step.

    Returns
    -------
    ndarray of float32 of shape (44, 8)
        Axes (frame, feature), for the frames 20 before a step's first to 23 after it. Six means of two frames each (frames −4
        to 7), the means of the frames −12 to −5 and 8 to 15; from each the straight line through the outer frames, −20 to −5
        and 8 to 23, is taken away. Of unit length: white noise of deviation 1 gives features of deviation 1. A constant or a
        straight line gives 0.
    """
    frames = np.arange(-BEFORE, AFTER)
    spans = [(first, first + 2) for first in range(-4, 8, 2)] + [(-12, -4), (8, 16)]
    means = np.array([(frames >= first) & (frames < stop) for first, stop in spans], float)
    means /= means.sum(axis=1, keepdims=True)
    outer = (frames < -4) | (frames >= 8)
    line = np.stack([np.ones(len(frames)), frames], axis=1)
    # the line fitted to the outer frames, at every frame, as a matrix on the samples
    fitted = np.zeros((len(frames), len(frames)))
    fitted[:, outer] = line @ np.linalg.pinv(line[outer])
    filters = means - means @ fitted
    return (filters / np.linalg.norm(filters, axis=1, keepdims=True)).T.astype(np.float32)


class StepFeatures:
    """Features of a stream, for the network; each pixel's noise is kept for the stretch last worked on.

    Parameters
    ----------
    frames : ndarray, memmap or Zarr array of shape (n_frames, height, width), float, counts per GTU
        Only what is asked for is read, with up to 1 056 frames on either side. It is mirrored at its ends.

    Notes
    -----
    The noise of a pixel, for blocks of 32 frames, is the median of eight means of the absolute differences of neighbouring frames,
    over 64 frames, scaled to be the deviation of white noise.
    """

    def __init__(self, frames: Any) -> None:
        self.frames = frames
        self._known: dict[int, np.ndarray] = {}

    def steps(self, first: int, stop: int) -> np.ndarray:
        """Give the features of some steps.

        Parameters
        ----------
        first, stop : int
            First step, and one past the last; step k begins at frame 4 k. A few outside the stream may be asked for.

        Returns
        -------
        ndarray of float32 of shape (stop − first, height, width, 8)
            Excess of :func:`feature_filters` over the noise, cut at −4 and 12, divided by 4; 0 where the noise is 0. The values
            of a step do not depend on ``first`` and ``stop``.

        Raises
        ------
        ValueError
            If a value is NaN or infinite.
        """
        slab = self._read(STEP * first - BEFORE, STEP * stop + AFTER - STEP)
        windows = np.lib.stride_tricks.sliding_window_view(slab, BEFORE + AFTER, axis=0)[::STEP]  # (steps, pixels, 44)
        features = np.empty((stop - first, slab.shape[1], N_FEATURES), np.float32)
        filters = feature_filters()
        segments = range(STEP * first // SEGMENT, (STEP * stop - 1) // SEGMENT + 1)
        self._known = {k: self._known[k] if k in self._known else self._per_noise(k) for k in segments}
        for k, (own, window) in enumerate(zip(features, windows, strict=True)):
            np.matmul(window, filters, out=own)
            segment, frame = divmod(STEP * (first + k), SEGMENT)
            own *= self._known[segment][frame // NOISE_FRAMES][:, None]
            np.clip(own, -1, 3, out=own)
        return features.reshape(stop - first, *self.frames.shape[1:], N_FEATURES)

    def _read(self, low: int, high: int) -> np.ndarray:
        """Frames of a stretch, mirrored at the ends of the stream: (n, n_pixels), float32."""
        n_frames, *sides = self.frames.shape
        place = np.arange(low, high)
        if low >= 0 and high <= n_frames:
            slab = np.ascontiguousarray(self.frames[low:high], np.float32)
        else:
            place %= 2 * n_frames
            place = np.minimum(place, 2 * n_frames - 1 - place)  # there and back again
            first, last = int(place.min()), int(place.max())
            slab = np.asarray(self.frames[first : last + 1], np.float32)[place - first]
        slab = slab.reshape(high - low, sides[0] * sides[1])
        bad = ~np.isfinite(slab).all(axis=1)
        if bad.any():
            raise ValueError(
                f"frame {int(place[bad].min())} holds NaN or infinite values; score the parts before and after."
            )
        return slab

    def _per_noise(self, segment: int) -> np.ndarray:
        """A quarter over the noise, per block of 32 frames of a segment: (32, n_pixels); 0 where there is no noise."""
        slab = self._read(segment * SEGMENT - NOISE_FRAMES, (segment + 1) * SEGMENT + NOISE_FRAMES)
        grouped = slab.reshape(-1, GROUP, slab.shape[1])
        steps = np.empty((len(grouped), slab.shape[1]), np.float32)
        for step, group in zip(steps, grouped, strict=True):
            difference = np.diff(group, axis=0)
            np.abs(difference, out=difference).mean(axis=0, out=step)
        half = NOISE_FRAMES // GROUP
        noise = []
        for first in range(half // 2, len(steps) - 3 * half // 2, half):
            ordered = np.sort(steps[first : first + 2 * half], axis=0)
            noise.append((ordered[half - 1] + ordered[half]) / np.float32(2 * MEAN_STEP))
        level = np.abs(grouped[half:-half:half, 0])
        return 0.25 / np.where(np.array(noise) > 1e-6 * level, noise, np.float32(np.inf))
