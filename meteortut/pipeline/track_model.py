"""A point of light that crosses the focal surface: its frames, and their derivatives."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

from meteortut.focal import SIGMA_PER_FWHM, to_focal

#: Standard deviation of Mini-EUSO's point spread, focal pixels: FWHM of 1.2 pixels† (Barghini et al. 2024, A&A 687, A304).
PSF_PX = 1.2 * SIGMA_PER_FWHM
#: Instants per frame that are averaged (chosen): the fastest meteor moves 0.7 pixels in a frame.
STEPS = 4
#: Light curves are followed this many standard deviations from their peak, images this many pixels from the track (chosen).
BELL_REACH, TRACK_REACH_PX = 4.0, 3.0
#: Frames beyond the bell that tell the background (chosen).
MARGIN_FRAMES = 8


@dataclass(frozen=True)
class MovingLight:
    """A point that moves uniformly and shines with a bell of two half Gaussians; positions on the focal surface.

    Attributes
    ----------
    t, y, x : float, frames and focal pixels
        Instant of the peak (frame k lasts from k to k + 1), and the place then.
    vy, vx : float, focal pixels per frame
    light : float, counts per GTU
        At the peak, over the whole image.
    rise, fall : float, frames
        Standard deviations of the two halves of the bell.
    size : float, focal pixels
        Standard deviation of the image.
    """

    t: float
    y: float
    x: float
    vy: float
    vx: float
    light: float
    rise: float
    fall: float
    size: float = PSF_PX

    @property
    def speed_px(self) -> float:
        """Apparent speed, focal pixels per frame."""
        return float(np.hypot(self.vy, self.vx))

    @property
    def direction_deg(self) -> float:
        """Direction of the apparent motion, atan2(dy, dx), degrees."""
        return float(np.degrees(np.arctan2(self.vy, self.vx)))

    @property
    def fwhm(self) -> float:
        """Full width of the light curve at half its peak, frames."""
        return float(np.sqrt(2 * np.log(2)) * (self.rise + self.fall))

    def place(self, t: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where it is at some instants, frames: y and x of the same shape, focal pixels."""
        after = np.asarray(t, float) - self.t
        return self.y + self.vy * after, self.x + self.vx * after

    def span(self, n_sigma: float) -> tuple[float, float]:
        """Instants n_sigma standard deviations of the bell before and after the peak, frames."""
        return self.t - n_sigma * self.rise, self.t + n_sigma * self.fall


def render(
    light: MovingLight, first: int, n_frames: int, rows: np.ndarray, columns: np.ndarray, gap: float = 1.0
) -> np.ndarray:
    """Frames of a moving light, without noise.

    Parameters
    ----------
    light : MovingLight
    first, n_frames : int
        First frame, and how many.
    rows, columns : ndarray of int of shape (height,) and (width,)
        Pixels of the array wanted.
    gap : float
        Gap between tubes of 8 pixels, in pixels; what falls into it is lost.

    Returns
    -------
    ndarray of shape (n_frames, height, width), counts per GTU
        Integrals over each pixel, averaged over four instants of each frame.
    """
    bell, y, x = _factors(light, first, n_frames, rows, columns, gap)[:3]
    return _product(bell[..., None] * y[0], x[0])


def derivatives(
    light: MovingLight, first: int, n_frames: int, rows: np.ndarray, columns: np.ndarray, gap: float = 1.0
) -> np.ndarray:
    """Derivatives of :func:`render`'s frames.

    Parameters
    ----------
    light, first, n_frames, rows, columns, gap
        As for :func:`render`.

    Returns
    -------
    ndarray of shape (9, n_frames, height, width)
        With respect to ``t``, ``y``, ``x``, ``vy``, ``vx``, ``light`` and the natural logarithms of ``rise``, ``fall`` and
        ``size``.
    """
    bell, y, x, after, steep = _factors(light, first, n_frames, rows, columns, gap)
    (share_y, slope_y, wide_y), (share_x, slope_x, wide_x) = y, x
    still = [_product(factor[..., None] * share_y, share_x) for factor in (bell, bell * steep * after)]
    # d bell / d ln rise is bell · (after / rise)² before the peak; after it the same with fall
    halves = [
        _product((bell * steep * after**2 * half)[..., None] * share_y, share_x) for half in (after < 0, after >= 0)
    ]
    move_y, move_x = (
        [_product((bell * factor)[..., None] * own, other) for factor in (1.0, after)]
        for own, other in ((slope_y, share_x), (share_y, slope_x))
    )
    size = _product(bell[..., None] * wide_y, share_x) + _product(bell[..., None] * share_y, wide_x)
    in_time = still[1] - light.vy * move_y[0] - light.vx * move_x[0]
    return np.stack(
        [in_time, move_y[0], move_x[0], move_y[1], move_x[1], still[0] / light.light, *halves, size * light.size]
    )


