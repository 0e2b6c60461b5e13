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
#: Bytes at a multiple of which features begin in memory, so that TensorFlow can take them without a copy.
ALIGNMENT = 64


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
    """Features of a stream, for the network.

    Parameters
    ----------
    frames : ndarray, memmap or Zarr array of shape (n_frames, height, width), float, counts per GTU
        Only what is asked for is read, with up to 44 frames on either side. It is mirrored at its ends.

    Notes
    -----
    The noise of a pixel, for blocks of 32 frames, is the median of eight means of the absolute differences of neighbouring frames,
    over 64 frames, scaled to be the deviation of white noise. Nothing is kept between calls: threads may share one object.
    """

    def __init__(self, frames: Any) -> None:
        self.frames = frames
        self._filters = feature_filters()

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
            of a step do not depend on ``first`` and ``stop``. Begins at a multiple of 64 bytes.

        Raises
        ------
        ValueError
            If a value is NaN or infinite.
        """
        blocks = range(STEP * first // NOISE_FRAMES, -(-STEP * stop // NOISE_FRAMES))
        begin, end = STEP * first - BEFORE, STEP * (stop - 1) + AFTER
        noise_begin, noise_end = (NOISE_FRAMES * block + NOISE_FRAMES // 2 for block in (blocks.start - 1, blocks.stop))
        low = min(begin, noise_begin)
        slab = self._read(low, max(end, noise_end))
        windows = np.lib.stride_tricks.sliding_window_view(slab[begin - low : end - low], BEFORE + AFTER, axis=0)
        features = _aligned((stop - first, slab.shape[1], N_FEATURES))
        self._fill(features, windows[::STEP], _per_noise(slab[noise_begin - low : noise_end - low]), first)
        return features.reshape(stop - first, *self.frames.shape[1:], N_FEATURES)

    def _fill(self, features: np.ndarray, windows: np.ndarray, per_noise: np.ndarray, first: int) -> None:
        """Fill features, (steps, n_pixels, 8), from windows, (steps, n_pixels, 44), and :func:`_per_noise`; from step ``first``."""
        steps = NOISE_FRAMES // STEP  # of a block with one noise
        for block, scale in enumerate(per_noise, first // steps):
            scales = np.repeat(scale, N_FEATURES).reshape(-1, N_FEATURES)  # to broadcast it takes four times as long
            part = slice(max(steps * block - first, 0), steps * (block + 1) - first)
            for own, window in zip(features[part], windows[part], strict=True):
                np.matmul(window, self._filters, out=own)  # small enough to stay in the cache for the next two
                own *= scales
                own.clip(-1, 3, out=own)

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


def _per_noise(slab: np.ndarray) -> np.ndarray:
    """A quarter over the noise, per block of 32 frames: (n_blocks, n_pixels); 0 where there is no noise.

    ``slab``, of shape (32 n_blocks + 32, n_pixels), begins 16 frames before the first block and ends 16 after the last.
    """
    grouped = slab.reshape(-1, GROUP, slab.shape[1])
    sums = np.empty((len(grouped), slab.shape[1]), np.float32)  # of seven |differences| each
    steps = np.empty((GROUP - 1, slab.shape[1]), np.float32)
    for own, group in zip(sums, grouped, strict=True):
        np.subtract(group[1:], group[:-1], out=steps)
        np.abs(steps, out=steps).sum(axis=0, out=own)
    # four sums in order, by five comparisons: sorting along an axis takes ten times as long
    fours = sums.reshape(-1, 4, slab.shape[1])
    for i, j in ((0, 1), (2, 3), (0, 2), (1, 3), (1, 2)):
        lower = np.minimum(fours[:, i], fours[:, j])
        np.maximum(fours[:, i], fours[:, j], out=fours[:, j])
        fours[:, i] = lower
    # of two such fours, one against the other turned round: the lower of each pair are the four lowest of the eight
    early, late = fours[:-1], fours[1:, ::-1]
    middle = np.minimum(early, late).max(axis=1) + np.maximum(early, late).min(axis=1)
    noise = middle / np.float32(2 * (GROUP - 1) * MEAN_STEP)
    level = np.abs(slab[NOISE_FRAMES // 2 : -(NOISE_FRAMES // 2) : NOISE_FRAMES])
    return 0.25 / np.where(noise > 1e-6 * level, noise, np.float32(np.inf))


def _aligned(shape: tuple[int, ...]) -> np.ndarray:
    """An array of float32, not filled, that begins at a multiple of 64 bytes."""
    size = int(np.prod(shape))
    room = np.empty(size + ALIGNMENT // 4, np.float32)
    start = -room.ctypes.data % ALIGNMENT // 4
    return room[start : start + size].reshape(shape)
