"""Chapter 5: sums along all lines of a frame, and the focus features, beside the usual ways to them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage
from skimage.transform import radon

from meteortut.previewer.focus import focus_features
from meteortut.previewer.radon import TURNS, line_sums, turned

SIDE = 256
#: The trail of the benchmark: (y, x) of its ends, pixels.
ENDS = ((20.0, 0.0), (190.0, 255.0))


def pairs() -> list[tuple[str, str, Callable[[], object], Callable[[], object]]]:
    """Give name, peer's name, our call and the peer's; checks first that both find the same."""
    frame, large = _frame(), np.random.default_rng(1).normal(1000, 10, (1024, 1024)).astype(np.float32)
    directions = np.linspace(0, 180, 2 * SIDE, endpoint=False)  # as fine as a pixel at the frame's border
    expected = np.degrees(np.arctan2(ENDS[1][0] - ENDS[0][0], ENDS[1][1] - ENDS[0][1]))
    for name, found in (("line_sums", _direction(frame)), ("radon", _direction_by_rotation(frame, directions))):
        if abs((found - expected + 90) % 180 - 90) > 1.5:
            raise RuntimeError(f"{name} finds the trail at {found:.1f} degrees; expected {expected:.1f}.")
    ours, peer = focus_features(frame), _focus_by_scipy(frame)
    if not np.allclose([ours[name] for name in peer], list(peer.values()), rtol=1e-3):
        raise RuntimeError(f"focus features differ: {ours} and {peer}.")
    return [
        (
            f"sums along all lines of {SIDE} x {SIDE} pixels",
            "skimage.transform.radon, as many directions",
            lambda: _direction(frame),
            lambda: _direction_by_rotation(frame, directions),
        ),
        (
            "focus features of 1024 x 1024 pixels",
            "scipy.ndimage's filters, then max and var",
            lambda: focus_features(large),
            lambda: _focus_by_scipy(large),
        ),
    ]


def _frame() -> np.ndarray:
    """Noise with a trail of two standard deviations."""
    y, x = np.mgrid[:SIDE, :SIDE]
    (y0, x0), (y1, x1) = ENDS
    across = ((x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)) / np.hypot(y1 - y0, x1 - x0)
    noise = np.random.default_rng(0).normal(size=(SIDE, SIDE))
    return (noise + 2 * np.exp(-(across**2) / 2)).astype(np.float32)


def _direction(frame: np.ndarray) -> float:
    best, angle = -np.inf, 0.0
    for turn in TURNS:
        *_, sums = line_sums(turned(frame, turn), least=SIDE)
        if sums.max() > best:
            best = float(sums.max())
            shift = int(sums.max(axis=(0, 2)).argmax())
            slope = np.degrees(np.arctan2(shift, SIDE - 1))  # from the direction down the rows towards +x
            slope = -slope if turn[1] else slope
            angle = slope if turn[0] else 90 - slope
    return angle % 180


def _direction_by_rotation(frame: np.ndarray, directions: np.ndarray) -> float:
    sinogram = radon(frame, directions, circle=False)
    return float((90 - directions[sinogram.max(axis=0).argmax()]) % 180)


def _focus_by_scipy(frame: np.ndarray) -> dict[str, float]:
    inner = slice(1, -1), slice(1, -1)
    laplace = ndimage.laplace(frame)[inner]
    sobel = np.hypot(ndimage.sobel(frame, axis=0), ndimage.sobel(frame, axis=1))[inner] / 8
    return {
        "max_laplace": float(laplace.max()),
        "max_sobel": float(sobel.max()),
        "var_laplace": float(laplace.var(dtype=np.float64)),
        "var_sobel": float(sobel.var(dtype=np.float64)),
    }
