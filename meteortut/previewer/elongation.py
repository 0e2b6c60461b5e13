"""All stars elongated alike: the mark of a telescope that moved. Star by star, and by the frame's autocorrelation."""

from __future__ import annotations

import numpy as np
from scipy import fft
from scipy.ndimage import label

from meteortut.previewer.blobs import THRESHOLD_SIGMA, Blobs, axes_of
from meteortut.previewer.streaks import lengths

#: Longest image of a star, pixels; chosen: longer ones are trails.
MAX_STAR_PX = 80.0
#: The brightest stars that are looked at, and the fewest that give an answer; chosen.
MAX_STARS, MIN_STARS = 40, 3
#: Side of the tiles whose autocorrelations are averaged, and the largest lag, pixels; chosen.
TILE_PX, MAX_LAG_PX = 512, 64
#: Added in quadrature to both axes of the autocorrelation's peak, pixels; chosen: less than a star's width.
LEAST_WIDTH_PX = 1.0
#: Limits of a pixel's weight in the autocorrelation, standard deviations; chosen: no star outweighs the others.
CLIP_SIGMA = (-3.0, 6.0)


def star_features(blobs: Blobs) -> dict[str, float]:
    """Shape of the stars: width, elongation, and whether they are elongated alike.

    Parameters
    ----------
    blobs : Blobs

    Returns
    -------
    dict
        ``num_stars``: unsaturated blobs inside the frame, no longer than 80 pixels.
        Of the 40 brightest of those that are whole at half of their peak (it is twice the threshold or more):
        ``star_fwhm_px``: median of 2 √(A/π), A the pixels above half of the peak, less the smoothing in quadrature.
        ``elongation``: median ratio of long to short axis.
        ``coherent_ellipticity``: length of the mean of ε exp(2iφ), with ε = (a² − b²)/(a² + b²) and φ the direction of the
        long axis (the spin-2 ellipticity of weak lensing, Bartelmann & Schneider 2001, Phys. Rep. 340, 291): near 0 for round
        stars and for random shapes, near 1 for a slew.
        ``elongation_coherence``: that over the mean of ε: 1 when all directions agree, about 1/√n for n random ones.
        ``elongation_angle_deg``: in [0, 180), from +x towards +y.
        ``star_hollowness``: median of the blobs' hollowness, over 0.3 for rings.
        With fewer than three of them all but ``num_stars`` are NaN.
    """
    star = ~blobs.at_edge & ~blobs.saturated & (lengths(blobs) <= MAX_STAR_PX)
    chosen = np.flatnonzero(star & (blobs.peak >= 2 * THRESHOLD_SIGMA))
    chosen = chosen[np.argsort(-blobs.flux[chosen], kind="stable")[:MAX_STARS]]
    names = (
        *("star_fwhm_px", "elongation", "coherent_ellipticity", "elongation_coherence"),
        *("elongation_angle_deg", "star_hollowness"),
    )
    if len(chosen) < MIN_STARS:
        return {"num_stars": float(len(chosen))} | dict.fromkeys(names, float("nan"))
    # the smoothing added 1/2 px² along both axes
    major, minor, angle = axes_of(
        np.maximum(blobs.moments[chosen] - np.array([0.5, 0.5, 0.0]), [[1 / 12, 1 / 12, -np.inf]])
    )
    ellipticity = (major**2 - minor**2) / (major**2 + minor**2)
    mean = np.mean(ellipticity * np.exp(2j * np.radians(angle)))
    width = np.sqrt(np.maximum(4 / np.pi * blobs.n_bright[chosen] - 8 * np.log(2) * 0.5, 0.25))
    values = (
        *(np.median(width), np.median(major / minor), abs(mean), abs(mean) / max(float(ellipticity.mean()), 1e-9)),
        *(np.degrees(np.angle(mean)) / 2 % 180, np.median(blobs.hollow[chosen])),
    )
    return {"num_stars": float(star.sum())} | {name: float(value) for name, value in zip(names, values, strict=True)}


def autocorrelation(z: np.ndarray) -> tuple[np.ndarray, float]:
    """Autocorrelation of a frame at small lags, averaged over tiles.

    Parameters
    ----------
    z : ndarray of shape (height, width) float32, standard deviations
        The frame less its background.

    Returns
    -------
    correlation : ndarray of shape (2 n + 1, 2 n + 1) float64
        1 at its centre, lag 0; axis order (lag in y, lag in x); n is 64 or a quarter of the shorter side. 0 for a frame of
        noise 0.
    noise : float
        What white noise would scatter by: 1/√pixels.

    Notes
    -----
    Wiener–Khinchin: inverse transform of the mean power spectrum. Zero frequency along either axis is left out, and with it
    the frame's bad columns, banding and mean. Each pixel is clipped to −3 … 6 standard deviations.
    """
    n_y, n_x = (max(1, side // TILE_PX) for side in z.shape)
    height, width = z.shape[0] // n_y, z.shape[1] // n_x
    power = np.zeros((height, width // 2 + 1), np.float32)
    for i in range(n_y):
        for j in range(n_x):
            tile = np.clip(z[i * height : (i + 1) * height, j * width : (j + 1) * width], *CLIP_SIGMA)
            spectrum = fft.rfft2(tile)
            power += np.square(spectrum.real) + np.square(spectrum.imag)
    power[0], power[:, 0] = 0, 0
    n = min(MAX_LAG_PX, min(height, width) // 4)
    lags = np.arange(-n, n + 1)
    along_y = fft.ifft(power, axis=0)[lags]  # the rows that are wanted, before the other half of the transform
    near = fft.irfft(along_y, n=width, axis=1)[:, lags].astype(np.float64)
    return near / max(float(near[n, n]), 1e-30), 1 / np.sqrt(z.size)


def autocorrelation_features(z: np.ndarray) -> dict[str, float]:
    """Anisotropy of the autocorrelation: a slew is seen even where stars are too long or too many to be told apart.

    Parameters
    ----------
    z : ndarray of shape (height, width) float32, standard deviations

    Returns
    -------
    dict
        ``acf_elongation``: ratio of the axes of the second moments of the autocorrelation's central peak, 1 px² added to
        both, without lag 0, where white noise adds its variance. ``acf_length_px``: √6 times the standard deviation along its
        long axis, the length of a line with that autocorrelation. A frame without stars has no central peak: 1 and 0. A long
        trail has one too: read both beside ``trail_snr``.
    """
    correlation, noise = autocorrelation(z)
    n = len(correlation) // 2
    weight = np.maximum(correlation - 5 * noise, 0)
    weight[n, n] = 0
    connected = weight > 0.1 * weight.max()
    connected[n, n] = True  # only to join the two halves
    groups, _ = label(connected, structure=np.ones((3, 3)))
    weight[groups != groups[n, n]] = 0
    total = weight.sum()
    if total <= 0:
        return {"acf_elongation": 1.0, "acf_length_px": 0.0}
    lag = np.arange(-n, n + 1.0)
    sums = lag**2 @ weight.sum(axis=1), lag**2 @ weight.sum(axis=0), lag @ weight @ lag
    moments = np.array([sums]) / total
    major, minor, _ = axes_of(moments)
    width = LEAST_WIDTH_PX  # neighbouring pixels that share some noise are no slew
    return {
        "acf_elongation": float(np.hypot(major[0], width) / np.hypot(minor[0], width)),
        "acf_length_px": float(np.sqrt(6) * major[0]),
    }
