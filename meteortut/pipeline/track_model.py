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
#: An image ends this many standard deviations from its middle: what is beyond is less than a sum of doubles resolves.
TAIL_SIGMA = 8.0
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
    return _products([(bell, y[0])], x[0])[0]


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
    # d bell / d ln rise is bell · (after / rise)² before the peak; after it the same with fall
    curved = bell * steep * after**2
    curves = [bell, bell * steep * after, curved * (after < 0), curved * (after >= 0)]
    down = [(curve, share_y) for curve in curves] + [(bell, slope_y), (bell * after, slope_y), (bell, wide_y)]
    still, in_time, rise, fall, move_y, turn_y, wider_y = _products(down, share_x)
    move_x, turn_x = _products([(bell, share_y), (bell * after, share_y)], slope_x)
    (wider_x,) = _products([(bell, share_y)], wide_x)
    in_time -= light.vy * move_y + light.vx * move_x
    size = (wider_y + wider_x) * light.size
    return np.stack([in_time, move_y, move_x, turn_y, turn_x, still / light.light, rise, fall, size])


def _factors(
    light: MovingLight, first: int, n_frames: int, rows: np.ndarray, columns: np.ndarray, gap: float
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray], np.ndarray, np.ndarray]:
    """Bell (n, steps), share and its slopes with place and size along both axes, time after the peak, and 1/σ² of the bell."""
    after = first + (np.arange(n_frames * STEPS).reshape(n_frames, STEPS) + 0.5) / STEPS - light.t
    steep = np.where(after < 0, light.rise, light.fall) ** -2.0
    bell = light.light * np.exp(-0.5 * after**2 * steep) / STEPS
    sides = []
    for pixels, place, speed in ((rows, light.y, light.vy), (columns, light.x, light.vx)):
        sides.append(shares(to_focal(pixels, gap), place + speed * after, light.size))
    return bell, sides[0], sides[1], after, steep


def shares(pixels: np.ndarray, middle: np.ndarray | float, size: float) -> list[np.ndarray]:
    """Share the light of a Gaussian among pixels along one axis.

    Parameters
    ----------
    pixels : ndarray of shape (n,), focal pixels
        Middles of the pixels.
    middle : ndarray of any shape, focal pixels
        Middles of the image.
    size : float, focal pixels
        Standard deviation of the image.

    Returns
    -------
    list of three ndarrays of the shape of ``middle`` and one axis more, of length n
        The share of the light that falls into each pixel; its derivatives with the middle of the image and with its size.
    """
    from scipy.special import ndtr  # slow to import

    # pixels that touch share an edge, and its integral
    edges, place = np.unique(np.concatenate([pixels - 0.5, pixels + 0.5]), return_inverse=True)
    low, high = place[: len(pixels)], place[len(pixels) :]
    away = (edges - np.asarray(middle, float)[..., None]) / size
    near, below, density = np.abs(away) < TAIL_SIGMA, (away > 0).astype(float), np.zeros(away.shape)
    inner = away[near]
    below[near], density[near] = ndtr(inner), np.exp(-0.5 * inner**2) / (np.sqrt(2 * np.pi) * size)
    wider = away * density
    return [
        below.take(high, -1) - below.take(low, -1),
        density.take(low, -1) - density.take(high, -1),
        wider.take(low, -1) - wider.take(high, -1),
    ]


def _products(left: list[tuple[np.ndarray, np.ndarray]], right: np.ndarray) -> list[np.ndarray]:
    """Sums over a frame's instants: pairs of (n, steps) and (n, steps, h) and one (n, steps, w) give an (n, h, w) each."""
    down = np.concatenate([factor[..., None] * share for factor, share in left], axis=2)
    return np.split(down.transpose(0, 2, 1) @ right, len(left), axis=1)


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
