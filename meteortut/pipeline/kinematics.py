"""Speed and direction of a meteor: the most likely track through its voxels, and the motion of the ISS taken away."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from meteortut.focal import (
    FRAME_S,
    METEOR_DRIFT_PX,
    METEOR_KM_PX,
    to_focal,
)
from meteortut.pipeline.camera import Camera, check_camera
from meteortut.pipeline.fisher import covariance_of
from meteortut.pipeline.frames import check_frames
from meteortut.pipeline.track import Track
from meteortut.pipeline.track_box import Box, cut, first_guess
from meteortut.pipeline.track_model import (
    MovingLight,
    derivatives,
    from_vector,
    render,
    vector,
    without_lines,
)

#: A hit pixel peaks at 4 σ; a frame is lit while one reaches 1 σ: the definitions of the simulator's truth.
HIT_SIGMA, FRAME_SIGMA = 4.0, 1.0
#: Bounds of size (focal pixels) and of speed along an axis (focal pixels per frame) (chosen).
SIZE_BOUNDS, FASTEST_PX = (0.3, 3.0), 1.2
#: Rise and fall are at least the guess over the first and at most the guess times the second, and never shorter than this, frames;
#: the peak lies within so many frames, plus twice the bell, of the guess or of the fit before (chosen).
BELL_RATIOS, SHORTEST_BELL, PEAK_REACH = (8.0, 5.0), 0.15, 4.0
#: A fit has left the detection when its track passes it at more than this, focal pixels (chosen).
LEAVES_PX = 2.5
#: A fit with a larger reduced χ², or a wider image (standard deviation, focal pixels: twice the point spread), may have mixed two
#: lights, and is tried again; what stays that wide is a flash (chosen).
WELL_CHI2, WIDEST_PX = 2.0, 1.0
#: A light fainter than this in all, σ, may be another one than was detected, and is tried again (chosen).
CLEAR_SNR = 10.0
#: Residuals beyond this many σ pull less than their square: another source in the box (chosen).
SOFT_SIGMA = 3.0


def fit_track(
    frames: Any,
    t: float,
    y: float,
    x: float,
    gap: float = 1.0,
    flat: np.ndarray | None = None,
    noise: np.ndarray | None = None,
    yaw_deg: float | None = None,
    fit_size: bool = True,
) -> Track:
    """Fit a uniformly moving point with a bell-shaped light curve to the frames about a detection.

    Parameters
    ----------
    frames : ndarray, memmap or Zarr array of shape (n_frames, height, width), counts per GTU
        The stream; axes (time, y, x). Only the frames about ``t`` are read.
    t, y, x : float, frames and array pixels
        Where something was found: within about 1.5 pixels of the track and 6 frames of its peak.
    gap : float
        Gap between tubes of 8 pixels, in pixels; 0 for other cameras.
    flat : ndarray of shape (height, width), optional
        Relative response of the pixels, 0 in pixels that are not to be used; 1 everywhere by default.
    noise : ndarray of shape (height, width), optional, counts per GTU
        Standard deviation of a pixel in a frame, 0 in pixels that are not to be used; by default √(B / 16 384), B its median
        over the frames used.
    yaw_deg : float, optional
        Direction in which the ground drifts over the focal surface, degrees. With it, what the ground shows behind the light is
        told from other frames (see the notes).
    fit_size : bool
        Whether the width of the image is fitted, or taken to be the point spread (which may happen all the same: see the notes).

    Returns
    -------
    Track
        ``converged`` says whether to trust it.

    Raises
    ------
    ValueError
        If frames has not three axes, less than 4 frames, integer counts, a file that was cut short, or NaN or infinite values about
        ``t``; if the place lies outside the stream; if flat or noise is of another shape or holds NaN, infinite or negative values;
        if gap is negative, or gap or yaw_deg not finite.

    Notes
    -----
    Maximum likelihood for Gaussian noise by :func:`scipy.optimize.least_squares`, with a soft loss beyond 3 σ (other sources in the
    box), together with a straight line in time per pixel and, where ``yaw_deg`` is known, a multiple of what the ground shows there
    (:func:`~meteortut.pipeline.scenery.drifting_scenery`). The start is the best of 13 × 13 velocities, 7 × 7 places, 7 peaks and
    4 bells: a shift-and-stack in a small box. A glow over these pixels and five more to each side is taken away first
    (:func:`~meteortut.pipeline.glow.smooth_glow`); it is not fitted with the track, so errors do not know of it. Only pixels
    within 3 pixels of the track are fitted. When the fit fails, runs away to something brighter, leaves much unexplained (reduced
    χ² above 2) or finds an image of more than twice the point spread, it is repeated from a start within half a pixel and two
    frames, with the width of the point spread. The second fit is kept if it holds and the first does not, or if both hold and its
    reduced χ² is lower. (Each has frames and pixels of its own: what is compared is how well each explains what it was given.) A
    fit that is well but faint, below 10 σ in all, is repeated from that nearer start, the width fitted, and the brighter one
    kept: noise farther away may have looked as bright.
    """
    check_frames(frames, 4)
    _check_place(frames.shape, t, y, x)
    return fit_at(frames, t, y, x, check_camera(Camera(gap, flat, noise, yaw_deg, fit_size), frames.shape))


def fit_at(frames: Any, t: float, y: float, x: float, camera: Camera) -> Track:
    """Do what :func:`fit_track` does, with a camera, frames and a place that have been checked."""

    def holds(track: Track) -> bool:
        return track.converged and not leaves(track, t, y, x)

    track = _attempt(frames, t, y, x, camera)
    stays = holds(track)
    if stays and track.chi2 <= WELL_CHI2 and track.light.size <= WIDEST_PX:
        if track.track_snr >= CLEAR_SNR:
            return track
        # noise elsewhere in the box may look as bright: once more, closer to the detection
        close = _attempt(frames, t, y, x, camera, near=True)
        return close if holds(close) and close.track_snr > track.track_snr else track
    # something brighter may be near: once more, closer to the detection, as a point
    close = _attempt(frames, t, y, x, replace(camera, fit_size=False), near=True)
    return close if holds(close) and not (stays and track.chi2 <= close.chi2) else track


def _attempt(frames: Any, t: float, y: float, x: float, camera: Camera, near: bool = False) -> Track:
    guess = light = first_guess(frames, t, y, x, camera, near)
    # roughly, then with the frames and pixels that the one before asks for; a long track may peak far from where it was seen
    for tolerance, most in ((1e-3, 15), (1e-6, 60), (1e-6, 60)):
        box = cut(frames, light, camera)
        limits = _limits(box, (guess, light), camera.gap)
        light, success = _fit(box, light, limits, camera, tolerance, most)
        if success and tolerance < 1e-3:
            break
    return _describe(box, light, camera, success)


def leaves(track: Track, t: float, y: float, x: float) -> bool:
    """Whether a track is not what was detected at t (frames), y, x (array pixels): it does not shine then, or is elsewhere."""
    first, last = track.light.span(3.0)
    place_y, place_x = track.light.place(t)
    away = np.hypot(place_y - to_focal(y, track.gap), place_x - to_focal(x, track.gap))
    return bool(away > LEAVES_PX or not first - 1 <= t <= last + 1)


def remove_drift(
    vy: float | np.ndarray, vx: float | np.ndarray, yaw_deg: float
) -> tuple[float | np.ndarray, float | np.ndarray]:
    """Turn an apparent motion into the meteor's own, the part of it across the line of sight.

    Parameters
    ----------
    vy, vx : float or ndarray, focal pixels per frame
        Apparent motion.
    yaw_deg : float
        Direction in which the ground drifts over the focal surface, atan2(dy, dx), degrees.

    Returns
    -------
    tangential_km_s : float or ndarray
        Speed × sin(zenith angle), km/s: the motion along the line of sight is not seen.
    azimuth_deg : float or ndarray
        Direction of the meteor's own motion over the focal surface, atan2(dy, dx), degrees.

    Notes
    -----
    At 100 km a pixel is 4.8 km, and what rests there drifts by 7.31 km/s (7.66 km/s of the ISS times 6471/6778), 0.0624 pixels
    per frame.
    """
    yaw = np.radians(yaw_deg)
    own_y, own_x = vy - METEOR_DRIFT_PX * np.sin(yaw), vx - METEOR_DRIFT_PX * np.cos(yaw)
    return np.hypot(own_y, own_x) * METEOR_KM_PX / FRAME_S, np.degrees(np.arctan2(own_y, own_x))


def _check_place(shape: tuple[int, ...], t: float, y: float, x: float) -> None:
    for name, value, side in zip(("t", "y", "x"), (t, y, x), shape, strict=True):
        if not -0.5 <= value <= side - 0.5 + (name == "t"):
            raise ValueError(f"{name} is {value}; expected a place inside the stream of shape {tuple(shape)}.")


def _limits(box: Box, lights: tuple[MovingLight, ...], gap: float) -> np.ndarray:
    """Bounds of the parameters, (2, 9): the fit stays with the lights that were guessed, or it would go to the next city."""
    places = [(float(to_focal(k[0], gap)) - 4, float(to_focal(k[-1], gap)) + 4) for k in box.place[2:]]
    peak = (
        min(own.t - PEAK_REACH - 2 * own.rise for own in lights),
        max(own.t + PEAK_REACH + 2 * own.fall for own in lights),
    )
    bells = [bell for own in lights for bell in (own.rise, own.fall)]
    bell = np.log([max(min(bells) / BELL_RATIOS[0], SHORTEST_BELL), max(bells) * BELL_RATIOS[1]])
    speeds = [(-FASTEST_PX, FASTEST_PX)] * 2
    return np.array([peak, *places, *speeds, (1e-9, np.inf), bell, bell, np.log(SIZE_BOUNDS)]).T


def _fit(
    box: Box, light: MovingLight, limits: np.ndarray, camera: Camera, tolerance: float, most: int
) -> tuple[MovingLight, bool]:
    from scipy.optimize import least_squares  # slow to import

    free = slice(None, None if camera.fit_size else -1)
    start = vector(light)
    # the solver asks for residuals and for slopes of the same point, one after the other
    shorten = lru_cache(maxsize=2)(lambda *values: _shorten(_join(np.array(values), start), box, camera))
    result = least_squares(
        lambda values: shorten(*values)[1],
        np.clip(start, limits[0] + 1e-9, limits[1] - 1e-9)[free],
        lambda values: shorten(*values)[0],
        bounds=limits[:, free],
        x_scale="jac",
        max_nfev=most,
        xtol=10 * tolerance,
        ftol=tolerance,
    )
    inside = bool((np.abs(result.active_mask[:5]) == 0).all())
    return _join(result.x, start), result.success and inside


def _shorten(light: MovingLight, box: Box, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Slopes (n, n - 1) and softened residuals (n,) that stand for those of all voxels; n is ten, nine when the size is known.

    A step of the fit asks for the slopes' products with each other and with the residuals, and for the residuals' length. The
    triangle of a QR decomposition has the same in n rows (fewer when there are fewer voxels), for thousands of them. The loss is
    :func:`scipy.optimize.least_squares`' "soft_l1", put into the residuals; only its curvature is approximated in another way.
    """
    alive = box.weight > 0
    slopes = derivatives(light, *box.place, camera.gap)[: None if camera.fit_size else -1]
    model = light.light * slopes[5:6]  # the slope with the light is the track of a light of one
    both = np.concatenate([slopes, model])[..., alive, None]
    scenery = None if box.scenery is None else box.scenery[:, alive, None]
    both = (without_lines(both, scenery)[..., 0] * box.weight[alive]).reshape(len(both), -1)
    residuals = both[-1] - box.data[:, alive].ravel()
    # the soft loss 2 (√(1 + z²) - 1), z in units of SOFT_SIGMA, as the square of a softened residual
    root = np.sqrt(1 + (residuals / SOFT_SIGMA) ** 2)
    soft = np.sqrt((root + 1) / 2)
    both[:-1] *= soft / root
    both[-1] = residuals / soft
    triangle = np.asarray(np.linalg.qr(both.T, mode="r"))
    return triangle[:, :-1], triangle[:, -1]


