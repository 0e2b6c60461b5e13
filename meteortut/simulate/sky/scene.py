"""What stands still, or nearly, before a meteor camera: sky, Moon, clouds, stars, trees, roofs, hot pixels, captions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import zoom

from meteortut.simulate.sky.camera import PATTERN_COARSE, Camera, smoothed, two_scales
from meteortut.simulate.sky.captions import caption
from meteortut.simulate.sky.worlds import FRAME_SHAPE, N_FRAMES, World

#: Faintest star drawn as one, and brightest, counts in its brightest pixel; fainter ones are part of the pattern.
FAINTEST_STAR, BRIGHTEST_STAR = 3.0, 2000.0
#: Trees and roofs grow up to about half of this in full frames, pixels.
TALLEST_PX = 250
#: Steps in which clouds are moved during the 256 frames.
CLOUD_STEPS = 8


@dataclass(frozen=True)
class Scene:
    """A scene without noise.

    Parameters
    ----------
    top, mean : ndarray of shape (n_rows, n_columns), counts
        Greatest and mean light of each pixel during the 256 frames.
    when : ndarray of shape (n_rows, n_columns), int
        Frame with the greatest light where clouds drift and stars twinkle; -1 where it does not change.
    open : ndarray of shape (n_rows, n_columns), 0 to 1
        What gets through to the sky behind trees, roofs and captions.
    paint : ndarray of shape (n_rows, n_columns), counts
        Captions and borders burnt in; NaN where there are none.
    """

    top: np.ndarray
    mean: np.ndarray
    when: np.ndarray
    open: np.ndarray
    paint: np.ndarray


def draw_scene(
    world: World,
    camera: Camera,
    shape: tuple[int, int],
    origin: tuple[int, int],
    contents: dict[str, bool],
    rng: np.random.Generator,
) -> Scene:
    """Draw a scene; ``contents`` says which of clouds, moon, obstruction and overlay are in it.

    Parameters
    ----------
    world, camera : World and Camera
    shape : (n_rows, n_columns)
    origin : (y, x) of the first pixel in the frame
    contents : dict of name to bool
    rng : Generator
    """
    sky = sky_background(camera, shape, origin)
    if contents["moon"]:
        sky = sky + moonlight(camera, shape, rng)
    top = mean = sky
    when, clear = np.full(shape, -1), np.ones(shape)
    if contents["clouds"]:
        clouds, when = drifting_clouds(camera, shape, rng)
        contrast = rng.uniform(-0.4, 1.5)  # clouds are brighter than a sky over a town, darker than one without
        most, thick, least = clouds
        top, mean = sky * (1 + contrast * (most if contrast > 0 else least)), sky * (1 + contrast * thick)
        clear = 1 - thick
    stars = draw_stars(world, camera, shape, rng) * clear
    pattern = camera.pattern_counts * two_scales(shape, PATTERN_COARSE, rng)
    twinkle = 1 + camera.scintillation * camera.mean_maximum
    top, mean = top + stars * twinkle + pattern, mean + stars + pattern
    open_ = np.ones(shape)
    if contents["obstruction"]:
        open_, dark = silhouette(camera, shape, rng)
        top, mean = (open_ * light + (1 - open_) * dark for light in (top, mean))
    hot = hot_pixels(camera, shape, rng)
    paint = caption(shape, rng) if contents["overlay"] else np.full(shape, np.nan)
    return Scene(top + hot, mean + hot, when, open_ * np.isnan(paint), paint)


def sky_background(camera: Camera, shape: tuple[int, int], origin: tuple[int, int]) -> np.ndarray:
    """Sky that brightens towards the bottom and darkens towards the corners of the frame; counts, of the image's shape."""
    height, width = (max(side, full) for side, full in zip(shape, FRAME_SHAPE, strict=True))
    y = (np.arange(shape[0]) + origin[0])[:, None] / height
    x = (np.arange(shape[1]) + origin[1]) / width
    corner = ((y - 0.5) ** 2 + (x - 0.5) ** 2) / 0.5
    return camera.sky_counts * (1 + camera.gradient * y**2) * (1 - camera.vignetting * corner)


