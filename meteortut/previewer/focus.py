"""How sharp a frame is: its Laplacian and its Sobel gradient."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import minimum_filter

from meteortut.previewer.background import STRIP_ROWS


def focus_features(image: np.ndarray, valid: np.ndarray | None = None) -> dict[str, float]:
    """Largest value and variance of the Laplacian and of the gradient.

    Parameters
    ----------
    image : ndarray of shape (height, width) float32, counts
        The frame as it is: hot pixels count, as in the report.
    valid : ndarray of shape (height, width) bool, optional
        Responses that touch an invalid pixel are left out.

    Returns
    -------
    dict
        ``max_laplace``, ``var_laplace`` (counts/px², and its square): of the 5-point Laplacian
        I(y−1, x) + I(y+1, x) + I(y, x−1) + I(y, x+1) − 4 I(y, x). Its variance is a measure of focus since Pech-Pacheco et al.
        2000 (ICPR 3, 314); the report's third group has both.
        ``max_sobel``, ``var_sobel`` (counts/px, and its square): of the gradient's length from the 3 × 3 Sobel kernels
        divided by 8 (Sobel & Feldman 1968), as the report's.

    Notes
    -----
    The frame's outermost pixels have no response. Without any response: NaN.
    """
    usable = None if valid is None else minimum_filter(valid, size=3, mode="nearest")[1:-1, 1:-1]
    total = {"laplace": _Running(), "sobel": _Running()}
    for y in range(0, image.shape[0] - 2, STRIP_ROWS):
        strip = image[y : y + STRIP_ROWS + 2]
        for name, response in (("laplace", laplacian(strip)), ("sobel", gradient(strip))):
            total[name].add(response.ravel() if usable is None else response[usable[y : y + STRIP_ROWS]])
    return {
        "max_laplace": total["laplace"].largest,
        "max_sobel": total["sobel"].largest,
        "var_laplace": total["laplace"].variance,
        "var_sobel": total["sobel"].variance,
    }


def laplacian(image: np.ndarray) -> np.ndarray:
    """Five-point Laplacian of the inner pixels.

    Parameters
    ----------
    image : ndarray of shape (height, width), counts

    Returns
    -------
    ndarray of shape (height − 2, width − 2), counts per square pixel
    """
    result: np.ndarray = image[1:-1, 1:-1] * np.float32(-4)
    for part in (image[:-2, 1:-1], image[2:, 1:-1], image[1:-1, :-2], image[1:-1, 2:]):
        result += part
    return result


def gradient(image: np.ndarray) -> np.ndarray:
    """Length of the Sobel gradient of the inner pixels.

    Parameters
    ----------
    image : ndarray of shape (height, width), counts

    Returns
    -------
    ndarray of shape (height − 2, width − 2), counts per pixel
    """
    down = image[2:] - image[:-2]
    along_y = down[:, :-2] + down[:, 2:] + 2 * down[:, 1:-1]
    across = image[:, 2:] - image[:, :-2]
    along_x = across[:-2] + across[2:] + 2 * across[1:-1]
    np.square(along_y, out=along_y)
    along_y += np.square(along_x, out=along_x)
    result: np.ndarray = np.sqrt(along_y, out=along_y)
    result /= 8
    return result


class _Running:
    """Largest value and variance of values that come in pieces (Chan, Golub & LeVeque 1983: update by means)."""

    def __init__(self) -> None:
        self.n, self.mean, self.squares, self.top = 0, 0.0, 0.0, float("-inf")

    def add(self, values: np.ndarray) -> None:
        if not values.size:
            return
        mean = float(values.mean(dtype=np.float64))
        squares = float(values.var(dtype=np.float64)) * values.size
        step, n = mean - self.mean, self.n + values.size
        self.squares += squares + step**2 * self.n * values.size / n
        self.mean += step * values.size / n
        self.n, self.top = n, max(self.top, float(values.max()))

    @property
    def largest(self) -> float:
        return self.top if self.n else float("nan")

    @property
    def variance(self) -> float:
        return self.squares / self.n if self.n else float("nan")