def _join(values: np.ndarray, start: np.ndarray) -> MovingLight:
    return from_vector(np.concatenate([values, start[len(values) :]]))


def _usual_unrest(box: Box) -> float:
    """How much more than photons the pixels of a box vary that are quiet: 1, or, where none is, the median of all."""
    unrest = box.unrest[box.weight > 0]
    return float(np.median(unrest)) if len(unrest) and unrest.min() > 1 else 1.0


def _describe(box: Box, light: MovingLight, camera: Camera, success: bool) -> Track:
    model = render(light, *box.place, camera.gap)
    signal = model * box.weight
    residual = without_lines(signal, box.scenery) - box.data
    curves = 2 if box.scenery is None else 3  # line and scenery of each pixel
    free = np.count_nonzero(box.weight) * (len(residual) - curves) - (9 if camera.fit_size else 8)
    chi2 = float((residual**2).sum() / max(free, 1))
    slopes = without_lines(derivatives(light, *box.place, camera.gap), box.scenery) * box.weight
    covariance = covariance_of(slopes.reshape(len(slopes), -1).T, camera.fit_size) * max(chi2, 1.0)
    # beside the noise of a quiet pixel, as the truth has it; a camera may be noisier than photons are
    seen = signal * box.unrest / _usual_unrest(box)
    hit = seen.max(axis=0) >= HIT_SIGMA
    corner = np.array([box.first, box.rows[0], box.columns[0]])
    brightest = np.unravel_index(int((model * box.response).argmax()), signal.shape)
    t, y, x = (int(k) for k in np.array(brightest) + corner)
    voxels = np.argwhere(hit & (seen >= FRAME_SIGMA)) + corner
    known = bool(np.isfinite(covariance).all()) and free > 0
    track_snr = np.sqrt((without_lines(signal, box.scenery) ** 2).sum())
    snr, converged = float(seen[brightest]), bool(success and known)
    return Track(light, covariance, snr, float(track_snr), chi2, (t, y, x), voxels, converged, camera.gap)