def moonlight(camera: Camera, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A disc far beyond saturation and its halo, somewhere in the image or a little outside; counts, of the image's shape."""
    y0, x0 = (rng.uniform(-0.2, 1.2) * side for side in shape)
    y, x = np.ogrid[: shape[0], : shape[1]]
    radius = np.hypot(y - y0, x - x0) / camera.moon_px
    halo = rng.uniform(40, 150) / (1 + (radius / rng.uniform(2, 6)) ** 2)
    return halo + 1000 * np.exp(-(np.clip(radius, 0, 10) ** 4))


def drifting_clouds(
    camera: Camera, shape: tuple[int, int], rng: np.random.Generator
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Clouds that drift: their (greatest, mean, least) thickness, 0 to 1, and the frame of the greatest; of the image's shape."""
    angle = rng.uniform(0, 2 * np.pi)
    steps = np.linspace(0, 1, CLOUD_STEPS) * camera.cloud_drift_px
    rows, columns = (np.round(steps * np.abs(part)).astype(int) for part in (np.sin(angle), np.cos(angle)))
    field = fractal((shape[0] + rows[-1], shape[1] + columns[-1]), rng)
    low = rng.uniform(0.2, 0.6)
    field = np.clip((field - low) / (1 - low), 0, 1)
    seen = np.stack([field[r : r + shape[0], c : c + shape[1]] for r, c in zip(rows, columns, strict=True)])
    when = (seen.argmax(axis=0) * N_FRAMES + rng.integers(N_FRAMES, size=shape)) // CLOUD_STEPS
    return (seen.max(axis=0), seen.mean(axis=0), seen.min(axis=0)), when


def fractal(shape: tuple[int, int], rng: np.random.Generator, scale_px: float = 80.0) -> np.ndarray:
    """Smooth noise of four scales, each half as strong as the one twice as wide; ndarray of the shape, from 0 to 1."""
    field = np.zeros(shape)
    for octave in range(4):
        cells = [max(2, int(np.ceil(side * 2**octave / scale_px))) + 1 for side in shape]
        grid = rng.standard_normal(cells)
        factors = [(side + 1) / (cell - 1) for side, cell in zip(shape, cells, strict=True)]
        fine = zoom(grid, factors, order=1)
        field += 0.5**octave * fine[: shape[0], : shape[1]]
    low, high = field.min(), field.max()
    return (field - low) / (high - low)


def draw_stars(world: World, camera: Camera, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Stars with power-law brightness, anywhere in the image; counts, of the image's shape."""
    image = np.zeros(shape)
    density = camera.stars_per_mpx * 1e-6 * (20 / FAINTEST_STAR) ** world.star_slope
    for _ in range(rng.poisson(density * image.size)):
        counts = min(FAINTEST_STAR * rng.random() ** (-1 / world.star_slope), BRIGHTEST_STAR)
        centre = rng.uniform(-0.5, np.array(shape) - 0.5)
        reach = 3 * camera.psf_px * (2.0 if counts > 50 else 1.0)
        y, x = (
            np.arange(max(0, int(c - reach)), min(side, int(c + reach) + 2))
            for c, side in zip(centre, shape, strict=True)
        )
        for width, share in ((1.0, 1 - camera.wing), (3.0, camera.wing / 9)):
            sigma = width * camera.psf_px
            spot = [np.exp(-(((axis - c) / sigma) ** 2) / 2) for axis, c in zip((y, x), centre, strict=True)]
            image[y[0] : y[-1] + 1, x[0] : x[-1] + 1] += share * counts * np.outer(*spot)
    return image


def hot_pixels(camera: Camera, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Pixels that always shine, a little smeared by the codec; counts, of the image's shape."""
    image = np.zeros(shape)
    n = rng.poisson(camera.hot_per_mpx * 1e-6 * image.size)
    if not n:
        return image
    image[rng.integers(shape[0], size=n), rng.integers(shape[1], size=n)] = np.exp(
        rng.uniform(np.log(8), np.log(150), n)
    )
    return smoothed(image, 0.08)


def silhouette(camera: Camera, shape: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Trees, a roof or a mast before the sky: what is open (0 to 1), and the light of the rest, counts; of the image's shape."""
    side = rng.choice(["bottom", "left", "right"], p=[0.6, 0.2, 0.2])
    height, width = shape if side == "bottom" else shape[::-1]
    up, x = np.arange(height)[::-1, None], np.arange(width)
    tall = min(height, TALLEST_PX)
    what = rng.choice(["trees", "roof", "mast"], p=[0.5, 0.35, 0.15])
    if what == "trees":
        line = tall * (rng.uniform(0.05, 0.6) + rng.uniform(0.1, 0.6) * (fractal((2, width), rng)[0] - 0.5))
        solid = (up < line + rng.uniform(2, 15) * (fractal((height, width), rng, 12.0) - 0.5)).astype(float)
    elif what == "roof":
        ridge, slopes = rng.uniform(0, width), rng.uniform(0.1, 1.2, 2)
        line = tall * rng.uniform(0.15, 0.7) - np.where(x < ridge, slopes[0] * (ridge - x), slopes[1] * (x - ridge))
        solid = (up < line).astype(float)
    else:
        foot, lean, thick = rng.uniform(0, width), rng.uniform(-0.1, 0.1), rng.uniform(0.8, 4)
        solid = ((np.abs(x - foot - lean * up) < thick) & (up < tall * rng.uniform(0.4, 1.2))).astype(float)
    solid = smoothed(solid, 0.2)
    dark = camera.sky_counts * rng.uniform(0.2, 0.9) * (0.7 + 0.6 * fractal((height, width), rng))
    if rng.random() < 0.2:  # lit by a lamp
        dark = dark * rng.uniform(1.5, 6)
    if side == "bottom":
        return 1 - solid, dark
    turn = 1 if side == "right" else -1
    return np.rot90(1 - solid, turn), np.rot90(dark, turn)