def _factors(
    light: MovingLight, first: int, n_frames: int, rows: np.ndarray, columns: np.ndarray, gap: float
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray], np.ndarray, np.ndarray]:
    """Bell (n, steps), share and its slopes with place and size along both axes, time after the peak, and 1/σ² of the bell."""
    after = first + (np.arange(n_frames * STEPS).reshape(n_frames, STEPS) + 0.5) / STEPS - light.t
    steep = np.where(after < 0, light.rise, light.fall) ** -2.0
    bell = light.light * np.exp(-0.5 * after**2 * steep) / STEPS
    sides = []
    for pixels, place, speed in ((rows, light.y, light.vy), (columns, light.x, light.vx)):
        away = to_focal(pixels, gap) - (place + speed * after)[..., None]
        sides.append(shares(away, light.size))
    return bell, sides[0], sides[1], after, steep


def shares(away: np.ndarray, size: float) -> list[np.ndarray]:
    """Share the light of a Gaussian among pixels along one axis.

    Parameters
    ----------
    away : ndarray of any shape, focal pixels
        Middles of the pixels minus the middle of the image.
    size : float, focal pixels
        Standard deviation of the image.

    Returns
    -------
    list of three ndarrays of the shape of ``away``
        The share of the light that falls into each pixel; its derivatives with the middle of the image and with its size.
    """
    from scipy.special import ndtr  # slow to import

    low, high = (away - 0.5) / size, (away + 0.5) / size
    density_low, density_high = (np.exp(-0.5 * edge**2) / (np.sqrt(2 * np.pi) * size) for edge in (low, high))
    return [ndtr(high) - ndtr(low), density_low - density_high, low * density_low - high * density_high]


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Sum over a frame's instants: (n, steps, h) and (n, steps, w) give (n, h, w)."""
    return left.transpose(0, 2, 1) @ right


def without_lines(cube: np.ndarray, scenery: np.ndarray | None = None) -> np.ndarray:
    """Take from each pixel the straight line through its samples, and what resembles the scenery.

    Parameters
    ----------
    cube : ndarray of shape (…, n_frames, height, width)
        At least two frames.
    scenery : ndarray of shape (n_frames, height, width), optional
        As :func:`unit_curves` gives it: of each pixel's curve, the part that is a multiple of this one is taken away.

    Returns
    -------
    ndarray of the same shape
        Least squares. Done to data and model alike, it fits a line per pixel together with the track.
    """
    n_frames = cube.shape[-3]
    ramp = np.linspace(-1, 1, n_frames)
    lines = np.stack([np.full(n_frames, n_frames**-0.5), ramp / np.linalg.norm(ramp)])
    flat = cube.reshape(*cube.shape[:-2], -1)
    left = flat - lines.T @ (lines @ flat)
    if scenery is not None:
        curves = scenery.reshape(n_frames, -1)
        left -= curves * np.einsum("tp,...tp->...p", curves, left)[..., None, :]
    return left.reshape(cube.shape)


def unit_curves(cube: np.ndarray) -> np.ndarray:
    """Take the line from each pixel of a cube (n_frames, height, width) and make the sum of its squares one, or zero."""
    curves = without_lines(cube)
    length = np.sqrt((curves**2).sum(axis=0))
    return np.divide(curves, length, out=np.zeros(curves.shape), where=length > 0)


def near_track(light: MovingLight, rows: np.ndarray, columns: np.ndarray, gap: float = 1.0) -> np.ndarray:
    """Pixels that the track passes within 3 focal pixels while it shines (2.5 σ of its bell).

    Parameters
    ----------
    light : MovingLight
    rows, columns : ndarray of int of shape (height,) and (width,)
    gap : float

    Returns
    -------
    ndarray of bool of shape (height, width)
    """
    (y0, y1), (x0, x1) = light.place(np.array(light.span(2.5)))
    y, x = to_focal(rows, gap)[:, None] - y0, to_focal(columns, gap)[None] - x0
    dy, dx = y1 - y0, x1 - x0
    along = np.clip((y * dy + x * dx) / max(dy**2 + dx**2, 1e-12), 0, 1)
    reach = TRACK_REACH_PX + max(light.size - PSF_PX, 0.0)
    return (y - along * dy) ** 2 + (x - along * dx) ** 2 <= reach**2


def frames_about(light: MovingLight, n_frames: int) -> tuple[int, int]:
    """Frames that tell a light and the background about it: first, and one past the last, within a stream of n_frames."""
    first, last = light.span(BELL_REACH)
    first = min(max(int(np.floor(first)) - MARGIN_FRAMES, 0), n_frames - 3)
    return max(first, 0), min(max(int(np.ceil(last)) + MARGIN_FRAMES, first + 3), n_frames)


def vector(light: MovingLight) -> np.ndarray:
    """Parameters in the order and units of :func:`derivatives`: (9,), with logarithms of rise, fall and size."""
    values = np.array(astuple(light))
    values[6:] = np.log(values[6:])
    return values


def from_vector(values: np.ndarray) -> MovingLight:
    """The inverse of :func:`vector`."""
    return MovingLight(*(float(value) for value in (*values[:6], *np.exp(values[6:]))))
